//! A record that says which writes are in it.

use session_core::record::{FORMAT, LOGIN_AT, MIN_LEN, Stamp, VERSION_AT};

/// The record of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(crate) version: u64,
    pub(crate) login: u32,
    /// One bit for each request that has written.
    pub(crate) writes: u8,
}

impl Record {
    /// Bytes that it takes.
    pub(crate) const LEN: usize = MIN_LEN + 1;

    pub(crate) fn bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0] = FORMAT;
        bytes[VERSION_AT..][..8].copy_from_slice(&self.version.to_le_bytes());
        bytes[LOGIN_AT..][..4].copy_from_slice(&self.login.to_le_bytes());
        bytes[MIN_LEN] = self.writes;
        bytes
    }

    pub(crate) fn of(bytes: &[u8]) -> Self {
        let stamp = Stamp::of(bytes).expect("the layered store changes no record");
        Self { version: stamp.version.0, login: stamp.login, writes: bytes[MIN_LEN] }
    }
}
