//! The names of a session: the handle that a store finds it by, the version that distinguishes writers, and the
//! verifier of its secret.

use crate::base::bytes::part;

/// Names a session for its whole life. A store's key is its prefix followed by the handle. The handle is random but not
/// secret: knowing it opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(align(4))] // small processors then copy it by words, in a fraction of the code
pub struct Handle([u8; Handle::LEN]);

impl Handle {
    /// The length of a handle in bytes.
    pub const LEN: usize = 8;

    /// Creates a handle from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes. They are uniformly distributed, so a hash table needs no further hashing.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl core::fmt::Debug for Handle {
    /// Prints none of the bytes. Logs name a session by its [`LogId`](crate::events::LogId), a hash of its handle.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Handle(..)")
    }
}

/// The version that an update must find unchanged: a nonce that each writer puts into the record, or a counter of the
/// medium such as memcached's cas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(target_pointer_width = "32", repr(Rust, packed(4)))] // otherwise enums around it have 64-bit tags
pub struct Version(pub u64);

/// The derived one would refer to a field that is not aligned.
#[cfg(feature = "defmt")]
impl defmt::Format for Version {
    fn format(&self, f: defmt::Formatter<'_>) {
        let number = self.0;
        defmt::write!(f, "Version({=u64})", number);
    }
}

/// A verifier: what the store holds instead of a cookie's secret.
pub(crate) type Verifier = [u8; 16];

/// 32 random bytes for a new handle, a cookie's secret or a record's version.
#[derive(Clone, Copy)]
#[repr(align(4))] // as Handle
pub(crate) struct Fresh(pub(crate) [u8; Fresh::LEN]);

impl Fresh {
    pub(crate) const LEN: usize = 32;

    pub(crate) fn handle(&self) -> Handle {
        Handle(*part(&self.0, 0))
    }

    pub(crate) fn secret(&self) -> &[u8; 16] {
        part(&self.0, 8)
    }

    pub(crate) fn version(&self) -> &[u8; 8] {
        part(&self.0, 24)
    }
}
