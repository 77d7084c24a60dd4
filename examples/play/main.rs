//! Plays a file to browsers, again and again.
//!
//! `cargo run --release --example play FILE`, then open the printed address in any number of tabs. FILE is WebM or Matroska with
//! VP8, VP9 or H.264 (without B-frames) and Opus: what `--example record` writes, or
//! `ffmpeg -i FILM -c:v libvpx -b:v 2M -g 50 -c:a libopus FILE.webm`. Nothing is encoded again. A page that needs a key frame goes
//! back to the last: files with one every few seconds suit best.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

#[path = "../common/address.rs"]
mod address;
#[path = "../common/endpoint.rs"]
mod endpoint;
mod film;
mod server;
mod session;
#[path = "../common/web.rs"]
mod web;

use std::path::Path;
use std::sync::mpsc;

use address::own_address;
use endpoint::Fallible;
use film::Film;
use server::Notice;

fn main() -> Fallible<()> {
    let path = std::env::args().nth(1).ok_or("which file? cargo run --release --example play FILE")?;
    let film = Film::open(Path::new(&path))?;
    let codecs: Vec<_> = film.tracks.iter().map(|codec| codec.name()).collect();
    println!("{path}: {}, {:.1} s", codecs.join(" and "), film.duration.as_secs_f64());
    let (sender, notices) = mpsc::channel();
    let web = server::start("127.0.0.1:8083", own_address(), film, sender)?;
    println!("open http://{}/ in a browser", web.address);
    for notice in notices {
        match notice {
            Notice::Begun { page } => println!("page {page} watches"),
            Notice::Ended { page, sent: Ok(sent) } => {
                println!("page {page} is gone; it was sent {sent} frames");
            }
            Notice::Ended { page, sent: Err(error) } => println!("page {page} is gone: {error}"),
            Notice::Report(report) => println!("report: {report}"),
        }
    }
    Ok(())
}
