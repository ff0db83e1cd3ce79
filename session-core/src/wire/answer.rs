//! Headers of a response besides its cookie, which keep caches and browsers from storing what must not be stored.

/// The `Clear-Site-Data` value of a response that signs out. It omits `"cookies"`, which would remove the cookies of
/// all hosts of the domain.
pub const SITE_DATA: &str = "\"cache\", \"storage\"";

/// Returns the value that makes a header forbid caching, or `None` if the header has no influence on caches. It covers
/// headers that override `Cache-Control` for some caches: the targeted ones of RFC 9213 (`CDN-Cache-Control` and
/// similar), `Surrogate-Control`, `Edge-Control`, and nginx's `X-Accel-Expires`.
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
