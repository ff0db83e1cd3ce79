//! The notes application over each std adapter and edge-http, run as its user runs it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use browser_tests::Browser;

use crate::ui::{assert_console_is_clean, one_at_a_time, to_next_page};

const PASSWORD: &str = "a long password";

#[test]
fn over_axum() {
    story("session-axum");
}

#[test]
fn over_actix_web() {
    story("session-actix");
}

#[test]
fn over_poem() {
    story("session-poem");
}

#[test]
fn over_rocket() {
    story("session-rocket");
}

#[test]
fn over_salvo() {
    story("session-salvo");
}

#[test]
fn over_edge_http() {
    story("session-edge-http");
}

/// Two browsers of one user; one signs the other out.
fn story(adapter: &str) {
    let _alone = one_at_a_time();
    let server = Server::start(adapter);
    let (desk, phone) = (Browser::start(), Browser::start());

    desk.open(&server.url);
    assert_at(&desk, "/sign-in");
    sign_in(&desk, "a wrong password");
    assert_says(&desk, "Name or password is wrong.");
    sign_in(&desk, PASSWORD);
    assert_at(&desk, "/");
    desk.wait_for("document.cookie", "");

    desk.find("textarea").fill("milk & <b>bread</b>");
    press(&desk, "form[action='/notes'] button");
    assert_says(&desk, "The note is kept.");
    desk.wait_for("document.querySelector('li span').innerText", "milk & <b>bread</b>");
    to_next_page(&desk, || desk.reload());
    desk.wait("!document.querySelector('.message') && document.querySelectorAll('li').length == 1");

    phone.open(&server.url);
    sign_in(&phone, PASSWORD);
    press(&phone, "a[href='/devices']");
    phone.wait_for("document.querySelectorAll('li').length", 2);
    phone.wait("/Chrome on Linux \\(this one\\)/.test(document.querySelector('ul').innerText)");
    press(&phone, "form[action='/devices/end'] button");
    assert_says(&phone, "That device is signed out.");
    press(&desk, "form[action='/notes/remove'] button");
    assert_at(&desk, "/sign-in");

    sign_in(&desk, PASSWORD);
    press(&phone, "a[href='/devices']");
    phone.find("form[action='/password'] [name='password']").fill(PASSWORD);
    phone.find("form[action='/password'] [name='new']").fill("another password");
    press(&phone, "form[action='/password'] button");
    assert_says(&phone, "The password is changed. Signed out elsewhere: 1.");
    to_next_page(&desk, || desk.reload());
    assert_at(&desk, "/sign-in");

    press(&phone, "form[action='/sign-out'] button");
    assert_at(&phone, "/sign-in");
    // what was on the screen before is gone
    to_next_page(&phone, || phone.back());
    assert_at(&phone, "/sign-in");
    [desk, phone].iter().for_each(assert_console_is_clean);
}

fn sign_in(browser: &Browser, password: &str) {
    browser.find("[name='name']").fill("ann");
    browser.find("[name='password']").fill(password);
    press(browser, "form[action='/sign-in'] button");
}

fn press(browser: &Browser, selector: &str) {
    to_next_page(browser, || browser.find(selector).click());
}

fn assert_at(browser: &Browser, path: &str) {
    browser.wait_for("document.readyState + ' ' + location.pathname", format!("complete {path}"));
}

fn assert_says(browser: &Browser, message: &str) {
    browser.wait_for("document.querySelector('.message').innerText", message);
}

/// A running example; dropping it ends it.
struct Server {
    process: Child,
    url: String,
    // it must not find its output closed
    _output: BufReader<ChildStdout>,
}

impl Server {
    fn start(adapter: &str) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let build = ["build", "--quiet", "--locked", "--package", adapter, "--example", "notes"];
        assert!(Command::new(&cargo).args(build).status().expect("cargo starts").success());
        let mut process = Command::new("setpriv")
            // a test that is killed cannot clean up
            .args(["--pdeathsig", "KILL"])
            .arg(target().join("debug/examples/notes"))
            .arg("127.0.0.1:0")
            .env("NOTES_PASSWORD", PASSWORD)
            // Rocket is configured so
            .envs([("ROCKET_PORT", "0"), ("ROCKET_CLI_COLORS", "false")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the example starts");
        let mut output = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let mut lines = output.by_ref().lines().map_while(Result::ok);
        let url = lines.find_map(|line| Some(line[line.find("http://")?..].to_owned()));
        let server = Self { process, url: url.unwrap_or_default(), _output: output };
        assert!(server.url.starts_with("http://127.0.0.1:"), "it did not say where it listens");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The directory of what cargo builds: this test lies in its debug/deps.
fn target() -> std::path::PathBuf {
    let test = std::env::current_exe().expect("this test's path");
    test.ancestors().nth(3).expect("target/debug/deps/test").to_owned()
}
