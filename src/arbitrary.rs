//! `Arbitrary` where not every value of the fields makes a legal whole.

use arbitrary::{Arbitrary, Error, Result, Unstructured};

use crate::dcp::{CacheTransferRecords, FailoverLog};
use crate::{FrameInfo, FramingExtras, Reply, Response, Status};

impl<'a> Arbitrary<'a> for FrameInfo<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let id = u.int_in_range(0..=Self::MAX)?;
        let len = u.int_in_range(0..=usize::from(Self::MAX))?;
        let payload = u.bytes(len.min(u.len()))?.into();
        Ok(Self { id, payload })
    }
}

impl<'a> Arbitrary<'a> for FramingExtras<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        if u.arbitrary()? {
            return Ok(Self::ABSENT);
        }
        let bytes: &[u8] = u.arbitrary()?;
        let bytes = bytes.get(..usize::from(u8::MAX)).unwrap_or(bytes);
        // As many whole infos as the bytes start with.
        Self::new(bytes)
            .or_else(|error| Self::new(bytes.get(..error.offset as usize).unwrap_or_default()))
            .map_err(|_| Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for FailoverLog<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let len = u.int_in_range(1..=25_usize)?.saturating_mul(16);
        Self::new(u.bytes(len)?).ok_or(Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for CacheTransferRecords<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Self::new(u.arbitrary()?).map_err(|_| Error::IncorrectFormat)
    }
}

impl<'a, R: Reply<'a> + Arbitrary<'a>> Arbitrary<'a> for Response<'a, R> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let reply: R = u.arbitrary()?;
        let named = *u.choose(Status::NAMED)?;
        let payloads = [Status::SUCCESS, Status::ROLLBACK, Status::AUTH_CONTINUE];
        let statuses = [named, u.arbitrary()?].into_iter().chain(payloads);
        let status = statuses.into_iter().find(|&status| reply.fits(status));
        Ok(Self {
            opaque: u.arbitrary()?,
            status: status.ok_or(Error::IncorrectFormat)?,
            cas: u.arbitrary()?,
            datatype: u.arbitrary()?,
            framing_extras: u.arbitrary()?,
            reply,
        })
    }
}
