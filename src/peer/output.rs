//! What leaves next: due timers, events, datagrams, the goodbye, the deadline.

use super::connection::{Idle, Life, PeerConnection};
use super::error::Failure;
use super::event::Event;
use super::state::{self, ConnectionState, DtlsState};
use super::transport::{Drawn, Report};
use crate::base::limits;
use crate::ice::IceConnectionState;
use crate::machine::Output;
use crate::net::{Path, Transmit};
use crate::sctp::CloseReason;
use crate::time::{Instant, earliest};
use crate::{data, dtls, ice, rtp};

impl PeerConnection {
    /// One step of `poll_output`, when something may have changed since the last.
    pub(super) fn poll_layers(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        if self.life == Life::Closed {
            return Output::Wait(None);
        }
        self.run_trim(now);
        loop {
            self.refresh_state();
            self.refresh_negotiation();
            if let Some(event) = self.events.pop() {
                return Output::Event(event);
            }
            let timers = match self.transport.next_report(now) {
                Ok(report) => {
                    if let Some(event) = self.on_report(now, report) {
                        return Output::Event(event);
                    }
                    continue;
                }
                Err(wait) => wait,
            };
            if self.announce() {
                continue;
            }
            if self.life == Life::Closing {
                return self.say_goodbye(now, buf);
            }
            if buf.is_empty() {
                return Output::Wait(earliest(timers, self.trim.at()));
            }
            let wait = match self.transport.draw(now, buf) {
                Drawn::Transmit(transmit) => return Output::Transmit(transmit),
                Drawn::Media(transmit) => {
                    self.idle = Idle::Drawing(now);
                    return Output::Transmit(transmit);
                }
                Drawn::Report(report) => {
                    if let Some(event) = self.on_report(now, report) {
                        return Output::Event(event);
                    }
                    continue;
                }
                Drawn::Wait(wait) => wait,
                Drawn::NoPath => timers,
            };
            // Drawing may have set a timer (the timeout of what was drawn): the later answer holds.
            let wait = earliest(wait, self.trim.at());
            self.idle = Idle::Until(wait);
            return Output::Wait(wait);
        }
    }

    /// The next packet of media, where the one before was drawn at the same instant and nothing has been called since: the layers that are
    /// asked first had nothing to do then, and have nothing now. `None` if there is no more: then all are asked again.
    pub(super) fn draw_on(&mut self, now: Instant, buf: &mut [u8]) -> Option<Output<Path, Event>> {
        if buf.is_empty() {
            return None;
        }
        match self.transport.draw_media(now, buf)? {
            Drawn::Media(transmit) => Some(Output::Transmit(transmit)),
            Drawn::Report(report) => {
                self.idle = Idle::No;
                self.on_report(now, report).map(Output::Event)
            }
            Drawn::Transmit(_) | Drawn::Wait(_) | Drawn::NoPath => None,
        }
    }

    /// Translates what a layer reported; `None` if it concerns nobody above.
    fn on_report(&mut self, now: Instant, report: Report) -> Option<Event> {
        match report {
            Report::Ice(event) => self.on_ice(now, &event),
            Report::Dtls(event) => self.on_dtls(event),
            Report::Data(event) => self.on_data(&event),
            Report::Rtp(event) => self.on_rtp(event),
        }
    }

    fn on_ice(&mut self, now: Instant, event: &ice::Event) -> Option<Event> {
        match *event {
            ice::Event::StateChange(state) if state != IceConnectionState::Closed => {
                if state == IceConnectionState::Failed {
                    self.failure.get_or_insert(Failure::Ice);
                } else if self.failure == Some(Failure::Ice) {
                    self.failure = None;
                }
                Some(Event::IceConnectionStateChange(state))
            }
            ice::Event::ActivePath(path) => {
                if let Some(path) = path {
                    self.transport.use_path(path);
                    self.start_dtls();
                    self.transport.replay_early(now);
                }
                None
            }
            // Candidates are reported with their section's mid, once a local description is set: see `announce`.
            ice::Event::StateChange(_)
            | ice::Event::GatheringStateChange(_)
            | ice::Event::Candidate(_)
            | ice::Event::EndOfCandidates
            | ice::Event::Selected(_)
            | ice::Event::RoleChange(_)
            | ice::Event::Closed => None,
        }
    }

    /// The client speaks first as soon as there is a path.
    pub(super) fn start_dtls(&mut self) {
        let ice = &self.transport.ice;
        let measured = ice.round_trip().map(|time| (time * 3).max(limits::DTLS_MIN_TIMEOUT));
        let guessed = ice.guessed_round_trip().map(|time| (time * 3).max(limits::DTLS_GUESSED_TIMEOUT));
        if self.transport.ice.active_path().is_none() || self.transport.dtls_state != DtlsState::New {
            return;
        }
        let Some(dtls) = &mut self.transport.dtls else { return };
        if let Some(timeout) = measured.or(guessed) {
            dtls.set_initial_timeout(timeout);
        }
        dtls.start();
        self.transport.dtls_state = DtlsState::Connecting;
    }

    fn on_dtls(&mut self, event: dtls::Event) -> Option<Event> {
        match event {
            dtls::Event::Connected => {
                self.transport.dtls_state = DtlsState::Connected;
                self.apply_mtu();
                self.transport.key_media();
                self.start_data();
                None
            }
            dtls::Event::PeerClosed => {
                // RFC 5246 §7.2.1: "MUST respond with a close_notify alert of its own and close down the connection immediately".
                if let Some(dtls) = &mut self.transport.dtls {
                    dtls.close();
                }
                self.transport.data.transport_closed(false);
                self.on_peer_closed()
            }
            dtls::Event::Failed(reason) => {
                self.transport.data.transport_closed(true);
                self.transport.dtls_state = DtlsState::Failed;
                self.failure = Some(Failure::Dtls(reason));
                None
            }
            dtls::Event::Closed => None,
        }
    }

    fn on_data(&mut self, event: &data::Event) -> Option<Event> {
        use data::Event as D;
        Some(match *event {
            D::Channel(id) => Event::DataChannel(id),
            D::Open(id) => Event::DataChannelOpen(id),
            D::Readable(id) => Event::DataChannelReadable(id),
            D::BufferedAmountLow(id) => Event::DataChannelBufferedAmountLow(id),
            D::Closing(id) => Event::DataChannelClosing(id),
            D::Close(id) => Event::DataChannelClose(id),
            D::Error(id, failure) => Event::DataChannelError(id, failure),
            D::Closed(reason) => {
                let told = told_of(reason)?;
                return if told == Event::PeerClosed { self.on_peer_closed() } else { Some(told) };
            }
            D::Connected => return None,
        })
    }

    fn on_rtp(&mut self, event: rtp::Event) -> Option<Event> {
        let media = self.transport.media.as_mut()?;
        match event {
            rtp::Event::Readable(receiver) => Some(Event::MediaReadable(media.of_receiver(receiver)?)),
            rtp::Event::KeyframeRequested(sender, request) => {
                let (transceiver, rid) = media.of_sender(sender)?;
                Some(Event::KeyframeRequested(transceiver, rid, request))
            }
            rtp::Event::Feedback => {
                let mut estimate = None;
                while let Some(feedback) = media.rtp.take_feedback() {
                    if let rtp::Feedback::Estimate { bitrate, .. } = feedback {
                        estimate = Some(bitrate);
                    }
                }
                self.transport.estimate = estimate.or(self.transport.estimate);
                estimate.map(Event::TargetBitrate)
            }
            rtp::Event::Source(..)
            | rtp::Event::SourceEnded(..)
            | rtp::Event::SsrcChanged(_)
            | rtp::Event::Closed => None,
        }
    }

    /// The peer's `close_notify` or its ABORT, whichever comes first, is its end.
    fn on_peer_closed(&mut self) -> Option<Event> {
        if self.peer_closed || self.life != Life::Open {
            return None;
        }
        self.peer_closed = true;
        Some(Event::PeerClosed)
    }

    /// Starts SCTP once DTLS is up, at the earliest with the first negotiated data section.
    pub(super) fn start_data(&mut self) {
        let up = self.transport.dtls_state == DtlsState::Connected && !self.peer_closed;
        if !up || self.remote_max_message_size.is_none() {
            return;
        }
        let Some(role) = self.transport.dtls.as_ref().map(|dtls| dtls.role()) else { return };
        let role = match role {
            dtls::Role::Client => data::Role::Client,
            dtls::Role::Server => data::Role::Server,
        };
        let round_trip = self.transport.ice.round_trip();
        self.transport.data.connect(role, self.remote_max_message_size, round_trip);
    }

    /// Reports the aggregate state when it has changed.
    fn refresh_state(&mut self) {
        if self.life != Life::Open {
            return;
        }
        let state = state::aggregate(false, self.transport.ice.state(), self.transport.dtls_state);
        if state != self.connection_state {
            crate::log::debug!(from = ?self.connection_state, to = ?state, "connection state");
            self.connection_state = state;
            self.events.push(Event::ConnectionStateChange(state));
        }
    }

    pub(super) fn apply_mtu(&mut self) {
        let mtu = self.transport.mtu;
        let data_mtu = self.transport.data_mtu();
        if let Some(dtls) = &mut self.transport.dtls {
            dtls.set_mtu(mtu);
            self.transport.data.set_mtu(data_mtu);
        }
        if let Some(media) = &mut self.transport.media {
            media.set_mtu(mtu);
        }
    }

    fn run_trim(&mut self, now: Instant) {
        if self.trim.take_due(now) {
            let received = self.transport.datagrams.received;
            // Still busy: look again later. An idle connection is left without this timer.
            if received.saturating_sub(self.trimmed_at_received) > 16 {
                self.trim.set(now + limits::TRIM_AFTER);
            } else {
                self.transport.trim();
                self.negotiator.trim();
                self.events.trim();
            }
            self.trimmed_at_received = received;
        }
    }

    /// From here on only the goodbye leaves.
    pub(super) fn begin_close(&mut self) {
        self.life = Life::Closing;
        self.negotiator.close();
        self.trim.stop();
        self.transport.data.close();
        if let Some(media) = &mut self.transport.media {
            media.rtp.close();
        }
    }

    /// Draws ABORT and `close_notify`, each once and only where consent holds, then gives out the closing event.
    fn say_goodbye(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        if buf.is_empty() {
            return Output::Wait(None);
        }
        if let Some(path) = self.transport.ice.active_path()
            && let Some(len) = self.transport.draw_goodbye(now, buf)
        {
            return Output::Transmit(Transmit::new(path, len));
        }
        self.transport.ice.close();
        if let Some(media) = &mut self.transport.media {
            media.end();
        }
        self.life = Life::Closed;
        self.connection_state = ConnectionState::Closed;
        self.transport.trim();
        Output::Event(Event::ConnectionStateChange(ConnectionState::Closed))
    }
}

/// What the application is told of the end of the association, by who ended it.
const fn told_of(reason: CloseReason) -> Option<Event> {
    match reason {
        // The channels begin no shutdown: the peer did.
        CloseReason::Shutdown | CloseReason::PeerAborted { .. } => Some(Event::PeerClosed),
        // We close, or DTLS has said it already.
        CloseReason::Aborted | CloseReason::TransportClosed | CloseReason::TransportFailed => None,
        CloseReason::SetupTimeout
        | CloseReason::Unreachable
        | CloseReason::ProtocolViolation
        | CloseReason::MessageTooLong => Some(Event::SctpFailed(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_association_is_told_by_who_ended_it() {
        use CloseReason as R;
        for peers in [R::Shutdown, R::PeerAborted { cause: 0 }, R::PeerAborted { cause: 13 }] {
            assert_eq!(told_of(peers), Some(Event::PeerClosed));
        }
        for failure in [R::SetupTimeout, R::Unreachable, R::ProtocolViolation, R::MessageTooLong] {
            assert_eq!(told_of(failure), Some(Event::SctpFailed(failure)));
        }
        for known in [R::Aborted, R::TransportClosed, R::TransportFailed] {
            assert_eq!(told_of(known), None);
        }
    }
}
