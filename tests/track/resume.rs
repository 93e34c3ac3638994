//! A vbucket, and a consumer of it that is out of luck.

use std::collections::BTreeMap;

use mcbp::dcp::{
    FailoverEntry, FailoverLog, OsoSnapshot, SeqnoAdvanced, SnapshotMarker, StreamRequest,
    StreamRequestReply,
};
use mcbp::track::resume::{Checkpoint, Cursor, CursorViolation, Progress};
use mcbp::{Metadata, OsoFlags, Response, SnapshotFlags, Status, StreamFlags};

use super::dice::{Dice, Rolled};

type Key = u64;

/// The newest seqno of each key.
type Contents = BTreeMap<Key, u64>;

const KEYS: u64 = 8;

/// Keys that a filtered stream leaves out.
fn is_visible(key: Key) -> bool {
    key < 5
}

/// A vbucket as a producer has it.
struct Vbucket {
    /// All changes, ascending.
    history: Vec<(u64, Key)>,
    /// The newest branch first.
    failover_log: Vec<FailoverEntry>,
    branches: u64,
    collections: bool,
}

/// The snapshot that a consumer is in the middle of: at its first seqno it is not yet, at its last
/// no longer.
fn bounds(request: &StreamRequest<'_>) -> (u64, u64) {
    let (start, end) = (request.snapshot_start_seqno, request.snapshot_end_seqno);
    let seqno = request.start_seqno;
    if start == seqno || end == seqno {
        (seqno, seqno)
    } else {
        (start, end)
    }
}

enum Message {
    Marker(SnapshotMarker),
    Item(u64, Key),
    Advanced(u64),
    Oso(OsoFlags),
}

impl Vbucket {
    fn new(collections: bool) -> Self {
        Self {
            history: vec![],
            failover_log: vec![FailoverEntry {
                vbucket_uuid: 1,
                seqno: 0,
            }],
            branches: 1,
            collections,
        }
    }

    fn high_seqno(&self) -> u64 {
        let branch = self.failover_log[0].seqno;
        self.history.last().map_or(branch, |&(seqno, _)| seqno)
    }

    fn write(&mut self, dice: &mut impl Dice) {
        let seqno = self.high_seqno() + 1;
        self.history.push((seqno, dice.below(KEYS)));
    }

    /// Another node takes over, which lacks the last changes.
    fn fail_over(&mut self, dice: &mut impl Dice) {
        let keep = dice.below(self.history.len() as u64 + 1) as usize;
        self.history.truncate(keep);
        let seqno = self.history.last().map_or(0, |&(seqno, _)| seqno);
        self.failover_log.retain(|entry| entry.seqno <= seqno);
        self.branches += 1;
        let vbucket_uuid = self.branches;
        self.failover_log.insert(
            0,
            FailoverEntry {
                vbucket_uuid,
                seqno,
            },
        );
    }

    fn visible_contents(&self) -> Contents {
        let visible = self.history.iter().filter(|(_, key)| is_visible(*key));
        visible.map(|&(seqno, key)| (key, seqno)).collect()
    }

    /// How far a consumer has to go back, as the server decides it.
    fn rollback(&self, request: &StreamRequest<'_>) -> Option<u64> {
        let start = request.start_seqno;
        assert!(request.snapshot_start_seqno <= start && start <= request.snapshot_end_seqno);
        assert!(start <= request.end_seqno);
        if start == 0 {
            return None;
        }
        assert_ne!(request.vbucket_uuid, 0);
        let (snap_start, snap_end) = bounds(request);
        let mut branches = self.failover_log.iter();
        let Some(branch) = branches.position(|entry| entry.vbucket_uuid == request.vbucket_uuid)
        else {
            return Some(0);
        };
        let upper = match branch {
            0 => self.high_seqno(),
            _ => self.failover_log[branch - 1].seqno,
        };
        if snap_end <= upper {
            None
        } else {
            Some(snap_start.min(upper))
        }
    }

    /// What a stream consists of, up to the high seqno.
    fn stream(&self, request: &StreamRequest<'_>, dice: &mut impl Dice) -> Vec<Message> {
        let mut messages = vec![];
        let mut from = request.start_seqno;
        let high = self.high_seqno();
        // From disk: the newest change of each key.
        let mut first = true;
        while from < high {
            let least = if first {
                bounds(request).1.max(from + 1)
            } else {
                from + 1
            };
            let end = least + dice.below(high - least + 1);
            let start = if first { bounds(request).0 } else { from + 1 };
            let disk = first && dice.chance(60);
            let newest: Contents = self
                .history
                .iter()
                .filter(|&&(seqno, key)| from < seqno && seqno <= end && is_visible(key))
                .map(|&(seqno, key)| (key, seqno))
                .collect();
            let mut items: Vec<_> = newest
                .into_iter()
                .map(|(key, seqno)| (seqno, key))
                .collect();
            if disk && from == 0 && dice.chance(50) {
                messages.push(Message::Oso(OsoFlags::START));
                let highest = items.iter().map(|&(seqno, _)| seqno).max().unwrap_or(0);
                messages.extend(
                    items
                        .into_iter()
                        .map(|(seqno, key)| Message::Item(seqno, key)),
                );
                if highest < end && dice.chance(50) {
                    messages.push(Message::Advanced(end));
                }
                messages.push(Message::Oso(OsoFlags::END));
            } else {
                items.sort_unstable();
                let flags = if disk {
                    SnapshotFlags::DISK
                } else {
                    SnapshotFlags::MEMORY
                };
                messages.push(Message::Marker(SnapshotMarker {
                    start_seqno: start,
                    end_seqno: end,
                    flags,
                    v2: None,
                }));
                let is_short = items.last().is_none_or(|&(seqno, _)| seqno < end);
                messages.extend(
                    items
                        .into_iter()
                        .map(|(seqno, key)| Message::Item(seqno, key)),
                );
                if is_short && self.collections {
                    messages.push(Message::Advanced(end));
                }
            }
            from = end;
            first = false;
        }
        messages
    }
}

/// A consumer, and what it has stored.
struct Consumer {
    cursor: Cursor,
    contents: Contents,
    /// What there was before the brackets that it is in.
    before: Option<Contents>,
    stored: Vec<(Checkpoint, Contents)>,
    collections: bool,
}

impl Consumer {
    fn new(collections: bool) -> Self {
        Self {
            cursor: Cursor::new(Checkpoint::START, collections).unwrap(),
            contents: Contents::new(),
            before: None,
            stored: vec![],
            collections,
        }
    }

    fn take_up(&mut self, stored: Option<(Checkpoint, Contents)>) {
        let (checkpoint, contents) = stored.unwrap_or_default();
        self.cursor = Cursor::new(checkpoint, self.collections).unwrap();
        self.contents = contents;
        self.before = None;
    }

    /// Loses its stream, and forgets what came between brackets that are still open.
    fn lose_stream(&mut self) {
        self.cursor.on_closed();
        if let Some(before) = self.before.take() {
            self.contents = before;
        }
    }

    /// Loses its memory.
    fn crash(&mut self, dice: &mut impl Dice) {
        let choice = dice.below(self.stored.len() as u64 + 1) as usize;
        self.take_up(self.stored.get(choice).cloned());
    }

    /// Asks until a stream is accepted, or this is interrupted. `None` if it was.
    fn connect(&mut self, vbucket: &Vbucket) -> StreamRequest<'static> {
        let log: Vec<u8> = vbucket
            .failover_log
            .iter()
            .flat_map(|entry| entry.to_bytes())
            .collect();
        let log = FailoverLog::new(&log).unwrap();
        for _ in 0..1000 {
            let request = self
                .cursor
                .request(StreamFlags::empty(), u64::MAX, Metadata::default())
                .unwrap();
            let Some(seqno) = vbucket.rollback(&request) else {
                let accepted = Response::from(StreamRequestReply::Accepted(log));
                assert_eq!(self.cursor.on_reply(&accepted), Ok(Progress::Accepted));
                return request;
            };
            let answer = Response {
                status: Status::ROLLBACK,
                ..Response::from(StreamRequestReply::Rollback { seqno })
            };
            let rollback = self.cursor.on_reply(&answer);
            assert_eq!(rollback, Ok(Progress::Rollback { seqno }));
            // This consumer only has the newest change of each key, so it cannot forget some: it
            // has to go back to where all was well.
            self.stored.retain(|(checkpoint, _)| {
                checkpoint.seqno <= seqno && checkpoint.seqno == checkpoint.snapshot_end_seqno
            });
            let last = self.stored.pop();
            self.take_up(last);
        }
        panic!("rolled back for ever");
    }

    fn receive(&mut self, message: &Message) -> Progress {
        let progress = match *message {
            Message::Marker(marker) => self.cursor.on_marker(&marker),
            Message::Item(seqno, key) => {
                self.contents.insert(key, seqno);
                self.cursor.on_item(seqno)
            }
            Message::Advanced(by_seqno) => {
                self.cursor.on_seqno_advanced(SeqnoAdvanced { by_seqno })
            }
            Message::Oso(flags) => {
                self.before = (flags == OsoFlags::START).then(|| self.contents.clone());
                self.cursor.on_oso_snapshot(OsoSnapshot { flags })
            }
        };
        progress.unwrap()
    }
}

/// Whatever is lost, the stream, the memory or the branch, in the end nothing is.
pub(crate) fn follow(dice: &mut impl Dice) {
    let collections = dice.chance(50);
    let mut vbucket = Vbucket::new(collections);
    let mut consumer = Consumer::new(collections);
    for _ in 0..dice.below(20) + 1 {
        for _ in 0..dice.below(30) {
            vbucket.write(dice);
        }
        if dice.chance(20) {
            vbucket.fail_over(dice);
        }
        if dice.chance(20) {
            consumer.crash(dice);
        }
        let request = consumer.connect(&vbucket);
        let interrupted = dice.chance(60);
        for message in vbucket.stream(&request, dice) {
            if interrupted && dice.chance(10) {
                break;
            }
            let in_brackets = !matches!(message, Message::Marker(_) | Message::Oso(_));
            let before = consumer.cursor.checkpoint();
            consumer.receive(&message);
            let checkpoint = consumer.cursor.checkpoint();
            assert!(checkpoint.validate().is_ok());
            assert!(before.seqno <= checkpoint.seqno);
            // Between brackets the cursor stands still, and so does what is stored.
            if dice.chance(30) && (!in_brackets || before != checkpoint) {
                consumer
                    .stored
                    .push((checkpoint, consumer.contents.clone()));
            }
        }
        consumer.lose_stream();
    }
    let request = consumer.connect(&vbucket);
    for message in vbucket.stream(&request, dice) {
        consumer.receive(&message);
    }
    assert_eq!(consumer.contents, vbucket.visible_contents());
}

/// What may happen to a cursor, in any order.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Request(u64),
    Accepted,
    Rollback(u64),
    Refused,
    Marker(u64, u64),
    Item(u64),
    Advanced(u64),
    Oso(u32),
    Closed,
}

impl Event {
    fn any(dice: &mut impl Dice) -> Self {
        let kind = dice.below(25);
        let mut seqno = || match dice.below(24) {
            seqno @ 0..20 => seqno,
            _ => u64::MAX,
        };
        match kind {
            0..3 => Self::Request(seqno()),
            3..6 => Self::Accepted,
            6 => Self::Rollback(seqno()),
            7 => Self::Refused,
            8..12 => Self::Marker(seqno(), seqno()),
            12..20 => Self::Item(seqno()),
            20..22 => Self::Advanced(seqno()),
            22..24 => Self::Oso(dice.below(4) as u32),
            _ => Self::Closed,
        }
    }
}

/// As many events as there are bytes for, before them whether collections were negotiated.
pub(crate) fn events(mut dice: Rolled<'_>) -> (bool, Vec<Event>) {
    let collections = dice.chance(50);
    let mut events = Vec::new();
    while !dice.is_empty() {
        events.push(Event::any(&mut dice));
    }
    (collections, events)
}

fn act(cursor: &mut Cursor, event: &Event) -> Result<(), CursorViolation> {
    let log = FailoverEntry {
        vbucket_uuid: 7,
        seqno: 0,
    }
    .to_bytes();
    let reply = match *event {
        Event::Accepted => StreamRequestReply::Accepted(FailoverLog::new(&log).unwrap()),
        Event::Rollback(seqno) => StreamRequestReply::Rollback { seqno },
        Event::Refused => StreamRequestReply::Refused(Metadata::default()),
        Event::Request(end) => {
            let request = cursor.request(StreamFlags::empty(), end, Metadata::default())?;
            assert!(request.snapshot_start_seqno <= request.start_seqno);
            assert!(request.start_seqno <= request.snapshot_end_seqno);
            assert!(request.start_seqno <= request.end_seqno);
            assert_eq!(request.start_seqno == 0, request.vbucket_uuid == 0);
            return Ok(());
        }
        Event::Marker(start_seqno, end_seqno) => {
            let flags = SnapshotFlags::MEMORY;
            let marker = SnapshotMarker {
                start_seqno,
                end_seqno,
                flags,
                v2: None,
            };
            return cursor.on_marker(&marker).map(drop);
        }
        Event::Item(seqno) => return cursor.on_item(seqno).map(drop),
        Event::Advanced(by_seqno) => {
            return cursor
                .on_seqno_advanced(SeqnoAdvanced { by_seqno })
                .map(drop);
        }
        Event::Oso(bits) => {
            let flags = OsoFlags::from_bits_retain(bits);
            return cursor.on_oso_snapshot(OsoSnapshot { flags }).map(drop);
        }
        Event::Closed => {
            cursor.on_closed();
            return Ok(());
        }
    };
    cursor.on_reply(&Response::from(reply)).map(drop)
}

/// Any sequence of events leaves a checkpoint that holds, and from which a stream can be asked for;
/// what is refused changes nothing.
pub(crate) fn suffer(collections: bool, events: &[Event]) {
    let mut cursor = Cursor::new(Checkpoint::START, collections).unwrap();
    for event in events {
        let before = cursor.clone();
        if act(&mut cursor, event).is_err() {
            assert_eq!(cursor, before);
        }
        let checkpoint = cursor.checkpoint();
        assert_eq!(checkpoint.validate(), Ok(checkpoint));
        let goes_back = matches!(event, Event::Rollback(_));
        assert!(goes_back || before.checkpoint().seqno <= checkpoint.seqno);
        // Whenever the stream is lost, it can be asked for again.
        let mut lost = cursor.clone();
        lost.on_closed();
        assert_eq!(act(&mut lost, &Event::Request(u64::MAX)), Ok(()));
    }
}
