//! What the network needs, set on the serial line: `set KEY VALUE` and `unset KEY`. Addresses count from the next start. The owner of
//! the serial line is the owner of the device, because the setup code comes there as well. `hold` keeps the flash until the
//! next line, as a task does that receives an update, to try out what requests do then.

use core::fmt::Write;
use core::net::Ipv4Addr;

use embassy_executor::Spawner;
use embassy_net::{Config, Ipv4Cidr, Stack, StaticConfigV4};
use embassy_time::Timer;
use session_core::environment::{Clock as _, Time};
use session_device::{Chip as _, ConfigError, SntpError, block_on, keep_wall};
use session_picoserve::Requests as _;

use crate::app::{Items, Site, Storage, spawn};
use crate::board::{self, Lines, Serial};
use crate::line::{Item, Line, Order, cidr, ipv4, is_cidr, is_ipv4, order};

/// The device's address and the length of its network's prefix, as in 192.168.1.20/24; without it, a DHCP server gives one.
const ADDRESS: &str = "address";
/// The way to everywhere else.
const GATEWAY: &str = "gateway";
/// Who tells the time of day.
const TIME_SERVER: &str = "time-server";

/// All of them. A board with a network of another kind has more.
fn items() -> impl Iterator<Item = Item> {
    let common: [Item; 3] = [(ADDRESS, is_cidr), (GATEWAY, is_ipv4), (TIME_SERVER, is_ipv4)];
    common.into_iter().chain(board::ITEMS)
}

/// Bytes of a line.
const LINE: usize = 96;

/// Where the device's address comes from, by its configuration. A device whose configuration cannot be read says so and asks
/// for an address, so that it can be reached.
pub(crate) fn address(storage: Storage) -> Config {
    let items = read(storage).unwrap_or_else(|why| {
        let _ = writeln!(Serial, "config: {why}");
        Items::new()
    });
    let Some((address, prefix)) = items.text(ADDRESS).and_then(cidr) else {
        return Config::dhcpv4(Default::default());
    };
    let gateway = items.text(GATEWAY).and_then(ipv4);
    let address = Ipv4Cidr::new(address, prefix);
    Config::ipv4_static(StaticConfigV4 { address, gateway, dns_servers: Default::default() })
}

#[inline(never)]
fn read(storage: Storage) -> Result<Items, ConfigError> {
    block_on(Items::read(storage.memory.store()))
}

/// Spawns what needs the site, the first time: an item that is written before the first boot is done would hide that it is the
/// first. It needs no network, so that the owner can say what that needs.
#[inline(never)]
pub(crate) fn begin(spawner: Spawner, stack: Stack<'static>, storage: Storage, site: &'static Site) {
    let Some(lines) = board::lines() else { return };
    spawn(spawner, listen(lines, storage, site));
    if let Some(server) = read(storage).ok().and_then(|items| items.text(TIME_SERVER).and_then(ipv4)) {
        spawn(spawner, time_of_day(stack, server, site));
    }
}

/// An hour without power is an hour for the sessions, too, once a server has told the time.
#[embassy_executor::task]
async fn time_of_day(stack: Stack<'static>, server: Ipv4Addr, site: &'static Site) {
    let tell = |answer: Result<Time, SntpError>| match answer {
        // a number of 32 bits, whose text is shorter code, is enough until 2106
        Ok(unix) => drop(writeln!(Serial, "time: {} s since 1970", (unix.millis() / 1_000) as u32)),
        Err(why) => drop(writeln!(Serial, "time: {why}")),
    };
    while !(stack.is_link_up() && stack.is_config_up()) {
        Timer::after_millis(100).await;
    }
    keep_wall(stack, server, site.pool.sessions().clock(), board::entropy, tell).await;
}

/// Does what the lines say.
#[embassy_executor::task]
async fn listen(mut lines: Lines, storage: Storage, site: &'static Site) -> ! {
    let mut line = Line::<LINE>::new();
    loop {
        while !line.ends_with(lines.byte().await) {}
        let answer = match line.text() {
            "" => continue,
            "hold" => {
                let _chip = storage.chip.lock().await;
                let _ = writeln!(Serial, "config: the flash is held until the next line");
                while !line.ends_with(lines.byte().await) {}
                line.text();
                "the flash is free"
            }
            "restart" => board::give_up("config: restarts"),
            text => match order(text, items()) {
                Some(order) => {
                    obey(order, storage, site).map_or_else(|why| why, |()| "done, counts from the next start")
                }
                None => {
                    let _ = write!(Serial, "config: set KEY VALUE, unset KEY or restart; the keys:");
                    for (key, _) in items() {
                        let _ = write!(Serial, " {key}");
                    }
                    let _ = writeln!(Serial);
                    continue;
                }
            },
        };
        let _ = writeln!(Serial, "config: {answer}");
    }
}

/// One line. An answer never repeats a value.
fn obey(order: Result<Order<'_>, &'static str>, storage: Storage, site: &Site) -> Result<(), &'static str> {
    let order = order?;
    if storage.chip.is_held() {
        return Err("another task holds the flash, try again later");
    }
    let mut items = match read(storage) {
        // its owner writes another one
        Err(ConfigError::Unreadable) => Items::new(),
        items => items.map_err(not_kept)?,
    };
    match order {
        Order::Set(key, value) => items.set(key, value.as_bytes()).map_err(not_kept)?,
        Order::Unset(key) => items.remove(key),
    }
    block_on(items.write(storage.memory.store(), site.pool.sessions().clock().now())).map_err(not_kept)
}

fn not_kept(why: ConfigError) -> &'static str {
    match why {
        ConfigError::TooLarge { .. } => "no room",
        _ => "the flash failed, nothing or all was changed",
    }
}
