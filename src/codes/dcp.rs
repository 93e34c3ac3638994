//! The flags and code spaces that only DCP has.

bitflags::bitflags! {
    /// What `DCP_OPEN` asks for (reference 6.1).
    ///
    /// The server answers a bit that is rejected or has no name with `EINVAL`.
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
    pub struct OpenFlags: u32 {
        /// The server produces and the client consumes; without it, the other way round.
        const PRODUCER = 0x001;
        /// Retired: rejected.
        const NOTIFIER = 0x002;
        /// Values keep their extended attributes.
        const INCLUDE_XATTRS = 0x004;
        /// Values are left out, and the datatype is that of what is left; not together with
        /// [`NO_VALUE_WITH_UNDERLYING_DATATYPE`](Self::NO_VALUE_WITH_UNDERLYING_DATATYPE).
        const NO_VALUE = 0x008;
        /// Retired: rejected; collections are negotiated by `HELLO`.
        const COLLECTIONS = 0x010;
        /// Deletions carry when they took place; the control `enable_expiry_opcode` has no effect
        /// without it.
        const INCLUDE_DELETE_TIMES = 0x020;
        /// Values are left out, but the datatype is that of the stored document; not together with
        /// [`NO_VALUE`](Self::NO_VALUE).
        const NO_VALUE_WITH_UNDERLYING_DATATYPE = 0x040;
        /// Retired: rejected; was point-in-time recovery.
        const PITR = 0x080;
        /// Deletions keep their user extended attributes; only together with
        /// [`INCLUDE_XATTRS`](Self::INCLUDE_XATTRS).
        const INCLUDE_DELETED_USER_XATTRS = 0x100;
        /// Deletions are left out of the first backfill of a stream; only together with
        /// [`PRODUCER`](Self::PRODUCER).
        const SKIP_DELETES_IN_INITIAL_BACKFILL = 0x200;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// What `DCP_STREAM_REQ` and `DCP_ADD_STREAM` ask for (reference 6.4).
    ///
    /// The server answers a bit that is rejected or has no name with `EINVAL`.
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
    pub struct StreamFlags: u32 {
        /// The stream ends with the consumer taking over the active vbucket.
        const TAKE_OVER = 0x001;
        /// The stream ends at what is on disk: the persisted seqno replaces the end.
        const DISK_ONLY = 0x002;
        /// The stream ends at what there is: the high seqno replaces the end.
        const TO_LATEST = 0x004;
        /// Retired: rejected; values are left out by [`OpenFlags::NO_VALUE`].
        const NO_VALUE = 0x008;
        /// The vbucket has to be active on the producer; a replica will not do.
        const ACTIVE_VB_ONLY = 0x010;
        /// The vbucket uuid has to match even if the stream starts at 0.
        const STRICT_VB_UUID = 0x020;
        /// The stream starts at what there is: the high seqno replaces the start and both bounds
        /// of the snapshot, the current vbucket uuid a uuid of 0.
        const FROM_LATEST = 0x040;
        /// Purged tombstones are no reason for a rollback.
        const IGNORE_PURGED_TOMBSTONES = 0x080;
        /// The stream starts with the contents of the producer's cache; only together with
        /// [`TAKE_OVER`](Self::TAKE_OVER) and [`ACTIVE_VB_ONLY`](Self::ACTIVE_VB_ONLY).
        const CACHE_TRANSFER = 0x100;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// What kind of snapshot `DCP_SNAPSHOT_MARKER` announces (reference 6.7).
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
    pub struct SnapshotFlags: u32 {
        /// The items come from memory.
        const MEMORY = 0x01;
        /// The items come from disk; the marker's high completed and high prepared seqnos are
        /// valid only with it.
        const DISK = 0x02;
        /// The snapshot starts a new checkpoint.
        const CHECKPOINT = 0x04;
        /// The consumer has to respond once it has received the last item of the snapshot.
        const ACKNOWLEDGE = 0x08;
        /// The snapshot holds change history; only after the control `change_streams`.
        const HISTORY = 0x10;
        /// A key may occur more than once.
        const MAY_CONTAIN_DUPLICATES = 0x20;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// Which end of a snapshot out of seqno order `DCP_OSO_SNAPSHOT` marks (reference 6.18).
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
    pub struct OsoFlags: u32 {
        /// The snapshot starts: its items follow, ordered by key.
        const START = 0x01;
        /// The snapshot is complete: the highest seqno seen is a point to resume from.
        const END = 0x02;

        const _ = !0;
    }
}

codes! {
    /// Why `DCP_STREAM_END` ends a stream (reference 6.6).
    ///
    /// A consumer of the server closes the connection on a value that has no name.
    pub struct StreamEndReason(u32) {
        /// The end seqno is reached, or the takeover finished.
        OK = 0,
        /// The client closed the stream; sent only after send_stream_end_on_client_close_stream.
        CLOSED = 1,
        /// The state of the vbucket changed, or the vbucket was rolled back.
        STATE_CHANGED = 2,
        /// The connection was closed; not put on the wire.
        DISCONNECTED = 3,
        /// The client is too slow.
        SLOW = 4,
        /// The backfill from disk failed.
        BACKFILL_FAIL = 5,
        /// The vbucket was rolled back; the producer sends STATE_CHANGED instead.
        ROLLBACK = 6,
        /// No collection of the filter is left; sent as OK to clients without collections.
        FILTER_EMPTY = 7,
        /// The client lost the privilege to read; sent as OK to clients without collections.
        LOST_PRIVILEGES = 8,
    }
}

codes! {
    /// What a node does with a vbucket (reference 4.3 and 6.9).
    ///
    /// `DCP_SET_VBUCKET_STATE` carries it; the server answers any other value with `EINVAL`.
    pub struct VbucketState(u8) {
        /// The node serves the vbucket.
        ACTIVE = 1,
        /// The node holds a copy of the vbucket.
        REPLICA = 2,
        /// The node is about to become active for the vbucket, in a takeover.
        PENDING = 3,
        /// The node no longer serves the vbucket.
        DEAD = 4,
    }
}

codes! {
    /// How many nodes have to hold a write before it counts (reference 2.2 and 6.14).
    pub struct DurabilityLevel(u8) {
        /// The write is not durable; illegal on the wire.
        NONE = 0,
        /// A majority of the nodes holds the write in memory.
        MAJORITY = 1,
        /// A majority of the nodes holds the write in memory, the active one on disk.
        MAJORITY_AND_PERSIST_ON_MASTER = 2,
        /// A majority of the nodes holds the write on disk.
        PERSIST_TO_MAJORITY = 3,
    }
}

codes! {
    /// What happened to a collection or scope, as `DCP_SYSTEM_EVENT` tells (reference 6.13).
    ///
    /// The server answers any other value with `EINVAL`.
    pub struct SystemEventId(u32) {
        /// A collection begins; also called BeginCollection.
        CREATE_COLLECTION = 0,
        /// A collection ends; also called EndCollection.
        DELETE_COLLECTION = 1,
        /// A scope begins.
        CREATE_SCOPE = 3,
        /// A scope ends.
        DROP_SCOPE = 4,
        /// A collection changes; sent only after control flatbuffers_system_events.
        MODIFY_COLLECTION = 5,
    }
}

codes! {
    /// A byte that the server reads as a boolean.
    pub struct WireBool(u8) {
        /// No.
        FALSE = 0,
        /// Yes, as does every other value but 0.
        TRUE = 1,
    }
}

impl WireBool {
    /// Whether the server reads the byte as true.
    pub const fn is_set(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for WireBool {
    fn from(set: bool) -> Self {
        Self(u8::from(set))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{format, string::ToString};

    use bitflags::Flags;

    use super::*;
    use crate::codes::opcode::tests::assert_table;

    /// The names of a type's flags, with their bits.
    pub(in crate::codes) fn named<F: Flags>() -> impl Iterator<Item = (&'static str, F::Bits)> {
        F::FLAGS
            .iter()
            .filter(|flag| flag.is_named())
            .map(|flag| (flag.name(), flag.value().bits()))
    }

    #[test]
    fn open_flags() {
        assert!(named::<OpenFlags>().eq([
            ("PRODUCER", 0x001),
            ("NOTIFIER", 0x002),
            ("INCLUDE_XATTRS", 0x004),
            ("NO_VALUE", 0x008),
            ("COLLECTIONS", 0x010),
            ("INCLUDE_DELETE_TIMES", 0x020),
            ("NO_VALUE_WITH_UNDERLYING_DATATYPE", 0x040),
            ("PITR", 0x080),
            ("INCLUDE_DELETED_USER_XATTRS", 0x100),
            ("SKIP_DELETES_IN_INITIAL_BACKFILL", 0x200),
        ]));
    }

    #[test]
    fn stream_flags() {
        assert!(named::<StreamFlags>().eq([
            ("TAKE_OVER", 0x001),
            ("DISK_ONLY", 0x002),
            ("TO_LATEST", 0x004),
            ("NO_VALUE", 0x008),
            ("ACTIVE_VB_ONLY", 0x010),
            ("STRICT_VB_UUID", 0x020),
            ("FROM_LATEST", 0x040),
            ("IGNORE_PURGED_TOMBSTONES", 0x080),
            ("CACHE_TRANSFER", 0x100),
        ]));
    }

    #[test]
    fn snapshot_flags() {
        assert!(named::<SnapshotFlags>().eq([
            ("MEMORY", 0x01),
            ("DISK", 0x02),
            ("CHECKPOINT", 0x04),
            ("ACKNOWLEDGE", 0x08),
            ("HISTORY", 0x10),
            ("MAY_CONTAIN_DUPLICATES", 0x20),
        ]));
    }

    #[test]
    fn oso_flags() {
        assert!(named::<OsoFlags>().eq([("START", 0x01), ("END", 0x02)]));
    }

    #[test]
    fn unknown_flags_are_kept() {
        fn assert_kept<F: Flags<Bits = u32>>() {
            for bit in 0..u32::BITS {
                let bits = 1_u32.rotate_left(bit) | 1;
                assert_eq!(F::from_bits(bits).map(|flags| flags.bits()), Some(bits));
                assert_eq!(F::from_bits_truncate(bits).bits(), bits);
            }
        }
        assert_kept::<OpenFlags>();
        assert_kept::<StreamFlags>();
        assert_kept::<SnapshotFlags>();
        assert_kept::<OsoFlags>();
        let flags = SnapshotFlags::from_bits_retain(0x8000_0005);
        assert_eq!(
            format!("{flags:?}"),
            "SnapshotFlags(MEMORY | CHECKPOINT | 0x80000000)"
        );
    }

    #[test]
    fn tables() {
        macro_rules! assert_codes {
            ($($Code:ident: $values:expr;)*) => { $(
                assert_table($Code::NAMED, $Code::name, $Code::description, $Code::from_name);
                assert!($Code::NAMED.iter().map(|code| code.0).eq($values));
                assert_eq!($Code(0x99).to_string(), concat!(stringify!($Code), "(0x99)"));
            )* };
        }
        assert_codes! {
            StreamEndReason: 0..=8;
            VbucketState: 1..=4;
            DurabilityLevel: 0..=3;
            SystemEventId: [0, 1, 3, 4, 5];
            WireBool: 0..=1;
        }
    }

    #[test]
    fn wire_bool() {
        for byte in 0..=u8::MAX {
            assert_eq!(WireBool(byte).is_set(), byte != 0);
        }
        assert_eq!(WireBool::from(true), WireBool::TRUE);
        assert_eq!(WireBool::from(false), WireBool::FALSE);
    }
}
