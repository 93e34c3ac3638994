//! The DCP messages: requests and responses of the opcodes 0x50..=0x67.
//!
//! Names are those of the server without the prefix: `DCP_STREAM_REQ` is [`StreamRequest`], and the
//! answer to it [`StreamRequestReply`]. To read whichever message a packet holds, see
//! [`DcpRequest`] and [`DcpResponse`]; to read a certain one,
//! [`Packet::request`](crate::Packet::request) and [`Packet::response`](crate::Packet::response).

mod abort;
mod add_stream;
mod buffer_acknowledgement;
mod cache_transfer;
mod cache_transfer_end;
mod close_stream;
mod commit;
mod control;
mod deletion;
mod expiration;
mod failover_log;
mod flush;
mod get_failover_log;
mod mutation;
mod noop;
mod open;
mod oso_snapshot;
mod prepare;
mod seqno_acknowledged;
mod seqno_advanced;
mod set_vbucket_state;
mod snapshot_marker;
mod stream_end;
mod stream_request;
mod system_event;

pub use abort::{Abort, AbortReply};
pub use add_stream::{AddStream, AddStreamReply};
pub use buffer_acknowledgement::{BufferAcknowledgement, BufferAcknowledgementReply};
pub use cache_transfer::{
    CacheTransfer, CacheTransferRecord, CacheTransferRecords, CacheTransferReply,
};
pub use cache_transfer_end::{CacheTransferEnd, CacheTransferEndReply};
pub use close_stream::{CloseStream, CloseStreamReply};
pub use commit::{Commit, CommitReply};
pub use control::{Control, ControlReply};
pub use deletion::{Deletion, DeletionReply, DeletionVersion};
pub use expiration::{Expiration, ExpirationReply};
pub use failover_log::{FailoverEntry, FailoverLog};
pub use flush::{Flush, FlushReply};
pub use get_failover_log::{GetFailoverLog, GetFailoverLogReply};
pub use mutation::{Mutation, MutationReply};
pub use noop::{Noop, NoopReply};
pub use open::{Open, OpenReply};
pub use oso_snapshot::{OsoSnapshot, OsoSnapshotReply};
pub use prepare::{Prepare, PrepareReply};
pub use seqno_acknowledged::{SeqnoAcknowledged, SeqnoAcknowledgedReply};
pub use seqno_advanced::{SeqnoAdvanced, SeqnoAdvancedReply};
pub use set_vbucket_state::{SetVbucketState, SetVbucketStateReply};
pub use snapshot_marker::{
    SnapshotMarker, SnapshotMarkerReply, SnapshotMarkerV2, SnapshotMarkerV2Minor,
};
pub use stream_end::{StreamEnd, StreamEndReply};
pub use stream_request::{StreamRequest, StreamRequestReply};
pub use system_event::{SystemEvent, SystemEventReply};

use crate::message::messages;
use crate::{Opcode, Request, Response};

messages! {
    /// Whichever DCP request a packet holds.
    pub enum DcpRequest of Request where is_client_request {
        /// Makes the connection a DCP connection.
        Open(Open<'a>) = DCP_OPEN,
        /// Makes a consumer ask for a stream.
        AddStream(AddStream) = DCP_ADD_STREAM,
        /// Ends a stream.
        CloseStream(CloseStream) = DCP_CLOSE_STREAM,
        /// Opens a stream.
        StreamRequest(StreamRequest<'a>) = DCP_STREAM_REQ,
        /// Asks for the history of a vbucket.
        GetFailoverLog(GetFailoverLog) = DCP_GET_FAILOVER_LOG,
        /// The last message of a stream.
        StreamEnd(StreamEnd) = DCP_STREAM_END,
        /// The first message of a snapshot.
        SnapshotMarker(SnapshotMarker) = DCP_SNAPSHOT_MARKER,
        /// A document was written.
        Mutation(Mutation<'a>) = DCP_MUTATION,
        /// A document was deleted.
        Deletion(Deletion<'a>) = DCP_DELETION,
        /// A document has expired.
        Expiration(Expiration<'a>) = DCP_EXPIRATION,
        /// Retired.
        Flush(Flush) = DCP_FLUSH,
        /// Hands a vbucket over.
        SetVbucketState(SetVbucketState) = DCP_SET_VBUCKET_STATE,
        /// Asks whether the consumer is still there.
        Noop(Noop) = DCP_NOOP,
        /// Lets the producer send more.
        BufferAcknowledgement(BufferAcknowledgement) = DCP_BUFFER_ACKNOWLEDGEMENT,
        /// Changes a setting of the connection.
        Control(Control<'a>) = DCP_CONTROL,
        /// A collection or a scope has changed.
        SystemEvent(SystemEvent<'a>) = DCP_SYSTEM_EVENT,
        /// The first half of a durable write.
        Prepare(Prepare<'a>) = DCP_PREPARE,
        /// The consumer's half of a durable write.
        SeqnoAcknowledged(SeqnoAcknowledged) = DCP_SEQNO_ACKNOWLEDGED,
        /// The second half of a durable write.
        Commit(Commit<'a>) = DCP_COMMIT,
        /// The end of a durable write that came to nothing.
        Abort(Abort<'a>) = DCP_ABORT,
        /// The history goes on where the consumer may not look.
        SeqnoAdvanced(SeqnoAdvanced) = DCP_SEQNO_ADVANCED,
        /// The brackets of a snapshot ordered by key.
        OsoSnapshot(OsoSnapshot) = DCP_OSO_SNAPSHOT,
        /// Documents out of the producer's memory.
        CacheTransfer(CacheTransfer<'a>) = DCP_CACHE_TRANSFER,
        /// The end of those.
        CacheTransferEnd(CacheTransferEnd) = DCP_CACHE_TRANSFER_END,
    }
}

messages! {
    /// Whichever DCP response a packet holds.
    pub enum DcpResponse of Response where is_client_response {
        /// The answer to [`Open`].
        Open(OpenReply<'a>) = DCP_OPEN,
        /// The answer to [`AddStream`].
        AddStream(AddStreamReply<'a>) = DCP_ADD_STREAM,
        /// The answer to [`CloseStream`].
        CloseStream(CloseStreamReply<'a>) = DCP_CLOSE_STREAM,
        /// The answer to [`StreamRequest`].
        StreamRequest(StreamRequestReply<'a>) = DCP_STREAM_REQ,
        /// The answer to [`GetFailoverLog`].
        GetFailoverLog(GetFailoverLogReply<'a>) = DCP_GET_FAILOVER_LOG,
        /// The answer to [`StreamEnd`].
        StreamEnd(StreamEndReply<'a>) = DCP_STREAM_END,
        /// The answer to [`SnapshotMarker`].
        SnapshotMarker(SnapshotMarkerReply<'a>) = DCP_SNAPSHOT_MARKER,
        /// The answer to [`Mutation`].
        Mutation(MutationReply<'a>) = DCP_MUTATION,
        /// The answer to [`Deletion`].
        Deletion(DeletionReply<'a>) = DCP_DELETION,
        /// The answer to [`Expiration`].
        Expiration(ExpirationReply<'a>) = DCP_EXPIRATION,
        /// The answer to [`Flush`].
        Flush(FlushReply<'a>) = DCP_FLUSH,
        /// The answer to [`SetVbucketState`].
        SetVbucketState(SetVbucketStateReply<'a>) = DCP_SET_VBUCKET_STATE,
        /// The answer to [`Noop`].
        Noop(NoopReply<'a>) = DCP_NOOP,
        /// The answer to [`BufferAcknowledgement`].
        BufferAcknowledgement(BufferAcknowledgementReply<'a>) = DCP_BUFFER_ACKNOWLEDGEMENT,
        /// The answer to [`Control`].
        Control(ControlReply<'a>) = DCP_CONTROL,
        /// The answer to [`SystemEvent`].
        SystemEvent(SystemEventReply<'a>) = DCP_SYSTEM_EVENT,
        /// The answer to [`Prepare`].
        Prepare(PrepareReply<'a>) = DCP_PREPARE,
        /// The answer to [`SeqnoAcknowledged`].
        SeqnoAcknowledged(SeqnoAcknowledgedReply<'a>) = DCP_SEQNO_ACKNOWLEDGED,
        /// The answer to [`Commit`].
        Commit(CommitReply<'a>) = DCP_COMMIT,
        /// The answer to [`Abort`].
        Abort(AbortReply<'a>) = DCP_ABORT,
        /// An answer to [`SeqnoAdvanced`], which nobody should send.
        SeqnoAdvanced(SeqnoAdvancedReply<'a>) = DCP_SEQNO_ADVANCED,
        /// An answer to [`OsoSnapshot`], which nobody should send.
        OsoSnapshot(OsoSnapshotReply<'a>) = DCP_OSO_SNAPSHOT,
        /// The answer to [`CacheTransfer`].
        CacheTransfer(CacheTransferReply<'a>) = DCP_CACHE_TRANSFER,
        /// The answer to [`CacheTransferEnd`].
        CacheTransferEnd(CacheTransferEndReply<'a>) = DCP_CACHE_TRANSFER_END,
    }
}
