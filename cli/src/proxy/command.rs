//! What the proxy can be told to do.

use core::fmt;
use core::str::FromStr;

use crate::vbuckets::Vbuckets;

/// What the proxy can be told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Replicate these vbuckets, besides those that are replicated already.
    Replicate(Vbuckets),
    /// Move these vbuckets to the consumer, one after the other.
    Takeover(Vbuckets),
    /// Stop replicating these vbuckets.
    Close(Vbuckets),
    /// Tell how it goes.
    Status,
    /// Close all streams, and end.
    Quit,
}

impl FromStr for Command {
    type Err = InvalidCommand;

    fn from_str(text: &str) -> Result<Self, InvalidCommand> {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let vbuckets = || {
            let vbuckets = rest.trim().parse::<Vbuckets>();
            vbuckets.map_err(InvalidCommand::Vbuckets)
        };
        match word {
            "replicate" => vbuckets().map(Self::Replicate),
            "takeover" => vbuckets().map(Self::Takeover),
            "close" => vbuckets().map(Self::Close),
            "status" if rest.is_empty() => Ok(Self::Status),
            "quit" if rest.is_empty() => Ok(Self::Quit),
            _ => Err(InvalidCommand::Unknown(text.to_owned())),
        }
    }
}

/// A line that is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCommand {
    /// There is no such command.
    #[error(
        "{0:?} is no command: expected replicate, takeover or close with vbuckets, status or quit"
    )]
    Unknown(String),
    /// It names no vbuckets.
    #[error("{0}")]
    Vbuckets(String),
}

/// What is done one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    Replicate(Vbuckets),
    Takeover(u16),
    Close(u16),
    Shut,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replicate(vbuckets) => write!(f, "replicate {vbuckets}"),
            Self::Takeover(vbucket) => write!(f, "takeover {vbucket}"),
            Self::Close(vbucket) => write!(f, "close {vbucket}"),
            Self::Shut => f.write_str("shut down"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let some = |text: &str| text.parse::<Vbuckets>().unwrap();
        for (text, command) in [
            ("replicate 0-63", Command::Replicate(some("0-63"))),
            (" takeover\t7 ", Command::Takeover(some("7"))),
            ("close 3, 5", Command::Close(some("3,5"))),
            ("status", Command::Status),
            ("quit", Command::Quit),
        ] {
            assert_eq!(text.parse(), Ok(command), "{text}");
        }
        for text in ["", "stop", "quit now", "Replicate 1"] {
            let error = text.parse::<Command>().unwrap_err();
            assert!(matches!(error, InvalidCommand::Unknown(_)), "{text}");
        }
        for text in ["replicate", "takeover x", "close 3-1"] {
            let error = text.parse::<Command>().unwrap_err();
            assert!(matches!(error, InvalidCommand::Vbuckets(_)), "{text}");
        }
    }
}
