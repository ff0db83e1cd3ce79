//! Listener and workers over two network stacks with a wire between them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use embassy_futures::join::join;
use embassy_net::driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_net::tcp::TcpSocket;
use embassy_net::{Config, Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, Instant, MockDriver};
use picoserve::Router;
use picoserve::routing::get;
use session_device::{Buffers, Held, Listener, PATIENCE, Worker};

type Frames = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// One end of the wire.
struct End {
    number: u8,
    comes: Frames,
    goes: Frames,
}

struct Came(Vec<u8>);
struct Goes(Frames);

impl RxToken for Came {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, f: F) -> R {
        f(&mut self.0)
    }
}

impl TxToken for Goes {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.borrow_mut().push_back(frame);
        result
    }
}

impl Driver for End {
    type RxToken<'a> = Came;
    type TxToken<'a> = Goes;

    fn receive(&mut self, _: &mut Context<'_>) -> Option<(Came, Goes)> {
        let frame = self.comes.borrow_mut().pop_front()?;
        Some((Came(frame), Goes(self.goes.clone())))
    }

    fn transmit(&mut self, _: &mut Context<'_>) -> Option<Goes> {
        Some(Goes(self.goes.clone()))
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet([2, 0, 0, 0, 0, self.number])
    }
}

fn stack(end: End) -> (Stack<'static>, Runner<'static, End>) {
    let address = Ipv4Cidr::new(Ipv4Address::new(10, 0, 0, end.number), 24);
    let config = StaticConfigV4 { address, gateway: None, dns_servers: Default::default() };
    let seed = u64::from(end.number);
    embassy_net::new(end, Config::ipv4_static(config), Box::leak(Box::new(StackResources::<8>::new())), seed)
}

/// Asks for a page, and returns the whole answer.
async fn ask(stack: Stack<'static>) -> String {
    let (mut received, mut sent) = ([0; 1024], [0; 1024]);
    let mut socket = TcpSocket::new(stack, &mut received, &mut sent);
    socket.connect((Ipv4Address::new(10, 0, 0, 1), 80)).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: device\r\nConnection: close\r\n\r\n";
    assert_eq!(socket.write(request).await, Ok(request.len()));
    let (mut answer, mut bytes) = (String::new(), [0; 256]);
    loop {
        match socket.read(&mut bytes).await.unwrap() {
            0 => {
                socket.close();
                let _ = socket.flush().await;
                return answer;
            }
            read => answer.push_str(std::str::from_utf8(&bytes[..read]).unwrap()),
        }
    }
}

/// Polls both as time goes by, until the second is done, for so long at most.
fn until<T>(
    device: &mut Pin<&mut impl Future>,
    mut client: Pin<&mut impl Future<Output = T>>,
    most: Duration,
) -> Option<T> {
    let (end, context) = (Instant::now() + most, &mut Context::from_waker(Waker::noop()));
    while Instant::now() < end {
        assert!(device.as_mut().poll(context).is_pending());
        if let Poll::Ready(answer) = client.as_mut().poll(context) {
            return Some(answer);
        }
        MockDriver::get().advance(Duration::from_millis(1));
    }
    None
}

/// EM8: while another task holds the flash a request waits, or is answered 503, and the device goes on.
#[test]
fn a_worker_waits_for_the_flash_and_the_device_goes_on_em8() {
    let (one, other) = (Frames::default(), Frames::default());
    let (device, mut device_net) = stack(End { number: 1, comes: one.clone(), goes: other.clone() });
    let (client, mut client_net) = stack(End { number: 2, comes: other, goes: one });
    let listener = Listener::<3>::new(device, 80, Box::leak(Box::new([const { Buffers::<512, 512>::new() }; 3])));
    let chip = Mutex::<NoopRawMutex, ()>::new(());
    let router = Router::new().route("/", get(|| async { "a page" }));
    let refused = Cell::new(0);
    let work = async || {
        let mut worker = Worker::<1024>::new();
        loop {
            let mut client = listener.client().await;
            if worker.serve(&mut client, &router, &chip).await == Err(Held) {
                refused.set(refused.get() + 1);
            }
        }
    };
    let nets = join(device_net.run(), client_net.run());
    let mut all = pin!(join(nets, join(listener.accept(), join::<_, _>(work(), work()))));
    let second = Duration::from_secs(1);

    let answer = until(&mut all, pin!(ask(client)), second).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("a page"), "{answer}");

    let update = chip.try_lock().unwrap();
    let mut waits = pin!(ask(client));
    assert_eq!(until(&mut all, waits.as_mut(), second), None);
    drop(update);
    let answer = until(&mut all, waits, second).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("a page"), "{answer}");

    let update = chip.try_lock().unwrap();
    let began = Instant::now();
    let answer = until(&mut all, pin!(ask(client)), PATIENCE + second).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("another task holds the flash"), "{answer}");
    assert!(began.elapsed() >= PATIENCE);
    assert_eq!(refused.get(), 1, "and the device's log can tell");
    drop(update);
    let answer = until(&mut all, pin!(ask(client)), second).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
