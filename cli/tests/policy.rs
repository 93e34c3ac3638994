//! `mcbp policy`, and the verdicts of `mcbp dump`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn mcbp(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcbp"));
    command.args(args).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    core::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn the_table_is_that_of_the_library() {
    let table = format!(
        "{}\n{}\n",
        mcbp::policy::markdown(),
        mcbp::policy::stream_ends_markdown()
    );
    let output = mcbp(&["policy"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), table);
}

/// MB-37009, and what `v7_dcp_status_codes` made of it.
#[test]
fn one_answer_is_explained_for_each_edition() {
    for arguments in [
        ["mutation", "KEY_EEXISTS"],
        ["0x57", "0x02"],
        ["DCP_MUTATION", "2"],
    ] {
        let output = mcbp(&["policy", arguments[0], arguments[1]]);
        let lines: Vec<_> = stdout(&output).lines().collect();
        assert_eq!(
            lines[0],
            "DCP_MUTATION answered with KEY_EEXISTS; at the producer, opaque of: stream"
        );
        let verdicts: Vec<_> = lines[1..]
            .iter()
            .map(|line| line[17..].split(':').next())
            .collect();
        let expected = ["stream only", "stream only", "stream only", "fatal"].map(Some);
        assert_eq!(verdicts, expected);
    }
}

#[test]
fn what_is_asked_can_be_narrowed_down() {
    let asked = [
        "policy",
        "noop",
        "success",
        "--edition",
        "7.0",
        "--opaque",
        "nothing",
    ];
    let output = mcbp(&asked);
    let lines: Vec<_> = stdout(&output).lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].contains("fatal"), "{}", lines[1]);
    for wrong in [
        &["policy", "mutation"][..],
        &["policy", "no-such-opcode", "0"],
        &["policy", "mutation", "no-such-status"],
        &["policy", "mutation", "0", "--edition", "5.0"],
    ] {
        assert_eq!(mcbp(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

/// What real nodes did upon these answers is in the same capture: they closed the connection after
/// the fatal ones, and after none of the others.
#[test]
fn a_dump_tells_the_verdict_on_all_but_success() {
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures/two-nodes.pcap");
    let output = mcbp(&["dump", "--json", capture.to_str().unwrap()]);
    let packets: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut fatal = Vec::new();
    for packet in &packets {
        let judged = !packet["status"].is_null() && packet["status"] != "SUCCESS";
        assert_eq!(packet["verdict"].is_object(), judged, "{packet}");
        if packet["verdict"]["judgement"] == "fatal" {
            fatal.push(packet);
        }
    }
    // A replica that was turned dead answers a mutation, first to the proxy, then to the producer.
    assert_eq!(fatal.len(), 2);
    for packet in fatal {
        assert_eq!(packet["opcode"], "DCP_MUTATION");
        assert_eq!(packet["status"], "ERANGE");
        assert_eq!(packet["verdict"]["rule"], "producer-other");
    }
}
