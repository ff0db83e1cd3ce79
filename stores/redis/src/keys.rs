//! The names of keys in Redis.

use std::fmt::Write;

use session_core::store::Handle;
use session_core::subject::SubjectId;

/// The key of a session, and that of its group's era: one group for each first byte of a handle. The part in braces
/// determines the slot in a cluster, so both are on one node.
pub(crate) fn session(prefix: &str, handle: &Handle) -> (String, String) {
    let [group, rest @ ..] = handle.as_bytes();
    let era = era(prefix, *group);
    let mut session = String::with_capacity(era.len() + 2 * rest.len());
    session.push_str(&era);
    hex(&mut session, rest);
    (session, era)
}

/// The pattern that the keys of all sessions match, for `SCAN`.
pub(crate) fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 18);
    for character in prefix.chars() {
        if "*?[]\\".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push_str("{??}");
    pattern.push_str(&"??".repeat(Handle::LEN - 1));
    pattern
}

/// The handle of a session by its key, and the key of its group's era; `None` for another key.
pub(crate) fn handle(prefix: &str, key: &[u8]) -> Option<(Handle, String)> {
    let name = key.strip_prefix(prefix.as_bytes())?.strip_prefix(b"{")?;
    let (group, rest) = name.split_at_checked(2)?;
    let digits = [group, rest.strip_prefix(b"}")?].concat();
    let mut bytes = [0; Handle::LEN];
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? * 16 + low?).ok()?;
    }
    let [group, ..] = bytes;
    Some((Handle::from_bytes(bytes), era(prefix, group)))
}

/// The key of a place in a cache before a durable store.
pub(crate) fn cached(prefix: &str, handle: &Handle) -> String {
    let mut key = format!("{prefix}~");
    hex(&mut key, handle.as_bytes());
    key
}

/// The key of a group's era.
pub(crate) fn era(prefix: &str, group: u8) -> String {
    let mut key = String::with_capacity(prefix.len() + 4);
    key.push_str(prefix);
    key.push('{');
    hex(&mut key, &[group]);
    key.push('}');
    key
}

/// The two keys of a subject's index, and that of its group's era, in one slot.
pub(crate) fn index(prefix: &str, subject: &SubjectId) -> [String; 3] {
    let [group, rest @ ..] = subject.as_bytes();
    let era = index_era(prefix, *group);
    let mut key = String::with_capacity(era.len() + 2 * rest.len());
    key.push_str(&era);
    hex(&mut key, rest);
    let order = format!("{key}>");
    [key, order, era]
}

/// The key of the era of a group of subjects.
pub(crate) fn index_era(prefix: &str, group: u8) -> String {
    let mut key = format!("{prefix}@{{");
    hex(&mut key, &[group]);
    key.push('}');
    key
}

fn hex(into: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // writing into a string does not fail
        let _written = write!(into, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_apart_and_readable_st8() {
        let handle = Handle::from_bytes([0xa7, 1, 2, 3, 4, 5, 6, 0xff]);
        let (session, era) = session("shop:", &handle);
        assert_eq!((session.as_str(), era.as_str()), ("shop:{a7}010203040506ff", "shop:{a7}"));
        assert_eq!(super::handle("shop:", session.as_bytes()), Some((handle, "shop:{a7}".to_owned())));
        for other in ["shop:{a7}", "shop:{a7}010203040506f", "shop:{a7}010203040506fg", "shop:@{a7}010203040506ff", ""]
        {
            assert_eq!(super::handle("shop:", other.as_bytes()), None, "{other}");
        }
        assert_eq!(pattern("s*[o]?\\p:"), "s\\*\\[o\\]\\?\\\\p:{??}??????????????");
        let [hash, order, era] = index("shop:", &SubjectId::of("ann"));
        assert!(era.starts_with("shop:@{") && era.len() == 5 + 5 && hash.starts_with(&era) && hash.len() == 5 + 35);
        assert_eq!(order, format!("{hash}>"));
    }
}
