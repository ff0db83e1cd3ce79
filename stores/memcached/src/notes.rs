//! What this process knows of the records that it saw last, so that the write after a load needs no look before.

use std::sync::{Mutex, PoisonError};

use session_core::record::Stamp;
use session_core::store::Handle;

/// Places: a handle has one, and the last that was noted there stays. More than there are requests under way.
const PLACES: usize = 1024;

/// What a record under this cas says. The cas changes with every write, so that whoever still finds it finds this stamp.
#[derive(Clone, Copy)]
pub(crate) struct Note {
    pub(crate) cas: u64,
    pub(crate) stamp: Stamp,
}

type Place = Option<(Handle, Note)>;

pub(crate) struct Notes(Box<[Mutex<Place>]>);

impl Notes {
    pub(crate) fn new() -> Self {
        Self((0..PLACES).map(|_| Mutex::default()).collect())
    }

    pub(crate) fn put(&self, key: &Handle, note: Note) {
        self.with(key, |place| *place = Some((*key, note)));
    }

    /// Takes it away: a write that fails must not be followed by one that trusts it.
    pub(crate) fn take(&self, key: &Handle) -> Option<Note> {
        let noted = self.with(key, Option::take).flatten()?;
        (noted.0 == *key).then_some(noted.1)
    }

    fn with<T>(&self, key: &Handle, action: impl FnOnce(&mut Place) -> T) -> Option<T> {
        let [low, high, ..] = *key.as_bytes();
        let place = self.0.get(usize::from(u16::from_le_bytes([low, high])) % PLACES)?;
        Some(action(&mut place.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
