//! The offer/answer engine's state, and what the rest of the connection asks of it.

use core::time::Duration;

use crate::base::ops::Ops;
use crate::crypto::Fingerprint;
use crate::ice::Credentials;
use crate::peer::jsep::apply::{Applied, InEffect};
use crate::peer::jsep::capabilities::SharedCapabilities;
use crate::peer::jsep::description::{SdpType, SessionDescription};
use crate::peer::jsep::error::{NegotiationError, Side};
use crate::peer::jsep::extensions::ExtensionIds;
use crate::peer::jsep::format::PayloadTypes;
use crate::peer::jsep::negotiated::Refusal;
use crate::peer::jsep::offer::OfferOptions;
use crate::peer::jsep::remote::is_live;
use crate::peer::jsep::section;
use crate::peer::jsep::state::SignalingState;
use crate::peer::jsep::survey::Survey;
use crate::peer::jsep::transceiver::{Life, Transceiver, TransceiverId};
use crate::rng::Rng;
use crate::sdp::{Attribute, Attributes, Candidate, Session, Text, Token};

/// What descriptions say of us and never changes.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The longest message we take, in bytes; 0: without bound (RFC 8841 §6).
    pub(crate) max_message_size: u64,
    /// Our SCTP port.
    pub(crate) sctp_port: u16,
    /// Whether to be the DTLS client where the offer leaves the choice (RFC 8842 §5.3 recommends it).
    pub(crate) answer_active: bool,
    /// Which media is served: the codecs in their order, and header extensions.
    pub(crate) media: SharedCapabilities,
}

/// A description that was made and not set yet.
#[derive(Clone, Debug)]
pub(super) struct Created {
    pub(super) session: Session,
    /// Of an offer: the transceiver of each section.
    pub(super) places: Vec<Option<TransceiverId>>,
    /// Of an answer: the sections it refuses.
    pub(super) refused: Vec<(usize, Refusal)>,
}

/// What the transport is like at the moment a description is made or set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalTransport<'a> {
    /// The agent's credentials.
    pub(crate) credentials: &'a Credentials,
    /// Credentials for an ICE restart, where the agent has them ready; otherwise they are drawn here, and told with
    /// [`Applied::local_credentials`].
    pub(crate) next_credentials: Option<&'a Credentials>,
    /// Candidates gathered under `credentials`.
    pub(crate) candidates: &'a [Candidate],
    /// Whether none will follow them.
    pub(crate) end_of_candidates: bool,
    /// Whether the agent is a lite one.
    pub(crate) lite: bool,
    /// The pacing to ask for.
    pub(crate) pacing: Option<Duration>,
    /// Of our certificate.
    pub(crate) fingerprints: &'a [Fingerprint],
}

/// The offer/answer engine of one connection.
#[derive(Debug)]
pub(crate) struct Negotiator {
    pub(super) rng: Rng,
    pub(super) settings: Settings,
    pub(super) session_id: u64,
    pub(super) version: u64,
    pub(super) state: SignalingState,
    pub(super) wants_data: bool,
    pub(super) wants_restart: bool,
    pub(super) current_local: Option<SessionDescription>,
    pub(super) current_remote: Option<SessionDescription>,
    pub(super) pending_local: Option<SessionDescription>,
    pub(super) pending_remote: Option<SessionDescription>,
    pub(super) created_offer: Option<Box<Created>>,
    pub(super) created_answer: Option<Box<Created>>,
    /// The section whose transport serves the peer's offer that is under way.
    pub(super) pending_section: Option<usize>,
    /// In the order they were made, which is that of their names.
    pub(super) transceivers: Vec<Transceiver>,
    pub(super) next_transceiver: u32,
    /// The name of our sources, drawn with the first transceiver.
    pub(super) cname: Option<Text>,
    /// The stream of tracks for which the peer names none.
    pub(super) default_stream: Option<Token>,
    pub(super) payload_types: PayloadTypes,
    pub(super) extension_ids: ExtensionIds,
    pub(super) in_effect: Option<InEffect>,
    /// In effect since a provisional answer.
    pub(super) provisional: Option<InEffect>,
    /// Steps of looking over descriptions of the peer's.
    pub(super) ops: Ops,
}

impl Negotiator {
    /// An engine in `stable` that has seen no description.
    pub(crate) fn new(mut rng: Rng, settings: Settings) -> Self {
        // RFC 9429 §5.2.1: 63 random bits, and below 2^63 - 1.
        let session_id = rng.below(i64::MAX.unsigned_abs());
        Self {
            rng,
            settings,
            session_id,
            version: 0,
            state: SignalingState::Stable,
            wants_data: false,
            wants_restart: false,
            current_local: None,
            current_remote: None,
            pending_local: None,
            pending_remote: None,
            created_offer: None,
            created_answer: None,
            pending_section: None,
            transceivers: Vec::new(),
            next_transceiver: 0,
            cname: None,
            default_stream: None,
            payload_types: PayloadTypes::default(),
            extension_ids: ExtensionIds::default(),
            in_effect: None,
            provisional: None,
            ops: Ops::default(),
        }
    }

    /// The same engine again.
    #[cfg(feature = "sim")]
    pub(crate) fn fork(&self) -> Self {
        Self {
            rng: self.rng.duplicate(),
            settings: self.settings.clone(),
            session_id: self.session_id,
            version: self.version,
            state: self.state,
            wants_data: self.wants_data,
            wants_restart: self.wants_restart,
            current_local: self.current_local.clone(),
            current_remote: self.current_remote.clone(),
            pending_local: self.pending_local.clone(),
            pending_remote: self.pending_remote.clone(),
            created_offer: self.created_offer.clone(),
            created_answer: self.created_answer.clone(),
            pending_section: self.pending_section,
            transceivers: self.transceivers.clone(),
            next_transceiver: self.next_transceiver,
            cname: self.cname.clone(),
            default_stream: self.default_stream.clone(),
            payload_types: self.payload_types.clone(),
            extension_ids: self.extension_ids.clone(),
            in_effect: self.in_effect.clone(),
            provisional: self.provisional.clone(),
            ops: self.ops,
        }
    }

    /// Gives back the memory that an idle connection does not need: descriptions are seldom looked at once they are in force.
    pub(crate) fn trim(&mut self) {
        let all = [
            &mut self.current_local,
            &mut self.current_remote,
            &mut self.pending_local,
            &mut self.pending_remote,
        ];
        all.into_iter().flatten().for_each(SessionDescription::pack);
        self.transceivers.shrink_to_fit();
        self.payload_types.trim();
    }

    /// Where the exchange stands.
    pub(crate) const fn signaling_state(&self) -> SignalingState {
        self.state
    }

    /// Our description: the one under way, or the one in force. With the candidates that have been told.
    pub(crate) fn local_description(&self) -> Option<&SessionDescription> {
        self.pending_local.as_ref().or(self.current_local.as_ref())
    }

    /// The peer's description: the one under way, or the one in force. With the candidates it has told.
    pub(crate) fn remote_description(&self) -> Option<&SessionDescription> {
        self.pending_remote.as_ref().or(self.current_remote.as_ref())
    }

    /// Our description in force.
    pub(crate) const fn current_local_description(&self) -> Option<&SessionDescription> {
        self.current_local.as_ref()
    }

    /// The peer's description in force.
    pub(crate) const fn current_remote_description(&self) -> Option<&SessionDescription> {
        self.current_remote.as_ref()
    }

    /// Our description under way.
    pub(crate) const fn pending_local_description(&self) -> Option<&SessionDescription> {
        self.pending_local.as_ref()
    }

    /// The peer's description under way.
    pub(crate) const fn pending_remote_description(&self) -> Option<&SessionDescription> {
        self.pending_remote.as_ref()
    }

    /// Whether the peer takes candidates after its description; `None` before there is one.
    pub(crate) fn can_trickle(&self) -> Option<bool> {
        let session = self.remote_description()?.session();
        let levels =
            core::iter::once(&session.attributes).chain(session.media.iter().map(|media| &media.attributes));
        Some(levels.flat_map(Attributes::ice_options).any(|option| *option == "trickle"))
    }

    /// Whether a description of ours has a section that is alive: then there is a transport.
    pub(crate) fn describes_transport(&self) -> bool {
        let both = self.pending_local.iter().chain(&self.current_local);
        both.flat_map(|local| &local.session().media).any(is_live)
    }

    /// Whether a description of ours has the section of a transceiver.
    pub(crate) fn has_transport(&self, id: TransceiverId) -> bool {
        let Some(index) = self.transceiver(id).and_then(|its| its.settled.section) else { return false };
        let both = self.pending_local.iter().chain(&self.current_local);
        both.filter_map(|local| local.session().media.get(index)).any(is_live)
    }

    /// Says that there are data channels: offers have a section for them from now on. Returns whether an offer is due.
    pub(crate) fn need_data_channel(&mut self) -> bool {
        self.wants_data = true;
        self.negotiation_needed()
    }

    /// Says that ICE shall restart with the next offer. Returns whether an offer is due.
    pub(crate) const fn need_restart(&mut self) -> bool {
        // Before anything is in effect every offer starts ICE anyway.
        self.wants_restart = self.in_effect.is_some();
        self.wants_restart && matches!(self.state, SignalingState::Stable)
    }

    /// Ends it: no description is made or taken any more.
    pub(crate) fn close(&mut self) {
        self.state = SignalingState::Closed;
        for its in &mut self.transceivers {
            its.life = Life::Stopped;
        }
        self.created_offer = None;
        self.created_answer = None;
    }

    /// Sets our description; `None` makes the one that is due first (W3C, implicit descriptions).
    pub(crate) fn set_local(
        &mut self,
        description: Option<SessionDescription>,
        transport: &LocalTransport<'_>,
    ) -> Result<Applied, NegotiationError> {
        let description = match description {
            Some(description) => description,
            None => self.implicit(transport)?,
        };
        let kind = description.kind();
        let after = self.state.after(Side::Local, kind)?;
        let created = match kind {
            SdpType::Rollback => return Ok(self.roll_back()),
            SdpType::Offer => self.created_offer.as_ref(),
            SdpType::Answer | SdpType::Pranswer => self.created_answer.as_ref(),
        };
        let Some(created) = created.filter(|created| created.session == *description.session()) else {
            return Err(NegotiationError::Modified);
        };
        let (places, refused) = (created.places.clone(), created.refused.clone());
        let mut description = description;
        let tagged = section::tagged(description.session());
        if let Some(media) = tagged.and_then(|index| description.session_mut().media.get_mut(index)) {
            section::refresh_candidates(media, transport);
        }
        description.session_mut().shrink();
        if kind == SdpType::Offer {
            self.created_offer = None;
            self.associate_local(description.session(), &places);
            let mut applied = Applied::to(after, self.state);
            applied.describe_local(description.session());
            self.pending_local = Some(description);
            self.state = after;
            return Ok(applied);
        }
        self.apply_local_answer(description, after, refused)
    }

    /// Sets the peer's description.
    pub(crate) fn set_remote(
        &mut self,
        description: SessionDescription,
    ) -> Result<Applied, NegotiationError> {
        let kind = description.kind();
        let after = self.state.after(Side::Remote, kind)?;
        match kind {
            SdpType::Rollback => return Ok(self.roll_back()),
            SdpType::Offer => {}
            SdpType::Answer | SdpType::Pranswer => return self.apply_remote_answer(description, after),
        }
        self.apply_remote_offer(description, after)
    }

    fn implicit(&mut self, transport: &LocalTransport<'_>) -> Result<SessionDescription, NegotiationError> {
        match self.state {
            SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPranswer => {
                self.create_answer(transport)
            }
            SignalingState::Stable | SignalingState::HaveLocalOffer => {
                self.create_offer(OfferOptions::default(), transport)
            }
            SignalingState::HaveRemotePranswer => Err(NegotiationError::InvalidState {
                state: self.state,
                side: Side::Local,
                kind: SdpType::Offer,
            }),
            SignalingState::Closed => Err(NegotiationError::Closed),
        }
    }

    /// Undoes what is under way (RFC 9429 §5.7).
    fn roll_back(&mut self) -> Applied {
        let before = self.state;
        let tracks = self.undo();
        self.pending_section = None;
        self.pending_local = None;
        self.pending_remote = None;
        self.provisional = None;
        self.created_answer = None;
        self.created_offer = None;
        self.state = SignalingState::Stable;
        let mut applied = Applied { tracks, ..Applied::to(self.state, before) };
        if let Some(current) = &self.current_local {
            applied.describe_local(current.session());
        }
        applied
    }

    /// Looks over a description of the peer's.
    pub(super) fn survey<'a>(&mut self, session: &'a Session) -> Survey<'a> {
        let survey = Survey::of(session);
        self.ops.add(survey.steps);
        survey
    }

    /// A description of ours without sections: who, and with which options.
    pub(super) fn blank(&mut self, transport: &LocalTransport<'_>, options: Vec<Token>) -> Session {
        self.version += 1;
        let mut session = Session::new(self.session_id, self.version);
        if !options.is_empty() {
            session.attributes.push(Attribute::IceOptions(options));
        }
        if transport.lite {
            session.attributes.push(Attribute::IceLite);
        }
        if let Some(pacing) = transport.pacing {
            let milliseconds = u32::try_from(pacing.as_millis()).unwrap_or(u32::MAX);
            session.attributes.push(Attribute::IcePacing(milliseconds));
        }
        session
    }

    /// The credentials a description tells, and whether they are the agent's present ones.
    pub(super) fn credentials(
        &mut self,
        restart: bool,
        transport: &LocalTransport<'_>,
    ) -> (Credentials, bool) {
        let current = self.current_local.as_ref().and_then(|local| section::ufrag(local.session()));
        if !restart || current.is_none_or(|current| *current != *transport.credentials.ufrag()) {
            return (transport.credentials.clone(), true);
        }
        (transport.next_credentials.cloned().unwrap_or_else(|| Credentials::generate(&mut self.rng)), false)
    }
}

#[cfg(test)]
#[path = "negotiator_tests.rs"]
mod tests;
