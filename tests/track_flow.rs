//! A producer and a consumer that exchange over a bounded buffer, both by their ledgers: nothing is
//! acknowledged that was not received, and nothing ever comes to a standstill.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use core::time::Duration;
use std::collections::VecDeque;

use mcbp::dcp::BufferAcknowledgement;
use mcbp::track::flow::{ConsumerLedger, ProducerLedger, Sender, Stuck, counted_len};
use mcbp::{Header, Magic, SectionLengths};
use proptest::prelude::*;

/// xorshift64*: the same sequence for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

fn header(magic: Magic, opcode: u8, value: usize) -> Header {
    let lengths = SectionLengths {
        value,
        ..SectionLengths::default()
    };
    Header::new(magic, opcode, lengths).unwrap()
}

fn any_message(random: &mut Random) -> Header {
    let value = match random.below(10) {
        0 => random.below(5000),
        _ => random.below(100),
    } as usize;
    let magic = [Magic::ClientRequest, Magic::AltClientRequest][random.below(2) as usize];
    match random.below(8) {
        0 => header(Magic::ClientRequest, 0x5c, 0),
        1 => header(Magic::ClientResponse, 0x53, value),
        2 => header(magic, 0x67, 3),
        3 => header(magic, 0x60, value),
        4 => header(magic, random.below(256) as u8, value),
        _ => header(magic, 0x57, value),
    }
}

/// Both ends, and what is under way between them.
struct Model {
    random: Random,
    now: Duration,
    producer: ProducerLedger,
    consumer: ConsumerLedger,
    to_send: VecDeque<Header>,
    messages: VecDeque<Header>,
    acks: VecDeque<BufferAcknowledgement>,
    buffer_size: u64,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let buffer_size = [1, 4, 5, 100, 1024, 65_536][random.below(6) as usize];
        let to_send = (0..random.below(200))
            .map(|_| any_message(&mut random))
            .collect();
        Self {
            random,
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
        let first = self.random.below(4);
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
        let portion = match self.random.below(3) {
            0 => unprocessed,
            _ => self.random.below(unprocessed) + 1,
        };
        assert!(self.consumer.on_processed(unprocessed + 1).is_err());
        self.consumer.on_processed(portion).unwrap();
        if self.random.chance(30) {
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

#[test]
fn thousands_of_exchanges_come_to_an_end() {
    for seed in 0..4000 {
        let mut model = Model::new(seed);
        let mut steps = 0;
        loop {
            while model.step() {
                model.assert_balance();
                model.now += Duration::from_millis(model.random.below(50));
                steps += 1;
                assert!(steps < 100_000, "seed {seed}");
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
            assert!(model.poll(), "seed {seed}: due, yet nothing to acknowledge");
        }
        assert!(model.to_send.is_empty(), "seed {seed}: stuck");
        assert_eq!(model.producer.outstanding(), 0, "seed {seed}");
    }
}

#[derive(Debug, Clone)]
enum Event {
    Packet(Sender, Magic, u8, u16),
    Processed(u64),
    Poll(u64),
    Resize(u32),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let sender = prop::sample::select(vec![Sender::Producer, Sender::Consumer]);
    let magic = prop::sample::select(Magic::ALL.to_vec());
    let event = prop_oneof![
        4 => (sender, magic, any::<u8>(), any::<u16>())
            .prop_map(|(sender, magic, opcode, len)| Event::Packet(sender, magic, opcode, len)),
        3 => (0..100_000_u64).prop_map(Event::Processed),
        2 => (0..20_u64).prop_map(Event::Poll),
        1 => prop::sample::select(vec![0, 1, 1000, u32::MAX]).prop_map(Event::Resize),
    ];
    prop::collection::vec(event, 0..200)
}

proptest! {
    #[test]
    fn never_more_is_acknowledged_than_was_received(size in 0..10_000_u32, events in events()) {
        let mut ledger = ConsumerLedger::new(size, Duration::ZERO);
        let (mut received, mut processed, mut acknowledged) = (0, 0, 0);
        for event in events {
            match event {
                Event::Packet(sender, magic, opcode, len) => {
                    let header = header(magic, opcode, len.into());
                    received += ledger.on_packet(sender, &header);
                }
                Event::Processed(bytes) => {
                    let before = ledger.clone();
                    let legal = bytes <= ledger.unprocessed();
                    prop_assert_eq!(ledger.on_processed(bytes).is_ok(), legal);
                    if legal { processed += bytes } else { prop_assert_eq!(&ledger, &before) }
                }
                Event::Poll(secs) => {
                    let owed = ledger.owed();
                    if let Some(ack) = ledger.poll(Duration::from_secs(secs)) {
                        prop_assert!(ack.bytes > 0 && u64::from(ack.bytes) <= owed);
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
            }
            prop_assert!(acknowledged <= processed && processed <= received);
            prop_assert_eq!(ledger.outstanding(), received - acknowledged);
            prop_assert_eq!(ledger.next_timeout().is_some(), ledger.owed() > 0);
        }
    }

    #[test]
    fn a_producer_never_counts_below_nothing(
        size in 0..10_000_u32,
        events in prop::collection::vec((any::<bool>(), 0..20_000_u32), 0..200),
    ) {
        let mut ledger = ProducerLedger::new(size);
        let mut outstanding = 0_u64;
        for (sent, bytes) in events {
            if sent {
                let header = header(Magic::ClientRequest, 0x57, bytes as usize);
                outstanding += ledger.on_packet(Sender::Producer, &header, Duration::ZERO);
            } else {
                let ack = BufferAcknowledgement { bytes };
                let surplus = ledger.on_acknowledgement(ack, Duration::ZERO);
                outstanding = outstanding.saturating_sub(bytes.into());
                prop_assert!(surplus == 0 || outstanding == 0);
            }
            prop_assert_eq!(ledger.outstanding(), outstanding);
            prop_assert_eq!(ledger.may_send(), size == 0 || outstanding < size.into());
        }
    }
}
