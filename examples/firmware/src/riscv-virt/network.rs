//! virtio's network as a driver for embassy.

#![allow(unsafe_code)] // buffers that the device writes

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;
use static_cell::ConstStaticCell;
use virtio_drivers::device::net::VirtIONetRaw;
use virtio_drivers::transport::mmio::MmioTransport;

use super::{interrupts, virtio};

/// Bytes of a frame that we send at most, without its checksum: IP's minimum. TCP agrees on segments that fit.
const FRAME: usize = 14 + 576;
/// Bytes that the device wants for a frame, with its header.
const RECEIVED: usize = 1526;
const BUFFERS: usize = 2;

type Device = VirtIONetRaw<virtio::Memory, MmioTransport<'static>, 4>;

static WAKER: AtomicWaker = AtomicWaker::new();

/// A packet has come: whoever waits for it takes all, and then asks for interrupts again.
pub(crate) fn interrupt() {
    WAKER.wake();
}

/// The device, with a buffer for each frame that it may write meanwhile.
pub(crate) struct Network {
    device: Device,
    interrupt: usize,
    buffers: [Buffer; BUFFERS],
    /// The buffer whose frame is being looked at.
    looked_at: Option<usize>,
    sent: &'static mut [u8; FRAME],
}

struct Buffer {
    bytes: &'static mut [u8; RECEIVED],
    /// While the device has it.
    token: Option<u16>,
}

impl Network {
    /// The device in this slot, switched on; once.
    pub(crate) fn new((transport, interrupt): (MmioTransport<'static>, usize)) -> Option<Self> {
        static BYTES: ConstStaticCell<[[u8; RECEIVED]; BUFFERS]> = ConstStaticCell::new([[0; RECEIVED]; BUFFERS]);
        static SENT: ConstStaticCell<[u8; FRAME]> = ConstStaticCell::new([0; FRAME]);
        let device = Device::new(transport).ok()?;
        let buffers = BYTES.take().each_mut().map(|bytes| Buffer { bytes, token: None });
        let mut network = Self { device, interrupt, buffers, looked_at: None, sent: SENT.take() };
        (0..BUFFERS).for_each(|buffer| network.lend(buffer));
        Some(network)
    }

    /// Lends a buffer to the device.
    fn lend(&mut self, buffer: usize) {
        let Buffer { bytes, token } = &mut self.buffers[buffer];
        // SAFETY: nobody looks at it until `take`
        *token = unsafe { self.device.receive_begin(&mut bytes[..]) }.ok();
    }

    /// Takes the next frame: its buffer, and where it is in it.
    fn take(&mut self) -> Option<(usize, usize, usize)> {
        let token = self.device.poll_receive()?;
        let buffer = self.buffers.iter().position(|buffer| buffer.token == Some(token))?;
        self.buffers[buffer].token = None;
        // SAFETY: it is the buffer that this token was given for
        let taken = unsafe { self.device.receive_complete(token, &mut self.buffers[buffer].bytes[..]) };
        let (header, len) = taken.unwrap_or((0, 0));
        Some((buffer, header, header + len))
    }
}

impl Driver for Network {
    type RxToken<'a> = Frame<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, cx: &mut Context) -> Option<(Frame<'_>, Room<'_>)> {
        if let Some(buffer) = self.looked_at.take() {
            self.lend(buffer);
            // one frame a turn: the tasks that it wakes run before the next one. Otherwise a client that closes its
            // connection and opens another finds no listening socket yet
            cx.waker().wake_by_ref();
            return None;
        }
        WAKER.register(cx.waker());
        let mut taken = self.take();
        if taken.is_none() {
            self.device.ack_interrupt();
            interrupts::allow(self.interrupt);
            // it may have come before the interrupt was allowed
            taken = self.take();
        }
        let (buffer, from, to) = taken?;
        self.looked_at = Some(buffer);
        let frame = self.buffers[buffer].bytes.get_mut(from..to).unwrap_or_default();
        Some((Frame(frame), Room { device: &mut self.device, bytes: self.sent }))
    }

    /// There is always room: a frame is on its way before the next one can be asked for.
    fn transmit(&mut self, _: &mut Context) -> Option<Room<'_>> {
        Some(Room { device: &mut self.device, bytes: self.sent })
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
        HardwareAddress::Ethernet(self.device.mac_address())
    }
}

/// A frame that has come.
pub(crate) struct Frame<'b>(&'b mut [u8]);

impl RxToken for Frame<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Room for a frame to send.
pub(crate) struct Room<'b> {
    device: &'b mut Device,
    bytes: &'b mut [u8; FRAME],
}

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let frame = &mut self.bytes[..len];
        let result = f(frame);
        // a frame that is lost is sent again by whoever misses it
        let _ = self.device.send(frame);
        result
    }
}
