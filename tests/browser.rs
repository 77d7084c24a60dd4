//! A real Chromium opens the page of the `browser` example and says what it received.
//!
//! Without a Chromium the tests say so and pass, unless `ANTIPHON_REQUIRE_BROWSER` is set.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_in_result,
    reason = "what the pages report, and what is skipped"
)]

#[path = "../examples/common/endpoint.rs"]
mod endpoint;
#[path = "../examples/browser/server.rs"]
mod server;
#[path = "../examples/browser/session.rs"]
mod session;

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use serde_json::Value;

use server::{Notice, Server};
use session::{File, Handle};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the page may take, its start included.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser in a process group and a profile of its own; both are gone when it is dropped.
struct Browser {
    child: Child,
    profile: PathBuf,
}

impl Browser {
    /// `None` where no Chromium is installed.
    fn open(url: &str, name: &str, flags: &[&str]) -> Option<Self> {
        let profile = std::env::temp_dir().join(format!("antiphon-{name}-{}", std::process::id()));
        let child = Command::new("chromium")
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--disable-quic",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args(flags)
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Some(Self { child: child.ok()?, profile })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.profile));
    }
}

#[expect(clippy::disallowed_methods, reason = "the environment says whether a browser must be there")]
fn required() -> bool {
    std::env::var("ANTIPHON_REQUIRE_BROWSER").is_ok()
}

/// Opens the page with its self-test and returns its report, and what was logged and said on our side.
fn run(name: &str, query: &str, flags: &[&str]) -> Option<(Value, Vec<String>, Vec<String>)> {
    let (sender, notices) = mpsc::channel();
    let files = vec![File::sample("sample.bin", 1 << 20)];
    let server =
        Server::start("127.0.0.1:0", LOOPBACK, files, sender.clone()).expect("a free port on loopback");
    let url = format!("http://{}/?selftest&{query}", server.address);
    let Some(browser) = Browser::open(&url, name, flags) else {
        assert!(!required(), "chromium is not installed");
        println!("skipped: chromium is not installed");
        return None;
    };
    let (mut logged, mut heard) = (Vec::new(), Vec::new());
    let mut page: Option<Handle> = None;
    let report = loop {
        match notices.recv_timeout(PATIENCE) {
            Ok(Notice::Report(report)) => break report,
            Ok(Notice::Session(handle)) => page = Some(handle),
            Ok(Notice::Said { page, text }) => {
                println!("page {page}: {text}");
                heard.push(text);
                sender
                    .send(Notice::Typed("a line of the terminal".to_owned()))
                    .expect("we hold the receiver");
            }
            Ok(Notice::Typed(line)) => page.as_ref().expect("a page spoke").say(&line).expect("it is there"),
            Ok(Notice::Log { page, text }) => {
                println!("page {page} ({text})");
                logged.push(text);
            }
            Err(error) => panic!("no report from the page: {error}; our side: {logged:?}"),
        }
    };
    drop(browser);
    println!("{report:#}");
    Some((report, logged, heard))
}

/// What the page must have seen, whoever offered.
fn assert_served((report, logged, heard): &(Value, Vec<String>, Vec<String>)) {
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

/// The browser shows its addresses and uses loopback.
const PLAIN: &[&str] =
    &["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"];

/// The browser hides its addresses behind `.local` names, as it does for every page without a camera.
const HIDDEN: &[&str] = &["--allow-loopback-in-peer-connection"];

#[test]
fn chromium_offers_and_exchanges_text_and_files() {
    if let Some(seen) = run("offers", "role=offer&size=1048576", PLAIN) {
        assert_served(&seen);
    }
}

#[test]
fn chromium_answers_and_exchanges_text_and_files() {
    if let Some(seen) = run("answers", "role=answer&size=1048576", PLAIN) {
        assert_served(&seen);
    }
}

#[test]
fn chromium_with_hidden_addresses_offers() {
    if let Some(seen) = run("hidden-offers", "role=offer&size=65536", HIDDEN) {
        assert_served(&seen);
    }
}

#[test]
fn chromium_with_hidden_addresses_answers() {
    if let Some(seen) = run("hidden-answers", "role=answer&size=65536", HIDDEN) {
        assert_served(&seen);
    }
}
