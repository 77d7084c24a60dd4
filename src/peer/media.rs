//! Media of a connection: RTP under SRTP, and which senders and receiver each transceiver has.

use core::time::Duration;

use super::jsep::{Encoding, Feedback, NegotiatedCodec, NegotiatedMedia, TransceiverId};
use super::stats::MediaStats;
use crate::base::arena::Arena;
use crate::base::limits;
use crate::codec::CodecKind;
use crate::codec::h264::PacketizationMode;
use crate::crypto::srtp_keys::{KeyingMaterial, SrtpProfile};
use crate::machine::Output;
use crate::rng::Rng;
use crate::rtp::{
    self, Delivery, FeedbackKinds, Input, Payload, PayloadFormat, ReceiverConfig, ReceiverId, SenderConfig,
    SenderId,
};
use crate::srtp;
use crate::time::Instant;
use crate::wire::rtp::{ExtensionKind, ExtensionMap, is_rtcp};

/// One encoding of a transceiver.
#[derive(Clone, Debug)]
pub(crate) struct SendLink {
    pub(crate) rid: Option<String>,
    pub(crate) id: SenderId,
    ssrc: u32,
}

/// A transceiver whose section was accepted, with what it has in the RTP session.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) negotiated: NegotiatedMedia,
    pub(crate) senders: Vec<SendLink>,
    pub(crate) receiver: Option<ReceiverId>,
    delivery: Delivery,
}

impl Link {
    /// The encoding of that name; `None` is the first.
    pub(crate) fn sender(&self, rid: Option<&str>) -> Option<SenderId> {
        let is_it = |link: &&SendLink| rid.is_none() || link.rid.as_deref() == rid;
        self.senders.iter().find(is_it).map(|link| link.id)
    }
}

/// The RTP session of a connection and its keys.
#[derive(Debug)]
pub(crate) struct Media {
    pub(crate) rtp: rtp::Session,
    srtp: Option<Box<srtp::Session>>,
    /// What SRTP had counted, and its profile, when the connection ended.
    ended: Option<(srtp::Stats, SrtpProfile)>,
    arena: Arena,
    /// In the order of the sections.
    pub(crate) links: Vec<Link>,
    /// How the next receiver hands over what arrives.
    delivery: Delivery,
    pub(crate) stats: MediaStats,
}

/// What drawing media came to.
#[derive(Debug)]
pub(crate) enum DrawnMedia {
    Packet(usize),
    Event(rtp::Event),
    Wait(Option<Instant>),
}

impl Media {
    /// The session of a connection whose first media section has just been negotiated. `None` if the canonical name cannot be one, which
    /// the negotiator does not let happen.
    pub(crate) fn new(
        now: Instant,
        unix_time: Duration,
        rng: Rng,
        (cname, mtu): (&str, usize),
        delivery: Delivery,
    ) -> Option<Self> {
        let config = rtp::Config { mtu: media_mtu(mtu), ..rtp::Config::new(cname) };
        let rtp = rtp::Session::new(now, unix_time, rng, config).ok()?;
        Some(Self {
            rtp,
            srtp: None,
            ended: None,
            arena: Arena::new(limits::ARENA_BLOCK, limits::RTP_ARENA_BLOCKS),
            links: Vec::new(),
            delivery,
            stats: MediaStats::default(),
        })
    }

    /// Whether there are keys: nothing is sent or read without.
    pub(crate) const fn is_keyed(&self) -> bool {
        self.srtp.is_some()
    }

    /// Takes the keys of the DTLS association.
    pub(crate) fn set_keys(&mut self, keys: &KeyingMaterial, side: srtp::Side) {
        // OpenSSL refuses no key of the right length; without a session media stays where it is, and is counted.
        self.srtp = srtp::Session::new(keys, side).ok().map(Box::new);
    }

    /// The association that the keys were of is over.
    pub(crate) fn forget_keys(&mut self) {
        self.srtp = None;
    }

    /// The goodbye has been said: nothing is protected or taken any more, and what was counted is still told.
    pub(crate) fn end(&mut self) {
        if let Some(srtp) = self.srtp.take() {
            self.ended = Some((srtp.stats(), srtp.profile()));
        }
    }

    /// The counters of SRTP, once there are keys.
    pub(crate) fn srtp_stats(&self) -> Option<srtp::Stats> {
        self.srtp.as_ref().map(|srtp| srtp.stats()).or(self.ended.map(|(stats, _)| stats))
    }

    /// The profile of the keys, once there are some.
    pub(crate) fn profile(&self) -> Option<SrtpProfile> {
        self.srtp.as_ref().map(|srtp| srtp.profile()).or(self.ended.map(|(_, profile)| profile))
    }

    /// Takes a protected packet that arrived over a path with a valid pair.
    pub(crate) fn handle_input(&mut self, now: Instant, data: &[u8]) {
        let Some(srtp) = &mut self.srtp else {
            self.stats.before_keys += 1;
            return;
        };
        // A packet that fails is counted by SRTP and leaves nothing behind.
        if is_rtcp(data) {
            if let Ok(packet) = srtp.unprotect_rtcp(data, &mut self.arena) {
                self.rtp.handle_input(now, Input::Rtcp(packet));
            }
        } else if let Ok(packet) = srtp.unprotect_rtp(data, &mut self.arena) {
            self.rtp.handle_input(now, Input::Rtp(packet));
        }
    }

    /// Draws the next packet into `buf`, protected.
    pub(crate) fn draw(&mut self, now: Instant, buf: &mut [u8]) -> DrawnMedia {
        let Some(srtp) = &mut self.srtp else { return DrawnMedia::Wait(None) };
        loop {
            let len = match self.rtp.poll_output(now, buf) {
                Output::Event(event) => return DrawnMedia::Event(event),
                Output::Wait(wait) => return DrawnMedia::Wait(wait),
                Output::Transmit(transmit) => transmit.len,
            };
            let is_control = buf.get(..len).is_some_and(is_rtcp);
            let protected = if is_control { srtp.protect_rtcp(buf, len) } else { srtp.protect_rtp(buf, len) };
            match protected {
                Ok(len) => return DrawnMedia::Packet(len),
                // Keys that have been used up: no packet leaves under them any more.
                Err(_) => self.stats.unprotected += 1,
            }
        }
    }

    /// The transceiver that a receiver belongs to.
    pub(crate) fn of_receiver(&self, receiver: ReceiverId) -> Option<TransceiverId> {
        self.links.iter().find(|link| link.receiver == Some(receiver)).map(|link| link.negotiated.transceiver)
    }

    /// The transceiver that a sender belongs to, and the name of the encoding.
    pub(crate) fn of_sender(&self, sender: SenderId) -> Option<(TransceiverId, Option<String>)> {
        self.links.iter().find_map(|link| {
            let found = link.senders.iter().find(|its| its.id == sender)?;
            Some((link.negotiated.transceiver, found.rid.clone()))
        })
    }

    /// What a transceiver has, if its section was accepted.
    pub(crate) fn link(&self, id: TransceiverId) -> Option<&Link> {
        self.links.iter().find(|link| link.negotiated.transceiver == id)
    }

    /// Chooses how a transceiver hands over what arrives; false if its section was never accepted.
    pub(crate) fn set_delivery(&mut self, id: TransceiverId, delivery: Delivery) -> bool {
        let Some(link) = self.links.iter_mut().find(|link| link.negotiated.transceiver == id) else {
            return false;
        };
        link.delivery = delivery;
        if let Some(receiver) = link.receiver {
            self.rtp.set_delivery(receiver, delivery).unwrap_or_default();
        }
        true
    }

    /// Brings the encodings of a transceiver to what the application says.
    pub(crate) fn set_encodings(&mut self, id: TransceiverId, encodings: &[Encoding]) {
        let Some(at) = self.links.iter().position(|link| link.negotiated.transceiver == id) else { return };
        let Some(link) = self.links.get_mut(at) else { return };
        for (source, encoding) in link.negotiated.local_sources.iter_mut().zip(encodings) {
            source.encoding = encoding.clone();
        }
        self.apply_senders(at);
    }

    /// Forgets a transceiver that is gone.
    pub(crate) fn remove(&mut self, id: TransceiverId) {
        let Some(at) = self.links.iter().position(|link| link.negotiated.transceiver == id) else { return };
        let link = self.links.remove(at);
        for sender in link.senders {
            self.rtp.remove_sender(sender.id);
        }
        if let Some(receiver) = link.receiver {
            self.rtp.remove_receiver(receiver);
        }
    }

    /// Brings senders and receivers to what offer and answer settled. What is not among `media` neither sends nor receives.
    pub(crate) fn apply(&mut self, media: Vec<NegotiatedMedia>) {
        self.apply_session(&media);
        for link in &mut self.links {
            if !media.iter().any(|its| its.transceiver == link.negotiated.transceiver) {
                for sender in &link.senders {
                    self.rtp.set_sender_active(sender.id, false).unwrap_or_default();
                }
                if let Some(receiver) = link.receiver.take() {
                    self.rtp.remove_receiver(receiver);
                }
            }
        }
        for its in media {
            let id = its.transceiver;
            if let Some(link) = self.links.iter_mut().find(|link| link.negotiated.transceiver == id) {
                link.negotiated = its;
            } else {
                let delivery = self.delivery;
                self.links.push(Link { negotiated: its, senders: Vec::new(), receiver: None, delivery });
            }
        }
        for at in 0..self.links.len() {
            self.apply_senders(at);
            self.apply_receiver(at);
        }
    }

    /// What holds for the whole session: extensions that arrive, the size of RTCP, feedback.
    fn apply_session(&mut self, media: &[NegotiatedMedia]) {
        let mut extensions = ExtensionMap::new();
        for extension in media.iter().flat_map(|its| &its.extensions).filter(|its| its.receive) {
            // The negotiator keeps ids the same in all sections of the bundle (RFC 9143 §9.2).
            extensions.insert(extension.id, extension.kind).unwrap_or_default();
        }
        let codecs = media.iter().flat_map(|its| its.receive_codecs.iter());
        let feedback = extensions.id(ExtensionKind::TransportSequence).is_some()
            && codecs.into_iter().any(|codec| codec.has(Feedback::TransportCc));
        let reduced = !media.is_empty() && media.iter().all(|its| its.reduced_size_rtcp);
        let mixed = media.iter().any(|its| its.extensions_mixed);
        self.rtp.set_extensions(extensions);
        self.rtp.set_negotiated(reduced, mixed, feedback);
    }

    fn apply_senders(&mut self, at: usize) {
        let Some(link) = self.links.get_mut(at) else { return };
        let media = &link.negotiated;
        let mut extensions = ExtensionMap::new();
        for extension in media.extensions.iter().filter(|its| its.send) {
            extensions.insert(extension.id, extension.kind).unwrap_or_default();
        }
        for source in &media.local_sources {
            let rid = source.encoding.rid.as_ref().map(ToString::to_string);
            let mut payloads = payloads(&media.send_codecs);
            if let Some(codec) = &source.encoding.codec {
                let chosen = media.send_codec(codec);
                payloads
                    .sort_by_key(|its| chosen.is_none_or(|chosen| chosen.payload_type != its.payload_type));
            }
            let config = SenderConfig {
                mid: Some(media.mid.to_string()),
                rid: rid.clone(),
                ssrc: Some(source.ssrc),
                rtx_ssrc: source.rtx_ssrc,
                payloads,
                extensions,
                active: media.sends() && source.encoding.active && !source.paused,
                ..SenderConfig::new(media.kind)
            };
            if let Some(known) = link.senders.iter_mut().find(|its| its.ssrc == source.ssrc) {
                known.rid = rid;
                if self.rtp.set_sender(known.id, config).is_err() {
                    self.stats.refused_streams += 1;
                }
            } else if media.sends() {
                match self.rtp.add_sender(config) {
                    Ok(id) => link.senders.push(SendLink { rid, id, ssrc: source.ssrc }),
                    Err(_) => self.stats.refused_streams += 1,
                }
            }
        }
        let (rtp, sources) = (&mut self.rtp, &media.local_sources);
        for sender in &link.senders {
            if !sources.iter().any(|source| source.ssrc == sender.ssrc) {
                rtp.set_sender_active(sender.id, false).unwrap_or_default();
            }
        }
    }

    fn apply_receiver(&mut self, at: usize) {
        let Some(link) = self.links.get_mut(at) else { return };
        let media = &link.negotiated;
        if !media.receives() {
            if let Some(receiver) = link.receiver.take() {
                self.rtp.remove_receiver(receiver);
            }
            return;
        }
        let pair = |source: &super::jsep::RemoteSource| source.rtx_ssrc.map(|rtx| (source.ssrc, rtx));
        let config = ReceiverConfig {
            mid: Some(media.mid.to_string()),
            rids: media.remote_layers.iter().flat_map(|layer| &layer.rids).map(ToString::to_string).collect(),
            payloads: payloads(&media.receive_codecs),
            ssrcs: media.remote_sources.iter().map(|source| source.ssrc).collect(),
            rtx_pairs: media.remote_sources.iter().filter_map(pair).collect(),
            delivery: link.delivery,
            ..ReceiverConfig::new(media.kind)
        };
        let done = match link.receiver {
            Some(receiver) => self.rtp.set_receiver(receiver, config),
            None => self.rtp.add_receiver(config).map(|receiver| link.receiver = Some(receiver)),
        };
        if done.is_err() {
            self.stats.refused_streams += 1;
        }
    }

    /// The path carries datagrams of that length at most.
    pub(crate) fn set_mtu(&mut self, mtu: usize) {
        self.rtp.set_mtu(media_mtu(mtu)).unwrap_or_default();
    }

    /// Gives back the memory an idle connection does not need.
    pub(crate) fn trim(&mut self) {
        self.arena.trim();
        if let Some(srtp) = &mut self.srtp {
            srtp.trim();
        }
        self.links.iter_mut().for_each(|link| link.senders.shrink_to_fit());
        self.links.shrink_to_fit();
    }

    #[cfg(feature = "sim")]
    pub(crate) fn fork(&self) -> Self {
        Self {
            rtp: self.rtp.fork(),
            srtp: self.srtp.as_ref().map(|srtp| Box::new(srtp.fork())),
            ended: self.ended,
            arena: Arena::new(limits::ARENA_BLOCK, limits::RTP_ARENA_BLOCKS),
            links: self.links.clone(),
            delivery: self.delivery,
            stats: self.stats,
        }
    }
}

/// What protection may add has to fit behind.
const fn media_mtu(mtu: usize) -> usize {
    mtu.saturating_sub(limits::SRTP_OVERHEAD)
}

/// The payload types of a list of codecs, each with its repetitions.
fn payloads(codecs: &[NegotiatedCodec]) -> Vec<Payload> {
    let mut all = Vec::new();
    for its in codecs {
        let kind = CodecKind::from_name(&its.codec.name);
        let feedback = FeedbackKinds {
            nack: its.has(Feedback::Nack),
            pli: its.has(Feedback::Pli),
            fir: its.has(Feedback::Fir),
            remb: its.has(Feedback::Remb),
        };
        all.push(Payload {
            payload_type: its.payload_type,
            format: kind.map_or(PayloadFormat::Opaque, PayloadFormat::Codec),
            clock_rate: its.codec.clock_rate,
            feedback,
            // Mode 0 is what no parameter says (RFC 6184 §8.1).
            h264_mode: match its.codec.parameters.get("packetization-mode") {
                Some("1") => PacketizationMode::NonInterleaved,
                Some(_) | None => PacketizationMode::SingleNal,
            },
        });
        all.extend(its.rtx.map(|rtx| Payload::rtx(rtx, its.payload_type, its.codec.clock_rate)));
    }
    all.shrink_to_fit();
    all
}
