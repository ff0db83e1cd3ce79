//! All conversations, through this adapter's reference app.

#[path = "../examples/reference.rs"]
#[allow(unreachable_pub)]
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

#[test]
fn bad_starts() {
    support::reference::refuse_bad_starts("bad_starts", reference::main);
}
