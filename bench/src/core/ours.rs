//! The core as it ships: lines of a Cookie header in, `Set-Cookie` out.

use std::cell::Cell;
use std::convert::Infallible;
use std::hint::black_box;

use session_core::environment::{Clock, Time};
use session_core::policy::Policy;
use session_core::record::Stamp;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::testing::run;
use session_core::{Error, Keys, RequestState, Session, Sessions};

use crate::surroundings::{KEY, RECORD, Rng, Slot, Table, Ticks, header, table};

impl Clock for Ticks {
    fn now(&self) -> Time {
        Time::from_millis(Ticks::now(self))
    }
}

/// The table as a store.
struct InTable(Table);

fn key(handle: &Handle) -> u64 {
    u64::from_le_bytes(*handle.as_bytes())
}

fn found(slot: &mut Slot, now: Time) -> Option<(Stamp, &mut [u8])> {
    let stamp = Stamp::of(slot.record())?;
    stamp.live(now).then(|| (stamp, slot.record()))
}

impl Store for InTable {
    type Error = Infallible;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    fn touch_is_free(&self) -> bool {
        true
    }

    async fn load(&self, handle: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Infallible> {
        let mut table = self.0.borrow_mut();
        let Some((stamp, record)) = table.get_mut(&key(handle)).and_then(|slot| found(slot, now)) else {
            return Ok(Load::Missing);
        };
        into[..record.len()].copy_from_slice(record);
        Ok(Load::Found(Found { len: record.len(), version: stamp.version }))
    }

    async fn create(&self, handle: &Handle, record: &[u8], now: Time) -> Result<Outcome, Infallible> {
        let mut table = self.0.borrow_mut();
        if table.get_mut(&key(handle)).and_then(|slot| found(slot, now)).is_some() {
            return Ok(Outcome::Conflict(None));
        }
        let version = Stamp::of(record).map_or(Version(0), |stamp| stamp.version);
        table.insert(key(handle), Slot::new(record));
        Ok(Outcome::Applied(version))
    }

    async fn update(
        &self,
        handle: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        _: &mut [u8],
    ) -> Result<Outcome, Infallible> {
        let mut table = self.0.borrow_mut();
        let Some(slot) = table.get_mut(&key(handle)) else { return Ok(Outcome::Missing) };
        let Some((stamp, _)) = found(slot, now) else { return Ok(Outcome::Missing) };
        if stamp.version != seen {
            return Ok(Outcome::Conflict(None));
        }
        slot.put(record);
        Stamp::touch(slot.record(), stamp.last_seen);
        Ok(Outcome::Applied(Stamp::of(record).map_or(seen, |stamp| stamp.version)))
    }

    async fn touch(&self, handle: &Handle, now: Time) -> Result<Outcome, Infallible> {
        let mut table = self.0.borrow_mut();
        let Some((stamp, record)) = table.get_mut(&key(handle)).and_then(|slot| found(slot, now)) else {
            return Ok(Outcome::Missing);
        };
        Stamp::touch(record, now);
        Ok(Outcome::Applied(stamp.version))
    }

    async fn delete(&self, handle: &Handle, _: DeleteCondition, _: Time) -> Result<Outcome, Infallible> {
        Ok(self.0.borrow_mut().remove(&key(handle)).map_or(Outcome::Missing, |_| Outcome::Applied(Version(0))))
    }
}

type App = Sessions<InTable, Ticks>;
type View<'a> = Session<'a, InTable, Ticks, Rng<'a>, &'a mut RequestState<[u8; RECORD]>>;

/// What a handler does.
#[derive(Clone, Copy)]
pub(crate) struct Handler {
    act: fn(&mut View<'_>) -> Result<(), Error>,
    signed: bool,
}

pub(crate) const READ: Handler = Handler {
    act: |session| {
        session.get::<u32>("visits").map(|visits| {
            black_box(visits);
        })
    },
    signed: true,
};
pub(crate) const INCREMENT: Handler = Handler {
    act: |session| {
        let visits = session.get::<u32>("visits")?.unwrap_or(0);
        session.set("visits", &(visits + 1))
    },
    signed: true,
};
pub(crate) const NEW: Handler = Handler { act: |session| session.set("visits", &1_u32), signed: false };

/// One request; gives the new cookie's value.
fn request<'b>(app: &App, seed: &Cell<u64>, header: &str, handler: Handler, into: &'b mut [u8]) -> Option<&'b str> {
    let mut exchange = RequestState::new([0; RECORD], [0; RECORD]);
    let mut session = Session::new(app, &mut exchange, Rng(seed));
    let done = run(async {
        session.load([black_box(header.as_bytes())].into_iter()).await?;
        session.activity();
        (handler.act)(&mut session)?;
        session.commit().await
    });
    done.and_then(|()| session.set_cookie(into)).ok().flatten()
}

/// A case for [`crate::CASES`].
#[allow(clippy::expect_used)] // a program that counts
pub(crate) fn case(times: usize, handler: Handler) -> Box<dyn FnMut()> {
    let keys = Keys::new(&KEY).expect("a good key");
    let (app, seed) = (Sessions::new(InTable(table(times + 1)), Ticks::new(), &keys, Policy::PLAIN_HTTP), Cell::new(1));
    let mut into = [0; 512];
    let first = request(&app, &seed, &header(None), NEW, &mut into).expect("a session").to_owned();
    let value = first.split(['=', ';']).nth(1).expect("a value").to_owned();
    let header = header(handler.signed.then_some(&*value));
    Box::new(move || {
        let mut into = [0; 512];
        black_box(request(&app, &seed, &header, handler, &mut into));
    })
}
