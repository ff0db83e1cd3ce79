//! All sessions, from one server or from each primary of a cluster.

use std::collections::HashSet;

use redis::cluster_routing::{Route, SlotAddr};
use redis::{Cmd, Value};
use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::Handle;

use crate::error::RedisStoreError;
use crate::keys;
use crate::link::Retry;
use crate::store::{ERA, Inner, RedisStore};

/// Keys that the server goes through at a time.
const SCANNED: usize = 500;
/// Slots of a cluster.
const SLOTS: u16 = 16_384;

/// A server whose keys are gone through.
#[derive(PartialEq, Eq)]
struct Primary {
    /// In a cluster, the way to it.
    place: Option<Route>,
    /// Its ranges of slots, first and last. They are none where there is no cluster.
    slots: Vec<(u16, u16)>,
    /// The process, if the user may know it: another one does not understand this one's cursors.
    run: Option<String>,
}

impl RedisStore {
    /// Calls `each` with the handle and the record of each session that has not expired at `now`, for a program that lists
    /// everybody's sessions: see [`SessionInfo::of_record`](session_core::SessionInfo::of_record). Goes through all keys
    /// of the database with `SCAN`, in a cluster through those of each primary, which takes its time and keeps no other
    /// client waiting. A session that begins meanwhile may be missing.
    ///
    /// # Errors
    /// The server failed. [`RedisStoreError::Moved`] if sessions may be missing, because a server was restarted or
    /// replaced meanwhile, or slots were being moved.
    pub async fn for_each_head(&self, now: Time, mut each: impl FnMut(Handle, &[u8])) -> Result<(), RedisStoreError> {
        let primaries = match self.primaries().await {
            // the client has learned where the slots are when it connected
            Err(RedisStoreError::Moved) => {
                self.0.link.reconnect();
                self.primaries().await?
            }
            primaries => primaries?,
        };
        // a scan may return a key more than once
        let mut seen = HashSet::new();
        for primary in &primaries {
            self.scan(primary.place, now, &mut seen, &mut each).await?;
        }
        if self.primaries().await? == primaries { Ok(()) } else { Err(RedisStoreError::Moved) }
    }

    async fn scan(
        &self,
        place: Option<Route>,
        now: Time,
        seen: &mut HashSet<Handle>,
        each: &mut impl FnMut(Handle, &[u8]),
    ) -> Result<(), RedisStoreError> {
        let Inner { link, prefix, .. } = &*self.0;
        let (mut cursor, pattern) = (b"0".to_vec(), keys::pattern(prefix));
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(SCANNED);
            let Value::Array(answer) = link.ask_at(place, &scan, Retry::Yes).await? else {
                return Err(RedisStoreError::Unexpected);
            };
            let Ok([Value::BulkString(next), Value::Array(found)]) = <[Value; 2]>::try_from(answer) else {
                return Err(RedisStoreError::Unexpected);
            };
            let found = found.iter().filter_map(|key| match key {
                Value::BulkString(key) => keys::handle(prefix, key).map(|(handle, era)| (key, handle, era)),
                _ => None,
            });
            let found: Vec<_> = found.filter(|(_, handle, _)| seen.insert(*handle)).collect();
            if !found.is_empty() {
                let mut get = redis::cmd("MGET");
                for (key, _, era) in &found {
                    get.arg(*key).arg(era);
                }
                let Value::Array(values) = link.ask(&get, Retry::Yes).await? else {
                    return Err(RedisStoreError::Unexpected);
                };
                for ((_, handle, _), both) in found.iter().zip(values.chunks(2)) {
                    // one that has no era, or ended meanwhile, is none
                    let [Value::BulkString(value), Value::BulkString(era)] = both else { continue };
                    let (born, record) = value.split_at_checked(ERA).unwrap_or((&[], value));
                    if born == era && Stamp::of_any(record).live(now) {
                        each(*handle, record);
                    }
                }
            }
            if next == b"0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Returns the servers that have all keys: in a cluster, those that say themselves that the slots are theirs.
    async fn primaries(&self) -> Result<Vec<Primary>, RedisStoreError> {
        let mut all: Vec<Primary> = Vec::new();
        if self.0.link.is_single() {
            all.push(Primary { place: None, slots: Vec::new(), run: self.run(None).await? });
            return Ok(all);
        }
        let has = |all: &[Primary], slot| all.iter().any(|node| covers(&node.slots, slot));
        while let Some(slot) = (0..SLOTS).find(|slot| !has(&all, *slot)) {
            let place = Some(Route::new(slot, SlotAddr::Master));
            let nodes = self.text(place, redis::cmd("CLUSTER").arg("NODES")).await?;
            // a slot that has moved, or is about to
            let slots = own_slots(&nodes).filter(|slots| covers(slots, slot)).ok_or(RedisStoreError::Moved)?;
            all.push(Primary { place, slots, run: self.run(place).await? });
        }
        Ok(all)
    }

    async fn run(&self, place: Option<Route>) -> Result<Option<String>, RedisStoreError> {
        match self.text(place, redis::cmd("INFO").arg("server")).await {
            Ok(info) => Ok(info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::to_owned)),
            Err(RedisStoreError::Refused(_)) => Ok(None),
            Err(why) => Err(why),
        }
    }

    async fn text(&self, place: Option<Route>, command: &Cmd) -> Result<String, RedisStoreError> {
        match self.0.link.ask_at(place, command, Retry::Yes).await? {
            Value::BulkString(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Value::VerbatimString { text, .. } => Ok(text),
            _ => Err(RedisStoreError::Unexpected),
        }
    }
}

fn covers(slots: &[(u16, u16)], slot: u16) -> bool {
    slots.iter().any(|(first, last)| (*first..=*last).contains(&slot))
}

/// Returns the slots of the node that answers `CLUSTER NODES`, in ranges; `None` if it is about to give or to take one.
fn own_slots(nodes: &str) -> Option<Vec<(u16, u16)>> {
    let is_own =
        |line: &&str| line.split(' ').nth(2).is_some_and(|flags| flags.split(',').any(|flag| flag == "myself"));
    let own = nodes.lines().find(is_own)?;
    // `93`, `0-92`, and `[93->-ID]` for one that is about to move
    let range = |slots: &str| {
        let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    own.split(' ').skip(8).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_of_the_node_that_answers() {
        let node = |flags: &str, slots: &str| {
            format!("07c3 127.0.0.1:30001@31001,host {flags} - 0 1426238317239 4 connected{slots}\n")
        };
        let nodes = |own: &str| node("master", " 5-9") + &node("myself,master", own) + &node("slave", "");
        assert_eq!(own_slots(&nodes(" 0-92 94 100-16383")), Some(vec![(0, 92), (94, 94), (100, 16_383)]));
        assert_eq!(own_slots(&nodes("")), Some(Vec::new()));
        assert_eq!(own_slots(&nodes(" 0-92 [93->-292f8b]")), None);
        assert_eq!(own_slots(&nodes(" 0-92 [77-<-e7d1ee]")), None);
        assert_eq!(own_slots(&node("master", " 0-92")), None);
        assert_eq!(own_slots("ERR"), None);
    }
}
