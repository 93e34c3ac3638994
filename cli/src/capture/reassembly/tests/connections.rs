//! Which segments are of one connection, and who began it.

use super::*;

const NONE: [&str; 0] = [];

#[test]
fn connections_are_numbered_in_order_of_appearance() {
    let mut log = Log::new();
    log.push(between(CLIENT, SERVER, 0, b"").syn());
    log.push(between("[::1]:3", SERVER, 0, b"").syn());
    assert_eq!(log.after(between("[::1]:3", SERVER, 1, b"b")), ["2> b"]);
    assert_eq!(log.after(client(1, b"a")), ["1> a"]);
}

#[test]
fn a_connection_without_its_start() {
    let mut log = Log::new();
    assert_eq!(log.after(client(1000, b"").ack(7)), NONE);
    assert_eq!(log.after(client(1000, b"abc").ack(7)), ["1~ abc"]);
    assert_eq!(
        log.after(client(997, b"xyz").ack(7)),
        NONE,
        "older than the first"
    );
    assert_eq!(log.after(client(998, b"yzabcde").ack(7)), ["1~ de"]);
    assert_eq!(log.after(server(7, b"R").ack(1005)), ["1~ R"]);
    assert_eq!(log.finish(), ["1~ EndOfCapture", "1~ EndOfCapture"]);
}

#[test]
fn a_probe_is_not_taken_for_the_start() {
    let mut log = Log::new();
    assert_eq!(log.after(client(999, b"").ack(7)), NONE);
    assert_eq!(log.after(client(1000, b"a").ack(7)), ["1~ a"]);
}

#[test]
fn a_syn_ack_alone_tells_the_initiator_and_both_starts() {
    let mut log = Log::new();
    log.push(server(499, b"").syn().ack(100));
    assert_eq!(log.after(client(102, b"c")), NONE);
    assert_eq!(log.after(client(100, b"ab")), ["1> ab", "1> c"]);
    assert_eq!(log.after(server(500, b"x")), ["1< x"]);
}

#[test]
fn a_handshake_captured_out_of_order_is_one_connection() {
    let [syn, syn_ack, ack] = handshake();
    for order in [
        [syn_ack, syn, ack],
        [ack, syn_ack, syn],
        [syn_ack, ack, syn],
    ] {
        let mut log = Log::new();
        for segment in order {
            assert_eq!(log.after(segment), NONE);
        }
        assert_eq!(log.after(server(500, b"x").ack(100)), ["1< x"]);
        assert_eq!(log.after(client(100, b"a").ack(501)), ["1> a"]);
    }
    let mut log = Log::new();
    assert_eq!(log.after(client(100, b"a").ack(500)), ["1~ a"]);
    assert_eq!(log.after(syn), NONE);
    assert_eq!(log.after(client(101, b"b").ack(500)), ["1> b"]);
}

#[test]
fn both_sides_may_open() {
    let mut log = Log::new();
    log.push(client(99, b"").syn());
    log.push(server(499, b"").syn());
    log.push(client(99, b"").syn().ack(500));
    log.push(server(499, b"").syn().ack(100));
    assert_eq!(log.after(server(500, b"x")), ["1< x"]);
    assert_eq!(log.after(client(100, b"a")), ["1> a"]);
}

#[test]
fn a_repeated_handshake_changes_nothing() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(100, b"ab").ack(500)), ["1> ab"]);
    for segment in handshake() {
        assert_eq!(log.after(segment), NONE);
    }
    assert_eq!(log.after(client(102, b"c").ack(500)), ["1> c"]);
}

#[test]
fn another_syn_begins_another_connection() {
    let mut log = Log::opened();
    log.push(client(102, b"c"));
    assert_eq!(
        log.after(client(7000, b"").syn()),
        ["1> +2", "1> c", "1> Reused", "1< Reused"]
    );
    assert_eq!(log.after(server(9000, b"").syn().ack(7001)), NONE);
    assert_eq!(log.after(client(7001, b"new").ack(9001)), ["2> new"]);
    assert_eq!(log.after(server(9001, b"too").ack(7004)), ["2< too"]);
}

#[test]
fn another_syn_ack_begins_another_connection() {
    let mut log = Log::opened();
    assert_eq!(
        log.after(server(9000, b"").syn().ack(7001)),
        ["1> Reused", "1< Reused"]
    );
    assert_eq!(log.after(client(7001, b"new").ack(9001)), ["2> new"]);
}

#[test]
fn another_answer_to_the_same_syn_is_ignored() {
    let mut log = Log::opened();
    assert_eq!(log.after(server(9000, b"").syn().ack(100)), NONE);
    assert_eq!(log.after(server(500, b"x")), ["1< x"]);
}

#[test]
fn a_syn_after_the_other_side_has_sent_begins_another_connection() {
    let mut log = Log::new();
    assert_eq!(log.after(server(500, b"old").ack(1)), ["1~ old"]);
    assert_eq!(log.after(client(99, b"").syn()), ["1~ Reused", "1~ Reused"]);
    log.push(server(499, b"").syn().ack(100));
    assert_eq!(log.after(server(500, b"new").ack(100)), ["2< new"]);
}

#[test]
fn the_other_side_may_open_the_next_connection() {
    let mut log = Log::opened();
    assert_eq!(
        log.after(server(5000, b"").syn()),
        ["1> Reused", "1< Reused"]
    );
    assert_eq!(log.after(server(5001, b"x")), ["2> x"]);
}

/// Closes or resets what [`Log::opened`] has opened.
fn ended() -> [Log; 2] {
    let mut closed = Log::opened();
    assert_eq!(
        closed.after(client(100, b"ab").fin().ack(500)),
        ["1> ab", "1> Fin"]
    );
    assert_eq!(closed.after(server(500, b"").fin().ack(103)), ["1< Fin"]);
    let mut reset = Log::opened();
    assert_eq!(reset.after(client(100, b"ab").ack(500)), ["1> ab"]);
    assert_eq!(
        reset.after(server(500, b"").rst().ack(102)),
        ["1> Reset", "1< Reset"]
    );
    [closed, reset]
}

#[test]
fn any_syn_begins_another_connection_after_the_end() {
    for mut log in ended() {
        assert_eq!(log.after(client(99, b"").syn()), NONE);
        assert_eq!(log.after(client(100, b"again")), ["2> again"]);
    }
    for mut log in ended() {
        assert_eq!(log.after(server(499, b"").syn().ack(100)), NONE);
        assert_eq!(log.after(client(100, b"again")), ["2> again"]);
    }
}

#[test]
fn what_comes_late_after_the_end_is_ignored() {
    for mut log in ended() {
        assert_eq!(log.after(client(100, b"ab").fin().ack(500)), NONE);
        assert_eq!(log.after(client(110, b"in flight").ack(500)), NONE);
        assert_eq!(log.after(server(501, b"").ack(103)), NONE);
        assert_eq!(log.after(client(103, b"").rst()), NONE);
        assert_eq!(log.finish(), NONE);
    }
}

#[test]
fn payload_far_off_after_the_end_begins_another_connection() {
    for mut log in ended() {
        assert_eq!(log.after(client(0x4000_0000, b"new").ack(500)), ["2~ new"]);
    }
    for mut log in ended() {
        assert_eq!(log.after(server(0xC000_0000, b"new").ack(500)), ["2~ new"]);
    }
}

#[test]
fn strays_are_ignored_until_there_are_too_many() {
    let mut log = Log::opened();
    for seq in 0..15 {
        assert_eq!(log.after(client(0x8000_0000 + seq, b"s").ack(500)), NONE);
    }
    assert_eq!(log.after(client(100, b"a").ack(500)), ["1> a"]);
    for seq in 0..15 {
        assert_eq!(log.after(client(0x8000_0000 + seq, b"s").ack(500)), NONE);
        assert_eq!(log.after(client(0x8000_0000, b"").rst()), NONE);
        assert_eq!(log.after(client(0x8000_0000, b"").ack(500_000)), NONE);
    }
    let lines = log.after(client(0x8000_000F, b"new").ack(500));
    assert_eq!(lines, ["1> Reused", "1< Reused", "2~ new"]);
}

#[test]
fn a_reset_alone_is_no_connection() {
    let mut log = Log::new();
    assert_eq!(log.after(client(5, b"").rst()), NONE);
    assert_eq!(log.after(client(5, b"a")), ["1~ a"]);
}

#[test]
fn a_refused_connection() {
    let mut log = Log::new();
    assert_eq!(log.after(client(99, b"").syn()), NONE);
    assert_eq!(
        log.after(server(0, b"").rst().ack(100)),
        ["1> Reset", "1< Reset"]
    );
    assert_eq!(log.after(client(300, b"").syn()), NONE);
    assert_eq!(log.finish(), ["2> EndOfCapture", "2< EndOfCapture"]);
}

#[test]
fn a_side_that_has_not_sent_anything_begins_another_connection() {
    let mut log = Log::new();
    log.push(client(99, b"").syn());
    assert_eq!(log.after(client(100, b"").rst()), ["1> Reset", "1< Reset"]);
    assert_eq!(log.after(server(500, b"new").ack(100)), ["2~ new"]);
}

#[test]
fn the_reason_in_a_reset_is_no_data() {
    let mut log = Log::opened();
    assert_eq!(
        log.after(client(100, b"why").rst()),
        ["1> Reset", "1< Reset"]
    );
}

#[test]
fn the_connection_silent_for_longest_is_evicted() {
    let mut log = Log::with_limits(Limits {
        connections: 2,
        ..Limits::default()
    });
    let [a, b, c] = ["10.0.0.3:1", "10.0.0.3:2", "10.0.0.3:3"];
    log.push(between(a, SERVER, 0, b"").syn());
    log.push(between(b, SERVER, 0, b"").syn());
    log.push(between(b, SERVER, 2, b"held back"));
    log.push(between(SERVER, a, 0, b"").syn().ack(1));
    assert_eq!(
        log.after(between(c, SERVER, 0, b"").syn()),
        ["2> +1", "2> held back", "2> Evicted", "2< Evicted"]
    );
    assert_eq!(log.reassembler.held.total(), 0);
    assert_eq!(log.after(between(a, SERVER, 1, b"a")), ["1> a"]);
    assert_eq!(log.finish().len(), 4);
}

#[test]
fn a_limit_of_no_connections_is_one() {
    let mut log = Log::with_limits(Limits {
        connections: 0,
        ..Limits::default()
    });
    log.push(client(0, b"").syn());
    assert_eq!(log.after(client(1, b"a")), ["1> a"]);
}

#[test]
fn a_connection_with_itself_is_harmless() {
    let mut log = Log::new();
    log.push(between(SERVER, SERVER, 0, b"").syn());
    assert_eq!(log.after(between(SERVER, SERVER, 1, b"me")), ["1> me"]);
    assert_eq!(log.finish(), ["1> EndOfCapture", "1< EndOfCapture"]);
}
