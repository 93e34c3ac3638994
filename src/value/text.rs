//! Numbers and strings as text.

use core::fmt::{self, Write};
use core::str::{self, FromStr};

/// A decimal number: digits only, not even a sign.
pub(super) fn decimal<T: FromStr>(text: &[u8]) -> Option<T> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

/// A hex number in either case: digits only, without `0x`.
#[cfg(feature = "json")]
pub(super) fn hex<T: TryFrom<u64>>(text: &[u8]) -> Option<T> {
    if !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let number = u64::from_str_radix(str::from_utf8(text).ok()?, 16).ok()?;
    number.try_into().ok()
}

/// Displays as JSON: in quotes, with escapes where JSON needs them.
#[derive(Debug)]
pub(super) struct JsonString<'a>(pub(super) &'a str);

impl fmt::Display for JsonString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for char in self.0.chars() {
            match char {
                '"' | '\\' => write!(f, "\\{char}")?,
                '\0'..=' ' if char != ' ' => write!(f, "\\u{:04x}", u32::from(char))?,
                _ => f.write_char(char)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(decimal(b"0010"), Some(10_u32));
        for text in [&b""[..], b"+1", b"-1", b"1.", b" 1", b"4294967296", b"\xff"] {
            assert_eq!(decimal::<u32>(text), None, "{text:?}");
        }
    }

    #[cfg(feature = "json")]
    #[test]
    fn hex_numbers() {
        assert_eq!(hex(b"00fF"), Some(0xff_u16));
        for text in [&b""[..], b"+1", b"0x1", b"g", b"10000"] {
            assert_eq!(hex::<u16>(text), None, "{text:?}");
        }
        assert_eq!(hex(b"ffffffffffffffff"), Some(u64::MAX));
        assert_eq!(hex::<u64>(b"10000000000000000"), None);
    }

    #[test]
    fn every_char_that_json_escapes() {
        let text: std::string::String = ('\0'..='\u{100}').chain(['\u{2028}', '🦀']).collect();
        let json = JsonString(&text).to_string();
        assert_eq!(
            serde_json::from_str::<std::string::String>(&json).ok(),
            Some(text)
        );
        assert_eq!(JsonString("a \"\\\n").to_string(), r#""a \"\\\u000a""#);
    }
}
