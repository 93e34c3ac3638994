//! Nothing is lost and nothing repeated, whatever the node and the network do.

use core::time::Duration;

use mcbp::kv::{ClustermapChangeNotification, NotifiedVersion};
use mcbp::testing::{Fault, FaultKind, Node, Selector};
use mcbp::{Opcode, Status, StreamEndReason, VbucketState};
use mcbp_cli::tail::{self, Options};
use tokio::sync::oneshot;

use super::harness::*;

/// Follows a bucket to its end while this goes wrong.
async fn through(fault: Fault) -> Run {
    let bucket = recipe().bucket();
    let expected = visible(&bucket);
    let mut node = Node::new(bucket);
    node.faults.push(fault);
    let (address, _) = serve(node).await;
    let run = run(&options(&address)).await;
    assert!(
        run.ended.is_ok(),
        "{fault:?}: {:?}\n{}",
        run.ended,
        run.notes
    );
    assert_all_once(&run.places(), &expected);
    run
}

fn on(opcode: Opcode, kind: FaultKind) -> Fault {
    Fault {
        kind,
        selector: Selector {
            opcode: Some(opcode),
            ..Selector::default()
        },
        after: 20,
        times: 3,
    }
}

#[tokio::test]
async fn broken_connections() {
    for opcode in [
        Opcode::DCP_MUTATION,
        Opcode::DCP_SNAPSHOT_MARKER,
        Opcode::DCP_DELETION,
    ] {
        for kind in [
            FaultKind::Close,
            FaultKind::Cut(0),
            FaultKind::Cut(5),
            FaultKind::Cut(30),
        ] {
            let run = through(on(opcode, kind)).await;
            assert!(
                run.notes.to_string().contains("trying again"),
                "{}",
                run.notes
            );
        }
    }
    // In the middle of the set-up, too, once there was a connection.
    for opcode in [Opcode::DCP_CONTROL, Opcode::DCP_STREAM_REQ] {
        through(on(opcode, FaultKind::Close)).await;
    }
}

#[tokio::test]
async fn messages_that_come_late_or_twice_or_under_a_wrong_opaque() {
    for opcode in [
        Opcode::DCP_MUTATION,
        Opcode::DCP_SNAPSHOT_MARKER,
        Opcode::DCP_SYSTEM_EVENT,
        Opcode::DCP_STREAM_END,
    ] {
        for kind in [
            FaultKind::Repeat,
            FaultKind::Delay(Duration::from_millis(5)),
            FaultKind::Opaque,
        ] {
            let fault = on(opcode, kind);
            through(Fault { after: 2, ..fault }).await;
        }
    }
}

/// What cannot be missed silently: changes without their marker, the end of a stream. A change
/// alone can, and no client could know.
#[tokio::test]
async fn messages_that_do_not_come() {
    for opcode in [Opcode::DCP_SNAPSHOT_MARKER, Opcode::DCP_STREAM_END] {
        let fault = on(opcode, FaultKind::Drop);
        through(Fault { after: 2, ..fault }).await;
    }
}

#[tokio::test]
async fn streams_that_end_before_their_time() {
    for reason in [
        StreamEndReason::STATE_CHANGED,
        StreamEndReason::DISCONNECTED,
        StreamEndReason::SLOW,
        StreamEndReason::BACKFILL_FAIL,
        StreamEndReason::ROLLBACK,
        StreamEndReason(99),
    ] {
        let run = through(on(Opcode::DCP_MUTATION, FaultKind::End(reason))).await;
        let notes = run.notes.to_string();
        assert!(
            notes.contains(&format!("the stream ended, {reason}: re"))
                || notes.contains("roll back"),
            "{notes}"
        );
    }
}

#[tokio::test]
async fn streams_that_are_refused_for_now() {
    for status in [Status::ETMPFAIL, Status::EBUSY, Status::ENOMEM] {
        let fault = on(Opcode::DCP_STREAM_REQ, FaultKind::Refuse(status));
        let run = through(Fault { after: 2, ..fault }).await;
        let line = format!("DCP_STREAM_REQ answered {status}");
        assert!(run.notes.to_string().contains(&line), "{}", run.notes);
    }
}

#[tokio::test]
async fn streams_that_are_refused_for_good() {
    for status in [
        Status::UNKNOWN_COLLECTION,
        Status::EACCESS,
        Status::ERANGE,
        Status::NOT_MY_VBUCKET,
    ] {
        let bucket = recipe().bucket();
        let mut expected = visible(&bucket);
        let mut node = Node::new(bucket);
        node.faults.push(Fault {
            kind: FaultKind::Refuse(status),
            selector: Selector {
                opcode: Some(Opcode::DCP_STREAM_REQ),
                vbucket: Some(5),
                ..Selector::default()
            },
            after: 0,
            times: u32::MAX,
        });
        let (address, _) = serve(node).await;
        let run = run(&options(&address)).await;
        expected.retain(|&(vbucket, _)| vbucket != 5);
        assert_all_once(&run.places(), &expected);
        let notes = run.notes.to_string();
        assert!(
            notes.contains(&format!("vbucket 5: DCP_STREAM_REQ answered {status}")),
            "{notes}"
        );
        assert!(
            notes.contains("consumer-refused"),
            "the policy explains: {notes}"
        );
        assert_eq!(run.ended.unwrap().missing, 1);
    }
}

/// The documented edge: what a rollback voids is told, and comes again as the node has it now.
#[tokio::test]
async fn a_rollback_is_told_and_followed() {
    let (address, handle) = serve(Node::new(recipe().bucket())).await;
    let endless = Options {
        until_now: false,
        ..options(&address)
    };
    let (shown, notes) = (Shown::default(), Shown::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let count = handle.with_node(|node| visible(&node.bucket).len());
    let watch = async {
        shown.wait_for_lines(count).await;
        handle.with_node(|node| node.bucket.fail_over(7, 50).unwrap());
        shown.wait_for("\"rollback\"").await;
        handle.with_node(|node| {
            let document = mcbp::testing::Document::default();
            node.bucket
                .set(7, mcbp::value::CollectionId::DEFAULT, "after", document)
        });
        shown.wait_for("\"after\"").await;
        stop.send(()).unwrap();
    };
    let stop = async { stopped.await.unwrap() };
    let followed = tail::run(&endless, shown.clone(), quiet(&notes), stop);
    let (ended, ()) = tokio::join!(followed, watch);
    ended.unwrap();
    let json = shown.json();
    let at = json
        .iter()
        .position(|it| it["event"] == "rollback")
        .unwrap();
    assert_eq!(json[at]["vbucket"], 7);
    let to = json[at]["seqno"].as_u64().unwrap();
    assert!(to <= 50);
    let (before, after) = json.split_at(at);
    let of_7 = |changes: &[serde_json::Value]| -> Vec<Place> {
        changes
            .iter()
            .map(place)
            .filter(|&(vbucket, _)| vbucket == 7)
            .collect()
    };
    // Forget what is void: what is left is what the node has.
    let mut kept = of_7(before);
    kept.retain(|&(_, seqno)| seqno <= to);
    kept.extend(of_7(&after[1..]));
    let mut expected = handle.with_node(|node| visible(&node.bucket));
    expected.retain(|&(vbucket, _)| vbucket == 7);
    assert_all_once(&kept, &expected);
    assert!(
        notes
            .to_string()
            .contains("vbucket 7: rolled back to seqno"),
        "{notes}"
    );
}

#[tokio::test]
async fn a_rollback_at_the_start() {
    let fault = on(Opcode::DCP_STREAM_REQ, FaultKind::Close);
    let bucket = recipe().bucket();
    let mut node = Node::new(bucket);
    node.faults.push(Fault {
        after: 0,
        times: 0,
        ..fault
    });
    let (address, handle) = serve(node).await;
    let directory = Directory::new("rollback");
    let options = Options {
        checkpoints: Some(directory.file("checkpoint")),
        ..options(&address)
    };
    run(&options).await.ended.unwrap();
    handle.with_node(|node| node.bucket.fail_over(3, 40).unwrap());
    handle.with_node(|node| {
        for key in ["a", "b", "c"] {
            let document = mcbp::testing::Document::default();
            node.bucket
                .set(3, mcbp::value::CollectionId::DEFAULT, key, document)
                .unwrap();
        }
    });
    // The end is before where the checkpoint is: there is nothing to ask for, until there is.
    let endless = Options {
        until_now: false,
        ..options
    };
    let (shown, notes) = (Shown::default(), Shown::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let watch = async {
        shown.wait_for("\"key\":\"c\"").await;
        stop.send(()).unwrap();
    };
    let stop = async { stopped.await.unwrap() };
    let followed = tail::run(&endless, shown.clone(), quiet(&notes), stop);
    let (ended, ()) = tokio::join!(followed, watch);
    ended.unwrap();
    assert_eq!(shown.json()[0]["event"], "rollback");
}

#[tokio::test]
async fn a_restart_in_the_middle_goes_on_where_it_was() {
    let bucket = recipe().bucket();
    let expected = visible(&bucket);
    let (address, _) = serve(Node::new(bucket)).await;
    let directory = Directory::new("restart");
    let options = Options {
        checkpoints: Some(directory.file("checkpoint")),
        buffer_size: 2048,
        ..options(&address)
    };
    let mut all = Vec::new();
    let mut runs = 0;
    loop {
        let (shown, notes) = (Shown::default(), Shown::default());
        let enough = shown.clone();
        let stop = async move { enough.wait_for_lines(300).await };
        tail::run(&options, shown.clone(), quiet(&notes), stop)
            .await
            .unwrap();
        runs += 1;
        let places = shown.places();
        if places.is_empty() {
            break;
        }
        all.extend(places);
    }
    assert!(runs > 3, "{runs} runs");
    assert_all_once(&all, &expected);
}

/// What was shown after the file was last written comes again, and nothing is lost.
#[tokio::test]
async fn a_crash_repeats_and_loses_nothing() {
    let bucket = recipe().bucket();
    let mut expected = visible(&bucket);
    let (address, _) = serve(Node::new(bucket)).await;
    let directory = Directory::new("crash");
    let options = Options {
        checkpoints: Some(directory.file("checkpoint")),
        buffer_size: 2048,
        ..options(&address)
    };
    let (shown, notes) = (Shown::default(), Shown::default());
    tokio::select! {
        _ = tail::run(&options, shown.clone(), quiet(&notes), core::future::pending()) => {
            panic!("it should have been cut off")
        }
        () = shown.wait_for_lines(500) => {}
    }
    let mut all = shown.places();
    all.extend(run(&options).await.places());
    all.sort_unstable();
    all.dedup();
    expected.sort_unstable();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_vbucket_that_moves_away_is_told_and_left() {
    let (address, handle) = serve(Node::new(recipe().bucket())).await;
    let endless = Options {
        until_now: false,
        vbuckets: Some("4,5".parse().unwrap()),
        ..options(&address)
    };
    let (shown, notes) = (Shown::default(), Shown::default());
    let watch = async {
        shown.wait_for("\"vbucket\":5").await;
        for vbucket in [4, 5] {
            handle.with_node(|node| node.bucket.set_state(vbucket, VbucketState::DEAD));
        }
    };
    let pending = core::future::pending();
    let followed = tail::run(&endless, shown.clone(), quiet(&notes), pending);
    let (ended, ()) = tokio::join!(followed, watch);
    assert_eq!(ended.unwrap().missing, 2);
    let line = "vbucket 5: DCP_STREAM_REQ answered NOT_MY_VBUCKET: the vbucket is on another node";
    assert!(notes.to_string().contains(line), "{notes}");
}

/// A vbucket that has left is looked for again when the map of the cluster changes.
#[tokio::test]
async fn a_vbucket_that_comes_back() {
    let (address, handle) = serve(Node::new(recipe().bucket())).await;
    let wire = Wire::default();
    let endless = Options {
        until_now: false,
        vbuckets: Some("4,5".parse().unwrap()),
        ..options(&wire.to(address).await)
    };
    let (shown, notes) = (Shown::default(), Shown::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let write = |vbucket, key: &'static str| {
        let document = mcbp::testing::Document::default();
        let collection = mcbp::value::CollectionId::DEFAULT;
        handle.with_node(|node| node.bucket.set(vbucket, collection, key, document));
    };
    let watch = async {
        shown.wait_for("\"vbucket\":5").await;
        handle.with_node(|node| node.bucket.set_state(5, VbucketState::DEAD));
        notes.wait_for("answered NOT_MY_VBUCKET").await;
        handle.with_node(|node| node.bucket.set_state(5, VbucketState::ACTIVE));
        let mut notification = Vec::new();
        mcbp::Request::from(ClustermapChangeNotification {
            version: NotifiedVersion::Revision(2),
            bucket: "default".into(),
            map: "".into(),
        })
        .encode(&mut notification)
        .unwrap();
        wire.insert(notification);
        // Something has to come before it.
        write(4, "before");
        notes.wait_for("the map of the cluster has changed").await;
        write(5, "back");
        shown.wait_for("\"back\"").await;
        stop.send(()).unwrap();
    };
    let stop = async { stopped.await.unwrap() };
    let followed = tail::run(&endless, shown.clone(), quiet(&notes), stop);
    let (ended, ()) = tokio::join!(followed, watch);
    assert_eq!(ended.unwrap().missing, 0);
}
