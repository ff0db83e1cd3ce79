//! Bytes as base64url without padding (RFC 4648, 5), and back: 32 of them as 43 characters, or any number. Four characters
//! are one word, in constant time: no branch and no address depends on the bytes.

use crate::base::environment::quotient;

/// Bytes that are encoded.
pub(crate) const RAW: usize = 32;
/// Characters of their encoding.
pub(crate) const TEXT: usize = 43;

/// The processor has no vector instructions. The functions for any length then take less code and no more time.
const SMALL: bool = cfg!(target_pointer_width = "32");

pub(crate) fn encode(raw: &[u8; RAW]) -> [u8; TEXT] {
    if SMALL {
        let mut text = [0; TEXT];
        text[TEXT - RAW..].copy_from_slice(raw);
        encode_in_place(&mut text, RAW);
        return text;
    }
    // padded to twelve words, which a few vector instructions process
    let mut bytes = [0; 36];
    bytes[..RAW].copy_from_slice(raw);
    let mut words = [0; 12];
    for (word, three) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = parted(*three);
    }
    let mut text = [0; 48];
    for (four, word) in text.as_chunks_mut().0.iter_mut().zip(words) {
        *four = letters(word).to_le_bytes();
    }
    // the other letters encode only the padding
    let [text @ .., _, _, _, _, _] = text;
    text
}

/// `None` for anything that [`encode`] does not write.
pub(crate) fn decode(text: &[u8]) -> Option<[u8; RAW]> {
    let text: &[u8; TEXT] = text.try_into().ok()?;
    if SMALL {
        let mut raw = [0; RAW];
        return decode_into(text, &mut raw).map(|_| raw);
    }
    // padded to twelve words, which a few vector instructions process
    let mut letters = [b'A'; 48];
    letters[..TEXT].copy_from_slice(text);
    let mut words = [0; 12];
    let mut wrong = 0;
    for (word, four) in words.iter_mut().zip(letters.as_chunks().0) {
        let (bits, invalid) = values(u32::from_le_bytes(*four));
        *word = bits;
        wrong |= invalid;
    }
    let mut bytes = [0; RAW + 1];
    for (three, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        let [_, a, b, c] = joined(word).to_be_bytes();
        *three = [a, b, c];
    }
    // all letters are valid, and the two extra bits are zero
    let [raw @ .., rest] = bytes;
    (wrong | u32::from(rest) == 0).then_some(raw)
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
    // what is read is never behind what is written
    let (mut read, mut write) = (place.len().saturating_sub(len), 0);
    while write < place.len() {
        let mut three = [0; 3];
        let bytes = place.get(read..).unwrap_or_default();
        three.iter_mut().zip(bytes).for_each(|(three, byte)| *three = *byte);
        let places = place.get_mut(write..).unwrap_or_default();
        places.iter_mut().zip(letters(parted(three)).to_le_bytes()).for_each(|(place, letter)| *place = letter);
        (read, write) = (read + 3, write + 4);
    }
}

/// The bytes of a text into the start of `into`, and their number. `None` for any non-canonical spelling, or if there
/// is no room.
pub(crate) fn decode_into(text: &[u8], into: &mut [u8]) -> Option<usize> {
    let len = raw_len(text.len());
    let mut places = into.get_mut(..len)?.chunks_mut(3);
    let (fours, rest) = text.as_chunks();
    // zeros after the last character
    let mut last = *b"AAAA";
    last.iter_mut().zip(rest).for_each(|(last, byte)| *last = *byte);
    let mut wrong = 0;
    for four in fours.iter().chain((!rest.is_empty()).then_some(&last)) {
        let (bits, invalid) = values(u32::from_le_bytes(*four));
        let mut left = joined(bits) << 8;
        for place in places.next()? {
            *place = (left >> 24) as u8;
            left <<= 8;
        }
        // also bits after the last byte
        wrong |= invalid | left;
    }
    (wrong == 0).then_some(len)
}

/// The four values of three bytes, the first one lowest.
#[inline]
fn parted([a, b, c]: [u8; 3]) -> u32 {
    let bits = u32::from_be_bytes([0, a, b, c]);
    // twelve in each half, six in each byte
    let halves = bits >> 12 | (bits & 0xfff) << 16;
    halves >> 6 & 0x3f_003f | (halves & 0x3f_003f) << 8
}

/// The 24 bits of four values.
#[inline]
fn joined(values: u32) -> u32 {
    let halves = (values & 0x3f_003f) << 6 | values >> 8 & 0x3f_003f;
    (halves & 0xfff) << 12 | halves >> 16
}

/// In each byte of a word.
const ONES: u32 = 0x0101_0101;

/// For each byte of a word, all below 128: `first`, changed by each bound that the byte reaches.
fn by_range(bytes: u32, first: u32, bounds: &[(u8, u8)]) -> u32 {
    bounds.iter().fold(first * ONES, |sum, (bound, change)| {
        let reached = (bytes + (128 - u32::from(*bound)) * ONES) & (128 * ONES);
        sum ^ (reached - (reached >> 7)) & (u32::from(*change) * ONES)
    })
}

/// Four letters of four values below 64, as what is added to each modulo 128.
fn letters(values: u32) -> u32 {
    const BOUNDS: [(u8, u8); 4] = [(26, 65 ^ 71), (52, 71 ^ 124), (62, 124 ^ 111), (63, 111 ^ 32)];
    (values + by_range(values, 65, &BOUNDS)) & (127 * ONES)
}

/// Four values of four bytes, as what is added to each modulo 64; and not zero if one of them is no letter.
fn values(bytes: u32) -> (u32, u32) {
    const NONE: u8 = 64;
    const BOUNDS: [(u8, u8); 10] = [
        (b'-', NONE ^ 17),
        (b'-' + 1, NONE ^ 17),
        (b'0', NONE ^ 4),
        (b'9' + 1, NONE ^ 4),
        (b'A', NONE ^ 63),
        (b'Z' + 1, NONE ^ 63),
        (b'_', NONE ^ 32),
        (b'_' + 1, NONE ^ 32),
        (b'a', NONE ^ 57),
        (b'z' + 1, NONE ^ 57),
    ];
    let ascii = bytes & (127 * ONES);
    let added = by_range(ascii, NONE.into(), &BOUNDS);
    let invalid = bytes & (128 * ONES) | added & (u32::from(NONE) * ONES);
    ((ascii + added) & (63 * ONES), invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn every_letter_and_no_other_byte() {
        for (value, letter) in (0_u32..).zip(ALPHABET.map(u32::from)) {
            for (places, others) in [(ONES, 0), (0x0100_0000, 0x3f_003f), (0x1_0000, 0x3f00_003f), (1, 0x3f00_3f00)] {
                let word = (value * places) | others;
                let text = letters(word);
                assert_eq!(text & (places * 127), letter * places);
                assert_eq!(values(text), (word, 0));
            }
        }
        for byte in 0..=255_u8 {
            for place in 0..4 {
                let mut four = *b"-_az";
                four[place] = byte;
                let (_, invalid) = values(u32::from_le_bytes(four));
                assert_eq!(invalid == 0, ALPHABET.contains(&byte), "byte {byte} at {place}");
            }
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
