//! Settings: the message after the redirect, and the password that is asked again.

use std::time::Duration;

use browser_tests::Browser;

use crate::device::Device;
use crate::ui::*;

#[test]
fn message_after_the_redirect_is_shown_once() {
    at_dashboard(|device, browser| {
        open_settings(device, browser);
        browser.find("#device-name").fill("Greenhouse <b>2</b>");
        submit(browser, "settings");
        assert_says(browser, "notice", "saved");
        assert_eq!(browser.find("#device").text(), "Greenhouse <b>2</b>");
        browser.reload();
        wait_for_view(browser, "settings");
        assert_eq!(words(browser, "notice"), "");
        assert_eq!(browser.find("#device").text(), "Greenhouse <b>2</b>");
    });
}

#[test]
fn settings_ask_for_the_password_after_some_minutes() {
    at_dashboard(|device, browser| {
        open_settings(device, browser);
        device.step(device.limits.step_up + Duration::from_secs(1));
        browser.open(&device.url("/settings"));
        wait_for_view(browser, "step-up");
        browser.find("#password").fill("a wrong password");
        submit(browser, "step-up");
        assert_says(browser, "problem", "wrong");
        browser.find("#password").fill(PASSWORD);
        submit(browser, "step-up");
        wait_for_view(browser, "settings");
        // and not again at once
        open_settings(device, browser);
    });
}

#[test]
fn a_settings_form_that_was_open_too_long_saves_nothing() {
    at_dashboard(|device, browser| {
        open_settings(device, browser);
        let name = browser.find("#device").text();
        browser.find("#device-name").fill("Another name");
        device.step(device.limits.step_up + Duration::from_secs(1));
        submit(browser, "settings");
        wait_for_view(browser, "step-up");
        browser.open(&device.url("/"));
        wait_for_view(browser, "dashboard");
        assert_eq!(browser.find("#device").text(), name);
    });
}

#[test]
fn another_password_signs_out_the_other_browser() {
    at_dashboard(|device, browser| {
        let other = Browser::start();
        other.open(&device.url("/"));
        sign_in(&other);
        open_settings(device, browser);
        browser.find("#new-password").fill("another password");
        browser.find("#repeat-password").fill("another password");
        submit(browser, "change-password");
        wait_for_view(browser, "settings");
        assert_says(browser, "notice", "Signed out elsewhere: 1.");
        // its page polls and is told
        wait_for_view(&other, "sign-in");
        try_password(&other, PASSWORD);
        assert_says(&other, "problem", "wrong");
        try_password(&other, "another password");
        wait_for_view(&other, "dashboard");
        assert_console_is_clean(&other);
    });
}

fn open_settings(device: &Device, browser: &Browser) {
    browser.open(&device.url("/settings"));
    wait_for_view(browser, "settings");
}
