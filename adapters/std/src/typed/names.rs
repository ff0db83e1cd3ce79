//! The names of entries.

/// The prefix of the keys of all fields, and the key of a value without fields.
pub(super) const KEY: &str = "data";
/// The name of a value that has no fields. The name of a field has a dot before it.
pub(super) const WHOLE: &str = "";
/// The longest name of a field: a key has 64 bytes.
pub(super) const LONGEST_NAME: usize = 64 - KEY.len() - 1;
