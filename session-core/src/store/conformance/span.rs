//! Rules of the life span: when a record expires, and what moves its end.

use super::broken::Broken;
use super::case::{Case, IDLE};
use crate::base::names::Version;
use crate::store::contract::{DeleteCondition, Load, Outcome, Store};

const SECOND: u64 = 1_000;
/// An absolute end, in milliseconds after the start.
const END: u64 = 90 * SECOND + 13;

pub(super) async fn expiry_to_the_millisecond<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let idle = case.record(1);
    let absolute = case.record(2).idle(0).ends(case.at(END));
    let earlier = case.record(3).idle(2 * END).ends(case.at(END));
    for (number, record, end) in [(1, idle, IDLE), (2, absolute, END), (3, earlier, END)] {
        let key = case.key(number);
        case.created(&key, &record, case.at(0)).await?;
        case.holds(&key, &record, case.at(end - 1), "a record is live a millisecond before its end").await?;
        case.missing(&key, case.at(end), "a record is Missing at its end").await?;
        case.missing(&key, case.at(end + IDLE), "a record is Missing after its end").await?;
        let load = case.load(&key, case.at(end), &mut []).await?;
        case.check(load == Load::Missing, "an expired record is Missing and not too large")?;
        case.tidy(&key).await?;
    }
    let endless = case.record(4).idle(0);
    let key = case.key(4);
    case.created(&key, &endless, case.at(0)).await?;
    case.holds(&key, &endless, case.at(3 * END), "a record without limits never expires").await?;
    case.tidy(&key).await
}

pub(super) async fn create_takes_the_place_of_an_expired_one<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    for (number, old, end) in [(1, case.record(1), IDLE), (2, case.record(1).idle(0).ends(case.at(END)), END)] {
        let (key, now) = (case.key(number), case.at(end));
        case.created(&key, &old.data(&[9; 50]), case.at(0)).await?;
        let new = case.record(2).seen(now).data(b"new");
        let outcome = case.create(&key, &new, now).await?;
        case.applied(outcome, "a create under the key of an expired record is applied")?;
        case.holds(&key, &new, now, "the record is the new one").await?;
        case.tidy(&key).await?;
    }
    Ok(())
}

pub(super) async fn update_gives_the_new_limits<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let key = case.key(0);
    let version = case.created(&key, &case.record(1), case.at(0)).await?;
    let longer = case.record(2).idle(3 * IDLE);
    let version = case.updated(&key, version, &longer, case.at(0)).await?;
    case.holds(&key, &longer, case.at(2 * IDLE), "the idle timeout is that of the last update").await?;
    let ending = case.record(3).idle(3 * IDLE).ends(case.at(2 * IDLE + END));
    case.updated(&key, version, &ending, case.at(2 * IDLE)).await?;
    case.missing(&key, case.at(3 * IDLE), "the idle timeout is counted from the record's last_seen").await?;
    case.tidy(&key).await?;
    let key = case.key(1);
    let version = case.created(&key, &case.record(1).idle(0), case.at(0)).await?;
    case.updated(&key, version, &case.record(2).idle(0).ends(case.at(END)), case.at(0)).await?;
    case.missing(&key, case.at(END), "the absolute end is that of the last update").await?;
    case.tidy(&key).await
}

pub(super) async fn update_gives_the_new_login<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    const LAST: &str = "the login number is that of the last update";
    let (key, now) = (case.key(0), case.at(0));
    let version = case.created(&key, &case.record(1).login(1), now).await?;
    case.updated(&key, version, &case.record(2).login(2), now).await?;
    let outcome = case.delete(&key, DeleteCondition::Login(1), now).await?;
    case.check(outcome == Outcome::Conflict(None), LAST)?;
    let outcome = case.delete(&key, DeleteCondition::Login(2), now).await?;
    case.applied(outcome, LAST)?;
    case.missing(&key, now, "a record deleted by its login number is Missing").await
}

pub(super) async fn update_after_expiry_is_missing<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    for (number, old, end) in [(1, case.record(1), IDLE), (2, case.record(1).idle(0).ends(case.at(END)), END)] {
        let (key, now) = (case.key(number), case.at(end));
        let version = case.created(&key, &old, case.at(0)).await?;
        let late = case.record(2).seen(now);
        let outcome = case.update(&key, version, &late, now).await?;
        case.check(outcome == Outcome::Missing, "an update of an expired record is Missing")?;
        let outcome = case.update(&key, Version(version.0 ^ 1), &late, now).await?;
        case.check(outcome == Outcome::Missing, "an update of an expired record is Missing, whatever the version")?;
        case.missing(&key, now, "an update of an expired record revives nothing").await?;
        case.tidy(&key).await?;
    }
    Ok(())
}

pub(super) async fn update_keeps_the_later_last_seen<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, touched) = (case.key(0), case.at(30 * SECOND));
    let version = case.created(&key, &case.record(1).data(b"old"), case.at(0)).await?;
    case.touch(&key, touched).await?;
    // a slower request that was seen before the touch
    let late = case.record(2).seen(case.at(10 * SECOND)).data(b"written late");
    let version = case.updated(&key, version, &late, touched).await?;
    let kept = late.seen(touched);
    case.holds(&key, &kept, touched, "the last_seen of the store is kept where it is later, and nothing else").await?;
    case.holds(&key, &kept, case.at(30 * SECOND + IDLE - 1), "the idle timeout is counted from the later last_seen")
        .await?;
    let recent = case.record(3).seen(case.at(50 * SECOND)).data(b"seen later");
    case.updated(&key, version, &recent, case.at(50 * SECOND)).await?;
    case.holds(&key, &recent, case.at(50 * SECOND), "the last_seen of the record is kept where it is later").await?;
    case.tidy(&key).await
}

pub(super) async fn delete_asks_no_clock<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    for (number, condition) in
        [(1, DeleteCondition::Any), (2, DeleteCondition::Login(0)), (3, DeleteCondition::Version(Version(0)))]
    {
        let key = case.key(number);
        let version = case.created(&key, &case.record(1), case.at(0)).await?;
        let condition =
            if let DeleteCondition::Version(_) = condition { DeleteCondition::Version(version) } else { condition };
        let outcome = case.delete(&key, condition, case.at(IDLE)).await?;
        case.applied(outcome, "a delete of an expired record is applied")?;
        case.missing(&key, case.at(0), "a record deleted after its end is Missing by an earlier clock").await?;
    }
    Ok(())
}

pub(super) async fn touch_creates_nothing<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let outcome = case.touch(&key, now).await?;
    case.check(outcome == Outcome::Missing, "a touch of a record that was never created is Missing")?;
    case.missing(&key, now, "a touch of a record that was never created creates nothing").await?;
    case.created(&key, &case.record(1), now).await?;
    case.delete(&key, DeleteCondition::Any, now).await?;
    let outcome = case.touch(&key, now).await?;
    case.check(outcome == Outcome::Missing, "a touch of a deleted record is Missing")?;
    case.missing(&key, now, "a touch of a deleted record creates nothing").await
}

pub(super) async fn touch_revives_nothing<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let idle = case.record(1);
    let absolute = case.record(1).idle(2 * END).ends(case.at(END));
    for (number, record, end) in [(1, idle, IDLE), (2, absolute, END)] {
        let (key, now) = (case.key(number), case.at(end));
        case.created(&key, &record, case.at(0)).await?;
        let outcome = case.touch(&key, now).await?;
        case.check(outcome == Outcome::Missing, "a touch of an expired record is Missing")?;
        case.missing(&key, now, "a touch of an expired record revives nothing").await?;
        case.tidy(&key).await?;
    }
    Ok(())
}

pub(super) async fn touch_moves_last_seen_forward_only<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    const MOVED: &str = "a touch moves last_seen to now and changes nothing else";
    let (key, early, late) = (case.key(0), case.at(20 * SECOND), case.at(30 * SECOND));
    let record = case.record(1).ends(case.at(END)).data(b"untouched");
    case.created(&key, &record, case.at(0)).await?;
    let outcome = case.touch(&key, late).await?;
    case.applied(outcome, "a touch of a live record is applied")?;
    let touched = record.seen(late);
    case.check(case.last_seen(&key, late, "a touch removes nothing").await? == late, MOVED)?;
    case.holds(&key, &touched, late, MOVED).await?;
    let outcome = case.touch(&key, early).await?;
    case.applied(outcome, "a late touch is applied")?;
    case.holds(&key, &touched, late, "a late touch moves nothing back").await?;
    case.holds(&key, &touched, case.at(30 * SECOND + IDLE - 1), "a touch moves the idle end").await?;
    case.missing(&key, case.at(END), "a touch does not move the absolute end").await?;
    case.tidy(&key).await
}

pub(super) async fn touch_keeps_the_version<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(SECOND));
    let mut record = case.record(1);
    let created = case.created(&key, &record, case.at(0)).await?;
    let outcome = case.touch(&key, now).await?;
    let touched = case.applied(outcome, "a touch of a live record is applied")?;
    case.check(touched == created, "a touch returns the current version")?;
    record = record.seen(now);
    let loaded = case.holds(&key, &record, now, "a touch changes nothing but last_seen").await?;
    case.check(loaded == created, "a touch changes no version")?;
    let next = case.record(2).seen(now);
    let outcome = case.update(&key, created, &next, now).await?;
    case.applied(outcome, "an update may name the version from before a touch")?;
    case.tidy(&key).await
}
