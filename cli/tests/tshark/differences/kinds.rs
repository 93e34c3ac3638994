//! Kinds of packets.

use mcbp::{Command, Datatype, FrameInfo, Opcode, SectionLengths, ServerOpcode, Status};

use crate::packets::Sample;

impl Sample {
    pub(super) fn asks(&self, opcodes: &[Opcode]) -> bool {
        let header = self.packet.header();
        header.magic().is_client_request()
            && header.opcode().is_some_and(|it| opcodes.contains(&it))
    }

    pub(super) fn answers(&self, opcodes: &[Opcode]) -> bool {
        let header = self.packet.header();
        header.magic().is_client_response()
            && header.opcode().is_some_and(|it| opcodes.contains(&it))
    }

    pub(super) fn server_asks(&self, opcode: ServerOpcode) -> bool {
        let header = self.packet.header();
        header.magic().is_server_request() && header.command() == Command::Server(opcode)
    }

    pub(super) fn answers_server(&self, opcode: ServerOpcode) -> bool {
        let header = self.packet.header();
        header.magic().is_server_response() && header.command() == Command::Server(opcode)
    }

    pub(super) fn lengths(&self) -> SectionLengths {
        self.packet.header().lengths()
    }

    pub(super) fn status(&self) -> Option<Status> {
        self.packet.header().status()
    }

    pub(super) fn succeeds(&self) -> bool {
        self.status() == Some(Status::SUCCESS)
    }

    pub(super) fn has_value(&self) -> bool {
        self.lengths().value > 0
    }

    /// Whether there is a value, and its datatype has these bits.
    pub(super) fn has_datatype(&self, datatype: Datatype) -> bool {
        self.packet.header().datatype().contains(datatype) && self.has_value()
    }

    pub(super) fn is_response(&self) -> bool {
        self.packet.header().magic().is_response()
    }

    /// Whether it is a request, and one of its frame infos is like this, and tshark reads all.
    pub(super) fn has_request_info(&self, like: fn(&FrameInfo<'_>) -> bool) -> bool {
        !self.is_response() && self.has_info(like)
    }

    /// Whether one of its frame infos is like this, and tshark reads all of them.
    pub(super) fn has_info(&self, like: fn(&FrameInfo<'_>) -> bool) -> bool {
        !self.has_double_escape() && self.infos().any(|info| like(&info))
    }

    /// Whether one of its frame infos makes tshark give up.
    pub(super) fn has_double_escape(&self) -> bool {
        self.infos().any(|info| is_doubly_escaped(&info))
    }

    fn infos(&self) -> impl Iterator<Item = FrameInfo<'_>> {
        let message = self.message();
        message.map(|it| it.framing_extras()).into_iter().flatten()
    }

    pub(super) fn is_unannounced(&self) -> bool {
        let message = self.message();
        message.is_some_and(|it| it.framing_extras().is_unannounced())
    }
}

/// Whether an id or a length has a byte of its own.
pub(super) fn is_escaped(id_or_len: usize) -> bool {
    id_or_len >= 15
}

fn is_doubly_escaped(info: &FrameInfo<'_>) -> bool {
    is_escaped(info.id.into()) && is_escaped(info.payload.len())
}
