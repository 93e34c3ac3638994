//! What the two ends of a connection agree on.

codes! {
    /// A feature that a client asks for with `HELLO`, and the server grants or not (reference 9).
    ///
    /// The value of the request and that of the response are lists of these, two bytes each. A
    /// `HELLO` replaces everything granted before, so it always has to name all features wanted.
    pub struct Feature(u16) {
        /// Retired: the datatype byte; never granted.
        INVALID = 0x0001,
        /// Encryption by TLS; never granted.
        TLS = 0x0002,
        /// TCP_NODELAY on the server's socket, which is set in any case.
        TCP_NO_DELAY = 0x0003,
        /// Responses to writes carry the vbucket's uuid and the item's seqno in their extras.
        MUTATION_SEQNO = 0x0004,
        /// Retired: the opposite of TCP_NO_DELAY; never granted.
        TCP_DELAY = 0x0005,
        /// Values may begin with extended attributes.
        XATTR = 0x0006,
        /// Responses may carry the newer statuses, which the error map explains.
        XERROR = 0x0007,
        /// The client can select a bucket; informational.
        SELECT_BUCKET = 0x0008,
        /// Retired: an early form of collections; never granted.
        INVALID2 = 0x0009,
        /// Values may be compressed by Snappy, if the server's settings allow it.
        SNAPPY = 0x000a,
        /// Values may be marked as JSON.
        JSON = 0x000b,
        /// The server may send requests, with magic 0x82.
        DUPLEX = 0x000c,
        /// The server sends new cluster maps on its own.
        CLUSTERMAP_CHANGE_NOTIFICATION = 0x000d,
        /// Responses may come in another order; refused for all of DCP.
        UNORDERED_EXECUTION = 0x000e,
        /// Responses carry how long the server took, as a frame info.
        TRACING = 0x000f,
        /// Requests may carry frame infos, with magic 0x08.
        ALT_REQUEST_SUPPORT = 0x0010,
        /// Requests may carry a durability requirement, as a frame info.
        SYNC_REPLICATION = 0x0011,
        /// Keys begin with the id of their collection.
        COLLECTIONS = 0x0012,
        /// Payloads other than documents, such as cluster maps, may be compressed too.
        SNAPPY_EVERYWHERE = 0x0013,
        /// Requests may ask to keep a document's expiry, by a frame info.
        PRESERVE_TTL = 0x0014,
        /// Virtual extended attributes can be read.
        VATTR = 0x0015,
        /// Retired: point-in-time recovery; never granted.
        INVALID3 = 0x0016,
        /// A subdocument request may create a document in the deleted state.
        SUBDOC_CREATE_AS_DELETED = 0x0017,
        /// Subdocument requests may use the macros about the document.
        SUBDOC_DOCUMENT_MACRO_SUPPORT = 0x0018,
        /// A subdocument request may replace the body with an extended attribute.
        SUBDOC_REPLACE_BODY_WITH_XATTR = 0x0019,
        /// Responses carry the units used, as frame infos; serverless only.
        REPORT_UNIT_USAGE = 0x001a,
        /// A throttled request gets EWOULD_THROTTLE at once instead of being delayed.
        NON_BLOCKING_THROTTLING_MODE = 0x001b,
        /// Subdocument requests may read from replica vbuckets.
        SUBDOC_REPLICA_READ = 0x001c,
        /// GET_CLUSTER_CONFIG may say which cluster map the client has.
        GET_CLUSTER_CONFIG_WITH_KNOWN_VERSION = 0x001d,
        /// NOT_MY_VBUCKET leaves out a cluster map that the client has.
        DEDUPE_NOT_MY_VBUCKET_CLUSTERMAP = 0x001e,
        /// The server tells of new cluster maps without sending them.
        CLUSTERMAP_CHANGE_NOTIFICATION_BRIEF = 0x001f,
        /// A subdocument request may use several extended attributes.
        SUBDOC_ALLOWS_ACCESS_ON_MULTIPLE_XATTR_KEYS = 0x0020,
        /// Extended attributes may be binary.
        SUBDOC_BINARY_XATTR = 0x0021,
        /// A range scan may include extended attributes.
        RANGE_SCAN_INCLUDE_XATTR = 0x0022,
        /// Subdocument requests may read deleted documents from replica vbuckets.
        SUBDOC_ALLOW_REPLICA_READ_ON_DELETED_DOCS = 0x0023,
        /// GET_RANDOM_KEY may include extended attributes.
        GET_RANDOM_KEY_INCLUDE_XATTR = 0x0024,
        /// MUTATE_WITH_META can be used.
        MUTATE_WITH_META = 0x0025,
        /// DCP_OPEN may ask to leave out the deletions of the first backfill; informational.
        DCP_SKIP_DELETES_IN_INITIAL_BACKFILL = 0x0026,
    }
}

impl Feature {
    /// The features that have to be asked for together with this one (reference 9).
    ///
    /// A `HELLO` that lacks one of them is answered `EINVAL` and changes nothing.
    pub const fn requires(self) -> &'static [Self] {
        match self {
            Self::CLUSTERMAP_CHANGE_NOTIFICATION | Self::CLUSTERMAP_CHANGE_NOTIFICATION_BRIEF => {
                &[Self::DUPLEX]
            }
            Self::VATTR | Self::SUBDOC_DOCUMENT_MACRO_SUPPORT | Self::RANGE_SCAN_INCLUDE_XATTR => {
                &[Self::XATTR]
            }
            Self::GET_RANDOM_KEY_INCLUDE_XATTR => {
                &[Self::XATTR, Self::JSON, Self::SNAPPY_EVERYWHERE]
            }
            _ => &[],
        }
    }

    /// Whether the number stands for a feature that no longer exists (reference 9).
    pub const fn is_retired(self) -> bool {
        matches!(
            self,
            Self::INVALID | Self::TCP_DELAY | Self::INVALID2 | Self::INVALID3
        )
    }

    /// Whether no server grants the feature: it is retired, or [`TLS`](Self::TLS) (reference 9).
    pub const fn is_never_granted(self) -> bool {
        self.is_retired() || matches!(self, Self::TLS)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;
    use crate::codes::opcode::tests::assert_table;

    fn all() -> impl Iterator<Item = Feature> {
        (0..=u16::MAX).map(Feature)
    }

    #[test]
    fn table() {
        assert_table(
            Feature::NAMED,
            Feature::name,
            Feature::description,
            Feature::from_name,
        );
        assert_eq!(Feature::NAMED.len(), 38, "rows of reference 9");
    }

    #[test]
    fn unknown() {
        assert_eq!(Feature(0x99).to_string(), "Feature(0x99)");
    }

    #[test]
    fn requires() {
        for feature in all() {
            let expected: &[u16] = match feature.0 {
                0x0d | 0x1f => &[0x0c],
                0x15 | 0x18 | 0x22 => &[0x06],
                0x24 => &[0x06, 0x0b, 0x13],
                _ => &[],
            };
            let required = feature.requires().iter().map(|feature| feature.0);
            assert!(required.eq(expected.iter().copied()), "{feature}");
        }
    }

    #[test]
    fn retired_and_never_granted() {
        for feature in all() {
            let retired = [0x01, 0x05, 0x09, 0x16].contains(&feature.0);
            assert_eq!(feature.is_retired(), retired, "{feature}");
            let never_granted = [0x01, 0x02, 0x05, 0x09, 0x16].contains(&feature.0);
            assert_eq!(feature.is_never_granted(), never_granted, "{feature}");
        }
        for feature in Feature::NAMED {
            let description = feature.description().unwrap();
            assert_eq!(
                feature.is_retired(),
                description.starts_with("Retired: "),
                "{feature}"
            );
            assert_eq!(
                feature.is_never_granted(),
                description.ends_with("; never granted."),
                "{feature}"
            );
        }
    }
}
