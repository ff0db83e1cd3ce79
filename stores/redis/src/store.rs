//! Sessions in Redis keys, each changed by one script.

use std::fmt;
use std::sync::{Arc, LazyLock};

use redis::{Cmd, Script, Value};
use session_core::environment::Time;
use session_core::record::{ENDS_AT, FORMAT, IDLE_AT, LAST_SEEN_AT, LOGIN_AT, MIN_LEN, Stamp, VERSION_AT};
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_store_shared::{ConnectionOptions, UrlError};

use crate::error::RedisStoreError;
use crate::keys;
use crate::link::{Link, Retry};
use crate::url;

/// Bytes before the record: the era in which it was created.
pub(crate) const ERA: usize = 8;

const CODE: &str = include_str!("record.lua");
static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(CODE));

/// Where the script looks for a record's fields.
const _: () = assert!(
    FORMAT == 2
        && VERSION_AT == 2
        && LOGIN_AT == 10
        && LAST_SEEN_AT == 14
        && IDLE_AT == 20
        && ENDS_AT == 26
        && MIN_LEN == 60
);

/// Sessions in Redis. Cloning is cheap, and clones share one connection.
///
/// If a future is dropped, its operation may have been applied or not.
#[derive(Clone)]
pub struct RedisStore(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) link: Link,
    pub(crate) prefix: String,
    /// Whether the sessions of a subject are found.
    pub(crate) indexed: bool,
}

session_store_shared::shared!(RedisStore);

impl RedisStore {
    /// Creates the store that a URL names. The [crate](crate) page lists the URLs. It connects with the first
    /// operation. While the server is unreachable, every operation returns an error.
    ///
    /// # Errors
    /// The URL is invalid, or a file that it names cannot be used.
    pub fn open(url: &str) -> Result<Self, UrlError> {
        let target = url::parse(url)?;
        let store = Self::over(Link::new(target.route, target.exposed));
        let store = if let Some(prefix) = target.prefix { store.with(|inner| inner.prefix = prefix) } else { store };
        Ok(if target.indexed { store } else { store.without_index() })
    }

    pub(crate) fn over(link: Link) -> Self {
        Self(Arc::new(Inner { link, prefix: "session:".into(), indexed: true }))
    }

    /// Keeps no index of subjects. Sessions cannot be listed, and revoking them fails with
    /// [`Error::Unsupported`](session_core::Error::Unsupported). In exchange Redis may evict keys, which ends sessions
    /// and revives none. `?index=off` in the URL has the same effect.
    #[must_use]
    pub fn without_index(self) -> Self {
        self.with(|inner| {
            inner.indexed = false;
            inner.link.may_lose_keys();
        })
    }

    /// Sets the prefix of all keys. The default is `session:`, and `?prefix=` in the URL sets it as well.
    ///
    /// # Errors
    /// The prefix is empty, longer than 100 bytes, or contains a space, a brace or `&`.
    pub fn with_prefix(self, prefix: &str) -> Result<Self, UrlError> {
        url::check_prefix(prefix)?;
        Ok(self.with(|inner| inner.prefix = prefix.to_owned()))
    }

    /// Returns whether an application has ever stored a session under this prefix. A program that inspects sessions
    /// from outside can detect a mistyped prefix with it.
    ///
    /// # Errors
    /// The server failed.
    pub async fn is_used(&self) -> Result<bool, RedisStoreError> {
        let Inner { link, prefix, .. } = &*self.0;
        let mut command = redis::cmd("EXISTS");
        (0..=u8::MAX).for_each(|group| {
            command.arg(keys::era(prefix, group));
        });
        match link.ask(&command, Retry::Yes).await? {
            Value::Int(number) => Ok(number > 0),
            _ => Err(RedisStoreError::Unexpected),
        }
    }

    /// Sets the timeouts and the circuit breaker. All requests share one connection, so the pool size has no effect.
    #[must_use]
    pub fn with_options(self, options: ConnectionOptions) -> Self {
        self.with(|inner| inner.link.set_options(options))
    }

    /// Changes a store that has no clones yet. A store that is shared stays as it is.
    fn with(mut self, set: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            set(inner);
        }
        self
    }

    async fn step(&self, step: &str, key: &Handle, now: Time, arguments: [&[u8]; 2]) -> Result<Reply, RedisStoreError> {
        let Inner { link, prefix, .. } = &*self.0;
        let (session, era) = keys::session(prefix, key);
        let arguments = |command: &mut Cmd| {
            command.arg(step).arg(now.millis()).arg(&arguments);
        };
        match link.run(&SCRIPT, CODE, &[&session, &era], arguments, Retry::No).await {
            Ok(answer) => Reply::of(answer),
            // in the words of Redis 7, and of 6 around the same ones
            Err(RedisStoreError::Refused(why)) if why.contains("OOM command not allowed") => Ok(Reply::Full),
            Err(why) => Err(why),
        }
    }
}

/// What the script says.
enum Reply {
    Missing,
    /// With the version.
    Applied(Vec<u8>),
    /// With the record that is there, or nothing.
    Conflict(Vec<u8>),
    Full,
}

impl Reply {
    fn of(answer: Value) -> Result<Self, RedisStoreError> {
        let Value::Array(answer) = answer else { return Err(RedisStoreError::Unexpected) };
        let mut answer = answer.into_iter();
        let (code, bytes) = (answer.next(), answer.next());
        let bytes = if let Some(Value::BulkString(bytes)) = bytes { bytes } else { Vec::new() };
        match code {
            Some(Value::Int(0)) => Ok(Self::Missing),
            Some(Value::Int(1)) => Ok(Self::Applied(bytes)),
            Some(Value::Int(2)) => Ok(Self::Conflict(bytes)),
            _ => Err(RedisStoreError::Unexpected),
        }
    }

    fn outcome(self, there: &mut [u8]) -> Outcome {
        match self {
            Self::Missing => Outcome::Missing,
            // what was deleted may have been no record, and then has none
            Self::Applied(version) => {
                Outcome::Applied(Version(version.try_into().map(u64::from_le_bytes).unwrap_or_default()))
            }
            Self::Conflict(record) => Outcome::Conflict(copy(&record, there).filter(|found| found.len > 0)),
            Self::Full => Outcome::Full,
        }
    }
}

fn copy(record: &[u8], into: &mut [u8]) -> Option<Found> {
    Found::copy(record, Stamp::of_any(record).version, into)
}

impl Store for RedisStore {
    type Error = RedisStoreError;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        self.0.indexed.then_some(self)
    }

    fn warning(&self) -> Option<&'static str> {
        self.0.link.warning()
    }

    /// One MGET, of the record and the era of its group.
    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, RedisStoreError> {
        let Inner { link, prefix, .. } = &*self.0;
        let (session, era) = keys::session(prefix, key);
        let answer = link.ask(redis::cmd("MGET").arg(&session).arg(&era), Retry::Yes).await?;
        let Value::Array(answer) = answer else { return Err(RedisStoreError::Unexpected) };
        let (value, era) = match &*answer {
            [Value::BulkString(value), Value::BulkString(era)] => (value, &**era),
            [Value::BulkString(value), _] => (value, &[][..]),
            _ => return Ok(Load::Missing),
        };
        let (born, record) = value.split_at_checked(ERA).unwrap_or((&[], value));
        // bytes that are no record are returned as they are, and the core rejects them
        if Stamp::of(record).is_some_and(|stamp| born != era || !stamp.live(now)) {
            return Ok(Load::Missing);
        }
        Ok(copy(record, into).map_or(Load::TooLarge { size: record.len() }, Load::Found))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, RedisStoreError> {
        // a group's first era may be any bytes that were not there before: its first session's version
        let era = record.get(VERSION_AT..VERSION_AT + ERA).unwrap_or_default();
        Ok(self.step("create", key, now, [record, era]).await?.outcome(&mut []))
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, RedisStoreError> {
        Ok(self.step("update", key, now, [record, &seen.0.to_le_bytes()]).await?.outcome(there))
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, RedisStoreError> {
        Ok(self.step("touch", key, now, [&[], &[]]).await?.outcome(&mut []))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, RedisStoreError> {
        let reply = match condition {
            DeleteCondition::Any => self.step("delete", key, now, [b"0", &[]]).await,
            DeleteCondition::Version(version) => self.step("delete", key, now, [b"2", &version.0.to_le_bytes()]).await,
            DeleteCondition::Login(login) => self.step("delete", key, now, [b"10", &login.to_le_bytes()]).await,
        };
        Ok(reply?.outcome(&mut []))
    }

    /// Gives each of the 256 groups another era: first those of subjects' epochs, then those of sessions. So a login that
    /// began before is refused when it is added to the index, or was added before the first command and has its record,
    /// which the second one ends. One server does each in one step; if it fails half way in a cluster, some groups have
    /// ended: call it again.
    async fn end_all(&self, _now: Time) -> Result<bool, RedisStoreError> {
        let Inner { link, prefix, .. } = &*self.0;
        let mut era = [0; ERA];
        getrandom::fill(&mut era).map_err(|why| RedisStoreError::Refused(format!("no random bytes: {why}")))?;
        // the script adds it to epochs, and its numbers are exact up to 53 bits
        let [a, b, c, d, e, f, ..] = era;
        let number = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]).to_string();
        for (key, value) in [(keys::index_era as fn(&str, u8) -> String, number.as_bytes()), (keys::era, &era)] {
            let mut command = redis::cmd("MSET");
            for group in 0..=u8::MAX {
                command.arg(key(prefix, group)).arg(value);
            }
            link.ask(&command, Retry::Yes).await?;
        }
        Ok(true)
    }
}

impl fmt::Debug for RedisStore {
    /// Prints no address and no password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}
