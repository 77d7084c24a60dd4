//! Serves the page, and gives each call a thread and a file.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use antiphon::{Config, StdClock};
use mio::Waker;
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Fallible};
use crate::session::{Session, Summary, config};
use crate::web::{Web, sdp};

const FILES: &[(&str, &str)] = &[("/", include_str!("page.html"))];

/// What the program is told by its threads.
pub(crate) enum Notice {
    /// A page is recorded from now on.
    Begun { path: PathBuf, recording: Recording },
    /// A recording has ended.
    Ended { path: PathBuf, summary: Fallible<Summary> },
    /// What a page's self-test saw.
    Report(Value),
}

/// A recording on its thread.
pub(crate) struct Recording {
    waker: Arc<Waker>,
    thread: JoinHandle<()>,
}

impl Recording {
    /// Ends it and waits until its file is closed.
    pub(crate) fn stop(self) -> Fallible<()> {
        self.waker.wake()?;
        self.thread.join().map_err(|_| "a recording panicked".into())
    }
}

/// Serves at `listen` (a free port if that one is taken). The first call goes to `path`, the next to files beside it.
pub(crate) fn start(
    listen: &str,
    ip: IpAddr,
    path: PathBuf,
    limit: Option<Duration>,
    notices: Sender<Notice>,
) -> Fallible<Web> {
    let mut desk = Desk { ip, path, limit, notices, config: config(), calls: 0 };
    Web::start(listen, FILES, move |path, body| desk.post(path, body))
}

/// Where the page is.
pub(crate) fn url(address: SocketAddr) -> String {
    format!("http://{address}/")
}

struct Desk {
    ip: IpAddr,
    path: PathBuf,
    limit: Option<Duration>,
    notices: Sender<Notice>,
    config: Config,
    calls: u32,
}

impl Desk {
    fn post(&mut self, path: &str, body: &Value) -> Fallible<Value> {
        match path {
            "/offer" => self.record(sdp(body)?),
            "/report" => {
                self.notices.send(Notice::Report(body.clone()))?;
                Ok(json!({}))
            }
            _ => Err("not found".into()),
        }
    }

    fn record(&mut self, offer: &str) -> Fallible<Value> {
        let end = Endpoint::bind(self.ip, StdClock::start(), &self.config)?;
        let path = numbered(&self.path, self.calls + 1);
        let (session, answer) = Session::answer(end, offer, path.clone(), self.limit)?;
        self.calls += 1;
        let (waker, notices, ended) = (session.waker()?, self.notices.clone(), path.clone());
        let run = move || {
            // Nobody listens any more when the program ends.
            drop(notices.send(Notice::Ended { path: ended, summary: session.run() }));
        };
        let recording = Recording { waker, thread: thread::Builder::new().spawn(run)? };
        self.notices.send(Notice::Begun { path, recording })?;
        Ok(json!({ "type": "answer", "sdp": answer }))
    }
}

/// `call.webm`, `call-2.webm`, `call-3.webm`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{number}.webm"))
}
