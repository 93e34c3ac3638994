//! Keys and documents, through the public API.

use core::fmt::Debug;

use hex_literal::hex;
use mcbp::value::{Collections, Document, Value, Xattr, Xattrs};
use mcbp::{CollectionId, Datatype, DocKey, UserData, ValueErrorKind};
use proptest::collection::vec;
use proptest::prelude::*;

fn kind<T: Debug>(read: Result<T, mcbp::ValueError>) -> (u32, ValueErrorKind) {
    let error = read.expect_err("an error");
    (error.offset, error.kind)
}

mod keys {
    use super::*;

    fn key(bytes: &[u8]) -> Result<DocKey<'_>, mcbp::ValueError> {
        DocKey::new(bytes.into(), Collections::Negotiated)
    }

    /// The table of reference 7, but for id 1: that is reserved.
    #[test]
    fn known_answers() {
        let table: [(u32, &[u8]); 12] = [
            (0x00, &hex!("00")),
            (0x7f, &hex!("7f")),
            (0x80, &hex!("8001")),
            (0x555, &hex!("d50a")),
            (0x7fff, &hex!("ffff01")),
            (0xbfff, &hex!("ffff02")),
            (0xffff, &hex!("ffff03")),
            (0x8000, &hex!("808002")),
            (0x5555, &hex!("d5aa01")),
            (0x0caf_ef00, &hex!("80debf65")),
            (0xcafe_f00d, &hex!("8de0fbd70c")),
            (0xffff_ffff, &hex!("ffffffff0f")),
        ];
        for (id, prefix) in table {
            let id = CollectionId(id);
            let mut written = Vec::new();
            id.encode(&mut written).expect("not reserved");
            assert_eq!(written, prefix);
            assert_eq!(id.encoded_len(), prefix.len());
            let mut room = [0xa5; 5];
            let room = &mut room[..prefix.len()];
            id.encode(&mut &mut *room).expect("room");
            assert_eq!(room, prefix);

            let raw = [prefix, b"k"].concat();
            let key = key(&raw).expect("a legal key");
            assert_eq!(key.collection(), id);
            assert_eq!(key.name().expose(), b"k");
            assert_eq!(key.raw().expose(), raw);
            for len in 0..prefix.len() {
                let found = kind(self::key(&raw[..len]));
                assert_eq!(found, (0, ValueErrorKind::NoStopByte), "{id} cut at {len}");
            }
            let nameless = kind(self::key(prefix));
            let end = u32::try_from(prefix.len()).expect("short");
            assert_eq!(nameless, (end, ValueErrorKind::Missing), "{id}");
        }
    }

    #[test]
    fn what_the_server_refuses() {
        for id in 1..=7 {
            let reserved = ValueErrorKind::ReservedCollection(CollectionId(id.into()));
            assert_eq!(kind(key(&[id, b'k'])), (0, reserved));
            let mut written = Vec::new();
            assert_eq!(
                kind(CollectionId(id.into()).encode(&mut written)).1,
                reserved
            );
            assert!(written.is_empty());
        }
        assert!(key(b"\x08k").is_ok());
        assert_eq!(kind(key(b"\x80\0k")), (0, ValueErrorKind::NotCanonical));
        assert_eq!(
            kind(key(b"\xff\xff\xff\xff\x1fk")),
            (0, ValueErrorKind::TooLarge)
        );
        assert_eq!(
            kind(key(b"\xff\xff\xff\xff\xffk")),
            (0, ValueErrorKind::NoStopByte)
        );
    }

    #[test]
    fn lengths() {
        let of = |prefix: &[u8], len: usize| [prefix, &vec![b'k'; len]].concat();
        let too_long = |limit| ValueErrorKind::TooLong { limit };
        assert!(key(&of(b"\0", 250)).is_ok());
        assert_eq!(kind(key(&of(b"\0", 251))), (1, too_long(250)));
        assert!(key(&of(b"\x08", 246)).is_ok());
        assert_eq!(kind(key(&of(b"\x08", 247))), (1, too_long(246)));
        assert!(key(&of(b"\xff\xff\xff\xff\x0f", 246)).is_ok());
        assert_eq!(
            kind(key(&of(b"\xff\xff\xff\xff\x0f", 247))),
            (5, too_long(246))
        );

        let bare = |len| {
            DocKey::new(
                UserData::new(&[b'k'; 300][..len]),
                Collections::NotNegotiated,
            )
        };
        assert!(bare(1).is_ok() && bare(250).is_ok());
        assert_eq!(kind(bare(0)), (0, ValueErrorKind::Missing));
        assert_eq!(kind(bare(251)), (0, too_long(250)));
    }

    /// The server does not look at the keys of commits and aborts.
    #[test]
    fn unchecked_keys_can_be_read() {
        let split = |key: &'static [u8]| DocKey::split(key.into(), Collections::Negotiated);
        assert_eq!(
            split(b"\x85\0k").map(DocKey::collection),
            Ok(CollectionId(5))
        );
        assert_eq!(split(b"\0").map(|key| key.name().len()), Ok(0));
        assert_eq!(kind(split(b"")), (0, ValueErrorKind::NoStopByte));
        let long = [7; 300];
        let bare = DocKey::split(UserData::new(&long), Collections::NotNegotiated);
        assert_eq!(bare.map(|key| key.name().len()), Ok(300));
    }

    #[test]
    fn all_of_a_key_is_written_or_nothing() {
        let encode = |collections, id, name: &[u8], room: usize| {
            let mut buffer = [0xa5; 300];
            let mut dst = &mut buffer[..room];
            let written = DocKey::encode(collections, CollectionId(id), name.into(), &mut dst);
            let left = dst.len();
            if written.is_err() {
                assert_eq!(left, room, "something was written");
                assert_eq!(buffer, [0xa5; 300], "something was written");
            }
            written.map(|()| buffer[..room - left].to_vec())
        };
        use Collections::{Negotiated, NotNegotiated};
        assert_eq!(
            encode(Negotiated, 0x1234, b"k", 3),
            Ok(hex!("b4 24 6b").to_vec())
        );
        assert_eq!(encode(NotNegotiated, 0, b"k", 1), Ok(b"k".to_vec()));
        assert_eq!(
            kind(encode(Negotiated, 0x1234, b"k", 2)).1,
            ValueErrorKind::NoRoom
        );
        assert_eq!(
            kind(encode(NotNegotiated, 8, b"k", 9)).1,
            ValueErrorKind::IllegalValue
        );
        assert_eq!(
            kind(encode(Negotiated, 8, b"", 9)),
            (1, ValueErrorKind::Missing)
        );
        assert_eq!(
            kind(encode(Negotiated, 3, b"k", 9)).1,
            ValueErrorKind::ReservedCollection(CollectionId(3))
        );
        let limit = ValueErrorKind::TooLong { limit: 246 };
        assert_eq!(kind(encode(Negotiated, 8, &[7; 247], 300)).1, limit);
    }

    #[test]
    fn ids_are_displayed_as_in_json() {
        assert_eq!(CollectionId(0x1234).to_string(), "1234");
        assert_eq!(mcbp::ScopeId(0xfe).to_string(), "fe");
        assert_eq!(format!("{:?}", mcbp::ScopeId(0xfe)), "ScopeId(0xfe)");
        assert_eq!(format!("{:?}", CollectionId(10)), "CollectionId(0xa)");
    }

    proptest! {
        #[test]
        fn written_keys_are_read(id in prop_oneof![Just(0), 8..=u32::MAX], name in vec(any::<u8>(), 1..=246)) {
            let (id, name) = (CollectionId(id), UserData::new(&name));
            let mut bytes = vec![0xa5];
            DocKey::encode(Collections::Negotiated, id, name, &mut bytes).expect("legal");
            let key = key(&bytes[1..]).expect("legal");
            prop_assert_eq!((key.collection(), key.name()), (id, name));
        }

        #[test]
        fn a_key_that_is_read_is_written_the_same(bytes in vec(any::<u8>(), 0..300)) {
            let bytes = &bytes[..];
            for collections in [Collections::Negotiated, Collections::NotNegotiated] {
                if let Ok(key) = DocKey::new(bytes.into(), collections) {
                    prop_assert!(key.raw().expose().ends_with(key.name().expose()));
                    let mut written = Vec::new();
                    DocKey::encode(collections, key.collection(), key.name(), &mut written)
                        .expect("as read");
                    prop_assert_eq!(written, bytes);
                }
            }
        }
    }
}

mod xattrs {
    use super::*;

    /// A document that the server's documentation shows.
    const DOCUMENTED: [u8; 118] = hex!(
        "00000072000000215f73796e63007b22636173223a2264656164626565666361666566656564227d"
        "00000000496d657461007b22617574686f72223a2254726f6e64204e6f72627965222c22636f6e74"
        "656e742d74797065223a226170706c69636174696f6e2f6f637465742d73747265616d227d00"
    );

    fn pairs() -> [Xattr<'static>; 2] {
        [
            Xattr {
                key: "_sync".into(),
                value: r#"{"cas":"deadbeefcafefeed"}"#.into(),
            },
            Xattr {
                key: "meta".into(),
                value: r#"{"author":"Trond Norbye","content-type":"application/octet-stream"}"#
                    .into(),
            },
        ]
    }

    fn section(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        let pairs = pairs.iter().map(|&(key, value)| Xattr {
            key: UserData::new(key),
            value: UserData::new(value),
        });
        let mut written = Vec::new();
        Xattrs::encode(pairs, &mut written).expect("legal");
        written
    }

    fn check(pairs: &[(&[u8], &[u8])]) -> Result<(), mcbp::ValueError> {
        let section = section(pairs);
        let (xattrs, body) = Xattrs::split(UserData::new(&section)).expect("whole pairs");
        assert!(body.is_empty());
        xattrs.check()
    }

    #[test]
    fn documented() {
        let (xattrs, body) = Xattrs::split(UserData::new(&DOCUMENTED)).expect("legal");
        assert!(xattrs.iter().eq(pairs()));
        assert_eq!(
            xattrs
                .iter()
                .map(|xattr| xattr.is_system())
                .collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!(xattrs.get(b"meta"), Some(pairs()[1].value));
        assert_eq!(xattrs.get(b"met"), None);
        assert!(body.is_empty());
        assert_eq!(xattrs.check(), Ok(()));

        let mut written = Vec::new();
        Xattrs::encode(pairs(), &mut written).expect("legal");
        assert_eq!(written, DOCUMENTED);
    }

    #[test]
    fn cut_off() {
        for len in 0..DOCUMENTED.len() {
            let offset = if len < 4 { 0 } else { 4 };
            let found = kind(Xattrs::split(UserData::new(&DOCUMENTED[..len])));
            assert_eq!(found, (offset, ValueErrorKind::Truncated), "{len}");
        }
        // The section ends within a pair: the rest of the value is none of its business.
        for len in 0..0x72_u8 {
            let mut value = DOCUMENTED;
            value[3] = len;
            let split = Xattrs::split(UserData::new(&value));
            match len {
                0 | 0x25 => {
                    let (xattrs, body) = split.expect("whole pairs");
                    assert_eq!(xattrs.is_empty(), len == 0);
                    assert_eq!(body.len(), 114 - usize::from(len));
                }
                _ => {
                    let pair_at = if len < 0x25 { 4 } else { 4 + 0x25 };
                    assert_eq!(kind(split), (pair_at, ValueErrorKind::Truncated), "{len}");
                }
            }
        }
    }

    #[test]
    fn lying_lengths() {
        let split = |pair_len: u8, rest: &[u8]| {
            let len = u8::try_from(rest.len()).expect("short") + 4;
            let value = [&[0, 0, 0, len, 0, 0, 0, pair_len], rest].concat();
            Xattrs::split(UserData::new(&value)).map(|(xattrs, _)| xattrs.iter().count())
        };
        assert_eq!(split(4, b"k\0v\0"), Ok(1));
        assert_eq!(split(3, b"k\0\0"), Ok(1));
        assert_eq!(kind(split(5, b"k\0v\0")), (4, ValueErrorKind::Truncated));
        assert_eq!(kind(split(3, b"k\0v\0")), (8, ValueErrorKind::Terminator));
        assert_eq!(kind(split(5, b"k\0v\0\0")), (8, ValueErrorKind::Terminator));
        assert_eq!(kind(split(3, b"kv\0")), (8, ValueErrorKind::Terminator));
        assert_eq!(kind(split(3, b"k\0v")), (8, ValueErrorKind::Terminator));
        assert_eq!(kind(split(0, b"")), (8, ValueErrorKind::Terminator));
        assert_eq!(kind(split(2, b"\0\0")), (8, ValueErrorKind::Missing));
        let huge = b"\xff\xff\xff\xff\0\0\0\x04k\0v\0";
        assert_eq!(
            kind(Xattrs::split(huge.into())),
            (4, ValueErrorKind::Truncated)
        );
        let huge = b"\0\0\0\x08\xff\xff\xff\xffk\0v\0";
        assert_eq!(
            kind(Xattrs::split(huge.into())),
            (4, ValueErrorKind::Truncated)
        );
    }

    #[test]
    fn keys_that_the_server_takes() {
        let long = ValueErrorKind::TooLong { limit: 15 };
        for (key, expected) in [
            (&b"k"[..], Ok(())),
            (b"_k", Ok(())),
            (b"$k", Ok(())),
            (b" k", Ok(())),
            (b"\xc3\xa4", Ok(())),
            (b"123456789012345", Ok(())),
            (b"123456789012345.and.more", Ok(())),
            (b"123456789012345[0]", Ok(())),
            (b"1234567890123456", Err(long)),
            (b"_", Err(ValueErrorKind::IllegalName)),
            (b"$", Err(ValueErrorKind::IllegalName)),
            (b"_.k", Err(ValueErrorKind::IllegalName)),
            (b"!k", Err(ValueErrorKind::IllegalName)),
            (b"\tk", Err(ValueErrorKind::IllegalName)),
            (b"\x7fk", Err(ValueErrorKind::IllegalName)),
            (b".k", Err(ValueErrorKind::Missing)),
            (b"[0]", Err(ValueErrorKind::Missing)),
            (b"\xc3k", Err(ValueErrorKind::NotUtf8)),
        ] {
            let found = check(&[(key, b"1")]).map_err(|error| {
                assert_eq!(error.offset, 8);
                error.kind
            });
            assert_eq!(found, expected, "{}", key.escape_ascii());
        }
    }

    #[test]
    fn keys_are_unique() {
        let found = kind(check(&[(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]));
        assert_eq!(found, (4 + 8 + 8 + 4, ValueErrorKind::DuplicateKey));
    }

    #[test]
    fn the_systems_have_a_limit() {
        let number = vec![b'1'; Xattrs::MAX_SYSTEM_LEN - 4 - 8];
        assert_eq!(check(&[(b"_s", &number), (b"u", &number)]), Ok(()));
        let found = kind(check(&[(b"_t", b"1"), (b"_s", &number)]));
        let limit = u32::try_from(Xattrs::MAX_SYSTEM_LEN).expect("a mebibyte");
        assert_eq!(found, (4 + 9, ValueErrorKind::TooLong { limit }));
    }

    #[cfg(feature = "json")]
    #[test]
    fn values_are_json() {
        for (value, legal) in [
            (&b"{\"a\":[1]}"[..], true),
            (b"1", true),
            (b"\"\xff\"", false),
            (b"", false),
            (b"{", false),
            (b"1 2", false),
        ] {
            match check(&[(b"k", value)]) {
                Ok(()) => assert!(legal),
                Err(error) => {
                    assert!(!legal);
                    assert_eq!((error.offset, error.kind), (10, ValueErrorKind::NotJson));
                }
            }
        }
    }

    #[test]
    fn debug_shows_the_pairs() {
        let mut written = Vec::new();
        Xattrs::encode(pairs(), &mut written).expect("legal");
        let (xattrs, _) = Xattrs::split(UserData::new(&written)).expect("what was written");
        assert_eq!(format!("{xattrs:?}"), format!("{:?}", pairs()));
    }

    #[test]
    fn all_pairs_are_written_or_nothing() {
        let encode = |pairs: &[Xattr<'_>], room: usize| {
            let mut buffer = [0xa5; 300];
            let mut dst = &mut buffer[..room];
            let written = Xattrs::encode(pairs.iter().copied(), &mut dst);
            if written.is_err() {
                assert_eq!(buffer, [0xa5; 300], "something was written");
            }
            written
        };
        assert_eq!(encode(&pairs(), 118), Ok(()));
        assert_eq!(kind(encode(&pairs(), 117)).1, ValueErrorKind::NoRoom);
        let [system, user] = pairs();
        let bad = |key: &'static str, value: &'static str| Xattr {
            key: key.into(),
            value: value.into(),
        };
        for (pair, expected) in [
            (bad("", "1"), ValueErrorKind::Missing),
            (bad("a\0", "1"), ValueErrorKind::Terminator),
            (bad("a", "\0"), ValueErrorKind::Terminator),
        ] {
            let found = kind(encode(&[system, pair, user], 300));
            assert_eq!(found, (4 + 0x25 + 4, expected));
        }
    }

    proptest! {
        #[test]
        fn written_pairs_are_read(
            pairs in vec((vec(1_u8.., 1..20), vec(1_u8.., 0..20)), 0..5),
            body in vec(any::<u8>(), 0..20),
        ) {
            let pairs = pairs.iter().map(|(key, value)| Xattr {
                key: UserData::new(key),
                value: UserData::new(value),
            });
            let mut value = Vec::new();
            Xattrs::encode(pairs.clone(), &mut value).expect("legal");
            value.extend(&body);
            let (xattrs, rest) = Xattrs::split(UserData::new(&value)).expect("legal");
            prop_assert!(xattrs.iter().eq(pairs));
            prop_assert_eq!(rest.expose(), body);
        }

        #[test]
        fn what_is_read_is_written_the_same(value in nearly_xattrs()) {
            if let Ok((xattrs, body)) = Xattrs::split(UserData::new(&value)) {
                let mut written = Vec::new();
                Xattrs::encode(xattrs.iter(), &mut written).expect("as read");
                written.extend(body.expose());
                prop_assert_eq!(&written, &value);
                let _ = xattrs.check();
            }
        }
    }

    /// Sections of which a byte is wrong, or none.
    fn nearly_xattrs() -> impl Strategy<Value = Vec<u8>> {
        let pairs = vec((vec(any::<u8>(), 0..4), vec(any::<u8>(), 0..4)), 0..4);
        (pairs, any::<prop::sample::Index>(), 0..3_u8).prop_map(|(pairs, at, wrong)| {
            let mut section = Vec::new();
            for (key, value) in pairs {
                let len = u32::try_from(key.len().saturating_add(value.len()).saturating_add(2))
                    .expect("short");
                section.extend(len.to_be_bytes());
                section.extend([&key[..], &[0], &value, &[0]].concat());
            }
            let len = u32::try_from(section.len()).expect("short");
            let mut value = [&len.to_be_bytes(), &section[..]].concat();
            *at.get_mut(&mut value) ^= wrong;
            value
        })
    }
}

mod documents {
    use super::*;

    #[test]
    fn layers_come_off_in_order() {
        let bytes = UserData::new(b"\0\0\0\0{}");
        let datatype = Datatype::XATTR | Datatype::JSON;
        let Value::Plain(plain) = Value::of(datatype, bytes) else {
            panic!("not compressed");
        };
        let document = plain.split().expect("no pairs");
        assert!(document.xattrs.is_empty() && document.is_json);
        assert_eq!(document.body.expose(), b"{}");

        let Value::Plain(plain) = Value::of(Datatype::RAW, bytes) else {
            panic!("not compressed");
        };
        let expected = Document {
            body: bytes,
            ..Document::default()
        };
        assert_eq!(plain.split(), Ok(expected));

        let Value::Snappy(snappy) = Value::of(datatype | Datatype::SNAPPY, bytes) else {
            panic!("compressed");
        };
        assert_eq!((snappy.bytes(), snappy.announced_len()), (bytes, Ok(0)));
    }

    /// With the datatype of the stored document, no value is wrong.
    #[test]
    fn underlying() {
        for bits in 0..=7 {
            let datatype = Datatype::from_bits_retain(bits);
            for bytes in [UserData::default(), UserData::new(b"\xff")] {
                let value = Value::underlying(datatype, bytes);
                assert_eq!(value, Value::Underlying { datatype, bytes });
            }
        }
    }

    #[cfg(feature = "snappy")]
    mod snappy {
        use super::*;
        use mcbp::value::{PlainValue, deflate};

        const DATATYPE: Datatype = Datatype::from_bits_retain(7);

        #[test]
        fn the_limit_is_the_most_that_is_inflated() {
            let block = deflate("value".into()).expect("short");
            let Value::Snappy(snappy) = Value::of(Datatype::SNAPPY, UserData::new(&block)) else {
                panic!("compressed");
            };
            let mut buffer = Vec::new();
            let error = snappy.inflate(4, &mut buffer).expect_err("too long");
            assert_eq!(error.kind, ValueErrorKind::TooLong { limit: 4 });
            snappy.inflate(5, &mut buffer).expect("short enough");
            assert_eq!(buffer, b"value");
        }

        fn inflate<'b>(
            block: &[u8],
            limit: u32,
            buffer: &'b mut Vec<u8>,
        ) -> Result<PlainValue<'b>, mcbp::ValueError> {
            let Value::Snappy(snappy) = Value::of(DATATYPE, UserData::new(block)) else {
                panic!("compressed");
            };
            snappy.inflate(limit, buffer)
        }

        #[test]
        fn one_layer_comes_off() {
            let value = b"\0\0\0\x0b\0\0\0\x07meta\x007\0{}";
            let block = deflate(value.into()).expect("short");
            let mut buffer = vec![0xa5; 99];
            let document = inflate(&block, 17, &mut buffer)
                .expect("a block")
                .split()
                .expect("a pair");
            assert_eq!(document.xattrs.get(b"meta"), Some(b"7".into()));
            assert_eq!(document.body.expose(), b"{}");
        }

        /// Recorded from 7.2.9: all that is left of a deleted document.
        #[test]
        fn recorded() {
            let block = hex!("1654000000120000000e5f73796e63007b2278223a317d00");
            let mut buffer = Vec::new();
            let inflated = inflate(&block, 22, &mut buffer).expect("a block");
            let document = inflated.split().expect("a pair");
            let xattr = Xattr {
                key: "_sync".into(),
                value: r#"{"x":1}"#.into(),
            };
            assert!(document.xattrs.iter().eq([xattr]) && xattr.is_system());
            assert!(document.body.is_empty());
            assert_eq!(document.xattrs.check(), Ok(()));
            assert_eq!(deflate(inflated.bytes()), Ok(block.to_vec()));
        }

        #[test]
        fn limits_are_judged_first() {
            let mut buffer = vec![0xa5; 9];
            let block = deflate(UserData::new(&[7; 1000])).expect("short");
            let limit = ValueErrorKind::TooLong { limit: 999 };
            assert_eq!(kind(inflate(&block, 999, &mut buffer)), (0, limit));
            assert!(inflate(&block, 1000, &mut buffer).is_ok());
            // Four GiB out of five bytes: refused before there is room for it.
            let mut buffer = Vec::new();
            let bomb = hex!("ffffffff0f");
            assert_eq!(
                kind(inflate(&bomb, u32::MAX, &mut buffer)),
                (5, ValueErrorKind::Corrupt)
            );
            assert_eq!(buffer.capacity(), 0);
        }

        #[test]
        fn the_densest_block_inflates() {
            let block = deflate(UserData::new(&[7; 1 << 20])).expect("short");
            assert!(inflate(&block, 1 << 20, &mut Vec::new()).is_ok());
        }

        #[test]
        fn cut_off() {
            let block = deflate(b"a value without repetition".into()).expect("short");
            let mut buffer = Vec::new();
            for len in 0..block.len() {
                let expected = match len {
                    0 => (0, ValueErrorKind::NoStopByte),
                    _ => (1, ValueErrorKind::Corrupt),
                };
                assert_eq!(
                    kind(inflate(&block[..len], 99, &mut buffer)),
                    expected,
                    "{len}"
                );
                assert!(buffer.is_empty());
            }
        }

        proptest! {
            #[test]
            fn deflated_values_inflate(value in vec(0..4_u8, 0..2000)) {
                let block = deflate(UserData::new(&value)).expect("short");
                let mut buffer = Vec::new();
                let inflated = inflate(&block, 2000, &mut buffer).expect("a block");
                prop_assert_eq!(inflated.bytes().expose(), value);
                prop_assert_eq!(inflated.datatype(), Datatype::XATTR | Datatype::JSON);
            }

            #[test]
            fn any_block_inflates_within_the_limit(block in vec(any::<u8>(), 0..50)) {
                let mut buffer = Vec::new();
                if let Ok(inflated) = inflate(&block, 100, &mut buffer) {
                    prop_assert!(inflated.bytes().len() <= 100);
                }
            }
        }
    }
}
