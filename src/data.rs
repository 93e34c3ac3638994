//! Bytes that must not print themselves, and bytes that may.
//!
//! Logs are read by people who must not read documents. The server draws the line between *user
//! data* and *metadata*, and so do the types here: a message can be logged as it is.

use core::fmt;

/// A key, a value, an extended attribute, a user name or a password: prints as its length only.
///
/// ```
/// use mcbp::UserData;
///
/// let key = UserData::from("user::1001");
/// assert_eq!(format!("{key} {key:?}"), "<ud>10 bytes</ud> <ud>10 bytes</ud>");
/// assert_eq!(key.expose(), b"user::1001");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct UserData<'a>(&'a [u8]);

impl<'a> UserData<'a> {
    /// Marks these bytes as user data.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes themselves. Whoever calls this answers for where they end up.
    pub const fn expose(self) -> &'a [u8] {
        self.0
    }

    /// How many bytes there are.
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for UserData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<ud>{} bytes</ud>", self.0.len())
    }
}

impl fmt::Debug for UserData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A name, a setting, a piece of the server's own JSON: prints as text, escaped where it is none.
///
/// ```
/// use mcbp::Metadata;
///
/// assert_eq!(format!("{:?}", Metadata::from("eq_dcpq:indexer\n")), r#""eq_dcpq:indexer\n""#);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Metadata<'a>(pub &'a [u8]);

impl Metadata<'_> {
    /// How many bytes there are.
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Metadata<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for char in chunk.valid().chars() {
                if char.is_control() {
                    write!(f, "{}", char.escape_default())?;
                } else {
                    write!(f, "{char}")?;
                }
            }
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Metadata<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl<'a> From<&'a [u8]> for UserData<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for UserData<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<'a> From<&'a str> for UserData<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Metadata<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Metadata<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<'a> From<&'a str> for Metadata<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn bytes_in_bytes_out() {
        assert_eq!(UserData::from(b"key").expose(), b"key");
        assert_eq!(UserData::from(&b"key"[..]), UserData::from("key"));
        assert_eq!(Metadata::from(b"name").0, b"name");
        assert_eq!(Metadata::from(&b"name"[..]), Metadata::from("name"));
        assert_eq!(UserData::from("key").len(), 3);
        assert!(!UserData::from("key").is_empty());
        assert!(UserData::from("").is_empty());
    }

    #[test]
    fn metadata_is_shown_with_escapes() {
        let metadata = Metadata(b"a b\n\xff");
        assert_eq!(format!("{metadata}"), "a b\\n\\xff");
        assert_eq!(format!("{metadata:?}"), "\"a b\\n\\xff\"");
        assert_eq!(metadata.len(), 5);
        assert!(!metadata.is_empty());
        assert!(Metadata(b"").is_empty());
    }
}
