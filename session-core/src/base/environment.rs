//! What the core needs from its environment: the time, and memory for a record. Random numbers come from
//! `rand_core::TryCryptoRng`.

use core::ops::Deref;
use core::time::Duration;

use super::codec::Codec;
pub use super::followed::{FollowedKey, FollowedKeys};

/// A point in time in milliseconds of a [`Clock`], of 48 bits as in a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The clock's start.
    pub const ZERO: Self = Self(0);
    /// The latest time that a record can hold. A deadline of `MAX` never arrives.
    pub const MAX: Self = Self((1 << 48) - 1);

    /// Creates the time `millis` milliseconds after the clock's start, at most [`Time::MAX`].
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis < Self::MAX.0 { Self(millis) } else { Self::MAX }
    }

    /// Returns the milliseconds since the clock's start.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Returns the time `span` later, at most [`Time::MAX`].
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis(span)))
    }

    /// Returns the span from `earlier` to `self`. Returns zero if the clock went backwards, so that a session never
    /// seems older than it is.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis_since(earlier))
    }

    /// The same in milliseconds. A `Duration` costs a division of 64 bits: a kilobyte of code on small processors.
    pub(crate) const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns whether `span` milliseconds have passed since `earlier`. A span of 0 never passes.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn past(self, earlier: Self, span: u64) -> bool {
        span > 0 && self.millis_since(earlier) >= span
    }
}

/// Converts a span to whole milliseconds, at most [`Time::MAX`].
pub(crate) const fn millis(span: Duration) -> u64 {
    let millis = span.as_secs().saturating_mul(1_000).saturating_add(quotient::<1_000_000>(span.subsec_nanos()) as u64);
    if millis < Time::MAX.0 { millis } else { Time::MAX.0 }
}

/// Converts less than 2^48 milliseconds to seconds, rounded up.
pub(crate) const fn seconds(millis: u64) -> u64 {
    let (high, low) = ((millis >> 16) as u32, millis as u32 & 0xffff);
    let whole = quotient::<1_000>(high);
    let rest = (high - 1_000 * whole) << 16 | low;
    ((whole as u64) << 16) + quotient::<1_000>(rest + 999) as u64
}

/// `number / BY` by its reciprocal: where processors do not divide, a multiplication instead of half a kilobyte of code.
pub(crate) const fn quotient<const BY: u32>(number: u32) -> u32 {
    ((number as u64 * Reciprocal::<BY>::ROUNDED_UP) >> Reciprocal::<BY>::BITS) as u32
}

struct Reciprocal<const OF: u32>;

impl<const OF: u32> Reciprocal<OF> {
    const BITS: u32 = 32 + OF.ilog2();
    const ROUNDED_UP: u64 = {
        let reciprocal = (1 << Self::BITS) / OF as u64 + 1;
        // so little too large that quotients of 32 bits are exact (Granlund and Montgomery, 1994)
        assert!(reciprocal * OF as u64 - (1 << Self::BITS) <= 1 << OF.ilog2());
        reciprocal
    };
}

/// A source of time. It never goes backwards while the program runs. A wall clock returns Unix time, an uptime clock
/// the time since the start.
pub trait Clock {
    /// Returns the current time. The core calls it once or twice per request, so it must be cheap.
    fn now(&self) -> Time;
}

/// Any pointer to a clock is a clock: a reference, a `Box`, an `Arc`.
impl<P: Deref<Target: Clock>> Clock for P {
    fn now(&self) -> Time {
        (**self).now()
    }
}

/// The uptime of a device whose program uses embassy-time.
#[cfg(feature = "embassy")]
#[derive(Clone, Copy, Debug, Default)]
pub struct EmbassyClock;

#[cfg(feature = "embassy")]
impl Clock for EmbassyClock {
    fn now(&self) -> Time {
        Time::from_millis(embassy_time::Instant::now().as_millis())
    }
}

/// Memory for one record: an array on a device, a growing buffer where there is a heap.
pub trait Buffer: AsRef<[u8]> + AsMut<[u8]> {
    /// The codec for values in this buffer: [`Postcard`](crate::codec::Postcard) on devices,
    /// [`Cbor`](crate::codec::Cbor) where there is a heap. A record of the other codec is rejected as corrupt.
    type Codec: Codec
    where
        Self: Sized;

    /// The keys that a request tracks one by one, so that its changes merge with those of other requests: at most
    /// eight in an array, any number where there is a heap.
    type Keys: FollowedKeys<<Self::Codec as Codec>::Said>
    where
        Self: Sized;

    /// Makes room for `need` bytes and keeps the current contents. Returns `false` if the buffer cannot be that large.
    fn grow(&mut self, need: usize) -> bool {
        self.as_ref().len() >= need
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        for millis in [0, 1, 999, 1_000, 1_001, 65_535, 65_536, 34_560_000_000, (1 << 48) - 1, 123_456_789_012] {
            assert_eq!(seconds(millis), millis.div_ceil(1_000), "{millis}");
        }
        for number in (0..=u32::MAX).step_by(65_521).flat_map(|number| [number, number / 1_000 * 1_000, !number]) {
            assert_eq!((quotient::<10>(number), quotient::<20>(number)), (number / 10, number / 20));
            assert_eq!(quotient::<1_000>(number), number / 1_000);
            let below = (number / 1_000 * 1_000).wrapping_sub(1);
            assert_eq!((quotient::<10>(below), quotient::<1_000>(below)), (below / 10, below / 1_000));
        }
    }

    #[test]
    fn spans_are_whole_milliseconds() {
        assert_eq!(millis(Duration::from_micros(1_999)), 1);
        assert_eq!(millis(Duration::MAX), Time::MAX.millis());
        assert_eq!(Time::from_millis(5).since(Time::from_millis(7)), Duration::ZERO);
    }
}
