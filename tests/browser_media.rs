//! A real Chromium calls: its camera, its screen and its layers of simulcast reach us, and it decodes what comes back.
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

use browser_support::{MEDIA, PLAIN};
use pages::run;
use serde_json::Value;

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
    let shades = report["shades"].as_array().expect("the page looked");
    assert!(shades.len() >= 3, "the picture that came back changes: {report:#}");
    assert_judged(report);
}

/// Reports of ours reached the page and the page's reached us, and the page shows its person what both say.
fn assert_judged(report: &Value) {
    let lines = report["lines"].as_array().expect("the page counted");
    let judged = |line: &&Value| line["roundTripTime"].is_number() && line["fractionLost"].is_number();
    assert!(lines.iter().filter(judged).count() >= 1, "{report:#}");
    let tracks = report["counted"].as_array().expect("we counted");
    assert!(tracks.iter().any(|track| track["rtt"].is_number() && track["lost"].is_number()), "{report:#}");
    let shown = report["shown"].as_str().expect("a text");
    assert!(
        ["sends ", "round trip ", "loss ", "the program sends back ", " lost"]
            .iter()
            .all(|its| shown.contains(its)),
        "{shown}"
    );
}

#[test]
fn we_add_the_call_and_chromium_sees_and_hears_itself() {
    if let Some(report) = call("asked", "role=answer&offers=program&camera&tracks=2") {
        assert_echoed(&report);
    }
}

#[test]
fn chromium_adds_the_call_and_sees_and_hears_itself() {
    if let Some(report) = call("asks", "role=offer&offers=page&camera&tracks=2") {
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
        assert_judged(&report);
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
        assert_judged(&report);
    }
}
