//! A set of requests over the driver: which request goes on, what becomes of its store call, when the clock jumps. A
//! state is the store, the clock, what the clients hold, what the monitor knows, and all that each request has heard: it
//! knows nothing else.

use std::fmt::Write as _;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::protocol::request::{Answer, App, Sent, Verb, serve};
use crate::protocol::scenario::{Holder, JUMPS, PATIENCE, Scenario, Start};
use crate::protocol::world::{Grant, World};
use crate::search::{Run, hash_of};

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// The client sends its request.
    Begin(usize),
    /// The store call at which the request waits is done, as granted.
    Go(usize, Grant),
    /// The request is dropped; its command becomes what is granted all the same.
    Crash(usize, Grant),
    /// A command that is late is done.
    Land(usize),
    /// The clock goes forward to the other side of a limit.
    Jump(usize),
}

/// What becomes of a command whose request gives it up; one that only reads is the first.
const GIVEN_UP: [Grant; 3] = [Grant::Fail, Grant::LoseAnswer, Grant::Delay];

fn fate(grant: Grant) -> &'static str {
    match grant {
        Grant::Pass => "",
        Grant::Fail => " fails",
        Grant::LoseAnswer => ", the answer is lost",
        Grant::Delay => " is late",
    }
}

enum Request {
    Waiting,
    Running(Pin<Box<dyn Future<Output = Answer>>>),
    Over,
}

/// The jars of the two clients.
type Jars = [Option<String>; 2];

pub(crate) struct DriverRun<'s> {
    app: &'static App,
    scenario: &'s Scenario,
    requests: Vec<Request>,
    jars: Jars,
    faults: u8,
    jumps: u8,
    seed: u64,
    /// For the reader of a counter-example only.
    story: Option<String>,
}

impl<'s> DriverRun<'s> {
    pub(crate) fn begin(app: &'static App, start: &Start, scenario: &'s Scenario, told: bool) -> Self {
        let world = app.store().0;
        world.restore(&start.state, start.now, scenario.requests.len());
        world.state.borrow_mut().monitor.expect(scenario.requests.len());
        Self {
            app,
            scenario,
            requests: scenario.requests.iter().map(|_| Request::Waiting).collect(),
            jars: start.jars.clone(),
            faults: scenario.faults,
            jumps: scenario.jumps,
            seed: 1_000,
            story: told.then(String::new),
        }
    }

    fn world(&self) -> &'static World {
        self.app.store().0
    }

    /// Lets a request go on to its next store call or its answer.
    fn poll(&mut self, id: usize) {
        let Request::Running(future) = &mut self.requests[id] else { return };
        let now = self.app.store().0.now();
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.world().state.borrow_mut().monitor.acts(id, now);
        if let Poll::Ready(answer) = polled {
            self.requests[id] = Request::Over;
            self.deliver(id, answer);
        }
    }

    fn deliver(&mut self, id: usize, answer: Answer) {
        let (world, jar) = (self.world(), &mut self.jars[self.scenario.requests[id].1 as usize]);
        // it looks at the rest of the world
        let mut monitor = world.take_monitor();
        monitor.answered(id, &answer, jar.as_deref(), |handle| world.record(handle), world.now());
        world.state.borrow_mut().monitor = monitor;
        if let Some(story) = &mut self.story {
            let told =
                answer.told.as_ref().map_or_else(|(error, status)| format!("{status} {error}"), |()| "200".into());
            let sent = match &answer.sent {
                Sent::Nothing => "no cookie".to_owned(),
                Sent::Cookie(text) => format!("cookie {}", &text[12..20]),
                Sent::Removal => "removal cookie".to_owned(),
            };
            writeln!(story, "    {id} answers {told}, {sent}").unwrap_or_default();
        }
        match answer.sent {
            Sent::Nothing => {}
            Sent::Cookie(text) => *jar = Some(text),
            Sent::Removal => *jar = None,
        }
        // what it has heard matters no more
        world.state.borrow_mut().heard[id] = vec![1];
    }

    fn note(&mut self, event: Event) {
        let world = self.world();
        let now = world.now();
        let Some(story) = &mut self.story else { return };
        let call = |id| world.waits_for(id).map_or("", |command| command.name());
        let text = match event {
            Event::Begin(id) => {
                let (verb, holder) = self.scenario.requests[id];
                let cookie = self.jars[holder as usize].as_deref().map_or("none", |text| &text[12..20]);
                format!("{id} begins: {verb:?} by {holder:?}, cookie {cookie}")
            }
            Event::Go(id, grant) => format!("{id} {}{}", call(id), fate(grant)),
            Event::Crash(id, grant) => format!("{id} {}{}, and the request is dropped", call(id), fate(grant)),
            Event::Land(at) => {
                let (id, name) = world.late()[at];
                format!("late: the {name} of {id} is done")
            }
            Event::Jump(jump) => format!("the clock goes on: {}", JUMPS[jump].1),
        };
        writeln!(story, "  {:>7} {text}", now / 1_000).unwrap_or_default();
    }
}

impl Run for DriverRun<'_> {
    type Event = Event;

    fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (id, request) in self.requests.iter().enumerate() {
            match request {
                Request::Over => {}
                Request::Waiting => events.push(Event::Begin(id)),
                Request::Running(_) => {
                    events.push(Event::Go(id, Grant::Pass));
                    if self.faults > 0 {
                        let reads = self.world().only_reads(id);
                        let fates = &GIVEN_UP[..if reads { 1 } else { 3 }];
                        events.extend(fates.iter().flat_map(|grant| [Event::Go(id, *grant), Event::Crash(id, *grant)]));
                    }
                }
            }
        }
        let over = events.is_empty();
        events.extend((0..self.world().late().len()).map(Event::Land));
        if !over && self.jumps > 0 {
            let disturbed = self.faults < self.scenario.faults;
            events.extend((0..JUMPS.len()).filter(|jump| *jump != PATIENCE || disturbed).map(Event::Jump));
        }
        events
    }

    fn happen(&mut self, event: Event) {
        self.note(event);
        match event {
            Event::Begin(id) => {
                let (verb, holder) = self.scenario.requests[id];
                let cookie = self.jars[holder as usize].clone();
                self.world().state.borrow_mut().monitor.begins(id, verb, cookie.as_deref());
                self.world().state.borrow_mut().heard[id] = vec![hash_of(&cookie), self.world().now()];
                self.world().turn(id);
                let seed = self.seed + id as u64;
                self.requests[id] = Request::Running(Box::pin(serve(self.app, id, verb, cookie, seed)));
                self.poll(id);
            }
            Event::Go(id, grant) => {
                self.faults -= u8::from(grant != Grant::Pass);
                if grant != Grant::Pass {
                    self.world().state.borrow_mut().monitor.disturb();
                }
                self.world().grant(id, grant);
                self.poll(id);
            }
            Event::Crash(id, grant) => {
                self.faults -= 1;
                self.world().state.borrow_mut().monitor.disturb();
                self.world().grant(id, grant);
                self.requests[id] = Request::Over;
                self.world().state.borrow_mut().heard[id] = vec![2];
            }
            Event::Land(at) => self.world().land(at),
            Event::Jump(jump) => {
                self.jumps -= 1;
                self.world().state.borrow_mut().monitor.disturb();
                self.world().clock.advance(JUMPS[jump].0);
            }
        }
        if self.requests.iter().all(|request| matches!(request, Request::Over)) {
            let now = self.world().now();
            let mut monitor = self.world().take_monitor();
            monitor.at_rest(self.world(), now);
            self.world().state.borrow_mut().monitor = monitor;
        }
    }

    fn broken(&self) -> Option<String> {
        self.world().state.borrow().monitor.broken.clone()
    }

    fn state<H: Hasher>(&self, hasher: &mut H) {
        let over = self.requests.iter().map(|request| matches!(request, Request::Over) as u8);
        over.for_each(|over| over.hash(hasher));
        (self.faults, self.jumps, &self.jars, self.world().now()).hash(hasher);
        self.world().state.borrow().hash(hasher);
    }

    fn story(self) -> String {
        format!("{}\n{}", self.scenario, self.story.unwrap_or_default())
    }
}

/// Carries requests out one after the other, undisturbed, to reach the start of scenarios.
pub(crate) fn one_after_the_other(app: &'static App, jars: &mut Jars, requests: &[(Verb, Holder)]) {
    let world = app.store().0;
    for (turn, (verb, holder)) in requests.iter().enumerate() {
        let scenario = Scenario::quiet(*verb, *holder);
        let start = Start { state: world.state.borrow().clone(), now: world.now(), jars: jars.clone() };
        let mut run = DriverRun::begin(app, &start, &scenario, true);
        run.seed = world.now() + turn as u64 + 2_000;
        while let Some(event) = run.events().first().copied() {
            run.happen(event);
        }
        *jars = run.jars.clone();
        if let Some(sentence) = run.broken() {
            // as the search says it, so that a rule that breaks already here counts as missed
            println!("=> {sentence}\nwhile the start is prepared:\n{}", run.story.unwrap_or_default());
            std::process::exit(1);
        }
    }
}
