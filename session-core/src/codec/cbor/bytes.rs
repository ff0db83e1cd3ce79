//! The first bytes of items.

pub(super) const UNSIGNED: u8 = 0;
pub(super) const NEGATIVE: u8 = 1;
pub(super) const BYTES: u8 = 2;
pub(super) const TEXT: u8 = 3;
pub(super) const LIST: u8 = 4;
pub(super) const MAP: u8 = 5;

/// Before a null that is `Some`.
pub(super) const SOME: u8 = 0xc6;
/// Before the bytes of an integer that does not fit into 64 bits.
pub(super) const BIG: u8 = 0xc2;
/// Before the bytes of a negative one.
pub(super) const BIG_NEGATIVE: u8 = 0xc3;
pub(super) const FALSE: u8 = 0xf4;
pub(super) const TRUE: u8 = 0xf5;
pub(super) const NULL: u8 = 0xf6;
pub(super) const SINGLE: u8 = 0xfa;
pub(super) const DOUBLE: u8 = 0xfb;
