//! What all requests of an application share, whatever the mode: store, clock, policy, keys and observer.

use crate::base::environment::{Buffer, Clock, Time};
use crate::base::error::Error;
use crate::base::events::{Event, Observer};
use crate::base::keys::Ring;
use crate::base::names::Handle;
use crate::base::policy::Policy;
use crate::record::layout::Record;
use crate::store::contract::{Found, Load, Store};

/// See the [module](self).
pub struct Context<S, C, O> {
    pub(super) store: S,
    pub(super) clock: C,
    pub(super) policy: Policy,
    pub(super) ring: Ring,
    pub(super) observer: O,
}

impl<S: Store, C: Clock, O: Observer> Context<S, C, O> {
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Reports a failure of the store to the observer.
    pub(super) fn reported<T, E: core::fmt::Display>(&self, answer: Result<T, E>) -> Result<T, ()> {
        answer.map_err(|why| self.observer.observe(&Event::StoreFailed(&why)))
    }

    /// The same, as the error that the request ends with.
    pub(super) fn heard<T, E: core::fmt::Display>(&self, answer: Result<T, E>) -> Result<T, Error> {
        self.reported(answer).map_err(|()| Error::Unavailable)
    }

    /// Loads what the store has under `key` into `record`, whose buffer may grow. The bytes are not checked.
    pub(super) async fn load_into<B: Buffer>(
        &self,
        key: &Handle,
        record: &mut Record<B>,
    ) -> Result<Option<Found>, Error> {
        loop {
            let load = self.store.load(key, self.now(), record.buffer()).await;
            match self.heard(load)? {
                Load::Found(found) => return Ok(Some(found)),
                Load::Missing => return Ok(None),
                Load::TooLarge { size } => {
                    let have = record.capacity();
                    if size <= have || !record.grow(size) {
                        return Err(Error::TooLarge { need: size, have });
                    }
                }
            }
        }
    }
}
