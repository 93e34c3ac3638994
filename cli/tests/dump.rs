//! The `mcbp` command as its users meet it.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn capture(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    tests.join("captures").join(name)
}

fn mcbp() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcbp"));
    command.arg("dump").stdin(Stdio::null());
    command
}

fn dump(name: &str, options: &[&str]) -> Output {
    mcbp().args(options).arg(capture(name)).output().unwrap()
}

/// The output, given these bytes on standard input.
fn dump_stdin(bytes: &[u8], options: &[&str]) -> Output {
    let mut child = mcbp()
        .args(options)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    // A child that has seen enough closes the pipe.
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).err());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn stdout(output: &Output) -> &str {
    core::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    core::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn a_line_per_packet_and_success_if_all_is_well() {
    let output = dump("two-nodes.pcap", &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
    assert_eq!(stdout(&output).lines().count(), 5686);
    assert!(
        !stdout(&output).contains('\x1b'),
        "no colour where there is no terminal"
    );
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_the_rest_goes_on() {
    let output = dump("consumer.pcap", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output).lines().count(), 9746);
    let place = "mcbp: connection 119, 127.0.0.1:44604 to 127.0.0.1:11310, byte 903: ";
    let problem = format!("{place}DCP_COMMIT: value of 1 bytes, expected none");
    assert!(stderr(&output).lines().any(|line| line == problem));
    assert!(stdout(&output).contains("illegal header: sections need 41 bytes, the body has 8"));
}

#[test]
fn json_has_every_field_of_every_packet() {
    let output = dump("durability.pcap", &["--json"]);
    let packets: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(packets.len(), 1008);
    for (number, packet) in (1..).zip(&packets) {
        assert_eq!(packet["packet"], number);
        assert!(
            packet["message"].is_object() || packet["error"].is_string(),
            "{packet}"
        );
        assert_eq!(
            packet["lengths"]["packet"].as_u64().unwrap(),
            packet["lengths"]["body"].as_u64().unwrap() + 24,
        );
    }
    let prepare = packets
        .iter()
        .find(|packet| packet["opcode"] == "DCP_PREPARE")
        .unwrap();
    let fields: Vec<_> = prepare["message"].as_object().unwrap().keys().collect();
    let expected = [
        "by_seqno",
        "rev_seqno",
        "flags",
        "expiration",
        "lock_time",
        "nru",
        "deleted",
        "durability_level",
        "key",
        "value",
        "collection",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        prepare["message"]["key"]["redacted"],
        prepare["lengths"]["key"]
    );
}

/// Every packet of a capture, by both of the numbers that tell it apart.
fn identities(output: &Output) -> Vec<Value> {
    let identity = |line| {
        let packet: Value = serde_json::from_str(line).unwrap();
        packet["packet"].clone()
    };
    stdout(output).lines().map(identity).collect()
}

#[test]
fn filters_leave_out_the_rest_and_renumber_nothing() {
    let all: Vec<Value> = stdout(&dump("two-nodes.pcap", &["--json"]))
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected = |passes: &dyn Fn(&Value) -> bool| -> Vec<Value> {
        let passing = all.iter().filter(|packet| passes(packet));
        passing.map(|packet| packet["packet"].clone()).collect()
    };
    let vbucket = identities(&dump("two-nodes.pcap", &["--json", "--vbucket", "3"]));
    assert_eq!(vbucket, expected(&|packet| packet["vbucket"] == 3));
    assert!(vbucket.len() > 100);

    for name in ["DCP_PREPARE", "prepare", "0x60", "96"] {
        let output = dump("two-nodes.pcap", &["--json", "--opcode", name]);
        let prepares = identities(&output);
        assert_eq!(
            prepares,
            expected(&|packet| packet["opcode"] == "DCP_PREPARE")
        );
        assert_eq!(prepares.len(), 16);
    }

    let ends = ["source", "destination"];
    let port = identities(&dump("two-nodes.pcap", &["--json", "--port", "11310"]));
    let of_port = |packet: &Value, end| packet[end].as_str().unwrap().ends_with(":11310");
    assert_eq!(
        port,
        expected(&|packet| ends.iter().any(|end| of_port(packet, *end)))
    );
    assert!(port.len() > 100 && port.len() < all.len());

    let options = [
        "--json",
        "--vbucket",
        "3",
        "--opcode",
        "commit",
        "--opcode",
        "abort",
    ];
    let both = identities(&dump("two-nodes.pcap", &options));
    let is_end =
        |packet: &Value| packet["opcode"] == "DCP_COMMIT" || packet["opcode"] == "DCP_ABORT";
    assert_eq!(
        both,
        expected(&|packet| packet["vbucket"] == 3 && is_end(packet))
    );

    let unknown = dump("two-nodes.pcap", &["--opcode", "no-such-opcode"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn responses_are_about_the_vbucket_of_their_request() {
    let output = dump("two-nodes.pcap", &["--json", "--opcode", "stream-req"]);
    let packets: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (requests, responses): (Vec<_>, Vec<_>) = packets
        .iter()
        .partition(|packet| packet["status"].is_null());
    assert_eq!((requests.len(), responses.len()), (26, 26));
    for response in responses {
        let answered = |request: &&&Value| {
            request["opaque"] == response["opaque"]
                && request["source"] == response["destination"]
                && request["connection"] == response["connection"]
                && request["packet"].as_u64() < response["packet"].as_u64()
        };
        let request = requests.iter().rfind(answered).unwrap();
        assert_eq!(request["vbucket"], response["vbucket"]);
    }
}

#[test]
fn keys_and_values_are_looked_into() {
    let output = dump("producer-8.0.1.pcap", &["--json"]);
    let packets: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let message = |opcode: &str, passes: &dyn Fn(&Value) -> bool| {
        let packet = packets
            .iter()
            .find(|packet| packet["opcode"] == opcode && passes(&packet["message"]));
        packet.unwrap()["message"].clone()
    };
    let fruit = message("DCP_SYSTEM_EVENT", &|message| message["name"] == "fruit");
    assert_eq!(fruit["id"], "CREATE_COLLECTION");
    assert_eq!(fruit["collection"], "0x00000008");
    assert_eq!(fruit["scope"], "0x00000000");
    let flatbuffers = message("DCP_SYSTEM_EVENT", &|message| message["version"] == 2);
    assert!(flatbuffers["manifest_uid"].is_string());
    let in_fruit = message("DCP_MUTATION", &|message| {
        message["collection"] == "0x00000008"
    });
    assert!(in_fruit["by_seqno"].is_u64());
    let with_xattrs = message("DCP_DELETION", &|message| message["xattrs"].is_array());
    assert!(with_xattrs["xattrs"][0]["key"]["redacted"].is_u64());
    let unknown = packets
        .iter()
        .find(|packet| packet["status"] == "UNKNOWN_COLLECTION")
        .unwrap();
    assert!(unknown["message"]["context"].is_string());
    assert!(unknown["message"]["manifest_uid"].is_string());
}

#[test]
fn user_data_is_shown_only_to_who_asks_for_it() {
    let options = ["--opcode", "prepare"];
    for format in [&[][..], &["--json"]] {
        let options = [&options[..], format].concat();
        let redacted = dump("two-nodes.pcap", &options);
        assert!(!stdout(&redacted).contains("noack"));
        let options = [&options[..], &["--unredacted"]].concat();
        let unredacted = dump("two-nodes.pcap", &options);
        assert!(stdout(&unredacted).contains("noack"));
    }
}

#[test]
fn a_raw_stream_is_read_without_frames() {
    for name in ["marker-2.2.s2c.bin", "marker-2.2-sync.s2c.bin"] {
        let file = dump(name, &["--raw"]);
        assert_eq!(file.status.code(), Some(0));
        let piped = dump_stdin(&fs::read(capture(name)).unwrap(), &["--raw"]);
        assert_eq!(stdout(&file), stdout(&piped));
        assert!(stdout(&file).contains("version=2.2"));
    }
}

#[test]
fn a_raw_stream_is_taken_up_again_behind_garbage() {
    let bytes = fs::read(capture("marker-2.2.s2c.bin")).unwrap();
    let whole = stdout(&dump_stdin(&bytes, &["--raw"])).lines().count();
    let garbage = [&bytes[..], b"garbage", &bytes[..]].concat();
    let output = dump_stdin(&garbage, &["--raw"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output).lines().count(), 2 * whole);
    let at = bytes.len();
    let problems = [
        format!("mcbp: byte {at}: unknown magic 0x67"),
        format!("mcbp: byte {at}: 7 bytes passed over to find a header"),
    ];
    assert_eq!(stderr(&output).lines().collect::<Vec<_>>(), problems);

    let cut = dump_stdin(&bytes[..at - 1], &["--raw"]);
    assert_eq!(cut.status.code(), Some(1));
    assert_eq!(stdout(&cut).lines().count(), whole - 1);
    assert!(stderr(&cut).contains("the stream ends after"));
}

#[test]
fn a_cut_off_capture_is_read_as_far_as_it_goes() {
    let bytes = fs::read(capture("durability.pcap")).unwrap();
    let mut lines = 0;
    for len in (24..bytes.len()).step_by(20_011) {
        let output = dump_stdin(&bytes[..len], &[]);
        let more = stdout(&output).lines().count();
        assert!(more >= lines, "{len} bytes");
        lines = more;
        if !stderr(&output).is_empty() {
            assert_eq!(output.status.code(), Some(1));
        }
    }
    assert!(lines > 500);
}

#[test]
fn what_is_no_capture_is_said_in_one_line() {
    for bytes in [
        &b""[..],
        b"x",
        b"not a capture at all, whatever its name says",
    ] {
        let output = dump_stdin(bytes, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(stdout(&output), "");
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        assert!(stderr(&output).contains("not a pcap or pcapng capture"));
    }
    let missing = dump("no-such-file.pcap", &[]);
    assert_eq!(missing.status.code(), Some(2));
    assert_eq!(stderr(&missing).lines().count(), 1);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut child = mcbp()
        .arg(capture("consumer.pcap"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 64];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert!(
        !stderr(&output).to_lowercase().contains("pipe"),
        "{}",
        stderr(&output)
    );
    assert!(!stderr(&output).contains("panicked"));
    assert_eq!(output.status.code(), Some(0));
}
