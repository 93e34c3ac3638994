//! `GET_ALL_VB_SEQNOS`: how far each vbucket has come.

use bytes::BufMut;

use crate::cursor::be_u32;
use crate::kv::{VbSeqnos, WideVbucketState};
use crate::{Answer, Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape};

/// Asks for the high seqnos of the vbuckets of the bucket.
///
/// | extras | field               |                      | if there         |
/// |-------:|---------------------|----------------------|------------------|
/// |   0..4 | `filter.state`      | [`WideVbucketState`] | 4 or 8 bytes     |
/// |   4..8 | `filter.collection` | u32                  | 8 bytes          |
///
/// From the client to the server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct GetAllVbSeqnos {
    /// Which of them; `None` for all that are active, replica or pending.
    pub filter: Option<VbSeqnosFilter>,
}

/// Which seqnos [`GetAllVbSeqnos`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct VbSeqnosFilter {
    /// Only those of vbuckets in this state; 0 for active, replica or pending.
    pub state: WideVbucketState,
    /// The high seqnos of this collection; needs collections. `None` for those of the vbuckets, or
    /// without collections for those of the default collection.
    pub collection: Option<u32>,
}

impl<'a> Message<'a> for GetAllVbSeqnos {
    const COMMAND: Command = Command::Client(Opcode::GET_ALL_VB_SEQNOS);
    const SHAPE: Shape = Shape::extras(Lengths::three(0, 4, 8));

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let mut extras = body.extras();
        if extras.is_at_end() {
            return Ok(Self { filter: None });
        }
        let filter = VbSeqnosFilter {
            state: WideVbucketState(extras.read(be_u32)?),
            collection: match extras.is_at_end() {
                true => None,
                false => Some(extras.read(be_u32)?),
            },
        };
        Ok(Self {
            filter: Some(filter),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| {
            if let Some(filter) = self.filter {
                extras.put_u32(filter.state.0);
                if let Some(collection) = filter.collection {
                    extras.put_u32(collection);
                }
            }
        })
    }
}

/// The answer to [`GetAllVbSeqnos`].
///
/// `EINVAL` for a state above 4, or a collection without collections negotiated;
/// `UNKNOWN_COLLECTION`.
pub type GetAllVbSeqnosReply<'a> = Answer<'a, VbSeqnos<'a>, { Opcode::GET_ALL_VB_SEQNOS.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::layout::{assert_layout, assert_reply_layout};

    #[test]
    fn layout() {
        assert_layout(GetAllVbSeqnos { filter: None });
        for collection in [None, Some(0x0405_0607)] {
            let filter = VbSeqnosFilter {
                state: WideVbucketState(0x0001_0203),
                collection,
            };
            assert_layout(GetAllVbSeqnos {
                filter: Some(filter),
            });
        }
    }

    #[test]
    fn reply_layout() {
        for bytes in [&[][..], &[7; 20]] {
            let seqnos = VbSeqnos::new(bytes).expect("whole entries");
            assert_reply_layout(Status::SUCCESS, GetAllVbSeqnosReply::Accepted(seqnos));
        }
        let refused = GetAllVbSeqnosReply::Refused("{}".into());
        assert_reply_layout(Status::UNKNOWN_COLLECTION, refused);
    }
}
