//! What is done with a packet once it is read: its key and value taken apart, a verdict found.
//!
//! Each task has its floor beside it: the same work for the same input, and nothing else, written
//! by hand in safe Rust.

use core::hint::black_box;

use mcbp::policy::{self, Context, Edition, OpaqueOwner, Role};
use mcbp::value::{
    Collection, CollectionId, CollectionSettings, Collections, DocKey, ManifestChange, ScopeId,
    Xattr, Xattrs,
};
use mcbp::{FramingExtras, Metadata, Opcode, RequestInfo, Status, SystemEventId, UserData};

use super::floor::bytes_at;
use super::task::Task;

pub(crate) fn tasks() -> Vec<Task<'static>> {
    vec![
        verdicts(),
        task("collection key", keys(), floor_key, key),
        task("extended attributes", xattr_values(), floor_xattrs, xattrs),
        task("system event, version 2", events(), floor_event, event),
        task("frame infos", frame_infos(), floor_infos, infos),
    ]
}

fn task(
    name: &'static str,
    inputs: Vec<Vec<u8>>,
    floor: impl Fn(&[u8]) -> Option<u64> + 'static,
    subject: impl Fn(&[u8]) -> Option<u64> + 'static,
) -> Task<'static> {
    let copy = inputs.clone();
    let size = (inputs.len(), inputs.iter().map(Vec::len).sum());
    let floor = move || sum(black_box(&copy), |input| floor(input));
    let subject = move || sum(black_box(&inputs), |input| subject(input));
    Task::new(name, "all", size, floor).or("mcbp", subject)
}

#[inline(always)]
fn sum<T>(inputs: &[T], read: impl Fn(&T) -> Option<u64>) -> Option<u64> {
    inputs
        .iter()
        .try_fold(0_u64, |sum, input| Some(sum.wrapping_add(read(input)?)))
}

/// Each opcode with each status that has a name, in no order; beside a table of all the answers,
/// and the status known by its number in the list.
fn verdicts() -> Task<'static> {
    let len = 256 * Status::NAMED.len();
    let judgement = |opcode: u8, status| {
        let (role, opaque) = (Role::Producer, OpaqueOwner::Stream);
        let context = Context::new(role, Edition::V7_0, Opcode(opcode), opaque);
        policy::judge(&context, status).judgement as u8
    };
    let mut table = vec![0; len];
    let mut responses = Vec::new();
    for step in 0..len {
        let at = step * 7919 % len;
        let (opcode, index) = ((at / Status::NAMED.len()) as u8, at % Status::NAMED.len());
        let status = Status::NAMED[index];
        table[at] = judgement(opcode, status);
        responses.push((opcode, index as u8, status));
    }
    let copy = responses.clone();
    let floor = move || {
        let table: &[u8] = black_box(&table);
        sum(black_box(&copy), |&(opcode, index, _)| {
            let at = usize::from(opcode) * Status::NAMED.len() + usize::from(index);
            Some(u64::from(*table.get(at)?))
        })
    };
    let subject = move || {
        sum(black_box(&responses), |&(opcode, _, status)| {
            Some(u64::from(judgement(opcode, status)))
        })
    };
    Task::new("verdict", "all", (len, 0), floor).or("mcbp", subject)
}

/// Ids of one byte to five, with names of usual lengths.
fn keys() -> Vec<Vec<u8>> {
    let ids = [0, 8, 0x7f, 0x80, 0x555, 0x4000, 0x12_3456, 0xcafe_f00d];
    (0..1024_usize)
        .map(|at| {
            let name = &[b'k'; 40][..13 + at % 28];
            let id = CollectionId(ids[at * 5 % ids.len()]);
            let mut key = Vec::new();
            DocKey::encode(Collections::Negotiated, id, name.into(), &mut key).expect("a key");
            key
        })
        .collect()
}

#[inline(always)]
fn key(bytes: &[u8]) -> Option<u64> {
    let key = DocKey::new(UserData::new(bytes), Collections::Negotiated).ok()?;
    Some(bytes_at(key.name().expose()).wrapping_add(key.collection().0.into()))
}

#[inline(always)]
fn floor_key(bytes: &[u8]) -> Option<u64> {
    let (mut id, mut shift, mut rest) = (0_u32, 0, bytes);
    while let Some((&byte, behind)) = rest.split_first() {
        id |= u32::from(byte & 0x7f).checked_shl(shift)?;
        rest = behind;
        if byte < 0x80 {
            return Some(bytes_at(rest).wrapping_add(id.into()));
        }
        shift += 7;
    }
    None
}

/// One attribute to four, and a body.
fn xattr_values() -> Vec<Vec<u8>> {
    let xattrs = [
        (
            "_sync",
            r#"{"rev":"1-5a2b","sequence":1234,"recent":[1233,1234]}"#,
        ),
        ("meta", "7"),
        ("_vv", r#"{"ver":"0x00007a1b"}"#),
        ("tags", r#"["a","b"]"#),
    ];
    let xattrs = xattrs.map(|(key, value)| Xattr {
        key: UserData::new(key.as_bytes()),
        value: UserData::new(value.as_bytes()),
    });
    (0..256)
        .map(|at| {
            let mut value = Vec::new();
            let xattrs = xattrs[..1 + at % xattrs.len()].iter().copied();
            Xattrs::encode(xattrs, &mut value).expect("extended attributes");
            value.extend_from_slice(&[b'7'; 200]);
            value
        })
        .collect()
}

#[inline(always)]
fn xattrs(value: &[u8]) -> Option<u64> {
    let (xattrs, body) = Xattrs::split(UserData::new(value)).ok()?;
    Some(xattrs.iter().fold(bytes_at(body.expose()), |sum, xattr| {
        sum.wrapping_add(bytes_at(xattr.key.expose()))
            .wrapping_add(bytes_at(xattr.value.expose()))
    }))
}

#[inline(always)]
fn floor_xattrs(value: &[u8]) -> Option<u64> {
    let (len, rest) = value.split_first_chunk::<4>()?;
    let (mut pairs, body) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
    let mut sum = bytes_at(body);
    while let Some((len, rest)) = pairs.split_first_chunk::<4>() {
        let (pair, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        let (key, value) = pair.split_at_checked(pair.iter().position(|&byte| byte == 0)?)?;
        let (end, value) = value.get(1..)?.split_last()?;
        if *end != 0 || value.contains(&0) {
            return None;
        }
        sum = sum
            .wrapping_add(bytes_at(key))
            .wrapping_add(bytes_at(value));
        pairs = rest;
    }
    Some(sum)
}

fn events() -> Vec<Vec<u8>> {
    (0..256_u32)
        .map(|at| {
            let change = ManifestChange::CreateCollection(Collection {
                manifest_uid: at.into(),
                scope_id: ScopeId(8 + at % 4),
                collection_id: CollectionId(8 + at),
                name: Metadata(&b"collection"[..1 + at as usize % 10]),
                max_ttl: Some(at),
                settings: Some(CollectionSettings::default()),
            });
            let mut value = Vec::new();
            change.encode(2, &mut value).expect("an event");
            value
        })
        .collect()
}

#[inline(always)]
fn event(value: &[u8]) -> Option<u64> {
    let id = SystemEventId::CREATE_COLLECTION;
    let change = ManifestChange::read(id, 2, Metadata(b""), Metadata(value)).ok()?;
    let ManifestChange::CreateCollection(collection) = change else {
        return None;
    };
    let settings = collection.settings?;
    let sum = bytes_at(collection.name.0)
        .wrapping_add(collection.manifest_uid)
        .wrapping_add(collection.scope_id.0.into())
        .wrapping_add(collection.collection_id.0.into())
        .wrapping_add(collection.max_ttl.unwrap_or_default().into())
        .wrapping_add(settings.history.into())
        .wrapping_add(settings.default_collection_mvs)
        .wrapping_add(settings.metered.into())
        .wrapping_add(settings.flush_uid);
    Some(sum)
}

#[inline(always)]
fn floor_event(value: &[u8]) -> Option<u64> {
    let table = value.get(u32::from_le_bytes(*value.first_chunk()?) as usize..)?;
    let table_at = value.len() - table.len();
    let back = i32::from_le_bytes(*table.first_chunk()?) as usize;
    let vtable = value.get(table_at.checked_sub(back)?..)?;
    let (vtable, _) = vtable.split_at_checked(u16_at(vtable, 0)?.into())?;
    // The default, 0, where the vtable ends, or says so.
    let place = |slot: usize| match u16_at(vtable, 4 + 2 * slot) {
        None | Some(0) => None,
        Some(at) => Some(usize::from(at)),
    };
    let u64_at =
        |slot| place(slot).map_or(Some(0), |at| Some(u64::from_le_bytes(part(table, at)?)));
    let u32_at =
        |slot| place(slot).map_or(Some(0), |at| Some(u32::from_le_bytes(part(table, at)?)));
    let bool_at = |slot| place(slot).map_or(Some(false), |at| Some(*table.get(at)? != 0));
    let name = match place(5) {
        None => &[],
        Some(at) => {
            let at = at + u32::from_le_bytes(part(table, at)?) as usize;
            let len = u32::from_le_bytes(part(table, at)?) as usize;
            table.get(at + 4..)?.get(..len)?
        }
    };
    let max_ttl = if bool_at(3)? { u32_at(4)? } else { 0 };
    let sum = bytes_at(name)
        .wrapping_add(u64_at(0)?)
        .wrapping_add(u32_at(1)?.into())
        .wrapping_add(u32_at(2)?.into())
        .wrapping_add(max_ttl.into())
        .wrapping_add(bool_at(6)?.into())
        .wrapping_add(u64_at(7)?)
        .wrapping_add(bool_at(8)?.into())
        .wrapping_add(u64_at(9)?);
    Some(sum)
}

#[inline(always)]
fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[inline(always)]
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    part(bytes, at).map(u16::from_le_bytes)
}

/// A stream id, alone and behind an info that is for others.
fn frame_infos() -> Vec<Vec<u8>> {
    (0..=255)
        .map(|at: u8| {
            if at % 2 == 0 {
                vec![0x22, 0, at]
            } else {
                vec![0x44, b'u', b's', b'e', b'r', 0x22, 0, at]
            }
        })
        .collect()
}

#[inline(always)]
fn infos(bytes: &[u8]) -> Option<u64> {
    let extras = FramingExtras::new(bytes).ok()?;
    extras.request_infos().try_fold(0_u64, |sum, info| {
        let found = match info {
            RequestInfo::StreamId(id) => id.into(),
            RequestInfo::Impersonate(name) => bytes_at(name.expose()),
            _ => return None,
        };
        Some(sum.wrapping_add(found))
    })
}

#[inline(always)]
fn floor_infos(bytes: &[u8]) -> Option<u64> {
    let (mut sum, mut rest) = (0_u64, bytes);
    while let Some((&head, behind)) = rest.split_first() {
        let (payload, behind) = behind.split_at_checked(usize::from(head & 0xf))?;
        let found = match head >> 4 {
            2 => u16::from_be_bytes(payload.try_into().ok()?).into(),
            4 => bytes_at(payload),
            _ => return None,
        };
        sum = sum.wrapping_add(found);
        rest = behind;
    }
    Some(sum)
}
