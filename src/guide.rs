//! Guides: from a socket to a consumer, a producer or a proxy.
//!
//! Each builds one end of DCP out of the parts of this crate, and says what has to be known about
//! the protocol on the way. The code compiles, and is tested with the rest.
//!
//! | guide        | you have                                    | the parts                                |
//! |--------------|---------------------------------------------|------------------------------------------|
//! | [`consumer`] | a data node, and want its changes           | a plan, a cursor per vbucket, a ledger, noops |
//! | [`producer`] | changes, and consumers that ask for them    | `validate`, a ledger, noops, `policy`    |
//! | [`proxy`]    | two data nodes, and want one to follow the other | `track::streams`, `track::takeover` |
//!
//! Whole programs made of the same parts are the commands `tail`, `serve` and `proxy` of the
//! companion crate `mcbp-cli`. To test what you make of them without a data node there is
//! [`testing`](crate::testing).

#[doc = include_str!("guide/consumer.md")]
pub mod consumer {}

#[doc = include_str!("guide/producer.md")]
pub mod producer {}

#[doc = include_str!("guide/proxy.md")]
pub mod proxy {}
