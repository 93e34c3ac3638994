//! Authentication, as far as it needs no cryptography.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::UserData;
use crate::kv::Plain;

/// Who may connect, and how they prove it.
///
/// This crate has no cryptography: [`PlainPasswords`] knows `PLAIN` only. For SCRAM, implement
/// this over a SASL library of your choice.
pub trait Authenticator: Send + Sync {
    /// The mechanisms on offer, as `SASL_LIST_MECHS` answers: names with spaces between them.
    fn mechanisms(&self) -> &str;

    /// Begins an exchange; `None` if there is no such mechanism.
    fn start(&self, mechanism: &str) -> Option<Box<dyn Exchange>>;
}

/// One client's exchange.
pub trait Exchange: Send + Sync {
    /// Takes what the client says, in `SASL_AUTH` first and in `SASL_STEP` then.
    fn step(&mut self, data: UserData<'_>) -> Step;
}

/// What a server says next.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// A challenge.
    Challenge(Vec<u8>),
    /// The client is who it says it is.
    Authenticated {
        /// The user.
        user: String,
        /// What the server says last; empty if the mechanism has nothing to say.
        data: Vec<u8>,
    },
    /// It is not.
    Refused,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Challenge(_) => "Challenge",
            Self::Authenticated { .. } => "Authenticated",
            Self::Refused => "Refused",
        })
    }
}

/// Users and their passwords, for the mechanism `PLAIN`.
///
/// Without any user, everyone may connect.
#[derive(Clone, Default)]
pub struct PlainPasswords(BTreeMap<String, String>);

impl PlainPasswords {
    /// The mechanism.
    pub const MECHANISM: &str = "PLAIN";

    /// Adds a user.
    #[must_use]
    pub fn with(mut self, user: &str, password: &str) -> Self {
        self.0.insert(user.into(), password.into());
        self
    }
}

impl fmt::Debug for PlainPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainPasswords of {} users", self.0.len())
    }
}

impl Authenticator for PlainPasswords {
    fn mechanisms(&self) -> &str {
        Self::MECHANISM
    }

    fn start(&self, mechanism: &str) -> Option<Box<dyn Exchange>> {
        (mechanism == Self::MECHANISM).then(|| Box::new(self.clone()) as Box<dyn Exchange>)
    }
}

impl Exchange for PlainPasswords {
    fn step(&mut self, data: UserData<'_>) -> Step {
        let Some(plain) = Plain::read(data) else {
            return Step::Refused;
        };
        let Ok(user) = core::str::from_utf8(plain.user().expose()) else {
            return Step::Refused;
        };
        let password = self.0.get(user).map(String::as_bytes);
        if !self.0.is_empty() && password != Some(plain.password().expose()) {
            return Step::Refused;
        }
        Step::Authenticated {
            user: user.into(),
            data: Vec::new(),
        }
    }
}
