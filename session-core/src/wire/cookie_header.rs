//! The values of our cookie in the bytes of a `Cookie` header line (RFC 6265bis, 4.2.1 and 5.8.3).
//!
//! The parser accepts any bytes, never panics or allocates, and takes linear time. Names are compared byte by byte
//! after trimming SP and HTAB. There is no percent-decoding, quotes are part of the value, and `$Version` is a cookie
//! like any other.

/// The maximum number of cookies of our name that are tried, over all header lines.
pub const MAX_CANDIDATES: usize = 8;

/// Returns the values of all cookies named `name` in one header line, in their order.
pub fn candidates<'h, 'n>(line: &'h [u8], name: &'n str) -> impl Iterator<Item = &'h [u8]> + use<'h, 'n> {
    let mut rest = Some(line);
    let pairs = core::iter::from_fn(move || {
        let left = rest?;
        let (pair, after) = left.split_at_checked(semicolon(left)).unwrap_or((left, &[]));
        rest = after.split_first().map(|(_, after)| after);
        Some(pair)
    });
    pairs.filter_map(move |pair| value_of(pair, name.as_bytes()))
}

/// The position of the first semicolon, or the length of the line. Searches a word at a time, because most bytes belong
/// to other cookies, but not on small processors, which load a word byte by byte.
#[inline]
fn semicolon(line: &[u8]) -> usize {
    const ONES: usize = usize::MAX / 255;
    let (words, rest) = if cfg!(target_pointer_width = "64") { line.as_chunks() } else { ([].as_slice(), line) };
    for (at, word) in words.iter().enumerate() {
        let differ = usize::from_le_bytes(*word) ^ (ONES * b';' as usize);
        // the first byte of zero borrows, and had no high bit before
        let zeros = differ.wrapping_sub(ONES) & !differ & (ONES << 7);
        if zeros != 0 {
            return at * size_of::<usize>() + zeros.trailing_zeros() as usize / 8;
        }
    }
    line.len() - rest.len() + rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len())
}

#[inline]
fn value_of<'h>(pair: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    let pair = trim_start(pair);
    // most differ in the first byte, which is faster to check
    let rest = if pair.first() == name.first() { pair.strip_prefix(name)? } else { return None };
    Some(trim(trim_start(rest).strip_prefix(b"=")?))
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[inline]
fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    bytes
}

fn trim(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_start(bytes);
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_values(line: &[u8], expected: &[&[u8]]) {
        assert!(candidates(line, "id").eq(expected.iter().copied()), "{}", line.escape_ascii());
    }

    #[test]
    fn all_candidates_in_order_cp2() {
        assert_values(b"id=1; x=2; id=3;id=4", &[b"1", b"3", b"4"]);
        assert_values(b"", &[]);
        assert_values(b"id", &[]);
        assert_values(b"=id; ;;; =", &[]);
        assert_values(b"id=", &[b""]);
    }

    #[test]
    fn names_byte_for_byte_after_trimming_sp_and_htab_cp3() {
        assert_values(b" \tid\t =\t a \t;", &[b"a"]);
        assert_values(b"ID=1; LogId=2; idx=3; xid=4; i%64=5; \x0bid=6; id\x0b=7; \xa0id=8", &[]);
        assert_values(b"$Version=1; id=2; $Path=/", &[b"2"]);
        assert!(candidates(b"__host-id=1; __Host-id=2", "__Host-id").eq([&b"2"[..]]));
    }

    #[test]
    fn quotes_and_equal_signs_are_part_of_the_value_cp4() {
        assert_values(b"id=\"a\"; id=a=b; id=%41; id=a,b", &[b"\"a\"", b"a=b", b"%41", b"a,b"]);
        assert_values(b"id=\"a; id=b\"", &[b"\"a", b"b\""]);
    }

    #[test]
    fn any_bytes_cp5() {
        let mut line = [0; 64];
        let mut state = 1_u32;
        for _ in 0..20_000 {
            for byte in &mut line {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = b"id=; \t\xff\0a\xbb"[(state >> 24) as usize % 10];
            }
            let by_bytes = line.split(|byte| *byte == b';').filter_map(|pair| value_of(pair, b"id"));
            assert!(candidates(&line, "id").eq(by_bytes), "{}", line.escape_ascii());
            for value in candidates(&line, "id") {
                assert!(!value.contains(&b';') && value.len() < line.len());
            }
        }
    }
}
