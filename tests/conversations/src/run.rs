//! Dialogues, held.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, iter};

use core_tests::devices;

use crate::expect::{Expectation, Known, cookie_of};
use crate::http::{Answer, Request, send};
use crate::script::{Action, Ask, Dialogue, PROOF, Proves, Step, dialogues};
use crate::template::{expand, expand_text};
use crate::{Report, Running, Target, Unsupported};

/// Dialogues held at the same time.
const AT_A_TIME: usize = 8;
/// What is waited for a request that is under way to have loaded its session, before anything else is sent.
const LOADING: Duration = Duration::from_millis(30);
/// If the machine was too slow to say what came first, the dialogue is held again with longer delays.
const PATIENCE: [u32; 4] = [1, 3, 9, 27];
/// Signs where a dialogue does not say which key; the app would say on stderr that it made one.
pub const KEY: &str = "5be0cd191f83d9ab9b05688c510e527fa54ff53a3c6ef372bb67ae856a09e667";

/// Holds every dialogue with the target, on each store that it is about and that the target offers.
pub fn run_all(target: &dyn Target, adapter: &str) -> Report {
    run(target, adapter, &dialogues())
}

/// Holds the dialogues that show one of these requirements.
pub fn run_about(ids: &[&str], target: &dyn Target, adapter: &str) -> Report {
    let about = |dialogue: &Dialogue| dialogue.ids.iter().any(|id| ids.contains(&id.as_str()));
    run(target, adapter, &dialogues().into_iter().filter(about).collect::<Vec<_>>())
}

fn run(target: &dyn Target, adapter: &str, dialogues: &[Dialogue]) -> Report {
    let began = Instant::now();
    let jobs: Vec<_> = dialogues.iter().flat_map(|dialogue| stores(dialogue, target)).collect();
    let jobs = Mutex::new(jobs.into_iter());
    let report = Mutex::new(Report { adapter: adapter.to_owned(), ..Report::default() });
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((dialogue, store)) = iter::once_with(|| jobs.lock().ok()?.next()).flatten().next() {
                    let outcome = hold(target, dialogue, &store);
                    let mut report = report.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    match outcome {
                        Outcome::Skipped(why) => report.skipped.push(format!("{} on {store}: {why}", dialogue.file)),
                        Outcome::Passed => report.ran += 1,
                        Outcome::Failed(account) => {
                            report.ran += 1;
                            report.failures.push(account);
                        }
                    }
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    report.failures.sort();
    report.skipped.sort();
    report.took = began.elapsed();
    report
}

/// A dialogue with each store it is to be held on.
fn stores<'d>(dialogue: &'d Dialogue, target: &dyn Target) -> Vec<(&'d Dialogue, String)> {
    let scheme = |store: &str| store.split_once(':').map_or(store, |(scheme, _)| scheme).to_owned();
    if dialogue.flags.iter().any(|flag| target.without().contains(&flag.as_str())) {
        return vec![];
    }
    let offered = target.stores();
    let about: Vec<_> = match dialogue.stores.is_empty() {
        true => {
            let cannot = |store: &str| dialogue.without.iter().any(|other| scheme(other) == scheme(store));
            offered.iter().filter(|store| !cannot(store)).map(|&store| store.to_owned()).collect()
        }
        false => {
            let same =
                |named: &String| offered.iter().filter(|store| scheme(store) == scheme(named)).collect::<Vec<_>>();
            let meant = |named: &String| match same(named)[..] {
                [] => vec![],
                [..] if named.ends_with(':') => same(named).iter().map(|store| (**store).to_owned()).collect(),
                [..] => vec![named.clone()],
            };
            dialogue.stores.iter().flat_map(meant).collect()
        }
    };
    about.into_iter().map(|store| (dialogue, store)).collect()
}

enum Outcome {
    Passed,
    Skipped(String),
    Failed(String),
}

fn hold(target: &dyn Target, dialogue: &Dialogue, store: &str) -> Outcome {
    let mut account = String::new();
    for patience in PATIENCE {
        let server = match start(target, store, &dialogue.flags) {
            Ok(server) => server,
            Err(Unsupported(why)) => return Outcome::Skipped(why),
        };
        let known = Known { sealed: store.starts_with("cookie:"), ..Known::default() };
        let (nodes, under_way, done) = (HashMap::new(), HashMap::new(), Instant::now());
        let mut held = Held { target, store, server, nodes, on: None, patience, known, under_way, done };
        held.name_cookie(&dialogue.flags);
        held.known.variables.extend(dialogue.browsers.iter().map(|browser| (browser.clone(), String::new())));
        let failed = dialogue.steps.iter().find_map(|step| held.step(&step.action).err().map(|why| (step, why)));
        let sure = held.under_way.drain().map(|(_, started)| started.end(held.done)).all(|(_, sure)| sure);
        match failed {
            None => return Outcome::Passed,
            Some((step, wrong)) => {
                account = tell(dialogue, store, step, &wrong.why);
                if sure && !wrong.unsure {
                    break;
                }
            }
        }
    }
    Outcome::Failed(account)
}

fn start(target: &dyn Target, store: &str, flags: &[String]) -> Result<Running, Unsupported> {
    let key = if flags.iter().any(|flag| flag == "--key") { &[][..] } else { &["--key", KEY] };
    let own = flags.iter().map(String::as_str);
    target.start(&["--store", store].into_iter().chain(key.iter().copied()).chain(own).collect::<Vec<_>>())
}

/// The dialogue up to the step that went wrong.
fn tell(dialogue: &Dialogue, store: &str, wrong: &Step, why: &str) -> String {
    let indent = |text: &str| text.replace('\n', "\n      ");
    let mut text = format!("FAILED {}:{} on {store}\n", dialogue.file, wrong.line);
    text +=
        &format!("      # {} {}\n      flags {}\n", dialogue.ids.join(" "), dialogue.title, dialogue.flags.join(" "));
    for step in dialogue.steps.iter().take_while(|step| step.line < wrong.line) {
        text += &format!("      {}\n", indent(&step.text));
    }
    text + &format!("  >>  {}\n  got {why}\n", indent(&wrong.text))
}

/// Why a step failed.
struct Wrong {
    why: String,
    /// The machine was too slow: it is not known what came first.
    unsure: bool,
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self { why, unsure: false }
    }
}

/// A dialogue that is being held.
struct Held<'t> {
    target: &'t dyn Target,
    store: &'t str,
    server: Running,
    /// Other nodes, and the one that is asked.
    nodes: HashMap<String, Running>,
    on: Option<String>,
    patience: u32,
    /// A browser's cookie is the variable with the browser's name; empty: it has none.
    known: Known,
    under_way: HashMap<String, Started>,
    /// When the step before ended.
    done: Instant,
}

/// A request that is under way while others run.
struct Started {
    request: Request,
    browser: String,
    thread: JoinHandle<(io::Result<Answer>, Instant)>,
    sent: Instant,
    /// It has to have loaded its session by now.
    loaded: Instant,
    delay: Duration,
}

impl Started {
    /// Its answer, and whether its times prove that it loaded the session before the step after its start, and wrote it
    /// after the step before its end. Both follow from the delay, which the server waits between the two.
    fn end(self, others_done: Instant) -> (io::Result<Answer>, bool) {
        let (answer, answered) =
            self.thread.join().unwrap_or_else(|_| (Err(io::Error::other("panicked")), Instant::now()));
        (answer, answered <= self.loaded + self.delay && others_done <= self.sent + self.delay)
    }
}

impl Held<'_> {
    fn step(&mut self, action: &Action) -> Result<(), Wrong> {
        match action {
            Action::Ask(ask, expected) => {
                let request = self.request(ask, 1)?;
                let answer = send(self.addr(), &request);
                self.judge(&ask.browser, &request, answer, expected)?;
            }
            Action::Start(name, ask) => self.start(name, ask)?,
            Action::Finish(name, expected) => {
                let started = self.under_way.remove(name).ok_or_else(|| format!("`{name}` is not under way"))?;
                let (request, browser) = (started.request.clone(), started.browser.clone());
                let (answer, sure) = started.end(self.done);
                if !sure {
                    let why = "no proof of what came first: the machine is too slow for the delay".to_owned();
                    return Err(Wrong { why, unsure: true });
                }
                self.judge(&browser, &request, answer, expected)?;
            }
            Action::AtOnce(members) => self.at_once(members)?,
            Action::Clock(by) => (self.server.step)(*by),
            Action::Let(name, times, text) => {
                let text = expand_text(text, &self.known.variables)?.repeat(*times);
                self.known.variables.insert(name.clone(), text);
            }
            Action::Node(name, flags) => {
                let flags: Vec<_> = flags.iter().map(String::as_str).collect();
                let node = (self.server.beside)(&[&["--key", KEY], &flags[..]].concat());
                let node = node.map_err(|Unsupported(why)| format!("no other node: {why}"))?;
                self.nodes.insert(name.clone(), node);
            }
            Action::On(node) => self.on.clone_from(node),
            Action::Proof(name, Proves { key, registers, challenge }) => {
                let challenge = expand_text(challenge, &self.known.variables)?;
                let of = if *registers { devices::Proof::registration } else { devices::Proof::refresh };
                let proof = of(*key, &challenge).signed_with(&devices::P256Keys);
                self.known.variables.insert(name.clone(), proof);
            }
            Action::Outage(down) => match &self.server.outage {
                Some(outage) => outage(*down),
                None => return Err("its store cannot be switched off".to_owned().into()),
            },
            Action::Restart(flags) => {
                self.name_cookie(flags);
                let server = start(self.target, self.store, flags);
                self.server = server.map_err(|Unsupported(why)| format!("no restart: {why}"))?;
            }
        }
        self.done = Instant::now();
        Ok(())
    }

    fn addr(&self) -> SocketAddr {
        self.on.as_ref().and_then(|node| self.nodes.get(node)).map_or(self.server.addr, |node| node.addr)
    }

    fn start(&mut self, name: &str, ask: &Ask) -> Result<(), String> {
        let request = self.request(ask, self.patience)?;
        let delay = delay_of(&request.target).ok_or("a request that is under way needs a delay_ms")?;
        let (addr, copy, sent) = (self.addr(), request.clone(), Instant::now());
        let thread = thread::spawn(move || (send(addr, &copy), Instant::now()));
        thread::sleep(LOADING * self.patience);
        let browser = ask.browser.clone();
        let started = Started { request, browser, thread, sent, loaded: Instant::now(), delay };
        self.under_way.insert(name.to_owned(), started);
        Ok(())
    }

    /// All requests are sent with the cookies of before; the answers are judged in the order of the lines.
    fn at_once(&mut self, members: &[(usize, Ask, Expectation)]) -> Result<(), String> {
        let mut requests = Vec::new();
        for (times, ask, expected) in members {
            let request = self.request(ask, 1)?;
            requests.extend(iter::repeat_n((request, ask, expected), *times));
        }
        let addr = self.addr();
        let answers: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = requests.iter().map(|(request, ..)| scope.spawn(|| send(addr, request))).collect();
            threads.into_iter().map(|t| t.join().unwrap_or_else(|_| Err(io::Error::other("panicked")))).collect()
        });
        let well = answers.iter().flatten().filter(|answer| answer.status == 200).count();
        self.known.variables.insert("succeeded".into(), well.to_string());
        for ((request, ask, expected), answer) in requests.iter().zip(answers) {
            self.judge(&ask.browser, request, answer, expected)?;
        }
        Ok(())
    }

    /// Fills in the variables and the browser's cookie; delays are made longer by `patience`.
    fn request(&self, ask: &Ask, patience: u32) -> Result<Request, String> {
        let variables = &self.known.variables;
        let mut target = expand_text(&ask.target, variables)?;
        if let Some(delay) = delay_of(&target) {
            let millis = |delay: Duration| format!("delay_ms={}", delay.as_millis());
            target = target.replace(&millis(delay), &millis(delay * patience));
        }
        let filled = |(name, value): &(String, String)| Ok((name.clone(), expand(value, variables)?));
        let mut headers = ask.headers.iter().map(filled).collect::<Result<Vec<_>, String>>()?;
        let (jar, name) = (&variables[&ask.browser], &self.known.cookie_name);
        if !jar.is_empty() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie")) {
            let proof = variables.get(&format!("{}{PROOF}", ask.browser)).filter(|proof| !proof.is_empty());
            let proof = proof.map(|proof| format!("; {name}-b={proof}")).unwrap_or_default();
            headers.push(("Cookie".into(), format!("{name}={jar}{proof}").into_bytes()));
        }
        Ok(Request { method: ask.method.clone(), target, headers })
    }

    /// Judges an answer, and gives the browser its cookie.
    fn judge(
        &mut self,
        browser: &str,
        request: &Request,
        answer: io::Result<Answer>,
        expected: &Expectation,
    ) -> Result<(), String> {
        let answer = answer.map_err(|error| format!("no answer: {error}"))?;
        let path = request.target.split('?').next().unwrap_or_default();
        let cookies = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let sent: Vec<_> = cookies.map(|(_, value)| String::from_utf8_lossy(value)).collect();
        let verdict = expected.check(path, &sent.join("; "), &answer, &mut self.known);
        if let Some(value) = cookie_of(&answer, &self.known.cookie_name) {
            self.known.variables.insert(browser.to_owned(), value);
        }
        if let Some(proof) = cookie_of(&answer, &format!("{}-b", self.known.cookie_name)) {
            self.known.variables.insert(format!("{browser}{PROOF}"), proof);
        }
        verdict
            .map_err(|why| format!("{answer}\n      {why}\n      sent Cookie: {}", sent.join("\n      sent Cookie: ")))
    }

    fn name_cookie(&mut self, flags: &[String]) {
        let named = flags.windows(2).find(|two| two[0] == "--cookie-name").map(|two| two[1].clone());
        self.known.secure = flags.iter().any(|flag| flag == "--https");
        let bound = flags.windows(2).find(|two| two[0] == "--device-bound").map(|two| two[1].parse());
        self.known.device_bound = bound.and_then(Result::ok);
        self.known.cookie_name = named.unwrap_or_else(|| if self.known.secure { "__Host-id" } else { "id" }.into());
    }
}

fn delay_of(target: &str) -> Option<Duration> {
    let (_, query) = target.split_once('?')?;
    let millis = query.split('&').find_map(|pair| pair.strip_prefix("delay_ms="))?;
    millis.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::parse;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    /// Answers with no session behind: enough to see what the runner sends, counts and waits for.
    struct Fake;

    impl Target for Fake {
        fn start(&self, flags: &[&str]) -> Result<Running, Unsupported> {
            if flags.contains(&"fixed:") {
                return Err(Unsupported("no such store".into()));
            }
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            let (clock, over, requests) =
                (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
            let state = Arc::new((clock.clone(), requests, flags.join(" ")));
            let ended = over.clone();
            thread::spawn(move || {
                for stream in listener.incoming().take_while(|_| !ended.load(Ordering::SeqCst)) {
                    let state = state.clone();
                    thread::spawn(move || answer(stream.unwrap(), &state));
                }
            });
            let step = move |by: Duration| _ = clock.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
            Ok(Running::new(addr, step, move || {
                over.store(true, Ordering::SeqCst);
                let _ = TcpStream::connect(addr);
            }))
        }
    }

    fn answer(mut stream: TcpStream, (clock, requests, flags): &(Arc<AtomicU64>, AtomicU64, String)) {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).unwrap_or(0) == 0 {
                return;
            }
            asked.push(byte[0]);
        }
        let asked = String::from_utf8_lossy(&asked).into_owned();
        let target = asked.split(' ').nth(1).unwrap();
        if target.starts_with("/late") {
            thread::sleep(Duration::from_millis(40));
        }
        let loaded = clock.load(Ordering::SeqCst);
        thread::sleep(delay_of(target).unwrap_or_default());
        let number = requests.fetch_add(1, Ordering::SeqCst);
        let (extra, body) = match target.split('?').next().unwrap() {
            "/clock" => (String::new(), clock.load(Ordering::SeqCst).to_string()),
            "/late" => (String::new(), loaded.to_string()),
            "/flags" => (String::new(), flags.clone()),
            "/cookies" => {
                let lines = asked.lines().filter(|line| line.to_lowercase().starts_with("cookie:"));
                (String::new(), lines.collect::<Vec<_>>().join("|").replace(&"0".repeat(42), "#"))
            }
            "/new" => {
                let cookie = format!("Set-Cookie: id={number:043}; Path=/; HttpOnly; SameSite=Lax; Max-Age=9\r\n");
                (cookie + "Cache-Control: no-store\r\n", number.to_string())
            }
            _ => (String::new(), "ok".into()),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nVary: Cookie\r\n{extra}Content-Length: {length}\r\n\r\n");
        let _ = stream.write_all((head + &body).as_bytes());
    }

    fn held(lines: &str) -> Report {
        let text = format!("# ID1 a title\nstore memory:\nflags --a 1\nbrowsers ann eve\n{lines}");
        run(&Fake, "fake", &[parse("x.txt", &text).unwrap()])
    }

    #[test]
    fn jars_variables_clock_and_restart() {
        let lines = "ann: GET /cookies -> 200 \"\"\nann: GET /new -> 200, cookie new\nlet old = $ann\n\
             ann: GET /new -> 200, cookie new\nann: GET /cookies -> 200 \"Cookie: id=#$ann[42..]\"\n\
             eve: GET /cookies -> 200 \"\"\nann: GET /cookies\n  Cookie: id=$old\n  cookie: x\n  \
             -> 200 \"Cookie: id=#$old[42..]|cookie: x\"\nstep 1s 5ms\nann: GET /clock -> 200 1005\n\
             ann: GET /flags -> 200 \"--store memory: --key $key --a 1\"\nrestart --b\n\
             ann: GET /flags -> 200 \"--store memory: --key $key --b\"\nann: GET /clock -> 200 0\n";
        let lines = lines.replace("$key", KEY);
        held(&lines).assert_passed();
        assert_eq!(held(&lines.replace("1005", "1006")).failures.len(), 1);
    }

    #[test]
    fn many_at_once_are_counted_and_do_not_get_the_same_cookie() {
        let lines = "at once\n  30 times ann: GET /a?delay_ms=50 -> 200 ok\n  2 times eve: GET /new -> 200, cookie new\n\
             ann: GET /new -> 200 $succeeded, cookie new\n";
        held(lines).assert_passed();
        let same = held("at once\n  2 times eve: GET /new -> 200, cookie new as x\n");
        assert!(same.failures[0].contains("as before"), "{same}");
    }

    #[test]
    fn what_is_under_way_is_proven_to_be_under_way() {
        held("start s = ann: GET /a?delay_ms=100\nstep 7s\neve: GET /clock -> 200 7000\nfinish s -> 200 ok\n")
            .assert_passed();
        // This app reads the clock 40 ms late: only with the longer delays is it known to have read it before the step.
        held("start s = ann: GET /late?delay_ms=100\nstep 7s\nfinish s -> 200 0\n").assert_passed();
        // And a delay that ends before the lines in between do is no proof either.
        let report = held("start s = ann: GET /a?delay_ms=1\neve: GET /a?delay_ms=60 -> 200\nfinish s -> 200 ok\n");
        assert!(report.failures[0].contains("no proof"), "{report}");
        let report = held("start s = ann: GET /late?delay_ms=100\nstep 7s\nfinish s -> 200 7000\n");
        assert!(report.failures[0].contains("another"), "{report}");
    }

    #[test]
    fn a_failure_shows_the_dialogue_up_to_its_line() {
        let report = held("ann: GET /ok -> 200 ok\nann: GET /ok\n  A: b\n  -> 404\nann: GET /ok -> 500\n");
        let account = "FAILED x.txt:6 on memory:\n      # ID1 a title\n      flags --a 1\n      ann: GET /ok -> 200 ok\n  \
                       >>  ann: GET /ok\n        A: b\n        -> 404\n  got 200 \"ok\"\n           Vary: Cookie\n      \
                       the status is 200\n";
        assert!(report.failures[0].starts_with(account), "{report}");
        assert!(
            report.to_string().ends_with("s") && report.to_string().contains("fake: 1 dialogues, 1 failed, 0 skipped")
        );
        assert!(held("ann: GET /ok -> 200 $who\n").failures[0].contains("$who is not known"));
    }

    #[test]
    fn a_store_that_is_not_offered_is_skipped_and_named() {
        let dialogue = parse("x.txt", "# ID1 a title\nbrowsers ann\nann: GET /ok -> 200\n").unwrap();
        let elsewhere = parse("y.txt", "# ID1 a title\nstore redis:\nbrowsers ann\nann: GET /ok -> 500\n").unwrap();
        let report = run(&Fake, "fake", &[dialogue, elsewhere]);
        assert_eq!((report.ran, report.skipped), (1, vec!["x.txt on fixed:: no such store".to_owned()]));
    }
}
