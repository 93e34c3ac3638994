//! The messages around DCP: what is legal is read and written back byte for byte, and what is not
//! says what is wrong with it.

use core::fmt::Debug;

use bytes::Bytes;
use hex_literal::hex;
use mcbp::Presence::{self, Absent, Optional, Required};
use mcbp::dcp::FailoverLog;
use mcbp::kv::*;
use mcbp::{
    Command, Datatype, EncodeError, Feature, FramingExtras, Lengths, Magic, Message, MessageError,
    MessageErrorKind, Opcode, Packet, Reply, Request, Response, Section, Sections, ServerOpcode,
    Status, UserData,
};

/// A message, and the bodies that its request and its successful response may have.
struct Row {
    command: Command,
    request: Form,
    success: Form,
}

#[derive(Debug, Clone, Copy)]
struct Form {
    extras: Lengths,
    key: Presence,
    /// The lengths that the value may have.
    value: fn(usize) -> bool,
}

const fn form(extras: Lengths, key: Presence, value: fn(usize) -> bool) -> Form {
    Form { extras, key, value }
}

const NONE: Lengths = Lengths::NONE;
const EMPTY: Form = form(NONE, Absent, empty);
const TEXT: Form = form(NONE, Absent, any);

fn any(_: usize) -> bool {
    true
}

fn empty(len: usize) -> bool {
    len == 0
}

fn some(len: usize) -> bool {
    len > 0
}

#[rustfmt::skip] // A line per message.
fn rows() -> Vec<Row> {
    let features = |len| len % 2 == 0;
    let seqnos = |len| len % 10 == 0;
    let branches = |len| len > 0 && len % 16 == 0;
    // The values tried here are zeros, and so is the format.
    let observation = |len| len == 27;
    let id = form(Lengths::one(12), Absent, empty);

    let kv = |opcode: Opcode, request, success| Row { command: opcode.into(), request, success };
    let server = |opcode: ServerOpcode, request| Row { command: opcode.into(), request, success: TEXT };
    vec![
        kv(Opcode::QUIT, EMPTY, TEXT),
        kv(Opcode::NOOP, EMPTY, TEXT),
        kv(Opcode::VERSION, EMPTY, TEXT),
        kv(Opcode::STAT, form(NONE, Optional, any), form(NONE, Optional, any)),
        kv(Opcode::HELLO, form(NONE, Optional, features), form(NONE, Absent, features)),
        kv(Opcode::SASL_LIST_MECHS, EMPTY, TEXT),
        kv(Opcode::SASL_AUTH, form(NONE, Required, any), TEXT),
        kv(Opcode::SASL_STEP, form(NONE, Required, any), TEXT),
        kv(Opcode::SET_VBUCKET, form(Lengths::one(1), Absent, any), TEXT),
        kv(Opcode::GET_VBUCKET, form(NONE, Optional, empty), form(NONE, Absent, |len| len == 4)),
        kv(Opcode::DEL_VBUCKET, TEXT, TEXT),
        kv(Opcode::GET_ALL_VB_SEQNOS, form(Lengths::three(0, 4, 8), Absent, empty), form(NONE, Absent, seqnos)),
        kv(Opcode::SELECT_BUCKET, form(NONE, Optional, empty), TEXT),
        kv(Opcode::OBSERVE_SEQNO, form(NONE, Absent, |len| len == 8), form(NONE, Absent, observation)),
        kv(Opcode::GET_FAILOVER_LOG, EMPTY, form(NONE, Absent, branches)),
        kv(Opcode::SET_CLUSTER_CONFIG, form(Lengths::one(16), Optional, some), TEXT),
        kv(Opcode::GET_CLUSTER_CONFIG, form(Lengths::two(0, 16), Absent, empty), TEXT),
        kv(Opcode::SEQNO_PERSISTENCE, form(Lengths::one(8), Absent, empty), TEXT),
        kv(Opcode::COLLECTIONS_SET_MANIFEST, form(NONE, Absent, some), TEXT),
        kv(Opcode::COLLECTIONS_GET_MANIFEST, EMPTY, TEXT),
        kv(Opcode::COLLECTIONS_GET_ID, form(NONE, Optional, any), id),
        kv(Opcode::COLLECTIONS_GET_SCOPE_ID, form(NONE, Optional, any), id),
        kv(Opcode::GET_ERROR_MAP, form(NONE, Absent, |len| len == 2), TEXT),
        server(ServerOpcode::CLUSTERMAP_CHANGE_NOTIFICATION, form(Lengths::two(4, 16), Optional, any)),
        server(ServerOpcode::AUTHENTICATE, TEXT),
        server(ServerOpcode::ACTIVE_EXTERNAL_USERS, TEXT),
        server(ServerOpcode::GET_AUTHORIZATION, TEXT),
    ]
}

/// A kind of packet, and the bodies that it may have.
#[derive(Debug, Clone, Copy)]
struct Case {
    command: Command,
    magic: Magic,
    /// The status, of a response.
    status: Status,
    form: Form,
}

/// The requests, the responses that say `SUCCESS`, and some that say something else.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for row in rows() {
        let command = row.command;
        let (request, response) = match command {
            Command::Client(_) => (Magic::ClientRequest, Magic::ClientResponse),
            Command::Server(_) => (Magic::ServerRequest, Magic::ServerResponse),
        };
        let failure = match command {
            Command::Client(Opcode::STAT) => row.success,
            _ => TEXT,
        };
        let mut case = |magic, status, form| {
            cases.push(Case {
                command,
                magic,
                status,
                form,
            });
        };
        case(request, Status::SUCCESS, row.request);
        case(response, Status::SUCCESS, row.success);
        for status in [Status::EINVAL, Status::AUTH_CONTINUE, Status(0x99)] {
            case(response, status, failure);
        }
    }
    cases
}

impl Case {
    fn packet(&self, extras: &[u8], key: &[u8], value: &[u8]) -> Packet<Bytes> {
        let sections = Sections {
            framing_extras: &[],
            extras,
            key: UserData::new(key),
            value: UserData::new(value),
        };
        let mut packet = Packet::from_sections(self.magic, self.command.byte(), sections)
            .expect("a body that a header can announce");
        packet.set_opaque(0x0123_4567);
        packet.set_cas(0x89ab_cdef_0123_4567);
        packet.set_datatype(Datatype::from_bits_retain(0xa5));
        packet.set_vbucket_or_status(self.status.0);
        packet
    }

    /// A key and a value that the message may have, as short as can be.
    fn smallest(&self) -> (&'static [u8], Vec<u8>) {
        let key: &[u8] = match self.form.key {
            Absent | Optional => b"",
            Required => b"k",
        };
        let len = (0..=64).find(|&len| (self.form.value)(len));
        (key, vec![0; len.expect("a length")])
    }

    /// The extras of these lengths are legal.
    fn extras(&self) -> impl Iterator<Item = Vec<u8>> {
        self.form.extras.iter().map(|len| vec![0; len.into()])
    }
}

/// Reads the packet as whatever it is, and writes it.
fn rewritten(packet: &Packet<Bytes>) -> Result<Vec<u8>, MessageError> {
    let mut written = Vec::new();
    macro_rules! rewrite {
        ($Enum:ident) => {{
            let message = $Enum::read(packet.view())?;
            assert!(!matches!(message, $Enum::Other(_)), "{message:?}");
            message.encode(&mut written).expect("what was read");
            assert_eq!(message.encoded_len(), written.len());
        }};
    }
    match packet.header().magic() {
        Magic::ServerRequest => rewrite!(ServerRequest),
        Magic::ServerResponse => rewrite!(ServerResponse),
        magic if magic.is_response() => rewrite!(KvResponse),
        _ => rewrite!(KvRequest),
    }
    Ok(written)
}

fn bytes(packet: &Packet<Bytes>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(&mut bytes).expect("room");
    bytes
}

#[track_caller]
fn assert_kept(packet: &Packet<Bytes>) {
    assert_eq!(rewritten(packet), Ok(bytes(packet)));
}

#[test]
fn every_message_is_tried() {
    let tried = |client: bool| {
        rows()
            .into_iter()
            .map(|row| row.command)
            .filter(move |command| command.opcode().is_some() == client)
            .map(Command::byte)
            .collect::<Vec<_>>()
    };
    let kv = KvRequest::OPCODES.iter().map(|opcode| opcode.0);
    assert!(kv.eq(tried(true)));
    let server = ServerRequest::OPCODES.iter().map(|opcode| opcode.0);
    let mut tried = tried(false);
    tried.sort_unstable();
    assert!(server.eq(tried));
    assert_eq!(KvRequest::OPCODES, KvResponse::OPCODES);
    assert_eq!(ServerRequest::OPCODES, ServerResponse::OPCODES);
    assert!(KvRequest::OPCODES.is_sorted());
    assert!(ServerRequest::OPCODES.is_sorted());
}

#[test]
fn a_packet_that_is_not_all_there_is_none() {
    for case in cases() {
        for extras in case.extras() {
            let (key, value) = case.smallest();
            let bytes = bytes(&case.packet(&extras, key, &value));
            for len in 0..bytes.len() {
                assert_eq!(Packet::split_first(&bytes[..len]), Ok(None), "{case:?}");
            }
        }
    }
}

#[test]
fn extras_are_of_a_length_that_the_message_has() {
    for case in cases() {
        let (key, value) = case.smallest();
        for len in 0..=255_u8 {
            let packet = case.packet(&vec![0; len.into()], key, &value);
            if case.form.extras.contains(len.into()) {
                assert_kept(&packet);
                continue;
            }
            let error = rewritten(&packet).expect_err("extras that nobody has");
            assert_eq!(
                (error.command, error.section),
                (case.command, Section::Extras)
            );
            let MessageErrorKind::Length {
                len: found,
                allowed,
            } = error.kind
            else {
                panic!("{error} instead of a length");
            };
            assert_eq!(found, u32::from(len));
            assert!(!allowed.contains(len.into()), "{error}");
        }
    }
}

#[test]
fn every_byte_of_the_extras_survives() {
    for case in cases() {
        let (key, value) = case.smallest();
        for mut extras in case.extras() {
            for at in 0..extras.len() {
                for byte in 0..=u8::MAX {
                    extras[at] = byte;
                    assert_kept(&case.packet(&extras, key, &value));
                }
            }
        }
    }
}

#[test]
fn a_key_is_there_as_it_should_be() {
    for case in cases() {
        let extras = case.extras().next().expect("extras");
        let (_, value) = case.smallest();
        for key in ["", "k", "key of several words"] {
            let packet = case.packet(&extras, key.as_bytes(), &value);
            let expected = match (case.form.key, key.len()) {
                (Absent, 0) | (Optional, _) | (Required, 1..) => {
                    assert_kept(&packet);
                    continue;
                }
                (Absent, len) => MessageErrorKind::Length {
                    len: u32::try_from(len).expect("a short key"),
                    allowed: NONE,
                },
                (Required, _) => MessageErrorKind::Missing,
            };
            let error = rewritten(&packet).expect_err("a key that should not be");
            assert_eq!((error.section, error.kind), (Section::Key, expected));
        }
    }
}

#[test]
fn a_value_is_of_a_length_that_the_message_has() {
    for case in cases() {
        let extras = case.extras().next().expect("extras");
        let (key, _) = case.smallest();
        for len in 0..=64 {
            let packet = case.packet(&extras, key, &vec![0; len]);
            if (case.form.value)(len) {
                assert_kept(&packet);
                continue;
            }
            let error = rewritten(&packet).expect_err("a value that nobody has");
            assert_eq!(
                (error.command, error.section),
                (case.command, Section::Value)
            );
            match error.kind {
                MessageErrorKind::Missing => assert_eq!(len, 0, "{case:?}"),
                MessageErrorKind::Length { len: found, .. } => assert_eq!(found as usize, len),
                MessageErrorKind::Truncated { offset } => assert!(offset as usize <= len),
                kind => panic!("{kind:?} instead of a length"),
            }
        }
    }
}

#[test]
fn every_byte_of_the_value_survives() {
    for case in cases() {
        let observation = case.command == Opcode::OBSERVE_SEQNO.into();
        let extras = case.extras().next().expect("extras");
        let (key, _) = case.smallest();
        for len in (0..=64).filter(|&len| (case.form.value)(len)) {
            let mut value = vec![0; len];
            // What the first byte of an observation says goes with its length.
            let first = usize::from(observation && case.magic.is_response());
            for at in first..len {
                for byte in [0x01, 0x20, 0x7f, 0x80, 0xff] {
                    value[at] = byte;
                    assert_kept(&case.packet(&extras, key, &value));
                }
            }
        }
    }
}

#[test]
fn every_byte_of_the_status_survives() {
    for row in rows() {
        let magic = match row.command {
            Command::Client(_) => Magic::ClientResponse,
            Command::Server(_) => Magic::ServerResponse,
        };
        let low = 0x0001..=0x00ff;
        let high = (0x01..=0xff).map(|byte| byte << 8);
        for status in low.chain(high).map(Status) {
            let case = Case {
                command: row.command,
                magic,
                status,
                form: TEXT,
            };
            assert_kept(&case.packet(&[], b"", b""));
            assert_kept(&case.packet(&[], b"", br#"{"error":{"context":"no"}}"#));
        }
    }
}

/// The response to [`ObserveSeqno`] after a failover.
#[test]
fn an_observation_of_the_other_format() {
    let case = Case {
        command: Opcode::OBSERVE_SEQNO.into(),
        magic: Magic::ClientResponse,
        status: Status::SUCCESS,
        form: form(NONE, Absent, |len| len == 43),
    };
    for len in 1..=64 {
        let mut value = vec![0xa5; len];
        value[0] = 1;
        let packet = case.packet(&[], b"", &value);
        match len {
            43 => assert_kept(&packet),
            _ => assert!(rewritten(&packet).is_err(), "{len}"),
        }
    }
}

#[test]
fn framing_extras_survive_where_there_is_room_for_them() {
    let infos = [0x02, 0x00, 0x2a];
    let framing_extras = FramingExtras::new(&infos).expect("an info");
    assert_request(
        &hex!("0889 03 01 00 00 0000 00000004 00000000 0000000000000000 02002a 62"),
        Request {
            framing_extras,
            ..Request::from(SelectBucket { bucket: "b".into() })
        },
    );
    assert_response(
        &hex!("1889 03 00 00 00 0000 00000003 00000000 0000000000000000 02002a"),
        Response {
            framing_extras,
            ..Response::from(SelectBucketReply::default())
        },
    );
}

#[test]
fn what_the_server_asks_has_no_framing_extras() {
    let no_room = EncodeError::TooLong {
        section: Section::FramingExtras,
        limit: 0,
    };
    for infos in [&[][..], &[0x02, 0x00, 0x2a]] {
        let framing_extras = FramingExtras::new(infos).expect("whole infos");
        let mut written = Vec::new();
        let request = Request {
            framing_extras,
            ..Request::from(Authenticate::default())
        };
        assert_eq!(request.encode(&mut written), Err(no_room));
        let response = Response {
            framing_extras,
            ..Response::from(AuthenticateReply::default())
        };
        assert_eq!(response.encode(&mut written), Err(no_room));
        assert!(written.is_empty());
    }
}

/// The opcodes of clients and those of the server are two number spaces.
#[test]
fn the_magic_decides_what_an_opcode_means() {
    for magic in Magic::ALL {
        let opcode = Opcode::HELLO.0;
        let packet = Packet::from_sections(magic, opcode, Sections::default()).expect("a packet");
        let packet = packet.view();
        let other = [
            matches!(KvRequest::read(packet), Ok(KvRequest::Other(_))),
            matches!(KvResponse::read(packet), Ok(KvResponse::Other(_))),
            matches!(ServerRequest::read(packet), Ok(ServerRequest::Other(_))),
            matches!(ServerResponse::read(packet), Ok(ServerResponse::Other(_))),
        ];
        let request = !magic.is_client_request();
        let response = !magic.is_client_response();
        assert_eq!(other, [request, response, true, true], "{magic:?}");

        let opcode = ServerOpcode::AUTHENTICATE.0;
        let packet = Packet::from_sections(magic, opcode, Sections::default()).expect("a packet");
        let server = magic == Magic::ServerRequest;
        assert_eq!(packet.view().request::<Authenticate<'_>>().is_ok(), server);
        let server = magic == Magic::ServerResponse;
        let reply = packet.view().response::<AuthenticateReply<'_>>();
        assert_eq!(reply.is_ok(), server);
    }
}

#[test]
fn what_no_reader_would_take_is_not_written() {
    #[track_caller]
    fn assert_missing<'a>(message: impl Message<'a>, section: Section) {
        let mut written = Vec::new();
        let result = Request::from(message).encode(&mut written);
        assert_eq!(result, Err(EncodeError::Missing(section)));
        assert!(written.is_empty());
    }
    assert_missing(SaslAuth::default(), Section::Key);
    assert_missing(SaslStep::default(), Section::Key);
    assert_missing(SetClusterConfig::default(), Section::Value);
    assert_missing(CollectionsSetManifest::default(), Section::Value);
}

#[track_caller]
fn assert_request<'a, M>(bytes: &'a [u8], request: Request<'a, M>)
where
    M: Message<'a> + Copy + PartialEq + Debug,
{
    assert_eq!(packet(bytes).request(), Ok(request));
    let mut written = Vec::new();
    request.encode(&mut written).expect("a legal request");
    assert_eq!(written, bytes);
}

#[track_caller]
fn assert_response<'a, R>(bytes: &'a [u8], response: Response<'a, R>)
where
    R: Reply<'a> + Copy + PartialEq + Debug,
{
    assert_eq!(packet(bytes).response(), Ok(response));
    let mut written = Vec::new();
    response.encode(&mut written).expect("a legal response");
    assert_eq!(written, bytes);
}

fn packet(bytes: &[u8]) -> Packet<&[u8]> {
    let (packet, rest) = Packet::split_first(bytes)
        .expect("a packet")
        .expect("a whole packet");
    assert!(rest.is_empty(), "bytes behind the packet");
    packet
}

/// The packets that the server's documentation prints.
mod documented {
    use super::*;

    const DEAD_BEEF: u32 = 0xdead_beef;

    #[test]
    fn get_all_vb_seqnos() {
        let request = |filter| Request {
            opaque: DEAD_BEEF,
            ..Request::from(GetAllVbSeqnos { filter })
        };
        let filter = |state, collection| {
            Some(VbSeqnosFilter {
                state: WideVbucketState(state),
                collection,
            })
        };
        assert_request(
            &hex!("804800000000000000000000deadbeef0000000000000000"),
            request(None),
        );
        assert_request(
            &hex!("804800000400000000000004deadbeef000000000000000000000002"),
            request(filter(2, None)),
        );
        assert_request(
            &hex!("804800000800000000000008deadbeef000000000000000000000000cafef00d"),
            request(filter(0, Some(0xcafe_f00d))),
        );
        assert_request(
            &hex!("804800000800000000000008deadbeef000000000000000000000002cafef00d"),
            request(filter(2, Some(0xcafe_f00d))),
        );
        let bytes = hex!(
            "814800000000000000000028deadbeef0000000000000000"
            "000a0000000000005432 000d0000000001343214"
            "007f0000000000000004 02d00000000000006524"
        );
        let seqnos = VbSeqnos::new(&bytes[24..]).expect("whole entries");
        assert_response(
            &bytes,
            Response {
                opaque: DEAD_BEEF,
                ..Response::from(GetAllVbSeqnosReply::Accepted(seqnos))
            },
        );
        let entries = [(10, 0x5432), (13, 0x0134_3214), (127, 4), (720, 0x6524)]
            .map(|(vbucket, seqno)| VbSeqno { vbucket, seqno });
        assert!(seqnos.iter().eq(entries));
        assert_eq!(entries.map(VbSeqno::to_bytes).concat(), seqnos.as_bytes());
    }

    #[test]
    fn seqno_persistence() {
        assert_request(
            &hex!("80b700000800000c0000000800000000000000000000000000000000feeddeca"),
            Request {
                vbucket: 12,
                ..Request::from(SeqnoPersistence { seqno: 0xfeed_deca })
            },
        );
        assert_response(
            &hex!("81b700000000000000000000000000000000000000000000"),
            Response::from(SeqnoPersistenceReply::default()),
        );
    }

    #[test]
    fn quit_and_noop() {
        assert_request(
            &hex!("800700000000000000000000000000000000000000000000"),
            Request::from(Quit),
        );
        assert_request(
            &hex!("800a00000000000000000000000000000000000000000000"),
            Request::from(Noop),
        );
    }

    #[test]
    fn version() {
        assert_request(
            &hex!("800b00000000000000000000000000000000000000000000"),
            Request::from(Version),
        );
        assert_response(
            &hex!("810b00000000000000000005000000000000000000000000312e332e31"),
            Response::from(VersionReply::Accepted("1.3.1".into())),
        );
    }

    #[test]
    fn stat() {
        assert_request(
            &hex!("801000000000000000000000000000000000000000000000"),
            Request::from(Stat::default()),
        );
        let pid = StatReply {
            key: "pid".into(),
            value: "3078".into(),
        };
        assert_response(
            &hex!("81100003000000000000000700000000000000000000000070696433303738"),
            Response::from(pid),
        );
        assert!(!pid.is_last());
    }

    #[test]
    fn hello() {
        let bytes = hex!(
            "801f000c0000000000000016000000000000000000000000"
            "6d6368656c6c6f2076312e30 0001000200030004 0005"
        );
        let features = Features::new(&bytes[36..]).expect("whole features");
        assert_request(
            &bytes,
            Request::from(Hello {
                agent: "mchello v1.0".into(),
                features,
            }),
        );
        assert!(features.iter().eq((1..=5).map(Feature)));

        let bytes = hex!("811f0000000000000000000400000000000000000000000000030004");
        let features = Features::new(&bytes[24..]).expect("whole features");
        assert_response(&bytes, Response::from(HelloReply::Accepted(features)));
        let granted = [Feature::TCP_NO_DELAY, Feature::MUTATION_SEQNO];
        assert!(features.iter().eq(granted));
        let mut list = Vec::new();
        Features::encode(&granted, &mut list).expect("room");
        assert_eq!(list, features.as_bytes());
    }

    #[test]
    fn select_bucket() {
        assert_request(
            &hex!(
                "8089000b000000000000000befbeadde0000000000000000"
                "656e67696e656572696e67"
            ),
            Request {
                opaque: 0xefbe_adde,
                ..Request::from(SelectBucket {
                    bucket: "engineering".into(),
                })
            },
        );
    }

    #[test]
    fn get_failover_log() {
        assert_request(
            &hex!("809600000000000000000000deadbeef0000000000000000"),
            Request {
                opaque: DEAD_BEEF,
                ..Request::from(GetFailoverLog)
            },
        );
        let bytes = hex!(
            "819600000000000000000040deadbeef0000000000000000"
            "00000000feeddeca 0000000000005432 0000000000decafe 0000000001343214"
            "00000000feedface 0000000000000004 00000000deadbeef 0000000000006524"
        );
        let log = FailoverLog::new(&bytes[24..]).expect("whole entries");
        assert_response(
            &bytes,
            Response {
                opaque: DEAD_BEEF,
                ..Response::from(GetFailoverLogReply::Accepted(log))
            },
        );
        assert_eq!(log.iter().count(), 4);
    }

    #[test]
    fn sasl_list_mechs() {
        assert_request(
            &hex!("802000000000000000000000000000000000000000000000"),
            Request::from(SaslListMechs),
        );
        let mechanisms = Mechanisms("SCRAM-SHA1 CRAM-MD5 PLAIN".into());
        assert_response(
            &hex!(
                "812000000000000000000019000000000000000000000000"
                "534352414d2d53484131204352414d2d4d443520504c41494e"
            ),
            Response::from(SaslListMechsReply::Accepted(mechanisms)),
        );
        let names = ["SCRAM-SHA1", "CRAM-MD5", "PLAIN"].map(Into::into);
        assert!(mechanisms.iter().eq(names));
    }

    #[test]
    fn sasl_plain() {
        let plain = Plain::new("".into(), "user".into(), "pencil".into()).expect("no NUL in it");
        let mut data = Vec::new();
        plain.encode(&mut data).expect("room");
        assert_request(
            &hex!(
                "802100050000000000000011000000000000000000000000"
                "504c41494e 00 75736572 00 70656e63696c"
            ),
            Request::from(SaslAuth {
                mechanism: "PLAIN".into(),
                data: UserData::new(&data),
            }),
        );
        assert_response(
            &hex!("812100000000000000000000000000000000000000000000"),
            Response::from(SaslAuthReply::Authenticated("".into())),
        );
    }

    #[test]
    fn sasl_scram() {
        assert_request(
            &hex!(
                "8021000a0000000000000026000000000000000000000000"
                "534352414d2d53484131 6e2c2c6e3d757365722c723d64343061303265333438303430353930"
            ),
            Request::from(SaslAuth {
                mechanism: "SCRAM-SHA1".into(),
                data: "n,,n=user,r=d40a02e348040590".into(),
            }),
        );
        let challenge = "r=d40a02e348040590ec8ac784d46faf9d,s=fw3GRQYlFy6QEqT5y7Of4XbGaGg=,i=10";
        assert_response(
            &hex!(
                "812100000000002100000046000000000000000000000000"
                "723d64343061303265333438303430353930656338616337383464343666616639642c733d66773347"
                "5251596c467936514571543579374f66345862476147673d2c693d3130"
            ),
            Response {
                status: Status::AUTH_CONTINUE,
                ..Response::from(SaslAuthReply::Challenge(challenge.into()))
            },
        );
        let data = "c=biws,r=d40a02e348040590ec8ac784d46faf9d,p=co6kWwNhpVYuuFHWQv5VVcWrPJM=";
        assert_request(
            &hex!(
                "8022000a0000000000000052000000000000000000000000"
                "534352414d2d53484131"
                "633d626977732c723d64343061303265333438303430353930656338616337383464343666616639"
                "642c703d636f366b57774e6870565975754648575176355656635772504a4d3d"
            ),
            Request::from(SaslStep {
                mechanism: "SCRAM-SHA1".into(),
                data: data.into(),
            }),
        );
        let proof = "v=inZJ2d0Ms4dnENnHwPaqVfNn7DY=";
        assert_response(
            &hex!(
                "81220000000000000000001e000000000000000000000000"
                "763d696e5a4a3264304d7334646e454e6e487750617156664e6e3744593d"
            ),
            Response::from(SaslStepReply::Authenticated(proof.into())),
        );
    }

    #[test]
    fn authentication_provider() {
        assert_request(
            &hex!(
                "82020000000100000000003c000000000000000000000000"
                "7b226368616c6c656e6765223a224147397a596d3931636d356c4148426863334e3362334a6b"
                "222c226d656368616e69736d223a22504c41494e227d"
            ),
            Request {
                datatype: Datatype::JSON,
                ..Request::from(Authenticate {
                    value: r#"{"challenge":"AG9zYm91cm5lAHBhc3N3b3Jk","mechanism":"PLAIN"}"#.into(),
                })
            },
        );
        let permissions = concat!(
            r#"{"rbac":{"osbourne":{"buckets":{"default":["Read","SimpleSta"#,
            r#"ts","Insert","Delete","Upsert"]},"domain":"external","privileges":[]}}}"#,
        );
        assert_response(
            &hex!(
                "830200000001000000000083000000000000000000000000"
                "7b2272626163223a7b226f73626f75726e65223a7b226275636b657473223a7b2264656661756c74"
                "223a5b2252656164222c2253696d706c655374617473222c22496e73657274222c2244656c657465"
                "222c22557073657274225d7d2c22646f6d61696e223a2265787465726e616c222c2270726976696c"
                "65676573223a5b5d7d7d7d"
            ),
            Response {
                datatype: Datatype::JSON,
                ..Response::from(AuthenticateReply {
                    value: permissions.into(),
                })
            },
        );
        for (bytes, status) in [
            (
                hex!("830200000001000100000000000000000000000000000000"),
                Status::KEY_ENOENT,
            ),
            (
                hex!("830200000001000200000000000000000000000000000000"),
                Status::KEY_EEXISTS,
            ),
            (
                hex!("830200000001002000000000000000000000000000000000"),
                Status::AUTH_ERROR,
            ),
        ] {
            let reply = AuthenticateReply::default();
            assert_response(
                &bytes,
                Response {
                    status,
                    datatype: Datatype::JSON,
                    ..Response::from(reply)
                },
            );
        }
        assert_response(
            &hex!("830400000001002000000000000000000000000000000000"),
            Response {
                status: Status::AUTH_ERROR,
                datatype: Datatype::JSON,
                ..Response::from(GetAuthorizationReply::default())
            },
        );
        assert_request(
            &hex!(
                "82030000000100000000000ddeadcafe0000000000000000"
                "5b22466f6f222c22426172225d"
            ),
            Request {
                opaque: 0xdead_cafe,
                datatype: Datatype::JSON,
                ..Request::from(ActiveExternalUsers {
                    value: r#"["Foo","Bar"]"#.into(),
                })
            },
        );
    }
}

/// As a server sends it, and as one sent it that knew no epochs.
#[test]
fn clustermap_change_notification() {
    let notification = |version| Request {
        datatype: Datatype::JSON,
        ..Request::from(ClustermapChangeNotification {
            version,
            bucket: "basic".into(),
            map: r#"{"rev":5}"#.into(),
        })
    };
    assert_request(
        &hex!(
            "8201 0005 10 01 0000 0000001e 00000000 0000000000000000"
            "0000000000000001 0000000000000005 6261736963 7b22726576223a357d"
        ),
        notification(NotifiedVersion::Version(ConfigVersion {
            epoch: 1,
            revision: 5,
        })),
    );
    assert_request(
        &hex!(
            "8201 0005 04 01 0000 00000012 00000000 0000000000000000"
            "00000005 6261736963 7b22726576223a357d"
        ),
        notification(NotifiedVersion::Revision(5)),
    );
}
