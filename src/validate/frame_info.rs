//! V15: the framing extras of a request.

use super::{Shape, Violation, refuse};
use crate::{FrameInfo, FramingExtras};

/// Checks each of the infos, as far as they are whole.
pub(super) fn check(section: &[u8], shape: Option<&Shape>) -> Result<(), Violation> {
    let (whole, all) = match FramingExtras::new(section) {
        Ok(infos) => (infos, true),
        Err(error) => {
            let whole = section.get(..error.offset as usize).unwrap_or_default();
            (FramingExtras::new(whole).unwrap_or_default(), false)
        }
    };
    for info in whole {
        check_info(&info, shape)?;
    }
    refuse(!all, const { Violation::of("F-encoding") })
}

fn check_info(info: &FrameInfo<'_>, shape: Option<&Shape>) -> Result<(), Violation> {
    // What other opcodes support is not known here.
    let is_known = shape.is_some();
    match (info.id, info.payload.expose()) {
        (0, payload) => refuse(!payload.is_empty(), const { Violation::of("F0") }),
        (1, payload) => {
            let (level, timeout) = match *payload {
                [level] => (level, None),
                [level, hi, lo] => (level, Some(u16::from_be_bytes([hi, lo]))),
                _ => return Err(const { Violation::of("F1-length") }),
            };
            refuse(
                !matches!(level, 1..=3) || matches!(timeout, Some(0 | u16::MAX)),
                const { Violation::of("F1-level") },
            )?;
            refuse(is_known, const { Violation::of("F1") })
        }
        (2, payload) => refuse(payload.len() != 2, const { Violation::of("F2") }),
        (4, payload) => refuse(payload.is_empty(), const { Violation::of("F4") }),
        (5, []) => refuse(is_known, const { Violation::of("F5") }),
        (5, _) => Err(const { Violation::of("F5-length") }),
        (6, payload) => refuse(payload.is_empty(), const { Violation::of("F6") }),
        (7, payload) => refuse(payload.len() != 2, const { Violation::of("F7") }),
        _ => Err(const { Violation::of("F-unknown") }),
    }
}
