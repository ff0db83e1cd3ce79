//! What an operator may want to know: one observer, called where it happens, without a heap and without a secret (LC13).
//!
//! | event | level | when |
//! | --- | --- | --- |
//! | `created` | debug | a session was stored for the first time |
//! | `renewed` `rotated` | debug | its cookie value was changed, by age or by `rotate` |
//! | `logged_in` | info | a subject signed in |
//! | `ended` `revoked` | info | it was ended by its logout, or from elsewhere |
//! | `expired` | debug | its cookie came after its end |
//! | `unknown` | debug | a cookie of ours came whose session is not there any more |
//! | `forged` | warn | a cookie came that is not signed by us |
//! | `late` `superseded` | warn | a cookie came that had been replaced |
//! | `mismatch` | warn | a request came from elsewhere than its session was bound to |
//! | `garbled` | warn | the store held something else under the session's key |
//! | `unreadable` | warn | a stored value cannot be read as the type that the program asked for |
//! | `conflict` | info | a change was refused (409), for another request had made one |
//! | `store_failed` | warn | the store failed, and said why |
//! | `store_warned` | warn | the store works, and something of it should be looked at |
//! | `entropy_failed` | warn | there were no random numbers |
//!
//! Ready observers, each a feature: [`Log`] (`log`) and [`Defmt`] (`defmt`) here, `Tracing` and `Metrics` in the adapters for
//! servers. They say the event's name, its level and the session's [`LogId`], never a cookie. A pair of observers is one:
//! `observed((Log, Counter))`.

#[cfg(feature = "defmt")]
mod defmt;
mod event;
#[cfg(feature = "log")]
mod log;

#[cfg(feature = "defmt")]
pub use self::defmt::Defmt;
pub use self::event::{Event, Level, LogId, Observer};
#[cfg(feature = "log")]
pub use self::log::Log;
