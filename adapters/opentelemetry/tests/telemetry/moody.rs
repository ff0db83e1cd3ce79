//! A store that answers as a test wants.

use std::future::pending;
use std::sync::{Arc, Mutex};

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mood {
    Fine,
    Missing,
    Conflict,
    Full,
    TooLarge,
    Moved,
    Cannot,
    Fails,
    /// Never answers.
    Waits,
}

#[derive(Clone)]
pub(crate) struct Moody(Arc<Mutex<Mood>>);

impl Moody {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Mood::Fine)))
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }

    async fn answer<T>(&self, answer: impl FnOnce(Mood) -> T) -> Result<T, &'static str> {
        let mood = *self.0.lock().unwrap();
        match mood {
            Mood::Fails => Err("connection refused"),
            Mood::Waits => pending().await,
            mood => Ok(answer(mood)),
        }
    }
}

fn written(mood: Mood) -> Outcome {
    match mood {
        Mood::Missing => Outcome::Missing,
        Mood::Conflict => Outcome::Conflict(None),
        Mood::Full => Outcome::Full,
        Mood::TooLarge => Outcome::TooLarge { need: 2, have: 1 },
        _ => Outcome::Applied(Version(1)),
    }
}

impl Store for Moody {
    type Error = &'static str;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        (*self.0.lock().unwrap() != Mood::Cannot).then_some(self)
    }

    fn touch_is_free(&self) -> bool {
        *self.0.lock().unwrap() == Mood::Fine
    }

    fn warning(&self) -> Option<&'static str> {
        Some("in a mood")
    }

    async fn load(&self, _: &Handle, _: Time, _: &mut [u8]) -> Result<Load, &'static str> {
        let load = |mood| match mood {
            Mood::Missing => Load::Missing,
            Mood::TooLarge => Load::TooLarge { size: 1 },
            _ => Load::Found(Found { len: 0, version: Version(1) }),
        };
        self.answer(load).await
    }

    async fn create(&self, _: &Handle, _: &[u8], _: Time) -> Result<Outcome, &'static str> {
        self.answer(written).await
    }

    async fn update(&self, _: &Handle, _: Version, _: &[u8], _: Time, _: &mut [u8]) -> Result<Outcome, &'static str> {
        self.answer(written).await
    }

    async fn touch(&self, _: &Handle, _: Time) -> Result<Outcome, &'static str> {
        self.answer(written).await
    }

    async fn delete(&self, _: &Handle, _: DeleteCondition, _: Time) -> Result<Outcome, &'static str> {
        self.answer(written).await
    }

    async fn check(&self, _: Time) -> Result<(), &'static str> {
        self.answer(|_| ()).await
    }

    async fn end_all(&self, _: Time) -> Result<bool, &'static str> {
        self.answer(|mood| mood != Mood::Cannot).await
    }

    async fn count(&self, _: Time) -> Result<Option<u64>, &'static str> {
        self.answer(|mood| (mood != Mood::Cannot).then_some(1)).await
    }

    async fn remove_expired(&self, _: usize, _: Time) -> Result<Option<usize>, &'static str> {
        self.answer(|mood| (mood != Mood::Cannot).then_some(1)).await
    }
}

impl SubjectIndex for Moody {
    type Error = &'static str;

    async fn list(&self, _: &SubjectId, _: u64, _: Time, _: &mut [IndexEntry]) -> Result<Listing, &'static str> {
        self.answer(|_| Listing::default()).await
    }

    async fn add(&self, _: &SubjectId, _: Epoch, _: &IndexEntry, _: Time) -> Result<Added, &'static str> {
        let added = |mood| match mood {
            Mood::Moved => Added::Moved,
            Mood::Full => Added::Full,
            _ => Added::Applied,
        };
        self.answer(added).await
    }

    async fn bump(&self, _: &SubjectId, _: Time) -> Result<Listing, &'static str> {
        self.answer(|_| Listing::default()).await
    }

    async fn remove(&self, _: &SubjectId, _: &IndexEntry, _: Time) -> Result<(), &'static str> {
        self.answer(|_| ()).await
    }
}

session_store_shared::shared!(Moody);
