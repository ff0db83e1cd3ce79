//! What the device keeps over a reboot: its key, its password, its settings.

use core::fmt::Write;

use heapless::{String, Vec};
use session_core::hash::Hmac;
use session_store_flash::Usage;
use subtle::ConstantTimeEq;

use crate::password::hash;

/// What the owner may choose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Shown on every page: 32 characters of any script, as the form's field counts them.
    pub name: String<128>,
    /// Seconds between two readings on the dashboard, 1 to 60.
    pub interval: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { name: String::try_from("My device").unwrap_or_default(), interval: 1 }
    }
}

/// All of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Data {
    /// Signs cookies; made on first boot, of no other device.
    pub key: [u8; 32],
    salt: [u8; 16],
    password: Option<Hashed>,
    /// What the owner chose.
    pub settings: Settings,
}

#[derive(Clone, PartialEq, Eq)]
struct Hashed {
    rounds: u32,
    hash: [u8; 32],
}

/// A cookie that says so: 16 bytes in hexadecimal digits, and the attributes of a year.
pub(crate) type Mark = String<104>;
/// Bytes of its name and value.
pub(crate) const MARK: usize = 6 + 32;

/// The data as bytes.
pub(crate) type Encoded = Vec<u8, { Data::LEN }>;

impl Data {
    /// Bytes of it, encoded, at most.
    pub(crate) const LEN: usize = 256;
    /// Of the bytes; another layout gets another number.
    pub(crate) const FORMAT: u8 = 2;

    /// A device that boots for the first time; both arguments are fresh random bytes.
    #[must_use]
    pub fn new(key: [u8; 32], salt: [u8; 16]) -> Self {
        Self { key, salt, password: None, settings: Settings::default() }
    }

    /// Whether somebody chose a password.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Sets the password, hashed with PBKDF2-HMAC-SHA256, which takes long; others get their turn meanwhile.
    pub async fn set_password(&mut self, password: &str, rounds: u32) {
        let rounds = rounds.max(1);
        self.password = Some(Hashed { rounds, hash: hash(password, &self.salt, rounds).await });
    }

    /// Whether this is the password. Takes as long.
    pub async fn is_password(&self, password: &str) -> bool {
        match &self.password {
            Some(known) => hash(password, &self.salt, known.rounds).await.ct_eq(&known.hash).into(),
            None => false,
        }
    }

    /// What only a browser has that was signed in before. It is of this device and of this password, and opens nothing.
    pub(crate) fn mark(&self) -> Mark {
        let hash = self.password.as_ref().map_or([0; 32], |known| known.hash);
        let mac = Hmac::new(&self.key).mac(&[b"a browser of the owner", &hash]);
        let mut mark = Mark::new();
        let _fits = mark.push_str("known=");
        mac.iter().take(16).for_each(|byte| write!(mark, "{byte:02x}").unwrap_or_default());
        let _fits = mark.push_str("; Max-Age=31536000; Path=/sign-in; HttpOnly; SameSite=Strict");
        mark
    }

    /// Writes all of it. Damage is for whoever keeps it to find.
    ///
    /// ```text
    /// key 32 | salt 16 | rounds u32, 0 = no password was chosen | hash 32 | interval u8 | length u8 | name
    /// ```
    pub(crate) fn encode(&self) -> Encoded {
        let none = Hashed { rounds: 0, hash: [0; 32] };
        let Hashed { rounds, hash } = self.password.as_ref().unwrap_or(&none);
        let (name, mut bytes) = (&self.settings.name, Encoded::new());
        let fields = [
            &self.key[..],
            &self.salt,
            &rounds.to_le_bytes(),
            hash,
            &[self.settings.interval, name.len() as u8],
            name.as_bytes(),
        ];
        fields.into_iter().for_each(|field| bytes.extend_from_slice(field).unwrap_or_default());
        bytes
    }

    /// Reads it back, if [`Self::encode`] wrote it.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = &mut &*bytes;
        let (key, salt, rounds, hash) = (take(rest)?, take(rest)?, u32::from_le_bytes(take(rest)?), take(rest)?);
        let ([interval, length], name) = (take(rest)?, *rest);
        if name.len() != usize::from(length) {
            return None;
        }
        let name = String::try_from(core::str::from_utf8(name).ok()?).ok()?;
        let password = (rounds > 0).then_some(Hashed { rounds, hash });
        Some(Self { key, salt, password, settings: Settings { name, interval } })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*field)
}

/// The data could not be stored; the next boot finds what was stored before, or the new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept;

/// Keeps the data over a reboot. A trait so that pages name one type and not what a
/// [`Flash`](crate::flash::Flash) is made of.
pub trait Keeper {
    /// Stores all of it, so that after a power cut there is the old or the new.
    async fn keep(&self, data: &Data) -> Result<(), NotKept>;

    /// How often each page of the flash was erased, as many as the buffer takes, and how full it is; `None` if it does not
    /// answer.
    async fn wear(&self, erases: &mut [u32]) -> Option<Usage>;
}
