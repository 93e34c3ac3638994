//! Where a node is.

use core::fmt;
use core::str::FromStr;

/// The data service of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name or address; one of IPv6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the address asks for TLS.
    pub tls: bool,
}

impl Endpoint {
    /// The port of the data service.
    pub const PORT: u16 = 11210;
    /// That with TLS.
    pub const TLS_PORT: u16 = 11207;
}

/// `HOST:PORT`, `HOST`, `couchbase://HOST` and `couchbases://HOST`, the latter with TLS, either
/// with `:PORT`; an address of IPv6 in brackets.
impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let (tls, address) = match text.split_once("://") {
            None => (false, text),
            Some(("couchbase", address)) => (false, address),
            Some(("couchbases", address)) => (true, address),
            Some((scheme, _)) => return Err(InvalidEndpoint::Scheme(scheme.to_owned())),
        };
        let (host, port) = match address.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(None) => return Err(InvalidEndpoint::Host),
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, rest))) => {
                let port = rest.strip_prefix(':').ok_or(InvalidEndpoint::Host)?;
                (host, Some(port))
            }
            None => match address.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            },
        };
        if host.is_empty()
            || host.contains(|char: char| "/,?@".contains(char) || char.is_whitespace())
        {
            return Err(InvalidEndpoint::Host);
        }
        let port = match port {
            None if tls => Self::TLS_PORT,
            None => Self::PORT,
            Some(port) => match port.parse() {
                Ok(port) if port != 0 => port,
                _ => return Err(InvalidEndpoint::Port(port.to_owned())),
            },
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// What is wrong with the text of an [`Endpoint`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Another scheme.
    #[error("unknown scheme {0}://, expected couchbase:// or couchbases://")]
    Scheme(String),
    /// No host, several, or a path.
    #[error("expected the name or address of one node, as HOST:PORT")]
    Host,
    /// No port.
    #[error("{0:?} is no port")]
    Port(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, host, port, tls) in [
            ("db:1234", "db", 1234, false),
            ("db", "db", 11210, false),
            ("127.0.0.1:11210", "127.0.0.1", 11210, false),
            ("couchbase://db", "db", 11210, false),
            ("couchbases://db", "db", 11207, true),
            ("couchbases://[::1]:7", "::1", 7, true),
            ("[fe80::1]", "fe80::1", 11210, false),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(
                (endpoint.host.as_str(), endpoint.port, endpoint.tls),
                (host, port, tls),
                "{text}"
            );
        }
        let shown = |text: &str| text.parse::<Endpoint>().unwrap().to_string();
        assert_eq!(shown("couchbases://[::1]:7"), "[::1]:7");
        assert_eq!(shown("db"), "db:11210");
        for text in [
            "",
            ":1",
            "http://db",
            "a,b",
            "db/bucket",
            "user@db",
            "db:0",
            "db:x",
            "[::1",
            "[::1]1",
            "::1",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
