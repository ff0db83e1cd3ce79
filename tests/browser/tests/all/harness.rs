//! The browser itself, on a page without a device.

use browser_tests::Browser;

#[test]
fn a_browser_shows_a_page() {
    let browser = Browser::start();
    browser.open("data:text/html,<title>t</title><h1>hello</h1><script>console.error('seen')</script>");
    assert_eq!(browser.find("h1").text(), "hello");
    browser.wait_for("document.title", "t");
    assert!(browser.screenshot().starts_with(b"\x89PNG"));
    let console = browser.console();
    assert!(console.len() == 1 && console[0].contains("seen"), "{console:?}");
}
