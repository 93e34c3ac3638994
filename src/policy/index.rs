//! Finding the first rule that matches, without trying them one after the other.

use super::{Context, Edition, OpaqueOwner, Role, Rule, ValueShape};
use crate::{Opcode, Status};

/// For each value of each thing that rules are about, the rules that it satisfies, a bit each.
///
/// The rules that a response satisfies are those with a bit in all of its words, and the first of
/// them is the lowest bit. Covers as many rules as a word has bits.
#[derive(Clone)]
pub(super) struct Index {
    opcodes: [u64; 256],
    /// By status, as far as it has one byte.
    statuses: [u64; 256],
    /// What the other statuses satisfy, or may satisfy.
    long_statuses: u64,
    editions: [u64; Edition::ALL.len()],
    opaques: [u64; OpaqueOwner::ALL.len()],
    values: [u64; ValueShape::ALL.len()],
    producer: u64,
    consumer: u64,
    /// The rules that depend on the error map: they have to be looked into.
    heeding_error_map: u64,
}

impl Index {
    /// The number of rules covered.
    pub(super) const CAPACITY: usize = u64::BITS as usize;

    const EMPTY: Self = Self {
        opcodes: [0; 256],
        statuses: [0; 256],
        long_statuses: 0,
        editions: [0; Edition::ALL.len()],
        opaques: [0; OpaqueOwner::ALL.len()],
        values: [0; ValueShape::ALL.len()],
        producer: 0,
        consumer: 0,
        heeding_error_map: 0,
    };

    /// Covers the rules at the front.
    pub(super) const fn new(rules: &[Rule<'_>]) -> Self {
        let mut index = Self::EMPTY;
        let mut bit = 1;
        let mut rest = rules;
        while let [rule, tail @ ..] = rest {
            // The bits run out before the rules may.
            index.add(rule, bit);
            bit <<= 1;
            rest = tail;
        }
        index
    }

    const fn add(&mut self, rule: &Rule<'_>, bit: u64) {
        let mut slots: &mut [u64] = &mut self.opcodes;
        let mut code: u8 = 0;
        while let [slot, tail @ ..] = slots {
            if rule.opcodes.contains(Opcode(code)) {
                *slot |= bit;
            }
            code = code.wrapping_add(1);
            slots = tail;
        }

        let mut slots: &mut [u64] = &mut self.statuses;
        let mut code: u16 = 0;
        while let [slot, tail @ ..] = slots {
            if rule.statuses.contains(Status(code)) {
                *slot |= bit;
            }
            code = code.wrapping_add(1);
            slots = tail;
        }
        if rule.statuses.is_open() {
            self.long_statuses |= bit;
        }
        let mut listed = rule.statuses.listed();
        while let [status, tail @ ..] = listed {
            if status.0 >= 0x100 {
                self.long_statuses |= bit;
            }
            listed = tail;
        }

        let mut slots: &mut [u64] = &mut self.editions;
        let mut values = Edition::ALL.as_slice();
        while let ([slot, slots_tail @ ..], [edition, tail @ ..]) = (slots, values) {
            if rule.editions.contains(*edition) {
                *slot |= bit;
            }
            (slots, values) = (slots_tail, tail);
        }

        let mut slots: &mut [u64] = &mut self.opaques;
        let mut values = OpaqueOwner::ALL.as_slice();
        while let ([slot, slots_tail @ ..], [owner, tail @ ..]) = (slots, values) {
            if rule.opaques.contains(*owner) {
                *slot |= bit;
            }
            (slots, values) = (slots_tail, tail);
        }

        let mut slots: &mut [u64] = &mut self.values;
        let mut values = ValueShape::ALL.as_slice();
        while let ([slot, slots_tail @ ..], [shape, tail @ ..]) = (slots, values) {
            if rule.values.contains(*shape) {
                *slot |= bit;
            }
            (slots, values) = (slots_tail, tail);
        }

        if !matches!(rule.role, Some(Role::Consumer)) {
            self.producer |= bit;
        }
        if !matches!(rule.role, Some(Role::Producer)) {
            self.consumer |= bit;
        }
        if !rule.attributes.is_empty() {
            self.heeding_error_map |= bit;
        }
    }

    /// The first of these rules that is about the response; they are those of [`new`](Self::new).
    #[inline]
    pub(super) fn first<'r, 'a>(
        &self,
        rules: &'r [Rule<'a>],
        context: &Context,
        status: Status,
    ) -> Option<&'r Rule<'a>> {
        let at = |words: &[u64], index: usize| words.get(index).copied().unwrap_or(0);
        let candidates = at(&self.opcodes, context.opcode.0.into())
            & at(&self.editions, context.edition as usize)
            & at(&self.opaques, context.opaque as usize)
            & at(&self.values, context.value as usize)
            & match context.role {
                Role::Producer => self.producer,
                Role::Consumer => self.consumer,
            };
        match u8::try_from(status.0) {
            // Nothing has to be looked into: a rule that asks for attributes is about none of these.
            Ok(code) if context.attributes.is_empty() => {
                let found = candidates & at(&self.statuses, code.into()) & !self.heeding_error_map;
                rules.get(lowest(found)?)
            }
            _ => self.first_of(candidates, rules, context, status),
        }
    }

    /// The first of the candidates that is about the response, of those with any status.
    #[cold]
    fn first_of<'r, 'a>(
        &self,
        mut candidates: u64,
        rules: &'r [Rule<'a>],
        context: &Context,
        status: Status,
    ) -> Option<&'r Rule<'a>> {
        candidates &= match u8::try_from(status.0) {
            Ok(code) => self.statuses.get(usize::from(code)).copied().unwrap_or(0),
            Err(_) => self.long_statuses,
        };
        while let Some(at) = lowest(candidates) {
            let rule = rules.get(at)?;
            if rule.heeds(context.attributes) && rule.statuses.contains(status) {
                return Some(rule);
            }
            candidates &= candidates.wrapping_sub(1);
        }
        None
    }
}

/// The place of the lowest bit.
#[inline]
fn lowest(bits: u64) -> Option<usize> {
    (bits != 0).then(|| bits.trailing_zeros() as usize)
}
