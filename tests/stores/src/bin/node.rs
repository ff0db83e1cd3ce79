//! The reference app of one adapter as a process, for tests with several of them. With `PRINT_EVENTS` in its environment it
//! prints all that observers are told.

#[path = "../../../../adapters/axum/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod axum_app;

use session_axum::events::{Event, Observer};

struct Print;

impl Observer for Print {
    fn observe(&self, event: &Event<'_>) {
        eprintln!("{event}");
    }
}

fn main() {
    if std::env::var_os("PRINT_EVENTS").is_none() {
        return support::reference::run(axum_app::serve);
    }
    support::reference::run(|listener, config, clock, stop| {
        let version = config.struct_version;
        let sessions = support::reference::sessions(config, clock)?.observed(Print);
        axum_app::run(listener, axum_app::router(sessions, version), stop)
    });
}
