//! Rules of the index of subjects. A store without one keeps them all.

use super::broken::Broken;
use super::case::{Case, Record};
use crate::base::environment::Time;
use crate::base::names::{Handle, Version};
use crate::store::contract::{DeleteCondition, Store};
use crate::store::index::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

/// The index of a store, and two subjects that only this rule uses.
struct Indexed<'a, S: Store> {
    case: Case<'a, S>,
    index: &'a S::Index,
    names: [[u8; 10]; 2],
}

/// The largest list here.
type Page = [IndexEntry; 3];

impl<'a, S: Store> Indexed<'a, S> {
    fn of(case: Case<'a, S>) -> Option<Self> {
        let index = case.store().index()?;
        let name = |number: u8| {
            // letters, so that it is text
            let letters = case.key(200 + number).as_bytes().map(|byte| b'a' + byte % 26);
            let [a, b, c, d, e, f, g, h] = letters;
            [b's', b'0' + number, a, b, c, d, e, f, g, h]
        };
        let names = [name(0), name(1)];
        Some(Self { case, index, names })
    }

    fn name(&self, number: usize) -> &[u8] {
        self.names.get(number).map_or(&[], |name| name)
    }

    fn subject(&self, number: usize) -> SubjectId {
        SubjectId::of(core::str::from_utf8(self.name(number)).unwrap_or_default())
    }

    fn record(&self, subject: usize, number: u64, login: u32) -> Record {
        self.case.record(number).login(login).subject(self.name(subject))
    }

    /// Stores a session of a subject and returns its version.
    async fn stored(&self, subject: usize, place: u8, login: u32) -> Result<(Handle, Version), Broken> {
        let key = self.case.key(place);
        let record = self.record(subject, u64::from(place), login);
        Ok((key, self.case.created(&key, &record, self.case.at(0)).await?))
    }

    async fn list(&self, subject: usize, after: u64, into: &mut [IndexEntry]) -> Result<Listing, Broken> {
        self.case.well(self.index.list(&self.subject(subject), after, self.case.at(0), into).await)
    }

    async fn all(&self, subject: usize) -> Result<(Listing, Page), Broken> {
        let mut page = [IndexEntry::NONE; 3];
        Ok((self.list(subject, 0, &mut page).await?, page))
    }

    async fn add(&self, subject: usize, seen: Epoch, handle: Handle, login: u32) -> Result<Added, Broken> {
        let entry = IndexEntry { handle, login, ends: Time::MAX, order: 0 };
        self.case.well(self.index.add(&self.subject(subject), seen, &entry, self.case.at(0)).await)
    }

    async fn added(&self, subject: usize, handle: Handle, login: u32) -> Result<(), Broken> {
        let epoch = self.list(subject, 0, &mut []).await?.epoch;
        let added = self.add(subject, epoch, handle, login).await?;
        self.case.check(added == Added::Applied, "an entry is added if the epoch has not changed")
    }

    async fn bump(&self, subject: usize) -> Result<Listing, Broken> {
        self.case.well(self.index.bump(&self.subject(subject), self.case.at(0)).await)
    }

    async fn remove(&self, subject: usize, handle: Handle, login: u32) -> Result<(), Broken> {
        let entry = IndexEntry { handle, login, ends: Time::MAX, order: 0 };
        self.case.well(self.index.remove(&self.subject(subject), &entry, self.case.at(0)).await)
    }

    async fn tidy(&self, subject: usize, handle: Handle, login: u32) -> Result<(), Broken> {
        self.case.tidy(&handle).await?;
        self.remove(subject, handle, login).await
    }
}

/// The handles and login numbers of a page.
fn shown(listing: Listing, page: &Page) -> [Option<(Handle, u32)>; 3] {
    let mut at = 0;
    page.map(|entry| {
        at += 1;
        (at <= listing.entries).then_some((entry.handle, entry.login))
    })
}

pub(super) async fn an_unknown_subject_has_no_entries<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let Some(indexed) = Indexed::of(case) else { return Ok(()) };
    let (listing, page) = indexed.all(0).await?;
    indexed.case.check(shown(listing, &page) == [None; 3], "a subject that never signed in has no entries")
}

pub(super) async fn entries_are_listed_in_order<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let Some(indexed) = Indexed::of(case) else { return Ok(()) };
    let ((first, _), (second, _)) = (indexed.stored(0, 0, 1).await?, indexed.stored(0, 1, 7).await?);
    // the second one is added first
    indexed.added(0, second, 7).await?;
    indexed.added(0, first, 1).await?;
    let (listing, page) = indexed.all(0).await?;
    let both = [Some((second, 7)), Some((first, 1)), None];
    indexed.case.check(shown(listing, &page) == both, "entries are listed in the order in which they were added")?;
    let rising = page.first().zip(page.get(1)).is_some_and(|(one, two)| 0 < one.order && one.order < two.order);
    indexed.case.check(rising, "the order starts above 0 and increases")?;
    let last = page.get(1).is_some_and(|entry| entry.order <= listing.last);
    indexed.case.check(last, "no entry has a higher order than the last one")?;
    let mut one = [IndexEntry::NONE];
    let begin = indexed.list(0, 0, &mut one).await?;
    let [first_shown] = one;
    let paged = begin.entries == 1 && first_shown.handle == second;
    indexed.case.check(paged, "a buffer for one entry receives the first")?;
    let rest = indexed.list(0, first_shown.order, &mut one).await?;
    let [second_shown] = one;
    let paged = rest.entries == 1 && second_shown.handle == first;
    indexed.case.check(paged, "the page after an entry begins with the next one")?;
    let end = indexed.list(0, second_shown.order, &mut one).await?;
    indexed.case.check(end.entries == 0, "no entry follows the last one")?;
    indexed.tidy(0, first, 1).await?;
    indexed.tidy(0, second, 7).await
}

pub(super) async fn an_entry_is_there_once<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let Some(indexed) = Indexed::of(case) else { return Ok(()) };
    let ((first, version), (second, _)) = (indexed.stored(0, 0, 1).await?, indexed.stored(0, 1, 1).await?);
    indexed.added(0, first, 1).await?;
    indexed.added(0, second, 1).await?;
    indexed.added(0, first, 1).await?;
    let (listing, page) = indexed.all(0).await?;
    let same = [Some((first, 1)), Some((second, 1)), None];
    indexed.case.check(shown(listing, &page) == same, "an entry that is added again keeps its position")?;
    indexed.case.updated(&first, version, &indexed.record(0, 5, 2), indexed.case.at(0)).await?;
    indexed.added(0, first, 2).await?;
    let (listing, page) = indexed.all(0).await?;
    let newer = [Some((second, 1)), Some((first, 2)), None];
    indexed.case.check(shown(listing, &page) == newer, "a newer login of a session replaces the older one's entry")?;
    // its answer was lost once, and the server executes it again now
    indexed.added(0, first, 1).await?;
    let (listing, page) = indexed.all(0).await?;
    indexed.case.check(shown(listing, &page) == newer, "a late add of an older login leaves the newer one's entry")?;
    indexed.tidy(0, first, 2).await?;
    indexed.tidy(0, second, 1).await
}

pub(super) async fn a_moved_epoch_refuses<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let Some(indexed) = Indexed::of(case) else { return Ok(()) };
    let before = indexed.list(0, 0, &mut []).await?.epoch;
    let (handle, _) = indexed.stored(0, 0, 1).await?;
    let moved = indexed.bump(0).await?;
    indexed.case.check(moved.epoch.0 > before.0, "the epoch increases")?;
    let now = indexed.list(0, 0, &mut []).await?.epoch;
    indexed.case.check(now == moved.epoch, "a bump and a list return the same epoch")?;
    let refused = indexed.add(0, before, handle, 1).await?;
    indexed.case.check(refused == Added::Moved, "an entry that saw another epoch is rejected")?;
    let mut page = [IndexEntry::NONE; 3];
    // stores that find entries by their records may list a rejected session, whose login then removes the record
    indexed.tidy(0, handle, 1).await?;
    let after = indexed.list(0, 0, &mut page).await?;
    indexed.case.check(after.entries == 0, "a rejected entry is not listed after its record is deleted")
}

pub(super) async fn every_move_gives_another_epoch<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let Some(indexed) = Indexed::of(case) else { return Ok(()) };
    let (handle, _) = indexed.stored(0, 0, 1).await?;
    indexed.added(0, handle, 1).await?;
    let (_, [entry, ..]) = indexed.all(0).await?;
    let moved = indexed.bump(0).await?;
    indexed.case.check(moved.last >= entry.order, "a bump returns the last order")?;
    let again = indexed.bump(0).await?;
    indexed.case.check(again.epoch.0 > moved.epoch.0, "the epoch increases each time, even within a millisecond")?;
    indexed.tidy(0, handle, 1).await
}

pub(super) async fn removed_entries_are_gone<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let Some(indexed) = Indexed::of(case) else { return Ok(()) };
    let ((first, _), (second, _)) = (indexed.stored(0, 0, 3).await?, indexed.stored(0, 1, 1).await?);
    indexed.added(0, first, 3).await?;
    indexed.added(0, second, 1).await?;
    indexed.remove(0, first, 2).await?;
    let (listing, page) = indexed.all(0).await?;
    let both = [Some((first, 3)), Some((second, 1)), None];
    indexed.case.check(shown(listing, &page) == both, "removing an entry of another login number removes nothing")?;
    indexed.case.delete(&first, DeleteCondition::Any, indexed.case.at(0)).await?;
    for _ in 0..2 {
        indexed.remove(0, first, 3).await?;
        let (listing, page) = indexed.all(0).await?;
        let one = [Some((second, 1)), None, None];
        indexed.case.check(shown(listing, &page) == one, "a removal removes that entry and no other")?;
    }
    indexed.tidy(0, second, 1).await
}

pub(super) async fn subjects_are_apart<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let Some(indexed) = Indexed::of(case) else { return Ok(()) };
    let ((one, _), (other, _)) = (indexed.stored(0, 0, 1).await?, indexed.stored(1, 1, 1).await?);
    indexed.added(0, one, 1).await?;
    indexed.added(1, other, 1).await?;
    for (subject, handle) in [(0, one), (1, other)] {
        let (listing, page) = indexed.all(subject).await?;
        let own = [Some((handle, 1)), None, None];
        indexed.case.check(shown(listing, &page) == own, "a subject has only its own entries")?;
    }
    indexed.tidy(0, one, 1).await?;
    indexed.tidy(1, other, 1).await
}

/// Not in the suite, because it ends all sessions.
pub(super) async fn end_all_ends_all<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (before, after, later) = (case.key(0), case.key(1), case.at(5_000));
    case.created(&before, &case.record(1).born(case.at(0)), case.at(0)).await?;
    let ends_all = case.store().end_all(case.at(1_000));
    let supported = if case.store().never_waits() { case.at_once(ends_all).await } else { case.well(ends_all.await) }?;
    if !supported {
        return case.tidy(&before).await;
    }
    case.missing(&before, case.at(1_000), "an existing session is Missing after end_all").await?;
    let record = case.record(2).born(later).seen(later);
    case.created(&after, &record, later).await?;
    case.holds(&after, &record, later, "a session that begins after end_all is kept").await?;
    // the clock of the node that made it is ahead
    case.well(case.store().end_all(case.at(1_000)).await)?;
    case.missing(&after, later, "end_all ends a session of a node whose clock is ahead").await?;
    case.tidy(&after).await?;
    let Some(indexed) = Indexed::of(case) else { return Ok(()) };
    let began = indexed.list(0, 0, &mut []).await?.epoch;
    indexed.case.well(indexed.case.store().end_all(indexed.case.at(1_000)).await)?;
    let (own, _) = indexed.stored(0, 0, 1).await?;
    let added = indexed.add(0, began, own, 1).await?;
    indexed.case.check(added == Added::Moved, "a login that began before end_all is rejected after it")?;
    indexed.added(0, own, 1).await?;
    indexed.tidy(0, own, 1).await
}
