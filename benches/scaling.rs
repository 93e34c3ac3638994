//! How the cost of a packet changes as its value, the reads and the streams grow.
//!
//! ```text
//! cargo bench --bench scaling -- --draw
//! ```
//!
//! prints tables, and with `--draw` renews the plots that `benches/README.md` shows. A number is
//! that of the best of many rounds: whatever else the machine does only adds to it. Headers and
//! code are in the cache, so that the memory is not what is measured.
#![expect(clippy::arithmetic_side_effects, reason = "a measurement may panic")]

mod shared;

use core::array;
use core::error::Error;
use core::hint::black_box;
use std::env;
use std::io::IoSlice;
use std::path::Path;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use mcbp::dcp::{Commit, DcpRequest, Mutation};
use mcbp::{Batch, Decoder, Packet, Request, UserData};
use plotters::prelude::*;

use shared::{Task, events, subject};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let has = |flag| env::args().any(|arg| arg == flag);
    // Without `--bench`, as in `cargo test`, a round is enough to see that it runs.
    let rounds = if has("--bench") { 40 } else { 1 };
    let draw = has("--draw");
    by_value_len(rounds).show(draw)?;
    by_packets_per_read(rounds).show(draw)?;
    by_streams(rounds).show(draw)
}

/// What a packet or an event costs, in dependence on something that grows.
struct Curves<const N: usize> {
    file: &'static str,
    x: &'static str,
    names: [&'static str; N],
    /// How far it has grown, and the nanoseconds that each costs then.
    points: Vec<(u32, [f64; N])>,
}

fn by_value_len(rounds: usize) -> Curves<5> {
    let lens = [
        64,
        256,
        1 << 10,
        1 << 12,
        1 << 14,
        1 << 16,
        1 << 18,
        1 << 20,
        1 << 22,
        20 << 20,
    ];
    let point = |len: u32| {
        let value = vec![b'v'; len as usize];
        let request = DcpRequest::from(Request::from(Mutation {
            key: UserData::new(b"user::0123456789"),
            value: UserData::new(&value),
            ..Mutation::default()
        }));
        let count = ((4 << 20) / request.encoded_len()).clamp(4, 1024);
        let bytes = repeated(&request, count);
        let nanos = [
            best(
                rounds,
                count,
                || arrived(&bytes),
                |stream| read_all(Packet::iter(stream).map_while(Result::ok)),
            ),
            best(rounds, count, || arrived(&bytes), decode_batch),
            best(rounds, count, || arrived(&bytes), decode_packets),
            best(
                rounds,
                count,
                || (),
                |()| {
                    for _ in 0..count {
                        let buf = black_box(&request).to_buf().expect("a legal message");
                        let mut slices = [IoSlice::new(&[]); 4];
                        black_box(buf.chunks_vectored(&mut slices));
                        black_box(&slices);
                    }
                },
            ),
            best(
                rounds,
                count,
                || bytes.clone(),
                |dst| {
                    dst.clear();
                    for _ in 0..count {
                        request.encode(dst).expect("a legal message");
                    }
                },
            ),
        ];
        (len, nanos)
    };
    Curves {
        file: "value-size.svg",
        x: "bytes of value",
        names: [
            "typed decode, borrowed",
            "stream decode, Batch",
            "stream decode, Packet<Bytes>",
            "encode, vectored",
            "encode into a Vec (copies the value)",
        ],
        points: lens.map(point).into(),
    }
}

fn by_packets_per_read(rounds: usize) -> Curves<2> {
    let counts = [1, 2, 4, 10, 30, 100, 300, 1000, 3000, 10_000];
    let request = commit();
    let point = |count: u32| {
        let len = count as usize;
        let bytes = repeated(&request, len);
        let nanos = [
            best(rounds, len, || arrived(&bytes), decode_batch),
            best(rounds, len, || arrived(&bytes), decode_packets),
        ];
        (count, nanos)
    };
    Curves {
        file: "packets-per-read.svg",
        x: "packets of 68 bytes in a read",
        names: ["stream decode, Batch", "stream decode, Packet<Bytes>"],
        points: counts.map(point).into(),
    }
}

fn by_streams(rounds: usize) -> Curves<3> {
    let counts = [1, 4, 16, 64, 256, 1024];
    let nanos = |task: Task<'static>| {
        let [(_, mut run)] = <[_; 1]>::try_from(task.others).ok().expect("one way");
        best(
            rounds,
            task.count,
            || (),
            move |()| {
                black_box(run());
            },
        )
    };
    let point = |count| {
        let tasks = [
            events::answers(count),
            events::cursors(count),
            events::streams(count),
        ];
        (count.into(), tasks.map(nanos))
    };
    Curves {
        file: "streams.svg",
        x: "streams of the connection",
        names: [
            "Answers: whose answer it is",
            "Cursor: how far a stream is",
            "Streams: one refused",
        ],
        points: counts.map(point).into(),
    }
}

fn repeated(request: &DcpRequest<'_>, count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count * request.encoded_len());
    for _ in 0..count {
        request.encode(&mut bytes).expect("a legal message");
    }
    bytes
}

/// A read, its headers in the cache, and so is the code: copying the read has swept both out.
fn arrived(bytes: &[u8]) -> BytesMut {
    let stream = BytesMut::from(bytes);
    let other = repeated(&commit(), 4);
    drop(decode_batch(&mut BytesMut::from(&other[..])));
    drop(decode_packets(&mut BytesMut::from(&other[..])));
    read_all(Packet::iter(&stream).map_while(Result::ok));
    stream
}

/// A packet of 68 bytes.
fn commit() -> DcpRequest<'static> {
    DcpRequest::from(Request::from(Commit {
        prepared_seqno: 1,
        commit_seqno: 2,
        key: UserData::new(b"user::0123456789abcdefghijkl"),
    }))
}

/// Gives the batch back: to free the memory of the read is not part of decoding it.
fn decode_batch(stream: &mut BytesMut) -> Batch {
    let batch = Decoder::default().decode_batch(stream).expect("packets");
    black_box(read_all(batch.iter()));
    batch
}

/// Gives the last packet back, for the same reason.
fn decode_packets(stream: &mut BytesMut) -> Option<Packet> {
    let mut decoder = Decoder::default();
    let mut last = None;
    while let Some(packet) = decoder.decode(stream).expect("packets") {
        black_box(read_all([packet.view()].into_iter()));
        last = Some(packet);
    }
    last
}

/// All fields of all packets are looked at: what nobody needs, no compiler reads.
fn read_all<'a>(packets: impl Iterator<Item = Packet<&'a [u8]>>) -> Option<u64> {
    let mut total = 0_u64;
    for packet in packets {
        let request = DcpRequest::read(packet).ok()?;
        total = total.wrapping_add(subject::sum(&request)?);
    }
    Some(total)
}

/// The least that `run` took in any round, in nanoseconds for each of `count`; without what it
/// takes to prepare, to drop and to read the clock.
fn best<T, R>(
    rounds: usize,
    count: usize,
    prepare: impl Fn() -> T,
    mut run: impl FnMut(&mut T) -> R,
) -> f64 {
    let mut least = |timed: bool| {
        let round = |_| {
            let mut input = black_box(prepare());
            let start = Instant::now();
            let output = timed.then(|| run(&mut input));
            let time = start.elapsed();
            drop(black_box((input, output)));
            time
        };
        (0..rounds).map(round).min().unwrap_or_default()
    };
    let clock = least(false);
    let time = least(true).saturating_sub(clock);
    time.as_secs_f64() * 1e9 / count as f64
}

impl<const N: usize> Curves<N> {
    fn show(&self, draw: bool) -> Outcome {
        // Or it would be taken for HTML.
        let names = self
            .names
            .map(|name| name.replace("Packet<Bytes>", "`Packet<Bytes>`"));
        println!("\n| {} | {} |", self.x, names.join(" | "));
        println!("|---:|{}", "---:|".repeat(N));
        for (x, nanos) in &self.points {
            let nanos = nanos.map(|nanos| format!("{nanos:.1} ns"));
            println!("| {x} | {} |", nanos.join(" | "));
        }
        if draw { self.draw() } else { Ok(()) }
    }

    /// Both axes are logarithmic: what is proportional is a slope of one decade each decade.
    fn draw(&self) -> Outcome {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("benches/plots")
            .join(self.file);
        let area = SVGBackend::new(&path, (800, 500)).into_drawing_area();
        area.fill(&WHITE)?;
        let (Some((first, _)), Some((last, _))) = (self.points.first(), self.points.last()) else {
            return Ok(());
        };
        let all = self.points.iter().flat_map(|(_, nanos)| nanos);
        let most = all.fold(100.0_f64, |most, nanos| most.max(*nanos)) * 1.5;
        let mut chart = ChartBuilder::on(&area)
            .margin(15)
            .margin_right(30)
            .x_label_area_size(45)
            .y_label_area_size(75)
            .build_cartesian_2d((*first..*last).log_scale(), (1.0..most).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc("nanoseconds each")
            .y_label_formatter(&|nanos| format!("{nanos:.0}"))
            .label_style(("sans-serif", 15))
            .axis_desc_style(("sans-serif", 17))
            .light_line_style(WHITE)
            .draw()?;
        let colors = [RED, BLUE, GREEN, MAGENTA, BLACK];
        let curves: [_; N] = array::from_fn(|curve| {
            self.points
                .iter()
                .map(move |(x, nanos)| (*x, nanos.get(curve).copied().unwrap_or_default().max(1.0)))
        });
        for ((name, points), color) in self.names.iter().zip(curves).zip(colors) {
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(3))?
                .label(*name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(("sans-serif", 15))
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()?;
        area.present()?;
        Ok(())
    }
}
