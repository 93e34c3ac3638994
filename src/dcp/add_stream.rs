//! `DCP_ADD_STREAM`: makes a consumer ask for a stream.

use bytes::BufMut;

use crate::Presence::Optional;
use crate::cursor::be_u32;
use crate::{
    Body, Command, Lengths, Message, MessageError, MessageErrorKind, Metadata, Opcode, Parts,
    Reply, Section, Shape, Status, StreamFlags,
};

/// Makes a server that consumes ask its producer for the stream of a vbucket.
///
/// | extras | field   |                 |
/// |-------:|---------|-----------------|
/// |   0..4 | `flags` | [`StreamFlags`] |
///
/// From whoever drives the consumer to the consumer, which has been silent until the first of
/// these: then it negotiates, sends its `DCP_STREAM_REQ`, and answers this only when that is
/// answered, possibly long after the first messages of the stream (reference 6.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct AddStream {
    /// What the consumer is to ask for.
    pub flags: StreamFlags,
}

impl<'a> Message<'a> for AddStream {
    const COMMAND: Command = Command::Client(Opcode::DCP_ADD_STREAM);
    const SHAPE: Shape = Shape::extras(Lengths::one(4));

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            flags: StreamFlags::from_bits_retain(body.extras().read(be_u32)?),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| extras.put_u32(self.flags.bits()))
    }
}

/// The answer to [`AddStream`], sooner or later.
///
/// | extras | field           |                                                      |
/// |-------:|-----------------|------------------------------------------------------|
/// |   0..4 | `stream_opaque` | u32; may be missing unless the status is `SUCCESS`   |
///
/// Three ways to fail look different: refused at once, there are no extras and the value may say
/// why; refused after waiting for the negotiation, the extras are 0; refused by the producer, the
/// status is the producer's and the extras are those of a success.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct AddStreamReply<'a> {
    /// The opaque of the stream, **as the consumer counts**: its integer in big-endian order.
    ///
    /// In the headers of the stream's messages the same integer stands in the consumer's own byte
    /// order; see [`header_opaque`](Self::header_opaque).
    pub stream_opaque: Option<u32>,
    /// What the server says of an error.
    pub value: Metadata<'a>,
}

impl AddStreamReply<'_> {
    /// The opaque as it stands in the headers of the stream's messages, if the consumer runs on a
    /// little-endian machine, as all supported ones are: `00 00 00 05` here is `05 00 00 00` there
    /// (reference 10.3).
    pub fn header_opaque(&self) -> Option<u32> {
        self.stream_opaque.map(u32::swap_bytes)
    }
}

impl<'a> Reply<'a> for AddStreamReply<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_ADD_STREAM);
    const SHAPE: Shape = Shape::extras(Lengths::two(0, 4)).value(Optional);

    #[inline]
    fn read(status: Status, body: Body<'a>) -> Result<Self, MessageError> {
        let reply = Self {
            stream_opaque: match body.extras {
                [] => None,
                _ => Some(body.extras().read(be_u32)?),
            },
            value: Metadata(body.value),
        };
        if !reply.fits(status) {
            let expected = Lengths::one(4);
            return Err(body.error(Section::Extras, MessageErrorKind::length(0, expected)));
        }
        Ok(reply)
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        let extras = Parts::extras(|extras| {
            if let Some(opaque) = self.stream_opaque {
                extras.put_u32(opaque);
            }
        });
        extras.value(self.value.0)
    }

    #[inline]
    fn fits(&self, status: Status) -> bool {
        status != Status::SUCCESS || self.stream_opaque.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{assert_layout, assert_reply_layout};

    #[test]
    fn layout() {
        assert_layout(AddStream {
            flags: StreamFlags::from_bits_retain(0x0001_0203),
        });
    }

    #[test]
    fn reply_layout() {
        let reply = AddStreamReply {
            stream_opaque: Some(0x0001_0203),
            value: "value".into(),
        };
        assert_reply_layout(Status::SUCCESS, reply);
        assert_reply_layout(Status::NOT_MY_VBUCKET, reply);
        assert_eq!(reply.header_opaque(), Some(0x0302_0100));
    }
}
