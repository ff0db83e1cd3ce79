//! Each call of a store: its duration and its span.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::{Context, Waker};

use opentelemetry::trace::{SpanKind, Status};
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Store, Version};
use session_core::subject::{Epoch, IndexEntry, SubjectId, SubjectIndex};
use session_opentelemetry::ObservedStore;

use crate::moody::{Mood, Moody};
use crate::{Telemetry, attributes, texts};

/// Every operation, and the outcomes that only some have, with the mood of the store that leads to them.
const WRITES: &[(Mood, &str)] = &[
    (Mood::Fine, "done"),
    (Mood::Missing, "missing"),
    (Mood::Conflict, "conflict"),
    (Mood::Full, "full"),
    (Mood::TooLarge, "too_large"),
];
const MAYBE: &[(Mood, &str)] = &[(Mood::Fine, "done"), (Mood::Cannot, "unsupported")];
const ALWAYS: &[(Mood, &str)] = &[(Mood::Fine, "done")];
const OPERATIONS: [(&str, &[(Mood, &str)]); 13] = [
    ("load", &[(Mood::Fine, "found"), (Mood::Missing, "missing"), (Mood::TooLarge, "too_large")]),
    ("create", WRITES),
    ("update", WRITES),
    ("touch", WRITES),
    ("delete", WRITES),
    ("check", ALWAYS),
    ("end_all", MAYBE),
    ("count", MAYBE),
    ("remove_expired", MAYBE),
    ("index_list", ALWAYS),
    ("index_add", &[(Mood::Fine, "done"), (Mood::Moved, "moved"), (Mood::Full, "full")]),
    ("index_bump", ALWAYS),
    ("index_remove", ALWAYS),
];
const OF_ALL: [(Mood, &str); 2] = [(Mood::Fails, "failed"), (Mood::Waits, "cancelled")];

/// Returns the names of all outcomes.
pub(crate) fn outcomes() -> BTreeSet<&'static str> {
    OPERATIONS.iter().flat_map(|(_, own)| own.iter()).chain(&OF_ALL).map(|(_, outcome)| *outcome).collect()
}

async fn call(store: &ObservedStore, operation: &str) {
    let (key, now, subject, entry) =
        (&Handle::from_bytes([7; Handle::LEN]), Time::ZERO, &SubjectId::of("ann"), &IndexEntry::NONE);
    match operation {
        "load" => drop(store.load(key, now, &mut []).await),
        "create" => drop(store.create(key, &[], now).await),
        "update" => drop(store.update(key, Version(1), &[], now, &mut []).await),
        "touch" => drop(store.touch(key, now).await),
        "delete" => drop(store.delete(key, DeleteCondition::Any, now).await),
        "check" => drop(store.check(now).await),
        "end_all" => drop(store.end_all(now).await),
        "count" => drop(store.count(now).await),
        "remove_expired" => drop(store.remove_expired(1, now).await),
        "index_list" => drop(store.list(subject, 0, now, &mut []).await),
        "index_add" => drop(store.add(subject, Epoch(1), entry, now).await),
        "index_bump" => drop(store.bump(subject, now).await),
        "index_remove" => drop(SubjectIndex::remove(store, subject, entry, now).await),
        other => panic!("{other}"),
    }
}

/// Makes a call for each operation and outcome, in this order. One that waits is polled once and dropped.
fn call_all(telemetry: &Telemetry) -> Vec<(&'static str, &'static str)> {
    let moody = Moody::new();
    let store = ObservedStore::new(moody.clone(), "postgresql", &telemetry.meter());
    let mut called = Vec::new();
    for (operation, own) in OPERATIONS {
        for (mood, outcome) in own.iter().chain(&OF_ALL) {
            moody.is(*mood);
            let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(call(&store, operation));
            let is_over = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            assert_eq!(is_over, *mood != Mood::Waits, "{operation} {outcome}");
            drop(future);
            called.push((operation, *outcome));
        }
    }
    called
}

fn error(outcome: &str) -> Option<&'static str> {
    match outcome {
        "failed" => Some("_OTHER"),
        "full" => Some("full"),
        _ => None,
    }
}

fn expected_attributes(operation: &str, outcome: &str) -> Vec<(String, String)> {
    let mut all = vec![
        ("db.system.name", "postgresql"),
        ("db.operation.name", operation),
        ("session_core.store.outcome", outcome),
    ];
    all.extend(error(outcome).map(|error| ("error.type", error)));
    attributes(&all)
}

/// One series for each operation and outcome, with one measurement each, whoever drops it (LC13).
#[test]
fn each_operation_and_outcome_is_measured_lc13() {
    let telemetry = Telemetry::new();
    let expected = call_all(&telemetry).into_iter().map(|(operation, outcome)| {
        let name = "db.client.operation.duration".to_owned();
        (name, "s".to_owned(), expected_attributes(operation, outcome), 1)
    });
    let mut expected: Vec<_> = expected.collect();
    expected.sort();
    assert_eq!(telemetry.series(), expected);
}

/// A call's span has the operation's name, is a client's, stands in the span of the request, and says what failed (LC13).
#[test]
fn each_call_has_a_span_lc13() {
    let telemetry = Telemetry::new();
    let called = telemetry.traced(|| tracing::info_span!("request").in_scope(|| call_all(&telemetry)));
    let mut spans = telemetry.spans();
    let request = spans.pop().unwrap();
    assert_eq!((request.name.as_ref(), spans.len()), ("request", called.len()));
    for (span, (operation, outcome)) in spans.iter().zip(called) {
        assert_eq!((span.name.as_ref(), &span.span_kind), (operation, &SpanKind::Client));
        assert_eq!(span.parent_span_id, request.span_context.span_id(), "{operation}");
        assert_eq!(texts(&span.attributes), expected_attributes(operation, outcome), "{operation}");
        let status = match outcome {
            "failed" => Status::error("connection refused"),
            "full" => Status::error(""),
            _ => Status::Unset,
        };
        assert_eq!(span.status, status, "{operation} {outcome}");
    }
}

/// A future that nobody has polled has called nothing.
#[test]
fn what_was_never_polled_is_no_call_lc13() {
    let telemetry = Telemetry::new();
    let store = ObservedStore::new(Moody::new(), "postgresql", &telemetry.meter());
    telemetry.traced(|| drop(call(&store, "load")));
    assert_eq!((telemetry.spans().len(), telemetry.series().len()), (0, 0));
}
