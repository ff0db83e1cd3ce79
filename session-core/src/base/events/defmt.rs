//! Events as `defmt` frames: a few bytes each on the device, which the host turns into text.

use defmt::{Display2Format, Formatter, debug, info, warn, write};

use super::event::{Event, Level, LogId, Observer};

/// Reports events to the program's `defmt` logger, such as "session 0a1b2c3d: logged_in".
///
/// `DEFMT_LOG` selects the level at compile time. If it is unset, the level is `error` and nothing is reported. Events
/// below the level take no code. The program must provide the logger, otherwise it does not link.
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
