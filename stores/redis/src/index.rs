//! A subject's sessions: a hash and a sorted set under the subject's keys, in one slot.

use std::sync::LazyLock;

use redis::{Cmd, Script, Value};
use session_core::environment::Time;
use session_core::store::Handle;
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

use crate::error::RedisStoreError;
use crate::keys;
use crate::link::Retry;
use crate::store::{Inner, RedisStore};

const CODE: &str = include_str!("index.lua");
static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(CODE));

impl RedisStore {
    async fn index_step(
        &self,
        step: &str,
        subject: &SubjectId,
        now: Time,
        arguments: &[&[u8]],
        retry: Retry,
    ) -> Result<Value, RedisStoreError> {
        let Inner { link, prefix, .. } = &*self.0;
        let [hash, order, era] = &keys::index(prefix, subject);
        let arguments = |command: &mut Cmd| {
            command.arg(step).arg(now.millis()).arg(arguments);
        };
        link.run(&SCRIPT, CODE, &[hash, order, era], arguments, retry).await
    }
}

impl SubjectIndex for RedisStore {
    type Error = RedisStoreError;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, RedisStoreError> {
        let (after, most) = (after.to_string(), into.len().to_string());
        let arguments = [after.as_bytes(), most.as_bytes()];
        let answer = self.index_step("list", subject, now, &arguments, Retry::Yes).await?;
        let mut values = array(answer)?.into_iter();
        let mut listing = listing(&mut values)?;
        for place in into {
            let Some(handle) = values.next() else { break };
            let (entry, order) = (bytes(values.next())?, values.next());
            *place = IndexEntry { order: number(order)?, ..unpack(&bytes(Some(handle))?, &entry)? };
            listing.entries += 1;
        }
        Ok(listing)
    }

    async fn add(
        &self,
        subject: &SubjectId,
        seen: Epoch,
        entry: &IndexEntry,
        now: Time,
    ) -> Result<Added, RedisStoreError> {
        let seen = seen.0.to_string();
        let arguments = [seen.as_bytes(), entry.handle.as_bytes(), &pack(entry)];
        match self.index_step("add", subject, now, &arguments, Retry::No).await {
            Ok(Value::Int(0)) => Ok(Added::Moved),
            Ok(Value::Int(1)) => Ok(Added::Applied),
            Ok(_) => Err(RedisStoreError::Unexpected),
            Err(RedisStoreError::Refused(why)) if why.contains("OOM command not allowed") => Ok(Added::Full),
            Err(why) => Err(why),
        }
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, RedisStoreError> {
        let answer = self.index_step("bump", subject, now, &[], Retry::No).await?;
        listing(&mut array(answer)?.into_iter())
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), RedisStoreError> {
        let arguments: [&[u8]; 2] = [entry.handle.as_bytes(), &entry.login.to_le_bytes()];
        self.index_step("remove", subject, now, &arguments, Retry::Yes).await.map(drop)
    }
}

/// login[4] ‖ ends[6], little-endian.
fn pack(entry: &IndexEntry) -> [u8; 10] {
    let mut packed = [0; 10];
    let bytes = entry.login.to_le_bytes().into_iter().chain(entry.ends.millis().to_le_bytes());
    packed.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    packed
}

fn unpack(handle: &[u8], packed: &[u8]) -> Result<IndexEntry, RedisStoreError> {
    let handle = handle.try_into().map_err(|_| RedisStoreError::Unexpected)?;
    let Ok::<[u8; 10], _>([a, b, c, d, ends @ ..]) = packed.try_into() else { return Err(RedisStoreError::Unexpected) };
    let ends = ends.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let login = u32::from_le_bytes([a, b, c, d]);
    Ok(IndexEntry { handle: Handle::from_bytes(handle), login, ends: Time::from_millis(ends), order: 0 })
}

/// Epoch and last order, the beginning of every answer.
fn listing(values: &mut impl Iterator<Item = Value>) -> Result<Listing, RedisStoreError> {
    Ok(Listing { epoch: Epoch(number(values.next())?), last: number(values.next())?, entries: 0 })
}

fn array(answer: Value) -> Result<Vec<Value>, RedisStoreError> {
    if let Value::Array(values) = answer { Ok(values) } else { Err(RedisStoreError::Unexpected) }
}

fn bytes(value: Option<Value>) -> Result<Vec<u8>, RedisStoreError> {
    if let Some(Value::BulkString(bytes)) = value { Ok(bytes) } else { Err(RedisStoreError::Unexpected) }
}

fn number(value: Option<Value>) -> Result<u64, RedisStoreError> {
    let text = bytes(value)?;
    std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).ok_or(RedisStoreError::Unexpected)
}
