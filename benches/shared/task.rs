//! Work in several ways: by hand, and with the crate.

use core::hint::black_box;

use bytes::{BufMut, BytesMut};
use mcbp::dcp::DcpRequest;

use super::corpus::{Corpus, Form};
use super::{events, floor, inside, leaves, subject};

/// As much as an application asks a socket for.
const READ_LEN: usize = 64 << 10;

/// Adds up what is found in all inputs.
pub(crate) type Run<'a> = Box<dyn FnMut() -> Option<u64> + 'a>;

/// The same work for the same input: by hand in safe Rust, which is the floor, and in other ways.
pub(crate) struct Task<'a> {
    pub(crate) name: &'static str,
    /// What it is done to.
    pub(crate) input: String,
    /// How many packets, keys, values or events that is.
    pub(crate) count: usize,
    /// How many bytes.
    pub(crate) bytes: usize,
    pub(crate) floor: Run<'a>,
    pub(crate) others: Vec<(&'static str, Run<'a>)>,
}

impl<'a> Task<'a> {
    /// With no other way yet.
    pub(crate) fn new(
        name: &'static str,
        input: impl Into<String>,
        (count, bytes): (usize, usize),
        floor: impl FnMut() -> Option<u64> + 'a,
    ) -> Self {
        Self {
            name,
            input: input.into(),
            count,
            bytes,
            floor: Box::new(floor),
            others: Vec::new(),
        }
    }

    /// With another way, which must find the same.
    pub(crate) fn or(
        mut self,
        name: &'static str,
        subject: impl FnMut() -> Option<u64> + 'a,
    ) -> Self {
        let mut subject: Run<'_> = Box::new(subject);
        let expected = (self.floor)();
        assert!(expected.is_some(), "the floor reads it all");
        assert_eq!(subject(), expected, "{} {name}", self.name);
        self.others.push((name, subject));
        self
    }

    /// What is done with a packet once it is read, and what needs no packets.
    pub(crate) fn apart() -> Vec<Task<'static>> {
        let mut tasks = inside::tasks();
        tasks.extend(events::tasks());
        tasks.push(leaves::task());
        tasks
    }
}

/// A corpus with what the tasks need of it.
pub(crate) struct Prepared<'a> {
    corpus: &'a Corpus,
    messages: Vec<DcpRequest<'a>>,
    offsets: Vec<usize>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(corpus: &'a Corpus) -> Self {
        Self {
            corpus,
            messages: corpus.messages(),
            offsets: corpus.offsets(),
        }
    }

    /// What is done with packets.
    pub(crate) fn tasks(&self) -> Vec<Task<'_>> {
        vec![
            self.hop(),
            self.typed_decode(),
            self.stream_decode(),
            self.encode("encode into a reserved Vec", Vec::with_capacity, Vec::clear),
            self.encode(
                "encode into a reserved BytesMut",
                BytesMut::with_capacity,
                BytesMut::clear,
            ),
            self.vectored(),
            self.edit(),
        ]
    }

    fn task<'t>(&'t self, name: &'static str, floor: impl FnMut() -> Option<u64> + 't) -> Task<'t> {
        let Corpus {
            name: input,
            form,
            bytes,
        } = self.corpus;
        let input = match form {
            Form::Cache => format!("{input}, in cache"),
            Form::Memory => format!("{input}, from memory"),
        };
        Task::new(name, input, (self.offsets.len(), bytes.len()), floor)
    }

    fn hop(&self) -> Task<'_> {
        let bytes = self.corpus.bytes.as_slice();
        self.task("header hop", || floor::hop(black_box(bytes)))
            .or("mcbp", || subject::hop(black_box(bytes)))
    }

    fn typed_decode(&self) -> Task<'_> {
        let bytes = self.corpus.bytes.as_slice();
        let floor = || floor::decode(black_box(bytes)).map(|(sum, _)| sum);
        self.task("typed decode, borrowed", floor)
            .or("mcbp", || subject::decode(black_box(bytes)))
    }

    fn stream_decode(&self) -> Task<'_> {
        let bytes = self.corpus.bytes.as_slice();
        let floor = || floor::decode_stream(black_box(bytes), READ_LEN);
        self.task("stream decode", floor)
            .or("a `Batch` a read", || {
                subject::decode_batches(black_box(bytes), READ_LEN)
            })
            .or("`Packet<Bytes>` each", || {
                subject::decode_packets(black_box(bytes), READ_LEN)
            })
    }

    fn encode<D: BufMut + AsRef<[u8]> + 'static>(
        &self,
        name: &'static str,
        with_capacity: fn(usize) -> D,
        clear: fn(&mut D),
    ) -> Task<'_> {
        let bytes = self.corpus.bytes.as_slice();
        let messages = self.messages.as_slice();
        let mut floor_dst = with_capacity(bytes.len());
        let mut dst = with_capacity(bytes.len());
        floor::encode(messages, &mut floor_dst).expect("room");
        subject::encode(messages, &mut dst).expect("room");
        assert!(
            floor_dst.as_ref() == bytes && dst.as_ref() == bytes,
            "as it was read"
        );
        let floor = move || {
            clear(&mut floor_dst);
            floor::encode(black_box(messages), &mut floor_dst)?;
            Some(floor_dst.as_ref().len() as u64)
        };
        let subject = move || {
            clear(&mut dst);
            subject::encode(black_box(messages), &mut dst)?;
            Some(dst.as_ref().len() as u64)
        };
        self.task(name, floor).or("mcbp", subject)
    }

    fn vectored(&self) -> Task<'_> {
        let messages = self.messages.as_slice();
        let floor = || floor::encode_vectored(black_box(messages));
        self.task("encode for a vectored write", floor)
            .or("mcbp", || subject::encode_vectored(black_box(messages)))
    }

    fn edit(&self) -> Task<'_> {
        let offsets = self.offsets.as_slice();
        let mut floor_bytes = self.corpus.bytes.clone();
        let mut bytes = floor_bytes.clone();
        floor::edit(&mut floor_bytes, offsets, 7, 11).expect("a header each");
        subject::edit(&mut bytes, offsets, 7, 11).expect("a header each");
        assert!(floor_bytes == bytes, "edited alike");
        let floor = move || {
            floor::edit(&mut floor_bytes, black_box(offsets), 7, 11)?;
            Some(0)
        };
        let subject = move || {
            subject::edit(&mut bytes, black_box(offsets), 7, 11)?;
            Some(0)
        };
        self.task("edit of the header in place", floor)
            .or("mcbp", subject)
    }
}
