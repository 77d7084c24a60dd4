//! The association: SCTP's machine.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;

use super::config::{Config, ConfigError};
use super::cookie::CookieJar;
use super::error::{ResetError, SendError};
use super::event::Event;
use super::heartbeat::Heartbeat;
use super::message::{Message, SendOptions};
use super::reset::Resets;
use super::rx::receiver::Receiver;
use super::state::{AbortCause, Answer, Local, Peer, Phase, State};
use super::stats::Stats;
use super::tx::sender::Sender;
use crate::base::limits;
use crate::base::outbox::Outbox;
use crate::base::serial::Tsn;
use crate::machine::{Machine, Output};
use crate::net::Transmit;
use crate::rng::Rng;
use crate::time::{Instant, Latest, Timer, earliest};

/// What a poll has to look at.
#[derive(Clone, Debug, Default)]
struct Agenda {
    /// The earliest timer, unless `stale`.
    deadline: Option<Instant>,
    stale: bool,
    /// There may be something to draw.
    work: bool,
}

/// One SCTP association: datagrams of SCTP in and out, messages on streams above.
///
/// ```
/// use antiphon::sctp::{Association, Config, Message, SendOptions};
/// use antiphon::{Instant, Output, Rng, Seed};
/// use bytes::Bytes;
///
/// let now = Instant::from_nanos(1);
/// let rng = |byte| Rng::new(&Seed::from_bytes([byte; 32]));
/// let mut a = Association::new(now, rng(1), &Config::default())?;
/// let mut b = Association::new(now, rng(2), &Config::default())?;
/// a.connect();
/// b.connect(); // both at once is the usual case
/// let mut buf = [0; 1200];
/// let mut sent = false;
/// for _ in 0..20 {
///     while let Output::Transmit(t) = a.poll_output(now, &mut buf) {
///         b.handle_input(now, Bytes::copy_from_slice(&buf[..t.len]));
///     }
///     while let Output::Transmit(t) = b.poll_output(now, &mut buf) {
///         a.handle_input(now, Bytes::copy_from_slice(&buf[..t.len]));
///     }
///     if !sent && a.can_send(1) {
///         a.send(now, &Message { stream: 1, ppid: 51, data: "hello".into() }, SendOptions::default())?;
///         sent = true;
///     }
/// }
/// assert_eq!(b.recv_from(1).map(|message| message.data), Some("hello".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Association {
    pub(super) latest: Latest,
    pub(super) config: Config,
    pub(super) rng: Rng,
    pub(super) jar: CookieJar,
    pub(super) phase: Phase,
    pub(super) local: Local,
    pub(super) peer: Option<Peer>,
    pub(super) tx: Sender,
    pub(super) rx: Receiver,
    pub(super) resets: Resets,
    pub(super) heartbeat: Heartbeat,
    pub(super) answers: VecDeque<Answer>,
    pub(super) cookie_ack_due: bool,
    pub(super) events: Outbox<Event>,
    /// Consecutive timeouts (RFC 9260 §8.1).
    pub(super) errors: u32,
    /// T5: the shutdown must not last for ever (RFC 9260 §9.2).
    pub(super) shutdown_guard: Timer,
    /// `shutdown` was called before the association was up.
    pub(super) shutdown_wanted: bool,
    agenda: Agenda,
    pub(super) stats: Stats,
}

impl Association {
    /// An association that waits for [`connect`](Self::connect) or the peer's INIT.
    ///
    /// # Errors
    /// [`ConfigError`] if `config` makes no sense.
    pub fn new(now: Instant, mut rng: Rng, config: &Config) -> Result<Self, ConfigError> {
        config.check()?;
        let jar = CookieJar::new(rng.array(), config.cookie_lifetime);
        Ok(Self {
            latest: Latest::new(now),
            config: config.clone(),
            rng,
            jar,
            phase: Phase::Idle,
            local: Local { tag: 0, initial_tsn: Tsn(0) },
            peer: None,
            tx: Sender::new(config, Tsn(0)),
            rx: Receiver::new(config),
            resets: Resets::default(),
            heartbeat: Heartbeat::default(),
            answers: VecDeque::new(),
            cookie_ack_due: false,
            events: Outbox::new(limits::SCTP_MAX_EVENTS),
            errors: 0,
            shutdown_guard: Timer::stopped(),
            shutdown_wanted: false,
            agenda: Agenda::default(),
            stats: Stats::default(),
        })
    }

    /// Notes that something has changed: timers are looked at again and a packet may be drawn.
    pub(super) const fn touch(&mut self) {
        self.agenda.stale = true;
        self.agenda.work = true;
    }

    /// Takes one SCTP packet. What is kept of it is sliced from `packet` or copied.
    #[expect(clippy::needless_pass_by_value, reason = "the packet is given away: messages are slices of it")]
    pub fn handle_input(&mut self, now: Instant, packet: Bytes) {
        let now = self.latest.advance(now);
        if self.phase.is_over() {
            return;
        }
        self.read(now, &packet);
        self.touch();
    }

    /// The next event, packet (`buf[..len]`) or deadline.
    ///
    /// # Panics
    /// If `buf` is neither empty nor as long as the MTU.
    pub fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Event> {
        assert!(buf.is_empty() || buf.len() >= self.config.mtu, "buffer shorter than the MTU");
        let now = self.latest.advance(now);
        self.look_at_timers(now);
        if let Some(event) = self.next_event() {
            return Output::Event(event);
        }
        if self.agenda.work && !buf.is_empty() {
            self.agenda.stale = true;
            if let Some(len) = self.draw(now, buf) {
                self.stats.packets_sent += 1;
                self.stats.bytes_sent += len as u64;
                return Output::Transmit(Transmit::new((), len));
            }
            self.agenda.work = false;
            self.look_at_timers(now);
            if let Some(event) = self.next_event() {
                return Output::Event(event);
            }
        }
        if self.phase.is_over() {
            return self.last_output();
        }
        let pacing = if buf.is_empty() { None } else { self.tx.pacing_at() };
        Output::Wait(earliest(self.agenda.deadline, pacing))
    }

    /// Runs what is due and finds out when the next timer is.
    fn look_at_timers(&mut self, now: Instant) {
        if self.agenda.stale {
            self.agenda.stale = false;
            self.agenda.deadline = self.next_timer();
        }
        if self.agenda.deadline.is_some_and(|at| at <= now) {
            self.run_timers(now);
            self.agenda.work = true;
            self.agenda.deadline = self.next_timer();
            debug_assert!(self.agenda.deadline.is_none_or(|at| at > now), "a timer is due that has run");
        }
        if self.tx.pacing_at().is_some_and(|at| at <= now) {
            self.agenda.work = true;
        }
    }

    fn next_timer(&self) -> Option<Instant> {
        if self.phase.is_over() {
            return None;
        }
        let setup = self.phase.repeat().and_then(|repeat| repeat.timer.at());
        let data = earliest(self.tx.deadline(), self.rx.acks.deadline());
        let others = earliest(self.heartbeat.at(), self.resets.at());
        earliest(earliest(setup, data), earliest(others, self.shutdown_guard.at()))
    }

    fn run_timers(&mut self, now: Instant) {
        if self.phase.repeat_mut().is_some_and(|repeat| repeat.timer.take_due(now)) {
            self.on_repeat_timer();
        }
        self.rx.acks.on_timer(now);
        if self.tx.on_timer(now, &mut self.stats) {
            self.count_error();
        }
        self.on_reset_timer(now);
        self.on_heartbeat_timer(now);
        if self.shutdown_guard.take_due(now) {
            self.on_shutdown_guard();
        }
    }

    /// One more timeout in a row (RFC 9260 §8.1).
    pub(super) fn count_error(&mut self) {
        self.errors = self.errors.saturating_add(1);
        if self.config.max_retransmits.is_some_and(|max| self.errors > max) {
            self.close_unreachable();
        }
    }

    fn next_event(&mut self) -> Option<Event> {
        let event = self.events.pop()?;
        if let Event::BufferedAmountLow(stream) = event {
            self.tx.queue.low_taken(stream);
        } else if let Event::Readable(stream) = event {
            self.rx.readable_taken(stream);
        } else if let Event::IncomingReset { stream } = event {
            self.rx.reset_taken(stream);
        } else if event == Event::Restarted {
            self.rx.restart_told();
        } else if event == Event::TotalBufferedAmountLow {
            self.tx.queue.total.reported = false;
        }
        Some(event)
    }

    /// What comes when nothing else does: the closing event, once.
    fn last_output(&mut self) -> Output<(), Event> {
        if let Phase::Closing(goodbye) = &self.phase
            && goodbye.farewell.is_none()
        {
            let reason = goodbye.reason;
            self.phase = Phase::Over;
            return Output::Event(Event::Closed(reason));
        }
        Output::Wait(None)
    }

    /// Queues a message. Before the handshake is done it waits for that; should its stream turn out not to exist, it is dropped and counted
    /// in [`Stats::messages_abandoned`].
    ///
    /// # Errors
    /// [`SendError`]; nothing of the message is kept then.
    pub fn send(&mut self, now: Instant, message: &Message, options: SendOptions) -> Result<(), SendError> {
        self.enqueue(now, message, options, false)
    }

    /// The same with a message that stands for the application's or serves it, but has none of its bytes.
    pub(crate) fn send_quiet(
        &mut self,
        now: Instant,
        message: &Message,
        options: SendOptions,
    ) -> Result<(), SendError> {
        self.enqueue(now, message, options, true)
    }

    fn enqueue(
        &mut self,
        now: Instant,
        message: &Message,
        options: SendOptions,
        quiet: bool,
    ) -> Result<(), SendError> {
        let now = self.latest.advance(now);
        let (len, max) = (message.data.len(), self.config.max_send_message_size);
        if len == 0 {
            return Err(SendError::Empty);
        }
        if len > max {
            return Err(SendError::TooLong { len, max });
        }
        self.may_send(message.stream)?;
        let limit = self.config.send_limit;
        let pushed = self.tx.queue.push(now, message, options, quiet);
        pushed.map_err(|buffered| SendError::BufferFull { buffered, limit })?;
        self.agenda.work = true;
        Ok(())
    }

    fn may_send(&self, stream: u16) -> Result<(), SendError> {
        match self.phase {
            Phase::Closing(_) | Phase::Over => return Err(SendError::Closed),
            Phase::ShutdownPending
            | Phase::ShutdownSent { .. }
            | Phase::ShutdownReceived
            | Phase::ShutdownAckSent { .. } => return Err(SendError::ShuttingDown),
            Phase::Idle | Phase::CookieWait { .. } | Phase::CookieEchoed { .. } | Phase::Established => {}
        }
        if self.shutdown_wanted {
            return Err(SendError::ShuttingDown);
        }
        let streams = self.peer.map_or(self.config.streams, |peer| peer.outbound);
        if stream >= streams {
            return Err(SendError::NoSuchStream { stream, streams });
        }
        Ok(())
    }

    /// The next message of `stream`. What had arrived can be read after the association's end too.
    pub fn recv_from(&mut self, stream: u16) -> Option<Message> {
        let message = self.rx.recv_from(stream);
        self.agenda.work |= self.rx.acks.is_due();
        message
    }

    /// The next message that is unread of before the peer's restart, stream by stream.
    pub(crate) fn take_former(&mut self) -> Option<Message> {
        let message = self.rx.take_former();
        self.agenda.work |= self.rx.acks.is_due();
        message
    }

    /// The next message of any stream, streams in turn.
    pub fn recv(&mut self) -> Option<Message> {
        let message = self.rx.recv();
        self.agenda.work |= self.rx.acks.is_due();
        message
    }

    /// Payload bytes of `stream` not yet handed to the network.
    pub fn buffered_amount(&self, stream: u16) -> usize {
        self.tx.queue.stream(stream).map_or(0, |stream| stream.buffered)
    }

    /// The same less what was sent quietly.
    pub(crate) fn application_amount(&self, stream: u16) -> usize {
        self.tx.queue.stream(stream).map_or(0, |stream| stream.buffered - stream.quiet)
    }

    /// `BufferedAmountLow` is reported when the buffered amount falls to this from above. 0 at first.
    pub fn set_buffered_amount_low_threshold(&mut self, stream: u16, bytes: usize) {
        self.tx.queue.set_threshold(stream, bytes, &mut self.events);
    }

    /// Payload bytes of all streams not yet handed to the network.
    pub const fn total_buffered_amount(&self) -> usize {
        self.tx.queue.buffered()
    }

    /// `TotalBufferedAmountLow` is reported when the total falls to this from above; never before a threshold is set.
    pub fn set_total_buffered_amount_low_threshold(&mut self, bytes: usize) {
        self.tx.queue.set_total_threshold(bytes, &mut self.events);
    }

    /// Whether `send` would take a message of allowed length on `stream` now.
    pub fn can_send(&self, stream: u16) -> bool {
        self.may_send(stream).is_ok() && self.buffered_amount(stream) < self.config.send_limit
    }

    /// Resets our direction of these streams once what is queued on them has been sent and acknowledged (RFC 6525 §5.1.2).
    /// Each stream is answered by `OutgoingReset` or `ResetFailed`. What is sent after this call follows the reset.
    ///
    /// # Errors
    /// [`ResetError`]; nothing is reset then.
    pub fn reset_streams(&mut self, streams: &[u16]) -> Result<(), ResetError> {
        let Some(peer) = self.peer.filter(|_| self.phase.has_data_out()) else {
            return Err(ResetError::NotConnected);
        };
        if !peer.reconfig {
            return Err(ResetError::NotSupported);
        }
        if let Some(stream) = streams.iter().copied().find(|stream| *stream >= peer.outbound) {
            return Err(ResetError::NoSuchStream { stream, streams: peer.outbound });
        }
        for stream in streams {
            self.tx.queue.begin_reset(*stream);
        }
        self.touch();
        Ok(())
    }

    /// Ends the association with the next poll: one ABORT, then `Closed`.
    pub fn abort(&mut self) {
        self.close_with(super::event::CloseReason::Aborted, AbortCause::User);
        self.touch();
    }

    /// Tells a round trip measured elsewhere, before [`connect`](Self::connect).
    pub fn set_initial_rtt(&mut self, rtt: Duration) {
        self.tx.rto.set_initial_rtt(rtt);
    }

    /// The path below is another one now (RFC 8831 §5): the congestion window and the round trip begin again, the latter with what was
    /// measured of the new path elsewhere.
    pub fn path_changed(&mut self, rtt: Option<Duration>) {
        self.tx.path_changed(self.latest.now(), rtt);
        self.touch();
    }

    /// Tells the SCTP ports, where they are not known before [`connect`](Self::connect); later they stay as they are.
    pub const fn set_ports(&mut self, local: u16, remote: u16) {
        if matches!(self.phase, Phase::Idle) {
            self.config.local_port = local;
            self.config.remote_port = remote;
        }
    }

    /// Changes the length of the longest packet. Values that cannot be are cut to the nearest that can.
    pub fn set_mtu(&mut self, mtu: usize) {
        let mtu = mtu.clamp(limits::SCTP_MIN_MTU, limits::MAX_DATAGRAM);
        if mtu != self.config.mtu {
            self.config.mtu = mtu;
            self.tx.set_mtu(mtu);
            self.touch();
        }
    }

    /// Changes the longest message that `send` takes.
    pub const fn set_max_send_message_size(&mut self, bytes: usize) {
        self.config.max_send_message_size = bytes;
    }

    /// A stream's share of the sending: 256 is usual, twice that is twice as much (RFC 8831 §6.4). None is the least, not nothing.
    pub fn set_stream_priority(&mut self, stream: u16, priority: u16) {
        self.tx.queue.set_priority(stream, priority);
    }

    /// A stream's share of the sending.
    pub fn stream_priority(&self, stream: u16) -> u16 {
        self.tx.queue.stream(stream).map_or(256, |stream| stream.priority)
    }

    /// The state.
    pub const fn state(&self) -> State {
        self.phase.state()
    }

    /// How many streams there are outbound and inbound; zero before the handshake.
    pub fn streams(&self) -> (u16, u16) {
        self.peer.map_or((0, 0), |peer| (peer.outbound, peer.inbound))
    }

    /// Whether the peer can reset streams.
    pub fn supports_reset(&self) -> bool {
        self.peer.is_some_and(|peer| peer.reconfig)
    }

    /// Whether messages can be given up: the peer knows RFC 3758.
    pub fn supports_partial_reliability(&self) -> bool {
        self.peer.is_some_and(|peer| peer.partial)
    }

    /// What has happened so far, and where things stand.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats;
        self.tx.read_stats(&mut stats);
        stats.held_bytes = self.rx.held();
        stats
    }

    /// The longest packet.
    pub const fn mtu(&self) -> usize {
        self.config.mtu
    }

    /// Gives idle memory back.
    pub(crate) fn trim(&mut self) {
        self.tx.trim();
        self.rx.trim();
        self.events.trim();
        self.answers.shrink_to_fit();
    }

    /// The invariants of the whole.
    ///
    /// # Panics
    /// If one does not hold, which is a bug of this crate whatever the network did.
    pub fn check(&self) {
        assert_eq!(self.events.refused(), 0, "events refused");
        self.rx.check();
        if self.phase.has_data_out() {
            self.tx.check();
        }
    }

    /// Steps of work that the peer's packets have cost so far, each of about constant time: chunks, gap blocks, entries of lists, pieces
    /// moved. What a bound of work per input byte is measured with.
    #[cfg(feature = "sim")]
    pub const fn ops(&self) -> u64 {
        self.tx.ops() + self.rx.ops()
    }

    /// The same association again, for simulations: given the same calls it does the same.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            latest: self.latest.clone(),
            config: self.config.clone(),
            rng: self.rng.duplicate(),
            jar: self.jar.clone(),
            phase: self.phase.clone(),
            local: self.local,
            peer: self.peer,
            tx: self.tx.clone(),
            rx: self.rx.clone(),
            resets: self.resets.clone(),
            heartbeat: self.heartbeat.clone(),
            answers: self.answers.clone(),
            cookie_ack_due: self.cookie_ack_due,
            events: self.events.clone(),
            errors: self.errors,
            shutdown_guard: self.shutdown_guard.clone(),
            shutdown_wanted: self.shutdown_wanted,
            agenda: self.agenda.clone(),
            stats: self.stats,
        }
    }
}

impl Machine for Association {
    type Input<'i> = Bytes;
    type Path = ();
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Bytes) {
        Self::handle_input(self, now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Event> {
        Self::poll_output(self, now, buf)
    }
}
