//! The values that have names.

use std::collections::BTreeSet;

use mcbp::{DurabilityLevel, Feature, Opcode, ServerOpcode, Status, SystemEventId, VbucketState};

/// A code space: tshark's field, our names, and the values that only one of both has a name for:
/// those that are younger than tshark, and those that the reference has as unassigned again.
struct Codes {
    field: &'static str,
    ours: fn() -> BTreeSet<u64>,
    only_ours: &'static [u64],
    only_theirs: &'static [u64],
}

macro_rules! codes {
    ($Code:ident) => {
        || $Code::NAMED.iter().map(|code| code.0.into()).collect()
    };
}

const CODES: &[Codes] = &[
    Codes {
        field: "couchbase.opcode",
        ours: codes!(Opcode),
        only_ours: &[
            0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x49, 0x4a, 0x4b, 0x66, 0x67, 0x70, 0x71, 0x72,
            0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x84, 0x8a, 0x8b, 0x8c, 0xda, 0xdb, 0xdc,
            0xe0, 0xe1, 0xe2, 0xe3,
        ],
        only_theirs: &[0x88, 0x90, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d],
    },
    Codes {
        field: "couchbase.server.opcode",
        ours: codes!(ServerOpcode),
        only_ours: &[],
        only_theirs: &[],
    },
    Codes {
        field: "couchbase.status",
        ours: codes!(Status),
        only_ours: &[
            0x0c, 0x0d, 0x0e, 0x0f, 0x26, 0x27, 0x28, 0x29, 0x35, 0x36, 0x37, 0x38, 0x50, 0x51,
            0x80, 0xa5, 0xa6, 0xa7, 0xa8, 0xd8, 0xff00, 0xffff,
        ],
        only_theirs: &[0x34, 0x89, 0x8b],
    },
    Codes {
        field: "couchbase.hello.features.feature",
        ours: codes!(Feature),
        only_ours: &[
            0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26,
        ],
        only_theirs: &[],
    },
    Codes {
        field: "couchbase.extras.system_event_id",
        ours: codes!(SystemEventId),
        only_ours: &[0x05],
        only_theirs: &[0x02],
    },
    Codes {
        field: "couchbase.vbucket_states.state",
        ours: codes!(VbucketState),
        only_ours: &[],
        only_theirs: &[],
    },
    Codes {
        field: "couchbase.flex_frame.frame.durability_req",
        ours: codes!(DurabilityLevel),
        only_ours: &[0],
        only_theirs: &[],
    },
];

/// What is not as listed, a line for each code space, given the output of `tshark -G values`.
pub(crate) fn report(values: &str) -> String {
    let mut report = String::new();
    for codes in CODES {
        let theirs: BTreeSet<_> = values
            .lines()
            .filter_map(|line| value(line, codes.field))
            .collect();
        let ours = (codes.ours)();
        let only_ours: Vec<_> = ours.difference(&theirs).copied().collect();
        let only_theirs: Vec<_> = theirs.difference(&ours).copied().collect();
        if only_ours != codes.only_ours || only_theirs != codes.only_theirs {
            report += &format!(
                "{}: only ours: {only_ours:#x?}, only tshark's: {only_theirs:#x?}\n",
                codes.field,
            );
        }
    }
    report
}

/// The value that this line gives a name of this field to.
fn value(line: &str, field: &str) -> Option<u64> {
    let mut columns = line.split('\t');
    if columns.next() != Some("V") || columns.next() != Some(field) {
        return None;
    }
    number(columns.next()?)
}

/// A number as tshark prints it; a negative one is that of its bits.
pub(crate) fn number(text: &str) -> Option<u64> {
    match (text.strip_prefix("0x"), text.starts_with('-')) {
        (Some(digits), _) => u64::from_str_radix(digits, 16).ok(),
        (None, false) => text.parse().ok(),
        (None, true) => {
            let number = text.parse().map(i64::to_be_bytes);
            number.map(u64::from_be_bytes).ok()
        }
    }
}
