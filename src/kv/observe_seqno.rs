//! `OBSERVE_SEQNO`: how far a vbucket has come, in memory and on disk.

use bytes::BufMut;

use crate::Presence::Required;
use crate::cursor::{be_u8, be_u16, be_u64};
use crate::message::Payload;
use crate::{
    Answer, Body, Command, Lengths, Message, MessageError, MessageErrorKind, Opcode, Parts,
    Section, Shape,
};

/// Asks how far a vbucket has come, in memory and on disk.
///
/// | value | field          |     |
/// |------:|----------------|-----|
/// |  0..8 | `vbucket_uuid` | u64 |
///
/// No extras and no key. From the client to the server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ObserveSeqno {
    /// The branch of history that the client knows.
    pub vbucket_uuid: u64,
}

impl<'a> Message<'a> for ObserveSeqno {
    const COMMAND: Command = Command::Client(Opcode::OBSERVE_SEQNO);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Required);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        body.check_value_len(Lengths::one(8))?;
        Ok(Self {
            vbucket_uuid: body.value().read(be_u64)?,
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value_fields(|value| value.put_u64(self.vbucket_uuid))
    }
}

/// The answer to [`ObserveSeqno`]; `KEY_ENOENT` if the vbucket has never had that uuid.
pub type ObserveSeqnoReply<'a> = Answer<'a, SeqnoObservation, { Opcode::OBSERVE_SEQNO.0 }>;

/// How far a vbucket has come.
///
/// | value  | field                       |     | since    |
/// |-------:|-----------------------------|-----|----------|
/// |      0 | the format: 0 or 1          | u8  | format 0 |
/// |   1..3 | `vbucket`                   | u16 | format 0 |
/// |  3..11 | `vbucket_uuid`              | u64 | format 0 |
/// | 11..19 | `persisted_seqno`           | u64 | format 0 |
/// | 19..27 | `high_seqno`                | u64 | format 0 |
/// | 27..35 | `failed_over.vbucket_uuid`  | u64 | format 1 |
/// | 35..43 | `failed_over.seqno`         | u64 | format 1 |
///
/// Reference 8.5.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SeqnoObservation {
    /// The vbucket.
    pub vbucket: u16,
    /// The newest branch of its history.
    pub vbucket_uuid: u64,
    /// The last seqno on disk.
    pub persisted_seqno: u64,
    /// The last seqno in memory.
    pub high_seqno: u64,
    /// The branch asked for, if another has taken its place.
    pub failed_over: Option<FailedOver>,
}

/// A branch of a vbucket's history that others have taken the place of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct FailedOver {
    /// The name of the branch.
    pub vbucket_uuid: u64,
    /// The last seqno on it.
    pub seqno: u64,
}

impl SeqnoObservation {
    /// The lengths of the values of formats 0 and 1, in bytes.
    const LENGTHS: [u8; 2] = [27, 43];
}

impl<'a> Payload<'a> for SeqnoObservation {
    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let mut value = body.value();
        let format = value.read(be_u8)?;
        let Some(&len) = Self::LENGTHS.get(usize::from(format)) else {
            return Err(body.error(Section::Value, MessageErrorKind::UnknownVersion(format)));
        };
        body.check_value_len(Lengths::one(len))?;
        Ok(Self {
            vbucket: value.read(be_u16)?,
            vbucket_uuid: value.read(be_u64)?,
            persisted_seqno: value.read(be_u64)?,
            high_seqno: value.read(be_u64)?,
            failed_over: match format {
                0 => None,
                _ => Some(FailedOver {
                    vbucket_uuid: value.read(be_u64)?,
                    seqno: value.read(be_u64)?,
                }),
            },
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value_fields(|value| {
            value.put_u8(self.failed_over.is_some().into());
            value.put_u16(self.vbucket);
            value.put_u64(self.vbucket_uuid);
            value.put_u64(self.persisted_seqno);
            value.put_u64(self.high_seqno);
            if let Some(failed_over) = self.failed_over {
                value.put_u64(failed_over.vbucket_uuid);
                value.put_u64(failed_over.seqno);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{assert_reply_layout, assert_value_layout};
    use crate::{Packet, Response, Status};
    use std::vec::Vec;

    const OBSERVATION: SeqnoObservation = SeqnoObservation {
        vbucket: 0x0102,
        vbucket_uuid: 0x0304_0506_0708_090a,
        persisted_seqno: 0x0b0c_0d0e_0f10_1112,
        high_seqno: 0x1314_1516_1718_191a,
        failed_over: None,
    };

    const FAILED_OVER: SeqnoObservation = SeqnoObservation {
        failed_over: Some(FailedOver {
            vbucket_uuid: 0x1b1c_1d1e_1f20_2122,
            seqno: 0x2324_2526_2728_292a,
        }),
        ..OBSERVATION
    };

    fn written(observation: SeqnoObservation) -> Vec<u8> {
        let mut written = Vec::new();
        Response::from(ObserveSeqnoReply::Accepted(observation))
            .encode(&mut written)
            .expect("room");
        written
    }

    #[test]
    fn layout() {
        let vbucket_uuid = 0x0001_0203_0405_0607;
        assert_value_layout(&[], ObserveSeqno { vbucket_uuid });
    }

    /// All bytes but the format count.
    #[test]
    fn reply_layout() {
        for (format, len, observation) in [(0, 27, OBSERVATION), (1, 43, FAILED_OVER)] {
            assert_reply_layout(Status::SUCCESS, ObserveSeqnoReply::Accepted(observation));
            let value = written(observation).split_off(24);
            assert_eq!(value[0], format);
            assert!(value[1..].iter().copied().eq(1..len), "{value:02x?}");
        }
        let refused = ObserveSeqnoReply::Refused("{}".into());
        assert_reply_layout(Status::KEY_ENOENT, refused);
    }

    #[test]
    fn format_and_length_agree() {
        for (format, observation) in [(1, OBSERVATION), (0, FAILED_OVER), (2, FAILED_OVER)] {
            let mut bytes = written(observation);
            bytes[24] = format;
            let (packet, _) = Packet::split_first(&bytes)
                .expect("a packet")
                .expect("a whole packet");
            let error = packet.response::<ObserveSeqnoReply<'_>>().unwrap_err();
            let len = bytes.len() - 24;
            let expected = match format {
                0 => MessageErrorKind::length(len, Lengths::one(27)),
                1 => MessageErrorKind::length(len, Lengths::one(43)),
                _ => MessageErrorKind::UnknownVersion(format),
            };
            assert_eq!(error.kind, expected);
        }
    }
}
