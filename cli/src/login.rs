//! Authentication: the client's half of SASL, without I/O.
//!
//! | mechanism      | what goes over the wire                    | when it is used                      |
//! |----------------|--------------------------------------------|--------------------------------------|
//! | `SCRAM-SHA512`, `SCRAM-SHA256`, `SCRAM-SHA1` | proofs of knowing the password, by either end | the first that the server offers |
//! | `PLAIN`        | the password                               | where it is asked for; over TLS also where there is nothing else |
//!
//! The server spells the mechanisms without the second hyphen that their registered names have.

use core::{fmt, mem};
use std::sync::Arc;

use mcbp::kv::{Mechanisms, Plain};
use mcbp::{EncodeError, UserData};
use rsasl::config::SASLConfig;
use rsasl::mechname::Mechname;
use rsasl::prelude::{SASLClient, SASLError, Session, SessionError};

/// Who authenticates.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// Their password.
    pub password: Password,
    /// Send the password itself, whatever the server offers.
    pub plain: bool,
}

/// A password; prints nothing of itself.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Keeps a password from printing itself.
    pub const fn new(password: String) -> Self {
        Self(password)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// How to authenticate; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// SCRAM with SHA-512.
    ScramSha512,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-1.
    ScramSha1,
    /// The password itself.
    Plain,
}

impl Mechanism {
    const SCRAM: [Self; 3] = [Self::ScramSha512, Self::ScramSha256, Self::ScramSha1];

    /// The strongest of those that the server offers.
    ///
    /// # Errors
    ///
    /// [`LoginError::NoMechanism`] if there is none, or only `PLAIN` where the network could listen.
    pub fn choose(offered: Mechanisms<'_>, encrypted: bool) -> Result<Self, LoginError> {
        let is_offered =
            |mechanism: &Self| offered.iter().any(|it| it.0 == mechanism.name().as_bytes());
        let scram = Self::SCRAM.into_iter().find(is_offered);
        let plain = Some(Self::Plain).filter(|plain| encrypted && is_offered(plain));
        scram.or(plain).ok_or_else(|| LoginError::NoMechanism {
            offered: offered.0.to_string(),
        })
    }

    /// What the server calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScramSha512 => "SCRAM-SHA512",
            Self::ScramSha256 => "SCRAM-SHA256",
            Self::ScramSha1 => "SCRAM-SHA1",
            Self::Plain => "PLAIN",
        }
    }

    /// What the rest of the world calls it.
    const fn registered_name(self) -> &'static str {
        match self {
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
        }
    }
}

/// A client that authenticates.
pub struct Login(State);

enum State {
    /// `PLAIN`: all is said at once.
    Said,
    /// SCRAM: the server has to prove something, too.
    Proving(Box<Session>),
    /// SCRAM: it has.
    Proved,
    /// Nothing more can come of it.
    Failed,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

impl Login {
    /// Starts, and says what goes with `SASL_AUTH`.
    ///
    /// # Errors
    ///
    /// Credentials that the mechanism cannot say.
    pub fn start(
        mechanism: Mechanism,
        credentials: &Credentials,
    ) -> Result<(Self, Vec<u8>), LoginError> {
        let Credentials {
            user,
            password: Password(password),
            ..
        } = credentials;
        let mut first = Vec::new();
        if mechanism == Mechanism::Plain {
            let [nobody, user, password] = ["", user, password].map(UserData::from);
            Plain::new(nobody, user, password)
                .ok_or(LoginError::Nul)?
                .encode(&mut first)?;
            return Ok((Self(State::Said), first));
        }
        let config: Arc<SASLConfig> =
            SASLConfig::with_credentials(None, user.clone(), password.clone())?;
        let name = Mechname::parse(mechanism.registered_name().as_bytes())
            .map_err(|_| SASLError::NoSharedMechanism)?;
        let mut session = SASLClient::new(config).start_suggested(&[name])?;
        session.step(None, &mut first)?;
        Ok((Self(State::Proving(Box::new(session))), first))
    }

    /// Answers a challenge: says what goes with `SASL_STEP`.
    ///
    /// # Errors
    ///
    /// A challenge that is none.
    pub fn step(&mut self, challenge: UserData<'_>) -> Result<Vec<u8>, LoginError> {
        // A session that has failed or finished must not be asked again.
        let State::Proving(mut session) = mem::replace(&mut self.0, State::Failed) else {
            return Err(LoginError::Unasked);
        };
        let mut answer = Vec::new();
        let state = session.step(Some(challenge.expose()), &mut answer)?;
        self.0 = if state.is_finished() {
            State::Proved
        } else {
            State::Proving(session)
        };
        Ok(answer)
    }

    /// Checks what came with the server's success.
    ///
    /// # Errors
    ///
    /// The server does not prove that it knows the password too: it is not the one that it says.
    pub fn finish(mut self, proof: UserData<'_>) -> Result<(), LoginError> {
        match self.0 {
            State::Said | State::Proved => return Ok(()),
            State::Proving(_) => self.step(proof)?,
            State::Failed => return Err(LoginError::Unasked),
        };
        match self.0 {
            State::Proved => Ok(()),
            _ => Err(LoginError::Unasked),
        }
    }
}

/// Why a client cannot authenticate, apart from the server's refusal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The server offers nothing that may be used.
    #[error("the server offers only {offered:?} to authenticate by")]
    NoMechanism {
        /// What it offers.
        offered: String,
    },
    /// A NUL separates user and password.
    #[error("a NUL in the name of the user or in the password")]
    Nul,
    /// The credentials are too long for a packet.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// SCRAM did not start.
    #[error("{0}")]
    Start(#[from] SASLError),
    /// SCRAM did not go on: a challenge that is none, or a server that does not know the password.
    #[error("the server does not prove that it knows the password: {0}")]
    Scram(#[from] SessionError),
    /// The server says more than there is to say, or less.
    #[error("the server leaves the protocol of the mechanism")]
    Unasked,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            user: "us,er".into(),
            password: Password::new("secret".into()),
            plain: false,
        }
    }

    fn offered(mechanisms: &'static str) -> Mechanisms<'static> {
        Mechanisms(mechanisms.into())
    }

    #[test]
    fn the_strongest_is_chosen_and_plain_only_over_tls() {
        let all = offered("SCRAM-SHA512 SCRAM-SHA256 SCRAM-SHA1 PLAIN");
        assert_eq!(
            Mechanism::choose(all, true).unwrap(),
            Mechanism::ScramSha512
        );
        let old = offered("PLAIN SCRAM-SHA1");
        assert_eq!(Mechanism::choose(old, false).unwrap(), Mechanism::ScramSha1);
        let plain = offered("PLAIN OAUTHBEARER");
        assert_eq!(Mechanism::choose(plain, true).unwrap(), Mechanism::Plain);
        let error = Mechanism::choose(plain, false).unwrap_err();
        let text = r#"the server offers only "PLAIN OAUTHBEARER" to authenticate by"#;
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn plain_says_all_at_once() {
        let (login, first) = Login::start(Mechanism::Plain, &credentials()).unwrap();
        assert_eq!(first, b"\0us,er\0secret");
        login.finish(UserData::default()).unwrap();
        let broken = Credentials {
            user: "a\0b".into(),
            ..credentials()
        };
        assert!(matches!(
            Login::start(Mechanism::Plain, &broken),
            Err(LoginError::Nul)
        ));
    }

    /// What servers take: no channel binding, not even the claim that there could be one.
    #[test]
    fn scram_begins_without_channel_binding() {
        for mechanism in Mechanism::SCRAM {
            let (mut login, first) = Login::start(mechanism, &credentials()).unwrap();
            let first = String::from_utf8(first).unwrap();
            let nonce = first.strip_prefix("n,,n=us=2Cer,r=").expect(&first);
            let challenge = format!("r={nonce}more,s=c2FsdA==,i=4096");
            let answer = login.step(challenge.as_bytes().into()).unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert!(
                answer.starts_with(&format!("c=biws,r={nonce}more,p=")),
                "{answer}"
            );
            assert!(login.finish("v=AAAA".into()).is_err());
        }
    }

    #[test]
    fn a_server_has_to_prove_itself_and_cannot_make_us_panic() {
        for proof in ["", "v=AAAA", "e=other-error", "r=x,s=c2FsdA==,i=1"] {
            let (mut login, _) = Login::start(Mechanism::ScramSha1, &credentials()).unwrap();
            let stranger = login.step("r=stranger,s=c2FsdA==,i=4096".into());
            assert!(stranger.is_err());
            assert!(login.step(proof.into()).is_err(), "{proof:?}");
            assert!(login.finish(proof.into()).is_err(), "{proof:?}");
            let (login, _) = Login::start(Mechanism::ScramSha1, &credentials()).unwrap();
            assert!(login.finish(proof.into()).is_err(), "{proof:?} at once");
        }
    }

    #[test]
    fn a_password_does_not_print_itself() {
        assert!(!format!("{:?}", credentials()).contains("secret"));
    }
}
