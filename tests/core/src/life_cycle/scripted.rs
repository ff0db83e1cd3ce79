//! A store around another: counts the calls, fails or loses the answer of those it is told to, and keeps every record
//! that passes.

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::testing::run;
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// The store does not answer.
#[derive(Debug)]
pub struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection refused")
    }
}

/// How often each operation was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operations' names")]
pub struct Calls {
    pub load: usize,
    pub create: usize,
    pub update: usize,
    pub touch: usize,
    pub delete: usize,
}

impl Calls {
    /// Calls of any kind.
    #[must_use]
    pub const fn all(&self) -> usize {
        self.load + self.create + self.update + self.touch + self.delete
    }
}

/// A hook and the number of the call before which it runs.
type Hook = (usize, Box<dyn FnOnce()>);

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    Lost,
    Late,
}

/// A write that was given up and is not done yet, with the time that its caller went by.
enum Late {
    Create(Handle, Vec<u8>, Time),
    Update(Handle, Version, Vec<u8>, Time),
}

#[derive(Default)]
struct Script {
    calls: Calls,
    failing: Option<Range<usize>>,
    losing: Option<Range<usize>>,
    delaying: Option<Range<usize>>,
    updates_fail: bool,
    late: Vec<Late>,
    taken: usize,
    hook: Option<Hook>,
    passed: Vec<Vec<u8>>,
}

/// The store. Calls are numbered from 0 on, anew after each [`calls`](Self::calls).
pub struct Scripted<S> {
    inner: S,
    touch_is_free: bool,
    script: RefCell<Script>,
}

impl<S: Store> Scripted<S> {
    /// Around `inner`.
    pub fn new(inner: S) -> Self {
        Self { touch_is_free: inner.touch_is_free(), inner, script: RefCell::default() }
    }

    /// Says that touching costs a write.
    #[must_use]
    pub fn touch_costs(self) -> Self {
        Self { touch_is_free: false, ..self }
    }

    /// The store within.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The calls since the last time this was asked.
    pub fn calls(&self) -> Calls {
        std::mem::take(&mut self.script.borrow_mut().calls)
    }

    /// Calls with these numbers are not done and answered by an error.
    pub fn fail(&self, calls: Range<usize>) {
        self.calls();
        self.script.borrow_mut().failing = Some(calls);
    }

    /// Calls with these numbers are done and answered by an error.
    pub fn lose(&self, calls: Range<usize>) {
        self.calls();
        self.script.borrow_mut().losing = Some(calls);
    }

    /// Creates and updates with these numbers are answered by an error, and done when [`land`](Self::land) says so.
    pub fn delay(&self, calls: Range<usize>) {
        self.calls();
        self.script.borrow_mut().delaying = Some(calls);
    }

    /// Updates are not done and answered by an error.
    pub fn fail_updates(&self) {
        self.calls();
        self.script.borrow_mut().updates_fail = true;
    }

    /// All that is late is done now. Returns how many writes that were.
    pub fn land(&self) -> usize {
        let late = std::mem::take(&mut self.script.borrow_mut().late);
        for write in &late {
            match write {
                Late::Create(key, record, now) => drop(run(self.inner.create(key, record, *now))),
                Late::Update(key, seen, record, now) => {
                    drop(run(self.inner.update(key, *seen, record, *now, &mut [0; 4_096])));
                }
            }
        }
        late.len()
    }

    /// The next `creates` creates find that their handle is taken.
    pub fn take_handles(&self, creates: usize) {
        self.script.borrow_mut().taken = creates;
    }

    /// Runs something before the call of this number.
    pub fn before(&self, call: usize, hook: impl FnOnce() + 'static) {
        self.calls();
        self.script.borrow_mut().hook = Some((call, Box::new(hook)));
    }

    /// All works again.
    pub fn recover(&self) {
        let mut script = self.script.borrow_mut();
        (script.failing, script.losing, script.delaying, script.taken) = (None, None, None, 0);
        script.updates_fail = false;
    }

    /// Every record and key that went to the store or came from it.
    pub fn passed(&self) -> Vec<Vec<u8>> {
        self.script.borrow().passed.clone()
    }

    fn keep(&self, bytes: &[u8]) {
        self.script.borrow_mut().passed.push(bytes.to_vec());
    }

    /// Counts a call and tells what becomes of it.
    fn begin(&self, key: &Handle, count: impl FnOnce(&mut Calls) -> &mut usize) -> Result<Fate, Down> {
        self.keep(key.as_bytes());
        let number = self.script.borrow().calls.all();
        let hook = self.script.borrow_mut().hook.take_if(|(call, _)| *call == number);
        if let Some((_, hook)) = hook {
            hook();
        }
        let mut script = self.script.borrow_mut();
        *count(&mut script.calls) += 1;
        let told = |calls: &Option<Range<usize>>| calls.as_ref().is_some_and(|calls| calls.contains(&number));
        match (told(&script.failing), told(&script.delaying), told(&script.losing)) {
            (true, ..) => Err(Down),
            (_, true, _) => Ok(Fate::Late),
            (.., true) => Ok(Fate::Lost),
            _ => Ok(Fate::Answered),
        }
    }
}

fn answer<T, E>(fate: Fate, answer: Result<T, E>) -> Result<T, Down> {
    if fate == Fate::Answered { answer.map_err(|_| Down) } else { Err(Down) }
}

impl<S: Store> Store for Scripted<S> {
    type Error = Down;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    fn touch_is_free(&self) -> bool {
        self.touch_is_free
    }

    fn warning(&self) -> Option<&'static str> {
        self.inner.warning()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Down> {
        let fate = self.begin(key, |calls| &mut calls.load)?;
        let load = self.inner.load(key, now, into).await;
        if let Ok(Load::Found(found)) = load {
            self.keep(into.get(..found.len).unwrap_or_default());
        }
        answer(fate, load)
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Down> {
        let fate = self.begin(key, |calls| &mut calls.create)?;
        self.keep(record);
        if fate == Fate::Late {
            self.script.borrow_mut().late.push(Late::Create(*key, record.to_vec(), now));
            return Err(Down);
        }
        let taken = self.script.borrow().taken;
        if taken > 0 {
            self.script.borrow_mut().taken = taken - 1;
            return Ok(Outcome::Conflict(None));
        }
        answer(fate, self.inner.create(key, record, now).await)
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Down> {
        let fate = self.begin(key, |calls| &mut calls.update)?;
        self.keep(record);
        if self.script.borrow().updates_fail {
            assert!(self.script.borrow().calls.update < 100, "a request asks again without end");
            return Err(Down);
        }
        if fate == Fate::Late {
            self.script.borrow_mut().late.push(Late::Update(*key, seen, record.to_vec(), now));
            return Err(Down);
        }
        let outcome = self.inner.update(key, seen, record, now, there).await;
        if let Ok(Outcome::Conflict(Some(found))) = outcome {
            self.keep(there.get(..found.len).unwrap_or_default());
        }
        answer(fate, outcome)
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Down> {
        let fate = self.begin(key, |calls| &mut calls.touch)?;
        answer(fate, self.inner.touch(key, now).await)
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Down> {
        let fate = self.begin(key, |calls| &mut calls.delete)?;
        answer(fate, self.inner.delete(key, condition, now).await)
    }
}
