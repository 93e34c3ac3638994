//! What is measured: packets made up the same way every time.

use mcbp::dcp::{
    Abort, Commit, DcpRequest, Deletion, DeletionVersion, Expiration, Mutation, Noop, Prepare,
    SeqnoAdvanced, SnapshotMarker, SystemEvent,
};
use mcbp::{
    Datatype, DurabilityLevel, Metadata, Opcode, Packet, Request, SnapshotFlags, SystemEventId,
    UserData, WireBool,
};

/// Packets in one piece, as a connection delivers them.
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
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

impl Corpus {
    /// Little more than headers and keys, in the cache: what the code itself costs.
    pub(crate) fn small() -> Self {
        Self::generate("small", 96 << 10, SMALL)
    }

    /// What a bucket in use streams, too much for the cache: what the code costs an application.
    pub(crate) fn mixed() -> Self {
        Self::generate("mixed", 64 << 20, MIXED)
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

    fn generate(name: &'static str, len: usize, shares: &Shares) -> Self {
        let mut random = Random(1);
        let noise: Vec<u8> = (0..1024)
            .flat_map(|_| random.next().to_le_bytes())
            .collect();
        let mut bytes = Vec::with_capacity(len + (8 << 10));
        while bytes.len() < len {
            let mut rest = random.next() % 1000;
            let (_, opcode) = shares
                .iter()
                .find(|(share, _)| {
                    let found = rest < *share;
                    rest = rest.wrapping_sub(*share);
                    found
                })
                .expect("shares of a thousand");
            let message = random.message(*opcode, &noise);
            message.encode(&mut bytes).expect("a legal message");
        }
        Self { name, bytes }
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

    /// Some bytes, at least `min` and at most `max`.
    fn slice<'a>(&mut self, noise: &'a [u8], min: usize, max: usize) -> &'a [u8] {
        let len = min + self.next() as usize % (max - min + 1);
        let start = self.next() as usize % (noise.len() - len);
        &noise[start..start + len]
    }

    fn message<'a>(&mut self, opcode: Opcode, noise: &'a [u8]) -> DcpRequest<'a> {
        let key = UserData::new(self.slice(noise, 13, 41));
        let value = UserData::new(self.slice(noise, 100, 4096));
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
