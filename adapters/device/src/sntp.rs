//! The time of day from a server in the network (SNTP: RFC 5905, section 14).

use core::fmt;
use core::net::Ipv4Addr;

use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_net::{IpAddress, IpEndpoint, Stack};
use embassy_time::{Duration, Timer, with_timeout};
use session_core::environment::{Clock, Time};
use session_store_flash::PersistedClock;

/// How often [`keep_wall`] asks a server that answers.
pub const SNTP_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long [`sntp_time`] waits for an answer.
pub const SNTP_PATIENCE: Duration = Duration::from_secs(5);

/// The first wait after a request that failed: no client asks more often (RFC 5905, figure 6, MINPOLL is 16 s).
const FIRST_WAIT: u64 = 64;
/// The longest wait after requests that a server has answered with "too often".
const LONGEST_WAIT: u64 = 24 * 60 * 60;

const PORT: u16 = 123;
const LEN: usize = 48;
const VERSION: u8 = 4;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;
const UNSYNCHRONIZED: u8 = 3;
/// A server that is more than 16 s from its reference has no valid time (RFC 5905, MAXDISP), in units of 2^-16 s.
const FARTHEST: u32 = 16 << 16;
/// Seconds from 1900 to 1970.
const TO_1970: u64 = 2_208_988_800;
/// 1 January 2026: no valid answer is older than this program.
const EARLIEST: u64 = 1_767_225_600_000;

/// Why there is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SntpError {
    /// The board has no random bytes yet, and answers to a request without them could be forged.
    NotReady,
    /// No answer came, or the network is down.
    NoAnswer,
    /// The datagram is not an answer to this request: another origin timestamp, mode, version or length.
    NotAnAnswer,
    /// The server rejects the request with this code (kiss-o'-death): `DENY` and `RSTR` mean never, `RATE` too often.
    Refused([u8; 4]),
    /// The server does not know the time: it says so, or its time is before 2026. So does a server that has just
    /// started, with stratum 0 and another code (RFC 5905, section 7.4).
    Unsynchronized,
}

impl fmt::Display for SntpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotReady => "the board has no random bytes yet",
            Self::NoAnswer => "the time server does not answer",
            Self::NotAnAnswer => "the time server's answer does not fit the request",
            Self::Refused(_) => "the time server refuses to answer",
            Self::Unsynchronized => "the time server does not know the time",
        })
    }
}

impl core::error::Error for SntpError {}

/// A request for the time. Only an answer that repeats its random number counts. A number is not to be used twice.
///
/// Use it to ask over a transport of your own. [`sntp_time`] asks over embassy-net.
pub struct SntpRequest([u8; 8]);

impl SntpRequest {
    /// Creates a request with a fresh random number. It replaces the time at which the request was sent: a device's
    /// uptime could be guessed, and the server only repeats it.
    #[must_use]
    pub const fn new(random: [u8; 8]) -> Self {
        Self(random)
    }

    /// Returns the datagram to send to port 123 of the server.
    #[must_use]
    pub fn datagram(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let [first, .., a, b, c, d, e, f, g, h] = &mut bytes;
        *first = VERSION << 3 | CLIENT;
        [a, b, c, d, e, f, g, h].into_iter().zip(self.0).for_each(|(place, byte)| *place = byte);
        bytes
    }

    /// Returns the Unix time in an answer. It is late by the time that the answer took.
    ///
    /// # Errors
    /// All but [`SntpError::NotReady`] and [`SntpError::NoAnswer`]. After [`SntpError::NotAnAnswer`], the answer may
    /// still come: the datagram may be another one's.
    pub fn time(&self, datagram: &[u8]) -> Result<Time, SntpError> {
        let fields = datagram.first_chunk::<LEN>().ok_or(SntpError::NotAnAnswer)?;
        let word = |at: usize| {
            fields.get(at..at + 4).and_then(|bytes| bytes.first_chunk()).map_or(0, |b| u32::from_be_bytes(*b))
        };
        let [first, stratum, ..] = *fields;
        let (leap, version, mode) = (first >> 6, first >> 3 & 7, first & 7);
        // first, because the rest of a forged datagram is meaningless, even a rejection
        let ours = fields.get(24..32) == Some(&self.0) && self.0 != [0; 8];
        if !ours || mode != SERVER || !(1..=VERSION).contains(&version) {
            return Err(SntpError::NotAnAnswer);
        }
        let code = word(12).to_be_bytes();
        if stratum == 0 && [*b"DENY", *b"RSTR", *b"RATE"].contains(&code) {
            return Err(SntpError::Refused(code));
        }
        let far = (word(4) / 2).saturating_add(word(8)) >= FARTHEST;
        let (seconds, fraction) = (word(40), word(44));
        if leap == UNSYNCHRONIZED || !(1..=15).contains(&stratum) || far || (seconds, fraction) == (0, 0) {
            return Err(SntpError::Unsynchronized);
        }
        // 32 bits of seconds start again in 2036
        let era = if seconds >> 31 == 0 { 1 << 32 } else { 0 };
        let millis = (u64::from(seconds) + era).saturating_sub(TO_1970) * 1_000 + ((u64::from(fraction) * 1_000) >> 32);
        if millis < EARLIEST { Err(SntpError::Unsynchronized) } else { Ok(Time::from_millis(millis)) }
    }
}

impl fmt::Debug for SntpRequest {
    /// Does not print the random number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SntpRequest").finish_non_exhaustive()
    }
}

/// Asks a server for the Unix time, once. Needs one socket of the stack, and 400 bytes in its future. It can be dropped
/// at any time.
///
/// SNTP is neither encrypted nor signed. A server, or who controls the network between it and the device, can give any
/// time.
///
/// # Errors
/// [`SntpError`]. After [`SntpError::Refused`] with `DENY` or `RSTR`, do not ask this server again.
pub async fn sntp_time(
    stack: Stack<'_>,
    server: Ipv4Addr,
    entropy: fn() -> Option<[u8; 32]>,
) -> Result<Time, SntpError> {
    let random = entropy().as_ref().and_then(|bytes| bytes.first_chunk().copied()).ok_or(SntpError::NotReady)?;
    let request = SntpRequest::new(random);
    let (mut received, mut sent) = ([0; 2 * LEN], [0; LEN]);
    let (mut receiving, mut sending) = ([PacketMetadata::EMPTY; 2], [PacketMetadata::EMPTY; 1]);
    let mut socket = UdpSocket::new(stack, &mut receiving, &mut received, &mut sending, &mut sent);
    // any port
    socket.bind(0).map_err(|_| SntpError::NoAnswer)?;
    let server = IpEndpoint::new(IpAddress::Ipv4(server), PORT);
    let ask = async {
        socket.send_to(&request.datagram(), server).await.map_err(|_| SntpError::NoAnswer)?;
        let mut datagram = [0; LEN];
        loop {
            // a datagram that does not fit is longer than any answer to this request
            let Ok((length, from)) = socket.recv_from(&mut datagram).await else { continue };
            let answer = datagram.get(..length).map(|datagram| request.time(datagram));
            if let Some(answer @ (Ok(_) | Err(SntpError::Refused(_) | SntpError::Unsynchronized))) = answer
                && from.endpoint == server
            {
                return answer;
            }
        }
    };
    with_timeout(SNTP_PATIENCE, ask).await.unwrap_or(Err(SntpError::NoAnswer))
}

/// Sets the wall clock of `clock` from a server, at once and then every [`SNTP_EVERY`], as long as the server answers.
/// `tell` is called with each answer. If the first request fails, the next one follows after 64 s, then after twice as
/// long, at most after an hour, or after a day if requests are too frequent. Returns if the server refuses for good.
///
/// See [`PersistedClock::set_wall`]: sessions' time moves forward by what has passed without power and never back, so a
/// wrong answer can end sessions and cannot prolong one. `keep_time` persists what this sets.
pub async fn keep_wall<U: Clock>(
    stack: Stack<'_>,
    server: Ipv4Addr,
    clock: &PersistedClock<U>,
    entropy: fn() -> Option<[u8; 32]>,
    mut tell: impl FnMut(Result<Time, SntpError>),
) {
    let mut wait = 0;
    loop {
        let answer = sntp_time(stack, server, entropy).await;
        if let Ok(unix) = answer {
            clock.set_wall(unix);
        }
        tell(answer);
        let Some(next) = wait_after(answer, wait) else { return };
        wait = next;
        Timer::after_secs(wait).await;
    }
}

/// Returns for how many seconds to wait, after an answer that came after `wait` seconds. `None` is for ever.
fn wait_after(answer: Result<Time, SntpError>, wait: u64) -> Option<u64> {
    let every = SNTP_EVERY.as_secs();
    match answer {
        Ok(_) => Some(every),
        Err(SntpError::Refused(code)) if [*b"DENY", *b"RSTR"].contains(&code) => None,
        Err(SntpError::Refused(_)) => Some((wait.max(every) * 2).min(LONGEST_WAIT)),
        Err(_) => Some((wait * 2).clamp(FIRST_WAIT, every)),
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use session_store_flash::WithoutPower;

    use super::*;

    const RANDOM: [u8; 8] = *b"\x11\x22\x33\x44\x55\x66\x77\x88";
    /// 30 November 2026, 12:00:00.5.
    const NOW: u64 = 1_796_040_000_500;

    /// The answer of a stratum 2 server at this time.
    fn answer(millis: u64) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[..4].copy_from_slice(&[4 << 3 | SERVER, 2, 6, 0xec]);
        bytes[4..16].copy_from_slice(b"\0\0\x01\0\0\0\x02\0\x0a\0\0\x01");
        bytes[24..32].copy_from_slice(&RANDOM);
        let ntp = ((millis / 1_000 + TO_1970) << 32) | (((millis % 1_000) << 32) / 1_000);
        for at in [16, 32, 40] {
            bytes[at..at + 8].copy_from_slice(&ntp.to_be_bytes());
        }
        bytes
    }

    fn time(datagram: &[u8]) -> Result<u64, SntpError> {
        SntpRequest::new(RANDOM).time(datagram).map(Time::millis)
    }

    /// The same with other bytes at this place.
    fn with(at: usize, bytes: &[u8]) -> Result<u64, SntpError> {
        let mut answer = answer(NOW);
        answer[at..at + bytes.len()].copy_from_slice(bytes);
        time(&answer)
    }

    #[test]
    fn the_time_is_that_of_the_answer() {
        let request = SntpRequest::new(RANDOM).datagram();
        assert_eq!((request[0], &request[1..40], &request[40..]), (0x23, &[0; 39][..], &RANDOM[..]));
        // half a second in 2^-32 s, and a second's last one
        for millis in [NOW, EARLIEST, 1_799_999_999_999, 2_085_978_495_000, 2_085_978_496_001, 4_000_000_000_000] {
            assert!(time(&answer(millis)).unwrap().abs_diff(millis) <= 1, "{millis}: 2036 and after it, too");
        }
        // servers of an older version, of another stratum, in a leap second
        for (at, byte) in [(0, 3 << 3 | SERVER), (0, 1 << 6 | 4 << 3 | SERVER), (1, 1), (1, 15)] {
            assert_eq!(with(at, &[byte]), Ok(NOW - NOW % 1_000 + 500), "{at} {byte}");
        }
        let longer = [&answer(NOW)[..], &[0; 20]].concat();
        assert!(time(&longer).is_ok(), "fields may follow");
    }

    /// Packets that do not answer this request are ignored, even refusals.
    #[test]
    fn an_answer_to_another_request_is_none_tm1() {
        for at in 24..32 {
            assert_eq!(with(at, &[0]), Err(SntpError::NotAnAnswer), "{at}");
        }
        let mut refusal = answer(NOW);
        (refusal[1], refusal[31]) = (0, 0);
        assert_eq!(time(&refusal), Err(SntpError::NotAnAnswer));
        for first in [4 << 3 | CLIENT, 4 << 3 | 5, SERVER, 5 << 3 | SERVER] {
            assert_eq!(with(0, &[first]), Err(SntpError::NotAnAnswer), "{first:#x}");
        }
        for length in 0..LEN {
            assert_eq!(time(&answer(NOW)[..length]), Err(SntpError::NotAnAnswer), "{length}");
        }
        assert_eq!(SntpRequest::new([0; 8]).time(&[0x24; LEN]), Err(SntpError::NotAnAnswer));
    }

    #[test]
    fn a_server_without_a_time_gives_none_tm1() {
        for (at, bytes) in [
            (0, &[3 << 6 | 4 << 3 | SERVER][..]), // the server says so
            (1, &[16]),
            (1, &[255]),
            (4, &[0, 32, 0, 0]), // far from its reference
            (8, &[0, 16, 0, 0]),
            (4, &[0xff; 8]),
            (40, &[0; 8]),
            (40, &[0x80, 0, 0, 0]), // 1968
        ] {
            assert_eq!(with(at, bytes), Err(SntpError::Unsynchronized), "{at} {bytes:?}");
        }
        assert_eq!(time(&answer(EARLIEST - 1_000)), Err(SntpError::Unsynchronized));
        let kiss = |code: [u8; 4]| {
            let mut kiss = answer(NOW);
            (kiss[0], kiss[1]) = (3 << 6 | 4 << 3 | SERVER, 0);
            kiss[12..16].copy_from_slice(&code);
            time(&kiss)
        };
        for code in [*b"DENY", *b"RSTR", *b"RATE"] {
            assert_eq!(kiss(code), Err(SntpError::Refused(code)));
        }
        // stratum 16, which has no server yet, is sent as 0 (RFC 5905, section 7.3)
        for code in [*b"INIT", *b"STEP", [0; 4], [127, 127, 1, 1]] {
            assert_eq!(kiss(code), Err(SntpError::Unsynchronized), "{code:?}");
        }
    }

    #[test]
    fn every_error_has_a_text() {
        extern crate std;
        use std::string::ToString as _;
        for (name, error) in [
            ("NotReady", SntpError::NotReady),
            ("NoAnswer", SntpError::NoAnswer),
            ("NotAnAnswer", SntpError::NotAnAnswer),
            ("Refused", SntpError::Refused(*b"RATE")),
            ("Unsynchronized", SntpError::Unsynchronized),
        ] {
            store_support::check_text(name, &error.to_string());
        }
    }

    #[test]
    fn a_server_is_not_asked_too_often() {
        let failed = Err(SntpError::NoAnswer);
        let mut waits = (0..8).scan(0, |wait, _| {
            *wait = wait_after(failed, *wait)?;
            Some(*wait)
        });
        assert!([64, 128, 256, 512, 1024, 2048, 3600, 3600].into_iter().all(|wait| waits.next() == Some(wait)));
        assert_eq!(wait_after(Ok(Time::from_millis(NOW)), 64), Some(3600));
        let refused = |code, wait| wait_after(Err(SntpError::Refused(code)), wait);
        assert_eq!((refused(*b"RATE", 3600), refused(*b"RATE", 64_000)), (Some(7200), Some(86_400)));
        assert_eq!((refused(*b"DENY", 64), refused(*b"RSTR", 64)), (None, None));
    }

    /// Whatever servers say, sessions' time never goes back, and it moves forward by the time without power.
    #[test]
    fn no_answer_moves_sessions_back_tm1() {
        struct Uptime<'c>(&'c Cell<u64>);
        impl Clock for Uptime<'_> {
            fn now(&self) -> Time {
                Time::from_millis(self.0.get())
            }
        }
        let uptime = Cell::new(1_000);
        let clock = PersistedClock::new(Uptime(&uptime), None, WithoutPower::Free);
        let set = |millis| clock.set_wall(Time::from_millis(time(&answer(millis)).unwrap()));
        set(NOW);
        let persisted = clock.due().unwrap();
        let mut last = clock.now();
        for millis in [NOW - 1, NOW - 100_000_000, EARLIEST, NOW, 4_000_000_000_000, EARLIEST, NOW + 5_000] {
            uptime.set(uptime.get() + 10);
            set(millis);
            assert!(clock.now() > last, "{millis}");
            last = clock.now();
        }
        // an hour without power, and a clock that knew the time of day before
        uptime.set(0);
        let clock = PersistedClock::new(Uptime(&uptime), Some(persisted), WithoutPower::Free);
        let before = clock.now();
        clock.set_wall(Time::from_millis(time(&answer(NOW + 3_600_000)).unwrap()));
        assert_eq!(clock.now().since(before).as_secs(), 3_600 - 60, "an hour, of which a minute was charged already");
    }
}
