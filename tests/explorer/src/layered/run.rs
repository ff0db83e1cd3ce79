//! A set of requests over the layered store: which request goes on, what becomes of its call, what the cache loses, when
//! time passes.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use session_core::Keys;
use session_core::store::Store;
use session_store_layered::Layered;

use crate::layered::Bounds;
use crate::layered::record::Record;
use crate::layered::request::{Answer, KEY, Node, Request, Verb};
use crate::layered::world::{Grant, SimCache, SimDurable, World};
use crate::search::Run;

/// Both nodes' signing key.
static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(b"0a1b2c3d4e5f6g7h8i9jkQlWmEnRoTpY").expect("no pattern"));

/// A few requests, each at one of two nodes.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) requests: Vec<(Verb, usize)>,
    pub(crate) bounds: Bounds,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds { faults, seconds, trust, mends } = self.bounds;
        write!(f, "{faults} faults, {seconds} seconds, {trust} of trust")?;
        f.write_str(if mends { ", nodes reach the cache again" } else { "" })?;
        self.requests.iter().try_for_each(|(verb, node)| write!(f, ", {verb:?} at {node}"))
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Begin(usize),
    Call(usize, Grant),
    /// A delayed call arrives.
    Arrive(usize),
    Evict,
    Restart,
    /// A node loses the cache.
    Cut(usize),
    /// It reaches the cache again.
    Mend(usize),
    Second,
}

enum Stage {
    Waiting,
    Running(Pin<Box<dyn Future<Output = Answer>>>, Promised),
    Over,
}

/// What had been acknowledged, or shown to a reader, when a request began.
#[derive(Clone, Copy, Default, Hash)]
struct Promised {
    writes: u8,
    logout: bool,
    shown: u8,
    shown_none: bool,
}

pub(crate) struct LayeredRun<'s> {
    scenario: &'s Scenario,
    world: World,
    nodes: [Node; 2],
    stages: Vec<Stage>,
    promised: Promised,
    faults: u8,
    seconds: u8,
    broken: Option<String>,
    story: Option<String>,
}

impl<'s> LayeredRun<'s> {
    pub(crate) fn begin(scenario: &'s Scenario, told: bool) -> Self {
        let world = World::default();
        {
            let mut state = world.state();
            state.now = 10;
            state.durable = Some(Record { version: 1, login: 1, writes: 0 });
            state.agree(true);
            state.requests = scenario.requests.iter().map(|_| Default::default()).collect();
        }
        let node = || {
            let layered = Layered::new(SimCache(world.clone()), SimDurable(world.clone()), &KEYS);
            Arc::new(layered.with_trust(Duration::from_secs(scenario.bounds.trust)))
        };
        let nodes = [node(), node()];
        // both nodes have just asked whether the cache is believed
        world.state().at_once = true;
        for node in &nodes {
            let mut into = [0; Record::LEN];
            let load = pin!(node.load(&KEY, world.now(), &mut into));
            assert!(load.poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
        {
            let mut state = world.state();
            (state.at_once, state.steady) = (false, scenario.bounds.faults == 0);
            state.clear();
        }
        Self {
            scenario,
            nodes,
            stages: scenario.requests.iter().map(|_| Stage::Waiting).collect(),
            promised: Promised::default(),
            faults: scenario.bounds.faults,
            seconds: scenario.bounds.seconds,
            broken: None,
            story: told.then(String::new),
            world,
        }
    }

    fn spend(&mut self, fault: bool) {
        self.faults = self.faults.saturating_sub(u8::from(fault));
    }

    fn poll(&mut self, number: usize) {
        self.world.state().current = number;
        let Stage::Running(future, promised) = &mut self.stages[number] else { return };
        let promised = *promised;
        if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            self.stages[number] = Stage::Over;
            self.judge(number, promised, answer);
        }
    }

    /// Holds an answer, and what is stored now, against what was promised.
    fn judge(&mut self, number: usize, at_begin: Promised, answer: Answer) {
        let verb = self.scenario.requests[number].0;
        if let Some(story) = &mut self.story {
            let _told = writeln!(story, "        request {number}, {verb:?}: {answer:?}");
        }
        if answer.acknowledged {
            match verb {
                Verb::Read => match answer.first {
                    Some(Some(seen)) => self.promised.shown |= seen.writes,
                    Some(None) => self.promised.shown_none = true,
                    None => {}
                },
                Verb::Write => self.promised.writes |= 1 << number,
                Verb::Logout => self.promised.logout = true,
            }
        }
        let missing = |record: Record, writes: u8| writes & !record.writes != 0;
        let durable = self.world.state().durable;
        let ended = self.scenario.requests.iter().any(|(verb, _)| *verb == Verb::Logout);
        let broken = match (answer.first, durable) {
            (Some(Some(_)), _) if at_begin.logout => "a session was served after its logout was acknowledged",
            (Some(Some(seen)), _) if missing(seen, at_begin.writes) => {
                "a request that began after a write was acknowledged did not see it"
            }
            (Some(Some(_)), _) if at_begin.shown_none => {
                "a session was served after a request was told that it has ended"
            }
            (Some(Some(seen)), _) if missing(seen, at_begin.shown) => {
                "a request did not see what one before it had been shown"
            }
            (_, Some(there)) if missing(there, self.promised.writes) => "an acknowledged write is lost",
            (_, Some(_)) if self.promised.logout => "a session came back after its logout was acknowledged",
            (_, None) if !ended => "a session ended by itself",
            _ if answer.went_back => "a reload after a conflict showed what had just been refused",
            _ => return,
        };
        self.broken.get_or_insert_with(|| broken.into());
    }
}

impl Run for LayeredRun<'_> {
    type Event = Event;

    fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        if self.stages.iter().all(|stage| matches!(stage, Stage::Over)) {
            return events;
        }
        let state = self.world.state();
        for (number, stage) in self.stages.iter().enumerate() {
            match (stage, &state.requests[number].waits) {
                // requests of the same kind at the same node begin in their order
                (Stage::Waiting, _) => {
                    let same = |other: usize| {
                        matches!(self.stages[other], Stage::Waiting)
                            && self.scenario.requests[other] == self.scenario.requests[number]
                    };
                    if !(0..number).any(same) {
                        events.push(Event::Begin(number));
                    }
                }
                (Stage::Running(..), Some(call)) => {
                    let durable = call.is_durable();
                    if !durable && state.cut[self.scenario.requests[number].1] {
                        events.push(Event::Call(number, Grant::Lost));
                        continue;
                    }
                    events.push(Event::Call(number, Grant::Done));
                    if self.faults > 0 {
                        events.push(Event::Call(number, Grant::Lost));
                        events.push(Event::Call(number, Grant::AnswerLost));
                        if !durable {
                            events.push(Event::Call(number, Grant::Delayed));
                        }
                    }
                }
                (Stage::Running(..) | Stage::Over, _) => {}
            }
        }
        events.extend((0..state.late.len()).map(Event::Arrive));
        if self.faults > 0 {
            if state.is_cached() {
                events.extend([Event::Evict, Event::Restart]);
            }
            events.extend((0..2).filter(|node| !state.cut[*node]).map(Event::Cut));
        }
        events.extend((0..2).filter(|node| self.scenario.bounds.mends && state.cut[*node]).map(Event::Mend));
        if self.seconds > 0 {
            events.push(Event::Second);
        }
        events
    }

    fn happen(&mut self, event: Event) {
        if let Some(story) = &mut self.story {
            let state = self.world.state();
            let what = match event {
                Event::Call(number, _) => format!("{:?}", state.requests[number].waits.as_ref()),
                Event::Arrive(at) => format!("{:?}", state.late[at].1),
                _ => String::new(),
            };
            let _told = writeln!(story, "  {:>2} s  {event:?} {what}", state.now);
        }
        match event {
            Event::Begin(number) => {
                let (verb, node) = self.scenario.requests[number];
                let request = Request { verb, node: self.nodes[node].clone(), world: self.world.clone(), number };
                self.stages[number] = Stage::Running(Box::pin(request.serve()), self.promised);
                self.poll(number);
            }
            Event::Call(number, grant) => {
                self.world.state().grant(number, grant);
                self.spend(grant != Grant::Done && !self.world.state().cut[self.scenario.requests[number].1]);
                self.poll(number);
            }
            Event::Arrive(at) => self.world.state().arrive(at),
            Event::Evict => {
                self.world.state().evict();
                self.spend(true);
            }
            Event::Restart => {
                self.world.state().restart();
                self.spend(true);
            }
            Event::Cut(node) => {
                self.world.state().cut[node] = true;
                self.spend(true);
            }
            Event::Mend(node) => self.world.state().cut[node] = false,
            Event::Second => {
                self.world.state().now += 1;
                self.seconds -= 1;
                (0..self.stages.len()).for_each(|number| self.poll(number));
            }
        }
    }

    fn broken(&self) -> Option<String> {
        self.broken.clone()
    }

    fn state<H: Hasher>(&self, hasher: &mut H) {
        self.world.state().hash(hasher);
        (self.promised, self.faults, self.seconds).hash(hasher);
        // what a node remembers, in which its requests may have come in another order
        format!("{:?}", self.nodes).hash(hasher);
        for stage in &self.stages {
            match stage {
                Stage::Waiting => 0_u8.hash(hasher),
                Stage::Running(_, promised) => (1_u8, promised).hash(hasher),
                Stage::Over => 2_u8.hash(hasher),
            }
        }
    }

    fn story(self) -> String {
        format!("{}\n{}", self.scenario, self.story.unwrap_or_default())
    }
}
