//! `DCP_STREAM_REQ`: opens a stream.

use bytes::BufMut;
use nom::combinator::all_consuming;

use crate::Presence::Optional;
use crate::cursor::{be_u32, be_u64};
use crate::dcp::FailoverLog;
use crate::message::Payload;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Reply, Shape, Status,
    StreamFlags,
};

/// Asks for the history of a vbucket from a seqno on.
///
/// | extras | field                  |                 |
/// |-------:|------------------------|-----------------|
/// |   0..4 | `flags`                | [`StreamFlags`] |
/// |   4..8 | `reserved`             | u32             |
/// |  8..16 | `start_seqno`          | u64             |
/// | 16..24 | `end_seqno`            | u64             |
/// | 24..32 | `vbucket_uuid`         | u64             |
/// | 32..40 | `snapshot_start_seqno` | u64             |
/// | 40..48 | `snapshot_end_seqno`   | u64             |
///
/// From the consumer to the producer; always answered, before any message of the stream. All of
/// these carry the opaque of this request. A server that consumes asks again under the same opaque
/// after a rollback (reference 6.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StreamRequest<'a> {
    /// What to stream, and on what conditions.
    pub flags: StreamFlags,
    /// 0; not checked.
    pub reserved: u32,
    /// The last seqno that the consumer has: the stream starts after it.
    pub start_seqno: u64,
    /// The last seqno that the consumer wants; [`u64::MAX`] for a stream without end.
    pub end_seqno: u64,
    /// The branch of history that the consumer has followed; 0 for none.
    pub vbucket_uuid: u64,
    /// Where the snapshot starts that the consumer was in; at most `start_seqno`.
    pub snapshot_start_seqno: u64,
    /// Where that snapshot ends; at least `start_seqno`.
    pub snapshot_end_seqno: u64,
    /// Nothing, or JSON that narrows the stream down: the collections, the stream id. It comes
    /// without the JSON datatype, and only with collections.
    pub value: Metadata<'a>,
}

impl<'a> Message<'a> for StreamRequest<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_STREAM_REQ);
    const SHAPE: Shape = Shape::extras(Lengths::one(48)).value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let mut extras = body.extras();
        Ok(Self {
            flags: StreamFlags::from_bits_retain(extras.read(be_u32)?),
            reserved: extras.read(be_u32)?,
            start_seqno: extras.read(be_u64)?,
            end_seqno: extras.read(be_u64)?,
            vbucket_uuid: extras.read(be_u64)?,
            snapshot_start_seqno: extras.read(be_u64)?,
            snapshot_end_seqno: extras.read(be_u64)?,
            value: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| {
            extras.put_u32(self.flags.bits());
            extras.put_u32(self.reserved);
            extras.put_u64(self.start_seqno);
            extras.put_u64(self.end_seqno);
            extras.put_u64(self.vbucket_uuid);
            extras.put_u64(self.snapshot_start_seqno);
            extras.put_u64(self.snapshot_end_seqno);
        })
        .value(self.value.0)
    }
}

/// The answer to [`StreamRequest`].
///
/// | status     | value                                                          |
/// |------------|----------------------------------------------------------------|
/// | `SUCCESS`  | a [`FailoverLog`]                                              |
/// | `ROLLBACK` | the seqno to roll back to, u64                                 |
/// | any other  | empty, the error's JSON, or on `NOT_MY_VBUCKET` a cluster map  |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum StreamRequestReply<'a> {
    /// The stream is open; this is the history of the vbucket.
    Accepted(FailoverLog<'a>),
    /// The consumer has followed another history: it must forget what comes after this seqno, and
    /// ask again from there.
    Rollback {
        /// The last seqno to keep; 0 to start from scratch.
        seqno: u64,
    },
    /// There is no stream; what the server says of it.
    Refused(Metadata<'a>),
}

impl<'a> Reply<'a> for StreamRequestReply<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_STREAM_REQ);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Optional);

    #[inline]
    fn read(status: Status, body: Body<'a>) -> Result<Self, MessageError> {
        Ok(match status {
            Status::SUCCESS => Self::Accepted(FailoverLog::read(body)?),
            Status::ROLLBACK => {
                body.check_value_len(Lengths::one(8))?;
                Self::Rollback {
                    seqno: body.value().read(all_consuming(be_u64))?,
                }
            }
            _ => Self::Refused(Metadata(body.value)),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        match self {
            Self::Accepted(log) => Parts::EMPTY.value(log.as_bytes()),
            Self::Rollback { seqno } => Parts::EMPTY.value_fields(|value| value.put_u64(*seqno)),
            Self::Refused(value) => Parts::EMPTY.value(value.0),
        }
    }

    #[inline]
    fn fits(&self, status: Status) -> bool {
        match self {
            Self::Accepted(_) => status == Status::SUCCESS,
            Self::Rollback { .. } => status == Status::ROLLBACK,
            Self::Refused(_) => status != Status::SUCCESS && status != Status::ROLLBACK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{assert_layout, assert_reply_layout};

    #[test]
    fn layout() {
        assert_layout(StreamRequest {
            flags: StreamFlags::from_bits_retain(0x0001_0203),
            reserved: 0x0405_0607,
            start_seqno: 0x0809_0a0b_0c0d_0e0f,
            end_seqno: 0x1011_1213_1415_1617,
            vbucket_uuid: 0x1819_1a1b_1c1d_1e1f,
            snapshot_start_seqno: 0x2021_2223_2425_2627,
            snapshot_end_seqno: 0x2829_2a2b_2c2d_2e2f,
            value: "value".into(),
        });
    }

    #[test]
    fn reply_layout() {
        let log = FailoverLog::new(&[7; 32]).expect("two entries");
        assert_reply_layout(Status::SUCCESS, StreamRequestReply::Accepted(log));
        let seqno = 0x0001_0203_0405_0607;
        assert_reply_layout(Status::ROLLBACK, StreamRequestReply::Rollback { seqno });
        let refused = StreamRequestReply::Refused("{}".into());
        assert_reply_layout(Status::KEY_EEXISTS, refused);
    }
}
