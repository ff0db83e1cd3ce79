//! The device's pages over HTTP, with a clock that is stepped. What a browser makes of them is in tests/browser.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use device_ui::{Limits, SCRIPT, STYLE, SetupCode};
use session_core::environment::{Clock, Time};
use session_core::testing::ManualClock;

const LIMITS: Limits = Limits { idle: Duration::from_secs(600), step_up: Duration::from_secs(300), rounds: 10 };
const PASSWORD: &str = "a long password";

/// A device that runs.
struct Device {
    address: SocketAddr,
    clock: &'static ManualClock,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<JoinHandle<Result<(), String>>>,
    /// What it shows on its first boot.
    code: Arc<OnceLock<String>>,
}

impl Device {
    fn boot(data: &Path) -> Self {
        Self::boot_with(data, LIMITS)
    }

    fn boot_with(data: &Path, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::at(Time::from_millis(1_800_000_000_000))));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let data = data.to_owned();
        let code = Arc::new(OnceLock::new());
        let shown = Arc::clone(&code);
        let server = std::thread::Builder::new().stack_size(8 << 20).spawn(move || {
            let show = move |code: &SetupCode| shown.set(code.to_string()).expect("one code");
            device_ui::host::serve(listener, &data, clock, limits, &show, Box::pin(async { drop(stopped.await) }))
        });
        Self { address, clock, stop: Some(stop), server: Some(server.unwrap()), code }
    }

    /// The form of a first boot.
    fn first_boot(&self, password: &str) -> String {
        // it has shown its code when it answers
        assert_eq!(Browser::default().get(self, "/").view(), "first-boot");
        format!("password={password}&repeat={password}&code={}", self.code.get().unwrap())
    }

    fn step(&self, seconds: u64) {
        self.clock.set(self.clock.now().after(Duration::from_secs(seconds)));
    }

    fn off(mut self) -> Result<(), String> {
        drop(self.stop.take());
        self.server.take().unwrap().join().unwrap()
    }
}

/// A browser as far as forms and cookies go.
#[derive(Default, Clone)]
struct Browser {
    cookie: Option<String>,
    /// That it was signed in before.
    known: Option<String>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    fn view(&self) -> &str {
        between(&self.body, "<body data-view=", ">").unwrap_or("no page")
    }

    fn csrf(&self) -> String {
        between(&self.body, "name=csrf value=", ">").unwrap_or_default().to_owned()
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

impl Browser {
    fn send(&mut self, device: &Device, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let stream = self.begin(device, method, path, headers, body);
        self.finish(stream)
    }

    /// Sends a request.
    fn begin(&self, device: &Device, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(device.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let known = self.known.as_ref().filter(|_| path == "/sign-in");
        let cookies = [("id", self.cookie.as_ref()), ("known", known)];
        let cookies = cookies.iter().filter_map(|(name, value)| Some(format!("Cookie: {name}={}\r\n", (*value)?)));
        let cookie = cookies.collect::<String>();
        let (length, address) = (body.len(), device.address);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{cookie}{headers}");
        write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
        stream
    }

    /// Waits for its answer.
    fn finish(&mut self, mut stream: TcpStream) -> Answer {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        // style and script are packed
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let answer = Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() };
        for set in head.lines().filter_map(|line| line.strip_prefix("Set-Cookie: ")) {
            let (name, rest) = set.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap().to_owned();
            match name {
                "id" => self.cookie = (!set.contains("Max-Age=0")).then_some(value),
                _ => self.known = Some(value),
            }
        }
        answer
    }

    fn get(&mut self, device: &Device, path: &str) -> Answer {
        self.send(device, "GET", path, "", "")
    }

    fn post(&mut self, device: &Device, path: &str, form: &str) -> Answer {
        self.send(device, "POST", path, "Content-Type: application/x-www-form-urlencoded\r\n", form)
    }

    /// Sends the form of a page, which carries its token.
    fn submit(&mut self, device: &Device, page: &Answer, path: &str, form: &str) -> Answer {
        self.post(device, path, &format!("csrf={}&{form}", page.csrf()))
    }

    fn sign_in(&mut self, device: &Device) {
        let answer = self.post(device, "/sign-in", &format!("password={PASSWORD}"));
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    }
}

/// A device with a password, and nobody signed in.
fn owned(data: &Path) -> Device {
    let device = Device::boot(data);
    assert_eq!(Browser::default().post(&device, "/first-boot", &device.first_boot(PASSWORD)).status, 303);
    device
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn first_boot_asks_for_a_password_and_keeps_it_em7() {
    let data = directory();
    let (device, mut browser) = (Device::boot(data.path()), Browser::default());
    assert_eq!(browser.get(&device, "/").view(), "first-boot");
    for (form, why) in
        [("password=long+enough&repeat=not+the+same", "not the same"), ("password=short&repeat=short", "too short")]
    {
        let answer = browser.post(&device, "/first-boot", form);
        assert_eq!((answer.status, answer.view()), (400, "first-boot"));
        assert!(answer.body.contains(why), "{}", answer.body);
    }
    assert_eq!(browser.cookie, None, "a visitor has no session");
    assert_eq!(browser.post(&device, "/first-boot", &device.first_boot(PASSWORD)).status, 303);
    assert_eq!(browser.get(&device, "/").view(), "dashboard");
    // it cannot be chosen again
    let mut stranger = Browser::default();
    stranger.post(&device, "/first-boot", "password=my+own+password&repeat=my+own+password");
    assert_eq!(stranger.get(&device, "/").view(), "sign-in");
    device.off().unwrap();
    // sessions survive a reboot, as key and password do
    let device = Device::boot(data.path());
    assert_eq!(browser.get(&device, "/").view(), "dashboard");
    device.off().unwrap();
    // EM2: without them the stale cookie is no lock-out
    let file = data.path().join("device.flash");
    let mut flash = std::fs::read(&file).unwrap();
    flash[2 * 4096..].fill(0xff);
    std::fs::write(&file, flash).unwrap();
    let device = Device::boot(data.path());
    assert_eq!(browser.get(&device, "/").view(), "sign-in");
    browser.sign_in(&device);
    assert_eq!(browser.get(&device, "/").view(), "dashboard");
}

#[test]
fn guessing_is_throttled_also_with_the_right_password() {
    let data = directory();
    let (device, mut browser) = (owned(data.path()), Browser::default());
    for _ in 0..5 {
        assert_eq!(browser.post(&device, "/sign-in", "password=wrong").status, 401);
    }
    for wait in [1_u64, 2, 4, 8, 16, 32, 60, 60] {
        let answer = browser.post(&device, "/sign-in", &format!("password={PASSWORD}"));
        let seconds = wait.to_string();
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some(seconds.as_str())));
        assert!(answer.body.contains("Wait"), "{}", answer.body);
        device.step(wait);
        assert_eq!(browser.post(&device, "/sign-in", "password=wrong").status, 401);
    }
    device.step(60);
    browser.sign_in(&device);
    assert_eq!(browser.get(&device, "/").view(), "dashboard");
}

/// Tries wrong passwords until none is looked at any more; how many were.
fn guess_to_the_end(device: &Device, mut guess: impl FnMut() -> Answer) -> usize {
    let mut looked_at = 0;
    loop {
        let answer = guess();
        match (answer.status, answer.header("retry-after")) {
            (401, _) => looked_at += 1,
            (429, Some(wait)) => device.step(wait.parse().unwrap()),
            (429, None) => {
                assert!(answer.body.contains("was signed in before, or restart the device"), "{}", answer.body);
                return looked_at;
            }
            _ => panic!("{}", answer.head),
        }
    }
}

/// One wrong password a minute kept the owner out all day, and his step-up as well.
#[test]
fn strangers_do_not_keep_the_owner_out_dv3() {
    let data = directory();
    let (device, mut signed_in, mut signed_out) = (owned(data.path()), Browser::default(), Browser::default());
    signed_in.sign_in(&device);
    signed_out.sign_in(&device);
    let page = signed_out.get(&device, "/");
    assert_eq!(signed_out.submit(&device, &page, "/sign-out", "").status, 303);
    let guess = || {
        // who is signed in uses the pages meanwhile
        assert_eq!(signed_in.get(&device, "/settings").status, 200);
        Browser::default().post(&device, "/sign-in", "password=wrong")
    };
    assert_eq!(guess_to_the_end(&device, guess), 50);
    device.step(500);
    // the right password of a stranger is not looked at either
    assert_eq!(Browser::default().post(&device, "/sign-in", &format!("password={PASSWORD}")).status, 429);
    // a step-up, and a browser of before
    let step_up = signed_in.get(&device, "/settings");
    assert_eq!(step_up.view(), "step-up");
    assert_eq!(signed_in.submit(&device, &step_up, "/step-up", "password=wrong").status, 401);
    assert_eq!(signed_in.submit(&device, &step_up, "/step-up", &format!("password={PASSWORD}")).status, 303);
    signed_out.sign_in(&device);
    // which ends the row of wrong ones
    Browser::default().sign_in(&device);
}

/// NIST SP 800-63B-4, 3.2.2: a hundred wrong ones in a row at most, whoever tries.
#[test]
fn a_hundred_wrong_passwords_in_a_row_at_most_dv3() {
    let data = directory();
    let (device, mut owner) = (owned(data.path()), Browser::default());
    owner.sign_in(&device);
    let strangers = guess_to_the_end(&device, || Browser::default().post(&device, "/sign-in", "password=wrong"));
    let known = guess_to_the_end(&device, || owner.clone().post(&device, "/sign-in", "password=wrong"));
    assert_eq!(strangers + known, 100);
    let right = format!("password={PASSWORD}");
    assert_eq!(owner.clone().post(&device, "/sign-in", &right).status, 429);
    // who restarts it holds it
    device.off().unwrap();
    Browser::default().sign_in(&Device::boot(data.path()));
}

/// What a browser is known by is of this device and of this password.
#[test]
fn a_known_browser_cannot_be_made_up_dv3() {
    let data = directory();
    let (device, mut owner) = (owned(data.path()), Browser::default());
    owner.sign_in(&device);
    let before = owner.clone();
    let answer = owner.send(&device, "POST", "/sign-in", FORM, &format!("password={PASSWORD}"));
    let line = answer.head.lines().find(|line| line.starts_with("Set-Cookie: known=")).unwrap();
    assert!(line.ends_with("; Max-Age=31536000; Path=/sign-in; HttpOnly; SameSite=Strict"), "{line}");
    let page = owner.get(&device, "/settings");
    let form = "password=another+password&repeat=another+password";
    assert_eq!(owner.submit(&device, &page, "/password", form).status, 303);
    assert_ne!(owner.known, before.known);
    guess_to_the_end(&device, || Browser::default().post(&device, "/sign-in", "password=wrong"));
    let known = before.known.clone().unwrap();
    for made_up in [Some(known.clone()), Some(known[..31].to_owned()), Some(String::new()), Some("0".repeat(32)), None]
    {
        let mut stranger = Browser { known: made_up, cookie: None };
        assert_eq!(stranger.post(&device, "/sign-in", "password=another+password").status, 429);
    }
    let mut signed_out = Browser { cookie: None, ..owner };
    assert_eq!(signed_out.post(&device, "/sign-in", "password=another+password").status, 303);
}

#[test]
fn a_first_boot_asks_for_the_code_that_the_device_shows_dv2() {
    let data = directory();
    let device = Device::boot(data.path());
    let (mut stranger, form) = (Browser::default(), device.first_boot(PASSWORD));
    let code = device.code.get().unwrap().clone();
    assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    assert!(stranger.get(&device, "/").body.contains("name=code"));
    let without = form.split("&code=").next().unwrap();
    assert_eq!(stranger.post(&device, "/first-boot", without).status, 400);
    // a password that does not fit costs no try
    for _ in 0..20 {
        assert_eq!(stranger.post(&device, "/first-boot", "password=short&repeat=short&code=00000000").status, 400);
    }
    let wrong = |code: &str| format!("{without}&code={code}");
    for guess in 0..10 {
        let guess = if guess == 0 {
            String::new()
        } else {
            format!("{:08}", (code.parse::<u32>().unwrap() + guess) % 100_000_000)
        };
        let answer = stranger.post(&device, "/first-boot", &wrong(&guess));
        assert_eq!((answer.status, answer.view()), (403, "first-boot"), "{guess}");
        assert!(answer.body.contains("code is wrong"), "{}", answer.body);
    }
    let answer = stranger.post(&device, "/first-boot", &form);
    assert_eq!((answer.status, answer.view()), (429, "first-boot"), "no more tries");
    assert!(answer.body.contains("Restart the device"), "{}", answer.body);
    device.off().unwrap();
    // another start, another code
    let device = Device::boot(data.path());
    let form = device.first_boot(PASSWORD);
    assert_ne!(device.code.get(), Some(&code));
    assert_eq!(Browser::default().post(&device, "/first-boot", &form).status, 303);
    device.off().unwrap();
    let device = Device::boot(data.path());
    Browser::default().sign_in(&device);
    assert_eq!(device.code.get(), None, "it is gone");
}

/// DNS rebinding: the name is another's, the address is the device's.
#[test]
fn other_names_are_refused_dv1() {
    let data = directory();
    let device = owned(data.path());
    let ask = |method: &str, path: &str, host: &str| {
        let mut stream = TcpStream::connect(device.address).unwrap();
        let body = format!("password={PASSWORD}");
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{FORM}Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        Browser::default().finish(stream)
    };
    let paths = [
        ("GET", "/"),
        ("GET", "/style.css"),
        ("GET", "/readings"),
        ("POST", "/sign-in"),
        ("POST", "/first-boot"),
        ("GET", "/nowhere"),
    ];
    for host in
        ["evil.example", "my-device.local.evil.example", "my-device.lan", "my device", "127.0.0.1.evil.example", ""]
    {
        for (method, path) in paths {
            let answer = ask(method, path, &format!("Host: {host}\r\n"));
            assert_eq!((answer.status, answer.view()), (421, "no page"), "{host} {path}: {}", answer.body);
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    assert_eq!(ask("GET", "/", "").status, 421, "no Host at all");
    assert_eq!(ask("GET", "/", "Host: my-device\r\nHost: evil.example\r\n").status, 400);
    for host in
        ["My-Device.local", "my-device.local.:8080", "my-device", "localhost:8080", "192.168.1.7", "[fe80::1]:80"]
    {
        assert_eq!(ask("GET", "/", &format!("Host: {host}\r\n")).status, 200, "{host}");
        assert_eq!(ask("POST", "/sign-in", &format!("Host: {host}\r\n")).status, 303, "{host}");
    }
}

#[test]
fn passwords_as_nist_asks_for_them_dv4() {
    let data = directory();
    let device = Device::boot(data.path());
    for (password, why) in [
        ("fourteen+chars", "too short: at least 15"),
        ("passwordpassword", "Many choose this password"),
        ("123456789012345", "Many choose this password"),
        ("My+DeviceMy+Device", "Many choose this password"),
    ] {
        let form = format!("password={password}&repeat={password}&code=00000000");
        let answer = Browser::default().post(&device, "/first-boot", &form);
        assert_eq!((answer.status, answer.view()), (400, "first-boot"), "{password}");
        assert!(answer.body.contains(why), "{}", answer.body);
    }
    // 64 characters of two bytes each, and no rule about what they are
    let form = device.first_boot(&"%c3%a4".repeat(63)).replace("&repeat", "x&repeat").replace("&code", "x&code");
    assert_eq!(Browser::default().post(&device, "/first-boot", &form).status, 303);
}

#[test]
fn ending_other_browsers_asks_for_the_password_again_lc12() {
    let data = directory();
    let (device, mut one, mut two) = (owned(data.path()), Browser::default(), Browser::default());
    one.sign_in(&device);
    two.sign_in(&device);
    device.step(301);
    let page = one.get(&device, "/browsers");
    let other = listed(&page).last().unwrap().2.clone();
    for (path, form) in [("/browsers/end", format!("id={other}")), ("/browsers/end-others", String::new())] {
        let answer = one.submit(&device, &page, path, &form);
        assert_eq!((answer.status, answer.view()), (403, "step-up"), "{path}");
        assert!(answer.body.contains("Nobody was signed out yet"), "{}", answer.body);
        assert_eq!(two.get(&device, "/").view(), "dashboard", "{path}");
    }
    let step_up = one.submit(&device, &page, "/browsers/end-others", "");
    let next = between(&step_up.body, "name=next value=", ">").unwrap().to_owned();
    let answer = one.submit(&device, &step_up, "/step-up", &format!("next={next}&password=wrong"));
    assert!(answer.body.contains("name=next value=/browsers>"), "{}", answer.body);
    let answer = one.submit(&device, &answer, "/step-up", &format!("next={next}&password={PASSWORD}"));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/browsers")));
    let page = one.get(&device, "/browsers");
    assert_eq!(one.submit(&device, &page, "/browsers/end-others", "").status, 303);
    assert_eq!(two.get(&device, "/").view(), "sign-in");
}

#[test]
fn polling_is_no_activity_lc16() {
    let data = directory();
    let (device, mut browser) = (owned(data.path()), Browser::default());
    browser.sign_in(&device);
    for second in 0..599_u64 {
        let answer = browser.get(&device, "/readings");
        assert!(answer.body.contains(&format!("\"idle\":{}", 600 - second)), "{second}: {}", answer.body);
        device.step(1);
    }
    device.step(1);
    assert_eq!(browser.get(&device, "/readings").status, 401);
    let page = browser.get(&device, "/?ended");
    assert_eq!(page.view(), "sign-in");
    assert!(page.body.contains("expired: nobody used the page for 10 min"), "{}", page.body);
}

#[test]
fn a_visitor_costs_no_session_lc15() {
    let data = directory();
    let (device, mut browser) = (owned(data.path()), Browser::default());
    for path in ["/", "/settings", "/browsers", "/readings", "/style.css", "/app.js"] {
        let answer = browser.get(&device, path);
        assert_eq!(answer.header("set-cookie"), None, "{path}");
        assert!(!answer.body.contains("id=temperature"), "{path}");
    }
    assert_eq!(browser.get(&device, "/settings").header("location"), Some("/"));
}

#[test]
fn settings_are_saved_and_told_once_tr2() {
    let data = directory();
    let (device, mut browser) = (owned(data.path()), Browser::default());
    browser.sign_in(&device);
    let page = browser.get(&device, "/settings");
    assert_eq!(page.view(), "settings");
    let answer = browser.submit(&device, &page, "/settings", "name=Oven+%3Cb%3E%22%26&interval=5");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/settings")));
    let page = browser.get(&device, "/settings");
    assert!(page.body.contains("role=status>The settings are saved."), "{}", page.body);
    assert!(page.body.contains("<h1 id=device>Oven &lt;b&gt;&quot;&amp;</h1>"), "{}", page.body);
    assert!(!browser.get(&device, "/settings").body.contains("saved"));
    let longer = format!("name={}&interval=5", "%f0%9f%8c%b1".repeat(33));
    for (form, why) in [
        ("name=+&interval=5", "1 to 32"),
        (&*longer, "1 to 32"),
        ("name=a&interval=0", "1 to 60"),
        ("name=a&interval=x", "1 to 60"),
    ] {
        let answer = browser.submit(&device, &page, "/settings", form);
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(why), "{form}: {}", answer.body);
    }
    for (name, shown) in
        [("Oven+%3Cb%3E", "Oven &lt;b&gt;".to_owned()), (&longer[5..][..32 * 12], "\u{1f331}".repeat(32))]
    {
        let (running, mut browser) = (Device::boot(data.path()), Browser::default());
        browser.sign_in(&running);
        let page = browser.get(&running, "/settings");
        assert_eq!(browser.submit(&running, &page, "/settings", &format!("name={name}&interval=60")).status, 303);
        running.off().unwrap();
        let rebooted = Device::boot(data.path());
        assert!(Browser::default().get(&rebooted, "/").body.contains(&shown), "{name} is kept over a reboot");
    }
}

#[test]
fn settings_ask_for_the_password_again_lc12() {
    let data = directory();
    let (device, mut browser) = (owned(data.path()), Browser::default());
    browser.sign_in(&device);
    let form = browser.get(&device, "/settings");
    device.step(301);
    let answer = browser.submit(&device, &form, "/settings", "name=Other&interval=5");
    assert_eq!((answer.status, answer.view()), (403, "step-up"));
    assert!(answer.body.contains("<h1 id=device>My device"), "nothing was saved");
    assert_eq!(browser.submit(&device, &answer, "/step-up", "password=wrong").status, 401);
    let before = browser.cookie.clone();
    let answer = browser.submit(&device, &answer, "/step-up", &format!("password={PASSWORD}"));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/settings")));
    assert_ne!(browser.cookie, before, "LC2: another cookie");
    assert_eq!(browser.get(&device, "/settings").view(), "settings");
    // TR1: the form of before is not this login's
    assert_eq!(browser.submit(&device, &form, "/settings", "name=Other&interval=5").status, 403);
}

#[test]
fn forms_of_others_are_refused_tr1() {
    let data = directory();
    let (device, mut browser) = (owned(data.path()), Browser::default());
    browser.sign_in(&device);
    for path in ["/settings", "/step-up", "/sign-out"] {
        for csrf in ["csrf=&", "csrf=AAAA&", "csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&"] {
            let form = format!("{csrf}name=Evil&interval=1&password={PASSWORD}");
            let answer = browser.post(&device, path, &form);
            assert_eq!((answer.status, answer.view()), (403, "sorry"), "{path} {csrf}");
            assert!(answer.body.contains("out of date") && answer.body.contains("href=/>Back"), "{}", answer.body);
        }
    }
    assert_eq!(browser.get(&device, "/").view(), "dashboard");
    // before a sign-in the browser says where a form comes from
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let body = format!("password={PASSWORD}");
    for (header, status) in [
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\n", 403),
        ("Sec-Fetch-Site: same-origin\r\n", 303),
        ("Origin: http://evil.example\r\n", 403),
        ("Origin: null\r\n", 403),
        (&format!("Origin: http://{}\r\n", device.address), 303),
    ] {
        let answer = Browser::default().send(&device, "POST", "/sign-in", &format!("{form}{header}"), &body);
        assert_eq!(answer.status, status, "{header}");
    }
}

#[test]
fn sign_out_ends_this_session_and_no_other_lc3() {
    let data = directory();
    let (device, mut one, mut two) = (owned(data.path()), Browser::default(), Browser::default());
    one.sign_in(&device);
    two.sign_in(&device);
    let stolen = one.clone();
    let page = one.get(&device, "/");
    let answer = one.submit(&device, &page, "/sign-out", "");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/?signed-out")));
    assert_eq!(one.cookie, None, "LC4");
    assert!(one.get(&device, "/?signed-out").body.contains("You are signed out."));
    assert_eq!(stolen.clone().get(&device, "/").view(), "sign-in");
    assert_eq!(two.get(&device, "/").view(), "dashboard");
}

const FIREFOX: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n";

/// Signs in as a browser that calls itself so.
fn signed_in_as(device: &Device, agent: &str) -> Browser {
    let mut browser = Browser::default();
    let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{agent}");
    let answer = browser.send(device, "POST", "/sign-in", &headers, &format!("password={PASSWORD}"));
    assert_eq!(answer.status, 303);
    browser
}

/// The browsers of the list: what each is called, whether it is the current one, and its id.
fn listed(page: &Answer) -> Vec<(String, bool, String)> {
    assert_eq!((page.status, page.view()), (200, "browsers"), "{}", page.body);
    let items = page.body.split("<li>").skip(1).map(|item| {
        let name = between(item, "<p>", " <span").unwrap().to_owned();
        (name, item.contains("this one"), between(item, "name=id value=", ">").unwrap().to_owned())
    });
    items.collect()
}

#[test]
fn signed_in_browsers_are_listed_and_ended_lc9() {
    let data = directory();
    let device = owned(data.path());
    let mut one = signed_in_as(&device, FIREFOX);
    device.step(90);
    let mut two = signed_in_as(&device, "User-Agent: <script>alert(1)</script>\r\n");
    let mut three = signed_in_as(&device, "");
    device.step(30);
    let page = one.get(&device, "/browsers");
    let names: Vec<_> = listed(&page).into_iter().map(|(name, current, _)| (name, current)).collect();
    // the first is of the first boot
    let script = "&lt;script&gt;alert(1)&lt;/script".to_owned();
    let expected = [("A browser", false), ("Firefox on Linux", true), (&*script, false), ("A browser", false)];
    assert_eq!(names, expected.map(|(name, current)| (name.to_owned(), current)));
    assert!(page.body.contains("signed in 2 min ago, this one"), "{}", page.body);
    assert!(page.body.contains("signed in 30 s ago, last seen 30 s ago"), "{}", page.body);

    let (_, _, id) = &listed(&page)[2];
    for words in ["That browser is signed out.", "That browser was signed out already."] {
        let answer = one.submit(&device, &page, "/browsers/end", &format!("id={id}"));
        assert_eq!((answer.status, answer.header("location")), (303, Some("/browsers")));
        assert!(one.get(&device, "/browsers").body.contains(words));
    }
    assert_eq!(two.get(&device, "/").view(), "sign-in", "ended at once");
    assert_eq!(three.get(&device, "/").view(), "dashboard");
    // the names of the list open nothing, and forms of other sites do nothing
    let mut stranger = Browser { cookie: Some(id.clone()), known: None };
    assert_eq!(stranger.get(&device, "/browsers").header("location"), Some("/"));
    for path in ["/browsers/end", "/browsers/end-others", "/password"] {
        let answer = one.post(&device, path, &format!("csrf=&id={id}&password=12345678&repeat=12345678"));
        assert_eq!((answer.status, answer.view()), (403, "sorry"), "{path}");
    }
    let answer = one.submit(&device, &page, "/browsers/end-others", "");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/browsers")));
    let page = one.get(&device, "/browsers");
    assert!(page.body.contains("Signed out elsewhere: 2."), "{}", page.body);
    assert_eq!(listed(&page).len(), 1);
    assert_eq!(three.get(&device, "/").view(), "sign-in");

    // its own button signs out as the other one does
    let id = listed(&page)[0].2.clone();
    let answer = one.submit(&device, &page, "/browsers/end", &format!("id={id}"));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/?signed-out")));
    assert_eq!((one.cookie.clone(), one.get(&device, "/").view()), (None, "sign-in"));
}

/// Labels are stored as the client likes them, and shown so that they are nothing but text.
#[test]
fn labels_of_browsers_are_escaped() {
    let data = directory();
    let device = owned(data.path());
    let mut last = Browser::default();
    for agent in ["\"'><b>&amp;", "a\tb\u{87}\u{9b}31m", "<img src=x onerror=x>", "\u{202e}\u{9f}x"] {
        last = signed_in_as(&device, &format!("User-Agent: {agent}\r\n"));
    }
    let page = last.get(&device, "/browsers");
    let names: Vec<_> = listed(&page).into_iter().map(|(name, ..)| name).skip(1).collect();
    assert_eq!(names[0], "&quot;&#39;&gt;&lt;b&gt;&amp;amp;");
    assert!(names[1].starts_with('a') && !names[1].contains(char::is_control), "{:?}", names[1]);
    assert_eq!(names[2], "&lt;img src=x onerror=x&gt;");
    assert!(!names[3].contains(char::is_control), "{:?}", names[3]);
    let tags = ["<b>", "<img", "<script>alert"];
    assert!(tags.iter().all(|tag| !page.body.contains(tag)), "{}", page.body);
}

#[test]
fn at_most_eight_browsers_at_once_lc9() {
    let data = directory();
    let device = owned(data.path());
    let mut browsers: Vec<_> = (0..9).map(|_| signed_in_as(&device, FIREFOX)).collect();
    assert_eq!(listed(&browsers[8].get(&device, "/browsers")).len(), 8);
    assert_eq!(browsers[0].get(&device, "/").view(), "sign-in", "the oldest is signed out");
    assert_eq!(browsers[1].get(&device, "/").view(), "dashboard");
}

#[test]
fn another_password_signs_out_all_others_lc9_lc12() {
    let data = directory();
    let (device, mut one, mut two) = (owned(data.path()), Browser::default(), Browser::default());
    one.sign_in(&device);
    two.sign_in(&device);
    let page = one.get(&device, "/settings");
    for (form, why) in
        [("password=short&repeat=short", "too short"), ("password=123456789012345&repeat=x", "not the same")]
    {
        let answer = one.submit(&device, &page, "/password", form);
        assert_eq!((answer.status, answer.view()), (400, "settings"));
        assert!(answer.body.contains(why), "{}", answer.body);
    }
    let form = "password=another+password&repeat=another+password";
    device.step(301);
    let answer = one.submit(&device, &page, "/password", form);
    assert_eq!((answer.status, answer.view()), (403, "step-up"));
    assert_eq!(two.get(&device, "/").view(), "dashboard", "nothing was changed");
    one.submit(&device, &answer, "/step-up", &format!("password={PASSWORD}"));
    let page = one.get(&device, "/settings");
    let answer = one.submit(&device, &page, "/password", form);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/settings")));
    let page = one.get(&device, "/settings");
    // the other one, and that of the first boot
    assert!(page.body.contains("The password is changed. Signed out elsewhere: 2."), "{}", page.body);
    assert_eq!(two.get(&device, "/").view(), "sign-in");
    assert_eq!(two.post(&device, "/sign-in", &format!("password={PASSWORD}")).status, 401);
    assert_eq!(two.post(&device, "/sign-in", "password=another+password").status, 303);
    device.off().unwrap();
    let device = Device::boot(data.path());
    assert_eq!(one.get(&device, "/").view(), "dashboard", "and it is kept");
    assert_eq!(Browser::default().post(&device, "/sign-in", "password=another+password").status, 303);
}

/// A sign-in whose password was right when it was looked at, and is another by the time that this is over.
#[test]
fn a_sign_in_that_overlaps_a_change_of_password_is_refused_lc9() {
    let data = directory();
    // the password of before takes long, the new one does not
    let device = Device::boot_with(data.path(), Limits { rounds: 30_000, ..LIMITS });
    let mut owner = Browser::default();
    assert_eq!(owner.post(&device, "/first-boot", &device.first_boot(PASSWORD)).status, 303);
    device.off().unwrap();
    let device = Device::boot(data.path());
    let page = owner.get(&device, "/settings");
    let mut slow = Browser::default();
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let under_way = slow.begin(&device, "POST", "/sign-in", kind, &format!("password={PASSWORD}"));
    // the device has begun with it when it has answered those that came later
    for _ in 0..3 {
        assert_eq!(owner.get(&device, "/readings").status, 200);
    }
    let form = "password=another+password&repeat=another+password";
    let answer = owner.submit(&device, &page, "/password", form);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/settings")));
    let answer = slow.finish(under_way);
    assert_eq!((answer.status, answer.view()), (409, "sorry"), "{}", answer.body);
    assert_eq!(slow.get(&device, "/").view(), "sign-in");
    assert_eq!(owner.get(&device, "/").view(), "dashboard");
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// While a password is hashed, others are served: also those who guess.
#[test]
fn guessing_many_times_at_once_is_no_way_around() {
    let data = directory();
    let device = Device::boot_with(data.path(), Limits { rounds: 3_000, ..LIMITS });
    assert_eq!(Browser::default().post(&device, "/first-boot", &device.first_boot(PASSWORD)).status, 303);
    let mut guesses: Vec<_> = (0..12).map(|_| Browser::default()).collect();
    let under_way: Vec<_> =
        guesses.iter_mut().map(|browser| browser.begin(&device, "POST", "/sign-in", FORM, "password=wrong")).collect();
    let answers = guesses.iter_mut().zip(under_way).map(|(browser, begun)| browser.finish(begun).status);
    let looked_at = answers.filter(|status| *status != 429).inspect(|status| assert_eq!(*status, 401)).count();
    assert_eq!(looked_at, 5, "as many as one after the other");
}

#[test]
fn one_of_two_at_first_boot_chooses_the_password() {
    let data = directory();
    let device = Device::boot_with(data.path(), Limits { rounds: 3_000, ..LIMITS });
    let mut both = ["the one password", "the other password"].map(|password| (password, Browser::default()));
    let forms = both.each_ref().map(|(password, _)| device.first_boot(password));
    let begin =
        |((_, browser), form): (&mut (_, Browser), &String)| browser.begin(&device, "POST", "/first-boot", FORM, form);
    let under_way: Vec<_> = both.iter_mut().zip(&forms).map(begin).collect();
    let mut chosen = Vec::new();
    for ((password, browser), begun) in both.iter_mut().zip(under_way) {
        let status = browser.finish(begun).status;
        // the second came while the first was being kept, or after it
        if status == 303 && browser.get(&device, "/").view() == "dashboard" {
            chosen.push(*password);
        }
    }
    assert_eq!(chosen.len(), 1, "{chosen:?}");
    let answer = Browser::default().post(&device, "/sign-in", &format!("password={}", chosen[0]));
    assert_eq!(answer.status, 303);
}

/// The picture of the flash: a bar for each page, and how full it is.
#[test]
fn the_dashboard_shows_the_flash() {
    let data = directory();
    let (device, mut browser) = (owned(data.path()), Browser::default());
    let memory = |browser: &mut Browser| {
        let page = browser.get(&device, "/").body;
        let count = |before| between(&page, before, " bytes").unwrap().parse::<u32>().unwrap();
        let erases = between(&page, "Erases of each page: ", "\"").unwrap().to_owned();
        assert_eq!(between(&page, "<path d=", "/>").unwrap().matches('M').count(), 6, "{page}");
        (count("<b id=live>"), count("<b id=free>"), erases)
    };
    browser.sign_in(&device);
    let (live, free, erases) = memory(&mut browser);
    assert_eq!((live + free, &*erases), (6 * 4096, "0 1 0 0 0 0"), "two pages of eight are the data's");
    Browser::default().sign_in(&device);
    assert!(memory(&mut browser).0 > live);
    for _ in 0..200 {
        Browser::default().sign_in(&device);
    }
    browser.sign_in(&device);
    let erases = memory(&mut browser).2;
    assert!(erases.split(' ').all(|count| count.parse::<u32>().unwrap() > 0), "{erases}");
}

#[test]
fn bad_requests_get_clear_answers() {
    let data = directory();
    let (device, mut browser) = (owned(data.path()), Browser::default());
    for (form, status, why) in [
        ("", 400, "no field password"),
        (&*format!("password={}", "x".repeat(129)), 400, "at most 128 bytes"),
        ("password=%ff%fe", 400, "not text"),
        (&format!("password={}", "x".repeat(9_000)), 413, "at most 896 bytes"),
    ] {
        let answer = browser.post(&device, "/sign-in", form);
        assert_eq!((answer.status, answer.view()), (status, "sorry"), "{why}");
        assert!(answer.body.contains(why), "{}", answer.body);
    }
    assert_eq!(browser.get(&device, "/nowhere").status, 404);
    assert_eq!(browser.post(&device, "/readings", "").status, 405);
    browser.sign_in(&device);
}

#[test]
fn something_else_than_a_flash_is_not_overwritten() {
    let data = directory();
    owned(data.path()).off().unwrap();
    let file = data.path().join("device.flash");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for content in [b"a letter".repeat(4096), b"short".to_vec()] {
        std::fs::write(&file, &content).unwrap();
        let error = Device::boot(data.path()).off().unwrap_err();
        assert!(error.contains("device.flash") && error.contains("delete the file"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), content);
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::write(data.path().join("device.bin"), "of an older version").unwrap();
    let error = Device::boot(data.path()).off().unwrap_err();
    assert!(error.contains("device.bin") && error.contains("delete it"), "{error}");
    assert!(!file.exists());
}

#[test]
fn corrupt_data_is_no_first_boot() {
    let data = directory();
    owned(data.path()).off().unwrap();
    let file = data.path().join("device.flash");
    let whole = std::fs::read(&file).unwrap();
    let garble = |places: &[usize]| {
        let mut corrupt = whole.clone();
        places.iter().for_each(|at| corrupt[*at] ^= 1);
        std::fs::write(&file, corrupt).unwrap();
        Device::boot(data.path())
    };
    let one = garble(&[200]);
    Browser::default().sign_in(&one);
    one.off().unwrap();
    let error = garble(&[200, 4096 + 200]).off().unwrap_err();
    assert!(error.contains("truncated or corrupt"), "{error}");
}

/// A flash that stops answering: what needs it says so, the rest is served, and when it is back, all is as before.
#[test]
fn a_flash_that_stops_answering_st10() {
    let data = directory();
    let (device, mut browser) = (owned(data.path()), Browser::default());
    browser.sign_in(&device);
    let file = data.path().join("device.flash");
    let whole = std::fs::read(&file).unwrap();
    let open = || std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    open().set_len(0).unwrap();
    for path in ["/", "/settings", "/browsers", "/readings"] {
        let answer = browser.get(&device, path);
        assert_eq!(answer.status, 503, "{path}: {}", answer.body);
    }
    assert_eq!(browser.post(&device, "/sign-in", &format!("password={PASSWORD}")).status, 503);
    assert!(browser.cookie.is_some(), "nobody is signed out by it");
    for (path, status) in [("/style.css", 200), ("/app.js", 200), ("/nowhere", 404)] {
        assert_eq!(browser.get(&device, path).status, status);
    }
    assert_eq!(Browser::default().get(&device, "/").view(), "sign-in");
    open().write_all(&whole).unwrap();
    assert_eq!(browser.get(&device, "/").view(), "dashboard");
    assert_eq!(Browser::default().post(&device, "/sign-in", &format!("password={PASSWORD}")).status, 303);
}

#[test]
fn style_and_script_are_packed() {
    let data = directory();
    let device = Device::boot(data.path());
    for (path, packed, source) in [
        ("/style.css", STYLE, include_str!("../src/page/style.css")),
        ("/app.js", SCRIPT, include_str!("../src/page/app.js")),
    ] {
        let answer = Browser::default().get(&device, path);
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(answer.header("content-length"), Some(&*packed.len().to_string()), "{path}");
        assert_eq!(answer.body, String::from_utf8_lossy(packed), "{path}");
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, source);
    }
}

#[test]
fn all_of_it_takes_at_most_12_kb() {
    let data = directory();
    let (device, mut browser) = (Device::boot(data.path()), Browser::default());
    let mut pages = browser.get(&device, "/").body.len();
    let device = {
        device.off().unwrap();
        owned(data.path())
    };
    pages += browser.get(&device, "/").body.len();
    browser.sign_in(&device);
    // the longest list that there is
    (1..8).for_each(|_| drop(signed_in_as(&device, FIREFOX)));
    browser.sign_in(&device);
    for path in ["/", "/settings", "/browsers"] {
        pages += browser.get(&device, path).body.len();
    }
    device.step(301);
    pages += browser.get(&device, "/settings").body.len();
    pages += browser.post(&device, "/sign-out", "csrf=").body.len();
    let all = pages + STYLE.len() + SCRIPT.len();
    println!("{all} bytes: {pages} in seven views, {} of style, {} of script", STYLE.len(), SCRIPT.len());
    assert!(all <= 12 * 1024, "{all} bytes");
}

#[test]
fn every_page_has_its_headers() {
    let data = directory();
    let (device, mut browser) = (owned(data.path()), Browser::default());
    browser.sign_in(&device);
    for path in ["/", "/settings", "/browsers"] {
        let page = browser.get(&device, path);
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        // on a LAN there is no Sec-Fetch-Site, and with no-referrer our own forms come with "Origin: null"
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    assert_eq!(browser.get(&device, "/readings").header("cache-control"), Some("no-store"));
}
