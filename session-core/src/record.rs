//! The bytes that a store keeps, read and written in place. Little-endian; times are 48-bit milliseconds.
//!
//! ```text
//!  0  1  format = 1
//!  1  1  flags: 1 previous · 2 binding · 4 subject · 8 label · 16 own lifetimes; the others are 0
//!  2  8  version: a nonce that each writer chooses anew
//! 10  4  login number
//! 14  6  last_seen
//! 20  6  idle timeout, 0 = none
//! 26  6  end of the absolute lifetime, 0 = none
//! 32 16  verifier of the current cookie's secret
//! 48  6  created (the last login)
//! 54  6  rotated_at
//! 60     [previous verifier 16 | grace_until 6 | sealed_next 16]       if flag 1
//!        [binding 8]                                                  if flag 2
//!        [authenticated_at 6 | n 1 | subject n]                       if flag 4
//!        [n 1 | label n]                                              if flag 8
//!        data: see values.rs
//! ```
//! Bytes 0 to 31 are the stamp: all that a store has to understand ([`Stamp`]).

use crate::environment::{Buffer, Time};
use crate::error::Error;
use crate::store::Version;
use crate::values;

/// The format that this version writes and reads.
pub const FORMAT: u8 = 1;
/// Where a record's version stands (8 bytes, little-endian), for stores that compare it inside their medium.
pub const VERSION_AT: usize = 2;
/// Where the login number stands (4 bytes, little-endian).
pub const LOGIN_AT: usize = 10;
/// Where `last_seen` stands (6 bytes, little-endian milliseconds).
pub const LAST_SEEN_AT: usize = 14;
/// Where the idle timeout stands (6 bytes, little-endian milliseconds; 0 = none).
pub const IDLE_AT: usize = 20;
/// Where the end of the absolute lifetime stands (6 bytes, little-endian milliseconds; 0 = none).
pub const ENDS_AT: usize = 26;
/// Bytes of a stamp.
pub const STAMP_LEN: usize = 32;

const VERIFIER_AT: usize = 32;
/// Where the beginning of the session stands (6 bytes, little-endian milliseconds), for stores that end all sessions of
/// before a point in time.
pub const CREATED_AT: usize = 48;
const ROTATED_AT: usize = 54;
const HEAD_LEN: usize = 60;
const PREVIOUS_LEN: usize = 38;
const BINDING_LEN: usize = 8;

const PREVIOUS: u8 = 1;
const BINDING: u8 = 2;
const SUBJECT: u8 = 4;
const LABEL: u8 = 8;
const OWN_LIFETIMES: u8 = 16;
const KNOWN_FLAGS: u8 = PREVIOUS | BINDING | SUBJECT | LABEL | OWN_LIFETIMES;

/// The smallest record: anonymous, without data.
pub const MIN_LEN: usize = HEAD_LEN;

/// The part of a record that stores look into: its version, login number and life span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The nonce of the last writer.
    pub version: Version,
    /// Counts the logins of this session.
    pub login: u32,
    /// The last activity.
    pub last_seen: Time,
    /// The idle timeout in milliseconds; 0 = none.
    pub idle: u64,
    /// The end of the absolute lifetime in milliseconds of the clock; 0 = none.
    pub ends: u64,
}

impl Stamp {
    /// Reads the stamp of a record; `None` if these bytes are no record of this format.
    #[must_use]
    pub fn of(record: &[u8]) -> Option<Self> {
        if record.len() < HEAD_LEN || *record.first()? != FORMAT {
            return None;
        }
        Some(Self {
            version: Version(u64::from_le_bytes(array(record, VERSION_AT)?)),
            login: u32::from_le_bytes(array(record, LOGIN_AT)?),
            last_seen: Time::from_millis(u48(record, LAST_SEEN_AT)?),
            idle: u48(record, IDLE_AT)?,
            ends: u48(record, ENDS_AT)?,
        })
    }

    /// Whether the record is neither idle for too long nor past its absolute end (LC5, LC6, LC7).
    #[must_use]
    pub const fn live(&self, now: Time) -> bool {
        now.millis() < self.deadline().millis()
    }

    /// When the record is over if nothing touches it: the earlier of the two ends, [`Time::MAX`] without any.
    #[must_use]
    pub const fn deadline(&self) -> Time {
        let idle = if self.idle == 0 { Time::MAX.millis() } else { self.last_seen.millis().saturating_add(self.idle) };
        let ends = if self.ends == 0 { Time::MAX.millis() } else { self.ends };
        Time::from_millis(if idle < ends { idle } else { ends })
    }

    /// Moves `last_seen` in the record's bytes forward to `seen`, never back; bytes too short are left alone.
    pub fn touch(record: &mut [u8], seen: Time) {
        if u48(record, LAST_SEEN_AT).is_some_and(|before| before < seen.millis()) {
            put_u48(record, LAST_SEEN_AT, seen.millis());
        }
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u48(bytes: &[u8], at: usize) -> Option<u64> {
    let [a, b, c, d, e, f] = array(bytes, at)?;
    Some(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn put_u48(bytes: &mut [u8], at: usize, value: u64) {
    // a sum of times may be past the last one
    let [a, b, c, d, e, f, ..] = Time::from_millis(value).millis().to_le_bytes();
    put(bytes, at, &[a, b, c, d, e, f]);
}

/// Where the data of a record begins; `None` if what is before it is no record's.
pub(crate) fn data_at(record: &[u8]) -> Option<usize> {
    check(record).ok()
}

/// The subject of a record, for the index; `None` if it is anonymous or no record.
pub(crate) fn subject(record: &[u8]) -> Option<&str> {
    let flags = *record.get(1)?;
    check(record).ok()?;
    if flags & SUBJECT == 0 {
        return None;
    }
    let previous = if flags & PREVIOUS == 0 { 0 } else { PREVIOUS_LEN };
    let at = HEAD_LEN + previous + if flags & BINDING == 0 { 0 } else { BINDING_LEN };
    let len = usize::from(*record.get(at + 6)?);
    core::str::from_utf8(record.get(at + 7..at + 7 + len)?).ok()
}

/// Digest of the fingerprint that a session is bound to.
pub(crate) type Binding = [u8; BINDING_LEN];

/// A verifier: what the store holds instead of a cookie's secret.
pub(crate) type Verifier = [u8; 16];

/// The cookie before the last renewal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Previous {
    pub(crate) verifier: Verifier,
    pub(crate) grace_until: Time,
    pub(crate) sealed_next: [u8; 16],
}

/// The bytes in a buffer are no record that this version understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Garbled;

/// A record in a buffer, always in the form in which it is stored. Everything up to `len` was checked.
pub(crate) struct Record<B> {
    bytes: B,
    len: usize,
}

impl<B: Buffer> Record<B> {
    /// A place for a record, empty.
    pub(crate) const fn new(bytes: B) -> Self {
        Self { bytes, len: 0 }
    }

    /// The whole buffer, for a store to load into; the record is empty until [`adopt`](Self::adopt).
    pub(crate) fn buffer(&mut self) -> &mut [u8] {
        self.len = 0;
        self.bytes.as_mut()
    }

    /// Makes room for a record of `need` bytes, if the place can.
    pub(crate) fn grow(&mut self, need: usize) -> bool {
        self.bytes.grow(need)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.as_ref().len()
    }

    /// Takes the first `len` bytes of the buffer as a record after checking all of them.
    pub(crate) fn adopt(&mut self, len: usize) -> Result<(), Garbled> {
        let record = self.bytes.as_ref().get(..len).ok_or(Garbled)?;
        let data = check(record)?;
        values::check(record.get(data..).ok_or(Garbled)?).then_some(()).ok_or(Garbled)?;
        self.len = len;
        Ok(())
    }

    /// An anonymous record without data; everything zero but the format.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        let have = self.capacity();
        self.bytes.grow(HEAD_LEN);
        let head = self.bytes.as_mut().get_mut(..HEAD_LEN).ok_or(Error::TooLarge { need: HEAD_LEN, have })?;
        head.fill(0);
        put(head, 0, &[FORMAT]);
        self.len = HEAD_LEN;
        Ok(())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_ref().get(..self.len).unwrap_or_default()
    }

    fn flags(&self) -> u8 {
        self.bytes().get(1).copied().unwrap_or_default()
    }

    fn time(&self, at: usize) -> Time {
        Time::from_millis(u48(self.bytes(), at).unwrap_or_default())
    }

    fn set_time(&mut self, at: usize, time: Time) {
        put_u48(self.bytes.as_mut(), at, time.millis());
    }

    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::of(self.bytes()).unwrap_or(Stamp {
            version: Version(0),
            login: 0,
            last_seen: Time::ZERO,
            idle: 1,
            ends: 1,
        })
    }

    pub(crate) fn set_version(&mut self, version: Version) {
        put(self.bytes.as_mut(), VERSION_AT, &version.0.to_le_bytes());
    }

    pub(crate) fn set_login(&mut self, login: u32) {
        put(self.bytes.as_mut(), LOGIN_AT, &login.to_le_bytes());
    }

    pub(crate) fn saw(&mut self, now: Time) {
        Stamp::touch(self.bytes.as_mut(), now);
    }

    /// Idle timeout and absolute end; `own` if they are the session's and not the policy's (remember me).
    pub(crate) fn set_lifetimes(&mut self, idle: u64, ends: u64, own: bool) {
        put_u48(self.bytes.as_mut(), IDLE_AT, idle);
        put_u48(self.bytes.as_mut(), ENDS_AT, ends);
        let flags = self.flags() & !OWN_LIFETIMES | if own { OWN_LIFETIMES } else { 0 };
        put(self.bytes.as_mut(), 1, &[flags]);
    }

    pub(crate) fn own_lifetimes(&self) -> bool {
        self.flags() & OWN_LIFETIMES != 0
    }

    pub(crate) fn verifier(&self) -> Verifier {
        array(self.bytes(), VERIFIER_AT).unwrap_or_default()
    }

    pub(crate) fn set_verifier(&mut self, verifier: &Verifier) {
        put(self.bytes.as_mut(), VERIFIER_AT, verifier);
    }

    pub(crate) fn created(&self) -> Time {
        self.time(CREATED_AT)
    }

    pub(crate) fn set_created(&mut self, now: Time) {
        self.set_time(CREATED_AT, now);
    }

    pub(crate) fn rotated_at(&self) -> Time {
        self.time(ROTATED_AT)
    }

    pub(crate) fn set_rotated_at(&mut self, now: Time) {
        self.set_time(ROTATED_AT, now);
    }

    fn after_previous(&self) -> usize {
        HEAD_LEN + if self.flags() & PREVIOUS == 0 { 0 } else { PREVIOUS_LEN }
    }

    fn after_binding(&self) -> usize {
        self.after_previous() + if self.flags() & BINDING == 0 { 0 } else { BINDING_LEN }
    }

    fn text_len(&self, at: usize) -> usize {
        self.bytes().get(at).copied().unwrap_or_default().into()
    }

    fn after_subject(&self) -> usize {
        let at = self.after_binding();
        if self.flags() & SUBJECT == 0 { at } else { at + 7 + self.text_len(at + 6) }
    }

    fn data_at(&self) -> usize {
        let at = self.after_subject();
        if self.flags() & LABEL == 0 { at } else { at + 1 + self.text_len(at) }
    }

    pub(crate) fn previous(&self) -> Option<Previous> {
        if self.flags() & PREVIOUS == 0 {
            return None;
        }
        Some(Previous {
            verifier: array(self.bytes(), HEAD_LEN)?,
            grace_until: self.time(HEAD_LEN + 16),
            sealed_next: array(self.bytes(), HEAD_LEN + 22)?,
        })
    }

    pub(crate) fn set_previous(&mut self, previous: Option<&Previous>) -> Result<(), Error> {
        self.section(PREVIOUS, HEAD_LEN, self.after_previous(), if previous.is_some() { PREVIOUS_LEN } else { 0 })?;
        if let Some(previous) = previous {
            let bytes = self.bytes.as_mut();
            put(bytes, HEAD_LEN, &previous.verifier);
            put_u48(bytes, HEAD_LEN + 16, previous.grace_until.millis());
            put(bytes, HEAD_LEN + 22, &previous.sealed_next);
        }
        Ok(())
    }

    pub(crate) fn binding(&self) -> Option<Binding> {
        if self.flags() & BINDING == 0 { None } else { array(self.bytes(), self.after_previous()) }
    }

    pub(crate) fn set_binding(&mut self, binding: Option<&Binding>) -> Result<(), Error> {
        let at = self.after_previous();
        self.section(BINDING, at, self.after_binding(), if binding.is_some() { BINDING_LEN } else { 0 })?;
        put(self.bytes.as_mut(), at, binding.map_or(&[], |binding| binding));
        Ok(())
    }

    /// The subject and when it authenticated.
    pub(crate) fn subject(&self) -> Option<(&str, Time)> {
        if self.flags() & SUBJECT == 0 {
            return None;
        }
        let at = self.after_binding();
        let name = self.bytes().get(at + 7..self.after_subject())?;
        Some((core::str::from_utf8(name).ok()?, self.time(at)))
    }

    pub(crate) fn set_subject(&mut self, subject: &str, authenticated_at: Time) -> Result<(), Error> {
        let len = u8::try_from(subject.len()).ok().filter(|len| *len > 0).ok_or(Error::BadText)?;
        let at = self.after_binding();
        self.section(SUBJECT, at, self.after_subject(), 7 + usize::from(len))?;
        self.set_time(at, authenticated_at);
        let bytes = self.bytes.as_mut();
        put(bytes, at + 6, &[len]);
        put(bytes, at + 7, subject.as_bytes());
        Ok(())
    }

    pub(crate) fn label(&self) -> Option<&str> {
        if self.flags() & LABEL == 0 {
            return None;
        }
        core::str::from_utf8(self.bytes().get(self.after_subject() + 1..self.data_at())?).ok()
    }

    /// Sets the label; the empty one takes it away.
    pub(crate) fn set_label(&mut self, label: &str) -> Result<(), Error> {
        let len = u8::try_from(label.len()).map_err(|_| Error::BadText)?;
        let at = self.after_subject();
        self.section(LABEL, at, self.data_at(), if len == 0 { 0 } else { 1 + usize::from(len) })?;
        if len > 0 {
            put(self.bytes.as_mut(), at, &[len]);
            put(self.bytes.as_mut(), at + 1, label.as_bytes());
        }
        Ok(())
    }

    /// The data of the session: see values.rs.
    pub(crate) fn data(&self) -> &[u8] {
        self.bytes().get(self.data_at()..).unwrap_or_default()
    }

    /// Changes the data; if it has no room and the place can grow, `change` is called once more.
    pub(crate) fn edit<T>(&mut self, change: impl Fn(&mut values::Table<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let start = self.data_at();
        match change(&mut values::Table::new(self.bytes.as_mut(), start, &mut self.len)) {
            Err(Error::TooLarge { need, .. }) if self.bytes.grow(need) => {
                change(&mut values::Table::new(self.bytes.as_mut(), start, &mut self.len))
            }
            done => done,
        }
    }

    /// Makes the section of `flag` in `from..to` take `len` bytes, moving what follows.
    fn section(&mut self, flag: u8, from: usize, to: usize, len: usize) -> Result<(), Error> {
        if let Err(Error::TooLarge { need, .. }) = splice(self.bytes.as_mut(), &mut self.len, from, to, len) {
            self.bytes.grow(need);
            splice(self.bytes.as_mut(), &mut self.len, from, to, len)?;
        }
        let flags = self.flags() & !flag | if len == 0 { 0 } else { flag };
        put(self.bytes.as_mut(), 1, &[flags]);
        Ok(())
    }
}

/// Replaces `from..to` of the first `len` bytes by a gap of `gap` bytes; nothing changes if that does not fit.
pub(crate) fn splice(bytes: &mut [u8], len: &mut usize, from: usize, to: usize, gap: usize) -> Result<(), Error> {
    let need = len.saturating_sub(to.saturating_sub(from)).saturating_add(gap);
    if need > bytes.len() {
        return Err(Error::TooLarge { need, have: bytes.len() });
    }
    let Some(moved) = bytes.get(to..*len).map(<[u8]>::len) else { return Ok(()) };
    // always so; spelled out for the optimizer, which then sees that nothing here can panic
    if from <= to && from + gap <= bytes.len() - moved {
        bytes.copy_within(to..to + moved, from + gap);
        *len = need;
    }
    Ok(())
}

/// Checks everything before the data and returns where that begins.
fn check(record: &[u8]) -> Result<usize, Garbled> {
    let flags = *record.get(1).ok_or(Garbled)?;
    if record.len() < HEAD_LEN || record.first() != Some(&FORMAT) || flags & !KNOWN_FLAGS != 0 {
        return Err(Garbled);
    }
    let mut at = HEAD_LEN;
    if flags & PREVIOUS != 0 {
        at += PREVIOUS_LEN;
    }
    if flags & BINDING != 0 {
        at += BINDING_LEN;
    }
    if flags & SUBJECT != 0 {
        at = check_text(record, at + 6, 1)?;
    }
    if flags & LABEL != 0 {
        at = check_text(record, at, 1)?;
    }
    if at > record.len() { Err(Garbled) } else { Ok(at) }
}

fn check_text(record: &[u8], at: usize, least: usize) -> Result<usize, Garbled> {
    let len = usize::from(*record.get(at).ok_or(Garbled)?);
    let text = record.get(at + 1..at + 1 + len).ok_or(Garbled)?;
    if len < least || core::str::from_utf8(text).is_err() { Err(Garbled) } else { Ok(at + 1 + len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Record<[u8; 256]> {
        let mut record = Record::new([0xee; 256]);
        record.begin().unwrap();
        record.set_version(Version(0x0102_0304_0506_0708));
        record.set_login(7);
        record.saw(Time::from_millis(1_000));
        record.set_lifetimes(500, 9_000, true);
        record.set_verifier(&[3; 16]);
        record.set_created(Time::from_millis(900));
        record.set_rotated_at(Time::from_millis(950));
        record.set_subject("ann", Time::from_millis(901)).unwrap();
        record.set_label("<b>phone</b>").unwrap();
        record.set_binding(Some(&[6; 8])).unwrap();
        record.set_previous(Some(&previous())).unwrap();
        record
    }

    fn previous() -> Previous {
        Previous { verifier: [4; 16], grace_until: Time::from_millis(77), sealed_next: [5; 16] }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut record = full();
        let len = record.bytes().len();
        record.adopt(len).unwrap();
        assert_eq!(record.subject(), Some(("ann", Time::from_millis(901))));
        assert_eq!(record.label(), Some("<b>phone</b>"));
        assert!(record.previous() == Some(previous()));
        assert_eq!(record.binding(), Some([6; 8]));
        assert_eq!((record.created().millis(), record.rotated_at().millis()), (900, 950));
        assert_eq!(record.stamp().login, 7);
        assert_eq!(record.stamp().deadline().millis(), 1_500);
        record.set_previous(None).unwrap();
        assert_eq!(record.binding(), Some([6; 8]));
        record.set_binding(None).unwrap();
        record.set_subject("someone else", Time::ZERO).unwrap();
        record.set_label("").unwrap();
        assert_eq!((record.subject(), record.label()), (Some(("someone else", Time::ZERO)), None));
        assert_eq!(record.bytes().len(), HEAD_LEN + 7 + 12);
    }

    #[test]
    fn a_cut_or_unknown_record_is_refused() {
        let whole = full();
        let before_data = whole.data_at();
        for len in 0..before_data {
            let mut record = Record::new(whole.bytes);
            assert_eq!(record.adopt(len), Err(Garbled), "cut at {len}");
        }
        for (at, bit) in [(0, 1), (0, 2), (1, 32), (1, 64), (1, 128)] {
            let mut record = Record::new(whole.bytes);
            record.bytes[at] ^= bit;
            assert_eq!(record.adopt(before_data), Err(Garbled), "byte {at} bit {bit}");
        }
    }

    #[test]
    fn last_seen_never_moves_back() {
        let mut record = full();
        Stamp::touch(&mut record.bytes, Time::from_millis(10));
        assert_eq!(record.stamp().last_seen.millis(), 1_000);
        Stamp::touch(&mut record.bytes, Time::from_millis(1_010));
        assert_eq!(record.stamp().last_seen.millis(), 1_010);
    }

    #[test]
    fn a_section_that_does_not_fit_changes_nothing() {
        let mut record = Record::new([0; 70]);
        record.begin().unwrap();
        assert_eq!(record.set_previous(Some(&previous())), Err(Error::TooLarge { need: 98, have: 70 }));
        assert_eq!(record.bytes().len(), HEAD_LEN);
        assert!(record.previous().is_none());
    }

    #[test]
    fn both_limits_each_optional_lc5_lc6_lc7() {
        let stamp = |idle, ends| Stamp { version: Version(0), login: 0, last_seen: Time::from_millis(100), idle, ends };
        assert!(
            stamp(0, 0).live(Time::from_millis(u64::MAX - 1)) || Time::MAX.millis() == stamp(0, 0).deadline().millis()
        );
        assert!(stamp(10, 0).live(Time::from_millis(109)) && !stamp(10, 0).live(Time::from_millis(110)));
        assert!(stamp(0, 105).live(Time::from_millis(104)) && !stamp(0, 105).live(Time::from_millis(105)));
        assert!(!stamp(10, 105).live(Time::from_millis(105)) && !stamp(4, 105).live(Time::from_millis(104)));
    }
}
