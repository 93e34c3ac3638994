//! The validators against the server's tables, written down a second time, row by row.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    reason = "a test may panic, and has std"
)]

use std::collections::BTreeSet;

use bytes::Bytes;
use mcbp::validate::{self, Connection, ConnectionKind, Findings, RULES};
use mcbp::{Datatype, Magic, Opcode, Packet, Sections, Status};

/// A request, to be made good or bad.
#[derive(Debug, Clone)]
struct Example {
    magic: Magic,
    opcode: u8,
    framing_extras: Vec<u8>,
    extras: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
    datatype: u8,
    vbucket: u16,
    cas: u64,
    connection: Connection,
    findings: Findings,
}

const COLLECTIONS: Connection = Connection {
    kind: ConnectionKind::Consumer,
    collections: true,
    include_delete_times: false,
    datatypes: Datatype::all(),
    unordered_execution: false,
    bucket_has_dcp: true,
};

const NO_COLLECTIONS: Connection = Connection {
    collections: false,
    ..COLLECTIONS
};

impl Example {
    /// A good request.
    fn good(opcode: u8, connection: Connection) -> Self {
        let deletes_with_time = connection.collections || connection.include_delete_times;
        let mut cas = 0;
        let (mut extras, mut key, mut value) = (vec![], vec![], vec![]);
        match opcode {
            0x50 => (extras, key) = (vec![0; 8], b"name".to_vec()),
            0x51 | 0x55 | 0x5d => extras = vec![0; 4],
            0x53 => extras = vec![0; 48],
            0x56 => extras = vec![0; 20],
            0x57 => extras = counting(31, 28),
            0x58 if deletes_with_time => extras = counting(21, 21),
            0x58 => extras = counting(18, 16),
            0x59 => extras = counting(20, 20),
            0x1f => value = vec![0, 0x0b],
            0x5b | 0x3d => extras = vec![1],
            0x5e => (key, value) = (b"enable_noop".to_vec(), b"true".to_vec()),
            0x5f => extras = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
            0x60 => {
                extras = counting(31, 31);
                extras[30] = 1;
                cas = 1;
            }
            0x61 | 0xb7 => extras = vec![0; 8],
            0x62 | 0x63 => (extras, key) = (vec![0; 16], b"\0key".to_vec()),
            0x66 => value = vec![0; 42],
            0x21 | 0x22 => key = b"PLAIN".to_vec(),
            0xfe => value = vec![0, 2],
            0x91 => value = vec![0; 8],
            0x01 => (extras, key) = (vec![0; 8], b"\0key".to_vec()),
            _ => {}
        }
        if matches!(opcode, 0x57..=0x60) && !matches!(opcode, 0x5a..=0x5f) {
            key = b"\0key".to_vec();
        }
        let is_in_dcp = !matches!(opcode, 0x50);
        let kind = if is_in_dcp {
            connection.kind
        } else {
            ConnectionKind::Ordinary
        };
        Self {
            magic: Magic::AltClientRequest,
            opcode,
            framing_extras: vec![],
            extras,
            key,
            value,
            datatype: 0,
            vbucket: 0,
            cas,
            connection: Connection { kind, ..connection },
            findings: Findings::default(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn packet(&self) -> Packet<Bytes> {
        let sections = Sections {
            framing_extras: &self.framing_extras,
            extras: &self.extras,
            key: self.key.as_slice().into(),
            value: self.value.as_slice().into(),
        };
        let long = self.key.len() > 255;
        let magic = if long {
            Magic::ClientRequest
        } else {
            self.magic
        };
        let mut packet = Packet::from_sections(magic, self.opcode, sections).unwrap();
        packet.set_datatype(Datatype::from_bits_retain(self.datatype));
        packet.set_vbucket_or_status(self.vbucket);
        packet.set_cas(self.cas);
        packet
    }

    /// The rule that the request breaks; empty if none.
    fn verdict(&self) -> &'static str {
        let packet = self.packet();
        match validate::request_with(packet.view(), &self.connection, self.findings) {
            Ok(()) => "",
            Err(violation) => violation.rule().id,
        }
    }
}

/// Bytes 1, 2, ... up to the given offset, and then zeros.
fn counting(len: u8, until: u8) -> Vec<u8> {
    (0..len)
        .map(|at| if at < until { at + 1 } else { 0 })
        .collect()
}

#[track_caller]
fn assert_breaks(example: &Example, expected: &str) {
    assert_eq!(example.verdict(), expected, "{example:?}");
}

/// Validators, section 5 and 7: opcode, extras, key, value, CAS, datatypes, K. `d` stands for the
/// length of a deletion, `c` for a value that only collections allow.
const ROWS: &str = "
50 8        required any      any    J   -
51 4        none     none     any    -   -
52 0        none     none     any    -   -
53 48       none     c        any    -   -
54 0        none     none     any    -   -
96 0        none     none     any    -   -
55 4        none     none     any    -   -
56 20       none     none     any    -   -
57 31       required any      any    JSX K
58 d        required any      any    JSX K
59 20       required any      any    JSX K
5b 1        none     none     any    -   -
5c 0        none     none     any    -   -
5d 4        none     none     any    -   -
5e 0        required required any    -   -
5f 13       any      any      any    JSX -
60 31       required any      set    JSX K
61 8        none     none     notset -   -
62 16       required none     notset -   -
63 16       required none     notset -   -
66 0        none     required notset -   -
67 0        none     none     notset -   -
1f 0        any      any      notset -   -
20 0        none     none     notset -   -
21 0        required any      notset -   -
22 0        required any      notset -   -
89 0        any      none     any    -   -
fe 0        none     any      notset -   -
0a 0        none     none     notset -   -
07 0        none     none     notset -   -
0b 0        none     none     notset -   -
10 0        any      any      notset J   -
48 0,4,8    none     none     notset -   -
91 0        none     any      any    -   -
3d 1        none     any      notset J   -
3e 0        any      none     notset -   -
3f 0        none     any      notset -   -
b5 0,16     none     none     notset -   -
b7 8        none     none     notset -   -
ba 0        none     none     notset -   -
bb 0        any      any      notset -   -
bc 0        any      any      notset -   -
";

#[test]
fn every_row_accepts_the_good_and_refuses_the_bad() {
    let mut opcodes = BTreeSet::new();
    let plain = Connection {
        include_delete_times: true,
        ..NO_COLLECTIONS
    };
    for connection in [COLLECTIONS, NO_COLLECTIONS, plain] {
        for row in ROWS.trim().lines() {
            let columns: Vec<_> = row.split_whitespace().collect();
            let &[opcode, lengths, key, value, cas, datatypes, document] = columns.as_slice()
            else {
                panic!("{row}");
            };
            let opcode = u8::from_str_radix(opcode, 16).unwrap();
            opcodes.insert(opcode);
            let good = Example::good(opcode, connection);
            assert_breaks(&good, "");
            let break_by = |id, change: &dyn Fn(&mut Example)| {
                assert_breaks(&good.clone().with(change), id);
            };

            let allowed: Vec<usize> = match lengths {
                "d" if connection == NO_COLLECTIONS => vec![18],
                "d" => vec![21],
                _ => lengths.split(',').map(|len| len.parse().unwrap()).collect(),
            };
            for len in (0..60).filter(|len| !allowed.contains(len)) {
                let id = match opcode {
                    0x56 if len == 1 => "56-value",
                    0x56 => "56-extras",
                    _ if allowed == [0] => "V2",
                    _ => "V3",
                };
                break_by(id, &|example| example.extras = vec![0; len]);
            }
            let max_key_len = if connection.collections { 251 } else { 250 };
            match key {
                "none" => break_by("V4", &|example| example.key = b"\0k".to_vec()),
                "required" => break_by("V5", &|example| example.key.clear()),
                _ => {}
            }
            if key != "none" {
                let key = |len: usize| [b"\0".to_vec(), vec![b'k'; len - 1]].concat();
                break_by("", &|example| example.key = key(max_key_len));
                break_by("V6", &|example| example.key = key(max_key_len + 1));
                break_by("V6", &|example| example.key = key(1000));
            }
            match value {
                "none" => break_by("V7", &|example| example.value = vec![1]),
                "c" if !connection.collections => {
                    break_by("V7", &|example| example.value = b"{}".to_vec());
                }
                "c" => break_by("", &|example| example.value = b"{}".to_vec()),
                "required" => break_by("V8", &|example| example.value.clear()),
                _ => {}
            }
            match cas {
                "set" => break_by("V10", &|example| example.cas = 0),
                "notset" => break_by("V9", &|example| example.cas = 1),
                _ => break_by("", &|example| example.cas = 1),
            }
            for bit in 3..8 {
                break_by("V1", &|example| example.datatype = 1 << bit);
            }
            for (bit, letter) in [(1, 'J'), (2, 'S'), (4, 'X')] {
                if datatypes.contains(letter) {
                    break_by("V12", &|example| {
                        example.datatype = bit;
                        example
                            .connection
                            .datatypes
                            .remove(Datatype::from_bits_retain(bit));
                    });
                } else {
                    break_by("V11", &|example| example.datatype = bit);
                }
            }
            if key != "none" {
                let id = if document == "K" && connection.collections {
                    "V16-reserved"
                } else {
                    ""
                };
                break_by(id, &|example| example.key = b"\x01key".to_vec());
            }
        }
    }
    // No row was forgotten: what has none is refused, or only lightly looked at.
    for opcode in 0..=u8::MAX {
        let light = Example::good(opcode, COLLECTIONS).with(|example| {
            example.extras = vec![0; 200];
            example.cas = 1;
        });
        let code = Opcode(opcode);
        let expected = match opcode {
            0x64 | 0x65 => "unregistered",
            _ if code.name().is_none() => "unregistered",
            _ if code.is_retired() => "retired",
            _ => "",
        };
        if opcodes.contains(&opcode) {
            assert_ne!(light.verdict(), "");
        } else {
            assert_breaks(&light, expected);
        }
    }
}

/// The rule that is broken, the opcode and connection of a good request, and what breaks it.
type Change = (&'static str, u8, Connection, fn(&mut Example));

/// For each rule that the rows leave over.
#[rustfmt::skip] // A line per request.
const CHANGES: &[Change] = &[
    ("server-opcode", 0x01, COLLECTIONS, |it| it.magic = Magic::ServerRequest),
    ("server-opcode", 0x04, COLLECTIONS, |it| it.magic = Magic::ServerRequest),
    ("server-unknown", 0x07, COLLECTIONS, |it| it.magic = Magic::ServerRequest),
    ("retired", 0x5c, COLLECTIONS, |it| it.opcode = 0x5a),
    ("retired", 0x5c, COLLECTIONS, |it| it.opcode = 0x40),
    ("unregistered", 0x5c, COLLECTIONS, |it| it.opcode = 0x64),
    ("unregistered", 0x5c, COLLECTIONS, |it| it.opcode = 0x65),
    ("unregistered", 0x5c, COLLECTIONS, |it| it.opcode = 0xff),
    // It comes before the datatype.
    ("56-extras", 0x56, COLLECTIONS, |it| { it.extras.pop(); it.datatype = 0xff; }),
    ("56-version", 0x56, COLLECTIONS, |it| { it.extras = vec![1]; it.value = vec![0; 44]; }),
    ("56-version", 0x56, COLLECTIONS, |it| { it.extras = vec![3]; it.value = vec![0; 52]; }),
    ("56-value", 0x56, COLLECTIONS, |it| { it.extras = vec![0]; it.value = vec![0; 52]; }),
    ("56-value", 0x56, COLLECTIONS, |it| { it.extras = vec![2]; it.value = vec![0; 36]; }),
    ("V13", 0x57, COLLECTIONS, |it| { it.datatype = 2; it.findings.inflates = false; }),
    ("V14", 0x57, COLLECTIONS, |it| { it.datatype = 4; it.findings.has_valid_xattrs = false; }),

    ("F-encoding", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x22, 0]),
    ("F-encoding", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x40 | 1, b'u', 0xf0]),
    // What is whole is looked at first.
    ("F-unknown", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x30, 0xf0]),
    ("F0", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x01, 0]),
    ("F1-level", 0x60, COLLECTIONS, |it| it.framing_extras = vec![0x11, 0]),
    ("F1-level", 0x60, COLLECTIONS, |it| it.framing_extras = vec![0x11, 4]),
    ("F1-level", 0x60, COLLECTIONS, |it| it.framing_extras = vec![0x13, 1, 0, 0]),
    ("F1-level", 0x60, COLLECTIONS, |it| it.framing_extras = vec![0x13, 1, 0xff, 0xff]),
    ("F1-level", 0x01, COLLECTIONS, |it| it.framing_extras = vec![0x11, 4]),
    ("F1-length", 0x60, COLLECTIONS, |it| it.framing_extras = vec![0x12, 1, 0]),
    ("F1-length", 0x60, COLLECTIONS, |it| it.framing_extras = vec![0x10]),
    ("F1", 0x60, COLLECTIONS, |it| it.framing_extras = vec![0x13, 3, 0, 1]),
    ("F2", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x21, 5]),
    ("F2", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x23, 0, 0, 5]),
    ("F4", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x40]),
    ("F5", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x50]),
    ("F5-length", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x51, 0]),
    ("F6", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x60]),
    ("F7", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x71, 0]),
    ("F-unknown", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x30]),
    ("F-unknown", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x80]),
    ("F-unknown", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0xf0, 0]),
    ("F-unknown", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0xf0, 0xff]),
    ("F-unknown", 0x01, COLLECTIONS, |it| it.framing_extras = vec![0xe0]),

    ("V16-short", 0x57, COLLECTIONS, |it| it.key = vec![0]),
    ("V16-stop", 0x57, COLLECTIONS, |it| it.key = vec![0x80; 4]),
    ("V16-stop", 0x57, COLLECTIONS, |it| it.key = b"\x80\x80\x80\x80\x80\x01k".to_vec()),
    ("V16-canonical", 0x58, COLLECTIONS, |it| it.key = b"\x80\0k".to_vec()),
    ("V16-canonical", 0x58, COLLECTIONS, |it| it.key = b"\x88\0".to_vec()),
    ("V16-logical", 0x59, COLLECTIONS, |it| it.key = b"\x88\x01".to_vec()),
    ("V16-reserved", 0x60, COLLECTIONS, |it| it.key = b"\x01k".to_vec()),
    ("V16-reserved", 0x60, COLLECTIONS, |it| it.key = b"\x07k".to_vec()),
    ("V16-reserved", 0x60, COLLECTIONS, |it| it.key = b"\x81\x80\x80\x80\x70k".to_vec()),
    ("V16-long", 0x57, COLLECTIONS, |it| it.key = [vec![8], vec![b'k'; 247]].concat()),

    ("50-flags", 0x50, COLLECTIONS, |it| it.extras[7] = 0x02),
    ("50-flags", 0x50, COLLECTIONS, |it| it.extras[7] = 0x10),
    ("50-flags", 0x50, COLLECTIONS, |it| it.extras[7] = 0x80),
    ("50-flags", 0x50, COLLECTIONS, |it| it.extras[4] = 0x80),
    ("50-skip-deletes", 0x50, COLLECTIONS, |it| it.extras[6] = 0x02),
    ("50-no-value", 0x50, COLLECTIONS, |it| it.extras[7] = 0x48),
    ("50-deleted-xattrs", 0x50, COLLECTIONS, |it| it.extras[6] = 0x01),
    ("50-datatype", 0x50, COLLECTIONS, |it| it.datatype = 1),
    ("50-datatype", 0x50, COLLECTIONS, |it| it.value = b"{}".to_vec()),
    ("50-json", 0x50, COLLECTIONS, |it| { it.datatype = 1; it.value = b"{".to_vec(); }),
    ("50-json", 0x50, COLLECTIONS, |it| { it.datatype = 1; it.value = b"[]".to_vec(); }),
    ("50-member", 0x50, COLLECTIONS, |it| { it.datatype = 1; it.value = br#"{"name":"a"}"#.to_vec(); }),
    ("50-producer", 0x50, COLLECTIONS, |it| {
        it.datatype = 1;
        it.extras[7] = 1;
        it.value = br#"{"consumer_name":"a"}"#.to_vec();
    }),
    ("50-consumer-name", 0x50, COLLECTIONS, |it| {
        it.datatype = 1;
        it.value = br#"{"consumer_name":1}"#.to_vec();
    }),
    ("51-53-flags", 0x51, COLLECTIONS, |it| it.extras[3] = 0x08),
    ("51-53-flags", 0x53, COLLECTIONS, |it| it.extras[2] = 0x02),
    ("51-53-cache-transfer", 0x51, COLLECTIONS, |it| it.extras[2..].copy_from_slice(&[1, 0x02])),
    ("51-53-cache-transfer", 0x53, COLLECTIONS, |it| it.extras[2..4].copy_from_slice(&[1, 0xe6])),
    ("57-seqno", 0x57, COLLECTIONS, |it| it.extras[..8].fill(0)),
    ("57-nmeta", 0x57, COLLECTIONS, |it| it.extras[28] = 1),
    ("57-nmeta", 0x57, COLLECTIONS, |it| it.extras[29] = 1),
    ("58-datatype", 0x58, COLLECTIONS, |it| it.datatype = 1),
    ("58-datatype", 0x58, COLLECTIONS, |it| it.datatype = 3),
    ("58-nmeta", 0x58, NO_COLLECTIONS, |it| it.extras[17] = 1),
    ("5b-state", 0x5b, COLLECTIONS, |it| it.extras = vec![0]),
    ("5b-state", 0x5b, COLLECTIONS, |it| it.extras = vec![5]),
    ("5f-event", 0x5f, COLLECTIONS, |it| it.extras[11] = 2),
    ("5f-event", 0x5f, COLLECTIONS, |it| it.extras[11] = 6),
    ("5f-event", 0x5f, COLLECTIONS, |it| it.extras[8] = 1),
    ("5f-version", 0x5f, COLLECTIONS, |it| it.extras[12] = 3),
    ("60-seqno", 0x60, COLLECTIONS, |it| it.extras[..8].fill(0)),
    ("60-level", 0x60, COLLECTIONS, |it| it.extras[30] = 0),
    ("60-level", 0x60, COLLECTIONS, |it| it.extras[30] = 4),
    ("66-value", 0x66, COLLECTIONS, |it| it.value.truncate(41)),
    ("1f-value", 0x1f, COLLECTIONS, |it| it.value = vec![0, 6, 0]),
    ("fe-vbucket", 0xfe, COLLECTIONS, |it| it.vbucket = 1),
    ("fe-value", 0xfe, COLLECTIONS, |it| it.value = vec![2]),
    ("10-datatype", 0x10, COLLECTIONS, |it| it.value = b"{}".to_vec()),
    ("10-json", 0x10, COLLECTIONS, |it| { it.datatype = 1; it.value = b"{".to_vec(); }),
    ("48-state", 0x48, COLLECTIONS, |it| it.extras = vec![0, 0, 0, 5]),
    ("48-state", 0x48, COLLECTIONS, |it| it.extras = vec![1, 0, 0, 0, 0, 0, 0, 0]),
    ("91-body", 0x91, COLLECTIONS, |it| it.value = vec![0; 7]),
    ("3d-datatype", 0x3d, COLLECTIONS, |it| it.datatype = 1),
    ("3d-datatype", 0x3d, COLLECTIONS, |it| it.value = b"{}".to_vec()),
    ("3d-state", 0x3d, COLLECTIONS, |it| it.extras = vec![0]),
    ("3d-state", 0x3d, COLLECTIONS, |it| it.extras = vec![5]),
    ("b5-revision", 0xb5, COLLECTIONS, |it| it.extras = versions(1, 0)),
    ("b5-revision", 0xb5, COLLECTIONS, |it| it.extras = versions(1, -1)),
    ("b5-epoch", 0xb5, COLLECTIONS, |it| it.extras = versions(0, 1)),
    ("b5-epoch", 0xb5, COLLECTIONS, |it| it.extras = versions(-2, 1)),
    ("ba-vbucket", 0xba, COLLECTIONS, |it| it.vbucket = 1),
    ("bb-bc-path", 0xbb, COLLECTIONS, |it| { it.key = vec![b'a']; it.value = vec![b'a']; }),
    ("bb-bc-path", 0xbc, COLLECTIONS, |it| { it.key = vec![b'a']; it.value = vec![b'a']; }),
    ("bb-bc-vbucket", 0xbb, COLLECTIONS, |it| it.vbucket = 1),
    ("bb-bc-vbucket", 0xbc, COLLECTIONS, |it| it.vbucket = 1),

    ("C1", 0x57, COLLECTIONS, |it| it.connection.bucket_has_dcp = false),
    ("C1", 0x50, COLLECTIONS, |it| it.connection.bucket_has_dcp = false),
    ("C1", 0x96, COLLECTIONS, |it| it.connection.bucket_has_dcp = false),
    ("C2", 0x5e, COLLECTIONS, |it| it.connection.unordered_execution = true),
    ("C2", 0x50, COLLECTIONS, |it| it.connection.unordered_execution = true),
    ("C2", 0x96, COLLECTIONS, |it| it.connection.unordered_execution = true),
    ("C3", 0x57, COLLECTIONS, |it| it.framing_extras = vec![0x22, 0, 5]),
    ("C3", 0x96, COLLECTIONS, |it| it.framing_extras = vec![0x22, 0, 5]),
    ("C4", 0x50, COLLECTIONS, |it| it.connection.kind = ConnectionKind::Producer),
    ("C4", 0x50, COLLECTIONS, |it| it.connection.kind = ConnectionKind::Consumer),
    ("C5", 0x5e, COLLECTIONS, |it| it.connection.kind = ConnectionKind::Ordinary),
    ("C5", 0x54, COLLECTIONS, |it| it.connection.kind = ConnectionKind::Ordinary),
];

fn versions(epoch: i64, revision: i64) -> Vec<u8> {
    [epoch.to_be_bytes(), revision.to_be_bytes()].concat()
}

#[test]
fn every_rule_is_broken_by_some_request() {
    let mut broken: BTreeSet<_> = (1..=12).map(|number| format!("V{number}")).collect();
    for &(id, opcode, connection, change) in CHANGES {
        let good = Example::good(opcode, connection);
        assert_breaks(&good, "");
        assert_breaks(&good.with(change), id);
        broken.insert(id.into());
    }
    let rules: BTreeSet<_> = RULES.iter().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(broken, rules);
}

#[test]
fn what_is_close_to_bad_is_good() {
    let consumer = |opcode, change: &dyn Fn(&mut Example)| {
        assert_breaks(&Example::good(opcode, COLLECTIONS).with(change), "");
    };
    consumer(0x56, &|it| (it.extras, it.value) = (vec![0], vec![0; 36]));
    consumer(0x56, &|it| (it.extras, it.value) = (vec![2], vec![0; 52]));
    consumer(0x50, &|it| {
        it.extras[6..].copy_from_slice(&[0x03, 0x6d & !0x08])
    });
    consumer(0x50, &|it| (it.value, it.datatype) = (b" {} ".to_vec(), 1));
    consumer(0x50, &|it| {
        (it.value, it.datatype) = (br#"{"consumer_name": "n"}"#.to_vec(), 1);
    });
    consumer(0x51, &|it| it.extras[2..].copy_from_slice(&[1, 0x11]));
    consumer(0x53, &|it| it.extras[2..4].copy_from_slice(&[0, 0xf7]));
    consumer(0x58, &|it| it.extras.fill(0));
    for datatype in [0, 2, 4, 5, 6, 7] {
        consumer(0x58, &|it| it.datatype = datatype);
    }
    for state in 1..=4 {
        consumer(0x5b, &|it| it.extras = vec![state]);
        consumer(0x3d, &|it| it.extras = vec![state]);
        consumer(0x48, &|it| it.extras = vec![0, 0, 0, state]);
    }
    for (event, version) in [0, 1, 3, 4, 5]
        .into_iter()
        .flat_map(|event| (0..=2).map(move |version| (event, version)))
    {
        consumer(0x5f, &|it| {
            it.extras[11..].copy_from_slice(&[event, version])
        });
    }
    for level in 1..=3 {
        consumer(0x60, &|it| it.extras[30] = level);
    }
    consumer(0x3d, &|it| (it.value, it.datatype) = (b"{}".to_vec(), 1));
    consumer(0xb5, &|it| it.extras = versions(-1, 1));
    consumer(0xb5, &|it| it.extras = versions(1, i64::MAX));
    consumer(0x10, &|it| (it.value, it.datatype) = (b"[1]".to_vec(), 1));
    consumer(0xbb, &|it| it.key = b"scope.collection".to_vec());
    consumer(0x57, &|it| it.key = [vec![8], vec![b'k'; 246]].concat());
    consumer(0x57, &|it| it.key = [vec![0], vec![b'k'; 250]].concat());
    consumer(0x57, &|it| {
        it.key = [vec![0xff, 0xff, 0xff, 0xff, 0x0f], vec![b'k'; 246]].concat()
    });
    // Findings matter only to values of their datatype.
    consumer(0x57, &|it| it.findings.inflates = false);
    consumer(0x57, &|it| it.findings.has_valid_xattrs = false);
    // A user, a privilege, a token, a barrier: the server may know them.
    consumer(0x57, &|it| {
        it.framing_extras = vec![0x00, 0x41, b'u', 0x61, b'p', 0x72, 0, 1]
    });
    consumer(0x01, &|it| it.framing_extras = vec![0x11, 1, 0x50]);
    consumer(0x96, &|it| it.connection.kind = ConnectionKind::Ordinary);
    // To a producer a stream id may be sent, and to anyone who is not asked about DCP.
    consumer(0x52, &|it| {
        it.framing_extras = vec![0x22, 0, 5];
        it.connection.kind = ConnectionKind::Producer;
    });
    consumer(0x01, &|it| it.framing_extras = vec![0x22, 0, 5]);
    // Responses have no validators.
    for magic in [
        Magic::ClientResponse,
        Magic::AltClientResponse,
        Magic::ServerResponse,
    ] {
        consumer(0x64, &|it| it.magic = magic);
    }
}

/// The header of a deletion that does not announce its stream id is taken at its word, as the
/// server takes it (reference 6.8).
#[test]
fn a_stream_id_that_is_not_announced_is_not_looked_for() {
    let defect = Example::good(0x58, COLLECTIONS).with(|it| {
        it.extras.splice(..0, [0x22, 0, 5]);
        it.extras.truncate(21);
        it.value = vec![0; 3];
    });
    assert_breaks(&defect, "");
}

#[test]
fn statuses_are_those_of_the_server() {
    for rule in RULES {
        let expected = match rule.id {
            "server-opcode" | "retired" | "F5" | "C1" | "C2" => Status::NOT_SUPPORTED,
            "server-unknown" | "unregistered" => Status::UNKNOWN_COMMAND,
            "V14" => Status::XATTR_EINVAL,
            "F1-level" => Status::DURABILITY_INVALID_LEVEL,
            "F-unknown" => Status::UNKNOWN_FRAME_INFO,
            _ => Status::EINVAL,
        };
        assert_eq!(rule.status, expected, "{}", rule.id);
    }
}

#[test]
fn every_rule_demands_something() {
    let ids: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    for rule in RULES {
        assert!(rule.demand.ends_with('.'), "{}", rule.id);
    }
}

/// To accept a change, run with `MCBP_ACCEPT=1`, and review what `git diff` says.
#[test]
fn rules_in_the_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/validate/rules.md");
    let actual = validate::markdown().to_string();
    if std::env::var_os("MCBP_ACCEPT").is_some() {
        std::fs::write(path, &actual).expect("a file that can be written");
    }
    assert_eq!(actual, std::fs::read_to_string(path).unwrap_or_default());
}

#[test]
fn a_violation_explains_itself() {
    let unmarked = Example::good(0x10, COLLECTIONS).with(|it| it.value = b"{}".to_vec());
    let packet = unmarked.packet();
    let violation = validate::request(packet.view(), &COLLECTIONS).unwrap_err();
    assert_eq!(
        violation.to_string(),
        "10-datatype: datatype: A value is marked as JSON. (EINVAL)"
    );
    assert_eq!(format!("{violation:?}"), r#"Violation("10-datatype")"#);
    assert_eq!(violation.status(), Status::EINVAL);
    assert!(size_of_val(&violation) <= 16);
}

/// No request, however short, makes the validators panic.
#[test]
fn every_length_of_every_section() {
    for opcode in 0..=u8::MAX {
        for connection in [COLLECTIONS, NO_COLLECTIONS] {
            for (extras, key, value) in [(0, 0, 0), (1, 0, 36), (8, 3, 2), (16, 1, 0), (21, 2, 0)] {
                for fill in [0, 1, 0x22, 0x80, 0xff] {
                    let example = Example::good(opcode, connection).with(|it| {
                        it.framing_extras = vec![fill; 3];
                        (it.extras, it.key) = (vec![fill; extras], vec![fill; key]);
                        (it.value, it.datatype) = (vec![fill; value], fill);
                    });
                    example.verdict();
                }
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_packet_gets_a_verdict(bytes: Vec<u8>, opcode: u8, collections: bool) {
        let magic = Magic::AltClientRequest as u8;
        let body_len = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let lengths = bytes.iter().take(3).map(|byte| byte % 40);
        let mut packet = [vec![magic, opcode], lengths.collect()].concat();
        packet.resize(8, 0);
        packet.extend(body_len);
        packet.resize(24, 0);
        packet.extend(&bytes);
        if let Ok(Some((packet, _))) = Packet::split_first(&packet) {
            let connection = Connection { collections, ..COLLECTIONS };
            let verdict = validate::request(packet, &connection);
            assert_eq!(validate::request(packet, &connection), verdict);
        }
    }
}
