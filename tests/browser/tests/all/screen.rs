//! Who uses the pages by keyboard, on a phone, or with a screen reader; and pictures of them.

use std::path::Path;
use std::time::Duration;

use browser_tests::{Browser, Key};

use crate::device::Device;
use crate::ui::*;

/// A phone's screen, in CSS pixels.
const PHONE: (u32, u32) = (390, 844);

#[test]
fn keyboard_is_enough() {
    at_sign_in(|_, browser| {
        tab_to(browser, "password");
        browser.type_text(PASSWORD);
        to_next_page(browser, || browser.press(Key::Enter));
        wait_for_view(browser, "dashboard");
        tab_to(browser, "to-settings");
        to_next_page(browser, || browser.press(Key::Enter));
        wait_for_view(browser, "settings");
        tab_to(browser, "device-name");
        // Tab selects what the field holds
        browser.type_text("By keyboard");
        to_next_page(browser, || browser.press(Key::Enter));
        assert_eq!(words(browser, "device"), "By keyboard");
    });
}

#[test]
fn nothing_is_wider_than_a_phone() {
    on_each_view(|browser, view| {
        browser.resize(PHONE.0, PHONE.1, true);
        browser.wait_for("innerWidth", PHONE.0);
        let width = browser.script("return document.documentElement.scrollWidth");
        assert_eq!(width, PHONE.0, "{view} has to be scrolled sideways");
        let small = browser.script(
            "return [...document.querySelectorAll('button, input')].filter(it => it.type != 'hidden' && it.offsetHeight < 40)
                .map(it => it.outerHTML)",
        );
        assert_eq!(small, serde_json::json!([]), "{view}: too small for a finger");
    });
}

#[test]
fn every_view_is_accessible() {
    on_each_view(|browser, view| {
        let wrong = browser.script(ACCESSIBLE);
        assert_eq!(wrong, serde_json::json!([]), "{view}");
        // the keyboard's focus is visible wherever it comes
        let count =
            browser.script("return document.querySelectorAll('a[href], button, input:not([type=hidden])').length");
        assert!(count != 0, "{view} has nothing to use");
        for _ in 0..count.as_u64().unwrap_or(0) {
            browser.press(Key::Tab);
            let focus = browser.script(FOCUS);
            assert_eq!(focus, true, "{view}: focus is not visible");
        }
    });
}

/// What is missing for a screen reader.
const ACCESSIBLE: &str = r#"
    const wrong = [];
    const must = (fits, what) => fits || wrong.push(what);
    must(document.documentElement.lang == 'en', 'the language of the page');
    must(document.title.trim(), 'a title');
    must(document.querySelectorAll('h1').length == 1, 'one h1');
    must(document.querySelector('main'), 'a main element');
    must(/width=device-width/.test(document.querySelector('meta[name=viewport]')?.content), 'a viewport for phones');
    for (const input of document.querySelectorAll('input:not([type=hidden])')) {
        must([...input.labels].some(label => label.innerText.trim()), `a label for #${input.id}`);
        must(input.type != 'password' || /^(current|new)-password$/.test(input.autocomplete), `autocomplete of #${input.id}`);
    }
    for (const button of document.querySelectorAll('button, a')) must(button.innerText.trim(), 'words on a button or link');
    for (const [id, role] of [['problem', 'alert'], ['notice', 'status']]) {
        const it = document.getElementById(id);
        must(!it || it.getAttribute('role') == role, `role=${role} for #${id}`);
    }
    return wrong;
"#;

/// Whether the element that has the focus looks otherwise than without.
const FOCUS: &str = r#"
    const it = document.activeElement;
    if (it == document.body) return true;
    const look = () => {
        const s = getComputedStyle(it);
        return [s.outlineStyle == 'none' ? 0 : parseFloat(s.outlineWidth), s.boxShadow, s.borderColor].join();
    };
    const focused = look();
    it.blur();
    const other = look();
    it.focus({ focusVisible: true });
    return focused != other;
"#;

#[test]
fn script_from_elsewhere_does_not_run() {
    let _alone = one_at_a_time();
    let device = Device::start();
    let browser = Browser::start();
    browser.open(&device.url("/"));
    wait_for_view(&browser, "first-boot");
    let inject =
        "const it = document.createElement('script'); it.textContent = 'window.ran = true'; document.body.append(it);";
    browser.script(inject);
    assert_eq!(browser.script("return window.ran"), serde_json::Value::Null);
    // and this is how the other tests would come to know of it
    let console = browser.console();
    assert!(console.iter().any(|line| line.contains("Content Security Policy")), "{console:?}");
}

#[test]
fn pictures_for_the_readme() {
    at_dashboard(|device, browser| {
        browser.open(&device.url("/settings"));
        browser.find("#device-name").fill("Greenhouse");
        submit(browser, "settings");
        browser.open(&device.url("/"));
        sign_out(browser);
        device.step(Duration::from_secs(9_741));
        browser.resize(PHONE.0, PHONE.1, true);
        browser.open(&device.url("/"));
        picture(browser, "device-ui-sign-in.png");
        sign_in(browser);
        device.step(Duration::from_secs(34));
        browser.wait("idle.innerText.startsWith('9 min')");
        picture(browser, "device-ui-dashboard.png");
    });
}

/// Takes a picture; `UPDATE_SCREENSHOTS=1` puts it into `docs`.
fn picture(browser: &Browser, name: &str) {
    let picture = browser.screenshot();
    // the head of a PNG names its size; a page of one colour would be compressed to less
    let size = |at: usize| picture.get(at..at + 4).map(|four| u32::from_be_bytes(four.try_into().unwrap()));
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "{name} is no PNG");
    assert_eq!((size(16), size(20)), (Some(PHONE.0), Some(PHONE.1)), "{name}");
    assert!((5_000..60_000).contains(&picture.len()), "{name} has {} bytes", picture.len());
    if std::env::var_os("UPDATE_SCREENSHOTS").is_some_and(|value| value == "1") {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        std::fs::write(docs.join(name), picture).unwrap();
    }
}

/// Goes through all views; the browser is new in each, so that what a test did to one is gone in the next.
fn on_each_view(test: impl Fn(&Browser, &str)) {
    at_first_boot(|device, browser| {
        let visit = |view| {
            wait_for_view(browser, view);
            test(browser, view);
            browser.reload();
            wait_for_view(browser, view);
        };
        visit("first-boot");
        set_up(device, browser);
        visit("dashboard");
        browser.open(&device.url("/settings"));
        visit("settings");
        browser.open(&device.url("/browsers"));
        visit("browsers");
        device.step(device.limits.step_up + Duration::from_secs(1));
        browser.open(&device.url("/settings"));
        visit("step-up");
        browser.open(&device.url("/"));
        wait_for_view(browser, "dashboard");
        sign_out(browser);
        visit("sign-in");
    });
}

/// Presses Tab until the element of this id has the focus.
fn tab_to(browser: &Browser, id: &str) {
    for _ in 0..20 {
        if browser.script("return document.activeElement.id") == id {
            return;
        }
        browser.press(Key::Tab);
    }
    panic!("Tab does not come to #{id}");
}
