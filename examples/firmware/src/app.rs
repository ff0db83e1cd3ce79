//! The program: mounts the flash, serves six connections, persists the time.

use core::fmt::Write;
use core::time::Duration;

use device_ui::{Data, Device, Keeper, Limits, NotKept};
use embassy_executor::{Executor, Spawner};
use embassy_net::{Config, Runner, Stack, StackResources};
use embassy_time::Timer;
use rand_core::TryRng;
use session_core::environment::{Clock as _, EmbassyClock, Time};
use session_picoserve::policy::{Lifetimes, PlainCookie, Policy};
use session_picoserve::{Keys, Pool, Sessions};
use session_store_flash::{Contents, FlashError, FlashStore, PersistedClock, WithoutPower};
use static_cell::StaticCell;

use crate::board::{Flash, Network, Serial};
use crate::random::Random;

/// Connections at once: a browser opens six.
const CONNECTIONS: usize = 2;
/// Sessions at once, and bytes of each.
const SESSIONS: usize = 16;
const RECORD: usize = 256;
/// Bytes of a request's head and body.
const REQUEST: usize = 2048;
/// Bytes under way on a connection, in and out.
const RECEIVED: usize = 1024;
const SENT: usize = 1024;
/// Where the device's data is in the flash.
const DATA: usize = 0;

type Store = FlashStore<Flash, SESSIONS, RECORD>;
type Clock = PersistedClock<EmbassyClock>;
type Requests = Pool<&'static Store, &'static Clock, Random, (), CONNECTIONS, RECORD>;

/// Runs it all.
pub(crate) fn run(network: Network, flash: Flash) -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    static RESOURCES: StaticCell<StackResources<{ CONNECTIONS + 1 }>> = StaticCell::new();
    static STORE: StaticCell<Store> = StaticCell::new();
    // without entropy, TCP's sequence numbers can be guessed; sessions are refused
    let seed = Random::default().try_next_u64().unwrap_or_default();
    let config = Config::dhcpv4(embassy_net::DhcpConfig::default());
    let (stack, runner) = embassy_net::new(network, config, RESOURCES.init(StackResources::new()), seed);
    let store = STORE.init(FlashStore::new(flash));
    EXECUTOR.init(Executor::new()).run(|spawner| {
        spawner.spawn(net(runner).expect("spawned once"));
        spawner.spawn(boot(spawner, stack, store).expect("spawned once"));
    })
}

#[embassy_executor::task]
async fn net(mut runner: Runner<'static, Network>) -> ! {
    runner.run().await
}

#[embassy_executor::task]
async fn boot(spawner: Spawner, stack: Stack<'static>, store: &'static Store) {
    static CLOCK: StaticCell<Clock> = StaticCell::new();
    static POOL: StaticCell<Requests> = StaticCell::new();
    static DEVICE: StaticCell<Device<InFlash>> = StaticCell::new();
    let Ok((clock, data, mut random)) = open(store).await else { return };
    let clock = CLOCK.init(clock);
    random.mix_in(&data.key, clock.now().millis());
    let limits = Limits { rounds: 2_000, ..Limits::default() };
    let lifetimes = Lifetimes { idle: Some(limits.idle), ..Lifetimes::DEFAULT };
    let Ok(keys) = Keys::new(&data.key) else { return };
    let Ok(policy) = Policy::plain_http(PlainCookie::new(), lifetimes) else { return };
    let pool = POOL.init(Pool::new(Sessions::new(store, clock, &keys, policy), random));
    let device = DEVICE.init(Device::new(data, InFlash { store, clock }, limits, sensor, clock.now()));
    stack.wait_config_up().await;
    for _ in 0..CONNECTIONS {
        spawner.spawn(web(stack, pool, device).expect("as many as there is room for"));
    }
    Timer::after_millis(1).await;
    let _ = writeln!(Serial, "up");
    loop {
        Timer::after_secs(10).await;
        let _ = clock.persist(store).await;
    }
}

async fn open(store: &Store) -> Result<(Clock, Data, Random), FlashError> {
    let clock = PersistedClock::resume(EmbassyClock, store, WithoutPower::Free).await?;
    let mut buffer = [0; Data::LEN];
    let mut random = Random::default();
    let data = match store.kept(DATA, &mut buffer).await? {
        Some(bytes) => Data::decode(bytes).expect("TODO"),
        None => {
            let (mut key, mut salt) = ([0; 32], [0; 16]);
            random.try_fill_bytes(&mut key).expect("TODO");
            random.try_fill_bytes(&mut salt).expect("TODO");
            let data = Data::new(key, salt);
            store.keep(DATA, data.encode(&mut buffer).expect("TODO"), clock.now()).await?;
            data
        }
    };
    Ok((clock, data, random))
}

#[embassy_executor::task(pool_size = CONNECTIONS)]
async fn web(stack: Stack<'static>, pool: &'static Requests, device: &'static Device<InFlash>) {
    const CONFIG: picoserve::Config = picoserve::Config::const_default().keep_connection_alive();
    let router = device_ui::router(pool, device);
    let (mut request, mut received, mut sent) = ([0; REQUEST], [0; RECEIVED], [0; SENT]);
    let server = picoserve::Server::new(&router, &CONFIG, &mut request);
    server.listen_and_serve("web", stack, 80, &mut received, &mut sent).await;
}

/// Keeps the device's data in the flash.
struct InFlash {
    store: &'static Store,
    clock: &'static Clock,
}

impl Keeper for InFlash {
    async fn keep(&self, data: &Data) -> Result<(), NotKept> {
        let mut buffer = [0; Data::LEN];
        let bytes = data.encode(&mut buffer).ok_or(NotKept)?;
        self.store.keep(DATA, bytes, self.clock.now()).await.map_err(|_| NotKept)
    }
}

/// Somewhere between 20 and 24 °C: the board has no sensor.
fn sensor(now: Time) -> i16 {
    let phase = (now.millis() / 1_000 % 80) as i16;
    200 + if phase < 40 { phase } else { 80 - phase }
}
