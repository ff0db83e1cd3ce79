//! The few meta commands that we need, over one connection.

use async_memcached::{Client, ErrorKind, MetaProtocol, MetaValue, Status};

use crate::error::MemcachedError;

pub(crate) struct Connection {
    client: Client,
    server: String,
}

/// What is under a key.
pub(crate) struct Item {
    pub(crate) value: Vec<u8>,
    pub(crate) cas: u64,
    /// It was not there, and this connection has just made it, empty.
    pub(crate) won: bool,
}

/// When a set may be done.
#[derive(Clone, Copy)]
pub(crate) enum If {
    Absent,
    Cas(u64),
}

/// What came of a set or delete.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did {
    /// Done; the new cas of a set.
    Done(u64),
    /// It is there, or is another than the condition says.
    Another,
    Missing,
}

impl Connection {
    pub(crate) fn new(client: Client, server: &str) -> Self {
        Self { client, server: server.to_owned() }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(crate) async fn ping(&mut self) -> Result<(), MemcachedError> {
        let version = self.client.version().await.map_err(|why| self.failed(why))?;
        // if the answer is no version but an error, the client returns the rest of it
        match version.trim() {
            version if version.starts_with(|first: char| first.is_ascii_digit()) => Ok(()),
            rest => Err(MemcachedError::Refused {
                server: self.server.clone(),
                why: format!("to say its version: …{rest}"),
            }),
        }
    }

    /// What is under the key. With `vivify`, an empty item is made where there is none, for so many seconds.
    pub(crate) async fn get(&mut self, key: &str, vivify: Option<u32>) -> Result<Option<Item>, MemcachedError> {
        let vivify = vivify.map(|seconds| format!("N{seconds}"));
        let flags: Vec<&str> = ["v", "c"].into_iter().chain(vivify.as_deref()).collect();
        let answer = self.client.meta_get(key, false, None, Some(&flags)).await.map_err(|why| self.failed(why))?;
        let Some(MetaValue { data, cas, is_recache_winner, .. }) = answer else { return Ok(None) };
        let cas = cas.ok_or_else(|| self.broken("the answer has no cas"))?;
        Ok(Some(Item { value: data.unwrap_or_default(), cas, won: is_recache_winner == Some(true) }))
    }

    pub(crate) async fn set(
        &mut self,
        key: &str,
        value: &[u8],
        condition: If,
        ttl: u32,
    ) -> Result<Did, MemcachedError> {
        let condition = match condition {
            If::Absent => "ME".to_owned(),
            If::Cas(cas) => format!("C{cas}"),
        };
        let ttl = format!("T{ttl}");
        let answer = self.client.meta_set(key, value, false, None, Some(&[&condition, &ttl, "c"])).await;
        // with a cas (0) beside it a refusal comes as a value, without one as an error
        let status = match &answer {
            Ok(Some(value)) => value.status.clone(),
            Err(async_memcached::Error::Protocol(status)) => Some(status.clone()),
            Ok(None) | Err(_) => None,
        };
        match (status, answer) {
            (Some(Status::Stored), Ok(Some(MetaValue { cas: Some(cas), .. }))) => Ok(Did::Done(cas)),
            (Some(Status::NotStored | Status::Exists), _) => Ok(Did::Another),
            (Some(Status::NotFound), _) => Ok(Did::Missing),
            (_, Err(why)) => Err(self.failed(why)),
            (_, Ok(_)) => Err(self.broken("the answer has no cas")),
        }
    }

    /// Removes what is there, or only what has this cas.
    pub(crate) async fn delete(&mut self, key: &str, cas: Option<u64>) -> Result<Did, MemcachedError> {
        let cas = cas.map(|cas| format!("C{cas}"));
        let flags: Vec<&str> = cas.as_deref().into_iter().collect();
        match self.client.meta_delete(key, false, None, Some(&flags)).await {
            Ok(_) => Ok(Did::Done(0)),
            Err(async_memcached::Error::Protocol(Status::Exists)) => Ok(Did::Another),
            Err(async_memcached::Error::Protocol(Status::NotFound)) => Ok(Did::Missing),
            Err(why) => Err(self.failed(why)),
        }
    }

    fn failed(&self, why: async_memcached::Error) -> MemcachedError {
        let server = self.server.clone();
        match why {
            async_memcached::Error::Protocol(Status::Error(ErrorKind::Server(why) | ErrorKind::Client(why))) => {
                MemcachedError::Refused { server, why }
            }
            async_memcached::Error::Protocol(Status::Error(ErrorKind::NonexistentCommand)) => MemcachedError::Refused {
                server,
                why: "it does not know meta commands (memcached 1.6 or later does)".into(),
            },
            why => MemcachedError::Broken { server, why: why.to_string() },
        }
    }

    fn broken(&self, why: &str) -> MemcachedError {
        MemcachedError::Broken { server: self.server.clone(), why: why.into() }
    }
}
