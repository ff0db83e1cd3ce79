//! Headless Chromium drives the UI on the boards. What it finds on the host is in tests/browser.

use browser_tests::Browser;
use firmware_tests::Board;

use crate::table::{PASSWORD, Table, first_boot};

fn wait_for_view(browser: &Browser, view: &str) {
    browser.wait_for("document.readyState + ' ' + document.body.dataset.view", format!("complete {view}"));
}

#[test]
fn a_browser_is_still_signed_in_after_the_power_was_cut_em1() {
    for board in Board::FLASHES {
        let (table, browser) = (Table::new(board), Browser::start());
        let mut device = table.boot();
        let form = first_boot(&mut device);
        let code = form.rsplit('=').next().unwrap();
        let address = device.address();
        browser.open(&format!("http://{address}/"));
        wait_for_view(&browser, "first-boot");
        browser.find("#new-password").fill(PASSWORD);
        browser.find("#repeat-password").fill(PASSWORD);
        browser.find("#setup-code").fill(code);
        browser.find("#first-boot button").click();
        wait_for_view(&browser, "dashboard");
        // the page's script got a reading
        let shown = browser.find("#uptime").text();
        browser.wait(&format!("document.getElementById('uptime').textContent != '{shown}'"));
        browser.find("#to-settings").click();
        wait_for_view(&browser, "settings");
        browser.find("#device-name").fill("Oven");
        browser.find("#settings button").click();
        browser.wait_for("document.getElementById('notice')?.textContent", "The settings are saved.");
        drop(device);
        let device = table.boot_at(address, &[]);
        browser.open(&format!("http://{address}/"));
        wait_for_view(&browser, "dashboard");
        assert_eq!(browser.find("#device").text(), "Oven");
        browser.find("#sign-out button").click();
        wait_for_view(&browser, "sign-in");
        drop(device);
        let device = table.boot_at(address, &[]);
        browser.open(&format!("http://{address}/"));
        wait_for_view(&browser, "sign-in");
        drop(device);
    }
}
