//! System events, through the public API: as real servers send them, and made up.

use hex_literal::hex;
use mcbp::dcp::SystemEvent;
use mcbp::value::{
    Collection, CollectionSettings, DroppedCollection, DroppedScope, ManifestChange, Scope,
};
use mcbp::{CollectionId, Metadata, ScopeId, SystemEventId, ValueError, ValueErrorKind};
use proptest::collection::vec;
use proptest::prelude::*;

fn event<'a>(id: SystemEventId, version: u8, key: &'a str, value: &'a [u8]) -> SystemEvent<'a> {
    SystemEvent {
        by_seqno: 1,
        id,
        version,
        key: key.into(),
        value: value.into(),
    }
}

fn kind(read: Result<ManifestChange<'_>, ValueError>) -> (u32, ValueErrorKind) {
    let error = read.expect_err("an error");
    (error.offset, error.kind)
}

const FRUIT: Collection<'static> = Collection {
    manifest_uid: 1,
    scope_id: ScopeId(0),
    collection_id: CollectionId(8),
    name: Metadata(b"fruit"),
    max_ttl: None,
    settings: None,
};

const ITEMS: Collection<'static> = Collection {
    manifest_uid: 2,
    scope_id: ScopeId(9),
    collection_id: CollectionId(10),
    name: Metadata(b"items"),
    max_ttl: Some(100),
    settings: None,
};

const DEFAULTS: Option<CollectionSettings> = Some(CollectionSettings {
    history: false,
    default_collection_mvs: 0,
    metered: false,
    flush_uid: 0,
});

const DROPPED_HIST: DroppedCollection = DroppedCollection {
    manifest_uid: 4,
    scope_id: ScopeId(9),
    collection_id: CollectionId(11),
    system_collection: None,
};

const SHOP: Scope<'static> = Scope {
    manifest_uid: 2,
    scope_id: ScopeId(9),
    name: Metadata(b"shop"),
};

const DROPPED_SHOP: DroppedScope = DroppedScope {
    manifest_uid: 6,
    scope_id: ScopeId(9),
    system_scope: None,
};

/// Recorded from 7.2.9 and 8.0.1.
#[test]
fn plain_versions() {
    let table: [(u8, ManifestChange<'_>, &[u8]); 5] = [
        (
            0,
            ManifestChange::CreateCollection(FRUIT),
            &hex!("0000000000000001 00000000 00000008"),
        ),
        (
            1,
            ManifestChange::CreateCollection(ITEMS),
            &hex!("0000000000000002 00000009 0000000a 00000064"),
        ),
        (
            0,
            ManifestChange::DeleteCollection(DROPPED_HIST),
            &hex!("0000000000000004 00000009 0000000b"),
        ),
        (
            0,
            ManifestChange::CreateScope(SHOP),
            &hex!("0000000000000002 00000009"),
        ),
        (
            0,
            ManifestChange::DropScope(DROPPED_SHOP),
            &hex!("0000000000000006 00000009"),
        ),
    ];
    for (version, change, value) in table {
        let key = core::str::from_utf8(change.key().0).expect("a name");
        let read = |value| event(change.id(), version, key, value).change();
        assert_eq!(read(value), Ok(change));

        let mut written = Vec::new();
        change.encode(version, &mut written).expect("its version");
        assert_eq!(written, value);
        assert_eq!(change.plain_version(), Some(version));
        for other in (0..=u8::MAX).filter(|&other| other != version && other != 2) {
            let error = change.encode(other, &mut written).unwrap_err();
            assert_eq!(error.kind, ValueErrorKind::UnknownVersion(other));
        }
        assert_eq!(written.len(), value.len(), "more was written");

        let long = [value, &[0]].concat();
        let end = u32::try_from(value.len()).expect("short");
        assert_eq!(kind(read(&long)), (end, ValueErrorKind::Trailing));
        for len in 0..value.len() {
            let field = match len {
                0..8 => 0,
                8..12 => 8,
                12..16 => 12,
                _ => 16,
            };
            assert_eq!(
                kind(read(&value[..len])),
                (field, ValueErrorKind::Truncated)
            );
            let error = change
                .encode(version, &mut &mut [0; 20][..len])
                .unwrap_err();
            assert_eq!(error.kind, ValueErrorKind::NoRoom);
        }
        let mut room = [0xa5; 20];
        let room = &mut room[..value.len()];
        change.encode(version, &mut &mut *room).expect("room");
        assert_eq!(room, value);
    }
}

/// The example in the documentation has these two the wrong way round.
#[test]
fn the_scope_comes_first() {
    let value = hex!("0000000000000002 00000000 00000008 00011940");
    let read = event(SystemEventId::CREATE_COLLECTION, 1, "mycollection", &value).change();
    let expected = Collection {
        manifest_uid: 2,
        scope_id: ScopeId(0),
        collection_id: CollectionId(8),
        name: "mycollection".into(),
        max_ttl: Some(72000),
        settings: None,
    };
    assert_eq!(read, Ok(ManifestChange::CreateCollection(expected)));
}

/// Recorded from 7.2.9 and 8.0.1.
#[test]
fn flatbuffers() {
    let collection = |of: Collection<'static>, manifest_uid| Collection {
        manifest_uid,
        settings: DEFAULTS,
        ..of
    };
    let table: [(ManifestChange<'_>, &[u8]); 9] = [
        // 7.2.9; a scope id and a uid of 0 are left out.
        (
            ManifestChange::CreateCollection(collection(FRUIT, 2)),
            &hex!(
                "14000000100018000c00000004000000000008001000000008000000"
                "10000000020000000000000000000000050000006672756974000000"
            ),
        ),
        (
            ManifestChange::CreateCollection(Collection {
                max_ttl: Some(7200),
                ..collection(ITEMS, 0)
            }),
            &hex!(
                "1400000010001800000008000c000700100014001000000000000001"
                "090000000a000000201c000004000000050000006974656d73000000"
            ),
        ),
        // 8.0.1.
        (
            ManifestChange::CreateCollection(collection(ITEMS, 2)),
            &hex!(
                "180000000000000010002400180008000c0007001000140010000000"
                "00000001090000000a00000064000000100000000200000000000000"
                "00000000050000006974656d73000000"
            ),
        ),
        // With history.
        (
            ManifestChange::CreateCollection(Collection {
                scope_id: ScopeId(9),
                collection_id: CollectionId(11),
                name: "hist".into(),
                settings: Some(CollectionSettings {
                    history: true,
                    ..CollectionSettings::default()
                }),
                ..collection(FRUIT, 3)
            }),
            &hex!(
                "1c00000000000000000012002000140008000c000000000010000700"
                "1200000000000001090000000b000000100000000300000000000000"
                "00000000040000006869737400000000"
            ),
        ),
        (
            ManifestChange::ModifyCollection(Collection {
                max_ttl: Some(50),
                ..collection(FRUIT, 0x44)
            }),
            &hex!(
                "140000001000200014000000080007000c0010001000000000000001"
                "08000000320000001000000044000000000000000000000005000000"
                "6672756974000000"
            ),
        ),
        (
            ManifestChange::DeleteCollection(DroppedCollection {
                system_collection: Some(false),
                ..DROPPED_HIST
            }),
            &hex!(
                "140000000000000000000a0014000c00040008000a00000009000000"
                "0b0000000400000000000000"
            ),
        ),
        (
            ManifestChange::CreateScope(Scope {
                manifest_uid: 0,
                ..SHOP
            }),
            &hex!(
                "1000000000000a000c000000040008000a0000000900000004000000"
                "0400000073686f7000000000"
            ),
        ),
        (
            ManifestChange::CreateScope(SHOP),
            &hex!(
                "140000000000000000000a0018000c00040008000a00000009000000"
                "10000000020000000000000000000000"
                "0400000073686f7000000000"
            ),
        ),
        (
            ManifestChange::DropScope(DroppedScope {
                system_scope: Some(false),
                ..DROPPED_SHOP
            }),
            &hex!("1000000000000000080010000800040008000000090000000600000000000000"),
        ),
    ];
    for (change, value) in table {
        assert_eq!(event(change.id(), 2, "key", value).change(), Ok(change));
        let mut written = Vec::new();
        change.encode(2, &mut written).expect("any event");
        assert_eq!(event(change.id(), 2, "key", &written).change(), Ok(change));
        // Where the table is, and behind it the fields, is aligned as FlatBuffers wants it.
        assert!(matches!(written[..4], [at, 0, 0, 0] if at % 4 == 0));
        let mut room = vec![0xa5; written.len()];
        change.encode(2, &mut room.as_mut_slice()).expect("room");
        assert_eq!(room, written);
        for len in 0..written.len() {
            let error = change.encode(2, &mut &mut [0; 200][..len]).unwrap_err();
            assert_eq!(error.kind, ValueErrorKind::NoRoom);
        }
        for len in 0..value.len() {
            if let Err(error) = event(change.id(), 2, "key", &value[..len]).change() {
                assert!(matches!(
                    error.kind,
                    ValueErrorKind::Truncated
                        | ValueErrorKind::OutOfBounds
                        | ValueErrorKind::Terminator
                ));
            } else {
                // Only what the writer filled up with.
                assert!(value[len..].iter().all(|&byte| byte == 0), "{len}");
            }
        }
    }
}

/// A table of no fields at all is one of an older release yet: all have their defaults.
#[test]
fn missing_fields_have_their_defaults() {
    let empty = hex!("08000000 0400 0400 04000000");
    let read = |id| event(id, 2, "key", &empty).change();
    assert_eq!(
        read(SystemEventId::CREATE_COLLECTION),
        Ok(ManifestChange::CreateCollection(Collection {
            name: "key".into(),
            settings: DEFAULTS,
            ..Collection::default()
        }))
    );
    assert_eq!(
        read(SystemEventId::CREATE_SCOPE),
        Ok(ManifestChange::CreateScope(Scope {
            name: "key".into(),
            ..Scope::default()
        }))
    );
    assert_eq!(
        read(SystemEventId::DROP_SCOPE),
        Ok(ManifestChange::DropScope(DroppedScope {
            system_scope: Some(false),
            ..DroppedScope::default()
        }))
    );
}

/// A field that a later release adds at the end: the vtable of a dropped scope with a fourth.
#[test]
fn unknown_fields_are_passed_over() {
    let value = hex!(
        "14000000 0c00 1400 0800 0400 0000 1000 00000000"
        "10000000 09000000 0600000000000000 ffffffff"
    );
    assert_eq!(
        event(SystemEventId::DROP_SCOPE, 2, "", &value).change(),
        Ok(ManifestChange::DropScope(DroppedScope {
            system_scope: Some(false),
            ..DROPPED_SHOP
        }))
    );
}

#[test]
fn events_and_versions_that_do_not_exist() {
    let value = [0; 20];
    for id in [2, 6, 7, u32::MAX].map(SystemEventId) {
        for version in 0..=3 {
            let read = event(id, version, "key", &value).change();
            assert_eq!(kind(read), (0, ValueErrorKind::UnknownEvent(id.0)));
        }
    }
    for &id in SystemEventId::NAMED {
        for version in 0..=u8::MAX {
            let exists = match version {
                0 => id != SystemEventId::MODIFY_COLLECTION,
                1 => id == SystemEventId::CREATE_COLLECTION,
                2 => true,
                _ => false,
            };
            let expected = (0, ValueErrorKind::UnknownVersion(version));
            let unknown = event(id, version, "key", &[])
                .change()
                .map_err(|error| (error.offset, error.kind) == expected);
            assert_eq!(unknown, Err(!exists), "{id} {version}");
        }
    }
}

fn change() -> impl Strategy<Value = ManifestChange<'static>> {
    let name = vec(any::<u8>(), 0..300).prop_map(|name| Metadata(name.leak()));
    let ids = (any::<u64>(), any::<u32>(), any::<u32>(), 0..5);
    let ttl = any::<Option<u32>>();
    let settings = any::<(bool, u64, bool, u64)>();
    (ids, name, ttl, settings).prop_map(|((uid, scope, id, which), name, max_ttl, settings)| {
        let (history, default_collection_mvs, metered, flush_uid) = settings;
        let collection = Collection {
            manifest_uid: uid,
            scope_id: ScopeId(scope),
            collection_id: CollectionId(id),
            name,
            max_ttl,
            settings: Some(CollectionSettings {
                history,
                default_collection_mvs,
                metered,
                flush_uid,
            }),
        };
        match which {
            0 => ManifestChange::CreateCollection(collection),
            1 => ManifestChange::ModifyCollection(collection),
            2 => ManifestChange::DeleteCollection(DroppedCollection {
                manifest_uid: uid,
                scope_id: ScopeId(scope),
                collection_id: CollectionId(id),
                system_collection: Some(history),
            }),
            3 => ManifestChange::CreateScope(Scope {
                manifest_uid: uid,
                scope_id: ScopeId(scope),
                name,
            }),
            _ => ManifestChange::DropScope(DroppedScope {
                manifest_uid: uid,
                scope_id: ScopeId(scope),
                system_scope: Some(history),
            }),
        }
    })
}

proptest! {
    #[test]
    fn written_changes_are_read(change in change()) {
        for version in change.plain_version().into_iter().chain([2]) {
            let mut value = vec![0xa5];
            change.encode(version, &mut value).expect("its version");
            let key = change.key();
            let read = ManifestChange::read(change.id(), version, key, Metadata(&value[1..]))
                .expect("as written");
            if version == 2 {
                prop_assert_eq!(read, change);
            } else {
                // Written again, it is the same: only what these versions cannot say is lost.
                let mut again = vec![0xa5];
                read.encode(version, &mut again).expect("its version");
                prop_assert_eq!(again, value);
            }
        }
    }

    #[test]
    fn nearly_a_table(change in change(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut value = Vec::new();
        change.encode(2, &mut value).expect("any event");
        // Offsets and lengths come first.
        let at = at.index(value.len().min(120));
        value[at] = byte;
        if let Err(error) = ManifestChange::read(change.id(), 2, change.key(), Metadata(&value)) {
            prop_assert!((error.offset as usize) < value.len());
        }
    }

    #[test]
    fn any_bytes(
        id in 0..7_u32,
        version in 0..4_u8,
        value in vec(prop_oneof![Just(0), 0..40_u8, any::<u8>()], 0..80),
    ) {
        let _ = ManifestChange::read(SystemEventId(id), version, "key".into(), Metadata(&value));
    }
}
