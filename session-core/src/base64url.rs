//! 32 bytes as 43 characters of base64url without padding (RFC 4648, 5), and back. Without a table, and in constant time:
//! no branch and no address depends on the bytes.

/// Bytes that are written so.
pub(crate) const RAW: usize = 32;
/// Characters that they take.
pub(crate) const TEXT: usize = 43;

pub(crate) fn encode(raw: &[u8; RAW]) -> [u8; TEXT] {
    let (mut bytes, mut bits, mut have) = (raw.iter(), 0, 0);
    let mut text = [0; TEXT];
    for place in &mut text {
        if have < 6 {
            // the last character has two bits more than there are
            bits = bits << 8 | u32::from(bytes.next().copied().unwrap_or_default());
            have += 8;
        }
        have -= 6;
        *place = letter((bits >> have & 63) as i32);
    }
    text
}

/// `None` for anything but what [`encode`] writes.
pub(crate) fn decode(text: &[u8]) -> Option<[u8; RAW]> {
    let text: &[u8; TEXT] = text.try_into().ok()?;
    let mut raw = [0; RAW];
    let (mut places, mut bits, mut have, mut all) = (raw.iter_mut(), 0, 0, 0);
    for byte in text {
        let value = value((*byte).into());
        all |= value;
        bits = bits << 6 | value;
        have += 6;
        if have >= 8 {
            have -= 8;
            *places.next()? = (bits >> have) as u8;
        }
    }
    // no letter was wrong, and the two bits too many are zero
    (all >= 0 && bits & 3 == 0).then_some(raw)
}

/// All ones if `a < b`, both small.
const fn below(a: i32, b: i32) -> i32 {
    (a - b) >> 31
}

fn letter(value: i32) -> u8 {
    let from = |first, step| !below(value, first) & step;
    (value + 65 + from(26, 97 - 65 - 26) + from(52, 48 - 97 - 26) + from(62, 45 - 48 - 10) + from(63, 95 - 45 - 1))
        as u8
}

/// The value of a letter, -1 if it is none.
fn value(byte: i32) -> i32 {
    let range = |first: u8, last: u8, value: i32| {
        let (first, last) = (first.into(), last.into());
        !below(byte, first) & !below(last, byte) & (byte - first + value + 1)
    };
    let plain = range(b'A', b'Z', 0) + range(b'a', b'z', 26) + range(b'0', b'9', 52);
    plain + range(b'-', b'-', 62) + range(b'_', b'_', 63) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn every_letter_and_no_other_byte() {
        for (at, byte) in ALPHABET.iter().enumerate() {
            assert_eq!(letter(at as i32), *byte);
        }
        for byte in 0..=255 {
            let place = ALPHABET.iter().position(|letter| *letter == byte);
            assert_eq!(value(byte.into()), place.map_or(-1, |at| at as i32), "byte {byte}");
        }
    }

    #[test]
    fn there_and_back_and_only_in_one_spelling() {
        let raw: [u8; RAW] = core::array::from_fn(|at| (at * 37 + 250) as u8);
        let text = encode(&raw);
        assert_eq!(&text, b"-h9EaY6z2P0iR2yRttsAJUpvlLneAyhNcpe84QYrUHU");
        assert_eq!(decode(&text), Some(raw));
        let mut accepted = 0;
        for last in 0..=255 {
            let mut other = text;
            other[TEXT - 1] = last;
            if let Some(raw) = decode(&other) {
                assert_eq!(encode(&raw), other, "two spellings of one value");
                accepted += 1;
            }
        }
        assert_eq!(accepted, 16);
        assert!(decode(&text[..42]).is_none() && decode(&[b'A'; 44]).is_none());
    }
}
