//! One publisher and those who watch: packets go from the one to the others as they are, each viewer gets the layer it wants.
#![expect(clippy::wildcard_enum_match_arm, reason = "it picks the events it wants")]

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, TryRecvError};

use antiphon::codec::MediaKind;
use antiphon::peer::{ConnectionId, MediaCapabilities, Sender, TransceiverId};
use antiphon::rtp::{Delivery, Forwarder, KeyframeRequest, RtpPacket, SourceId, Verdict};
use antiphon::sdp::{Direction, Token};
use antiphon::{Config, ConnectionState, DataChannelId, Event, Instant, PeerConnection};

use crate::port::Port;
use crate::web::Fallible;

/// The layers, the smallest first, as the publishing page names them.
pub(crate) const LAYERS: [&str; 3] = ["q", "h", "f"];

/// A layer that has been silent for so long is not sent: browsers stop the large ones where the path or the processor is slow.
const SILENT: Duration = Duration::from_millis(1500);

/// After so long without the key frame that was asked for, it is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// An offer that the web's thread has received, and where the answer goes.
pub(crate) struct Request {
    pub(crate) role: Role,
    pub(crate) offer: String,
    pub(crate) answer: mpsc::Sender<Fallible<String>>,
}

/// What a page does here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Publisher,
    Viewer,
}

/// One codec of each kind: what the publisher sends every viewer can decode. Packets stay packets.
pub(crate) fn config() -> Config {
    let mut media = MediaCapabilities::new();
    media.audio.codecs.retain(|codec| codec.is("opus"));
    media.video.codecs.retain(|codec| codec.is("VP8") || codec.is("rtx"));
    // A publisher's packets get as large as these paths bear; room for them to go on as they came.
    Config::new().media(media).media_delivery(Delivery::Packets).mtu(1280)
}

/// Everybody.
pub(crate) struct House {
    port: Port,
    requests: Receiver<Request>,
    publisher: Option<Publisher>,
    viewers: BTreeMap<ConnectionId, Viewer>,
    log: Box<dyn FnMut(String) + Send>,
}

struct Publisher {
    id: ConnectionId,
    /// The layers that have been heard, by their rids.
    layers: BTreeMap<String, Layer>,
}

struct Layer {
    track: TransceiverId,
    source: SourceId,
    heard: Instant,
    /// When a key frame was asked for that has not come.
    asked: Option<Instant>,
}

struct Viewer {
    /// Where sound and pictures go.
    audio: Option<TransceiverId>,
    video: Option<TransceiverId>,
    /// The layer it wants at most: an index into `LAYERS`.
    wanted: usize,
    forwarder: Forwarder,
    /// Packets that could not be sent to it.
    lost: u64,
}

impl House {
    pub(crate) fn new(
        port: Port,
        requests: Receiver<Request>,
        log: impl FnMut(String) + Send + 'static,
    ) -> Self {
        Self { port, requests, publisher: None, viewers: BTreeMap::new(), log: Box::new(log) }
    }

    /// Serves until nobody is left who could ask for anything.
    pub(crate) fn run(&mut self) -> Fallible<()> {
        loop {
            match self.port.next()? {
                Some((id, event)) => self.on_event(id, &event),
                None if !self.let_in() => return Ok(()),
                None => {}
            }
        }
    }

    /// Answers those who ask; whether others may come.
    fn let_in(&mut self) -> bool {
        loop {
            match self.requests.try_recv() {
                // A page that did not wait for its answer is no loss.
                Ok(request) => drop(request.answer.send(self.join(request.role, &request.offer))),
                Err(error) => return error == TryRecvError::Empty,
            }
        }
    }

    fn join(&mut self, role: Role, offer: &str) -> Fallible<String> {
        if role == Role::Publisher {
            let (id, answer) = self.port.answer(offer, |_| Ok(()))?;
            self.note(format!("guest {} publishes", id.index()));
            // The new one takes the place of the one before.
            let before = self.publisher.replace(Publisher { id, layers: BTreeMap::new() });
            if let Some(pc) = before.and_then(|before| self.port.router.get_mut(before.id)) {
                pc.close();
            }
            self.viewers.values_mut().for_each(|viewer| viewer.forwarder.select(None));
            return Ok(answer);
        }
        let (mut audio, mut video) = (None, None);
        let (id, answer) = self.port.answer(offer, |pc| {
            audio = send_on(pc, MediaKind::Audio)?;
            video = send_on(pc, MediaKind::Video)?;
            Ok(())
        })?;
        self.note(format!("guest {} watches", id.index()));
        self.viewers.insert(id, Viewer { audio, video, wanted: 0, forwarder: Forwarder::new(), lost: 0 });
        Ok(answer)
    }

    fn on_event(&mut self, id: ConnectionId, event: &Event) {
        match event {
            Event::MediaReadable(track) => self.forward(id, *track),
            Event::KeyframeRequested(..) => self.refresh(id),
            Event::DataChannelReadable(channel) => self.choose(id, *channel),
            Event::PeerClosed | Event::ConnectionStateChange(ConnectionState::Failed) => {
                if let Some(pc) = self.port.router.get_mut(id) {
                    pc.close();
                }
            }
            Event::ConnectionStateChange(ConnectionState::Closed) => self.leave(id),
            _ => {}
        }
    }

    /// Hands on what the publisher sent.
    fn forward(&mut self, id: ConnectionId, track: TransceiverId) {
        let now = self.port.clock.now();
        let kind = self.port.router.get_mut(id).and_then(|pc| pc.transceiver(track)?.kind());
        while let Some(pc) = self.port.router.get_mut(id)
            && let Some(mut receiver) = pc.receiver(track)
            && let Some(packet) = receiver.recv_rtp()
        {
            let Some(publisher) = self.publisher.as_mut().filter(|publisher| publisher.id == id) else {
                continue;
            };
            if kind == Some(MediaKind::Video) {
                let rid = packet.source.and_then(|source| receiver.rid(source)).unwrap_or_default();
                publisher.heard(now, rid, track, &packet);
                self.forward_video(now, &packet);
            } else {
                self.forward_audio(now, &packet);
            }
        }
        self.ask_keyframes(now);
    }

    fn forward_audio(&mut self, now: Instant, packet: &RtpPacket) {
        for (id, viewer) in &mut self.viewers {
            let pc = self.port.router.get_mut(*id);
            if let Some((pc, track)) = pc.zip(viewer.audio) {
                viewer.lost += u64::from(is_lost(pc, track, now, packet, Verdict::Forward));
            }
        }
    }

    fn forward_video(&mut self, now: Instant, packet: &RtpPacket) {
        let Some(publisher) = &self.publisher else { return };
        for (id, viewer) in &mut self.viewers {
            viewer.forwarder.select(publisher.best(now, viewer.wanted));
            let verdict = viewer.forwarder.decide(packet);
            let pc = self.port.router.get_mut(*id);
            if let Some((pc, track)) = pc.zip(viewer.video) {
                viewer.lost += u64::from(is_lost(pc, track, now, packet, verdict));
            }
        }
    }

    /// Asks the publisher for the key frames that viewers wait for: once for all of them.
    fn ask_keyframes(&mut self, now: Instant) {
        let Some(publisher) = &mut self.publisher else { return };
        let Some(pc) = self.port.router.get_mut(publisher.id) else { return };
        for viewer in self.viewers.values() {
            if let Some(source) = viewer.forwarder.wants_keyframe() {
                publisher.ask(now, source, pc);
            }
        }
    }

    /// A viewer cannot go on without a key frame of what it gets.
    fn refresh(&mut self, id: ConnectionId) {
        let source = self.viewers.get(&id).and_then(|viewer| viewer.forwarder.current());
        if let (Some(publisher), Some(source)) = (&mut self.publisher, source)
            && let Some(pc) = self.port.router.get_mut(publisher.id)
        {
            publisher.ask(self.port.clock.now(), source, pc);
        }
    }

    /// A viewer says which layer it wants.
    fn choose(&mut self, id: ConnectionId, channel: DataChannelId) {
        while let Some(pc) = self.port.router.get_mut(id)
            && let Some(message) = pc.data_channel(channel).and_then(|mut channel| channel.recv())
        {
            let wanted = LAYERS.iter().position(|rid| rid.as_bytes() == &*message.data);
            if let (Some(viewer), Some(wanted)) = (self.viewers.get_mut(&id), wanted) {
                viewer.wanted = wanted;
            }
        }
    }

    fn leave(&mut self, id: ConnectionId) {
        self.port.router.remove(id);
        let lost = self.viewers.remove(&id).map_or(0, |viewer| viewer.lost);
        if self.publisher.as_ref().is_some_and(|publisher| publisher.id == id) {
            self.publisher = None;
            // What comes next is another's: its sources are not those that were.
            self.viewers.values_mut().for_each(|viewer| viewer.forwarder.select(None));
        }
        self.note(format!("guest {} left; {lost} packets could not be sent to it", id.index()));
    }

    fn note(&mut self, line: String) {
        (self.log)(line);
    }
}

impl Publisher {
    /// A packet of a layer has come.
    fn heard(&mut self, now: Instant, rid: &str, track: TransceiverId, packet: &RtpPacket) {
        let Some(source) = packet.source else { return };
        let layer = match self.layers.get_mut(rid) {
            Some(layer) => layer,
            None => {
                self.layers.entry(rid.to_owned()).or_insert(Layer { track, source, heard: now, asked: None })
            }
        };
        (layer.source, layer.heard) = (source, now);
        if packet.keyframe {
            layer.asked = None;
        }
    }

    /// The largest layer that is sent now, up to the wanted one; where there is none, the smallest that is. A page that sends no
    /// layers sends one stream without a name.
    fn best(&self, now: Instant, wanted: usize) -> Option<SourceId> {
        let sent = |rid: &&str| {
            let layer = self.layers.get(*rid)?;
            (now.saturating_duration_since(layer.heard) < SILENT).then_some(layer.source)
        };
        let (below, above) = LAYERS.split_at(wanted + 1);
        let named = below.iter().rev().find_map(&sent).or_else(|| above.iter().find_map(&sent));
        named.or_else(|| sent(&""))
    }

    /// Asks for a key frame, unless that has been done and may still help.
    fn ask(&mut self, now: Instant, source: SourceId, pc: &mut PeerConnection) {
        let Some((rid, layer)) = self.layers.iter_mut().find(|(_, layer)| layer.source == source) else {
            return;
        };
        if layer.asked.is_some_and(|asked| now.saturating_duration_since(asked) < AGAIN) {
            return;
        }
        if let Some(mut receiver) = pc.receiver(layer.track) {
            let rid = Some(rid.as_str()).filter(|rid| !rid.is_empty());
            let asked = receiver.request_keyframe(now, rid, KeyframeRequest::Pli);
            layer.asked = asked.ok().map(|()| now);
        }
    }
}

/// Lets the viewer's transceiver of that kind send, all of one stream.
fn send_on(pc: &mut PeerConnection, kind: MediaKind) -> Fallible<Option<TransceiverId>> {
    for id in pc.transceivers() {
        if let Some(mut its) = pc.transceiver(id)
            && its.kind() == Some(kind)
        {
            its.set_direction(Direction::SendOnly)?;
            its.set_streams(vec![Token::new("live")?])?;
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Sends a packet on, or closes up where it is left out. Whether it found no room or came too late: a lost packet.
fn is_lost(
    pc: &mut PeerConnection,
    track: TransceiverId,
    now: Instant,
    packet: &RtpPacket,
    verdict: Verdict,
) -> bool {
    let Some(mut sender) = pc.sender(track).filter(Sender::can_write) else { return false };
    // The same format has another number in each description.
    let Some(payload_type) = sender.codecs().first().map(|codec| codec.payload_type) else { return false };
    let packet = RtpPacket { payload_type, ..packet.clone() };
    match verdict {
        Verdict::Forward => sender.write_rtp(now, &packet).is_err(),
        Verdict::Skip => sender.skip_rtp(now, &packet).is_err(),
        Verdict::Ignore => false,
    }
}
