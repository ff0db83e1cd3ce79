//! Clients: browsers with a jar that several tabs share, and a thief who uses its old cookies.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use store_support::Numbers;

use crate::history::{Cookie, History, Millis, Outcome, Request, Verb};

/// A client gives up after this, long after what a request may take.
const PATIENCE: Duration = Duration::from_secs(20);
const USERS: [&str; 5] = ["ann", "bob", "carl", "dora", "eve"];
const SETS: [&str; 3] = ["a", "b", "c"];
const ADDS: [&str; 2] = ["m", "n"];
const ONCE: &str = "once";

/// A cookie as a browser has it.
#[derive(Clone)]
struct Value {
    text: String,
    cookie: Cookie,
}

/// What a browser keeps; the old values are the thief's.
#[derive(Default)]
struct Jar {
    now: Option<Value>,
    all: Vec<Value>,
}

#[derive(Default)]
struct Written {
    history: History,
    cookies: HashMap<String, Cookie>,
}

/// All browsers, and what they have seen.
pub struct Clients {
    began: Instant,
    nodes: Vec<SocketAddr>,
    jars: Vec<Mutex<Jar>>,
    written: Mutex<Written>,
}

impl Clients {
    /// Browsers with empty jars.
    #[must_use]
    pub fn new(nodes: Vec<SocketAddr>, jars: usize) -> Self {
        let jars = (0..jars).map(|_| Mutex::default()).collect();
        Self { began: Instant::now(), nodes, jars, written: Mutex::default() }
    }

    /// Returns the time since the beginning.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.began.elapsed().as_millis().try_into().unwrap_or(Millis::MAX)
    }

    /// Adds to the history.
    pub fn note(&self, add: impl FnOnce(&mut History)) {
        add(&mut locked(&self.written).history);
    }

    /// Returns the history, and all cookies that were seen.
    #[must_use]
    pub fn written(self) -> (History, Vec<String>) {
        let Written { history, cookies } = self.written.into_inner().unwrap_or_else(PoisonError::into_inner);
        (history, cookies.into_keys().collect())
    }

    /// Does what a client does until the time is over. What it does follows from the numbers alone, and not from answers.
    pub fn live(&self, client: usize, numbers: &mut Numbers, until: Millis) {
        let jar = client % self.jars.len();
        let user = |number: usize| USERS.get(number % USERS.len()).copied().unwrap_or_default();
        let mut step = 0;
        while self.now() < until {
            // as many numbers at each step, whatever is done with them
            let [what, which, node, old, wait, clicks] =
                [100, 6, 1000, 1000, 900, 5].map(|end| numbers.below(end) as usize);
            step += 1;
            let value = (client as u64) << 32 | step;
            let (set, add) = (SETS[which % SETS.len()], ADDS[which % ADDS.len()]);
            let key = if which.is_multiple_of(2) { set } else { add };
            let (verb, steals) = match what {
                0..20 => (Verb::Add(add), false),
                20..36 => (Verb::Set(set, value), false),
                36..56 => (Verb::Read(key), false),
                56..62 => (Verb::WhoAmI, false),
                62..67 => (Verb::Set(ONCE, value), false),
                67..73 => (Verb::Take(ONCE), false),
                73..79 => (Verb::Login(user(jar)), false),
                // another person at the same browser
                79 => (Verb::Login(user(jar + 1)), false),
                80..83 => (Verb::Logout, false),
                83..85 => (Verb::Rotate, false),
                85..87 => (Verb::RevokeOthers, false),
                87..93 => (Verb::Read(key), true),
                93..96 => (Verb::WhoAmI, true),
                96..98 => (Verb::Add(add), true),
                _ => (Verb::Set(set, value), true),
            };
            let value = {
                let jar = locked(&self.jars[jar]);
                let stolen = || jar.all.get(old % jar.all.len().max(1)).cloned();
                if steals { stolen() } else { jar.now.clone() }
            };
            let keeper = (!steals).then_some(jar);
            let node = |click| (node + click) % self.nodes.len();
            // several clicks at once, with one cookie
            let clicks = if matches!(verb, Verb::Add(_) | Verb::Take(_) | Verb::Login(_)) { clicks } else { 0 };
            thread::scope(|scope| {
                for click in 1..clicks {
                    let value = value.clone();
                    scope.spawn(move || self.ask(client, keeper, node(click), verb, value));
                }
                self.ask(client, keeper, node(0), verb, value);
            });
            thread::sleep(Duration::from_millis(200 + wait as u64));
        }
    }

    /// Reads everything once more, in the newest sessions of each browser, at any node.
    pub fn look(&self, jar: usize) {
        let mut all = locked(&self.jars[jar]).all.clone();
        all.reverse();
        let mut seen = Vec::new();
        for value in all {
            if seen.contains(&value.cookie.session) || seen.len() == 4 {
                continue;
            }
            seen.push(value.cookie.session);
            for (at, key) in SETS.iter().chain(&ADDS).copied().enumerate() {
                self.ask(jar, None, at % self.nodes.len(), Verb::Read(key), Some(value.clone()));
            }
        }
    }

    fn ask(&self, client: usize, keeper: Option<usize>, node: usize, verb: Verb, value: Option<Value>) {
        let start = self.now();
        let (outcome, set) = exchange(self.nodes[node], verb, value.as_ref().map(|value| value.text.as_str()));
        let mut written = locked(&self.written);
        // numbers of cookies and times are in one order
        let end = self.now();
        let next = u32::try_from(written.cookies.len()).unwrap_or(u32::MAX);
        let got = set.as_ref().filter(|text| !text.is_empty()).map(|text| {
            let new = || Cookie { session: handle(text), number: next };
            Value { text: text.clone(), cookie: *written.cookies.entry(text.clone()).or_insert_with(new) }
        });
        let (sent, cookie) = (value.map(|value| value.cookie), got.as_ref().map(|value| value.cookie));
        written.history.requests.push(Request { client, node, start, end, verb, sent, outcome, got: cookie });
        if let (Some(keeper), true) = (keeper, set.is_some()) {
            let mut jar = locked(&self.jars[keeper]);
            jar.all.extend(got.clone());
            jar.now = got;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first eight bytes of a cookie: eleven characters of base64url.
fn handle(cookie: &str) -> u64 {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let bits = cookie.bytes().take(11).fold(0_u128, |bits, byte| bits << 6 | u128::from(digit(byte)));
    u64::try_from(bits >> 2).unwrap_or_default()
}

/// The outcome, and the cookie that the answer sets; an empty one is a removal.
fn exchange(node: SocketAddr, verb: Verb, cookie: Option<&str>) -> (Outcome, Option<String>) {
    let cookie = cookie.map_or(String::new(), |cookie| format!("Cookie: id={cookie}\r\n"));
    let head = format!("{} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n{cookie}\r\n", verb.line());
    let mut answer = Vec::new();
    let asked = TcpStream::connect_timeout(&node, PATIENCE).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(head.as_bytes())?;
        stream.read_to_end(&mut answer)
    });
    match asked {
        Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => (Outcome::GaveUp, None),
        _ => parse(&String::from_utf8_lossy(&answer)).unwrap_or((Outcome::Closed, None)),
    }
}

/// `None` if the answer was cut.
fn parse(answer: &str) -> Option<(Outcome, Option<String>)> {
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let (mut length, mut set) = (0, None);
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "set-cookie" => set = Some(value.strip_prefix("id=")?.split(';').next()?.to_owned()),
            _ => {}
        }
    }
    (text.len() == length).then(|| (Outcome::Told(status, text.to_owned()), set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_begins_with_its_handle() {
        // base64url of 32 bytes 1, 2, 3 …
        assert_eq!(handle("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"), 0x0102_0304_0506_0708);
    }

    #[test]
    fn an_answer_that_was_cut_is_none() {
        let whole = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-cookie: id=abc; Path=/\r\n\r\nok";
        assert_eq!(parse(whole), Some((Outcome::Told(200, "ok".into()), Some("abc".into()))));
        assert_eq!(parse(&whole[..whole.len() - 1]), None);
        assert_eq!(parse("HTTP/1.1 204 No Content\r\n\r\n"), Some((Outcome::Told(204, String::new()), None)));
    }
}
