//! The life of a session within one request. Every transition of the protocol is in this room: `steps` decides what to do
//! next, `replies` decides what an answer means. Pure: no await, no clock and no random numbers of its own. The driver
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

use super::operation::{Intent, Next, Operation, Reply, Rules, StoreRequest};
use super::state::{RequestState, SessionState};
use crate::base::environment::{Buffer, Time};
use crate::base::error::Error;
use crate::base::events::{Event, LogId};

impl<B: Buffer> RequestState<B> {
    /// What is to be done now.
    #[inline(never)]
    pub(crate) fn next(
        &mut self,
        operation: &mut Operation,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<Next, Error> {
        operation.started.get_or_insert(now);
        if self.in_flight {
            // a verb was given up in the middle: nobody knows what is stored
            self.session = SessionState::Failed(Error::Indeterminate);
        }
        let step = self.step(operation, intent, rules, now);
        self.in_flight = matches!(
            step,
            Ok(Next::Store(
                StoreRequest::Create(_) | StoreRequest::Update(..) | StoreRequest::Delete(..) | StoreRequest::Index(_)
            ))
        );
        self.settle_failure(operation, step)
    }

    /// Takes the answer to the last step.
    pub(crate) fn reply(
        &mut self,
        operation: &mut Operation,
        intent: Intent<'_>,
        reply: Reply,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<(), Error> {
        self.in_flight = false;
        let done = match reply {
            Reply::Random(bytes) => {
                operation.fresh = Some(bytes);
                Ok(())
            }
            Reply::Refused(error) => Err(error),
            Reply::Loaded(load) => self.reloaded(operation, intent, load, rules, now),
            Reply::Wrote(outcome) => self.wrote(operation, intent, outcome, rules, now),
            Reply::Indexed(added) => self.indexed(operation, intent, added, rules),
        };
        let done = self.settle_failure(operation, done);
        if let (Err(Error::Conflict), Some(token)) = (done, &self.token) {
            rules.observer.observe(&Event::Conflict(LogId(token.handle())));
        }
        done
    }

    /// The data was edited, or could not be.
    pub(crate) fn edited(&mut self, operation: &mut Operation, edited: Result<(), Error>) -> Result<(), Error> {
        operation.edited = true;
        self.settle_failure(operation, edited)
    }

    /// Whatever goes wrong while an update is pending, nobody knows whether that will be done.
    fn settle_failure<T>(&mut self, operation: &Operation, done: Result<T, Error>) -> Result<T, Error> {
        let done = if operation.pending { done.map_err(|_| Error::Indeterminate) } else { done };
        if let (Err(error), true) = (&done, operation.attempted) {
            self.session = SessionState::Failed(*error);
        }
        done
    }
}
