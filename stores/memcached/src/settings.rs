//! Which servers, and how long to wait for them.

use std::str::FromStr;
use std::time::Duration;

use crate::Error;

/// Where the sessions are, and the limits of asking for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `HOST:PORT` of each server. All nodes have to write them alike: the name decides which keys a server has. Names
    /// are looked up at each connection; IPv4 only.
    pub servers: Vec<String>,
    /// What the keys begin with, so that others can use the same servers.
    pub prefix: String,
    /// Connections to each server at most; they are opened when needed.
    pub connections: usize,
    /// How long opening a connection may take.
    pub connect: Duration,
    /// How long an operation may take in all: a wait for a connection, opening it, the answers, one more try.
    pub time_limit: Duration,
    /// After three failures in a row a server is not asked for so long; then one operation tries.
    pub pause: Duration,
    /// The largest record in bytes. Not above what the servers take (their option `-I`, less 100 bytes): memcached drops
    /// what it has when it is given something that is too large to replace it.
    pub largest: usize,
}

impl Settings {
    /// These servers, with 16 connections to each, 1 s to connect and for an operation, pauses of 500 ms, and records of at
    /// most 1,000,000 bytes, which is what servers take by default.
    pub fn new<S: Into<String>>(servers: impl IntoIterator<Item = S>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            prefix: "session:".into(),
            connections: 16,
            connect: Duration::from_secs(1),
            time_limit: Duration::from_secs(1),
            pause: Duration::from_millis(500),
            largest: 1_000_000,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.servers.is_empty() {
            return Err(Error::Settings("no server is named".into()));
        }
        // it is not repeated: there is a password in it
        if self.servers.iter().any(|server| server.contains('@')) {
            return Err(Error::Settings(
                "users and passwords are not for memcached: keep it in a network of your own".into(),
            ));
        }
        let port = |server: &str| {
            server.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if let Some(bad) = self.servers.iter().find(|server| !port(server)) {
            return Err(Error::Settings(format!("`{bad}` is not HOST:PORT")));
        }
        let prefix = &self.prefix;
        if prefix.is_empty() || prefix.len() > 200 || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Settings("a prefix has 1 to 200 printable ASCII characters, no space".into()));
        }
        if self.connections == 0 {
            return Err(Error::Settings("no connection is allowed".into()));
        }
        Ok(())
    }
}

impl FromStr for Settings {
    type Err = Error;

    /// `memcached://HOST[:PORT][,HOST[:PORT]…][?prefix=TEXT]`; the port is 11211 if it is not given.
    fn from_str(url: &str) -> Result<Self, Error> {
        let wrong = || Error::Settings("expected memcached://HOST[:PORT][,HOST[:PORT]...][?prefix=TEXT]".into());
        let rest = url.strip_prefix("memcached://").ok_or_else(wrong)?;
        let (servers, query) = rest.split_once('?').unwrap_or((rest, ""));
        let servers = servers.strip_suffix('/').unwrap_or(servers);
        let full = |server: &str| if server.contains(':') { server.to_owned() } else { format!("{server}:11211") };
        let mut settings = Self::new(servers.split(',').map(full));
        if !query.is_empty() {
            settings.prefix = query.strip_prefix("prefix=").ok_or_else(wrong)?.to_owned();
        }
        settings.check()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let settings: Settings = "memcached://a,b:1?prefix=app:".parse().unwrap();
        assert_eq!(settings, Settings { prefix: "app:".into(), ..Settings::new(["a:11211", "b:1"]) });
        assert_eq!("memcached://h:7/".parse::<Settings>().unwrap().prefix, "session:");
        for bad in [
            "redis://a",
            "memcached:",
            "memcached://",
            "memcached://a:x",
            "memcached://a,,b",
            "memcached://a?prefix=b c",
            "memcached://a?x=1",
            "memcached://a?prefix=",
        ] {
            assert!(bad.parse::<Settings>().is_err(), "{bad}");
        }
        for with_password in ["memcached://ann:hunter2@h:1", "memcached://ann:hunter2@h", "memcached://a,:hunter2@h"] {
            let why = with_password.parse::<Settings>().unwrap_err();
            assert!(matches!(why, Error::Settings(_)) && !format!("{why} {why:?}").contains("hunter2"), "{why:?}");
        }
    }
}
