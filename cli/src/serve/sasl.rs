//! Users and their passwords, for all mechanisms that a data node offers.

use core::fmt;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use mcbp::UserData;
use mcbp::testing::{Authenticator, Exchange, PlainPasswords, Step};
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::config::SASLConfig;
use rsasl::mechanisms::scram::properties::ScramStoredPassword;
use rsasl::mechanisms::scram::tools::{derive_keys, hash_password};
use rsasl::prelude::{Mechname, SASLServer, Session, SessionError};
use rsasl::property::AuthId;
use rsasl::validate::{Validate, Validation, ValidationError};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// Users and their passwords: `SCRAM-SHA512`, `SCRAM-SHA256`, `SCRAM-SHA1` and `PLAIN`.
#[derive(Clone)]
pub struct Passwords {
    plain: PlainPasswords,
    scram: Arc<SASLConfig>,
}

impl Passwords {
    /// These users, by name.
    ///
    /// # Errors
    ///
    /// If the SASL library has no mechanism, which its features rule out.
    pub fn new(users: &BTreeMap<String, String>) -> Result<Self, rsasl::prelude::SASLError> {
        let mut plain = PlainPasswords::default();
        for (user, password) in users {
            plain = plain.with(user, password);
        }
        let secrets = users
            .iter()
            .map(|(user, password)| (user.clone(), Secrets::new(password)))
            .collect();
        let scram = SASLConfig::builder()
            .with_defaults()
            .with_callback(Users(secrets))?;
        Ok(Self { plain, scram })
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.plain, f)
    }
}

impl Authenticator for Passwords {
    fn mechanisms(&self) -> &str {
        "SCRAM-SHA512 SCRAM-SHA256 SCRAM-SHA1 PLAIN"
    }

    fn start(&self, mechanism: &str) -> Option<Box<dyn Exchange>> {
        // Without the second hyphen, unlike the rest of the world.
        let name = match mechanism {
            "SCRAM-SHA512" => "SCRAM-SHA-512",
            "SCRAM-SHA256" => "SCRAM-SHA-256",
            "SCRAM-SHA1" => "SCRAM-SHA-1",
            _ => return self.plain.start(mechanism),
        };
        let name = Mechname::parse(name.as_bytes()).ok()?;
        let server = SASLServer::<Name>::new(Arc::clone(&self.scram));
        let session = server.start_suggested(name).ok()?;
        Some(Box::new(Scram(session)))
    }
}

/// What a finished exchange tells: the user's name.
struct Name;

impl Validation for Name {
    type Value = String;
}

struct Scram(Session<Name>);

impl Exchange for Scram {
    fn step(&mut self, data: UserData<'_>) -> Step {
        let mut said = Cursor::new(Vec::new());
        match self.0.step(Some(data.expose()), &mut said) {
            Ok(state) if state.is_running() => Step::Challenge(said.into_inner()),
            // A wrong password finishes it as well, but nobody has come in then.
            Ok(_) => match self.0.validation() {
                Some(user) => Step::Authenticated {
                    user,
                    data: said.into_inner(),
                },
                None => Step::Refused,
            },
            Err(_) => Step::Refused,
        }
    }
}

/// A password, and what a server keeps of it by mechanism, as soon as somebody asks.
struct Secrets {
    password: String,
    sha1: OnceLock<Keys>,
    sha256: OnceLock<Keys>,
    sha512: OnceLock<Keys>,
}

struct Keys {
    stored: Vec<u8>,
    server: Vec<u8>,
}

/// Few, as nothing here is worth an attack.
const ITERATIONS: u32 = 4096;
const SALT: &[u8] = b"of a test server";

impl Secrets {
    fn new(password: &str) -> Self {
        Self {
            password: password.to_owned(),
            sha1: OnceLock::new(),
            sha256: OnceLock::new(),
            sha512: OnceLock::new(),
        }
    }

    fn keys(&self, mechanism: &str) -> Option<&Keys> {
        let password = self.password.as_bytes();
        Some(match mechanism {
            "SCRAM-SHA-1" => self.sha1.get_or_init(|| {
                let mut salted = Default::default();
                hash_password::<Sha1>(password, ITERATIONS, SALT, &mut salted);
                let (client, server) = derive_keys::<Sha1>(&salted);
                Keys::new(&Sha1::digest(client), &server)
            }),
            "SCRAM-SHA-256" => self.sha256.get_or_init(|| {
                let mut salted = Default::default();
                hash_password::<Sha256>(password, ITERATIONS, SALT, &mut salted);
                let (client, server) = derive_keys::<Sha256>(&salted);
                Keys::new(&Sha256::digest(client), &server)
            }),
            "SCRAM-SHA-512" => self.sha512.get_or_init(|| {
                let mut salted = Default::default();
                hash_password::<Sha512>(password, ITERATIONS, SALT, &mut salted);
                let (client, server) = derive_keys::<Sha512>(&salted);
                Keys::new(&Sha512::digest(client), &server)
            }),
            _ => return None,
        })
    }
}

impl Keys {
    fn new(stored: &[u8], server: &[u8]) -> Self {
        Self {
            stored: stored.to_vec(),
            server: server.to_vec(),
        }
    }
}

struct Users(BTreeMap<String, Secrets>);

impl SessionCallback for Users {
    fn callback(
        &self,
        session: &SessionData,
        context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        let user = context.get_ref::<AuthId>();
        let Some(secrets) = user.and_then(|user| self.0.get(user)) else {
            return Ok(());
        };
        let Some(keys) = secrets.keys(session.mechanism().mechanism.as_str()) else {
            return Ok(());
        };
        let stored = ScramStoredPassword::new(ITERATIONS, SALT, &keys.stored, &keys.server);
        request.satisfy::<ScramStoredPassword<'_>>(&stored)?;
        Ok(())
    }

    fn validate(
        &self,
        _: &SessionData,
        context: &Context<'_>,
        validate: &mut Validate<'_>,
    ) -> Result<(), ValidationError> {
        let user = context.get_ref::<AuthId>().unwrap_or_default();
        validate.with::<Name, _>(|| Ok(user.to_owned()))?;
        Ok(())
    }
}
