//! What a connection has negotiated, and how it answers.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use bytes::BytesMut;
use serde_json::json;

use super::super::fault::Faults;
use super::super::sasl::Exchange;
use super::outbox::{Outbox, Sent};
use crate::validate;
use crate::{
    Datatype, EncodeError, Feature, FramingExtras, Header, Magic, Packet, Reply, Response,
    Sections, Status, UserData,
};

/// What every connection has, whatever it is for.
#[derive(Default)]
pub(super) struct Link {
    pub(super) is_authenticated: bool,
    pub(super) exchange: Option<Box<dyn Exchange>>,
    pub(super) features: BTreeSet<Feature>,
    pub(super) has_bucket: bool,
    /// What the validators of requests ask for.
    pub(super) known: validate::Connection,
    pub(super) outbox: Outbox,
}

/// How long the server took, as a frame info of every response where that was asked for.
const TRACE: [u8; 3] = [0x02, 0x00, 0x01];

impl Link {
    /// Sends a packet of the node's own.
    pub(super) fn send(
        &mut self,
        faults: &mut Faults,
        now: Duration,
        write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
    ) -> Sent {
        self.outbox.send(faults, now, write)
    }

    /// Answers a request.
    pub(super) fn answer<'a, R: Reply<'a>>(
        &mut self,
        faults: &mut Faults,
        now: Duration,
        request: &Header,
        status: Status,
        reply: R,
    ) {
        self.answer_with(faults, now, request, status, Datatype::RAW, reply);
    }

    /// Answers a request, by a value of this datatype as far as it is enabled.
    pub(super) fn answer_with<'a, R: Reply<'a>>(
        &mut self,
        faults: &mut Faults,
        now: Duration,
        request: &Header,
        status: Status,
        datatype: Datatype,
        reply: R,
    ) {
        let response = Response {
            opaque: request.opaque(),
            status,
            cas: 0,
            datatype: datatype & self.known.datatypes,
            framing_extras: self.framing_extras(),
            reply,
        };
        self.outbox.send(faults, now, |out| response.encode(out));
    }

    /// Refuses a request, with a sentence for humans.
    pub(super) fn refuse(
        &mut self,
        faults: &mut Faults,
        now: Duration,
        request: &Header,
        status: Status,
        context: &str,
    ) {
        let value = json!({ "error": { "context": context } }).to_string();
        self.refuse_with(faults, now, request, status, &value);
    }

    /// Refuses a request, with this JSON or nothing.
    pub(super) fn refuse_with(
        &mut self,
        faults: &mut Faults,
        now: Duration,
        request: &Header,
        status: Status,
        value: &str,
    ) {
        let framing_extras = self.framing_extras();
        let magic = if framing_extras.is_present() {
            Magic::AltClientResponse
        } else {
            Magic::ClientResponse
        };
        let sections = Sections {
            framing_extras: framing_extras.as_bytes(),
            value: UserData::from(value),
            ..Sections::default()
        };
        let opcode = request.command().byte();
        let Ok(mut packet) = Packet::from_sections(magic, opcode, sections) else {
            return;
        };
        packet.set_opaque(request.opaque());
        packet.set_vbucket_or_status(status.0);
        if !value.is_empty() {
            packet.set_datatype(Datatype::JSON & self.known.datatypes);
        }
        self.outbox.pass(packet, faults, now);
    }

    fn framing_extras(&self) -> FramingExtras<'static> {
        if self.features.contains(&Feature::TRACING) {
            FramingExtras::new(&TRACE).unwrap_or_default()
        } else {
            FramingExtras::ABSENT
        }
    }
}

/// What is said of a collection or scope that is not there.
pub(super) fn unknown_in_manifest(uid: u64) -> String {
    json!({
        "error": { "context": "Unknown scope or collection in operation" },
        "manifest_uid": format!("{uid:x}"),
    })
    .to_string()
}
