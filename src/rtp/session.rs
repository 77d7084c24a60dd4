//! `Session`: the machine, and what a parent calls.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;

use super::arrivals::Arrivals;
use super::clock::{NtpTime, WallClock};
use super::config::{Config, Delivery, Payload, PayloadFormat, ReceiverConfig, SenderConfig};
use super::demux::Table;
use super::departures::{Departures, Feedback};
use super::error::{ConfigError, KeyframeError, StreamError, WriteError};
use super::event::{Event, KeyframeRequest, ReceiverId, SenderId, SourceId};
use super::frame::{Frame, RtpPacket};
use super::receiver::Receiver;
use super::report::{Asked, Schedule};
use super::sender::Sender;
use super::source::Source;
use super::stats::{SenderStats, SessionStats, SourceStats};
use crate::base::bitrate::Bitrate;
use crate::base::limits;
use crate::base::outbox::Outbox;
use crate::base::slots::{Key, Slots};
use crate::codec::MediaKind;
use crate::machine::{Machine, Output};
use crate::rng::Rng;
use crate::time::{Instant, Latest, earliest};
use crate::wire::rtp::ExtensionMap;

/// Bytes that arrived, in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// An RTP packet.
    Rtp(Bytes),
    /// An RTCP datagram: one packet or several.
    Rtcp(Bytes),
}

/// A packet that waits to be drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub(super) sender: Key,
    pub(super) number: u64,
}

/// What waits to be drawn, in the order of urgency.
#[derive(Clone, Debug, Default)]
pub(super) struct Queues {
    pub(super) audio: VecDeque<Queued>,
    pub(super) repeats: VecDeque<Queued>,
    pub(super) video: VecDeque<Queued>,
}

impl Queues {
    fn len(&self) -> usize {
        self.audio.len() + self.video.len()
    }

    pub(super) fn trim(&mut self) {
        self.audio.shrink_to_fit();
        self.repeats.shrink_to_fit();
        self.video.shrink_to_fit();
    }
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    Open,
    /// The goodbye is to be drawn, if there is somebody to say it for.
    Goodbye,
    /// Only the closing event is left.
    Said,
    Closed,
}

/// An RTP session: everything between frames or packets on one side and plaintext RTP and RTCP on the other. See the
/// [module](super) for how a parent uses it.
#[derive(Debug)]
pub struct Session {
    pub(super) latest: Latest,
    pub(super) config: Config,
    pub(super) rng: Rng,
    pub(super) wall: WallClock,
    pub(super) senders: Slots<Sender>,
    pub(super) receivers: Slots<Receiver>,
    pub(super) sources: Slots<Source>,
    pub(super) table: Table,
    /// The source of reports while nothing is sent.
    pub(super) own_ssrc: u32,
    pub(super) queues: Queues,
    /// Whether the pacer keeps media back.
    pub(super) is_held: bool,
    /// Sources with feedback to send.
    pub(super) pending: VecDeque<Key>,
    pub(super) arrivals: Arrivals,
    pub(super) departures: Departures,
    pub(super) feedback: VecDeque<Feedback>,
    pub(super) is_feedback_told: bool,
    pub(super) schedule: Schedule,
    pub(super) asked: Vec<Asked>,
    /// Our own estimate, to be told to the peer.
    pub(super) estimate: Option<Bitrate>,
    pub(super) is_estimate_due: bool,
    /// Sources that leave.
    pub(super) goodbyes: Vec<u32>,
    pub(super) round_trip: Option<Duration>,
    pub(super) events: Outbox<Event>,
    pub(super) closing: Closing,
    /// Nothing is due before this.
    pub(super) due_at: Option<Instant>,
    /// Whether all has been drawn: a poll before `due_at` has nothing to do.
    pub(super) is_drained: bool,
    pub(super) last_traffic_at: Instant,
    pub(super) frames: VecDeque<Frame>,
    pub(super) lost: Vec<Key>,
    pub(super) stats: SessionStats,
}

impl Session {
    /// A session that begins at `now`, when the wall clock shows `unix_time` since 1970.
    ///
    /// # Errors
    /// [`ConfigError`] names the first setting that cannot be.
    pub fn new(now: Instant, unix_time: Duration, mut rng: Rng, config: Config) -> Result<Self, ConfigError> {
        let len = config.cname.len();
        if len == 0 || len > 255 || len + limits::RTCP_LEAST_ROOM > config.mtu {
            return Err(ConfigError::Cname { len });
        }
        if config.mtu < limits::MIN_MTU || config.mtu > limits::MAX_DATAGRAM {
            return Err(ConfigError::Mtu { mtu: config.mtu });
        }
        let own_ssrc = rng.u32();
        let schedule = Schedule::new(rng.fork("rtcp"), config.bandwidth);
        Ok(Self {
            latest: Latest::new(now),
            rng,
            wall: WallClock::new(now, unix_time),
            senders: Slots::new(),
            receivers: Slots::new(),
            sources: Slots::new(),
            table: Table::default(),
            own_ssrc,
            queues: Queues::default(),
            is_held: false,
            pending: VecDeque::new(),
            arrivals: Arrivals::new(now),
            departures: Departures::new(now),
            feedback: VecDeque::new(),
            is_feedback_told: false,
            schedule,
            asked: Vec::new(),
            estimate: None,
            is_estimate_due: false,
            goodbyes: Vec::new(),
            round_trip: None,
            events: Outbox::new(limits::MAX_EVENTS),
            closing: Closing::Open,
            due_at: None,
            is_drained: false,
            last_traffic_at: now,
            frames: VecDeque::new(),
            lost: Vec::new(),
            stats: SessionStats::default(),
            config,
        })
    }

    /// Takes a packet or RTCP datagram that arrived, decrypted.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        let now = self.latest.advance(now);
        if self.closing != Closing::Open {
            return;
        }
        self.is_drained = false;
        self.last_traffic_at = now;
        match input {
            Input::Rtp(bytes) => self.on_rtp(now, bytes),
            Input::Rtcp(bytes) => self.on_rtcp(now, &bytes),
        }
    }

    // ---- senders ---------------------------------------------------------------------------------------------------

    /// Adds an encoding that may be sent.
    ///
    /// # Errors
    /// [`StreamError`] says what cannot be.
    pub fn add_sender(&mut self, config: SenderConfig) -> Result<SenderId, StreamError> {
        self.check_open()?;
        if self.senders.len() >= limits::RTP_SENDERS {
            return Err(StreamError::TooMany { limit: limits::RTP_SENDERS });
        }
        check_payloads(&config.payloads)?;
        check_id(config.mid.as_deref())?;
        check_id(config.rid.as_deref())?;
        let ssrc = self.claim(config.ssrc, None)?;
        let repeats = config.payloads.iter().any(|payload| payload.apt().is_some());
        let rtx_ssrc = if repeats { Some(self.claim(config.rtx_ssrc, Some(ssrc))?) } else { None };
        let sender = Sender::new(self.latest.now(), &mut self.rng, config, ssrc, rtx_ssrc);
        Ok(SenderId(self.senders.insert(sender)))
    }

    /// Changes what a sender may send, and how. Its source and numbering stay.
    ///
    /// # Errors
    /// [`StreamError`] says what cannot be; the sender then stays as it was.
    pub fn set_sender(&mut self, id: SenderId, config: SenderConfig) -> Result<(), StreamError> {
        self.check_open()?;
        check_payloads(&config.payloads)?;
        check_id(config.mid.as_deref())?;
        check_id(config.rid.as_deref())?;
        let sender = self.senders.get(id.0).ok_or(StreamError::Unknown)?;
        let ssrc = sender.ssrc;
        let repeats = config.payloads.iter().any(|payload| payload.apt().is_some());
        let rtx_ssrc = match sender.rtx_ssrc {
            Some(rtx_ssrc) if repeats => Some(rtx_ssrc),
            None if repeats => Some(self.claim(config.rtx_ssrc, Some(ssrc))?),
            Some(_) | None => None,
        };
        if let Some(sender) = self.senders.get_mut(id.0) {
            sender.config = config;
            sender.rtx_ssrc = rtx_ssrc;
            sender.stats.rtx_ssrc = rtx_ssrc;
            sender.configured();
        }
        Ok(())
    }

    /// Lets a sender send, or not: what waits to be drawn still is.
    ///
    /// # Errors
    /// [`StreamError::Unknown`].
    pub fn set_sender_active(&mut self, id: SenderId, active: bool) -> Result<(), StreamError> {
        let sender = self.senders.get_mut(id.0).ok_or(StreamError::Unknown)?;
        sender.config.active = active;
        sender.stats.active = active;
        Ok(())
    }

    /// Removes a sender: what waits is dropped, and the peer is told that its source leaves.
    pub fn remove_sender(&mut self, id: SenderId) {
        if let Some(sender) = self.senders.remove(id.0) {
            if sender.stats.packets_sent > 0 {
                self.goodbyes.push(sender.ssrc);
                self.goodbyes.extend(sender.rtx_ssrc);
            }
            self.is_drained = false;
        }
    }

    /// The configuration of a sender.
    pub fn sender(&self, id: SenderId) -> Option<&SenderConfig> {
        self.senders.get(id.0).map(|sender| &sender.config)
    }

    /// The source of a sender, and that of its repetitions.
    pub fn sender_ssrcs(&self, id: SenderId) -> Option<(u32, Option<u32>)> {
        self.senders.get(id.0).map(|sender| (sender.ssrc, sender.rtx_ssrc))
    }

    /// Sends a frame: cut for its codec, and drawn by [`poll_output`](Self::poll_output).
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the frame is then sent.
    pub fn write(&mut self, now: Instant, id: SenderId, frame: &Frame) -> Result<(), WriteError> {
        let now = self.begin_write(now)?;
        let mtu = self.config.mtu;
        let capture = frame.capture_time.unwrap_or_else(|| self.wall.ntp(now));
        let sender = self.senders.get_mut(id.0).ok_or(WriteError::UnknownSender)?;
        if !sender.config.active {
            return Err(WriteError::Inactive);
        }
        sender.history.expire(now, self.config.history, limits::RTP_QUEUE_AGE);
        let numbers = sender.write_frame(now, capture, mtu, frame)?;
        let kind = sender.config.kind;
        for number in numbers {
            self.enqueue(kind, Queued { sender: id.0, number });
        }
        Ok(())
    }

    /// Sends a packet as it came from elsewhere, under this sender's source and numbering. Packets of another source than before go on
    /// where those ended; switch at a key frame.
    ///
    /// # Errors
    /// [`WriteError`]; the packet is then not sent.
    pub fn write_rtp(&mut self, now: Instant, id: SenderId, packet: &RtpPacket) -> Result<(), WriteError> {
        let now = self.begin_write(now)?;
        let (mtu, capture) = (self.config.mtu, self.wall.ntp(now));
        let sender = self.senders.get_mut(id.0).ok_or(WriteError::UnknownSender)?;
        if !sender.config.active {
            return Err(WriteError::Inactive);
        }
        sender.history.expire(now, self.config.history, limits::RTP_QUEUE_AGE);
        let number = sender.write_packet(now, capture, mtu, packet)?;
        let kind = sender.config.kind;
        self.enqueue(kind, Queued { sender: id.0, number });
        Ok(())
    }

    fn begin_write(&mut self, now: Instant) -> Result<Instant, WriteError> {
        let now = self.latest.advance(now);
        if self.closing != Closing::Open {
            return Err(WriteError::Closed);
        }
        if self.queues.len() >= limits::RTP_QUEUE {
            return Err(WriteError::QueueFull { queued: self.queues.len(), limit: limits::RTP_QUEUE });
        }
        self.is_drained = false;
        self.last_traffic_at = now;
        Ok(now)
    }

    fn enqueue(&mut self, kind: MediaKind, queued: Queued) {
        match kind {
            MediaKind::Audio => self.queues.audio.push_back(queued),
            MediaKind::Video => self.queues.video.push_back(queued),
        }
    }

    /// How many packets wait to be drawn, repetitions included.
    pub fn queued_packets(&self) -> usize {
        self.queues.len() + self.queues.repeats.len()
    }

    /// Keeps video and repetitions back, or lets them go: a pacer's tap. Sound and RTCP are always drawn.
    pub fn hold_media(&mut self, hold: bool) {
        self.is_held = hold;
        self.is_drained = false;
    }

    // ---- receivers -------------------------------------------------------------------------------------------------

    /// Adds a media section that may be received.
    ///
    /// # Errors
    /// [`StreamError`] says what cannot be.
    pub fn add_receiver(&mut self, config: ReceiverConfig) -> Result<ReceiverId, StreamError> {
        self.check_open()?;
        if self.receivers.len() >= limits::RTP_RECEIVERS {
            return Err(StreamError::TooMany { limit: limits::RTP_RECEIVERS });
        }
        check_payloads(&config.payloads)?;
        check_id(config.mid.as_deref())?;
        let key = self.receivers.insert(Receiver::new(config.clone()));
        self.declare(self.latest.now(), key, &config);
        Ok(ReceiverId(key))
    }

    /// Changes what may be received. Sources that are known stay.
    ///
    /// # Errors
    /// [`StreamError`] says what cannot be; the receiver then stays as it was.
    pub fn set_receiver(&mut self, id: ReceiverId, config: ReceiverConfig) -> Result<(), StreamError> {
        self.check_open()?;
        check_payloads(&config.payloads)?;
        check_id(config.mid.as_deref())?;
        let receiver = self.receivers.get_mut(id.0).ok_or(StreamError::Unknown)?;
        receiver.set_delivery(config.delivery);
        receiver.config = config.clone();
        for (_, source) in self.sources.iter_mut().filter(|(_, source)| source.receiver == id.0) {
            source.payload = None;
        }
        self.declare(self.latest.now(), id.0, &config);
        Ok(())
    }

    /// Changes how what arrives is handed over; what waits in the other form is dropped.
    ///
    /// # Errors
    /// [`StreamError::Unknown`].
    pub fn set_delivery(&mut self, id: ReceiverId, delivery: Delivery) -> Result<(), StreamError> {
        let receiver = self.receivers.get_mut(id.0).ok_or(StreamError::Unknown)?;
        receiver.set_delivery(delivery);
        Ok(())
    }

    /// Removes a receiver with all its sources.
    pub fn remove_receiver(&mut self, id: ReceiverId) {
        if self.receivers.remove(id.0).is_none() {
            return;
        }
        let of = self.sources.iter().filter(|(_, source)| source.receiver == id.0);
        let keys: Vec<Key> = of.map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.forget_source(key));
    }

    /// The configuration of a receiver.
    pub fn receiver(&self, id: ReceiverId) -> Option<&ReceiverConfig> {
        self.receivers.get(id.0).map(|receiver| &receiver.config)
    }

    /// The sources of a receiver that have been heard, those of repetitions left out.
    pub fn sources(&self, id: ReceiverId) -> impl Iterator<Item = SourceId> + '_ {
        let of =
            self.sources.iter().filter(move |(_, source)| source.receiver == id.0 && source.is_announced);
        of.map(|(key, _)| SourceId(key))
    }

    /// The synchronization source of a source.
    pub fn source_ssrc(&self, id: SourceId) -> Option<u32> {
        self.sources.get(id.0).map(|source| source.ssrc)
    }

    /// The encoding that a source says it is (RFC 8852).
    pub fn source_rid(&self, id: SourceId) -> Option<&str> {
        self.sources.get(id.0)?.rid.as_deref()
    }

    /// The next frame of a receiver whose delivery is frames. Read until `None`: only then the next one is reported again.
    pub fn recv(&mut self, id: ReceiverId) -> Option<Frame> {
        let mut frame = self.receivers.get_mut(id.0)?.pop_frame()?;
        let source = frame.source.and_then(|source| self.sources.get(source.0));
        frame.capture_time = source.and_then(|source| source.ntp_at(frame.timestamp));
        Some(frame)
    }

    /// The next packet of a receiver whose delivery is packets, as [`recv`](Self::recv).
    pub fn recv_rtp(&mut self, id: ReceiverId) -> Option<RtpPacket> {
        self.receivers.get_mut(id.0)?.pop_packet()
    }

    /// Asks for a key frame of a source. Requests that follow soon are held and become one.
    ///
    /// # Errors
    /// [`KeyframeError`] if there is no such source, or that kind of request was not agreed.
    pub fn request_keyframe(
        &mut self,
        now: Instant,
        id: SourceId,
        request: KeyframeRequest,
    ) -> Result<(), KeyframeError> {
        let now = self.latest.advance(now);
        let source = self.sources.get(id.0).ok_or(KeyframeError::UnknownSource)?;
        let request = source.request_kind(request).ok_or(KeyframeError::NotNegotiated)?;
        self.ask_keyframe(now, id.0, request);
        Ok(())
    }

    // ---- the whole session -----------------------------------------------------------------------------------------

    /// Says which extensions packets arrive with, after descriptions have agreed.
    pub fn set_extensions(&mut self, extensions: ExtensionMap) {
        self.config.extensions = extensions;
    }

    /// Whether feedback may travel without a report (RFC 5506), forms of extension headers may be mixed (RFC 8285 §4.1.2), and arrivals
    /// on the transport are told, after descriptions have agreed.
    pub fn set_negotiated(&mut self, reduced_size: bool, extmap_allow_mixed: bool, transport_feedback: bool) {
        self.config.reduced_size = reduced_size;
        self.config.extmap_allow_mixed = extmap_allow_mixed;
        self.config.transport_feedback = transport_feedback;
    }

    /// Corrects the wall clock.
    pub fn set_unix_time(&mut self, now: Instant, unix_time: Duration) {
        let now = self.latest.advance(now);
        self.wall = WallClock::new(now, unix_time);
    }

    /// The wall clock, as reports tell it.
    pub fn ntp(&self, now: Instant) -> NtpTime {
        self.wall.ntp(now.max(self.latest.now()))
    }

    /// A round trip that was measured elsewhere, used until reports tell one.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip.get_or_insert(round_trip);
    }

    /// Tells the peer how much it may send (REMB), now and with each report; `None` stops that.
    pub fn set_estimate(&mut self, estimate: Option<Bitrate>) {
        self.is_estimate_due = estimate.is_some();
        self.is_drained = false;
        self.estimate = estimate;
    }

    /// The longest packet that may be sent, before protection.
    ///
    /// # Errors
    /// [`ConfigError::Mtu`].
    pub fn set_mtu(&mut self, mtu: usize) -> Result<(), ConfigError> {
        let least = limits::MIN_MTU.max(self.config.cname.len() + limits::RTCP_LEAST_ROOM);
        if mtu < least || mtu > limits::MAX_DATAGRAM {
            return Err(ConfigError::Mtu { mtu });
        }
        self.config.mtu = mtu;
        Ok(())
    }

    /// What the peer told of packets sent and of the path, for whoever estimates it. Read until `None`.
    pub fn take_feedback(&mut self) -> Option<Feedback> {
        let feedback = self.feedback.pop_front();
        if feedback.is_none() {
            self.is_feedback_told = false;
        }
        feedback
    }

    /// Says goodbye: the peer is told with the next datagram, and [`Event::Closed`] follows. What waits is lost.
    pub fn close(&mut self) {
        if self.closing == Closing::Open {
            self.closing = Closing::Goodbye;
            self.is_drained = false;
            self.events.clear();
            self.queues = Queues::default();
        }
    }

    /// Whether the session has ended or is about to.
    pub fn is_closed(&self) -> bool {
        self.closing != Closing::Open
    }

    /// The counters of a sender.
    pub fn sender_stats(&self, id: SenderId) -> Option<SenderStats> {
        self.senders.get(id.0).map(|sender| sender.stats.clone())
    }

    /// The counters of a source.
    pub fn source_stats(&self, id: SourceId) -> Option<SourceStats> {
        self.sources.get(id.0).map(Source::snapshot)
    }

    /// The counters of the session.
    pub fn stats(&self) -> SessionStats {
        let mut stats = self.stats.clone();
        stats.events_refused = self.events.refused();
        stats.round_trip_time = self.round_trip;
        stats
    }

    // ---- inside ----------------------------------------------------------------------------------------------------

    fn check_open(&self) -> Result<(), StreamError> {
        if self.closing == Closing::Open { Ok(()) } else { Err(StreamError::Closed) }
    }

    /// A source nobody uses: the one asked for, or a random one.
    fn claim(&mut self, wanted: Option<u32>, other: Option<u32>) -> Result<u32, StreamError> {
        let is_free = |session: &Self, ssrc: u32| {
            !session.is_own(ssrc) && !session.table.contains(ssrc) && other != Some(ssrc)
        };
        match wanted {
            Some(ssrc) if is_free(self, ssrc) => Ok(ssrc),
            Some(ssrc) => Err(StreamError::Ssrc { ssrc }),
            None => loop {
                let ssrc = self.rng.u32();
                if ssrc != 0 && is_free(self, ssrc) {
                    return Ok(ssrc);
                }
            },
        }
    }

    /// Whether a source is one of ours.
    pub(super) fn is_own(&self, ssrc: u32) -> bool {
        let mut senders = self.senders.iter();
        self.own_ssrc == ssrc
            || senders.any(|(_, sender)| sender.ssrc == ssrc || sender.rtx_ssrc == Some(ssrc))
    }

    /// Another participant uses one of our sources: we take another, once. Should it go on, what we hear is ourselves (RFC 3550 §8.2).
    pub(super) fn on_collision(&mut self, _now: Instant, ssrc: u32) {
        self.stats.rtp_looped += 1;
        if self.own_ssrc == ssrc {
            self.own_ssrc = self.rng.u32();
            return;
        }
        let Some(key) = self.senders.iter().find(|(_, sender)| sender.ssrc == ssrc).map(|(key, _)| key)
        else {
            return;
        };
        let Ok(fresh) = self.claim(None, None) else { return };
        let Some(sender) = self.senders.get_mut(key) else { return };
        if sender.collisions > 0 {
            return;
        }
        sender.collisions += 1;
        self.goodbyes.push(sender.ssrc);
        sender.change_ssrc(fresh);
        self.events.push_once(Event::SsrcChanged(SenderId(key)));
    }

    /// Something is due at that instant.
    pub(super) fn arm(&mut self, at: Option<Instant>) {
        self.due_at = earliest(self.due_at, at);
    }

    /// Asks for a key frame of that source, unless that was done a moment ago.
    pub(super) fn ask_keyframe(&mut self, now: Instant, key: Key, request: KeyframeRequest) {
        let Some(source) = self.sources.get_mut(key) else { return };
        if source.requests.request(now, request) {
            source.asks = Some(request);
            self.mark(key);
        } else {
            let at = source.requests.due_at();
            self.arm(at);
        }
    }

    /// The source has feedback to send.
    pub(super) fn mark(&mut self, key: Key) {
        if let Some(source) = self.sources.get_mut(key)
            && !source.has_feedback
        {
            source.has_feedback = true;
            self.pending.push_back(key);
            self.is_drained = false;
        }
    }

    /// The round trip, or what is assumed before one is known.
    pub(super) fn assumed_round_trip(&self) -> Duration {
        self.round_trip.unwrap_or(limits::RTP_ROUND_TRIP)
    }

    /// The session again, as it is.
    #[cfg(feature = "sim")]
    pub fn fork(&self) -> Self {
        Self {
            latest: self.latest.clone(),
            config: self.config.clone(),
            rng: self.rng.duplicate(),
            wall: self.wall.clone(),
            senders: self.senders.clone(),
            receivers: self.receivers.clone(),
            sources: self.sources.clone(),
            table: self.table.clone(),
            own_ssrc: self.own_ssrc,
            queues: self.queues.clone(),
            is_held: self.is_held,
            pending: self.pending.clone(),
            arrivals: self.arrivals.clone(),
            departures: self.departures.clone(),
            feedback: self.feedback.clone(),
            is_feedback_told: self.is_feedback_told,
            schedule: self.schedule.duplicate(),
            asked: self.asked.clone(),
            estimate: self.estimate,
            is_estimate_due: self.is_estimate_due,
            goodbyes: self.goodbyes.clone(),
            round_trip: self.round_trip,
            events: self.events.clone(),
            closing: self.closing,
            due_at: self.due_at,
            is_drained: self.is_drained,
            last_traffic_at: self.last_traffic_at,
            frames: self.frames.clone(),
            lost: self.lost.clone(),
            stats: self.stats.clone(),
        }
    }
}

impl Machine for Session {
    type Input<'i> = Input;
    type Path = ();
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Input) {
        self.handle_input(now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Event> {
        self.poll_output(now, buf)
    }
}

fn check_payloads(payloads: &[Payload]) -> Result<(), StreamError> {
    for (index, payload) in payloads.iter().enumerate() {
        let payload_type = payload.payload_type;
        if payload_type > 127 || (64..=95).contains(&payload_type) {
            return Err(StreamError::PayloadType { payload_type });
        }
        if payload.clock_rate == 0 && !matches!(payload.format, PayloadFormat::Opaque) {
            return Err(StreamError::ClockRate { payload_type });
        }
        if payloads.iter().take(index).any(|other| other.payload_type == payload_type) {
            return Err(StreamError::PayloadTypeTwice { payload_type });
        }
    }
    Ok(())
}

fn check_id(id: Option<&str>) -> Result<(), StreamError> {
    match id {
        Some(id) if id.is_empty() || id.len() > 255 => Err(StreamError::Id { len: id.len() }),
        Some(_) | None => Ok(()),
    }
}
