//! One page's connection: a chat channel, a channel for each file, and a call whose descriptions travel over the chat.
#![expect(clippy::wildcard_enum_match_arm, reason = "it picks the events it wants")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use antiphon::codec::MediaKind;
use antiphon::crypto::digest::sha256;
use antiphon::peer::TransceiverInit;
use antiphon::sdp::Direction;
use antiphon::{
    ConnectionState, DataChannelId, DataChannelInit, Event, Message, PeerConnection, SessionDescription,
    SignalingState,
};
use bytes::Bytes;
use mio::{Token, Waker};
use serde_json::{Value, json};

use crate::echo::Echo;
use crate::endpoint::{Endpoint, Fallible};
use crate::server::Notice;

/// What a file is cut into: the size every browser takes.
const CHUNK: usize = 16 * 1024;

/// The largest file a page may send: it is kept in memory.
const MAX_FILE: usize = 512 << 20;

/// A file by its name.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) data: Bytes,
}

impl File {
    /// A file of `len` bytes that no mistake reproduces by chance.
    pub(crate) fn sample(name: &str, len: usize) -> Self {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let step = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        Self { name: name.to_owned(), data: (0..len).map(step).collect() }
    }
}

/// A file on its way. Its channel is labelled `file`; the first message is `{name, size}`, the rest are its bytes; the
/// receiver ends with `{sha256}`, and the sender closes the channel.
enum Transfer {
    Incoming {
        name: String,
        size: usize,
        data: Vec<u8>,
    },
    /// `sent` is `None` until the first message is out.
    Outgoing {
        file: File,
        sent: Option<usize>,
    },
}

/// Says things to a page from another thread.
pub(crate) struct Handle {
    lines: Sender<String>,
    waker: Arc<Waker>,
}

impl Handle {
    /// Fails if the page is gone.
    pub(crate) fn say(&self, line: &str) -> Fallible<()> {
        self.lines.send(line.to_owned())?;
        Ok(self.waker.wake()?)
    }
}

/// A page's connection.
pub(crate) struct Session {
    pub(crate) page: u64,
    pub(crate) end: Endpoint,
    files: Vec<File>,
    chat: Option<DataChannelId>,
    transfers: BTreeMap<DataChannelId, Transfer>,
    echo: Echo,
    notices: Sender<Notice>,
    lines: (Sender<String>, Receiver<String>),
}

impl Session {
    pub(crate) fn new(page: u64, end: Endpoint, files: Vec<File>, notices: Sender<Notice>) -> Self {
        let (chat, transfers, lines) = (None, BTreeMap::new(), mpsc::channel());
        Self { page, end, files, chat, transfers, echo: Echo::default(), notices, lines }
    }

    /// Where we offer, we open the chat; else the page does.
    pub(crate) fn open_chat(&mut self) -> Fallible<()> {
        self.end.pc.create_data_channel("chat", DataChannelInit::default())?;
        Ok(())
    }

    pub(crate) fn handle(&self) -> Fallible<Handle> {
        let waker = Arc::new(Waker::new(self.end.poll.registry(), Token(1))?);
        Ok(Handle { lines: self.lines.0.clone(), waker })
    }

    /// Serves the page until its connection closes.
    pub(crate) fn run(&mut self) {
        let end = self.serve();
        self.log(match end {
            Ok(()) => "gone".to_owned(),
            Err(error) => format!("gone: {error}"),
        });
    }

    fn serve(&mut self) -> Fallible<()> {
        loop {
            let Some(event) = self.end.next_event(None)? else {
                while let Ok(line) = self.lines.1.try_recv() {
                    self.tell(&json!({ "say": line }))?;
                }
                continue;
            };
            match event {
                Event::DataChannelOpen(id) => self.opened(id)?,
                Event::DataChannelReadable(id) => self.read(id)?,
                Event::DataChannelBufferedAmountLow(id) => self.pump(id)?,
                Event::DataChannelClose(id) => drop(self.transfers.remove(&id)),
                Event::Track(id) => self.echo.begin(id, &mut self.end.pc),
                Event::TrackMuted(id) | Event::TrackEnded(id) => self.echo.end(id),
                Event::MediaReadable(id) => self.echo.turn(id, self.end.clock.now(), &mut self.end.pc),
                Event::KeyframeRequested(id, ..) => {
                    if let Err(error) = self.echo.refresh(id, self.end.clock.now(), &mut self.end.pc) {
                        self.log(format!("no key frame: {error}"));
                    }
                }
                Event::NegotiationNeeded if self.chat.is_some() => self.renegotiate()?,
                Event::PeerClosed => self.end.pc.close(),
                Event::ConnectionStateChange(state) => {
                    self.log(format!("{state:?}").to_lowercase());
                    if state == ConnectionState::Failed {
                        self.log(format!("{:?}", self.end.pc.failure()));
                        self.end.pc.close();
                    } else if state == ConnectionState::Closed {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
    }

    fn opened(&mut self, id: DataChannelId) -> Fallible<()> {
        let Some(channel) = self.end.pc.data_channel(id) else { return Ok(()) };
        if channel.label() == "chat" {
            self.chat = Some(id);
            self.tell(&json!({ "say": "hello from antiphon" }))?;
            self.list()?;
        }
        self.pump(id)
    }

    /// Says which files the page can have.
    fn list(&mut self) -> Fallible<()> {
        let files: Vec<_> =
            self.files.iter().map(|file| json!({ "name": file.name, "size": file.data.len() })).collect();
        self.tell(&json!({ "files": files }))
    }

    fn tell(&mut self, value: &Value) -> Fallible<()> {
        let now = self.end.clock.now();
        if let Some(mut chat) = self.chat.and_then(|id| self.end.pc.data_channel(id)) {
            chat.send(now, &Message::text(value.to_string()))?;
        }
        Ok(())
    }

    fn read(&mut self, id: DataChannelId) -> Fallible<()> {
        while let Some(message) = self.end.pc.data_channel(id).and_then(|mut channel| channel.recv()) {
            if self.chat == Some(id) {
                self.hear(&message)?;
            } else {
                self.take(id, &message)?;
            }
        }
        Ok(())
    }

    /// Something of the call has changed: offer it.
    fn renegotiate(&mut self) -> Fallible<()> {
        let offer = self.end.offer()?;
        self.tell(&json!({ "offer": offer.to_sdp() }))
    }

    /// A message about the call: a description, the wish that we offer, or one of a layer.
    fn call(&mut self, value: &Value) -> Fallible<()> {
        let now = self.end.clock.now();
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        // An offer that crossed ours is not answered: the page takes it back and offers again.
        if let Some(offer) = text("offer")
            && self.end.pc.signaling_state() == SignalingState::Stable
        {
            let answer = self.end.answer(SessionDescription::offer(offer)?, send_back)?;
            self.tell(&json!({ "answer": answer.to_sdp() }))?;
        }
        if let Some(answer) = text("answer") {
            self.end.accept(SessionDescription::answer(answer)?)?;
        }
        for kind in value.get("call").and_then(Value::as_array).into_iter().flatten() {
            let kind = if kind == "video" { MediaKind::Video } else { MediaKind::Audio };
            // `NegotiationNeeded` follows.
            self.end.pc.add_transceiver(kind, TransceiverInit::default())?;
        }
        if let Some(rid) = text("layer") {
            self.echo.choose(rid, now, &mut self.end.pc)?;
        }
        if value.get("count").is_some() {
            let counted = self.echo.report(now, &mut self.end.pc);
            self.tell(&json!({ "counted": counted }))?;
        }
        Ok(())
    }

    /// A message of the chat: a line, the wish for a file, or something about the call.
    fn hear(&mut self, message: &Message) -> Fallible<()> {
        let value: Value = serde_json::from_slice(&message.data)?;
        if let Err(error) = self.call(&value) {
            self.log(format!("the call: {error}"));
            self.tell(&json!({ "problem": error.to_string() }))?;
        }
        if let Some(text) = value.get("say").and_then(Value::as_str) {
            self.notices.send(Notice::Said { page: self.page, text: text.to_owned() })?;
            self.tell(&json!({ "say": format!("you said: {text}") }))?;
        }
        if let Some(name) = value.get("get").and_then(Value::as_str)
            && let Some(file) = self.files.iter().find(|file| file.name == name).cloned()
        {
            let id = self.end.pc.create_data_channel("file", DataChannelInit::default())?;
            self.transfers.insert(id, Transfer::Outgoing { file, sent: None });
        }
        Ok(())
    }

    /// A message of a file's channel.
    fn take(&mut self, id: DataChannelId, message: &Message) -> Fallible<()> {
        let now = self.end.clock.now();
        match self.transfers.get_mut(&id) {
            None => {
                let value: Value = serde_json::from_slice(&message.data)?;
                let name = value.get("name").and_then(Value::as_str).unwrap_or("unnamed").to_owned();
                let size =
                    value.get("size").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
                let size = size.filter(|size| *size <= MAX_FILE).ok_or("a file too large to keep")?;
                self.transfers.insert(id, Transfer::Incoming { name, size, data: Vec::new() });
            }
            Some(Transfer::Incoming { size, data, .. }) => {
                if data.len() + message.data.len() > *size {
                    return Err("more bytes than the file has".into());
                }
                data.extend_from_slice(&message.data);
            }
            // The receipt: the page has it all.
            Some(Transfer::Outgoing { .. }) => {
                if let Some(mut channel) = self.end.pc.data_channel(id) {
                    channel.close();
                }
            }
        }
        if let Some(Transfer::Incoming { size, data, .. }) = self.transfers.get(&id)
            && data.len() == *size
            && let Some(Transfer::Incoming { name, data, .. }) = self.transfers.remove(&id)
        {
            let receipt = json!({ "sha256": hex(&sha256(&[&data])) });
            if let Some(mut channel) = self.end.pc.data_channel(id) {
                channel.send(now, &Message::text(receipt.to_string()))?;
            }
            self.log(format!("received {name}, {} bytes", data.len()));
            self.files.retain(|file| file.name != name);
            self.files.push(File { name, data: Bytes::from(data) });
            self.list()?;
        }
        Ok(())
    }

    /// Sends of a file what the channel will take.
    fn pump(&mut self, id: DataChannelId) -> Fallible<()> {
        let now = self.end.clock.now();
        let Some(Transfer::Outgoing { file, sent }) = self.transfers.get_mut(&id) else { return Ok(()) };
        let Some(mut channel) = self.end.pc.data_channel(id) else { return Ok(()) };
        if sent.is_none() {
            channel.set_buffered_amount_low_threshold(16 * CHUNK);
            let head = json!({ "name": file.name, "size": file.data.len() });
            channel.send(now, &Message::text(head.to_string()))?;
        }
        let sent = sent.get_or_insert(0);
        while *sent < file.data.len() && channel.can_send() {
            let chunk = file.data.slice(*sent..file.data.len().min(*sent + CHUNK));
            *sent += chunk.len();
            channel.send(now, &Message::binary(chunk))?;
        }
        Ok(())
    }

    fn log(&self, text: String) {
        // Nobody listens any more when the program ends.
        drop(self.notices.send(Notice::Log { page: self.page, text }));
    }
}

/// What only comes in goes back out, on the same transceiver.
fn send_back(pc: &mut PeerConnection) -> Fallible<()> {
    for id in pc.transceivers() {
        if let Some(mut its) = pc.transceiver(id)
            && its.direction() == Direction::RecvOnly
            && !its.is_stopped()
        {
            its.set_direction(Direction::SendRecv)?;
        }
    }
    Ok(())
}

/// As JavaScript prints it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
