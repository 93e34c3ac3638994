//! What the numbers mean: opcodes, statuses, flags and the other code spaces.
//!
//! The server may extend any of them at any time, so every value is legal, some have names, and
//! all survive being read and written. They are newtypes with constants rather than enums: an
//! `Unknown(u8)` beside names would give one value two spellings, and a name added later would
//! change the meaning of matches that compiled before.

/// Declares a code space: a number of which every value is legal and some have names.
///
/// A row is a value's description, its name and the value, so that the table can be laid beside
/// the reference.
macro_rules! codes {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident($Int:ty) {
            $( $(#[doc = $description:literal])+ $CODE:ident = $value:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        pub struct $Name(pub $Int);

        impl $Name {
            $( $(#[doc = $description])+ pub const $CODE: Self = Self($value); )*

            /// Every value that has a name, in ascending order.
            pub const NAMED: &'static [Self] = &[$(Self::$CODE),*];

            /// The name of this value, if it has one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $( $value => Some(stringify!($CODE)), )*
                    _ => None,
                }
            }

            /// What this value means, in a sentence, if it has a name.
            pub const fn description(self) -> Option<&'static str> {
                match self.0 {
                    $( $value => Some(concat!($($description),+).trim_ascii_start()), )*
                    _ => None,
                }
            }

            /// The value of this name, in either case.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::NAMED
                    .iter()
                    .copied()
                    .find(|code| code.name().is_some_and(|own| own.eq_ignore_ascii_case(name)))
            }
        }

        impl core::fmt::Debug for $Name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, concat!(stringify!($Name), "({:#x})"), self.0),
                }
            }
        }

        impl core::fmt::Display for $Name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Debug::fmt(self, f)
            }
        }
    };
}

mod datatype;
mod dcp;
mod error_attributes;
mod feature;
mod opcode;
mod status;

pub use datatype::Datatype;
pub use dcp::{
    DurabilityLevel, OpenFlags, OsoFlags, SnapshotFlags, StreamEndReason, StreamFlags,
    SystemEventId, VbucketState, WireBool,
};
pub use error_attributes::ErrorAttributes;
pub use feature::Feature;
pub use opcode::{Command, Opcode, ServerOpcode};
pub use status::{Status, StatusCategory};
