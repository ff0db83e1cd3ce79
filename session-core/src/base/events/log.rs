//! Events as records of the `log` facade.

use super::event::{Event, Level, Observer};

/// Tells the program's logger, under the target `session`: `session 0a1b2c3d: "ann" signed in`. Without a logger nothing is
/// formatted, nor is the session's name computed. The line of an event that audits need has the subject, in quotes and as the
/// application called it: if that is an address or a name, the log is personal data. It is not hashed, because an audit has to
/// say who it was.
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
