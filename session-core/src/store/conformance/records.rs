//! Rules of single operations while no record has expired.

use super::broken::Broken;
use super::case::{Case, LARGEST, found};
use crate::base::names::{Handle, Version};
use crate::record::layout::{FORMAT, MIN_LEN};
use crate::store::contract::{DeleteCondition, Load, Outcome, Store};

/// Bytes that formats and protocols often mishandle: ends of strings and lines, quotes, invalid UTF-8, all bits.
const AWKWARD: &[u8] = b"\x00\xff\r\n\r\nEND\r\n'\"\\%s\x1a\xc3\x28\x80\n\x00";

pub(super) async fn absent_is_missing<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    case.missing(&case.key(0), case.at(0), "a load of a record that was never created is Missing").await
}

pub(super) async fn create_stores_the_bytes<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let record = case.record(1).data(AWKWARD);
    let created = case.created(&key, &record, now).await?;
    let loaded = case.holds(&key, &record, now, "a load returns every byte that was created").await?;
    case.check(loaded == created, "a load returns the create's version")?;
    let next = case.record(2).data(AWKWARD);
    case.updated(&key, created, &next, now).await?;
    let loaded = case.holds(&key, &next, now, "a load returns every byte of an update").await?;
    case.updated(&key, loaded, &record, now).await?;
    case.tidy(&key).await
}

pub(super) async fn create_never_replaces<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let first = case.record(1).data(b"first");
    let version = case.created(&key, &first, now).await?;
    let outcome = case.create(&key, &case.record(2).data(b"other"), case.at(1)).await?;
    case.check(outcome == Outcome::Conflict(None), "a create under a key in use is Conflict(None)")?;
    let loaded = case.holds(&key, &first, case.at(1), "the create changed nothing").await?;
    case.check(loaded == version, "the create changed no version")?;
    case.tidy(&key).await
}

pub(super) async fn update_replaces<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let mut version = case.created(&key, &case.record(1).data(&[1; 40]), now).await?;
    for (number, data) in [(2, [2; LARGEST].as_slice()), (3, &[3; 7]), (4, &[]), (5, &[5; LARGEST])] {
        let record = case.record(number).data(data);
        version = case.updated(&key, version, &record, now).await?;
        let loaded = case.holds(&key, &record, now, "the record is the new one, neither truncated nor padded").await?;
        case.check(loaded == version, "a load returns the update's version")?;
    }
    case.tidy(&key).await
}

pub(super) async fn update_of_another_version_conflicts<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let (record, mine) = (case.record(8).data(b"there"), case.record(9).data(b"mine, longer"));
    let version = case.created(&key, &record, now).await?;
    for bit in [0, 1, 7, 31, 32, 62, 63] {
        let (another, mut there) = (Version(version.0 ^ 1 << bit), [0; LARGEST]);
        let outcome = case.update_or(&key, another, &mine, now, &mut there).await?;
        let Outcome::Conflict(found) = outcome else {
            return case.check(false, "an update of another version is a Conflict");
        };
        if let Some(found) = found {
            let same = there.get(..found.len) == Some(record.bytes());
            case.check(same, "a Conflict copies the current record into the buffer")?;
            case.check(found.version == version, "the version of a Conflict is the current one")?;
        }
        let outcome = case.update_or(&key, another, &mine, now, &mut []).await?;
        case.check(outcome == Outcome::Conflict(None), "a Conflict without a buffer is Conflict(None)")?;
        let loaded = case.holds(&key, &record, now, "an update of another version changes nothing").await?;
        case.check(loaded == version, "an update of another version changes no version")?;
    }
    case.updated(&key, version, &mine, now).await?;
    case.tidy(&key).await
}

pub(super) async fn update_creates_nothing<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let record = case.record(1);
    let outcome = case.update(&key, Version(u64::MAX - 1), &record, now).await?;
    case.check(outcome == Outcome::Missing, "an update of a record that was never created is Missing")?;
    case.missing(&key, now, "an update of a record that was never created creates nothing").await?;
    let version = case.created(&key, &record, now).await?;
    case.delete(&key, DeleteCondition::Any, now).await?;
    let outcome = case.update(&key, version, &case.record(2), now).await?;
    case.check(outcome == Outcome::Missing, "an update of a deleted record is Missing")?;
    case.missing(&key, now, "an update of a deleted record creates nothing").await
}

pub(super) async fn versions_differ<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let first = case.created(&key, &case.record(1).data(b"as before"), now).await?;
    let second = case.updated(&key, first, &case.record(2).data(b"otherwise"), now).await?;
    let back = case.record(3).data(b"as before");
    let third = case.updated(&key, second, &back, now).await?;
    case.check(first != second && second != third && third != first, "every update returns a new version")?;
    for stale in [first, second] {
        let outcome = case.update(&key, stale, &case.record(4), now).await?;
        case.check(matches!(outcome, Outcome::Conflict(_)), "an older version is rejected")?;
    }
    case.holds(&key, &back, now, "an update of an older version changes nothing").await?;
    case.tidy(&key).await
}

pub(super) async fn too_large_a_record_is_told<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let record = case.record(1).data(&[7; 40]);
    let size = record.bytes().len();
    case.created(&key, &record, now).await?;
    let mut buffer = [0; LARGEST];
    for room in [0, 1, MIN_LEN, size - 1] {
        let load = case.load(&key, now, buffer.get_mut(..room).unwrap_or_default()).await?;
        case.check(load == Load::TooLarge { size }, "a load into too small a buffer is TooLarge with the size")?;
    }
    let load = case.load(&key, now, buffer.get_mut(..size).unwrap_or_default()).await?;
    case.check(found(load).is_some_and(|found| found.len == size), "a load into a buffer of that size is Found")?;
    case.check(buffer.get(..size) == Some(record.bytes()), "a load into a buffer of that size returns the record")?;
    case.tidy(&key).await
}

pub(super) async fn handles_are_apart<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let record = case.record(1).data(b"one");
    let version = case.created(&key, &record, now).await?;
    for bit in 0..64 {
        let near = Handle::from_bytes((u64::from_le_bytes(*key.as_bytes()) ^ 1 << bit).to_le_bytes());
        case.missing(&near, now, "a handle that differs in one bit has no record").await?;
        let other = case.record(2).data(b"other");
        case.created(&near, &other, now).await?;
        case.holds(&near, &other, now, "two handles that differ in one bit have separate records").await?;
        case.delete(&near, DeleteCondition::Any, now).await?;
        let loaded = case.holds(&key, &record, now, "writes under another handle change nothing").await?;
        case.check(loaded == version, "writes under another handle change no version")?;
    }
    case.tidy(&key).await
}

pub(super) async fn full_changes_nothing<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    // a device's store is full before that; another store has nothing to show
    const CREATES: u8 = 16;
    let (now, mut last) = (case.at(0), None);
    for number in 0..CREATES {
        let (key, record) = (case.key(number), case.record(u64::from(number)).data(&[number]));
        match case.create(&key, &record, now).await? {
            Outcome::Applied(_) => {
                case.holds(&key, &record, now, "a create that is applied stores the record").await?;
                last = Some((key, record));
            }
            Outcome::Full => {
                case.missing(&key, now, "a create that is Full stores nothing").await?;
                let (key, record) = case.some(last, "the store has room for a record")?;
                case.holds(&key, &record, now, "a create that is Full evicts no other record").await?;
                break;
            }
            _ => case.check(false, "a create under a free key is Applied or Full")?,
        }
    }
    for number in 0..CREATES {
        case.tidy(&case.key(number)).await?;
    }
    Ok(())
}

/// A record that never expires, and its prefixes, which are other records.
static LARGE: [u8; 8_192] = {
    let mut bytes = [0; 8_192];
    bytes[0] = FORMAT;
    bytes
};

pub(super) async fn too_large_changes_nothing<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, other, now) = (case.key(0), case.key(1), case.at(0));
    let (small, mut fits) = (case.record(1), LARGEST);
    let version = case.created(&key, &small, now).await?;
    // a device's store accepts less than that; another store has nothing to show
    for size in [256, 512, 1_024, 2_048, 4_096, LARGE.len()] {
        let large = LARGE.get(..size).unwrap_or_default();
        match case.well(case.store().create(&other, large, now).await)? {
            Outcome::Applied(_) => {
                let load = case.load(&other, now, &mut []).await?;
                case.check(load == Load::TooLarge { size }, "a large record that is accepted is stored whole")?;
                fits = size;
            }
            Outcome::Full => break,
            Outcome::TooLarge { need, have } => {
                let told = need == size && (fits..size).contains(&have);
                case.check(told, "TooLarge returns the record's size and the largest accepted size")?;
                case.missing(&other, now, "a create that is TooLarge stores nothing").await?;
                let update = case.well(case.store().update(&key, version, large, now, &mut []).await)?;
                let same = update == Outcome::TooLarge { need, have };
                case.check(same, "an update of a record that is too large to be created is TooLarge")?;
                let there = case.holds(&key, &small, now, "an update that is TooLarge leaves the old record").await?;
                case.check(there == version, "an update that is TooLarge leaves the version")?;
                let largest = case.store().create(&other, LARGE.get(..have).unwrap_or_default(), now).await;
                let taken = matches!(case.well(largest)?, Outcome::Applied(_) | Outcome::Full);
                case.check(taken, "a record of the size that TooLarge returns is accepted")?;
                case.tidy(&other).await?;
                break;
            }
            _ => case.check(false, "a create under a free key is Applied, Full or TooLarge")?,
        }
        case.tidy(&other).await?;
    }
    case.tidy(&key).await
}

pub(super) async fn delete_any<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    for number in [1, 2] {
        let record = case.record(number);
        case.created(&key, &record, now).await?;
        let outcome = case.delete(&key, DeleteCondition::Any, now).await?;
        case.applied(outcome, "a delete with the condition Any is applied")?;
        case.missing(&key, now, "a deleted record is Missing").await?;
    }
    Ok(())
}

pub(super) async fn delete_by_version<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let record = case.record(2);
    let first = case.created(&key, &case.record(1), now).await?;
    let second = case.updated(&key, first, &record, now).await?;
    for another in [first, Version(second.0 ^ 1), Version(second.0 ^ 1 << 63)] {
        let outcome = case.delete(&key, DeleteCondition::Version(another), now).await?;
        case.check(outcome == Outcome::Conflict(None), "a delete of another version is a Conflict")?;
        case.holds(&key, &record, now, "a delete of another version removes nothing").await?;
    }
    let outcome = case.delete(&key, DeleteCondition::Version(second), now).await?;
    case.applied(outcome, "a delete of the current version is applied")?;
    case.missing(&key, now, "a record deleted by its version is Missing").await
}

pub(super) async fn delete_by_login<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    const LOGIN: u32 = 0xf000_0001;
    let (key, now) = (case.key(0), case.at(0));
    let record = case.record(2).login(LOGIN).data(b"written in between");
    let version = case.created(&key, &case.record(1).login(LOGIN), now).await?;
    case.updated(&key, version, &record, now).await?;
    for another in [0, 1, LOGIN - 1, LOGIN + 1, LOGIN ^ 1 << 31] {
        let outcome = case.delete(&key, DeleteCondition::Login(another), now).await?;
        case.check(outcome == Outcome::Conflict(None), "a delete by another login number is a Conflict")?;
        case.holds(&key, &record, now, "a delete by another login number removes nothing").await?;
    }
    let outcome = case.delete(&key, DeleteCondition::Login(LOGIN), now).await?;
    case.applied(outcome, "a delete by the record's login number is applied, even after other writes")?;
    case.missing(&key, now, "a record deleted by its login number is Missing").await?;
    case.created(&key, &case.record(3), now).await?;
    let outcome = case.delete(&key, DeleteCondition::Login(0), now).await?;
    case.applied(outcome, "an anonymous record is that of login number 0")?;
    case.missing(&key, now, "a record deleted by login number 0 is Missing").await
}

pub(super) async fn delete_is_idempotent<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    let (key, now) = (case.key(0), case.at(0));
    let conditions = [
        DeleteCondition::Any,
        DeleteCondition::Version(Version(u64::MAX - 1)),
        DeleteCondition::Version(Version(0)),
        DeleteCondition::Login(0),
    ];
    for condition in conditions {
        let outcome = case.delete(&key, condition, now).await?;
        case.check(outcome == Outcome::Missing, "a delete of a record that was never created is Missing")?;
    }
    case.created(&key, &case.record(1), now).await?;
    case.delete(&key, DeleteCondition::Any, now).await?;
    for condition in conditions {
        let outcome = case.delete(&key, condition, now).await?;
        case.check(outcome == Outcome::Missing, "a delete of a deleted record is Missing")?;
    }
    Ok(())
}

pub(super) async fn check_answers<S: Store>(case: Case<'_, S>) -> Result<(), Broken> {
    case.answers(case.at(0)).await
}
