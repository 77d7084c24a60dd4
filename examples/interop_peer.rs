//! One connection behind JSON lines, so that a script can pair it with a browser or another stack.
//!
//! Commands on stdin, events on stdout: `offer`, `answer`, `set-answer`, `echo-test`, `stats`, `close`, `reset`, `quit`. Without
//! trickling: a description comes with its candidates. The connection uses this host's address towards others. Sound and pictures come
//! from `media/opus.frames` and `media/vp8.frames` below the folder that `LAB_WORK` names; without them there is no media.
//!
//! `offer` and `answer` take more: `codecs`, a list of names, restricts what is negotiated; with `mirror`, frames go back to where they
//! came from instead of those of the files; `direction` and `channel` are what an offer has. A second `offer` or `answer` is a negotiation of the
//! same connection, with `iceRestart` a restart.
#![expect(clippy::wildcard_enum_match_arm, reason = "it picks the events it wants")]
#![expect(clippy::print_stdout, reason = "it speaks on its standard output")]

#[path = "common/address.rs"]
mod address;
#[path = "common/endpoint.rs"]
mod endpoint;
#[path = "common/tracks.rs"]
mod tracks;

use core::time::Duration;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use antiphon::codec::MediaKind;
use antiphon::peer::{MediaCapabilities, TransceiverId, TransceiverInit};
use antiphon::rtp::KeyframeRequest;
use antiphon::sdp::Direction;
use antiphon::{
    Config, ConnectionState, DataChannelId, DataChannelInit, Event, Instant, Message, SessionDescription,
    StdClock,
};
use mio::{Token, Waker};
use serde_json::{Value, json};

use address::own_address;
use endpoint::{Endpoint, Fallible};
use tracks::{Playing, Reel};

fn main() -> Fallible<()> {
    let (lines, commands) = mpsc::channel();
    let (wakers, woken) = mpsc::channel();
    thread::Builder::new().spawn(move || read_commands(&lines, &woken))?;
    let reels = reels();
    let caps =
        if reels.is_some() { json!(["data", "reset", "audio", "video"]) } else { json!(["data", "reset"]) };
    emit(&json!({ "ev": "ready", "peer": "antiphon", "version": env!("CARGO_PKG_VERSION"), "caps": caps }));
    let clock = StdClock::start();
    Peer {
        wakers,
        clock,
        start: clock.now(),
        end: None,
        channel: None,
        echoed: 0,
        test: None,
        reels,
        playing: Vec::new(),
        mirrors: false,
    }
    .run(&commands)
}

/// Sound and pictures to send, where they are.
fn reels() -> Option<[Reel; 2]> {
    let folder = PathBuf::from(std::env::var_os("LAB_WORK")?).join("media");
    let opus = Reel::read(&folder.join("opus.frames"), "opus", 48_000).ok()?;
    Some([opus, Reel::read(&folder.join("vp8.frames"), "VP8", 90_000).ok()?])
}

/// Hands lines over, and wakes the connection of the moment for each.
fn read_commands(lines: &Sender<String>, woken: &Receiver<Waker>) {
    let mut waker: Option<Waker> = None;
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        if lines.send(line).is_err() {
            return;
        }
        waker = woken.try_iter().last().or(waker);
        drop(waker.as_ref().map(Waker::wake));
    }
    drop(lines.send(r#"{"op":"quit"}"#.to_owned()));
    drop(woken.try_iter().last().or(waker).as_ref().map(Waker::wake));
}

fn emit(value: &Value) {
    println!("{value}");
    // Whoever reads has gone: the end of our input follows.
    drop(std::io::stdout().flush());
}

/// The run of an echo test: what is sent next, and what came back.
struct Test {
    count: usize,
    big: usize,
    sent: usize,
    got: usize,
    ok: usize,
    bad: usize,
    start: Instant,
    until: Instant,
}

/// Message `index` of a test: every driver makes the same.
fn plan(index: usize, count: usize, big: usize) -> Message {
    let last = index + 1 == count;
    let size = if last { big } else { 1 + (index * index * 31) % 1200 };
    if index.is_multiple_of(2) && !last {
        let letters = (0..size).map(|place| char::from(b'a'.saturating_add(low((index + place) % 26))));
        Message::text(letters.collect::<String>())
    } else {
        Message::binary((0..size).map(|place| low(index * 7 + place)).collect::<Vec<u8>>())
    }
}

fn low(number: usize) -> u8 {
    u8::try_from(number & 255).unwrap_or(0)
}

/// The peer this process is.
struct Peer {
    wakers: Sender<Waker>,
    clock: StdClock,
    start: Instant,
    end: Option<Endpoint>,
    /// The channel we opened; those of the peer are echoed.
    channel: Option<DataChannelId>,
    echoed: usize,
    test: Option<Test>,
    reels: Option<[Reel; 2]>,
    playing: Vec<Playing>,
    /// Whether frames go back instead of those of the reels.
    mirrors: bool,
}

impl Peer {
    fn run(&mut self, commands: &Receiver<String>) -> Fallible<()> {
        loop {
            let next = if self.end.is_some() { commands.try_recv().ok() } else { Some(commands.recv()?) };
            if let Some(line) = next {
                let Ok(command) = serde_json::from_str::<Value>(&line) else { continue };
                let op = command.get("op").and_then(Value::as_str).unwrap_or_default();
                if op == "quit" {
                    return Ok(());
                }
                let mut reply = self
                    .obey(op, &command)
                    .unwrap_or_else(|error| json!({ "ev": "error", "error": error.to_string() }));
                reply["re"] = op.into();
                emit(&reply);
                continue;
            }
            self.play()?;
            let until = self.test.as_ref().map(|test| test.until);
            let due = self.playing.iter().map(|playing| playing.due);
            let event = self.end.as_mut().map_or(Ok(None), |end| end.next_event(due.chain(until).min()))?;
            match event {
                Some(event) => self.on_event(&event)?,
                None if until.is_some_and(|at| at <= self.clock.now()) => self.finish(true),
                None => {}
            }
        }
    }

    fn obey(&mut self, op: &str, command: &Value) -> Fallible<Value> {
        let sdp = || command.get("sdp").and_then(Value::as_str).ok_or("no description");
        match op {
            "offer" => self.offer(command),
            "answer" => self.answer(command, SessionDescription::offer(sdp()?)?),
            "set-answer" => {
                self.start = self.clock.now();
                let end = self.end.as_mut().ok_or("no connection")?;
                end.accept(SessionDescription::answer(sdp()?)?)?;
                Ok(json!({ "ev": "ok" }))
            }
            "echo-test" => self.begin(command),
            "stats" => Ok(self.stats()),
            "close" => {
                if let Some(end) = &mut self.end {
                    end.pc.close();
                }
                Ok(json!({ "ev": "ok" }))
            }
            "reset" => {
                (self.end, self.channel, self.echoed, self.test) = (None, None, 0, None);
                (self.mirrors, self.playing) = (false, Vec::new());
                Ok(json!({ "ev": "ok" }))
            }
            _ => Err(format!("unknown op {op}").into()),
        }
    }

    /// The connection there is, or a new one.
    fn create(&mut self, command: &Value) -> Fallible<()> {
        if self.end.is_some() {
            return Ok(());
        }
        self.start = self.clock.now();
        self.mirrors = flag(command, "mirror");
        let config = Config::new().media(capabilities(command));
        let end = Endpoint::bind(own_address(), self.clock, &config)?;
        self.wakers.send(Waker::new(end.poll.registry(), Token(1))?)?;
        self.end = Some(end);
        Ok(())
    }

    fn offer(&mut self, command: &Value) -> Fallible<Value> {
        self.create(command)?;
        let end = self.end.as_mut().ok_or("no connection")?;
        if flag(command, "data") && self.channel.is_none() {
            self.channel = Some(end.pc.create_data_channel("echo", channel(command.get("channel")))?);
        }
        if flag(command, "iceRestart") {
            end.pc.restart_ice();
        }
        let direction = match command.get("direction").and_then(Value::as_str) {
            Some("sendonly") => Direction::SendOnly,
            Some("recvonly") => Direction::RecvOnly,
            _ => Direction::SendRecv,
        };
        for kind in kinds(command) {
            let id =
                end.pc.add_transceiver(kind, TransceiverInit { direction, ..TransceiverInit::default() })?;
            if let Some(reels) = self.reels.as_ref().filter(|_| !self.mirrors) {
                self.playing.push(playing(id, kind, reels, self.start));
            }
        }
        Ok(json!({ "ev": "sdp", "type": "offer", "sdp": end.offer()?.to_sdp() }))
    }

    fn answer(&mut self, command: &Value, offer: SessionDescription) -> Fallible<Value> {
        self.create(command)?;
        let end = self.end.as_mut().ok_or("no connection")?;
        let reels = self.reels.as_ref().filter(|_| !self.mirrors);
        let (start, plays) = (self.start, &mut self.playing);
        let answer = end.answer(offer, |pc| {
            for kind in kinds(command) {
                let id = pc.add_track(kind, Vec::new())?;
                plays.extend(reels.map(|reels| playing(id, kind, reels, start)));
            }
            Ok(())
        })?;
        Ok(json!({ "ev": "sdp", "type": "answer", "sdp": answer.to_sdp() }))
    }

    fn begin(&mut self, command: &Value) -> Fallible<Value> {
        let number = |what: &str, default: u64| command.get(what).and_then(Value::as_u64).unwrap_or(default);
        let (count, big) = (usize::try_from(number("count", 100))?, usize::try_from(number("big", 65536))?);
        let start = self.clock.now();
        let until = start + Duration::from_millis(number("timeout", 10000));
        self.test = Some(Test { count, big, sent: 0, got: 0, ok: 0, bad: 0, start, until });
        self.send()?;
        Ok(json!({ "ev": "ok" }))
    }

    fn on_event(&mut self, event: &Event) -> Fallible<()> {
        let ms = u64::try_from(self.clock.now().saturating_duration_since(self.start).as_millis())?;
        let Some(end) = &mut self.end else { return Ok(()) };
        match *event {
            Event::ConnectionStateChange(state) => {
                let ice = format!("{:?}", end.pc.ice_connection_state()).to_lowercase();
                emit(
                    &json!({ "ev": "state", "pc": format!("{state:?}").to_lowercase(), "ice": ice, "ms": ms }),
                );
                match state {
                    ConnectionState::Connected => emit(&json!({ "ev": "connected", "ms": ms })),
                    ConnectionState::Failed => eprint(&format!("failed: {:?}", end.pc.failure())),
                    _ => {}
                }
            }
            Event::DataChannelOpen(id) => {
                if let Some(channel) = end.pc.data_channel(id) {
                    emit(&json!({ "ev": "dc-open", "label": channel.label(), "id": channel.stream_id() }));
                }
            }
            Event::DataChannelClose(id) if self.channel != Some(id) => emit(&json!({ "ev": "dc-close" })),
            Event::DataChannelReadable(id) if self.channel == Some(id) => self.collect(id),
            Event::DataChannelBufferedAmountLow(id) if self.channel == Some(id) => self.send()?,
            Event::Track(id) => {
                let kind = end.pc.transceiver(id).and_then(|its| its.kind());
                emit(&json!({ "ev": "track", "kind": format!("{kind:?}").to_lowercase() }));
            }
            Event::MediaReadable(id) => tracks::take(id, self.mirrors, self.clock.now(), &mut end.pc)?,
            Event::KeyframeRequested(id, ..) => {
                self.playing.iter_mut().filter(|its| its.id == id).for_each(Playing::rewind);
                if let Some(mut receiver) = end.pc.receiver(id).filter(|_| self.mirrors) {
                    // Before anything has arrived there is nobody to ask, and the first picture is a key frame.
                    let asked = receiver.request_keyframe(self.clock.now(), None, KeyframeRequest::Pli);
                    asked.unwrap_or_default();
                }
            }
            Event::SctpFailed(reason) => {
                emit(&json!({ "ev": "sctp-failed", "reason": format!("{reason:?}"), "ms": ms }));
                end.pc.close();
            }
            Event::PeerClosed => {
                emit(&json!({ "ev": "peer-closed", "ms": ms }));
                end.pc.close();
            }
            Event::DataChannelReadable(id) | Event::DataChannelBufferedAmountLow(id) => self.echo(id)?,
            _ => {}
        }
        Ok(())
    }

    /// Writes the frames that are due.
    fn play(&mut self) -> Fallible<()> {
        let now = self.clock.now();
        let Some(end) = &mut self.end else { return Ok(()) };
        self.playing.iter_mut().try_for_each(|its| its.play(now, &mut end.pc))
    }

    /// Sends back what the peer's channel brings. What cannot be sent yet stays unread: that slows the peer.
    fn echo(&mut self, id: DataChannelId) -> Fallible<()> {
        let now = self.clock.now();
        let Some(mut channel) = self.end.as_mut().and_then(|end| end.pc.data_channel(id)) else {
            return Ok(());
        };
        while channel.can_send()
            && let Some(message) = channel.recv()
        {
            channel.send(now, &message)?;
            self.echoed += 1;
            if self.echoed == 1 || self.echoed == 100 {
                emit(&json!({ "ev": "message", "n": self.echoed }));
            }
        }
        Ok(())
    }

    fn send(&mut self) -> Fallible<()> {
        let now = self.clock.now();
        let (Some(end), Some(test), Some(id)) = (&mut self.end, &mut self.test, self.channel) else {
            return Ok(());
        };
        let Some(mut channel) = end.pc.data_channel(id) else { return Err("the channel is gone".into()) };
        while test.sent < test.count && channel.can_send() {
            channel.send(now, &plan(test.sent, test.count, test.big))?;
            test.sent += 1;
        }
        Ok(())
    }

    /// Compares what came back with what went out.
    fn collect(&mut self, id: DataChannelId) {
        let (Some(end), Some(test)) = (&mut self.end, &mut self.test) else { return };
        while let Some(message) = end.pc.data_channel(id).and_then(|mut channel| channel.recv()) {
            if message == plan(test.got, test.count, test.big) {
                test.ok += 1;
            } else {
                test.bad += 1;
            }
            test.got += 1;
        }
        if test.got >= test.count {
            self.finish(false);
        }
    }

    fn finish(&mut self, timeout: bool) {
        let Some(test) = self.test.take() else { return };
        let ms = self.clock.now().saturating_duration_since(test.start).as_secs_f64() * 1e3;
        emit(&json!({
            "ev": "echo-result", "n": test.count, "big": test.big, "ok": test.ok, "bad": test.bad,
            "timeout": timeout, "ms": ms.round(),
        }));
    }

    fn stats(&self) -> Value {
        let mut reply = json!({ "ev": "stats" });
        let stats = self.end.as_ref().map(|end| end.pc.stats(self.clock.now()));
        for (name, kind) in [("audio", MediaKind::Audio), ("video", MediaKind::Video)] {
            let inbound = || stats.iter().flat_map(|all| &all.inbound_rtp).filter(|its| its.kind == kind);
            let outbound = stats.iter().flat_map(|all| &all.outbound_rtp).filter(|its| its.kind == kind);
            let recv: u64 = inbound().map(|its| its.stats.packets_received).sum();
            let frames: u64 = inbound().map(|its| its.stats.frames_received).sum();
            let sent: u64 = outbound.map(|its| its.stats.packets_sent).sum();
            reply[name] = json!({ "recv": recv, "sent": sent, "frames": frames, "decoded": 0 });
        }
        reply["all"] = serde_json::to_value(stats).unwrap_or_default();
        reply
    }
}

fn flag(command: &Value, name: &str) -> bool {
    command.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The kinds of media a command asks for.
fn kinds(command: &Value) -> impl Iterator<Item = MediaKind> + use<> {
    let kinds = [(flag(command, "audio"), MediaKind::Audio), (flag(command, "video"), MediaKind::Video)];
    kinds.into_iter().filter_map(|(wanted, kind)| wanted.then_some(kind))
}

/// What is negotiated: the codecs the command names, or all.
fn capabilities(command: &Value) -> MediaCapabilities {
    let mut all = MediaCapabilities::new();
    if let Some(names) = command.get("codecs").and_then(Value::as_array) {
        for of in [&mut all.audio, &mut all.video] {
            of.codecs.retain(|codec| {
                codec.is("rtx") || names.iter().filter_map(Value::as_str).any(|name| codec.is(name))
            });
        }
    }
    all
}

/// The members of the W3C's `RTCDataChannelInit`.
fn channel(init: Option<&Value>) -> DataChannelInit {
    let number = |name: &str| init?.get(name)?.as_u64();
    let small = |name: &str| number(name).and_then(|number| u16::try_from(number).ok());
    let text = init.and_then(|init| init.get("protocol")?.as_str());
    DataChannelInit {
        ordered: init.and_then(|init| init.get("ordered")?.as_bool()).unwrap_or(true),
        max_retransmits: small("maxRetransmits"),
        max_packet_life_time: number("maxPacketLifeTime").map(Duration::from_millis),
        protocol: text.unwrap_or_default().to_owned(),
        negotiated: init.filter(|init| flag(init, "negotiated")).and(small("id")),
        ..DataChannelInit::default()
    }
}

/// The reel of a kind on a transceiver.
fn playing(id: TransceiverId, kind: MediaKind, [opus, vp8]: &[Reel; 2], now: Instant) -> Playing {
    let reel = match kind {
        MediaKind::Audio => opus,
        MediaKind::Video => vp8,
    };
    Playing::new(id, reel.clone(), now)
}

#[expect(clippy::print_stderr, reason = "free text goes there")]
fn eprint(text: &str) {
    eprintln!("{text}");
}
