//! Serves the pages and hands their offers to the house.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use mio::Waker;
use serde_json::{Value, json};

use crate::house::{Request, Role};
use crate::web::{Fallible, Web, sdp};

const FILES: &[(&str, &str)] = &[
    ("/", include_str!("index.html")),
    ("/publish", include_str!("publish.html")),
    ("/view", include_str!("view.html")),
    ("/connect.js", include_str!("connect.js")),
    ("/selftest", include_str!("selftest.html")),
];

/// How the web's thread reaches the house.
pub(crate) struct Door {
    pub(crate) requests: Sender<Request>,
    pub(crate) waker: Arc<Waker>,
}

/// Serves at `listen` (a free port if that one is taken); `report` is given what a page's self-test saw.
pub(crate) fn start(
    listen: &str,
    door: Door,
    mut report: impl FnMut(&Value) + Send + 'static,
) -> Fallible<Web> {
    Web::start(listen, FILES, move |path, body| {
        let role = match path {
            "/publish" => Role::Publisher,
            "/view" => Role::Viewer,
            "/report" => {
                report(body);
                return Ok(json!({}));
            }
            _ => return Err("not found".into()),
        };
        let (answer, answered) = mpsc::channel();
        door.requests.send(Request { role, offer: sdp(body)?.to_owned(), answer })?;
        door.waker.wake()?;
        Ok(json!({ "type": "answer", "sdp": answered.recv()?? }))
    })
}
