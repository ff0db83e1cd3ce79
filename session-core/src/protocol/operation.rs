//! One verb of a request: its task, the driver's next step, and its progress.

use crate::base::environment::Time;
use crate::base::error::Error;
use crate::base::keys::Ring;
use crate::base::names::{Fresh, Handle};
use crate::base::policy::Policy;
use crate::store::contract::{DeleteCondition, Load, Outcome};
use crate::store::index::{Added, Epoch};
use crate::wire::token::Token;

/// Data that is shown once: kept under a key that no handler can name.
pub(crate) const FLASH: &str = "\0flash";
/// How long conflicts are retried, in milliseconds.
pub(super) const PATIENCE: u64 = 2_000;
/// How often one verb survives a lost answer.
pub(crate) const LOST: u8 = 2;
/// How many handles are tried for a new session (ID4).
pub(super) const HANDLES: u8 = 3;

/// What holds for every request of an application. The observer's type is known, so that a program that observes nothing has
/// no code of any event.
pub struct Rules<'r, O> {
    pub(crate) policy: &'r Policy,
    pub(crate) ring: &'r Ring,
    pub(crate) observer: &'r O,
    pub(crate) touch_is_free: bool,
    /// A login is complete only when the index, or its substitute, has accepted it.
    pub(crate) has_index: bool,
}

/// What a verb is about to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent<'i> {
    /// Store what the handler changed, renew, touch.
    Commit,
    /// Store the function's result on the newest data.
    Update,
    /// Sign in: the subject was authenticated.
    Login { subject: &'i str, epoch: Epoch, remember: bool, keep_data: bool },
    /// A new cookie value.
    Rotate,
    /// The end.
    Logout,
}

/// What the driver has to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Ask the store.
    Store(StoreRequest),
    /// Bring 32 random bytes.
    Random,
    /// Let the function of `update_with` change the data, once for each state of the data.
    Edit,
    /// Nothing: the verb is complete.
    Done,
}

/// The request to the store, for the operation's `handle`. Records are in the buffers of the request's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreRequest {
    /// Load into the other buffer.
    Load,
    /// Create the record.
    Create,
    /// Update. A record found instead is copied into the other buffer.
    Update,
    /// Record the activity.
    Touch,
    /// Delete if it matches the operation's `condition`.
    Delete,
    /// Add the record's login to the index of the subject that signs in.
    Index,
}

/// What came of a step; a store's error was reported already.
pub enum Reply {
    /// Nothing: the verb begins or continues.
    Nothing,
    /// It cannot be done.
    Refused(Error),
    Loaded(Result<Load, ()>),
    Wrote(Result<Outcome, ()>),
    Indexed(Result<Added, ()>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Ready,
    Creating,
    Updating,
    Deleting,
    /// A login's record is stored, and is added to the index.
    Indexing,
    /// The index rejected it: its record is deleted again, and the error is `refused`.
    Withdrawing,
    /// Login over another subject's session: the new one is stored, and the old one, which it `replaces`, is deleted.
    DeletingOld,
    /// After a conflict without the record, or after a lost answer.
    Reloading,
    /// The verb is complete, or its last request is a touch.
    Finished,
}

/// The progress of one verb.
pub struct Operation<'i> {
    /// What the verb is about to do.
    pub(crate) intent: Intent<'i>,
    /// The time of this step.
    pub(crate) now: Time,
    /// The record that the store request is about.
    pub(crate) handle: Handle,
    /// When it may be deleted.
    pub(crate) condition: DeleteCondition,
    pub(super) phase: Phase,
    /// The time of its first request.
    pub(super) started: Option<Time>,
    /// Random bytes, once there are some.
    pub(crate) fresh: Option<Fresh>,
    pub(super) lost: u8,
    /// An update was abandoned and may still execute (protocol rule 11).
    pub(super) pending: bool,
    pub(super) handles: u8,
    /// This login joins another one of the subject, whose cookie is the next one (protocol rule 15).
    pub(super) joined: bool,
    /// The cookie that is valid once the write is applied.
    pub(super) next: Option<Token>,
    pub(super) attempted: bool,
    /// The function of `update_with` has seen the current data.
    pub(super) edited: bool,
    pub(super) replaces: Option<(Handle, u32)>,
    /// Why a login is withdrawn.
    pub(super) refused: Error,
}

impl<'i> Operation<'i> {
    pub(crate) const fn new(intent: Intent<'i>) -> Self {
        Self {
            intent,
            now: Time::ZERO,
            handle: Handle::from_bytes([0; Handle::LEN]),
            condition: DeleteCondition::Login(0),
            phase: Phase::Ready,
            started: None,
            fresh: None,
            lost: 0,
            pending: false,
            handles: 0,
            joined: false,
            next: None,
            attempted: false,
            edited: false,
            replaces: None,
            refused: Error::Indeterminate,
        }
    }

    pub(super) fn ask(&mut self, request: StoreRequest, handle: Handle) -> Next {
        self.handle = handle;
        Next::Store(request)
    }

    pub(super) fn delete(&mut self, handle: Handle, condition: DeleteCondition) -> Next {
        self.condition = condition;
        self.ask(StoreRequest::Delete, handle)
    }
}
