//! What a client without a cookie jar goes through, whose token travels in a header.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use conversations::{KEY, Target};

/// Tells it to apps that take the token in a header of their own, and as a bearer token.
///
/// # Panics
/// Where it goes otherwise.
pub(super) fn tell(target: &dyn Target) {
    for (name, scheme) in [("x-session", ""), ("authorization", "Bearer ")] {
        for store in ["memory:", "cookie:"] {
            let flags = ["--key", KEY, "--store", store, "--idle", "60", "--token-header", name];
            let app = target.start(&flags).expect("an app");
            let client = Client { address: app.address(), name, scheme };
            client.gets_and_sends_it();
            if store == "memory:" {
                client.signs_in_and_out();
                let token = client.signs_in();
                app.step(Duration::from_secs(59));
                assert_eq!(client.ask("GET /whoami", &client.line(&token)).body, "ann");
                app.step(Duration::from_secs(61));
                assert_eq!(client.ask("GET /whoami", &client.line(&token)).status, 204, "its time is over");
            }
        }
    }
}

struct Client {
    address: SocketAddr,
    name: &'static str,
    scheme: &'static str,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }
}

impl Client {
    /// The header of a request with this token.
    fn line(&self, token: &str) -> String {
        format!("{}: {}{token}\r\n", self.name, self.scheme)
    }

    /// Gets a token, and sends it back.
    fn gets_and_sends_it(&self) {
        let first = self.ask("POST /set?key=a&value=1", "");
        let token = self.token(&first).expect("a token");
        assert_eq!(first.all("cache-control"), ["no-store"]);

        let read = |lines: &str| self.ask("GET /read?key=a", lines);
        let again = read(&self.line(&token));
        assert_eq!((again.status, again.body.as_str(), self.token(&again)), (200, "1", None));
        // never both, and no other form of it
        let cookie = format!("Cookie: id={token}\r\n");
        for lines in [
            cookie.clone(),
            format!("{cookie}{}", self.line("forged")),
            self.line(&format!("id={token}")),
            self.line(&format!("x; id={token}")),
            format!("x-other: {token}\r\n"),
            format!("{}: Basic {token}\r\n", self.name),
            format!("{}:\r\n", self.name),
        ] {
            assert_eq!(read(&lines).status, 204, "{lines}");
        }
        // the name of a scheme has no case
        let scheme = self.scheme.to_lowercase();
        assert_eq!(read(&format!("{}: {scheme}{token}\r\n", self.name)).body, "1");
        assert_eq!(self.ask("GET /plain", &self.line(&token)).all("vary"), Vec::<&str>::new());
    }

    fn signs_in(&self) -> String {
        // another site's script cannot send what it does not have, so nothing is refused
        let from = "Sec-Fetch-Site: cross-site\r\nOrigin: https://elsewhere.example\r\n";
        let answer = self.ask("POST /login?user=ann", from);
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.token(&answer).expect("a token")
    }

    /// Each change of privilege gives another token, and a logout an empty one.
    fn signs_in_and_out(&self) {
        let visitor = self.token(&self.ask("POST /set?key=a&value=1", "")).expect("a token");
        let login = self.ask("POST /login?user=ann", &self.line(&visitor));
        let ann = self.token(&login).expect("a token");
        let who = |token: &str| self.ask("GET /whoami", &self.line(token));
        assert_eq!((who(&ann).body.as_str(), who(&visitor).status), ("ann", 204));
        assert_eq!(self.ask("GET /read?key=a", &self.line(&ann)).body, "1");
        let out = self.ask("POST /logout", &self.line(&ann));
        assert_eq!((self.token(&out).as_deref(), who(&ann).status), (Some(""), 204));
    }

    /// The token that an answer gives. It is in no cookie, and the answer says on what it depends.
    fn token(&self, answer: &Answer) -> Option<String> {
        assert_eq!(answer.all("set-cookie"), Vec::<&str>::new());
        assert_eq!(answer.all("vary"), [self.name]);
        let given = answer.all(self.name);
        assert!(given.len() < 2, "{given:?}");
        let token = given.first()?;
        Some(if token.is_empty() { "" } else { token.strip_prefix(self.scheme).expect("the scheme") }.to_owned())
    }

    fn ask(&self, request: &str, lines: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        let head = format!("{request} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 0\r\n{lines}\r\n");
        stream.write_all(head.as_bytes()).expect("a request");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}
