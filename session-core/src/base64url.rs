//! Bytes as base64url without padding (RFC 4648, 5), and back: 32 of them as 43 characters, or any number. Without a table, and in constant time:
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
            *place = (bits & 63) as i8;
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
    let mut values = [b'A' as i8; 48];
    values.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte as i8);
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

/// Characters that so many bytes take.
pub(crate) const fn text_len(raw: usize) -> usize {
    raw / 3 * 4 + (raw % 3 * 4).div_ceil(3)
}

/// Bytes that so many characters hold.
pub(crate) const fn raw_len(text: usize) -> usize {
    text / 4 * 3 + text % 4 * 3 / 4
}

/// Turns the last `len` bytes of `place`, which has the length of their text, into that text.
pub(crate) fn encode_in_place(place: &mut [u8], len: usize) {
    let (mut read, mut bits, mut have) = (place.len().saturating_sub(len), 0_u32, 0);
    for write in 0..place.len() {
        if have < 6 {
            // the last character has bits more than there are
            bits = bits << 8 | u32::from(place.get(read).copied().unwrap_or_default());
            (read, have) = (read + 1, have + 8);
        }
        have -= 6;
        if let Some(place) = place.get_mut(write) {
            *place = letter((bits >> have & 63) as i8);
        }
    }
}

/// The bytes of a text into the start of `into`, and their number. `None` for another spelling than the one that is
/// written, or if there is no room.
pub(crate) fn decode_into(text: &[u8], into: &mut [u8]) -> Option<usize> {
    let len = raw_len(text.len());
    if text.len() % 4 == 1 || len > into.len() {
        return None;
    }
    let (mut places, mut bits, mut have, mut all) = (into.iter_mut(), 0_i32, 0, 0);
    for byte in text {
        let value = i32::from(value(*byte as i8));
        all |= value;
        bits = bits << 6 | value & 63;
        have += 6;
        if have >= 8 {
            have -= 8;
            *places.next()? = (bits >> have) as u8;
        }
    }
    (all >= 0 && bits & ((1 << have) - 1) == 0).then_some(len)
}

/// All ones if `a < b`, both from 0 to 127.
const fn below(a: i8, b: i8) -> i8 {
    a.wrapping_sub(b) >> 7
}

fn letter(value: i8) -> u8 {
    let from = |first, step| !below(value, first) & step;
    let letter = value.wrapping_add(65).wrapping_add(from(26, 97 - 65 - 26)).wrapping_add(from(52, 48 - 97 - 26));
    letter.wrapping_add(from(62, 45 - 48 - 10)).wrapping_add(from(63, 95 - 45 - 1)) as u8
}

/// The value of a letter, negative if it is none.
fn value(byte: i8) -> i8 {
    let range = |first: u8, last: u8, value: i8| {
        let (first, last) = (first as i8, last as i8);
        !below(byte, first) & !below(last, byte) & byte.wrapping_sub(first).wrapping_add(value + 1)
    };
    let plain = range(b'A', b'Z', 0) | range(b'a', b'z', 26) | range(b'0', b'9', 52);
    (plain | range(b'-', b'-', 62) | range(b'_', b'_', 63)).wrapping_sub(1) | byte >> 7
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn every_letter_and_no_other_byte() {
        for (at, byte) in ALPHABET.iter().enumerate() {
            assert_eq!(letter(at as i8), *byte);
        }
        for byte in 0..=255_u8 {
            let place = ALPHABET.iter().position(|letter| *letter == byte);
            assert_eq!(value(byte as i8), place.map_or(-1, |at| at as i8), "byte {byte}");
        }
    }

    #[test]
    fn any_number_of_bytes_there_and_back() {
        for len in 0..=40 {
            let raw: std::vec::Vec<u8> = (0..len).map(|at| (at * 37 + 250) as u8).collect();
            let mut text = std::vec![0; text_len(len)];
            let start = text.len() - len;
            text[start..].copy_from_slice(&raw);
            encode_in_place(&mut text, len);
            if len == RAW {
                assert_eq!(text, encode(raw.first_chunk().unwrap()));
            }
            let mut back = std::vec![0; len];
            assert_eq!(decode_into(&text, &mut back), Some(len));
            assert_eq!(back, raw);
            assert_eq!(decode_into(&text, &mut back[..len.saturating_sub(1)]), (len == 0).then_some(0));
            if len % 3 != 0 {
                *text.last_mut().unwrap() ^= 1;
                assert_eq!(decode_into(&text, &mut back), None, "two spellings of one value");
            }
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
