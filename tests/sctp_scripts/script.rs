//! A script as steps: what the tester sends, what it expects, what the application calls, and alternatives.

use core::time::Duration;

use serde_json::Value as Json;

use super::fields::{Item, parse};

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// This long after the step before.
    After(Duration),
    /// Whenever it does.
    Any,
}

/// One chunk of a packet.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) kind: String,
    pub(crate) fields: Vec<Item>,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Call(When, String),
    /// The tester sends a packet, with options as to its header.
    Inject(When, String, Vec<Chunk>),
    /// The tester waits for a packet.
    Expect(When, Vec<Chunk>),
    /// One of these will do.
    Either(Vec<Vec<Step>>),
}

/// A whole script.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    pub(crate) tolerance: Duration,
}

impl Script {
    pub(crate) fn read(events: &[Json]) -> Self {
        let mut tolerance = Duration::from_millis(25);
        for event in events {
            let text = event["raw"].as_str().unwrap_or_default();
            if let Some(micros) = text.strip_prefix("--tolerance_usecs=") {
                tolerance = Duration::from_micros(micros.parse().unwrap());
            }
        }
        Self { steps: steps(events), tolerance }
    }
}

fn steps(events: &[Json]) -> Vec<Step> {
    let mut out = Vec::new();
    // Blocks of one group: for one system after another, with nothing between.
    let mut group: Vec<(String, Vec<Step>)> = Vec::new();
    let mut at = 0;
    while let Some(event) = events.get(at) {
        at += 1;
        if let Some(system) = event["raw"].as_str().and_then(|raw| raw.strip_prefix("#ifdef ")) {
            let len = events[at..].iter().position(|event| event["raw"] == "#endif").unwrap();
            if group.iter().any(|(known, _)| known == system) {
                out.push(close(core::mem::take(&mut group)));
            }
            group.push((system.to_owned(), steps(&events[at..at + len])));
            at += len + 1;
        } else if let Some(step) = step(event) {
            if !group.is_empty() {
                out.push(close(core::mem::take(&mut group)));
            }
            out.push(step);
        }
    }
    if !group.is_empty() {
        out.push(close(group));
    }
    out
}

/// What one system does alone, the other does not do.
fn close(group: Vec<(String, Vec<Step>)>) -> Step {
    let mut either: Vec<_> = group.into_iter().map(|(_, steps)| steps).collect();
    if either.len() == 1 {
        either.push(Vec::new());
    }
    Step::Either(either)
}

fn step(event: &Json) -> Option<Step> {
    let when = when(event["t"].as_str()?);
    if let Some(call) = event["call"].as_str() {
        return Some(Step::Call(when, call.to_owned()));
    }
    let chunks: Vec<_> = event["chunks"].as_array().into_iter().flatten().map(chunk).collect();
    let options = event["opts"].as_str().unwrap_or_default().to_owned();
    Some(if event["dir"] == "inject" {
        Step::Inject(when, options, chunks)
    } else {
        Step::Expect(when, chunks)
    })
}

fn chunk(json: &Json) -> Chunk {
    let fields = json["fields"].as_str().unwrap_or_default();
    Chunk { kind: json["type"].as_str().unwrap_or_default().to_owned(), fields: parse(fields) }
}

fn when(text: &str) -> When {
    if text == "*" {
        return When::Any;
    }
    // The one absolute time there is, 0.0, is that of a script's first step.
    When::After(Duration::try_from_secs_f64(text.trim_start_matches('+').parse().unwrap()).unwrap())
}
