//! All conversations, through this adapter's reference app.

#[path = "../examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod reference;

#[test]
fn conversations() {
    support::reference::with_flash(|flash| {
        support::reference::converse_on_a_device(
            "edge-http",
            &["memory:", "fixed:", "cookie:", flash],
            reference::serve,
        );
    });
}
