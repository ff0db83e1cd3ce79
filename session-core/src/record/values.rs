//! Typed values by key, in place in the record's bytes: a table of entries, ascending by the bytes of their keys.
//!
//! ```text
//! key length u8, 1 to 255 | key, UTF-8 | value length, LEB128 in the fewest bytes, at most 4 | value
//! ```
//! What a value's bytes mean is its codec's matter (codec/mod.rs). The order of the keys makes the bytes a function of the
//! content, so that equal content is no change. The application's keys are those of [`check_key`]; internal ones begin
//! with NUL.

use crate::base::bytes::{fill, hash, splice};
use crate::base::codec::Codec;
use crate::base::environment::Buffer;
use crate::base::error::Error;
use crate::codec::NotReadBack;
use core::cmp::Ordering;
use serde::{Deserialize, Serialize};

/// The longest value whose length takes four bytes.
const MAX_VALUE: usize = (1 << 28) - 1;
/// The longest key of an application.
const MAX_KEY: usize = 64;

/// Whether these bytes are a table, each entry whole and in order. Takes any bytes, in linear time.
pub(crate) fn check(data: &[u8]) -> bool {
    let (mut rest, mut before) = (data, [].as_slice());
    while let Some((entry, after)) = split(rest) {
        // most keys are ASCII, which is faster to check
        let text = entry.key.iter().all(|byte| *byte < 0x80) || core::str::from_utf8(entry.key).is_ok();
        if entry.key <= before || !text {
            return false;
        }
        (rest, before) = (after, entry.key);
    }
    rest.is_empty()
}

/// Whether an application may use this key: 1 to 64 bytes without control characters.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    let mut before = 0;
    for byte in key.bytes() {
        // the control characters of Unicode: below space, DEL, and U+0080 to U+009F, which is 0xc2 and the byte of that number
        if byte < b' ' || byte >= 0x7f && (byte == 0x7f || before == 0xc2 && byte < 0xa0) {
            return Err(Error::BadKey);
        }
        before = byte;
    }
    if key.is_empty() || key.len() > MAX_KEY { Err(Error::BadKey) } else { Ok(()) }
}

/// A value in the table. Its key is text from the table, the requested key, or bytes not yet known to be text.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a, K = &'a str> {
    pub(crate) key: K,
    pub(crate) bytes: &'a [u8],
}

impl<'a, K> Entry<'a, K> {
    fn with_key<Q>(self, key: Q) -> Entry<'a, Q> {
        Entry { key, bytes: self.bytes }
    }

    /// The value, if it reads as a `T`.
    #[inline]
    pub(crate) fn read<C: Codec, T: Serialize + Deserialize<'a>>(&self) -> Result<T, C::Unreadable> {
        C::read(self.bytes)
    }

    /// The fingerprint that shows later whether a value is still the one that was read from this entry: see
    /// [`Table::set`]. `None` if comparing its bytes is enough.
    #[inline]
    pub(crate) fn said<C: Codec, T: Serialize + ?Sized>(&self, value: &T) -> Option<C::Said> {
        if C::same(value, self.bytes) { None } else { C::said(value) }
    }
}

/// A value that was read: the fingerprints of its entry and of its content.
#[derive(Clone, Copy)]
pub(crate) struct AsRead<S> {
    pub(crate) entry: u64,
    pub(crate) said: S,
}

/// All values in the order of their keys, up to the end or to anything that is no entry.
pub(crate) fn entries(data: &[u8]) -> Entries<'_> {
    Entries { rest: data }
}

/// See [`entries`].
pub(crate) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (entry, after) = split(core::mem::take(&mut self.rest))?;
        let key = core::str::from_utf8(entry.key).ok()?;
        self.rest = after;
        Some(entry.with_key(key))
    }
}

/// The value of a key.
pub(crate) fn find<'a, 'k>(data: &'a [u8], key: &'k str) -> Option<Entry<'a, &'k str>> {
    let (_, found) = seek(data, key);
    Some(found?.0.with_key(key))
}

/// A 64-bit hash of a value, to see whether it is still the same. Not secret and not collision-proof: a user who
/// constructs a collision only hides a conflict between his own requests.
pub(crate) fn fingerprint<K>(entry: Option<Entry<'_, K>>) -> u64 {
    entry.map_or(0, |entry| hash(0, entry.bytes))
}

/// A 64-bit hash of a key.
pub(crate) fn key_hash(key: &str) -> u64 {
    hash(0, key.as_bytes())
}

/// A table within a record: `start..len` of the record's buffer, to be changed.
pub(crate) struct Table<'a> {
    place: &'a mut dyn Buffer,
    start: usize,
    len: &'a mut usize,
}

impl<'a> Table<'a> {
    pub(crate) const fn new(place: &'a mut dyn Buffer, start: usize, len: &'a mut usize) -> Self {
        Self { place, start, len }
    }

    /// Sets the value of a key; `false` if it is the same as before, or still the one that was read from the current
    /// entry. If there is no room or the value cannot be written, nothing changes. A value whose `Serialize` does not
    /// write the same twice is removed, because its old bytes are already overwritten.
    pub(crate) fn set<C: Codec, T: Serialize + ?Sized>(
        &mut self,
        key: &str,
        value: &T,
        read: Option<AsRead<C::Said>>,
    ) -> Result<bool, Error> {
        let size = C::write(value, &mut []).map_err(|_| Error::NotSerializable)?;
        if let Some(read) = read
            && read.entry == self.find(key).2
            && Some(read.said) == C::said(value)
        {
            return Ok(false);
        }
        let (before, place) = self.hole(key, size)?;
        match C::write(value, place) {
            Ok(len) if len == size => Ok(before != hash(0, place)),
            _ => {
                self.remove(key);
                Err(Error::NotSerializable)
            }
        }
    }

    /// Reads back a value before it is set, in debug builds of programs. It is written under a separate key, so that
    /// the old value stays. If there is no room for both, this check is omitted.
    pub(crate) fn try_out<C: Codec, T: Serialize + for<'v> Deserialize<'v>>(
        &mut self,
        value: &T,
    ) -> Result<(), NotReadBack<C::Unreadable>> {
        const KEY: &str = "\0";
        if self.set::<C, T>(KEY, value, None).is_err() {
            return Ok(());
        }
        let written = find(self.data(), KEY).map(|entry| (C::content(entry.bytes), entry.read::<C, T>()));
        let tried = match written {
            Some((_, Err(why))) => Err(NotReadBack::Never(why)),
            Some((content, Ok(read))) => match self.set::<C, T>(KEY, &read, None) {
                Ok(_) if find(self.data(), KEY).is_some_and(|again| C::content(again.bytes) == content) => Ok(()),
                _ => Err(NotReadBack::AsAnother),
            },
            None => Ok(()),
        };
        self.remove(KEY);
        tried
    }

    /// Copies a value from another table. If there is no room, nothing changes.
    pub(crate) fn put(&mut self, entry: Entry<'_>) -> Result<(), Error> {
        let (_, place) = self.hole(entry.key, entry.bytes.len())?;
        fill(place, entry.bytes);
        Ok(())
    }

    /// Removes the value of a key; `false` if there was none.
    pub(crate) fn remove(&mut self, key: &str) -> bool {
        let (from, to, _) = self.find(key);
        from != to && splice(self.place, self.len, from, to, 0).is_ok()
    }

    /// Removes the values whose keys match.
    pub(crate) fn remove_all(&mut self, meant: impl Fn(&str) -> bool) {
        let mut left = self.data().len();
        loop {
            let mut entries = entries(self.data().get(*self.len - self.start - left..).unwrap_or_default());
            let Some(entry) = entries.next() else { return };
            let after = entries.rest.len();
            if meant(entry.key) {
                // cannot fail: it takes less room
                _ = splice(self.place, self.len, *self.len - left, *self.len - after, 0);
            }
            left = after;
        }
    }

    /// Removes all values.
    pub(crate) fn clear(&mut self) {
        *self.len = self.start;
    }

    fn data(&self) -> &[u8] {
        (*self.place).as_ref().get(self.start..*self.len).unwrap_or_default()
    }

    /// Where the entry of a key is in the buffer, or, empty, where it belongs; and its fingerprint.
    fn find(&self, key: &str) -> (usize, usize, u64) {
        let (rest, found) = seek(self.data(), key);
        let after = found.map_or(rest, |(_, after)| after).len();
        (*self.len - rest.len(), *self.len - after, fingerprint(found.map(|(entry, _)| entry)))
    }

    /// Makes an entry for a value of `size` bytes. Returns the place for those bytes, and the fingerprint of the old
    /// entry.
    fn hole(&mut self, key: &str, size: usize) -> Result<(u64, &mut [u8]), Error> {
        let key_len = u8::try_from(key.len()).ok().filter(|len| *len > 0).ok_or(Error::BadKey)?;
        if size > MAX_VALUE {
            return Err(Error::TooLarge { need: size, have: MAX_VALUE });
        }
        let mut varint = [0; 4];
        let varint = write_len(size, &mut varint);
        let (from, to, before) = self.find(key);
        let gap = 1 + key.len() + varint.len() + size;
        splice(self.place, self.len, from, to, gap)?;
        let bytes = (*self.place).as_mut();
        let have = bytes.len();
        let hole = bytes.get_mut(from..from + gap).unwrap_or_default();
        let place = fill(hole, &[key_len])
            .and_then(|rest| fill(rest, key.as_bytes()))
            .and_then(|rest| fill(rest, varint))
            .ok_or(Error::TooLarge { need: *self.len, have })?;
        Ok((before, place))
    }
}

/// An entry whose key is not known to be text, and what follows it.
type Split<'a> = (Entry<'a, &'a [u8]>, &'a [u8]);

/// The first entry and what follows it.
#[inline]
fn split(data: &[u8]) -> Option<Split<'_>> {
    let (key_len, rest) = data.split_first()?;
    let (key, rest) = rest.split_at_checked(usize::from(*key_len))?;
    let (len, rest) = read_len(rest)?;
    let (bytes, rest) = rest.split_at_checked(len)?;
    Some((Entry { key, bytes }, rest))
}

/// The table from where `key` is or belongs; if it is there, its entry and what follows it.
fn seek<'a>(data: &'a [u8], key: &str) -> (&'a [u8], Option<Split<'a>>) {
    let mut rest = data;
    while let Some((entry, after)) = split(rest) {
        match entry.key.cmp(key.as_bytes()) {
            Ordering::Less => rest = after,
            Ordering::Equal => return (rest, Some((entry, after))),
            Ordering::Greater => break,
        }
    }
    (rest, None)
}

#[inline]
fn read_len(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut len = 0;
    for (at, byte) in data.iter().take(4).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let fewest = at == 0 || *byte != 0;
            return if fewest { Some((len, data.get(at + 1..)?)) } else { None };
        }
    }
    None
}

fn write_len(mut len: usize, bytes: &mut [u8; 4]) -> &[u8] {
    let mut used = 0;
    for byte in bytes.iter_mut() {
        used += 1;
        *byte = (len & 0x7f) as u8;
        len >>= 7;
        if len == 0 {
            break;
        }
        *byte |= 0x80;
    }
    bytes.get(..used).unwrap_or_default()
}

// host only: they need std's types and an oracle
#[cfg(all(test, not(target_os = "none")))]
mod properties;
#[cfg(all(test, not(target_os = "none")))]
mod types;

#[cfg(test)]
impl<'a, K> Entry<'a, K> {
    fn read_postcard<T: Serialize + Deserialize<'a>>(&self) -> Result<T, Error> {
        self.read::<crate::codec::Postcard, T>().map_err(|_| Error::Unreadable)
    }
}

#[cfg(test)]
impl Table<'_> {
    fn set_postcard<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<bool, Error> {
        self.set::<crate::codec::Postcard, T>(key, value, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Cbor;
    use crate::codec::Postcard;

    const START: usize = 3;

    /// A table with two values in a buffer of 64 bytes, and its length.
    fn two() -> ([u8; 64], usize) {
        let (mut bytes, mut len) = ([0xee; 64], START);
        let mut table = Table::new(&mut bytes, START, &mut len);
        table.set_postcard("n", &300_u32).unwrap();
        table.set_postcard("cart", "abc").unwrap();
        (bytes, len)
    }

    /// A value's bytes in this codec, with room to spare.
    fn coded<T: Serialize + ?Sized>(value: &T) -> [u8; 16] {
        let mut bytes = [0; 16];
        Postcard::write(value, &mut bytes).unwrap();
        bytes
    }

    fn read<'a, T: Serialize + Deserialize<'a>>(data: &'a [u8], key: &str) -> Result<T, Error> {
        find(data, key).unwrap().read_postcard()
    }

    #[test]
    fn the_layout() {
        let (bytes, len) = two();
        let [a, b, c, d, ..] = coded("abc");
        assert_eq!(bytes[..START], [0xee; START]);
        assert_eq!(bytes[START..START + 14], [4, b'c', b'a', b'r', b't', 8, a, b, c, d, 3, b'a', b'b', b'c']);
        let [a, b, c, d, ..] = coded(&300_u32);
        assert_eq!(bytes[START + 14..len], [1, b'n', 6, a, b, c, d, 0xac, 0x02]);
        assert!(check(&bytes[START..len]));
        assert!(entries(&bytes[START..len]).map(|entry| entry.key).eq(["cart", "n"]));
    }

    #[test]
    fn a_value_reads_as_the_type_it_was_written_as() {
        let (bytes, len) = two();
        let data = &bytes[START..len];
        assert_eq!(read(data, "n"), Ok(300_u32));
        assert_eq!(read(data, "cart"), Ok("abc"));
        assert_eq!(read::<u16>(data, "n"), Err(Error::Unreadable));
        assert_eq!(read::<(u8, u8)>(data, "n"), Err(Error::Unreadable));
        assert_eq!(read::<&[u8]>(data, "cart"), Err(Error::Unreadable));
        assert!(find(data, "a").is_none() && find(data, "m").is_none() && find(data, "z").is_none());
    }

    #[test]
    fn the_same_value_is_no_change() {
        let (mut bytes, mut len) = two();
        let before = (bytes, len);
        let mut table = Table::new(&mut bytes, START, &mut len);
        assert_eq!((table.set_postcard("cart", "abc"), table.set_postcard("n", &300_u32)), (Ok(false), Ok(false)));
        assert_eq!((table.set_postcard("n", &301_u32), table.set_postcard("n", &300_u32)), (Ok(true), Ok(true)));
        assert!(table.remove("cart") && !table.remove("cart"));
        assert_eq!(table.set_postcard("cart", "abc"), Ok(true));
        assert_eq!((bytes, len), before);
    }

    /// Another codec, in the same table.
    #[test]
    fn values_of_a_codec_read_with_that_codec() {
        let (mut bytes, mut len) = two();
        let mut table = Table::new(&mut bytes, START, &mut len);
        let mut set = |value: &(u8, Option<&str>)| table.set::<Cbor, _>("k", value, None);
        assert_eq!((set(&(1, Some("x"))), set(&(1, Some("x"))), set(&(1, None))), (Ok(true), Ok(false), Ok(true)));
        let data = &bytes[START..len];
        let entry = find(data, "k").unwrap();
        assert_eq!(entry.bytes, [0x82, 1, 0xf6]);
        assert_eq!(entry.read::<Cbor, (u8, Option<&str>)>(), Ok((1, None)));
        assert_eq!(entry.read_postcard::<(u8, Option<&str>)>(), Err(Error::Unreadable));
        assert!(find(data, "n").unwrap().read::<Cbor, u32>().is_err());
        assert_eq!((read(data, "n"), read(data, "cart")), (Ok(300_u32), Ok("abc")));
        assert!(check(data));
    }

    #[test]
    fn too_large_tells_both_sizes_and_changes_nothing() {
        let (mut bytes, mut len) = two();
        let before = (bytes, len);
        let mut table = Table::new(&mut bytes, START, &mut len);
        let text = "0123456789012345678901234567890123456789012345";
        assert_eq!(table.set_postcard("text", text), Err(Error::TooLarge { need: before.1 + 10 + 47, have: 64 }));
        assert_eq!(table.set_postcard("cart", text), Err(Error::TooLarge { need: before.1 + 43, have: 64 }));
        assert_eq!(table.set_postcard("", text), Err(Error::BadKey));
        assert_eq!((bytes, len), before);
        let mut table = Table::new(&mut bytes, START, &mut len);
        table.clear();
        table.set_postcard("text", text).unwrap();
        assert_eq!(len, START + 10 + 47);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let table = [1, b'b', 1, 7, 1, b'c', 0];
        assert!(check(&table) && check(&[]));
        for len in (1..table.len()).filter(|len| *len != 4) {
            assert!(!check(&table[..len]), "cut at {len}");
        }
        for (at, byte) in [(0, 0), (1, 0x80), (1, b'c'), (1, b'd'), (2, 2), (5, b'b'), (6, 0x80)] {
            let mut changed = table;
            changed[at] = byte;
            assert!(!check(&changed), "byte {at} = {byte}");
            assert!(entries(&changed).count() <= 2);
        }
        assert!(!check(&[1, b'b', 0x81, 0, 7]), "a length in more bytes than it needs");
    }

    #[test]
    fn keys_of_the_application() {
        let long = "0123456789012345678901234567890123456789012345678901234567890123";
        for key in ["a", "cart", "größe", "a b", long] {
            assert_eq!(check_key(key), Ok(()));
        }
        for key in [
            "",
            "\0flash",
            "a\n",
            "\u{7f}",
            "\u{85}",
            concat!("0123456789012345678901234567890123456789012345678901234567890123", "4"),
        ] {
            assert_eq!(check_key(key), Err(Error::BadKey));
        }
    }

    #[test]
    fn fingerprints_tell_values_apart() {
        let print = |bytes| fingerprint(Some(Entry { key: "k", bytes }));
        let all = [
            fingerprint::<&str>(None),
            print(&[]),
            print(&[0]),
            print(&[1]),
            print(&[0, 0]),
            print(&[0; 8]),
            print(&[0, 0, 0, 0, 0, 0, 0, 1]),
            print(&[0; 9]),
            key_hash("k"),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "fingerprint {at}");
        }
        assert_eq!(print(b"same"), print(b"same"));
    }
}
