//! The set of data channels over one association: the machine and its public methods.

use core::time::Duration;

use bytes::Bytes;

use super::channel::{Channel, ChannelId, ChannelState, encode};
use super::config::{Config, DataChannelInit, Role};
use super::error::{DataChannelError, SendError};
use super::event::{DataChannelFailure, Event};
use super::message::Message;
use super::stats::Stats;
use super::streams::Streams;
use crate::base::limits;
use crate::base::outbox::Outbox;
use crate::base::slots::Slots;
use crate::machine::{Machine, Output};
use crate::rng::Rng;
use crate::sctp::{self, Association, Reliability, SendOptions};
use crate::time::{Instant, Latest};

/// Events that one channel can have waiting: each kind once.
const EVENTS_PER_CHANNEL: usize = 7;

/// Where the association stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// `connect` has not been called.
    New,
    /// Its handshake is under way.
    Connecting,
    /// Messages can be sent.
    Up,
    /// It is over.
    Over,
}

/// Data channels over one SCTP association, which it owns.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the channels are what it is about")]
pub struct Channels {
    pub(super) latest: Latest,
    pub(super) association: Association,
    pub(super) channels: Slots<Channel>,
    pub(super) streams: Streams,
    pub(super) phase: Phase,
    /// Bytes of labels and protocols that are kept for the peer.
    pub(super) labels: usize,
    /// Channels that get a stream id once the role is known.
    waiting: Vec<ChannelId>,
    events: Outbox<Event>,
    /// `Close` has been given to the caller; the channel goes with the next poll.
    closing_reported: Option<ChannelId>,
    /// The closing event has been given to the caller.
    finished: bool,
    /// Some channel's reset waits for the association to be established.
    pub(super) resets_due: bool,
    limit: usize,
    /// Longest message the peer takes.
    pub(super) remote_max: usize,
    /// Longest message we take.
    pub(super) local_max: usize,
    pub(super) stats: Stats,
}

impl Channels {
    /// No channels yet, over an association that [`connect`](Self::connect) starts.
    ///
    /// # Errors
    /// [`sctp::ConfigError`] if the association cannot be had as configured.
    pub fn new(now: Instant, rng: Rng, config: &Config) -> Result<Self, sctp::ConfigError> {
        Ok(Self {
            latest: Latest::new(now),
            association: Association::new(now, rng, &config.sctp)?,
            channels: Slots::new(),
            streams: Streams::new(),
            phase: Phase::New,
            labels: 0,
            waiting: Vec::new(),
            events: Outbox::new(config.max_channels.saturating_mul(EVENTS_PER_CHANNEL).saturating_add(2)),
            closing_reported: None,
            finished: false,
            resets_due: false,
            limit: config.max_channels,
            remote_max: limits::DEFAULT_MAX_MESSAGE,
            local_max: config.sctp.max_receive_message_size,
            stats: Stats::default(),
        })
    }

    /// Starts the association, once DTLS is up; channels created before get their stream ids. What arrives before this call
    /// is dropped, and a second call does nothing.
    ///
    /// `remote_max_message_size` as in [`set_remote_max_message_size`](Self::set_remote_max_message_size).
    pub fn connect(
        &mut self,
        role: Role,
        remote_max_message_size: Option<u64>,
        initial_rtt: Option<Duration>,
    ) {
        if self.phase != Phase::New {
            return;
        }
        self.phase = Phase::Connecting;
        self.streams.set_role(role);
        self.set_remote_max_message_size(remote_max_message_size);
        for id in core::mem::take(&mut self.waiting) {
            match self.streams.allocate() {
                Some(stream) => self.attach(id, stream),
                None => self.fail(id, DataChannelFailure::NoStream),
            }
        }
        if let Some(rtt) = initial_rtt {
            self.association.set_initial_rtt(rtt);
        }
        self.association.connect();
    }

    /// The `a=sctp-port` of either side's description (RFC 8841 §5), before [`connect`](Self::connect).
    pub const fn set_ports(&mut self, local: u16, remote: u16) {
        self.association.set_ports(local, remote);
    }

    /// The `a=max-message-size` of the peer's description: 0 is unlimited, absent is 65536 (RFC 8841 §6).
    pub fn set_remote_max_message_size(&mut self, bytes: Option<u64>) {
        self.remote_max = match bytes {
            None => limits::DEFAULT_MAX_MESSAGE,
            Some(0) => usize::MAX,
            Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
        };
        // "MUST NOT send a SCTP user message" that is longer (RFC 8841 §6.1): the channel protocol's are such messages too.
        self.association.set_max_send_message_size(self.remote_max);
    }

    /// Takes one SCTP packet; what is kept of it is a slice or a copy.
    pub fn handle_input(&mut self, now: Instant, packet: Bytes) {
        let now = self.latest.advance(now);
        match self.phase {
            Phase::New => self.stats.drops.early_packets += 1,
            Phase::Connecting | Phase::Up => self.association.handle_input(now, packet),
            Phase::Over => self.association.late_input(&packet),
        }
    }

    /// What is to be answered to packets that arrived after the end, as long as what carries them lives: a peer that has not heard of the
    /// end is told again (RFC 9260 §8.4). Writes a packet into `buf`, which is as long as the MTU, and returns its length.
    /// [`poll_output`](Self::poll_output) has no part in it, since closed is final.
    pub fn late_output(&mut self, buf: &mut [u8]) -> Option<usize> {
        if self.finished { self.association.late_output(buf) } else { None }
    }

    /// The next event, packet (`buf[..len]`) or deadline.
    ///
    /// # Panics
    /// If `buf` is neither empty nor as long as the MTU.
    pub fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Event> {
        let now = self.latest.advance(now);
        if let Some(id) = self.closing_reported.take() {
            self.reap(id);
        }
        loop {
            self.check_up();
            if let Some(event) = self.pop() {
                return Output::Event(event);
            }
            if self.finished {
                return Output::Wait(None);
            }
            match self.association.poll_output(now, buf) {
                Output::Event(event) => self.on_association(&event),
                Output::Transmit(transmit) => return Output::Transmit(transmit),
                Output::Wait(deadline) => return Output::Wait(deadline),
            }
        }
    }

    /// Creates a channel. It opens once the association can send; before [`connect`](Self::connect) it has no stream id unless it is
    /// negotiated.
    ///
    /// # Errors
    /// [`DataChannelError`] says what is wrong with it.
    pub fn create(&mut self, label: &str, init: DataChannelInit) -> Result<ChannelId, DataChannelError> {
        let reliability = self.check(label, &init)?;
        let stream = self.choose_stream(init.negotiated)?;
        let mut channel = Channel::new(label.into(), init.protocol.into(), init.ordered, reliability);
        channel.priority = init.priority;
        channel.negotiated = init.negotiated.is_some();
        channel.acked = channel.negotiated;
        let id = ChannelId(self.channels.insert(channel));
        match stream {
            Some(stream) => self.attach(id, stream),
            None => self.waiting.push(id),
        }
        if self.phase == Phase::Up {
            self.open(id);
        }
        Ok(id)
    }

    fn check(&self, label: &str, init: &DataChannelInit) -> Result<Reliability, DataChannelError> {
        let longest = usize::from(u16::MAX);
        if label.len() > longest {
            return Err(DataChannelError::LabelTooLong { len: label.len() });
        }
        if init.protocol.len() > longest {
            return Err(DataChannelError::ProtocolTooLong { len: init.protocol.len() });
        }
        if self.phase == Phase::Over {
            return Err(DataChannelError::Closed);
        }
        if self.is_full() {
            return Err(DataChannelError::TooMany { limit: self.limit });
        }
        match (init.max_retransmits, init.max_packet_life_time) {
            (None, None) => Ok(Reliability::Reliable),
            (Some(count), None) => Ok(Reliability::MaxRetransmits(count)),
            (None, Some(time)) => Ok(Reliability::MaxLifetime(time)),
            (Some(_), Some(_)) => Err(DataChannelError::TwoReliabilities),
        }
    }

    /// The stream of a new channel; none as long as the role is not known.
    fn choose_stream(&mut self, negotiated: Option<u16>) -> Result<Option<u16>, DataChannelError> {
        let limit = self.streams.limit();
        match negotiated {
            Some(id) if id >= limit => Err(DataChannelError::InvalidId { id, limit }),
            Some(id) if self.streams.is_taken(id) => Err(DataChannelError::IdInUse { id }),
            Some(id) => Ok(Some(id)),
            None if self.streams.role().is_none() => Ok(None),
            None => self.streams.allocate().map(Some).ok_or(DataChannelError::NoFreeId { limit }),
        }
    }

    /// Whether there are as many channels as there may be.
    pub(super) const fn is_full(&self) -> bool {
        self.channels.len() >= self.limit
    }

    /// Queues a message.
    ///
    /// # Errors
    /// [`SendError`]; nothing of the message is kept then. After `BufferFull`, `BufferedAmountLow` comes.
    pub fn send(&mut self, now: Instant, id: ChannelId, message: &Message) -> Result<(), SendError> {
        let now = self.latest.advance(now);
        let channel = self.channels.get_mut(id.0).ok_or(SendError::NoSuchChannel)?;
        let Some(stream) = channel.stream.filter(|_| channel.state == ChannelState::Open) else {
            return Err(SendError::NotOpen);
        };
        let len = message.data.len();
        if len > self.remote_max {
            return Err(SendError::TooLong { len, max: self.remote_max });
        }
        if !message.binary && core::str::from_utf8(&message.data).is_err() {
            return Err(SendError::NotUtf8);
        }
        let (ppid, data) = encode(message);
        let options =
            SendOptions { ordered: channel.ordered || !channel.acked, reliability: channel.reliability };
        channel.low_wanted = true;
        let raw = sctp::Message { stream, ppid, data };
        let sent = if len == 0 {
            self.association.send_quiet(now, &raw, options)
        } else {
            self.association.send(now, &raw, options)
        };
        match sent {
            Ok(()) => {
                channel.stats.messages_sent += 1;
                channel.stats.bytes_sent += len as u64;
                Ok(())
            }
            Err(sctp::SendError::BufferFull { buffered, limit }) => {
                Err(SendError::BufferFull { buffered, limit })
            }
            Err(sctp::SendError::TooLong { len, max }) => Err(SendError::TooLong { len, max }),
            Err(error) => Err(SendError::Association(error)),
        }
    }

    /// Whether `send` would take a message of allowed length now.
    pub fn can_send(&self, id: ChannelId) -> bool {
        let open = self.channels.get(id.0).filter(|channel| channel.state == ChannelState::Open);
        open.and_then(|channel| channel.stream).is_some_and(|stream| self.association.can_send(stream))
    }

    /// Bytes of the channel's messages not yet handed to the network. As the W3C has it, neither its opening message counts nor the byte
    /// that SCTP carries for an empty one.
    pub fn buffered_amount(&self, id: ChannelId) -> usize {
        let channel = self.channels.get(id.0).filter(|channel| channel.state != ChannelState::Closed);
        let stream = channel.and_then(|channel| channel.stream);
        stream.map_or(0, |stream| self.association.application_amount(stream))
    }

    /// `BufferedAmountLow` comes when the buffered amount falls to this from above. 0 at first.
    pub fn set_buffered_amount_low_threshold(&mut self, id: ChannelId, bytes: usize) {
        let Some(channel) = self.channels.get_mut(id.0) else { return };
        channel.low_threshold = bytes;
        let live = matches!(channel.state, ChannelState::Open | ChannelState::Closing);
        if let Some(stream) = channel.stream.filter(|_| live) {
            self.association.set_buffered_amount_low_threshold(stream, bytes);
        }
    }

    /// The threshold.
    pub fn buffered_amount_low_threshold(&self, id: ChannelId) -> usize {
        self.channels.get(id.0).map_or(0, |channel| channel.low_threshold)
    }

    /// Ends everything at once: one ABORT, then `Close` for every channel and `Closed`. What is queued is lost.
    pub fn close(&mut self) {
        match self.phase {
            Phase::New => self.on_association(&sctp::Event::Closed(sctp::CloseReason::Aborted)),
            Phase::Connecting | Phase::Up => self.association.abort(),
            Phase::Over => {}
        }
    }

    /// The DTLS connection below is over: the peer has closed it or, if it `failed`, an error has. `Close` comes for every channel, `Error`
    /// before it if it failed, then `Closed`. What had arrived can still be read. Before [`connect`](Self::connect) this does nothing:
    /// another connection may take the place of that one.
    pub fn transport_closed(&mut self, failed: bool) {
        if !matches!(self.phase, Phase::Connecting | Phase::Up) {
            return;
        }
        // What had arrived before comes first.
        let now = self.latest.now();
        while let Output::Event(event) = self.association.poll_output(now, &mut []) {
            self.on_association(&event);
        }
        self.association.abort();
        let reason =
            if failed { sctp::CloseReason::TransportFailed } else { sctp::CloseReason::TransportClosed };
        self.on_association(&sctp::Event::Closed(reason));
    }

    /// The path below is another one now, with this round trip if it has been measured: see [`Association::path_changed`].
    pub fn path_changed(&mut self, rtt: Option<Duration>) {
        self.association.path_changed(rtt);
    }

    /// Puts a new association in the place of this one, which the peer knows nothing of: another DTLS association has taken the place of
    /// that below (RFC 8842 §5.5). Channels that had a stream fail; those that wait for one go on waiting, and new ones may be made, until
    /// [`connect`](Self::connect) is called again. Before the first such call this does nothing.
    ///
    /// # Errors
    /// [`sctp::ConfigError`] if the association cannot be had as configured; nothing has changed then.
    pub fn start_over(&mut self, rng: Rng, config: &sctp::Config) -> Result<(), sctp::ConfigError> {
        if self.phase == Phase::New {
            return Ok(());
        }
        let association = Association::new(self.latest.now(), rng, config)?;
        let ids: Vec<_> = self.ids().collect();
        for id in ids {
            if self.stream_id(id).is_some() {
                self.fail(id, DataChannelFailure::Restarted);
            }
            // One whose end has been told before goes as it would have gone.
            if self
                .channels
                .get(id.0)
                .is_some_and(|channel| channel.close_reported && channel.early.is_empty())
            {
                self.forget(id);
            }
        }
        self.streams.clear();
        self.streams.forget_role();
        self.association = association;
        (self.phase, self.finished, self.resets_due) = (Phase::New, false, false);
        Ok(())
    }

    /// Changes the length of the longest packet.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.association.set_mtu(mtu);
    }

    /// Gives idle memory back.
    pub(crate) fn trim(&mut self) {
        self.events.trim();
        self.waiting.shrink_to_fit();
        for (_, channel) in self.channels.iter_mut() {
            channel.early.shrink_to_fit();
        }
        self.association.trim();
    }

    /// The same channels again, for simulations.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            latest: self.latest.clone(),
            association: self.association.fork(),
            channels: self.channels.clone(),
            streams: self.streams.clone(),
            phase: self.phase,
            labels: self.labels,
            waiting: self.waiting.clone(),
            events: self.events.clone(),
            closing_reported: self.closing_reported,
            finished: self.finished,
            resets_due: self.resets_due,
            limit: self.limit,
            remote_max: self.remote_max,
            local_max: self.local_max,
            stats: self.stats,
        }
    }

    /// Reports an event; each kind waits at most once for each channel.
    pub(super) fn push(&mut self, event: Event) {
        let first = match event {
            Event::Readable(id) => self
                .channels
                .get_mut(id.0)
                .is_some_and(|it| !core::mem::replace(&mut it.readable_queued, true)),
            Event::BufferedAmountLow(id) => {
                self.channels.get_mut(id.0).is_some_and(|it| !core::mem::replace(&mut it.low_queued, true))
            }
            Event::Connected
            | Event::Channel(_)
            | Event::Open(_)
            | Event::Closing(_)
            | Event::Close(_)
            | Event::Error(..)
            | Event::Closed(_) => true,
        };
        if first {
            let taken = self.events.push(event);
            debug_assert!(taken, "each channel has each event once");
        }
    }

    /// The next event, on its way to the caller.
    fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop()?;
        match event {
            Event::Readable(id) => {
                if let Some(channel) = self.channels.get_mut(id.0) {
                    channel.readable_queued = false;
                }
            }
            Event::BufferedAmountLow(id) => {
                if let Some(channel) = self.channels.get_mut(id.0) {
                    channel.low_queued = false;
                }
            }
            Event::Close(id) => {
                self.closing_reported = Some(id);
                if let Some(channel) = self.channels.get_mut(id.0) {
                    channel.close_reported = true;
                }
            }
            // Of an association that another has taken the place of meanwhile.
            Event::Closed(_) if self.phase != Phase::Over => return self.pop(),
            Event::Closed(_) => self.finished = true,
            Event::Connected | Event::Channel(_) | Event::Open(_) | Event::Closing(_) | Event::Error(..) => {}
        }
        Some(event)
    }

    /// Forgets a channel.
    pub(super) fn forget(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.remove(id.0) else { return };
        self.labels -= channel.charged_labels();
        self.streams.uncharge_bytes(channel.partial.map_or(0, |partial| partial.len()));
    }

    /// Forgets a closed channel that has nothing to read.
    fn reap(&mut self, id: ChannelId) {
        let idle = self.channels.get(id.0).is_some_and(|channel| channel.early.is_empty());
        if idle && self.phase != Phase::Over {
            self.forget(id);
        }
    }

    /// Forgets that a channel waits for its stream id.
    pub(super) fn forget_waiting(&mut self, id: ChannelId) {
        self.waiting.retain(|each| *each != id);
    }
}

impl Machine for Channels {
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
