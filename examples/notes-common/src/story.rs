//! What a user of the notes application goes through, over its socket: the test of each framework's example.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::{STYLE, words};

/// The users that [`tell`] signs in.
pub const USERS: &[(&str, &str)] = &[("ann", "correct horse battery"), ("bob", "another staple")];

/// Tells the whole story to the application at this address, which has [`USERS`] and cookies for plain http.
///
/// # Panics
/// Where it goes otherwise.
pub fn tell(address: SocketAddr) {
    visitors(address);
    notes(address);
    remembered(address);
    devices(address);
    passwords(address);
    forged_forms(address);
    guessing(address);
}

/// Who is not signed in sees the sign-in page and no other, and costs no session before (LC15, TR4).
pub fn visitors(address: SocketAddr) {
    let mut ann = Browser::at(address);
    for path in ["/", "/devices"] {
        let answer = ann.get(path);
        let location = answer.header("location").and_then(|location| location.split('?').next());
        assert_eq!((answer.status, location), (303, Some("/sign-in")), "{path}");
        assert_eq!(ann.cookie, None, "{path}");
    }
    for path in ["/notes", "/notes/remove", "/devices/end", "/devices/end-others", "/password", "/sign-out"] {
        let answer = ann.post(path, "text=x&id=1&handle=x");
        assert!([303, 403].contains(&answer.status), "{path}: {}", answer.status);
    }
    assert_eq!(ann.get("/sign-in").status, 200);
    assert_eq!(ann.cookie, None, "the sign-in form makes no session");
    let style = ann.get("/style.css");
    assert_eq!((style.status, style.body.as_str()), (200, STYLE));
    assert!(style.header("content-type").is_some_and(|kind| kind.starts_with("text/css")));
    assert_eq!(style.header("vary"), None, "no session is looked at");
}

/// Signs in, keeps notes, signs out.
pub fn notes(address: SocketAddr) {
    let mut ann = Browser::at(address);
    ann.sign_in("ann", "not hers");
    assert!(ann.get("/sign-in").tells(words::WRONG));
    assert!(!ann.get("/sign-in").tells(words::WRONG), "a message is shown once");

    let before = ann.cookie.clone();
    let answer = ann.sign_in("ann", USERS[0].1);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    assert_ne!(ann.cookie, before, "signing in changes the cookie");

    let page = ann.get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("ann"));
    assert_eq!(ann.submit(&page, "/notes", "text=milk+%26+%3Cb%3Ebread%3C%2Fb%3E").status, 303);
    let page = ann.get("/");
    assert!(page.tells(words::ADDED));
    let escaped = page.body.contains("milk &") && page.body.contains("bread") && !page.body.contains("<b>");
    assert!(escaped, "what users write is escaped: {}", page.body);
    assert_eq!(ann.submit(&page, "/notes", "text=+").status, 303);
    assert!(ann.get("/").tells(words::NO_NOTE));

    let mut bob = Browser::at(address);
    bob.sign_in("bob", USERS[1].1);
    let page = bob.get("/");
    assert!(page.body.contains("bob") && !page.body.contains("milk"), "each has their own");
    bob.submit(&page, "/notes/remove", "id=1");

    let page = ann.get("/");
    assert!(page.body.contains("milk"), "nobody else can remove it");
    ann.submit(&page, "/notes/remove", "id=1");
    let page = ann.get("/");
    assert!(page.tells(words::REMOVED) && !page.body.contains("milk"));

    let old = ann.cookie.clone();
    let answer = ann.submit(&page, "/sign-out", "");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in")));
    assert!(ann.get("/sign-in").status == 200);
    ann.cookie = old;
    assert_eq!(ann.get("/").status, 303, "the old cookie is worth nothing");
    assert_eq!(bob.get("/").status, 200, "and nobody else is signed out");
}

/// The same, and what applications with `sign_in_at` do besides.
///
/// # Panics
/// Where it goes otherwise.
pub fn tell_all(address: SocketAddr) {
    tell(address);
    where_one_wanted_to_go(address);
}

/// After the sign-in a visitor comes to the page that was wanted, also by the second try, and to no page of another site.
fn where_one_wanted_to_go(address: SocketAddr) {
    let password = USERS[0].1.replace(' ', "+");
    let mut ann = Browser::at(address);
    let wanted = ann.get("/devices").header("location").unwrap_or_default().to_owned();
    assert_eq!(wanted, "/sign-in?next=%2Fdevices");
    let page = ann.get(&wanted);
    assert_eq!(page.next(), "/devices", "{}", page.body);
    let form = |page: &Answer, password: &str| format!("name=ann&password={password}&next={}", page.next());
    let again = ann.submit(&page, "/sign-in", &form(&page, "wrong"));
    assert_eq!((again.status, again.header("location")), (303, Some(wanted.as_str())));
    let page = ann.get(&wanted);
    assert!(page.tells(words::WRONG));
    assert_eq!(ann.submit(&page, "/sign-in", &form(&page, &password)).header("location"), Some("/devices"));
    for elsewhere in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example", "%22%3E%3Cscript%3E"] {
        let mut ann = Browser::at(address);
        let page = ann.get(&format!("/sign-in?next={elsewhere}"));
        assert_eq!(page.next(), "/", "{elsewhere}: {}", page.body);
        let form = format!("name=ann&password={password}&next={elsewhere}");
        assert_eq!(ann.submit(&page, "/sign-in", &form).header("location"), Some("/"), "{elsewhere}");
    }
}

/// A remembered session keeps its cookie for 30 days.
pub fn remembered(address: SocketAddr) {
    let mut ann = Browser::at(address);
    let page = ann.get("/sign-in");
    let form = format!("name=ann&password={}&remember=on", USERS[0].1.replace(' ', "+"));
    let answer = ann.submit(&page, "/sign-in", &form);
    assert!(answer.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=2592000")), "{}", answer.head);
}

/// Signs in three times, and out from elsewhere.
pub fn devices(address: SocketAddr) {
    let mut anns = [(); 3].map(|()| Browser::at(address));
    for ann in &mut anns {
        // the others are of the stories before
        assert_eq!(ann.sign_in("ann", USERS[0].1).header("location"), Some("/"));
    }
    let [desk, phone, bus] = &mut anns;
    let page = desk.get("/devices");
    desk.submit(&page, "/devices/end-others", "");
    assert!(desk.get("/devices").tells("Signed out elsewhere: "));
    assert_eq!((phone.get("/").status, bus.get("/").status), (303, 303), "ended at once");

    phone.sign_in("ann", USERS[0].1);
    bus.sign_in("ann", USERS[0].1);
    let page = desk.get("/devices");
    assert_eq!(page.body.matches("Firefox on Linux").count(), 3, "{}", page.body);
    assert_eq!(page.body.matches("(this one)").count(), 1, "{}", page.body);
    assert_eq!(page.body.matches("just now").count(), 6, "{}", page.body);
    let handles = page.handles();
    assert_eq!(handles.len(), 2, "the one that looks has no button: {}", page.body);
    for words in [words::ENDED, words::ENDED_ALREADY] {
        assert_eq!(desk.submit(&page, "/devices/end", &format!("handle={}", handles[0])).status, 303);
        assert!(desk.get("/devices").tells(words));
    }
    let ended = [phone.get("/").status, bus.get("/").status];
    assert!(ended == [303, 200] || ended == [200, 303], "{ended:?}");

    let mut bob = Browser::at(address);
    bob.sign_in("bob", USERS[1].1);
    let page = bob.get("/devices");
    assert_eq!(page.handles().len(), 1, "his of the story before");
    bob.submit(&page, "/devices/end", &format!("handle={}", handles[1]));
    assert!(bob.get("/devices").tells(words::ENDED_ALREADY), "nobody ends a session of somebody else");
    assert_eq!([phone.get("/").status, bus.get("/").status], ended);
    assert_eq!(desk.get("/").status, 200);
}

/// Takes another password, which ends all other sessions (LC9), and the old one again.
pub fn passwords(address: SocketAddr) {
    let (old, new) = (USERS[0].1, "a staple for horses");
    let mut anns = [(); 2].map(|()| Browser::at(address));
    anns.iter_mut().for_each(|ann| drop(ann.sign_in("ann", old)));
    let [desk, phone] = &mut anns;
    let page = desk.get("/devices");
    let mut change = |old: &str, new: &str| {
        let form = format!("password={}&new={}", old.replace(' ', "+"), new.replace(' ', "+"));
        let answer = desk.submit(&page, "/password", &form);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/devices")));
        desk.get("/devices")
    };
    assert!(change("not hers", new).tells(words::NOT_YOURS));
    assert!(change(old, "short").tells(words::NO_PASSWORD));
    assert_eq!(phone.get("/").status, 200, "nothing was changed");
    assert!(change(old, new).tells("The password is changed. Signed out elsewhere: "));
    assert_eq!(phone.get("/").status, 303, "ended at once");
    phone.sign_in("ann", old);
    assert!(phone.get("/sign-in").tells(words::WRONG));
    assert_eq!(phone.sign_in("ann", new).header("location"), Some("/"));
    assert!(change(new, old).tells("The password is changed. Signed out elsewhere: 1."));
    assert_eq!(phone.get("/").status, 303);

    // what a browser calls itself is a client's text
    phone.agent = "<script>alert(1)</script>\u{9b}".into();
    phone.sign_in("ann", old);
    let page = phone.get("/devices");
    let clean = !page.body.contains("<script") && !page.body.contains('\u{9b}');
    assert!(page.body.contains("A browser on some system") && clean, "{}", page.body);
}

/// Forms that other sites could send (TR1, TR4).
pub fn forged_forms(address: SocketAddr) {
    let mut ann = Browser::at(address);
    let form = format!("name=ann&password={}", USERS[0].1.replace(' ', "+"));
    for from in
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: http://evil.example", "Origin: null"]
    {
        ann.from = format!("{from}\r\n");
        let answer = ann.post("/sign-in", &form);
        assert_eq!((answer.status, &ann.cookie), (403, &None), "{from}");
    }
    ann.from.clear();
    ann.sign_in("ann", USERS[0].1);
    let page = ann.get("/");
    ann.sign_in("ann", USERS[0].1);
    let old = ann.submit(&page, "/notes", "text=x");
    assert!(old.status == 403 && old.body.contains(words::OLD_FORM), "a token of before the login: {}", old.head);
    let mut bob = Browser::at(address);
    bob.sign_in("bob", USERS[1].1);
    let others = bob.get("/").csrf();
    assert_eq!(ann.post("/notes", &format!("csrf={others}&text=x")).status, 403, "somebody else's token");
    let page = ann.get("/");
    ann.from = "Sec-Fetch-Site: cross-site\r\n".into();
    assert_eq!(ann.submit(&page, "/notes", "text=x").status, 403, "another site, whatever it knows");
    ann.from = "Sec-Fetch-Site: same-origin\r\nOrigin: http://notes\r\n".into();
    assert_eq!(ann.submit(&page, "/notes", "text=x").status, 303);
    ann.from.clear();
    for path in ["/notes", "/notes/remove", "/devices/end", "/devices/end-others", "/password", "/sign-out"] {
        assert_eq!(ann.post(path, "text=x&id=1&handle=x").status, 403, "{path}");
    }
    assert_eq!(ann.get("/").status, 200, "still signed in");
}

/// After five wrong passwords one has to wait, also with the right one.
pub fn guessing(address: SocketAddr) {
    let mut eve = Browser::at(address);
    for _ in 0..7 {
        eve.sign_in("bob", "a guess");
    }
    assert!(eve.get("/sign-in").tells("Too many wrong passwords."));
    eve.sign_in("bob", USERS[1].1);
    assert_eq!(eve.get("/").status, 303);
}

/// A browser with one cookie jar.
#[derive(Debug)]
pub struct Browser {
    address: SocketAddr,
    /// The session cookie, `NAME=VALUE`.
    pub cookie: Option<String>,
    /// What it calls itself.
    pub agent: String,
    /// Header lines that say from where it comes.
    pub from: String,
}

/// What was answered.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether the page shows this message.
    #[must_use]
    pub fn tells(&self, message: &str) -> bool {
        between(&self.body, "<p class=\"message\">", "</p>").is_some_and(|shown| shown.contains(message))
    }

    /// The token of the page's forms.
    #[must_use]
    pub fn csrf(&self) -> String {
        between(&self.body, "name=\"csrf\" value=\"", "\"").unwrap_or_default().to_owned()
    }

    /// Where the sign-in form of the page leads, as it is written there.
    #[must_use]
    pub fn next(&self) -> String {
        let next = between(&self.body, "name=\"next\" value=\"", "\"").unwrap_or_default();
        next.replace("&#x2F;", "/").replace("&#47;", "/")
    }

    /// The devices that the page has a button for.
    #[must_use]
    pub fn handles(&self) -> Vec<String> {
        let after = self.body.split("name=\"handle\" value=\"").skip(1);
        after.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

impl Browser {
    /// One that talks to this address.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into();
        Self { address, cookie: None, agent, from: String::new() }
    }

    /// Opens a page.
    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    /// Sends a form without a token.
    pub fn post(&mut self, path: &str, form: &str) -> Answer {
        self.send("POST", path, form)
    }

    /// Sends a form of a page, which carries its token.
    pub fn submit(&mut self, page: &Answer, path: &str, form: &str) -> Answer {
        self.post(path, &format!("csrf={}&{form}", page.csrf()))
    }

    /// Opens the sign-in page and sends its form.
    pub fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        let page = self.get("/sign-in");
        self.submit(&page, "/sign-in", &format!("name={name}&password={}", password.replace(' ', "+")))
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> Answer {
        self.exchange(method, path, body).unwrap_or_else(|why| panic!("{method} {path}: {why}"))
    }

    fn exchange(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let agent = format!("User-Agent: {}\r\nAccept: text/html,*/*;q=0.8\r\n{}", self.agent, self.from);
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: notes\r\nConnection: close\r\n{agent}{cookie}{kind}")?;
        write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        let answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().unwrap_or_default().to_owned();
            self.cookie = (!set.contains("Max-Age=0")).then_some(pair);
        }
        Ok(answer)
    }
}
