//! Changes as messages.

use bytes::Bytes;

use super::super::super::change::{Change, ChangeKind, Document, Tombstone};
use super::super::super::node::Release;
use super::{Output, Stream};
use crate::dcp::{
    Abort, Commit, Deletion, DeletionVersion, Expiration, Mutation, Prepare, SystemEvent,
};
use crate::frame_info::Form;
use crate::value::{Collections, DocKey, Xattrs};
use crate::{Datatype, FramingExtras, Message, OpenFlags, Packet, Request, UserData, WireBool};

impl Stream {
    /// A message of this stream, without a value.
    pub(super) fn packet<'m, M: Message<'m>>(
        &'m self,
        output: &mut Output<'_>,
        cas: u64,
        message: M,
    ) -> Option<Packet> {
        self.packet_of(output, cas, Datatype::RAW, message)
    }

    fn packet_of<'m, M: Message<'m>>(
        &'m self,
        output: &mut Output<'_>,
        cas: u64,
        datatype: Datatype,
        message: M,
    ) -> Option<Packet> {
        self.framed(output, cas, datatype, self.framing_extras(), message)
    }

    fn framed<'m, M: Message<'m>>(
        &'m self,
        output: &mut Output<'_>,
        cas: u64,
        datatype: Datatype,
        framing_extras: FramingExtras<'m>,
        message: M,
    ) -> Option<Packet> {
        let request = Request {
            opaque: self.opaque,
            vbucket: self.vbucket,
            cas,
            datatype,
            framing_extras,
            message,
        };
        output.block.packet(|out| request.encode(out))
    }

    /// A change as the consumer gets it.
    pub(super) fn change(
        &self,
        output: &mut Output<'_>,
        change: &Change,
        is_disk: bool,
    ) -> Option<Packet> {
        let mut key = alloc::vec::Vec::new();
        let collections = match output.known.collections {
            true => Collections::Negotiated,
            false => Collections::NotNegotiated,
        };
        if !change.key.0.is_empty() {
            let name = UserData::new(&change.key.0);
            DocKey::encode(collections, change.collection, name, &mut key).ok()?;
        }
        let key = UserData::new(&key);
        let (by_seqno, rev_seqno, cas) = (change.seqno, change.rev_seqno, change.cas);
        match &change.kind {
            ChangeKind::Mutation(document) => self.mutation(output, change, key, document, is_disk),
            ChangeKind::Deletion(tombstone) => {
                self.deletion(output, change, key, tombstone, is_disk)
            }
            ChangeKind::Expiration(tombstone) => {
                let shows = OpenFlags::INCLUDE_DELETE_TIMES;
                if output.settings.expiry_opcode && output.flags.contains(shows) {
                    let (datatype, value) = tombstone_value(output, tombstone);
                    let message = Expiration {
                        by_seqno,
                        rev_seqno,
                        delete_time: tombstone.time,
                        key,
                        value: UserData::new(&value),
                    };
                    return self.unannounced(output, cas, datatype, message);
                }
                self.deletion(output, change, key, tombstone, is_disk)
            }
            ChangeKind::Prepare {
                document,
                deleted,
                level,
            } => {
                let (datatype, value) = document_value(output, document);
                let message = Prepare {
                    by_seqno,
                    rev_seqno,
                    flags: document.flags,
                    expiration: document.expiration,
                    lock_time: 0,
                    nru: 3,
                    deleted: WireBool(u8::from(*deleted)),
                    durability_level: *level,
                    key,
                    value: UserData::new(&value),
                };
                self.packet_of(output, cas, datatype, message)
            }
            ChangeKind::Commit {
                prepared_seqno,
                document,
            } => {
                if output.settings.sync_writes && !is_disk {
                    let message = Commit {
                        prepared_seqno: *prepared_seqno,
                        commit_seqno: by_seqno,
                        key,
                    };
                    return self.packet(output, 0, message);
                }
                match document {
                    Some(document) => self.mutation(output, change, key, document, is_disk),
                    None => self.deletion(output, change, key, &Tombstone::default(), is_disk),
                }
            }
            ChangeKind::Abort { prepared_seqno } => {
                let message = Abort {
                    prepared_seqno: *prepared_seqno,
                    abort_seqno: by_seqno,
                    key,
                };
                self.packet(output, 0, message)
            }
            ChangeKind::Manifest(event) => {
                let event = event.change()?;
                let version = match output.settings.flatbuffers_events {
                    true => 2,
                    false => event.plain_version()?,
                };
                let mut value = alloc::vec::Vec::new();
                event.encode(version, &mut value).ok()?;
                let message = SystemEvent {
                    by_seqno,
                    id: event.id(),
                    version,
                    key: event.key(),
                    value: (&*value).into(),
                };
                self.packet(output, 0, message)
            }
        }
    }

    fn mutation(
        &self,
        output: &mut Output<'_>,
        change: &Change,
        key: UserData<'_>,
        document: &Document,
        is_disk: bool,
    ) -> Option<Packet> {
        if is_disk && forgets_metadata(output) {
            return self.bare_mutation(output, change, key);
        }
        let (datatype, value) = document_value(output, document);
        let message = Mutation {
            by_seqno: change.seqno,
            rev_seqno: change.rev_seqno,
            flags: document.flags,
            expiration: document.expiration,
            lock_time: 0,
            nmeta: 0,
            nru: 2,
            key,
            value: UserData::new(&value),
        };
        self.packet_of(output, change.cas, datatype, message)
    }

    /// All that release 8 says of what is on disk where it leaves values out.
    fn bare_mutation(
        &self,
        output: &mut Output<'_>,
        change: &Change,
        key: UserData<'_>,
    ) -> Option<Packet> {
        let message = Mutation {
            by_seqno: change.seqno,
            rev_seqno: 1,
            key,
            ..Mutation::default()
        };
        self.packet(output, 0, message)
    }

    fn deletion(
        &self,
        output: &mut Output<'_>,
        change: &Change,
        key: UserData<'_>,
        tombstone: &Tombstone,
        is_disk: bool,
    ) -> Option<Packet> {
        if is_disk && forgets_metadata(output) {
            return self.bare_mutation(output, change, key);
        }
        let (datatype, value) = tombstone_value(output, tombstone);
        let has_time = output.flags.contains(OpenFlags::INCLUDE_DELETE_TIMES);
        let message = Deletion {
            by_seqno: change.seqno,
            rev_seqno: change.rev_seqno,
            version: match has_time {
                true => DeletionVersion::V2 {
                    delete_time: tombstone.time,
                    unused: 0,
                },
                false => DeletionVersion::V1 { nmeta: 0 },
            },
            key,
            value: UserData::new(&value),
        };
        match has_time {
            true => self.unannounced(output, change.cas, datatype, message),
            false => self.packet_of(output, change.cas, datatype, message),
        }
    }

    /// One of the two messages that a node frames wrong if there is a stream id.
    fn unannounced<'m, M: Message<'m>>(
        &'m self,
        output: &mut Output<'_>,
        cas: u64,
        datatype: Datatype,
        message: M,
    ) -> Option<Packet> {
        let framing_extras = match &self.stream_id_info {
            Some(info) => FramingExtras::of(info, Form::Unannounced),
            None => FramingExtras::ABSENT,
        };
        self.framed(output, cas, datatype, framing_extras, message)
    }
}

/// Whether what is on disk comes as keys and nothing else.
fn forgets_metadata(output: &Output<'_>) -> bool {
    output.release == Release::V8_0
        && output.flags.contains(OpenFlags::NO_VALUE)
        && !output.flags.contains(OpenFlags::INCLUDE_XATTRS)
}

/// The value of a document, and its datatype, as the client wants them.
fn document_value(output: &Output<'_>, document: &Document) -> (Datatype, Bytes) {
    let (attributes, body) = split(document);
    let keeps = output.flags.contains(OpenFlags::INCLUDE_XATTRS);
    let underlying = OpenFlags::NO_VALUE_WITH_UNDERLYING_DATATYPE;
    let has_value = !output.flags.intersects(OpenFlags::NO_VALUE | underlying);
    let value = match (keeps && !attributes.is_empty(), has_value) {
        (true, true) => document.value.clone(),
        (true, false) => attributes,
        (false, true) => body,
        (false, false) => Bytes::new(),
    };
    if output.flags.contains(underlying) {
        return (document.datatype & output.known.datatypes, value);
    }
    let mut datatype = Datatype::RAW;
    datatype.set(
        Datatype::JSON,
        has_value && document.datatype.contains(Datatype::JSON),
    );
    datatype.set(
        Datatype::XATTR,
        keeps && document.datatype.contains(Datatype::XATTR),
    );
    compressed(output, datatype & output.known.datatypes, value)
}

/// What is left of a deleted document, as the client wants it.
fn tombstone_value(output: &Output<'_>, tombstone: &Tombstone) -> (Datatype, Bytes) {
    if output.flags.contains(OpenFlags::INCLUDE_XATTRS) {
        let datatype = tombstone.datatype & output.known.datatypes;
        return (datatype, tombstone.value.clone());
    }
    (Datatype::RAW, Bytes::new())
}

/// The extended attributes of a document, and its body.
fn split(document: &Document) -> (Bytes, Bytes) {
    let whole = (Bytes::new(), document.value.clone());
    if !document.datatype.contains(Datatype::XATTR) {
        return whole;
    }
    let Ok((_, body)) = Xattrs::split(UserData::new(&document.value)) else {
        return whole;
    };
    let at = document.value.len().saturating_sub(body.len());
    (document.value.slice(..at), document.value.slice(at..))
}

/// The value, compressed if the client wants all values so, or if that pays.
#[cfg(feature = "snappy")]
fn compressed(output: &Output<'_>, datatype: Datatype, value: Bytes) -> (Datatype, Bytes) {
    /// Shorter values are not worth the trouble.
    const PAYS: usize = 256;

    let may = output.known.datatypes.contains(Datatype::SNAPPY);
    if may && !value.is_empty() && (output.settings.force_compression || value.len() >= PAYS) {
        if let Ok(deflated) = crate::value::deflate(UserData::new(&value)) {
            return (datatype | Datatype::SNAPPY, deflated.into());
        }
    }
    (datatype, value)
}

#[cfg(not(feature = "snappy"))]
fn compressed(_: &Output<'_>, datatype: Datatype, value: Bytes) -> (Datatype, Bytes) {
    (datatype, value)
}
