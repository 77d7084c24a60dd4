//! ICE, DTLS and SCTP as one bundled transport: who is fed, who is drained, and where data goes.

use std::collections::VecDeque;

use super::demux::{self, Protocol};
use super::jsep::{Encoding, NegotiatedMedia, TransceiverId};
use super::media::{DrawnMedia, Link, Media, SendLink};
use super::state::DtlsState;
use super::stats::{DatagramStats, InboundRtp, OutboundRtp};
use crate::base::bitrate::Bitrate;
use crate::base::limits;
use crate::data::{self, Channels};
use crate::dtls::{self, Connection};
use crate::ice::{self, Agent};
use crate::machine::Output;
use crate::net::{Datagram, Path, Transmit};
use crate::rtp::{self, Delivery};
use crate::srtp;
use crate::time::{Instant, earliest};

/// What a layer reported, in the order it did.
#[derive(Debug)]
pub(crate) enum Report {
    Ice(ice::Event),
    Dtls(dtls::Event),
    Data(data::Event),
    Rtp(rtp::Event),
}

/// The machines below a `PeerConnection`.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) ice: Agent,
    /// There is none before the DTLS role is negotiated.
    pub(crate) dtls: Option<Box<Connection>>,
    pub(crate) data: Channels,
    /// There is none before the first media section is negotiated.
    pub(crate) media: Option<Box<Media>>,
    /// How transceivers for which nothing is negotiated yet shall hand over what arrives.
    pub(crate) deliveries: Vec<(TransceiverId, Delivery)>,
    /// The peer's estimate of what may be sent to it.
    pub(crate) estimate: Option<Bitrate>,
    pub(crate) dtls_state: DtlsState,
    /// DTLS datagrams from a path whose check succeeded at the peer's end but not yet at ours: the peer may be half a round
    /// trip ahead. Looked at once the path is valid, so no ClientHello costs a retransmission timeout.
    early: VecDeque<(Path, Box<[u8]>)>,
    /// What data went over last.
    data_path: Option<Path>,
    pub(crate) mtu: usize,
    /// How many datagrams of data may be drawn at once.
    max_segments: usize,
    /// What a channel had to say between two datagrams that were drawn at once.
    between: Option<data::Event>,
    pub(crate) datagrams: DatagramStats,
}

impl Transport {
    pub(crate) fn new(ice: Agent, data: Channels, (mtu, max_segments): (usize, usize)) -> Self {
        Self {
            ice,
            dtls: None,
            data,
            media: None,
            deliveries: Vec::new(),
            estimate: None,
            dtls_state: DtlsState::New,
            early: VecDeque::new(),
            data_path: None,
            mtu,
            max_segments,
            between: None,
            datagrams: DatagramStats::default(),
        }
    }

    /// Data goes this way from now on; SCTP is told where that is another one (RFC 8831 §5).
    pub(crate) fn use_path(&mut self, path: Path) {
        if self.data_path.replace(path).is_some_and(|before| before != path) {
            let round_trip = self.ice.round_trip();
            self.data.path_changed(round_trip);
        }
    }

    /// Takes one datagram to the layer it is for.
    pub(crate) fn handle_input(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.datagrams.received += 1;
        self.datagrams.received_bytes += datagram.data.len() as u64;
        match demux::classify(datagram.data) {
            Protocol::Stun => self.ice.handle_input(now, datagram),
            Protocol::Dtls => self.on_dtls_datagram(now, datagram),
            Protocol::Rtp | Protocol::Rtcp => self.on_media_datagram(now, datagram),
            Protocol::Other => self.datagrams.unknown_protocol += 1,
        }
    }

    fn on_dtls_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        if self.ice.accepts(&datagram.path) {
            self.feed_dtls(now, datagram.data);
        } else if self.dtls_state != DtlsState::Connected && self.ice.is_authenticated(&datagram.path) {
            if self.early.len() >= limits::MAX_EARLY_DATAGRAMS {
                self.early.pop_front();
                self.datagrams.unvalidated_path += 1;
            }
            self.early.push_back((datagram.path, datagram.data.into()));
            self.ice.recheck(now, &datagram.path);
        } else {
            // No work at all for who has not proved a path to us: no signature, no amplification.
            self.datagrams.unvalidated_path += 1;
        }
    }

    fn on_media_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        let Some(media) = &mut self.media else {
            self.datagrams.unexpected_media += 1;
            return;
        };
        if self.ice.accepts(&datagram.path) {
            media.handle_input(now, datagram.data);
        } else {
            self.datagrams.unvalidated_path += 1;
        }
    }

    fn feed_dtls(&mut self, now: Instant, data: &[u8]) {
        let Some(dtls) = &mut self.dtls else {
            self.datagrams.before_negotiation += 1;
            return;
        };
        dtls.handle_input(now, data);
        while let Some(plaintext) = dtls.recv() {
            self.data.handle_input(now, plaintext);
        }
    }

    /// Looks again at what came before its path was valid.
    pub(crate) fn replay_early(&mut self, now: Instant) {
        if self.dtls.is_none() {
            return;
        }
        for _ in 0..self.early.len() {
            let Some((path, data)) = self.early.pop_front() else { return };
            if self.ice.accepts(&path) {
                self.feed_dtls(now, &data);
            } else {
                self.early.push_back((path, data));
            }
        }
        if self.early.is_empty() {
            self.early = VecDeque::new();
        }
    }

    /// Lets time pass in every layer and returns the next thing one of them has to say.
    pub(crate) fn next_report(&mut self, now: Instant) -> Result<Report, Option<Instant>> {
        let ice_wait = match self.ice.poll_output(now, &mut []) {
            Output::Event(event) => return Ok(Report::Ice(event)),
            Output::Transmit(_) => None,
            Output::Wait(wait) => wait,
        };
        let dtls_wait = match self.dtls.as_mut().map(|dtls| dtls.poll_output(now, &mut [])) {
            Some(Output::Event(event)) => return Ok(Report::Dtls(event)),
            Some(Output::Wait(wait)) => wait,
            Some(Output::Transmit(_)) | None => None,
        };
        let media_wait = match self.media.as_mut().map(|media| media.rtp.poll_output(now, &mut [])) {
            Some(Output::Event(event)) => return Ok(Report::Rtp(event)),
            Some(Output::Wait(wait)) => wait,
            Some(Output::Transmit(_)) | None => None,
        };
        let wait = earliest(media_wait, earliest(ice_wait, dtls_wait));
        if let Some(event) = self.between.take() {
            return Ok(Report::Data(event));
        }
        match self.data.poll_output(now, &mut []) {
            Output::Event(event) => Ok(Report::Data(event)),
            Output::Transmit(_) => Err(wait),
            Output::Wait(data_wait) => Err(earliest(wait, data_wait)),
        }
    }

    /// Draws the next datagram: checks and consent, then handshake and alerts, then media, then SCTP. Or says until when there is none.
    pub(crate) fn draw(&mut self, now: Instant, buf: &mut [u8]) -> Drawn {
        let ice_wait = match self.ice.poll_output(now, buf) {
            Output::Transmit(transmit) => return Drawn::Transmit(self.drawn(transmit)),
            Output::Event(event) => return Drawn::Report(Report::Ice(event)),
            Output::Wait(wait) => wait,
        };
        let Some(path) = self.ice.active_path() else { return Drawn::NoPath };
        let mtu = self.mtu.min(buf.len());
        let Some(dtls) = &mut self.dtls else { return Drawn::Wait(ice_wait) };
        let dtls_wait = match dtls.poll_output(now, buf) {
            Output::Transmit(transmit) => {
                return Drawn::Transmit(self.drawn(Transmit::new(path, transmit.len)));
            }
            Output::Event(event) => return Drawn::Report(Report::Dtls(event)),
            Output::Wait(wait) => wait,
        };
        let mut wait = earliest(ice_wait, dtls_wait);
        if self.dtls_state != DtlsState::Connected {
            return Drawn::NoPath;
        }
        match self.draw_media(now, buf) {
            None => {}
            Some(Drawn::Wait(media_wait)) => wait = earliest(wait, media_wait),
            Some(drawn) => return drawn,
        }
        let Some(dtls) = &mut self.dtls else { return Drawn::Wait(wait) };
        let (head, end) = (dtls.seal_head(), mtu.saturating_sub(dtls.seal_tail()));
        match self.data.poll_output(now, buf.get_mut(head..end).unwrap_or_default()) {
            Output::Transmit(transmit) => match dtls.seal_in_place(buf, transmit.len) {
                Ok(len) => {
                    let first = self.drawn(Transmit::new(path, len));
                    return Drawn::Transmit(self.draw_segments(now, buf, first));
                }
                // Only an exhausted sequence space ends here; the DTLS connection reports it.
                Err(_) => self.datagrams.unsealed += 1,
            },
            Output::Event(event) => return Drawn::Report(Report::Data(event)),
            Output::Wait(data_wait) => wait = earliest(wait, data_wait),
        }
        if let Some(len) = self.data.late_output(buf.get_mut(head..end).unwrap_or_default()) {
            match dtls.seal_in_place(buf, len) {
                Ok(len) => return Drawn::Transmit(self.drawn(Transmit::new(path, len))),
                Err(_) => self.datagrams.unsealed += 1,
            }
        }
        Drawn::Wait(wait)
    }

    /// Draws more data behind a datagram of it, as UDP segmentation offload wants them: each as long as the first, but the last. Only
    /// behind one of full size, since what follows is known when it is drawn and cannot be longer then.
    fn draw_segments(&mut self, now: Instant, buf: &mut [u8], first: Transmit<Path>) -> Transmit<Path> {
        let mut drawn = first;
        let Some(dtls) = &mut self.dtls else { return drawn };
        let (head, tail) = (dtls.seal_head(), dtls.seal_tail());
        // Packets of SCTP end on a multiple of four bytes (RFC 9260 §3.2).
        let longest = self.mtu.saturating_sub(head + tail) / 4 * 4 + head + tail;
        if first.len < longest {
            return drawn;
        }
        for _ in 1..self.max_segments {
            let Some(room) = buf.get_mut(drawn.len..drawn.len + self.mtu) else { break };
            let inner = room.get_mut(head..self.mtu - tail).unwrap_or_default();
            let len = match self.data.poll_output(now, inner) {
                Output::Transmit(transmit) => transmit.len,
                Output::Event(event) => {
                    self.between = Some(event);
                    break;
                }
                Output::Wait(_) => break,
            };
            let Ok(len) = dtls.seal_in_place(room, len) else {
                self.datagrams.unsealed += 1;
                break;
            };
            self.datagrams.sent += 1;
            self.datagrams.sent_bytes += len as u64;
            drawn.len += len;
            if len < first.len {
                break;
            }
        }
        drawn
    }

    /// Draws the next packet of media, if there is any and somewhere to send it.
    pub(crate) fn draw_media(&mut self, now: Instant, buf: &mut [u8]) -> Option<Drawn> {
        let path = self.ice.active_path()?;
        let media = self.media.as_mut()?;
        Some(match media.draw(now, buf) {
            DrawnMedia::Packet(len) => Drawn::Media(self.drawn(Transmit::new(path, len))),
            DrawnMedia::Event(event) => Drawn::Report(Report::Rtp(event)),
            DrawnMedia::Wait(wait) => Drawn::Wait(wait),
        })
    }

    /// Draws what ends the connection: BYE, SCTP's ABORT, then DTLS's `close_notify`. Nothing else leaves any more.
    pub(crate) fn draw_goodbye(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        let dtls = self.dtls.as_mut()?;
        if let Some(media) = &mut self.media {
            while media.is_keyed() {
                match media.draw(now, buf) {
                    DrawnMedia::Packet(len) => return Some(self.drawn(Transmit::new((), len)).len),
                    DrawnMedia::Event(_) => {}
                    DrawnMedia::Wait(_) => break,
                }
            }
        }
        if self.dtls_state == DtlsState::Connected {
            let (head, end) = (dtls.seal_head(), self.mtu.min(buf.len()).saturating_sub(dtls.seal_tail()));
            let inner = buf.get_mut(head..end).unwrap_or_default();
            if let Output::Transmit(transmit) = self.data.poll_output(now, inner) {
                let len = dtls.seal_in_place(buf, transmit.len).ok()?;
                return Some(self.drawn(Transmit::new((), len)).len);
            }
        }
        dtls.close();
        match dtls.poll_output(now, buf) {
            Output::Transmit(transmit) => Some(self.drawn(transmit).len),
            Output::Event(_) | Output::Wait(_) => None,
        }
    }

    /// Lets go of all that stands on a DTLS association that another takes the place of.
    pub(crate) fn drop_association(&mut self) {
        self.dtls = None;
        self.dtls_state = DtlsState::New;
        self.early.clear();
        self.ice.leave_previous();
        if let Some(media) = &mut self.media {
            media.forget_keys();
        }
    }

    /// Gives media its keys, once there are both.
    pub(crate) fn key_media(&mut self) {
        let (Some(media), Some(dtls)) = (&mut self.media, &self.dtls) else { return };
        if media.is_keyed() || self.dtls_state != DtlsState::Connected {
            return;
        }
        let side = match dtls.role() {
            dtls::Role::Client => srtp::Side::Client,
            dtls::Role::Server => srtp::Side::Server,
        };
        if let Some(keys) = dtls.srtp_keying_material() {
            media.set_keys(&keys, side);
        }
        if let Some(round_trip) = self.ice.round_trip() {
            media.rtp.set_round_trip(round_trip);
        }
    }

    /// Brings media to what offer and answer settled.
    pub(crate) fn apply_media(&mut self, negotiated: Vec<NegotiatedMedia>) {
        if let Some(media) = &mut self.media {
            media.apply(negotiated);
            self.deliveries.retain(|(id, delivery)| !media.set_delivery(*id, *delivery));
        }
        self.key_media();
    }

    /// Chooses how a transceiver hands over what arrives, now or as soon as something is negotiated for it.
    pub(crate) fn set_delivery(&mut self, id: TransceiverId, delivery: Delivery) {
        if !self.media.as_mut().is_some_and(|media| media.set_delivery(id, delivery)) {
            self.deliveries.retain(|(its, _)| *its != id);
            self.deliveries.push((id, delivery));
        }
    }

    /// What a transceiver has, if its section was accepted.
    pub(crate) fn link(&self, id: TransceiverId) -> Option<&Link> {
        self.media.as_ref()?.link(id)
    }

    /// Whether media may be sent.
    pub(crate) fn media_is_keyed(&self) -> bool {
        self.media.as_ref().is_some_and(|media| media.is_keyed())
    }

    /// The peer's estimate of what may be sent to it.
    pub(crate) const fn media_estimate(&self) -> Option<Bitrate> {
        self.estimate
    }

    /// What is sent, encoding by encoding.
    pub(crate) fn outbound_rtp(&self) -> Vec<OutboundRtp> {
        let Some(media) = &self.media else { return Vec::new() };
        let of = |link: &Link| -> Vec<OutboundRtp> {
            let stats = |its: &SendLink| {
                Some(OutboundRtp {
                    mid: link.negotiated.mid.to_string(),
                    kind: link.negotiated.kind,
                    rid: its.rid.clone(),
                    stats: media.rtp.sender_stats(its.id)?,
                })
            };
            link.senders.iter().filter_map(stats).collect()
        };
        media.links.iter().flat_map(of).collect()
    }

    /// What is received, source by source.
    pub(crate) fn inbound_rtp(&self) -> Vec<InboundRtp> {
        let Some(media) = &self.media else { return Vec::new() };
        let of = |link: &Link| -> Vec<InboundRtp> {
            let Some(receiver) = link.receiver else { return Vec::new() };
            let stats = |source| {
                let (mid, kind) = (link.negotiated.mid.to_string(), link.negotiated.kind);
                Some(InboundRtp { mid, kind, stats: media.rtp.source_stats(source)? })
            };
            media.rtp.sources(receiver).filter_map(stats).collect()
        };
        media.links.iter().flat_map(of).collect()
    }

    /// A transceiver is stopped: it sends nothing any more, at once.
    pub(crate) fn stop_media(&mut self, id: TransceiverId) {
        let Some(media) = &mut self.media else { return };
        let senders = media.link(id).map(|link| link.senders.clone()).unwrap_or_default();
        for sender in senders {
            media.rtp.set_sender_active(sender.id, false).unwrap_or_default();
        }
    }

    /// Encodings are switched on or off, at once.
    pub(crate) fn set_encodings(&mut self, id: TransceiverId, encodings: &[Encoding]) {
        if let Some(media) = &mut self.media {
            media.set_encodings(id, encodings);
        }
    }

    /// Counts a datagram.
    fn drawn<P>(&mut self, transmit: Transmit<P>) -> Transmit<P> {
        self.datagrams.sent += 1;
        self.datagrams.sent_bytes += transmit.len as u64;
        transmit
    }

    /// The layers below SCTP have what it needs: the DTLS record's room in a datagram.
    pub(crate) fn data_mtu(&self) -> usize {
        let overhead = self.dtls.as_ref().map_or(0, |dtls| dtls.seal_head() + dtls.seal_tail());
        self.mtu.saturating_sub(overhead)
    }

    #[cfg(feature = "sim")]
    pub(crate) fn fork(&self) -> Self {
        Self {
            ice: self.ice.fork(),
            dtls: self.dtls.as_ref().map(|dtls| Box::new(dtls.fork())),
            data: self.data.fork(),
            media: self.media.as_ref().map(|media| Box::new(media.fork())),
            deliveries: self.deliveries.clone(),
            estimate: self.estimate,
            dtls_state: self.dtls_state,
            early: self.early.clone(),
            data_path: self.data_path,
            mtu: self.mtu,
            max_segments: self.max_segments,
            between: self.between.clone(),
            datagrams: self.datagrams,
        }
    }

    /// Gives back the memory an idle connection does not need.
    pub(crate) fn trim(&mut self) {
        self.ice.trim();
        if let Some(dtls) = &mut self.dtls {
            dtls.trim();
        }
        self.data.trim();
        if let Some(media) = &mut self.media {
            media.trim();
        }
        self.early.shrink_to_fit();
    }
}

/// What drawing came to.
#[derive(Debug)]
pub(crate) enum Drawn {
    Transmit(Transmit<Path>),
    /// The same, where it is a packet of media.
    Media(Transmit<Path>),
    /// A layer had something to say before it could draw.
    Report(Report),
    /// Nothing before this.
    Wait(Option<Instant>),
    /// Some layers may not send yet: the timers alone say when to come back.
    NoPath,
}
