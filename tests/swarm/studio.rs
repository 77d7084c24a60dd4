//! The applications of sound and pictures: they show what comes, forward layers, and pass requests for key frames on.

use antiphon::peer::{TransceiverId, TransceiverInit};
use antiphon::rtp::{Delivery, Forwarder, KeyframeRequest, Verdict};
use antiphon::sdp::Direction;
use antiphon::{Event, Instant, PeerConnection};
use core::time::Duration;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::crowd::Tamper;
use super::end::End;
use super::film::{RIDS, Screen, Show, name};
use super::plan::ms;

/// A layer of a stream on its way back.
#[derive(Clone, Debug)]
struct Mirror {
    side: usize,
    from: TransceiverId,
    to: TransceiverId,
    forwarder: Forwarder,
    /// The layer that is wanted.
    layer: usize,
    asked_at: Option<Duration>,
}

/// What the applications know of sound and pictures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Studio {
    /// Who shoots each stream, and what.
    pub(crate) shows: BTreeMap<usize, (usize, Show)>,
    /// What arrives on a transceiver: a stream, and whether it comes back.
    tracks: BTreeMap<(usize, TransceiverId), (usize, bool)>,
    pub(crate) screens: BTreeMap<(usize, bool), Screen>,
    mirrors: BTreeMap<usize, Mirror>,
    /// Numbers that leapt, which nobody lost.
    pub(crate) leapt: u64,
    pub(crate) key_requests: u64,
}

impl Studio {
    /// Whether there is sound or a picture.
    pub(crate) fn is_on(&self) -> bool {
        !self.shows.is_empty()
    }

    /// The peer sends something: what it is stands in the name of its stream.
    fn track(&mut self, side: usize, pc: &mut PeerConnection, id: TransceiverId) {
        let track = pc.transceiver(id);
        let named =
            track.and_then(|track| track.remote_streams().first().map(|name| name.as_str().to_owned()));
        let Some(named) = named else { return };
        let Some((kind, number)) = named.split_at_checked(1) else { return };
        let (mirrored, stream) = (kind == "m", number.parse().unwrap());
        let (_, show) = self.shows[&stream];
        self.tracks.insert((side, id), (stream, mirrored));
        if show != Show::Layers || mirrored {
            self.screens.entry((stream, mirrored)).or_insert_with(|| Screen::new(show, stream, mirrored));
            return;
        }
        if let Some(mut receiver) = pc.receiver(id) {
            receiver.set_delivery(Delivery::Packets);
        }
        if let Entry::Vacant(place) = self.mirrors.entry(stream) {
            let init = TransceiverInit {
                direction: Direction::SendOnly,
                streams: vec![name(stream, true)],
                ..TransceiverInit::default()
            };
            let Ok(to) = pc.add_transceiver(show.kind(), init) else { return };
            let forwarder = Forwarder::new();
            place.insert(Mirror { side, from: id, to, forwarder, layer: 0, asked_at: None });
        }
    }

    /// Wants another layer of what it forwards.
    pub(crate) fn choose(&mut self, stream: usize, layer: usize) {
        if let Some(mirror) = self.mirrors.get_mut(&stream) {
            (mirror.layer, mirror.asked_at) = (layer, None);
        }
    }

    /// The layer that a mirror is to show.
    pub(crate) fn chosen(&self, stream: usize) -> Option<usize> {
        self.mirrors.get(&stream).map(|mirror| mirror.layer)
    }

    /// Reads what has come; whether something was handed over as a frame.
    fn read(
        &mut self,
        (at, now): (Duration, Instant),
        side: usize,
        pc: &mut PeerConnection,
        id: TransceiverId,
        tamper: Option<Tamper>,
    ) -> bool {
        let Some(&(stream, mirrored)) = self.tracks.get(&(side, id)) else { return false };
        if let Some(screen) = self.screens.get_mut(&(stream, mirrored)) {
            let mut any = false;
            while let Some(frame) = pc.receiver(id).and_then(|mut receiver| receiver.recv()) {
                any = true;
                watched(screen, frame, tamper);
            }
            return any;
        }
        if let Some(mirror) = self.mirrors.get_mut(&stream) {
            mirror.forward(at, now, pc);
        }
        false
    }

    fn keyframe(&mut self, now: Instant, side: usize, end: &mut End, id: TransceiverId, rid: Option<&str>) {
        self.key_requests += 1;
        if end.request_keyframe(id, rid) {
            return;
        }
        let mirror = self.mirrors.values().find(|mirror| mirror.side == side && mirror.to == id);
        if let Some(mirror) = mirror
            && let Some(mut receiver) = end.pc().receiver(mirror.from)
        {
            // Nothing of that layer may have come yet.
            let rid = Some(RIDS[mirror.layer]);
            receiver.request_keyframe(now, rid, KeyframeRequest::Pli).unwrap_or_default();
        }
    }

    /// An event of sound or pictures; whether a frame was handed over.
    pub(crate) fn on_event(
        &mut self,
        times: (Duration, Instant),
        side: usize,
        end: &mut End,
        event: &Event,
        tamper: Option<Tamper>,
    ) -> bool {
        match event {
            Event::Track(id) => self.track(side, end.pc(), *id),
            Event::TrackMuted(id) => {
                let screen = self.tracks.get(&(side, *id)).and_then(|key| self.screens.get_mut(key));
                if let Some(screen) = screen {
                    screen.anew = true;
                }
            }
            Event::MediaReadable(id) => return self.read(times, side, end.pc(), *id, tamper),
            Event::KeyframeRequested(id, rid, _) => self.keyframe(times.1, side, end, *id, rid.as_deref()),
            _ => {}
        }
        false
    }
}

impl Mirror {
    fn forward(&mut self, at: Duration, now: Instant, pc: &mut PeerConnection) {
        while let Some(mut receiver) = pc.receiver(self.from) {
            let Some(packet) = receiver.recv_rtp() else { break };
            let wanted =
                receiver.sources().into_iter().find(|source| receiver.rid(*source) == Some(RIDS[self.layer]));
            // Of one that has not been heard yet nothing can be chosen.
            if wanted.is_some() {
                self.forwarder.select(wanted);
            }
            if self.forwarder.decide(&packet) == Verdict::Forward
                && let Some(mut sender) = pc.sender(self.to).filter(antiphon::Sender::can_write)
            {
                // One that is refused is one that is lost.
                sender.write_rtp(now, &packet).unwrap_or_default();
            }
        }
        let due = self.asked_at.is_none_or(|asked| at >= asked + ms(500));
        if self.forwarder.wants_keyframe().is_some()
            && due
            && let Some(mut receiver) = pc.receiver(self.from)
        {
            self.asked_at = Some(at);
            let rid = Some(RIDS[self.layer]);
            receiver.request_keyframe(now, rid, KeyframeRequest::Pli).unwrap_or_default();
        }
    }
}

/// A frame on its way to the screen, maybe through the hands of a tamperer.
fn watched(screen: &mut Screen, mut frame: antiphon::rtp::Frame, tamper: Option<Tamper>) {
    match tamper.filter(|change| screen.frames > 5 && (*change != Tamper::Drop || screen.frames == 6)) {
        Some(Tamper::Swallow) => return,
        Some(Tamper::Duplicate) => screen.show(&frame),
        Some(Tamper::Change) => {
            let mut data = frame.data.to_vec();
            if let Some(byte) = data.last_mut() {
                *byte ^= 1;
            }
            frame.data = data.into();
        }
        Some(Tamper::Drop) => return screen.frames += 1,
        Some(Tamper::Delay) => frame.timestamp = frame.timestamp.wrapping_sub(1_000_000),
        Some(Tamper::Swap | Tamper::Linger | Tamper::ForgetLow) | None => {}
    }
    screen.show(&frame);
}
