//! Bytes within a buffer: read, written and moved without a panic.

use super::environment::Buffer;
use super::error::Error;

pub(crate) fn part<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).unwrap_or(&[0; N])
}

pub(crate) fn place<const N: usize>(bytes: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    bytes.get_mut(at..)?.first_chunk_mut()
}

pub(crate) fn put<const N: usize>(bytes: &mut [u8], at: usize, value: &[u8; N]) {
    if let Some(place) = place(bytes, at) {
        *place = *value;
    }
}

/// Little-endian, of up to eight bytes: four and eight bytes are read by the same few instructions.
#[cfg_attr(target_pointer_width = "64", inline)] // where it is one load
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Hashes bytes, as FNV-1a, eight at a time. Neither secret nor collision-proof.
pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    const fn fold(hash: u64, word: u64) -> u64 {
        let hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ (hash >> 32)
    }
    let (words, tail) = bytes.as_chunks();
    let hash = fold(0xcbf2_9ce4_8422_2325 ^ seed, bytes.len() as u64);
    let hash = words.iter().fold(hash, |hash, word| fold(hash, u64::from_le_bytes(*word)));
    fold(hash, number(tail))
}

/// Copies `part` to the beginning of `hole` and returns the rest.
#[inline]
pub(crate) fn fill<'a>(hole: &'a mut [u8], part: &[u8]) -> Option<&'a mut [u8]> {
    let (place, rest) = hole.split_at_mut_checked(part.len())?;
    place.copy_from_slice(part);
    Some(rest)
}

/// Replaces `from..to` of the first `len` bytes by a gap of `gap` bytes; nothing changes if that does not fit.
pub(crate) fn splice(place: &mut dyn Buffer, len: &mut usize, from: usize, to: usize, gap: usize) -> Result<(), Error> {
    if gap == to.saturating_sub(from) {
        return Ok(());
    }
    let need = len.saturating_sub(to.saturating_sub(from)).saturating_add(gap);
    let have = place.as_ref().len();
    if need > have && !place.grow(need) {
        return Err(Error::TooLarge { need, have });
    }
    shift(place.as_mut(), to, from + gap, len.saturating_sub(to));
    *len = need;
    Ok(())
}

/// Moves `len` bytes within `bytes`, a few at a time. As `copy_within`, which on small processors is a kilobyte of code.
pub(crate) fn shift(bytes: &mut [u8], from: usize, to: usize, len: usize) {
    const STEP: usize = 32;
    let (mut moved, mut some) = (0, [0; STEP]);
    while moved < len {
        let step = STEP.min(len - moved);
        // from the end at which no byte is overwritten before it is moved
        let at = if from < to { len - moved - step } else { moved };
        if let Some(there) = bytes.get(from + at..from + at + step) {
            fill(&mut some, there);
        }
        if let (Some(place), Some(some)) = (bytes.get_mut(to + at..), some.get(..step)) {
            fill(place, some);
        }
        moved += step;
    }
}
