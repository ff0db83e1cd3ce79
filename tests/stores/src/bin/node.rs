//! The reference app of one adapter as a process, for tests with several of them.

#[path = "../../../../adapters/axum/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod axum_app;

fn main() {
    support::reference::run(axum_app::serve);
}
