//! `Session`: the machine, and what a parent calls.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;

use super::arrivals::Arrivals;
use super::clock::{NtpTime, WallClock};
use super::config::Config;
use super::demux::Table;
use super::error::ConfigError;
use super::event::{Event, KeyframeRequest, SenderId, SourceId};
use super::feedback::{Feedback, FeedbackQueue};
use super::frame::Frame;
use super::receiver::{Receiver, Unread};
use super::report::{Asked, Schedule};
use super::sender::Sender;
use super::source::Source;
use super::stats::{SenderStats, SessionStats, SourceStats};
use crate::base::bitrate::Bitrate;
use crate::base::limits;
use crate::base::outbox::Outbox;
use crate::base::slots::{Key, Slots};
use crate::cc::{Departure, Estimator, History};
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
    pub(super) fn len(&self) -> usize {
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
    /// Goodbyes are left to be drawn, and the closing event.
    Goodbye,
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
    pub(super) departures: History,
    /// Of the packet that was drawn last, if it counts on the transport: the bytes under way when it left.
    pub(super) departed: Option<usize>,
    pub(super) feedback: FeedbackQueue,
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
    /// When memory that had not been needed for a while was given back last.
    pub(super) rested_at: Instant,
    pub(super) frames: VecDeque<Frame>,
    pub(super) lost: Vec<Unread>,
    /// Bytes that sources and receivers hold.
    pub(super) charged: usize,
    /// Where the search for a source that gives up goes on.
    pub(super) hand: u32,
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
            departures: History::new(),
            departed: None,
            feedback: FeedbackQueue::default(),
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
            rested_at: now,
            frames: VecDeque::new(),
            lost: Vec::new(),
            charged: 0,
            hand: 0,
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
        self.feedback.pop()
    }

    /// Hands what [`take_feedback`](Self::take_feedback) would give to an estimator, feedback on several packets as it came.
    pub fn feed(&mut self, estimator: &mut dyn Estimator) {
        self.feedback.feed(estimator);
    }

    /// The packet that was drawn last, for an estimator's [`on_sent`](Estimator::on_sent), once; `None` if it has no number on the
    /// transport.
    pub fn take_departure(&mut self) -> Option<Departure> {
        let in_flight = self.departed.take()?;
        self.departures.last_departure().map(|last| Departure { in_flight, ..last })
    }

    /// Says goodbye: the peer is told with the next datagrams, and [`Event::Closed`] follows. What waits is lost.
    pub fn close(&mut self) {
        if self.closing == Closing::Open {
            self.closing = Closing::Goodbye;
            self.is_drained = false;
            self.events.clear();
            self.queues = Queues::default();
            self.leave();
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
        stats.transport_feedback = self.departures.stats();
        stats.round_trip_time = self.round_trip;
        stats
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

    /// Asks for a key frame without which frames cannot go on: by PLI where it was agreed, else FIR, else patience.
    pub(super) fn want_keyframe(&mut self, now: Instant, key: Key) {
        let source = self.sources.get(key);
        let kinds = [KeyframeRequest::Pli, KeyframeRequest::Fir];
        let kind = kinds.into_iter().find_map(|kind| source.and_then(|source| source.request_kind(kind)));
        if let Some(kind) = kind {
            self.ask_keyframe(now, key, kind);
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
