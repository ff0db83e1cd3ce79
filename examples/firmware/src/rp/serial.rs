//! UART 0.

use core::cell::RefCell;
use core::fmt::{self, Write};

use embassy_rp::uart::{self, UartTx};
use embassy_sync::blocking_mutex::CriticalSectionMutex;

static SERIAL: CriticalSectionMutex<RefCell<Option<UartTx<'static, uart::Blocking>>>> =
    CriticalSectionMutex::new(RefCell::new(None));

/// From now on the line can be written to.
pub(super) fn open(line: UartTx<'static, uart::Blocking>) {
    SERIAL.lock(|place| place.replace(Some(line)));
}

/// UART 0, at pin 0: 115,200 baud.
pub(crate) struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        SERIAL.lock(|line| line.borrow_mut().as_mut().map(|line| line.blocking_write(text.as_bytes())));
        Ok(())
    }
}

/// What comes on UART 0, at pin 1.
#[cfg(feature = "console")]
pub(crate) struct Lines(uart::BufferedUartRx);

#[cfg(feature = "console")]
impl Lines {
    /// The next byte. What the line garbled is left out.
    pub(crate) async fn byte(&mut self) -> u8 {
        let mut byte = [0];
        while !matches!(embedded_io_async::Read::read(&mut self.0, &mut byte).await, Ok(1)) {}
        byte[0]
    }
}

#[cfg(feature = "console")]
static LINES: CriticalSectionMutex<RefCell<Option<Lines>>> = CriticalSectionMutex::new(RefCell::new(None));

/// Where lines come from.
#[cfg(feature = "console")]
pub(crate) fn hear(line: uart::BufferedUartRx) {
    LINES.lock(|place| place.replace(Some(Lines(line))));
}

/// The lines, for the first who asks.
#[cfg(feature = "console")]
pub(crate) fn lines() -> Option<Lines> {
    LINES.lock(|place| place.take())
}
