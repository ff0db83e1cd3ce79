//! Flash that is stricter than hardware: no word is written twice, reads and writes are aligned. What breaks this is a
//! fault of the program under test and panics.
//!
//! A fuse counts ticks: one for each byte written, eight for each erase, none for reads. When it is burnt, power is cut in the
//! middle: of the word that is being written, some bits are cleared and some not yet, and the words of one write come in
//! any order; a page that is being erased has some bytes old, some erased and some in between. Afterwards everything
//! fails until [`Strict::power_on`].

use crate::Failure;
use core::cell::{Ref, RefCell, RefMut};
use core::future::poll_fn;
use core::task::Poll;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use std::rc::Rc;

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of read.
    pub reads: u64,
    /// Bytes read.
    pub read: u64,
    /// Calls of write.
    pub writes: u64,
    /// Bytes written.
    pub written: u64,
    /// Pages erased.
    pub erases: u64,
}

/// Flash in memory, of words of `WORD` bytes and pages of `PAGE` bytes. A clone is the same flash.
#[derive(Clone)]
pub struct Strict<const WORD: usize, const PAGE: usize>(Rc<RefCell<Chip<WORD, PAGE>>>);

struct Chip<const WORD: usize, const PAGE: usize> {
    bytes: Vec<u8>,
    /// For each word, whether its programming was begun since the last erase.
    begun: Vec<bool>,
    erases: Vec<u32>,
    counts: Counts,
    fuse: Option<u64>,
    /// Writes and erases before the one in which the power is cut.
    calls: Option<u64>,
    off: bool,
    noise: u64,
    failing_reads: bool,
    failing_writes: bool,
    nonsense: Option<u8>,
    waits: bool,
}

impl<const WORD: usize, const PAGE: usize> Strict<WORD, PAGE> {
    /// Erased flash of so many pages.
    #[must_use]
    pub fn new(pages: usize) -> Self {
        Self::with(vec![0xff; pages * PAGE])
    }

    /// Flash with these contents; what is not erased counts as written.
    #[must_use]
    pub fn with(bytes: Vec<u8>) -> Self {
        Self(Rc::new(RefCell::new(Chip {
            begun: bytes.chunks(WORD).map(|word| word.iter().any(|byte| *byte != 0xff)).collect(),
            erases: vec![0; bytes.len() / PAGE],
            bytes,
            counts: Counts::default(),
            fuse: None,
            calls: None,
            off: false,
            noise: 1,
            failing_reads: false,
            failing_writes: false,
            nonsense: None,
            waits: false,
        })))
    }

    /// Cuts power after so many ticks; `noise` decides what is torn how.
    pub fn cut_after(&self, ticks: u64, noise: u64) {
        let mut chip = self.chip_mut();
        (chip.fuse, chip.noise) = (Some(ticks), noise);
    }

    /// Cuts power in the middle of a write or an erase, after so many whole ones; `noise` decides where in it, and what is
    /// torn how.
    pub fn cut_in_call(&self, calls: u64, noise: u64) {
        let mut chip = self.chip_mut();
        (chip.calls, chip.noise) = (Some(calls), noise);
    }

    /// Power is back, and stays.
    pub fn power_on(&self) {
        let mut chip = self.chip_mut();
        (chip.fuse, chip.calls, chip.off) = (None, None, false);
    }

    /// Whether power was cut.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.chip().off
    }

    /// Lets all reads fail, or not any more.
    pub fn fail_reads(&self, fail: bool) {
        self.chip_mut().failing_reads = fail;
    }

    /// Lets all writes and erases fail before they change anything, or not any more.
    pub fn fail_writes(&self, fail: bool) {
        self.chip_mut().failing_writes = fail;
    }

    /// Lets every read answer nothing but this byte, or what is there again.
    pub fn answer(&self, nonsense: Option<u8>) {
        self.chip_mut().nonsense = nonsense;
    }

    /// Lets every operation wait once before it begins and once after it is done, so that its future can be dropped
    /// there; or not any more.
    pub fn wait(&self, wait: bool) {
        self.chip_mut().waits = wait;
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.chip().counts
    }

    /// How often each page was erased.
    #[must_use]
    pub fn erases(&self) -> Vec<u32> {
        self.chip().erases.clone()
    }

    /// The contents.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.chip().bytes.clone()
    }

    /// Damages the contents.
    pub fn damage(&self, damage: impl FnOnce(&mut [u8])) {
        damage(&mut self.chip_mut().bytes);
    }

    fn chip(&self) -> Ref<'_, Chip<WORD, PAGE>> {
        self.0.borrow()
    }

    fn chip_mut(&self) -> RefMut<'_, Chip<WORD, PAGE>> {
        self.0.borrow_mut()
    }

    async fn pause(&self) {
        let mut waited = !self.chip().waits;
        poll_fn(|_| if core::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

impl<const WORD: usize, const PAGE: usize> Chip<WORD, PAGE> {
    fn power(&self) -> Result<(), Failure> {
        if self.off { Err(Failure::PowerCut) } else { Ok(()) }
    }

    /// Whether the fuse holds for one tick more.
    fn tick(&mut self) -> bool {
        match &mut self.fuse {
            None => true,
            Some(0) => {
                self.off = true;
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    /// A write or an erase of so many ticks begins.
    fn begin(&mut self, ticks: usize) {
        match self.calls {
            Some(0) => (self.calls, self.fuse) = (None, Some(self.random() % (ticks as u64).max(1))),
            calls => self.calls = calls.map(|calls| calls - 1),
        }
    }

    fn random(&mut self) -> u64 {
        self.noise = self.noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.noise ^ (self.noise >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// What is left of a word whose writing was broken off: of the bits to be cleared, none, some or all are.
    fn tear_word(&mut self, at: usize, word: &[u8]) {
        let kind = self.random() % 4;
        for (place, byte) in (at..).zip(word) {
            let left = match kind {
                0 => 0xff,
                1 => 0,
                _ => self.random() as u8,
            };
            self.bytes[place] &= byte | left;
        }
        // one that is as erased can be told from an erased one by nobody
        self.begun[at / WORD] = self.bytes[at..at + WORD].iter().any(|byte| *byte != 0xff);
    }

    /// What is left of a page whose erasing was broken off at a step out of eight: of each few bytes, the old, ones, or
    /// anything between.
    fn tear_page(&mut self, page: usize, step: usize) {
        self.begun[page * PAGE / WORD..(page + 1) * PAGE / WORD].fill(true);
        let few = [1, 64, 160][self.random() as usize % 3];
        for start in (page * PAGE..(page + 1) * PAGE).step_by(few) {
            let kind = self.random() as usize % 8;
            for place in start..(start + few).min((page + 1) * PAGE) {
                if kind == 0 {
                    self.bytes[place] |= self.random() as u8;
                } else if kind < step {
                    self.bytes[place] = 0xff;
                }
            }
        }
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        let at = offset as usize;
        assert!(at.is_multiple_of(WORD) && bytes.len().is_multiple_of(WORD), "a read that is not aligned");
        assert!(at + bytes.len() <= self.bytes.len(), "a read out of bounds");
        self.power()?;
        if self.failing_reads {
            return Err(Failure::Medium);
        }
        self.counts.reads += 1;
        self.counts.read += bytes.len() as u64;
        bytes.copy_from_slice(&self.bytes[at..at + bytes.len()]);
        self.nonsense.into_iter().for_each(|nonsense| bytes.fill(nonsense));
        Ok(())
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failure> {
        let (from, to) = (from as usize, to as usize);
        assert!(from.is_multiple_of(PAGE) && to.is_multiple_of(PAGE), "an erase that is not aligned");
        assert!(from <= to && to <= self.bytes.len(), "an erase out of bounds");
        self.power()?;
        if self.failing_writes {
            return Err(Failure::Medium);
        }
        self.begin((to - from) / PAGE * 8);
        for page in from / PAGE..to / PAGE {
            self.erases[page] += 1;
            self.counts.erases += 1;
            for step in 0..8 {
                if !self.tick() {
                    self.tear_page(page, step);
                    return Err(Failure::PowerCut);
                }
            }
            self.bytes[page * PAGE..(page + 1) * PAGE].fill(0xff);
            self.begun[page * PAGE / WORD..(page + 1) * PAGE / WORD].fill(false);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        let start = offset as usize;
        assert!(start.is_multiple_of(WORD) && bytes.len().is_multiple_of(WORD), "a write that is not aligned");
        assert!(start + bytes.len() <= self.bytes.len(), "a write out of bounds");
        self.power()?;
        if self.failing_writes {
            return Err(Failure::Medium);
        }
        self.counts.writes += 1;
        self.begin(bytes.len());
        let words = bytes.len() / WORD;
        let first = if self.fuse.is_some() && words > 0 { self.random() as usize % words } else { 0 };
        for number in (first..words).chain(0..first) {
            let (at, word) = (start + number * WORD, &bytes[number * WORD..(number + 1) * WORD]);
            assert!(!self.begun[at / WORD], "the word at {at} is written twice without an erase");
            for _ in 0..WORD {
                if !self.tick() {
                    self.tear_word(at, word);
                    return Err(Failure::PowerCut);
                }
            }
            // to write an erased word as erased changes nothing
            self.begun[at / WORD] = word.iter().any(|byte| *byte != 0xff);
            self.counts.written += WORD as u64;
            self.bytes[at..at + WORD].copy_from_slice(word);
        }
        Ok(())
    }
}

impl<const WORD: usize, const PAGE: usize> ErrorType for Strict<WORD, PAGE> {
    type Error = Failure;
}

impl<const WORD: usize, const PAGE: usize> ReadNorFlash for Strict<WORD, PAGE> {
    const READ_SIZE: usize = WORD;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        self.pause().await;
        self.chip_mut().read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.chip().bytes.len()
    }
}

impl<const WORD: usize, const PAGE: usize> NorFlash for Strict<WORD, PAGE> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Failure> {
        self.pause().await;
        let done = self.chip_mut().erase(from, to);
        self.pause().await;
        done
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        self.pause().await;
        let done = self.chip_mut().write(offset, bytes);
        self.pause().await;
        done
    }
}
