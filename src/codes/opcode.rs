//! What a packet is about: the second byte of its header.

use core::fmt;

codes! {
    /// What a client asks for, and what a response answers (reference 4.1).
    ///
    /// The server answers a number that has no name with `UNKNOWN_COMMAND`, a retired one with
    /// `NOT_SUPPORTED`.
    pub struct Opcode(u8) {
        /// Reads a document.
        GET = 0x00,
        /// Writes a document, whether or not it exists.
        SET = 0x01,
        /// Writes a document that must not exist yet.
        ADD = 0x02,
        /// Writes a document that must exist already.
        REPLACE = 0x03,
        /// Deletes a document.
        DELETE = 0x04,
        /// Adds to the number that a document holds.
        INCREMENT = 0x05,
        /// Subtracts from the number that a document holds.
        DECREMENT = 0x06,
        /// Asks the server to close the connection.
        QUIT = 0x07,
        /// Retired: deleted every document of a bucket.
        FLUSH = 0x08,
        /// Deprecated: GET without a response if there is no such document.
        GETQ = 0x09,
        /// Does nothing but cause a response.
        NOOP = 0x0a,
        /// Asks for the server's version.
        VERSION = 0x0b,
        /// Deprecated: GET with the key in the response.
        GETK = 0x0c,
        /// Deprecated: GETK without a response if there is no such document.
        GETKQ = 0x0d,
        /// Adds bytes to the end of a document.
        APPEND = 0x0e,
        /// Adds bytes to the front of a document.
        PREPEND = 0x0f,
        /// Asks for statistics: a response for each, then an empty one.
        STAT = 0x10,
        /// Deprecated: SET without a response on success.
        SETQ = 0x11,
        /// Deprecated: ADD without a response on success.
        ADDQ = 0x12,
        /// Deprecated: REPLACE without a response on success.
        REPLACEQ = 0x13,
        /// Deprecated: DELETE without a response on success.
        DELETEQ = 0x14,
        /// Deprecated: INCREMENT without a response on success.
        INCREMENTQ = 0x15,
        /// Deprecated: DECREMENT without a response on success.
        DECREMENTQ = 0x16,
        /// Deprecated: QUIT without a response.
        QUITQ = 0x17,
        /// Retired: FLUSH without a response on success.
        FLUSHQ = 0x18,
        /// Deprecated: APPEND without a response on success.
        APPENDQ = 0x19,
        /// Deprecated: PREPEND without a response on success.
        PREPENDQ = 0x1a,
        /// Sets how much the server logs.
        VERBOSITY = 0x1b,
        /// Sets when a document expires.
        TOUCH = 0x1c,
        /// Reads a document and sets when it expires.
        GAT = 0x1d,
        /// GAT without a response if there is no such document.
        GATQ = 0x1e,
        /// Negotiates the features of the connection; each replaces all earlier grants.
        HELLO = 0x1f,
        /// Asks which SASL mechanisms the server offers.
        SASL_LIST_MECHS = 0x20,
        /// Starts to authenticate by SASL.
        SASL_AUTH = 0x21,
        /// Answers the server's SASL challenge.
        SASL_STEP = 0x22,
        /// Reads a property of the running server.
        IOCTL_GET = 0x23,
        /// Sets a property of the running server.
        IOCTL_SET = 0x24,
        /// Checks a server configuration without using it.
        CONFIG_VALIDATE = 0x25,
        /// Makes the server read its configuration again.
        CONFIG_RELOAD = 0x26,
        /// Adds an event to the audit log.
        AUDIT_PUT = 0x27,
        /// Makes the server read its audit configuration again.
        AUDIT_CONFIG_RELOAD = 0x28,
        /// Shuts the server down.
        SHUTDOWN = 0x29,
        /// Sets the throttle limits of a bucket.
        SET_BUCKET_THROTTLE_PROPERTIES = 0x2a,
        /// Tells the server whether a bucket holds more data than it may.
        SET_BUCKET_DATA_LIMIT_EXCEEDED = 0x2b,
        /// Retired: set the throttle limits of the node.
        SET_NODE_THROTTLE_PROPERTIES = 0x2c,
        /// Sets which encryption keys are in use.
        SET_ACTIVE_ENCRYPTION_KEYS = 0x2d,
        /// Drops encryption keys that are no longer wanted.
        PRUNE_ENCRYPTION_KEYS = 0x2e,
        /// Registers the token data that a frame info can refer to by its id.
        REGISTER_AUTH_TOKEN = 0x2f,
        /// Retired: GET for a range of keys.
        RGET = 0x30,
        /// Retired: SET for a range of keys.
        RSET = 0x31,
        /// Retired: RSET without a response on success.
        RSETQ = 0x32,
        /// Retired: APPEND for a range of keys.
        RAPPEND = 0x33,
        /// Retired: RAPPEND without a response on success.
        RAPPENDQ = 0x34,
        /// Retired: PREPEND for a range of keys.
        RPREPEND = 0x35,
        /// Retired: RPREPEND without a response on success.
        RPREPENDQ = 0x36,
        /// Retired: DELETE for a range of keys.
        RDELETE = 0x37,
        /// Retired: RDELETE without a response on success.
        RDELETEQ = 0x38,
        /// Retired: INCREMENT for a range of keys.
        RINCR = 0x39,
        /// Retired: RINCR without a response on success.
        RINCRQ = 0x3a,
        /// Retired: DECREMENT for a range of keys.
        RDECR = 0x3b,
        /// Retired: RDECR without a response on success.
        RDECRQ = 0x3c,
        /// Sets the state of a vbucket.
        SET_VBUCKET = 0x3d,
        /// Asks for the state of a vbucket.
        GET_VBUCKET = 0x3e,
        /// Deletes a vbucket.
        DEL_VBUCKET = 0x3f,
        /// Retired: opened a connection for TAP, the predecessor of DCP.
        TAP_CONNECT = 0x40,
        /// Retired: carried a changed document in TAP.
        TAP_MUTATION = 0x41,
        /// Retired: carried the deletion of a document in TAP.
        TAP_DELETE = 0x42,
        /// Retired: carried the deletion of all documents in TAP.
        TAP_FLUSH = 0x43,
        /// Retired: carried a control message in TAP.
        TAP_OPAQUE = 0x44,
        /// Retired: carried a change of vbucket state in TAP.
        TAP_VBUCKET_SET = 0x45,
        /// Retired: announced the start of a checkpoint in TAP.
        TAP_CHECKPOINT_START = 0x46,
        /// Retired: announced the end of a checkpoint in TAP.
        TAP_CHECKPOINT_END = 0x47,
        /// Asks for the high seqnos of all vbuckets.
        GET_ALL_VB_SEQNOS = 0x48,
        /// Reads a document together with its extended attributes.
        GET_EX = 0x49,
        /// GET_EX for a replica vbucket.
        GET_EX_REPLICA = 0x4a,
        /// Writes a document with metadata of the client's choice.
        MUTATE_WITH_META = 0x4b,
        /// Turns the connection into a DCP connection, in one of two directions.
        DCP_OPEN = 0x50,
        /// Makes a server that consumes open a stream to its producer.
        DCP_ADD_STREAM = 0x51,
        /// Closes a stream.
        DCP_CLOSE_STREAM = 0x52,
        /// Asks the producer for the changes of a vbucket.
        DCP_STREAM_REQ = 0x53,
        /// Asks the producer for the failover log of a vbucket.
        DCP_GET_FAILOVER_LOG = 0x54,
        /// Ends a stream and says why.
        DCP_STREAM_END = 0x55,
        /// Announces a snapshot: the range of seqnos of the items that follow.
        DCP_SNAPSHOT_MARKER = 0x56,
        /// Carries a document that was created or changed.
        DCP_MUTATION = 0x57,
        /// Carries the deletion of a document.
        DCP_DELETION = 0x58,
        /// Carries the deletion of a document that expired.
        DCP_EXPIRATION = 0x59,
        /// Retired: carried the deletion of all documents.
        DCP_FLUSH = 0x5a,
        /// Makes the consumer set the state of a vbucket during a takeover.
        DCP_SET_VBUCKET_STATE = 0x5b,
        /// Asks the consumer whether it is alive.
        DCP_NOOP = 0x5c,
        /// Tells the producer how many bytes the consumer has freed.
        DCP_BUFFER_ACKNOWLEDGEMENT = 0x5d,
        /// Sets an option of the DCP connection.
        DCP_CONTROL = 0x5e,
        /// Carries the creation, change or end of a collection or scope.
        DCP_SYSTEM_EVENT = 0x5f,
        /// Carries a durable write or deletion that awaits its commit or abort.
        DCP_PREPARE = 0x60,
        /// Tells the producer up to which seqno the consumer holds all prepares.
        DCP_SEQNO_ACKNOWLEDGED = 0x61,
        /// Carries the commit of a prepare.
        DCP_COMMIT = 0x62,
        /// Carries the abort of a prepare.
        DCP_ABORT = 0x63,
        /// Tells that the vbucket reached a seqno whose item is not sent.
        DCP_SEQNO_ADVANCED = 0x64,
        /// Starts or ends a snapshot whose items are not in the order of their seqnos.
        DCP_OSO_SNAPSHOT = 0x65,
        /// Carries items from the cache of the producer.
        DCP_CACHE_TRANSFER = 0x66,
        /// Ends a cache transfer whose stream goes on with snapshots.
        DCP_CACHE_TRANSFER_END = 0x67,
        /// Asks for a snapshot of a vbucket in Fusion storage.
        GET_FUSION_STORAGE_SNAPSHOT = 0x70,
        /// Gives back a snapshot in Fusion storage.
        RELEASE_FUSION_STORAGE_SNAPSHOT = 0x71,
        /// Mounts a vbucket from Fusion storage.
        MOUNT_FUSION_VBUCKET = 0x72,
        /// Unmounts a vbucket from Fusion storage.
        UNMOUNT_FUSION_VBUCKET = 0x73,
        /// Brings the Fusion log store of a vbucket up to date.
        SYNC_FUSION_LOGSTORE = 0x74,
        /// Starts to upload a vbucket to Fusion storage.
        START_FUSION_UPLOADER = 0x75,
        /// Stops uploading a vbucket to Fusion storage.
        STOP_FUSION_UPLOADER = 0x76,
        /// Deletes a namespace of Fusion storage.
        DELETE_FUSION_NAMESPACE = 0x77,
        /// Lists the namespaces of Fusion storage.
        GET_FUSION_NAMESPACES = 0x78,
        /// Creates a namespace of Fusion storage.
        CREATE_FUSION_NAMESPACE = 0x79,
        /// Stops writing the bucket to disk.
        STOP_PERSISTENCE = 0x80,
        /// Starts writing the bucket to disk again.
        START_PERSISTENCE = 0x81,
        /// Sets a parameter of the bucket's engine.
        SET_PARAM = 0x82,
        /// Reads a document from a replica vbucket.
        GET_REPLICA = 0x83,
        /// Sets the token the server authenticates with to Chronicle.
        SET_CHRONICLE_AUTH_TOKEN = 0x84,
        /// Creates a bucket.
        CREATE_BUCKET = 0x85,
        /// Deletes a bucket.
        DELETE_BUCKET = 0x86,
        /// Lists the buckets the client has access to.
        LIST_BUCKETS = 0x87,
        /// Selects the bucket that later requests are for.
        SELECT_BUCKET = 0x89,
        /// Pauses a bucket.
        PAUSE_BUCKET = 0x8a,
        /// Resumes a paused bucket.
        RESUME_BUCKET = 0x8b,
        /// Checks a bucket configuration without using it.
        VALIDATE_BUCKET_CONFIG = 0x8c,
        /// Asks how far a vbucket is in memory and on disk.
        OBSERVE_SEQNO = 0x91,
        /// Asks in which state given keys are.
        OBSERVE = 0x92,
        /// Evicts a document from memory.
        EVICT_KEY = 0x93,
        /// Reads a document and locks it.
        GET_LOCKED = 0x94,
        /// Unlocks a document.
        UNLOCK_KEY = 0x95,
        /// Asks for the failover log of a vbucket, on any connection.
        GET_FAILOVER_LOG = 0x96,
        /// Retired: asked for the last closed checkpoint of a vbucket.
        LAST_CLOSED_CHECKPOINT = 0x97,
        /// Retired: removed a registered TAP client.
        DEREGISTER_TAP_CLIENT = 0x9e,
        /// Retired: reset the replication chain.
        RESET_REPLICATION_CHAIN = 0x9f,
        /// Reads the metadata of a document.
        GET_META = 0xa0,
        /// Deprecated: GET_META without a response if there is no such document.
        GETQ_META = 0xa1,
        /// SET with metadata of the client's choice.
        SET_WITH_META = 0xa2,
        /// Deprecated: SET_WITH_META without a response on success.
        SETQ_WITH_META = 0xa3,
        /// ADD with metadata of the client's choice.
        ADD_WITH_META = 0xa4,
        /// Deprecated: ADD_WITH_META without a response on success.
        ADDQ_WITH_META = 0xa5,
        /// Retired: wrote the states of the vbuckets to disk.
        SNAPSHOT_VB_STATES = 0xa6,
        /// Retired: passed a vbucket batch counter to the storage.
        VBUCKET_BATCH_COUNT = 0xa7,
        /// DELETE with metadata of the client's choice.
        DEL_WITH_META = 0xa8,
        /// Deprecated: DEL_WITH_META without a response on success.
        DELQ_WITH_META = 0xa9,
        /// Retired: opened a new checkpoint.
        CREATE_CHECKPOINT = 0xaa,
        /// Retired: told the storage that the state of a vbucket had changed.
        NOTIFY_VBUCKET_UPDATE = 0xac,
        /// Lets data requests into the bucket.
        ENABLE_TRAFFIC = 0xad,
        /// Keeps data requests out of the bucket.
        DISABLE_TRAFFIC = 0xae,
        /// Manages the network interfaces the server listens on.
        IFCONFIG = 0xaf,
        /// Retired: changed which vbuckets a TAP connection received.
        CHANGE_VB_FILTER = 0xb0,
        /// Retired: waited until a checkpoint was on disk.
        CHECKPOINT_PERSISTENCE = 0xb1,
        /// Writes or deletes a document and responds with its new metadata.
        RETURN_META = 0xb2,
        /// Compacts the file of a vbucket.
        COMPACT_DB = 0xb3,
        /// Gives the server the cluster map of a bucket.
        SET_CLUSTER_CONFIG = 0xb4,
        /// Asks for the cluster map of a bucket.
        GET_CLUSTER_CONFIG = 0xb5,
        /// Reads a document picked at random.
        GET_RANDOM_KEY = 0xb6,
        /// Waits until a vbucket is on disk up to a seqno.
        SEQNO_PERSISTENCE = 0xb7,
        /// Lists keys, beginning with a given one.
        GET_KEYS = 0xb8,
        /// Gives the bucket its manifest: the scopes and collections it has.
        COLLECTIONS_SET_MANIFEST = 0xb9,
        /// Asks for the bucket's manifest of scopes and collections.
        COLLECTIONS_GET_MANIFEST = 0xba,
        /// Asks for the id of a collection, by name.
        COLLECTIONS_GET_ID = 0xbb,
        /// Asks for the id of a scope, by name.
        COLLECTIONS_GET_SCOPE_ID = 0xbc,
        /// Retired: set the clock drift counter of a vbucket.
        SET_DRIFT_COUNTER_STATE = 0xc1,
        /// Retired: asked for a vbucket's time, corrected for clock drift.
        GET_ADJUSTED_TIME = 0xc2,
        /// Reads the value at a path of a document.
        SUBDOC_GET = 0xc5,
        /// Asks whether a path of a document exists.
        SUBDOC_EXISTS = 0xc6,
        /// Adds a member that must not exist yet to an object in a document.
        SUBDOC_DICT_ADD = 0xc7,
        /// Writes a member of an object in a document, whether or not it exists.
        SUBDOC_DICT_UPSERT = 0xc8,
        /// Deletes the value at a path of a document.
        SUBDOC_DELETE = 0xc9,
        /// Replaces the value at a path of a document, which must exist.
        SUBDOC_REPLACE = 0xca,
        /// Adds values to the end of an array in a document.
        SUBDOC_ARRAY_PUSH_LAST = 0xcb,
        /// Adds values to the front of an array in a document.
        SUBDOC_ARRAY_PUSH_FIRST = 0xcc,
        /// Inserts values into an array in a document.
        SUBDOC_ARRAY_INSERT = 0xcd,
        /// Adds a value to an array in a document unless it is there already.
        SUBDOC_ARRAY_ADD_UNIQUE = 0xce,
        /// Adds to the number at a path of a document.
        SUBDOC_COUNTER = 0xcf,
        /// Reads from several paths of a document.
        SUBDOC_MULTI_LOOKUP = 0xd0,
        /// Writes to several paths of a document.
        SUBDOC_MULTI_MUTATION = 0xd1,
        /// Counts the elements or members at a path of a document.
        SUBDOC_GET_COUNT = 0xd2,
        /// Replaces the body of a document with one of its extended attributes.
        SUBDOC_REPLACE_BODY_WITH_XATTR = 0xd3,
        /// Creates a scan over a range of keys.
        RANGE_SCAN_CREATE = 0xda,
        /// Asks for the next part of a range scan.
        RANGE_SCAN_CONTINUE = 0xdb,
        /// Cancels a range scan.
        RANGE_SCAN_CANCEL = 0xdc,
        /// Prepares a snapshot of a vbucket's files.
        PREPARE_SNAPSHOT = 0xe0,
        /// Gives back a snapshot of a vbucket's files.
        RELEASE_SNAPSHOT = 0xe1,
        /// Makes the server fetch a vbucket's snapshot from another node.
        DOWNLOAD_SNAPSHOT = 0xe2,
        /// Reads a part of a file of a snapshot.
        GET_FILE_FRAGMENT = 0xe3,
        /// Retired: made the engine clean up.
        SCRUB = 0xf0,
        /// Makes the server read its password database again.
        ISASL_REFRESH = 0xf1,
        /// Retired: made the server read its TLS certificates again.
        SSL_CERTS_REFRESH = 0xf2,
        /// Asks how long the requests of an opcode took.
        GET_CMD_TIMER = 0xf3,
        /// Sets the cluster manager's control token.
        SET_CTRL_TOKEN = 0xf4,
        /// Asks for the cluster manager's control token.
        GET_CTRL_TOKEN = 0xf5,
        /// Updates the permissions of an external user.
        UPDATE_USER_PERMISSIONS = 0xf6,
        /// Makes the server read its roles and privileges again.
        RBAC_REFRESH = 0xf7,
        /// Registers the connection as an authentication provider.
        AUTH_PROVIDER = 0xf8,
        /// Drops privileges of the connection.
        DROP_PRIVILEGES = 0xfb,
        /// Shifts the server's clock, for tests.
        ADJUST_TIMEOFDAY = 0xfc,
        /// Controls the engine that injects errors, for tests.
        EWB_CTL = 0xfd,
        /// Asks for the error map: what the statuses mean to a client.
        GET_ERROR_MAP = 0xfe,
    }
}

impl Opcode {
    /// Whether this is an opcode of DCP, 0x50 to 0x67 (reference 6).
    pub const fn is_dcp(self) -> bool {
        matches!(self.0, 0x50..=0x67)
    }

    /// Whether the number is only reserved: the server answers `NOT_SUPPORTED` (reference 4.1).
    #[rustfmt::skip] // A line per high digit.
    pub const fn is_retired(self) -> bool {
        matches!(
            self.0,
            0x08
            | 0x18
            | 0x2c
            | 0x30..=0x3c
            | 0x40..=0x47
            | 0x5a
            | 0x97 | 0x9e | 0x9f
            | 0xa6 | 0xa7 | 0xaa | 0xac
            | 0xb0 | 0xb1
            | 0xc1 | 0xc2
            | 0xf0 | 0xf2
        )
    }

    /// Whether the server leaves out the response on success (reference 1.4 and 4.1).
    ///
    /// Quiet reads (`GETQ`, `GETKQ`, `GATQ`, `GETQ_META`) still answer with the document or
    /// metadata they find; what they leave out is that there is none. The messages of DCP are not
    /// quiet in this sense, although most are answered only on failure (reference 6.0).
    #[rustfmt::skip] // A line per high digit.
    pub const fn is_quiet(self) -> bool {
        matches!(
            self.0,
            0x09 | 0x0d
            | 0x11..=0x17 | 0x19 | 0x1a | 0x1e
            | 0x32 | 0x34 | 0x36 | 0x38 | 0x3a | 0x3c
            | 0xa1 | 0xa3 | 0xa5 | 0xa9
        )
    }

    /// Whether the key of a request is that of a document, which begins with the id of its
    /// collection once collections are negotiated (reference 4.1 and 6.0).
    #[rustfmt::skip] // A line per high digit.
    pub const fn has_document_key(self) -> bool {
        matches!(
            self.0,
            0x00..=0x06 | 0x09 | 0x0c..=0x0f
            | 0x11..=0x16 | 0x19 | 0x1a | 0x1c..=0x1e
            | 0x49..=0x4b
            | 0x57..=0x59
            | 0x60 | 0x62 | 0x63
            | 0x83
            | 0x93..=0x95
            | 0xa0..=0xa5 | 0xa8 | 0xa9
            | 0xb2 | 0xb8
            | 0xc5..=0xd3
        )
    }
}

codes! {
    /// What the server asks of a client (reference 4.2).
    ///
    /// It asks only clients that negotiated `DUPLEX`, and authentication providers.
    pub struct ServerOpcode(u8) {
        /// Tells that the cluster map of a bucket changed; no response is due.
        CLUSTERMAP_CHANGE_NOTIFICATION = 0x01,
        /// Asks an authentication provider to authenticate a user.
        AUTHENTICATE = 0x02,
        /// Tells an authentication provider which external users are connected.
        ACTIVE_EXTERNAL_USERS = 0x03,
        /// Asks an authentication provider what a user may do.
        GET_AUTHORIZATION = 0x04,
    }
}

/// What a packet is about, in either direction of asking.
///
/// The numbers of the two spaces overlap, 0x01 being `SET` as well as
/// `CLUSTERMAP_CHANGE_NOTIFICATION`; the magic decides which is meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Command {
    /// Asked by the client: magics 0x80, 0x81, 0x08 and 0x18.
    Client(Opcode),
    /// Asked by the server: magics 0x82 and 0x83.
    Server(ServerOpcode),
}

impl Command {
    /// The opcode, unless it is the server that asks.
    pub const fn opcode(self) -> Option<Opcode> {
        match self {
            Self::Client(opcode) => Some(opcode),
            Self::Server(_) => None,
        }
    }

    /// The byte in the header.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Client(opcode) => opcode.0,
            Self::Server(opcode) => opcode.0,
        }
    }
}

impl From<Opcode> for Command {
    fn from(opcode: Opcode) -> Self {
        Self::Client(opcode)
    }
}

impl From<ServerOpcode> for Command {
    fn from(opcode: ServerOpcode) -> Self {
        Self::Server(opcode)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(opcode) => opcode.fmt(f),
            Self::Server(opcode) => opcode.fmt(f),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{format, string::ToString};

    use super::*;

    /// What holds for every table of codes.
    pub(in crate::codes) fn assert_table<C: Copy + Ord + fmt::Debug + fmt::Display>(
        named: &[C],
        name: fn(C) -> Option<&'static str>,
        description: fn(C) -> Option<&'static str>,
        from_name: fn(&str) -> Option<C>,
    ) {
        assert!(named.is_sorted_by(|a, b| a < b), "strictly ascending");
        for &code in named {
            let name = name(code).unwrap();
            assert_eq!(from_name(name), Some(code));
            assert_eq!(from_name(&name.to_ascii_lowercase()), Some(code));
            assert_eq!(format!("{code} {code:?}"), format!("{name} {name}"));

            let description = description(code).unwrap();
            assert_eq!(description, description.trim(), "{name}");
            assert!(description.ends_with('.'), "{name}");
            assert!(!description.contains(". "), "{name}: more than a sentence");
        }
        assert_eq!(from_name("NO_SUCH_NAME"), None);
    }

    /// The opcodes of which the predicate holds are these.
    fn assert_holds_for(expected: &[u8], predicate: fn(Opcode) -> bool) {
        for byte in 0..=u8::MAX {
            let opcode = Opcode(byte);
            assert_eq!(predicate(opcode), expected.contains(&byte), "{opcode}");
        }
    }

    #[test]
    fn tables() {
        assert_table(
            Opcode::NAMED,
            Opcode::name,
            Opcode::description,
            Opcode::from_name,
        );
        assert_table(
            ServerOpcode::NAMED,
            ServerOpcode::name,
            ServerOpcode::description,
            ServerOpcode::from_name,
        );
        assert_eq!(Opcode::NAMED.len(), 196, "rows of reference 4.1");
        assert_eq!(ServerOpcode::NAMED.len(), 4, "rows of reference 4.2");
    }

    #[test]
    fn unknown() {
        assert_eq!(Opcode(0x99).to_string(), "Opcode(0x99)");
        assert_eq!(ServerOpcode(0x99).to_string(), "ServerOpcode(0x99)");
        assert_eq!(Opcode(0xff).name(), None);
        assert_eq!(Opcode(0xff).description(), None);
    }

    #[test]
    fn is_dcp() {
        assert_holds_for(
            &[
                0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d,
                0x5e, 0x5f, 0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67,
            ],
            Opcode::is_dcp,
        );
        for opcode in Opcode::NAMED {
            let name = opcode.name().unwrap();
            assert_eq!(opcode.is_dcp(), name.starts_with("DCP_"), "{name}");
        }
    }

    #[test]
    fn is_retired() {
        assert_holds_for(
            &[
                0x08, 0x18, 0x2c, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a,
                0x3b, 0x3c, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x5a, 0x97, 0x9e, 0x9f,
                0xa6, 0xa7, 0xaa, 0xac, 0xb0, 0xb1, 0xc1, 0xc2, 0xf0, 0xf2,
            ],
            Opcode::is_retired,
        );
        for opcode in Opcode::NAMED {
            let description = opcode.description().unwrap();
            assert_eq!(
                opcode.is_retired(),
                description.starts_with("Retired: "),
                "{opcode}"
            );
        }
    }

    #[test]
    fn is_quiet() {
        assert_holds_for(
            &[
                0x09, 0x0d, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x19, 0x1a, 0x1e, 0x32, 0x34,
                0x36, 0x38, 0x3a, 0x3c, 0xa1, 0xa3, 0xa5, 0xa9,
            ],
            Opcode::is_quiet,
        );
    }

    #[test]
    fn has_document_key() {
        assert_holds_for(
            &[
                0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x09, 0x0c, 0x0d, 0x0e, 0x0f, 0x11, 0x12,
                0x13, 0x14, 0x15, 0x16, 0x19, 0x1a, 0x1c, 0x1d, 0x1e, 0x49, 0x4a, 0x4b, 0x57, 0x58,
                0x59, 0x60, 0x62, 0x63, 0x83, 0x93, 0x94, 0x95, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5,
                0xa8, 0xa9, 0xb2, 0xb8, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce,
                0xcf, 0xd0, 0xd1, 0xd2, 0xd3,
            ],
            Opcode::has_document_key,
        );
    }

    #[test]
    fn the_spaces_of_command_overlap() {
        let (set, notification) = (Opcode::SET, ServerOpcode::CLUSTERMAP_CHANGE_NOTIFICATION);
        let (client, server) = (Command::from(set), Command::from(notification));
        assert_eq!((client.byte(), server.byte()), (0x01, 0x01));
        assert_ne!(client, server);
        assert_eq!((client.opcode(), server.opcode()), (Some(set), None));
        assert_eq!(format!("{client} {client:?}"), "SET SET");
        assert_eq!(server.to_string(), "CLUSTERMAP_CHANGE_NOTIFICATION");
        assert_eq!(
            Command::from(ServerOpcode(0x99)).to_string(),
            "ServerOpcode(0x99)"
        );
    }
}
