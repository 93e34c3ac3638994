//! Framed connections: what is written arrives, however it is cut; what is wrong says so.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use mcbp::codec::{BatchCodec, CodecError, PacketCodec};
use mcbp::dcp::{DcpRequest, Mutation, MutationReply, Noop};
use mcbp::kv::{GetAuthorization, KvRequest, KvResponse, Quit, QuitReply, ServerRequest};
use mcbp::{
    Datatype, Decoder, EncodeError, FrameError, FramingExtras, Opcode, Packet, Request, Response,
    Section, Status,
};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio_util::codec::{Decoder as _, Encoder, Framed};

const MUTATION: Request<'_, Mutation<'_>> = Request {
    opaque: 0x0100_0000,
    vbucket: 3,
    cas: 9,
    datatype: Datatype::JSON,
    framing_extras: FramingExtras::ABSENT,
    message: Mutation {
        by_seqno: 4,
        rev_seqno: 1,
        flags: 0,
        expiration: 0,
        lock_time: 0,
        nmeta: 0,
        nru: 2,
        key: mcbp::UserData::new(b"key"),
        value: mcbp::UserData::new(b"{}"),
    },
};

fn noop(opaque: u32) -> Request<'static, Noop> {
    Request {
        opaque,
        ..Request::from(Noop)
    }
}

/// Every kind of thing that can be written, by one codec.
async fn write_all<C>(
    mut sink: Framed<DuplexStream, C>,
    expected: &[Packet; 4],
) -> Result<(), CodecError>
where
    C: for<'a> Encoder<&'a Packet, Error = CodecError>
        + Encoder<Packet, Error = CodecError>
        + for<'a> Encoder<Packet<&'a [u8]>, Error = CodecError>
        + Encoder<Request<'static, Noop>, Error = CodecError>
        + Encoder<Request<'static, Mutation<'static>>, Error = CodecError>
        + Encoder<Response<'static, MutationReply<'static>>, Error = CodecError>
        + for<'a> Encoder<DcpRequest<'a>, Error = CodecError>
        + Encoder<mcbp::Batch, Error = CodecError>
        + tokio_util::codec::Decoder,
{
    let [first, second, third, _] = expected;
    sink.send(noop(1)).await?;
    sink.send(MUTATION).await?;
    let refused = MutationReply { value: "{}".into() };
    let response = Response {
        status: Status::EINVAL,
        ..Response::from(refused)
    };
    sink.send(response).await?;
    sink.send(DcpRequest::Noop(noop(2))).await?;
    sink.send(first.clone()).await?;
    sink.send(second).await?;
    sink.send(third.view()).await?;
    let mut bytes = BytesMut::new();
    for packet in expected {
        packet.encode(&mut bytes)?;
    }
    let batch = Decoder::default().decode_batch(&mut bytes)?;
    sink.send(batch).await
}

/// What the writer above starts with.
fn first_four() -> [Packet; 4] {
    let mut bytes = BytesMut::new();
    noop(1).encode(&mut bytes).expect("room");
    MUTATION.encode(&mut bytes).expect("room");
    let refused = Response {
        status: Status::EINVAL,
        ..Response::from(MutationReply { value: "{}".into() })
    };
    refused.encode(&mut bytes).expect("room");
    noop(2).encode(&mut bytes).expect("room");
    let mut decoder = Decoder::default();
    core::array::from_fn(|_| decoder.decode(&mut bytes).expect("packets").expect("four"))
}

/// The packets that arrive when `write_all` has written them.
fn written(first_four: &[Packet; 4]) -> Vec<Packet> {
    let (_, three) = first_four.split_last().expect("four");
    [first_four, three, first_four].concat()
}

#[tokio::test]
async fn packets_arrive_as_they_were_written() {
    let sent = first_four();
    // Pipes that are shorter than a header, than a packet, and longer than all of them.
    for capacity in [1, 7, 24, 64, 4096] {
        let (here, there) = tokio::io::duplex(capacity);
        let framed = Framed::new(there, PacketCodec::default());
        let (written_all, received) = tokio::join!(
            write_all(Framed::new(here, PacketCodec::default()), &sent),
            framed.map(Result::unwrap).collect::<Vec<Packet>>(),
        );
        written_all.expect("all written");
        assert_eq!(received, written(&sent), "pipe of {capacity} bytes");
    }
}

#[tokio::test]
async fn batches_hold_the_same_packets() {
    let sent = first_four();
    for capacity in [1, 7, 24, 64, 4096] {
        let (here, there) = tokio::io::duplex(capacity);
        let framed = Framed::new(there, BatchCodec::default());
        let (written_all, batches) = tokio::join!(
            write_all(Framed::new(here, BatchCodec::default()), &sent),
            framed.map(Result::unwrap).collect::<Vec<_>>(),
        );
        written_all.expect("all written");
        assert!(batches.iter().all(|batch| !batch.is_empty()));
        let received: Vec<_> = batches.iter().flat_map(mcbp::Batch::iter).collect();
        let written = written(&sent);
        let written: Vec<_> = written.iter().map(Packet::view).collect();
        assert_eq!(received, written, "pipe of {capacity} bytes");
    }
}

#[tokio::test]
async fn a_batch_is_what_one_read_brings() {
    let (mut here, there) = tokio::io::duplex(4096);
    let mut bytes = BytesMut::new();
    for opaque in 0..10 {
        noop(opaque).encode(&mut bytes).expect("room");
    }
    here.write_all(&bytes).await.expect("written");
    let mut framed = Framed::new(there, BatchCodec::default());
    let batch = framed.next().await.expect("a batch").expect("packets");
    assert_eq!(batch.iter().count(), 10);
}

/// What a codec says of these bytes and the end of the stream behind them.
async fn errors(bytes: &[u8]) -> (CodecError, CodecError) {
    let (here, there) = tokio::io::duplex(4096);
    let (mut writer, mut framed) = (here, Framed::new(there, PacketCodec::new(100)));
    writer.write_all(bytes).await.expect("room in the pipe");
    drop(writer);
    let error = framed.next().await.expect("an item").expect_err("an error");
    assert!(framed.next().await.is_none(), "told once");

    let (mut writer, there) = tokio::io::duplex(4096);
    writer.write_all(bytes).await.expect("room in the pipe");
    drop(writer);
    let mut framed = Framed::new(there, BatchCodec::new(100));
    let of_batch = framed.next().await.expect("an item").expect_err("an error");
    assert!(framed.next().await.is_none(), "told once");
    (error, of_batch)
}

#[tokio::test]
async fn a_stream_that_ends_within_a_packet_is_an_error() {
    let mut whole = BytesMut::new();
    MUTATION.encode(&mut whole).expect("room");
    for len in 1..whole.len() {
        let (packet, batch) = errors(&whole[..len]).await;
        for error in [packet, batch] {
            let CodecError::CutOff { arrived, expected } = error else {
                panic!("{error}");
            };
            assert_eq!(arrived, len);
            assert_eq!(expected, (len >= 24).then_some(whole.len()));
        }
    }
    let (error, _) = errors(&whole[..30]).await;
    assert_eq!(
        error.to_string(),
        "the stream ends after 30 of 60 bytes of a packet"
    );
    let (error, _) = errors(&whole[..3]).await;
    assert_eq!(
        error.to_string(),
        "the stream ends after 3 of the 24 bytes of a header"
    );
}

#[tokio::test]
async fn a_stream_that_ends_between_packets_ends() {
    let (mut here, there) = tokio::io::duplex(4096);
    let mut bytes = BytesMut::new();
    noop(1).encode(&mut bytes).expect("room");
    here.write_all(&bytes).await.expect("room in the pipe");
    drop(here);
    let mut framed = Framed::new(there, PacketCodec::default());
    assert!(framed.next().await.is_some_and(|item| item.is_ok()));
    assert!(framed.next().await.is_none());
}

#[tokio::test]
async fn no_stream_of_packets() {
    let (packet, batch) = errors(b"\x47ET / HTTP/1.1\r\n\r\n").await;
    for error in [packet, batch] {
        assert!(
            matches!(error, CodecError::Frame(FrameError::UnknownMagic(0x47))),
            "{error:?}"
        );
        assert_eq!(error.to_string(), "unknown magic 0x47");
    }
}

#[tokio::test]
async fn bodies_over_the_limit() {
    let header = b"\x80\x57\0\0\0\0\0\0\0\0\0\x65\0\0\0\0\0\0\0\0\0\0\0\0";
    let (packet, batch) = errors(header).await;
    for error in [packet, batch] {
        assert!(
            matches!(
                error,
                CodecError::Frame(FrameError::BodyTooLong {
                    body: 101,
                    limit: 100
                })
            ),
            "{error:?}"
        );
    }
}

#[test]
fn what_cannot_be_written_leaves_the_stream_as_it_was() {
    let key = [0; 65536];
    let mut long = MUTATION;
    long.message.key = mcbp::UserData::new(&key);
    let mut stream = BytesMut::from("before");
    let refused = PacketCodec::default().encode(long, &mut stream);
    let Err(CodecError::Encode(error)) = refused else {
        panic!("{refused:?}");
    };
    let (section, limit) = (Section::Key, 65535);
    assert_eq!(error, EncodeError::TooLong { section, limit });
    assert_eq!(stream, "before");
    BatchCodec::default()
        .encode(noop(3), &mut stream)
        .expect("unharmed");
    assert_eq!(stream.len(), "before".len() + 24);
}

#[test]
fn a_packet_outlives_the_stream() {
    let mut stream = BytesMut::new();
    MUTATION.encode(&mut stream).expect("room");
    let mut codec = PacketCodec::default();
    let packet = codec.decode(&mut stream).expect("packets").expect("whole");
    let value: Bytes = {
        let mutation = packet.view().request::<Mutation<'_>>().expect("a mutation");
        packet
            .slice_ref(mutation.message.value.expose())
            .expect("part of the packet")
    };
    assert_eq!(packet.header().opcode(), Some(Opcode::DCP_MUTATION));
    drop((packet, stream, codec));
    assert_eq!(value, "{}");
}

#[test]
fn io_errors_are_kept() {
    let error = CodecError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    assert!(
        matches!(&error, CodecError::Io(error) if error.kind() == std::io::ErrorKind::ConnectionReset)
    );
}

/// What other enums of messages hold is written as well.
#[test]
fn messages_around_dcp_are_written() {
    let quit = Request {
        opaque: 5,
        ..Request::from(Quit)
    };
    let user = Request::from(GetAuthorization::default());
    let mut expected = BytesMut::new();
    quit.encode(&mut expected).expect("no body");
    Response::from(QuitReply::default())
        .encode(&mut expected)
        .expect("no body");
    user.encode(&mut expected).expect("no body");

    let mut stream = BytesMut::new();
    let mut codec = PacketCodec::default();
    codec.encode(KvRequest::Quit(quit), &mut stream).unwrap();
    let reply = Response::from(QuitReply::default());
    codec.encode(KvResponse::Quit(reply), &mut stream).unwrap();
    let user = ServerRequest::GetAuthorization(user);
    codec.encode(user, &mut stream).unwrap();
    assert_eq!(stream, expected);
}
