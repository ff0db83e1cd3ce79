//! 32 bytes as 43 characters of base64url without padding (RFC 4648, 5), and back. Without a table, and in constant time:
//! no branch and no address depends on the bytes.

/// Bytes that are written so.
pub(crate) const RAW: usize = 32;
/// Characters that they take.
pub(crate) const TEXT: usize = 43;

pub(crate) fn encode(raw: &[u8; RAW]) -> [u8; TEXT] {
    let mut bytes = [0; RAW + 1];
    bytes[..RAW].copy_from_slice(raw);
    let mut values = [0; TEXT + 1];
    for (three, four) in bytes.chunks_exact(3).zip(values.chunks_exact_mut(4)) {
        let mut bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        for place in four.iter_mut().rev() {
            *place = (bits & 63) as i16;
            bits >>= 6;
        }
    }
    // the last letter stands for nothing but what was filled up
    let [values @ .., _] = values;
    values.map(letter)
}

/// `None` for anything but what [`encode`] writes.
pub(crate) fn decode(text: &[u8]) -> Option<[u8; RAW]> {
    let text: &[u8; TEXT] = text.try_into().ok()?;
    // filled up to whole eights: where there are vector instructions, a few of them do
    let mut values = [b'A'.into(); 48];
    values.iter_mut().zip(text).for_each(|(place, byte)| *place = (*byte).into());
    let mut all = 0;
    for place in &mut values {
        *place = value(*place);
        all |= *place;
    }
    let mut bytes = [0; RAW + 1];
    for (three, four) in bytes.chunks_exact_mut(3).zip(values.chunks_exact(4)) {
        let bits = four.iter().fold(0, |bits, value| bits << 6 | *value as u32);
        three.copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    // no letter was wrong, and the two bits too many are zero
    let [raw @ .., rest] = bytes;
    (all >= 0 && rest == 0).then_some(raw)
}

/// All ones if `a < b`, both small.
const fn below(a: i16, b: i16) -> i16 {
    (a - b) >> 15
}

fn letter(value: i16) -> u8 {
    let from = |first, step| !below(value, first) & step;
    (value + 65 + from(26, 97 - 65 - 26) + from(52, 48 - 97 - 26) + from(62, 45 - 48 - 10) + from(63, 95 - 45 - 1))
        as u8
}

/// The value of a letter, -1 if it is none.
fn value(byte: i16) -> i16 {
    let range = |first: u8, last: u8, value: i16| {
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
            assert_eq!(letter(at as i16), *byte);
        }
        for byte in 0..=255_u8 {
            let place = ALPHABET.iter().position(|letter| *letter == byte);
            assert_eq!(value(byte.into()), place.map_or(-1, |at| at as i16), "byte {byte}");
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
