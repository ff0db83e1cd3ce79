//! What a request does with the store: the driver's order of calls, in short.

use std::sync::Arc;

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_store_layered::Layered;

use crate::layered::record::Record;
use crate::layered::world::{Failed, SimCache, SimDurable, World};

pub(crate) type Node = Arc<Layered<SimCache, SimDurable>>;

/// How often a request tries again; more often than others can be faster.
const TRIES: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Read,
    Write,
    Logout,
}

/// What the client is told, and what was seen on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What the first load showed; `None` if it failed.
    pub(crate) first: Option<Option<Record>>,
    /// 200: what was asked is done.
    pub(crate) acknowledged: bool,
    /// A reload showed what the durable store had refused before.
    pub(crate) went_back: bool,
}

pub(crate) struct Request {
    pub(crate) verb: Verb,
    pub(crate) node: Node,
    pub(crate) world: World,
    /// Which bit it writes.
    pub(crate) number: usize,
}

impl Request {
    pub(crate) async fn serve(self) -> Answer {
        let mut answer = Answer { first: None, acknowledged: false, went_back: false };
        let Ok(first) = self.load().await else { return answer };
        answer.first = Some(first);
        match self.verb {
            Verb::Read => answer.acknowledged = true,
            Verb::Write => self.write(first, &mut answer).await,
            Verb::Logout => self.logout(first, &mut answer).await,
        }
        answer
    }

    async fn load(&self) -> Result<Option<Record>, Failed> {
        let mut into = [0; Record::LEN];
        match self.node.load(&KEY, self.now(), &mut into).await? {
            Load::Found(Found { version, .. }) => {
                let record = Record::of(&into);
                assert_eq!(record.version, version.0);
                Ok(Some(record))
            }
            Load::Missing | Load::TooLarge { .. } => Ok(None),
        }
    }

    async fn write(&self, first: Option<Record>, answer: &mut Answer) {
        let Some(mut seen) = first else { return };
        // a version of its own, also when it is tried again
        let mine = 100 + self.number as u64;
        for _ in 0..TRIES {
            let record = Record { version: mine, writes: seen.writes | 1 << self.number, ..seen };
            match self.node.update(&KEY, Version(seen.version), &record.bytes(), self.now(), &mut []).await {
                Ok(Outcome::Applied(_)) => {
                    answer.acknowledged = true;
                    return;
                }
                Ok(Outcome::Missing | Outcome::Full | Outcome::TooLarge { .. }) => return,
                Ok(Outcome::Conflict(_)) => {
                    let Ok(Some(there)) = self.load().await else { return };
                    answer.went_back |= there.version == seen.version;
                    seen = there;
                }
                Err(Failed) => match self.load().await {
                    Ok(Some(there)) if there.version == mine => {
                        answer.acknowledged = true;
                        return;
                    }
                    Ok(Some(there)) if there.version == seen.version => {}
                    Ok(_) | Err(Failed) => return,
                },
            }
        }
    }

    async fn logout(&self, first: Option<Record>, answer: &mut Answer) {
        let mut there = first;
        for _ in 0..TRIES {
            let Some(record) = there else {
                answer.acknowledged = true;
                return;
            };
            match self.node.delete(&KEY, DeleteCondition::Login(record.login), self.now()).await {
                Ok(Outcome::Applied(_) | Outcome::Missing | Outcome::Full | Outcome::TooLarge { .. }) => {
                    answer.acknowledged = true;
                    return;
                }
                Ok(Outcome::Conflict(_)) | Err(Failed) => match self.load().await {
                    Ok(again) => there = again,
                    Err(Failed) => return,
                },
            }
        }
    }

    fn now(&self) -> Time {
        self.world.now()
    }
}

pub(crate) const KEY: Handle = Handle::from_bytes(*b"explored");
