//! Events as records of the `log` crate.

use super::event::{Event, Level, Observer};

/// Reports events to the program's `log` logger under the target `session`, such as `session 0a1b2c3d: "ann" signed
/// in`.
///
/// Without a logger nothing is formatted and no hash is computed. Events that an audit needs include the subject, in
/// quotes and exactly as the application passed it, because an audit must name the account. If subjects are names or
/// addresses, the log contains personal data.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl Observer for Log {
    fn observe(&self, event: &Event<'_>) {
        let level = match event.level() {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
        };
        log::log!(target: "session", level, "{event}");
    }

    fn observe_excess(&self, _: &Event<'_>) {}
}
