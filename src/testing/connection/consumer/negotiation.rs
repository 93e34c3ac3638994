//! What a node asks its producer for before the first stream.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;

use super::super::super::node::Release;
use crate::Status;
use crate::policy::OpaqueOwner;

/// The walk through the controls, in the order of the release (reference 6.12).
#[derive(Debug)]
pub(super) struct Negotiation {
    left: VecDeque<Step>,
    unanswered: BTreeMap<u32, Step>,
    /// The last so many steps go one at a time; those before wait for no answer.
    one_by_one: usize,
    pub(super) v7_status_codes: bool,
}

/// A request of the negotiation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    ErrorMap,
    Control(&'static str, String),
    /// The node cannot do without it.
    Required(&'static str, String),
}

impl Step {
    /// The control; `None` for what is none.
    pub(super) fn control(&self) -> Option<(&'static str, String)> {
        match self {
            Self::ErrorMap => None,
            Self::Control(key, value) | Self::Required(key, value) => Some((key, value.clone())),
        }
    }
}

const NOOP_INTERVAL: &str = "set_noop_interval";
const BUFFER_SIZE: &str = "connection_buffer_size";

impl Negotiation {
    pub(super) fn new(release: Release, has_sync_writes: bool, buffer_size: u32) -> Self {
        let on = |key| Step::Control(key, "true".into());
        let mut steps = VecDeque::from([on("enable_noop")]);
        steps.push_back(match release {
            Release::V7_2 => Step::Required(NOOP_INTERVAL, "1".into()),
            Release::V8_0 => Step::Control(NOOP_INTERVAL, "1.000000".into()),
        });
        steps.push_back(Step::Control("set_priority", "high".into()));
        steps.extend(
            [
                "supports_cursor_dropping_vulcan",
                "supports_hifi_MFU",
                "send_stream_end_on_client_close_stream",
                "enable_expiry_opcode",
            ]
            .map(on),
        );
        if has_sync_writes {
            steps.push_back(on("enable_sync_writes"));
        }
        let pipelined = steps.len();
        if has_sync_writes {
            steps.push_back(Step::Control("consumer_name", "replica".into()));
        }
        steps.extend(
            [
                "include_deleted_user_xattrs",
                "v7_dcp_status_codes",
                "flatbuffers_system_events",
                "change_streams",
            ]
            .map(on),
        );
        let behind = steps.len().saturating_sub(pipelined);
        let buffer = Step::Required(BUFFER_SIZE, format!("{buffer_size}"));
        match release {
            Release::V7_2 => {
                steps.push_front(Step::ErrorMap);
                steps.push_front(buffer);
            }
            Release::V8_0 => {
                steps.push_front(Step::ErrorMap);
                steps.push_back(Step::Control("max_marker_version", "2.2".into()));
                steps.push_back(buffer);
            }
        }
        Self {
            left: steps,
            unanswered: BTreeMap::new(),
            one_by_one: match release {
                Release::V7_2 => behind,
                Release::V8_0 => usize::MAX,
            },
            v7_status_codes: false,
        }
    }

    /// The step to take now.
    pub(super) fn next(&mut self) -> Option<Step> {
        let may_go_on = self.unanswered.is_empty() || self.left.len() > self.one_by_one;
        if may_go_on {
            self.left.pop_front()
        } else {
            None
        }
    }

    pub(super) fn on_sent(&mut self, opaque: u32, step: Step) {
        self.unanswered.insert(opaque, step);
    }

    pub(super) fn is_over(&self) -> bool {
        self.left.is_empty() && self.unanswered.is_empty()
    }

    /// What the opaque of an answer belongs to.
    pub(super) fn owner(&self, opaque: u32) -> OpaqueOwner {
        match self.unanswered.get(&opaque) {
            Some(Step::Required(..)) => OpaqueOwner::RequiredControl,
            Some(_) => OpaqueOwner::Control,
            None => OpaqueOwner::Nothing,
        }
    }

    /// Takes an answer that is not fatal; gives the size of the buffer if it is that which is
    /// settled.
    pub(super) fn on_answer(&mut self, opaque: u32, status: Status) -> Option<u32> {
        let (key, value) = self.unanswered.remove(&opaque)?.control()?;
        let accepted = status == Status::SUCCESS;
        match key {
            // Older producers take whole seconds only.
            NOOP_INTERVAL if !accepted => {
                self.left
                    .push_front(Step::Required(NOOP_INTERVAL, "1".into()));
            }
            "v7_dcp_status_codes" => self.v7_status_codes = accepted,
            BUFFER_SIZE if accepted => return value.parse().ok(),
            _ => {}
        }
        None
    }
}
