//! Sends a page's sound and pictures back to it, packet by packet, without decoding them.

use std::collections::BTreeMap;

use antiphon::codec::MediaKind;
use antiphon::peer::{Receiver, TransceiverId};
use antiphon::rtp::{Delivery, KeyframeError, KeyframeRequest, RtpPacket};
use antiphon::{Instant, PeerConnection};
use serde_json::{Value, json};

/// What arrived on one transceiver.
#[derive(Default)]
struct Track {
    /// Frames by layer; a stream without layers has the empty name. A marker ends a picture; each packet of sound is a frame.
    frames: BTreeMap<String, u64>,
    /// The layer that goes back.
    shown: Option<String>,
    /// The layer to go back from its next key frame on.
    wanted: Option<String>,
    /// Packets that could not go back.
    refused: u64,
    /// Why the last of them could not.
    refusal: Option<String>,
}

/// The tracks of a page.
#[derive(Default)]
pub(crate) struct Echo {
    tracks: BTreeMap<TransceiverId, Track>,
}

impl Echo {
    /// The page sends: take its packets as they come.
    pub(crate) fn begin(&mut self, id: TransceiverId, pc: &mut PeerConnection) {
        if let Some(mut receiver) = pc.receiver(id) {
            receiver.set_delivery(Delivery::Packets);
            self.tracks.insert(id, Track::default());
        }
    }

    pub(crate) fn end(&mut self, id: TransceiverId) {
        self.tracks.remove(&id);
    }

    /// Writes back what has come in.
    pub(crate) fn turn(&mut self, id: TransceiverId, now: Instant, pc: &mut PeerConnection) {
        let Some(track) = self.tracks.get_mut(&id) else { return };
        let sound = pc.transceiver(id).and_then(|its| its.kind()) == Some(MediaKind::Audio);
        while let Some(mut receiver) = pc.receiver(id)
            && let Some(packet) = receiver.recv_rtp()
        {
            let goes = track.takes(&receiver, &packet, sound);
            // A packet that finds no room is a lost packet.
            if goes
                && let Some(mut sender) = pc.sender(id)
                && let Err(error) = sender.write_rtp(now, &packet)
            {
                track.refused += 1;
                track.refusal = Some(error.to_string());
            }
        }
    }

    /// The page cannot go on without a key frame: it makes that key frame itself.
    pub(crate) fn refresh(
        &self,
        id: TransceiverId,
        now: Instant,
        pc: &mut PeerConnection,
    ) -> Result<(), KeyframeError> {
        let shown = self.tracks.get(&id).and_then(|track| track.shown.as_deref());
        match (shown, pc.receiver(id)) {
            (Some(rid), Some(mut its)) => {
                its.request_keyframe(now, Some(rid).filter(|rid| !rid.is_empty()), KeyframeRequest::Pli)
            }
            // Nothing has arrived: the first picture will be a key frame anyway.
            _ => Ok(()),
        }
    }

    /// Shows another layer from its next key frame on, and asks for that.
    pub(crate) fn choose(
        &mut self,
        rid: &str,
        now: Instant,
        pc: &mut PeerConnection,
    ) -> Result<(), KeyframeError> {
        for (id, track) in &mut self.tracks {
            if track.frames.contains_key(rid)
                && let Some(mut receiver) = pc.receiver(*id)
            {
                track.wanted = Some(rid.to_owned());
                receiver.request_keyframe(now, Some(rid), KeyframeRequest::Pli)?;
            }
        }
        Ok(())
    }

    /// What arrived, and how the way back is, as the page reports it.
    pub(crate) fn report(&self, now: Instant, pc: &mut PeerConnection) -> Value {
        let stats = pc.stats(now);
        let tracks = self.tracks.iter().map(|(id, track)| {
            let its = pc.transceiver(*id);
            let mid = its.as_ref().and_then(|its| its.mid()).unwrap_or_default().to_owned();
            let kind = its.and_then(|its| its.kind());
            let outbound = stats.outbound_rtp.iter().find(|outbound| outbound.mid == mid);
            let remote = outbound.and_then(|outbound| outbound.stats.remote.as_ref());
            json!({
                "mid": mid,
                "kind": if kind == Some(MediaKind::Audio) { "audio" } else { "video" },
                "frames": track.frames,
                "shown": track.shown,
                "refused": track.refused,
                "refusal": track.refusal,
                "rtt": remote.and_then(|its| its.round_trip_time).map(|its| its.as_secs_f64() * 1e3),
                "lost": remote.map(|its| its.packets_lost),
                "sent": outbound.map(|its| its.stats.packets_sent),
            })
        });
        tracks.collect()
    }
}

impl Track {
    /// Counts a packet, and says whether it is of the layer that goes back.
    fn takes(&mut self, receiver: &Receiver<'_>, packet: &RtpPacket, sound: bool) -> bool {
        let rid = packet.source.and_then(|source| receiver.rid(source)).unwrap_or_default();
        if !self.frames.contains_key(rid) {
            self.frames.insert(rid.to_owned(), 0);
        }
        if let Some(frames) = self.frames.get_mut(rid) {
            *frames += u64::from(sound || packet.marker);
        }
        if self.shown.is_none() || (packet.keyframe && self.wanted.as_deref() == Some(rid)) {
            self.shown = Some(rid.to_owned());
            self.wanted = None;
        }
        self.shown.as_deref() == Some(rid)
    }
}
