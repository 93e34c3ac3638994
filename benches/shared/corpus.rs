//! What is measured: packets made up the same way every time, and those of a real server.

use core::ops::RangeInclusive;

use mcbp::dcp::{
    Abort, Commit, DcpRequest, Deletion, DeletionVersion, Expiration, Mutation, Noop, Prepare,
    SeqnoAdvanced, SnapshotMarker, SystemEvent,
};
use mcbp::{
    Datatype, DurabilityLevel, Metadata, Opcode, Packet, Request, SnapshotFlags, SystemEventId,
    UserData, WireBool,
};

use super::capture;

/// Packets in one piece, as a connection delivers them.
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) bytes: Vec<u8>,
}

/// How much there is of a corpus.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// 96 KiB, which stay in the cache: what the code itself costs.
    Cache,
    /// 64 MiB, which do not: what the code costs an application.
    Memory,
}

impl Form {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Memory => "memory",
        }
    }

    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Cache => 96 << 10,
            Self::Memory => 64 << 20,
        }
    }

    /// The length of a large value; those in the cache are such that there are three.
    const fn large(self) -> usize {
        match self {
            Self::Cache => 31 << 10,
            Self::Memory => 1 << 20,
        }
    }
}

/// Out of a thousand packets, how many are which.
type Shares = [(u64, Opcode)];

const SMALL: &Shares = &[
    (500, Opcode::DCP_COMMIT),
    (250, Opcode::DCP_ABORT),
    (250, Opcode::DCP_DELETION),
];

const MIXED: &Shares = &[
    (720, Opcode::DCP_MUTATION),
    (100, Opcode::DCP_DELETION),
    (30, Opcode::DCP_EXPIRATION),
    (50, Opcode::DCP_PREPARE),
    (45, Opcode::DCP_COMMIT),
    (10, Opcode::DCP_ABORT),
    (30, Opcode::DCP_SNAPSHOT_MARKER),
    (5, Opcode::DCP_SYSTEM_EVENT),
    (5, Opcode::DCP_SEQNO_ADVANCED),
    (5, Opcode::DCP_NOOP),
];

const LARGE: &Shares = &[(1000, Opcode::DCP_MUTATION)];

impl Corpus {
    /// One after the other, since together they take much memory; without the capture where that
    /// is not at hand, as in the published package.
    pub(crate) fn all(form: Form) -> impl Iterator<Item = Self> {
        let made = ["small", "mixed", "large", "captured"];
        made.into_iter()
            .filter_map(move |name| Self::named(name, form))
    }

    pub(crate) fn named(name: &str, form: Form) -> Option<Self> {
        let usual = 100..=4096;
        Some(match name {
            "small" => Self::generate("small", form, SMALL, usual),
            "mixed" => Self::generate("mixed", form, MIXED, usual),
            "large" => Self::generate("large", form, LARGE, form.large()..=form.large()),
            _ => Self {
                name: "captured",
                form,
                bytes: capture::producer_packets(form.len())?,
            },
        })
    }

    /// The messages in it.
    pub(crate) fn messages(&self) -> Vec<DcpRequest<'_>> {
        self.packets()
            .map(|packet| DcpRequest::read(packet).expect("a legal message"))
            .collect()
    }

    /// Where its packets start.
    pub(crate) fn offsets(&self) -> Vec<usize> {
        let mut next = 0;
        self.packets()
            .map(|packet| {
                let start = next;
                next += packet.header().packet_len();
                start
            })
            .collect()
    }

    fn packets(&self) -> impl Iterator<Item = Packet<&[u8]>> {
        Packet::iter(&self.bytes).map(|packet| packet.expect("a packet"))
    }

    fn generate(
        name: &'static str,
        form: Form,
        shares: &Shares,
        value_lens: RangeInclusive<usize>,
    ) -> Self {
        let mut random = Random(1);
        let noise: Vec<u8> = (0..(value_lens.end() + 4096) / 8)
            .flat_map(|_| random.next().to_le_bytes())
            .collect();
        let mut bytes = Vec::with_capacity(form.len() + value_lens.end() + 100);
        while bytes.len() < form.len() {
            let mut rest = random.next() % 1000;
            let (_, opcode) = shares
                .iter()
                .find(|(share, _)| {
                    let found = rest < *share;
                    rest = rest.wrapping_sub(*share);
                    found
                })
                .expect("shares of a thousand");
            let message = random.message(*opcode, &noise, &value_lens);
            // The last may not fit.
            if message.encoded_len() > form.len() - bytes.len() && !bytes.is_empty() {
                break;
            }
            message.encode(&mut bytes).expect("a legal message");
        }
        Self { name, form, bytes }
    }
}

/// SplitMix64: a counter, well stirred.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Some bytes, of one of these lengths.
    fn slice<'a>(&mut self, noise: &'a [u8], lens: &RangeInclusive<usize>) -> &'a [u8] {
        let len = lens.start() + self.next() as usize % (lens.end() - lens.start() + 1);
        let start = self.next() as usize % (noise.len() - len);
        &noise[start..start + len]
    }

    fn message<'a>(
        &mut self,
        opcode: Opcode,
        noise: &'a [u8],
        value_lens: &RangeInclusive<usize>,
    ) -> DcpRequest<'a> {
        let key = UserData::new(self.slice(noise, &(13..=41)));
        let value = UserData::new(self.slice(noise, value_lens));
        let (seqno, number) = (self.next() >> 16, self.next());
        match opcode {
            Opcode::DCP_MUTATION => self.request(Mutation {
                by_seqno: seqno,
                rev_seqno: number,
                flags: number as u32,
                expiration: 0,
                lock_time: 0,
                nmeta: 0,
                nru: number as u8,
                key,
                value,
            }),
            Opcode::DCP_DELETION => self.request(Deletion {
                by_seqno: seqno,
                rev_seqno: number,
                version: DeletionVersion::V2 {
                    delete_time: number as u32,
                    unused: 0,
                },
                key,
                value: UserData::default(),
            }),
            Opcode::DCP_EXPIRATION => self.request(Expiration {
                by_seqno: seqno,
                rev_seqno: number,
                delete_time: number as u32,
                key,
                value: UserData::default(),
            }),
            Opcode::DCP_PREPARE => self.request(Prepare {
                by_seqno: seqno,
                rev_seqno: number,
                flags: number as u32,
                expiration: 0,
                lock_time: 0,
                nru: number as u8,
                deleted: WireBool(0),
                durability_level: DurabilityLevel::MAJORITY,
                key,
                value,
            }),
            Opcode::DCP_COMMIT => self.request(Commit {
                prepared_seqno: number >> 16,
                commit_seqno: seqno,
                key,
            }),
            Opcode::DCP_ABORT => self.request(Abort {
                prepared_seqno: number >> 16,
                abort_seqno: seqno,
                key,
            }),
            Opcode::DCP_SNAPSHOT_MARKER => self.request(SnapshotMarker {
                start_seqno: seqno,
                end_seqno: seqno + 1000,
                flags: SnapshotFlags::MEMORY,
                v2: None,
            }),
            Opcode::DCP_SYSTEM_EVENT => self.request(SystemEvent {
                by_seqno: seqno,
                id: SystemEventId::CREATE_COLLECTION,
                version: 0,
                key: Metadata(b"collection"),
                value: Metadata(&noise[..16]),
            }),
            Opcode::DCP_SEQNO_ADVANCED => self.request(SeqnoAdvanced { by_seqno: seqno }),
            _ => self.request(Noop),
        }
    }

    fn request<'a, M>(&mut self, message: M) -> DcpRequest<'a>
    where
        DcpRequest<'a>: From<Request<'a, M>>,
    {
        let request = Request {
            opaque: self.next() as u32,
            vbucket: self.next() as u16 % 1024,
            cas: self.next(),
            datatype: Datatype::JSON,
            ..Request::from(message)
        };
        request.into()
    }
}
