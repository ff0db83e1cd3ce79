//! What an answer says besides its cookie, so that neither a cache nor the browser keeps what is over.

/// What an answer that signs out says in `Clear-Site-Data`. Not `"cookies"`: that would take those of all hosts of the
/// domain.
pub const SITE_DATA: &str = "\"cache\", \"storage\"";

/// Returns what a header that overrides `Cache-Control` for some caches has to say in an answer that none may keep: the
/// targeted ones of RFC 9213 (`CDN-Cache-Control` and those of its kind), `Surrogate-Control`, `Edge-Control`, and nginx's
/// `X-Accel-Expires`. `None` for other headers.
#[must_use]
pub fn uncached(name: &str) -> Option<&'static str> {
    let tail = name.len().checked_sub("-cache-control".len()).and_then(|at| name.get(at..));
    if tail.is_some_and(|tail| tail.eq_ignore_ascii_case("-cache-control"))
        || ["surrogate-control", "edge-control"].iter().any(|other| name.eq_ignore_ascii_case(other))
    {
        Some("no-store")
    } else {
        name.eq_ignore_ascii_case("x-accel-expires").then_some("0")
    }
}
