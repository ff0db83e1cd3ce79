//! A store that can be down, for conversations about that.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_std::{SharedError, SharedStore, shared};

/// Switches the store of an app off and on.
#[derive(Clone, Debug, Default)]
pub struct Outage(Arc<AtomicBool>);

impl Outage {
    /// From now on the store does not answer, or answers again.
    pub fn set(&self, down: bool) {
        self.0.store(down, Ordering::SeqCst);
    }

    /// The same store, which answers as long as there is no outage.
    #[must_use]
    pub fn of(&self, store: SharedStore) -> SharedStore {
        Failing { store, outage: self.clone() }.into()
    }
}

struct Failing {
    store: SharedStore,
    outage: Outage,
}

shared!(Failing);

#[derive(Debug)]
enum Failure {
    Down,
    Its(SharedError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("an outage"),
            Self::Its(why) => why.fmt(f),
        }
    }
}

impl From<SharedError> for Failure {
    fn from(why: SharedError) -> Self {
        Self::Its(why)
    }
}

impl Failing {
    fn up(&self) -> Result<&SharedStore, Failure> {
        if self.outage.0.load(Ordering::SeqCst) { Err(Failure::Down) } else { Ok(&self.store) }
    }
}

impl Store for Failing {
    type Error = Failure;
    /// Dialogues switch off what keeps the records, and not what lists them.
    type Index = SharedStore;

    fn index(&self) -> Option<&SharedStore> {
        self.store.index()
    }

    fn touch_is_free(&self) -> bool {
        self.store.touch_is_free()
    }

    /// Waits once before it answers, as a store behind a network does.
    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Failure> {
        let mut waited = false;
        poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        Ok(self.up()?.load(key, now, into).await?)
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Failure> {
        Ok(self.up()?.create(key, record, now).await?)
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Failure> {
        Ok(self.up()?.update(key, seen, record, now, there).await?)
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Failure> {
        Ok(self.up()?.touch(key, now).await?)
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Failure> {
        Ok(self.up()?.delete(key, condition, now).await?)
    }

    async fn check(&self, now: Time) -> Result<(), Failure> {
        Ok(self.up()?.check(now).await?)
    }
}
