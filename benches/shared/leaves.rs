//! The integers of a mutation's extras, read in four ways: why the crate has leaves of its own.
#![expect(
    clippy::disallowed_methods,
    reason = "what nom's own integers cost is the question"
)]

use core::hint::black_box;

use nom::number::complete;
use nom::{IResult, Parser};

use super::task::Task;

type Extras = (u64, u64, u32, u32, u32, u16, u8);

pub(crate) fn task() -> Task<'static> {
    let extras: Vec<u8> = (0..31 * 1024_u32).map(|at| (at * 7) as u8).collect();
    let size = (extras.len() / 31, extras.len());
    let others = [extras.clone(), extras.clone()];
    let [nom, hand] = others;
    let floor = move || sum(&hand, by_hand);
    let leaves = move || sum(&extras, |extras| own_leaves(extras).ok().map(|(_, it)| it));
    let nom = move || sum(&nom, |extras| nom_integers(extras).ok().map(|(_, it)| it));
    let name = "integers of 31 bytes of extras";
    Task::new(name, "all", size, floor)
        .or("nom over the crate's", leaves)
        .or("nom over its own", nom)
}

#[inline(always)]
fn sum(extras: &[u8], read: impl Fn(&[u8]) -> Option<Extras>) -> Option<u64> {
    let mut sum = 0_u64;
    for extras in black_box(extras).chunks(31) {
        let (a, b, c, d, e, f, g) = read(extras)?;
        sum = sum
            .wrapping_add(a)
            .wrapping_add(b)
            .wrapping_add(c.into())
            .wrapping_add(d.into())
            .wrapping_add(e.into())
            .wrapping_add(f.into())
            .wrapping_add(g.into());
    }
    Some(sum)
}

fn by_hand(extras: &[u8]) -> Option<Extras> {
    let extras: &[u8; 31] = extras.try_into().ok()?;
    Some((
        u64::from_be_bytes(*extras.first_chunk()?),
        u64::from_be_bytes(*extras[8..].first_chunk()?),
        u32::from_be_bytes(*extras[16..].first_chunk()?),
        u32::from_be_bytes(*extras[20..].first_chunk()?),
        u32::from_be_bytes(*extras[24..].first_chunk()?),
        u16::from_be_bytes(*extras[28..].first_chunk()?),
        extras[30],
    ))
}

fn nom_integers(extras: &[u8]) -> IResult<&[u8], Extras> {
    use complete::{be_u8, be_u16, be_u32, be_u64};
    (be_u64, be_u64, be_u32, be_u32, be_u32, be_u16, be_u8).parse(extras)
}

/// With leaves as those in `src/cursor.rs`, which are private.
fn own_leaves(extras: &[u8]) -> IResult<&[u8], Extras> {
    let be_u64 = |input| chunk(input).map(|(rest, bytes)| (rest, u64::from_be_bytes(bytes)));
    let be_u32 = |input| chunk(input).map(|(rest, bytes)| (rest, u32::from_be_bytes(bytes)));
    let be_u16 = |input| chunk(input).map(|(rest, bytes)| (rest, u16::from_be_bytes(bytes)));
    let be_u8 = |input| chunk(input).map(|(rest, [byte])| (rest, byte));
    (be_u64, be_u64, be_u32, be_u32, be_u32, be_u16, be_u8).parse(extras)
}

#[inline(always)]
fn chunk<const N: usize>(input: &[u8]) -> IResult<&[u8], [u8; N]> {
    match input.split_first_chunk() {
        Some((head, rest)) => Ok((rest, *head)),
        None => {
            let error = nom::error::Error::new(input, nom::error::ErrorKind::Eof);
            Err(nom::Err::Error(error))
        }
    }
}
