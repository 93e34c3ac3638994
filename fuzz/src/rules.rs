//! What must hold of the tables of rules.

use arbitrary::{Arbitrary, Result, Unstructured};
use mcbp::dcp::DcpRequest;
use mcbp::kv::KvRequest;
use mcbp::policy::{
    self, Context, Edition, Judgement, OpaqueOwner, Policy, Role, Rule, Set, ValueShape,
};
use mcbp::validate::{self, Connection, Findings};
use mcbp::{ErrorAttributes, Opcode, Packet, Status};

use super::whole;

/// There is a verdict on everything, and it is that of the first rule that matches: one of the
/// rules in front, however many these are, or one of the table.
///
/// # Errors
///
/// If `data` makes no response.
pub fn policy(data: &[u8]) -> Result<()> {
    let mut data = Unstructured::new(data);
    let context: Context = data.arbitrary()?;
    let status = status(&mut data)?;
    let first = policy::RULES
        .iter()
        .find(|rule| rule.matches(&context, status))
        .expect("a table that knows everything");
    let verdict = policy::judge(&context, status);
    assert_eq!(verdict, first.into());
    assert_eq!(verdict.judgement, first.judgement);
    assert_eq!(policy::judge(&context, status), verdict);
    assert_eq!(verdict.is_fatal(), verdict.judgement == Judgement::Fatal);
    assert!(verdict.to_string().contains(first.id));
    assert_eq!(Policy::default().judge(&context, status), verdict);

    // Rules that are about nothing, and more of them than the index covers; or none.
    let filler = data.int_in_range(0..=70)?;
    let own: Vec<OwnRule> = data.arbitrary()?;
    let mut rules = vec![
        Rule {
            opcodes: Set::Only(&[]),
            ..Rule::ANY
        };
        filler
    ];
    rules.extend(own.iter().map(OwnRule::as_rule));
    let expected = rules
        .iter()
        .find(|rule| rule.matches(&context, status))
        .map_or(verdict, |rule| rule.into());
    assert_eq!(Policy::new(&rules).judge(&context, status), expected);
    Ok(())
}

/// A status: one with a name, or any.
fn status(data: &mut Unstructured<'_>) -> Result<Status> {
    if data.arbitrary()? {
        data.choose(Status::NAMED).copied()
    } else {
        data.arbitrary()
    }
}

/// What a [`Rule`] borrows; each list has before it whether it is of exceptions.
#[derive(Debug)]
struct OwnRule {
    role: Option<Role>,
    editions: (bool, Vec<Edition>),
    opcodes: (bool, Vec<Opcode>),
    opaques: (bool, Vec<OpaqueOwner>),
    statuses: (bool, Vec<Status>),
    values: (bool, Vec<ValueShape>),
    attributes: ErrorAttributes,
    judgement: Judgement,
}

impl<'a> Arbitrary<'a> for OwnRule {
    fn arbitrary(data: &mut Unstructured<'a>) -> Result<Self> {
        let statuses = data.int_in_range(0..=3)?;
        Ok(Self {
            role: data.arbitrary()?,
            editions: data.arbitrary()?,
            opcodes: data.arbitrary()?,
            opaques: data.arbitrary()?,
            statuses: (
                data.arbitrary()?,
                (0..statuses).map(|_| status(data)).collect::<Result<_>>()?,
            ),
            values: data.arbitrary()?,
            attributes: data.arbitrary()?,
            judgement: *data.choose(&Judgement::ALL)?,
        })
    }
}

impl OwnRule {
    fn as_rule(&self) -> Rule<'_> {
        Rule {
            id: "own",
            role: self.role,
            editions: set(&self.editions),
            opcodes: set(&self.opcodes),
            opaques: set(&self.opaques),
            statuses: set(&self.statuses),
            values: set(&self.values),
            attributes: self.attributes,
            judgement: self.judgement,
            ..Rule::ANY
        }
    }
}

fn set<T>((is_except, listed): &(bool, Vec<T>)) -> Set<'_, T> {
    if *is_except {
        Set::Except(listed)
    } else {
        Set::Only(listed)
    }
}

/// Requests are accepted or break a rule of the table, always the same one, and also after they
/// were read and written; responses are accepted.
///
/// `data` is a connection, what is known of the values, and packets.
///
/// # Errors
///
/// If `data` makes no connection.
pub fn validate(data: &[u8]) -> Result<()> {
    let mut data = Unstructured::new(data);
    let connection: Connection = data.arbitrary()?;
    let findings: Findings = data.arbitrary()?;
    for packet in Packet::iter(data.take_rest()) {
        let Ok(packet) = packet else {
            break;
        };
        let found = validate::request_with(packet, &connection, findings);
        assert_eq!(validate::request_with(packet, &connection, findings), found);
        if packet.header().magic().is_response() {
            assert_eq!(found, Ok(()));
        }
        if let Err(violation) = found {
            let rule = violation.rule();
            assert!(validate::RULES.contains(rule));
            assert_eq!(violation.status(), rule.status);
            assert!(violation.to_string().starts_with(rule.id));
        }
        // What is found in a value is all that findings add.
        let of_value = |rule: &validate::Rule| matches!(rule.id, "V13" | "V14");
        if !found.is_err_and(|found| of_value(found.rule())) {
            assert_eq!(validate::request(packet, &connection), found);
        }

        let mut bytes = Vec::new();
        if let Ok(request) = DcpRequest::read(packet) {
            request.encode(&mut bytes).expect("as it was read");
        } else if let Ok(request) = KvRequest::read(packet) {
            request.encode(&mut bytes).expect("as it was read");
        } else {
            continue;
        }
        let again = validate::request_with(whole(&bytes), &connection, findings);
        assert_eq!(again, found);
    }
    Ok(())
}
