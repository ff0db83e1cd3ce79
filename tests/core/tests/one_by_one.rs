//! Whatever requests overtake a slower one, and whatever its store loses: it is as if each had come at one moment,
//! whole. Random handlers, judged by a map (ST3, rules 1, 10 and 11 of the protocol).

use core_tests::life_cycle::{Browser, Request, Scripted, Server, World};
use rand_core::TryRng;
use session_core::Error;
use session_core::environment::Time;
use session_core::policy::Policy;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::testing::ScriptedRng;
use session_store_memory::MemoryStore;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a handler does with a key.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Get(u32),
    Set(u32, u32),
    Overwrite(u32, u32),
    Remove(u32),
    Clear,
}

type Data = BTreeMap<u32, u32>;
/// What a handler read.
type Reads = Vec<Option<u32>>;

fn key(number: u32) -> String {
    format!("key {number}")
}

fn handle(session: &mut Request<'_, Terse>, deeds: &[Deed]) -> Result<Reads, Error> {
    let mut reads = vec![];
    for deed in deeds {
        match *deed {
            Deed::Get(k) => reads.push(session.get(&key(k))?),
            Deed::Set(k, value) => session.set(&key(k), &value)?,
            Deed::Overwrite(k, value) => session.overwrite(&key(k), &value)?,
            Deed::Remove(k) => session.remove(&key(k))?,
            Deed::Clear => session.clear()?,
        }
    }
    Ok(reads)
}

/// The same with a map.
fn model(data: &mut Data, deeds: &[Deed]) -> Reads {
    let mut reads = vec![];
    for deed in deeds {
        match *deed {
            Deed::Get(k) => reads.push(data.get(&k).copied()),
            Deed::Set(k, value) | Deed::Overwrite(k, value) => drop(data.insert(k, value)),
            Deed::Remove(k) => drop(data.remove(&k)),
            Deed::Clear => data.clear(),
        }
    }
    reads
}

/// Draws numbers below a limit.
struct Dice(ScriptedRng);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0.try_next_u32().unwrap() % limit
    }

    fn deeds(&mut self, keys: u32, most: u32) -> Vec<Deed> {
        let deed = |dice: &mut Self| match (dice.below(keys), dice.below(3), dice.below(16)) {
            (_, _, 0) => Deed::Clear,
            (key, value, 1..=5) => Deed::Set(key, value),
            (key, value, 6..=8) => Deed::Overwrite(key, value),
            (key, _, 9..=10) => Deed::Remove(key),
            (key, ..) => Deed::Get(key),
        };
        (0..=self.below(most)).map(|_| deed(self)).collect()
    }
}

/// What happens before each call of the slower request after its load: others come, the call fails or its answer is lost.
struct Script {
    world: &'static World<Terse>,
    server: Server<Terse>,
    browser: Browser,
    others: [Vec<Deed>; 2],
    plan: Vec<(bool, Option<bool>)>,
    came: Cell<usize>,
    over: Cell<bool>,
}

impl Script {
    fn before_call(self: Rc<Self>, number: usize) {
        let Some((overtaken, fault)) = self.plan.get(number).copied().filter(|_| !self.over.get()) else { return };
        let store = &self.world.store;
        store.recover();
        if let (true, Some(deeds)) = (overtaken, self.others.get(self.came.get())) {
            self.server.lost(&self.browser, |session| handle(session, deeds)).ok().unwrap();
            self.came.set(self.came.get() + 1);
        }
        match fault {
            Some(true) => store.lose(1..2),
            Some(false) => store.fail(1..2),
            None => {}
        }
        store.before(1, move || self.before_call(number + 1));
    }

    /// What the others leave, with the slower request's deeds after so many of them, or without; and what it reads.
    fn serial(&self, start: &[Deed], slow: &[Deed], moment: Option<usize>) -> (Reads, Data) {
        let (mut data, mut reads) = (Data::new(), Reads::new());
        model(&mut data, start);
        for number in 0..=self.came.get() {
            if moment == Some(number) {
                reads = model(&mut data, slow);
            }
            if number < self.came.get() {
                model(&mut data, &self.others[number]);
            }
        }
        (reads, data)
    }
}

/// How many cases ended well, in a conflict, or unknown.
fn judge(keys: u32, cases: u32) -> [u32; 3] {
    let mut dice = Dice(ScriptedRng::new(u64::from(keys)));
    let mut ends = [0; 3];
    for case in 0..cases {
        let world = World::over(Scripted::new(Terse(MemoryStore::new(), case % 2 == 0)));
        let server = world.server(Policy::SECURE);
        let mut browser = Browser::new();
        let (start, slow) = (dice.deeds(keys, keys), dice.deeds(keys, keys));
        server
            .request(&mut browser, |session| session.set("there", &()).and_then(|()| handle(session, &start)))
            .ok()
            .unwrap();

        let script = Rc::new(Script {
            world,
            server: world.server(Policy::SECURE),
            browser: browser.clone(),
            others: [dice.deeds(keys, 4), dice.deeds(keys, 4)],
            plan: (0..6).map(|_| (dice.below(3) > 0, [false, true].get(dice.below(8) as usize).copied())).collect(),
            came: Cell::new(0),
            over: Cell::new(false),
        });
        let first = script.clone();
        world.store.before(1, move || first.before_call(0));
        let answer = server.lost(&browser, |session| handle(session, &slow));
        script.over.set(true);
        world.store.recover();

        let after = server.lost(&browser, |session| {
            (0..keys).filter_map(|k| session.get(&key(k)).unwrap().map(|value| (k, value))).collect::<Data>()
        });
        let after = after.ok();
        let said = answer.handler.flatten().and_then(|reads| answer.commit.map(|()| reads));
        let came = &script.others[..script.came.get()];
        let told = format!("case {case}: {start:?}, then {slow:?} overtaken by {came:?}: {said:?}, {after:?}");
        let without = script.serial(&start, &slow, None).1;
        let mut moments = (0..=came.len()).map(|moment| script.serial(&start, &slow, Some(moment)));
        match said {
            Ok(reads) => {
                ends[0] += 1;
                assert!(moments.any(|moment| moment == (reads.clone(), after.clone())), "{told}");
            }
            Err(Error::Conflict) => {
                ends[1] += 1;
                assert_eq!(after, without, "{told}");
            }
            Err(error) => {
                ends[2] += 1;
                assert_eq!(error, Error::Indeterminate, "{told}");
                assert!(after == without || moments.any(|(_, data)| data == after), "{told}");
            }
        }
    }
    ends
}

#[test]
fn overtaken_requests_are_as_if_they_came_one_by_one_st3() {
    let [well, conflicts, unknown] = judge(6, 3_000);
    assert!(well > 1_000 && conflicts > 300 && unknown > 100, "{well} {conflicts} {unknown}");
}

/// A request on a device follows a few keys. With more, a concurrent change is a conflict.
#[test]
fn the_same_with_more_keys_than_are_followed_st3() {
    let [well, conflicts, unknown] = judge(30, 1_500);
    assert!(well > 500 && conflicts > 30 && unknown > 50, "{well} {conflicts} {unknown}");
}

/// A store that, if told so, does not hand out the record that an update finds.
struct Terse(MemoryStore, bool);

impl Store for Terse {
    type Error = <MemoryStore as Store>::Error;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error> {
        self.0.load(key, now, into).await
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error> {
        self.0.create(key, record, now).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error> {
        self.0.update(key, seen, record, now, if self.1 { &mut [] } else { there }).await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error> {
        self.0.touch(key, now).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Self::Error> {
        self.0.delete(key, condition, now).await
    }
}
