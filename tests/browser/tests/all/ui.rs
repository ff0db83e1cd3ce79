//! What all tests do with the device's pages.

use std::sync::{Mutex, PoisonError};

use browser_tests::Browser;

use crate::device::Device;

/// What the owner of every device here chose.
pub(crate) const PASSWORD: &str = "a long password";

/// A device on its first boot and a browser that shows its page. What the browser wrote to its console is looked at
/// afterwards.
pub(crate) fn at_first_boot(test: impl FnOnce(&Device, &Browser)) {
    let _alone = one_at_a_time();
    let device = Device::start();
    let browser = Browser::start();
    browser.open(&device.url("/"));
    test(&device, &browser);
    assert_console_is_clean(&browser);
}

/// The same, with a device that has a password, and nobody signed in.
pub(crate) fn at_sign_in(test: impl FnOnce(&Device, &Browser)) {
    at_first_boot(|device, browser| {
        set_up(device, browser);
        sign_out(browser);
        test(device, browser);
    });
}

/// The same, with a browser that is signed in.
pub(crate) fn at_dashboard(test: impl FnOnce(&Device, &Browser)) {
    at_first_boot(|device, browser| {
        set_up(device, browser);
        test(device, browser);
    });
}

/// Browsers are large and the machine may be small.
pub(crate) fn one_at_a_time() -> impl Drop {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the page is this one.
pub(crate) fn wait_for_view(browser: &Browser, view: &str) {
    browser.wait_for("document.readyState + ' ' + document.body.dataset.view", format!("complete {view}"));
}

/// Chooses the password; the owner is signed in then.
pub(crate) fn set_up(device: &Device, browser: &Browser) {
    wait_for_view(browser, "first-boot");
    browser.find("#new-password").fill(PASSWORD);
    browser.find("#repeat-password").fill(PASSWORD);
    browser.find("#setup-code").fill(&device.code);
    submit(browser, "first-boot");
    wait_for_view(browser, "dashboard");
}

/// Tries a password on the page that asks for it.
pub(crate) fn try_password(browser: &Browser, password: &str) {
    wait_for_view(browser, "sign-in");
    browser.find("#password").fill(password);
    submit(browser, "sign-in");
}

pub(crate) fn sign_in(browser: &Browser) {
    try_password(browser, PASSWORD);
    wait_for_view(browser, "dashboard");
}

pub(crate) fn sign_out(browser: &Browser) {
    submit(browser, "sign-out");
    wait_for_view(browser, "sign-in");
}

/// Presses the button of a form.
pub(crate) fn submit(browser: &Browser, form: &str) {
    to_next_page(browser, || browser.find(&format!("form#{form} button")).click());
}

/// Does what leads to another page, or to the same anew, and waits until that is there: otherwise the old page might be
/// taken for it.
pub(crate) fn to_next_page(browser: &Browser, act: impl FnOnce()) {
    browser.script("document.body.dataset.old = ''");
    act();
    browser.wait("document.readyState == 'complete' && !('old' in document.body.dataset)");
}

/// What the element of this id says to who looks at the page; nothing if there is none, or none to be seen.
pub(crate) fn words(browser: &Browser, id: &str) -> String {
    let words = browser.script(&format!(
        "const it = document.getElementById('{id}'); return it?.checkVisibility() ? it.innerText.trim() : ''"
    ));
    words.as_str().unwrap_or_default().to_owned()
}

/// The element of this id says something with this in it.
pub(crate) fn assert_says(browser: &Browser, id: &str, what: &str) {
    let words = words(browser, id);
    assert!(words.contains(what), "#{id} says {words:?}, not {what:?}");
}

/// Nothing went wrong in the page: no script failed, nothing was against the content security policy, nothing missing.
pub(crate) fn assert_console_is_clean(browser: &Browser) {
    // that a request was refused is what these statuses are for; the browser notes it all the same
    let refused =
        |line: &str| ["400", "401", "403", "429"].iter().any(|status| line.contains(&format!("a status of {status}")));
    let wrong: Vec<String> = browser.console().into_iter().filter(|line| !refused(line)).collect();
    assert!(wrong.is_empty(), "the browser's console: {wrong:#?}");
}
