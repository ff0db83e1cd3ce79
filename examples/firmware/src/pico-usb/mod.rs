//! A bare Raspberry Pi Pico (RP2040): its network is the USB cable (CDC-NCM), at whose other end is one computer. So is its
//! serial line (CDC-ACM).

use core::fmt::{self, Write};
use core::net::Ipv4Addr;

use embassy_executor::Spawner;
use embassy_net::{Config, Ipv4Cidr, StaticConfigV4};
use embassy_rp::bind_interrupts;
use embassy_rp::peripherals::USB;
use embassy_rp::uart::UartTx;
use embassy_rp::usb::{Driver, InterruptHandler};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_time::Timer;
use embassy_usb::class::cdc_acm::{self, CdcAcmClass};
use embassy_usb::class::cdc_ncm::embassy_net::{Device, Runner, State as Frames};
use embassy_usb::class::cdc_ncm::{CdcNcmClass, State};
use embassy_usb::{Builder, UsbDevice};
use static_cell::{ConstStaticCell, StaticCell};

use crate::app::{spawn, start};
pub(crate) use crate::rp::{Flash, entropy};
use crate::{dhcp, rp};

/// Room for a frame: all that fits in a block on the cable (2,048 bytes with its head). A frame has at most 1,514 bytes,
/// but the driver does not check what the computer sends, and panics if a frame is longer than its room.
const FRAME: usize = 2048;
/// The device's address. The computer gets the next one.
const OURS: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 1);
/// Numbers that anybody may try things out with (pid.codes). A product has its own.
const TRIAL: (u16, u16) = (0x1209, 0x0001);

pub(crate) type Network = Device<'static, FRAME>;
type Port = Driver<'static, USB>;

bind_interrupts!(struct Interrupts {
    USBCTRL_IRQ => InterruptHandler<USB>;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let p = embassy_rp::init(embassy_rp::config::Config::default());
    rp::begin(spawner, UartTx::new_blocking(p.UART0, p.PIN_0, Default::default()), p.WATCHDOG);
    let (storage, mac) = rp::flash(p.FLASH);
    let mut computers = mac;
    computers[5] ^= 1;
    static DESCRIPTORS: ConstStaticCell<[u8; 192]> = ConstStaticCell::new([0; 192]);
    static CAPABILITIES: ConstStaticCell<[u8; 32]> = ConstStaticCell::new([0; 32]);
    static CONTROL: ConstStaticCell<[u8; 64]> = ConstStaticCell::new([0; 64]);
    static STATE: StaticCell<State<'_>> = StaticCell::new();
    static LINE: StaticCell<cdc_acm::State<'_>> = StaticCell::new();
    static FRAMES: ConstStaticCell<Frames<FRAME, 2, 3>> = ConstStaticCell::new(Frames::new());
    let mut config = embassy_usb::Config::new(TRIAL.0, TRIAL.1);
    config.product = Some("device");
    let port = Driver::new(p.USB, Interrupts);
    let mut usb = Builder::new(port, config, DESCRIPTORS.take(), CAPABILITIES.take(), &mut [], CONTROL.take());
    let class = CdcNcmClass::new(&mut usb, STATE.init(State::new()), computers, 64);
    spawn(spawner, terminal(CdcAcmClass::new(&mut usb, LINE.init(cdc_acm::State::new()), 64)));
    let (cable, network) = class.into_embassy_net_device(FRAMES.take(), mac);
    spawn(spawner, plug(usb.build()));
    spawn(spawner, frames(cable));
    let address = StaticConfigV4 { address: Ipv4Cidr::new(OURS, 24), gateway: None, dns_servers: Default::default() };
    let stack = start(spawner, network, Config::ipv4_static(address), storage);
    spawn(spawner, dhcp::serve(stack, OURS));
}

#[embassy_executor::task]
async fn plug(mut usb: UsbDevice<'static, Port>) -> ! {
    usb.run().await
}

#[embassy_executor::task]
async fn frames(cable: Runner<'static, Port, FRAME>) -> ! {
    cable.run().await
}

/// What was said, until the computer opens a terminal.
static SAID: Pipe<CriticalSectionRawMutex, 256> = Pipe::new();

#[embassy_executor::task]
async fn terminal(mut line: CdcAcmClass<'static, Port>) -> ! {
    let mut piece = [0; 63]; // less than a packet, so that nothing has to follow it
    loop {
        line.wait_connection().await;
        while !line.dtr() {
            Timer::after_millis(100).await;
        }
        let length = SAID.read(&mut piece).await;
        let _ = line.write_packet(&piece[..length]).await;
    }
}

/// UART 0, and the cable.
pub(crate) struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let _ = SAID.try_write(text.as_bytes());
        rp::Serial.write_str(text)
    }
}
