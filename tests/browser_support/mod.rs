//! A real browser, one at a time, and the programs of others that look at what it sent.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]
#![expect(
    clippy::disallowed_types,
    reason = "tests of one file run side by side, browsers one after the other"
)]

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// The browser shows its addresses and uses loopback.
pub(crate) const PLAIN: &[&str] =
    &["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"];

/// A camera that shows a clock, a microphone that beeps, and a screen; nobody is asked for leave, nothing waits for a click.
pub(crate) const MEDIA: &[&str] = &[
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--auto-accept-this-tab-capture",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-blink-features=GetDisplayMediaRequiresUserActivation",
];

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What a page may take, its start included. Nothing that goes well waits for this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

static ALONE: Mutex<()> = Mutex::new(());

/// A browser in a process group and a profile of its own; both are gone when it is dropped.
pub(crate) struct Browser {
    child: Child,
    profile: Scratch,
    _alone: MutexGuard<'static, ()>,
}

impl Browser {
    /// Opens a page; `None`, and a word about it, where no Chromium is installed and none is required.
    pub(crate) fn open(url: &str, name: &str, flags: &[&str]) -> Option<Self> {
        if !installed("chromium") {
            return None;
        }
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = Scratch::new(name);
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
            .arg(format!("--user-data-dir={}", profile.0.display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromium can be started");
        Some(Self { child, profile, _alone: alone })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        drop(self.child.wait());
    }
}

/// A folder that is gone, with all in it, when this is dropped.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("antiphon-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A browser that was killed may still be about to write: what is left then is the system's to clear.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[expect(clippy::disallowed_methods, reason = "the environment says whether a browser must be there")]
fn required() -> bool {
    std::env::var("ANTIPHON_REQUIRE_BROWSER").is_ok()
}

/// Whether a program of others is there. Says that a test is skipped for it, or fails where it may not be.
#[expect(clippy::print_stdout, reason = "what is skipped")]
pub(crate) fn installed(program: &str) -> bool {
    let asked = Command::new(program)
        .arg(if program == "chromium" { "--version" } else { "-version" })
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let found = asked.is_ok_and(|status| status.success());
    if !found {
        assert!(!required(), "{program} is not installed");
        println!("skipped: {program} is not installed");
    }
    found
}

/// What `program` prints; it must succeed and complain of nothing.
fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(["-v", "error"]).args(args).stdin(Stdio::null()).output();
    let output = output.expect("the program can be started");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{program} {args:?}: {complaints}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What `ffprobe` says of a file, every frame decoded: codec, frames read, time of the first and the last, for each stream.
pub(crate) fn probe(file: &Path) -> Value {
    let file = file.to_str().expect("a plain path");
    let json = output("ffprobe", &["-count_frames", "-show_streams", "-show_format", "-of", "json", file]);
    serde_json::from_str(&json).expect("ffprobe writes JSON")
}

/// The times of the packets of a stream (`v:0`, `a:0`), in seconds.
pub(crate) fn times(file: &Path, stream: &str) -> Vec<f64> {
    let file = file.to_str().expect("a plain path");
    let csv = output(
        "ffprobe",
        &["-select_streams", stream, "-show_entries", "packet=pts_time", "-of", "csv=p=0", file],
    );
    csv.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect()
}

/// Makes a file with `ffmpeg`.
pub(crate) fn ffmpeg(args: &[&str], file: &Path) {
    let file = file.to_str().expect("a plain path");
    output("ffmpeg", &[&["-y"], args, &[file]].concat());
}
