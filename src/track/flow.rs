//! Flow control: how many bytes may be under way.
//!
//! A producer counts what it sends and stops when the count reaches the size of the buffer that the
//! consumer asked for by the control `connection_buffer_size`; a consumer acknowledges what it has
//! processed, which is taken off the count (reference 10.4). Both ends have to count alike, down to
//! the messages that the server counts other than they are long: see [`counted_len`].

use core::{fmt, time::Duration};

use crate::dcp::BufferAcknowledgement;
use crate::{Header, Opcode};

/// How many bytes a producer counts for a packet that it sends; 0 if the packet does not count.
///
/// | packet                                          | counts                                   |
/// |-------------------------------------------------|------------------------------------------|
/// | a response, a server's request (0x82)           | 0                                        |
/// | `DCP_NOOP`                                      | 0                                        |
/// | `DCP_PREPARE`                                   | 2 more than it is long (MB-46634)        |
/// | `DCP_CACHE_TRANSFER_END`                        | 24, also where a stream id makes it 27   |
/// | any other request (0x80, 0x08), known or not    | its length on the wire, 24 + body        |
///
/// Compressed values count as they are sent (reference 10.4).
#[inline]
pub const fn counted_len(header: &Header) -> u64 {
    if !header.magic().is_client_request() {
        return 0;
    }
    // Below 2^33, so nothing can wrap.
    let len = (Header::LEN as u64).saturating_add(header.body_len() as u64);
    match header.opcode() {
        Some(Opcode::DCP_NOOP) => 0,
        Some(Opcode::DCP_PREPARE) => len.saturating_add(2),
        Some(Opcode::DCP_CACHE_TRANSFER_END) => Header::LEN as u64,
        _ => len,
    }
}

/// Which end of a DCP connection sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The end that sends the changes.
    Producer,
    /// The end that receives them.
    Consumer,
}

/// The consumer's side: what it owes the producer an acknowledgement for.
///
/// | event                   | off (size 0) | on                                                    |
/// |-------------------------|--------------|-------------------------------------------------------|
/// | packet of the producer  | counts 0     | [`counted_len`] is received                           |
/// | packet of the consumer  | counts 0     | counts 0                                              |
/// | processed, at most what was received | –  | that much is owed                                 |
/// | processed, more than that | violation  | violation                                             |
/// | poll, more than a fifth of the buffer owed | nothing | acknowledge all of it                     |
/// | poll, something owed and 5 s since the last | nothing | acknowledge all of it                    |
/// | poll, otherwise         | nothing      | nothing                                               |
/// | size set to 0           | –            | everything is forgotten                               |
///
/// The two reasons to acknowledge are those of the server's own consumer. Acknowledge what was
/// *processed*: an acknowledgement on receipt invites the producer to send more than there is room
/// for. Bytes may be handed back in any portions and any order.
///
/// ```
/// use core::time::Duration;
/// use mcbp::{Header, dcp::BufferAcknowledgement, track::flow::{ConsumerLedger, Sender}};
///
/// let mut ledger = ConsumerLedger::new(1000, Duration::ZERO);
/// let mutation = b"\x80\x57\0\x05\x1f\0\0\0\0\0\x01\0\0\0\0\x07\0\0\0\0\0\0\0\x01";
/// let bytes = ledger.on_packet(Sender::Producer, &Header::parse(mutation)?);
/// assert_eq!(bytes, 24 + 256);
/// // … once the mutation is where it is safe:
/// ledger.on_processed(bytes)?;
/// let ack = ledger.poll(Duration::from_secs(1));
/// assert_eq!(ack, Some(BufferAcknowledgement { bytes: 280 }));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerLedger {
    buffer_size: u32,
    unprocessed: u64,
    owed: u64,
    acknowledged_at: Duration,
}

impl ConsumerLedger {
    /// How long the server's own consumer lets an acknowledgement wait.
    pub const ACK_INTERVAL: Duration = Duration::from_secs(5);

    /// A ledger for a buffer of this many bytes, the value of `connection_buffer_size`; with 0
    /// there is no flow control.
    pub const fn new(buffer_size: u32, now: Duration) -> Self {
        Self {
            buffer_size,
            unprocessed: 0,
            owed: 0,
            acknowledged_at: now,
        }
    }

    /// Changes the size of the buffer, once the control that asks for it was answered.
    pub const fn set_buffer_size(&mut self, bytes: u32, now: Duration) {
        if bytes == 0 || self.buffer_size == 0 {
            *self = Self::new(bytes, now);
        }
        self.buffer_size = bytes;
    }

    /// Takes a packet in either direction, and says how many bytes of it count: as many have to be
    /// handed to [`on_processed`](Self::on_processed).
    #[inline]
    pub const fn on_packet(&mut self, sender: Sender, header: &Header) -> u64 {
        if self.buffer_size == 0 || matches!(sender, Sender::Consumer) {
            return 0;
        }
        let bytes = counted_len(header);
        self.unprocessed = self.unprocessed.saturating_add(bytes);
        bytes
    }

    /// Takes note that bytes which counted have been processed.
    ///
    /// # Errors
    ///
    /// [`FlowViolation`] if fewer were received: they would be acknowledged twice.
    #[inline]
    pub const fn on_processed(&mut self, bytes: u64) -> Result<(), FlowViolation> {
        let Some(unprocessed) = self.unprocessed.checked_sub(bytes) else {
            return Err(FlowViolation {
                processed: bytes,
                received: self.unprocessed,
            });
        };
        self.unprocessed = unprocessed;
        self.owed = self.owed.saturating_add(bytes);
        Ok(())
    }

    /// The acknowledgement to send now, if one is due. Call it until there is none: it can say no
    /// more than `u32::MAX` bytes at a time.
    #[inline]
    pub fn poll(&mut self, now: Duration) -> Option<BufferAcknowledgement> {
        if self.next_timeout()? > now {
            return None;
        }
        let bytes = u32::try_from(self.owed).unwrap_or(u32::MAX);
        self.owed = self.owed.saturating_sub(u64::from(bytes));
        self.acknowledged_at = now;
        Some(BufferAcknowledgement { bytes })
    }

    /// When to [`poll`](Self::poll); a time that has passed means at once, none means not before
    /// more is processed.
    #[inline]
    pub const fn next_timeout(&self) -> Option<Duration> {
        if self.buffer_size == 0 || self.owed == 0 {
            None
        } else if self.owed > self.threshold() {
            Some(self.acknowledged_at)
        } else {
            Some(self.acknowledged_at.saturating_add(Self::ACK_INTERVAL))
        }
    }

    /// What the producer has to wait for, in bytes: all that was received and not acknowledged.
    pub const fn outstanding(&self) -> u64 {
        self.unprocessed.saturating_add(self.owed)
    }

    /// How many bytes were received and are not processed.
    pub const fn unprocessed(&self) -> u64 {
        self.unprocessed
    }

    /// How many bytes are processed and not acknowledged.
    pub const fn owed(&self) -> u64 {
        self.owed
    }

    /// What the producer waits for, if it may not send: the buffer is full.
    pub const fn stuck(&self) -> Option<Stuck> {
        if self.buffer_size == 0 || self.outstanding() < self.buffer_size as u64 {
            None
        } else if self.owed == 0 {
            Some(Stuck::Unprocessed {
                bytes: self.unprocessed,
            })
        } else {
            Some(Stuck::Unacknowledged { bytes: self.owed })
        }
    }

    /// What may be owed without an acknowledgement: a fifth of the buffer.
    const fn threshold(&self) -> u64 {
        (self.buffer_size / 5) as u64
    }
}

/// Why a producer may not send; see [`ConsumerLedger::stuck`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// Nothing is owed: the consumer has to process what it holds. It never will if it waits for
    /// more than the buffer takes, as one does that only processes whole snapshots.
    Unprocessed {
        /// What it holds, in bytes.
        bytes: u64,
    },
    /// An acknowledgement is owed, and is due at [`ConsumerLedger::next_timeout`].
    Unacknowledged {
        /// How much of one, in bytes.
        bytes: u64,
    },
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unprocessed { bytes } => {
                write!(f, "the buffer is full of {bytes} bytes not yet processed")
            }
            Self::Unacknowledged { bytes } => {
                write!(
                    f,
                    "the buffer is full, {bytes} bytes are to be acknowledged"
                )
            }
        }
    }
}

/// More was processed than had been received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowViolation {
    /// What is said to be processed, in bytes.
    pub processed: u64,
    /// What was received and not processed before, in bytes.
    pub received: u64,
}

impl fmt::Display for FlowViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            processed,
            received,
        } = self;
        write!(f, "{processed} bytes processed where {received} were left")
    }
}

impl core::error::Error for FlowViolation {}

/// The producer's side: whether it may send.
///
/// | event                      | off (size 0) | room                         | full                |
/// |----------------------------|--------------|------------------------------|---------------------|
/// | may it send?               | yes          | yes                          | no                  |
/// | packet of the producer     | –            | counts; → full at the size   | counts all the same |
/// | packet of the consumer     | –            | –                            | –                   |
/// | acknowledgement            | ignored      | taken off, not below 0       | → room below the size |
/// | size set to 0              | –            | → off, the count is cleared  | → off, likewise     |
///
/// A producer sends while the count is *below* the size, so it overshoots by up to one message. The
/// same ledger, fed with the packets of both directions, tells a proxy or a packet tool how full
/// the buffer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerLedger {
    buffer_size: u32,
    outstanding: u64,
    stuck_since: Option<Duration>,
}

impl ProducerLedger {
    /// A ledger for a buffer of this many bytes, the value of `connection_buffer_size`; with 0
    /// there is no flow control.
    pub const fn new(buffer_size: u32) -> Self {
        Self {
            buffer_size,
            outstanding: 0,
            stuck_since: None,
        }
    }

    /// Changes the size of the buffer, as the control asks. What is under way still counts, unless
    /// flow control is or was off.
    pub fn set_buffer_size(&mut self, bytes: u32, now: Duration) {
        if bytes == 0 {
            self.outstanding = 0;
        }
        self.buffer_size = bytes;
        self.stuck_since = if self.may_send() {
            None
        } else {
            self.stuck_since.or(Some(now))
        };
    }

    /// Whether a message that counts may be sent. Responses and `DCP_NOOP` always may.
    #[inline]
    pub const fn may_send(&self) -> bool {
        self.buffer_size == 0 || self.outstanding < self.buffer_size as u64
    }

    /// Takes a packet in either direction, and says how many bytes of it count.
    ///
    /// The count goes on when the buffer is full: some messages cannot wait.
    #[inline]
    pub fn on_packet(&mut self, sender: Sender, header: &Header, now: Duration) -> u64 {
        if self.buffer_size == 0 || sender == Sender::Consumer {
            return 0;
        }
        let bytes = counted_len(header);
        self.outstanding = self.outstanding.saturating_add(bytes);
        if !self.may_send() && self.stuck_since.is_none() {
            self.stuck_since = Some(now);
        }
        bytes
    }

    /// Takes an acknowledgement, and says how many bytes of it are too many: the server logs them
    /// and goes on.
    #[inline]
    pub fn on_acknowledgement(&mut self, ack: BufferAcknowledgement, now: Duration) -> u64 {
        if self.buffer_size == 0 {
            return 0;
        }
        let bytes = u64::from(ack.bytes);
        let surplus = bytes.saturating_sub(self.outstanding);
        self.outstanding = self.outstanding.saturating_sub(bytes);
        if self.may_send() {
            self.stuck_since = None;
        } else if bytes > 0 {
            self.stuck_since = Some(now);
        }
        surplus
    }

    /// What was sent and is not acknowledged, in bytes.
    pub const fn outstanding(&self) -> u64 {
        self.outstanding
    }

    /// Since when the buffer has been full without a byte being acknowledged. Servers may be told
    /// to disconnect consumers with which this lasts (`dcp_disconnect_when_stuck_timeout`).
    pub const fn stuck_since(&self) -> Option<Duration> {
        self.stuck_since
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;
    use crate::{Magic, SectionLengths};

    const SECOND: Duration = Duration::from_secs(1);

    fn header(magic: Magic, opcode: u8, body_len: usize) -> Header {
        let lengths = SectionLengths {
            value: body_len,
            ..SectionLengths::default()
        };
        Header::new(magic, opcode, lengths).expect("a short body")
    }

    /// A packet that counts this many bytes.
    fn message(counted: usize) -> Header {
        header(
            Magic::ClientRequest,
            0x57,
            counted.saturating_sub(Header::LEN),
        )
    }

    fn ack(bytes: u32) -> Option<BufferAcknowledgement> {
        Some(BufferAcknowledgement { bytes })
    }

    #[test]
    fn what_counts() {
        for opcode in 0..=u8::MAX {
            let expected = match opcode {
                0x5c => 0,
                0x60 => 24 + 33 + 2,
                0x67 => 24,
                _ => 24 + 33,
            };
            for magic in Magic::ALL {
                let counted = counted_len(&header(magic, opcode, 33));
                let counts = magic.is_client_request();
                assert_eq!(
                    counted,
                    if counts { expected } else { 0 },
                    "{magic:?} {opcode:#x}"
                );
            }
        }
    }

    #[test]
    fn the_longest_packet() {
        let mut bytes = [0; Header::LEN];
        bytes[..2].copy_from_slice(&[0x80, 0x60]);
        bytes[8..12].fill(0xff);
        let header = Header::parse(&bytes).expect("a header");
        assert_eq!(counted_len(&header), 26 + u64::from(u32::MAX));
    }

    #[test]
    fn consumer_table() {
        let off = ConsumerLedger::new(0, SECOND);
        let mut ledger = off.clone();
        assert_eq!(ledger.on_packet(Sender::Producer, &message(100)), 0);
        assert_eq!(ledger.on_packet(Sender::Consumer, &message(100)), 0);
        assert_eq!(ledger.on_processed(0), Ok(()));
        assert!(ledger.on_processed(1).is_err());
        assert_eq!(
            (ledger.next_timeout(), ledger.poll(SECOND * 9)),
            (None, None)
        );
        assert_eq!(ledger, off);

        let mut ledger = ConsumerLedger::new(500, SECOND);
        assert_eq!(ledger.on_packet(Sender::Consumer, &message(300)), 0);
        assert_eq!(ledger.on_packet(Sender::Producer, &message(300)), 300);
        assert_eq!(ledger.outstanding(), 300);
        assert_eq!(ledger.poll(SECOND * 9), None, "nothing is processed");
        let before = ledger.clone();
        let violation = ledger.on_processed(301).unwrap_err();
        assert_eq!(
            violation.to_string(),
            "301 bytes processed where 300 were left"
        );
        assert_eq!(ledger, before);

        ledger.on_processed(100).expect("received");
        assert_eq!(
            ledger.next_timeout(),
            Some(SECOND * 6),
            "a fifth is not more than a fifth"
        );
        assert_eq!(ledger.poll(SECOND * 6 - Duration::from_nanos(1)), None);
        assert_eq!(ledger.poll(SECOND * 6), ack(100));
        assert_eq!(ledger.poll(SECOND * 60), None, "nothing is owed");

        ledger.on_processed(101).expect("received");
        assert!(ledger.next_timeout() <= Some(SECOND * 60));
        assert_eq!(ledger.poll(SECOND * 60), ack(101));
        assert_eq!((ledger.unprocessed(), ledger.owed()), (99, 0));

        ledger.on_processed(99).expect("received");
        ledger.set_buffer_size(400, SECOND * 61);
        assert_eq!(ledger.owed(), 99);
        assert_eq!(
            ledger.poll(SECOND * 61),
            ack(99),
            "more than a fifth of the new size"
        );
        ledger.on_packet(Sender::Producer, &message(300));
        ledger.set_buffer_size(0, SECOND * 62);
        assert_eq!(ledger, ConsumerLedger::new(0, SECOND * 62));
    }

    #[test]
    fn acknowledgements_are_split_at_u32() {
        let mut ledger = ConsumerLedger::new(u32::MAX, Duration::ZERO);
        let mut bytes = [0; Header::LEN];
        bytes[..2].copy_from_slice(&[0x80, 0x57]);
        bytes[8..12].fill(0xff);
        let header = Header::parse(&bytes).expect("a header");
        for _ in 0..2 {
            let counted = ledger.on_packet(Sender::Producer, &header);
            ledger.on_processed(counted).expect("received");
        }
        assert_eq!(ledger.poll(SECOND), ack(u32::MAX));
        assert_eq!(ledger.poll(SECOND), ack(u32::MAX));
        assert_eq!(
            ledger.poll(SECOND),
            None,
            "what is left over waits like any other"
        );
        assert_eq!(ledger.poll(SECOND * 6), ack(48));
        assert_eq!(ledger.poll(SECOND * 60), None);
    }

    #[test]
    fn a_full_buffer_has_no_room() {
        let mut ledger = ConsumerLedger::new(124, Duration::ZERO);
        ledger.on_packet(Sender::Producer, &message(100));
        assert_eq!(ledger.stuck(), None);
        ledger.on_packet(Sender::Producer, &message(24));
        assert_eq!(ledger.stuck(), Some(Stuck::Unprocessed { bytes: 124 }));
    }

    #[test]
    fn why_the_producer_waits() {
        let mut ledger = ConsumerLedger::new(100, Duration::ZERO);
        ledger.on_packet(Sender::Producer, &message(99));
        assert_eq!(ledger.stuck(), None);
        ledger.on_packet(Sender::Producer, &message(24));
        let stuck = ledger.stuck().expect("full");
        assert_eq!(stuck, Stuck::Unprocessed { bytes: 123 });
        assert_eq!(
            stuck.to_string(),
            "the buffer is full of 123 bytes not yet processed"
        );
        ledger.on_processed(20).expect("received");
        let stuck = ledger.stuck().expect("full");
        assert_eq!(stuck, Stuck::Unacknowledged { bytes: 20 });
        assert_eq!(
            stuck.to_string(),
            "the buffer is full, 20 bytes are to be acknowledged"
        );
        assert!(ledger.next_timeout().is_some());
        ledger.on_processed(10).expect("received");
        assert_eq!(ledger.poll(SECOND), ack(30));
        assert_eq!(ledger.stuck(), None);
    }

    #[test]
    fn producer_table() {
        let ack = |bytes| BufferAcknowledgement { bytes };

        let off = ProducerLedger::new(0);
        let mut ledger = off.clone();
        assert!(ledger.may_send());
        assert_eq!(ledger.on_packet(Sender::Producer, &message(100), SECOND), 0);
        assert_eq!(ledger.on_packet(Sender::Consumer, &message(100), SECOND), 0);
        assert_eq!(ledger.on_acknowledgement(ack(u32::MAX), SECOND), 0);
        assert_eq!(ledger, off);

        let mut ledger = ProducerLedger::new(100);
        assert_eq!(ledger.on_packet(Sender::Consumer, &message(500), SECOND), 0);
        assert_eq!(ledger.on_packet(Sender::Producer, &message(99), SECOND), 99);
        assert!(ledger.may_send());
        assert_eq!(
            ledger.on_packet(Sender::Producer, &message(30), SECOND * 2),
            30
        );
        assert!(!ledger.may_send());
        assert_eq!(
            ledger.on_packet(Sender::Producer, &message(24), SECOND * 3),
            24
        );
        assert_eq!(ledger.stuck_since(), Some(SECOND * 2));
        assert_eq!(ledger.outstanding(), 153);

        assert_eq!(ledger.on_acknowledgement(ack(0), SECOND * 4), 0);
        assert_eq!(
            ledger.stuck_since(),
            Some(SECOND * 2),
            "no byte was acknowledged"
        );
        assert_eq!(ledger.on_acknowledgement(ack(53), SECOND * 5), 0);
        assert!(!ledger.may_send(), "100 of 100");
        assert_eq!(ledger.stuck_since(), Some(SECOND * 5));
        assert_eq!(ledger.on_acknowledgement(ack(1), SECOND * 6), 0);
        assert!(ledger.may_send());
        assert_eq!(ledger.stuck_since(), None);
        assert_eq!(ledger.on_acknowledgement(ack(100), SECOND * 7), 1);
        assert_eq!(ledger.outstanding(), 0);

        ledger.on_packet(Sender::Producer, &message(50), SECOND * 8);
        ledger.set_buffer_size(50, SECOND * 9);
        assert_eq!(ledger.stuck_since(), Some(SECOND * 9));
        ledger.set_buffer_size(51, SECOND * 10);
        assert_eq!((ledger.stuck_since(), ledger.outstanding()), (None, 50));
        ledger.set_buffer_size(0, SECOND * 11);
        assert_eq!(ledger, off);
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn sizes() {
        assert_eq!(size_of::<ConsumerLedger>(), 40);
        assert_eq!(size_of::<ProducerLedger>(), 32);
    }
}
