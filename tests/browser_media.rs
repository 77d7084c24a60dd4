//! A real Chromium calls: its camera, its screen and its layers of simulcast reach us, and it decodes what comes back.
//!
//! Without a Chromium the tests say so and pass, unless `ANTIPHON_REQUIRE_BROWSER` is set.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_in_result,
    reason = "what the pages report, and what is skipped"
)]

mod browser_support;
#[path = "../examples/browser/echo.rs"]
mod echo;
#[path = "../examples/common/endpoint.rs"]
mod endpoint;
#[path = "../examples/browser/server.rs"]
mod server;
#[path = "../examples/browser/session.rs"]
mod session;

use browser_support::{PLAIN, run};
use serde_json::Value;

/// A camera that shows a clock, a microphone that beeps, and a screen; nobody is asked for leave, nothing waits for a click.
const MEDIA: &[&str] = &[
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--auto-accept-this-tab-capture",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-blink-features=GetDisplayMediaRequiresUserActivation",
];

/// What the page must decode of each picture track, and we must receive.
const ENOUGH: u64 = 10;

fn call(name: &str, query: &str) -> Option<Value> {
    let flags = [PLAIN, MEDIA].concat();
    let (report, logged, _) = run(name, &format!("selftest=call&enough={ENOUGH}&{query}"), &flags)?;
    assert_eq!(report["error"], Value::Null, "{report:#}; our side: {logged:?}");
    assert_eq!(report["problems"], Value::Array(Vec::new()), "{report:#}; our side: {logged:?}");
    Some(report)
}

/// The page's lines about what comes back of that kind.
fn back<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    let lines = report["lines"].as_array().expect("the page counted");
    lines.iter().filter(|line| line["way"] == "in" && line["kind"] == kind).collect()
}

/// Our side's counts of that kind.
fn counted<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    let tracks = report["counted"].as_array().expect("we counted");
    tracks.iter().filter(|track| track["kind"] == kind).collect()
}

/// Pictures and sound went to us and came back, and both sides heard from each other how it went.
fn assert_echoed(report: &Value) {
    let (sound, pictures) = (back(report, "audio"), back(report, "video"));
    assert_eq!((sound.len(), pictures.len()), (1, 1), "{report:#}");
    assert!(sound[0]["packetsReceived"].as_u64() >= Some(ENOUGH), "{report:#}");
    assert!(sound[0]["totalSamplesReceived"].as_u64() > Some(0), "{report:#}");
    assert!(pictures[0]["framesDecoded"].as_u64() >= Some(ENOUGH), "{report:#}");
    for kind in ["audio", "video"] {
        let tracks = counted(report, kind);
        assert_eq!(tracks.len(), 1, "{report:#}");
        assert!(tracks[0]["frames"][""].as_u64() >= Some(ENOUGH), "{report:#}");
        assert_eq!(tracks[0]["refused"], 0, "{report:#}");
    }
    let lines = report["lines"].as_array().expect("the page counted");
    let judged = lines.iter().filter(|line| line["roundTripTime"].is_number());
    assert!(judged.count() >= 1, "a report of ours reached the page: {report:#}");
}

#[test]
fn we_add_the_call_and_chromium_sees_and_hears_itself() {
    if let Some(report) = call("asked", "role=answer&offers=program&camera&tracks=2") {
        assert_echoed(&report);
    }
}

#[test]
fn roles_of_connection_and_call_may_differ() {
    if let Some(report) = call("crossed", "role=answer&offers=page&camera&tracks=2") {
        assert_echoed(&report);
    }
}

#[test]
fn chromium_shares_its_screen() {
    if let Some(report) = call("screen", "role=answer&offers=page&screen&tracks=1") {
        let pictures = back(&report, "video");
        assert_eq!(pictures.len(), 1, "{report:#}");
        assert!(pictures[0]["framesDecoded"].as_u64() >= Some(ENOUGH), "{report:#}");
        assert!(pictures[0]["frameWidth"].as_u64() > Some(0), "{report:#}");
    }
}

#[test]
fn chromium_sends_three_layers_and_the_largest_comes_back() {
    if let Some(report) = call("layers", "role=answer&offers=page&camera&layers&tracks=2") {
        let pictures = counted(&report, "video");
        for rid in ["q", "h", "f"] {
            assert!(pictures[0]["frames"][rid].as_u64() >= Some(ENOUGH), "{rid}: {report:#}");
        }
        assert_eq!(pictures[0]["shown"], "f", "{report:#}");
        let back = back(&report, "video");
        assert!(back[0]["framesDecoded"].as_u64() >= Some(ENOUGH), "{report:#}");
        assert_eq!(back[0]["frameWidth"], 1280, "{report:#}");
    }
}
