//! Signing in and out, and what ends by itself.

use std::time::Duration;

use browser_tests::Browser;

use crate::device::Device;
use crate::ui::*;

#[test]
fn first_boot_asks_for_a_password_once() {
    at_first_boot(|device, browser| {
        wait_for_view(browser, "first-boot");
        browser.find("#new-password").fill(PASSWORD);
        browser.find("#repeat-password").fill("another password");
        browser.find("#setup-code").fill(&device.code);
        submit(browser, "first-boot");
        assert_says(browser, "problem", "not the same");
        set_up(device, browser);
        // whoever comes next is asked for it
        browser.forget_cookies();
        browser.open(&device.url("/"));
        sign_in(browser);
    });
}

#[test]
fn sign_in_shows_the_dashboard() {
    at_sign_in(|_, browser| {
        let before = browser.cookies();
        sign_in(browser);
        for (id, what) in [("device", r"\w"), ("temperature", r"\d.*°C"), ("uptime", r"\d"), ("idle", r"\d")] {
            browser.wait(&format!("{id}.checkVisibility() && /{what}/.test({id}.innerText)"));
        }
        // LC3: whoever knew the cookie before knows nothing now; CK1: scripts cannot read it
        let after = browser.cookies();
        assert_eq!(after.len(), 1, "{after:?}");
        assert!(!before.iter().any(|cookie| cookie["value"] == after[0]["value"]), "{before:?} {after:?}");
        assert_eq!((&after[0]["httpOnly"], &after[0]["sameSite"]), (&true.into(), &"Lax".into()), "{after:?}");
        browser.wait_for("document.cookie", "");
    });
}

#[test]
fn wrong_password_is_said_in_clear_words() {
    at_sign_in(|device, browser| {
        try_password(browser, "a wrong password");
        assert_says(browser, "problem", "wrong");
        wait_for_view(browser, "sign-in");
        browser.open(&device.url("/settings"));
        wait_for_view(browser, "sign-in");
    });
}

#[test]
fn guessing_is_throttled_and_said_in_clear_words() {
    at_sign_in(|device, browser| {
        let throttled = |browser: &Browser| words(browser, "problem").contains("Wait");
        let tries = (1..=20).find(|_| {
            try_password(browser, "a guess");
            throttled(browser)
        });
        assert!(tries.is_some_and(|tries| tries > 3), "throttled after {tries:?} tries");
        // the right one has to wait too, or guessing would go on
        try_password(browser, PASSWORD);
        assert!(throttled(browser));
        device.step(Duration::from_secs(5 * 60));
        sign_in(browser);
    });
}

#[test]
fn sign_out_in_one_browser_leaves_the_other() {
    at_dashboard(|device, browser| {
        let other = Browser::start();
        other.open(&device.url("/"));
        sign_in(&other);
        sign_out(browser);
        other.reload();
        wait_for_view(&other, "dashboard");
        browser.reload();
        wait_for_view(browser, "sign-in");
        assert_console_is_clean(&other);
    });
}

#[test]
fn a_browser_signs_another_one_out() {
    at_dashboard(|device, browser| {
        let other = Browser::start();
        other.open(&device.url("/"));
        sign_in(&other);
        to_next_page(browser, || browser.find("#to-browsers").click());
        wait_for_view(browser, "browsers");
        assert_eq!(words(browser, "browsers").matches("on Linux").count(), 2, "{}", words(browser, "browsers"));
        // the newest is the last
        to_next_page(browser, || browser.find("li:last-child button").click());
        assert_says(browser, "notice", "That browser is signed out.");
        wait_for_view(&other, "sign-in");
        sign_in(&other);
        submit(browser, "end-others");
        assert_says(browser, "notice", "Signed out elsewhere: 1.");
        wait_for_view(&other, "sign-in");
        to_next_page(browser, || browser.find("li button").click());
        assert_says(browser, "notice", "You are signed out.");
        assert_console_is_clean(&other);
    });
}

#[test]
fn polling_does_not_keep_a_session_alive() {
    at_dashboard(|device, browser| {
        for _ in 0..5 {
            device.step(device.limits.idle / 5 - Duration::from_secs(1));
            // the first may have been asked before the step
            wait_for_polls(browser, 2);
            wait_for_view(browser, "dashboard");
        }
        device.step(Duration::from_secs(10));
        browser.wait("/expired/.test(document.body.innerText)");
        browser.open(&device.url("/"));
        wait_for_view(browser, "sign-in");
    });
}

#[test]
fn using_the_pages_keeps_a_session_alive() {
    at_dashboard(|device, browser| {
        for _ in 0..3 {
            device.step(device.limits.idle * 2 / 3);
            browser.reload();
            wait_for_view(browser, "dashboard");
        }
    });
}

#[test]
fn back_after_sign_out_shows_nothing() {
    at_dashboard(|device, browser| {
        browser.find("#to-settings").click();
        wait_for_view(browser, "settings");
        browser.open(&device.url("/"));
        sign_out(browser);
        // not even for the moment that a script needs to find out
        browser.switch_scripts_off();
        for _ in 0..2 {
            browser.back();
            wait_for_view(browser, "sign-in");
            browser.wait("!document.querySelector('#temperature, #uptime, #settings')");
        }
    });
}

#[test]
fn back_after_expiry_shows_nothing() {
    at_dashboard(|device, browser| {
        browser.open(&device.url("/settings"));
        wait_for_view(browser, "settings");
        browser.open(&device.url("/"));
        wait_for_view(browser, "dashboard");
        device.step(device.limits.idle + Duration::from_secs(1));
        browser.wait("/expired/.test(document.body.innerText)");
        // a browser may keep a whole page, and it was told of no new cookie
        browser.back();
        wait_for_view(browser, "sign-in");
        browser.wait("!document.querySelector('#settings')");
    });
}

/// Waits until the page has asked for its readings `more` times from now.
fn wait_for_polls(browser: &Browser, more: u64) {
    let polls = "performance.getEntriesByType('resource').filter(entry => entry.name.endsWith('/readings')).length";
    let before = browser.script(&format!("return {polls}")).as_u64().unwrap_or(0);
    browser.wait(&format!("{polls} >= {}", before + more));
}

/// DNS rebinding: a page of another origin, whose name resolves to the device after a while, is of the device's origin to its
/// browser. It gets nothing.
#[test]
fn a_page_whose_name_resolves_to_the_device_gets_nothing_dv1() {
    let _alone = one_at_a_time();
    let device = Device::start();
    let browser = Browser::start_where(Some("MAP evil.example 127.0.0.1"));
    let evil = format!("http://evil.example:{}/", device.port());
    let refused = |what: &str| {
        browser.open(&evil);
        browser.wait("document.readyState == 'complete'");
        assert!(
            !browser.script("return document.documentElement.outerHTML").to_string().contains("data-view"),
            "{what}"
        );
        // the page is of this origin, and its scripts read whatever the device answers
        for request in [
            "fetch('/')",
            "fetch('/readings')",
            "fetch('/app.js')",
            &format!(
                "fetch('/first-boot', {{method: 'POST', body: new URLSearchParams({{password: '{PASSWORD}', \
                      repeat: '{PASSWORD}', code: '{}'}})}})",
                device.code
            ),
            &format!("fetch('/sign-in', {{method: 'POST', body: new URLSearchParams({{password: '{PASSWORD}'}})}})"),
        ] {
            let ask =
                format!("window.got = ''; {request}.then(async it => window.got = it.status + ' ' + await it.text())");
            browser.script(&ask);
            browser.wait_for("window.got", "421 not under this name: use the device's address\n");
        }
        assert_eq!(browser.cookies(), [] as [serde_json::Value; 0], "{what}");
    };
    refused("before the first boot");
    browser.open(&device.url("/"));
    set_up(&device, &browser);
    refused("while the owner is signed in, in this very browser");
    browser.open(&device.url("/"));
    wait_for_view(&browser, "dashboard");
}

/// Ending other browsers is a change, too.
#[test]
fn ending_others_asks_for_the_password_after_some_minutes() {
    at_dashboard(|device, browser| {
        let other = Browser::start();
        other.open(&device.url("/"));
        sign_in(&other);
        device.step(device.limits.step_up + Duration::from_secs(1));
        browser.open(&device.url("/browsers"));
        wait_for_view(browser, "browsers");
        submit(browser, "end-others");
        assert_says(browser, "problem", "Nobody was signed out yet");
        browser.find("#password").fill(PASSWORD);
        submit(browser, "step-up");
        wait_for_view(browser, "browsers");
        submit(browser, "end-others");
        assert_says(browser, "notice", "Signed out elsewhere: 1.");
        wait_for_view(&other, "sign-in");
        assert_console_is_clean(&other);
    });
}

/// Somebody guesses all day; the browser that the owner uses is not kept out by it.
#[test]
fn guessing_elsewhere_does_not_keep_the_owner_out_dv3() {
    at_sign_in(|device, browser| {
        let stranger = Browser::start();
        stranger.open(&device.url("/"));
        let tries = (1..=20).find(|_| {
            try_password(&stranger, "a guess");
            words(&stranger, "problem").contains("Wait")
        });
        assert!(tries.is_some_and(|tries| tries > 3), "throttled after {tries:?} tries");
        sign_in(browser);
    });
}
