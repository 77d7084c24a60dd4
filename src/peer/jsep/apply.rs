//! A description comes into force: what the transport has to do about it (RFC 9429 §5.9 to §5.11).

use crate::crypto::Fingerprint;
use crate::ice::{Credentials, RemoteParameters};
use crate::peer::jsep::assess::Verdict;
use crate::peer::jsep::check;
use crate::peer::jsep::description::{SdpType, SessionDescription};
use crate::peer::jsep::error::{NegotiationError, Side};
use crate::peer::jsep::extensions;
use crate::peer::jsep::negotiated::{NegotiatedMedia, Refusal, TrackChange};
use crate::peer::jsep::negotiator::Negotiator;
use crate::peer::jsep::remote::{self, RemoteTransport, View, is_live};
use crate::peer::jsep::section;
use crate::peer::jsep::settle::{self, Both};
use crate::peer::jsep::state::SignalingState;
use crate::peer::jsep::survey::{Inherited, Survey};
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
    /// An offer of ours was taken back on the way, because the peer's crossed it: the state was `stable` in between.
    pub(crate) gave_way: bool,
    /// A local description with data stands: candidates may be gathered under these credentials. Where they are not the
    /// agent's, it restarts with them.
    pub(crate) local_credentials: Option<Credentials>,
    /// An answer, ours or theirs, provisional or not, came into force.
    pub(crate) negotiated: Option<Negotiated>,
    /// What is received of which transceiver has changed, in this order.
    pub(crate) tracks: Vec<TrackChange>,
}

impl Applied {
    pub(super) fn to(after: SignalingState, before: SignalingState) -> Self {
        Self {
            state: after,
            changed: after != before,
            gave_way: false,
            local_credentials: None,
            negotiated: None,
            tracks: Vec::new(),
        }
    }

    /// Tells the credentials of a local description.
    pub(super) fn describe_local(&mut self, local: &Session) {
        let media = section::tagged(local).and_then(|index| local.media.get(index));
        let pair = media
            .map(|media| &media.attributes)
            .and_then(|attributes| attributes.ice_ufrag().zip(attributes.ice_pwd()));
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
    pub(crate) media: Vec<NegotiatedMedia>,
    /// The sections of the peer's offer that our answer refuses, and why; none where the answer is the peer's.
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

/// An answer and the offer it answers, both taken.
#[derive(Clone, Copy)]
struct Exchange<'a> {
    answerer: Side,
    kind: SdpType,
    ours: &'a Session,
    theirs: &'a Session,
}

/// What the transport runs by.
#[derive(Clone, Debug)]
pub(super) struct InEffect {
    pub(super) remote: RemoteTransport,
    pub(super) role: DtlsRole,
    pub(super) controlling: bool,
    /// Whether the peer has said another part of itself than it has in the DTLS association, which went on all the same.
    forgets_role: bool,
}

impl Negotiator {
    /// The peer's offer gets under way.
    pub(super) fn apply_remote_offer(
        &mut self,
        description: SessionDescription,
        after: SignalingState,
    ) -> Result<Applied, NegotiationError> {
        let offer = description.session();
        check::consistency(offer)?;
        check::continues(self.current_local.as_ref(), self.current_remote.as_ref(), offer)?;
        let before = self.transceivers.clone();
        let mut applied = Applied::to(after, self.state);
        // Glare: the peer's offer wins here; who should win is for the application to decide before it comes here.
        let glare = self.pending_local.is_some();
        applied.gave_way = glare;
        if glare {
            applied.tracks = self.undo();
        }
        self.associate_remote(offer);
        let survey = self.survey(offer);
        let verdicts = self.verdicts(&survey);
        let section = self.choose_transport(&survey, &verdicts);
        if let Err(error) = self.check_offer(&survey, verdicts, section) {
            self.transceivers = before;
            return Err(error);
        }
        applied.tracks.extend(self.apply_directions(Side::Remote, SdpType::Offer, offer));
        if let Some(current) = self.current_local.as_ref().filter(|_| glare) {
            applied.describe_local(current.session());
        }
        self.pending_local = None;
        self.created_answer = None;
        self.created_offer = None;
        self.pending_section = section;
        self.pending_remote = Some(description);
        self.state = after;
        Ok(applied)
    }

    /// Checks an offer of the peer's against what is in effect.
    fn check_offer(
        &self,
        offer: &Survey<'_>,
        verdicts: Vec<Verdict>,
        section: Option<usize>,
    ) -> Result<(), NegotiationError> {
        let Some(section) = section else { return Ok(()) };
        let new = RemoteTransport::read(offer.session(), section, SdpType::Offer)?;
        let verdicts = Self::assess(offer, verdicts, Some(section));
        if let Some(data) = verdicts.iter().position(|verdict| *verdict == Verdict::Data) {
            remote::read_data(offer.session(), data, self.settings.sctp_port)?;
        }
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
        refused: Vec<(usize, Refusal)>,
    ) -> Result<Applied, NegotiationError> {
        let Some(offer) = self.pending_remote.clone() else {
            return Err(NegotiationError::NoRemoteOffer(self.state));
        };
        let (ours, theirs) = (answer.session(), offer.session());
        let remote = section::tagged(ours)
            .map(|index| RemoteTransport::read(theirs, index, SdpType::Offer))
            .transpose()?;
        let effect = remote.map(|remote| {
            let setup = ours.media.get(remote.section).and_then(|media| media.attributes.setup());
            let role = if setup == Some(&Setup::Passive) { DtlsRole::Server } else { DtlsRole::Client };
            (remote, role)
        });
        let exchange = Exchange { answerer: Side::Local, kind: answer.kind(), ours, theirs };
        let data = self.settle_data(&exchange)?;
        let mut applied = Applied::to(after, self.state);
        applied.describe_local(ours);
        let (mut negotiated, effect) = self.settle(&exchange, effect);
        (negotiated.data, negotiated.refused) = (data, refused);
        applied.tracks = self.settle_media(&exchange, &mut negotiated);
        self.finish(Side::Local, answer, after, (negotiated, effect), &mut applied);
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
        let offer = self.pending_local.clone().ok_or(invalid)?;
        let (ours, theirs) = (offer.session(), answer.session());
        check::consistency(theirs)?;
        check::answers(ours, theirs)?;
        let accepted = section::tagged(theirs);
        let remote = accepted.map(|index| RemoteTransport::read(theirs, index, answer.kind())).transpose()?;
        let effect = remote.map(|remote| self.check_answer(remote, ours)).transpose()?;
        let exchange = Exchange { answerer: Side::Remote, kind: answer.kind(), ours, theirs };
        let data = self.settle_data(&exchange)?;
        let mut applied = Applied::to(after, self.state);
        let (mut negotiated, effect) = self.settle(&exchange, effect);
        negotiated.data = data;
        applied.tracks = self.settle_media(&exchange, &mut negotiated);
        self.finish(Side::Remote, answer, after, (negotiated, effect), &mut applied);
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
                // RFC 9429 §5.3.2: the answer is to keep the part it has. Firefox asks itself again at a restart, and says the same in
                // its answers from then on, but goes on with the association it has: certificate and tls-id are the same, and no
                // hello of its own follows.
                return if answered || previous.forgets_role {
                    Ok((remote, previous.role))
                } else {
                    Err(NegotiationError::RoleConflict { section: index, setup: remote.setup })
                };
            }
        }
        Ok((remote, role))
    }

    /// What follows for data from offer and answer.
    fn settle_data(&self, exchange: &Exchange<'_>) -> Result<Option<NegotiatedData>, NegotiationError> {
        let sections = exchange.ours.media.iter().zip(&exchange.theirs.media);
        let mut sections = sections.map(|(ours, theirs)| ours.is_data() && is_live(ours) && is_live(theirs));
        let section = sections.position(|both| both);
        section.map(|index| remote::read_data(exchange.theirs, index, self.settings.sctp_port)).transpose()
    }

    /// What follows for media: directions, what is gone, and the sections both accept. Returns what is received otherwise than before.
    fn settle_media(&mut self, exchange: &Exchange<'_>, negotiated: &mut Negotiated) -> Vec<TrackChange> {
        let Exchange { answerer, kind, ours, theirs } = *exchange;
        let answer = if answerer == Side::Local { ours } else { theirs };
        let mut tracks = self.apply_directions(answerer, kind, answer);
        if !negotiated.provisional {
            tracks.extend(self.conclude(ours, theirs));
        }
        let inherited = [ours, theirs].map(Inherited::of);
        for (index, (our_media, their_media)) in ours.media.iter().zip(&theirs.media).enumerate() {
            let Some(transceiver) = self.transceiver_at(index) else { continue };
            // One that is stopped stops at once, though the peer hears of it with the next description.
            if !is_live(our_media) || !is_live(their_media) || transceiver.is_stopped() {
                continue;
            }
            let (Some(mid), Some(cname)) = (&transceiver.settled.mid, &self.cname) else { continue };
            let we_answer = answerer == Side::Local;
            let [our_part, their_part] = inherited;
            let both =
                Both { index, ours: (our_part, our_media), theirs: (their_part, their_media), we_answer };
            let capabilities = self.settings.media.of(transceiver.kind);
            negotiated.media.push(settle::settle(&both, transceiver, mid, capabilities, cname));
            if !negotiated.provisional {
                let mixed = extensions::mixed(our_part, our_media);
                self.extension_ids.learn(&extensions::read(our_media, mixed));
            }
        }
        tracks
    }

    /// Offer and answer are both there: what follows for the transport.
    fn settle(
        &self,
        exchange: &Exchange<'_>,
        effect: Option<(RemoteTransport, DtlsRole)>,
    ) -> (Negotiated, Option<InEffect>) {
        let Exchange { answerer, kind, ours, theirs } = *exchange;
        let previous = self.provisional.as_ref().or(self.in_effect.as_ref());
        let effect = effect.map(|(remote, role)| {
            let lite = ours.attributes.has(&Attribute::IceLite);
            let first = if lite == remote.ice.lite { answerer == Side::Remote } else { remote.ice.lite };
            // RFC 8445 §6.1.1: roles are not determined again by a restart.
            let controlling = previous.map_or(first, |previous| previous.controlling);
            let forgot = previous.is_some_and(|previous| {
                previous.forgets_role && !previous.remote.changes_association(&remote)
            });
            let forgets = matches!(
                (remote.setup, role),
                (Setup::Active, DtlsRole::Client) | (Setup::Passive, DtlsRole::Server)
            );
            InEffect { remote, role, controlling, forgets_role: forgot || forgets }
        });
        let transport = effect.as_ref().map(|InEffect { remote, role, controlling, .. }| {
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
        (Negotiated { provisional, transport, data: None, media: Vec::new(), refused: Vec::new() }, effect)
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
        self.pending_section = None;
        self.created_offer = None;
        self.created_answer = None;
    }
}
