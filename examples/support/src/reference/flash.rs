//! `--store flash:PATH`: the flash store over a file.

use std::path::Path;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use nor_flash::FileFlash;
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
use session_store_flash::{Contents, FlashError, FlashStore};

/// As many sessions as `fixed:` has, and as large.
pub type FileStore = FlashStore<FileFlash<PAGE>, 256, 2048>;

const PAGE: usize = 16 * 1024;
const PAGES: usize = 80;

/// The store in this file, which is made if there is none. The error is one line for whoever started the program.
pub fn flash_store(path: &Path) -> Result<FileStore, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("--store flash:{}: {why}", path.display());
    let store = FileStore::new(FileFlash::open(path, PAGES).map_err(|why| wrong(&why))?);
    match now(store.contents()).map_err(|why| wrong(&why))? {
        Contents::Foreign => Err(wrong(&"holds something else than sessions of this version")),
        Contents::Blank | Contents::Ours => Ok(store),
    }
}

/// The output of a future that does not wait, as those of a store over a file under a lock of its own.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a file does not wait"),
    }
}

/// The store for many threads, one at a time; each operation blocks its thread for as long as the file takes.
pub(crate) struct Locked(Mutex<FileStore>);

session_std::shared!(Locked);

impl Locked {
    pub(crate) const fn new(store: FileStore) -> Self {
        Self(Mutex::new(store))
    }

    fn store(&self) -> MutexGuard<'_, FileStore> {
        // the store looks into the flash again after whatever broke off
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Locked {
    type Error = FlashError;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    fn touch_is_free(&self) -> bool {
        self.store().touch_is_free()
    }

    async fn load(&self, key: &Handle, at: Time, into: &mut [u8]) -> Result<Load, FlashError> {
        now(self.store().load(key, at, into))
    }

    async fn create(&self, key: &Handle, record: &[u8], at: Time) -> Result<Outcome, FlashError> {
        now(self.store().create(key, record, at))
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        at: Time,
        there: &mut [u8],
    ) -> Result<Outcome, FlashError> {
        now(self.store().update(key, seen, record, at, there))
    }

    async fn touch(&self, key: &Handle, at: Time) -> Result<Outcome, FlashError> {
        now(self.store().touch(key, at))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, at: Time) -> Result<Outcome, FlashError> {
        now(self.store().delete(key, condition, at))
    }

    async fn check(&self, at: Time) -> Result<(), FlashError> {
        now(self.store().check(at))
    }

    async fn end_all(&self, at: Time) -> Result<bool, FlashError> {
        now(self.store().end_all(at))
    }

    async fn count(&self, at: Time) -> Result<Option<u64>, FlashError> {
        now(self.store().count(at))
    }
}

impl SubjectIndex for Locked {
    type Error = FlashError;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        at: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, FlashError> {
        now(self.store().list(subject, after, at, into))
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, at: Time) -> Result<Added, FlashError> {
        now(self.store().add(subject, seen, entry, at))
    }

    async fn bump(&self, subject: &SubjectId, at: Time) -> Result<Listing, FlashError> {
        now(self.store().bump(subject, at))
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, at: Time) -> Result<(), FlashError> {
        now(self.store().remove(subject, entry, at))
    }
}
