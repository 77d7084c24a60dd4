//! A description comes into force: what the transport has to do about it (RFC 9429 §5.9 to §5.11).

use crate::crypto::Fingerprint;
use crate::ice::{Credentials, RemoteParameters};
use crate::peer::jsep::check;
use crate::peer::jsep::description::{SdpType, SessionDescription};
use crate::peer::jsep::error::{NegotiationError, Side};
use crate::peer::jsep::negotiated::{NegotiatedMedia, Refusal, TrackChange};
use crate::peer::jsep::negotiator::Negotiator;
use crate::peer::jsep::remote::{RemoteTransport, View, is_live};
use crate::peer::jsep::section;
use crate::peer::jsep::state::SignalingState;
use crate::sdp::{Attribute, Candidate, Session, Setup};

/// Who opens the DTLS association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DtlsRole {
    /// We do.
    Client,
    /// The peer does.
    Server,
}

/// What a description that was taken asks of the transport.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The state now.
    pub(crate) state: SignalingState,
    /// Whether it is another than before.
    pub(crate) changed: bool,
    /// A local description with data stands: candidates may be gathered under these credentials. Where they are not the
    /// agent's, it restarts with them.
    pub(crate) local_credentials: Option<Credentials>,
    /// An answer, ours or theirs, provisional or not, came into force.
    pub(crate) negotiated: Option<Negotiated>,
    /// What is received of which transceiver has changed, in this order.
    #[expect(dead_code, reason = "nothing carries media yet")]
    pub(crate) tracks: Vec<TrackChange>,
}

impl Applied {
    pub(super) fn to(after: SignalingState, before: SignalingState) -> Self {
        Self {
            state: after,
            changed: after != before,
            local_credentials: None,
            negotiated: None,
            tracks: Vec::new(),
        }
    }

    /// Tells the credentials of the live section of a local description.
    pub(super) fn describe_local(&mut self, local: &Session) {
        let live = local.media.iter().find(|media| is_live(media)).map(|media| &media.attributes);
        let pair = live.and_then(|attributes| attributes.ice_ufrag().zip(attributes.ice_pwd()));
        self.local_credentials = pair.and_then(|(ufrag, pwd)| Credentials::new(ufrag, pwd).ok());
    }
}

/// What an answer settled.
#[derive(Debug)]
pub(crate) struct Negotiated {
    /// Whether another answer may follow.
    pub(crate) provisional: bool,
    /// The transport all sections share; `None` where none was accepted.
    pub(crate) transport: Option<NegotiatedTransport>,
    /// What was settled about the data section; `None` where there is none, or it was rejected.
    pub(crate) data: Option<NegotiatedData>,
    /// What was settled about each media section that both sides accepted, in the order of the sections. A transceiver that is not
    /// here does not send and does not receive any more.
    #[expect(dead_code, reason = "nothing carries media yet")]
    pub(crate) media: Vec<NegotiatedMedia>,
    /// The sections of the peer's offer that our answer refuses, and why; none where the answer is the peer's.
    #[expect(dead_code, reason = "nobody asks yet")]
    pub(crate) refused: Vec<(usize, Refusal)>,
}

/// The transport, as offer and answer settled it.
#[derive(Debug)]
pub(crate) struct NegotiatedTransport {
    /// The peer's agent.
    pub(crate) remote_ice: RemoteParameters,
    /// The candidates of its description, those included that were added to it before it came into force.
    pub(crate) remote_candidates: Vec<Candidate>,
    /// Whether none follow.
    pub(crate) remote_ended: bool,
    /// What its certificate must match: any one of them.
    pub(crate) remote_fingerprints: Vec<Fingerprint>,
    /// Our part in DTLS.
    pub(crate) dtls_role: DtlsRole,
    /// Whether an association that was in effect is replaced by a new one.
    pub(crate) new_association: bool,
    /// Our part in ICE (RFC 8445 §6.1.1): the first offerer controls, unless it is lite and the answerer is not.
    pub(crate) controlling: bool,
}

/// The data section, as offer and answer settled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NegotiatedData {
    /// Our SCTP port, as our description says it.
    pub(crate) local_sctp_port: u16,
    /// The peer's SCTP port.
    pub(crate) remote_sctp_port: u16,
    /// The longest message it takes, in bytes; 0: without bound. 65536 where it does not say.
    pub(crate) remote_max_message_size: u64,
}

/// What the transport runs by.
#[derive(Clone, Debug)]
pub(super) struct InEffect {
    pub(super) remote: RemoteTransport,
    pub(super) role: DtlsRole,
    pub(super) controlling: bool,
}

impl Negotiator {
    /// The section of a description of the peer's that carries data, or will: the one that does so already, or the
    /// first. Others are rejected: there is one SCTP association.
    pub(super) fn data_section(&self, session: &Session) -> Option<usize> {
        let live = |index: &usize| session.media.get(*index).is_some_and(is_live);
        let present = self.in_effect.as_ref().map(|in_effect| in_effect.remote.section).filter(live);
        present.or_else(|| (0..session.media.len()).find(live))
    }

    /// Checks an offer of the peer's against what is in effect.
    pub(super) fn check_offer(&self, offer: &Session) -> Result<(), NegotiationError> {
        let Some(section) = self.data_section(offer) else { return Ok(()) };
        let new = RemoteTransport::read(offer, section, SdpType::Offer)?;
        // While an offer may still be rolled back, only a final answer counts.
        let Some(previous) = &self.in_effect else { return Ok(()) };
        if previous.remote.changes_association(&new) {
            return if previous.remote.restarts(&new) {
                Ok(())
            } else {
                Err(NegotiationError::AssociationWithoutRestart(section))
            };
        }
        match (new.setup, previous.role) {
            (Setup::Active, DtlsRole::Client) | (Setup::Passive, DtlsRole::Server) => {
                Err(NegotiationError::RoleConflict { section, setup: new.setup })
            }
            _ => Ok(()),
        }
    }

    /// Our answer comes into force.
    pub(super) fn apply_local_answer(
        &mut self,
        answer: SessionDescription,
        after: SignalingState,
    ) -> Result<Applied, NegotiationError> {
        let Some(offer) = &self.pending_remote else {
            return Err(NegotiationError::NoRemoteOffer(self.state));
        };
        let session = answer.session();
        let accepted = session.media.iter().position(is_live);
        let remote = accepted
            .map(|index| RemoteTransport::read(offer.session(), index, SdpType::Offer))
            .transpose()?;
        let effect = remote.map(|remote| {
            let setup = session.media.get(remote.section).and_then(|media| media.attributes.setup());
            let role = if setup == Some(&Setup::Passive) { DtlsRole::Server } else { DtlsRole::Client };
            (remote, role)
        });
        let negotiated = self.settle(Side::Local, answer.kind(), effect, session, offer.session());
        let mut applied = Applied::to(after, self.state);
        applied.describe_local(session);
        self.finish(Side::Local, answer, after, negotiated, &mut applied);
        Ok(applied)
    }

    /// The peer's answer comes into force.
    pub(super) fn apply_remote_answer(
        &mut self,
        answer: SessionDescription,
        after: SignalingState,
    ) -> Result<Applied, NegotiationError> {
        let invalid =
            NegotiationError::InvalidState { state: self.state, side: Side::Remote, kind: answer.kind() };
        let Some(offer) = self.pending_local.as_ref().map(SessionDescription::session) else {
            return Err(invalid);
        };
        let session = answer.session();
        check::consistency(session)?;
        check::answers(offer, session)?;
        let offered = offer.media.iter().position(is_live);
        let accepted = offered.filter(|index| session.media.get(*index).is_some_and(is_live));
        let remote =
            accepted.map(|index| RemoteTransport::read(session, index, answer.kind())).transpose()?;
        let effect = remote.map(|remote| self.check_answer(remote, offer)).transpose()?;
        let negotiated = self.settle(Side::Remote, answer.kind(), effect, offer, session);
        let mut applied = Applied::to(after, self.state);
        self.finish(Side::Remote, answer, after, negotiated, &mut applied);
        Ok(applied)
    }

    /// Checks the transport of an answer of the peer's against the offer and what is in effect.
    fn check_answer(
        &self,
        remote: RemoteTransport,
        offer: &Session,
    ) -> Result<(RemoteTransport, DtlsRole), NegotiationError> {
        let index = remote.section;
        // The peer's part decides ours: it was offered the choice.
        let role = if remote.setup == Setup::Passive { DtlsRole::Client } else { DtlsRole::Server };
        if let Some(previous) = &self.in_effect {
            let current = self.current_local.as_ref().and_then(|local| section::ufrag(local.session()));
            let offered = section::ufrag(offer) != current;
            let answered = previous.remote.restarts(&remote);
            match (offered, answered) {
                (false, true) => return Err(NegotiationError::UnaskedRestart(index)),
                (true, false) => return Err(NegotiationError::RestartIgnored(index)),
                _ => {}
            }
            let changes = previous.remote.changes_association(&remote);
            if changes && !answered {
                return Err(NegotiationError::AssociationWithoutRestart(index));
            }
            if !changes && previous.role != role {
                return Err(NegotiationError::RoleConflict { section: index, setup: remote.setup });
            }
        }
        Ok((remote, role))
    }

    /// Offer and answer are both there: what follows from them.
    fn settle(
        &self,
        answerer: Side,
        kind: SdpType,
        effect: Option<(RemoteTransport, DtlsRole)>,
        ours: &Session,
        theirs: &Session,
    ) -> (Negotiated, Option<InEffect>) {
        let previous = self.provisional.as_ref().or(self.in_effect.as_ref());
        let effect = effect.map(|(remote, role)| {
            let lite = ours.attributes.has(&Attribute::IceLite);
            let first = if lite == remote.ice.lite { answerer == Side::Remote } else { remote.ice.lite };
            // RFC 8445 §6.1.1: roles are not determined again by a restart.
            let controlling = previous.map_or(first, |previous| previous.controlling);
            InEffect { remote, role, controlling }
        });
        let data = effect.as_ref().map(|effect| NegotiatedData {
            local_sctp_port: self.settings.sctp_port,
            remote_sctp_port: effect.remote.sctp_port,
            remote_max_message_size: effect.remote.max_message_size,
        });
        let transport = effect.as_ref().map(|InEffect { remote, role, controlling }| {
            let view = View::of(theirs, remote.section);
            NegotiatedTransport {
                remote_ice: remote.ice.clone(),
                remote_candidates: view.candidates().cloned().collect(),
                remote_ended: view.ended(),
                remote_fingerprints: remote.fingerprints.clone(),
                dtls_role: *role,
                new_association: previous
                    .is_some_and(|p| p.remote.changes_association(remote) || p.role != *role),
                controlling: *controlling,
            }
        });
        let provisional = kind == SdpType::Pranswer;
        (Negotiated { provisional, transport, data, media: Vec::new(), refused: Vec::new() }, effect)
    }

    /// Keeps the descriptions as the W3C says where they belong.
    fn finish(
        &mut self,
        side: Side,
        answer: SessionDescription,
        after: SignalingState,
        (negotiated, effect): (Negotiated, Option<InEffect>),
        applied: &mut Applied,
    ) {
        let provisional = negotiated.provisional;
        applied.negotiated = Some(negotiated);
        self.state = after;
        let pending = match side {
            Side::Local => &mut self.pending_local,
            Side::Remote => &mut self.pending_remote,
        };
        *pending = Some(answer);
        if provisional {
            self.provisional = effect;
            return;
        }
        let before = self.current_local.as_ref().and_then(|local| section::ufrag(local.session())).cloned();
        self.current_local = self.pending_local.take();
        self.current_remote = self.pending_remote.take();
        let now = self.current_local.as_ref().and_then(|local| section::ufrag(local.session()));
        if before.as_ref() != now {
            self.wants_restart = false;
        }
        self.in_effect = effect;
        self.provisional = None;
        self.created_offer = None;
        self.created_answer = None;
    }
}
