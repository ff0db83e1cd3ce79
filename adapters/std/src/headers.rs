//! What an answer says about its session, merged with what the handler said.

use http::HeaderMap;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, SET_COOKIE, VARY};

use crate::Finished;

/// Puts what a finished request says into an answer's headers (CK9). Cookies of the handler's stay.
pub fn apply(finished: &Finished, headers: &mut HeaderMap) {
    if let Some(cookie) = finished.cookie.as_ref().and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        headers.append(SET_COOKIE, cookie);
        let merged = cache_control(list(headers, &CACHE_CONTROL).as_deref());
        replace(headers, CACHE_CONTROL, &merged);
    }
    if finished.varies {
        match list(headers, &VARY).as_deref() {
            None => drop(headers.insert(VARY, HeaderValue::from_static("Cookie"))),
            before => vary(before).into_iter().for_each(|merged| replace(headers, VARY, &merged)),
        }
    }
}

/// The values of all lines of this name, as one list.
fn list(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut list = lines.next()?.to_owned();
    for line in lines {
        list.push_str(", ");
        list.push_str(line);
    }
    Some(list)
}

fn replace(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// An answer with a session cookie is not to be kept by caches; the handler's own directives stay, but for those that
/// would let a cache keep it.
#[must_use]
pub fn cache_control(before: Option<&str>) -> String {
    let keeps = |directive: &&str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        !["public", "max-age", "s-maxage", "immutable", "no-store", "stale-while-revalidate", "stale-if-error"]
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
    };
    let before = before.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    std::iter::once("no-store")
        .chain(before.filter(|text| !text.is_empty()).filter(keeps))
        .collect::<Vec<_>>()
        .join(", ")
}

/// An answer that depended on the session says `Vary: Cookie`, beside what else it depends on; `None` if it says so
/// already.
#[must_use]
pub fn vary(before: Option<&str>) -> Option<String> {
    let names = || before.into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|name| !name.is_empty());
    if names().any(|name| name == "*" || name.eq_ignore_ascii_case("cookie")) {
        return None;
    }
    Some(names().chain(std::iter::once("Cookie")).collect::<Vec<_>>().join(", "))
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
        apply(&Finished { error: None, cookie: Some("id=x".into()), varies: true }, &mut headers);
        let all = |name: HeaderName| list(&headers, &name).unwrap_or_default();
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
