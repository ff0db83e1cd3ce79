//! The search that both explorers share. It walks through every order of events of a scenario. Requests cannot be copied,
//! so each path is replayed from its start, and a state that was seen before is not entered again.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A scenario under way.
pub(crate) trait Run {
    /// What can happen next.
    type Event: Copy;

    /// All that can happen now; nothing when all requests are over.
    fn events(&self) -> Vec<Self::Event>;

    fn happen(&mut self, event: Self::Event);

    /// The promise that is broken, as a sentence.
    fn broken(&self) -> Option<String>;

    /// Hashes all that decides what can happen from now on.
    fn state<H: Hasher>(&self, hasher: &mut H);

    /// The scenario and what has happened, in words, if the run was begun to be told.
    fn story(self) -> String;
}

/// What an exploration found.
#[derive(Default, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) states: u64,
    pub(crate) paths: u64,
}

/// Why an exploration ended early.
pub(crate) enum Stopped {
    /// The story that breaks a promise.
    Broken(String),
    /// The time was up.
    Cut,
}

/// Explores one scenario to its end, or until `deadline`. `begin` begins a run, to be told or not.
pub(crate) fn explore<R: Run>(begin: impl Fn(bool) -> R, deadline: Option<Instant>) -> (Found, Option<Stopped>) {
    let mut found = Found::default();
    let mut seen = HashSet::<u64, BuildHasherDefault<StateHasher>>::default();
    let mut open: Vec<Vec<u8>> = vec![Vec::new()];
    while let Some(mut path) = open.pop() {
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return (found, Some(Stopped::Cut));
        }
        found.paths += 1;
        let mut run = replay(begin(false), &path);
        loop {
            if let Some(broken) = run.broken() {
                let story = replay(begin(true), &path).story();
                return (found, Some(Stopped::Broken(format!("{story}=> {broken}\n"))));
            }
            let mut hasher = StateHasher::default();
            run.state(&mut hasher);
            if !seen.insert(hasher.finish()) {
                break;
            }
            found.states += 1;
            let events = run.events();
            let Some(first) = events.first() else { break };
            for other in 1..events.len() {
                let mut branch = path.clone();
                branch.push(other as u8);
                open.push(branch);
            }
            path.push(0);
            run.happen(*first);
        }
    }
    (found, None)
}

/// Hashes by multiplication of words to 128 bits, of which both halves count: a state is some hundred words, and the hash of
/// the standard library took a tenth of the time. Nobody chooses states so that they collide.
#[derive(Default)]
struct StateHasher(u64);

impl Hasher for StateHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * u128::from(0xd1b5_4a32_d192_ed03_u64);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn replay<R: Run>(mut run: R, path: &[u8]) -> R {
    for choice in path {
        let events = run.events();
        run.happen(events[usize::from(*choice)]);
    }
    run
}

/// Explores these scenarios, which are some of `all`, on as many threads as there are processors, each with an explorer of its own, and prints what
/// came of it: first what `table` makes of each explored scenario and its figures.
pub(crate) fn explore_all<S, E>(
    scenarios: &[S],
    all: usize,
    explorer: impl Fn() -> E + Sync,
    table: impl Fn(&[(&S, Found)]),
) -> ExitCode
where
    S: Sync,
    E: FnMut(&S) -> (Found, Option<Stopped>),
{
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    let done = Mutex::new((Vec::new(), Found::default(), None));
    let work = || {
        let mut explore = explorer();
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::SeqCst)) {
            let (found, stopped) = explore(scenario);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.1.states += found.states;
            done.1.paths += found.paths;
            match stopped {
                None => done.0.push((scenario, found)),
                Some(why) => {
                    next.store(scenarios.len(), Ordering::SeqCst);
                    if let Stopped::Broken(story) = why {
                        done.2.get_or_insert(story);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads.min(scenarios.len()) {
            scope.spawn(work);
        }
    });
    let (explored, sum, broken) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(story) = broken {
        println!("{story}");
        return ExitCode::FAILURE;
    }
    table(&explored);
    println!(
        "{} of {} sets of requests, {} states, {} paths, {} s: every promise holds",
        explored.len(),
        all,
        sum.states,
        sum.paths,
        started.elapsed().as_secs()
    );
    if explored.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Keeps only the scenario of this name, if there is one.
pub(crate) fn keep_only<S: std::fmt::Display>(scenarios: &mut Vec<S>, name: Option<&str>) {
    if let Some(name) = name {
        scenarios.retain(|scenario| scenario.to_string() == name);
    }
}

pub(crate) fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
