//! Calling tshark.

use std::io::{BufReader, ErrorKind};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::pdml::{self, Dissected};

/// The version of tshark, if it is installed.
pub(crate) fn version() -> Option<String> {
    let output = match tshark().arg("--version").output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("tshark: {error}"),
    };
    let text = String::from_utf8(output.stdout).expect("text");
    let (_, version) = text.split_once(") ").expect("TShark (Wireshark) 1.2.3 ...");
    version
        .split_whitespace()
        .next()
        .map(|it| it.trim_end_matches('.').to_owned())
}

/// The names that tshark has for values.
pub(crate) fn names_of_values() -> String {
    let output = tshark().args(["-G", "values"]).output().expect("tshark");
    // Those of some other protocols are not UTF-8.
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What tshark makes of a capture, whatever the ports.
pub(crate) fn dissect(capture: &Path) -> Vec<Dissected> {
    let mut command = tshark();
    command
        .args(["-n", "-d", "tcp.port==1-65535,couchbase", "-Y", "couchbase"])
        .args(["-T", "pdml", "-J", "couchbase", "-r"])
        .arg(capture)
        .stdout(Stdio::piped());
    let mut child = command.spawn().expect("tshark");
    let output = child.stdout.take().expect("a pipe");
    let packets = pdml::read(BufReader::new(output));
    let status = child.wait().expect("tshark");
    assert!(status.success(), "{command:?}: {status}");
    packets
}

/// Without the settings of whoever runs the tests.
fn tshark() -> Command {
    let mut command = Command::new("tshark");
    command
        .env("WIRESHARK_CONFIG_DIR", env!("CARGO_TARGET_TMPDIR"))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}
