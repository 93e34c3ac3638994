//! V16: the key of a document on a connection with collections.

use super::{Violation, refuse};

/// The longest key behind the id of the default collection, in bytes.
const MAX_LEN_IN_DEFAULT_COLLECTION: usize = 250;
/// The longest key behind any other id, in bytes.
const MAX_LEN: usize = 246;
/// The most bytes that a u32 takes in LEB128.
const MAX_ID_LEN: usize = 5;

/// Checks the collection's id, an unsigned LEB128, and the key behind it.
pub(super) fn check(key: &[u8]) -> Result<(), Violation> {
    refuse(key.len() < 2, const { Violation::of("V16-short") })?;
    let is_last = |byte: &&u8| **byte < 0x80;
    let id_len = key
        .iter()
        .take(MAX_ID_LEN)
        .take_while(|byte| !is_last(byte))
        .count()
        .saturating_add(1);
    let (Some((id, logical)), true) = (key.split_at_checked(id_len), id_len <= MAX_ID_LEN) else {
        return Err(const { Violation::of("V16-stop") });
    };
    let is_canonical = id.len() == 1 || id.last() != Some(&0);
    refuse(!is_canonical, const { Violation::of("V16-canonical") })?;
    refuse(logical.is_empty(), const { Violation::of("V16-logical") })?;
    // Bits beyond the 32nd fall off, as they do in the server.
    let id = id
        .iter()
        .rev()
        .fold(0, |id: u32, byte| id << 7 | u32::from(byte & 0x7f));
    refuse(matches!(id, 1..=7), const { Violation::of("V16-reserved") })?;
    let max_len = if id == 0 {
        MAX_LEN_IN_DEFAULT_COLLECTION
    } else {
        MAX_LEN
    };
    refuse(logical.len() > max_len, const { Violation::of("V16-long") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_two_bytes_is_neither_reserved_nor_the_default() {
        for id in [1, 3, 7] {
            assert!(check(&[id, b'k']).is_err(), "{id}");
            assert!(check(&[0x80 | id, 0x01, b'k']).is_ok(), "{id} + 128");
        }
        let mut key = [b'k'; 2 + MAX_LEN + 1];
        key[..2].copy_from_slice(&[0x80, 0x01]);
        assert!(check(&key[..2 + MAX_LEN]).is_ok());
        assert!(check(&key).is_err());
    }
}
