//! The parts of the `mcbp` command.
//!
//! [`capture`] turns a capture file into TCP byte streams, [`framing`] these into MCBP packets;
//! [`connections`] learns what it takes to read them, [`describe`] names their fields, and [`dump`]
//! prints them. [`explain`] prints what the policy makes of a status. [`serve`] plays a data node.
//! [`connect`] and [`login`] make a connection to a node with what [`access`] was given; [`tail`]
//! follows the changes on it, and [`proxy`] replicates from one to another. A library only so that
//! tests and fuzz targets can reach them: no promises are made about it.

pub mod access;
pub mod capture;
pub mod connect;
pub mod connections;
pub mod describe;
pub mod dump;
pub mod explain;
pub mod framing;
pub mod login;
pub mod proxy;
pub mod serve;
pub mod tail;
pub mod vbuckets;
