//! What the validator of each opcode checks by itself.

use super::{Connection, ConnectionKind, Violation, json, refuse};
use crate::{Datatype, Opcode, OpenFlags, Packet, Sections, StreamFlags};

/// The check that a marker goes through before all others.
pub(super) fn check_marker(sections: &Sections<'_>) -> Result<(), Violation> {
    let expected = match *sections.extras {
        [0] => 36,
        [2] => 52,
        [_] => return Err(const { Violation::of("56-version") }),
        _ => {
            return refuse(
                sections.extras.len() != 20,
                const { Violation::of("56-extras") },
            );
        }
    };
    refuse(
        sections.value.len() != expected,
        const { Violation::of("56-value") },
    )
}

/// The checks of the opcode alone; the shape of the request is known to be right.
pub(super) fn check(opcode: Opcode, packet: &Packet<&[u8]>) -> Result<(), Violation> {
    let header = packet.header();
    let sections = packet.into_sections();
    let Sections {
        extras, key, value, ..
    } = sections;
    let datatype = header.datatype();
    let vbucket = header.vbucket_or_status();
    match opcode {
        Opcode::DCP_OPEN => {
            let flags = OpenFlags::from_bits_retain(field(extras, 4).map_or(0, u32::from_be_bytes));
            check_open_flags(flags)?;
            check_open_value(flags, datatype, value.expose())
        }
        Opcode::DCP_ADD_STREAM | Opcode::DCP_STREAM_REQ => {
            let flags = field(extras, 0).map_or(0, u32::from_be_bytes);
            check_stream_flags(StreamFlags::from_bits_retain(flags))
        }
        Opcode::DCP_MUTATION => {
            refuse(
                field(extras, 0) == Some([0; 8]),
                const { Violation::of("57-seqno") },
            )?;
            refuse(
                field(extras, 28) != Some([0; 2]),
                const { Violation::of("57-nmeta") },
            )
        }
        Opcode::DCP_DELETION => {
            let is_bare_json =
                datatype.contains(Datatype::JSON) && !datatype.contains(Datatype::XATTR);
            refuse(is_bare_json, const { Violation::of("58-datatype") })?;
            let has_nmeta = extras.len() == 18 && field(extras, 16) != Some([0; 2]);
            refuse(has_nmeta, const { Violation::of("58-nmeta") })
        }
        Opcode::DCP_SET_VBUCKET_STATE => refuse(
            !is_vbucket_state(extras),
            const { Violation::of("5b-state") },
        ),
        Opcode::DCP_SYSTEM_EVENT => {
            let event = field(extras, 8).map(u32::from_be_bytes);
            let is_event = matches!(event, Some(0 | 1 | 3 | 4 | 5));
            refuse(!is_event, const { Violation::of("5f-event") })?;
            let is_version = matches!(extras.last(), Some(0..=2));
            refuse(!is_version, const { Violation::of("5f-version") })
        }
        Opcode::DCP_PREPARE => {
            refuse(
                field(extras, 0) == Some([0; 8]),
                const { Violation::of("60-seqno") },
            )?;
            let is_level = matches!(extras.last(), Some(1..=3));
            refuse(!is_level, const { Violation::of("60-level") })
        }
        Opcode::DCP_CACHE_TRANSFER => refuse(value.len() < 42, const { Violation::of("66-value") }),

        Opcode::HELLO => refuse(value.len() % 2 != 0, const { Violation::of("1f-value") }),
        Opcode::GET_ERROR_MAP => {
            refuse(vbucket != 0, const { Violation::of("fe-vbucket") })?;
            refuse(value.len() != 2, const { Violation::of("fe-value") })
        }
        Opcode::STAT if !value.is_empty() => {
            let is_marked = datatype.contains(Datatype::JSON);
            refuse(!is_marked, const { Violation::of("10-datatype") })?;
            refuse(
                !json::is_json(value.expose()),
                const { Violation::of("10-json") },
            )
        }
        Opcode::GET_ALL_VB_SEQNOS => {
            let state = field(extras, 0).map_or(0, u32::from_be_bytes);
            refuse(state > 4, const { Violation::of("48-state") })
        }
        Opcode::OBSERVE_SEQNO => refuse(header.body_len() != 8, const { Violation::of("91-body") }),
        Opcode::SET_VBUCKET => {
            let datatype_of_value = if value.is_empty() {
                Datatype::RAW
            } else {
                Datatype::JSON
            };
            refuse(
                datatype != datatype_of_value,
                const { Violation::of("3d-datatype") },
            )?;
            refuse(
                !is_vbucket_state(extras),
                const { Violation::of("3d-state") },
            )
        }
        Opcode::GET_CLUSTER_CONFIG if !extras.is_empty() => {
            let revision = field(extras, 8).map_or(0, i64::from_be_bytes);
            refuse(revision < 1, const { Violation::of("b5-revision") })?;
            let epoch = field(extras, 0).map_or(0, i64::from_be_bytes);
            refuse(
                epoch < 1 && epoch != -1,
                const { Violation::of("b5-epoch") },
            )
        }
        Opcode::COLLECTIONS_GET_MANIFEST => {
            refuse(vbucket != 0, const { Violation::of("ba-vbucket") })
        }
        Opcode::COLLECTIONS_GET_ID | Opcode::COLLECTIONS_GET_SCOPE_ID => {
            let has_both = !key.is_empty() && !value.is_empty();
            refuse(has_both, const { Violation::of("bb-bc-path") })?;
            refuse(vbucket != 0, const { Violation::of("bb-bc-vbucket") })
        }
        _ => Ok(()),
    }
}

fn check_open_flags(flags: OpenFlags) -> Result<(), Violation> {
    const LEGAL: u32 = 0x36d;
    let has = |flag| flags.contains(flag);

    refuse(
        flags.bits() & !LEGAL != 0,
        const { Violation::of("50-flags") },
    )?;
    refuse(
        has(OpenFlags::SKIP_DELETES_IN_INITIAL_BACKFILL) && !has(OpenFlags::PRODUCER),
        const { Violation::of("50-skip-deletes") },
    )?;
    refuse(
        has(OpenFlags::NO_VALUE) && has(OpenFlags::NO_VALUE_WITH_UNDERLYING_DATATYPE),
        const { Violation::of("50-no-value") },
    )?;
    refuse(
        has(OpenFlags::INCLUDE_DELETED_USER_XATTRS) && !has(OpenFlags::INCLUDE_XATTRS),
        const { Violation::of("50-deleted-xattrs") },
    )
}

fn check_open_value(flags: OpenFlags, datatype: Datatype, value: &[u8]) -> Result<(), Violation> {
    let datatype_of_value = if value.is_empty() {
        Datatype::RAW
    } else {
        Datatype::JSON
    };
    refuse(
        datatype != datatype_of_value,
        const { Violation::of("50-datatype") },
    )?;
    if value.is_empty() {
        return Ok(());
    }
    let mut members = Ok(());
    let is_object = json::is_object(value, |key, kind| {
        members = members.and_then(|()| {
            refuse(
                key != b"consumer_name",
                const { Violation::of("50-member") },
            )?;
            let is_for_producer = flags.contains(OpenFlags::PRODUCER);
            refuse(is_for_producer, const { Violation::of("50-producer") })?;
            let is_string = kind == json::Kind::String;
            refuse(!is_string, const { Violation::of("50-consumer-name") })
        });
    });
    refuse(!is_object, const { Violation::of("50-json") })?;
    members
}

fn check_stream_flags(flags: StreamFlags) -> Result<(), Violation> {
    const LEGAL: u32 = 0x1f7;
    const WITH_CACHE_TRANSFER: StreamFlags = StreamFlags::CACHE_TRANSFER
        .union(StreamFlags::TAKE_OVER)
        .union(StreamFlags::ACTIVE_VB_ONLY);

    refuse(
        flags.bits() & !LEGAL != 0,
        const { Violation::of("51-53-flags") },
    )?;
    refuse(
        flags.contains(StreamFlags::CACHE_TRANSFER) && !WITH_CACHE_TRANSFER.contains(flags),
        const { Violation::of("51-53-cache-transfer") },
    )
}

/// C1 to C5.
pub(super) fn check_connection(
    opcode: Opcode,
    has_stream_id: bool,
    connection: &Connection,
) -> Result<(), Violation> {
    let is_failover_log = opcode == Opcode::GET_FAILOVER_LOG;
    if !opcode.is_dcp() && !is_failover_log {
        return Ok(());
    }
    let is_dcp = connection.kind != ConnectionKind::Ordinary;
    let is_open = opcode == Opcode::DCP_OPEN;

    refuse(!connection.bucket_has_dcp, const { Violation::of("C1") })?;
    refuse(
        connection.unordered_execution,
        const { Violation::of("C2") },
    )?;
    refuse(
        connection.kind == ConnectionKind::Consumer && has_stream_id,
        const { Violation::of("C3") },
    )?;
    refuse(is_open && is_dcp, const { Violation::of("C4") })?;
    refuse(
        !is_open && !is_failover_log && !is_dcp,
        const { Violation::of("C5") },
    )
}

fn is_vbucket_state(extras: &[u8]) -> bool {
    matches!(extras, [1..=4])
}

/// The bytes of a field; `None` if the extras end before it does.
fn field<const N: usize>(extras: &[u8], offset: usize) -> Option<[u8; N]> {
    extras.get(offset..)?.first_chunk().copied()
}
