//! The JSON of servers, through the public API.

#![cfg(feature = "json")]

use mcbp::value::{ErrorContext, ErrorMap, Manifest, ManifestCollection, ManifestScope};
use mcbp::{CollectionId, ErrorAttributes, ScopeId, Status, ValueErrorKind};
use proptest::collection::vec;
use proptest::prelude::*;

mod error_contexts {
    use super::*;

    #[test]
    fn read() {
        let read = |json: &str| ErrorContext::from_json(json.as_bytes());
        assert_eq!(read(""), Ok(ErrorContext::default()));
        assert_eq!(read("{}"), Ok(ErrorContext::default()));
        let context = "Unknown scope or collection in operation".to_owned();
        assert_eq!(
            read(
                r#"{"error":{"context":"Unknown scope or collection in operation"},"manifest_uid":"2a"}"#
            ),
            Ok(ErrorContext {
                context: Some(context),
                manifest_uid: Some(0x2a),
                ..ErrorContext::default()
            })
        );
        assert_eq!(
            read(r#"{"error":{"ref":"a-b","more":[]},"next_tick_us":1000,"more":{}}"#),
            Ok(ErrorContext {
                reference: Some("a-b".to_owned()),
                next_tick_us: Some(1000),
                ..ErrorContext::default()
            })
        );
    }

    #[test]
    fn refused() {
        // Where the JSON is wrong: on the first byte of it, the last, or next to them.
        for (json, at, kind) in [
            ("[]", 0..=0, ValueErrorKind::WrongType),
            (r#"{"error":["a"]}"#, 8..=9, ValueErrorKind::WrongType),
            ("{\n\"error\":7}", 9..=11, ValueErrorKind::WrongType),
            (
                r#"{"manifest_uid":"xyz"}"#,
                15..=21,
                ValueErrorKind::WrongType,
            ),
            (r#"{"manifest_uid":42}"#, 15..=18, ValueErrorKind::WrongType),
            (r#"{"error""#, 8..=8, ValueErrorKind::Truncated),
            ("\n\n{\"error\" 1}", 10..=12, ValueErrorKind::NotJson),
            ("text", 0..=2, ValueErrorKind::NotJson),
        ] {
            let error = ErrorContext::from_json(json.as_bytes()).unwrap_err();
            assert_eq!(error.kind, kind, "{json}");
            assert!(at.contains(&error.offset), "{json} at {}", error.offset);
        }
    }
}

mod error_maps {
    use super::*;

    #[test]
    fn read() {
        let json = br#"{"version": 2, "revision": 9, "errors": {
            "0": {"name": "SUCCESS", "desc": "Success", "attrs": ["success"]},
            "9": {"name": "LOCKED", "desc": "Locked",
                  "attrs": ["item-locked", "item-only", "retry-now", "no-such-attribute"]},
            "a": {"name": "STREAM_NOT_FOUND", "desc": "", "attrs": ["conn-state-invalidated"],
                  "retry": {"strategy": "constant"}},
            "d8": {"attrs": []}
        }}"#;
        let map = ErrorMap::from_json(json).expect("a map");
        assert_eq!((map.version, map.revision), (2, 9));
        let attributes = map
            .errors
            .iter()
            .map(|(&status, entry)| (status, entry.attributes));
        assert!(attributes.eq([
            (Status::SUCCESS, ErrorAttributes::SUCCESS),
            (
                Status(0x09),
                ErrorAttributes::ITEM_LOCKED
                    | ErrorAttributes::ITEM_ONLY
                    | ErrorAttributes::RETRY_NOW
            ),
            (
                Status::DCP_STREAM_NOT_FOUND,
                ErrorAttributes::CONN_STATE_INVALIDATED
            ),
            (Status(0xd8), ErrorAttributes::empty()),
        ]));
        assert_eq!(map.errors[&Status::SUCCESS].name, "SUCCESS");
        assert_eq!(map.errors[&Status::SUCCESS].description, "Success");
    }

    /// Sent by 7.2.9.
    #[test]
    fn without_errors() {
        let map = ErrorMap::from_json(br#"{"version":1,"revision":1,"errors":{}}"#);
        assert_eq!(map.expect("a map").errors.len(), 0);
    }

    #[test]
    fn refused() {
        for (json, kind) in [
            (&b"[2,9,{}]"[..], ValueErrorKind::WrongType),
            (br#"{"version":2,"revision":9}"#, ValueErrorKind::WrongType),
            (
                br#"{"version":2,"revision":9,"errors":{"xyz":{}}}"#,
                ValueErrorKind::WrongType,
            ),
            (
                br#"{"version":2,"revision":9,"errors":{"10000":{}}}"#,
                ValueErrorKind::WrongType,
            ),
            (b"", ValueErrorKind::Truncated),
        ] {
            assert_eq!(ErrorMap::from_json(json).unwrap_err().kind, kind);
        }
    }
}

mod manifests {
    use super::*;

    #[test]
    fn read() {
        let json = br#"{"uid": "2a", "scopes": [
            {"uid": "0", "name": "_default", "collections": [{"uid": "0", "name": "_default"}]},
            {"uid": "fe", "name": "shop", "limits": {}, "collections": [
                {"uid": "1234", "name": "items", "maxTTL": 100, "history": true, "metered": false}]},
            {"uid": "9", "name": "empty"}]}"#;
        let default = "_default".to_owned();
        assert_eq!(
            Manifest::from_json(json),
            Ok(Manifest {
                uid: 0x2a,
                scopes: vec![
                    ManifestScope {
                        id: ScopeId::DEFAULT,
                        name: default.clone(),
                        collections: vec![ManifestCollection {
                            id: CollectionId::DEFAULT,
                            name: default,
                            max_ttl: None,
                            history: None,
                        }],
                    },
                    ManifestScope {
                        id: ScopeId(0xfe),
                        name: "shop".to_owned(),
                        collections: vec![ManifestCollection {
                            id: CollectionId(0x1234),
                            name: "items".to_owned(),
                            max_ttl: Some(100),
                            history: Some(true),
                        }],
                    },
                    ManifestScope {
                        id: ScopeId(9),
                        name: "empty".to_owned(),
                        collections: vec![],
                    },
                ],
            })
        );
    }

    /// Recorded from 7.2.9.
    #[test]
    fn recorded() {
        let json = br#"{"uid": "2", "scopes": [{"name": "_default", "uid": "0", "collections": [{"name": "_default", "uid": "0"}, {"name": "fruit", "uid": "8"}]}, {"name": "shop", "uid": "9", "collections": [{"name": "items", "uid": "a", "maxTTL": 7200}]}]}"#;
        let manifest = Manifest::from_json(json).expect("a manifest");
        assert_eq!((manifest.uid, manifest.scopes.len()), (2, 2));
        let shop = &manifest.scopes[1];
        assert_eq!((shop.id, &shop.name[..]), (ScopeId(9), "shop"));
        assert_eq!(shop.collections[0].id, CollectionId(10));
        assert_eq!(shop.collections[0].max_ttl, Some(7200));
    }

    #[test]
    fn refused() {
        for json in [
            &br#"{"uid":"1"}"#[..],
            br#"{"uid":1,"scopes":[]}"#,
            br#"{"uid":"0x1","scopes":[]}"#,
            br#"{"uid":"1","scopes":[["0","_default",[]]]}"#,
            br#"{"uid":"1","scopes":[{"uid":"100000000","name":""}]}"#,
        ] {
            let error = Manifest::from_json(json).unwrap_err();
            assert_eq!(error.kind, ValueErrorKind::WrongType);
            assert!(error.offset as usize <= json.len());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..40)) {
        let offsets = [
            ErrorContext::from_json(&bytes).err(),
            ErrorMap::from_json(&bytes).err(),
            Manifest::from_json(&bytes).err(),
        ];
        for error in offsets.into_iter().flatten() {
            prop_assert!(error.offset as usize <= bytes.len());
        }
    }
}
