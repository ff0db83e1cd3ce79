//! The program: boots from the flash, lets visitors in, persists the time.

use core::cell::Cell;
use core::fmt::Write;
use core::ops::Range;

use device_ui::flash::{CannotBoot, Flash, Part, Shared};
use device_ui::{Data, Device, Keeper, Limits, NotKept, Possession, SetupCode};
use embassy_executor::{SpawnError, SpawnToken, Spawner};
use embassy_net::{Config, Runner, Stack, StackResources};
use embassy_time::{Instant, Timer};
use session_core::environment::{Clock as _, EmbassyClock, Time};
use session_device::{BlockingFlash, Chip as _, Random, block_on, keep_time};
use session_picoserve::{Keys, Pool, Requests as _, Sessions};
use session_store_flash::{FlashStore, PersistedClock, Usage, WithoutPower};
use static_cell::StaticCell;

use crate::board::{self, Network, Serial};
use crate::listener::{self, CONNECTIONS, WORKERS};

/// Sessions at once, and bytes of each.
const SESSIONS: usize = 16;
const RECORD: usize = 256;
/// Rounds of PBKDF2 (docs/board.md says what they cost).
const ROUNDS: u32 = 2_000;
/// A device without a network says so every ten seconds, that is, each so many looks.
const COMPLAIN: u32 = 2_500;

/// What the device keeps in its flash, and the flash, which other tasks may use as well.
#[derive(Clone, Copy)]
pub(crate) struct Storage {
    pub(crate) memory: &'static Memory,
    pub(crate) chip: &'static Shared<board::Flash>,
}

pub(crate) type Memory = Flash<'static, board::Flash, SESSIONS, RECORD>;
type Store = FlashStore<Part<'static, board::Flash>, SESSIONS, RECORD>;
type Clock = PersistedClock<EmbassyClock>;
type Requests = Pool<BlockingFlash<&'static Store>, Clock, Random, (), WORKERS, RECORD>;

/// What the network needs; it can be read before there is one.
#[cfg(feature = "console")]
pub(crate) type Items = session_device::ConfigItems<RECORD>;

/// Those of the connections, one for the device's own address or the other end's, one for the names of a network, and one for
/// the time of day.
const SOCKETS: usize = CONNECTIONS + 1 + cfg!(feature = "mdns") as usize + cfg!(feature = "console") as usize;

/// What is served.
pub(crate) struct Site {
    pub(crate) pool: Requests,
    pub(crate) device: Device<Own>,
    pub(crate) chip: &'static Shared<board::Flash>,
}

/// The site, or why there is none.
pub(crate) type Booted = Cell<Result<&'static Site, CannotBoot>>;

/// The device's own data in the flash.
#[derive(Clone, Copy)]
pub(crate) struct Own(&'static Memory);

impl Keeper for Own {
    async fn keep(&self, data: &Data) -> Result<(), NotKept> {
        block_on(self.0.keep(data))
    }

    async fn wear(&self, erases: &mut [u32]) -> Option<Usage> {
        block_on(self.0.wear(erases))
    }
}

/// Runs it all on the board's executor. `address` says where the device's address comes from. What is returned is for tasks
/// of the board's own that use its network.
pub(crate) fn start(spawner: Spawner, network: Network, address: Config, storage: Storage) -> Stack<'static> {
    let (stack, runner) = join(network, address);
    spawn(spawner, net(runner));
    spawn(spawner, boot(spawner, stack, storage));
    stack
}

/// Spawns a task, of which there is a place for each.
pub(crate) fn spawn<S>(spawner: Spawner, task: Result<SpawnToken<S>, SpawnError>) {
    match task {
        Ok(task) => spawner.spawn(task),
        Err(_) => no_place(),
    }
}

/// One message for all tasks.
#[cold]
fn no_place() -> ! {
    panic!("more tasks than places")
}

/// What these two build on the stack is not to stay there for the rest of the device's life.
#[inline(never)]
fn join(network: Network, address: Config) -> (Stack<'static>, &'static mut Runner<'static, Network>) {
    static RESOURCES: StaticCell<StackResources<SOCKETS>> = StaticCell::new();
    static RUNNER: StaticCell<Runner<'static, Network>> = StaticCell::new();
    // without entropy TCP's numbers can be guessed; sessions are refused then
    let seed = board::entropy().and_then(|bytes| bytes.first_chunk().copied()).map_or(0, u64::from_le_bytes);
    let (stack, runner) = embassy_net::new(network, address, RESOURCES.init(StackResources::new()), seed);
    (stack, RUNNER.init(runner))
}

impl Storage {
    /// The device has this part of the flash, to which nothing was done yet. Before there is a network, a board may read
    /// from it what that needs.
    #[inline(never)]
    pub(crate) fn new(chip: &'static Shared<board::Flash>, part: Range<u32>) -> Self {
        static MEMORY: StaticCell<Memory> = StaticCell::new();
        Self { memory: MEMORY.init(Flash::new(chip, part)), chip }
    }
}

#[embassy_executor::task]
async fn net(runner: &'static mut Runner<'static, Network>) -> ! {
    runner.run().await
}

/// A device whose flash does not answer says so to every client, and tries again.
#[embassy_executor::task]
async fn boot(spawner: Spawner, stack: Stack<'static>, storage: Storage) {
    static BOOTED: StaticCell<Booted> = StaticCell::new();
    let booted = BOOTED.init(Cell::new(site(storage)));
    let mounted = millis();
    // a network without a DHCP server is told here what it needs
    #[cfg(feature = "console")]
    if let Ok(site) = booted.get() {
        crate::console::begin(spawner, stack, storage, site);
    }
    let mut waits = 0_u32;
    while !(stack.is_link_up() && stack.is_config_up()) {
        Timer::after_millis(4).await;
        waits += 1;
        if waits.is_multiple_of(COMPLAIN) {
            let why = if stack.is_link_up() { "no address: no DHCP server answers" } else { "no link" };
            let _ = writeln!(Serial, "{why}");
        }
    }
    listener::listen(spawner, stack, booted);
    // connections and workers get their turn before the line is written
    Timer::after_millis(1).await;
    match (booted.get(), stack.config_v4()) {
        (Err(why), _) => drop(writeln!(Serial, "up, but: {why}")),
        (Ok(_), address) => {
            // as numbers: the type's own text would be some hundred bytes of code
            let [a, b, c, d] =
                address.map(|address| address.address.address().octets().map(u32::from)).unwrap_or_default();
            let network = millis();
            let _ =
                writeln!(Serial, "up: http://{a}.{b}.{c}.{d}/ flash after {mounted} ms, network after {network} ms");
        }
    }
    let site = loop {
        match booted.get() {
            Ok(site) => break site,
            Err(_) => Timer::after_secs(1).await,
        }
        booted.set(site(storage));
    };
    #[cfg(feature = "mdns")]
    spawn(spawner, crate::mdns::answer(stack, site));
    #[cfg(feature = "console")]
    crate::console::begin(spawner, stack, storage, site);
    keep_time(site.pool.sessions().clock(), storage.memory.store(), storage.chip).await
}

/// Since the start.
fn millis() -> u32 {
    Instant::now().as_millis() as u32
}

/// Makes the site of what the flash holds.
#[inline(never)]
fn site(storage: Storage) -> Result<&'static Site, CannotBoot> {
    static SITE: StaticCell<Site> = StaticCell::new();
    if storage.chip.is_held() {
        return Err(CannotBoot::Held);
    }
    let (memory, mut random) = (storage.memory, Random::new(board::entropy));
    // first, for it tells a first boot by there being nothing else
    let data = block_on(memory.boot(&mut random))?;
    let clock = block_on(PersistedClock::resume(EmbassyClock, memory.store(), WithoutPower::Free))?;
    let now = clock.now();
    random.mix_in(&data.key, now.millis());
    let limits = Limits { rounds: ROUNDS, ..Limits::default() };
    let keys = Keys::new(&data.key).map_err(|_| CannotBoot::Corrupt)?;
    let policy = limits.policy().expect("limits that can work");
    let possession = if data.has_password() {
        Possession::Nothing
    } else {
        let code = SetupCode::draw(&mut random)?;
        let _ = writeln!(Serial, "setup code: {code}");
        Possession::Code(code)
    };
    let sessions = Sessions::new(BlockingFlash(memory.store()), clock, &keys, policy);
    Ok(SITE.init(Site {
        pool: Pool::new(sessions, random),
        device: Device::new(data, Own(memory), limits, sensor, now, possession),
        chip: storage.chip,
    }))
}

/// Somewhere between 20 and 24 °C: the board has no sensor.
fn sensor(now: Time) -> i16 {
    let phase = (now.millis() / 1_000 % 80) as i16;
    200 + if phase < 40 { phase } else { 80 - phase }
}
