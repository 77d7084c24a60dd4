//! Serves the page and carries descriptions: plain HTTP on loopback.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use antiphon::{Config, SessionDescription, StdClock};
use serde_json::{Value, json};
use tiny_http::{Header, Method, Request, Response};

use crate::endpoint::{Endpoint, Fallible};
use crate::session::{File, Handle, Session};

const PAGE: &str = include_str!("page.html");
const SCRIPTS: [(&str, &str); 3] = [
    ("/page.js", include_str!("page.js")),
    ("/call.js", include_str!("call.js")),
    ("/selftest.js", include_str!("selftest.js")),
];

/// Descriptions are a few kilobytes; more is nobody's business here.
const MAX_BODY: u64 = 256 * 1024;

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

/// The HTTP side. Ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    http: Arc<tiny_http::Server>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves at `listen` (a free port near it if that one is taken); connections use sockets bound to `ip`.
    pub(crate) fn start(
        listen: &str,
        ip: IpAddr,
        files: Vec<File>,
        notices: Sender<Notice>,
    ) -> Fallible<Self> {
        let listen: SocketAddr = listen.parse()?;
        let http = tiny_http::Server::http(listen)
            .or_else(|_| tiny_http::Server::http(SocketAddr::new(listen.ip(), 0)))?;
        let address = http.server_addr().to_ip().ok_or("an HTTP server on a socket without an address")?;
        let http = Arc::new(http);
        // A page's packets get as large as these paths bear; room for them to go back as they came.
        let config = Config::new().mtu(1280);
        let mut desk = Desk { ip, files, notices, config, pending: BTreeMap::new(), last: 0 };
        let requests = Arc::clone(&http);
        let serve = move || requests.incoming_requests().for_each(|request| desk.serve(request));
        let thread = thread::Builder::new().spawn(serve)?;
        Ok(Self { address, http, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.http.unblock();
        drop(self.thread.take().map(JoinHandle::join));
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
    fn serve(&mut self, mut request: Request) {
        let path = request.url().split('?').next().unwrap_or_default().to_owned();
        let reply = match (request.method(), path.as_str()) {
            (Method::Get, "/") => Ok(("text/html; charset=utf-8", PAGE.to_owned())),
            (Method::Get, script) => SCRIPTS
                .into_iter()
                .find(|(name, _)| *name == script)
                .map(|(_, text)| ("text/javascript; charset=utf-8", text.to_owned()))
                .ok_or_else(|| "not found".into()),
            (Method::Post, post) => body(&mut request)
                .and_then(|body| self.post(post, &body))
                .map(|value| ("application/json", value.to_string())),
            _ => Err("not found".into()),
        };
        let (kind, text, status) = match reply {
            Ok((kind, text)) => (kind, text, 200),
            Err(error) => ("text/plain; charset=utf-8", error.to_string(), 400),
        };
        let header = Header::from_bytes("Content-Type", kind).expect("a header of plain ASCII");
        // The page may have gone away meanwhile; then nobody is left to tell.
        drop(request.respond(Response::from_string(text).with_status_code(status).with_header(header)));
    }

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

fn body(request: &mut Request) -> Fallible<Value> {
    let mut text = String::new();
    request.as_reader().take(MAX_BODY).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

fn sdp(body: &Value) -> Fallible<&str> {
    Ok(body.get("sdp").and_then(Value::as_str).ok_or("no description")?)
}
