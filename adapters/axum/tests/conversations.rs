//! All conversations, through this adapter's reference app.

#[path = "../examples/reference.rs"]
#[allow(unreachable_pub)]
mod reference;

#[test]
fn conversations() {
    support::reference::converse("axum", &["memory:", "cookie:"], reference::serve);
}

/// Those about what a store has to keep, with the sessions in flash.
#[test]
fn conversations_over_flash() {
    support::reference::with_flash(|flash| {
        let about = ["EM2", "LC1", "LC2", "LC3", "LC5", "LC9", "ST2", "ST3"];
        support::reference::converse_about(&about, "axum over flash", &[flash], reference::serve);
    });
}

/// Nodes of two versions of the program, over one database.
#[test]
fn conversations_of_a_rolling_deployment() {
    support::reference::with_sqlite(|database| {
        support::reference::converse_about(&["VA3"], "axum over SQLite", &[database], reference::serve);
    });
}

#[test]
fn tokens_in_a_header_instead_of_cookies_tr5() {
    support::reference::converse_in_a_header(reference::serve);
}

#[test]
fn bad_starts() {
    support::reference::refuse_bad_starts("bad_starts", reference::main);
}
