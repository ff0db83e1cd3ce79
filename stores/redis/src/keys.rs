//! What is called how in Redis.

use std::fmt::Write;

use session_core::store::Handle;
use session_core::subject::SubjectId;

/// The key of a session, and that of its group's era: one group for each first byte of a handle. What stands in braces decides on the slot in a cluster, so both
/// are on one node.
pub(crate) fn session(prefix: &str, handle: &Handle) -> (String, String) {
    let [group, rest @ ..] = handle.as_bytes();
    let era = era(prefix, *group);
    let mut session = String::with_capacity(era.len() + 2 * rest.len());
    session.push_str(&era);
    hex(&mut session, rest);
    (session, era)
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
        let [hash, order, era] = index("shop:", &SubjectId::of("ann"));
        assert!(era.starts_with("shop:@{") && era.len() == 5 + 5 && hash.starts_with(&era) && hash.len() == 5 + 35);
        assert_eq!(order, format!("{hash}>"));
    }
}
