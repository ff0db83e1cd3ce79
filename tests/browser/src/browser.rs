//! A Chromium and what a user does with it, spoken as WebDriver: JSON over HTTP, <https://www.w3.org/TR/webdriver2/>.

use std::thread;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::Key;
use crate::chromedriver::Chromedriver;

/// A page that has not come to show something by then never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// The key under which WebDriver gives the id of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A Chromium with a profile of its own; dropping it ends it.
pub struct Browser {
    driver: Chromedriver,
    agent: ureq::Agent,
    session: String,
    /// What it was started with, for another start.
    capabilities: Value,
}

/// An element of the page that the browser showed when it was looked up.
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    /// Starts one, without a window on the screen.
    #[must_use]
    pub fn start() -> Self {
        Self::start_where(None)
    }

    /// The same, where DNS says so: rules as Chromium's `--host-resolver-rules` takes them.
    #[must_use]
    pub fn start_where(names: Option<&str>) -> Self {
        let rules = names.map(|rules| format!("--host-resolver-rules={rules}"));
        Self::start_with(rules.as_deref().as_slice())
    }

    /// The same, with more arguments for Chromium.
    #[must_use]
    pub fn start_with(more: &[&str]) -> Self {
        let driver = Chromedriver::start();
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE * 6)).proxy(None);
        let profile = format!("--user-data-dir={}", driver.home().join("profile").display());
        let always = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            &profile,
        ];
        let arguments: Vec<&str> = always.iter().chain(more).copied().collect();
        let capabilities =
            json!({ "goog:chromeOptions": { "args": arguments }, "goog:loggingPrefs": { "browser": "INFO" } });
        let mut browser = Self { driver, agent: config.build().into(), session: String::new(), capabilities };
        browser.begin();
        browser
    }

    fn begin(&mut self) {
        self.session.clear();
        let started = self.post("", json!({ "capabilities": { "alwaysMatch": self.capabilities } }));
        self.session = format!("/{}", text(&started["sessionId"]));
    }

    /// Closes it and starts it again, with the same profile.
    pub fn restart(&mut self) {
        self.call("DELETE", "", None).unwrap_or_else(|why| panic!("{why}"));
        self.begin();
    }

    /// Opens an address.
    pub fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url }));
    }

    /// The address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        text(&self.call("GET", "/url", None).unwrap_or_else(|why| panic!("{why}"))).to_owned()
    }

    /// Loads the page again.
    pub fn reload(&self) {
        self.post("/refresh", json!({}));
    }

    /// The button Back.
    pub fn back(&self) {
        self.post("/back", json!({}));
    }

    /// The first element that a CSS selector selects.
    #[must_use]
    pub fn find(&self, selector: &str) -> Element<'_> {
        let found = self.post("/element", json!({ "using": "css selector", "value": selector }));
        Element { browser: self, id: text(&found[ELEMENT]).to_owned() }
    }

    /// Runs a script in the page and gives what it returns, or what the promise that it returns comes to.
    pub fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] }))
    }

    /// What a JavaScript expression gives, asked again and again until it is `expected`. A page that is just being
    /// replaced may answer with an error; that counts as not yet.
    pub fn wait_for<T: Into<Value>>(&self, expression: &str, expected: T) {
        let expected = expected.into();
        let started = Instant::now();
        let body = json!({ "script": format!("return {expression}"), "args": [] });
        loop {
            let value = self.call("POST", "/execute/sync", Some(&body));
            if value.as_ref() == Ok(&expected) {
                return;
            }
            if started.elapsed() > PATIENCE {
                let page = self.script("return location.href + '\\n' + document.body.outerHTML.slice(0, 2000)");
                panic!("{expression} is {value:?}, not {expected}, on {}", text(&page));
            }
            thread::sleep(Duration::from_millis(25));
        }
    }

    /// The same, for an expression that has to become true.
    pub fn wait(&self, expression: &str) {
        self.wait_for(expression, true);
    }

    /// Types on the keyboard, wherever the focus is.
    pub fn type_text(&self, text: &str) {
        self.keys(text.chars());
    }

    /// Presses a key and lets it go.
    pub fn press(&self, key: Key) {
        self.keys([key.code()].into_iter());
    }

    fn keys(&self, keys: impl Iterator<Item = char>) {
        let action = |kind: &'static str, key: char| json!({ "type": kind, "value": key.to_string() });
        let actions: Vec<Value> = keys.flat_map(|key| [action("keyDown", key), action("keyUp", key)]).collect();
        self.post("/actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    /// Shows the pages as on a screen of this size, in CSS pixels; a touch screen if it is a phone's.
    pub fn resize(&self, width: u32, height: u32, phone: bool) {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.devtools("Emulation.setDeviceMetricsOverride", screen);
    }

    /// From now on the pages' own scripts do not run; [`script`](Self::script) still does.
    pub fn switch_scripts_off(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    }

    /// What WebDriver has no command for, Chromium has.
    fn devtools(&self, command: &str, parameters: Value) {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters }));
    }

    /// The cookies that the page would be sent with, as WebDriver describes them.
    #[must_use]
    pub fn cookies(&self) -> Vec<Value> {
        let cookies = self.call("GET", "/cookie", None).unwrap_or_else(|why| panic!("{why}"));
        cookies.as_array().cloned().unwrap_or_default()
    }

    /// Forgets them.
    pub fn forget_cookies(&self) {
        self.call("DELETE", "/cookie", None).unwrap_or_else(|why| panic!("{why}"));
    }

    /// A PNG of what is to be seen.
    #[must_use]
    pub fn screenshot(&self) -> Vec<u8> {
        let picture = self.call("GET", "/screenshot", None).unwrap_or_else(|why| panic!("{why}"));
        Base64::decode_vec(text(&picture)).expect("base64")
    }

    /// What the browser wrote to its console since it was last asked, the level first.
    #[must_use]
    pub fn console(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" }));
        let line = |entry: &Value| format!("{}: {}", text(&entry["level"]), text(&entry["message"]));
        log.as_array().into_iter().flatten().map(line).collect()
    }

    fn post(&self, path: &str, body: Value) -> Value {
        self.call("POST", path, Some(&body)).unwrap_or_else(|why| panic!("{path} {body}: {why}"))
    }

    /// A command of the session, or the one that makes it; the error is WebDriver's.
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let url = self.driver.url(&format!("/session{}{path}", self.session));
        let answer = match (method, body) {
            ("POST", Some(body)) => self.agent.post(url).send_json(body),
            ("DELETE", _) => self.agent.delete(url).call(),
            _ => self.agent.get(url).call(),
        };
        let mut answer = answer.map_err(|why| format!("chromedriver does not answer: {why}"))?;
        let mut body: Value =
            answer.body_mut().with_config().limit(1 << 26).read_json().map_err(|why| why.to_string())?;
        match body["value"].take() {
            value if answer.status().is_success() => Ok(value),
            error => Err(format!("{}: {}", text(&error["error"]), text(&error["message"]))),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // lets Chromium end by itself; the driver's guard sees to the rest
        let _ = self.call("DELETE", "", None);
    }
}

impl Element<'_> {
    /// Clicks on it.
    pub fn click(&self) {
        self.post("click", json!({}));
    }

    /// Replaces what an input field holds.
    pub fn fill(&self, text: &str) {
        self.post("clear", json!({}));
        self.post("value", json!({ "text": text }));
    }

    /// The text that a user sees.
    #[must_use]
    pub fn text(&self) -> String {
        let path = format!("/element/{}/text", self.id);
        text(&self.browser.call("GET", &path, None).unwrap_or_else(|why| panic!("{why}"))).to_owned()
    }

    fn post(&self, command: &str, body: Value) {
        self.browser.post(&format!("/element/{}/{command}", self.id), body);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
