//! The program itself: arguments, environment, signals, exit status.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use mcbp::testing::Node;
use mcbp_cli::serve::Passwords;

use super::harness::*;

fn mcbp(address: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcbp"));
    command
        .args(["tail", address, "--user", "reader", "--bucket", "default"])
        .args(more)
        .env("MCBP_PASSWORD", "secret")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn node() -> Node {
    let mut node = Node::new(recipe().bucket());
    let users = [("reader".to_owned(), "secret".to_owned())].into();
    node.authenticator = Box::new(Passwords::new(&users).unwrap());
    node
}

async fn output(mut command: Command) -> (Option<i32>, String, String) {
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// With SCRAM, as nobody asks for PLAIN.
#[tokio::test]
async fn all_of_it_as_json() {
    let node = node();
    let expected = visible(&node.bucket);
    let (address, _) = serve(node).await;
    let (code, out, err) = output(mcbp(&address, &["--until-now", "--json"])).await;
    assert_eq!(code, Some(0), "{err}");
    let places: Vec<_> = out
        .lines()
        .map(|line| place(&serde_json::from_str(line).unwrap()))
        .collect();
    assert_all_once(&places, &expected);
    assert!(err.ends_with(" s\n") && err.contains(" changes, "), "{err}");
    assert!(!err.contains("secret"));
}

#[tokio::test]
async fn exit_statuses() {
    let (address, _) = serve(node()).await;
    let directory = Directory::new("binary");
    let file = directory.file("password");
    std::fs::write(&file, "wrong\nsecret\n").unwrap();
    let file = file.to_str().unwrap();
    let status = |more: &'static [&str]| output(mcbp(&address, more));
    assert_eq!(status(&["--until-now", "--stats"]).await.0, Some(0));
    assert_eq!(status(&["--vbuckets", "5-3"]).await.0, Some(2));
    assert_eq!(
        status(&["--scope", "a", "--collection", "b"]).await.0,
        Some(2)
    );
    assert_eq!(status(&["--scope", "no-such-scope"]).await.0, Some(3));
    assert_eq!(status(&["--ca", "no-such-file"]).await.0, Some(2));
    let (code, out, err) = output(mcbp(&address, &["--password-file", file])).await;
    assert_eq!((code, out.as_str()), (Some(3), ""));
    let line = "SASL_STEP answered AUTH_ERROR: the user or the password is wrong";
    assert!(err.contains(line) && err.lines().count() == 2, "{err}");
    assert!(!err.contains("secret"));
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_is_an_end_with_a_checkpoint() {
    for signal in ["-INT", "-TERM"] {
        let node = node();
        let count = visible(&node.bucket).len();
        let (address, _) = serve(node).await;
        let directory = Directory::new("signal");
        let file = directory.file("checkpoint");
        let more = [
            "--from",
            "beginning",
            "--json",
            "--checkpoint",
            file.to_str().unwrap(),
        ];
        let mut command = mcbp(&address, &more);
        let first = move || {
            let mut child: Child = command.spawn().unwrap();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            for _ in 0..count {
                out.read_line(&mut line).unwrap();
            }
            let pid = child.id().to_string();
            assert!(
                Command::new("kill")
                    .args([signal, &pid])
                    .status()
                    .unwrap()
                    .success()
            );
            let mut rest = String::new();
            out.read_to_string(&mut rest).unwrap();
            assert_eq!(rest, "");
            child.wait().unwrap().code()
        };
        let code = tokio::task::spawn_blocking(first).await.unwrap();
        assert_eq!(code, Some(0), "{signal}");
        let more = [
            "--until-now",
            "--json",
            "--checkpoint",
            file.to_str().unwrap(),
        ];
        let (code, out, err) = output(mcbp(&address, &more)).await;
        assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    }
}

/// `mcbp tail ... | head -1`
#[tokio::test]
async fn a_reader_that_has_seen_enough() {
    let (address, _) = serve(node()).await;
    let mut command = mcbp(&address, &["--from", "beginning"]);
    let first = move || {
        let mut child: Child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        (line, child.wait().unwrap().code())
    };
    let (line, code) = tokio::task::spawn_blocking(first).await.unwrap();
    assert!(line.starts_with("vb="), "{line}");
    assert_eq!(code, Some(0));
}
