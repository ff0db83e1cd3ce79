//! What values say, whatever the order in which they say it.

use super::item::Item;
use crate::base::bytes::hash;

/// Hashes the value at the beginning of `bytes`, and returns what follows it. Lists and maps may have their elements in
/// any order. Recurses as deep as the value is nested, so the bytes must come from this writer.
pub(super) fn content(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (item, mut rest) = Item::next(bytes).ok()?;
    let head = bytes.get(..bytes.len().checked_sub(rest.len())?)?;
    let (elements, items) = match item {
        Item::List(len) => (len, 1),
        Item::Map(len) => (len, 2),
        Item::Some => (1, 1),
        _ => (0, 0),
    };
    let mut sum: u64 = 0;
    for _ in 0..elements {
        let mut element = 0;
        for _ in 0..items {
            let (said, after) = content(rest)?;
            (element, rest) = (hash(element, &said.to_le_bytes()), after);
        }
        sum = sum.wrapping_add(element);
    }
    Some((hash(sum, head), rest))
}
