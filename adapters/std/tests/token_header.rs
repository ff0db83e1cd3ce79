//! The token in a header instead of a cookie. What a client sees of it over each adapter is in its tests `conversations`.

use http::header::{COOKIE, HeaderName, HeaderValue, VARY};
use http::{Extensions, HeaderMap, Method, Uri};
use session_core::testing::run;
use session_std::mount::{self, Mount};
use session_std::{Error, MemoryStore, Policy, Request, Session, Sessions, headers, keys};

fn sessions() -> Sessions {
    Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP)
}

#[test]
fn names_of_headers_that_cannot_carry_a_token_tr5() {
    let taken =
        ["cookie", "Set-Cookie", "VARY", "host", "Origin", "referer", "date", "via", "Expect", "te", "user-agent"];
    // no script may send these, and no proxy lets all of them pass
    let of_browsers =
        ["sec-session", "Sec-Fetch-Site", "Secure-Session-Response", "proxy-authorization", "x-forwarded-for"];
    let of_answers = ["content-type", "access-control-allow-origin", "Clear-Site-Data", "if-match", "accept", "etag"];
    for name in ["", "two words", "ü"].iter().chain(&taken).chain(&of_browsers).chain(&of_answers) {
        let why = sessions().in_header(name).map(drop).unwrap_err().to_string();
        assert!(why.starts_with("token header: ") && why.contains("not a header that HTTP"), "{name}: {why}");
    }
    for name in ["authorization", "Authorization", "x-session", "Session-Token"] {
        assert!(sessions().in_header(name).is_ok(), "{name}");
    }
}

/// What is printed of an answer has no token, and caches do not keep it.
#[test]
fn an_answer_with_a_token_is_kept_and_printed_nowhere_tr5_id6() {
    let sessions = sessions().in_header("x-session").unwrap();
    let request = Request::new(sessions);
    let session = run(request.session(std::iter::empty(), true)).unwrap();
    session.set("a", &1_u8).unwrap();
    let finished = run(request.finish());
    let token = finished.cookie.clone().unwrap();
    assert!(!format!("{finished:?}").contains(&token));
    let mut answer = HeaderMap::new();
    answer.insert("cache-control", HeaderValue::from_static("public"));
    headers::apply(finished, &mut answer);
    assert_eq!(answer["x-session"], token);
    assert_eq!(answer["cache-control"], "no-store");
    assert_eq!(answer[VARY], "x-session");
    assert!(answer["x-session"].is_sensitive());
    answer.insert("cache-control", HeaderValue::from_static("public"));
    headers::correct("x-session", &mut answer);
    assert_eq!(answer["cache-control"], "no-store");
}

/// Layers with the token elsewhere do not share a session, although their cookies would have one name.
#[test]
fn a_layer_in_a_header_joins_no_layer_with_a_cookie_tr5_ck12() {
    let (outer, inner) = (sessions(), sessions().in_header("x-session").unwrap());
    let outside = |within: &Sessions| {
        let (outer, inner) = (Mount::new(outer.clone()), Mount::new(within.clone()));
        let (uri, headers, mut extensions) = (Uri::from_static("/"), HeaderMap::new(), Extensions::new());
        let begun = outer.begin(&Method::GET, &uri, &headers, &extensions, None).unwrap();
        outer.provide(&begun, &mut extensions);
        inner.begin(&Method::GET, &uri, &headers, &extensions, None).unwrap().joined
    };
    assert!(outside(&outer) && !outside(&inner));
}

/// A store that fails is told as with a cookie, and the answer depends on the header all the same.
#[test]
fn extractors_read_the_header_and_no_cookie_tr5() {
    let sessions = sessions().in_header("authorization").unwrap();
    let ann = run(sessions.cookie_for("ann").into_future()).unwrap();
    let mount = Mount::new(sessions.clone()).refuse_cross_site(&[]);
    let who = |name: HeaderName, value: &str| {
        let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
        headers.insert(name, HeaderValue::try_from(value).unwrap());
        headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        let begun = mount.begin(&Method::POST, &Uri::from_static("/"), &headers, &extensions, None)?;
        mount.provide(&begun, &mut extensions);
        run(mount::extract::<Session>(&headers, &extensions))?.subject()
    };
    assert_eq!(who(http::header::AUTHORIZATION, &ann), Ok(Some("ann".into())));
    let cookie = format!("id={}", ann.strip_prefix("Bearer ").unwrap());
    assert_eq!(who(COOKIE, &cookie), Ok(None));
    // with cookies the same request is refused
    let cookies = Mount::new(self::sessions()).refuse_cross_site(&[]);
    let mut headers = HeaderMap::new();
    headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    let refused = cookies.begin(&Method::POST, &Uri::from_static("/"), &headers, &Extensions::new(), None);
    assert_eq!(refused.map(|_| ()).unwrap_err(), Error::CrossSite);
}
