//! A real browser on the page of the `browser` example, and what both say of it.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use serde_json::Value;

use crate::server::{Notice, Server};
use crate::session::{File, Handle};

/// The page's report, what was logged, and what was heard on our side.
pub(crate) type Seen = (Value, Vec<String>, Vec<String>);

/// The browser shows its addresses and uses loopback.
pub(crate) const PLAIN: &[&str] =
    &["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"];

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
pub(crate) fn run(name: &str, query: &str, flags: &[&str]) -> Option<Seen> {
    let (sender, notices) = mpsc::channel();
    let files = vec![File::sample("sample.bin", 1 << 20)];
    let server =
        Server::start("127.0.0.1:0", LOOPBACK, files, sender.clone()).expect("a free port on loopback");
    let url = format!("http://{}/?{query}", server.address);
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
