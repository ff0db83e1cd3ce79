//! The program: boots from the flash, lets visitors in, persists the time.

use core::cell::Cell;
use core::fmt::Write;

use device_ui::flash::{CannotBoot, Flash, Part, Shared};
use device_ui::{Device, Limits, Possession, SetupCode};
use embassy_executor::Spawner;
use embassy_net::{Config, DhcpConfig, Runner, Stack, StackResources};
use embassy_sync::mutex::Mutex;
use embassy_time::{Instant, Timer};
use embedded_storage_async::nor_flash::ReadNorFlash;
use rand_core::TryRng;
use session_core::environment::{Clock as _, EmbassyClock, Time};
use session_picoserve::{Keys, Pool, Requests as _, Sessions};
use session_store_flash::{FlashStore, PersistedClock, WithoutPower};
use static_cell::StaticCell;

use crate::blocking_flash::{BlockingFlash, block_on};
use crate::board::{self, Network, Serial};
use crate::listener::{self, CONNECTIONS, WORKERS};
use crate::random::Random;

/// Sessions at once, and bytes of each.
const SESSIONS: usize = 16;
const RECORD: usize = 256;
/// Rounds of PBKDF2 (docs/board.md says what they cost).
const ROUNDS: u32 = 2_000;

type Memory = Flash<'static, board::Flash, SESSIONS, RECORD>;
type Store = FlashStore<Part<'static, board::Flash>, SESSIONS, RECORD>;
type Clock = PersistedClock<EmbassyClock>;
type Requests = Pool<BlockingFlash<&'static Store>, Clock, Random, (), WORKERS, RECORD>;

/// What is served.
pub(crate) struct Site {
    pub(crate) pool: Requests,
    pub(crate) device: Device<BlockingFlash<&'static Memory>>,
}

/// The site, or why there is none.
pub(crate) type Booted = Cell<Result<&'static Site, CannotBoot>>;

/// Runs it all.
pub(crate) fn run(network: Network, flash: board::Flash) -> ! {
    let (stack, runner) = join(network);
    let memory = keep(flash);
    board::execute(|spawner| {
        spawner.spawn(net(runner).expect("spawned once"));
        spawner.spawn(boot(spawner, stack, memory).expect("spawned once"));
    })
}

/// What these two build on the stack is not to stay there for the rest of the device's life.
#[inline(never)]
fn join(network: Network) -> (Stack<'static>, &'static mut Runner<'static, Network>) {
    static RESOURCES: StaticCell<StackResources<{ CONNECTIONS + 1 }>> = StaticCell::new();
    static RUNNER: StaticCell<Runner<'static, Network>> = StaticCell::new();
    // without entropy TCP's numbers can be guessed; sessions are refused then
    let seed = Random::default().try_next_u64().unwrap_or_default();
    let config = Config::dhcpv4(DhcpConfig::default());
    let (stack, runner) = embassy_net::new(network, config, RESOURCES.init(StackResources::new()), seed);
    (stack, RUNNER.init(runner))
}

#[inline(never)]
fn keep(flash: board::Flash) -> &'static Memory {
    static FLASH: StaticCell<Shared<board::Flash>> = StaticCell::new();
    static MEMORY: StaticCell<Memory> = StaticCell::new();
    let size = flash.capacity() as u32;
    MEMORY.init(Flash::new(FLASH.init(Mutex::new(flash)), size))
}

#[embassy_executor::task]
async fn net(runner: &'static mut Runner<'static, Network>) -> ! {
    runner.run().await
}

/// A device whose flash does not answer says so to whoever asks, and tries again.
#[embassy_executor::task]
async fn boot(spawner: Spawner, stack: Stack<'static>, memory: &'static Memory) {
    static BOOTED: StaticCell<Booted> = StaticCell::new();
    let booted = BOOTED.init(Cell::new(site(memory)));
    let mounted = millis();
    stack.wait_config_up().await;
    listener::listen(spawner, stack, booted);
    // connections and workers get their turn before the line is written
    Timer::after_millis(1).await;
    match booted.get() {
        Ok(_) => drop(writeln!(Serial, "up: flash mounted after {mounted} ms, network after {} ms", millis())),
        Err(why) => drop(writeln!(Serial, "up, but: {why}")),
    }
    loop {
        match booted.get() {
            Ok(site) => {
                // a flash that fails now is told to those who need it; the time goes on in memory
                let _ = block_on(site.pool.sessions().clock().persist(memory.store()));
                Timer::after_secs(10).await;
            }
            Err(_) => {
                Timer::after_secs(1).await;
                booted.set(site(memory));
            }
        }
    }
}

/// Since the start.
fn millis() -> u32 {
    Instant::now().as_millis() as u32
}

#[inline(never)]
fn site(memory: &'static Memory) -> Result<&'static Site, CannotBoot> {
    static SITE: StaticCell<Site> = StaticCell::new();
    let mut random = Random::default();
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
        device: Device::new(data, BlockingFlash(memory), limits, sensor, now, possession),
    }))
}

/// Somewhere between 20 and 24 °C: the board has no sensor.
fn sensor(now: Time) -> i16 {
    let phase = (now.millis() / 1_000 % 80) as i16;
    200 + if phase < 40 { phase } else { 80 - phase }
}
