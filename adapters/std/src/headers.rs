//! What an answer says about its session, merged with what the handler said.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, Entry, HeaderName, HeaderValue, SET_COOKIE, VARY};

use crate::session::Finished;

/// Puts what a finished request says into an answer's headers (CK9). Cookies of the handler's stay.
pub fn apply(finished: Finished, headers: &mut HeaderMap) {
    if let Some(cookie) = finished.cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        headers.append(SET_COOKIE, cookie);
        merge(headers, CACHE_CONTROL, |before| Some(cache_control(before)));
    }
    if finished.varies {
        merge(headers, VARY, vary);
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
/// would let a cache keep it.
#[must_use]
pub fn cache_control(before: Option<&str>) -> Cow<'static, str> {
    const NO_STORE: &str = "no-store";
    let Some(before) = before else { return NO_STORE.into() };
    let keeps = |directive: &&str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        !["public", "max-age", "s-maxage", "immutable", "no-store", "stale-while-revalidate", "stale-if-error"]
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
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
        apply(Finished { error: None, cookie: Some("id=x".into()), varies: true }, &mut headers);
        let all = |name| list(headers.get_all(name).iter().filter_map(|line| line.to_str().ok())).unwrap_or_default();
        assert_eq!(all(SET_COOKIE), "a=1, id=x");
        assert_eq!((all(VARY).as_str(), all(CACHE_CONTROL).as_str()), ("accept, origin, Cookie", "no-store"));
    }

    #[test]
    fn no_cache_keeps_a_cookie_ck9() {
        assert_eq!(cache_control(None), "no-store");
        assert_eq!(cache_control(Some("public, Max-Age=60,no-transform")), "no-store, no-transform");
        assert_eq!(cache_control(Some("private, no-store")), "no-store, private");
    }

    #[test]
    fn vary_is_a_list_ck9() {
        assert_eq!(vary(None).as_deref(), Some("Cookie"));
        assert_eq!(vary(Some("Accept-Encoding")).as_deref(), Some("Accept-Encoding, Cookie"));
        assert_eq!(vary(Some("accept, COOKIE")), None);
        assert_eq!(vary(Some("*")), None);
    }
}
