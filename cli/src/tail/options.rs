//! What to follow, and how.

use core::time::Duration;
use std::path::PathBuf;

use mcbp::track::negotiate::{Wanted, Wish};
use mcbp::{Feature, OpenFlags};

use super::Format;
use super::checkpoints::Owner;
use crate::connect::{Endpoint, Tls};
use crate::login::Credentials;
use crate::vbuckets::Vbuckets;

/// What to follow, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The node.
    pub endpoint: Endpoint,
    /// How to make sure that it is the node; `None` for no encryption.
    pub tls: Option<Tls>,
    /// Who asks.
    pub credentials: Credentials,
    /// The bucket.
    pub bucket: String,
    /// The vbuckets; `None` for all that are active on the node.
    pub vbuckets: Option<Vbuckets>,
    /// The collections.
    pub selection: Selection,
    /// From where, if no checkpoint tells.
    pub start: Start,
    /// Whether to end where the vbuckets are at the beginning.
    pub until_now: bool,
    /// Where to keep how far it is.
    pub checkpoints: Option<PathBuf>,
    /// Show extended attributes.
    pub xattrs: bool,
    /// Leave out the values.
    pub no_values: bool,
    /// How to show changes.
    pub format: Format,
    /// How long to try to get a lost connection back.
    pub reconnect_for: Duration,
    /// How many bytes may be on their way or not yet shown.
    pub buffer_size: u32,
    /// How often the node gives a sign of life; it is given up after two without.
    pub noop_interval: Duration,
}

/// What part of a bucket to follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection {
    /// All of it.
    #[default]
    Everything,
    /// The scope of this name.
    Scope(String),
    /// The collections with these paths, `scope.collection`.
    Collections(Vec<String>),
}

/// From where to follow a vbucket without a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From its first change that is still there.
    Beginning,
    /// From its next change on.
    Now,
}

impl Options {
    /// What the connection is to be like.
    pub(super) fn wanted<'a>(&self, name: &'a str) -> Wanted<'a> {
        // Nodes of release 8 cannot tell deletions without values from writes, unless extended
        // attributes are asked for, too.
        let mut flags = OpenFlags::INCLUDE_DELETE_TIMES;
        flags.set(OpenFlags::INCLUDE_XATTRS, self.xattrs || self.no_values);
        flags.set(OpenFlags::NO_VALUE, self.no_values);
        Wanted {
            flags,
            features: &[
                Feature::TRACING,
                Feature::DUPLEX,
                Feature::CLUSTERMAP_CHANGE_NOTIFICATION_BRIEF,
            ],
            collections: match self.selection {
                Selection::Everything => Wish::IfPossible,
                _ => Wish::Required,
            },
            noop_interval: Some(self.noop_interval),
            // A reader that stands still must not fill the node's memory.
            cursor_dropping: Wish::IfPossible,
            buffer_size: self.buffer_size,
            ..Wanted::consumer(name.into())
        }
    }

    /// Whose checkpoints those of this run are.
    pub(super) fn owner(&self, bucket_uuid: Option<String>) -> Owner {
        let all = || "all".to_owned();
        Owner {
            bucket: self.bucket.clone(),
            bucket_uuid,
            vbuckets: self.vbuckets.as_ref().map_or_else(all, ToString::to_string),
            collections: match &self.selection {
                Selection::Everything => all(),
                Selection::Scope(name) => format!("{name}.*"),
                Selection::Collections(names) => names.join(","),
            },
        }
    }
}
