//! A connection to a data node: dialled, negotiated, authenticated, opened for DCP.
//!
//! [`Connection`] moves packets, and knows of what they say only that an answer has the opcode and
//! the opaque of its request. [`Connection::set_up`] walks the plan of a [`Negotiation`]. What
//! follows is up to the command: it reads from one half and writes to the other.

mod endpoint;
mod error;
mod refusal;
mod tls;

use core::fmt::Debug;

use bytes::{Buf, BytesMut};
use mcbp::dcp::{DcpRequest, NoopReply};
use mcbp::kv::{
    Features, Hello, HelloReply, SaslAuth, SaslAuthReply, SaslListMechs, SaslListMechsReply,
    SaslReply, SaslStep, SaslStepReply, SelectBucket,
};
use mcbp::policy::OpaqueOwner;
use mcbp::track::negotiate::{Negotiated, Negotiation, Plan, PlannedStep, Step};
use mcbp::{
    Answer, Batch, Command, Decoder, EncodeError, Message, Metadata, Packet, Reply, Request,
    Response, Status, UserData,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;

pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::ConnectError;
pub use refusal::Refusal;
pub use tls::{Tls, TlsError};

use crate::login::{Credentials, Login, Mechanism};

/// What packets go through: TCP, TLS over it, or a pipe in a test.
pub trait Transport: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Transport for T {}

/// A connection to a data node.
#[derive(Debug)]
pub struct Connection {
    /// What comes from the node.
    pub reader: Reader,
    /// What goes to it.
    pub writer: Writer,
    is_encrypted: bool,
    last_opaque: u32,
}

/// Who asks to be served, and what of.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// What the node is told of the program, for its log.
    pub agent: &'a str,
    /// Who the user is.
    pub credentials: &'a Credentials,
    /// The bucket.
    pub bucket: &'a str,
}

impl Connection {
    /// Connects to a node.
    ///
    /// # Errors
    ///
    /// There is no node, or it is not the one that its certificate should say.
    pub async fn dial(endpoint: &Endpoint, tls: Option<&Tls>) -> Result<Self, ConnectError> {
        let dialled = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await;
        let stream = dialled.map_err(|error| ConnectError::Dial {
            endpoint: endpoint.clone(),
            error,
        })?;
        // An acknowledgement or the answer to a noop is small, and should not wait for company.
        stream.set_nodelay(true).map_err(ConnectError::Lost)?;
        Ok(match tls {
            None => Self::over(stream, false),
            Some(tls) => Self::over(tls.connect(endpoint, stream).await?, true),
        })
    }

    /// A connection through something that is connected already.
    pub fn over(transport: impl Transport + 'static, is_encrypted: bool) -> Self {
        let transport: Box<dyn Transport> = Box::new(transport);
        let (read, write) = tokio::io::split(transport);
        Self {
            reader: Reader {
                half: read,
                decoder: Decoder::default(),
                received: BytesMut::with_capacity(Reader::BLOCK),
            },
            writer: Writer {
                half: write,
                queue: BytesMut::new(),
                is_flushed: true,
            },
            is_encrypted,
            last_opaque: 0,
        }
    }

    /// An opaque that no request of this connection has had.
    pub const fn next_opaque(&mut self) -> u32 {
        self.last_opaque = self.last_opaque.wrapping_add(1);
        self.last_opaque
    }

    /// Sends a request, and waits for the packet that answers it.
    ///
    /// # Errors
    ///
    /// Those of the connection. Whatever the answer says is none.
    pub async fn ask<'a, M: Message<'a>>(
        &mut self,
        request: Request<'a, M>,
    ) -> Result<Packet, ConnectError> {
        let opaque = self.next_opaque();
        self.writer.queue(&Request { opaque, ..request })?;
        self.writer.flush().await?;
        self.answer_to(M::COMMAND, opaque).await
    }

    /// Waits for the answer to a request that was sent.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn answer_to(
        &mut self,
        command: Command,
        opaque: u32,
    ) -> Result<Packet, ConnectError> {
        loop {
            let packet = self.reader.packet().await?;
            let header = packet.header();
            if header.magic().is_client_response() {
                if (header.command(), header.opaque()) == (command, opaque) {
                    return Ok(packet);
                }
            } else if let DcpRequest::Noop(noop) = DcpRequest::read(packet.view())? {
                let answer = Response {
                    opaque: noop.opaque,
                    ..Response::from(NoopReply::default())
                };
                self.writer.queue_response(&answer)?;
                self.writer.flush().await?;
                continue;
            } else if header.magic().is_server_request() {
                // The map of the cluster has changed; it is not needed yet.
                continue;
            }
            return Err(ConnectError::Unexpected(header.command()));
        }
    }

    /// Goes through all that comes before the first stream: `HELLO`, authentication, the bucket,
    /// `DCP_OPEN` and the controls, in the order and to the end that the plan says.
    ///
    /// # Errors
    ///
    /// Those of the connection, and what the node refuses although it is required.
    pub async fn set_up(
        &mut self,
        plan: Plan<'_>,
        client: &Client<'_>,
    ) -> Result<Negotiated, ConnectError> {
        let mut features = Vec::new();
        Features::encode(&plan.features().collect::<Vec<_>>(), &mut features)?;
        let mut negotiation = Negotiation::new(plan);
        while let Some(PlannedStep { step, is_required }) = negotiation.next_step() {
            let mut owner = OpaqueOwner::Request;
            let answer = match step {
                Step::Hello => {
                    let hello = Hello {
                        agent: client.agent.into(),
                        features: Features::new(&features).unwrap_or_default(),
                    };
                    let answer = self.ask(hello.into()).await?;
                    let reply = answer.view().response::<HelloReply<'_>>()?.reply;
                    if let Answer::Accepted(granted) = reply {
                        negotiation.on_granted(granted.iter())?;
                        continue;
                    }
                    answer
                }
                Step::Authenticate => self.authenticate(client.credentials).await?,
                Step::SelectBucket => {
                    let bucket = client.bucket.into();
                    self.ask(SelectBucket { bucket }.into()).await?
                }
                Step::Open(open) => self.ask(open.into()).await?,
                Step::Control(control) => {
                    owner = OpaqueOwner::RequiredControl;
                    self.ask(control.message().into()).await?
                }
            };
            if is_required && status(&answer) != Status::SUCCESS {
                return Err(Refusal::new(&answer, owner).into());
            }
            negotiation.on_answer(status(&answer))?;
        }
        negotiation
            .negotiated()
            .copied()
            .ok_or(ConnectError::NotSetUp)
    }

    /// Proves who the user is; the last answer tells whether the node believes it.
    ///
    /// # Errors
    ///
    /// Those of the connection, and no way to prove it.
    pub async fn authenticate(
        &mut self,
        credentials: &Credentials,
    ) -> Result<Packet, ConnectError> {
        let mechanism = if credentials.plain {
            Mechanism::Plain
        } else {
            let answer = self.ask(SaslListMechs.into()).await?;
            match answer.view().response::<SaslListMechsReply<'_>>()?.reply {
                Answer::Accepted(offered) => Mechanism::choose(offered, self.is_encrypted)?,
                Answer::Refused(_) => return Ok(answer),
            }
        };
        let name: Metadata<'_> = mechanism.name().into();
        let (mut login, first) = Login::start(mechanism, credentials)?;
        let auth = SaslAuth {
            mechanism: name,
            data: UserData::new(&first),
        };
        let mut answer = self.ask(auth.into()).await?;
        let mut reply = said(answer.view().response::<SaslAuthReply<'_>>()?.reply);
        while let Said::Challenge(challenge) = reply {
            let data = login.step(UserData::new(&challenge))?;
            let step = SaslStep {
                mechanism: name,
                data: UserData::new(&data),
            };
            answer = self.ask(step.into()).await?;
            reply = said(answer.view().response::<SaslStepReply<'_>>()?.reply);
        }
        if let Said::Authenticated(proof) = reply {
            login.finish(UserData::new(&proof))?;
        }
        Ok(answer)
    }
}

/// How an answer ends the request.
pub(crate) fn status(answer: &Packet) -> Status {
    answer.header().status().unwrap_or(Status::EINTERNAL)
}

/// What a node says while a client authenticates, whichever request it answers.
enum Said {
    Challenge(Vec<u8>),
    Authenticated(Vec<u8>),
    Refused,
}

fn said<const OPCODE: u8>(reply: SaslReply<'_, OPCODE>) -> Said {
    match reply {
        SaslReply::Challenge(data) => Said::Challenge(data.expose().to_vec()),
        SaslReply::Authenticated(data) => Said::Authenticated(data.expose().to_vec()),
        SaslReply::Refused(_) => Said::Refused,
    }
}

/// The half of a connection that packets come from.
#[derive(Debug)]
pub struct Reader {
    half: ReadHalf<Box<dyn Transport>>,
    decoder: Decoder,
    received: BytesMut,
}

impl Reader {
    /// Packets are read in blocks of this many bytes, if they are shorter.
    const BLOCK: usize = 64 << 10;
    /// A block with less room than this is followed by a new one.
    const LEAST_ROOM: usize = 4 << 10;

    /// Waits for packets: all that are there, at least one. Nothing is lost if it is cancelled.
    ///
    /// # Errors
    ///
    /// The connection is closed, or what comes are no packets.
    pub async fn batch(&mut self) -> Result<Batch, ConnectError> {
        loop {
            let batch = self.decoder.decode_batch(&mut self.received)?;
            if !batch.is_empty() {
                return Ok(batch);
            }
            self.fill().await?;
        }
    }

    /// Waits for one packet. Nothing is lost if it is cancelled.
    ///
    /// # Errors
    ///
    /// As [`batch`](Self::batch).
    pub async fn packet(&mut self) -> Result<Packet, ConnectError> {
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.received)? {
                return Ok(packet);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), ConnectError> {
        let room = self.received.capacity().saturating_sub(self.received.len());
        if room < Self::LEAST_ROOM {
            self.received.reserve(Self::BLOCK);
        }
        match self.half.read_buf(&mut self.received).await {
            Ok(0) => Err(ConnectError::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(ConnectError::Lost(error)),
        }
    }
}

/// The half of a connection that packets go to, and those that have still to go.
#[derive(Debug)]
pub struct Writer {
    half: WriteHalf<Box<dyn Transport>>,
    queue: BytesMut,
    /// Whether nothing is left in the transport, either: TLS has a buffer of its own.
    is_flushed: bool,
}

impl Writer {
    /// Adds a request to what is to be written.
    ///
    /// # Errors
    ///
    /// What no packet can say; then nothing was added.
    pub fn queue<'a, M: Message<'a>>(
        &mut self,
        request: &Request<'a, M>,
    ) -> Result<(), EncodeError> {
        self.is_flushed = false;
        request.encode(&mut self.queue)
    }

    /// Adds a response to what is to be written.
    ///
    /// # Errors
    ///
    /// As [`queue`](Self::queue).
    pub fn queue_response<'a, R: Reply<'a>>(
        &mut self,
        response: &Response<'a, R>,
    ) -> Result<(), EncodeError> {
        self.is_flushed = false;
        response.encode(&mut self.queue)
    }

    /// Adds a packet to what is to be written, as it is.
    ///
    /// # Errors
    ///
    /// As [`queue`](Self::queue).
    pub fn queue_packet(&mut self, packet: Packet<&[u8]>) -> Result<(), EncodeError> {
        self.is_flushed = false;
        packet.encode(&mut self.queue)
    }

    /// Whether everything is written.
    pub const fn is_idle(&self) -> bool {
        self.is_flushed
    }

    /// Writes what is queued. If it is cancelled, the rest is still queued.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub async fn flush(&mut self) -> Result<(), ConnectError> {
        write(&mut self.half, &mut self.queue).await?;
        self.is_flushed = true;
        Ok(())
    }

    /// Writes what `bytes` holds, as it is, instead of what is queued. If it is cancelled, the rest
    /// is still in there, or the writer is not [idle](Self::is_idle).
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub async fn drain(&mut self, bytes: &mut impl Buf) -> Result<(), ConnectError> {
        self.is_flushed &= !bytes.has_remaining();
        write(&mut self.half, bytes).await?;
        self.is_flushed = true;
        Ok(())
    }

    /// Says that nothing more will be written.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub async fn shutdown(&mut self) -> Result<(), ConnectError> {
        self.half.shutdown().await.map_err(ConnectError::Lost)
    }
}

async fn write(
    half: &mut WriteHalf<Box<dyn Transport>>,
    bytes: &mut impl Buf,
) -> Result<(), ConnectError> {
    while bytes.has_remaining() {
        let written = half.write_buf(bytes).await;
        if written.map_err(ConnectError::Lost)? == 0 {
            return Err(ConnectError::Closed);
        }
    }
    half.flush().await.map_err(ConnectError::Lost)
}
