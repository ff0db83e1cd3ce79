//! The bytes that a store keeps, read and written in place. Little-endian; times are 48-bit milliseconds.
//!
//! ```text
//!  0  1  format = 2
//!  1  1  flags: 1 previous · 2 binding · 4 salt · 8 subject · 16 label · 32 own lifetimes ·
//!        64 values in CBOR · 128 device
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
//!        [salt 8]                                                     if flag 4
//!        [authenticated_at 6 | n 1 | subject n]                       if flag 8
//!        [n 1 | label n]                                              if flag 16
//!        [key of the device 64 | time of the last proof 6]            if flag 128
//!        data: see values.rs
//! ```
//! Bytes 0 to 31 are the stamp: all that a store has to understand ([`Stamp`]).

use crate::base::bytes::{fill, number, part, place, put, splice};
use crate::base::codec::Codec;
use crate::base::environment::{Buffer, Time};
use crate::base::error::Error;
use crate::base::names::{Verifier, Version};
use crate::record::values;
use zeroize::Zeroize;

/// The record format that this version writes and reads.
pub const FORMAT: u8 = 2;
/// The offset of a record's version (8 bytes, little-endian), for stores that compare it inside their medium.
pub const VERSION_AT: usize = 2;
/// The offset of the login number (4 bytes, little-endian).
pub const LOGIN_AT: usize = 10;
/// The offset of `last_seen` (6 bytes, little-endian milliseconds).
pub const LAST_SEEN_AT: usize = 14;
/// The offset of the idle timeout (6 bytes, little-endian milliseconds; 0 = none).
pub const IDLE_AT: usize = 20;
/// The offset of the end of the absolute lifetime (6 bytes, little-endian milliseconds; 0 = none).
pub const ENDS_AT: usize = 26;
/// The length of a stamp in bytes.
pub const STAMP_LEN: usize = 32;

const VERIFIER_AT: usize = 32;
/// The offset of the start of the session (6 bytes, little-endian milliseconds), for stores that end all sessions that
/// began before a point in time.
pub const CREATED_AT: usize = 48;
const ROTATED_AT: usize = 54;
const HEAD_LEN: usize = 60;
const PREVIOUS_LEN: usize = 38;
const BINDING_LEN: usize = 8;
const SALT_LEN: usize = 8;
const DEVICE_KEY_LEN: usize = 64;
const DEVICE_LEN: usize = DEVICE_KEY_LEN + 6;

const PREVIOUS: u8 = 1;
const BINDING: u8 = 2;
const SALT: u8 = 4;
/// The flag in a record's second byte that marks a record with a subject. Tests of stores use it to build records.
pub const SUBJECT: u8 = 8;
const LABEL: u8 = 16;
const OWN_LIFETIMES: u8 = 32;
/// As a flag: the part after all sections.
const DATA: u8 = 0;
/// The data's values are written by [`Cbor`](crate::codec::Cbor), not by [`Postcard`](crate::codec::Postcard).
const CBOR: u8 = 64;
const DEVICE: u8 = 128;

/// The length of the smallest record: anonymous and without data.
pub const MIN_LEN: usize = HEAD_LEN;

const LONGEST_TEXT: usize = u8::MAX as usize;
/// The maximum length in bytes of the part of a record before its data.
pub const LONGEST_HEAD: usize =
    HEAD_LEN + PREVIOUS_LEN + BINDING_LEN + SALT_LEN + 7 + LONGEST_TEXT + 1 + LONGEST_TEXT + DEVICE_LEN;

/// The part of a record that stores read: its version, login number and life span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The nonce of the last writer.
    pub version: Version,
    /// The number of logins of this session.
    pub login: u32,
    /// The time of the last activity.
    pub last_seen: Time,
    /// The idle timeout in milliseconds; 0 = none.
    pub idle: u64,
    /// The end of the absolute lifetime, in milliseconds of the clock; 0 = none.
    pub ends: u64,
}

impl Stamp {
    /// Reads the stamp of a record. Returns `None` if the bytes are no record of this format.
    #[must_use]
    #[cfg_attr(target_pointer_width = "64", inline)]
    pub fn of(record: &[u8]) -> Option<Self> {
        let head: &Head = record.first_chunk()?;
        (head[0] == FORMAT).then(|| Self::at(head))
    }

    /// Reads the stamp of any bytes in a store. Bytes that are no record get version 0, do not expire, and are evicted
    /// first. The core rejects them when it loads them.
    #[must_use]
    #[cfg_attr(target_pointer_width = "64", inline)]
    pub fn of_any(bytes: &[u8]) -> Self {
        let corrupt = Self { version: Version(0), login: 0, last_seen: Time::ZERO, idle: 0, ends: 0 };
        Self::of(bytes).unwrap_or(corrupt)
    }

    #[cfg_attr(target_pointer_width = "64", inline)]
    fn at(head: &Head) -> Self {
        Self {
            version: Version(number(part::<8>(head, VERSION_AT))),
            login: number(part::<4>(head, LOGIN_AT)) as u32,
            last_seen: time(part(head, LAST_SEEN_AT)),
            idle: time(part(head, IDLE_AT)).millis(),
            ends: time(part(head, ENDS_AT)).millis(),
        }
    }

    /// Returns whether the record belongs to a visitor who is not signed in. A full store evicts such records, and
    /// limits them to a part of its capacity.
    ///
    /// Returns `false` for the marks of sealed sessions, which have no subject either, and `true` for bytes that are no
    /// record.
    #[must_use]
    pub fn is_anonymous(bytes: &[u8]) -> bool {
        let [format, flags] = *part(bytes, 0);
        let visitor = flags & SUBJECT == 0 && (flags & OWN_LIFETIMES == 0 || *part::<4>(bytes, LOGIN_AT) == [0; 4]);
        visitor || format != FORMAT || bytes.len() < HEAD_LEN
    }

    /// Returns whether the record has reached neither its idle limit nor its absolute limit at `now`.
    #[must_use]
    pub const fn live(&self, now: Time) -> bool {
        !now.past(self.last_seen, self.idle) && !now.past(Time::ZERO, self.ends)
    }

    /// Returns when the record expires without further activity: the earlier of its two limits, or [`Time::MAX`]
    /// without limits.
    #[must_use]
    pub const fn deadline(&self) -> Time {
        let idle = if self.idle == 0 { Time::MAX.millis() } else { self.last_seen.millis().saturating_add(self.idle) };
        let ends = if self.ends == 0 { Time::MAX.millis() } else { self.ends };
        Time::from_millis(if idle < ends { idle } else { ends })
    }

    /// Moves `last_seen` in the record's bytes forward to `seen`, never back. Bytes that are too short are not changed.
    pub fn touch(record: &mut [u8], seen: Time) {
        if let Some(place) = place(record, LAST_SEEN_AT)
            && time(place) < seen
        {
            put_time(place, seen);
        }
    }
}

/// The bytes at the beginning of every record.
type Head = [u8; HEAD_LEN];

/// Not a valid record: expired at any time.
const NOTHING: Head = {
    let mut head = [0; HEAD_LEN];
    (head[IDLE_AT], head[ENDS_AT]) = (1, 1);
    head
};

#[inline]
fn time(bytes: &[u8; 6]) -> Time {
    let [a, b, c, d, e, f] = *bytes;
    Time::from_millis(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

fn put_time(place: &mut [u8; 6], time: Time) {
    let [a, b, c, d, e, f, ..] = time.millis().to_le_bytes();
    *place = [a, b, c, d, e, f];
}

/// The text at `at`, after its length; `None` for an empty one.
fn text(record: &[u8], at: usize) -> Option<&str> {
    let (len, rest) = record.get(at..)?.split_first()?;
    core::str::from_utf8(rest.get(..usize::from(*len))?).ok().filter(|text| !text.is_empty())
}

/// Where the section of `flag` begins or, without one, would; [`DATA`] for the part after them.
fn section_at(record: &[u8], flag: u8) -> usize {
    let [_, flags] = *part(record, 0);
    let (before, mut at) = (flags & flag.wrapping_sub(1), HEAD_LEN);
    let len = |at| usize::from(record.get(at).copied().unwrap_or_default());
    if before & PREVIOUS != 0 {
        at += PREVIOUS_LEN;
    }
    if before & BINDING != 0 {
        at += BINDING_LEN;
    }
    if before & SALT != 0 {
        at += SALT_LEN;
    }
    if before & SUBJECT != 0 {
        at += 7 + len(at + 6);
    }
    if before & LABEL != 0 {
        at += 1 + len(at);
    }
    if before & DEVICE != 0 {
        at += DEVICE_LEN;
    }
    at
}

/// Where the data of a record begins; `None` if the bytes before it are not a record's.
pub(crate) fn data_at(record: &[u8]) -> Option<usize> {
    let head: &Head = record.first_chunk()?;
    let flags = head[1];
    if head[0] != FORMAT {
        return None;
    }
    if flags & SUBJECT != 0 {
        text(record, section_at(record, SUBJECT) + 6)?;
    }
    if flags & LABEL != 0 {
        text(record, section_at(record, LABEL))?;
    }
    Some(section_at(record, DATA)).filter(|at| *at <= record.len())
}

/// The subject of a record, for the index; `None` if it is anonymous or no record.
pub(crate) fn subject(record: &[u8]) -> Option<&str> {
    data_at(record)?;
    if record.get(1)? & SUBJECT == 0 { None } else { text(record, section_at(record, SUBJECT) + 6) }
}

/// The parts of a signed-in record for a list: the subject, the creation time, the label, and whether it has a device.
/// The data may be missing or sealed.
pub(crate) fn listed(record: &[u8]) -> Option<(&str, Time, Option<&str>, bool)> {
    let subject = subject(record)?;
    let [_, flags] = *part(record, 0);
    let label = if flags & LABEL != 0 { text(record, section_at(record, LABEL)) } else { None };
    Some((subject, time(part(record, CREATED_AT)), label, flags & DEVICE != 0))
}

/// Digest of the fingerprint that a session is bound to.
pub(crate) type Binding = [u8; BINDING_LEN];

/// A public key on P-256: x and y, 32 bytes each.
pub(crate) type DeviceKey = [u8; DEVICE_KEY_LEN];

/// Random bytes, new at each login and rotation.
pub(crate) type Salt = [u8; SALT_LEN];

/// The cookie before the last renewal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Previous<'r> {
    pub(crate) verifier: &'r Verifier,
    pub(crate) grace_until: Time,
    pub(crate) sealed_next: &'r [u8; 16],
}

/// What distinguishes a mark from the one that it replaced. A mark is the record that a store keeps for sessions that
/// travel in their cookies (see the driver's `sealed`). It has no data, its verifier is its name, and its nonce is in the
/// place of `created` and `rotated_at`. Its login number begins at 1, grows by two with each sign-out, and is even while
/// no session was sealed under the mark.
pub(crate) type MarkNonce = [u8; 12];

/// The bytes in a buffer are no record that this version understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt;

/// A record in a buffer, always in the form in which it is stored. Everything up to `len` was checked. The small fields
/// come first, as in the exchange.
#[repr(C)]
pub(crate) struct Record<B> {
    len: usize,
    /// Where the data begins.
    data: usize,
    bytes: B,
}

impl<B: Buffer> Record<B> {
    /// The flag of records that this place can hold.
    const CODEC: u8 = B::Codec::ID * CBOR;

    /// A place for a record, empty.
    pub(crate) const fn new(bytes: B) -> Self {
        Self { bytes, len: 0, data: 0 }
    }

    /// Leaves an empty record, whose buffer `overwrite` makes blank.
    pub(crate) fn wipe(&mut self, overwrite: impl FnOnce(&mut B)) {
        overwrite(&mut self.bytes);
        (self.len, self.data) = (0, 0);
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

    /// The same for a record that did not fit; an error if it cannot.
    pub(crate) fn make_room(&mut self, need: usize) -> Result<(), Error> {
        let have = self.capacity();
        if need > have && self.grow(need) { Ok(()) } else { Err(Error::TooLarge { need, have }) }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.as_ref().len()
    }

    /// Takes the first `len` bytes of the buffer as a record after checking all of them.
    pub(crate) fn adopt(&mut self, len: usize) -> Result<(), Corrupt> {
        let record = self.bytes.as_ref().get(..len).ok_or(Corrupt)?;
        let [_, flags] = *part(record, 0);
        self.data = check(record).filter(|_| flags & CBOR == Self::CODEC).ok_or(Corrupt)?;
        self.len = len;
        Ok(())
    }

    /// An anonymous record without data; everything zero but the format.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        let have = self.capacity();
        self.bytes.grow(HEAD_LEN);
        let head: &mut Head = place(self.bytes.as_mut(), 0).ok_or(Error::TooLarge { need: HEAD_LEN, have })?;
        head.zeroize(); // see `forget_sealed`
        (head[0], head[1]) = (FORMAT, Self::CODEC);
        (self.len, self.data) = (HEAD_LEN, HEAD_LEN);
        Ok(())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_ref().get(..self.len).unwrap_or_default()
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn head(&self) -> &Head {
        if self.len == 0 { &NOTHING } else { self.bytes.as_ref().first_chunk().unwrap_or(&NOTHING) }
    }

    fn put_time(&mut self, at: usize, time: Time) {
        if let Some(place) = place(self.bytes.as_mut(), at) {
            put_time(place, time);
        }
    }

    fn has(&self, flag: u8) -> bool {
        self.head()[1] & flag != 0
    }

    fn flag(&mut self, flag: u8, on: bool) {
        if let Some([_, flags]) = place(self.bytes.as_mut(), 0) {
            *flags = *flags & !flag | if on { flag } else { 0 };
        }
    }

    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::at(self.head())
    }

    pub(crate) fn version(&self) -> Version {
        Version(number(part::<8>(self.head(), VERSION_AT)))
    }

    pub(crate) fn set_version(&mut self, version: &[u8; 8]) {
        put(self.bytes.as_mut(), VERSION_AT, version);
    }

    pub(crate) fn login(&self) -> u32 {
        number(part::<4>(self.head(), LOGIN_AT)) as u32
    }

    pub(crate) fn set_login(&mut self, login: u32) {
        put(self.bytes.as_mut(), LOGIN_AT, &login.to_le_bytes());
    }

    pub(crate) fn last_seen(&self) -> Time {
        time(part(self.head(), LAST_SEEN_AT))
    }

    pub(crate) fn saw(&mut self, now: Time) {
        Stamp::touch(self.bytes.as_mut(), now);
    }

    /// The end of the absolute lifetime; 0 = none.
    pub(crate) fn ends(&self) -> u64 {
        time(part(self.head(), ENDS_AT)).millis()
    }

    /// Idle timeout and absolute end; `own` if they are the session's and not the policy's (remember me).
    pub(crate) fn set_lifetimes(&mut self, idle: u64, ends: u64, own: bool) {
        self.put_time(IDLE_AT, Time::from_millis(idle));
        // a sum of times may exceed the last one
        self.put_time(ENDS_AT, Time::from_millis(ends));
        self.flag(OWN_LIFETIMES, own);
    }

    pub(crate) fn own_lifetimes(&self) -> bool {
        self.has(OWN_LIFETIMES)
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        part(self.head(), VERIFIER_AT)
    }

    pub(crate) fn set_verifier(&mut self, verifier: &Verifier) {
        put(self.bytes.as_mut(), VERIFIER_AT, verifier);
    }

    pub(crate) fn created(&self) -> Time {
        time(part(self.head(), CREATED_AT))
    }

    pub(crate) fn set_created(&mut self, now: Time) {
        self.put_time(CREATED_AT, now);
    }

    pub(crate) fn rotated_at(&self) -> Time {
        time(part(self.head(), ROTATED_AT))
    }

    pub(crate) fn set_rotated_at(&mut self, now: Time) {
        self.put_time(ROTATED_AT, now);
    }

    pub(crate) fn mark_nonce(&self) -> &MarkNonce {
        part(self.head(), CREATED_AT)
    }

    pub(crate) fn set_mark_nonce(&mut self, nonce: &MarkNonce) {
        put(self.bytes.as_mut(), CREATED_AT, nonce);
    }

    pub(crate) fn previous(&self) -> Option<Previous<'_>> {
        let section: &[u8; PREVIOUS_LEN] = self.bytes().get(HEAD_LEN..)?.first_chunk()?;
        self.has(PREVIOUS).then(|| Previous {
            verifier: part(section, 0),
            grace_until: time(part(section, 16)),
            sealed_next: part(section, 22),
        })
    }

    /// Prepares the next cookie, to which the one with this verifier leads: until `grace_until` after a renewal, and
    /// for another login of the subject only if that is [`Time::ZERO`].
    pub(crate) fn keep_previous(
        &mut self,
        verifier: &Verifier,
        grace_until: Time,
        sealed_next: &[u8; 16],
    ) -> Result<(), Error> {
        self.section(PREVIOUS, PREVIOUS_LEN)?;
        put::<16>(self.bytes.as_mut(), HEAD_LEN, verifier);
        self.put_time(HEAD_LEN + 16, grace_until);
        put(self.bytes.as_mut(), HEAD_LEN + 22, sealed_next);
        Ok(())
    }

    pub(crate) fn drop_previous(&mut self) -> Result<(), Error> {
        self.section(PREVIOUS, 0).map(|_| ())
    }

    /// Removes the link from the previous cookie to the current one.
    pub(crate) fn forget_sealed(&mut self) {
        // byte by byte: otherwise the compiler calls the memset of unaligned bytes, 200 bytes of code
        if let Some(sealed) = place::<16>(self.bytes.as_mut(), HEAD_LEN + 22) {
            sealed.zeroize();
        }
    }

    pub(crate) fn binding(&self) -> Option<Binding> {
        self.has(BINDING).then(|| *part(self.bytes(), section_at(self.bytes(), BINDING)))
    }

    pub(crate) fn set_binding(&mut self, binding: Option<&Binding>) -> Result<(), Error> {
        let at = self.section(BINDING, if binding.is_some() { BINDING_LEN } else { 0 })?;
        if let Some(binding) = binding {
            put(self.bytes.as_mut(), at, binding);
        }
        Ok(())
    }

    /// The public key of the device that the session is bound to, and the time of the last proof that counts.
    pub(crate) fn device(&self) -> Option<(&DeviceKey, Time)> {
        let section = self.bytes().get(section_at(self.bytes(), DEVICE)..)?;
        self.has(DEVICE).then(|| (part(section, 0), time(part(section, DEVICE_KEY_LEN))))
    }

    pub(crate) fn has_device(&self) -> bool {
        self.has(DEVICE)
    }

    pub(crate) fn set_device(&mut self, key: &DeviceKey, proven: Time) -> Result<(), Error> {
        let at = self.section(DEVICE, DEVICE_LEN)?;
        put(self.bytes.as_mut(), at, key);
        self.put_time(at + DEVICE_KEY_LEN, proven);
        Ok(())
    }

    pub(crate) fn drop_device(&mut self) -> Result<(), Error> {
        self.section(DEVICE, 0).map(|_| ())
    }

    /// Distinguishes this session's CSRF tokens from those before its last login or rotation; zeros before the first.
    pub(crate) fn salt(&self) -> Salt {
        if self.has(SALT) { *part(self.bytes(), section_at(self.bytes(), SALT)) } else { [0; SALT_LEN] }
    }

    pub(crate) fn set_salt(&mut self, salt: &Salt) -> Result<(), Error> {
        let at = self.section(SALT, SALT_LEN)?;
        put(self.bytes.as_mut(), at, salt);
        Ok(())
    }

    /// The subject and when it authenticated.
    pub(crate) fn subject(&self) -> Option<(&str, Time)> {
        let (bytes, at) = (self.bytes(), section_at(self.bytes(), SUBJECT));
        if self.has(SUBJECT) { Some((text(bytes, at + 6)?, time(part(bytes, at)))) } else { None }
    }

    pub(crate) fn set_subject(&mut self, subject: &str, authenticated_at: Time) -> Result<(), Error> {
        if subject.is_empty() {
            return Err(Error::BadText);
        }
        let at = self.set_text(SUBJECT, 6, subject)?;
        self.put_time(at, authenticated_at);
        Ok(())
    }

    pub(crate) fn label(&self) -> Option<&str> {
        if self.has(LABEL) { text(self.bytes(), section_at(self.bytes(), LABEL)) } else { None }
    }

    /// Sets the label; an empty one removes it.
    pub(crate) fn set_label(&mut self, label: &str) -> Result<(), Error> {
        self.set_text(LABEL, 0, label).map(|_| ())
    }

    /// A section that ends with a text and its length after `before` other bytes; none for an empty text.
    fn set_text(&mut self, flag: u8, before: usize, text: &str) -> Result<usize, Error> {
        let len = u8::try_from(text.len()).map_err(|_| Error::BadText)?;
        let at = self.section(flag, if len == 0 { 0 } else { before + 1 + text.len() })?;
        if len > 0
            && let Some((place, rest)) =
                self.bytes.as_mut().get_mut(at + before..).and_then(|bytes| bytes.split_first_mut())
        {
            *place = len;
            fill(rest, text.as_bytes());
        }
        Ok(at)
    }

    /// The data of the session: see values.rs.
    pub(crate) fn data(&self) -> &[u8] {
        self.bytes().get(self.data..).unwrap_or_default()
    }

    /// The data, for changes.
    pub(crate) fn table(&mut self) -> values::Table<'_> {
        values::Table::new(&mut self.bytes, self.data, &mut self.len)
    }

    /// Resizes the section of `flag` to `len` bytes and moves the following bytes. Returns its place.
    fn section(&mut self, flag: u8, len: usize) -> Result<usize, Error> {
        let (from, to) = (section_at(self.bytes(), flag), section_at(self.bytes(), flag << 1));
        splice(&mut self.bytes, &mut self.len, from, to, len)?;
        self.data = self.data + len - (to - from);
        self.flag(flag, len > 0);
        Ok(from)
    }
}

/// Where the data of a record begins, if the whole record is valid.
fn check(record: &[u8]) -> Option<usize> {
    data_at(record).filter(|at| record.get(*at..).is_some_and(values::check))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes before the data are enough for a list, and never longer than [`LONGEST_HEAD`].
    #[test]
    fn a_list_reads_the_head_only_lc9() {
        let long = core::str::from_utf8(&[b'x'; 255]).unwrap();
        let mut record = Record::new([0xee; 1024]);
        record.begin().unwrap();
        record.set_created(Time::from_millis(900));
        record.set_subject(long, Time::ZERO).unwrap();
        record.set_label(long).unwrap();
        record.set_binding(Some(&[6; 8])).unwrap();
        record.set_salt(&[7; 8]).unwrap();
        record.set_device(&[8; 64], Time::ZERO).unwrap();
        record.keep_previous(&[4; 16], Time::from_millis(77), &[5; 16]).unwrap();
        let head = record.bytes();
        assert_eq!(head.len(), LONGEST_HEAD);
        assert_eq!(listed(head), Some((long, Time::from_millis(900), Some(long), true)));
        let full = full();
        assert_eq!(listed(full.bytes()), Some(("ann", Time::from_millis(900), Some("<b>phone</b>"), false)));
        // no record, or half of a head
        for len in [0, 1, MIN_LEN, LONGEST_HEAD - 1] {
            assert_eq!(listed(&head[..len]), None, "{len}");
        }
        let mut visitor = Record::new([0; 64]);
        visitor.begin().unwrap();
        assert_eq!(listed(visitor.bytes()), None);
    }

    fn full() -> Record<[u8; 256]> {
        let mut record = Record::new([0xee; 256]);
        record.begin().unwrap();
        record.set_version(&[8, 7, 6, 5, 4, 3, 2, 1]);
        record.set_login(7);
        record.saw(Time::from_millis(1_000));
        record.set_lifetimes(500, 9_000, true);
        record.set_verifier(&[4; 16]);
        record.set_created(Time::from_millis(900));
        record.set_rotated_at(Time::from_millis(950));
        record.set_subject("ann", Time::from_millis(901)).unwrap();
        record.set_label("<b>phone</b>").unwrap();
        record.set_binding(Some(&[6; 8])).unwrap();
        record.keep_previous(&[4; 16], Time::from_millis(77), &[5; 16]).unwrap();
        record.set_verifier(&[3; 16]);
        record
    }

    fn previous() -> Previous<'static> {
        Previous { verifier: &[4; 16], grace_until: Time::from_millis(77), sealed_next: &[5; 16] }
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
        assert_eq!(record.login(), 7);
        assert_eq!(record.stamp().deadline().millis(), 1_500);
        record.drop_previous().unwrap();
        assert_eq!(record.binding(), Some([6; 8]));
        record.set_device(&[9; 64], Time::from_millis(33)).unwrap();
        record.set_binding(None).unwrap();
        record.set_subject("someone else", Time::ZERO).unwrap();
        record.set_label("").unwrap();
        assert_eq!((record.subject(), record.label()), (Some(("someone else", Time::ZERO)), None));
        assert!(record.device() == Some((&[9; 64], Time::from_millis(33))));
        assert_eq!(record.bytes().len(), HEAD_LEN + 7 + 12 + DEVICE_LEN);
        let len = record.bytes().len();
        assert!(record.adopt(len).is_ok() && record.adopt(len - 1).is_err(), "a cut device");
    }

    #[test]
    fn a_cut_or_unknown_record_is_refused() {
        let whole = full();
        let before_data = whole.data;
        for len in 0..before_data {
            let mut record = Record::new(whole.bytes);
            assert_eq!(record.adopt(len), Err(Corrupt), "cut at {len}");
        }
        for (at, bit) in [(0, 1), (0, 2), (1, 64), (1, 128)] {
            let mut record = Record::new(whole.bytes);
            record.bytes[at] ^= bit;
            assert_eq!(record.adopt(before_data), Err(Corrupt), "byte {at} bit {bit}");
        }
    }

    #[test]
    fn bytes_that_are_no_record_never_expire() {
        let record = full();
        assert_eq!(Stamp::of_any(record.bytes()), record.stamp());
        let mut other_format = record.bytes;
        other_format[0] ^= 1;
        for bytes in [&[][..], &record.bytes[..HEAD_LEN - 1], &other_format] {
            let stamp = Stamp::of_any(bytes);
            assert!(stamp.live(Time::MAX) && stamp.version == Version(0) && stamp.login == 0);
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
        assert_eq!(record.keep_previous(&[4; 16], Time::ZERO, &[5; 16]), Err(Error::TooLarge { need: 98, have: 70 }));
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
