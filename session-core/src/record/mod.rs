//! The bytes that a store keeps: the layout of a record, the typed values in its data, and the list of what a request
//! read and changed, which is enough to apply the changes to a newer record.

pub(crate) mod changes;
pub(crate) mod layout;
pub(crate) mod values;

pub use layout::{
    CREATED_AT, ENDS_AT, FORMAT, IDLE_AT, LAST_SEEN_AT, LOGIN_AT, LONGEST_HEAD, MIN_LEN, STAMP_LEN, SUBJECT, Stamp,
    VERSION_AT,
};
