//! Events as `defmt` frames, which a host puts into words: a few bytes each on the device.

use defmt::{Display2Format, Formatter, debug, info, warn, write};

use super::event::{Event, Level, LogId, Observer};

/// Tells the program's `defmt` logger: "session 0a1b2c3d: logged_in". The level is chosen when the program is compiled,
/// by `DEFMT_LOG`: unset it is `error`, and nothing is told; what is left out takes no code. The program brings the logger;
/// without one it does not link.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defmt;

impl Observer for Defmt {
    fn observe(&self, event: &Event<'_>) {
        match event.level() {
            Level::Debug => debug!("{}", event),
            Level::Info => info!("{}", event),
            Level::Warn => warn!("{}", event),
        }
    }
}

impl defmt::Format for LogId {
    fn format(&self, to: Formatter<'_>) {
        write!(to, "{=u32:08x}", u32::from_be_bytes(self.hash()));
    }
}

impl defmt::Format for Event<'_> {
    fn format(&self, to: Formatter<'_>) {
        match (self.log_id(), self.reason()) {
            (Some(id), _) => write!(to, "session {}: {=str}", id, self.name()),
            (None, Some(why)) => write!(to, "session store failed: {}", Display2Format(&why)),
            (None, None) => write!(to, "session: {=str}", self.name()),
        }
    }
}
