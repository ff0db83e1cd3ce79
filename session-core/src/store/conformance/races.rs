//! Rules of two operations at once, and of one that is broken off. Where the store's futures never wait, the first is
//! done before the second begins.

use super::broken::Broken;
use super::case::{Case, both, dropped_after};
use crate::store::contract::{DeleteCondition, Outcome, Store};

pub(super) async fn one_of_two_creates_wins<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let (one, other) = (case.record(1).data(b"one"), case.record(2).data(b"the other"));
    let (first, second) = both(case.create(&key, &one, now), case.create(&key, &other, now)).await;
    let winner = match (first?, second?) {
        (Outcome::Applied(_), Outcome::Conflict(None)) => one,
        (Outcome::Conflict(None), Outcome::Applied(_)) => other,
        _ => return case.check(false, "of two concurrent creates one is applied and one is a Conflict"),
    };
    case.holds(&key, &winner, now, "the record is that of the create that was applied").await?;
    case.tidy(&key).await
}

pub(super) async fn one_of_two_updates_wins<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let (one, other) = (case.record(1).data(b"one"), case.record(2).data(b"the other"));
    let seen = case.created(&key, &case.record(3), now).await?;
    let (first, second) = both(case.update(&key, seen, &one, now), case.update(&key, seen, &other, now)).await;
    let winner = match (first?, second?) {
        (Outcome::Applied(_), Outcome::Conflict(_)) => one,
        (Outcome::Conflict(_), Outcome::Applied(_)) => other,
        _ => return case.check(false, "of two concurrent updates of one version one is applied and one is a Conflict"),
    };
    case.holds(&key, &winner, now, "the record is that of the update that was applied").await?;
    case.tidy(&key).await
}

pub(super) async fn update_revives_nothing<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let new = case.record(2).data(b"too late");
    let seen = case.created(&key, &case.record(1), now).await?;
    let (update, delete) = both(case.update(&key, seen, &new, now), case.delete(&key, DeleteCondition::Any, now)).await;
    case.applied(delete?, "a delete with the condition Any is applied, despite concurrent writes")?;
    let outcome = update?;
    let either = matches!(outcome, Outcome::Applied(_) | Outcome::Missing);
    case.check(either, "an update is applied before a delete or Missing after it")?;
    case.missing(&key, now, "a deleted record stays deleted, despite concurrent writes").await
}

pub(super) async fn a_dropped_update_is_old_or_new<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    const EITHER: &str = "a dropped future leaves the old record or the new one, nothing in between";
    let now = case.at(0);
    for polls in 0..6 {
        let key = case.key(polls);
        let (old, new) = (case.record(1).data(&[1; 90]), case.record(2).data(&[2; 120]));
        let seen = case.created(&key, &old, now).await?;
        dropped_after(polls, case.update(&key, seen, &new, now)).await;
        if case.holds(&key, &old, now, EITHER).await.is_err() {
            case.holds(&key, &new, now, EITHER).await?;
        }
        case.tidy(&key).await?;
    }
    Ok(())
}
