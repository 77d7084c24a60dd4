//! The `interop_peer` driver, two processes of it paired as a lab pairs it with browsers and other stacks; and the
//! descriptions those wrote, answered by a connection.
//!
//! Plain `cargo test` builds the driver; where it is missing the test says so and passes.
#![expect(clippy::print_stdout, clippy::unwrap_in_result, reason = "what is skipped is said")]

use core::time::Duration;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use antiphon::{Config, Instant, LocalCandidate, PeerConnection, Seed, SessionDescription, sdp};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

/// One driver process; gone when it is dropped.
struct Driver {
    child: Child,
    commands: ChildStdin,
    events: Receiver<Value>,
    seen: Vec<Value>,
}

impl Driver {
    /// `None` where the driver has not been built.
    fn start() -> Option<Self> {
        let tests = std::env::current_exe().expect("a test has a path");
        let binary: PathBuf = tests.ancestors().nth(2)?.join("examples").join("interop_peer");
        if !binary.exists() {
            println!("skipped: no driver built ({})", binary.display());
            return None;
        }
        let mut child = Command::new(binary)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the driver starts");
        let commands = child.stdin.take().expect("piped");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (sender, events) = mpsc::channel();
        let read = move || {
            let values = lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok());
            values.map(|value: Value| sender.send(value)).all(|sent| sent.is_ok())
        };
        thread::Builder::new().spawn(read).expect("a thread");
        Some(Self { child, commands, events, seen: Vec::new() })
    }

    /// The next event whose `field` is `value`; those passed over are kept.
    fn wait(&mut self, field: &str, value: &str) -> Value {
        let wanted = |event: &Value| event[field] == value;
        if let Some(index) = self.seen.iter().position(wanted) {
            return self.seen.remove(index);
        }
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(event) if wanted(&event) => return event,
                Ok(event) => self.seen.push(event),
                Err(error) => panic!("no {field} {value}: {error}; seen: {:?}", self.seen),
            }
        }
    }

    fn call(&mut self, command: &Value) -> Value {
        writeln!(self.commands, "{command}").expect("the driver reads");
        let op = command["op"].as_str().expect("a command").to_owned();
        let reply = self.wait("re", &op);
        assert_ne!(reply["ev"], "error", "{reply}");
        reply
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(writeln!(self.commands, r#"{{"op":"quit"}}"#));
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn two_drivers_echo_a_hundred_messages_and_start_over() {
    let (Some(mut a), Some(mut b)) = (Driver::start(), Driver::start()) else { return };
    assert_eq!(a.wait("ev", "ready")["peer"], "antiphon");
    b.wait("ev", "ready");
    for _ in 0..2 {
        let offer = a.call(&json!({ "op": "offer", "data": true }));
        let answer = b.call(&json!({ "op": "answer", "sdp": offer["sdp"], "data": true }));
        a.call(&json!({ "op": "set-answer", "sdp": answer["sdp"] }));
        a.wait("ev", "connected");
        b.wait("ev", "connected");
        assert_eq!(a.wait("ev", "dc-open")["label"], "echo");
        assert_eq!(b.wait("ev", "dc-open")["label"], "echo");
        a.call(&json!({ "op": "echo-test", "count": 100, "big": 65536, "timeout": 20000 }));
        let result = a.wait("ev", "echo-result");
        assert_eq!(
            (&result["ok"], &result["bad"], &result["timeout"]),
            (&json!(100), &json!(0), &json!(false))
        );
        a.call(&json!({ "op": "stats" }));
        a.call(&json!({ "op": "reset" }));
        b.call(&json!({ "op": "reset" }));
        a.seen.clear();
        b.seen.clear();
    }
}

#[test]
fn drivers_restart_renegotiate_and_learn_of_the_end() {
    let (Some(mut a), Some(mut b)) = (Driver::start(), Driver::start()) else { return };
    let exchange = |from: &mut Driver, to: &mut Driver, offer: Value| {
        let offer = from.call(&offer);
        let answer = to.call(&json!({ "op": "answer", "sdp": offer["sdp"] }));
        from.call(&json!({ "op": "set-answer", "sdp": answer["sdp"] }));
        offer["sdp"].as_str().expect("a description").to_owned()
    };
    let channel = json!({ "maxRetransmits": 30, "protocol": "echoes" });
    let first =
        exchange(&mut a, &mut b, json!({ "op": "offer", "data": true, "channel": channel, "audio": true }));
    a.wait("ev", "dc-open");
    b.wait("ev", "dc-open");
    let second = exchange(&mut a, &mut b, json!({ "op": "offer", "iceRestart": true }));
    let ufrag = |sdp: &str| sdp.lines().find(|line| line.starts_with("a=ice-ufrag:")).map(str::to_owned);
    assert_ne!(ufrag(&first), ufrag(&second));
    exchange(&mut b, &mut a, json!({ "op": "offer", "video": true, "direction": "sendonly" }));
    a.call(&json!({ "op": "echo-test", "count": 20, "big": 4096, "timeout": 20000 }));
    assert_eq!(a.wait("ev", "echo-result")["ok"], json!(20));
    b.call(&json!({ "op": "close" }));
    a.wait("ev", "peer-closed");
}

#[expect(clippy::disallowed_methods, reason = "the environment says where recorded descriptions are")]
fn recorded() -> Vec<(String, String)> {
    let Ok(shared) = std::env::var("ANTIPHON_SHARED") else {
        println!("skipped: ANTIPHON_SHARED is not set");
        return Vec::new();
    };
    let corpus = PathBuf::from(shared).join("interop/sdp-corpus");
    let entries = std::fs::read_dir(&corpus).expect("the recorded descriptions");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).expect("a description"))
    };
    paths.iter().map(read).collect()
}

#[test]
fn every_recorded_offer_is_answered_and_every_answer_read() {
    for (name, text) in recorded() {
        let theirs: sdp::Session = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        if name.contains("-answer-to-") {
            continue;
        }
        let now = Instant::from_nanos(1_000_000_000);
        let unix_time = Duration::from_secs(1_790_000_000);
        let mut pc = PeerConnection::new(now, unix_time, Seed::from_bytes([5; 32]), &Config::new()).unwrap();
        pc.add_local_candidate(LocalCandidate::udp("10.99.0.7:5000".parse().unwrap())).unwrap();
        let offer = SessionDescription::offer(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        pc.set_remote_description(offer).unwrap_or_else(|error| panic!("{name}: {error}"));
        pc.set_local_description(None).unwrap_or_else(|error| panic!("{name}: {error}"));
        let answer: sdp::Session = pc.local_description().unwrap().to_sdp().parse().unwrap();

        // RFC 9429 §5.3.1: a section for each offered, in order; data, sound and pictures are all taken.
        assert_eq!(answer.media.len(), theirs.media.len(), "{name}");
        for (ours, theirs) in answer.media.iter().zip(&theirs.media) {
            assert_eq!(ours.kind, theirs.kind, "{name}");
            assert!(ours.port != 0, "{name}: {}", ours.kind.as_str());
        }
    }
}
