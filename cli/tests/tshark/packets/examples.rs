//! Messages by hand: what random values hardly ever are.

use mcbp::dcp::{
    AddStream, CacheTransfer, CacheTransferRecord, CacheTransferRecords, ControlReply, Deletion,
    DeletionVersion, Expiration, Mutation, Noop, NoopReply, Open, OsoSnapshot, Prepare,
    SetVbucketState, SnapshotMarker, SnapshotMarkerV2, SnapshotMarkerV2Minor, StreamEnd,
    StreamRequest, SystemEvent,
};
use mcbp::kv::{Features, Hello, HelloReply};
use mcbp::value::{CollectionId, Xattr, Xattrs, deflate};
use mcbp::{
    Datatype, DurabilityLevel, EncodedDuration, Feature, FramingExtras, Message, OpenFlags,
    OsoFlags, Reply, Request, RequestInfo, Response, ResponseInfo, SnapshotFlags, Status,
    StreamEndReason, StreamFlags, SystemEventId, UserData, VbucketState, WireBool,
};

/// The bytes of each packet.
pub(super) fn packets() -> Vec<Vec<u8>> {
    let mut packets = Packets(Vec::new());
    flags(&mut packets);
    codes(&mut packets);
    markers(&mut packets);
    keys(&mut packets);
    documents(&mut packets);
    cache_transfer(&mut packets);
    frame_infos(&mut packets);
    packets.0
}

struct Packets(Vec<Vec<u8>>);

impl Packets {
    fn request<'a, M: Message<'a>>(&mut self, request: &Request<'a, M>) {
        let mut packet = Vec::new();
        request.encode(&mut packet).expect("a legal request");
        self.0.push(packet);
    }

    fn response<'a, R: Reply<'a>>(&mut self, response: &Response<'a, R>) {
        let mut packet = Vec::new();
        response.encode(&mut packet).expect("a legal response");
        self.0.push(packet);
    }
}

/// Each flag alone.
fn flags(packets: &mut Packets) {
    for bit in 0..u32::BITS {
        packets.request(&Request::from(Open {
            reserved: bit,
            flags: OpenFlags::from_bits_retain(1 << bit),
            name: "n".into(),
            value: "".into(),
        }));
        packets.request(&Request::from(AddStream {
            flags: StreamFlags::from_bits_retain(1 << bit),
        }));
        packets.request(&Request::from(StreamRequest {
            flags: StreamFlags::from_bits_retain(1 << bit),
            reserved: 2,
            start_seqno: 3,
            end_seqno: 4,
            vbucket_uuid: 5,
            snapshot_start_seqno: 6,
            snapshot_end_seqno: 7,
            value: r#"{"sid":5}"#.into(),
        }));
        packets.request(&Request::from(OsoSnapshot {
            flags: OsoFlags::from_bits_retain(1 << bit),
        }));
        packets.request(&Request::from(marker(
            SnapshotFlags::from_bits_retain(1 << bit),
            None,
        )));
    }
    for bit in 0..u8::BITS {
        packets.request(&Request {
            datatype: Datatype::from_bits_retain(1 << bit),
            ..Request::from(Noop)
        });
    }
}

/// Each code that has a name, and the statuses up to a byte.
fn codes(packets: &mut Packets) {
    for status in (0..=0xff).map(Status).chain(Status::NAMED.iter().copied()) {
        for value in ["", r#"{"error":{"context":"for people"}}"#] {
            let value = value.into();
            packets.response(&Response {
                status,
                ..Response::from(ControlReply { value })
            });
        }
    }
    for &reason in StreamEndReason::NAMED {
        packets.request(&Request::from(StreamEnd { reason }));
    }
    for &state in VbucketState::NAMED {
        packets.request(&Request::from(SetVbucketState { state }));
    }
    for &id in SystemEventId::NAMED {
        packets.request(&Request::from(SystemEvent {
            by_seqno: 1,
            id,
            version: 0,
            key: "name".into(),
            value: "\0\0\0\0\0\0\0\x02".into(),
        }));
    }
    for &durability_level in DurabilityLevel::NAMED {
        packets.request(&Request::from(Prepare {
            durability_level,
            ..prepare()
        }));
    }
    let mut features = Vec::new();
    Features::encode(Feature::NAMED, &mut features).expect("room");
    let features = Features::new(&features).expect("whole features");
    let agent = "agent/1.0".into();
    packets.request(&Request::from(Hello { agent, features }));
    packets.response(&Response::from(HelloReply::Accepted(features)));
}

fn marker(flags: SnapshotFlags, v2: Option<SnapshotMarkerV2Minor>) -> SnapshotMarker {
    SnapshotMarker {
        start_seqno: 1,
        end_seqno: u64::MAX,
        flags,
        v2: v2.map(|minor| SnapshotMarkerV2 {
            max_visible_seqno: 3,
            high_completed_seqno: 4,
            minor,
        }),
    }
}

fn markers(packets: &mut Packets) {
    let timestamp = 5;
    let v2_2 = SnapshotMarkerV2Minor::V2_2 {
        purge_seqno: 6,
        high_prepared_seqno: 7,
    };
    for minor in [
        None,
        Some(SnapshotMarkerV2Minor::V2_0),
        Some(SnapshotMarkerV2Minor::V2_1 { timestamp }),
        Some(v2_2),
    ] {
        packets.request(&Request::from(marker(SnapshotFlags::DISK, minor)));
        packets.request(&Request {
            framing_extras: FramingExtras::new(STREAM_ID).expect("whole infos"),
            ..Request::from(marker(SnapshotFlags::MEMORY, minor))
        });
    }
}

const STREAM_ID: &[u8] = &[0x22, 1, 2];

fn mutation<'a>(key: &'a [u8], value: &'a [u8]) -> Mutation<'a> {
    Mutation {
        by_seqno: 0x0102_0304_0506_0708,
        rev_seqno: 9,
        flags: 0x0a0b_0c0d,
        expiration: 14,
        lock_time: 15,
        nmeta: 16,
        nru: 17,
        key: key.into(),
        value: value.into(),
    }
}

fn prepare() -> Prepare<'static> {
    Prepare {
        by_seqno: 0x0102_0304_0506_0708,
        rev_seqno: 9,
        flags: 0x0a0b_0c0d,
        expiration: 14,
        lock_time: 15,
        nru: 16,
        deleted: WireBool::TRUE,
        durability_level: DurabilityLevel::MAJORITY,
        key: b"\x08key".into(),
        value: b"value".into(),
    }
}

/// Collections whose ids have one to five bytes.
fn keys(packets: &mut Packets) {
    for id in [
        0,
        8,
        0x7f,
        0x80,
        0x1234,
        0x3fff,
        0x4000,
        0x00ff_ffff,
        0x1000_0000,
        u32::MAX,
    ] {
        for name in ["", "k", "a longer name"] {
            let mut key = Vec::new();
            CollectionId(id).encode(&mut key).expect("room");
            key.extend(name.bytes());
            packets.request(&Request::from(mutation(&key, b"value")));
        }
    }
}

/// Deletions in both versions, and values of all datatypes.
fn documents(packets: &mut Packets) {
    let pairs = [("_sync", r#"{"rev":1}"#), ("user", r#""x""#)];
    let pairs = pairs.map(|(key, value)| Xattr {
        key: key.into(),
        value: value.into(),
    });
    for bits in 0..8 {
        let datatype = Datatype::from_bits_retain(bits);
        let mut value = Vec::new();
        if datatype.contains(Datatype::XATTR) {
            Xattrs::encode(pairs, &mut value).expect("room");
        }
        value.extend(br#"{"body":"bodybodybodybodybodybodybody"}"#);
        if datatype.contains(Datatype::SNAPPY) {
            value = deflate(UserData::new(&value)).expect("short");
        }
        let key = b"\x08key".into();
        let value = UserData::new(&value);
        packets.request(&Request {
            datatype,
            ..Request::from(mutation(b"\x08key", value.expose()))
        });
        packets.request(&Request {
            datatype,
            ..Request::from(Prepare { value, ..prepare() })
        });
        for version in [
            DeletionVersion::V1 { nmeta: 3 },
            DeletionVersion::V2 {
                delete_time: 4,
                unused: 5,
            },
        ] {
            let (by_seqno, rev_seqno) = (1, 2);
            let deletion = Deletion {
                by_seqno,
                rev_seqno,
                version,
                key,
                value,
            };
            packets.request(&Request {
                datatype,
                ..Request::from(deletion)
            });
            packets.request(&Request {
                framing_extras: FramingExtras::new(STREAM_ID).expect("whole infos"),
                ..Request::from(Deletion {
                    value: UserData::default(),
                    ..deletion
                })
            });
        }
        packets.request(&Request {
            datatype,
            ..Request::from(Expiration {
                by_seqno: 1,
                rev_seqno: 2,
                delete_time: 3,
                key,
                value,
            })
        });
    }
}

fn cache_transfer(packets: &mut Packets) {
    let mut records = Vec::new();
    for (name, value) in [("\0one", ""), ("\0two", "a value")] {
        let record = CacheTransferRecord {
            cas: 1,
            by_seqno: 2,
            rev_seqno: 3,
            flags: 4,
            expiration: 5,
            datatype: Datatype::RAW,
            cache_hint: 6,
            key: name.into(),
            value: value.into(),
        };
        record.encode(&mut records).expect("a legal record");
        let records = CacheTransferRecords::new(&records).expect("whole records");
        packets.request(&Request::from(CacheTransfer { records }));
    }
}

/// Each info alone, and several.
fn frame_infos(packets: &mut Packets) {
    let mut all = Vec::new();
    for info in [
        RequestInfo::Barrier,
        RequestInfo::Durability {
            level: DurabilityLevel::PERSIST_TO_MAJORITY,
            timeout_ms: None,
        },
        RequestInfo::Durability {
            level: DurabilityLevel::MAJORITY,
            timeout_ms: Some(1500),
        },
        RequestInfo::StreamId(0x0102),
        RequestInfo::Impersonate("user".into()),
        RequestInfo::Impersonate("a user of fifteen or more".into()),
        RequestInfo::PreserveTtl,
        RequestInfo::ImpersonateExtraPrivilege("Upsert".into()),
        RequestInfo::ImpersonateWithTokenAuthDataId(0x0304),
    ] {
        let mut bytes = Vec::new();
        info.encode(&mut bytes).expect("short");
        all.extend(&bytes);
        for bytes in [&bytes, &all] {
            packets.request(&Request {
                framing_extras: FramingExtras::new(bytes).expect("whole infos"),
                ..Request::from(Noop)
            });
        }
    }
    for encoded in [0, 1, 93, 0x100, 0x1234, u16::MAX] {
        let mut all = Vec::new();
        for info in [
            ResponseInfo::ServerDuration(EncodedDuration(encoded)),
            ResponseInfo::ReadUnits(encoded),
            ResponseInfo::WriteUnits(encoded),
            ResponseInfo::ThrottleDuration(EncodedDuration(encoded)),
        ] {
            let mut bytes = Vec::new();
            info.encode(&mut bytes).expect("short");
            all.extend(&bytes);
            for bytes in [&bytes, &all] {
                packets.response(&Response {
                    framing_extras: FramingExtras::new(bytes).expect("whole infos"),
                    ..Response::from(NoopReply { value: "".into() })
                });
            }
        }
    }
}
