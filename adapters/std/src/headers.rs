//! What an answer says about its session, merged with what the handler said.

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
