//! What all connections to a data node share.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use super::bucket::Bucket;
use super::fault::Faults;
use super::sasl::{Authenticator, PlainPasswords};
use crate::track::noop::NoopResponder;

/// A data node with one bucket: what its [`Connection`](super::Connection)s share.
///
/// Change the bucket at any time; connections see it when they are polled next.
pub struct Node {
    /// What it holds.
    pub bucket: Bucket,
    /// How it behaves where releases differ.
    pub release: Release,
    /// What goes wrong.
    pub faults: Faults,
    /// Who may connect.
    pub authenticator: Box<dyn Authenticator>,
    /// For how long it bears silence on a connection with noops: the setting `dcp_idle_timeout`.
    pub idle_timeout: Duration,
    /// What it asks a producer for when it consumes: the size of the buffer in bytes.
    pub consumer_buffer_size: u32,
    /// The cluster map, as JSON; `None` to answer `KEY_ENOENT`.
    pub cluster_map: Option<Box<str>>,
}

impl Node {
    /// A node of the latest release that holds this bucket, lets everyone in, and has no faults.
    pub fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            release: Release::V8_0,
            faults: Faults::default(),
            authenticator: Box::new(PlainPasswords::default()),
            idle_timeout: NoopResponder::SERVER_LIMIT,
            consumer_buffer_size: 10 << 20,
            cluster_map: None,
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("bucket", &self.bucket.name())
            .field("release", &self.release)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// The releases whose behaviour is known, as nodes of 7.2.9 and 8.0.1 showed it.
///
/// |                                        | 7.2             | 8.0                       |
/// |----------------------------------------|-----------------|---------------------------|
/// | control `max_marker_version`           | `EINVAL`        | disk snapshots are V2.2   |
/// | control `set_noop_interval`, fraction  | `EINVAL`        | taken                     |
/// | stream of no collections at all        | an empty one    | ends at once              |
/// | disk snapshot without values           | as it is        | all mutations with CAS 0  |
/// | what it asks a producer for            | in one go       | one control at a time     |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Release {
    /// 7.2.9
    V7_2,
    /// 8.0.1
    #[default]
    V8_0,
}
