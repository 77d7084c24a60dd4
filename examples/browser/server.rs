//! Serves the page and carries descriptions.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::Sender;
use std::thread;

use antiphon::{Config, SessionDescription, StdClock};
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Fallible};
use crate::session::{File, Handle, Session};
use crate::web::{Web, sdp};

const FILES: &[(&str, &str)] = &[
    ("/", include_str!("page.html")),
    ("/page.js", include_str!("page.js")),
    ("/call.js", include_str!("call.js")),
    ("/selftest.js", include_str!("selftest.js")),
];

/// Offers made and not yet answered: the oldest is dropped beyond this.
const MAX_PENDING: usize = 16;

/// What the program is told by its threads.
pub(crate) enum Notice {
    /// A page connects.
    Session(Handle),
    /// A line of the terminal.
    Typed(String),
    /// A page's chat line.
    Said { page: u64, text: String },
    /// What happened to a page's connection.
    Log { page: u64, text: String },
    /// What a page's self-test saw.
    Report(Value),
}

/// The page's program. Ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _web: Web,
}

impl Server {
    /// Serves at `listen` (a free port near it if that one is taken); connections use sockets bound to `ip`.
    pub(crate) fn start(
        listen: &str,
        ip: IpAddr,
        files: Vec<File>,
        notices: Sender<Notice>,
    ) -> Fallible<Self> {
        // A page's packets get as large as these paths bear; room for them to go back as they came.
        let config = Config::new().mtu(1280);
        let mut desk = Desk { ip, files, notices, config, pending: BTreeMap::new(), last: 0 };
        let web = Web::start(listen, FILES, move |path, body| desk.post(path, body))?;
        Ok(Self { address: web.address, _web: web })
    }
}

/// Who answers requests: sessions waiting for their answer, and what new ones need.
struct Desk {
    ip: IpAddr,
    files: Vec<File>,
    notices: Sender<Notice>,
    config: Config,
    pending: BTreeMap<u64, Session>,
    last: u64,
}

impl Desk {
    fn post(&mut self, path: &str, body: &Value) -> Fallible<Value> {
        match path {
            // The page offers: answer it.
            "/offer" => {
                let mut session = self.session()?;
                let answer = session.end.answer(SessionDescription::offer(sdp(body)?)?, |_| Ok(()))?;
                self.run(session)?;
                Ok(json!({ "type": "answer", "sdp": answer.to_sdp() }))
            }
            // The page asks for an offer, and answers it later.
            "/start" => {
                let mut session = self.session()?;
                session.open_chat()?;
                let offer = session.end.offer()?;
                let page = session.page;
                self.pending.insert(page, session);
                if self.pending.len() > MAX_PENDING {
                    self.pending.pop_first();
                }
                Ok(json!({ "type": "offer", "sdp": offer.to_sdp(), "page": page }))
            }
            "/answer" => {
                let page = body.get("page").and_then(Value::as_u64).ok_or("no page")?;
                let mut session = self.pending.remove(&page).ok_or("no such offer")?;
                session.end.accept(SessionDescription::answer(sdp(body)?)?)?;
                self.run(session)?;
                Ok(json!({}))
            }
            "/report" => {
                self.notices.send(Notice::Report(body.clone()))?;
                Ok(json!({}))
            }
            _ => Err("not found".into()),
        }
    }

    fn session(&mut self) -> Fallible<Session> {
        self.last += 1;
        let end = Endpoint::bind(self.ip, StdClock::start(), &self.config)?;
        Ok(Session::new(self.last, end, self.files.clone(), self.notices.clone()))
    }

    /// One thread for each page: enough for a table of people. (The `mio` example serves many on one.)
    fn run(&self, mut session: Session) -> Fallible<()> {
        self.notices.send(Notice::Session(session.handle()?))?;
        thread::Builder::new().spawn(move || session.run())?;
        Ok(())
    }
}
