//! Bytes as base64url without padding (RFC 4648, 5), and back: 32 of them as 43 characters, or any number. Without a table, and in constant time:
//! no branch and no address depends on the bytes.

use crate::base::environment::quotient;

/// Bytes that are encoded.
pub(crate) const RAW: usize = 32;
/// Characters of their encoding.
pub(crate) const TEXT: usize = 43;

pub(crate) fn encode(raw: &[u8; RAW]) -> [u8; TEXT] {
    let mut bytes = [0; RAW + 1];
    bytes[..RAW].copy_from_slice(raw);
    let mut values = [0; TEXT + 1];
    for (three, four) in bytes.as_chunks().0.iter().zip(values.as_chunks_mut().0) {
        let [a, b, c] = *three;
        // 24 bits, twelve in each half, six in each byte; the first ones lowest
        let bits = u32::from_be_bytes([0, a, b, c]);
        let bits = bits >> 12 | (bits & 0xfff) << 16;
        let bits = bits >> 6 & 0x3f_003f | (bits & 0x3f_003f) << 8;
        *four = bits.to_le_bytes();
    }
    // the last letter encodes only the padding
    let [mut text @ .., _] = values;
    text.iter_mut().for_each(|place| *place = letter(*place));
    text
}

/// `None` for anything that [`encode`] does not write.
pub(crate) fn decode(text: &[u8]) -> Option<[u8; RAW]> {
    let text: &[u8; TEXT] = text.try_into().ok()?;
    // padded to multiples of sixteen, which a few vector instructions process. The first of the five letters encodes
    // the bits after the last byte, the others nothing
    let mut values = [0; 48];
    values[..TEXT].copy_from_slice(text);
    values[TEXT..].copy_from_slice(b"ABCDE");
    let mut wrong = 0;
    for place in &mut values {
        let value = value(*place);
        wrong |= letter(value) ^ *place;
        *place = value;
    }
    let mut bytes = [0; RAW + 1];
    for (three, four) in bytes.as_chunks_mut().0.iter_mut().zip(values.as_chunks().0) {
        // six bits in each byte, twelve in each half, 24; the first ones lowest
        let bits = u32::from_le_bytes(*four);
        let bits = (bits & 0x3f_003f) << 6 | bits >> 8 & 0x3f_003f;
        let bits = (bits & 0xfff) << 12 | bits >> 16;
        let [_, a, b, c] = bits.to_be_bytes();
        *three = [a, b, c];
    }
    // all letters are valid, and the two extra bits are zero
    let [raw @ .., rest] = bytes;
    (wrong | rest == 0).then_some(raw)
}

/// Characters for this number of bytes.
pub(crate) const fn text_len(raw: usize) -> usize {
    // 32 bits are enough for what fits into a header
    quotient::<3>(raw as u32 * 4 + 2) as usize
}

/// Bytes in this number of characters.
pub(crate) const fn raw_len(text: usize) -> usize {
    text / 4 * 3 + text % 4 * 3 / 4
}

/// Turns the last `len` bytes of `place`, which has the length of their text, into that text.
pub(crate) fn encode_in_place(place: &mut [u8], len: usize) {
    let (mut read, mut bits, mut have) = (place.len().saturating_sub(len), 0_u32, 0);
    for write in 0..place.len() {
        if have < 6 {
            // the last character has unused bits
            bits = bits << 8 | u32::from(place.get(read).copied().unwrap_or_default());
            (read, have) = (read + 1, have + 8);
        }
        have -= 6;
        if let Some(place) = place.get_mut(write) {
            *place = letter((bits >> have & 63) as u8);
        }
    }
}

/// The bytes of a text into the start of `into`, and their number. `None` for any non-canonical spelling, or if there
/// is no room.
pub(crate) fn decode_into(text: &[u8], into: &mut [u8]) -> Option<usize> {
    let len = raw_len(text.len());
    if text.len() % 4 == 1 || len > into.len() {
        return None;
    }
    let (mut places, mut bits, mut have, mut wrong) = (into.iter_mut(), 0_u32, 0, 0);
    for byte in text {
        let value = value(*byte);
        wrong |= letter(value) ^ byte;
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            *places.next()? = (bits >> have) as u8;
        }
    }
    (wrong == 0 && bits & ((1 << have) - 1) == 0).then_some(len)
}

/// `step` if `value` is not below `first`, both from 0 to 127; else 0.
fn from(value: u8, first: u8, step: i8) -> u8 {
    let below = value.wrapping_sub(first) as i8 >> 7;
    // small processors have no conditional move, and the compiler would make a branch of the mask
    #[cfg(target_pointer_width = "32")]
    let below = core::hint::black_box(below);
    (!below & step) as u8
}

/// The letter of a value from 0 to 63.
fn letter(value: u8) -> u8 {
    let letter = value.wrapping_add(65).wrapping_add(from(value, 26, 97 - 65 - 26));
    let letter = letter.wrapping_add(from(value, 52, 48 - 97 - 26));
    letter.wrapping_add(from(value, 62, 45 - 48 - 10)).wrapping_add(from(value, 63, 95 - 45 - 1))
}

/// The value of a letter. For any other byte, it is the value of some letter.
fn value(byte: u8) -> u8 {
    let value = byte.wrapping_add(62 - 45).wrapping_add(from(byte, 48, 45 - 48 - 10));
    let value = value.wrapping_add(from(byte, 65, 48 - 65 - 52)).wrapping_add(from(byte, 95, 65 - 95 + 63));
    value.wrapping_add(from(byte, 97, 95 - 97 - 37)) & 63
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn every_letter_and_no_other_byte() {
        for (at, byte) in ALPHABET.iter().enumerate() {
            assert_eq!((letter(at as u8), value(*byte)), (*byte, at as u8));
        }
        for byte in 0..=255_u8 {
            assert_eq!(letter(value(byte)) == byte, ALPHABET.contains(&byte), "byte {byte}");
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
