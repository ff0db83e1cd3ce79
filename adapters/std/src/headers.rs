//! The headers that a response needs for its session, merged with those of the handler.

use std::borrow::Cow;

use http::HeaderMap;
pub use http::header::HeaderName;
use http::header::{CACHE_CONTROL, COOKIE, Entry, HeaderValue, SET_COOKIE, VARY};
pub use session_core::answer::{SITE_DATA, uncached};

use crate::device_keys::names;
use crate::session::Finished;
use crate::token_header::TokenHeader;

/// The headers of a response, in whatever type the framework has for them.
pub trait Answer {
    /// Adds a line whose value is secret.
    fn append_secret(&mut self, name: &HeaderName, value: String);

    /// Replaces all lines of a header with one.
    fn set(&mut self, name: &HeaderName, value: Cow<'static, str>);

    /// Returns the lines of a header that are text as one list, or `None` if there is none.
    fn list(&self, name: &HeaderName) -> Option<String>;

    /// Returns the names of the headers for which `is` returns `true`.
    fn names(&self, is: impl Fn(&str) -> bool) -> Vec<String>;

    /// Replaces the lines of a header with the result of `merged`, if that is `Some`.
    fn merge(&mut self, name: &HeaderName, merged: impl FnOnce(Option<&str>) -> Option<Cow<'static, str>>) {
        if let Some(value) = merged(self.list(name).as_deref()) {
            self.set(name, value);
        }
    }

    /// Adds `Cookie` to `Vary`. Every response to a request that used its session has it.
    fn vary_by_cookie(&mut self) {
        self.merge(&VARY, |before| vary(before, &COOKIE));
    }
}

/// Writes the result of a finished request into the headers of its response. Cookies that the handler set stay.
pub fn apply(finished: Finished, answer: &mut impl Answer) {
    let uncached = finished.no_store || finished.cookie.is_some() || finished.device_cookie.is_some();
    if let Some(cookie) = finished.cookie {
        answer.append_secret(finished.token_header.as_ref().map_or(&SET_COOKIE, TokenHeader::name), cookie);
    }
    if let Some(cookie) = finished.device_cookie {
        answer.append_secret(&SET_COOKIE, cookie);
    }
    if let Some(registration) = finished.registration {
        answer.append_secret(&REGISTRATION, registration);
    }
    if uncached {
        no_store(answer);
    }
    if finished.clears_site_data {
        answer.set(&CLEAR_SITE_DATA, SITE_DATA.into());
    }
    if finished.varies {
        match &finished.token_header {
            None => answer.vary_by_cookie(),
            Some(header) => answer.merge(&VARY, |before| vary(before, header.name())),
        }
    }
}

const REGISTRATION: HeaderName = HeaderName::from_static(names::REGISTRATION);
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Forbids every cache to keep the response, whatever its headers said before.
pub fn no_store(answer: &mut impl Answer) {
    answer.merge(&CACHE_CONTROL, |before| Some(cache_control(before)));
    for name in answer.names(|name| uncached(name).is_some()) {
        if let (Some(value), Ok(name)) = (uncached(&name), HeaderName::try_from(&name)) {
            answer.set(&name, value.into());
        }
    }
}

/// Corrects a response with a session cookie that a layer outside of the session layer has made cacheable again. Call
/// it in the outermost layer, with the name of the cookie or of the header that carries the token. It also recognizes
/// `NAME-b`, the cookie of device-bound sessions.
///
/// It cannot recognize a response without a cookie that [`Policy::no_store`](crate::Policy::no_store) kept from caches,
/// because its `Cache-Control` is gone. Mount the session layer outside of the other layer instead.
pub fn correct(name: &str, headers: &mut HeaderMap) {
    let ours = |line: &HeaderValue| {
        let rest = line.as_bytes().strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"=") || rest.starts_with(b"-b="))
    };
    if headers.contains_key(name) || headers.get_all(SET_COOKIE).iter().any(ours) {
        no_store(headers);
    }
}

impl Answer for HeaderMap {
    fn append_secret(&mut self, name: &HeaderName, value: String) {
        if let Ok(mut value) = HeaderValue::try_from(value) {
            value.set_sensitive(true);
            self.append(name, value);
        }
    }

    fn set(&mut self, name: &HeaderName, text: Cow<'static, str>) {
        if let Some(value) = value(text) {
            self.insert(name, value);
        }
    }

    fn list(&self, name: &HeaderName) -> Option<String> {
        list(self.get_all(name).iter().filter_map(|value| value.to_str().ok()))
    }

    fn names(&self, is: impl Fn(&str) -> bool) -> Vec<String> {
        self.keys().map(HeaderName::as_str).filter(|name| is(name)).map(str::to_owned).collect()
    }

    /// Nearly always there is no such header yet.
    fn vary_by_cookie(&mut self) {
        match self.entry(VARY) {
            Entry::Vacant(vacant) => _ = vacant.insert(COOKIE_VALUE.clone()),
            Entry::Occupied(_) => self.merge(&VARY, |before| vary(before, &COOKIE)),
        }
    }

    /// Looks the header up once.
    fn merge(&mut self, name: &HeaderName, merged: impl FnOnce(Option<&str>) -> Option<Cow<'static, str>>) {
        match self.entry(name) {
            Entry::Vacant(vacant) => {
                if let Some(value) = merged(None).and_then(value) {
                    vacant.insert(value);
                }
            }
            Entry::Occupied(mut occupied) => {
                let before = list(occupied.iter().filter_map(|value| value.to_str().ok()));
                if let Some(value) = merged(before.as_deref()).and_then(value) {
                    occupied.insert(value);
                }
            }
        }
    }
}

/// Values that nearly every answer has: checked once, when this is compiled.
static COOKIE_VALUE: HeaderValue = HeaderValue::from_static(COOKIE_NAME);
static NO_STORE_VALUE: HeaderValue = HeaderValue::from_static(NO_STORE);

const COOKIE_NAME: &str = "Cookie";
const NO_STORE: &str = "no-store";

fn value(text: Cow<'static, str>) -> Option<HeaderValue> {
    match text {
        Cow::Borrowed(COOKIE_NAME) => Some(COOKIE_VALUE.clone()),
        Cow::Borrowed(NO_STORE) => Some(NO_STORE_VALUE.clone()),
        Cow::Borrowed(text) => Some(HeaderValue::from_static(text)),
        Cow::Owned(text) => HeaderValue::try_from(text).ok(),
    }
}

/// Joins all lines of a header to one list. Returns `None` if there is none.
#[must_use]
pub fn list<'l>(mut lines: impl Iterator<Item = &'l str>) -> Option<String> {
    let mut list = lines.next()?.to_owned();
    for line in lines {
        list.push_str(", ");
        list.push_str(line);
    }
    Some(list)
}

/// Returns the `Cache-Control` of a response with a session cookie, which no cache may keep.
///
/// The handler's own directives stay, except those that would let a cache keep the response: with `must-understand`, a
/// cache that knows the status ignores `no-store` (RFC 9111, 5.2.2.3). If any directive has a quoted argument, all are
/// dropped, because the argument may contain a comma.
#[must_use]
pub fn cache_control(before: Option<&str>) -> Cow<'static, str> {
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

/// Returns the `Vary` of a response that depended on the session: its own fields and `Cookie`, or the header that
/// carries the token. Returns `None` if it says so already.
#[must_use]
pub fn vary(before: Option<&str>, header: &HeaderName) -> Option<Cow<'static, str>> {
    let ours = if *header == COOKIE { "Cookie" } else { header.as_str() };
    let Some(before) = before else {
        return Some(if *header == COOKIE { "Cookie".into() } else { ours.to_owned().into() });
    };
    let names = || before.split(',').map(str::trim).filter(|name| !name.is_empty());
    if names().any(|name| name == "*" || name.eq_ignore_ascii_case(ours)) {
        return None;
    }
    Some(names().chain(std::iter::once(ours)).collect::<Vec<_>>().join(", ").into())
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
        // an outer layer makes it cacheable again, and the outermost one corrects that
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        correct("other", &mut headers);
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=60");
        correct("id", &mut headers);
        assert_eq!(headers[CACHE_CONTROL], "no-store");
    }

    /// An answer that only sets the device's cookie, or removes it.
    #[test]
    fn no_cache_keeps_the_cookie_of_a_device_ck9() {
        let finished = Finished { device_cookie: Some("__Host-id-b=; Max-Age=0".into()), ..Finished::default() };
        let mut headers = HeaderMap::new();
        apply(finished, &mut headers);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        correct("__Host-i", &mut headers);
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=60");
        correct("__Host-id", &mut headers);
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
        assert_eq!(vary(None, &COOKIE).as_deref(), Some("Cookie"));
        assert_eq!(vary(Some("Accept-Encoding"), &COOKIE).as_deref(), Some("Accept-Encoding, Cookie"));
        assert_eq!(vary(Some("accept, COOKIE"), &COOKIE), None);
        assert_eq!(vary(Some("*"), &COOKIE), None);
    }
}
