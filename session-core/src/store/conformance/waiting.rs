//! The rule of a store that says it never waits: requests over it are polled once, and then must be over.

use super::broken::Broken;
use super::case::{Case, LARGEST};
use crate::base::names::Version;
use crate::store::contract::{DeleteCondition, Outcome, Store};
use crate::store::index::{IndexEntry, SubjectIndex};

pub(super) async fn a_store_that_never_waits_is_ready_at_once<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let store = case.store();
    if !store.never_waits() {
        return Ok(());
    }
    let (key, now, another, mut room) = (case.key(0), case.at(0), Version(3), [0; LARGEST]);
    let record = case.record(1).login(1).subject(b"nobody else");
    // once without the record, once with it
    for _ in 0..2 {
        case.at_once(store.load(&key, now, &mut room)).await?;
        case.at_once(store.touch(&key, now)).await?;
        case.at_once(store.update(&key, another, record.bytes(), now, &mut room)).await?;
        let created = case.at_once(store.create(&key, record.bytes(), now)).await?;
        if let Outcome::Applied(seen) = created {
            case.at_once(store.update(&key, seen, record.bytes(), now, &mut room)).await?;
        }
    }
    case.at_once(store.check(now)).await?;
    case.at_once(store.count(now)).await?;
    case.at_once(store.remove_expired(0, now)).await?;
    if let Some((index, (subject, entry))) = store.index().zip(IndexEntry::of(key, record.bytes())) {
        let listing = case.at_once(index.bump(&subject, now)).await?;
        case.at_once(index.add(&subject, listing.epoch, &entry, now)).await?;
        case.at_once(index.list(&subject, 0, now, &mut [IndexEntry::NONE])).await?;
        case.at_once(index.remove(&subject, &entry, now)).await?;
    }
    case.at_once(store.delete(&key, DeleteCondition::Version(another), now)).await?;
    case.at_once(store.delete(&key, DeleteCondition::Any, now)).await?;
    Ok(())
}
