//! What the device keeps over a reboot: its key, its password, its settings.

use core::fmt;

use heapless::String;
use serde::{Deserialize, Serialize};
use session_store_flash::Usage;
use subtle::ConstantTimeEq;

use crate::password::hash;

/// What the owner may choose.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
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
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// Signs cookies; made on first boot, of no other device.
    pub key: [u8; 32],
    salt: [u8; 16],
    password: Option<Hashed>,
    /// What the owner chose.
    pub settings: Settings,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hashed {
    rounds: u32,
    hash: [u8; 32],
}

/// These bytes are not what [`Data::encode`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbled;

impl fmt::Display for Garbled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the device's data is cut or garbled")
    }
}

impl core::error::Error for Garbled {}

impl Data {
    /// Bytes of [`Self::encode`] at most.
    pub const LEN: usize = 256;
    /// Of the bytes; another layout gets another number.
    pub(crate) const FORMAT: u8 = 1;

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
        self.password = Some(Hashed { rounds, hash: hash(password, &self.salt, rounds).await });
    }

    /// Whether this is the password. Takes as long.
    pub async fn is_password(&self, password: &str) -> bool {
        match &self.password {
            Some(known) => hash(password, &self.salt, known.rounds).await.ct_eq(&known.hash).into(),
            None => false,
        }
    }

    /// Writes all into `into`. Damage is for whoever keeps it to find.
    #[must_use]
    pub fn encode<'b>(&self, into: &'b mut [u8; Self::LEN]) -> Option<&'b [u8]> {
        postcard::to_slice(self, into).ok().map(|bytes| &*bytes)
    }

    /// Reads it back.
    pub fn decode(bytes: &[u8]) -> Result<Self, Garbled> {
        match postcard::take_from_bytes(bytes) {
            Ok((data, [])) => Ok(data),
            _ => Err(Garbled),
        }
    }
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
