//! How a request ended: bytes 6 and 7 of a response's header.

codes! {
    /// How a request ended (reference 5).
    ///
    /// A status that has no name may have a meaning all the same: the server's error map, the
    /// response to `GET_ERROR_MAP`, tells it.
    pub struct Status(u16) {
        /// It is done.
        SUCCESS = 0x00,
        /// There is no such key; in DCP, no stream for the vbucket.
        KEY_ENOENT = 0x01,
        /// The item exists or has another CAS; in DCP, a stream exists or has another opaque.
        KEY_EEXISTS = 0x02,
        /// The value, or its system extended attributes, are too large.
        E2BIG = 0x03,
        /// The request is malformed or illegal.
        EINVAL = 0x04,
        /// The item was not stored.
        NOT_STORED = 0x05,
        /// The existing value is not a number.
        DELTA_BADVAL = 0x06,
        /// The vbucket is absent from this node or in the wrong state.
        NOT_MY_VBUCKET = 0x07,
        /// No bucket is selected.
        NO_BUCKET = 0x08,
        /// The item is locked.
        LOCKED = 0x09,
        /// The vbucket has no stream; only after control v7_dcp_status_codes.
        DCP_STREAM_NOT_FOUND = 0x0a,
        /// The opaque is not that of the stream; only after control v7_dcp_status_codes.
        OPAQUE_NO_MATCH = 0x0b,
        /// The request would be throttled.
        EWOULD_THROTTLE = 0x0c,
        /// The bucket is config-only: this node has its cluster map, not its documents.
        ECONFIG_ONLY = 0x0d,
        /// The item is not locked.
        NOT_LOCKED = 0x0e,
        /// The CAS given is not valid.
        CAS_VALUE_INVALID = 0x0f,
        /// The client has to authenticate again.
        AUTH_STALE = 0x1f,
        /// Authentication failed.
        AUTH_ERROR = 0x20,
        /// The value holds the challenge for the next SASL step.
        AUTH_CONTINUE = 0x21,
        /// A number is out of its legal range; in DCP, a seqno.
        ERANGE = 0x22,
        /// The client has to roll back to the seqno in the value.
        ROLLBACK = 0x23,
        /// The user lacks the privilege.
        EACCESS = 0x24,
        /// The cluster manager has not initialised the node yet.
        NOT_INITIALIZED = 0x25,
        /// The encryption key is missing.
        ENCRYPTION_KEY_NOT_AVAILABLE = 0x26,
        /// The checksum of the data differs.
        CHECKSUM_MISMATCH = 0x27,
        /// The expiry does not fit into 32 bits.
        EXPIRY_OVERFLOW = 0x28,
        /// The lock time does not fit into 32 bits.
        LOCK_EXPIRY_OVERFLOW = 0x29,
        /// The rate limit of bytes received is reached.
        RATE_LIMITED_NETWORK_INGRESS = 0x30,
        /// The rate limit of bytes sent is reached.
        RATE_LIMITED_NETWORK_EGRESS = 0x31,
        /// There are too many connections.
        RATE_LIMITED_MAX_CONNECTIONS = 0x32,
        /// The rate limit of requests is reached.
        RATE_LIMITED_MAX_COMMANDS = 0x33,
        /// The bucket holds too much data.
        BUCKET_SIZE_LIMIT_EXCEEDED = 0x35,
        /// Writes are refused: too little of the bucket's data is in memory.
        BUCKET_RESIDENT_RATIO_TOO_LOW = 0x36,
        /// Writes are refused: the bucket's data is too large.
        BUCKET_DATA_SIZE_TOO_BIG = 0x37,
        /// Writes are refused: the disk has too little space left.
        BUCKET_DISK_SPACE_TOO_LOW = 0x38,
        /// The bucket is paused.
        BUCKET_PAUSED = 0x50,
        /// The request was cancelled and changed nothing.
        CANCELLED = 0x51,
        /// The id of a frame info is not known.
        UNKNOWN_FRAME_INFO = 0x80,
        /// The opcode is not known.
        UNKNOWN_COMMAND = 0x81,
        /// The server is out of memory.
        ENOMEM = 0x82,
        /// The bucket, the configuration or the state of the connection does not allow it.
        NOT_SUPPORTED = 0x83,
        /// The server has an internal error.
        EINTERNAL = 0x84,
        /// The server is busy.
        EBUSY = 0x85,
        /// The server fails for the time being.
        ETMPFAIL = 0x86,
        /// The section of extended attributes is malformed.
        XATTR_EINVAL = 0x87,
        /// There is no such collection; the value holds the manifest's uid as JSON.
        UNKNOWN_COLLECTION = 0x88,
        /// The manifest is refused.
        CANNOT_APPLY_COLLECTIONS_MANIFEST = 0x8a,
        /// There is no such scope; the value holds the manifest's uid as JSON.
        UNKNOWN_SCOPE = 0x8c,
        /// The stream id is missing, not allowed, zero or not found.
        DCP_STREAM_ID_INVALID = 0x8d,
        /// The durability level is illegal or its timeout is a reserved one.
        DURABILITY_INVALID_LEVEL = 0xa0,
        /// There are not enough replicas for the durability level.
        DURABILITY_IMPOSSIBLE = 0xa1,
        /// Another durable write to the key is pending.
        SYNC_WRITE_IN_PROGRESS = 0xa2,
        /// Nobody knows whether the durable write took place.
        SYNC_WRITE_AMBIGUOUS = 0xa3,
        /// A durable write to the key is being committed again.
        SYNC_WRITE_RE_COMMIT_IN_PROGRESS = 0xa4,
        /// The range scan is cancelled.
        RANGE_SCAN_CANCELLED = 0xa5,
        /// The range scan has more data to come.
        RANGE_SCAN_MORE = 0xa6,
        /// The range scan is finished.
        RANGE_SCAN_COMPLETE = 0xa7,
        /// The vbucket has another uuid.
        VB_UUID_NOT_EQUAL = 0xa8,
        /// The path does not exist.
        SUBDOC_PATH_ENOENT = 0xc0,
        /// The path does not fit the structure of the document.
        SUBDOC_PATH_MISMATCH = 0xc1,
        /// The syntax of the path is wrong.
        SUBDOC_PATH_EINVAL = 0xc2,
        /// The path is too large.
        SUBDOC_PATH_E2BIG = 0xc3,
        /// The document is too deep to be parsed.
        SUBDOC_DOC_E2DEEP = 0xc4,
        /// The value cannot be inserted.
        SUBDOC_VALUE_CANTINSERT = 0xc5,
        /// The document is not JSON.
        SUBDOC_DOC_NOT_JSON = 0xc6,
        /// A number is outside the range of an i64.
        SUBDOC_NUM_ERANGE = 0xc7,
        /// The delta is illegal.
        SUBDOC_DELTA_EINVAL = 0xc8,
        /// The path exists already.
        SUBDOC_PATH_EEXISTS = 0xc9,
        /// The document would become too deep.
        SUBDOC_VALUE_ETOODEEP = 0xca,
        /// The operations cannot be combined.
        SUBDOC_INVALID_COMBO = 0xcb,
        /// Some paths failed; the value says which.
        SUBDOC_MULTI_PATH_FAILURE = 0xcc,
        /// It is done, on a deleted document.
        SUBDOC_SUCCESS_DELETED = 0xcd,
        /// The flags for extended attributes cannot be combined.
        SUBDOC_XATTR_INVALID_FLAG_COMBO = 0xce,
        /// The keys of extended attributes cannot be combined.
        SUBDOC_XATTR_INVALID_KEY_COMBO = 0xcf,
        /// There is no such macro.
        SUBDOC_XATTR_UNKNOWN_MACRO = 0xd0,
        /// There is no such virtual extended attribute.
        SUBDOC_XATTR_UNKNOWN_VATTR = 0xd1,
        /// A virtual extended attribute cannot be changed.
        SUBDOC_XATTR_CANT_MODIFY_VATTR = 0xd2,
        /// Some paths failed, on a deleted document; the value says which.
        SUBDOC_MULTI_PATH_FAILURE_DELETED = 0xd3,
        /// Operations on extended attributes have to come first.
        SUBDOC_INVALID_XATTR_ORDER = 0xd4,
        /// There is no such macro for virtual extended attributes.
        SUBDOC_XATTR_UNKNOWN_VATTR_MACRO = 0xd5,
        /// Only a deleted document can be revived.
        SUBDOC_CAN_ONLY_REVIVE_DELETED_DOCUMENTS = 0xd6,
        /// A deleted document cannot have a value.
        SUBDOC_DELETED_DOCUMENT_CANT_HAVE_VALUE = 0xd7,
        /// The field is not binary.
        SUBDOC_FIELD_NOT_BINARY_VALUE = 0xd8,
        /// The first status that applications such as proxies may give a meaning of their own.
        RESERVED_USER_START = 0xff00,
        /// The last status that applications such as proxies may give a meaning of their own.
        RESERVED_USER_END = 0xffff,
    }
}

impl Status {
    /// What the status is about (reference 5); the first, where the reference names two.
    pub const fn category(self) -> StatusCategory {
        match self.0 {
            0x00 => StatusCategory::Success,
            0x01 | 0x02 | 0x05 | 0x06 | 0x09 | 0x0e | 0x0f => StatusCategory::Item,
            0x03 | 0x04 | 0x22 | 0x28 | 0x29 | 0x87 => StatusCategory::Input,
            0x07 | 0x0d => StatusCategory::Topology,
            0x08 => StatusCategory::Connection,
            0x0a | 0x0b | 0x23 | 0x8d => StatusCategory::Dcp,
            0x0c | 0x30..=0x33 => StatusCategory::RateLimit,
            0x1f..=0x21 | 0x24 | 0x25 => StatusCategory::Auth,
            0x26 | 0x27 | 0x84 => StatusCategory::Server,
            0x35..=0x38 => StatusCategory::Quota,
            0x50 | 0x51 | 0x82 | 0x85 | 0x86 => StatusCategory::Transient,
            0x80 | 0x81 | 0x83 => StatusCategory::Protocol,
            0x88 | 0x8a | 0x8c => StatusCategory::Collections,
            0xa0..=0xa4 => StatusCategory::Durability,
            0xa5..=0xa8 => StatusCategory::RangeScan,
            0xc0..=0xd8 => StatusCategory::Subdoc,
            0xff00..=0xffff => StatusCategory::User,
            _ => StatusCategory::Unknown,
        }
    }

    /// Whether the body is what the command promises, not an error in JSON (reference 1.4).
    pub const fn is_success_like(self) -> bool {
        matches!(
            self.0,
            0x00 | 0x21 | 0x23 | 0xa6 | 0xa7 | 0xcc | 0xcd | 0xd3
        )
    }

    /// Whether the same request may succeed later (reference 5).
    pub const fn is_transient(self) -> bool {
        matches!(
            self.0,
            0x09 | 0x0c | 0x30 | 0x31 | 0x33 | 0x50 | 0x51 | 0x82 | 0x85 | 0x86 | 0xa2 | 0xa4
        )
    }

    /// Whether the status is set aside for applications: Couchbase never sends it (reference 5).
    pub const fn is_user(self) -> bool {
        self.0 >= Self::RESERVED_USER_START.0
    }
}

/// What a status is about (reference 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusCategory {
    /// It is done.
    Success,
    /// The state of the item, or of the stream.
    Item,
    /// The request: it is wrong and will stay so.
    Input,
    /// Which node has the vbucket or the bucket.
    Topology,
    /// The state of the connection.
    Connection,
    /// Authentication and privileges.
    Auth,
    /// The streams of DCP.
    Dcp,
    /// How much a client may ask for in a time.
    RateLimit,
    /// How much a bucket may hold.
    Quota,
    /// A condition that passes, and nothing else.
    Transient,
    /// What the server understands or supports.
    Protocol,
    /// The server itself.
    Server,
    /// Collections, scopes and their manifest.
    Collections,
    /// Durable writes.
    Durability,
    /// Range scans.
    RangeScan,
    /// Operations on parts of a document.
    Subdoc,
    /// Known only to an application, 0xff00 to 0xffff.
    User,
    /// A status without a name.
    Unknown,
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;
    use crate::codes::opcode::tests::assert_table;

    fn all() -> impl Iterator<Item = Status> {
        (0..=u16::MAX).map(Status)
    }

    /// The statuses of which the predicate holds are these.
    fn assert_holds_for(expected: &[u16], predicate: fn(Status) -> bool) {
        for status in all() {
            assert_eq!(predicate(status), expected.contains(&status.0), "{status}");
        }
    }

    #[test]
    fn table() {
        assert_table(
            Status::NAMED,
            Status::name,
            Status::description,
            Status::from_name,
        );
        // 84 rows in reference 5, the last of which is the range for applications.
        assert_eq!(Status::NAMED.len(), 85);
    }

    #[test]
    fn unknown() {
        assert_eq!(Status(0x99).to_string(), "Status(0x99)");
        assert_eq!(Status(0xff01).to_string(), "Status(0xff01)");
    }

    #[test]
    fn category() {
        use StatusCategory::*;

        let expected: [(StatusCategory, &[u16]); 16] = [
            (Success, &[0x00]),
            (Item, &[0x01, 0x02, 0x05, 0x06, 0x09, 0x0e, 0x0f]),
            (Input, &[0x03, 0x04, 0x22, 0x28, 0x29, 0x87]),
            (Topology, &[0x07, 0x0d]),
            (Connection, &[0x08]),
            (Dcp, &[0x0a, 0x0b, 0x23, 0x8d]),
            (RateLimit, &[0x0c, 0x30, 0x31, 0x32, 0x33]),
            (Auth, &[0x1f, 0x20, 0x21, 0x24, 0x25]),
            (Server, &[0x26, 0x27, 0x84]),
            (Quota, &[0x35, 0x36, 0x37, 0x38]),
            (Transient, &[0x50, 0x51, 0x82, 0x85, 0x86]),
            (Protocol, &[0x80, 0x81, 0x83]),
            (Collections, &[0x88, 0x8a, 0x8c]),
            (Durability, &[0xa0, 0xa1, 0xa2, 0xa3, 0xa4]),
            (RangeScan, &[0xa5, 0xa6, 0xa7, 0xa8]),
            (
                Subdoc,
                &[
                    0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc,
                    0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8,
                ],
            ),
        ];
        for status in all() {
            let named = expected
                .iter()
                .find(|(_, codes)| codes.contains(&status.0))
                .map(|&(category, _)| category);
            let user = status.is_user().then_some(User);
            assert_eq!(
                status.category(),
                named.or(user).unwrap_or(Unknown),
                "{status}"
            );
            let has_name = status.name().is_some() || status.is_user();
            assert_eq!(status.category() != Unknown, has_name, "{status}");
        }
    }

    #[test]
    fn is_success_like() {
        assert_holds_for(
            &[0x00, 0x21, 0x23, 0xa6, 0xa7, 0xcc, 0xcd, 0xd3],
            Status::is_success_like,
        );
    }

    #[test]
    fn is_transient() {
        assert_holds_for(
            &[
                0x09, 0x0c, 0x30, 0x31, 0x33, 0x50, 0x51, 0x82, 0x85, 0x86, 0xa2, 0xa4,
            ],
            Status::is_transient,
        );
        for status in all().filter(|status| status.category() == StatusCategory::Transient) {
            assert!(status.is_transient(), "{status}");
        }
    }

    #[test]
    fn is_user() {
        for status in all() {
            assert_eq!(status.is_user(), status.0 >> 8 == 0xff, "{status}");
        }
    }
}
