//! What the device keeps over a reboot: its key, its password, its settings.

use core::fmt;

use heapless::String;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

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
#[derive(Clone, Serialize, Deserialize)]
pub struct Data {
    /// Signs cookies; made on first boot, of no other device.
    pub key: [u8; 32],
    salt: [u8; 16],
    password: Option<Hashed>,
    /// What the owner chose.
    pub settings: Settings,
}

#[derive(Clone, Serialize, Deserialize)]
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
    const CHECK: usize = 8;

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

    /// Sets the password, hashed with PBKDF2-HMAC-SHA256.
    pub fn set_password(&mut self, password: &str, rounds: u32) {
        self.password = Some(Hashed { rounds, hash: self.hash(password, rounds) });
    }

    /// Whether this is the password.
    #[must_use]
    pub fn is_password(&self, password: &str) -> bool {
        let is = |known: &Hashed| self.hash(password, known.rounds).ct_eq(&known.hash).into();
        self.password.as_ref().is_some_and(is)
    }

    fn hash(&self, password: &str, rounds: u32) -> [u8; 32] {
        pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), &self.salt, rounds)
    }

    /// Writes all into `into`, with a checksum in front.
    #[must_use]
    pub fn encode<'b>(&self, into: &'b mut [u8; Self::LEN]) -> Option<&'b [u8]> {
        let (check, body) = into.split_at_mut(Self::CHECK);
        let len = postcard::to_slice(self, body).ok()?.len();
        check.copy_from_slice(Sha256::digest(body.get(..len)?).get(..Self::CHECK)?);
        into.get(..Self::CHECK + len)
    }

    /// Reads it back.
    pub fn decode(bytes: &[u8]) -> Result<Self, Garbled> {
        let (check, body) = bytes.split_at_checked(Self::CHECK).ok_or(Garbled)?;
        let (data, rest) = postcard::take_from_bytes(body).map_err(|_| Garbled)?;
        let genuine = Sha256::digest(body).get(..Self::CHECK) == Some(check) && rest.is_empty();
        if genuine { Ok(data) } else { Err(Garbled) }
    }
}

/// The data could not be stored; what was stored before still is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept;

/// Keeps the data over a reboot: a file, a page of flash.
pub trait Keeper {
    /// Stores all of it, so that after a power cut there is the old or the new.
    async fn keep(&self, data: &Data) -> Result<(), NotKept>;
}
