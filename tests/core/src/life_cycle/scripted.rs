//! A store around another: counts the calls, fails or loses the answer of those it is told to, and keeps every record
//! that passes.

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
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

#[derive(Default)]
struct Script {
    calls: Calls,
    failing: Option<Range<usize>>,
    losing: Option<Range<usize>>,
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
        (script.failing, script.losing, script.taken) = (None, None, 0);
    }

    /// Every record and key that went to the store or came from it.
    pub fn passed(&self) -> Vec<Vec<u8>> {
        self.script.borrow().passed.clone()
    }

    fn keep(&self, bytes: &[u8]) {
        self.script.borrow_mut().passed.push(bytes.to_vec());
    }

    /// Counts a call and tells whether its answer is lost.
    fn begin(&self, key: &Handle, count: impl FnOnce(&mut Calls) -> &mut usize) -> Result<bool, Down> {
        self.keep(key.as_bytes());
        let number = self.script.borrow().calls.all();
        let hook = self.script.borrow_mut().hook.take_if(|(call, _)| *call == number);
        if let Some((_, hook)) = hook {
            hook();
        }
        let mut script = self.script.borrow_mut();
        *count(&mut script.calls) += 1;
        let told = |calls: &Option<Range<usize>>| calls.as_ref().is_some_and(|calls| calls.contains(&number));
        if told(&script.failing) { Err(Down) } else { Ok(told(&script.losing)) }
    }
}

fn answer<T, E>(lost: bool, answer: Result<T, E>) -> Result<T, Down> {
    if lost { Err(Down) } else { answer.map_err(|_| Down) }
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

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Down> {
        let lost = self.begin(key, |calls| &mut calls.load)?;
        let load = self.inner.load(key, now, into).await;
        if let Ok(Load::Found(found)) = load {
            self.keep(into.get(..found.len).unwrap_or_default());
        }
        answer(lost, load)
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Down> {
        let lost = self.begin(key, |calls| &mut calls.create)?;
        self.keep(record);
        let taken = self.script.borrow().taken;
        if taken > 0 {
            self.script.borrow_mut().taken = taken - 1;
            return Ok(Outcome::Conflict(None));
        }
        answer(lost, self.inner.create(key, record, now).await)
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Down> {
        let lost = self.begin(key, |calls| &mut calls.update)?;
        self.keep(record);
        let outcome = self.inner.update(key, seen, record, now, there).await;
        if let Ok(Outcome::Conflict(Some(found))) = outcome {
            self.keep(there.get(..found.len).unwrap_or_default());
        }
        answer(lost, outcome)
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Down> {
        let lost = self.begin(key, |calls| &mut calls.touch)?;
        answer(lost, self.inner.touch(key, now).await)
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Down> {
        let lost = self.begin(key, |calls| &mut calls.delete)?;
        answer(lost, self.inner.delete(key, condition, now).await)
    }
}
