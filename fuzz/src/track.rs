//! What must hold of the state machines: the properties of their own tests, with events that a
//! fuzzer comes up with.

#[path = "../../tests/track/anything.rs"]
mod anything;
#[path = "../../tests/track/resume.rs"]
mod cursor;
#[path = "../../tests/track/dice.rs"]
mod dice;
#[path = "../../tests/track/game.rs"]
mod game;
#[path = "../../tests/track/flow.rs"]
mod ledgers;
#[path = "../../tests/track/messages.rs"]
mod messages;
#[expect(dead_code, reason = "other tests of the machines need more of it")]
#[path = "../../tests/track/model.rs"]
mod model;

use dice::Rolled;
use game::Machines;

/// Whatever happens, each call to set streams up or to close them ends, once and in bounded time,
/// with a true account of the streams; what answers the machine is kept, and nothing else.
///
/// `data` is a byte that chooses between well-behaved servers and anything at all, and between one
/// machine and two; then what happens.
pub fn streams(data: &[u8]) {
    play(data, Machines::Streams);
}

/// Whatever happens, a takeover ends, once and in bounded time, with a true account of who owns the
/// vbucket; what answers the machine is kept, and nothing else.
///
/// `data` is as for [`streams`].
pub fn takeover(data: &[u8]) {
    play(data, Machines::Takeover);
}

fn play(data: &[u8], alone: Machines) {
    let Some((&choice, data)) = data.split_first() else {
        return;
    };
    let machines = if choice & 2 == 0 {
        alone
    } else {
        Machines::Both
    };
    if choice & 1 == 0 {
        anything::suffer(machines, &anything::events(Rolled(data)));
    } else {
        // Each step takes a byte or more.
        game::game(machines, &mut Rolled(data), data.len());
    }
}

/// Two ledgers agree about what is under way, and an exchange by them never comes to a standstill;
/// whatever happens, neither acknowledges more than was received, nor counts below nothing.
///
/// `data` is a byte that chooses between an exchange and anything at all, then what happens.
pub fn flow(data: &[u8]) {
    match data.split_first() {
        None => {}
        Some((choice, data)) if choice & 1 == 0 => {
            let (size, events) = ledgers::events(Rolled(data));
            ledgers::consume(size, &events);
            ledgers::produce(size, &events);
        }
        Some((_, data)) => ledgers::exchange(Rolled(data)),
    }
}

/// A consumer that loses its streams, its memory and its branch of history ends up with what the
/// vbucket holds; whatever happens, its checkpoint holds, and a stream can be asked for from it.
///
/// `data` is a byte that chooses between a true history and anything at all, then what happens.
pub fn resume(data: &[u8]) {
    match data.split_first() {
        None => {}
        Some((choice, data)) if choice & 1 == 0 => {
            let (collections, events) = cursor::events(Rolled(data));
            cursor::suffer(collections, &events);
        }
        Some((_, data)) => cursor::follow(&mut Rolled(data)),
    }
}
