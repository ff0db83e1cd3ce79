//! Chooses the server of a key, and the key's name there.

use std::iter::once;
use std::sync::atomic::{AtomicBool, Ordering};

use base64ct::{Base64UrlUnpadded, Encoding};
use session_core::environment::Time;
use session_core::store::{Handle, Outcome};
use session_store_shared::{ConnectionOptions, UrlError};

use crate::address::Address;
use crate::server::Server;
use crate::url;

/// A longer time to live is interpreted as a point in time.
const RELATIVE: u64 = 30 * 24 * 60 * 60;
/// The default limit of servers: 1 MB, less the item's head.
const MAX_RECORD_SIZE: usize = 1_000_000;

pub(crate) struct Servers {
    first: Named,
    others: Vec<Named>,
    prefix: String,
    pub(crate) max_record_size: usize,
    /// The warning was given.
    warned: AtomicBool,
}

/// A server and the hash of its name.
struct Named(u64, Server);

impl Named {
    fn new(address: Address, options: &ConnectionOptions) -> Self {
        Self(hash(&address.name), Server::new(address, options))
    }
}

impl Servers {
    /// Opens no connection yet.
    pub(crate) fn open(url: &str) -> Result<Self, UrlError> {
        let url::Target { servers: (first, others), prefix } = url::parse(url)?;
        let options = ConnectionOptions::new();
        Ok(Self {
            first: Named::new(first, &options),
            others: others.into_iter().map(|address| Named::new(address, &options)).collect(),
            prefix: prefix.unwrap_or_else(|| "session:".into()),
            max_record_size: MAX_RECORD_SIZE,
            warned: AtomicBool::new(false),
        })
    }

    pub(crate) fn set_options(&mut self, options: &ConnectionOptions) {
        for Named(_, server) in once(&mut self.first).chain(&mut self.others) {
            *server = Server::new(server.address().clone(), options);
        }
    }

    pub(crate) fn set_prefix(&mut self, prefix: &str) -> Result<(), UrlError> {
        url::check_prefix(prefix)?;
        prefix.clone_into(&mut self.prefix);
        Ok(())
    }

    /// Returns the server of a key: the one whose name and the key together give the highest number (rendezvous
    /// hashing). When a server is added or removed, only its own keys move. A server that is down keeps its keys,
    /// because keys that moved away would later reappear with old values.
    pub(crate) fn of(&self, key: &Handle) -> &Server {
        let key = u64::from_le_bytes(*key.as_bytes());
        let rank = |named: &Named| mix(named.0 ^ key);
        let highest = |best, named| if rank(named) < rank(best) { best } else { named };
        &self.others.iter().fold(&self.first, highest).1
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Server> {
        once(&self.first).chain(&self.others).map(|Named(_, server)| server)
    }

    /// Returns once the warning that sessions are sent unencrypted to another host.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        let exposed = self.all().any(|server| server.address().is_exposed());
        (exposed && !self.warned.swap(true, Ordering::Relaxed)).then_some(
            "the connection to memcached on another host has no TLS, so sessions can be read and changed on the way: \
             begin the URL with memcacheds://",
        )
    }

    /// Returns the key's name on its server.
    pub(crate) fn name(&self, key: &Handle) -> String {
        format!("{}{}", self.prefix, Base64UrlUnpadded::encode_string(key.as_bytes()))
    }

    /// Returns the outcome for a record that is too large for the servers.
    pub(crate) fn too_large(&self, record: &[u8]) -> Option<Outcome> {
        let (need, have) = (record.len(), self.max_record_size);
        (need > have).then_some(Outcome::TooLarge { need, have })
    }
}

/// Returns the seconds after which a server may drop a record that expires at `deadline`; 0 = never. The server counts
/// in whole seconds and may be one early, so two are added. Whether a record has expired is decided by its own times.
pub(crate) fn ttl(deadline: Time, now: Time) -> u32 {
    if deadline == Time::MAX {
        return 0;
    }
    let seconds = deadline.since(now).as_secs() + 3;
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let ttl = if seconds > RELATIVE { wall.saturating_add(seconds) } else { seconds };
    u32::try_from(ttl).unwrap_or(u32::MAX).min(i32::MAX as u32)
}

/// FNV-1a: the same in every version and on every machine.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The end of splitmix64: each bit of the input changes half of the output's.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(servers: &Servers, keys: u64) -> Vec<String> {
        let key = |number: u64| Handle::from_bytes(mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes());
        (0..keys).map(|number| servers.of(&key(number)).name().to_owned()).collect()
    }

    #[test]
    fn each_server_has_its_share_and_only_its_keys_move() {
        let three = names(&Servers::open("memcached://a:1,b:1,c:1").unwrap(), 30_000);
        let shuffled = names(&Servers::open("memcached://c:1,a:1,b:1").unwrap(), 30_000);
        assert_eq!(three, shuffled, "the order in which they are named means nothing");
        for server in ["a:1", "b:1", "c:1"] {
            let share = three.iter().filter(|name| *name == server).count();
            assert!((9_500..10_500).contains(&share), "{server} has {share}");
        }
        let two = names(&Servers::open("memcached://a:1,b:1").unwrap(), 30_000);
        let moved = three.iter().zip(&two).filter(|(before, after)| before != after && *before != "c:1").count();
        assert_eq!(moved, 0);
    }

    #[test]
    fn times_to_live_st7() {
        let now = Time::from_millis(1_790_000_000_000);
        let later = |millis| Time::from_millis(now.millis() + millis);
        assert_eq!(ttl(Time::MAX, now), 0);
        assert_eq!(ttl(later(60_007), now), 63);
        assert_eq!(ttl(later(0), now), 3, "what is over goes soon");
        assert!(ttl(later(90 * 24 * 3_600_000), now) > 1_700_000_000, "a point in time");
        assert_eq!(ttl(later(10_000 * 24 * 3_600_000), now), i32::MAX as u32, "the last one that a server understands");
    }
}
