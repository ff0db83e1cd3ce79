//! The reference app as a model: one lock, a map, no cryptography. It answers every dialogue as it should, unless it is
//! told to have one of the bugs of today's libraries. The signatures of devices are the maker's, made again.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use conversations::{Running, Target, Unsupported};

mod device;
mod sessions;
mod token;

pub(crate) use sessions::Bug;
use sessions::{Found, Sessions, Value};

/// The model, perhaps with a bug.
pub(crate) struct Model(pub(crate) Option<Bug>);

impl Target for Model {
    fn start(&self, flags: &[&str]) -> Result<Running, Unsupported> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| Unsupported(error.to_string()))?;
        let addr = listener.local_addr().map_err(|error| Unsupported(error.to_string()))?;
        let (clock, over) = (Arc::new(AtomicU64::new(1_800_000_000_000)), Arc::new(AtomicBool::new(false)));
        let sessions = Arc::new(Mutex::new(Sessions::new(flags, self.0, clock.clone())));
        let (ended, switched) = (over.clone(), sessions.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !ended.load(Ordering::SeqCst)) {
                let sessions = sessions.clone();
                thread::spawn(move || serve(stream, &sessions));
            }
        });
        let step = move |by: Duration| _ = clock.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
        let running = Running::new(addr, step, move || {
            over.store(true, Ordering::SeqCst);
            drop(TcpStream::connect(addr));
        });
        Ok(running.with_outages(move |down| _ = switched.lock().map(|mut sessions| sessions.down = down)))
    }

    fn stores(&self) -> &[&str] {
        &["memory:"]
    }
}

/// An answer before it is written.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The new cookie value and its Max-Age; empty and 0 for a removal.
    pub(crate) cookie: Option<(String, u64)>,
    /// The challenge of a login, for the key of a device.
    pub(crate) registration: Option<String>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), cookie: None, registration: None }
    }
}

fn serve(mut stream: TcpStream, sessions: &Mutex<Sessions>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return;
        }
        head.push(byte[0]);
    }
    let mut lines = head.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (mut cookies, mut csrf, mut lengths) = (Vec::new(), String::new(), Vec::new());
    let (mut other_site, mut origin, mut host, mut upgrades) = (None, None, String::new(), false);
    let mut asked = device::Asked::default();
    for line in lines {
        let Some(colon) = line.iter().position(|&b| b == b':') else { continue };
        let text = || String::from_utf8_lossy(&line[colon + 1..]).trim().to_owned();
        match String::from_utf8_lossy(&line[..colon]).to_lowercase().as_str() {
            "cookie" => cookies.extend(line[colon + 1..].split(|&b| b == b';').map(<[u8]>::to_vec)),
            "content-length" => lengths.push(text()),
            "x-csrf-token" => csrf = text(),
            "sec-fetch-site" => {
                other_site = Some(!["same-origin", "none"].contains(&text().as_str()));
                asked.same_origin = text() == "same-origin";
            }
            "origin" => origin = Some(text()),
            "host" => host = text(),
            "upgrade" => upgrades = true,
            "sec-fetch-mode" => asked.no_cors = text() == "no-cors",
            "sec-secure-session-id" => asked.refreshes = true,
            "secure-session-response" => asked.proof = Some(text()),
            _ => {}
        }
    }
    if lengths.len() > 1 || lengths.iter().any(|length| length.starts_with('+') || length.parse::<u64>().is_err()) {
        if let Ok(sessions) = sessions.lock() {
            // as if the only task of the server had ended
            assert!(sessions.bug != Some(Bug::LengthEndsTheServer), "Invalid Content-Length header");
        }
        return drop(stream.write_all(b"HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n"));
    }
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query: HashMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let arguments = |name: &str| query.get(name).copied().unwrap_or_default();
    let route = format!("{method} {path}");
    let other_site = other_site.unwrap_or_else(|| origin.is_some_and(|origin| origin != format!("http://{host}")));
    let Ok(mut s) = sessions.lock() else { return };
    if route == "POST /device-session" && s.device_bound > 0 {
        let handle = target.split_once("?s=").map(|(_, handle)| handle.to_owned());
        let answer = s.prove(&device::Asked { handle, ..asked }, &cookies);
        return drop(stream.write_all(answer.as_bytes()));
    }
    if (method == "POST" || upgrades) && other_site && s.bug != Some(Bug::CrossSitePasses) {
        return drop(stream.write_all(b"HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n"));
    }
    let (name, clears) = (s.cookie_name.clone(), s.clear_site_data);
    let found = s.begin(&cookies);
    let no_store = s.no_store && s.record(&found).is_some_and(|record| record.subject.is_some());
    drop(s);
    let (reply, bug) = answer(sessions, &route, &arguments, &cookies, &csrf);
    let mut text = format!("HTTP/1.1 {} x\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
    if !["/plain", "/health"].contains(&path) && bug != Some(Bug::NoVary) {
        text += "Vary: Cookie\r\n";
    }
    if no_store && path != "/plain" && bug != Some(Bug::NoStoreForgotten) {
        text += "Cache-Control: no-store\r\n";
    }
    if clears && reply.cookie.as_ref().is_some_and(|cookie| cookie.1 == 0) && bug != Some(Bug::SiteDataForgotten) {
        text += "Clear-Site-Data: \"cache\", \"storage\"\r\n";
    }
    if let Some(challenge) = reply.registration {
        text += &format!("Secure-Session-Registration: (ES256);path=\"/device-session\";challenge=\"{challenge}\"\r\n");
    }
    if let Some((value, age)) = reply.cookie {
        let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
        text += &format!("Set-Cookie: {name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}\r\n");
        if bug != Some(Bug::NoNoStore) {
            text += "Cache-Control: no-store\r\n";
        }
    }
    drop(stream.write_all((text + "\r\n" + &reply.body).as_bytes()));
}

fn answer<'q>(
    sessions: &Mutex<Sessions>,
    route: &str,
    argument: &dyn Fn(&str) -> &'q str,
    cookies: &[Vec<u8>],
    csrf: &str,
) -> (Reply, Option<Bug>) {
    let Ok(mut s) = sessions.lock() else { return (Reply::new(500, ""), None) };
    let bug = s.bug;
    let key = argument("key");
    let seconds = |name: &str| argument(name).parse::<u64>().unwrap_or(0);
    if route == "GET /plain" {
        if bug == Some(Bug::PlainIsActivity) {
            let found = s.begin(cookies);
            s.end(&found, &mut Reply::new(200, ""));
        }
        return (Reply::new(200, "plain"), bug);
    }
    if s.down {
        return (Reply::new(503, "the store is down"), bug);
    }
    let cannot_be = |text: &str, most| text.is_empty() || text.len() > most || text.contains("%0A");
    let path = route.split(' ').next_back().unwrap_or_default();
    let takes_a_key =
        ["/read", "/peek", "/set", "/incr", "/add", "/remove", "/take", "/set-then-fail", "/big"].contains(&path);
    if takes_a_key && cannot_be(key, 64) || path == "/login" && cannot_be(argument("user"), 255) {
        return (Reply::new(400, "a key or a user that cannot be"), bug);
    }
    let whole = s.begin(cookies);
    let found = s.proven(whole, cookies);
    let loaded = s.record(&found);
    let data = loaded.as_ref().map(|record| record.data.clone()).unwrap_or_default();
    let value = |data: &BTreeMap<String, Value>| match data.get(key) {
        None => Reply::new(204, ""),
        Some(Value::Text(text)) => Reply::new(200, text.as_str()),
        Some(Value::Number(number)) => Reply::new(200, number.to_string()),
    };
    if !argument("delay_ms").is_empty() {
        drop(s);
        thread::sleep(Duration::from_millis(seconds("delay_ms")));
        s = match sessions.lock() {
            Ok(s) => s,
            Err(_) => return (Reply::new(500, ""), bug),
        };
    }
    let text = || Value::Text(argument("value").to_owned());
    let clash = || Reply::new(409, "the stored value has another type");
    let ok = || Reply::new(200, "ok");
    let mut reply = match route {
        "GET /health" => return (ok(), bug),
        "GET /read" => value(&data),
        "GET /peek" => {
            let mut reply = value(&data);
            if bug == Some(Bug::PeekIsActivity) {
                s.end(&found, &mut reply);
            }
            return (reply, bug);
        }
        "GET /keys" => Reply::new(200, data.keys().map(|key| format!("{key}\n")).collect::<String>()),
        "POST /set" => s.write(&found, &data, Some(key), ok(), |record| _ = record.data.insert(key.into(), text())),
        "POST /incr" => match data.get(key) {
            Some(Value::Text(_)) => clash(),
            other => {
                let number = if let Some(Value::Number(number)) = other { number + 1 } else { 1 };
                let put = |record: &mut sessions::Record| _ = record.data.insert(key.into(), Value::Number(number));
                s.write(&found, &data, Some(key), Reply::new(200, number.to_string()), put)
            }
        },
        "POST /add" => {
            let mut number = Some(1);
            let reply = s.write(&found, &data, None, ok(), |record| match record.data.get(key) {
                Some(Value::Text(_)) => number = None,
                other => {
                    let next = if let Some(Value::Number(number)) = other { number + 1 } else { 1 };
                    number = Some(next);
                    record.data.insert(key.into(), Value::Number(next));
                }
            });
            match (reply.status, number) {
                (200, Some(number)) => Reply { body: number.to_string(), ..reply },
                (200, None) => clash(),
                _ => reply,
            }
        }
        "POST /remove" | "POST /clear" | "POST /rotate" if matches!(found, Found::None) => ok(),
        "POST /remove" => s.write(&found, &data, Some(key), ok(), |record| _ = record.data.remove(key)),
        "POST /take" => match data.get(key) {
            None => value(&data),
            Some(_) => s.write(&found, &data, Some(key), value(&data), |record| {
                if bug != Some(Bug::TakesTwice) {
                    record.data.remove(key);
                }
            }),
        },
        "POST /clear" => s.write(&found, &data, None, ok(), |record| record.data.clear()),
        "POST /rotate" => return (s.rotate(&found), bug),
        "POST /login" => {
            s.unproven_ends(&whole, &found);
            let reply = s.login(&found, argument("user"), argument("remember") == "1");
            return (s.ask_for_key(reply), bug);
        }
        // needs no proof
        "POST /logout" if bug == Some(Bug::LogoutNeedsAProof) => return (s.logout(&found), bug),
        "POST /logout" => return (s.logout(&whole), bug),
        "GET /whoami" => match loaded.and_then(|record| record.subject) {
            Some(subject) => Reply::new(200, subject),
            None => Reply::new(204, ""),
        },
        "GET /fresh" => {
            let since = loaded.and_then(|record| record.authenticated_at).map(|at| s.now() - at);
            Reply::new(200, if since.is_some_and(|since| since <= seconds("within") * 1000) { "yes" } else { "no" })
        }
        "POST /flash" => {
            let message = argument("message").to_owned();
            s.write(&found, &data, None, ok(), |record| record.flash = Some(message))
        }
        "GET /flash" => match loaded.and_then(|record| record.flash) {
            None => Reply::new(204, ""),
            Some(message) => s.write(&found, &data, None, Reply::new(200, message), |record| {
                if bug != Some(Bug::FlashTwice) {
                    record.flash = None;
                }
            }),
        },
        "GET /csrf" => {
            let mut reply = s.write(&found, &data, None, ok(), |_| {});
            let secret = s.csrf_of(&found, reply.cookie.as_ref().map(|cookie| cookie.0.as_str()));
            let mask = if bug == Some(Bug::CsrfUnmasked) { 0 } else { s.draw() };
            reply.body = format!("{mask:016x}{:016x}", secret ^ mask);
            reply
        }
        "POST /protected" => {
            let half = |range| csrf.get(range).and_then(|hex| u64::from_str_radix(hex, 16).ok());
            let good = match (half(0..16), half(16..32), loaded) {
                (Some(mask), Some(masked), Some(_)) => masked ^ mask == s.csrf_of(&found, None),
                _ => false,
            };
            if good || bug == Some(Bug::NoCsrf) { ok() } else { Reply::new(403, "") }
        }
        "POST /set-then-fail" => {
            if bug == Some(Bug::FailureLosesTheChange) {
                return (Reply::new(500, ""), bug);
            }
            s.write(&found, &data, None, Reply::new(500, ""), |record| _ = record.data.insert(key.into(), text()))
        }
        "POST /type-clash" => s.write(&found, &data, None, Reply::new(200, "error: another type"), |record| {
            record.data.insert("n".into(), Value::Number(7));
        }),
        "POST /big" if seconds("bytes") > 4096 => {
            Reply::new(413, format!("the session would take {} bytes, 4096 can be stored", argument("bytes")))
        }
        "POST /big" => s.write(&found, &data, Some(key), ok(), |record| _ = record.data.insert(key.into(), text())),
        "GET /sessions" => match loaded.and_then(|record| record.subject) {
            Some(subject) => Reply::new(200, s.list(&found, &subject)),
            None => Reply::new(401, "sign in first"),
        },
        "POST /revoke" => return (s.revoke(&found, argument("handle")), bug),
        "POST /revoke-others" => s.revoke_others(&found),
        _ => Reply::new(404, ""),
    };
    s.end(&found, &mut reply);
    (reply, bug)
}
