//! Every public type that can hold user data, filled with a marker and formatted in every way: the
//! marker is not to be seen, but where a list says that it may be.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod common;

use core::fmt::{Debug, Display};
use core::time::Duration;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bytes::{Buf, BytesMut};
use mcbp::dcp::{CacheTransferRecord, CacheTransferRecords, DcpRequest, DcpResponse};
use mcbp::kv::{
    KvRequest, KvResponse, Plain, SaslAuth, SaslAuthReply, SaslStep, ServerRequest, ServerResponse,
};
use mcbp::track::resume::{Checkpoint, Cursor};
use mcbp::track::streams::{self, Streams};
use mcbp::track::takeover::{self, Takeover};
use mcbp::track::{Answers, Side};
use mcbp::value::{Collections, DocKey, Document, Value, Xattr, Xattrs};
use mcbp::{
    Datatype, Decoder, FrameInfo, FramingExtras, Magic, Message, Packet, Request, RequestInfo,
    Status, UserData, validate,
};

use common::{Frame, packet};

/// What must not be seen.
const MARKER: &[u8] = b"Geheimnis";

/// Whether the marker is in the output: as text, in hex, or as a list of numbers.
fn is_exposed(output: &str) -> bool {
    let output: String = output.to_lowercase().split_whitespace().collect();
    let list = |byte: fn(&u8) -> String, separator: &str| {
        let bytes: Vec<_> = MARKER.iter().map(byte).collect();
        bytes.join(separator)
    };
    [
        list(|byte| char::from(*byte).to_lowercase().to_string(), ""),
        list(|byte| format!("{byte}"), ","),
        list(|byte| format!("{byte:x}"), ","),
        list(|byte| format!("0x{byte:x}"), ","),
        list(|byte| format!("{byte:x}"), ""),
        list(|byte| format!("\\x{byte:x}"), ""),
        list(|byte| format!("{byte:x}"), ":"),
    ]
    .iter()
    .any(|spelling| output.contains(spelling))
}

/// All that `Debug` can be asked for.
fn debugged(value: &dyn Debug) -> String {
    format!("{value:?} {value:#?} {value:x?} {value:#x?} {value:X?} {value:#X?} {value:200?}")
}

#[track_caller]
fn hidden(value: &dyn Debug) {
    let output = debugged(value);
    assert!(!is_exposed(&output), "{output}");
}

#[track_caller]
fn hidden_in_text<T: Debug + Display>(value: &T) {
    hidden(value);
    let output = format!("{value} {value:#} {value:200}");
    assert!(!is_exposed(&output), "{output}");
}

#[test]
fn the_search_finds_what_is_exposed() {
    let text = str::from_utf8(MARKER).expect("text");
    let hex: String = MARKER.iter().map(|byte| format!("{byte:02X}")).collect();
    let escaped: String = MARKER.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    for exposed in [
        debugged(&text),
        debugged(&MARKER),
        format!("{MARKER:?}"),
        format!("{MARKER:x?}"),
        format!("{MARKER:#x?}"),
        hex,
        escaped,
    ] {
        assert!(is_exposed(&exposed), "{exposed}");
    }
    assert!(!is_exposed(&debugged(&UserData::new(MARKER))));
}

/// The marker over and over, cut at `len`.
fn marked(len: usize) -> Vec<u8> {
    MARKER.iter().copied().cycle().take(len).collect()
}

/// A document out of a producer's memory.
fn record() -> Vec<u8> {
    let record = CacheTransferRecord {
        key: UserData::new(MARKER),
        value: UserData::new(MARKER),
        ..CacheTransferRecord::default()
    };
    let mut bytes = Vec::new();
    record.encode(&mut bytes).expect("a record");
    bytes
}

/// Statuses by which a response is another.
const STATUSES: [Status; 6] = [
    Status::SUCCESS,
    Status::AUTH_CONTINUE,
    Status::ROLLBACK,
    Status::KEY_ENOENT,
    Status::NOT_MY_VBUCKET,
    Status::UNKNOWN_COLLECTION,
];

/// The lengths that extras have, and values without a form of their own and those with one; a
/// message that has none of them is missed below.
const EXTRAS_LENS: [usize; 18] = [
    0, 1, 2, 4, 5, 8, 10, 11, 12, 13, 16, 18, 20, 21, 28, 31, 32, 48,
];
const VALUE_LENS: [usize; 14] = [0, 2, 4, 8, 9, 10, 16, 20, 27, 36, 43, 48, 52, 64];

/// Packets of a command, among them some of each shape that any message has, with the marker in the
/// key or in the value.
fn shapes(magic: Magic, opcode: u8) -> impl Iterator<Item = (&'static str, Frame)> {
    let statuses = if magic.is_response() { 6 } else { 1 };
    let frames = move |place, key: &[u8], value: Vec<u8>| {
        let mut frame = Frame::new(magic as u8, opcode);
        frame.key = key.to_vec();
        frame.value = value;
        EXTRAS_LENS.into_iter().flat_map(move |extras| {
            STATUSES[..statuses].iter().map({
                let frame = frame.clone();
                move |status| {
                    let mut frame = frame.clone();
                    frame.vbucket_or_status = status.0;
                    frame.extras = vec![0; extras];
                    (place, frame)
                }
            })
        })
    };
    let record = frames("value", b"", record());
    let in_value = VALUE_LENS.into_iter().flat_map(move |len| {
        frames("value", b"", marked(len)).chain(frames("value", b"k", marked(len)))
    });
    let in_key = [0, 1, 2, 8, 16, 36]
        .into_iter()
        .flat_map(move |len| frames("key", MARKER, vec![0; len]));
    in_value.chain(in_key).chain(record)
}

/// Formats all messages of an enum that can be read, with the marker in them, and lists where it
/// shows.
macro_rules! places_that_show {
    ($Enum:ident, $magic:expr, $shown:expr) => {
        for &opcode in $Enum::OPCODES {
            let mut places = BTreeSet::new();
            let mut count = 0;
            for (place, frame) in shapes($magic, opcode.0) {
                let bytes = frame.bytes();
                let message = match $Enum::read(packet(&bytes)) {
                    Ok($Enum::Other(other)) => panic!("without a type: {other:?}"),
                    Ok(message) => message,
                    Err(error) => {
                        if count == 0 {
                            hidden_in_text(&error);
                        }
                        continue;
                    }
                };
                count += 1;
                if is_exposed(&debugged(&message)) {
                    let is_reason =
                        $magic.is_response() && frame.vbucket_or_status != Status::SUCCESS.0;
                    places.insert(if is_reason { "reason" } else { place });
                }
                match message.to_buf() {
                    Ok(buf) => hidden(&buf),
                    Err(error) => hidden_in_text(&error),
                }
            }
            assert_ne!(count, 0, "no message of {opcode}");
            for place in places {
                let name = stringify!($Enum);
                $shown.insert(format!("{name} {opcode} {place}"));
            }
        }
    };
}

/// Where names, settings and the server's own words are shown on purpose. A key or a value that is
/// not in this list is hidden.
const SHOWN: &[&str] = &[
    "DcpRequest DCP_CONTROL key",
    "DcpRequest DCP_CONTROL value",
    "DcpRequest DCP_OPEN key",
    "DcpRequest DCP_OPEN value",
    "DcpRequest DCP_STREAM_REQ value",
    "DcpRequest DCP_SYSTEM_EVENT key",
    "DcpRequest DCP_SYSTEM_EVENT value",
    "KvRequest COLLECTIONS_GET_ID key",
    "KvRequest COLLECTIONS_GET_ID value",
    "KvRequest COLLECTIONS_GET_SCOPE_ID key",
    "KvRequest COLLECTIONS_GET_SCOPE_ID value",
    "KvRequest COLLECTIONS_SET_MANIFEST value",
    "KvRequest DEL_VBUCKET value",
    "KvRequest HELLO key",
    "KvRequest SASL_AUTH key",
    "KvRequest SASL_STEP key",
    "KvRequest SELECT_BUCKET key",
    "KvRequest SET_CLUSTER_CONFIG key",
    "KvRequest SET_CLUSTER_CONFIG value",
    "KvRequest SET_VBUCKET value",
    "KvRequest STAT key",
    "KvRequest STAT value",
    "KvResponse STAT key",
    "ServerRequest CLUSTERMAP_CHANGE_NOTIFICATION key",
    "ServerRequest CLUSTERMAP_CHANGE_NOTIFICATION value",
];

#[test]
fn no_message_of_any_kind_shows_more_than_the_list_says() {
    let mut shown = BTreeSet::new();
    places_that_show!(DcpRequest, Magic::ClientRequest, shown);
    places_that_show!(DcpResponse, Magic::ClientResponse, shown);
    places_that_show!(KvRequest, Magic::ClientRequest, shown);
    places_that_show!(KvResponse, Magic::ClientResponse, shown);
    places_that_show!(ServerRequest, Magic::ServerRequest, shown);
    places_that_show!(ServerResponse, Magic::ServerResponse, shown);
    let mut expected: BTreeSet<_> = SHOWN.iter().map(|&place| place.to_owned()).collect();
    // What a server answers, and why it refuses, is for people to read.
    for place in ["value", "reason"] {
        let shows = |name, opcode| format!("{name} {opcode} {place}");
        expected.extend(
            DcpResponse::OPCODES
                .iter()
                .map(|it| shows("DcpResponse", it)),
        );
        expected.extend(KvResponse::OPCODES.iter().map(|it| shows("KvResponse", it)));
    }
    // Not so its part in an authentication, and numbers have no place for the marker.
    for place in [
        "DcpResponse DCP_GET_FAILOVER_LOG value",
        "DcpResponse DCP_STREAM_REQ value",
        "KvResponse COLLECTIONS_GET_ID value",
        "KvResponse COLLECTIONS_GET_SCOPE_ID value",
        "KvResponse GET_ALL_VB_SEQNOS value",
        "KvResponse GET_FAILOVER_LOG value",
        "KvResponse GET_VBUCKET value",
        "KvResponse HELLO value",
        "KvResponse OBSERVE_SEQNO value",
        "KvResponse SASL_AUTH value",
        "KvResponse SASL_STEP value",
    ] {
        assert!(expected.remove(place), "{place}");
    }
    assert_eq!(shown, expected);
}

#[test]
fn no_packet_of_any_opcode_shows_a_part_of_itself() {
    let user = RequestInfo::Impersonate(UserData::new(MARKER));
    let mut framing_extras = Vec::new();
    user.encode(&mut framing_extras).expect("an info");
    for byte in 0..=u8::MAX {
        for magic in Magic::ALL {
            let mut frame = Frame::new(magic as u8, byte);
            frame.extras = vec![0; 20];
            frame.key = marked(30);
            frame.value = marked(40);
            if frame.has_framing_extras() {
                frame.framing_extras = framing_extras.clone();
            }
            let bytes = frame.bytes();
            let whole = packet(&bytes);
            hidden(&whole);
            hidden(whole.header());
            hidden(&whole.into_sections());
            hidden(&whole.framing_extras());
            hidden(&whole.to_buf());
            hidden(&Packet::iter(&bytes));
            for other in [
                debugged(&DcpRequest::Other(whole)),
                debugged(&DcpResponse::Other(whole)),
                debugged(&KvRequest::Other(whole)),
                debugged(&KvResponse::Other(whole)),
                debugged(&ServerRequest::Other(whole)),
                debugged(&ServerResponse::Other(whole)),
            ] {
                assert!(!is_exposed(&other), "{other}");
            }
            let mut stream = BytesMut::from(&bytes[..]);
            let mut decoder = Decoder::default();
            let batch = decoder.decode_batch(&mut stream).expect("a packet");
            assert_eq!(batch.as_bytes(), &bytes);
            hidden(&batch);
            hidden(&decoder);
            let mut stream = BytesMut::from(&bytes[..]);
            hidden(&decoder.decode(&mut stream).expect("a packet"));
            let found = validate::request(whole, &CONNECTION);
            if let Err(violation) = found {
                hidden_in_text(&violation);
                hidden(violation.rule());
            }
        }
    }
    hidden_in_text(&Packet::split_first(MARKER).expect_err("no magic"));
}

const CONNECTION: validate::Connection = validate::Connection {
    kind: validate::ConnectionKind::Consumer,
    collections: true,
    include_delete_times: false,
    datatypes: Datatype::all(),
    unordered_execution: false,
    bucket_has_dcp: true,
};

#[test]
fn no_value_shows_itself() {
    let marker = UserData::new(MARKER);
    hidden_in_text(&marker);
    for collections in [Collections::NotNegotiated, Collections::Negotiated] {
        hidden(&DocKey::split(marker, collections));
        hidden(&DocKey::new(marker, collections));
        for error in [
            DocKey::new(UserData::new(&marked(300)), collections).expect_err("too long"),
            DocKey::new(UserData::new(&[]), collections).expect_err("no key"),
        ] {
            hidden_in_text(&error);
        }
    }

    let xattr = Xattr {
        key: marker,
        value: marker,
    };
    let mut value = Vec::new();
    Xattrs::encode([xattr], &mut value).expect("a section");
    value.extend(MARKER);
    let (xattrs, body) = Xattrs::split(UserData::new(&value)).expect("a section");
    hidden(&xattr);
    hidden(&xattrs);
    hidden(&body);
    hidden(&Document {
        xattrs,
        body,
        is_json: false,
    });
    for bits in 0..=u8::MAX {
        let datatype = Datatype::from_bits_retain(bits);
        for value in [
            Value::of(datatype, UserData::new(&value)),
            Value::underlying(datatype, UserData::new(&value)),
        ] {
            hidden(&value);
            match value {
                Value::Plain(plain) => {
                    hidden(&plain);
                    hidden(&plain.split());
                }
                Value::Snappy(snappy) => {
                    hidden(&snappy);
                    hidden(&snappy.announced_len());
                }
                Value::Underlying { .. } => {}
            }
        }
    }
    hidden_in_text(&Xattrs::split(marker).expect_err("no section"));
    let checked = xattrs.check();
    hidden(&checked);

    let records = record();
    let records = CacheTransferRecords::new(&records).expect("a record");
    hidden(&records);
    hidden(&records.iter().next());
    hidden_in_text(&CacheTransferRecords::new(MARKER).expect_err("no record"));

    let info = FrameInfo {
        id: 4,
        payload: marker,
    };
    hidden(&info);
    hidden(&RequestInfo::from(info));
    hidden(&mcbp::ResponseInfo::from(info));
    let mut section = Vec::new();
    info.encode(&mut section).expect("an info");
    hidden(&FramingExtras::new(&section).expect("an info"));
    hidden(&FramingExtras::new(&section).expect("an info").iter());
    hidden_in_text(&FramingExtras::new(&section[..5]).expect_err("cut off"));

    let plain = Plain::new(marker, marker, marker).expect("no NUL in it");
    hidden(&plain);
    let auth = SaslAuth {
        mechanism: "PLAIN".into(),
        data: marker,
    };
    hidden(&auth);
    hidden(&auth.parts());
    hidden(&Request::from(auth));
    let step = SaslStep {
        mechanism: "SCRAM-SHA512".into(),
        data: marker,
    };
    hidden(&step);
    hidden(&SaslAuthReply::Challenge(marker));
    hidden(&SaslAuthReply::Authenticated(marker));
    let group = mcbp::kv::StatGroup::from("vkey Geheimnis 7");
    hidden(&group);
    hidden(&group.argument());
}

#[cfg(feature = "snappy")]
#[test]
fn no_inflated_value_shows_itself() {
    let deflated = mcbp::value::deflate(UserData::new(MARKER)).expect("a short value");
    let Value::Snappy(snappy) = Value::of(Datatype::SNAPPY, UserData::new(&deflated)) else {
        panic!("compressed");
    };
    let mut buffer = Vec::new();
    hidden(&snappy.inflate(100, &mut buffer).expect("a block"));
    hidden_in_text(&snappy.inflate(1, &mut buffer).expect_err("too long"));
}

#[cfg(feature = "json")]
#[test]
fn no_error_about_json_shows_it() {
    use mcbp::value::{ErrorContext, ErrorMap, Manifest, OpenValue, StreamFilter};
    for json in [
        "{\"Geheimnis\":",
        "Geheimnis",
        "{\"uid\":\"Geheimnis\",\"error\":\"Geheimnis\",\"version\":\"Geheimnis\",\
          \"consumer_name\":{\"Geheimnis\":1},\"collections\":\"Geheimnis\"}",
    ] {
        let json = json.as_bytes();
        hidden_in_text(&ErrorContext::from_json(json).expect_err("not one"));
        hidden_in_text(&ErrorMap::from_json(json).expect_err("not one"));
        hidden_in_text(&Manifest::from_json(json).expect_err("not one"));
        hidden_in_text(&OpenValue::from_json(json).expect_err("not one"));
        hidden_in_text(&StreamFilter::from_json(json).expect_err("not one"));
    }
}

#[test]
fn no_machine_shows_what_passes_through_it() {
    let mut streams = Streams::new(streams::Config::default());
    let mut takeover = Takeover::new(takeover::Config::default());
    let mut cursor = Cursor::new(Checkpoint::START, true).expect("the start");
    let mut answers = Answers::default();
    streams.set_up(&[1], Duration::ZERO).expect("no call");
    takeover.start(2, Duration::ZERO).expect("no takeover");
    while let Some(outgoing) = streams.poll_send().or_else(|| takeover.poll_send()) {
        hidden(&outgoing);
    }
    let commands = DcpRequest::OPCODES.iter();
    for (magic, opcode) in commands
        .flat_map(|it| [Magic::ClientRequest, Magic::ClientResponse].map(|magic| (magic, it.0)))
    {
        for (_, frame) in shapes(magic, opcode).step_by(11) {
            let bytes = frame.bytes();
            for side in [Side::Consumer, Side::Producer] {
                if let Ok(request) = DcpRequest::read(packet(&bytes)) {
                    if let Err(violation) = streams.on_request(side, &request) {
                        hidden_in_text(&violation);
                    }
                    if let Err(violation) = takeover.on_request(side, &request, Duration::ZERO) {
                        hidden_in_text(&violation);
                    }
                    if let Err(violation) = cursor.on_message(&request) {
                        hidden_in_text(&violation);
                    }
                    answers.on_sent(&request);
                }
                if let Ok(response) = DcpResponse::read(packet(&bytes)) {
                    if let Err(violation) = streams.on_response(side, &response) {
                        hidden_in_text(&violation);
                    }
                    if let Err(violation) = takeover.on_response(side, &response, Duration::ZERO) {
                        hidden_in_text(&violation);
                    }
                    answers.on_answer(&response);
                }
            }
        }
        hidden(&streams);
        hidden(&takeover);
        hidden(&cursor);
        hidden(&answers);
    }
}

/// A password is in the caller's bytes, and nowhere else: what is written borrows it, and so does
/// what is read.
#[test]
fn what_sasl_says_is_not_copied() {
    let lies_in = |bytes: &[u8], part: &[u8]| bytes.as_ptr_range().contains(&part.as_ptr());
    let data = MARKER.repeat(3);
    let auth = Request::from(SaslAuth {
        mechanism: "PLAIN".into(),
        data: UserData::new(&data),
    });
    let mut buf = auth.to_buf().expect("a message");
    let mut written = Vec::new();
    let mut borrowed = 0;
    while buf.has_remaining() {
        let chunk = buf.chunk();
        let is_secret = chunk.windows(MARKER.len()).any(|it| it == MARKER);
        assert_eq!(is_secret, lies_in(&data, chunk));
        borrowed += usize::from(is_secret);
        written.extend_from_slice(chunk);
        buf.advance(chunk.len());
    }
    assert_eq!(borrowed, 1);
    let KvRequest::SaslAuth(read) = KvRequest::read(packet(&written)).expect("a message") else {
        panic!("another message");
    };
    assert_eq!(read.message.data.expose(), data);
    assert!(lies_in(&written, read.message.data.expose()));
    let plain = UserData::from("\0user\0Geheimnis");
    let read = Plain::read(plain).expect("two NULs");
    assert!(lies_in(plain.expose(), read.password().expose()));
    // A packet off a stream is where it was read to, and who holds it alone can wipe it.
    let mut stream = BytesMut::from(&written[..]);
    let block = stream.as_ptr_range();
    let packet = Decoder::default().decode(&mut stream).expect("no error");
    let body = packet.expect("a packet").into_body();
    assert!(block.contains(&body.as_ptr()));
    drop(stream);
    let mut own = body.try_into_mut().expect("no one else has it");
    assert!(block.contains(&own.as_ptr()));
    own.fill(0);
}

#[cfg(feature = "tokio-util")]
#[test]
fn no_codec_shows_what_it_has_read() {
    use mcbp::codec::{BatchCodec, PacketCodec};
    use tokio_util::codec::Decoder;

    let mut frame = Frame::new(0x80, mcbp::Opcode::DCP_MUTATION.0);
    frame.value = marked(40);
    let mut stream = BytesMut::from([&frame.bytes(), MARKER].concat().as_slice());
    let mut packets = PacketCodec::default();
    hidden(&packets.decode(&mut stream.clone()).expect("a packet"));
    hidden(&packets);
    let mut batches = BatchCodec::default();
    hidden(&batches.decode(&mut stream).expect("a packet"));
    hidden_in_text(&batches.decode(&mut stream).expect_err("no magic"));
    hidden(&batches);
}

/// The public types with user data among their fields, by a look at the source: who adds one has
/// to add it here, and above.
#[test]
fn no_type_with_user_data_is_missing_here() {
    let mut holders = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut directories = vec![source];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                holders.extend(holders_in(&fs::read_to_string(path).expect("a source")));
            }
        }
    }
    let holders: Vec<_> = holders.iter().map(String::as_str).collect();
    assert_eq!(holders, HOLDERS);
}

fn holders_in(source: &str) -> BTreeSet<String> {
    let mut holders = BTreeSet::new();
    let mut within = None;
    for line in source.lines() {
        if let Some(rest) = ["pub struct ", "pub enum "]
            .iter()
            .find_map(|start| line.strip_prefix(start))
        {
            let name = rest.split(|c: char| !c.is_alphanumeric()).next();
            within = name.map(str::to_owned);
        }
        if let Some(name) = &within {
            let holds = line.contains("UserData<")
                || line.contains("SnappyValue<")
                || line.contains("PlainValue<")
                || line.contains("Xattrs<");
            if holds {
                holders.insert(name.clone());
            }
        }
        if line == "}" || line.ends_with(");") && !line.starts_with(' ') {
            within = None;
        }
    }
    holders
}

const HOLDERS: &[&str] = &[
    "Abort",
    "ActiveExternalUsers",
    "Authenticate",
    "CacheTransferRecord",
    "Commit",
    "Deletion",
    "DocKey",
    "Document",
    "Expiration",
    "FrameInfo",
    "GetAuthorization",
    "GetVbucket",
    "Mutation",
    "Plain",
    "PlainValue",
    "Prepare",
    "RequestInfo",
    "SaslAuth",
    "SaslReply",
    "SaslStep",
    "Sections",
    "ServerReply",
    "SnappyValue",
    "UserData",
    "Value",
    "Xattr",
    "Xattrs",
];
