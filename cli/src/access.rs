//! What it takes to be let in: the part of the command line that all commands for nodes share.

use std::io;
use std::path::PathBuf;

use clap::Args;

use crate::connect::{Endpoint, Tls, TlsError};
use crate::login::{Credentials, Password};

/// Who asks a node, how they prove it, and how the node does.
#[derive(Debug, Args)]
pub struct Access {
    /// The user; to read changes they need the role Data DCP Reader on the bucket.
    #[arg(long, short)]
    user: String,

    /// The bucket.
    #[arg(long, short)]
    pub bucket: String,

    /// Read the password from the first line of this file.
    ///
    /// Without it, the password is that of the environment variable MCBP_PASSWORD, and without that
    /// one it is asked for.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Send the password itself, even without TLS; some users, such as those of LDAP, need that.
    #[arg(long)]
    plain: bool,

    /// Use TLS.
    #[arg(long)]
    tls: bool,

    /// Believe the certificate authorities in this PEM file, and not those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Access {
    /// How to make sure that this is the node; `None` for no encryption.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or nobody to believe.
    pub fn tls(&self, node: &Endpoint) -> Result<Option<Tls>, AccessError> {
        let is_encrypted = self.tls || node.tls || self.ca.is_some();
        let tls = is_encrypted.then(|| Tls::new(self.ca.as_deref()));
        Ok(tls.transpose()?)
    }

    /// Who asks. May ask for the password, from where no other user of the machine sees it.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or no password.
    pub fn credentials(&self) -> Result<Credentials, AccessError> {
        Ok(Credentials {
            password: Password::new(self.password()?),
            user: self.user.clone(),
            plain: self.plain,
        })
    }

    fn password(&self) -> Result<String, AccessError> {
        const VARIABLE: &str = "MCBP_PASSWORD";
        if let Some(path) = &self.password_file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| AccessError::PasswordFile(path.clone(), error))?;
            return Ok(text.lines().next().unwrap_or_default().to_owned());
        }
        if let Ok(password) = std::env::var(VARIABLE) {
            return Ok(password);
        }
        let prompt = format!("Password of {}: ", self.user);
        rpassword::prompt_password(prompt).map_err(AccessError::NoPassword)
    }
}

/// Arguments that name what is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The file with the password.
    #[error("{}: {_1}", _0.display())]
    PasswordFile(PathBuf, io::Error),
    /// Nobody to ask for the password.
    #[error("no password: {0}; set MCBP_PASSWORD, or use --password-file")]
    NoPassword(io::Error),
    /// The authorities.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
