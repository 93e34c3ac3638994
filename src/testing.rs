//! A data node in memory, for tests of connectors.
//!
//! A connector is hard to test: real nodes are slow to start, never fail when they should, and
//! never twice in the same way. This is a node without sockets, clocks and threads: packets go in,
//! packets come out, and the same seed gives the same data, down to the last byte. It behaves as
//! nodes of releases 7.2 and 8.0 were seen to behave, judges requests by [`validate`] and responses
//! by [`policy`], and does on demand what real nodes do at the worst moment only.
//!
//! | what                        | type                                                            |
//! |-----------------------------|-----------------------------------------------------------------|
//! | what there is to stream     | [`Bucket`], made by hand or by a [`Recipe`]; goes on by [`Growth`] |
//! | what all connections share  | [`Node`]: the bucket, a [`Release`], [`Faults`], an [`Authenticator`] |
//! | the server's end of one     | [`Connection`]: `on_packet`, `poll`, `next_timeout`             |
//! | what goes wrong             | [`Fault`]: at the n-th packet of a kind                         |
//!
//! A consumer's test, without a socket:
//!
//! ```
//! use core::time::Duration;
//! use bytes::BytesMut;
//! use mcbp::dcp::{DcpRequest, Open, StreamRequest};
//! use mcbp::kv::{Plain, SaslAuth, SelectBucket};
//! use mcbp::testing::{Action, Connection, Node, Recipe};
//! use mcbp::{Decoder, OpenFlags, Request, StreamEndReason};
//!
//! let recipe = Recipe { vbuckets: 1, items: 20, ..Recipe::default() };
//! let mut node = Node::new(recipe.bucket());
//! let mut connection = Connection::new();
//!
//! let mut input = BytesMut::new();
//! let mut plain = Vec::new();
//! Plain::new("".into(), "user".into(), "pencil".into()).expect("no NUL").encode(&mut plain)?;
//! Request::from(SaslAuth { mechanism: "PLAIN".into(), data: plain[..].into() }).encode(&mut input)?;
//! Request::from(SelectBucket { bucket: "default".into() }).encode(&mut input)?;
//! let open = Open { flags: OpenFlags::PRODUCER, name: "test".into(), ..Open::default() };
//! Request::from(open).encode(&mut input)?;
//! Request::from(StreamRequest { end_seqno: 20, ..StreamRequest::default() }).encode(&mut input)?;
//!
//! let mut decoder = Decoder::default();
//! while let Some(packet) = decoder.decode(&mut input)? {
//!     connection.on_packet(&mut node, packet.view(), Duration::ZERO);
//! }
//! let mut reason = None;
//! while let Some(action) = connection.poll(&mut node, Duration::ZERO) {
//!     let Action::Send(packet) = action else { panic!("{action:?}") };
//!     if let DcpRequest::StreamEnd(end) = DcpRequest::read(packet.view())? {
//!         reason = Some(end.message.reason);
//!     }
//! }
//! assert_eq!(reason, Some(StreamEndReason::OK));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When it fails
//!
//! A [`Fault`] befalls packets of a kind: they are dropped, delayed, repeated, cut off, sent under
//! another opaque; streams end, requests are refused, connections are closed. The next connection
//! to the same node does not suffer from what has happened already, so a test of a reconnect needs
//! no more than one line:
//!
//! ```
//! # use mcbp::testing::{Node, Recipe};
//! let mut node = Node::new(Recipe::default().bucket());
//! node.faults = "close DCP_MUTATION after=100".parse()?;
//! # Ok::<(), mcbp::testing::InvalidFault>(())
//! ```
//!
//! What changes in the bucket has its consequences as well: [`Bucket::fail_over`] makes consumers
//! roll back, [`Bucket::purge`] makes them start anew, [`Bucket::set_state`] and
//! [`Bucket::drop_collection`] end streams.
//!
//! # When it consumes
//!
//! A connection that is opened without [`OpenFlags::PRODUCER`](crate::OpenFlags::PRODUCER) is that
//! of a replica: silent until its first `DCP_ADD_STREAM`, then it negotiates in the order of its
//! release, asks for the stream, applies what it gets to the bucket of its node, acknowledges,
//! rolls back, and takes vbuckets over. Put what it sends into a connection of another node, and
//! the other way round, and there are two nodes to try a proxy between.
//!
//! # What it is not
//!
//! There is no memory to run out of, no disk to wait for and no other node to fail over to; nobody
//! lacks a privilege; documents cannot be written through a connection. Prepares are completed in
//! the order they were made in.
//!
//! The companion command's `mcbp serve` puts it on a socket, with SCRAM.
//!
//! [`validate`]: crate::validate
//! [`policy`]: crate::policy

mod bucket;
mod change;
mod connection;
mod fault;
mod node;
mod recipe;
mod sasl;
mod seed;
mod vbucket;

pub use bucket::Bucket;
pub use change::{Change, ChangeKind, Document, Key, ManifestEvent, Tombstone};
pub use connection::{Action, Closing, Connection};
pub use fault::{Fault, FaultKind, Faults, InvalidFault, Selector};
pub use node::{Node, Release};
pub use recipe::{Growth, Mix, Recipe};
pub use sasl::{Authenticator, Exchange, PlainPasswords, Step};
pub use vbucket::Vbucket;
