//! Sessions that no store keeps (LC11): what takes the place of its answers. The store keeps cut-offs only: the epoch of a
//! subject, and that of the empty one for everybody, are points in time, and a session that was created before is over.

use super::Sessions;
use crate::environment::{Buffer, Clock, Time};
use crate::error::Error;
use crate::events::{Event, Id, Observer};
use crate::exchange::{Exchange, Intent, Reply, Step};
use crate::record::Stamp;
use crate::store::{Found, Load, Outcome, Store, Version};
use crate::subject::{Added, Epoch, SubjectId, SubjectIndex};

/// Whose epoch is the cut-off for everybody: nobody can sign in as this.
const EVERYBODY: &str = "";
/// What is longer is no cookie of ours (CK7).
const LONGEST: usize = 4096;

impl<S: Store, C: Clock, O: Observer> Sessions<S, C, O> {
    /// Takes a cookie value; `true` if its session is accepted.
    pub(super) async fn begin_sealed<B: Buffer>(
        &self,
        exchange: &mut Exchange<B>,
        value: &[u8],
    ) -> Result<bool, Error> {
        let Some((token, len)) = exchange.unseal(value, LONGEST, &self.rules()) else {
            return Ok(false);
        };
        let (subject, created) = exchange.unsealed(len);
        if self.is_cut_off(subject, created).await? {
            self.observer.observe(&Event::Unknown(Id(token.handle())));
            return Ok(false);
        }
        let found = Found { len, version: Version(0) };
        Ok(exchange.loaded(token, Some(found), &self.rules(), self.clock.now()))
    }

    /// Whether a session of then was ended together with all others of its subject, or of everybody.
    async fn is_cut_off(&self, subject: Option<&str>, created: Time) -> Result<bool, Error> {
        Ok(self.cut_off(EVERYBODY, created).await?
            || match subject {
                Some(subject) => self.cut_off(subject, created).await?,
                None => false,
            })
    }

    async fn cut_off(&self, subject: &str, created: Time) -> Result<bool, Error> {
        let listing = self.index()?.list(&SubjectId::of(subject), 0, self.clock.now(), &mut []).await;
        let Epoch(moved) = self.heard(listing)?.epoch;
        Ok(moved > 0 && created.millis() <= moved)
    }

    /// What a store would answer: the record is as the exchange has made it, and goes out with the cookie.
    pub(super) async fn answer_sealed<B: Buffer>(
        &self,
        exchange: &mut Exchange<B>,
        step: Step,
        intent: Intent<'_>,
    ) -> Reply {
        let version = Stamp::of(exchange.outgoing().0).map_or(Version(0), |stamp| stamp.version);
        match (step, intent) {
            (Step::Load(_), _) => Reply::Loaded(Ok(Load::Missing)),
            (Step::Index(_), Intent::Login { subject, epoch, .. }) => {
                let now = self.epoch(subject).await;
                Reply::Indexed(now.map_err(|_| ()).map(|now| if now == epoch { Added::Applied } else { Added::Moved }))
            }
            (Step::Delete(..), Intent::Logout) => {
                let subject = exchange.signed_in().ok().map(|(subject, ..)| SubjectId::of(subject));
                let ended = match subject {
                    Some(subject) => self.bump(&subject).await.map(drop),
                    None => Ok(()),
                };
                Reply::Wrote(ended.map(|()| Outcome::Applied(version)).map_err(|_| ()))
            }
            // a cut-off that came meanwhile: the answer would be a cookie that nobody accepts
            (Step::Update(..) | Step::Touch(_), _) => {
                let (subject, created) = exchange.written();
                let over = self.is_cut_off(subject, created).await;
                let outcome = |over| if over { Outcome::Missing } else { Outcome::Applied(version) };
                Reply::Wrote(over.map(outcome).map_err(|_| ()))
            }
            _ => Reply::Wrote(Ok(Outcome::Applied(version))),
        }
    }

    pub(super) async fn end_all_sealed(&self) -> Result<(), Error> {
        self.bump(&SubjectId::of(EVERYBODY)).await.map(drop)
    }
}
