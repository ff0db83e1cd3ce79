//! Sessions in a store.

use super::Sessions;
use crate::environment::{Buffer, Clock, Time};
use crate::error::Error;
use crate::events::{Event, LogId, Observer};
use crate::exchange::{Candidate, Intent, Reply, RequestState, Step};
use crate::mode::Mode;
use crate::store::{DeleteCondition, Load, Outcome, Store};

impl<S: Store, C: Clock, O: Observer, M: Mode> Sessions<S, C, O, M> {
    /// Whether a value of our cookie's name is the request's session. One that is not ours costs no store call.
    pub(crate) async fn accept_stored<B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        value: &[u8],
    ) -> Result<bool, Error> {
        let Some(token) = exchange.candidate(value, &self.rules()) else {
            return Ok(false);
        };
        // `load_into`, written out: as a future of its own it is 200 bytes more in every program
        let found = loop {
            let answer = self.store.load(&token.handle(), self.clock.now(), exchange.place()).await;
            match self.heard(answer)? {
                Load::TooLarge { size } => exchange.grow(size)?,
                Load::Found(found) => break Some(found),
                Load::Missing => break None,
            }
        };
        // bound first, as in `perform`
        let candidate = exchange.loaded(token, found, &self.rules(), self.clock.now());
        if let Candidate::Reused(login) = candidate {
            let ended = self.store.delete(&token.handle(), DeleteCondition::Login(login), self.clock.now()).await;
            if let Outcome::Applied(_) = self.heard(ended)? {
                self.observer.observe(&Event::Ended(LogId(token.handle())));
            }
        }
        Ok(candidate == Candidate::Accepted)
    }

    /// Does what a step says to the session's record, at `now`.
    pub(crate) async fn carry_out_stored<B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        step: Step,
        intent: Intent<'_>,
        now: Time,
    ) -> Reply {
        let wrote = match step {
            Step::Load(handle) => {
                let answer = self.store.load(&handle, now, exchange.spare()).await;
                return Reply::Loaded(self.reported(answer));
            }
            Step::Index(entry) => return Reply::Indexed(self.add_to_index(intent, &entry, now).await),
            Step::Create(handle) => self.store.create(&handle, exchange.outgoing().0, now).await,
            Step::Update(handle, seen) => {
                let (record, there) = exchange.outgoing();
                self.store.update(&handle, seen, record, now, there).await
            }
            Step::Touch(handle) => self.store.touch(&handle, now).await,
            Step::Delete(handle, condition) => self.store.delete(&handle, condition, now).await,
            Step::Draw | Step::Edit | Step::Done => return Reply::Refused(Error::Indeterminate),
        };
        Reply::Wrote(self.reported(wrote))
    }
}
