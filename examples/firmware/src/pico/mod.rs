//! Raspberry Pi Pico (RP2040) or Pico 2 (RP2350) with a W5500 for the ethernet, wired as on the W5500-EVB-Pico and
//! W5500-EVB-Pico2.

mod multicast;

use embassy_executor::Spawner;
use embassy_net_wiznet::chip::W5500;
use embassy_net_wiznet::{Device, Runner, State};
use embassy_rp::gpio::{Input, Level, Output, Pull};
use embassy_rp::peripherals::{DMA_CH0, DMA_CH1, SPI0, UART0};
use embassy_rp::spi::{self, Spi};
use embassy_rp::uart::{self, BufferedInterruptHandler, Uart};
use embassy_rp::{bind_interrupts, dma};
use embassy_time::Delay;
use embedded_hal_bus::spi::ExclusiveDevice;
use static_cell::ConstStaticCell;

use crate::app::{spawn, start};
use crate::line::Item;
pub(crate) use crate::rp::{Flash, Lines, Serial, entropy, give_up, lines};
use crate::{console, rp};
use multicast::WithGroups;

pub(crate) type Network = Device<'static>;
type Bus = WithGroups<ExclusiveDevice<Spi<'static, SPI0, spi::Async>, Output<'static>, Delay>>;

/// It has no configuration items of its own.
pub(crate) const ITEMS: [Item; 0] = [];

bind_interrupts!(struct Interrupts {
    DMA_IRQ_0 => dma::InterruptHandler<DMA_CH0>, dma::InterruptHandler<DMA_CH1>;
    UART0_IRQ => BufferedInterruptHandler<UART0>;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let p = embassy_rp::init(embassy_rp::config::Config::default());
    let (serial, lines) = Uart::new_blocking(p.UART0, p.PIN_0, p.PIN_1, uart::Config::default()).split();
    rp::begin(spawner, serial, p.WATCHDOG);
    static LINE: ConstStaticCell<[u8; 96]> = ConstStaticCell::new([0; 96]);
    rp::hear(lines.into_buffered(Interrupts, LINE.take()));
    #[cfg(feature = "pico2")]
    rp::randomness(p.TRNG);
    let (storage, mac) = rp::flash(p.FLASH);
    let mut config = spi::Config::default();
    config.frequency = 50_000_000;
    let spi = Spi::new(p.SPI0, p.PIN_18, p.PIN_19, p.PIN_16, p.DMA_CH0, p.DMA_CH1, Interrupts, config);
    let Ok(bus) = ExclusiveDevice::new(spi, Output::new(p.PIN_17, Level::High), Delay);
    let bus = WithGroups(bus);
    let (interrupt, reset) = (Input::new(p.PIN_21, Pull::Up), Output::new(p.PIN_20, Level::High));
    static STATE: ConstStaticCell<State<4, 4>> = ConstStaticCell::new(State::new());
    let made = embassy_net_wiznet::new(mac, STATE.take(), bus, interrupt, reset).await;
    let Ok((network, wire)) = made else { rp::give_up("no network: the W5500 does not answer") };
    spawn(spawner, ethernet(wire));
    start(spawner, network, console::address(storage), storage);
}

#[embassy_executor::task]
async fn ethernet(wire: Runner<'static, W5500, Bus, Input<'static>, Output<'static>>) -> ! {
    wire.run().await
}
