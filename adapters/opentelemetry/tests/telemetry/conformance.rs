//! A store that is observed keeps the contract, and says what the store within says (ST11).

use opentelemetry::metrics::MeterProvider;
use opentelemetry::metrics::noop::NoopMeterProvider;
use session_core::conformance::{end_all_ends_all, suite};
use session_core::environment::Time;
use session_core::store::Store;
use session_core::testing::run;
use session_opentelemetry::ObservedStore;
use session_std::{MemoryStore, SharedStore};

use crate::moody::{Mood, Moody};

#[test]
fn observed_memory_store() {
    let store = ObservedStore::new(MemoryStore::new(), "memory", &NoopMeterProvider::new().meter("none"));
    let store = SharedStore::from(store);
    let start = Time::from_millis(1_790_000_000_000);
    for seed in 0..5 {
        assert_eq!(run(suite(&store, start, seed)), Ok(()));
    }
    assert_eq!(run(end_all_ends_all(&store, start, 10)), Ok(()));
}

#[test]
fn says_what_the_store_within_says() {
    let moody = Moody::new();
    let store = ObservedStore::new(moody.clone(), "moody", &NoopMeterProvider::new().meter("none"));
    let told = || (store.index().is_some(), store.touch_is_free(), store.warning());
    assert_eq!(told(), (true, true, Some("in a mood")));
    moody.is(Mood::Cannot);
    assert_eq!(told(), (false, false, Some("in a mood")));
}
