//! The device behind the pages.

use core::cell::{RefCell, RefMut};
use core::time::Duration;

use heapless::String;
use session_core::environment::Time;
use session_core::policy::{Lifetimes, PlainCookie, Policy, PolicyError};
use session_picoserve::is_named;
use session_store_flash::Usage;
use subtle::ConstantTimeEq;

use crate::browsers;
use crate::data::{Data, Keeper, MARK, Mark, NotKept, Settings};
use crate::form::{BadForm, Field};
use crate::setup::{Possession, Shown};
use crate::throttle::Throttle;

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nobody used the pages for so long: signed out.
    pub idle: Duration,
    /// Settings ask for the password again after this.
    pub step_up: Duration,
    /// Rounds of PBKDF2 for a new password: as many as the device does in a blink, at best 600,000 (OWASP Password
    /// Storage Cheat Sheet).
    pub rounds: u32,
}

impl Limits {
    /// The sessions' policy, on plain http: the idle timeout, and at most eight browsers signed in at once, of which one more
    /// signs out the oldest.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        let lifetimes = Lifetimes { idle: Some(self.idle), ..Lifetimes::DEFAULT };
        Ok(Policy::plain_http(PlainCookie::new(), lifetimes)?.max_sessions(browsers::MOST as u16))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(600), step_up: Duration::from_secs(300), rounds: 600_000 }
    }
}

/// The device: its data, its sensor, and the brakes on guessing.
pub struct Device<K> {
    pub(crate) limits: Limits,
    strangers: Throttle,
    /// Those who are signed in, or were before from this browser.
    known: Throttle,
    /// What a first boot asks for.
    possession: RefCell<Possession>,
    started: Time,
    /// Tenths of a degree Celsius at that time.
    sensor: fn(Time) -> i16,
    data: RefCell<Data>,
    /// Borrowed while a change is being kept.
    changing: RefCell<()>,
    keeper: K,
}

/// A device's name in multicast DNS ends so.
const LOCAL: &str = ".local";

/// How the flash is worn, and how full it is.
pub(crate) struct Wear {
    /// Of the first pages.
    pub(crate) erases: [u32; Self::PAGES],
    pub(crate) usage: Usage,
}

impl Wear {
    /// As many as a picture has room for.
    const PAGES: usize = 32;

    /// Of those pages that there are.
    pub(crate) fn erases(&self) -> &[u32] {
        self.erases.get(..self.usage.pages as usize).unwrap_or(&self.erases)
    }
}

/// Whole seconds.
pub(crate) fn seconds(span: Duration) -> u32 {
    span.as_secs().try_into().unwrap_or(u32::MAX)
}

/// What came of a password.
pub(crate) enum Tried {
    Right,
    Wrong,
    /// Not even looked at: seconds to wait.
    Wait(u32),
    /// The same, for good.
    Locked,
}

#[allow(clippy::await_holding_refcell_ref)] // `changing`: that is its purpose
impl<K: Keeper> Device<K> {
    /// Makes a device with this data, which `keeper` has already. Until it has a password, it asks for `possession`.
    pub fn new(
        data: Data,
        keeper: K,
        limits: Limits,
        sensor: fn(Time) -> i16,
        started: Time,
        possession: Possession,
    ) -> Self {
        let (data, changing, possession) = (RefCell::new(data), RefCell::new(()), RefCell::new(possession));
        let (strangers, known) = (Throttle::default(), Throttle::default());
        Self { limits, strangers, known, possession, started, sensor, data, changing, keeper }
    }

    /// Whether a `Host` header names this device: by an address, or as NAME or NAME.local, where NAME is what the owner
    /// calls it, with `-` for a blank.
    pub(crate) fn is_called(&self, host: &[u8]) -> bool {
        self.with_name(|name| is_named(host, ["localhost", name, name.strip_suffix(LOCAL).unwrap_or_default()]))
    }

    /// Hands over the name under which the device is on its network, with `.local`: for a responder of multicast DNS.
    pub fn with_name<T>(&self, take: impl FnOnce(&str) -> T) -> T {
        let mut name = String::<{ 128 + LOCAL.len() }>::new();
        for letter in self.data.borrow().settings.name.chars() {
            let _fits = name.push(if letter == ' ' { '-' } else { letter });
        }
        let _fits = name.push_str(LOCAL);
        take(&name)
    }

    /// The part of the page of the first boot that asks for the possession of the device.
    pub(crate) fn asks_for(&self) -> &'static str {
        self.possession.borrow().field()
    }

    /// Whether who sends this has shown to hold the device. `code` is what a form says.
    pub(crate) fn is_held_by(&self, code: impl FnOnce() -> Result<Field, BadForm>) -> Result<Shown, BadForm> {
        self.possession.borrow().is_shown(code)
    }

    /// What shows that a browser was signed in before. Another password gives another.
    pub(crate) fn mark(&self) -> Mark {
        self.data.borrow().mark()
    }

    /// Whether a Cookie header has it.
    pub(crate) fn has_mark(&self, cookies: &[u8]) -> bool {
        let mark = self.mark();
        let known = mark.as_bytes().get(..MARK).unwrap_or_default();
        cookies.split(|byte| *byte == b';').any(|cookie| cookie.trim_ascii().ct_eq(known).into())
    }

    pub(crate) fn has_password(&self) -> bool {
        self.data.borrow().has_password()
    }

    pub(crate) fn settings(&self) -> Settings {
        self.data.borrow().settings.clone()
    }

    pub(crate) fn temperature(&self, now: Time) -> i16 {
        (self.sensor)(now)
    }

    pub(crate) fn uptime(&self, now: Time) -> Duration {
        now.since(self.started)
    }

    pub(crate) async fn try_password(&self, password: &str, known: bool, now: Time) -> Tried {
        let throttle = if known { &self.known } else { &self.strangers };
        if throttle.is_locked() {
            return Tried::Locked;
        }
        let seconds = throttle.seconds_left(now);
        if seconds > 0 {
            return Tried::Wait(seconds);
        }
        // before it is looked at: to guess many times at once is no way around
        throttle.wrong(now);
        let data = self.data.borrow().clone();
        if data.is_password(password).await {
            self.strangers.right();
            self.known.right();
            Tried::Right
        } else {
            Tried::Wrong
        }
    }

    pub(crate) async fn set_password(&self, password: &str) -> Result<(), NotKept> {
        let (alone, mut data) = self.begin()?;
        data.set_password(password, self.limits.rounds).await;
        self.end(alone, data).await?;
        // the code has done its work
        *self.possession.borrow_mut() = Possession::Nothing;
        Ok(())
    }

    pub(crate) async fn set_settings(&self, settings: Settings) -> Result<(), NotKept> {
        let (alone, mut data) = self.begin()?;
        data.settings = settings;
        self.end(alone, data).await
    }

    pub(crate) async fn wear(&self) -> Option<Wear> {
        let mut erases = [0; Wear::PAGES];
        let usage = self.keeper.wear(&mut erases).await?;
        Some(Wear { erases, usage })
    }

    /// Begins a change. A second one meanwhile is refused: it would undo the first, and two visitors at first boot could
    /// both choose the password.
    fn begin(&self) -> Result<(RefMut<'_, ()>, Data), NotKept> {
        let alone = self.changing.try_borrow_mut().map_err(|_| NotKept)?;
        Ok((alone, self.data.borrow().clone()))
    }

    /// Changes the data once it is kept: what is in memory is never newer than what survives.
    async fn end(&self, _alone: RefMut<'_, ()>, data: Data) -> Result<(), NotKept> {
        self.keeper.keep(&data).await?;
        *self.data.borrow_mut() = data;
        Ok(())
    }
}
