//! The life of a session within one request. Every transition of the protocol is in this room: `steps` decides what to
//! do next, `replies` decides what an answer means. It is pure: it has no await, clock or random numbers. The driver
//! does what [`Next`] says and brings the answer back.
//!
//! ```text
//!  cookie ──open──▶ load ──accept──▶ Live ──changes──▶ update ─▶ Applied ─▶ cookie out, if it is another
//!     │                │  Unknown, Expired ▶ None            ├─▶ Conflict ▶ (load) ▶ accept again [1] ▶ merge ▶ update
//!     └─ forged ▶ None │  PastGrace, Replaced ▶ Stale           ├─▶ Missing ─▶ Ended: nothing is created
//!                                                            └─▶ answer lost ▶ load: mine? the old one? unknown [11]
//!  None ──first write──▶ New ──▶ create (at most three handles, another one after a lost answer [13])
//!  login: record ──▶ index [6] ─▶ Applied ─▶ cookie out
//!                          └─▶ the epoch moved [7] ▶ delete the own record ▶ SignInAgain
//! ```
//! The numbers are the rules of the protocol, in docs/design.md.

use super::operation::{Next, Operation, Reply, Rules, StoreRequest};
use super::state::{RequestState, SessionState};
use crate::base::environment::Buffer;
use crate::base::error::Error;
use crate::base::events::{Event, LogId, Observer};

impl<B: Buffer> RequestState<B> {
    /// Takes the answer to the last step, and returns what to do next.
    #[inline(never)]
    pub(crate) fn next(
        &mut self,
        operation: &mut Operation<'_>,
        reply: Reply,
        rules: &Rules<'_, impl Observer>,
    ) -> Result<Next, Error> {
        let step = self.reply(operation, reply, rules).and_then(|()| self.step(operation, rules));
        self.in_flight = matches!(
            step,
            Ok(Next::Store(StoreRequest::Create | StoreRequest::Update | StoreRequest::Delete | StoreRequest::Index))
        );
        step.map_err(|error| {
            if let (Error::Conflict, Some(token), false) = (error, &self.token, operation.pending) {
                rules.observer.observe(&Event::Conflict(LogId(token.handle())));
            }
            self.failed(operation, error)
        })
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn reply(
        &mut self,
        operation: &mut Operation<'_>,
        reply: Reply,
        rules: &Rules<'_, impl Observer>,
    ) -> Result<(), Error> {
        match reply {
            Reply::Nothing => {
                operation.started.get_or_insert(operation.now);
                if self.in_flight {
                    // a verb was abandoned in the middle, so it is unknown what is stored
                    self.session = SessionState::Failed(Error::Indeterminate);
                }
                Ok(())
            }
            Reply::Refused(error) => Err(error),
            Reply::Loaded(load) => self.reloaded(operation, load, rules),
            Reply::Wrote(outcome) => self.wrote(operation, outcome, rules),
            Reply::Indexed(added) => self.indexed(operation, added, rules),
        }
    }

    /// The data was edited, or could not be.
    pub(crate) fn edited(&mut self, operation: &mut Operation<'_>, edited: Result<(), Error>) -> Result<(), Error> {
        operation.edited = true;
        edited.map_err(|error| self.failed(operation, error))
    }

    /// Reports any failure while an update is pending as an unknown outcome: the update may still be applied.
    fn failed(&mut self, operation: &Operation<'_>, error: Error) -> Error {
        let error = if operation.pending { Error::Indeterminate } else { error };
        if operation.attempted {
            self.session = SessionState::Failed(error);
        }
        error
    }
}
