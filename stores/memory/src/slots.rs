//! Where the records lie: slots of equal size in chunks, a list of chunks for each size. Growing adds a chunk and
//! copies nothing; a freed slot is the next one used. Records too large for a slot have a box each.
//!
//! ```text
//! slot in use   length u8 | handle 8 | record | up to 7 bytes unused
//! free slot     255       | number of the next free slot, u32 LE; all ones = none
//! box           handle 8  | record;  a free one is empty
//! ```

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use session_core::store::Handle;

/// Bytes of a slot before the record.
const HEAD: usize = 1 + Handle::LEN;
/// A slot of class `n` has `n` steps.
const STEP: usize = 8;
/// The last class with slots: 256 bytes.
const LAST: usize = 32;
/// The class of records with a box each.
const BOXED: usize = 0;
/// Slots in a chunk.
const CHUNK: usize = 32;
/// Marks a free slot instead of a length.
const FREE: u8 = 255;
/// No next free slot.
const NONE: u32 = u32::MAX;

/// The place of a record: 6 bits of class, 26 bits of number in it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct At(u32);

impl At {
    const NUMBERS: usize = 1 << 26;

    fn new(class: usize, number: usize) -> Option<Self> {
        if number >= Self::NUMBERS {
            return None;
        }
        u32::try_from(class * Self::NUMBERS + number).ok().map(Self)
    }

    const fn class(self) -> usize {
        self.0 as usize / Self::NUMBERS
    }

    const fn number(self) -> usize {
        self.0 as usize % Self::NUMBERS
    }
}

/// The records of a shard.
#[derive(Default)]
pub(crate) struct Slots {
    slabs: Vec<Slab>,
    boxes: Vec<Box<[u8]>>,
    free_boxes: Vec<usize>,
}

impl Slots {
    /// Adds a record; `None` if there are 67 million of its size.
    pub(crate) fn insert(&mut self, key: &Handle, record: &[u8]) -> Option<At> {
        let class = class_of(record);
        if class == BOXED {
            let number = self.free_boxes.last().copied().unwrap_or(self.boxes.len());
            let at = At::new(BOXED, number)?;
            match self.boxes.get_mut(number) {
                Some(free) => {
                    *free = boxed(key, record);
                    self.free_boxes.pop();
                }
                None => self.boxes.push(boxed(key, record)),
            }
            return Some(at);
        }
        while self.slabs.len() < class {
            self.slabs.push(Slab::new((self.slabs.len() + 1) * STEP));
        }
        let slab = self.slabs.get_mut(class - 1)?;
        let at = At::new(class, slab.next())?;
        write(slab.take()?, key, record);
        Some(at)
    }

    /// Replaces a record and returns its new place.
    pub(crate) fn replace(&mut self, at: At, key: &Handle, record: &[u8]) -> Option<At> {
        if class_of(record) != at.class() {
            let new = self.insert(key, record)?;
            self.free(at);
            return Some(new);
        }
        if at.class() == BOXED {
            *self.boxes.get_mut(at.number())? = boxed(key, record);
        } else {
            write(self.slabs.get_mut(at.class() - 1)?.slot_mut(at.number())?, key, record);
        }
        Some(at)
    }

    /// Frees a place and overwrites its bytes.
    pub(crate) fn free(&mut self, at: At) {
        if at.class() != BOXED {
            if let Some(slab) = self.slabs.get_mut(at.class() - 1) {
                slab.free(at.number());
            }
        } else if let Some(full) = self.boxes.get_mut(at.number()) {
            *full = Box::default();
            self.free_boxes.push(at.number());
        }
    }

    /// The record there and its key; `None` if the place is free.
    pub(crate) fn get(&self, at: At) -> Option<(&[u8; Handle::LEN], &[u8])> {
        if at.class() == BOXED {
            return self.boxes.get(at.number())?.split_first_chunk();
        }
        let (len, rest) = self.slabs.get(at.class() - 1)?.slot(at.number())?.split_first()?;
        let (key, rest) = rest.split_first_chunk()?;
        // a free slot's length is longer than any slot
        Some((key, rest.get(..usize::from(*len))?))
    }

    /// The bytes of the record there, to change in place.
    pub(crate) fn record_mut(&mut self, at: At) -> Option<&mut [u8]> {
        if at.class() == BOXED {
            return self.boxes.get_mut(at.number())?.get_mut(Handle::LEN..);
        }
        let (head, rest) = self.slabs.get_mut(at.class() - 1)?.slot_mut(at.number())?.split_at_mut_checked(HEAD)?;
        rest.get_mut(..usize::from(*head.first()?))
    }

    /// All places, including free ones.
    pub(crate) fn places(&self) -> usize {
        self.boxes.len() + self.slabs.iter().map(|slab| slab.used).sum::<usize>()
    }

    /// The place that follows in a circle over all places.
    pub(crate) fn after(&self, at: At) -> At {
        let places = |class| match class {
            BOXED => self.boxes.len(),
            class => self.slabs.get(class - 1).map_or(0, |slab| slab.used),
        };
        let (class, number) = (at.class(), at.number() + 1);
        if number < places(class) {
            return At::new(class, number).unwrap_or_default();
        }
        let next = (class + 1..=self.slabs.len()).chain(0..=class).find(|class| places(*class) > 0);
        next.and_then(|class| At::new(class, 0)).unwrap_or_default()
    }
}

/// Slots of one size.
struct Slab {
    size: usize,
    chunks: Vec<Box<[u8]>>,
    /// Slots that have ever been used; those behind are new.
    used: usize,
    free: u32,
}

impl Slab {
    fn new(size: usize) -> Self {
        Self { size, chunks: Vec::new(), used: 0, free: NONE }
    }

    /// The slot that [`take`](Self::take) will take.
    fn next(&self) -> usize {
        if self.free == NONE { self.used } else { self.free as usize }
    }

    fn take(&mut self) -> Option<&mut [u8]> {
        let number = self.next();
        if self.free != NONE {
            self.free = u32::from_le_bytes(*self.slot(number)?.get(1..)?.first_chunk()?);
        } else {
            if number == self.chunks.len() * CHUNK {
                self.chunks.push(vec![FREE; self.size * CHUNK].into_boxed_slice());
            }
            self.used += 1;
        }
        self.slot_mut(number)
    }

    fn free(&mut self, number: usize) {
        let next = self.free.to_le_bytes();
        if let (Some(slot), Ok(first)) = (self.slot_mut(number), u32::try_from(number)) {
            slot.fill(FREE);
            if let Some(link) = slot.get_mut(1..1 + next.len()) {
                link.copy_from_slice(&next);
            }
            self.free = first;
        }
    }

    fn slot(&self, number: usize) -> Option<&[u8]> {
        self.chunks.get(number / CHUNK)?.get(number % CHUNK * self.size..)?.get(..self.size)
    }

    fn slot_mut(&mut self, number: usize) -> Option<&mut [u8]> {
        self.chunks.get_mut(number / CHUNK)?.get_mut(number % CHUNK * self.size..)?.get_mut(..self.size)
    }
}

fn class_of(record: &[u8]) -> usize {
    match (HEAD + record.len()).div_ceil(STEP) {
        class @ ..=LAST => class,
        _ => BOXED,
    }
}

fn boxed(key: &Handle, record: &[u8]) -> Box<[u8]> {
    [key.as_bytes().as_slice(), record].concat().into_boxed_slice()
}

fn write(slot: &mut [u8], key: &Handle, record: &[u8]) {
    let Some((head, rest)) = slot.split_first_chunk_mut::<HEAD>() else { return };
    if let (Ok(len), Some(place)) = (u8::try_from(record.len()), rest.get_mut(..record.len())) {
        let [first, handle @ ..] = head;
        *first = len;
        *handle = *key.as_bytes();
        place.copy_from_slice(record);
    }
}
