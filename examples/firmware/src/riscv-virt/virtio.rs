//! The network and the source of randomness, both virtio devices: memory that they share with us, and where they are.

#![allow(unsafe_code)] // memory that devices write

use core::cell::{Cell, UnsafeCell};
use core::ptr::{self, NonNull};

use critical_section::Mutex;
use session_core::hash::sha256;
use virtio_drivers::device::rng::VirtIORng;
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// Where the devices are, and how many there may be.
const SLOTS: usize = 0x1000_1000;
const SLOT: usize = 0x1000;
const COUNT: usize = 8;

/// Two queues of the network, two pages each. The source of randomness is asked once, before, and gives its pages back.
const PAGES: usize = 4;

#[repr(align(4096))]
struct Pages(UnsafeCell<[u8; PAGES * PAGE_SIZE]>);

// SAFETY: what is inside is reached through `Memory` alone, which gives each page to one owner
unsafe impl Sync for Pages {}

static POOL: Pages = Pages(UnsafeCell::new([0; PAGES * PAGE_SIZE]));
static TAKEN: Mutex<Cell<[bool; PAGES]>> = Mutex::new(Cell::new([false; PAGES]));

/// Memory for virtio's queues.
pub(crate) struct Memory;

// SAFETY: pages are aligned as `Pages` is, zeroed, and given to one owner at a time. Addresses are the same on both sides
// of the bus, and caches there are none.
unsafe impl Hal for Memory {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let first = critical_section::with(|cs| {
            let mut taken = TAKEN.borrow(cs).get();
            let first = taken.windows(pages).position(|run| run.iter().all(|taken| !taken));
            let first = first.expect("as many queues as there is memory for");
            taken.iter_mut().skip(first).take(pages).for_each(|taken| *taken = true);
            TAKEN.borrow(cs).set(taken);
            first
        });
        // SAFETY: inside of the pool, as all that is found there
        let start = unsafe { POOL.0.get().cast::<u8>().add(first * PAGE_SIZE) };
        // SAFETY: these pages are nobody's
        unsafe { ptr::write_bytes(start, 0, pages * PAGE_SIZE) };
        (start as PhysAddr, NonNull::new(start).expect("memory does not begin at zero"))
    }

    unsafe fn dma_dealloc(paddr: PhysAddr, _: NonNull<u8>, pages: usize) -> i32 {
        let first = (paddr as usize - POOL.0.get() as usize) / PAGE_SIZE;
        critical_section::with(|cs| {
            let mut taken = TAKEN.borrow(cs).get();
            taken.iter_mut().skip(first).take(pages).for_each(|taken| *taken = false);
            TAKEN.borrow(cs).set(taken);
        });
        0
    }

    unsafe fn mmio_phys_to_virt(paddr: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(paddr as *mut u8).expect("only PCI asks for this")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

static SEED: Mutex<Cell<Option<[u8; 32]>>> = Mutex::new(Cell::new(None));

/// Finds the network and its interrupt's number, and asks the source of randomness for a seed if there is one; once.
pub(crate) fn find() -> Option<(MmioTransport<'static>, usize)> {
    let mut network = None;
    for slot in 0..COUNT {
        let header = NonNull::new((SLOTS + slot * SLOT) as *mut VirtIOHeader)?;
        // SAFETY: the board has these slots, and nobody else touches them
        let Ok(transport) = (unsafe { MmioTransport::new(header, SLOT) }) else { continue };
        match transport.device_type() {
            DeviceType::Network => network = Some((transport, slot + 1)),
            DeviceType::EntropySource => seed(transport),
            _ => {}
        }
    }
    network
}

fn seed(transport: MmioTransport<'static>) {
    let mut bytes = [0; 32];
    let asked = VirtIORng::<Memory, _>::new(transport).and_then(|mut source| source.request_entropy(&mut bytes));
    if asked == Ok(bytes.len()) {
        critical_section::with(|cs| SEED.borrow(cs).set(Some(bytes)));
    }
}

/// Fresh random bytes, drawn from the seed; `None` if there was no source of it.
pub(crate) fn entropy() -> Option<[u8; 32]> {
    critical_section::with(|cs| {
        let seed = SEED.borrow(cs).get()?;
        let draw = |what: &[u8]| sha256(&[&seed, what]);
        SEED.borrow(cs).set(Some(draw(b"the next seed")));
        Some(draw(b"for whoever asks"))
    })
}
