//! The reader of unchecked bytes: its position, its depth, and the number of items to come.

use super::item::Item;
use super::unreadable::{Error, Path, Step, Unreadable, What};
use crate::base::codec::DEPTH;
use serde::de::DeserializeSeed;

/// Reads values. Whatever a type does with it, it stays within the bytes and its depth.
pub(super) struct Reader<'de> {
    pub(super) rest: &'de [u8],
    /// Levels that may still be opened.
    pub(super) depth: u8,
    /// Items that have not begun yet, in all open lists and maps. Each takes at least one byte, so the accepted lengths
    /// never add up to more than the remaining bytes.
    pub(super) owed: usize,
    /// The state before an item that could not be read, for a type that ignores the error.
    pub(super) failed: Option<(&'de [u8], u8, usize)>,
    /// Where the last error happened.
    pub(super) path: Option<Path>,
}

impl<'de> Reader<'de> {
    pub(super) const fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, depth: DEPTH, owed: 1, failed: None, path: None }
    }

    pub(super) const fn rest(&self) -> &'de [u8] {
        self.rest
    }

    pub(super) fn whole<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let value = self.item(seed)?;
        if self.rest.is_empty() { Ok(value) } else { Err(Error::new(What::Left)) }
    }

    /// The error and where it happened.
    #[cold]
    pub(super) fn unreadable(&self, error: Error) -> Unreadable {
        Unreadable { path: self.path.filter(|_| error.located).unwrap_or(Path::EMPTY), error }
    }

    /// Notes a step to where the error happened.
    #[cold]
    pub(super) fn locate(&mut self, mut error: Error, step: Step) -> Error {
        if !core::mem::replace(&mut error.located, true) {
            self.path = None;
        }
        self.path.get_or_insert(Path::EMPTY).push(step);
        error
    }

    /// Reads exactly one item, whatever the type does. A type may ignore an error and continue with a default, or not
    /// read the item at all. The next item is still read from its own beginning.
    pub(super) fn item<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.settle()?;
        self.owed = self.owed.saturating_sub(1);
        let before = (self.rest, self.depth, self.owed);
        let read = seed.deserialize(&mut *self);
        if self.depth != before.1 || self.rest.len() == before.0.len() {
            self.failed = Some(before);
        }
        // separate, so that no error is copied in the usual case
        match read {
            Ok(value) => self.settle().map(|()| value),
            Err(error) => Err(error),
        }
    }

    /// Moves past the item that could not be read, if there is one. If its bytes are no value, nothing after them is
    /// read, and what contains them cannot be read either.
    #[inline]
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        if self.failed.is_some() { self.settle_failed() } else { Ok(()) }
    }

    #[cold]
    fn settle_failed(&mut self) -> Result<(), Error> {
        let Some(before) = self.failed.take() else { return Ok(()) };
        (self.rest, self.depth, self.owed) = before;
        self.skip()
    }

    /// Moves past one item.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        let (mut rest, mut items) = (core::mem::take(&mut self.rest), 1_usize);
        while let Some(others) = items.checked_sub(1) {
            let (item, after) = Item::next(rest)?;
            let more = match item {
                Item::List(len) => len,
                Item::Map(len) => len.saturating_mul(2),
                Item::Some => 1,
                _ => 0,
            };
            rest = after;
            items = others.saturating_add(more);
        }
        self.rest = rest;
        Ok(())
    }
}
