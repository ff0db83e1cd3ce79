//! Listener and workers over two network stacks with a wire between them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use embassy_futures::join::join;
use embassy_net::driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_net::tcp::TcpSocket;
use embassy_net::{Config, Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, Instant, MockDriver, Timer};
use picoserve::Router;
use picoserve::routing::get;
use session_device::{Buffers, Held, Listener, PATIENCE, Worker};

/// The clock is that of the process: one test at a time steps it.
static CLOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());

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
    let _clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
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

/// A waker that counts.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A device's listener of so many connections, its network, and the stack of its clients with its own.
fn device<const CONNECTIONS: usize>() -> (Listener<CONNECTIONS>, impl Future, Stack<'static>) {
    let (one, other) = (Frames::default(), Frames::default());
    let (device, device_net) = stack(End { number: 1, comes: one.clone(), goes: other.clone() });
    let (client, client_net) = stack(End { number: 2, comes: other, goes: one });
    let (device_net, client_net) = (Box::leak(Box::new(device_net)), Box::leak(Box::new(client_net)));
    let buffers = Box::leak(Box::new([const { Buffers::<512, 512>::new() }; CONNECTIONS]));
    (Listener::new(device, 80, buffers), join(device_net.run(), client_net.run()), client)
}

/// Polls the device for so long, and returns the workers that are woken.
fn steps<const N: usize>(device: &mut Pin<&mut impl Future>, wakes: &[Arc<Wakes>; N], millis: u64) -> [usize; N] {
    for _ in 0..millis {
        assert!(device.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        MockDriver::get().advance(Duration::from_millis(1));
    }
    wakes.each_ref().map(|wakes| wakes.0.swap(0, Ordering::Relaxed))
}

fn poll_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// EM8: a client whose worker is dropped while it waits is another worker's, in the order in which clients came; workers that
/// wait do not wake each other.
#[test]
fn a_client_waits_for_any_worker_em8() {
    let _clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let (listener, nets, clients) = device::<3>();
    let mut all = pin!(join(nets, listener.accept()));
    let wakes: [Arc<Wakes>; 3] = Default::default();
    let wakers = wakes.clone().map(Waker::from);
    let mut workers: Vec<_> = (0..3).map(|_| Box::pin(listener.client())).collect();
    for _ in 0..5 {
        for (worker, waker) in workers.iter_mut().zip(&wakers) {
            assert!(worker.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
        assert_eq!(steps(&mut all, &wakes, 10), [0; 3], "nobody came");
    }
    let mut asks: Vec<_> = (0..3).map(|_| Box::pin(ask(clients))).collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut woken = [0; 3];
    for ask in &mut asks {
        for _ in 0..20 {
            assert!(ask.as_mut().poll(&mut context).is_pending());
            let now = steps(&mut all, &wakes, 1);
            woken.iter_mut().zip(now).for_each(|(woken, now)| *woken += now);
        }
    }
    assert_eq!(woken, [1; 3], "each once, and none twice");
    // the worker that was woken first goes away, and a new one without a waker of its own comes
    drop(workers.remove(0));
    drop(workers.remove(0));
    let mut order = Vec::new();
    for _ in 0..3 {
        let mut next = Box::pin(listener.client());
        let Poll::Ready(mut client) = next.as_mut().poll(&mut context) else { panic!("a client waits") };
        let mut refuse = Box::pin(async { client.refuse(&"no").await });
        assert!(refuse.as_mut().poll(&mut context).is_ready());
        drop(refuse);
        drop(client);
        for _ in 0..50 {
            steps(&mut all, &wakes, 1);
            for (number, ask) in asks.iter_mut().enumerate() {
                if !order.contains(&number) && ask.as_mut().poll(&mut context).is_ready() {
                    order.push(number);
                }
            }
        }
    }
    assert_eq!(order, [0, 1, 2]);
    assert!(workers[0].as_mut().poll(&mut context).is_pending(), "no client is served twice");
}

/// EM8: a listener that was stopped and started again serves the clients that come then, whatever the others were doing.
#[test]
fn a_listener_that_is_started_again_serves_em8() {
    let _clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let router = Router::new().route("/", get(|| async { "a page" }));
    let chip = Mutex::<NoopRawMutex, ()>::new(());
    let second = Duration::from_secs(1);
    // clients that wait, and those of them that a worker has when the listener stops, and lets go of before or after it starts
    for (waiting, held, early) in
        [(0, 0, false), (1, 0, false), (2, 0, false), (2, 1, false), (2, 2, false), (2, 2, true)]
    {
        let (listener, nets, clients) = device::<2>();
        let mut nets = pin!(nets);
        let mut before = Vec::new();
        {
            let mut all = pin!(join(nets.as_mut(), listener.accept()));
            for _ in 0..waiting {
                let mut ask = Box::pin(ask(clients));
                assert_eq!(until(&mut all, ask.as_mut(), Duration::from_millis(20)), None);
                before.push(ask);
            }
        }
        let mut has: Vec<_> = (0..held).map(|_| poll_once(listener.client())).collect();
        if early {
            has.clear();
        }
        drop(before);
        let work = async {
            for client in has {
                Timer::after(second).await;
                drop(client);
            }
            let mut worker = Worker::<1024>::new();
            loop {
                let mut client = listener.client().await;
                let _ = worker.serve(&mut client, &router, &chip).await;
            }
        };
        let mut all = pin!(join(nets, join(listener.accept(), work)));
        // both connections are as good as new once their clients had time to leave
        assert_eq!(until(&mut all, pin!(std::future::pending::<()>()), Duration::from_secs(30)), None);
        for _ in 0..3 {
            let both = join(ask(clients), ask(clients));
            let (one, other) =
                until(&mut all, pin!(both), second).unwrap_or_else(|| panic!("{waiting} {held} {early}"));
            assert!(one.ends_with("a page") && other.ends_with("a page"), "{waiting} {held} {early}: {one} {other}");
        }
    }
}
