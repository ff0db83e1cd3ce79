//! A store whose calls are measured and traced.

use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
use session_store_shared::{SharedError, SharedStore};
use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

/// The boundaries that the conventions name for `db.client.operation.duration`, in seconds.
const BOUNDARIES: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

const DONE: &str = "done";
const MISSING: &str = "missing";
const FULL: &str = "full";
const TOO_LARGE: &str = "too_large";
const UNSUPPORTED: &str = "unsupported";
const FAILED: &str = "failed";
const CANCELLED: &str = "cancelled";

/// Any store, with a duration and a span for each call: the metric `db.client.operation.duration`, and a span of `tracing`
/// at the level `info`, with the target `session`.
///
/// Both have the attributes `db.system.name`, `db.operation.name` and `session_core.store.outcome`, and `error.type` if the
/// call failed. None of them holds a key, a subject or data. A span also has the store's own words about a failure.
///
/// A call whose future is dropped before it completes has the outcome `cancelled`, which is no failure: the client may
/// have closed its connection.
#[derive(Clone, Debug)]
pub struct ObservedStore {
    store: SharedStore,
    system: &'static str,
    duration: Histogram<f64>,
}

impl ObservedStore {
    /// Returns `store` with its calls measured by `meter`. `system` is the database as OpenTelemetry's conventions name it
    /// for `db.system.name`: `postgresql`, `mariadb`, `mysql`, `sqlite`, `redis`, `memcached`, or a name of your own.
    pub fn new(store: impl Into<SharedStore>, system: &'static str, meter: &Meter) -> Self {
        let duration = meter.f64_histogram("db.client.operation.duration").with_unit("s");
        let duration = duration.with_description("Duration of database client operations.");
        Self { store: store.into(), system, duration: duration.with_boundaries(BOUNDARIES.into()).build() }
    }

    /// Measures one call.
    async fn call<T>(
        &self,
        operation: &'static str,
        outcome: fn(&T) -> &'static str,
        call: impl Future<Output = Result<T, SharedError>>,
    ) -> Result<T, SharedError> {
        let mut running = Call::begin(self, operation);
        let answer = call.instrument(running.span.clone()).await;
        running.outcome = match &answer {
            Ok(answer) => outcome(answer),
            Err(why) => {
                running.span.record("otel.status_description", display(why));
                FAILED
            }
        };
        answer
    }
}

/// A call that is measured. It ends when this is dropped, which also happens if its future is dropped.
struct Call<'s> {
    store: &'s ObservedStore,
    operation: &'static str,
    begun: Instant,
    span: Span,
    outcome: &'static str,
}

impl<'s> Call<'s> {
    fn begin(store: &'s ObservedStore, operation: &'static str) -> Self {
        let span = tracing::info_span!(
            target: "session",
            "session_store",
            otel.name = operation,
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            db.system.name = store.system,
            db.operation.name = operation,
            session_core.store.outcome = Empty,
            "error.type" = Empty,
        );
        Self { store, operation, begun: Instant::now(), span, outcome: CANCELLED }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let duration = self.begun.elapsed().as_secs_f64();
        let mut attributes = vec![
            KeyValue::new("db.system.name", self.store.system),
            KeyValue::new("db.operation.name", self.operation),
            KeyValue::new("session_core.store.outcome", self.outcome),
        ];
        self.span.record("session_core.store.outcome", self.outcome);
        if let Some(error) = error_type(self.outcome) {
            attributes.push(KeyValue::new("error.type", error));
            self.span.record("error.type", error);
            self.span.record("otel.status_code", "ERROR");
        }
        self.store.duration.record(duration, &attributes);
    }
}

/// Returns the class of a failure. Errors of stores are text without a class, for which the conventions have a name.
fn error_type(outcome: &'static str) -> Option<&'static str> {
    match outcome {
        FAILED => Some("_OTHER"),
        FULL => Some(FULL),
        _ => None,
    }
}

fn loaded(load: &Load) -> &'static str {
    match load {
        Load::Found(_) => "found",
        Load::Missing => MISSING,
        Load::TooLarge { .. } => TOO_LARGE,
    }
}

fn written(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Applied(_) => DONE,
        Outcome::Missing => MISSING,
        Outcome::Conflict(_) => "conflict",
        Outcome::Full => FULL,
        Outcome::TooLarge { .. } => TOO_LARGE,
    }
}

fn added(added: &Added) -> &'static str {
    match added {
        Added::Applied => DONE,
        Added::Moved => "moved",
        Added::Full => FULL,
    }
}

fn ended(ended: &bool) -> &'static str {
    if *ended { DONE } else { UNSUPPORTED }
}

fn known<T>(number: &Option<T>) -> &'static str {
    if number.is_some() { DONE } else { UNSUPPORTED }
}

fn done<T>(_: &T) -> &'static str {
    DONE
}

impl Store for ObservedStore {
    type Error = SharedError;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        self.store.index().map(|_| self)
    }

    fn touch_is_free(&self) -> bool {
        self.store.touch_is_free()
    }

    fn warning(&self) -> Option<&'static str> {
        self.store.warning()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, SharedError> {
        self.call("load", loaded, self.store.load(key, now, into)).await
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, SharedError> {
        self.call("create", written, self.store.create(key, record, now)).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, SharedError> {
        self.call("update", written, self.store.update(key, seen, record, now, there)).await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, SharedError> {
        self.call("touch", written, self.store.touch(key, now)).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, SharedError> {
        self.call("delete", written, self.store.delete(key, condition, now)).await
    }

    async fn check(&self, now: Time) -> Result<(), SharedError> {
        self.call("check", done, self.store.check(now)).await
    }

    async fn end_all(&self, now: Time) -> Result<bool, SharedError> {
        self.call("end_all", ended, self.store.end_all(now)).await
    }

    async fn count(&self, now: Time) -> Result<Option<u64>, SharedError> {
        self.call("count", known, self.store.count(now)).await
    }

    async fn remove_expired(&self, most: usize, now: Time) -> Result<Option<usize>, SharedError> {
        self.call("remove_expired", known, self.store.remove_expired(most, now)).await
    }
}

impl SubjectIndex for ObservedStore {
    type Error = SharedError;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, SharedError> {
        self.call("index_list", done, SubjectIndex::list(&self.store, subject, after, now, into)).await
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, SharedError> {
        self.call("index_add", added, SubjectIndex::add(&self.store, subject, seen, entry, now)).await
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, SharedError> {
        self.call("index_bump", done, SubjectIndex::bump(&self.store, subject, now)).await
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), SharedError> {
        self.call("index_remove", done, SubjectIndex::remove(&self.store, subject, entry, now)).await
    }
}

session_store_shared::shared!(ObservedStore, |observed, keys| ObservedStore {
    store: observed.store.with_keys(keys),
    ..observed.clone()
});
