//! The only code that calls a store. A mode determines where sessions are kept. Each mode is one file and works on the
//! context that all requests of an application share. `sessions` runs a request's operations, `subjects` those that
//! concern all sessions of one subject, and `look` looks at a session after its request.

pub(crate) mod context;
pub(crate) mod device;
pub(crate) mod dynamic;
pub(crate) mod look;
pub(crate) mod mode;
pub(crate) mod sealed;
pub(crate) mod sessions;
pub(crate) mod stored;
pub(crate) mod subjects;
