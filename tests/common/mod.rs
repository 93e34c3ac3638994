//! What the test crates share: packets put together by hand, and examples of every message.

#![allow(dead_code, reason = "no test crate uses all of it")]

mod table;

use bytes::{BufMut, BytesMut};
use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::{
    Command, EncodeError, FramingExtras, Lengths, MessageError, MessageErrorKind, Packet,
    PacketBuf, Section,
};

pub(crate) use table::*;

/// A packet put together by hand, so that the crate's writer is not judged by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) magic: u8,
    pub(crate) opcode: u8,
    pub(crate) datatype: u8,
    pub(crate) vbucket_or_status: u16,
    pub(crate) opaque: u32,
    pub(crate) cas: u64,
    pub(crate) framing_extras: Vec<u8>,
    pub(crate) extras: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl Frame {
    /// A packet without a body.
    pub(crate) fn new(magic: u8, opcode: u8) -> Self {
        Self {
            magic,
            opcode,
            datatype: 0x85,
            vbucket_or_status: 0,
            opaque: 0xc0c1_c2c3,
            cas: 0xd0d1_d2d3_d4d5_d6d7,
            framing_extras: Vec::new(),
            extras: Vec::new(),
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Whether the magic has room for framing extras.
    pub(crate) fn has_framing_extras(&self) -> bool {
        matches!(self.magic, 0x08 | 0x18)
    }

    /// The same with the magic that has room for framing extras, and these.
    pub(crate) fn with_framing_extras(mut self, framing_extras: &[u8]) -> Self {
        self.magic = match self.magic {
            0x80 | 0x08 => 0x08,
            0x81 | 0x18 => 0x18,
            other => panic!("magic {other:#x} has no room for framing extras"),
        };
        self.framing_extras = framing_extras.to_vec();
        self
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        [
            &self.framing_extras[..],
            &self.extras,
            &self.key,
            &self.value,
        ]
        .concat()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let body = self.body();
        let key_len = if self.has_framing_extras() {
            [self.framing_extras.len() as u8, self.key.len() as u8]
        } else {
            (self.key.len() as u16).to_be_bytes()
        };
        let mut bytes = vec![self.magic, self.opcode];
        bytes.put_slice(&key_len);
        bytes.put_u8(self.extras.len() as u8);
        bytes.put_u8(self.datatype);
        bytes.put_u16(self.vbucket_or_status);
        bytes.put_u32(body.len() as u32);
        bytes.put_u32(self.opaque);
        bytes.put_u64(self.cas);
        bytes.extend(body);
        bytes
    }
}

/// The one packet that `bytes` are.
#[track_caller]
pub(crate) fn packet(bytes: &[u8]) -> Packet<&[u8]> {
    let (packet, rest) = Packet::split_first(bytes)
        .expect("a packet")
        .expect("a whole packet");
    assert!(rest.is_empty(), "bytes behind the packet");
    packet
}

/// A message in either direction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Dcp<'a> {
    Request(DcpRequest<'a>),
    Response(DcpResponse<'a>),
}

impl<'a> Dcp<'a> {
    pub(crate) fn read(packet: Packet<&'a [u8]>) -> Result<Self, MessageError> {
        if packet.header().magic().is_response() {
            DcpResponse::read(packet).map(Self::Response)
        } else {
            DcpRequest::read(packet).map(Self::Request)
        }
    }

    pub(crate) fn is_other(&self) -> bool {
        matches!(
            self,
            Self::Request(DcpRequest::Other(_)) | Self::Response(DcpResponse::Other(_))
        )
    }

    pub(crate) fn encoded_len(&self) -> usize {
        match self {
            Self::Request(request) => request.encoded_len(),
            Self::Response(response) => response.encoded_len(),
        }
    }

    pub(crate) fn encode(&self, dst: &mut impl BufMut) -> Result<(), EncodeError> {
        match self {
            Self::Request(request) => request.encode(dst),
            Self::Response(response) => response.encode(dst),
        }
    }

    pub(crate) fn to_buf(&self) -> Result<PacketBuf<'_>, EncodeError> {
        match self {
            Self::Request(request) => request.to_buf(),
            Self::Response(response) => response.to_buf(),
        }
    }

    /// The framing extras of whichever message it is.
    pub(crate) fn framing_extras(&self) -> FramingExtras<'a> {
        macro_rules! of {
            ($($Name:ident)*) => {
                match self {
                    $(
                        Self::Request(DcpRequest::$Name(it)) => it.framing_extras,
                        Self::Response(DcpResponse::$Name(it)) => it.framing_extras,
                    )*
                    other => panic!("without a type: {other:?}"),
                }
            };
        }
        of! {
            Open AddStream CloseStream StreamRequest GetFailoverLog StreamEnd SnapshotMarker
            Mutation Deletion Expiration Flush SetVbucketState Noop BufferAcknowledgement Control
            SystemEvent Prepare SeqnoAcknowledged Commit Abort SeqnoAdvanced OsoSnapshot
            CacheTransfer CacheTransferEnd
        }
    }

    #[track_caller]
    pub(crate) fn written(&self) -> Vec<u8> {
        let mut written = Vec::new();
        self.encode(&mut written).expect("what was read");
        written
    }
}

/// Checks that these bytes hold a message with a type, which is written as it was read.
#[track_caller]
pub(crate) fn assert_survives(bytes: &[u8]) {
    let message = Dcp::read(packet(bytes)).expect("a message");
    assert!(!message.is_other(), "{message:?}");
    assert!(message.written() == bytes, "{message:?} from {bytes:02x?}");
}

/// What a byte is before anything is written to it.
pub(crate) const DIRT: u8 = 0xa5;

pub(crate) fn error(row: &Row, section: Section, kind: MessageErrorKind) -> MessageError {
    MessageError {
        command: Command::Client(row.opcode),
        section,
        kind,
    }
}

pub(crate) fn length(len: usize, allowed: Lengths) -> MessageErrorKind {
    MessageErrorKind::Length {
        len: len as u32,
        allowed,
    }
}

/// Checks that encoding fails like this, and that nothing was written.
#[track_caller]
pub(crate) fn assert_refused(message: Dcp<'_>, expected: EncodeError) {
    assert_eq!(message.to_buf().map(drop), Err(expected), "{message:?}");
    let mut grown = BytesMut::from(&[DIRT; 3][..]);
    assert_eq!(message.encode(&mut grown), Err(expected), "{message:?}");
    assert_eq!(grown, [DIRT; 3][..]);
    let mut fixed = vec![DIRT; message.encoded_len() + 8];
    let mut room = &mut fixed[..];
    assert_eq!(message.encode(&mut room), Err(expected), "{message:?}");
    assert_eq!(room.len(), message.encoded_len() + 8);
    assert!(fixed.iter().all(|&byte| byte == DIRT), "{message:?}");
}
