//! The sessions of a subject, or everybody's: as they stand in the heads of the store's records, which are never sealed.

use serde::Serialize;
use session_core::SessionInfo;
use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{Handle, Load, Store};
use session_core::subject::{IndexEntry, SubjectId, SubjectIndex};
use session_std::SharedStore;

use crate::application::{Application, now};
use crate::failure::Failure;
use crate::output::{table, tell};
use crate::time::{both, utc};

/// Entries of an index that are read at a time.
const PAGE: usize = 64;
/// Room for a record, at first.
const ROOM: usize = 4096;

/// A session in a list. Its field names are an interface of the program: see the README.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) created: u64,
    pub(crate) last_seen: u64,
    pub(crate) ends: Option<u64>,
    pub(crate) device_bound: bool,
    pub(crate) label: Option<String>,
}

impl Row {
    /// `None` if no subject is signed in, or the session has ended.
    pub(crate) fn of(handle: Handle, head: &[u8], now: Time) -> Option<Self> {
        let stamp = Stamp::of(head).filter(|stamp| stamp.live(now))?;
        let (subject, info) = SessionInfo::of_record(handle, head)?;
        Some(Self {
            id: info.id.to_string(),
            subject: subject.to_owned(),
            created: info.started_at.millis(),
            last_seen: info.last_seen.millis(),
            ends: Some(stamp.deadline()).filter(|ends| *ends < Time::MAX).map(Time::millis),
            device_bound: info.device_bound,
            label: info.label.map(str::to_owned),
        })
    }
}

/// The sessions of a subject, the oldest login first; everybody's by subject.
pub(crate) async fn list(application: &Application, subject: Option<&str>) -> Result<Vec<Row>, Failure> {
    match subject {
        Some(subject) => of_subject(application.store.store(), subject).await,
        None => everybodys(application).await,
    }
}

async fn everybodys(application: &Application) -> Result<Vec<Row>, Failure> {
    let (mut rows, mut unreadable, now) = (Vec::new(), 0_usize, now());
    let each = |handle, head: &[u8]| {
        unreadable += usize::from(Stamp::of(head).is_none());
        rows.extend(Row::of(handle, head, now));
    };
    if !application.store.for_each_head(now, each).await.map_err(Failure::failed)? {
        return Err(Failure::failed("this store cannot list sessions (memcached lists none)"));
    }
    if unreadable > 0 {
        tell(&format!("warning: {unreadable} records are corrupt, or of another version"));
    }
    rows.sort_by(|one, two| (&one.subject, one.created).cmp(&(&two.subject, two.created)));
    Ok(rows)
}

/// Reads what the index names, and changes nothing: an entry holds if its record has this login and this subject.
async fn of_subject(store: &SharedStore, subject: &str) -> Result<Vec<Row>, Failure> {
    let index = store.index().ok_or_else(|| Failure::failed("this store cannot list sessions"))?;
    let (id, mut after, mut rows) = (SubjectId::of(subject), 0, Vec::new());
    loop {
        let mut page = [IndexEntry::NONE; PAGE];
        let listing = index.list(&id, after, Time::ZERO, &mut page).await.map_err(Failure::failed)?;
        for entry in page.iter().take(listing.entries) {
            after = entry.order;
            let Some(record) = load(store, &entry.handle).await? else { continue };
            let meant = Stamp::of(&record).is_some_and(|stamp| stamp.login == entry.login);
            rows.extend(Row::of(entry.handle, &record, now()).filter(|row| meant && row.subject == subject));
        }
        if listing.entries < PAGE {
            return Ok(rows);
        }
    }
}

async fn load(store: &SharedStore, handle: &Handle) -> Result<Option<Vec<u8>>, Failure> {
    let mut room = vec![0; ROOM];
    loop {
        match store.load(handle, Time::ZERO, &mut room).await.map_err(Failure::failed)? {
            Load::Found(found) => {
                room.truncate(found.len);
                return Ok(Some(room));
            }
            Load::Missing => return Ok(None),
            // one that grows meanwhile is loaded once more
            Load::TooLarge { size } if size > room.len() => room.resize(size, 0),
            Load::TooLarge { .. } => return Err(Failure::failed("the store does not say how large a record is")),
        }
    }
}

/// The table of a list.
pub(crate) fn shown(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no session\n".into();
    }
    let now = now();
    let head = ["ID", "SUBJECT", "SIGNED IN", "LAST SEEN", "ENDS UNLESS USED", "LABEL"];
    table(
        head,
        rows.iter().map(|row| {
            let ends = row.ends.map_or_else(|| "never".into(), |ends| both(Time::from_millis(ends), now));
            [
                row.id.clone(),
                row.subject.clone(),
                utc(Time::from_millis(row.created)),
                both(Time::from_millis(row.last_seen), now),
                ends,
                row.label.clone().unwrap_or_default(),
            ]
        }),
    )
}
