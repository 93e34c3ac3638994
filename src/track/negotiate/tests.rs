use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

use super::*;

const EVERYTHING: Wanted<'static> = Wanted {
    server: None,
    name: Metadata(b"eq_dcpq:test"),
    flags: OpenFlags::INCLUDE_XATTRS
        .union(OpenFlags::INCLUDE_DELETE_TIMES)
        .union(OpenFlags::INCLUDE_DELETED_USER_XATTRS)
        .union(OpenFlags::SKIP_DELETES_IN_INITIAL_BACKFILL),
    features: &[
        Feature::TRACING,
        Feature::XATTR,
        Feature::DUPLEX,
        Feature::TRACING,
    ],
    collections: Wish::Required,
    snappy: Wish::IfPossible,
    noop_interval: Some(Duration::from_millis(1500)),
    priority: Some(Metadata(b"high")),
    cursor_dropping: Wish::IfPossible,
    hifi_mfu: Wish::IfPossible,
    stream_end_on_close: Wish::IfPossible,
    expiry_opcode: Wish::Required,
    sync_writes: Wish::IfPossible,
    consumer_name: Some(Metadata(b"n_1")),
    v7_status_codes: Wish::Required,
    flatbuffers_system_events: Wish::IfPossible,
    change_streams: Wish::IfPossible,
    marker_v2_2: Wish::IfPossible,
    cache_transfer: Wish::IfPossible,
    stream_ids: Wish::No,
    oso_snapshots: Wish::IfPossible,
    backfill_order: Some(Metadata(b"sequential")),
    force_value_compression: Wish::IfPossible,
    buffer_size: 1024,
};

fn plan(wanted: Wanted<'static>) -> Plan<'static> {
    Plan::new(wanted).expect("wishes that go together")
}

fn consumer() -> Wanted<'static> {
    Wanted::consumer("eq_dcpq:test".into())
}

/// The step in a few words; an asterisk for what is required.
fn said(PlannedStep { step, is_required }: PlannedStep<'_>) -> String {
    let step = match step {
        Step::Hello => "hello".into(),
        Step::Authenticate => "authenticate".into(),
        Step::SelectBucket => "select".into(),
        Step::Open(open) => format!("open {:#x}", open.flags.bits()),
        Step::Control(control) => {
            let message = control.message();
            format!("{}={}", message.key, message.value)
        }
    };
    if is_required {
        format!("{step}*")
    } else {
        step
    }
}

/// Walks the plan; `answer` says how the step of these words is answered.
fn negotiate(
    wanted: Wanted<'static>,
    granted: &[Feature],
    answer: impl Fn(&str) -> Status,
) -> (Vec<String>, Result<Negotiated, NegotiationViolation>) {
    let mut negotiation = Negotiation::new(plan(wanted));
    let mut sent = vec![];
    while let Some(step) = negotiation.next_step() {
        assert_eq!(negotiation.next_step(), None, "one at a time");
        assert_eq!(negotiation.negotiated(), None);
        let words = said(step);
        let outcome = match step.step {
            Step::Hello => negotiation.on_granted(granted.iter().copied()),
            _ => negotiation.on_answer(answer(&words)),
        };
        sent.push(words);
        if let Err(violation) = outcome {
            assert_eq!(negotiation.next_step(), None, "failed for good");
            return (sent, Err(violation));
        }
    }
    let negotiated = *negotiation.negotiated().expect("the last step is answered");
    let late = negotiation.on_answer(Status::SUCCESS);
    assert_eq!(late, Err(NegotiationViolation::Unasked));
    (sent, Ok(negotiated))
}

#[test]
fn the_order_of_everything() {
    let steps: Vec<_> = plan(EVERYTHING).steps().map(said).collect();
    let expected = [
        "hello*",
        "authenticate*",
        "select*",
        "open 0x325*",
        "enable_noop=true*",
        "set_noop_interval=1.500000",
        "set_priority=high",
        "supports_cursor_dropping_vulcan=true",
        "supports_hifi_MFU=true",
        "send_stream_end_on_client_close_stream=true",
        "enable_expiry_opcode=true*",
        "enable_sync_writes=true",
        "consumer_name=n_1",
        "include_deleted_user_xattrs=true",
        "v7_dcp_status_codes=true*",
        "flatbuffers_system_events=true",
        "change_streams=true",
        "max_marker_version=2.2",
        "cache_transfer=true",
        "enable_out_of_order_snapshots=true_with_seqno_advanced",
        "backfill_order=sequential",
        "force_value_compression=true",
        "connection_buffer_size=1024*",
    ];
    assert_eq!(steps, expected);
    let features: Vec<_> = plan(EVERYTHING).features().collect();
    let expected = [
        Feature::XATTR,
        Feature::XERROR,
        Feature::SELECT_BUCKET,
        Feature::SNAPPY,
        Feature::JSON,
        Feature::COLLECTIONS,
        Feature::DCP_SKIP_DELETES_IN_INITIAL_BACKFILL,
        Feature::TRACING,
        Feature::DUPLEX,
    ];
    assert_eq!(features, expected);
    assert_eq!(plan(EVERYTHING).warnings().next(), None);
    let (sent, negotiated) = negotiate(EVERYTHING, &features, |_| Status::SUCCESS);
    assert_eq!(sent, steps, "what is planned is what is sent");
    let expected = Negotiated {
        collections: true,
        xattrs: true,
        snappy: true,
        json: true,
        delete_times: true,
        expiry_opcode: true,
        deleted_user_xattrs: true,
        sync_writes: true,
        sync_replication: true,
        stream_ids: false,
        v7_status_codes: true,
        flatbuffers_system_events: true,
        change_streams: true,
        oso_snapshots: true,
        cache_transfer: true,
        stream_end_on_close: true,
        marker_version: MarkerVersion::V2_2,
        buffer_size: 1024,
        noop_interval: Some(Duration::from_millis(1500)),
    };
    assert_eq!(negotiated, Ok(expected));
}

#[test]
fn the_least() {
    let wanted = Wanted {
        name: "n".into(),
        ..Wanted::default()
    };
    let (sent, negotiated) = negotiate(wanted, &[], |_| Status::SUCCESS);
    assert_eq!(sent, ["hello*", "authenticate*", "select*", "open 0x1*"]);
    let expected = Negotiated {
        json: true,
        ..Negotiated::default()
    };
    assert_eq!(negotiated, Ok(expected));
}

#[test]
fn table() {
    let fresh = Negotiation::new(plan(EVERYTHING));
    let mut hello = fresh.clone();
    hello.next_step();
    let mut granted = hello.clone();
    let everything: Vec<_> = plan(EVERYTHING).features().collect();
    granted
        .on_granted(everything.iter().copied())
        .expect("asked");
    let mut authenticate = granted.clone();
    authenticate.next_step();

    let unasked = Err(NegotiationViolation::Unasked);
    for (state, on_granted, on_answer) in [
        (&fresh, unasked, unasked),
        (
            &hello,
            Ok(()),
            Err(NegotiationViolation::NotGranted(Feature::COLLECTIONS)),
        ),
        (&granted, unasked, unasked),
        (&authenticate, unasked, Ok(())),
    ] {
        let mut negotiation = state.clone();
        assert_eq!(
            negotiation.on_granted(everything.iter().copied()),
            on_granted
        );
        if on_granted.is_err() {
            assert_eq!(negotiation, *state, "unchanged");
        }
        let mut negotiation = state.clone();
        assert_eq!(negotiation.on_answer(Status::SUCCESS), on_answer);
        if on_answer == unasked {
            assert_eq!(negotiation, *state, "unchanged");
        }
    }
    let refused = authenticate.on_answer(Status::AUTH_ERROR).unwrap_err();
    assert_eq!(refused.to_string(), "SASL_AUTH was answered AUTH_ERROR");
    assert_eq!(authenticate.next_step(), None);
    assert_eq!(authenticate.on_answer(Status::SUCCESS), unasked);
    assert_eq!(authenticate.negotiated(), None);
}

#[test]
fn what_is_required_has_to_be_granted() {
    for (wanted, granted, missing) in [
        (EVERYTHING, vec![Feature::XATTR], Feature::COLLECTIONS),
        (EVERYTHING, vec![Feature::COLLECTIONS], Feature::XATTR),
        (
            Wanted {
                snappy: Wish::Required,
                ..EVERYTHING
            },
            vec![Feature::COLLECTIONS, Feature::XATTR],
            Feature::SNAPPY,
        ),
        (
            Wanted {
                marker_v2_2: Wish::Required,
                ..consumer()
            },
            vec![Feature::XATTR],
            Feature::COLLECTIONS,
        ),
    ] {
        let (sent, outcome) = negotiate(wanted, &granted, |_| Status::SUCCESS);
        assert_eq!(sent, ["hello*"]);
        assert_eq!(outcome, Err(NegotiationViolation::NotGranted(missing)));
    }
    for planned in plan(EVERYTHING).steps().skip(1) {
        let refused = said(planned);
        let features: Vec<_> = plan(EVERYTHING).features().collect();
        let (sent, outcome) = negotiate(EVERYTHING, &features, |step| {
            if step == refused {
                Status::EINVAL
            } else {
                Status::SUCCESS
            }
        });
        assert_eq!(outcome.is_err(), planned.is_required, "{refused}");
        assert_eq!(
            sent.last() == Some(&refused),
            planned.is_required,
            "{refused}"
        );
    }
}

#[test]
fn what_has_no_reason_any_more_is_left_out() {
    let (sent, negotiated) = negotiate(
        Wanted {
            collections: Wish::IfPossible,
            ..EVERYTHING
        },
        &[Feature::XATTR],
        |step| {
            if step.starts_with("enable_sync") {
                Status::NOT_SUPPORTED
            } else {
                Status::SUCCESS
            }
        },
    );
    let negotiated = negotiated.expect("nothing required is refused");
    assert!(!negotiated.collections && !negotiated.sync_writes && !negotiated.snappy);
    assert_eq!(negotiated.marker_version, MarkerVersion::V1);
    for left_out in ["max_marker", "consumer_name", "force_value_compression"] {
        assert!(
            !sent.iter().any(|step| step.starts_with(left_out)),
            "{left_out}"
        );
    }
}

#[test]
fn markers_of_version_2_0_come_with_sync_replication_only() {
    let wanted = Wanted {
        consumer_name: None,
        marker_v2_2: Wish::No,
        ..EVERYTHING
    };
    let features: Vec<_> = plan(wanted).features().collect();
    let version = |wanted| {
        let (_, negotiated) = negotiate(wanted, &features, |_| Status::SUCCESS);
        negotiated.expect("all is granted").marker_version
    };
    assert_eq!(version(wanted), MarkerVersion::V1);
    let replica = Wanted {
        consumer_name: EVERYTHING.consumer_name,
        ..wanted
    };
    assert_eq!(version(replica), MarkerVersion::V2_0);
}

#[test]
fn the_interval_falls_back_to_whole_seconds() {
    let intervals = |wanted: Wanted<'static>, takes_fractions: bool| {
        let features: Vec<_> = plan(wanted).features().collect();
        let (sent, negotiated) = negotiate(wanted, &features, |step| {
            if step.contains('.') && step.starts_with("set_noop") && !takes_fractions {
                Status::EINVAL
            } else {
                Status::SUCCESS
            }
        });
        let sent: Vec<_> = sent
            .into_iter()
            .filter_map(|step| step.strip_prefix("set_noop_interval=").map(String::from))
            .collect();
        (
            sent,
            negotiated
                .expect("nothing required is refused")
                .noop_interval,
        )
    };
    let every = |millis| Wanted {
        noop_interval: Some(Duration::from_millis(millis)),
        ..EVERYTHING
    };
    let millis = |millis| Some(Duration::from_millis(millis));
    assert_eq!(
        intervals(every(100), true),
        (vec!["0.100000".into()], millis(100))
    );
    let fallen_back = vec!["0.100000".into(), "1*".into()];
    assert_eq!(intervals(every(100), false), (fallen_back, millis(1000)));
    assert_eq!(
        intervals(every(60_000), false),
        (vec!["60*".into()], millis(60_000))
    );
    let old = Wanted {
        server: Some(ServerVersion(7, 2, 9)),
        ..every(1500)
    };
    assert_eq!(intervals(old, false), (vec!["2*".into()], millis(2000)));
    let rounded = Warning::NoopIntervalRounded {
        to: Duration::from_secs(2),
    };
    assert!(plan(old).warnings().any(|warning| warning == rounded));
    assert!(
        plan(old)
            .steps()
            .map(said)
            .any(|step| step == "set_noop_interval=2*")
    );
}

#[test]
fn conflicts() {
    const LONG: [u8; 252] = [b'n'; 252];
    let flags = |flags| Wanted {
        flags,
        ..consumer()
    };
    let cases = [
        (
            Wanted::default(),
            "connection name of 0 bytes, expected 1 to 250",
        ),
        (
            Wanted {
                name: Metadata(&LONG[..251]),
                ..consumer()
            },
            "connection name of 251 bytes, expected 1 to 250",
        ),
        (
            Wanted {
                name: Metadata(&LONG),
                ..EVERYTHING
            },
            "connection name of 252 bytes, expected 1 to 250",
        ),
        (
            flags(OpenFlags::PITR | OpenFlags::INCLUDE_XATTRS),
            "DCP_OPEN does not take OpenFlags(PITR)",
        ),
        (
            flags(OpenFlags::NO_VALUE | OpenFlags::NO_VALUE_WITH_UNDERLYING_DATATYPE),
            "NO_VALUE and NO_VALUE_WITH_UNDERLYING_DATATYPE exclude each other",
        ),
        (
            flags(OpenFlags::INCLUDE_DELETED_USER_XATTRS),
            "INCLUDE_DELETED_USER_XATTRS needs INCLUDE_XATTRS",
        ),
        (
            Wanted {
                features: &[Feature::UNORDERED_EXECUTION],
                ..consumer()
            },
            "no DCP with UNORDERED_EXECUTION",
        ),
        (
            Wanted {
                features: &[Feature::CLUSTERMAP_CHANGE_NOTIFICATION],
                ..consumer()
            },
            "feature CLUSTERMAP_CHANGE_NOTIFICATION needs DUPLEX",
        ),
        (
            Wanted {
                noop_interval: None,
                ..consumer()
            },
            "xattrs and collections need noops",
        ),
        (
            Wanted {
                noop_interval: Some(Duration::ZERO),
                ..consumer()
            },
            "noop interval of 0",
        ),
        (
            Wanted {
                stream_ids: Wish::IfPossible,
                sync_writes: Wish::IfPossible,
                ..consumer()
            },
            "stream ids and sync writes exclude each other",
        ),
        (
            Wanted {
                stream_ids: Wish::IfPossible,
                collections: Wish::No,
                ..consumer()
            },
            "stream ids need collections",
        ),
        (
            Wanted {
                collections: Wish::No,
                ..consumer()
            },
            "markers 2.2 need collections",
        ),
        (
            Wanted {
                snappy: Wish::No,
                ..EVERYTHING
            },
            "forced compression needs Snappy",
        ),
        (
            Wanted {
                consumer_name: Some(Metadata(&[])),
                ..EVERYTHING
            },
            "consumer name is empty",
        ),
        (
            Wanted {
                marker_v2_2: Wish::Required,
                server: Some(ServerVersion(7, 2, 9)),
                ..consumer()
            },
            "max_marker_version needs release 8.0.0",
        ),
    ];
    for (wanted, expected) in cases {
        let conflict = Plan::new(wanted).expect_err(expected);
        assert_eq!(conflict.to_string(), expected);
    }
    let needless = Wanted {
        name: "n".into(),
        ..Wanted::default()
    };
    assert!(
        Plan::new(needless).is_ok(),
        "no noops without xattrs and collections"
    );
    for name in [1, 250] {
        let name = Metadata(&LONG[..name]);
        assert!(Plan::new(Wanted { name, ..consumer() }).is_ok());
    }
}

#[test]
fn warnings() {
    let said = |wanted| -> Vec<_> {
        plan(wanted)
            .warnings()
            .map(|warning| warning.to_string())
            .collect()
    };
    assert!(said(consumer()).is_empty());
    let wanted = Wanted {
        server: Some(ServerVersion(7, 0, 5)),
        name: "n".into(),
        flags: OpenFlags::NO_VALUE,
        features: &[Feature::TLS],
        noop_interval: Some(Duration::from_millis(2100)),
        expiry_opcode: Wish::Required,
        consumer_name: Some("n_1".into()),
        v7_status_codes: Wish::Required,
        flatbuffers_system_events: Wish::IfPossible,
        ..Wanted::default()
    };
    assert_eq!(
        said(wanted),
        [
            "expirations come as deletions without INCLUDE_DELETE_TIMES",
            "a consumer name has no use without sync writes",
            "there are no system events without collections",
            "deletions may come as mutations with NO_VALUE and no xattrs",
            "feature TLS is never granted",
            "noop interval rounded to 3s",
            "flatbuffers_system_events needs release 7.2.0",
        ]
    );
    let (sent, negotiated) = negotiate(wanted, &[], |_| Status::SUCCESS);
    let expected = [
        "hello*",
        "authenticate*",
        "select*",
        "open 0x9*",
        "enable_noop=true*",
        "set_noop_interval=3*",
        "enable_expiry_opcode=true*",
        "v7_dcp_status_codes=true*",
    ];
    assert_eq!(sent, expected);
    assert!(
        !negotiated.expect("granted").expiry_opcode,
        "accepted and ignored"
    );
}

#[cfg(target_pointer_width = "64")]
#[test]
fn sizes() {
    assert_eq!(size_of::<Negotiated>(), 40);
    assert_eq!(size_of::<Plan<'_>>(), 128);
    assert_eq!(size_of::<Negotiation<'_>>(), 184);
}

#[test]
fn stream_ids_take_collections() {
    let wanted = Wanted {
        stream_ids: Wish::Required,
        ..consumer()
    };
    let everything: Vec<_> = plan(wanted).features().collect();
    let (sent, negotiated) = negotiate(wanted, &everything, |_| Status::SUCCESS);
    assert!(sent.contains(&"enable_stream_id=true*".into()), "{sent:?}");
    assert!(negotiated.expect("granted").stream_ids);
}

#[test]
fn a_release_has_what_it_brings() {
    for (since, before, keys) in [
        (
            ServerVersion(7, 0, 0),
            ServerVersion(6, 6, 5),
            &["v7_dcp_status_codes=true"][..],
        ),
        (
            ServerVersion(7, 2, 0),
            ServerVersion(7, 1, 9),
            &["flatbuffers_system_events=true", "change_streams=true"],
        ),
        (
            ServerVersion(8, 0, 0),
            ServerVersion(7, 9, 9),
            &["set_noop_interval=1.500000", "max_marker_version=2.2"],
        ),
    ] {
        let steps = |server| -> Vec<_> {
            let wanted = Wanted {
                server: Some(server),
                expiry_opcode: Wish::IfPossible,
                v7_status_codes: Wish::IfPossible,
                ..EVERYTHING
            };
            plan(wanted).steps().map(said).collect()
        };
        for &key in keys {
            assert!(steps(since).contains(&key.into()), "{key} in {since}");
            assert!(!steps(before).contains(&key.into()), "{key} in {before}");
        }
    }
}

#[test]
fn one_of_two_reasons_is_enough() {
    for (flags, collections) in [
        (OpenFlags::INCLUDE_XATTRS, Wish::No),
        (OpenFlags::empty(), Wish::IfPossible),
    ] {
        let wanted = Wanted {
            name: "n".into(),
            flags,
            collections,
            noop_interval: None,
            ..Wanted::default()
        };
        assert_eq!(Plan::new(wanted), Err(Conflict::NoNoops));
    }
    let wanted = Wanted {
        features: &[Feature::DUPLEX, Feature::CLUSTERMAP_CHANGE_NOTIFICATION],
        ..consumer()
    };
    assert!(Plan::new(wanted).is_ok(), "what it needs is asked for, too");
    for flags in [
        OpenFlags::NO_VALUE | OpenFlags::INCLUDE_XATTRS | OpenFlags::INCLUDE_DELETE_TIMES,
        OpenFlags::INCLUDE_DELETE_TIMES,
    ] {
        let wanted = Wanted {
            flags,
            ..consumer()
        };
        assert_eq!(plan(wanted).warnings().next(), None, "{flags:?}");
    }
}

#[test]
fn the_buffer_of_a_consumer() {
    let last = plan(consumer()).steps().last().expect("steps");
    assert_eq!(said(last), "connection_buffer_size=10485760*");
    let Step::Control(control) = last.step else {
        panic!("{last:?}");
    };
    assert_eq!(control.value.to_string(), "10485760");
    assert_eq!(format!("{:?}", control.value), "\"10485760\"");
}
