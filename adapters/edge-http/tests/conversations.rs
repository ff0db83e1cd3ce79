//! All conversations, through this adapter's reference app.

#[path = "../examples/reference.rs"]
#[allow(unreachable_pub)]
mod reference;

#[test]
fn conversations() {
    support::reference::converse_on_a_device("edge-http", reference::serve);
}

#[test]
fn bad_starts() {
    support::reference::refuse_bad_starts("bad_starts", reference::main);
}
