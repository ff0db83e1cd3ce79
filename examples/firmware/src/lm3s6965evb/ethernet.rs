//! The ethernet controller. A frame lies in its FIFO behind two bytes of length, and before four of checksum.

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;

use static_cell::ConstStaticCell;

use super::MAC;

/// Bytes of a frame at most, without its checksum: IP's minimum. Larger ones are cut, which the stack then drops; TCP
/// agrees on segments that fit.
const FRAME: usize = 14 + 576;

// offsets of registers
const STATUS: usize = 0x00; // and acknowledge
const INTERRUPTS: usize = 0x04;
const RECEIVE: usize = 0x08;
const TRANSMIT: usize = 0x0c;
const DATA: usize = 0x10;
const ADDRESS: usize = 0x14; // and 0x18
const PACKETS: usize = 0x34;
const REQUEST: usize = 0x38;

const RECEIVED: u32 = 1;

static WAKER: AtomicWaker = AtomicWaker::new();

/// A packet has come: whoever waits for it takes all, and then asks for interrupts again.
pub(crate) extern "C" fn interrupt() {
    MAC.write(INTERRUPTS, 0);
    WAKER.wake();
}

/// The controller and room for a frame each way.
pub(crate) struct Ethernet {
    address: [u8; 6],
    received: &'static mut [u8; FRAME],
    sent: &'static mut [u8; FRAME],
    /// One frame a turn: the tasks that it wakes run before the next one. Otherwise a client that closes its connection and
    /// opens another finds no listening socket yet.
    taken: bool,
}

impl Ethernet {
    /// The controller, switched on; once.
    pub(crate) fn new(address: [u8; 6]) -> Self {
        static FRAMES: ConstStaticCell<[[u8; FRAME]; 2]> = ConstStaticCell::new([[0; FRAME]; 2]);
        let [received, sent] = FRAMES.take();
        let [a, b, c, d, e, f] = address;
        MAC.write(ADDRESS, u32::from_le_bytes([a, b, c, d]));
        MAC.write(ADDRESS + 4, u32::from_le_bytes([e, f, 0, 0]));
        MAC.write(TRANSMIT, 1 | 1 << 1 | 1 << 2 | 1 << 4); // on, padding, checksum, both ways at once
        MAC.write(RECEIVE, 1 | 1 << 4); // on, FIFO empty
        Self { address, received, sent, taken: false }
    }
}

impl Driver for Ethernet {
    type RxToken<'a> = Frame<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, cx: &mut Context) -> Option<(Frame<'_>, Room<'_>)> {
        if core::mem::take(&mut self.taken) {
            cx.waker().wake_by_ref();
            return None;
        }
        WAKER.register(cx.waker());
        if MAC.read(PACKETS) == 0 {
            MAC.write(STATUS, RECEIVED);
            MAC.write(INTERRUPTS, RECEIVED);
            // it may have come before the interrupt was allowed
            if MAC.read(PACKETS) == 0 {
                return None;
            }
        }
        self.taken = true;
        Some((Frame(self.received), Room(self.sent)))
    }

    /// There is always room: a frame is on its way before the next one can be asked for.
    fn transmit(&mut self, _: &mut Context) -> Option<Room<'_>> {
        Some(Room(self.sent))
    }

    fn link_state(&mut self, _: &mut Context) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}

/// The first frame in the FIFO.
pub(crate) struct Frame<'b>(&'b mut [u8; FRAME]);

impl RxToken for Frame<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        let [low, high, first @ ..] = MAC.read(DATA).to_le_bytes();
        let bytes = usize::from(u16::from_le_bytes([low, high]));
        // the rest of the packet is read in any case, or the next one is not found
        let (begin, rest) = self.0.split_at_mut(first.len());
        begin.copy_from_slice(&first);
        let mut places = rest.chunks_mut(4);
        for _ in 1..bytes.div_ceil(4) {
            let word = MAC.read(DATA).to_le_bytes();
            if let Some(place) = places.next() {
                place.copy_from_slice(&word[..place.len()]);
            }
        }
        let frame = bytes.saturating_sub(2 + 4).min(FRAME);
        f(&mut self.0[..frame])
    }
}

/// Room for a frame to send.
pub(crate) struct Room<'b>(&'b mut [u8; FRAME]);

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let frame = &mut self.0[..len];
        let result = f(frame);
        // the length that goes ahead does not count the header's 14 bytes
        let [low, high] = (len.saturating_sub(14) as u16).to_le_bytes();
        let (first, rest) = frame.split_at(2.min(len));
        MAC.write(DATA, u32::from_le_bytes([low, high, first[0], first[1]]));
        for chunk in rest.chunks(4) {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            MAC.write(DATA, u32::from_le_bytes(word));
        }
        MAC.write(REQUEST, 1);
        while MAC.read(REQUEST) & 1 != 0 {}
        result
    }
}
