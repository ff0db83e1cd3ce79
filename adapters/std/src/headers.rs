//! What an answer says about its session, merged with what the handler said.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, Entry, HeaderName, HeaderValue, SET_COOKIE, VARY};

use crate::device::names;
use crate::session::Finished;

/// Puts what a finished request says into an answer's headers (CK9). Cookies of the handler's stay.
pub fn apply(finished: Finished, headers: &mut HeaderMap) {
    let uncached = finished.no_store || finished.cookie.is_some() || finished.device_cookie.is_some();
    let registration = finished.registration.map(|value| (REGISTRATION, value));
    let cookies = [finished.cookie, finished.device_cookie].into_iter().flatten().map(|cookie| (SET_COOKIE, cookie));
    for (name, value) in cookies.chain(registration) {
        if let Ok(mut value) = HeaderValue::try_from(value) {
            value.set_sensitive(true);
            headers.append(name, value);
        }
    }
    if uncached {
        no_store(headers);
    }
    if finished.clears_site_data {
        headers.insert(CLEAR_SITE_DATA, HeaderValue::from_static(SITE_DATA));
    }
    if finished.varies {
        merge(headers, VARY, vary);
    }
}

/// What an answer that signs out says in `Clear-Site-Data`. Not `"cookies"`: that would take those of all hosts of the
/// domain.
pub const SITE_DATA: &str = "\"cache\", \"storage\"";
const REGISTRATION: HeaderName = HeaderName::from_static(names::REGISTRATION);
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Says in an answer's headers that no cache may keep it, whatever they said before.
pub fn no_store(headers: &mut HeaderMap) {
    merge(headers, CACHE_CONTROL, |before| Some(cache_control(before)));
    let names: Vec<_> = headers.keys().filter(|name| uncached(name.as_str()).is_some()).cloned().collect();
    for name in names {
        if let Some(value) = uncached(name.as_str()) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// Corrects an answer with a session cookie that a layer outside of the session's has made cacheable again: to be called by
/// the outermost one, with the name of the cookie.
pub fn correct(cookie_name: &str, headers: &mut HeaderMap) {
    let ours = |line: &HeaderValue| {
        let rest = line.as_bytes().strip_prefix(cookie_name.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"="))
    };
    if headers.get_all(SET_COOKIE).iter().any(ours) {
        no_store(headers);
    }
}

/// What a header that overrides `Cache-Control` for some caches has to say in an answer that none may keep: the targeted
/// ones of RFC 9213 (`CDN-Cache-Control` and those of its kind), `Surrogate-Control`, `Edge-Control`, and nginx's
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

/// Puts what `merged` makes of a header's lines into their place.
fn merge(headers: &mut HeaderMap, name: HeaderName, merged: impl FnOnce(Option<&str>) -> Option<Cow<'static, str>>) {
    match headers.entry(name) {
        Entry::Vacant(place) => {
            if let Some(value) = merged(None).and_then(value) {
                place.insert(value);
            }
        }
        Entry::Occupied(mut lines) => {
            let before = list(lines.iter().filter_map(|value| value.to_str().ok()));
            if let Some(value) = merged(before.as_deref()).and_then(value) {
                lines.insert(value);
            }
        }
    }
}

fn value(text: Cow<'static, str>) -> Option<HeaderValue> {
    match text {
        Cow::Borrowed(text) => Some(HeaderValue::from_static(text)),
        Cow::Owned(text) => HeaderValue::try_from(text).ok(),
    }
}

/// All lines of a header as one list; `None` without any.
#[must_use]
pub fn list<'l>(mut lines: impl Iterator<Item = &'l str>) -> Option<String> {
    let mut list = lines.next()?.to_owned();
    for line in lines {
        list.push_str(", ");
        list.push_str(line);
    }
    Some(list)
}

/// An answer with a session cookie is not to be kept by caches; the handler's own directives stay, but for those that
/// would let a cache keep it: with `must-understand`, a cache that knows the status ignores `no-store` (RFC 9111, 5.2.2.3).
/// Directives with quoted arguments all go, because a comma may stand in them.
#[must_use]
pub fn cache_control(before: Option<&str>) -> Cow<'static, str> {
    const NO_STORE: &str = "no-store";
    const DROPPED: [&str; 8] = [
        "public",
        "max-age",
        "s-maxage",
        "immutable",
        "no-store",
        "stale-while-revalidate",
        "stale-if-error",
        "must-understand",
    ];
    let Some(before) = before else { return NO_STORE.into() };
    if before.contains('"') {
        return NO_STORE.into();
    }
    let keeps = |directive: &&str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        !DROPPED.iter().any(|other| name.eq_ignore_ascii_case(other))
    };
    let before = before.split(',').map(str::trim).filter(|text| !text.is_empty());
    std::iter::once(NO_STORE).chain(before.filter(keeps)).collect::<Vec<_>>().join(", ").into()
}

/// An answer that depended on the session says `Vary: Cookie`, beside what else it depends on; `None` if it says so
/// already.
#[must_use]
pub fn vary(before: Option<&str>) -> Option<Cow<'static, str>> {
    const COOKIE: &str = "Cookie";
    let Some(before) = before else { return Some(COOKIE.into()) };
    let names = || before.split(',').map(str::trim).filter(|name| !name.is_empty());
    if names().any(|name| name == "*" || name.eq_ignore_ascii_case("cookie")) {
        return None;
    }
    Some(names().chain(std::iter::once(COOKIE)).collect::<Vec<_>>().join(", ").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_handler_said_stays_ck9() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("vary", "accept"), ("vary", "origin"), ("set-cookie", "a=1"), ("cache-control", "public")]
        {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        apply(Finished { cookie: Some("id=x".into()), varies: true, ..Finished::default() }, &mut headers);
        let all = |name| list(headers.get_all(name).iter().filter_map(|line| line.to_str().ok())).unwrap_or_default();
        assert_eq!(all(SET_COOKIE), "a=1, id=x");
        assert_eq!((all(VARY).as_str(), all(CACHE_CONTROL).as_str()), ("accept, origin, Cookie", "no-store"));
    }

    #[test]
    fn no_cache_keeps_a_cookie_ck9() {
        assert_eq!(cache_control(None), "no-store");
        assert_eq!(cache_control(Some("public, Max-Age=60,no-transform")), "no-store, no-transform");
        assert_eq!(cache_control(Some("private, no-store")), "no-store, private");
        assert_eq!(cache_control(Some("must-understand, no-store")), "no-store");
        assert_eq!(cache_control(Some("private=\"a, must-understand\", no-transform")), "no-store");
    }

    /// Headers that override `Cache-Control` for some caches do not override this.
    #[test]
    fn no_cache_of_a_cdn_keeps_a_cookie_ck9() {
        let cached = ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control", "edge-control"];
        let mut headers = HeaderMap::new();
        for name in cached {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("max-age=60"));
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("public"));
        }
        headers.insert("x-accel-expires", HeaderValue::from_static("60"));
        let before = headers.clone();
        apply(Finished { varies: true, ..Finished::default() }, &mut headers);
        headers.remove(VARY);
        assert_eq!(headers, before, "no cookie, and nothing that was asked for");
        apply(Finished { no_store: true, ..Finished::default() }, &mut headers.clone());
        apply(Finished { cookie: Some("id=x".into()), ..Finished::default() }, &mut headers);
        for name in cached.iter().chain(&["cache-control"]) {
            assert_eq!(
                list(headers.get_all(*name).iter().filter_map(|line| line.to_str().ok())).as_deref(),
                Some("no-store")
            );
        }
        assert_eq!(headers["x-accel-expires"], "0");
        assert!(headers[SET_COOKIE].is_sensitive());
        // a layer outside makes it cacheable again, and the outermost one sees that
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        correct("other", &mut headers);
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=60");
        correct("id", &mut headers);
        assert_eq!(headers[CACHE_CONTROL], "no-store");
    }

    #[test]
    fn what_is_printed_of_an_answer_has_no_cookie_id6() {
        let finished = Finished { cookie: Some("id=secret".into()), ..Finished::default() };
        assert!(!format!("{finished:?}").contains("secret"));
        let mut headers = HeaderMap::new();
        apply(finished, &mut headers);
        assert!(!format!("{headers:?}").contains("secret"));
    }

    #[test]
    fn vary_is_a_list_ck9() {
        assert_eq!(vary(None).as_deref(), Some("Cookie"));
        assert_eq!(vary(Some("Accept-Encoding")).as_deref(), Some("Accept-Encoding, Cookie"));
        assert_eq!(vary(Some("accept, COOKIE")), None);
        assert_eq!(vary(Some("*")), None);
    }
}
