//! What all requests of an application share in every mode: store, clock, policy, keys and observer.

use crate::base::environment::{Clock, Time};
use crate::base::error::Error;
use crate::base::events::{Event, Observer};
use crate::base::keys::Ring;
use crate::base::policy::Policy;
use crate::store::contract::Store;

/// See the [module](self).
pub struct Context<S, C, O> {
    pub(super) store: S,
    pub(super) clock: C,
    pub(super) policy: Policy,
    pub(super) ring: Ring,
    pub(super) observer: O,
}

impl<S: Store, C: Clock, O: Observer> Context<S, C, O> {
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// The time after the store has answered a call of this time.
    #[inline]
    pub(super) fn now_after(&self, call: Time) -> Time {
        if self.store.never_waits() { call } else { self.now() }
    }

    /// Reports a failure of the store to the observer.
    pub(super) fn reported<T, E: core::fmt::Display>(&self, answer: Result<T, E>) -> Result<T, ()> {
        answer.map_err(|why| self.observer.observe(&Event::StoreFailed(&why)))
    }

    /// Reports the store's warning.
    pub(super) fn warned(&self) {
        if let Some(warning) = self.store.warning() {
            self.observer.observe(&Event::StoreWarned(&warning));
        }
    }

    /// As [`reported`](Self::reported), but returns the error with which the request ends.
    pub(super) fn heard<T, E: core::fmt::Display>(&self, answer: Result<T, E>) -> Result<T, Error> {
        self.reported(answer).map_err(|()| Error::Unavailable)
    }
}
