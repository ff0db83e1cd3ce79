//! What an answer has to be, and the rules that hold for every answer.

use std::collections::HashSet;

use crate::http::Answer;
use crate::template::{Variables, expand_text};

/// The right side of a `->`.
#[derive(Debug)]
pub(crate) struct Expectation {
    statuses: Vec<u16>,
    cookie: Cookie,
    /// The cookie that proves what device has it.
    bound: Cookie,
    others: Vec<Item>,
}

#[derive(Debug)]
enum Cookie {
    Any,
    None,
    New(Option<String>),
    Removed,
    Is(String),
}

#[derive(Debug)]
enum Item {
    BodyIs(String),
    BodyIsNot(String),
    BodyLike(String),
    BodyInto(String),
    /// The challenge for a device, from whichever header has it.
    ChallengeInto(String),
    /// What names the session in the refresh URL of a device.
    RefreshInto(String),
    MaxAge(u64),
    Has(String),
    Lacks(String),
    /// A header that lists this.
    Header(String, String),
    NoHeader(String),
}

/// What a dialogue knows so far.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) cookie_name: String,
    pub(crate) secure: bool,
    /// A sealed cookie carries the session itself and is longer than an id.
    pub(crate) sealed: bool,
    /// For how many seconds the proof of a device holds; `None`: sessions are not bound.
    pub(crate) device_bound: Option<u64>,
    pub(crate) variables: Variables,
    /// Every cookie value that the server has set.
    pub(crate) seen: HashSet<String>,
}

impl Expectation {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut items = split(text).into_iter();
        let first = items.next().unwrap_or_default();
        let (statuses, body) = first.split_once(' ').unwrap_or((first, ""));
        let statuses = statuses.split('|').map(str::parse).collect::<Result<_, _>>();
        let statuses = statuses.map_err(|_| format!("`{first}` does not begin with a status"))?;
        let mut expectation = Self { statuses, cookie: Cookie::None, bound: Cookie::None, others: Vec::new() };
        if !body.is_empty() {
            expectation.others.push(Item::BodyIs(unquote(body)));
        }
        for item in items {
            let words: Vec<_> = item.splitn(3, ' ').collect();
            let other = match words[..] {
                ["cookie", kind] => {
                    expectation.cookie = match kind {
                        "any" => Cookie::Any,
                        "none" => Cookie::None,
                        "new" => Cookie::New(None),
                        "removed" => Cookie::Removed,
                        value if value.starts_with('$') => Cookie::Is(value.to_owned()),
                        _ => return Err(format!("`{item}`: any, none, new, removed or a $variable")),
                    };
                    continue;
                }
                ["cookie", "new", name] if name.starts_with("as ") => {
                    expectation.cookie = Cookie::New(Some(name[3..].to_owned()));
                    continue;
                }
                ["bound", kind] => {
                    expectation.bound = match kind {
                        "set" => Cookie::Any,
                        "removed" => Cookie::Removed,
                        _ => return Err(format!("`{item}`: set or removed")),
                    };
                    continue;
                }
                ["challenge", "into", name] => Item::ChallengeInto(name.to_owned()),
                ["refresh", "into", name] => Item::RefreshInto(name.to_owned()),
                ["body", "not", text] => Item::BodyIsNot(unquote(text)),
                ["body", "like", text] => Item::BodyLike(unquote(text)),
                ["body", "into", name] => Item::BodyInto(name.to_owned()),
                ["max-age", seconds] => Item::MaxAge(seconds.parse().map_err(|_| format!("`{item}`: seconds"))?),
                ["has", attribute] => Item::Has(attribute.to_owned()),
                ["lacks", attribute] => Item::Lacks(attribute.to_owned()),
                ["header", name, text] => Item::Header(name.to_owned(), text.to_owned()),
                ["no", "header", name] => Item::NoHeader(name.to_owned()),
                _ => return Err(format!("`{item}` is nothing that can be expected")),
            };
            expectation.others.push(other);
        }
        Ok(expectation)
    }

    /// Judges an answer to a request to `path` that carried the Cookie header `sent`; remembers what it teaches.
    pub(crate) fn check(&self, path: &str, sent: &str, answer: &Answer, known: &mut Known) -> Result<(), String> {
        if !self.statuses.contains(&answer.status) {
            return Err(format!("the status is {}", answer.status));
        }
        let (set, bound) = every_answer(path, answer, known)?;
        let bound = bound.map(|bound| bound.value);
        match (&self.bound, bound.as_deref()) {
            (Cookie::None, None) | (Cookie::Removed, Some("")) => {}
            (Cookie::Any, Some(value)) if !value.is_empty() => {}
            (_, got) => return Err(format!("the cookie that proves is set otherwise: {got:?}")),
        }
        known.seen.extend(bound.filter(|value| !value.is_empty()));
        let value = set.as_ref().map(|set| set.value.as_str());
        match (&self.cookie, value) {
            (Cookie::Any, _) | (Cookie::None, None) | (Cookie::Removed, Some("")) => {}
            // a session that travels in its cookie is sent again whenever it changes
            (Cookie::None, Some(_)) if known.sealed => {}
            (Cookie::None, Some(_)) => return Err("no cookie should be set".into()),
            (Cookie::Is(text), _) => {
                let wanted = expand_text(text, &known.variables)?;
                if value != Some(&wanted) {
                    return Err(format!("the cookie should be {wanted}"));
                }
            }
            (Cookie::New(name), Some(value)) if !value.is_empty() => {
                let bound = name.as_ref().and_then(|name| known.variables.get(name));
                match bound {
                    Some(bound) if bound != value => return Err(format!("the cookie should be {bound}, as before")),
                    None if known.seen.contains(value) || sent.contains(value) => {
                        return Err("the cookie is not new".into());
                    }
                    _ => {}
                }
                if let Some(name) = name {
                    known.variables.insert(name.clone(), value.to_owned());
                }
            }
            (Cookie::New(_), _) => return Err("a new cookie should be set".into()),
            (Cookie::Removed, _) => return Err("the cookie should be removed".into()),
        }
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            known.seen.insert(value.to_owned());
        }
        self.others.iter().try_for_each(|item| item.check(answer, set.as_ref(), known))
    }
}

impl Item {
    fn check(&self, answer: &Answer, set: Option<&SetCookie>, known: &mut Known) -> Result<(), String> {
        let body = answer.body.strip_suffix('\n').unwrap_or(&answer.body);
        let absent = "no cookie is set";
        let (holds, says) = match self {
            Self::BodyIs(text) => (body == expand_text(text, &known.variables)?, "the body is another"),
            Self::BodyIsNot(text) => (body != expand_text(text, &known.variables)?, "the body should be another"),
            Self::BodyLike(text) => (like(&expand_text(text, &known.variables)?, body), "the body is not like that"),
            Self::BodyInto(name) => {
                known.variables.insert(name.clone(), body.to_owned());
                (!body.is_empty(), "the body is empty")
            }
            Self::ChallengeInto(name) => {
                let registration = answer.all("secure-session-registration").next();
                let challenge = match registration.and_then(|text| text.split_once("challenge=")) {
                    Some((_, rest)) => Some(rest),
                    None => answer.all("secure-session-challenge").next(),
                };
                let challenge = challenge.and_then(|text| text.split('"').nth(1)).unwrap_or_default();
                known.variables.insert(name.clone(), challenge.to_owned());
                (!challenge.is_empty(), "no header has a challenge")
            }
            Self::RefreshInto(name) => {
                let url = body.split_once("\"refresh_url\":\"").and_then(|(_, rest)| rest.split('"').next());
                let handle = url.and_then(|url| url.strip_prefix(DEVICE_ENDPOINT)?.strip_prefix("?s="));
                known.variables.insert(name.clone(), handle.unwrap_or_default().to_owned());
                (handle.is_some(), "the body has no URL for a refresh")
            }
            Self::MaxAge(seconds) => {
                let age: u64 = set.ok_or(absent)?.attribute("Max-Age").unwrap_or_default().parse().unwrap_or(0);
                (age.abs_diff(*seconds) <= 1, "Max-Age is another")
            }
            Self::Has(attribute) => (set.ok_or(absent)?.has(attribute), "the cookie lacks that attribute"),
            Self::Lacks(attribute) => (!set.ok_or(absent)?.has(attribute), "the cookie has that attribute"),
            Self::Header(name, text) => (answer.lists(name, text), "a header does not say that"),
            Self::NoHeader(name) => (answer.all(name).next().is_none(), "a header is there that should not be"),
        };
        if holds { Ok(()) } else { Err(says.to_owned()) }
    }
}

/// A Set-Cookie line, taken apart.
struct SetCookie {
    value: String,
    attributes: Vec<String>,
}

impl SetCookie {
    fn attribute(&self, name: &str) -> Option<&str> {
        let named = |attribute: &&String| attribute.split('=').next().is_some_and(|n| n.eq_ignore_ascii_case(name));
        self.attributes.iter().find(named).map(|attribute| attribute.split_once('=').map_or("", |(_, value)| value))
    }

    /// `Secure` or `Path=/`
    fn has(&self, attribute: &str) -> bool {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        self.attribute(name).is_some_and(|found| value.is_empty() || found == value)
    }
}

/// Where browsers register the keys of their devices, and prove that they have them.
const DEVICE_ENDPOINT: &str = "/device-session";

/// The rules that no dialogue has to repeat: CK2, CK5, CK8, CK9, ID3, ID7. Gives the cookie, and the one that proves.
fn every_answer(path: &str, answer: &Answer, known: &Known) -> Result<(Option<SetCookie>, Option<SetCookie>), String> {
    let proves = format!("{}-b=", known.cookie_name);
    let of_device = |line: &&str| known.device_bound.is_some() && line.starts_with(&proves);
    let (bound, lines): (Vec<_>, Vec<_>) = answer.all("set-cookie").partition(of_device);
    if lines.len() > 1 || bound.len() > 1 {
        return Err("more than one cookie is set (CK2)".into());
    }
    let set = lines.first().map(|line| set_cookie(line, known)).transpose()?;
    let bound = bound.first().map(|line| bound_cookie(line, known)).transpose()?;
    let of_endpoint = path == DEVICE_ENDPOINT && answer.status != 404;
    if of_endpoint {
        // browsers end a session at other answers, and at a redirect
        if ![200, 401, 403, 503].contains(&answer.status) || answer.all("location").next().is_some() {
            return Err("the endpoint of devices never answers so (TR3)".into());
        }
        if !answer.lists("cache-control", "no-store") {
            return Err("an answer of the endpoint of devices without Cache-Control: no-store (TR3)".into());
        }
    }
    if (set.is_some() || bound.is_some()) && !answer.lists("cache-control", "no-store") {
        return Err("a cookie is set without Cache-Control: no-store (CK9)".into());
    }
    let varies = answer.lists("vary", "Cookie");
    if path == "/plain" && varies {
        return Err("Vary: Cookie on a route that does not look at the session (CK9)".into());
    }
    // What is refused before a handler runs, and what no handler offers, depends on no session. The layer refuses what
    // another site caused (403); of the handlers only that of /protected has a 403.
    let statuses = [200, 204, 403, 409, 413, 500, 507];
    let refused = answer.status == 403 && path != "/protected";
    let looked =
        !of_endpoint && !["/plain", "/health"].contains(&path) && statuses.contains(&answer.status) && !refused;
    if looked && !varies {
        return Err("Vary: Cookie is missing (CK9)".into());
    }
    let value = set.iter().chain(&bound).map(|set| set.value.as_str());
    if known.seen.iter().map(String::as_str).chain(value).any(|value| !value.is_empty() && answer.body.contains(value))
    {
        return Err("a cookie value stands in the body (ID7)".into());
    }
    if answer.status == 204 && !answer.body.is_empty() {
        return Err("a 204 with a body".into());
    }
    Ok((set, bound))
}

fn set_cookie(line: &str, known: &Known) -> Result<SetCookie, String> {
    let set = attributes(line, &known.cookie_name, known)?;
    let value = &set.value;
    let length = if known.sealed { (44..=4000).contains(&value.len()) } else { value.len() == 43 };
    if !(value.is_empty() || length && value.bytes().all(is_word)) {
        return Err("the cookie value is not 43 characters of base64url (ID3)".into());
    }
    let age: Option<u64> = set.attribute("Max-Age").and_then(|age| age.parse().ok());
    match age {
        Some(0) if value.is_empty() => Ok(set),
        Some(1..=34_560_000) if !value.is_empty() => Ok(set),
        _ => Err("Max-Age does not fit: 0 for a removal, else 1 second to 400 days (CK8)".into()),
    }
}

/// The cookie that proves what device has it: short-lived, and with the attributes of the other one.
fn bound_cookie(line: &str, known: &Known) -> Result<SetCookie, String> {
    let set = attributes(line, &format!("{}-b", known.cookie_name), known)?;
    let age: Option<u64> = set.attribute("Max-Age").and_then(|age| age.parse().ok());
    let is_proof = set.value.len() == 30 && set.value.bytes().all(is_word) && age == known.device_bound;
    if is_proof || set.value.is_empty() && age == Some(0) {
        Ok(set)
    } else {
        Err("the cookie that proves is 30 characters of base64url, and its Max-Age the lifetime (TR3)".into())
    }
}

const fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'-' || c == b'_'
}

/// Takes a Set-Cookie line apart, whose attributes are those of every cookie of ours.
fn attributes(line: &str, ours: &str, known: &Known) -> Result<SetCookie, String> {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).ok_or("a cookie without a name (CK2)")?;
    if name != ours {
        return Err(format!("a cookie {name:?} is set, ours is {ours:?} (CK10)"));
    }
    let set = SetCookie { value: value.to_owned(), attributes: parts.map(str::to_owned).collect() };
    let mut names: Vec<_> = set.attributes.iter().filter_map(|a| a.split('=').next()).map(str::to_lowercase).collect();
    names.sort();
    if names.windows(2).any(|two| two[0] == two[1]) {
        return Err("an attribute stands twice (CK2)".into());
    }
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        if !set.has(attribute) {
            return Err(format!("the cookie lacks {attribute} (CK5)"));
        }
    }
    if set.has("Domain") || set.has("Expires") || set.has("Secure") != known.secure {
        return Err("the cookie has Domain, Expires or the wrong Secure (CK5, CK8)".into());
    }
    Ok(set)
}

/// The value of our cookie, if the answer sets it; empty for a removal.
pub(crate) fn cookie_of(answer: &Answer, name: &str) -> Option<String> {
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.split(';').next()?.trim().to_owned());
    answer.all("set-cookie").find_map(value)
}

/// Splits at `, ` outside of quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut items, mut from, mut quoted, mut previous) = (Vec::new(), 0, false, ' ');
    for (at, c) in text.char_indices() {
        quoted ^= c == '"' && previous != '\\';
        if c == ' ' && previous == ',' && !quoted {
            items.push(&text[from..at - 1]);
            from = at + 1;
        }
        previous = c;
    }
    items.push(&text[from..]);
    items
}

fn unquote(text: &str) -> String {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).to_owned()
}

/// `*` is any text, `#` a number of any length.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len()).any(|at| text.get(at..).is_some_and(|rest| like(&pattern[1..], rest))),
        Some('#') => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            (1..=digits).any(|at| like(&pattern[1..], &text[at..]))
        }
        Some(c) => text.strip_prefix(c).is_some_and(|rest| like(&pattern[c.len_utf8()..], rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const NEW: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const ATTRIBUTES: &str = "Path=/; HttpOnly; SameSite=Lax; Max-Age=100";

    fn known() -> Known {
        let variables = Variables::from([("old".into(), OLD.into()), ("n".into(), "7".into())]);
        Known { cookie_name: "id".into(), variables, seen: HashSet::from([OLD.into()]), ..Known::default() }
    }

    fn answer(status: u16, body: &str, set: &[&str]) -> Answer {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers: Vec<_> = set.iter().map(|line| header("Set-Cookie", line)).collect();
        headers.extend([header("Vary", "Accept, cookie"), header("Cache-Control", "no-store")]);
        Answer { status, headers, body: body.into() }
    }

    fn judge(expected: &str, answer: &Answer) -> Result<(), String> {
        Expectation::parse(expected).unwrap().check("/read", &format!("id={OLD}"), answer, &mut known())
    }

    fn set(value: &str) -> String {
        format!("id={value}; {ATTRIBUTES}")
    }

    #[test]
    fn what_fits_passes() {
        let removal = set("").replace("=100", "=0");
        for (expected, answer) in [
            ("200", answer(200, "anything", &[])),
            ("204|400", answer(400, "", &[])),
            ("200 a b", answer(200, "a b\n", &[])),
            ("200 \"a, b\\nc\"", answer(200, "a, b\nc", &[])),
            ("200 \"\"", answer(200, "", &[])),
            ("200 $n", answer(200, "7", &[])),
            ("413, body like \"*#*, #*\"", answer(413, "needs 12 bytes, 3 are there", &[])),
            ("200, body not $n, body into x", answer(200, "8", &[])),
            ("200, cookie any", answer(200, "", &[&set(NEW)])),
            ("200 ok, cookie new, max-age 101, has HttpOnly, lacks Secure", answer(200, "ok", &[&set(NEW)])),
            ("200, cookie new as other", answer(200, "", &[&set(NEW)])),
            ("200, cookie new as old", answer(200, "", &[&set(OLD)])),
            ("200, cookie $old", answer(200, "", &[&set(OLD)])),
            ("200, cookie removed", answer(200, "", &[&removal])),
            ("200, header cache-control No-Store, no header Clear-Site-Data", answer(200, "", &[])),
        ] {
            assert_eq!(judge(expected, &answer), Ok(()), "{expected} {answer}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        for (expected, answer, says) in [
            ("200", answer(204, "", &[]), "status"),
            ("200 a", answer(200, "b", &[]), "another"),
            ("200 \"\"", answer(200, "b", &[]), "another"),
            ("200, body not $n", answer(200, "7", &[]), "should be another"),
            ("200, body like \"*#*, #*\"", answer(200, "needs 12 bytes", &[]), "not like"),
            ("200, body into x", answer(200, "", &[]), "empty"),
            ("200 $unknown", answer(200, "", &[]), "not known"),
            ("200", answer(200, "", &[&set(NEW)]), "no cookie should"),
            ("200, cookie new", answer(200, "", &[]), "should be set"),
            ("200, cookie new", answer(200, "", &[&set(OLD)]), "not new"),
            ("200, cookie new as old", answer(200, "", &[&set(NEW)]), "as before"),
            ("200, cookie $old", answer(200, "", &[&set(NEW)]), "should be aaa"),
            ("200, cookie $old", answer(200, "", &[]), "should be aaa"),
            ("200, cookie removed", answer(200, "", &[&set(NEW)]), "removed"),
            ("200, cookie new, max-age 98", answer(200, "", &[&set(NEW)]), "Max-Age"),
            ("200, cookie new, has Secure", answer(200, "", &[&set(NEW)]), "lacks"),
            ("200, cookie new, lacks Path=/", answer(200, "", &[&set(NEW)]), "has that"),
            ("200, has Secure", answer(200, "", &[]), "no cookie is set"),
            ("200, header Cache-Control no", answer(200, "", &[]), "does not say"),
            ("200, no header vary", answer(200, "", &[]), "should not be"),
        ] {
            let error = judge(expected, &answer).expect_err(expected);
            assert!(error.contains(says), "{expected}: {error:?}");
        }
    }

    #[test]
    fn the_rules_for_every_answer_hold_unasked_ck2_ck5_ck8_ck9_id3_id7() {
        let any = |answer: &Answer| judge("200|204, cookie any", answer).expect_err("a broken rule");
        for (line, says) in [
            (set("short"), "43"),
            (set(NEW).replace('b', "="), "43"),
            (set(NEW).replace("id=", "PHPSESSID="), "ours"),
            (set(NEW).replace("id=", ""), "without a name"),
            (set(NEW).replace("HttpOnly; ", ""), "HttpOnly"),
            (set(NEW).replace("Lax", "None"), "SameSite"),
            (set(NEW).replace("Path=/", "Path=/app"), "Path"),
            (set(NEW) + "; Secure", "Secure"),
            (set(NEW) + "; Domain=example.org", "Domain"),
            (set(NEW) + "; Expires=Thu, 01 Jan 2027 00:00:00 GMT", "Expires"),
            (set(NEW) + "; path=/", "twice"),
            (set(NEW).replace("=100", "=0"), "Max-Age"),
            (set(NEW).replace("=100", "=34560001"), "Max-Age"),
            (set(""), "Max-Age"),
        ] {
            let error = any(&answer(200, "", &[&line]));
            assert!(error.contains(says), "{line}: {error:?}");
        }
        assert!(any(&answer(200, "", &[&set(NEW), &set(NEW)])).contains("CK2"));
        assert!(any(&answer(200, &format!("x{OLD}"), &[])).contains("ID7"));
        assert!(any(&answer(204, "x", &[])).contains("204"));
        let mut bare = answer(200, "", &[&set(NEW)]);
        bare.headers.retain(|(name, _)| name != "Cache-Control");
        assert!(any(&bare).contains("no-store"));
        bare.headers.retain(|(name, _)| name != "Vary" && name != "Set-Cookie");
        assert!(any(&bare).contains("Vary"));
        let plain = Expectation::parse("200").unwrap();
        assert_eq!(plain.check("/plain", "", &bare, &mut known()), Ok(()));
        assert!(plain.check("/plain", "", &answer(200, "", &[]), &mut known()).unwrap_err().contains("Vary"));
    }

    #[test]
    fn what_cannot_be_expected_is_refused() {
        for wrong in ["", "ok", "200, cookie stale", "200, max-age soon", "200, body", "200, cake", "200 a, b"] {
            assert!(Expectation::parse(wrong).is_err(), "{wrong}");
        }
    }
}
