//! Negotiation: what to ask a producer for, in which order, and what is in force afterwards.
//!
//! [`Plan`] checks what is [`Wanted`] before a byte is sent: the server refuses some combinations
//! late and with a status that does not say why, and accepts others without effect. [`Negotiation`]
//! walks the plan, one step at a time, as servers of release 8 do it; the outcome is
//! [`Negotiated`].

mod control;
mod error;
#[cfg(test)]
mod tests;
mod wanted;

use core::time::Duration;

pub use control::{ControlStep, ControlValue};
pub use error::{Conflict, NegotiationViolation, Warning};
pub use wanted::{ServerVersion, Wanted, Wish};

use crate::dcp::Open;
use crate::{Feature, Metadata, OpenFlags, Status};
use control::Setting;

/// Wishes that go together, and the steps to fulfil them.
///
/// | step             | needed                                                           |
/// |------------------|------------------------------------------------------------------|
/// | `HELLO`          | always                                                           |
/// | authenticate     | always, though by nothing at all with a client certificate       |
/// | `SELECT_BUCKET`  | always                                                           |
/// | `DCP_OPEN`       | always: after it there is no more of the above                   |
/// | `DCP_CONTROL` …  | as wished, in the order of the server's own consumer             |
///
/// This order works with every server (reference 10.1). Stream requests may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan<'a> {
    wanted: Wanted<'a>,
}

/// Something to send, and whether a refusal matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedStep<'a> {
    /// What to send.
    pub step: Step<'a>,
    /// Whether the negotiation fails if it is refused.
    pub is_required: bool,
}

/// Something to send; the answer has to come before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// `HELLO` with [`Plan::features`]; the answer goes to [`Negotiation::on_granted`].
    Hello,
    /// `SASL_AUTH` and what goes with it, with the caller's credentials. If the connection is
    /// authenticated already, report success.
    Authenticate,
    /// `SELECT_BUCKET` with the caller's bucket.
    SelectBucket,
    /// `DCP_OPEN`.
    Open(Open<'a>),
    /// `DCP_CONTROL`.
    Control(ControlStep<'a>),
}

impl<'a> Plan<'a> {
    /// Steps before the controls.
    const FIRST_CONTROL: usize = 4;

    /// Checks what is wanted.
    ///
    /// # Errors
    ///
    /// What cannot be had together, or not at all.
    pub fn new(wanted: Wanted<'a>) -> Result<Self, Conflict> {
        error::check(&wanted)?;
        Ok(Self { wanted })
    }

    /// What it was made from.
    pub const fn wanted(&self) -> &Wanted<'a> {
        &self.wanted
    }

    /// What the server would accept and ignore, or what comes out other than wished.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> + use<'a> {
        error::warnings(self.wanted)
    }

    /// The features to ask for with `HELLO`, each once.
    pub fn features(&self) -> impl Iterator<Item = Feature> + use<'a> {
        let wanted = self.wanted;
        own_features(&wanted).chain(
            wanted
                .features
                .iter()
                .enumerate()
                .filter(move |&(index, feature)| {
                    !own_features(&wanted).any(|own| own == *feature)
                        && !wanted
                            .features
                            .iter()
                            .take(index)
                            .any(|other| other == feature)
                })
                .map(|(_, &feature)| feature),
        )
    }

    /// All steps, if the server grants everything.
    pub fn steps(&self) -> impl Iterator<Item = PlannedStep<'a>> + use<'a> {
        let plan = *self;
        let granted = Negotiated {
            collections: plan.wanted.collections.is_wanted(),
            sync_writes: plan.wanted.sync_writes.is_wanted(),
            snappy: plan.wanted.snappy.is_wanted(),
            noop_interval: plan
                .wanted
                .noop_interval
                .filter(|_| !Setting::NoopIntervalFraction.is_too_new_for(&plan.wanted)),
            ..Negotiated::default()
        };
        (0..Self::FIRST_CONTROL.saturating_add(Setting::ORDER.len()))
            .filter_map(move |index| plan.step(index, &granted))
    }

    /// The step of this number, unless there is no reason for it.
    fn step(&self, index: usize, granted: &Negotiated) -> Option<PlannedStep<'a>> {
        let required = |step| PlannedStep {
            step,
            is_required: true,
        };
        Some(match index.checked_sub(Self::FIRST_CONTROL) {
            Some(control) => {
                let setting = *Setting::ORDER.get(control)?;
                let (step, is_required) = setting.control(&self.wanted, granted)?;
                PlannedStep {
                    step: Step::Control(step),
                    is_required,
                }
            }
            None => required(match index {
                0 => Step::Hello,
                1 => Step::Authenticate,
                2 => Step::SelectBucket,
                _ => Step::Open(Open {
                    reserved: 0,
                    flags: self.flags(),
                    name: self.wanted.name,
                    value: Metadata(&[]),
                }),
            }),
        })
    }

    const fn flags(&self) -> OpenFlags {
        self.wanted.flags.union(OpenFlags::PRODUCER)
    }
}

/// The features that follow from what is wanted.
fn own_features(wanted: &Wanted<'_>) -> impl Iterator<Item = Feature> + use<> {
    let flag = |flag| wanted.flags.contains(flag);
    [
        (Feature::XATTR, flag(OpenFlags::INCLUDE_XATTRS)),
        // Without it some refusals are a closed connection (reference 5, surprise 53).
        (Feature::XERROR, true),
        (Feature::SELECT_BUCKET, true),
        (Feature::SNAPPY, wanted.snappy.is_wanted()),
        (Feature::JSON, true),
        // To close a stream by its id.
        (Feature::ALT_REQUEST_SUPPORT, wanted.stream_ids.is_wanted()),
        (Feature::COLLECTIONS, wanted.collections.is_wanted()),
        (
            Feature::DCP_SKIP_DELETES_IN_INITIAL_BACKFILL,
            flag(OpenFlags::SKIP_DELETES_IN_INITIAL_BACKFILL),
        ),
    ]
    .into_iter()
    .filter_map(|(feature, wanted)| wanted.then_some(feature))
}

/// Walks a [`Plan`].
///
/// | event                        | step to send    | step sent                                   | done        | failed      |
/// |------------------------------|-----------------|---------------------------------------------|-------------|-------------|
/// | `next_step`                  | it → step sent  | none                                        | none        | none        |
/// | success                      | *unasked*       | → next step, or done                        | *unasked*   | *unasked*   |
/// | granted, what is required    | *unasked*       | `HELLO`: → next; else *unasked*             | *unasked*   | *unasked*   |
/// | granted, less than required  | *unasked*       | `HELLO`: → failed, *not granted*            | *unasked*   | *unasked*   |
/// | refusal of what is optional  | *unasked*       | → next step, or done                        | *unasked*   | *unasked*   |
/// | refusal of what is required  | *unasked*       | → failed, *refused*                         | *unasked*   | *unasked*   |
///
/// What is *emphasised* is a [`NegotiationViolation`]. A step without reason is left out: what
/// needs collections where they were not granted, `consumer_name` where sync writes were refused.
/// The one step with a second try is an interval of noops with a fraction, which servers before
/// release 8 refuse: the next whole second follows.
///
/// Whether an answer is that to the step is for the caller to check, by its opcode and opaque, and
/// so is how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiation<'a> {
    plan: Plan<'a>,
    state: State,
    granted: Negotiated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// From this step on.
    ToSend(usize),
    Sent(usize),
    Done,
    Failed,
}

/// What is in force between a consumer and a producer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Negotiated {
    /// Keys begin with collection ids, and there are system events.
    pub collections: bool,
    /// Values may begin with extended attributes.
    pub xattrs: bool,
    /// Values may be compressed.
    pub snappy: bool,
    /// Values may be marked as JSON; `DCP_OPEN` sees to that.
    pub json: bool,
    /// Deletions have a time: version 2.
    pub delete_times: bool,
    /// Expirations are told from deletions.
    pub expiry_opcode: bool,
    /// Deletions keep their user extended attributes.
    pub deleted_user_xattrs: bool,
    /// There are prepares, commits and aborts.
    pub sync_writes: bool,
    /// Prepares are to be acknowledged.
    pub sync_replication: bool,
    /// Messages carry stream ids, and stream requests need one.
    pub stream_ids: bool,
    /// A consumer may answer with the newer statuses, and `KEY_ENOENT` and `KEY_EEXISTS` cost it
    /// the connection (reference 11.1).
    pub v7_status_codes: bool,
    /// System events are of version 2.
    pub flatbuffers_system_events: bool,
    /// There may be change history.
    pub change_streams: bool,
    /// A stream may begin with an OSO snapshot.
    pub oso_snapshots: bool,
    /// A stream may begin with the producer's cache.
    pub cache_transfer: bool,
    /// A stream that the consumer closes ends with `DCP_STREAM_END`.
    pub stream_end_on_close: bool,
    /// The newest markers that may come; older ones may, too.
    pub marker_version: MarkerVersion,
    /// How many bytes may be under way; 0 for any number.
    pub buffer_size: u32,
    /// How often a noop comes, if at all.
    pub noop_interval: Option<Duration>,
}

/// The version of a snapshot marker (reference 6.7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkerVersion {
    /// Bounds and flags.
    #[default]
    V1,
    /// And how far readers may see.
    V2_0,
    /// And what was purged, in snapshots from disk.
    V2_2,
}

impl<'a> Negotiation<'a> {
    /// Begins with the first step.
    pub fn new(plan: Plan<'a>) -> Self {
        Self {
            plan,
            state: State::ToSend(0),
            granted: Negotiated::default(),
        }
    }

    /// The plan.
    pub const fn plan(&self) -> &Plan<'a> {
        &self.plan
    }

    /// What to send now; `None` until the last step is answered, and in the end.
    pub fn next_step(&mut self) -> Option<PlannedStep<'a>> {
        let State::ToSend(index) = self.state else {
            return None;
        };
        self.state = State::Sent(index);
        self.plan.step(index, &self.granted)
    }

    /// Takes the features in the answer to `HELLO`.
    ///
    /// # Errors
    ///
    /// See the table.
    pub fn on_granted(
        &mut self,
        features: impl IntoIterator<Item = Feature>,
    ) -> Result<(), NegotiationViolation> {
        if self.state != State::Sent(0) {
            return Err(NegotiationViolation::Unasked);
        }
        let wanted = self.plan.wanted;
        for feature in features {
            match feature {
                Feature::COLLECTIONS => self.granted.collections = wanted.collections.is_wanted(),
                Feature::XATTR => {
                    self.granted.xattrs = wanted.flags.contains(OpenFlags::INCLUDE_XATTRS);
                }
                Feature::SNAPPY => self.granted.snappy = wanted.snappy.is_wanted(),
                _ => {}
            }
        }
        let needs_collections = [wanted.collections, wanted.marker_v2_2, wanted.stream_ids];
        let missing = if !self.granted.collections && needs_collections.contains(&Wish::Required) {
            Feature::COLLECTIONS
        } else if !self.granted.xattrs && wanted.flags.contains(OpenFlags::INCLUDE_XATTRS) {
            Feature::XATTR
        } else if !self.granted.snappy
            && [wanted.snappy, wanted.force_value_compression].contains(&Wish::Required)
        {
            Feature::SNAPPY
        } else {
            self.go_on(0);
            return Ok(());
        };
        self.state = State::Failed;
        Err(NegotiationViolation::NotGranted(missing))
    }

    /// Takes the status of the answer to the step that was sent last. A success for `HELLO` is
    /// one that grants nothing.
    ///
    /// # Errors
    ///
    /// See the table.
    pub fn on_answer(&mut self, status: Status) -> Result<(), NegotiationViolation> {
        let State::Sent(index) = self.state else {
            return Err(NegotiationViolation::Unasked);
        };
        let Some(PlannedStep { step, is_required }) = self.plan.step(index, &self.granted) else {
            return Err(NegotiationViolation::Unasked);
        };
        if status == Status::SUCCESS {
            match step {
                Step::Hello => return self.on_granted([]),
                Step::Authenticate | Step::SelectBucket => {}
                Step::Open(open) => {
                    self.granted.json = true;
                    self.granted.delete_times =
                        open.flags.contains(OpenFlags::INCLUDE_DELETE_TIMES);
                }
                Step::Control(control) => {
                    control.setting.grant(&self.plan.wanted, &mut self.granted)
                }
            }
        } else if is_required {
            self.state = State::Failed;
            return Err(NegotiationViolation::Refused {
                step: match step {
                    Step::Hello => "HELLO",
                    Step::Authenticate => "SASL_AUTH",
                    Step::SelectBucket => "SELECT_BUCKET",
                    Step::Open(_) => "DCP_OPEN",
                    Step::Control(control) => control.key,
                },
                status,
            });
        }
        self.go_on(index);
        Ok(())
    }

    /// What is in force, once every step is answered.
    pub const fn negotiated(&self) -> Option<&Negotiated> {
        match self.state {
            State::Done => Some(&self.granted),
            _ => None,
        }
    }

    /// Finds the next step that there is a reason for.
    fn go_on(&mut self, answered: usize) {
        let controls = Setting::ORDER.len();
        let end = Plan::FIRST_CONTROL.saturating_add(controls);
        let next = (answered.saturating_add(1)..end)
            .find(|&index| self.plan.step(index, &self.granted).is_some());
        self.state = next.map_or(State::Done, State::ToSend);
    }
}
