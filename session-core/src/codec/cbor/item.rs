//! The items of values, as in the bytes.

use super::bytes::{
    BIG, BIG_NEGATIVE, BYTES, DOUBLE, FALSE, LIST, MAP, NEGATIVE, NULL, SINGLE, SOME, TEXT, TRUE, UNSIGNED,
};
use super::unreadable::{Error, Found, What};
use serde::de::Expected;

/// The next item in the bytes: a whole value, or the beginning of one that contains others.
#[derive(Clone, Copy)]
pub(super) enum Item<'de> {
    Unsigned(u64),
    /// -1 minus this.
    Negative(u64),
    /// The bytes of the same, beyond 64 bits.
    Big(&'de [u8]),
    BigNegative(&'de [u8]),
    Bytes(&'de [u8]),
    Text(&'de str),
    /// This number of elements follows.
    List(usize),
    /// This number of entries follows.
    Map(usize),
    /// A null follows, or another such tag.
    Some,
    Bool(bool),
    Null,
    Single(f32),
    Double(f64),
}

impl<'de> Item<'de> {
    /// The next item and what follows it.
    pub(super) fn next(bytes: &'de [u8]) -> Result<(Self, &'de [u8]), What> {
        let (first, number, rest) = head(bytes)?;
        let item = match first >> 5 {
            UNSIGNED => Self::Unsigned(number),
            NEGATIVE => Self::Negative(number),
            BYTES => {
                let (part, rest) = split(rest, number)?;
                return Ok((Self::Bytes(part), rest));
            }
            TEXT => {
                let (part, rest) = split(rest, number)?;
                let text = core::str::from_utf8(part).map_err(|_| What::Foreign)?;
                return Ok((Self::Text(text), rest));
            }
            LIST => Self::List(count(number)?),
            MAP => Self::Map(count(number)?),
            _ => match first {
                SOME if matches!(rest, [SOME | NULL, ..]) => Self::Some,
                BIG | BIG_NEGATIVE => return big(first, rest),
                FALSE | TRUE => Self::Bool(first == TRUE),
                NULL => Self::Null,
                SINGLE => Self::Single(f32::from_bits(number as u32)),
                DOUBLE => Self::Double(f64::from_bits(number)),
                _ => return Err(What::Foreign),
            },
        };
        Ok((item, rest))
    }

    pub(super) const fn found(self) -> Found {
        match self {
            Self::Unsigned(_) | Self::Negative(_) | Self::Big(_) | Self::BigNegative(_) => Found::Integer,
            Self::Bytes(_) => Found::Bytes,
            Self::Text(_) => Found::Text,
            Self::List(_) => Found::List,
            Self::Map(_) => Found::Map,
            Self::Some => Found::Some,
            Self::Bool(_) => Found::Bool,
            Self::Null => Found::Null,
            Self::Single(_) | Self::Double(_) => Found::Float,
        }
    }

    #[cold]
    pub(super) fn instead_of(self, expected: &dyn Expected) -> Error {
        Error::expected(What::Type(self.found()), expected)
    }

    #[cold]
    pub(super) fn no_value_of(self, expected: &dyn Expected) -> Error {
        Error::expected(What::Value(self.found()), expected)
    }
}

/// The first byte, the number that it has or that follows it, and the rest.
#[inline]
fn head(bytes: &[u8]) -> Result<(u8, u64, &[u8]), What> {
    let cut = What::Cut;
    let (first, rest) = bytes.split_first().ok_or(cut)?;
    let (number, rest, fewest) = match first & 0x1f {
        info @ 0..24 => return Ok((*first, info.into(), rest)),
        24 => rest.split_first().map(|(byte, rest)| (u64::from(*byte), rest, 24)).ok_or(cut)?,
        25 => part(rest).map(|(part, rest)| (u16::from_be_bytes(part).into(), rest, 0x100)).ok_or(cut)?,
        26 => part(rest).map(|(part, rest)| (u32::from_be_bytes(part).into(), rest, 0x1_0000)).ok_or(cut)?,
        27 => part(rest).map(|(part, rest)| (u64::from_be_bytes(part), rest, 0x1_0000_0000)).ok_or(cut)?,
        _ => return Err(What::Foreign),
    };
    // any bits are a float
    if number >= fewest || matches!(*first, SINGLE | DOUBLE) { Ok((*first, number, rest)) } else { Err(What::Foreign) }
}

#[inline]
fn part<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk().map(|(part, rest)| (*part, rest))
}

#[inline]
fn split(bytes: &[u8], len: u64) -> Result<(&[u8], &[u8]), What> {
    usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len)).ok_or(What::Cut)
}

#[inline]
fn count(len: u64) -> Result<usize, What> {
    usize::try_from(len).map_err(|_| What::Cut)
}

/// An integer beyond 64 bits, after its tag.
fn big(tag: u8, rest: &[u8]) -> Result<(Item<'_>, &[u8]), What> {
    let (first, len, rest) = head(rest)?;
    let (bytes, rest) = split(rest, len)?;
    if first >> 5 != BYTES || !(9..=16).contains(&bytes.len()) || bytes.first() == Some(&0) {
        return Err(What::Foreign);
    }
    match tag {
        BIG => Ok((Item::Big(bytes), rest)),
        // i128 ends where its sign begins
        _ if bytes.len() < 16 || bytes.first().is_some_and(|first| *first < 0x80) => {
            Ok((Item::BigNegative(bytes), rest))
        }
        _ => Err(What::Foreign),
    }
}

/// The number that these bytes are.
pub(super) fn wide(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}
