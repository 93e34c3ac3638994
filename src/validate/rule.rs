//! What can be wrong with a request.

use core::fmt;

use crate::Status;

/// A rule that a request can break (validators, reference 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The rule's name: V, F and C with a number are rows of the server's tables, the others
    /// start with the opcodes that have the rule.
    pub id: &'static str,
    /// What of the request breaks it.
    pub field: Field,
    /// How the server answers.
    pub status: Status,
    /// What the rule demands, in a sentence.
    pub demand: &'static str,
}

/// The part of a request that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The opcode.
    Opcode,
    /// The datatype.
    Datatype,
    /// The vbucket.
    Vbucket,
    /// The CAS.
    Cas,
    /// The framing extras.
    FramingExtras,
    /// The extras.
    Extras,
    /// The key.
    Key,
    /// The value.
    Value,
    /// None: the connection is of the wrong kind.
    Connection,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Opcode => "opcode",
            Self::Datatype => "datatype",
            Self::Vbucket => "vbucket",
            Self::Cas => "CAS",
            Self::FramingExtras => "framing extras",
            Self::Extras => "extras",
            Self::Key => "key",
            Self::Value => "value",
            Self::Connection => "connection",
        })
    }
}

const EINVAL: Status = Status::EINVAL;
const NOT_SUPPORTED: Status = Status::NOT_SUPPORTED;
const UNKNOWN_COMMAND: Status = Status::UNKNOWN_COMMAND;

/// The rules, in the order of the server's checks; those of an opcode in the order of that opcode.
#[rustfmt::skip] // A line per rule.
pub static RULES: &[Rule] = &[
    // Before any validator.
    row("server-opcode", Field::Opcode, NOT_SUPPORTED, "The server's own opcodes are not for clients to send."),
    row("server-unknown", Field::Opcode, UNKNOWN_COMMAND, "The server has no such opcode of its own."),
    row("retired", Field::Opcode, NOT_SUPPORTED, "The opcode is not retired."),
    row("unregistered", Field::Opcode, UNKNOWN_COMMAND, "The opcode is one that can be sent to a server."),
    row("56-extras", Field::Extras, EINVAL, "The extras have 20 bytes or 1."),
    row("56-version", Field::Extras, EINVAL, "The version is 0 (V2.0) or 2 (V2.2)."),
    row("56-value", Field::Value, EINVAL, "The value has 36 bytes in V2.0 and 52 in V2.2."),

    // verify_header.
    row("V1", Field::Datatype, EINVAL, "The datatype is at most 7."),
    row("V2", Field::Extras, EINVAL, "There are no extras."),
    row("V3", Field::Extras, EINVAL, "The extras have the length that the opcode has."),
    row("V4", Field::Key, EINVAL, "There is no key."),
    row("V5", Field::Key, EINVAL, "There is a key."),
    row("V6", Field::Key, EINVAL, "The key has at most 250 bytes, 251 with collections."),
    row("V7", Field::Value, EINVAL, "There is no value."),
    row("V8", Field::Value, EINVAL, "There is a value."),
    row("V9", Field::Cas, EINVAL, "The CAS is 0."),
    row("V10", Field::Cas, EINVAL, "The CAS is not 0."),
    row("V11", Field::Datatype, EINVAL, "The datatype has only bits that the opcode takes."),
    row("V12", Field::Datatype, EINVAL, "The datatype has only bits that are enabled on the connection."),
    row("V13", Field::Value, EINVAL, "A value marked as Snappy inflates, to no more than the server's largest packet."),
    row("V14", Field::Value, Status::XATTR_EINVAL, "A value marked so starts with valid extended attributes."),

    // V15: each of the framing extras in turn.
    row("F-encoding", Field::FramingExtras, EINVAL, "The last info is whole."),
    row("F0", Field::FramingExtras, EINVAL, "A barrier is empty."),
    row("F1-level", Field::FramingExtras, Status::DURABILITY_INVALID_LEVEL, "A durability requirement has a level of 1 to 3, and no timeout of 0 or 0xffff."),
    row("F1-length", Field::FramingExtras, EINVAL, "A durability requirement has 1 or 3 bytes."),
    row("F1", Field::FramingExtras, EINVAL, "The opcode supports durability, as none of DCP does."),
    row("F2", Field::FramingExtras, EINVAL, "A stream id has 2 bytes."),
    row("F4", Field::FramingExtras, EINVAL, "The user to impersonate has a name."),
    row("F5", Field::FramingExtras, NOT_SUPPORTED, "The opcode can preserve an expiry, as none of DCP can."),
    row("F5-length", Field::FramingExtras, EINVAL, "The wish to preserve the expiry is empty."),
    row("F6", Field::FramingExtras, EINVAL, "The extra privilege has a name."),
    row("F7", Field::FramingExtras, EINVAL, "The id of a token has 2 bytes."),
    row("F-unknown", Field::FramingExtras, Status::UNKNOWN_FRAME_INFO, "The server knows the info."),

    // V16: the key of a document, with collections.
    row("V16-short", Field::Key, EINVAL, "The key has at least 2 bytes."),
    row("V16-stop", Field::Key, EINVAL, "The collection's id ends within 5 bytes."),
    row("V16-canonical", Field::Key, EINVAL, "The collection's id has no byte more than it needs."),
    row("V16-logical", Field::Key, EINVAL, "A key follows the collection's id."),
    row("V16-reserved", Field::Key, EINVAL, "The collection's id is not one of 1 to 7."),
    row("V16-long", Field::Key, EINVAL, "The key behind the id has at most 246 bytes, 250 in the default collection."),

    // The opcodes' own checks.
    row("50-flags", Field::Extras, EINVAL, "The flags are none but those of 0x36d."),
    row("50-skip-deletes", Field::Extras, EINVAL, "Only a producer can leave out deletions."),
    row("50-no-value", Field::Extras, EINVAL, "Of the two ways to leave out values one is chosen."),
    row("50-deleted-xattrs", Field::Extras, EINVAL, "Extended attributes of deletions come only together with all others."),
    row("50-datatype", Field::Datatype, EINVAL, "The datatype is JSON if there is a value, and else RAW."),
    row("50-json", Field::Value, EINVAL, "The value is a JSON object."),
    row("50-member", Field::Value, EINVAL, "The value says nothing but consumer_name."),
    row("50-producer", Field::Value, EINVAL, "The consumer is named only to a server that consumes."),
    row("50-consumer-name", Field::Value, EINVAL, "The name of the consumer is a string."),
    row("51-53-flags", Field::Extras, EINVAL, "The flags are none but those of 0x1f7."),
    row("51-53-cache-transfer", Field::Extras, EINVAL, "A cache transfer combines with no flags but TAKE_OVER and ACTIVE_VB_ONLY."),
    row("57-seqno", Field::Extras, EINVAL, "The seqno is not 0."),
    row("57-nmeta", Field::Extras, EINVAL, "There is no extended metadata."),
    row("58-datatype", Field::Datatype, EINVAL, "A deletion is JSON only in so far as it has extended attributes."),
    row("58-nmeta", Field::Extras, EINVAL, "There is no extended metadata."),
    row("5b-state", Field::Extras, EINVAL, "The state is one of 1 to 4."),
    row("5f-event", Field::Extras, EINVAL, "The event is 0, 1, 3, 4 or 5."),
    row("5f-version", Field::Extras, EINVAL, "The version is 0, 1 or 2."),
    row("60-seqno", Field::Extras, EINVAL, "The seqno is not 0."),
    row("60-level", Field::Extras, EINVAL, "The durability level is one of 1 to 3."),
    row("66-value", Field::Value, EINVAL, "The value has at least the 42 bytes of the smallest record."),
    row("1f-value", Field::Value, EINVAL, "The value is a list of features of 2 bytes."),
    row("fe-vbucket", Field::Vbucket, EINVAL, "The vbucket is 0."),
    row("fe-value", Field::Value, EINVAL, "The value is a version of 2 bytes."),
    row("10-datatype", Field::Datatype, EINVAL, "A value is marked as JSON."),
    row("10-json", Field::Value, EINVAL, "A value is JSON."),
    row("48-state", Field::Extras, EINVAL, "The state is at most 4."),
    row("91-body", Field::Value, EINVAL, "The body has 8 bytes."),
    row("3d-datatype", Field::Datatype, EINVAL, "The datatype is JSON if there is a value, and else RAW."),
    row("3d-state", Field::Extras, EINVAL, "The state is one of 1 to 4."),
    row("b5-revision", Field::Extras, EINVAL, "The revision is at least 1."),
    row("b5-epoch", Field::Extras, EINVAL, "The epoch is at least 1, or -1."),
    row("ba-vbucket", Field::Vbucket, EINVAL, "The vbucket is 0."),
    row("bb-bc-path", Field::Value, EINVAL, "The path is in the key or in the value, not in both."),
    row("bb-bc-vbucket", Field::Vbucket, EINVAL, "The vbucket is 0."),

    // What all of DCP has in common.
    row("C1", Field::Connection, NOT_SUPPORTED, "The bucket has DCP."),
    row("C2", Field::Connection, NOT_SUPPORTED, "Responses come in the order of their requests."),
    row("C3", Field::FramingExtras, EINVAL, "A server that consumes is sent no stream id."),
    row("C4", Field::Connection, EINVAL, "The connection is not one of DCP yet."),
    row("C5", Field::Connection, EINVAL, "The connection is one of DCP."),
];

/// The rules as a table in Markdown.
struct Markdown;

impl fmt::Display for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("| rule | field | demand | status |\n|------|-------|--------|--------|\n")?;
        for Rule {
            id,
            field,
            status,
            demand,
        } in RULES
        {
            writeln!(f, "| `{id}` | {field} | {demand} | {status} |")?;
        }
        Ok(())
    }
}

/// The [rules](RULES) in Markdown, as the [module's documentation](super#the-rules) has them.
pub fn markdown() -> impl fmt::Display {
    Markdown
}

const fn row(id: &'static str, field: Field, status: Status, demand: &'static str) -> Rule {
    Rule {
        id,
        field,
        status,
        demand,
    }
}

/// The rule of this name; called at compile time, where a wrong name is an error.
pub(super) const fn rule(id: &str) -> &'static Rule {
    let mut rest = RULES;
    while let [rule, tail @ ..] = rest {
        if is_same(rule.id.as_bytes(), id.as_bytes()) {
            return rule;
        }
        rest = tail;
    }
    panic!("no rule of this name")
}

const fn is_same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) = (a, b) {
        if *first_a != *first_b {
            return false;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.is_empty() && b.is_empty()
}

/// A rule that a request breaks: the first that the server would find.
///
/// Prints as `V3: extras: The extras have the length that the opcode has. (EINVAL)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    rule: &'static Rule,
}

impl Violation {
    pub(super) const fn of(id: &str) -> Self {
        Self { rule: rule(id) }
    }

    /// The rule.
    pub const fn rule(self) -> &'static Rule {
        self.rule
    }

    /// How the server answers.
    pub const fn status(self) -> Status {
        self.rule.status
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Violation").field(&self.rule.id).finish()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule {
            id,
            field,
            status,
            demand,
        } = self.rule;
        write!(f, "{id}: {field}: {demand} ({status})")
    }
}

impl core::error::Error for Violation {}
