//! A whole packet: a header, and the body it announces.

use core::fmt;

use bytes::{BufMut, Bytes};

use crate::message::Envelope;
use crate::{
    Datatype, EncodeError, FrameError, FrameInfoError, FramingExtras, Header, Magic, Message,
    MessageError, MessageErrorKind, PacketBuf, Reply, Request, Response, Section, SectionLengths,
    UserData,
};

/// A packet over any bytes: `Packet<&[u8]>` borrows its body, `Packet<Bytes>` shares it.
///
/// Only the packet is generic over its bytes. Messages borrow from it; to keep a part of one, keep
/// the `Packet<Bytes>` and ask it for [`slice_ref`](Packet::slice_ref).
///
/// ```
/// use mcbp::{Packet, StreamEndReason, dcp::DcpRequest};
///
/// let bytes = b"\x80\x55\0\0\x04\0\x02\x10\0\0\0\x04\0\0\x10\x10\0\0\0\0\0\0\0\0\0\0\0\0";
/// let (packet, rest) = Packet::split_first(bytes)?.expect("a whole packet");
/// assert!(rest.is_empty());
/// let DcpRequest::StreamEnd(end) = DcpRequest::read(packet)? else {
///     panic!("another message");
/// };
/// assert_eq!(end.vbucket, 0x210);
/// assert_eq!(end.message.reason, StreamEndReason::OK);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packet<B = Bytes> {
    header: Header,
    body: B,
}

impl<B: AsRef<[u8]>> Packet<B> {
    /// A packet of this header and this body.
    ///
    /// # Errors
    ///
    /// [`EncodeError::OtherBodyLength`] if the header announces a body of another length.
    pub fn new(header: Header, body: B) -> Result<Self, EncodeError> {
        let announced = header.body_len();
        if usize::try_from(announced) != Ok(body.as_ref().len()) {
            return Err(EncodeError::OtherBodyLength { announced });
        }
        Ok(Self { header, body })
    }

    /// A body that is known to be of the length that the header announces.
    #[inline]
    pub(crate) const fn of(header: Header, body: B) -> Self {
        Self { header, body }
    }

    /// The header.
    #[inline]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The body: all sections, as they follow each other.
    #[inline]
    pub fn body(&self) -> &[u8] {
        self.body.as_ref()
    }

    /// Takes the body out.
    #[inline]
    pub fn into_body(self) -> B {
        self.body
    }

    /// The same packet, borrowed: messages are read from this.
    #[inline]
    pub fn view(&self) -> Packet<&[u8]> {
        Packet {
            header: self.header,
            body: self.body.as_ref(),
        }
    }

    /// The body, cut as the header says.
    #[inline]
    pub fn sections(&self) -> Sections<'_> {
        self.view().into_sections()
    }

    /// Replaces the opaque; the body is not touched.
    #[inline]
    pub const fn set_opaque(&mut self, opaque: u32) {
        self.header.set_opaque(opaque);
    }

    /// Replaces the vbucket of a request, or the status of a response; the body is not touched.
    #[inline]
    pub const fn set_vbucket_or_status(&mut self, vbucket_or_status: u16) {
        self.header.set_vbucket_or_status(vbucket_or_status);
    }

    /// Replaces the datatype; the body is not touched.
    #[inline]
    pub const fn set_datatype(&mut self, datatype: Datatype) {
        self.header.set_datatype(datatype);
    }

    /// Replaces the CAS; the body is not touched.
    #[inline]
    pub const fn set_cas(&mut self, cas: u64) {
        self.header.set_cas(cas);
    }

    /// Appends the packet to `dst`.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NoRoom`] if `dst` cannot take all of it; then nothing was written.
    #[inline]
    pub fn encode(&self, dst: &mut impl BufMut) -> Result<(), EncodeError> {
        self.to_buf().encode(dst)
    }

    /// The packet as a buffer of two chunks; the body is not copied.
    #[inline]
    pub fn to_buf(&self) -> PacketBuf<'_> {
        PacketBuf::of(&self.header, self.body())
    }
}

impl<'a> Packet<&'a [u8]> {
    /// Takes the first packet off `bytes`; `None` if it is not all there yet.
    ///
    /// The body is borrowed from `bytes`, so no limit is needed: a body that never comes costs
    /// nothing. For a stream, see [`Decoder`](crate::Decoder).
    ///
    /// # Errors
    ///
    /// [`FrameError`] if `bytes` starts with no packet.
    #[inline]
    pub fn split_first(bytes: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, FrameError> {
        let Some(header) = Header::peek(bytes)? else {
            return Ok(None);
        };
        Ok(bytes
            .get(Header::LEN..)
            .and_then(|rest| rest.split_at_checked(header.body_len() as usize))
            .map(|(body, rest)| (Self { header, body }, rest)))
    }

    /// The packets that `bytes` starts with.
    #[inline]
    pub const fn iter(bytes: &'a [u8]) -> Packets<'a> {
        Packets { rest: bytes }
    }

    /// The body, cut as the header says.
    #[inline]
    pub fn into_sections(self) -> Sections<'a> {
        Sections::split(self.body, self.header.lengths())
    }

    /// The framing extras, as the header announces them.
    ///
    /// # Errors
    ///
    /// [`FrameInfoError`] if they end within an info.
    pub fn framing_extras(self) -> Result<FramingExtras<'a>, FrameInfoError> {
        if self.header.magic().has_framing_extras() {
            FramingExtras::new(self.into_sections().framing_extras)
        } else {
            Ok(FramingExtras::ABSENT)
        }
    }

    /// Reads this packet as the request `M`.
    ///
    /// # Errors
    ///
    /// [`MessageError`] if it is not one.
    #[inline]
    pub fn request<M: Message<'a>>(self) -> Result<Request<'a, M>, MessageError> {
        if self.header.command() != M::COMMAND || self.header.magic().is_response() {
            return Err(self.other_message());
        }
        Request::read(Envelope::open(self)?)
    }

    /// Reads this packet as the response `R`.
    ///
    /// # Errors
    ///
    /// [`MessageError`] if it is not one. A status that says the request failed is no error.
    #[inline]
    pub fn response<R: Reply<'a>>(self) -> Result<Response<'a, R>, MessageError> {
        if self.header.command() != R::COMMAND || !self.header.magic().is_response() {
            return Err(self.other_message());
        }
        Response::read(Envelope::open(self)?)
    }

    #[cold]
    const fn other_message(self) -> MessageError {
        MessageError {
            command: self.header.command(),
            section: Section::Extras,
            kind: MessageErrorKind::OtherMessage,
        }
    }
}

impl Packet<Bytes> {
    /// A packet of these sections, copied; all else in its header is 0. For packets that have no
    /// type of their own.
    ///
    /// # Errors
    ///
    /// What a header cannot say, as [`Header::new`].
    pub fn from_sections(
        magic: Magic,
        opcode: u8,
        sections: Sections<'_>,
    ) -> Result<Self, EncodeError> {
        let header = Header::new(magic, opcode, sections.lengths())?;
        let body = [
            sections.framing_extras,
            sections.extras,
            sections.key.expose(),
            sections.value.expose(),
        ];
        Self::new(header, body.concat().into())
    }

    /// Makes bytes borrowed from this packet outlive it, without a copy; `None` if they are not
    /// part of it.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mcbp::{Decoder, dcp::Control};
    ///
    /// let mut stream = BytesMut::from(
    ///     b"\x80\x5e\0\x0b\0\0\0\0\0\0\0\x0f\0\0\0\0\0\0\0\0\0\0\0\0enable_nooptrue".as_slice(),
    /// );
    /// let packet = Decoder::default().decode(&mut stream)?.expect("a whole packet");
    /// let control = packet.view().request::<Control>()?;
    /// let value = packet.slice_ref(control.message.value.0).expect("part of the packet");
    /// drop(packet);
    /// assert_eq!(value, "true");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn slice_ref(&self, part: &[u8]) -> Option<Bytes> {
        slice_ref(&self.body, part)
    }
}

/// [`Bytes::slice_ref`] that does not panic.
pub(crate) fn slice_ref(whole: &Bytes, part: &[u8]) -> Option<Bytes> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then(|| whole.slice(start..end))
}

impl<B: AsRef<[u8]>> fmt::Debug for Packet<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("header", &self.header)
            .field("body", &UserData::new(self.body()))
            .finish()
    }
}

/// A body, cut into its sections.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Sections<'a> {
    /// Options that any message may carry, the user to act as among them; read by
    /// [`FramingExtras`](crate::FramingExtras).
    pub framing_extras: &'a [u8],
    /// The fixed fields.
    pub extras: &'a [u8],
    /// The key.
    pub key: UserData<'a>,
    /// The value.
    pub value: UserData<'a>,
}

impl<'a> Sections<'a> {
    #[inline]
    pub(crate) fn split(body: &'a [u8], lengths: SectionLengths) -> Self {
        let (framing_extras, rest) = split_at(body, lengths.framing_extras);
        let (extras, rest) = split_at(rest, lengths.extras);
        let (key, value) = split_at(rest, lengths.key);
        Self {
            framing_extras,
            extras,
            key: UserData::new(key),
            value: UserData::new(value),
        }
    }

    /// The lengths of the sections.
    pub const fn lengths(&self) -> SectionLengths {
        SectionLengths {
            framing_extras: self.framing_extras.len(),
            extras: self.extras.len(),
            key: self.key.len(),
            value: self.value.len(),
        }
    }
}

impl fmt::Debug for Sections<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sections")
            .field("framing_extras", &UserData::new(self.framing_extras))
            .field("extras", &self.extras)
            .field("key", &self.key)
            .field("value", &self.value)
            .finish()
    }
}

/// The header has proved that the sections fit; what would not is cut off, not a panic.
#[inline]
fn split_at(bytes: &[u8], mid: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(mid).unwrap_or((bytes, &[]))
}

/// The packets at the front of some bytes, one after the other.
///
/// Ends before the first packet that is not all there, or after the first error; what is left is
/// [`rest`](Self::rest).
#[derive(Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Packets<'a> {
    /// What has not been taken yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<&'a [u8]>, FrameError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match Packet::split_first(self.rest) {
            Ok(first) => first.map(|(packet, rest)| {
                self.rest = rest;
                Ok(packet)
            }),
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

impl core::iter::FusedIterator for Packets<'_> {}

impl fmt::Debug for Packets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packets")
            .field("rest", &UserData::new(self.rest))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use std::vec::Vec;

    use super::*;
    use crate::dcp::Abort;
    use crate::{Opcode, Status};

    const SECTIONS: Sections<'_> = Sections {
        framing_extras: &[0x22, 0, 5],
        extras: &[1, 2],
        key: UserData::new(b"key"),
        value: UserData::new(b"value"),
    };

    fn packet() -> Packet {
        Packet::from_sections(Magic::AltClientResponse, 0x57, SECTIONS).expect("a packet")
    }

    fn written<B: AsRef<[u8]>>(packet: &Packet<B>) -> Vec<u8> {
        let mut written = Vec::new();
        packet.encode(&mut written).expect("room");
        written
    }

    #[test]
    fn of_sections() {
        let packet = packet();
        assert_eq!(packet.body(), b"\x22\0\x05\x01\x02keyvalue");
        assert_eq!(packet.sections(), SECTIONS);
        assert_eq!(packet.header().opcode(), Some(Opcode::DCP_MUTATION));
        let bytes = written(&packet);
        assert_eq!(
            bytes,
            *b"\x18\x57\x03\x03\x02\0\0\0\0\0\0\x0d\0\0\0\0\0\0\0\0\0\0\0\0\x22\0\x05\x01\x02keyvalue"
        );
        let split = Packet::split_first(&bytes);
        assert_eq!(split, Ok(Some((packet.view(), &[][..]))));
    }

    #[test]
    fn of_sections_that_no_header_can_say() {
        let refused = Packet::from_sections(Magic::ClientRequest, 0x57, SECTIONS);
        let section = Section::FramingExtras;
        assert_eq!(refused, Err(EncodeError::TooLong { section, limit: 0 }));
        let key = [0; 256];
        let long = Sections {
            key: UserData::new(&key),
            ..Sections::default()
        };
        let refused = Packet::from_sections(Magic::AltClientRequest, 0x57, long);
        let section = Section::Key;
        assert_eq!(
            refused,
            Err(EncodeError::TooLong {
                section,
                limit: 255
            })
        );
        assert!(Packet::from_sections(Magic::ClientRequest, 0x57, long).is_ok());
    }

    #[test]
    fn of_a_body_of_another_length() {
        let header = *packet().header();
        for len in 0..30 {
            let body = [7; 30];
            let packet = Packet::new(header, &body[..len]);
            if len == 13 {
                assert_eq!(packet.map(Packet::into_body), Ok(&body[..13]));
            } else {
                assert_eq!(packet, Err(EncodeError::OtherBodyLength { announced: 13 }));
            }
        }
    }

    /// Gives its bytes once, then none.
    struct Once(Cell<&'static [u8]>);

    impl AsRef<[u8]> for Once {
        fn as_ref(&self) -> &[u8] {
            self.0.take()
        }
    }

    #[test]
    fn of_a_body_that_does_not_stay() {
        for bytes in [
            b"\x80\x63\0\x03\x10\0\0\0\0\0\0\x13",
            b"\x08\x63\x03\x03\x10\0\0\0\0\0\0\x16",
        ] {
            let mut header = [0; Header::LEN];
            header[..12].copy_from_slice(bytes);
            let header = Header::parse(&header).expect("a header");
            let body = Once(Cell::new(&[0; 22][..usize::from(bytes[11])]));
            let packet = Packet::new(header, body).expect("a packet");
            assert!(packet.view().request::<Abort>().is_err());
            assert_eq!(packet.sections(), Sections::default());
        }
    }

    #[test]
    fn an_edit_leaves_the_rest_alone() {
        type Edit = fn(&mut Packet);
        let edits: [(Edit, usize, &[u8]); 4] = [
            (
                |it| it.set_datatype(Datatype::from_bits_retain(0xf1)),
                5,
                &[0xf1],
            ),
            (|it| it.set_vbucket_or_status(0x0102), 6, &[1, 2]),
            (|it| it.set_opaque(0x0102_0304), 12, &[1, 2, 3, 4]),
            (
                |it| it.set_cas(0x0102_0304_0506_0708),
                16,
                &[1, 2, 3, 4, 5, 6, 7, 8],
            ),
        ];
        for (edit, at, bytes) in edits {
            let original = packet();
            let mut edited = original.clone();
            edit(&mut edited);
            let mut expected = written(&original);
            expected[at..at + bytes.len()].copy_from_slice(bytes);
            assert_eq!(written(&edited), expected);
            assert_eq!(edited.body().as_ptr(), original.body().as_ptr());
        }
        let mut edited = packet();
        edited.set_vbucket_or_status(Status::ROLLBACK.0);
        assert_eq!(edited.header().status(), Some(Status::ROLLBACK));
    }

    #[test]
    fn a_part_outlives_its_packet_without_a_copy() {
        let packet = packet();
        for start in 0..=packet.body().len() {
            for end in start..=packet.body().len() {
                let part = &packet.body()[start..end];
                let shared = packet.slice_ref(part).expect("part of the packet");
                assert_eq!(shared, part);
                assert!(part.is_empty() || shared.as_ptr() == part.as_ptr());
            }
        }
        let value = packet.slice_ref(packet.sections().value.expose());
        drop(packet);
        assert_eq!(value.expect("part of the packet"), "value");
    }

    #[test]
    fn what_is_no_part_of_the_packet_is_not_shared() {
        // Two packets of one block, and what lies around them.
        let block = Bytes::from_static(b"<keyvaluekeyvalue>");
        let lengths = SectionLengths {
            key: 3,
            value: 5,
            ..SectionLengths::default()
        };
        let header = Header::new(Magic::ClientRequest, 0x57, lengths).expect("a header");
        let [first, second] = [block.slice(1..9), block.slice(9..17)]
            .map(|body| Packet::new(header, body).expect("a packet"));
        assert_eq!(first, second);
        for start in 0..block.len() {
            for end in start + 1..=block.len() {
                let part = &block[start..end];
                let is_part = |from: usize, to: usize| (from..=to).contains(&start) && end <= to;
                assert_eq!(first.slice_ref(part).is_some(), is_part(1, 9));
                assert_eq!(second.slice_ref(part).is_some(), is_part(9, 17));
            }
        }
        assert_eq!(first.slice_ref(&Vec::from(*b"key")), None);
    }

    #[test]
    fn packets_end_where_they_cannot_go_on() {
        let whole = written(&packet());
        for (tail, error) in [
            (&b""[..], None),
            (b"\x80\x57", None),
            (b"\x01", Some(FrameError::UnknownMagic(1))),
        ] {
            let bytes = [&whole, &whole, tail].concat();
            let mut packets = Packet::iter(&bytes);
            for left in [1, 0] {
                assert_eq!(packets.next(), Some(Ok(packet().view())));
                assert_eq!(packets.rest().len(), left * whole.len() + tail.len());
            }
            assert_eq!(packets.next(), error.map(Err));
            assert_eq!(packets.next(), None);
            let rest = if error.is_some() { &[] } else { tail };
            assert_eq!(packets.rest(), rest);
        }
    }
}
