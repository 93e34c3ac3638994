//! When missing bytes are given up, and how many they are.

use super::*;

/// Opens a connection, loses the client's first two bytes, and captures `count` segments of one
/// byte after them.
fn with_lost_bytes(count: u32) -> Log {
    let mut log = Log::opened();
    for index in 0..count {
        assert_eq!(log.after(client(102 + index, b"x")), [""; 0]);
    }
    log
}

#[test]
fn acknowledged_bytes_are_given_up_after_more_segments() {
    let mut log = with_lost_bytes(15);
    assert_eq!(log.after(server(500, b"").ack(117)), [""; 0]);
    let lines = log.after(client(117, b"!"));
    assert_eq!(lines.first().unwrap(), "1> +2");
    assert_eq!(lines.len(), 17);
    assert_eq!(lines.last().unwrap(), "1> !");
    assert_eq!(log.after(client(100, b"ab")), [""; 0], "too late");
}

#[test]
fn the_acknowledgement_may_come_last() {
    let mut log = with_lost_bytes(40);
    assert_eq!(
        log.after(server(500, b"").ack(101)),
        [""; 0],
        "not all that is missing"
    );
    assert_eq!(log.after(server(500, b"").ack(102)).len(), 41);
}

#[test]
fn nothing_is_given_up_as_long_as_it_may_be_sent_again() {
    let mut log = with_lost_bytes(100);
    assert_eq!(log.after(server(500, b"").ack(100)), [""; 0]);
    assert_eq!(log.after(client(100, b"ab")).len(), 101);
}

#[test]
fn each_gap_takes_its_own_patience() {
    let mut log = with_lost_bytes(16);
    // Another byte is missing at 118.
    assert_eq!(log.after(client(119, b"y")), [""; 0]);
    assert_eq!(log.after(server(500, b"").ack(120)).len(), 17);
    assert_eq!(log.after(client(118, b"x")), ["1> x", "1> y"]);
}

#[test]
fn too_much_of_one_stream_is_held_back() {
    let limits = Limits {
        stream_bytes: 4096,
        ..Limits::default()
    };
    let mut log = Log::with_limits(limits);
    log.push(client(99, b"").syn());
    assert_eq!(log.after(client(101, &[b'x'; 2000])), [""; 0]);
    assert_eq!(log.after(client(2102, &[b'y'; 1800])), [""; 0]);
    let lines = log.after(client(3903, &[b'z'; 10]));
    // The first gap is enough to be below the limit again.
    assert_eq!(
        lines,
        ["1> +1".to_owned(), format!("1> {}", "x".repeat(2000))]
    );
    assert!(log.reassembler.held.total() <= 4096);
    assert_eq!(log.after(client(2101, b"_")).len(), 2);
}

#[test]
fn too_much_is_held_back_altogether() {
    let limits = Limits {
        total_bytes: 4096,
        ..Limits::default()
    };
    let mut log = Log::with_limits(limits);
    let others = ["10.0.0.3:1", "10.0.0.3:2", "10.0.0.3:3"];
    for (source, lines) in others.into_iter().zip([0, 0, 2]) {
        log.push(between(source, SERVER, 0, b"").syn());
        assert_eq!(
            log.after(between(source, SERVER, 2, &[0; 1500])).len(),
            lines
        );
        assert!(log.reassembler.held.total() <= 4096);
    }
    let lines = log.finish();
    assert_eq!(
        lines.iter().filter(|line| line.ends_with("> +1")).count(),
        2
    );
}

#[test]
fn small_segments_count_for_more_than_their_bytes() {
    let mut log = Log::with_limits(Limits {
        stream_bytes: 4096,
        ..Limits::default()
    });
    log.push(client(99, b"").syn());
    for index in 0..1000 {
        log.push(client(101 + 2 * index, b"x"));
        assert!(log.reassembler.held.total() <= 4096);
    }
    assert!(log.lines.len() > 1900);
}

#[test]
fn the_end_of_the_capture_gives_up_everything() {
    let mut log = Log::opened();
    log.push(client(103, b"d"));
    log.push(client(105, b"f"));
    assert_eq!(
        log.finish(),
        [
            "1> +3",
            "1> d",
            "1> +1",
            "1> f",
            "1> EndOfCapture",
            "1< EndOfCapture"
        ]
    );
}

#[test]
fn a_reset_gives_up_everything() {
    let mut log = Log::opened();
    log.push(client(102, b"c"));
    let lines = log.after(server(500, b"").rst());
    assert_eq!(lines, ["1> +2", "1> c", "1> Reset", "1< Reset"]);
}

#[test]
fn bytes_before_a_fin_are_given_up() {
    let mut log = Log::opened();
    log.push(client(105, b"").fin());
    assert_eq!(log.finish(), ["1> +5", "1> Fin", "1< EndOfCapture"]);
}

#[test]
fn acknowledged_bytes_at_the_very_end_are_a_gap() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(100, b"a")), ["1> a"]);
    log.push(server(500, b"").ack(111));
    assert_eq!(
        log.finish(),
        ["1> +10", "1> EndOfCapture", "1< EndOfCapture"]
    );

    // This may be a FIN.
    let mut log = Log::opened();
    log.push(server(500, b"").ack(101));
    assert_eq!(log.finish(), ["1> EndOfCapture", "1< EndOfCapture"]);
}

#[test]
fn bytes_cut_off_are_a_gap_at_once() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(100, b"ab").cut(8)), ["1> ab", "1> +8"]);
    assert_eq!(log.after(client(110, b"").cut(4)), ["1> +4"]);
    assert_eq!(log.after(client(110, b"").cut(4)), [""; 0]);
    assert_eq!(log.after(client(112, b"cdef")), ["1> ef"]);
    assert_eq!(
        log.after(client(116, b"g").cut(3).fin()),
        ["1> g", "1> +3", "1> Fin"]
    );
}

#[test]
fn bytes_cut_off_keep_their_place_out_of_order() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(105, b"fg").cut(3)), [""; 0]);
    assert_eq!(log.after(client(110, b"k")), [""; 0]);
    assert_eq!(
        log.after(client(100, b"abcde")),
        ["1> abcde", "1> fg", "1> +3", "1> k"]
    );
}

#[test]
fn bytes_cut_off_are_taken_from_another_segment() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(104, b"ef")), [""; 0]);
    assert_eq!(
        log.after(client(100, b"ab").cut(6)),
        ["1> ab", "1> +2", "1> ef", "1> +2"]
    );
}
