//! Other people's scripts: ETSI TS 102 369 and a suite for partial reliability, written for kernels, replayed against an
//! association in virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and says what it did"
)]

#[path = "sctp_scripts/check.rs"]
mod check;
#[path = "sctp_scripts/encode.rs"]
mod encode;
#[path = "sctp_scripts/fields.rs"]
mod fields;
#[path = "sctp_scripts/run.rs"]
mod run;
#[path = "sctp_scripts/script.rs"]
mod script;
#[path = "sctp_scripts/skipped.rs"]
mod skipped;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use script::Script;
use skipped::SKIPPED;

/// The scripts of a collection, if the directory of vectors is there.
#[expect(clippy::disallowed_methods, reason = "where the vectors are is told by the environment")]
fn scripts(collection: &str) -> Option<BTreeMap<String, Script>> {
    let Ok(shared) = std::env::var("ANTIPHON_SHARED") else {
        println!("skipped: ANTIPHON_SHARED is not set");
        return None;
    };
    let text = fs::read_to_string(Path::new(&shared).join("vectors/sctp").join(collection)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let tests = json["tests"].as_object().unwrap();
    Some(
        tests.iter().map(|(name, events)| (name.clone(), Script::read(events.as_array().unwrap()))).collect(),
    )
}

/// Why a script is not played.
fn reason(name: &str) -> Option<&'static str> {
    SKIPPED.iter().find(|(script, _)| *script == name).map(|(_, reason)| *reason)
}

fn replay(collection: &str) {
    let Some(scripts) = scripts(collection) else { return };
    let (mut passed, mut skipped, mut failed) = (0, 0, Vec::new());
    for (name, script) in &scripts {
        if reason(name).is_some() {
            skipped += 1;
            continue;
        }
        match run::play(script) {
            Ok(()) => passed += 1,
            Err(failure) => failed.push(format!("{name}: step {}: {}", failure.depth, failure.what)),
        }
    }
    println!("{collection}: {passed} passed, {skipped} skipped, {} failed", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn etsi_ts_102_369() {
    replay("etsi_ts_102_369.json");
}

#[test]
fn partial_reliability() {
    replay("pr_sctp.json");
}

#[test]
fn every_skipped_script_exists_and_is_skipped_once() {
    let mut names: Vec<_> = SKIPPED.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert!(names.iter().zip(&names[1..]).all(|(a, b)| a != b), "a script is named twice");
    assert!(SKIPPED.iter().all(|(_, reason)| reason.len() > 20), "a reason is missing");
    let (Some(etsi), Some(pr)) = (scripts("etsi_ts_102_369.json"), scripts("pr_sctp.json")) else { return };
    for name in names {
        assert!(etsi.contains_key(name) || pr.contains_key(name), "{name} is no script");
    }
}
