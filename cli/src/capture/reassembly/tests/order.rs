//! The bytes of a direction come out once and in order.

use super::*;

#[test]
fn segments_in_order_are_handed_on_at_once_and_not_copied() {
    let mut reassembler = Reassembler::default();
    let payload = *b"hello";
    let mut events = 0;
    reassembler.push(Some(42), &client(7, &payload).ack(1), &mut |event| {
        events += 1;
        let EventKind::Data(bytes) = event.kind else {
            panic!("{event:?}")
        };
        assert!(core::ptr::eq(bytes, payload.as_slice()));
        assert_eq!(event.connection.get(), 1);
        assert_eq!(
            (event.source, event.destination),
            (CLIENT.parse().unwrap(), SERVER.parse().unwrap())
        );
        assert_eq!(event.time_ns, Some(42));
    });
    assert_eq!(events, 1);
}

#[test]
fn a_whole_connection() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(100, b"ask").ack(500)), ["1> ask"]);
    assert_eq!(log.after(server(500, b"answer").ack(103)), ["1< answer"]);
    assert_eq!(log.after(client(103, b"").fin().ack(506)), ["1> Fin"]);
    assert_eq!(log.after(server(506, b"more").ack(104)), ["1< more"]);
    assert_eq!(
        log.after(server(510, b"!").fin().ack(104)),
        ["1< !", "1< Fin"]
    );
    assert_eq!(log.after(client(104, b"").ack(512)), [""; 0]);
    assert_eq!(log.finish(), [""; 0]);
}

#[test]
fn retransmissions_add_only_what_is_new() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(100, b"abcdef")), ["1> abcdef"]);
    assert_eq!(log.after(client(100, b"abcdef")), [""; 0]);
    assert_eq!(log.after(client(102, b"cd")), [""; 0]);
    assert_eq!(log.after(client(103, b"defgh")), ["1> gh"]);
    assert_eq!(log.after(client(100, b"abcdefghij")), ["1> ij"]);
}

#[test]
fn segments_out_of_order_are_sorted() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(106, b"gh")), [""; 0]);
    assert_eq!(log.after(client(102, b"cd")), [""; 0]);
    assert_eq!(log.after(client(100, b"ab")), ["1> ab", "1> cd"]);
    assert_eq!(log.after(client(104, b"ef")), ["1> ef", "1> gh"]);
    assert_eq!(log.reassembler.held.total(), 0);
}

#[test]
fn held_back_segments_may_overlap_in_any_way() {
    let mut log = Log::opened();
    for (seq, payload) in [
        (105, b"fg".as_slice()),
        (102, b"cd"),
        (105, b"fg"),
        (106, b"ghij"),
    ] {
        assert_eq!(log.after(client(seq, payload)), [""; 0]);
    }
    // Covers all of them, and fills the hole between them.
    assert_eq!(log.after(client(101, b"bcdefghijk")), [""; 0]);
    assert_eq!(
        log.after(client(100, b"abc")),
        ["1> abc", "1> d", "1> e", "1> fg", "1> hij", "1> k"]
    );
}

#[test]
fn late_data_has_the_time_of_its_capture() {
    let mut times = Vec::new();
    let mut reassembler = Reassembler::default();
    for (time, segment) in [
        (1, client(99, b"").syn()),
        (2, client(101, b"b")),
        (3, client(100, b"a")),
    ] {
        reassembler.push(Some(time), &segment, &mut |event| times.push(event.time_ns));
    }
    assert_eq!(times, [Some(3), Some(2)]);
}

#[test]
fn sequence_numbers_wrap() {
    let mut log = Log::new();
    log.push(client(u32::MAX - 3, b"").syn());
    assert_eq!(log.after(client(2, b"fg")), [""; 0]);
    assert_eq!(
        log.after(client(u32::MAX - 2, b"abcde")),
        ["1> abcde", "1> fg"]
    );
    assert_eq!(log.after(client(u32::MAX, b"cde")), [""; 0]);
    assert_eq!(log.after(client(4, b"").fin()), ["1> Fin"]);
}

#[test]
fn a_syn_at_the_wrap_counts_one() {
    let mut log = Log::new();
    log.push(client(u32::MAX, b"").syn());
    assert_eq!(log.after(client(0, b"a")), ["1> a"]);
    assert_eq!(log.after(client(u32::MAX, b"").syn()), [""; 0]);
}

#[test]
fn a_stream_may_be_longer_than_the_sequence_space() {
    let mut log = Log::opened();
    let step = 1_u32 << 29;
    let mut seq = 100_u32;
    for _ in 0..20 {
        assert_eq!(
            log.after(client(seq, b"x").cut(step - 1)),
            ["1> x", "1> +536870911"]
        );
        seq = seq.wrapping_add(step);
    }
    assert_eq!(log.after(client(seq.wrapping_add(1), b"b")), [""; 0]);
    assert_eq!(log.after(client(seq, b"a")), ["1> a", "1> b"]);
}

#[test]
fn payload_in_the_syn() {
    let mut log = Log::new();
    assert_eq!(log.after(client(99, b"early").syn()), ["1> early"]);
    assert_eq!(log.after(client(105, b"late")), ["1> late"]);
}

#[test]
fn keep_alive_probes_are_no_data() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(99, b"").ack(500)), [""; 0]);
    assert_eq!(log.after(client(100, b"ab")), ["1> ab"]);
    assert_eq!(log.after(client(101, b"").ack(500)), [""; 0]);
    assert_eq!(log.after(client(101, b"\0").ack(500)), [""; 0]);
    assert_eq!(log.after(client(102, b"c")), ["1> c"]);
}

#[test]
fn a_fin_waits_for_what_is_missing_before_it() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(102, b"c").fin()), [""; 0]);
    assert_eq!(log.after(client(100, b"ab")), ["1> ab", "1> c", "1> Fin"]);
    assert_eq!(log.after(client(102, b"c").fin()), [""; 0]);
}

#[test]
fn a_fin_before_bytes_already_sent_is_ignored() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(100, b"abc")), ["1> abc"]);
    assert_eq!(log.after(client(101, b"").fin()), [""; 0]);
    assert_eq!(log.after(client(103, b"d").fin()), ["1> d", "1> Fin"]);
}

#[test]
fn what_is_held_back_is_held_once() {
    let mut log = Log::opened();
    log.push(client(105, b"fgh"));
    let total = log.reassembler.held.total();
    for (seq, payload) in [
        (105, b"fgh".as_slice()),
        (106, b"g"),
        (106, b"gh"),
        (105, b"f"),
    ] {
        log.push(client(seq, payload));
        assert_eq!(log.reassembler.held.total(), total);
    }
}

#[test]
fn nothing_follows_a_fin() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(105, b"beyond")), [""; 0]);
    assert_eq!(log.after(client(101, b"").fin()), [""; 0]);
    assert_eq!(log.after(client(100, b"a")), ["1> a", "1> Fin"]);
    assert_eq!(log.after(client(101, b"bcdefgh")), [""; 0]);
    assert_eq!(log.reassembler.held.total(), 0);
    assert_eq!(log.finish(), ["1< EndOfCapture"]);
}

#[test]
fn directions_are_independent() {
    let mut log = Log::opened();
    assert_eq!(log.after(client(101, b"b")), [""; 0]);
    assert_eq!(log.after(server(500, b"x").ack(100)), ["1< x"]);
    assert_eq!(log.after(server(502, b"z").ack(100)), [""; 0]);
    assert_eq!(log.after(client(100, b"a")), ["1> a", "1> b"]);
    assert_eq!(log.after(server(501, b"y")), ["1< y", "1< z"]);
}
