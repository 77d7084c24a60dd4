//! Records a browser's camera and microphone into a WebM file.
//!
//! `cargo run --release --example record [FILE.webm [SECONDS]]`, then open the printed address. VP8 or VP9 and Opus are written
//! as they arrive, nothing is decoded. The file is closed when the page leaves, after SECONDS, or at Ctrl-C; each further
//! call gets a file of its own. `--example play FILE.webm` shows it again.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

#[path = "../common/address.rs"]
mod address;
#[path = "../common/endpoint.rs"]
mod endpoint;
mod server;
mod session;
mod take;
#[path = "../common/web.rs"]
mod web;
mod webm;

use core::time::Duration;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use address::own_address;
use endpoint::Fallible;
use server::Notice;
use signal_hook::consts::{SIGINT, SIGTERM};

fn main() -> Fallible<()> {
    let mut args = std::env::args().skip(1);
    let path = PathBuf::from(args.next().unwrap_or_else(|| "recording.webm".to_owned()));
    let limit = args.next().map(|seconds| seconds.parse().map(Duration::from_secs)).transpose()?;
    let (sender, notices) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let web = server::start("127.0.0.1:8082", own_address(), path, limit, sender)?;
    println!("open {} in a browser; Ctrl-C ends", server::url(web.address));

    let mut recordings = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        // A signal only sets the flag: look at it a few times a second.
        let Ok(notice) = notices.recv_timeout(Duration::from_millis(200)) else { continue };
        match notice {
            Notice::Begun { path, recording } => {
                println!("{}: recording", path.display());
                recordings.push(recording);
            }
            Notice::Ended { path, summary } => {
                println!("{}: {}", path.display(), session::describe(&summary));
            }
            Notice::Report(report) => println!("report: {report}"),
        }
    }
    // No more calls; every file is closed before the program ends.
    drop(web);
    recordings.into_iter().try_for_each(server::Recording::stop)?;
    for notice in notices.try_iter() {
        if let Notice::Ended { path, summary } = notice {
            println!("{}: {}", path.display(), session::describe(&summary));
        }
    }
    Ok(())
}
