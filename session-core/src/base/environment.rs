//! What the core asks of its surroundings: the time and a place for a record. (Randomness is `rand_core::TryCryptoRng`.)

use core::ops::Deref;
use core::time::Duration;

use super::codec::Codec;
pub use super::followed::{FollowedKey, FollowedKeys};

/// A point in time, in milliseconds of a [`Clock`]; 48 bits, as records keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The beginning of the clock.
    pub const ZERO: Self = Self(0);
    /// The last time that a record can hold; an end at `MAX` never comes.
    pub const MAX: Self = Self((1 << 48) - 1);

    /// `millis` milliseconds after the clock's beginning; at most [`Time::MAX`].
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis < Self::MAX.0 { Self(millis) } else { Self::MAX }
    }

    /// Milliseconds since the clock's beginning.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// `span` later, at most [`Time::MAX`].
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis(span)))
    }

    /// The time from `earlier` to `self`; zero if the clock went backwards, which makes a session seem no older.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis_since(earlier))
    }

    /// The same in milliseconds. A `Duration` costs a division of 64 bits: a kilobyte of code on small processors.
    pub(crate) const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether `span` milliseconds, if it is not 0, have gone by since `earlier`.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn past(self, earlier: Self, span: u64) -> bool {
        span > 0 && self.millis_since(earlier) >= span
    }
}

/// Whole milliseconds of a span, at most what a [`Time`] holds.
pub(crate) const fn millis(span: Duration) -> u64 {
    let millis = span.as_secs().saturating_mul(1_000).saturating_add(quotient::<1_000_000>(span.subsec_nanos()) as u64);
    if millis < Time::MAX.0 { millis } else { Time::MAX.0 }
}

/// Seconds of less than 2^48 milliseconds, rounded up.
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

/// Tells the time. It never goes back while the program runs; with a wall clock it is Unix time.
pub trait Clock {
    /// Now. Called once or twice a request; cheap.
    fn now(&self) -> Time;
}

/// What leads to a clock is one: a reference, a `Box`, an `Arc`.
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

/// A place for one record: an array where memory is fixed, something that grows where there is a heap.
pub trait Buffer: AsRef<[u8]> + AsMut<[u8]> {
    /// How values are written into it: [`Postcard`](crate::codec::Postcard) on devices, [`Cbor`](crate::codec::Cbor) where
    /// there is a heap. A record of the other codec is refused as corrupt.
    type Codec: Codec
    where
        Self: Sized;

    /// The keys that a request follows one by one, so that its changes merge with those of other requests: twelve in an
    /// array, as many as there are where there is a heap.
    type Keys: FollowedKeys<<Self::Codec as Codec>::Said>
    where
        Self: Sized;

    /// Makes room for `need` bytes, keeping those that are there; `false` if this place cannot be so large.
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
