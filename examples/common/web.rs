//! A page and what it posts: plain HTTP on loopback, on a thread of its own.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use serde_json::Value;
use tiny_http::{Header, Method, Request, Response, Server};

/// What goes wrong is told to the page.
pub(crate) type Fallible<T> = Result<T, Box<dyn core::error::Error + Send + Sync>>;

/// Descriptions are a few kilobytes; more is nobody's business here.
const MAX_BODY: u64 = 256 * 1024;

/// The HTTP side. Ends when it is dropped.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    http: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl Web {
    /// Serves `files` (path, text) at `listen`, or at a free port if that one is taken. What a page posts as JSON is `post`'s to answer.
    pub(crate) fn start(
        listen: &str,
        files: &'static [(&'static str, &'static str)],
        mut post: impl FnMut(&str, &Value) -> Fallible<Value> + Send + 'static,
    ) -> Fallible<Self> {
        let listen: SocketAddr = listen.parse()?;
        let http = Server::http(listen).or_else(|_| Server::http(SocketAddr::new(listen.ip(), 0)))?;
        let address = http.server_addr().to_ip().ok_or("an HTTP server on a socket without an address")?;
        let http = Arc::new(http);
        let requests = Arc::clone(&http);
        let serve =
            move || requests.incoming_requests().for_each(|request| answer(request, files, &mut post));
        let thread = thread::Builder::new().spawn(serve)?;
        Ok(Self { address, http, thread: Some(thread) })
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.http.unblock();
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn answer(
    mut request: Request,
    files: &[(&str, &str)],
    post: &mut impl FnMut(&str, &Value) -> Fallible<Value>,
) {
    let path = request.url().split('?').next().unwrap_or_default().to_owned();
    let reply = if *request.method() == Method::Post {
        let value = body(&mut request).and_then(|body| post(&path, &body));
        value.map(|value| ("application/json", value.to_string()))
    } else {
        file(files, &path)
    };
    let (kind, text, status) = match reply {
        Ok((kind, text)) => (kind, text, 200),
        Err(error) => ("text/plain; charset=utf-8", error.to_string(), 400),
    };
    let header = Header::from_bytes("Content-Type", kind).expect("a header of plain ASCII");
    // The page may have gone away meanwhile; then nobody is left to tell.
    drop(request.respond(Response::from_string(text).with_status_code(status).with_header(header)));
}

fn file(files: &[(&str, &str)], path: &str) -> Fallible<(&'static str, String)> {
    let (name, text) = files.iter().find(|(name, _)| *name == path).ok_or("not found")?;
    let script = Path::new(name).extension().is_some_and(|extension| extension == "js");
    Ok((
        if script { "text/javascript; charset=utf-8" } else { "text/html; charset=utf-8" },
        (*text).to_owned(),
    ))
}

fn body(request: &mut Request) -> Fallible<Value> {
    let mut text = String::new();
    request.as_reader().take(MAX_BODY).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// The description in what a page posted.
pub(crate) fn sdp(body: &Value) -> Fallible<&str> {
    Ok(body.get("sdp").and_then(Value::as_str).ok_or("no description")?)
}
