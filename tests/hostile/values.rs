//! Values: what unfolds to more than it is, and what leads back to itself.

use mcbp::value::{Collection, CollectionSettings, ManifestChange, Scope, Value, Xattr, Xattrs};
use mcbp::{CollectionId, Datatype, Metadata, ScopeId, SystemEventId, UserData, ValueErrorKind};

use crate::memory::{tally, without_memory};

mod flatbuffers {
    use super::*;

    fn table() -> Vec<u8> {
        let change = ManifestChange::CreateCollection(Collection {
            manifest_uid: 0x0102,
            scope_id: ScopeId(8),
            collection_id: CollectionId(9),
            name: Metadata(b"fruit"),
            max_ttl: Some(77),
            settings: Some(CollectionSettings {
                history: true,
                default_collection_mvs: 3,
                metered: true,
                flush_uid: 5,
            }),
        });
        let mut table = Vec::new();
        change.encode(2, &mut table).expect("a table");
        table
    }

    fn read(table: &[u8]) -> bool {
        let (id, key) = (SystemEventId::CREATE_COLLECTION, Metadata(b"fruit"));
        without_memory(|| ManifestChange::read(id, 2, key, Metadata(table)).is_ok())
    }

    /// Offsets are all that could lead round in circles, so every place is one, and leads to every
    /// other, forwards and backwards.
    #[test]
    fn whatever_leads_wherever_reading_ends() {
        let table = table();
        assert!(read(&table));
        let len = table.len() as i64;
        let mut refused = 0;
        for at in 0..=table.len() - 4 {
            let ends = [i32::MIN.into(), i32::MAX.into(), u32::MAX.into()];
            for offset in (-len - 4..=len + 4).chain(ends) {
                let mut lying = table.clone();
                lying[at..at + 4].copy_from_slice(&(offset as u32).to_le_bytes());
                refused += usize::from(!read(&lying));
            }
        }
        assert!(refused > 1000, "{refused}");
    }

    #[test]
    fn tables_within_tables_are_passed_over() {
        // The bytes of a table in the place of its own string, and so on.
        let mut nested = table();
        for _ in 0..1000 {
            let change = ManifestChange::CreateScope(Scope {
                manifest_uid: 1,
                scope_id: ScopeId(8),
                name: Metadata(&nested),
            });
            let mut outer = Vec::new();
            change.encode(2, &mut outer).expect("a table");
            nested = outer;
        }
        let (id, value) = (SystemEventId::CREATE_SCOPE, Metadata(&nested));
        let change = without_memory(|| ManifestChange::read(id, 2, Metadata(b""), value).is_ok());
        assert!(change);
    }
}

/// A section of so many attributes.
fn xattrs(count: usize, key: impl Fn(usize) -> String, value: &str) -> Vec<u8> {
    let keys: Vec<_> = (0..count).map(key).collect();
    let pairs = keys.iter().map(|key| Xattr {
        key: UserData::from(key.as_str()),
        value: value.into(),
    });
    let mut section = Vec::new();
    Xattrs::encode(pairs, &mut section).expect("a section");
    section
}

#[test]
fn a_million_attributes_take_no_memory_to_read() {
    let section = xattrs(1_000_000, |n| char::from(b'a' + (n % 26) as u8).into(), "");
    without_memory(|| {
        let (xattrs, body) = Xattrs::split(UserData::new(&section)).expect("attributes");
        assert!(body.is_empty());
        assert_eq!(xattrs.iter().count(), 1_000_000);
        assert_eq!(xattrs.get(b"A"), None);
    });
}

/// What the server would refuse is refused before all of it is remembered, and what it would take
/// is remembered in step with its length.
#[test]
fn checking_attributes_takes_memory_in_step_with_them() {
    let check = |section: &[u8]| {
        let (xattrs, _) = Xattrs::split(UserData::new(section)).expect("attributes");
        let (taken, checked) = tally(|| xattrs.check().map_err(|error| error.kind));
        (taken.peak as usize, checked)
    };
    let same = xattrs(1_000_000, |_| "a".to_owned(), "1");
    let (peak, checked) = check(&same);
    assert_eq!(checked, Err(ValueErrorKind::DuplicateKey));
    assert!(peak < 1000, "{peak} bytes");
    let system = xattrs(1_000_000, |n| format!("_{n}"), "1");
    let (peak, checked) = check(&system);
    let limit = 1 << 20;
    assert_eq!(checked, Err(ValueErrorKind::TooLong { limit }));
    assert!(peak < 4 << 20, "{peak} bytes");
    let user = xattrs(100_000, |n| format!("u{n}"), "1");
    let (peak, checked) = check(&user);
    assert_eq!(checked, Ok(()));
    assert!(peak < 4 * user.len(), "{peak} bytes for {}", user.len());
}

#[test]
fn attributes_whose_lengths_lie_take_no_memory() {
    let section = xattrs(3, |n| format!("k{n}"), "{}");
    for at in 0..=section.len() - 4 {
        for len in [0, 1, 5, 1 << 16, i32::MAX as u32, u32::MAX - 3, u32::MAX] {
            let mut lying = section.clone();
            lying[at..at + 4].copy_from_slice(&len.to_be_bytes());
            without_memory(|| {
                if let Ok((xattrs, body)) = Xattrs::split(UserData::new(&lying)) {
                    assert!(xattrs.iter().count() <= 3 && body.len() < lying.len());
                }
            });
        }
    }
}

#[test]
fn layers_are_taken_off_one_at_a_time() {
    // Whatever the datatype says of what is within, one call goes one layer deep.
    for bits in 0..=u8::MAX {
        let datatype = Datatype::from_bits_retain(bits);
        let bytes = UserData::new(&[0xff; 100]);
        without_memory(|| match Value::of(datatype, bytes) {
            Value::Snappy(snappy) => assert_eq!(snappy.bytes(), bytes),
            Value::Plain(plain) => assert_eq!(plain.bytes(), bytes),
            Value::Underlying { .. } => panic!("the datatype is that of the value"),
        });
    }
}

#[cfg(feature = "snappy")]
mod snappy {
    use super::*;

    fn inflate(block: &[u8], limit: u32) -> (usize, Result<usize, ValueErrorKind>) {
        let Value::Snappy(snappy) = Value::of(Datatype::SNAPPY, UserData::new(block)) else {
            panic!("compressed");
        };
        let (taken, inflated) = tally(|| {
            let mut buffer = Vec::new();
            let plain = snappy.inflate(limit, &mut buffer);
            plain
                .map(|plain| plain.bytes().len())
                .map_err(|error| error.kind)
        });
        (taken.peak as usize, inflated)
    }

    /// The length as LEB128, and a block that is nothing but copies of one byte.
    fn bomb(announced: u32, copies: usize) -> Vec<u8> {
        let mut block = Vec::new();
        let mut left = announced;
        while left > 0x7f {
            block.push(left as u8 | 0x80);
            left >>= 7;
        }
        block.push(left as u8);
        // A literal of one byte; then copies of 64 bytes from one byte before.
        block.extend([0, b'!']);
        block.extend([0xfe, 1, 0].repeat(copies));
        block
    }

    #[test]
    fn what_is_announced_is_not_believed() {
        for announced in [u32::MAX, 1 << 31, 1 << 24, 10_000] {
            let block = bomb(announced, 10);
            let (peak, inflated) = inflate(&block, u32::MAX);
            assert_eq!(inflated, Err(ValueErrorKind::Corrupt));
            assert!(peak <= 22 * block.len(), "{peak} bytes");
            let (peak, inflated) = inflate(&block, 1000);
            assert_eq!(inflated, Err(ValueErrorKind::TooLong { limit: 1000 }));
            assert_eq!(peak, 0);
        }
    }

    #[test]
    fn a_bomb_goes_off_within_its_limit_only() {
        let copies = 100_000;
        let len = 1 + 64 * copies as u32;
        let block = bomb(len, copies);
        let (peak, inflated) = inflate(&block, len - 1);
        assert_eq!(inflated, Err(ValueErrorKind::TooLong { limit: len - 1 }));
        assert_eq!(peak, 0);
        let (peak, inflated) = inflate(&block, len);
        assert_eq!(inflated, Ok(len as usize));
        assert!(peak <= len as usize, "{peak} bytes");
        // One that announces less than it holds, or more.
        for announced in [len - 1, len + 1] {
            let (peak, inflated) = inflate(&bomb(announced, copies), len + 1);
            assert_eq!(inflated, Err(ValueErrorKind::Corrupt));
            assert!(peak <= announced as usize, "{peak} bytes");
        }
    }
}

#[cfg(feature = "json")]
mod json {
    use core::fmt::Write as _;

    use mcbp::value::{ErrorContext, ErrorMap, Manifest, OpenValue, StreamFilter};

    use super::*;

    /// What it takes to read this as all that is JSON, and whether any of it is that.
    fn read(json: &[u8]) -> (usize, bool) {
        let readers: [fn(&[u8]) -> bool; 5] = [
            |json| ErrorContext::from_json(json).is_ok(),
            |json| ErrorMap::from_json(json).is_ok(),
            |json| Manifest::from_json(json).is_ok(),
            |json| OpenValue::from_json(json).is_ok(),
            |json| StreamFilter::from_json(json).is_ok(),
        ];
        let tallies = readers.map(|read| tally(|| read(json)));
        let peak = tallies.iter().map(|(taken, _)| taken.peak as usize).max();
        (peak.unwrap_or(0), tallies.iter().any(|(_, is_ok)| *is_ok))
    }

    #[test]
    fn depth_does_not_overflow_the_stack() {
        const DEPTH: usize = 20_000;
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            for name in ["uid", "scopes", "error", "unknown", "collections", "errors"] {
                let (open, close) = (open.repeat(DEPTH), close.repeat(DEPTH));
                for json in [
                    format!("{{\"{name}\":{open}1{close}}}"),
                    format!("{{\"{name}\":{open}"),
                    format!("{open}1{close}"),
                ] {
                    let (peak, _) = read(json.as_bytes());
                    assert!(peak <= 4 * json.len(), "{peak} bytes");
                }
            }
        }
    }

    #[test]
    fn the_xattrs_value_may_be_deep_too() {
        let deep = "[".repeat(100_000);
        let section = xattrs(1, |_| "deep".to_owned(), &deep);
        let (xattrs, _) = Xattrs::split(UserData::new(&section)).expect("attributes");
        let (taken, checked) = tally(|| xattrs.check());
        assert_eq!(
            checked.map_err(|error| error.kind),
            Err(ValueErrorKind::NotJson)
        );
        assert!(taken.peak <= 4 * deep.len() as isize, "{}", taken.peak);
    }

    #[test]
    fn numbers_and_strings_may_be_long() {
        let digits = "9".repeat(100_000);
        for value in [
            digits.clone(),
            format!("-{digits}.{digits}e{digits}"),
            format!("\"{digits}\""),
            format!("\"{}\"", "\\u0041".repeat(20_000)),
            format!("\"{}\"", "\\ud800".repeat(20_000)),
        ] {
            for name in ["uid", "version", "consumer_name", "sid", "scope", "any"] {
                let json = format!("{{\"{name}\":{value}}}");
                let (peak, _) = read(json.as_bytes());
                assert!(peak <= 4 * json.len(), "{peak} bytes for {}", json.len());
            }
        }
    }

    #[test]
    fn a_manifest_as_large_as_a_packet_takes_memory_in_step() {
        let mut json = String::from("{\"uid\":\"1\",\"scopes\":[");
        for scope in 0..200 {
            let comma = if scope == 0 { "" } else { "," };
            write!(
                json,
                "{comma}{{\"uid\":\"{scope:x}\",\"name\":\"s\",\"collections\":["
            )
            .expect("a string");
            for collection in 0..100 {
                let comma = if collection == 0 { "" } else { "," };
                write!(json, "{comma}{{\"uid\":\"{collection:x}\",\"name\":\"c\"}}")
                    .expect("a string");
            }
            json.push_str("]}");
        }
        json.push_str("]}");
        let (peak, is_ok) = read(json.as_bytes());
        assert!(is_ok);
        // An object of 21 bytes is a collection of 40, and vectors grow by doubling.
        assert!(peak <= 8 * json.len(), "{peak} bytes for {}", json.len());
    }

    /// The smallest JSON for the largest of what it is read as.
    #[test]
    fn lists_of_nothing_take_memory_in_step() {
        for (open, item, close) in [
            ("{\"uid\":\"0\",\"scopes\":[", "{}", "]}"),
            ("{\"collections\":[", "\"8\"", "]}"),
            (
                "{\"version\":2,\"revision\":1,\"errors\":{",
                "\"1\":{}",
                "}}",
            ),
            (
                "{\"uid\":\"0\",\"scopes\":[",
                "{\"uid\":\"0\",\"name\":\"\"}",
                "]}",
            ),
            (
                "{\"version\":2,\"revision\":1,\"errors\":{\"1\":{\"attrs\":[",
                "\"\"",
                "]}}}",
            ),
        ] {
            let items = vec![item; 50_000].join(",");
            let json = format!("{open}{items}{close}");
            let (peak, _) = read(json.as_bytes());
            assert!(peak <= 16 * json.len(), "{peak} bytes for {}", json.len());
        }
    }
}

#[test]
fn what_statistics_say_is_read_without_memory() {
    use mcbp::kv::KvResponse;
    let mut stat = crate::common::Frame::new(0x81, mcbp::Opcode::STAT.0);
    stat.datatype = 0;
    stat.key = vec![b'k'; 65_535];
    stat.value = vec![b'v'; 20 << 20];
    let bytes = stat.bytes();
    without_memory(|| {
        let read = KvResponse::read(crate::common::packet(&bytes)).expect("a statistic");
        assert!(matches!(read, KvResponse::Stat(_)));
        assert_eq!(read.encoded_len(), bytes.len());
    });
}
