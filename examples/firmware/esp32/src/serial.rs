//! Lines that come over the USB cable or over UART 0, whichever the board has: with both, what comes over either.

use core::cell::RefCell;

use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::CriticalSectionMutex;
use embedded_io_async::Read;
use esp_hal::Async;
use esp_hal::gpio::AnyPin;
use esp_hal::peripherals::{UART0, USB_DEVICE};
use esp_hal::uart::{Config, UartRx};
use esp_hal::usb::usb_serial_jtag::{UsbSerialJtag, UsbSerialJtagRx};

/// What comes.
pub(crate) struct Lines {
    cable: UsbSerialJtagRx<'static, Async>,
    line: Option<UartRx<'static, Async>>,
}

impl Lines {
    /// The next byte. What the line garbled is left out.
    pub(crate) async fn byte(&mut self) -> u8 {
        let (mut cable, mut line) = ([0], [0]);
        loop {
            let over_line = async {
                match &mut self.line {
                    Some(line_in) => line_in.read_async(&mut line).await.is_ok(),
                    None => core::future::pending().await,
                }
            };
            match select(self.cable.read(&mut cable), over_line).await {
                Either::First(Ok(1)) => return cable[0],
                Either::Second(true) => return line[0],
                _ => {}
            }
        }
    }
}

/// What has them, until they are asked for.
type Ports = (USB_DEVICE<'static>, UART0<'static>, AnyPin<'static>);
static PORTS: CriticalSectionMutex<RefCell<Option<Ports>>> = CriticalSectionMutex::new(RefCell::new(None));

/// Where lines come from.
pub(crate) fn hear(cable: USB_DEVICE<'static>, line: UART0<'static>, pin: AnyPin<'static>) {
    PORTS.lock(|place| place.replace(Some((cable, line, pin))));
}

/// The lines, for the first who asks.
pub(crate) fn lines() -> Option<Lines> {
    let (cable, line, pin) = PORTS.lock(|place| place.take())?;
    let cable = UsbSerialJtag::new(cable).into_async().split().0;
    let line = UartRx::new(line, Config::default()).ok().map(|line| line.with_rx(pin).into_async());
    Some(Lines { cable, line })
}
