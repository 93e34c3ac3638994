//! What clients ask for, through the public API: controls, the values of open and stream requests.

use core::time::Duration;

use mcbp::dcp::Control;
use mcbp::value::{
    BackfillOrder, CacheTransferOptions, ControlSetting, Keyspace, OpenValue, Priority,
    StreamFilter,
};
use mcbp::{CollectionId, Metadata, ScopeId, ValueErrorKind};
use proptest::prelude::*;

mod controls {
    use super::*;

    /// Every row of reference 6.12, with the values that have a meaning.
    const SETTINGS: [(&str, &str, ControlSetting<'static>); 44] = {
        use ControlSetting::*;
        [
            (
                "backfill_order",
                "round-robin",
                BackfillOrder(self::BackfillOrder::RoundRobin),
            ),
            (
                "backfill_order",
                "sequential",
                BackfillOrder(self::BackfillOrder::Sequential),
            ),
            ("connection_buffer_size", "0", ConnectionBufferSize(0)),
            (
                "connection_buffer_size",
                "4294967295",
                ConnectionBufferSize(u32::MAX),
            ),
            (
                "stream_buffer_size",
                "100",
                StreamBufferSize(Metadata(b"100")),
            ),
            ("enable_noop", "true", EnableNoop(true)),
            ("enable_noop", "false", EnableNoop(false)),
            (
                "force_value_compression",
                "true",
                ForceValueCompression(true),
            ),
            (
                "force_value_compression",
                "false",
                ForceValueCompression(false),
            ),
            (
                "supports_cursor_dropping",
                "true",
                SupportsCursorDropping(true),
            ),
            (
                "supports_cursor_dropping",
                "false",
                SupportsCursorDropping(false),
            ),
            (
                "supports_cursor_dropping_vulcan",
                "true",
                SupportsCursorDroppingVulcan(true),
            ),
            (
                "supports_cursor_dropping_vulcan",
                "false",
                SupportsCursorDroppingVulcan(false),
            ),
            ("supports_hifi_MFU", "true", SupportsHifiMfu(true)),
            ("supports_hifi_MFU", "false", SupportsHifiMfu(false)),
            (
                "set_noop_interval",
                "60",
                SetNoopInterval(Duration::from_secs(60)),
            ),
            (
                "set_noop_interval",
                "0.100000",
                SetNoopInterval(Duration::from_millis(100)),
            ),
            (
                "set_noop_interval",
                "1.000001",
                SetNoopInterval(Duration::from_micros(1_000_001)),
            ),
            ("set_priority", "high", SetPriority(Priority::High)),
            ("set_priority", "medium", SetPriority(Priority::Medium)),
            ("set_priority", "low", SetPriority(Priority::Low)),
            (
                "send_stream_end_on_client_close_stream",
                "true",
                SendStreamEndOnClientCloseStream(true),
            ),
            (
                "send_stream_end_on_client_close_stream",
                "false",
                SendStreamEndOnClientCloseStream(false),
            ),
            ("enable_expiry_opcode", "true", EnableExpiryOpcode(true)),
            ("enable_expiry_opcode", "false", EnableExpiryOpcode(false)),
            ("enable_stream_id", "true", EnableStreamId),
            ("enable_sync_writes", "true", EnableSyncWrites),
            ("consumer_name", "n_1", ConsumerName(Metadata(b"n_1"))),
            (
                "enable_out_of_order_snapshots",
                "true",
                EnableOutOfOrderSnapshots {
                    seqno_advanced: false,
                },
            ),
            (
                "enable_out_of_order_snapshots",
                "true_with_seqno_advanced",
                EnableOutOfOrderSnapshots {
                    seqno_advanced: true,
                },
            ),
            (
                "include_deleted_user_xattrs",
                "true",
                IncludeDeletedUserXattrs,
            ),
            ("v7_dcp_status_codes", "true", V7DcpStatusCodes),
            ("flatbuffers_system_events", "true", FlatbuffersSystemEvents),
            ("change_streams", "true", ChangeStreams),
            ("max_marker_version", "2.2", MaxMarkerVersion22),
            ("cache_transfer", "true", CacheTransfer),
            // Names are matched whole, and case matters.
            ("enable_noo", "true", other("enable_noo", "true")),
            ("enable_noop2", "true", other("enable_noop2", "true")),
            ("ENABLE_NOOP", "true", other("ENABLE_NOOP", "true")),
            (
                "supports_hifi_mfu",
                "true",
                other("supports_hifi_mfu", "true"),
            ),
            (" enable_noop", "true", other(" enable_noop", "true")),
            ("no_such_key", "1", other("no_such_key", "1")),
            ("no_such_key", "\u{e4}", other("no_such_key", "\u{e4}")),
            ("", "1", other("", "1")),
        ]
    };

    const fn other(key: &'static str, value: &'static str) -> ControlSetting<'static> {
        ControlSetting::Other {
            key: Metadata(key.as_bytes()),
            value: Metadata(value.as_bytes()),
        }
    }

    fn read<'a>(key: &'a str, value: &'a str) -> Result<ControlSetting<'a>, ValueErrorKind> {
        let (key, value) = (key.into(), value.into());
        Control { key, value }.setting().map_err(|error| error.kind)
    }

    #[test]
    fn in_both_directions() {
        for (key, value, setting) in SETTINGS {
            assert_eq!(read(key, value), Ok(setting), "{key}={value}");
            assert_eq!(setting.key(), key.into());
            assert_eq!(setting.value(), value.as_bytes(), "{key}");
            assert_eq!(read(key, ""), Err(ValueErrorKind::Missing), "{key}");
        }
    }

    #[test]
    fn values_that_a_setting_cannot_have() {
        for (key, value) in [
            ("backfill_order", "true"),
            ("connection_buffer_size", "true"),
            ("connection_buffer_size", "-1"),
            ("connection_buffer_size", "4294967296"),
            ("set_noop_interval", "x"),
            ("set_noop_interval", "-1"),
            ("set_noop_interval", "NaN"),
            ("set_noop_interval", "1e300"),
            ("set_priority", "High"),
            ("enable_stream_id", "false"),
            ("enable_sync_writes", "TRUE"),
            ("enable_out_of_order_snapshots", "false"),
            ("include_deleted_user_xattrs", "false"),
            ("v7_dcp_status_codes", "false"),
            ("flatbuffers_system_events", "false"),
            ("change_streams", "false"),
            ("max_marker_version", "2.0"),
            ("max_marker_version", "2"),
        ] {
            assert_eq!(
                read(key, value),
                Err(ValueErrorKind::IllegalValue),
                "{key}={value}"
            );
        }
    }

    #[test]
    fn the_meaning_is_kept_not_the_spelling() {
        for (key, value, meaning) in [
            ("enable_noop", "yes", "false"),
            ("cache_transfer", "?", "true"),
            ("set_noop_interval", "0.1", "0.100000"),
            ("set_noop_interval", "2.000000", "2"),
            ("connection_buffer_size", "007", "7"),
        ] {
            let setting = read(key, value).expect("legal");
            assert_eq!(setting.value(), meaning.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn any_control(key in prop_oneof![
            prop::sample::select(&SETTINGS[..]).prop_map(|(key, ..)| key.to_owned()),
            any::<String>(),
        ], value in any::<String>()) {
            if let Ok(setting) = read(&key, &value) {
                let written = setting.value();
                prop_assert_eq!(setting.key(), Metadata::from(&key[..]));
                let again = ControlSetting::read(setting.key(), Metadata(&written));
                prop_assert_eq!(again.map(|setting| setting.value()), Ok(written.clone()));
            }
        }
    }
}

mod filters {
    use super::*;

    #[test]
    fn written() {
        let filter = StreamFilter::default();
        assert_eq!(filter.to_string(), "");
        let filter = StreamFilter {
            manifest_uid: Some(0xffff),
            stream_id: 71.try_into().ok(),
            keyspace: Keyspace::Scope(ScopeId(0xfe)),
            purge_seqno: Some(10),
            cache_transfer: Some(CacheTransferOptions {
                free_memory: Some(1024),
                all_keys: Some(true),
            }),
        };
        assert_eq!(
            filter.to_string(),
            r#"{"uid":"ffff","sid":71,"scope":"fe","purge_seqno":"10","cts":{"free_memory":1024,"all_keys":true}}"#
        );
        let keyspaces = [
            (vec![], r#"{"collections":[]}"#),
            (vec![8], r#"{"collections":["8"]}"#),
            (vec![0, 0x1234], r#"{"collections":["0","1234"]}"#),
        ];
        for (ids, expected) in keyspaces {
            let keyspace = Keyspace::Collections(ids.into_iter().map(CollectionId).collect());
            let filter = StreamFilter {
                keyspace,
                ..StreamFilter::default()
            };
            assert_eq!(filter.to_string(), expected);
        }
        let filter = StreamFilter {
            cache_transfer: Some(CacheTransferOptions::default()),
            ..StreamFilter::default()
        };
        assert_eq!(filter.to_string(), r#"{"cts":{}}"#);
    }

    #[cfg(feature = "json")]
    fn filter() -> impl Strategy<Value = StreamFilter> {
        let keyspace = prop_oneof![
            Just(Keyspace::Everything),
            any::<u32>().prop_map(|id| Keyspace::Scope(ScopeId(id))),
            prop::collection::vec(any::<u32>().prop_map(CollectionId), 0..4)
                .prop_map(Keyspace::Collections),
        ];
        let cts = prop::option::of(any::<(Option<u64>, Option<bool>)>().prop_map(
            |(free_memory, all_keys)| CacheTransferOptions {
                free_memory,
                all_keys,
            },
        ));
        (
            any::<(Option<u64>, Option<core::num::NonZeroU16>, Option<u64>)>(),
            keyspace,
            cts,
        )
            .prop_map(
                |((manifest_uid, stream_id, purge_seqno), keyspace, cache_transfer)| StreamFilter {
                    manifest_uid,
                    stream_id,
                    keyspace,
                    purge_seqno,
                    cache_transfer,
                },
            )
    }

    #[cfg(feature = "json")]
    proptest! {
        #[test]
        fn what_is_written_is_read(filter in filter()) {
            let read = StreamFilter::from_json(filter.to_string().as_bytes());
            prop_assert_eq!(read, Ok(filter));
        }
    }

    /// Recorded, and their answers.
    #[cfg(feature = "json")]
    #[test]
    fn read() {
        let read = |json: &str| {
            let filter = StreamFilter::from_json(json.as_bytes());
            filter.map_err(|error| error.kind)
        };
        for json in [
            r#"{"sid":71,"collections":["0"]}"#,
            r#"{"sid":5}"#,
            r#"{"collections":["a"]}"#,
            r#"{"collections":[]}"#,
            r#"{"scope":"77"}"#,
            r#"{"uid":"ffff"}"#,
            r#"{"purge_seqno":"0"}"#,
            "",
        ] {
            assert_eq!(
                read(json).map(|filter| filter.to_string()),
                Ok(json.to_owned())
            );
        }
        use ValueErrorKind::*;
        for (json, expected) in [
            (r#"{"sid":0}"#, StreamIdZero),
            (r#"{"sid":65536}"#, StreamIdZero),
            (r#"{"collections":["0"],"scope":"0"}"#, Conflict),
            (r#"{"hello":1}"#, Missing),
            ("{}", Missing),
            ("{nope", NotJson),
            (r#"{"sid":5"#, Truncated),
            (r#"{"sid":5}x"#, NotJson),
            ("[1]", WrongType),
            (r#"{"collections":"8"}"#, WrongType),
            (r#"{"sid":"5"}"#, WrongType),
            (r#"{"sid":5.0}"#, WrongType),
            (r#"{"sid":-5}"#, WrongType),
            (r#"{"sid":null}"#, WrongType),
            (r#"{"scope":"0x8"}"#, WrongType),
            (r#"{"scope":"100000000"}"#, WrongType),
            (r#"{"purge_seqno":"a"}"#, WrongType),
            (r#"{"cts":[1,true]}"#, WrongType),
        ] {
            assert_eq!(read(json), Err(expected), "{json}");
        }
    }

    #[cfg(feature = "json")]
    #[test]
    fn the_server_is_generous() {
        let read = |json: &str| StreamFilter::from_json(json.as_bytes()).map(|f| f.to_string());
        assert_eq!(read(r#"{"sid":65537}"#), Ok(r#"{"sid":1}"#.to_owned()));
        assert_eq!(read(r#"{"uid":{"a":null}}"#), Ok(String::new()));
        assert_eq!(read(r#"{"uid":null}"#), Ok(String::new()));
        let unknown = r#"{"hello":{"sid":0},"sid":7}"#;
        assert_eq!(read(unknown), Ok(r#"{"sid":7}"#.to_owned()));
    }
}

mod open_values {
    use super::*;

    fn named(name: &str) -> OpenValue {
        OpenValue {
            consumer_name: Some(name.to_owned()),
        }
    }

    #[test]
    fn written() {
        assert_eq!(OpenValue::default().to_string(), "{}");
        assert_eq!(named("a").to_string(), r#"{"consumer_name":"a"}"#);
        assert_eq!(
            named("\"\\\u{1}\u{e4}").to_string(),
            "{\"consumer_name\":\"\\\"\\\\\\u0001\u{e4}\"}"
        );
    }

    #[cfg(feature = "json")]
    #[test]
    fn read() {
        let read = |json: &str| {
            let value = OpenValue::from_json(json.as_bytes());
            value.map_err(|error| error.kind)
        };
        assert_eq!(read(r#"{"consumer_name": "n_1"}"#), Ok(named("n_1")));
        assert_eq!(read("{}"), Ok(OpenValue::default()));
        for json in [
            r#"{"consumer_name":1}"#,
            r#"{"consumer_name":null}"#,
            r#"{"consumer_name":"a","b":1}"#,
            r#"["a"]"#,
            "1",
        ] {
            assert_eq!(read(json), Err(ValueErrorKind::WrongType), "{json}");
        }
        assert_eq!(read(""), Err(ValueErrorKind::Truncated));
    }

    #[cfg(feature = "json")]
    proptest! {
        #[test]
        fn what_is_written_is_read(name in any::<String>()) {
            let value = named(&name);
            prop_assert_eq!(OpenValue::from_json(value.to_string().as_bytes()), Ok(value));
        }
    }
}
