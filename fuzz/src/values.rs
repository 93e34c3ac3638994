//! What must hold of what is inside keys and values.

use core::fmt::{Debug, Display};
use core::time::Duration;

use arbitrary::Unstructured;
use mcbp::value::{
    Collections, ControlSetting, DocKey, ErrorContext, ErrorMap, Manifest, ManifestChange,
    OpenValue, StreamFilter, Value, Xattr, Xattrs, deflate,
};
use mcbp::{Datatype, Metadata, SystemEventId, UserData, ValueError, ValueErrorKind};

/// What is read, if it is; an error lies in what was read, or right behind it.
fn read<T>(read: Result<T, ValueError>, len: usize) -> Option<T> {
    read.inspect_err(|error| {
        assert!(error.offset as usize <= len, "{error}");
        assert_ne!(error.to_string(), "");
    })
    .ok()
}

/// Checks that `encode` writes `bytes`, and nothing where there is one byte too little room.
#[track_caller]
fn written_as(bytes: &[u8], encode: impl Fn(&mut &mut [u8]) -> Result<(), ValueError>) {
    let mut room = vec![0xa5; bytes.len() + 1];
    let mut dst = room.as_mut_slice();
    assert_eq!(encode(&mut dst), Ok(()));
    assert_eq!(dst, [0xa5]);
    assert_eq!(room[..bytes.len()], *bytes);

    let mut room = vec![0xa5; bytes.len() - 1];
    let mut dst = room.as_mut_slice();
    let kind = encode(&mut dst).map_err(|error| error.kind);
    assert_eq!(kind, Err(ValueErrorKind::NoRoom));
    assert_eq!(dst.len(), bytes.len() - 1);
    assert!(room.iter().all(|&byte| byte == 0xa5));
}

/// A key falls into a prefix and a name, and nothing of it is lost; one that the server takes is
/// written back byte for byte, and what can be written is a key that the server takes.
pub fn key(data: &[u8]) {
    let raw = UserData::new(data);
    for collections in [Collections::NotNegotiated, Collections::Negotiated] {
        let accepted = DocKey::new(raw, collections);
        let Some(key) = read(DocKey::split(raw, collections), data.len()) else {
            assert!(accepted.is_err());
            continue;
        };
        assert_eq!(accepted, key.check().map(|()| key));
        let (id, name) = (key.collection(), key.name());
        assert_eq!(key.raw(), raw);
        assert!(data.ends_with(name.expose()));
        let prefix = &data[..data.len() - name.len()];
        let number = prefix.iter().enumerate().fold(0, |number, (at, byte)| {
            number | u64::from(byte & 0x7f) << (7 * at)
        });
        assert_eq!(u64::from(id.0), number);

        let encode = |dst: &mut &mut [u8]| DocKey::encode(collections, id, name, dst);
        if read(accepted, data.len()).is_some() {
            written_as(data, encode);
            if collections == Collections::Negotiated {
                assert_eq!(id.encoded_len(), prefix.len());
                written_as(prefix, |dst| id.encode(dst));
            }
        }
        let mut written = Vec::new();
        match DocKey::encode(collections, id, name, &mut written) {
            Ok(()) => {
                let key = DocKey::new(UserData::new(&written), collections).expect("a legal key");
                assert_eq!((key.collection(), key.name()), (id, name));
            }
            Err(_) => assert!(written.is_empty()),
        }
    }
}

/// Extended attributes and the body behind them are the whole value, and are written back byte for
/// byte; what can be written is read as what it was.
pub fn xattr(data: &[u8]) {
    let value = UserData::new(data);
    let split = Xattrs::split(value);
    let Value::Plain(plain) = Value::of(Datatype::XATTR, value) else {
        panic!("not compressed");
    };
    let document = plain
        .split()
        .map(|document| (document.xattrs, document.body));
    assert_eq!(document, split);
    if let Some((xattrs, body)) = read(split, data.len()) {
        assert!(data.ends_with(body.expose()));
        let section = &data[..data.len() - body.len()];
        written_as(section, |dst| Xattrs::encode(xattrs.iter(), dst));
        assert_eq!(xattrs.is_empty(), xattrs.iter().next().is_none());
        for xattr in xattrs.iter() {
            let first = xattrs.iter().find(|other| other.key == xattr.key);
            assert_eq!(
                xattrs.get(xattr.key.expose()),
                first.map(|first| first.value)
            );
        }
        read(xattrs.check(), section.len());
    }

    let mut texts = data.split(|&byte| byte == b',').map(UserData::new);
    let mut pairs = Vec::new();
    while let (Some(key), Some(value)) = (texts.next(), texts.next()) {
        pairs.push(Xattr { key, value });
    }
    let mut written = Vec::new();
    match Xattrs::encode(pairs.iter().copied(), &mut written) {
        Ok(()) => {
            let split = Xattrs::split(UserData::new(&written));
            let (xattrs, body) = split.expect("extended attributes");
            assert!(xattrs.iter().eq(pairs));
            assert!(body.is_empty());
        }
        Err(_) => assert!(written.is_empty()),
    }
}

/// A change of the manifest is written as it was read: byte for byte in the versions 0 and 1, with
/// the same meaning in version 2, and no version takes anything from another.
///
/// `data` is the event, its version, the length of its key, the key and the value.
pub fn system_event(data: &[u8]) {
    let &[id, version, key_len, ref data @ ..] = data else {
        return;
    };
    let (key, value) = data.split_at_checked(key_len.into()).unwrap_or((&[], data));
    let (id, key) = (SystemEventId(id.into()), Metadata(key));
    let change = ManifestChange::read(id, version, key, Metadata(value));
    let Some(change) = read(change, value.len()) else {
        return;
    };
    assert_eq!(change.id(), id);
    assert_ne!(format!("{change:?}"), "");
    let plain = change.plain_version();
    if version == 2 {
        let bytes = in_version(&change, 2);
        assert_eq!(read_again(&change, 2, &bytes), change);
    } else {
        assert_eq!(plain, Some(version));
        assert_eq!(in_version(&change, version), value);
    }
    if let Some(plain) = plain {
        let bytes = in_version(&change, plain);
        let table = in_version(&change, 2);
        let of_table = read_again(&change, 2, &table);
        assert_eq!(in_version(&of_table, plain), bytes);
        assert_eq!(
            in_version(&read_again(&change, plain, &bytes), plain),
            bytes
        );
    }
    for version in (0..=u8::MAX).filter(|&version| version != 2 && Some(version) != plain) {
        let mut written = Vec::new();
        let written_kind = change.encode(version, &mut written);
        let kind = written_kind.map_err(|error| error.kind);
        assert_eq!(kind, Err(ValueErrorKind::UnknownVersion(version)));
        assert!(written.is_empty());
    }
}

/// The value of a change in a version that it has.
fn in_version(change: &ManifestChange<'_>, version: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    change.encode(version, &mut bytes).expect("a version of it");
    written_as(&bytes, |dst| change.encode(version, dst));
    bytes
}

/// What the event of a change with this value tells.
fn read_again<'a>(change: &ManifestChange<'a>, version: u8, value: &'a [u8]) -> ManifestChange<'a> {
    let read = ManifestChange::read(change.id(), version, change.key(), Metadata(value));
    read.expect("a change of the manifest")
}

/// A block inflates to what it announces, within the limit, and no room is made for more than the
/// limit and its own length account for; what is deflated inflates to what it was.
///
/// `data` is a byte that chooses the limit, and the block.
pub fn snappy(data: &[u8]) {
    let &[limit, ref block @ ..] = data else {
        return;
    };
    let limit = (1 << (limit % 24)) - 1;
    let datatype = Datatype::SNAPPY | Datatype::JSON;
    let compressed = |block| match Value::of(datatype, UserData::new(block)) {
        Value::Snappy(snappy) => snappy,
        _ => panic!("compressed"),
    };
    let snappy = compressed(block);
    let announced = read(snappy.announced_len(), block.len());
    let mut buffer = Vec::new();
    match read(snappy.inflate(limit, &mut buffer), block.len()) {
        Some(plain) => {
            let len = u32::try_from(plain.bytes().len()).expect("within the limit");
            assert!(len <= limit);
            assert_eq!(Some(len), announced);
            assert_eq!(plain.datatype(), Datatype::JSON);
        }
        None => assert!(buffer.is_empty()),
    }
    // A small vector has room for eight bytes.
    let accounted_for = (limit as usize).min(22 * block.len()).max(8);
    assert!(
        buffer.capacity() <= accounted_for,
        "room for {} bytes of a block of {}, at most {limit}",
        buffer.capacity(),
        block.len(),
    );

    let len = u32::try_from(block.len()).expect("a short input");
    let deflated = deflate(UserData::new(block)).expect("a short value");
    let plain = compressed(&deflated).inflate(len, &mut buffer);
    assert_eq!(plain.expect("a block").bytes().expose(), block);
    if let Some(limit) = len.checked_sub(1) {
        let kind = compressed(&deflated).inflate(limit, &mut buffer);
        let kind = kind.map_err(|error| error.kind);
        assert_eq!(kind.err(), Some(ValueErrorKind::TooLong { limit }));
        assert!(buffer.is_empty());
    }
}

/// JSON of every kind is read or refused; what can be written is read as what it was.
pub fn json(data: &[u8]) {
    read(ErrorContext::from_json(data), data.len());
    read(ErrorMap::from_json(data), data.len());
    read(Manifest::from_json(data), data.len());
    let filter = read(StreamFilter::from_json(data), data.len());
    let open = read(OpenValue::from_json(data), data.len());

    // The same bytes as anything that these types can say.
    let arbitrary_filter = Unstructured::new(data).arbitrary().ok();
    let arbitrary_open = Unstructured::new(data).arbitrary().ok();
    for filter in filter.into_iter().chain(arbitrary_filter) {
        written_as_json(&filter, StreamFilter::from_json);
    }
    for open in open.into_iter().chain(arbitrary_open) {
        written_as_json(&open, OpenValue::from_json);
    }
}

#[track_caller]
fn written_as_json<T: Debug + Display + PartialEq>(
    value: &T,
    from_json: impl Fn(&[u8]) -> Result<T, ValueError>,
) {
    let json = value.to_string();
    assert_eq!(from_json(json.as_bytes()).as_ref(), Ok(value), "{json}");
}

/// A setting that is read is written and read as the same, but for what an interval has below a
/// microsecond.
///
/// `data` is the length of the key, the key and the value.
pub fn control(data: &[u8]) {
    let Some((&key_len, data)) = data.split_first() else {
        return;
    };
    let (key, value) = data.split_at_checked(key_len.into()).unwrap_or((data, &[]));
    let (key, value) = (Metadata(key), Metadata(value));
    let Some(setting) = read(ControlSetting::read(key, value), value.0.len()) else {
        return;
    };
    assert_eq!(setting.key(), key);
    let written = setting.value();
    let again = ControlSetting::read(key, Metadata(&written)).expect("a legal setting");
    match (setting, again) {
        (ControlSetting::SetNoopInterval(read), ControlSetting::SetNoopInterval(again)) => {
            // One is cut off, and one may be missing from what a float is next to.
            assert!(read.abs_diff(again) <= Duration::from_micros(2), "{read:?}");
        }
        _ => assert_eq!(again, setting),
    }
}
