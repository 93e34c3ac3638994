//! Both ends of a bounded buffer, and what is under way between them.

use core::time::Duration;
use std::collections::VecDeque;

use mcbp::dcp::BufferAcknowledgement;
use mcbp::track::flow::{ConsumerLedger, ProducerLedger, Sender, Stuck, counted_len};
use mcbp::{Header, Magic, SectionLengths};

use super::dice::{Dice, Rolled};

fn header(magic: Magic, opcode: u8, value: usize) -> Header {
    let lengths = SectionLengths {
        value,
        ..SectionLengths::default()
    };
    Header::new(magic, opcode, lengths).unwrap()
}

fn any_message(dice: &mut impl Dice) -> Header {
    let value = match dice.below(10) {
        0 => dice.below(5000),
        _ => dice.below(100),
    } as usize;
    let magic = [Magic::ClientRequest, Magic::AltClientRequest][dice.below(2) as usize];
    match dice.below(8) {
        0 => header(Magic::ClientRequest, 0x5c, 0),
        1 => header(Magic::ClientResponse, 0x53, value),
        2 => header(magic, 0x67, 3),
        3 => header(magic, 0x60, value),
        4 => header(magic, dice.below(256) as u8, value),
        _ => header(magic, 0x57, value),
    }
}

/// Both ends, and what is under way between them.
struct Model<D> {
    dice: D,
    now: Duration,
    producer: ProducerLedger,
    consumer: ConsumerLedger,
    to_send: VecDeque<Header>,
    messages: VecDeque<Header>,
    acks: VecDeque<BufferAcknowledgement>,
    buffer_size: u64,
}

impl<D: Dice> Model<D> {
    fn new(mut dice: D) -> Self {
        let buffer_size = [1, 4, 5, 100, 1024, 65_536][dice.below(6) as usize];
        let to_send = (0..dice.below(200))
            .map(|_| any_message(&mut dice))
            .collect();
        Self {
            dice,
            now: Duration::ZERO,
            producer: ProducerLedger::new(buffer_size),
            consumer: ConsumerLedger::new(buffer_size, Duration::ZERO),
            to_send,
            messages: VecDeque::new(),
            acks: VecDeque::new(),
            buffer_size: buffer_size.into(),
        }
    }

    /// Does one of the things that can be done; false if there is none.
    fn step(&mut self) -> bool {
        let first = self.dice.below(4);
        (0..4).any(|offset| match (first + offset) % 4 {
            0 => self.send(),
            1 => self.receive(),
            2 => self.process(),
            _ => self.acknowledge(),
        })
    }

    fn send(&mut self) -> bool {
        let Some(header) = self.to_send.front() else {
            return false;
        };
        if counted_len(header) > 0 && !self.producer.may_send() {
            return false;
        }
        let before = self.producer.outstanding();
        let counted = self.producer.on_packet(Sender::Producer, header, self.now);
        assert!(counted == 0 || before < self.buffer_size);
        self.messages.extend(self.to_send.pop_front());
        true
    }

    fn receive(&mut self) -> bool {
        let Some(header) = self.messages.pop_front() else {
            return false;
        };
        let counted = self.consumer.on_packet(Sender::Producer, &header);
        assert_eq!(counted, counted_len(&header));
        true
    }

    fn process(&mut self) -> bool {
        let unprocessed = self.consumer.unprocessed();
        if unprocessed == 0 {
            return false;
        }
        let portion = match self.dice.below(3) {
            0 => unprocessed,
            _ => self.dice.below(unprocessed) + 1,
        };
        assert!(self.consumer.on_processed(unprocessed + 1).is_err());
        self.consumer.on_processed(portion).unwrap();
        if self.dice.chance(30) {
            return true;
        }
        self.poll();
        true
    }

    fn acknowledge(&mut self) -> bool {
        let Some(ack) = self.acks.pop_front() else {
            return false;
        };
        let surplus = self.producer.on_acknowledgement(ack, self.now);
        assert_eq!(surplus, 0, "acknowledged more than was sent");
        true
    }

    fn poll(&mut self) -> bool {
        let mut any = false;
        while let Some(ack) = self.consumer.poll(self.now) {
            assert_ne!(ack.bytes, 0);
            self.acks.push_back(ack);
            any = true;
        }
        any
    }

    /// Every byte that the producer counts is somewhere.
    fn assert_balance(&self) {
        let messages: u64 = self.messages.iter().map(counted_len).sum();
        let acks: u64 = self.acks.iter().map(|ack| u64::from(ack.bytes)).sum();
        let under_way = messages + acks + self.consumer.outstanding();
        assert_eq!(self.producer.outstanding(), under_way);
        assert_eq!(
            self.producer.may_send(),
            self.producer.stuck_since().is_none()
        );
    }
}

/// A consumer and a producer exchange whatever they have, and never come to a standstill.
pub(crate) fn exchange(dice: impl Dice) {
    let mut model = Model::new(dice);
    let mut steps = 0;
    loop {
        while model.step() {
            model.assert_balance();
            model.now += Duration::from_millis(model.dice.below(50));
            steps += 1;
            assert!(steps < 100_000);
        }
        // Only time can help now.
        let Some(timeout) = model.consumer.next_timeout() else {
            break;
        };
        if !model.producer.may_send() {
            let owed = model.consumer.owed();
            assert_eq!(
                model.consumer.stuck(),
                Some(Stuck::Unacknowledged { bytes: owed })
            );
        }
        model.now = model.now.max(timeout);
        assert!(model.poll(), "due, yet nothing to acknowledge");
    }
    assert!(model.to_send.is_empty(), "stuck");
    assert_eq!(model.producer.outstanding(), 0);
}

/// What may happen to a ledger, in any order.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Packet(Sender, Magic, u8, u16),
    Processed(u64),
    Poll(u64),
    Resize(u32),
    Acknowledged(u32),
}

impl Event {
    fn any(dice: &mut impl Dice) -> Self {
        match dice.below(12) {
            0..4 => Self::Packet(
                dice.pick(&[Sender::Producer, Sender::Consumer]),
                dice.pick(&Magic::ALL),
                dice.below(1 << 8) as u8,
                dice.below(1 << 16) as u16,
            ),
            4..7 => Self::Processed(dice.below(100_000)),
            7..9 => Self::Poll(dice.below(20)),
            9 => Self::Resize(dice.pick(&[0, 1, 1000, u32::MAX])),
            _ => Self::Acknowledged(dice.below(20_000) as u32),
        }
    }
}

/// As many events as there are bytes for, before them the size of the buffer.
pub(crate) fn events(mut dice: Rolled<'_>) -> (u32, Vec<Event>) {
    let size = dice.below(10_000) as u32;
    let mut events = Vec::new();
    while !dice.is_empty() {
        events.push(Event::any(&mut dice));
    }
    (size, events)
}

/// A consumer never acknowledges more than it has received and processed.
pub(crate) fn consume(size: u32, events: &[Event]) {
    let mut ledger = ConsumerLedger::new(size, Duration::ZERO);
    let (mut received, mut processed, mut acknowledged) = (0, 0, 0);
    for event in events {
        match *event {
            Event::Packet(sender, magic, opcode, len) => {
                let header = header(magic, opcode, len.into());
                received += ledger.on_packet(sender, &header);
            }
            Event::Processed(bytes) => {
                let before = ledger.clone();
                let legal = bytes <= ledger.unprocessed();
                assert_eq!(ledger.on_processed(bytes).is_ok(), legal);
                if legal {
                    processed += bytes;
                } else {
                    assert_eq!(ledger, before);
                }
            }
            Event::Poll(secs) => {
                let owed = ledger.owed();
                if let Some(ack) = ledger.poll(Duration::from_secs(secs)) {
                    assert!(ack.bytes > 0 && u64::from(ack.bytes) <= owed);
                    acknowledged += u64::from(ack.bytes);
                }
            }
            Event::Resize(bytes) => {
                let was = ledger.outstanding();
                ledger.set_buffer_size(bytes, Duration::ZERO);
                if ledger.outstanding() != was {
                    (received, processed, acknowledged) = (0, 0, 0);
                }
            }
            Event::Acknowledged(_) => {}
        }
        assert!(acknowledged <= processed && processed <= received);
        assert_eq!(ledger.outstanding(), received - acknowledged);
        assert_eq!(ledger.next_timeout().is_some(), ledger.owed() > 0);
    }
}

/// A producer counts what is under way, whatever it is said to have sent and whoever acknowledges
/// it, and never below nothing.
pub(crate) fn produce(size: u32, events: &[Event]) {
    let mut ledger = ProducerLedger::new(size);
    let (mut size, mut outstanding) = (u64::from(size), 0_u64);
    for event in events {
        match *event {
            Event::Packet(sender, magic, opcode, len) => {
                let header = header(magic, opcode, len.into());
                outstanding += ledger.on_packet(sender, &header, Duration::ZERO);
            }
            Event::Acknowledged(bytes) => {
                let ack = BufferAcknowledgement { bytes };
                let surplus = ledger.on_acknowledgement(ack, Duration::ZERO);
                outstanding = outstanding.saturating_sub(bytes.into());
                assert!(surplus == 0 || outstanding == 0);
            }
            Event::Resize(bytes) => {
                ledger.set_buffer_size(bytes, Duration::ZERO);
                size = bytes.into();
                if bytes == 0 {
                    outstanding = 0;
                }
            }
            Event::Processed(_) | Event::Poll(_) => {}
        }
        assert_eq!(ledger.outstanding(), outstanding);
        assert_eq!(ledger.may_send(), size == 0 || outstanding < size);
        assert_eq!(ledger.may_send(), ledger.stuck_since().is_none());
    }
}
