//! Serves the page, and gives each viewer a thread.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use antiphon::{Config, StdClock};
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Fallible};
use crate::film::Film;
use crate::session::{Session, config};
use crate::web::{Web, sdp};

const FILES: &[(&str, &str)] = &[("/", include_str!("page.html"))];

/// What the program is told by its threads.
pub(crate) enum Notice {
    /// A page watches.
    Begun { page: u64 },
    /// It has left; so many frames it was sent.
    Ended { page: u64, sent: Fallible<u64> },
    /// What a page's self-test saw.
    Report(Value),
}

/// Serves the film at `listen` (a free port if that one is taken); connections use sockets bound to `ip`.
pub(crate) fn start(listen: &str, ip: IpAddr, film: Film, notices: Sender<Notice>) -> Fallible<Web> {
    let mut desk = Desk { ip, config: config(&film), film: Arc::new(film), notices, pages: 0 };
    Web::start(listen, FILES, move |path, body| desk.post(path, body))
}

struct Desk {
    ip: IpAddr,
    config: Config,
    film: Arc<Film>,
    notices: Sender<Notice>,
    pages: u64,
}

impl Desk {
    fn post(&mut self, path: &str, body: &Value) -> Fallible<Value> {
        match path {
            "/offer" => self.play(sdp(body)?),
            "/report" => {
                self.notices.send(Notice::Report(body.clone()))?;
                Ok(json!({}))
            }
            _ => Err("not found".into()),
        }
    }

    fn play(&mut self, offer: &str) -> Fallible<Value> {
        let end = Endpoint::bind(self.ip, StdClock::start(), &self.config)?;
        let (session, answer) = Session::answer(end, offer, Arc::clone(&self.film))?;
        self.pages += 1;
        let (page, notices) = (self.pages, self.notices.clone());
        notices.send(Notice::Begun { page })?;
        // Nobody listens any more when the program ends.
        let run = move || drop(notices.send(Notice::Ended { page, sent: session.run() }));
        thread::Builder::new().spawn(run)?;
        Ok(json!({ "type": "answer", "sdp": answer }))
    }
}
