//! Which server has which key, and what the key is called there.

use base64ct::{Base64UrlUnpadded, Encoding};
use session_core::environment::Time;
use session_core::store::Handle;

use crate::server::Server;
use crate::{Error, Settings};

/// Beyond this a time to live is taken for a point in time.
const RELATIVE: u64 = 30 * 24 * 60 * 60;

pub(crate) struct Servers {
    /// Each with the hash of its name.
    list: Vec<(u64, Server)>,
    prefix: String,
    largest: usize,
}

impl Servers {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        settings.check()?;
        let list = settings.servers.iter().map(|name| Ok((hash(name), Server::new(name, settings)?)));
        let list = list.collect::<Result<_, Error>>()?;
        Ok(Self { list, prefix: settings.prefix.clone(), largest: settings.largest })
    }

    /// The server of a key: the one whose name and the key together give the highest number (rendezvous hashing). When
    /// one is added or goes, only its own keys move. One that is down keeps its keys: moved to another, they would come
    /// back later as they were.
    pub(crate) fn of(&self, key: &Handle) -> Result<&Server, Error> {
        let key = u64::from_le_bytes(*key.as_bytes());
        let best = self.list.iter().max_by_key(|(name, _)| mix(name ^ key));
        best.map(|(_, server)| server).ok_or_else(|| Error::Settings("no server is named".into()))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Server> {
        self.list.iter().map(|(_, server)| server)
    }

    /// The key's name on its server.
    pub(crate) fn name(&self, key: &Handle) -> String {
        format!("{}{}", self.prefix, Base64UrlUnpadded::encode_string(key.as_bytes()))
    }

    pub(crate) fn fits(&self, size: usize) -> Result<(), Error> {
        if size <= self.largest { Ok(()) } else { Err(Error::TooLarge { size, limit: self.largest }) }
    }
}

/// Seconds after which a server may drop what is over at `deadline`; 0 = never. It counts in whole seconds and may be one
/// early, so two are added; whether a record is over is decided by what stands in it.
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
        (0..keys).map(|number| servers.of(&key(number)).unwrap().name().to_owned()).collect()
    }

    #[test]
    fn each_server_has_its_share_and_only_its_keys_move() {
        let three = names(&Servers::new(&Settings::new(["a:1", "b:1", "c:1"])).unwrap(), 30_000);
        let shuffled = names(&Servers::new(&Settings::new(["c:1", "a:1", "b:1"])).unwrap(), 30_000);
        assert_eq!(three, shuffled, "the order in which they are named means nothing");
        for server in ["a:1", "b:1", "c:1"] {
            let share = three.iter().filter(|name| *name == server).count();
            assert!((9_500..10_500).contains(&share), "{server} has {share}");
        }
        let two = names(&Servers::new(&Settings::new(["a:1", "b:1"])).unwrap(), 30_000);
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
