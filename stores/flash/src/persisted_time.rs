//! The stored form of the time; see clock.rs.

use session_core::environment::Time;

/// The persisted time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersistedTime {
    /// Device time was never later than this.
    pub until: Time,
    /// The difference between Unix time and device time, if a wall clock ever set it.
    pub offset: Option<i64>,
}

impl PersistedTime {
    /// Bytes of the offset.
    pub(crate) const OFFSET_LEN: usize = 8;

    /// Returns the name and the payload of a log entry.
    pub(crate) fn bytes(&self) -> ([u8; 8], Option<[u8; Self::OFFSET_LEN]>) {
        (self.until.millis().to_le_bytes(), self.offset.map(i64::to_le_bytes))
    }

    pub(crate) fn parse(name: [u8; 8], payload: &[u8]) -> Self {
        let offset = payload.first_chunk().copied().map(i64::from_le_bytes);
        Self { until: Time::from_millis(u64::from_le_bytes(name)), offset }
    }
}
