//! The 24 bytes in front of every packet.

use crate::{Command, Datatype, EncodeError, FrameError, Opcode, Section, ServerOpcode, Status};

/// The first byte of a packet: who asks or answers, and how the rest of the header is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum Magic {
    /// A request from whoever opened the connection.
    ClientRequest = 0x80,
    /// The response to it.
    ClientResponse = 0x81,
    /// The same request, with room for framing extras.
    AltClientRequest = 0x08,
    /// The same response, with room for framing extras.
    AltClientResponse = 0x18,
    /// A request from the server, unasked (HELLO feature `DUPLEX`).
    ServerRequest = 0x82,
    /// The response to it.
    ServerResponse = 0x83,
}

impl Magic {
    /// All six.
    pub const ALL: [Self; 6] = [
        Self::ClientRequest,
        Self::ClientResponse,
        Self::AltClientRequest,
        Self::AltClientResponse,
        Self::ServerRequest,
        Self::ServerResponse,
    ];

    /// The magic of this byte, if it is one.
    #[inline]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x80 => Self::ClientRequest,
            0x81 => Self::ClientResponse,
            0x08 => Self::AltClientRequest,
            0x18 => Self::AltClientResponse,
            0x82 => Self::ServerRequest,
            0x83 => Self::ServerResponse,
            _ => return None,
        })
    }

    /// Whether the header has room for framing extras, at the cost of keys longer than 255 bytes.
    #[inline]
    pub const fn has_framing_extras(self) -> bool {
        matches!(self, Self::AltClientRequest | Self::AltClientResponse)
    }

    /// Whether this is a request or a response to one of the client's opcodes.
    #[inline]
    pub const fn is_client(self) -> bool {
        !matches!(self, Self::ServerRequest | Self::ServerResponse)
    }

    /// Whether this is a request from whoever opened the connection.
    #[inline]
    pub const fn is_client_request(self) -> bool {
        matches!(self, Self::ClientRequest | Self::AltClientRequest)
    }

    /// Whether this is the response to such a request.
    #[inline]
    pub const fn is_client_response(self) -> bool {
        matches!(self, Self::ClientResponse | Self::AltClientResponse)
    }

    /// Whether this is a request from the server.
    #[inline]
    pub const fn is_server_request(self) -> bool {
        matches!(self, Self::ServerRequest)
    }

    /// Whether this is the response to such a request.
    #[inline]
    pub const fn is_server_response(self) -> bool {
        matches!(self, Self::ServerResponse)
    }

    /// Whether bytes 6 and 7 hold a status rather than a vbucket.
    #[inline]
    pub const fn is_response(self) -> bool {
        matches!(
            self,
            Self::ClientResponse | Self::AltClientResponse | Self::ServerResponse
        )
    }
}

/// A packet's header: its magic is one of the six and its lengths add up.
///
/// | bytes  | request          | response         | with framing extras (0x08, 0x18)    |
/// |-------:|------------------|------------------|-------------------------------------|
/// |      0 | magic            | magic            |                                     |
/// |      1 | opcode           | opcode           |                                     |
/// |   2..4 | key length       | key length       | framing extras length, key length   |
/// |      4 | extras length    | extras length    |                                     |
/// |      5 | datatype         | datatype         |                                     |
/// |   6..8 | vbucket          | status           |                                     |
/// |  8..12 | body length      | body length      |                                     |
/// | 12..16 | opaque           | opaque           |                                     |
/// | 16..24 | CAS              | CAS              |                                     |
///
/// All numbers are big-endian (reference 1.1). The body length counts framing extras, extras, key
/// and value; the value's own length is what the others leave over.
///
/// The opaque is four bytes that come back as they were sent. Those that a server invents are
/// counters in its own byte order, so compare them, but do not count on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    magic: Magic,
    opcode: u8,
    framing_extras_len: u8,
    extras_len: u8,
    key_len: u16,
    datatype: Datatype,
    vbucket_or_status: u16,
    body_len: u32,
    opaque: u32,
    cas: u64,
}

impl Header {
    /// Bytes in a header.
    pub const LEN: usize = 24;

    /// Reads a header, and checks that its sections fit into its body.
    #[inline]
    pub const fn parse(bytes: &[u8; Self::LEN]) -> Result<Self, FrameError> {
        #[rustfmt::skip]
        let [
            magic, opcode, k0, k1, extras_len, datatype, s0, s1,
            b0, b1, b2, b3, o0, o1, o2, o3,
            c0, c1, c2, c3, c4, c5, c6, c7,
        ] = *bytes;
        let Some(magic) = Magic::from_byte(magic) else {
            return Err(FrameError::UnknownMagic(magic));
        };
        let (framing_extras_len, key_len) = if magic.has_framing_extras() {
            (k0, k1 as u16)
        } else {
            (0, u16::from_be_bytes([k0, k1]))
        };
        let header = Self {
            magic,
            opcode,
            framing_extras_len,
            extras_len,
            key_len,
            datatype: Datatype::from_bits_retain(datatype),
            vbucket_or_status: u16::from_be_bytes([s0, s1]),
            body_len: u32::from_be_bytes([b0, b1, b2, b3]),
            opaque: u32::from_be_bytes([o0, o1, o2, o3]),
            cas: u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]),
        };
        if header.sections_len() > header.body_len {
            return Err(FrameError::SectionsExceedBody {
                sections: header.sections_len(),
                body: header.body_len,
            });
        }
        Ok(header)
    }

    /// Reads the header at the front of `bytes`; `None` if it is not all there yet.
    ///
    /// A byte that is no magic is found as soon as it is there.
    #[inline]
    pub const fn peek(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        match (bytes.first_chunk(), bytes.first()) {
            (Some(header), _) => match Self::parse(header) {
                Ok(header) => Ok(Some(header)),
                Err(error) => Err(error),
            },
            (None, Some(&magic)) if Magic::from_byte(magic).is_none() => {
                Err(FrameError::UnknownMagic(magic))
            }
            _ => Ok(None),
        }
    }

    /// A header for sections of these lengths, in bytes; all else is 0.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] or [`EncodeError::BodyTooLong`] if a length field cannot say it.
    #[inline(always)]
    pub fn new(magic: Magic, opcode: u8, lengths: SectionLengths) -> Result<Self, EncodeError> {
        let (framing_extras_limit, key_limit) = if magic.has_framing_extras() {
            (u8::MAX, u16::from(u8::MAX))
        } else {
            (0, u16::MAX)
        };
        let Ok(body_len) = u32::try_from(lengths.total()) else {
            return Err(body_too_long());
        };
        Ok(Self {
            magic,
            opcode,
            framing_extras_len: u8::try_from(lengths.framing_extras)
                .ok()
                .filter(|&len| len <= framing_extras_limit)
                .ok_or_else(|| too_long(Section::FramingExtras, framing_extras_limit.into()))?,
            extras_len: u8::try_from(lengths.extras)
                .map_err(|_| too_long(Section::Extras, u8::MAX.into()))?,
            key_len: u16::try_from(lengths.key)
                .ok()
                .filter(|&len| len <= key_limit)
                .ok_or_else(|| too_long(Section::Key, key_limit.into()))?,
            datatype: Datatype::RAW,
            vbucket_or_status: 0,
            body_len,
            opaque: 0,
            cas: 0,
        })
    }

    /// The 24 bytes.
    #[inline]
    pub const fn to_bytes(&self) -> [u8; Self::LEN] {
        let [k0, k1] = if self.magic.has_framing_extras() {
            let [_, key_len] = self.key_len.to_be_bytes();
            [self.framing_extras_len, key_len]
        } else {
            self.key_len.to_be_bytes()
        };
        let [s0, s1] = self.vbucket_or_status.to_be_bytes();
        let [b0, b1, b2, b3] = self.body_len.to_be_bytes();
        let [o0, o1, o2, o3] = self.opaque.to_be_bytes();
        let [c0, c1, c2, c3, c4, c5, c6, c7] = self.cas.to_be_bytes();
        #[rustfmt::skip]
        let bytes = [
            self.magic as u8, self.opcode, k0, k1, self.extras_len, self.datatype.bits(), s0, s1,
            b0, b1, b2, b3, o0, o1, o2, o3,
            c0, c1, c2, c3, c4, c5, c6, c7,
        ];
        bytes
    }

    /// Who asks or answers.
    #[inline]
    pub const fn magic(&self) -> Magic {
        self.magic
    }

    /// What is asked or answered.
    #[inline]
    pub const fn command(&self) -> Command {
        if self.magic.is_client() {
            Command::Client(Opcode(self.opcode))
        } else {
            Command::Server(ServerOpcode(self.opcode))
        }
    }

    /// The opcode of a client's request, or of the response to one.
    #[inline]
    pub const fn opcode(&self) -> Option<Opcode> {
        self.command().opcode()
    }

    /// How the value is encoded.
    #[inline]
    pub const fn datatype(&self) -> Datatype {
        self.datatype
    }

    /// The vbucket a request is about.
    #[inline]
    pub const fn vbucket(&self) -> Option<u16> {
        if self.magic.is_response() {
            None
        } else {
            Some(self.vbucket_or_status)
        }
    }

    /// How the request ended that this is the response to.
    #[inline]
    pub const fn status(&self) -> Option<Status> {
        if self.magic.is_response() {
            Some(Status(self.vbucket_or_status))
        } else {
            None
        }
    }

    /// Bytes 6 and 7: [`vbucket`](Self::vbucket) or [`status`](Self::status).
    #[inline]
    pub const fn vbucket_or_status(&self) -> u16 {
        self.vbucket_or_status
    }

    /// What ties a response to its request, and the messages of a stream to the stream.
    #[inline]
    pub const fn opaque(&self) -> u32 {
        self.opaque
    }

    /// The version of the document.
    #[inline]
    pub const fn cas(&self) -> u64 {
        self.cas
    }

    /// The lengths of the sections.
    #[inline]
    pub const fn lengths(&self) -> SectionLengths {
        SectionLengths {
            framing_extras: self.framing_extras_len as usize,
            extras: self.extras_len as usize,
            key: self.key_len as usize,
            value: self.body_len.saturating_sub(self.sections_len()) as usize,
        }
    }

    /// Bytes in the body.
    #[inline]
    pub const fn body_len(&self) -> u32 {
        self.body_len
    }

    /// Bytes in the whole packet.
    #[inline]
    pub const fn packet_len(&self) -> usize {
        Self::LEN.saturating_add(self.body_len as usize)
    }

    /// Replaces the datatype.
    #[inline]
    pub const fn set_datatype(&mut self, datatype: Datatype) {
        self.datatype = datatype;
    }

    /// Replaces bytes 6 and 7: the vbucket of a request, the status of a response.
    #[inline]
    pub const fn set_vbucket_or_status(&mut self, vbucket_or_status: u16) {
        self.vbucket_or_status = vbucket_or_status;
    }

    /// Replaces the opaque.
    #[inline]
    pub const fn set_opaque(&mut self, opaque: u32) {
        self.opaque = opaque;
    }

    /// Replaces the CAS.
    #[inline]
    pub const fn set_cas(&mut self, cas: u64) {
        self.cas = cas;
    }

    /// Framing extras, extras and key; cannot wrap, for two are u8 and one is u16.
    #[inline]
    const fn sections_len(&self) -> u32 {
        (self.framing_extras_len as u32)
            .wrapping_add(self.extras_len as u32)
            .wrapping_add(self.key_len as u32)
    }
}

#[cold]
#[inline(never)]
const fn too_long(section: Section, limit: u32) -> EncodeError {
    EncodeError::TooLong { section, limit }
}

#[cold]
#[inline(never)]
const fn body_too_long() -> EncodeError {
    EncodeError::BodyTooLong
}

/// The lengths of a body's sections, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SectionLengths {
    /// Options that any message may carry.
    pub framing_extras: usize,
    /// The fixed fields.
    pub extras: usize,
    /// The key.
    pub key: usize,
    /// The value.
    pub value: usize,
}

impl SectionLengths {
    /// What they add up to, or `usize::MAX` if that is less.
    #[inline]
    pub const fn total(self) -> usize {
        self.framing_extras
            .saturating_add(self.extras)
            .saturating_add(self.key)
            .saturating_add(self.value)
    }
}

/// Changes a packet where it lies: only the bytes of its header that are asked for are touched.
///
/// A proxy that passes packets on under another opaque needs neither to parse nor to copy them.
///
/// ```
/// use mcbp::HeaderMut;
///
/// let mut packet = *b"\x80\x5c\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0";
/// HeaderMut::new(&mut packet).expect("24 bytes").set_opaque(0xdead_beef);
/// assert_eq!(packet[12..16], [0xde, 0xad, 0xbe, 0xef]);
/// ```
#[derive(Debug)]
pub struct HeaderMut<'a>(&'a mut [u8; Header::LEN]);

impl<'a> HeaderMut<'a> {
    /// The header at the front of `packet`; `None` if there are not 24 bytes.
    #[inline]
    pub const fn new(packet: &'a mut [u8]) -> Option<Self> {
        match packet.first_chunk_mut() {
            Some(header) => Some(Self(header)),
            None => None,
        }
    }

    /// Replaces bytes 6 and 7: the vbucket of a request, the status of a response.
    #[inline]
    pub const fn set_vbucket_or_status(&mut self, vbucket_or_status: u16) {
        let [_, _, _, _, _, _, s0, s1, ..] = self.0;
        [*s0, *s1] = vbucket_or_status.to_be_bytes();
    }

    /// Replaces the opaque.
    #[inline]
    pub const fn set_opaque(&mut self, opaque: u32) {
        let [_, _, _, _, _, _, _, _, _, _, _, _, o0, o1, o2, o3, ..] = self.0;
        [*o0, *o1, *o2, *o3] = opaque.to_be_bytes();
    }

    /// Replaces the CAS.
    #[inline]
    pub const fn set_cas(&mut self, cas: u64) {
        if let Some(bytes) = self.0.last_chunk_mut() {
            *bytes = cas.to_be_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: SectionLengths = SectionLengths {
        framing_extras: 0,
        extras: 0,
        key: 0,
        value: 0,
    };

    /// Every byte counts, but for the magic and the lengths.
    fn counting(magic: Magic) -> [u8; Header::LEN] {
        let mut bytes = core::array::from_fn(|at| u8::try_from(at).expect("24 of them"));
        bytes[0] = magic as u8;
        bytes[8..12].copy_from_slice(&[0, 0, 0x10, 0]);
        bytes
    }

    #[test]
    fn every_field_is_read_where_it_is_and_written_back() {
        for magic in Magic::ALL {
            let bytes = counting(magic);
            let header = Header::parse(&bytes).expect("a header");
            let (framing_extras, key) = if magic.has_framing_extras() {
                (2, 3)
            } else {
                (0, 0x0203)
            };
            assert_eq!(header.magic(), magic);
            assert_eq!(header.command().byte(), 1);
            assert_eq!(header.datatype().bits(), 5);
            assert_eq!(header.vbucket_or_status(), 0x0607);
            assert_eq!(header.body_len(), 0x1000);
            assert_eq!(header.opaque(), 0x0c0d_0e0f);
            assert_eq!(header.cas(), 0x1011_1213_1415_1617);
            assert_eq!(
                header.lengths(),
                SectionLengths {
                    framing_extras,
                    extras: 4,
                    key,
                    value: 0x1000 - framing_extras - 4 - key
                }
            );
            assert_eq!(header.to_bytes(), bytes);
        }
    }

    #[test]
    fn vbucket_and_status_exclude_each_other() {
        for magic in Magic::ALL {
            let header = Header::parse(&counting(magic)).expect("a header");
            let is_response = matches!(magic as u8, 0x81 | 0x18 | 0x83);
            assert_eq!(header.vbucket(), (!is_response).then_some(0x0607));
            assert_eq!(header.status(), is_response.then_some(Status(0x0607)));
        }
    }

    #[test]
    fn magics() {
        // Client, request of a client, response to a client, response, framing extras.
        let table = [
            (0x80, [true, true, false, false, false]),
            (0x81, [true, false, true, true, false]),
            (0x08, [true, true, false, false, true]),
            (0x18, [true, false, true, true, true]),
            (0x82, [false, false, false, false, false]),
            (0x83, [false, false, false, true, false]),
        ];
        for (magic, (byte, expected)) in Magic::ALL.into_iter().zip(table) {
            assert_eq!(magic as u8, byte);
            let is = [
                magic.is_client(),
                magic.is_client_request(),
                magic.is_client_response(),
                magic.is_response(),
                magic.has_framing_extras(),
            ];
            assert_eq!(is, expected, "{magic:?}");
        }
    }

    #[test]
    fn an_edit_in_place_touches_its_own_bytes_only() {
        const DIRT: u8 = 0xa5;
        type Edit = fn(&mut HeaderMut<'_>);
        let edits: [(Edit, usize, &[u8]); 3] = [
            (|it| it.set_vbucket_or_status(0x0102), 6, &[1, 2]),
            (|it| it.set_opaque(0x0102_0304), 12, &[1, 2, 3, 4]),
            (
                |it| it.set_cas(0x0102_0304_0506_0708),
                16,
                &[1, 2, 3, 4, 5, 6, 7, 8],
            ),
        ];
        for (edit, at, written) in edits {
            for len in 0..40 {
                let mut packet = [DIRT; 40];
                let mut expected = packet;
                let header = HeaderMut::new(&mut packet[..len]);
                assert_eq!(header.is_some(), len >= Header::LEN);
                if let Some(mut header) = header {
                    edit(&mut header);
                    expected[at..at + written.len()].copy_from_slice(written);
                }
                assert_eq!(packet, expected);
            }
        }
    }

    #[test]
    fn an_edit_in_place_is_the_edit_of_a_parsed_header() {
        for magic in Magic::ALL {
            let mut bytes = counting(magic);
            let mut header = Header::parse(&bytes).expect("a header");
            header.set_vbucket_or_status(0xf0f1);
            header.set_opaque(0xf2f3_f4f5);
            header.set_cas(u64::MAX);
            let mut in_place = HeaderMut::new(&mut bytes).expect("24 bytes");
            in_place.set_vbucket_or_status(0xf0f1);
            in_place.set_opaque(0xf2f3_f4f5);
            in_place.set_cas(u64::MAX);
            assert_eq!(header.to_bytes(), bytes);
            header.set_datatype(Datatype::from_bits_retain(0xff));
            bytes[5] = 0xff;
            assert_eq!(header.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_new_header_says_its_lengths_and_nothing_else() {
        for magic in Magic::ALL {
            let framing_extras = if magic.has_framing_extras() { 255 } else { 0 };
            let lengths = SectionLengths {
                framing_extras,
                extras: 255,
                key: if magic.has_framing_extras() {
                    255
                } else {
                    0xffff
                },
                value: 0x1_0000,
            };
            let header = Header::new(magic, 0x57, lengths).expect("legal lengths");
            assert_eq!(header.lengths(), lengths);
            assert_eq!(Header::parse(&header.to_bytes()), Ok(header));
            let bytes = header.to_bytes();
            assert_eq!(bytes[..2], [magic as u8, 0x57]);
            assert_eq!(bytes[5..8], [0; 3]);
            assert_eq!(bytes[12..], [0; 12]);
        }
    }

    #[test]
    fn what_a_header_cannot_say() {
        for magic in Magic::ALL {
            let refused = |lengths| Header::new(magic, 0x57, lengths).unwrap_err();
            let too_long = |section, limit| EncodeError::TooLong { section, limit };
            let (framing_extras, key) = if magic.has_framing_extras() {
                (255, 255)
            } else {
                (0, 0xffff)
            };
            let longer = |limit: u32| limit as usize + 1;
            assert_eq!(
                refused(SectionLengths {
                    framing_extras: longer(framing_extras),
                    ..LENGTHS
                }),
                too_long(Section::FramingExtras, framing_extras)
            );
            assert_eq!(
                refused(SectionLengths {
                    key: longer(key),
                    ..LENGTHS
                }),
                too_long(Section::Key, key)
            );
            assert_eq!(
                refused(SectionLengths {
                    extras: 256,
                    ..LENGTHS
                }),
                too_long(Section::Extras, 255)
            );
        }
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_body_longer_than_its_length_field() {
        let with_value = |value| {
            let lengths = SectionLengths {
                extras: 1,
                value,
                ..LENGTHS
            };
            Header::new(Magic::ClientRequest, 0x57, lengths)
        };
        let longest = with_value(u32::MAX as usize - 1).expect("4 GiB - 1");
        assert_eq!(longest.body_len(), u32::MAX);
        for value in [u32::MAX as usize, usize::MAX] {
            assert_eq!(with_value(value), Err(EncodeError::BodyTooLong));
        }
    }

    #[test]
    fn sections_fit_or_they_do_not() {
        for magic in Magic::ALL {
            let mut bytes = counting(magic);
            bytes[3] = 7;
            // 2 + 4 + 7, or 0x0207 + 4.
            let sections: u16 = if magic.has_framing_extras() {
                13
            } else {
                0x020b
            };
            for body in [0, sections - 1, sections, sections + 1] {
                bytes[8..10].fill(0);
                bytes[10..12].copy_from_slice(&body.to_be_bytes());
                let expected = FrameError::SectionsExceedBody {
                    sections: sections.into(),
                    body: body.into(),
                };
                let parsed = Header::parse(&bytes);
                if body < sections {
                    assert_eq!(parsed, Err(expected));
                } else {
                    let value = usize::from(body - sections);
                    assert_eq!(parsed.map(|header| header.lengths().value), Ok(value));
                }
            }
        }
    }
}
