//! A browser on the page of the `browser` example, and what both say of it.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_in_result,
    reason = "what the pages report; a page that says nothing"
)]

use std::sync::mpsc;

use serde_json::Value;

use crate::browser_support::{Browser, LOOPBACK, PATIENCE};
use crate::server::{Notice, Server};
use crate::session::{File, Handle};

/// The page's report, what was logged, and what was heard on our side.
pub(crate) type Seen = (Value, Vec<String>, Vec<String>);

/// Opens the page with its self-test and returns its report, and what was logged and said on our side.
pub(crate) fn run(name: &str, query: &str, flags: &[&str]) -> Option<Seen> {
    let (sender, notices) = mpsc::channel();
    let files = vec![File::sample("sample.bin", 1 << 20)];
    let server =
        Server::start("127.0.0.1:0", LOOPBACK, files, sender.clone()).expect("a free port on loopback");
    let browser = Browser::open(&format!("http://{}/?{query}", server.address), name, flags)?;
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
