//! A real Chromium opens the page of the `browser` example and says what it received.
//!
//! Without a Chromium the tests say so and pass, unless `ANTIPHON_REQUIRE_BROWSER` is set.

mod browser_support;
#[path = "../examples/browser/echo.rs"]
mod echo;
#[path = "../examples/common/endpoint.rs"]
mod endpoint;
#[path = "browser_support/pages.rs"]
mod pages;
#[path = "../examples/browser/server.rs"]
mod server;
#[path = "../examples/browser/session.rs"]
mod session;
#[path = "../examples/common/web.rs"]
mod web;

use serde_json::Value;

use browser_support::PLAIN;
use pages::{Seen, run};
use session::File;

/// What the page must have seen, whoever offered.
fn assert_served((report, logged, heard): &Seen) {
    assert_eq!(report["error"], Value::Null, "{report:#}; our side: {logged:?}");
    let said: Vec<_> = report["said"].as_array().expect("lines").iter().filter_map(Value::as_str).collect();
    assert_eq!(said.first(), Some(&"hello from antiphon"));
    assert!(said.contains(&"a line of the terminal"), "{said:?}");
    assert_eq!(report["echo"], "you said: grüße, 世界, \u{1f30d}");
    assert_eq!(heard.first().map(String::as_str), Some("grüße, 世界, \u{1f30d}"));
    assert!(report["states"].as_array().expect("states").contains(&"connected".into()));
    assert!(logged.iter().any(|line| line == "connected"), "{logged:?}");

    // Its file arrived here whole, ours there, and its own came back as it was.
    assert_eq!(report["sent"]["right"], true);
    let ours = File::sample("sample.bin", 1 << 20);
    assert_eq!(report["fetched"]["size"], 1 << 20);
    assert_eq!(report["fetched"]["sha256"], session::hex(&antiphon::crypto::digest::sha256(&[&ours.data])));
    assert_eq!(report["back"]["sha256"], report["sent"]["sha256"]);
    assert!(report["cipher"].as_str().is_some_and(|cipher| cipher.contains("ECDHE")), "{report:#}");
}

/// The browser hides its addresses behind `.local` names, as it does for every page without a camera.
const HIDDEN: &[&str] = &["--allow-loopback-in-peer-connection"];

#[test]
fn chromium_offers_and_exchanges_text_and_files() {
    if let Some(seen) = run("offers", "selftest&role=offer&size=1048576", PLAIN) {
        assert_served(&seen);
    }
}

#[test]
fn chromium_answers_and_exchanges_text_and_files() {
    if let Some(seen) = run("answers", "selftest&role=answer&size=1048576", PLAIN) {
        assert_served(&seen);
    }
}

#[test]
fn chromium_with_hidden_addresses_offers() {
    if let Some(seen) = run("hidden-offers", "selftest&role=offer&size=65536", HIDDEN) {
        assert_served(&seen);
    }
}

#[test]
fn chromium_with_hidden_addresses_answers() {
    if let Some(seen) = run("hidden-answers", "selftest&role=answer&size=65536", HIDDEN) {
        assert_served(&seen);
    }
}
