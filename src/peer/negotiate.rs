//! Offer and answer applied to the transport: what a description changes below, and what is announced of it.

use super::connection::{Life, PeerConnection};
use super::error::{Failure, IceCandidateError};
use super::event::{Event, IceCandidate};
use super::jsep::{
    Applied, CandidatePlace, CandidateTarget, DtlsRole, LocalTransport, NegotiatedData, NegotiatedMedia,
    NegotiatedTransport, NegotiationError, Negotiator, OfferOptions, RemoteCandidateError,
    SessionDescription, SignalingState, TrackChange,
};
use super::media::Media;
use super::setup;
use super::state::DtlsState;
use crate::base::limits;
use crate::crypto::FingerprintHash;
use crate::dtls::{self, Connection};
use crate::ice::{IceGatheringState, Role};
use crate::sdp::{Candidate, CandidateParseError};

impl PeerConnection {
    pub(super) fn offer(&mut self, options: OfferOptions) -> Result<SessionDescription, NegotiationError> {
        self.describe(|negotiator, local| negotiator.create_offer(options, local))
    }

    pub(super) fn answer(&mut self) -> Result<SessionDescription, NegotiationError> {
        self.describe(Negotiator::create_answer)
    }

    pub(super) fn apply_local(
        &mut self,
        description: Option<SessionDescription>,
    ) -> Result<(), NegotiationError> {
        let applied = self.describe(|negotiator, local| negotiator.set_local(description, local))?;
        self.apply(applied);
        Ok(())
    }

    pub(super) fn apply_remote(&mut self, description: SessionDescription) -> Result<(), NegotiationError> {
        let applied = self.negotiator.set_remote(description)?;
        self.apply(applied);
        self.add_early_candidates();
        Ok(())
    }

    /// Calls the negotiator with what the transport is like now.
    fn describe<T>(&mut self, call: impl FnOnce(&mut Negotiator, &LocalTransport<'_>) -> T) -> T {
        let candidates: Vec<Candidate> = self.transport.ice.local_candidates().cloned().collect();
        let local = LocalTransport {
            credentials: self.transport.ice.local_credentials(),
            next_credentials: None,
            end_of_candidates: !candidates.is_empty(),
            candidates: &candidates,
            lite: self.config.ice_lite,
            pacing: self.config.ice_pacing,
            fingerprints: &[self.certificate.fingerprint(FingerprintHash::Sha256)],
        };
        call(&mut self.negotiator, &local)
    }

    fn apply(&mut self, applied: Applied) {
        self.check_negotiation = true;
        if applied.gave_way {
            self.events.push(Event::SignalingStateChange(SignalingState::Stable));
        }
        if applied.changed {
            self.events.push(Event::SignalingStateChange(applied.state));
            if applied.state == SignalingState::Stable {
                // W3C WebRTC §4.4.1.5: what is still due, after a rollback above all, is told anew.
                self.negotiation_needed = false;
            }
        }
        if let Some(credentials) = applied.local_credentials {
            if *self.transport.ice.local_credentials() != credentials {
                let taken_back = self.transport.ice.restart_with(credentials);
                self.unannounced = self.transport.ice.local_candidates().cloned().collect();
                if taken_back {
                    self.forget_told();
                    self.restore_remote_candidates();
                } else {
                    self.gathering_state = IceGatheringState::New;
                }
            }
            self.announce();
        } else if self.negotiator.local_description().is_none() {
            self.forget_gathering();
        }
        if let Some(negotiated) = applied.negotiated {
            self.refused_sections = negotiated.refused;
            let replaced = negotiated.transport.as_ref().is_some_and(|its| its.new_association);
            if replaced && self.transport.dtls.is_some() {
                self.replace_association();
            }
            if let Some(data) = negotiated.data {
                self.apply_data(data);
            }
            if let Some(transport) = negotiated.transport {
                self.apply_transport(transport);
            }
            self.apply_media(negotiated.media);
        }
        for change in applied.tracks {
            self.on_track(&change);
        }
    }

    /// Offer and answer agree on media: senders and receivers follow.
    fn apply_media(&mut self, negotiated: Vec<NegotiatedMedia>) {
        if self.transport.media.is_none() {
            let Some(first) = negotiated.first() else { return };
            let now = self.latest.now();
            let name = (&*first.cname, self.transport.mtu);
            let (rng, delivery) = (self.rng.fork("rtp"), self.config.media_delivery);
            self.transport.media = Media::new(now, self.unix_time(now), rng, name, delivery).map(Box::new);
        }
        self.transport.apply_media(negotiated);
    }

    fn on_track(&mut self, change: &TrackChange) {
        self.events.push(match *change {
            TrackChange::Added { transceiver, .. } => Event::Track(transceiver),
            TrackChange::Streams { transceiver, .. } => Event::TrackStreams(transceiver),
            TrackChange::Removed { transceiver } => Event::TrackMuted(transceiver),
            TrackChange::Gone { transceiver } => {
                if let Some(media) = &mut self.transport.media {
                    media.remove(transceiver);
                }
                Event::TrackEnded(transceiver)
            }
        });
    }

    /// Calls the negotiator with a wish of the application's; an offer may become due.
    pub(super) fn change<T>(&mut self, call: impl FnOnce(&mut Negotiator) -> T) -> T {
        self.idle = super::connection::Idle::No;
        self.check_negotiation = true;
        call(&mut self.negotiator)
    }

    /// The only description of ours has been taken back: candidates belong nowhere again, and are told anew with the next one.
    fn forget_gathering(&mut self) {
        if self.gathering_state != IceGatheringState::New {
            self.set_gathering(IceGatheringState::New);
            self.unannounced = self.transport.ice.local_candidates().cloned().collect();
        }
    }

    /// The generation in force is back: the candidates that were told of it are known.
    fn forget_told(&mut self) {
        let current = self.negotiator.current_local_description();
        let media = current.iter().flat_map(|description| &description.session().media);
        let told: Vec<_> = media.flat_map(|media| media.attributes.candidates()).collect();
        let is_told = |c: &Candidate| told.iter().any(|t| (&t.address, t.port) == (&c.address, c.port));
        self.unannounced.retain(|candidate| !is_told(candidate));
    }

    /// The generation in force is back: candidates of the peer's that came meanwhile went to the one that was given up.
    fn restore_remote_candidates(&mut self) {
        for candidate in self.negotiator.candidates_in_force() {
            // Those that are known or cannot be used change nothing.
            self.transport.ice.add_remote_candidate(candidate).unwrap_or_default();
        }
    }

    /// Offer and answer agree on data channels: SCTP gets its ports and limits.
    fn apply_data(&mut self, data: NegotiatedData) {
        self.remote_max_message_size = Some(data.remote_max_message_size);
        self.transport.data.set_remote_max_message_size(self.remote_max_message_size);
        self.transport.data.set_ports(data.local_sctp_port, data.remote_sctp_port);
    }

    /// Offer and answer are there: ICE gets its peer, DTLS its role and what to verify.
    fn apply_transport(&mut self, transport: NegotiatedTransport) {
        let first = self.transport.dtls.is_none();
        if first {
            self.transport.ice.set_role(if transport.controlling {
                Role::Controlling
            } else {
                Role::Controlled
            });
        }
        self.transport.ice.set_remote(transport.remote_ice);
        for candidate in &transport.remote_candidates {
            // One that cannot be used is the peer's affair; ICE counts it.
            self.transport.ice.add_remote_candidate(candidate).unwrap_or_default();
        }
        if transport.remote_ended {
            self.transport.ice.end_of_remote_candidates();
        }
        let role = match transport.dtls_role {
            DtlsRole::Client => dtls::Role::Client,
            DtlsRole::Server => dtls::Role::Server,
        };
        if first {
            self.open_dtls(role);
        }
        if let Some(dtls) = &mut self.transport.dtls {
            dtls.set_remote_fingerprints(transport.remote_fingerprints);
        }
        self.start_dtls();
        self.start_data();
    }

    /// Another DTLS association takes the place of the one there was (RFC 8842 §5.5): with the peer that is there now, which may be another.
    /// What stood on it is begun anew.
    fn replace_association(&mut self) {
        self.transport.drop_association();
        self.peer_closed = false;
        if self.failure.as_ref().is_some_and(|failure| *failure != Failure::Ice) {
            self.failure = None;
        }
        let config = setup::data_config(&self.config);
        if self.transport.data.start_over(self.rng.fork("data"), &config.sctp).is_err() {
            // It was accepted when the connection was made.
            self.failure = Some(Failure::DtlsSetup);
        }
    }

    fn open_dtls(&mut self, role: dtls::Role) {
        let config = setup::dtls_config(&self.config, &self.certificate);
        if let Ok(dtls) = Connection::new(self.latest.now(), self.rng.fork("dtls"), &config, role) {
            self.transport.dtls = Some(Box::new(dtls));
        } else {
            self.transport.dtls_state = DtlsState::Failed;
            self.failure = Some(Failure::DtlsSetup);
        }
    }

    /// Reports local candidates, and the end of them, once a local description says where they belong. Returns whether it reported
    /// anything.
    pub(super) fn announce(&mut self) -> bool {
        let complete = self.gathering_state == IceGatheringState::Complete;
        if self.life != Life::Open || (complete && self.unannounced.is_empty()) {
            return false;
        }
        let ufrag = self.transport.ice.local_credentials().ufrag().to_owned();
        let Some((index, mid)) = self.negotiator.local_section(&ufrag) else { return false };
        if self.unannounced.is_empty() && self.transport.ice.local_candidates().next().is_none() {
            return false;
        }
        if self.gathering_state == IceGatheringState::New {
            self.set_gathering(IceGatheringState::Gathering);
        }
        for candidate in core::mem::take(&mut self.unannounced) {
            self.negotiator.add_local_candidate(&ufrag, &candidate);
            self.events.push(Event::IceCandidate(Some(IceCandidate {
                candidate: candidate.to_string(),
                sdp_mid: mid.clone(),
                sdp_m_line_index: u16::try_from(index).ok(),
                username_fragment: Some(ufrag.clone()),
            })));
        }
        if !complete {
            self.negotiator.end_local_candidates(&ufrag);
            self.transport.ice.end_of_local_candidates();
            self.set_gathering(IceGatheringState::Complete);
            self.events.push(Event::IceCandidate(None));
        }
        true
    }

    fn set_gathering(&mut self, state: IceGatheringState) {
        self.gathering_state = state;
        self.events.push(Event::IceGatheringStateChange(state));
    }

    /// Reports once that an offer is due (W3C, "update the negotiation-needed flag").
    pub(super) fn refresh_negotiation(&mut self) {
        if !core::mem::take(&mut self.check_negotiation) || self.life != Life::Open {
            return;
        }
        let needed = self.negotiator.negotiation_needed();
        let stable = self.negotiator.signaling_state() == SignalingState::Stable;
        if needed && !self.negotiation_needed {
            self.events.push(Event::NegotiationNeeded);
        }
        if stable {
            self.negotiation_needed = needed;
        }
    }

    pub(super) fn take_remote_candidate(
        &mut self,
        candidate: Option<&IceCandidate>,
    ) -> Result<(), IceCandidateError> {
        if self.life != Life::Open {
            return Err(IceCandidateError::Place(RemoteCandidateError::Closed));
        }
        let candidate = candidate.cloned().unwrap_or_default();
        if self.negotiator.remote_description().is_none() {
            if self.early_candidates.len() >= limits::MAX_EARLY_CANDIDATES {
                return Err(IceCandidateError::TooManyEarly { held: self.early_candidates.len() });
            }
            // Kept as it is: what is too long to be read later is refused now.
            let texts = [
                Some(&candidate.candidate),
                candidate.sdp_mid.as_ref(),
                candidate.username_fragment.as_ref(),
            ];
            let (bytes, limit) =
                (texts.into_iter().flatten().map(String::len).max(), limits::MAX_CANDIDATE_BYTES);
            if let Some(bytes) = bytes.filter(|bytes| *bytes > limit) {
                return Err(IceCandidateError::Syntax(CandidateParseError::TooLong { bytes, limit }));
            }
            self.early_candidates.push(candidate);
            return Ok(());
        }
        self.place_candidate(&candidate)
    }

    fn place_candidate(&mut self, candidate: &IceCandidate) -> Result<(), IceCandidateError> {
        let place = CandidatePlace {
            mid: candidate.sdp_mid.as_deref(),
            index: candidate.sdp_m_line_index,
            ufrag: candidate.username_fragment.as_deref(),
        };
        let text = candidate.candidate.trim();
        let parsed = if text.is_empty() {
            None
        } else {
            match text.parse::<Candidate>() {
                Ok(parsed) => Some(parsed),
                Err(error) if error.is_unknown() => {
                    return self.negotiator.check_place(place).map_err(IceCandidateError::Place);
                }
                Err(error) => return Err(IceCandidateError::Syntax(error)),
            }
        };
        let target =
            self.negotiator.add_remote_candidate(place, parsed.as_ref()).map_err(IceCandidateError::Place)?;
        if target == CandidateTarget::Now {
            match parsed {
                Some(parsed) => {
                    self.transport.ice.add_remote_candidate(&parsed).map_err(IceCandidateError::Refused)?;
                }
                None => self.transport.ice.end_of_remote_candidates(),
            }
        }
        Ok(())
    }

    /// What came before the remote description; one that has no place in it is dropped, as its caller was told it may be.
    fn add_early_candidates(&mut self) {
        for candidate in core::mem::take(&mut self.early_candidates) {
            self.place_candidate(&candidate).unwrap_or_default();
        }
    }
}
