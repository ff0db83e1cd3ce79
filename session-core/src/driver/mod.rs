//! The only code that calls a store. A mode says where sessions are kept; each mode is one file and works on the context
//! that all of an application's requests share. `sessions` carries a request's verbs through, `subjects` those that concern
//! all sessions of one subject; `look` looks at a session after its request.

pub(crate) mod context;
pub(crate) mod device;
pub(crate) mod dynamic;
pub(crate) mod look;
pub(crate) mod mode;
pub(crate) mod sealed;
pub(crate) mod sessions;
pub(crate) mod stored;
pub(crate) mod subjects;
