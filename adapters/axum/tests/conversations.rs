//! All conversations, through this adapter's reference app.

#[path = "../examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod reference;

#[test]
fn conversations() {
    reference_app::converse("axum", &["memory:", "cookie:"], reference::serve);
}
