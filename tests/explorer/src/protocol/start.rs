//! Brings the world to where scenarios begin.

use std::time::Duration;

use session_core::environment::{Clock, Time};
use session_core::testing::ManualClock;
use session_core::{Keys, Sessions};

use crate::protocol::record::KEY;
use crate::protocol::request::{App, Verb};
use crate::protocol::run::one_after_the_other;
use crate::protocol::scenario::{Beginning, Holder, RENEW_AFTER, RENEW_WITHIN_GRACE, Start, policy};
use crate::protocol::world::{Kind, Port, World};

/// All beginnings, over one kind of store, in a world of their own.
pub(crate) struct Starts {
    pub(crate) app: &'static App,
    starts: Vec<Start>,
}

impl Starts {
    pub(crate) fn new(kind: Kind) -> Self {
        let world: &'static World = Box::leak(Box::new(World::new(kind)));
        let keys = Keys::new(&KEY).expect("a key without a pattern");
        // construction refuses to renew within the grace; if it did not, that would be explored
        let policy = policy(RENEW_WITHIN_GRACE).or_else(|_| policy(RENEW_AFTER)).expect("lifetimes that fit");
        let policy = policy.max_sessions(kind.cap());
        let clock: &'static ManualClock = &world.clock;
        let app = Box::leak(Box::new(Sessions::new(Port(world), clock, &keys, policy)));
        let starts = Beginning::ALL.map(|beginning| start(app, beginning)).to_vec();
        Self { app, starts }
    }

    pub(crate) fn at(&self, beginning: Beginning) -> &Start {
        &self.starts[beginning as usize]
    }
}

fn start(app: &'static App, beginning: Beginning) -> Start {
    let world = app.store().0;
    *world.state.borrow_mut() = World::new(world.kind).state.into_inner();
    world.clock.set(Time::from_millis(5_000_000));
    let mut jars = [None, None];
    let browser = |verb| (verb, Holder::Browser);
    if world.kind == Kind::CappedAtTwo {
        // two more browsers, which nobody uses again
        for _ in 0..2 {
            one_after_the_other(app, &mut [None, None], &[browser(Verb::LoginA)]);
            world.clock.advance(Duration::from_secs(1));
        }
    }
    if beginning >= Beginning::Anonymous {
        one_after_the_other(app, &mut jars, &[browser(Verb::Increment), browser(Verb::Same)]);
        jars[1] = jars[0].clone();
    }
    if beginning >= Beginning::SignedIn {
        world.clock.advance(Duration::from_secs(1));
        one_after_the_other(app, &mut jars, &[browser(Verb::LoginA), browser(Verb::Flash)]);
    }
    match beginning {
        Beginning::Due => world.clock.advance(Duration::from_secs(101)),
        Beginning::InGrace => {
            world.clock.advance(Duration::from_secs(101));
            jars[1] = jars[0].clone();
            one_after_the_other(app, &mut jars, &[browser(Verb::Read)]);
            // late in the grace: if renewals were allowed within it, one would be due
            world.clock.advance(Duration::from_secs(22));
        }
        Beginning::NearItsEnd => {
            for _ in 0..5 {
                world.clock.advance(Duration::from_secs(190));
                one_after_the_other(app, &mut jars, &[browser(Verb::Read)]);
            }
            jars[1] = jars[0].clone();
        }
        _ => {}
    }
    let state = world.state.borrow().clone();
    Start { state, now: world.clock.now().millis(), jars }
}
