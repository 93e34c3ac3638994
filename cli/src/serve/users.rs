//! Who may connect: out of the environment or a file, never off a command line.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, io};

/// The variables that name a user and its password.
const VARIABLES: (&str, &str) = ("MCBP_USER", "MCBP_PASSWORD");

/// The users of a file, one `name:password` a line, and the one of the environment.
///
/// # Errors
///
/// If the file cannot be read, or a line has no colon; the line itself is not shown.
pub fn users(file: Option<&Path>) -> io::Result<BTreeMap<String, String>> {
    let mut users = BTreeMap::new();
    if let Some(file) = file {
        let text = fs::read_to_string(file)?;
        for (number, line) in (1..).zip(text.lines()) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, password)) = line.split_once(':') else {
                let what = format!("line {number}: expected name:password");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            };
            users.insert(name.to_owned(), password.to_owned());
        }
    }
    if let (Ok(name), Ok(password)) = (env::var(VARIABLES.0), env::var(VARIABLES.1)) {
        users.insert(name, password);
    }
    Ok(users)
}
