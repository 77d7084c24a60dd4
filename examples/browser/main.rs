//! A page and this program: chat, files both ways, a call that comes back to the page, the connection's state.
//!
//! `cargo run --release --example browser [FILE...]`, then open the printed address. Lines typed here go to the pages,
//! which may fetch the files named and send files of their own.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

#[path = "../common/address.rs"]
mod address;
mod echo;
#[path = "../common/endpoint.rs"]
mod endpoint;
mod server;
mod session;
#[path = "../common/web.rs"]
mod web;

use std::io::BufRead as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;

use address::own_address;
use endpoint::Fallible;
use server::{Notice, Server};
use session::{File, Handle};

fn main() -> Fallible<()> {
    let mut files = vec![File::sample("sample.bin", 8 << 20)];
    for path in std::env::args().skip(1) {
        let name = Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned());
        files.push(File { name: name.unwrap_or_default(), data: Bytes::from(std::fs::read(&path)?) });
    }
    let (sender, notices) = mpsc::channel();
    let server = Server::start("127.0.0.1:8080", own_address(), files, sender.clone())?;
    println!("open http://{}/ in a browser; what you type here is said to every page", server.address);
    let keyboard = move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.map(Notice::Typed).try_for_each(|line| sender.send(line))
    };
    thread::Builder::new().spawn(keyboard)?;

    let mut pages: Vec<Handle> = Vec::new();
    for notice in notices {
        match notice {
            Notice::Session(handle) => pages.push(handle),
            Notice::Typed(line) => pages.retain(|page| page.say(&line).is_ok()),
            Notice::Said { page, text } => println!("page {page}: {text}"),
            Notice::Log { page, text } => println!("page {page}  ({text})"),
            Notice::Report(report) => println!("report: {report}"),
        }
    }
    Ok(())
}
