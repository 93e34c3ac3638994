//! The policy against the tables of the reference, written down a second time, row by row.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    reason = "a test may panic, and has std"
)]

use std::collections::BTreeSet;

use mcbp::policy::{
    self, Context, Edition, Judgement, OpaqueOwner, Policy, RULES, Role, Rule, Set,
    StreamEndAction, ValueShape,
};
use mcbp::{ErrorAttributes, Opcode, Status, StreamEndReason};

/// The owners that the server knows.
fn owners() -> impl Iterator<Item = OpaqueOwner> {
    let own = |&owner: &OpaqueOwner| owner != OpaqueOwner::Request;
    OpaqueOwner::ALL.into_iter().filter(own)
}

/// Every status of one byte, every status with a name, and some others.
fn statuses() -> impl Iterator<Item = Status> {
    let high = [0x100, 0x101, 0x107, 0x1234, 0x8000, 0xff01, 0xfffe];
    (0..0x100).chain(high).chain([0xff00, 0xffff]).map(Status)
}

fn every<T: Copy>(values: impl IntoIterator<Item = T>, holds: impl Fn(T) -> bool) -> bool {
    values.into_iter().all(holds)
}

#[track_caller]
fn assert_verdict(context: Context, status: Status, expected: char) {
    let verdict = policy::judge(&context, status);
    let judgement = match verdict.judgement {
        Judgement::Expected => 'k',
        Judgement::Acknowledges => 'A',
        Judgement::StreamOnly => 's',
        Judgement::CancelsCacheTransfer => 'C',
        Judgement::Fatal => 'X',
    };
    assert_eq!(judgement, expected, "{context:?} {status}: {verdict}");
}

/// A row of section 11: opcodes, owners of the opaque (`*` for all, `!` for all others), and a
/// verdict for each column. The last column stands for every status that has none.
type Row = (&'static [u8], &'static str, &'static str);

/// Compares the verdicts with a table that has a column for each of these statuses and one for all
/// others. Opcodes without a row are closed by the core.
#[track_caller]
fn assert_table(role: Role, edition: Edition, columns: &[u16], rows: &[Row]) {
    let code = |owner: OpaqueOwner| match owner {
        OpaqueOwner::Stream => 'S',
        OpaqueOwner::CacheTransfer => 'T',
        OpaqueOwner::Noop => 'N',
        OpaqueOwner::Control => 'c',
        OpaqueOwner::RequiredControl => 'r',
        OpaqueOwner::OtherControl => 'o',
        OpaqueOwner::StreamRequest => 'R',
        OpaqueOwner::Nothing => '0',
        _ => '?',
    };
    for opcode in 0..=u8::MAX {
        for owner in owners() {
            let row = rows.iter().find(|(opcodes, of, _)| {
                opcodes.contains(&opcode) && (*of == "*" || of.contains(code(owner)))
            });
            // The ordinary noop is the one thing that the core takes and keeps for itself.
            let closed = if opcode == 0x0a { "k" } else { "X" };
            let verdicts = row.map_or(closed, |(_, _, verdicts)| verdicts);
            let context = Context {
                value: ValueShape::FailoverLog,
                ..Context::new(role, edition, Opcode(opcode), owner)
            };
            for status in statuses() {
                let column = columns.iter().position(|&code| code == status.0);
                let expected = column.and_then(|column| verdicts.chars().nth(column));
                let expected = expected.or(verdicts.chars().last()).unwrap();
                assert_verdict(context, status, expected);
            }
        }
    }
}

/// Reference 11.1 (a).
#[test]
fn producer_of_6_5() {
    // Success, KeyEnoent, any other.
    let columns = &[0x00, 0x01];
    assert_table(
        Role::Producer,
        Edition::V6_5,
        columns,
        &[
            (&[0x5b, 0x56], "S", "AAA"),
            (&[0x5b, 0x56], "*", "kkk"),
            (
                &[0x57, 0x58, 0x59, 0x55, 0x5f, 0x62, 0x60, 0x63],
                "*",
                "kks",
            ),
            (&[0x5c], "N", "AAA"),
            (&[0x5c], "*", "XXX"),
            (
                &[0x50, 0x51, 0x52, 0x53, 0x54, 0x5d, 0x5e, 0xfe],
                "*",
                "XXX",
            ),
        ],
    );
}

/// Reference 11.1 (e).
#[test]
fn producer_of_6_6() {
    // Success, KeyEnoent, NotMyVbucket, KeyEexists, other.
    let columns = &[0x00, 0x01, 0x07, 0x02];
    assert_table(
        Role::Producer,
        Edition::V6_6,
        columns,
        &[
            (&[0x5b, 0x56], "S", "AAAAA"),
            (&[0x5b, 0x56], "*", "kkkkk"),
            (&[0x55], "*", "kkssX"),
            (&[0x5c], "N", "AAAAA"),
            (&[0x5c], "*", "XsssX"),
            (&[0x60, 0x62, 0x63], "*", "kXssX"),
            (
                &[
                    0x50, 0x51, 0x52, 0x53, 0x54, 0x57, 0x58, 0x59, 0x5d, 0x5e, 0x5f, 0xfe,
                ],
                "*",
                "ksssX",
            ),
        ],
    );
}

/// Reference 11.1 (f), the columns "v7 off".
#[test]
fn producer_of_7_0() {
    // Success, KeyEnoent, KeyEexists, NotMyVbucket, DcpStreamNotFound, OpaqueNoMatch, Enomem, other.
    let columns = &[0x00, 0x01, 0x02, 0x07, 0x0a, 0x0b, 0x82];
    assert_table(
        Role::Producer,
        Edition::V7_0,
        columns,
        &[
            (&[0x5b, 0x56], "S", "AAAAAAAA"),
            (&[0x5b, 0x56], "T", "XsssssXX"),
            (&[0x5b, 0x56], "*", "kkkkkkkk"),
            (&[0x55], "*", "kkssssXX"),
            (&[0x5c], "N", "AAAAAAAA"),
            (&[0x5c], "*", "XsssssXX"),
            (&[0x66], "T", "ksssssCX"),
            (&[0x66], "S", "kssssskX"),
            (&[0x66], "*", "ksssssXX"),
            (
                &[
                    0x50, 0x51, 0x52, 0x53, 0x54, 0x57, 0x58, 0x59, 0x5d, 0x5e, 0x5f, 0x60, 0xfe,
                    0x67,
                ],
                "*",
                "ksssssXX",
            ),
            (&[0x62, 0x63], "*", "kXssssXX"),
            (&[0x61], "*", "XXXXXXXX"),
        ],
    );
}

/// Reference 11.1 (f), the columns "v7 on".
#[test]
fn producer_of_7_0_with_status_codes() {
    // Success, KeyEnoent, KeyEexists, NotMyVbucket, DcpStreamNotFound, OpaqueNoMatch, Enomem, other.
    let columns = &[0x00, 0x01, 0x02, 0x07, 0x0a, 0x0b, 0x82];
    assert_table(
        Role::Producer,
        Edition::V7_0StatusCodes,
        columns,
        &[
            (&[0x5b, 0x56], "S", "AAAAAAAA"),
            (&[0x5b, 0x56], "T", "XXXsssXX"),
            (&[0x5b, 0x56], "*", "kkkkkkkk"),
            (&[0x55], "*", "kkXsssXX"),
            (&[0x5c], "N", "AAAAAAAA"),
            (&[0x5c], "*", "XXXsssXX"),
            (&[0x66], "T", "kXXsssCX"),
            (&[0x66], "S", "kXXssskX"),
            (&[0x66], "*", "kXXsssXX"),
            (
                &[
                    0x50, 0x51, 0x52, 0x53, 0x54, 0x57, 0x58, 0x59, 0x5d, 0x5e, 0x5f, 0x60, 0xfe,
                    0x67,
                ],
                "*",
                "kXXsssXX",
            ),
            (&[0x62, 0x63], "*", "kXXsssXX"),
            (&[0x61], "*", "XXXXXXXX"),
        ],
    );
}

/// Reference 11.2.
#[test]
fn consumer() {
    // Success, with a failover log; Rollback, with anything but a seqno; other.
    let columns = &[0x00, 0x23];
    for edition in Edition::ALL {
        let mut rows: Vec<Row> = vec![
            (&[0x53], "R", "kXs"),
            (&[0x53], "*", "XXX"),
            (&[0x5d], "*", "kkk"),
            (&[0x5e], "o", "XXX"),
            (&[0x5e], "r", "kXX"),
            (&[0x5e], "*", "kkk"),
            // As observed: the reference lists what the newest consumer asks for.
            (&[0xfe], "*", "kkk"),
        ];
        if edition >= Edition::V7_0 {
            rows.push((&[0x61], "*", "kkk"));
        }
        assert_table(Role::Consumer, edition, columns, &rows);
    }
}

/// Reference 11.2, STREAM_REQ: the lengths.
#[test]
fn answers_to_a_stream_request_have_the_right_length() {
    for edition in Edition::ALL {
        for len in 0..=100 {
            let context = Context {
                value: ValueShape::of_len(len),
                ..Context::new(
                    Role::Consumer,
                    edition,
                    Opcode::DCP_STREAM_REQ,
                    OpaqueOwner::StreamRequest,
                )
            };
            let log = if len > 0 && len % 16 == 0 { 'k' } else { 'X' };
            assert_verdict(context, Status::SUCCESS, log);
            let seqno = if len == 8 { 'k' } else { 'X' };
            assert_verdict(context, Status::ROLLBACK, seqno);
            assert_verdict(context, Status::NOT_MY_VBUCKET, 's');
        }
    }
}

#[test]
fn mb_35287_commit_prepare_abort_system_event_responses_are_expected() {
    for opcode in [
        Opcode::DCP_COMMIT,
        Opcode::DCP_PREPARE,
        Opcode::DCP_ABORT,
        Opcode::DCP_SYSTEM_EVENT,
    ] {
        for edition in Edition::ALL {
            let response = Context::new(Role::Producer, edition, opcode, OpaqueOwner::Stream);
            assert_verdict(response, Status::SUCCESS, 'k');
        }
        let response = Context::new(Role::Producer, Edition::V6_5, opcode, OpaqueOwner::Stream);
        assert_verdict(response, Status::KEY_ENOENT, 'k');
        assert!(every(statuses(), |status| {
            !policy::judge(&response, status).is_fatal()
        }));
    }
}

#[test]
fn mb_37009_not_my_vbucket_concerns_one_stream() {
    for opcode in [
        Opcode::DCP_MUTATION,
        Opcode::DCP_PREPARE,
        Opcode::DCP_STREAM_END,
    ] {
        for edition in Edition::ALL {
            let response = Context::new(Role::Producer, edition, opcode, OpaqueOwner::Stream);
            assert_verdict(response, Status::NOT_MY_VBUCKET, 's');
        }
    }
}

#[test]
fn mb_37009_key_enoent_concerns_one_stream_but_for_prepare_commit_and_abort() {
    let verdict = |edition, opcode, expected| {
        let response = Context::new(Role::Producer, edition, opcode, OpaqueOwner::Stream);
        assert_verdict(response, Status::KEY_ENOENT, expected);
    };
    for opcode in [
        Opcode::DCP_MUTATION,
        Opcode::DCP_DELETION,
        Opcode::DCP_SYSTEM_EVENT,
    ] {
        verdict(Edition::V6_6, opcode, 's');
        verdict(Edition::V7_0, opcode, 's');
    }
    for opcode in [Opcode::DCP_COMMIT, Opcode::DCP_ABORT] {
        verdict(Edition::V6_6, opcode, 'X');
        verdict(Edition::V7_0, opcode, 'X');
        verdict(Edition::V7_0StatusCodes, opcode, 'X');
    }
    // MB-40934.
    verdict(Edition::V6_6, Opcode::DCP_PREPARE, 'X');
    verdict(Edition::V7_0, Opcode::DCP_PREPARE, 's');
    verdict(Edition::V7_0StatusCodes, Opcode::DCP_PREPARE, 'X');
}

#[test]
fn mb_37009_key_eexists_concerns_one_stream() {
    for opcode in [
        Opcode::DCP_MUTATION,
        Opcode::DCP_STREAM_END,
        Opcode::DCP_PREPARE,
        Opcode::DCP_COMMIT,
        Opcode::DCP_ABORT,
    ] {
        for (edition, expected) in [
            (Edition::V6_6, 's'),
            (Edition::V7_0, 's'),
            (Edition::V7_0StatusCodes, 'X'),
        ] {
            let response = Context::new(Role::Producer, edition, opcode, OpaqueOwner::Stream);
            assert_verdict(response, Status::KEY_EEXISTS, expected);
        }
    }
}

#[test]
fn mb_40934_with_status_codes_only_three_errors_concern_one_stream() {
    let response = Context::new(
        Role::Producer,
        Edition::V7_0StatusCodes,
        Opcode::DCP_MUTATION,
        OpaqueOwner::Stream,
    );
    for status in statuses() {
        let expected = match status {
            Status::SUCCESS => 'k',
            Status::NOT_MY_VBUCKET | Status::DCP_STREAM_NOT_FOUND | Status::OPAQUE_NO_MATCH => 's',
            _ => 'X',
        };
        assert_verdict(response, status, expected);
    }
}

#[test]
fn the_core_closes_connections_for_answers_to_what_expects_none() {
    for role in Role::ALL {
        for edition in Edition::ALL {
            for owner in owners() {
                for opcode in (0..=u8::MAX).map(Opcode) {
                    let rule =
                        policy::judge(&Context::new(role, edition, opcode, owner), Status(0)).rule;
                    let expected = match opcode.0 {
                        0x0a => Some("core-noop"),
                        0x5a | 0x64 | 0x65 => Some("core-unanswered"),
                        0x61 | 0x66 | 0x67 if edition < Edition::V7_0 => {
                            Some("core-unanswered-before-7.0")
                        }
                        0x50..=0x67 | 0xfe => None,
                        _ => Some("core-unregistered"),
                    };
                    let core = Some(rule.id).filter(|id| id.starts_with("core-"));
                    assert_eq!(core, expected, "{opcode}");
                }
            }
        }
    }
}

#[test]
fn the_error_map_is_heeded_for_statuses_without_a_name() {
    let noop = Context::new(
        Role::Producer,
        Edition::V7_0StatusCodes,
        Opcode::DCP_NOOP,
        OpaqueOwner::Noop,
    );
    let refused = Context::new(
        Role::Consumer,
        Edition::V7_0StatusCodes,
        Opcode::DCP_STREAM_REQ,
        OpaqueOwner::StreamRequest,
    );
    for status in (0..=u16::MAX).map(Status) {
        for attribute in ErrorAttributes::all().iter() {
            let drops = ErrorAttributes::DROPS_CONNECTION.contains(attribute);
            for (context, without) in [(noop, 'A'), (refused, 's')] {
                let named = status.name().is_some();
                if named && [Status::SUCCESS, Status::ROLLBACK].contains(&status) {
                    continue;
                }
                let context = Context {
                    attributes: attribute | ErrorAttributes::TEMP,
                    ..context
                };
                assert_verdict(context, status, if drops && !named { 'X' } else { without });
            }
            if status.0 % 251 > 1 {
                break;
            }
        }
    }
}

/// Reference 8.6: the server's error map against its own producer.
#[test]
fn who_is_followed_where_the_error_map_disagrees() {
    let attributes = ErrorAttributes::CONN_STATE_INVALIDATED;
    for status in [Status::DCP_STREAM_NOT_FOUND, Status::OPAQUE_NO_MATCH] {
        for edition in [Edition::V7_0, Edition::V7_0StatusCodes] {
            let context = |role, opcode, opaque| Context {
                attributes,
                ..Context::new(role, edition, opcode, opaque)
            };
            let mutation = context(Role::Producer, Opcode::DCP_MUTATION, OpaqueOwner::Stream);
            assert_verdict(mutation, status, 's');
            let stream = context(
                Role::Consumer,
                Opcode::DCP_STREAM_REQ,
                OpaqueOwner::StreamRequest,
            );
            assert_verdict(stream, status, 's');
            for role in Role::ALL {
                let log = context(role, Opcode::DCP_GET_FAILOVER_LOG, OpaqueOwner::Request);
                assert_verdict(log, status, 'X');
            }
        }
    }
}

#[test]
fn a_clients_own_requests() {
    let verdict = |opcode, status, expected| {
        for role in Role::ALL {
            for edition in Edition::ALL {
                let answer = Context::new(role, edition, opcode, OpaqueOwner::Request);
                assert_verdict(answer, status, expected);
            }
        }
    };
    verdict(Opcode::HELLO, Status::SUCCESS, 'k');
    verdict(Opcode::SASL_AUTH, Status::AUTH_CONTINUE, 'k');
    verdict(Opcode::SASL_AUTH, Status::AUTH_ERROR, 'X');
    verdict(Opcode::SELECT_BUCKET, Status::EACCESS, 'k');
    verdict(Opcode::DCP_OPEN, Status::EINVAL, 'k');
    verdict(Opcode::DCP_OPEN, Status::NO_BUCKET, 'X');
    verdict(Opcode::DCP_OPEN, Status::EINTERNAL, 'X');
    verdict(Opcode::DCP_CLOSE_STREAM, Status::SUCCESS, 'k');
    verdict(Opcode::DCP_CLOSE_STREAM, Status::KEY_ENOENT, 's');
    verdict(Opcode::DCP_CLOSE_STREAM, Status::DCP_STREAM_NOT_FOUND, 's');
    verdict(Opcode::DCP_ADD_STREAM, Status::SUCCESS, 'k');
    verdict(Opcode::DCP_ADD_STREAM, Status::ROLLBACK, 's');
    verdict(Opcode::DCP_ADD_STREAM, Status::EINTERNAL, 's');
    // A stream request is one by whatever name.
    for edition in Edition::ALL {
        let answer = Context::new(
            Role::Consumer,
            edition,
            Opcode::DCP_STREAM_REQ,
            OpaqueOwner::Request,
        );
        assert_verdict(answer, Status::SUCCESS, 'X');
        assert_verdict(answer, Status::ERANGE, 's');
    }
}

/// Calls `check` with every context that the table may tell from others.
fn contexts(mut check: impl FnMut(Context)) {
    for role in Role::ALL {
        for edition in Edition::ALL {
            for opaque in OpaqueOwner::ALL {
                for value in ValueShape::ALL {
                    for attributes in [
                        ErrorAttributes::empty(),
                        ErrorAttributes::CONN_STATE_INVALIDATED,
                    ] {
                        for opcode in (0..=u8::MAX).map(Opcode) {
                            check(Context {
                                role,
                                edition,
                                opcode,
                                opaque,
                                value,
                                attributes,
                            });
                        }
                    }
                }
            }
        }
    }
}

/// The rules that are about the response but for its status.
fn candidates<'a>(rules: &'a [Rule<'a>], context: &Context) -> Vec<&'a Rule<'a>> {
    let statuses = Set::ALL;
    let but_for_status = |rule: &&Rule<'_>| Rule { statuses, ..**rule }.matches(context, Status(0));
    rules.iter().filter(but_for_status).collect()
}

/// The verdict is that of the first rule that matches, and there is one.
///
/// Every context meets every status with a name and some others, in turn, so that every opcode
/// meets each of the 65,536 statuses; in a build that is not optimised, every fourth.
#[test]
fn the_first_match_decides_on_every_opcode_and_status() {
    const STRIDE: usize = if cfg!(debug_assertions) { 797 } else { 199 };
    let mut turns = [0; 256];
    let mut reached = BTreeSet::new();
    contexts(|context| {
        // Where values and attributes make no difference, one will do for a slow build.
        let alike = context.value != ValueShape::Empty && context.role == Role::Producer
            || !context.attributes.is_empty() && context.opaque != OpaqueOwner::Nothing;
        if cfg!(debug_assertions) && alike {
            return;
        }
        let candidates = candidates(RULES, &context);
        let turn = &mut turns[usize::from(context.opcode.0)];
        let others = (*turn % STRIDE..=0xffff).step_by(STRIDE);
        *turn += 1;
        let others = others.map(|code| Status(u16::try_from(code).unwrap()));
        for status in Status::NAMED.iter().copied().chain(others) {
            let mut matching = candidates
                .iter()
                .filter(|rule| rule.statuses.contains(status));
            let first = matching.next().expect("a table that is total");
            let verdict = policy::judge(&context, status);
            if !std::ptr::eq(verdict.rule, *first) {
                panic!("{context:?} {status}: {verdict}, not {}", first.id);
            }
            reached.insert(first.id);
        }
    });
    assert!(cfg!(debug_assertions) || turns.into_iter().all(|turns| turns >= STRIDE));
    for rule in RULES {
        assert!(reached.contains(rule.id), "no response reaches {}", rule.id);
    }
}

#[test]
fn the_last_rule_matches_everything() {
    let last = RULES.last().expect("a table with lines");
    let any = Rule {
        id: last.id,
        reason: last.reason,
        source: last.source,
        ..Rule::ANY
    };
    assert_eq!(*last, any);
    assert!(
        policy::judge(
            &Context::new(
                Role::Consumer,
                Edition::V7_0,
                Opcode::DCP_NOOP,
                OpaqueOwner::Nothing
            ),
            Status(0)
        )
        .is_fatal()
    );
}

#[test]
fn every_rule_says_who_and_why() {
    let mut ids = BTreeSet::new();
    for rule in RULES {
        assert!(ids.insert(rule.id), "{} twice", rule.id);
        let Rule {
            id, reason, source, ..
        } = rule;
        let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        assert!(every(id.bytes(), legal), "{id}");
        assert!(
            reason.ends_with('.') && !reason.contains(". "),
            "{id}: one sentence"
        );
        assert!(source.contains("reference"), "{id}");
        // So that a row of Markdown stays one.
        assert!(!reason.contains('|') && !source.contains('|'), "{id}");
    }
}

#[test]
fn a_verdict_explains_itself() {
    let response = Context::new(
        Role::Producer,
        Edition::V6_6,
        Opcode::DCP_MUTATION,
        OpaqueOwner::Stream,
    );
    assert_eq!(
        policy::judge(&response, Status::KEY_EEXISTS).to_string(),
        "stream only: The consumer has a stream of another opaque for the vbucket. \
         (producer-key-eexists; MB-37009, 36134ec90, 6.6.0; reference 11.1 e, f)"
    );
}

const PATIENT: Rule<'_> = Rule {
    id: "patient",
    role: Some(Role::Producer),
    opcodes: Set::Except(&[Opcode::DCP_PREPARE]),
    statuses: Set::Only(&[Status::ETMPFAIL, Status(0x1234)]),
    judgement: Judgement::StreamOnly,
    reason: "Our consumer pauses a stream by this status.",
    source: "our cluster",
    ..Rule::ANY
};

const STRICT: Rule<'_> = Rule {
    id: "strict",
    editions: Set::Only(&[Edition::V6_5]),
    statuses: Set::Except(&[Status::SUCCESS, Status(0xff00)]),
    reason: "We trust no old node.",
    source: "our cluster",
    ..Rule::ANY
};

#[test]
fn own_rules_come_first() {
    let own = [PATIENT, STRICT];
    let policy = Policy::new(&own);
    assert_eq!(policy.rules(), own);
    contexts(|context| {
        if context.value != ValueShape::Empty || context.attributes.is_empty() {
            return;
        }
        let all = [&own, RULES].concat();
        let candidates = candidates(&all, &context);
        let others = [Status(0x1234), Status(0x1235), Status(0xff01)];
        for &status in Status::NAMED.iter().chain(&others) {
            let mut matching = candidates
                .iter()
                .filter(|rule| rule.statuses.contains(status));
            let first = matching.next().expect("a table that is total");
            assert_eq!(policy.judge(&context, status).rule, *first);
        }
    });
    let markdown = policy.markdown().to_string();
    let (head, rest) = markdown.split_at(markdown.find("| `patient`").unwrap());
    assert_eq!(head.lines().count(), 2);
    assert!(
        rest.lines()
            .nth(1)
            .unwrap()
            .starts_with("| `strict` | either | 6.5 | any ")
    );
    let table = policy::markdown().to_string();
    let own_rows: usize = rest.split_inclusive('\n').take(2).map(str::len).sum();
    assert!(table.ends_with(&rest[own_rows..]));
    assert_eq!(rest.lines().count(), RULES.len() + 2);
}

/// The index covers 64 rules; a longer list works all the same, in order.
#[test]
fn own_rules_may_be_many() {
    let rules: Vec<_> = (0..200)
        .map(|code| Rule {
            id: "one",
            statuses: Set::Only(Vec::leak(vec![Status(0x1000 + code / 2)])),
            judgement: if code % 2 == 0 {
                Judgement::Expected
            } else {
                Judgement::Fatal
            },
            ..Rule::ANY
        })
        .collect();
    let policy = Policy::new(&rules);
    let response = Context::new(
        Role::Producer,
        Edition::V7_0,
        Opcode::DCP_MUTATION,
        OpaqueOwner::Stream,
    );
    for code in 0x1000..0x1064 {
        let verdict = policy.judge(&response, Status(code));
        assert_eq!(verdict.judgement, Judgement::Expected, "{code:#x}");
    }
    assert_eq!(
        policy.judge(&response, Status(0x1064)).rule.id,
        "producer-other"
    );
}

#[test]
fn without_own_rules_the_table_decides() {
    let policy = Policy::default();
    let response = Context::new(
        Role::Producer,
        Edition::V7_0,
        Opcode::DCP_MUTATION,
        OpaqueOwner::Stream,
    );
    for status in statuses() {
        assert_eq!(
            policy.judge(&response, status),
            policy::judge(&response, status)
        );
    }
    assert_eq!(
        policy.markdown().to_string(),
        policy::markdown().to_string()
    );
}

#[test]
fn ends_of_streams() {
    use StreamEndAction::*;

    let expected = [
        Stop,
        Stop,
        ReopenWithNewClusterMap,
        Reopen,
        Reopen,
        ReopenWithBackOff,
        RollBack,
        Stop,
        Stop,
    ];
    assert_eq!(expected.len(), StreamEndReason::NAMED.len());
    for (&reason, action) in StreamEndReason::NAMED.iter().zip(expected) {
        let advice = policy::stream_end(reason);
        assert_eq!((advice.reason, advice.action), (Some(reason), action));
    }
    for reason in [9, 10, 0xff, 0x100, u32::MAX] {
        let advice = policy::stream_end(StreamEndReason(reason));
        assert_eq!((advice.reason, advice.action), (None, ReopenWithBackOff));
    }
}

#[test]
fn sets_of_value_shapes() {
    let listed = [ValueShape::Seqno, ValueShape::Other];
    for (set, inside) in [(Set::Only(&listed), true), (Set::Except(&listed), false)] {
        for shape in ValueShape::ALL {
            assert_eq!(set.contains(shape), listed.contains(&shape) == inside);
        }
    }
}
