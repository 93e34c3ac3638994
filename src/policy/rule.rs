//! A line of the table: what it is about, what it says, and why.

use super::{Context, Edition, Judgement, OpaqueOwner, Role, ValueShape};
use crate::{ErrorAttributes, Opcode, Status};

/// A line of the table: which responses it is about, what to do about them, and who says so.
///
/// A rule of your own starts from [`ANY`](Self::ANY):
///
/// ```
/// use mcbp::policy::{Judgement, Rule, Set};
/// use mcbp::{Opcode, Status};
///
/// const PATIENT: Rule<'_> = Rule {
///     id: "patient",
///     opcodes: Set::Only(&[Opcode::DCP_MUTATION]),
///     statuses: Set::Only(&[Status::ETMPFAIL]),
///     judgement: Judgement::StreamOnly,
///     reason: "Our consumer pauses a stream by this status.",
///     source: "our cluster",
///     ..Rule::ANY
/// };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule<'a> {
    /// The rule's name, unique in the table.
    pub id: &'a str,
    /// The end that received the response; `None` for either.
    pub role: Option<Role>,
    /// The rules of which release apply.
    pub editions: Set<'a, Edition>,
    /// What the response answers.
    pub opcodes: Set<'a, Opcode>,
    /// What the response's opaque belongs to.
    pub opaques: Set<'a, OpaqueOwner>,
    /// How the request ended.
    pub statuses: Set<'a, Status>,
    /// What the response's value can be.
    pub values: Set<'a, ValueShape>,
    /// What the error map says of the status: one of these, or nothing in particular if empty.
    pub attributes: ErrorAttributes,
    /// What to do.
    pub judgement: Judgement,
    /// Why, in a sentence.
    pub reason: &'a str,
    /// Who says so: the server's issue, its release, the section of the reference.
    pub source: &'a str,
}

impl<'a> Rule<'a> {
    /// Every response is fatal.
    pub const ANY: Self = Self {
        id: "any",
        role: None,
        editions: Set::ALL,
        opcodes: Set::ALL,
        opaques: Set::ALL,
        statuses: Set::ALL,
        values: Set::ALL,
        attributes: ErrorAttributes::empty(),
        judgement: Judgement::Fatal,
        reason: "",
        source: "",
    };

    /// Whether the rule is about this response.
    pub fn matches(&self, context: &Context, status: Status) -> bool {
        self.role.is_none_or(|role| role == context.role)
            && self.editions.contains(context.edition)
            && self.opcodes.contains(context.opcode)
            && self.opaques.contains(context.opaque)
            && self.statuses.contains(status)
            && self.values.contains(context.value)
            && self.heeds(context.attributes)
    }

    /// Whether the rule is about a status of which the error map says this.
    pub(super) const fn heeds(&self, attributes: ErrorAttributes) -> bool {
        self.attributes.is_empty() || self.attributes.intersects(attributes)
    }
}

/// Which values of one kind a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set<'a, T> {
    /// These.
    Only(&'a [T]),
    /// All others.
    Except(&'a [T]),
}

impl<'a, T> Set<'a, T> {
    /// Every value.
    pub const ALL: Self = Self::Except(&[]);

    /// The values listed.
    pub(super) const fn listed(self) -> &'a [T]
    where
        T: Copy,
    {
        match self {
            Self::Only(listed) | Self::Except(listed) => listed,
        }
    }

    /// Whether a value that is not listed belongs to the set.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Except(_))
    }
}

// Five times the same: a constant function cannot compare what it does not know.

impl Set<'_, Edition> {
    /// Whether the edition belongs to the set.
    pub const fn contains(self, edition: Edition) -> bool {
        let mut rest = self.listed();
        while let [listed, tail @ ..] = rest {
            if *listed as u8 == edition as u8 {
                return !self.is_open();
            }
            rest = tail;
        }
        self.is_open()
    }
}

impl Set<'_, Opcode> {
    /// Whether the opcode belongs to the set.
    pub const fn contains(self, opcode: Opcode) -> bool {
        let mut rest = self.listed();
        while let [listed, tail @ ..] = rest {
            if listed.0 == opcode.0 {
                return !self.is_open();
            }
            rest = tail;
        }
        self.is_open()
    }
}

impl Set<'_, OpaqueOwner> {
    /// Whether the owner belongs to the set.
    pub const fn contains(self, owner: OpaqueOwner) -> bool {
        let mut rest = self.listed();
        while let [listed, tail @ ..] = rest {
            if *listed as u8 == owner as u8 {
                return !self.is_open();
            }
            rest = tail;
        }
        self.is_open()
    }
}

impl Set<'_, Status> {
    /// Whether the status belongs to the set.
    pub const fn contains(self, status: Status) -> bool {
        let mut rest = self.listed();
        while let [listed, tail @ ..] = rest {
            if listed.0 == status.0 {
                return !self.is_open();
            }
            rest = tail;
        }
        self.is_open()
    }
}

impl Set<'_, ValueShape> {
    /// Whether the shape belongs to the set.
    pub const fn contains(self, shape: ValueShape) -> bool {
        let mut rest = self.listed();
        while let [listed, tail @ ..] = rest {
            if *listed as u8 == shape as u8 {
                return !self.is_open();
            }
            rest = tail;
        }
        self.is_open()
    }
}
