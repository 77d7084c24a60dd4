//! What a parent calls about senders and receivers: add, change, remove, write, read.

use super::config::{Delivery, Payload, PayloadFormat, ReceiverConfig, SenderConfig};
use super::error::{KeyframeError, StreamError, WriteError};
use super::event::{KeyframeRequest, ReceiverId, SenderId, SourceId};
use super::frame::{Frame, RtpPacket};
use super::receiver::Receiver;
use super::sender::Sender;
use super::session::{Closing, Queued, Session};
use crate::base::limits;
use crate::base::slots::Key;
use crate::codec::MediaKind;
use crate::time::Instant;

impl Session {
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
        let (mtu, capture) = (self.config.mtu, self.wall.ntp_again(now));
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

    /// Leaves out a packet of the source that is being forwarded, so that those behind it close up in the receiver's eyes: of temporal
    /// layers that a viewer does not get, for example.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn skip_rtp(&mut self, now: Instant, id: SenderId, packet: &RtpPacket) -> Result<(), WriteError> {
        let now = self.begin_write(now)?;
        let sender = self.senders.get_mut(id.0).ok_or(WriteError::UnknownSender)?;
        let kind = sender.config.kind;
        if let Some(number) = sender.skip_packet(now, packet)? {
            self.enqueue(kind, Queued { sender: id.0, number });
        }
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
        let key = self.receivers.insert(Receiver::new(config));
        self.declare(self.latest.now(), key);
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
        receiver.config = config;
        receiver.charge(&mut self.charged);
        for (_, source) in self.sources.iter_mut().filter(|(_, source)| source.receiver == id.0) {
            source.payload = None;
        }
        self.declare(self.latest.now(), id.0);
        Ok(())
    }

    /// Changes how what arrives is handed over; what waits in the other form is dropped.
    ///
    /// # Errors
    /// [`StreamError::Unknown`].
    pub fn set_delivery(&mut self, id: ReceiverId, delivery: Delivery) -> Result<(), StreamError> {
        let receiver = self.receivers.get_mut(id.0).ok_or(StreamError::Unknown)?;
        receiver.set_delivery(delivery);
        receiver.charge(&mut self.charged);
        Ok(())
    }

    /// Removes a receiver with all its sources.
    pub fn remove_receiver(&mut self, id: ReceiverId) {
        let of = self.sources.iter().filter(|(_, source)| source.receiver == id.0);
        let keys: Vec<Key> = of.map(|(key, _)| key).collect();
        for key in keys {
            self.forget_source(key);
        }
        if let Some(receiver) = self.receivers.remove(id.0) {
            self.charged -= receiver.charged;
        }
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
        let receiver = self.receivers.get_mut(id.0)?;
        let mut frame = receiver.pop_frame()?;
        receiver.charge(&mut self.charged);
        let source = frame.source.and_then(|source| self.sources.get(source.0));
        frame.capture_time = source.and_then(|source| source.ntp_at(frame.timestamp));
        Some(frame)
    }

    /// The next packet of a receiver whose delivery is packets, as [`recv`](Self::recv).
    pub fn recv_rtp(&mut self, id: ReceiverId) -> Option<RtpPacket> {
        let receiver = self.receivers.get_mut(id.0)?;
        let packet = receiver.pop_packet()?;
        receiver.charge(&mut self.charged);
        Some(packet)
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

    fn check_open(&self) -> Result<(), StreamError> {
        if self.closing == Closing::Open { Ok(()) } else { Err(StreamError::Closed) }
    }

    /// A source nobody uses: the one asked for, or a random one.
    pub(super) fn claim(&mut self, wanted: Option<u32>, other: Option<u32>) -> Result<u32, StreamError> {
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
