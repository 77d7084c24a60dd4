//! Remote offer to answer (RFC 9429 §5.3).

use crate::peer::jsep::apply::DtlsRole;
use crate::peer::jsep::description::{SdpType, SessionDescription};
use crate::peer::jsep::error::NegotiationError;
use crate::peer::jsep::negotiator::{LocalTransport, Negotiator};
use crate::peer::jsep::offer::bundle;
use crate::peer::jsep::remote::RemoteTransport;
use crate::peer::jsep::section::{self, DataSection};
use crate::peer::jsep::state::SignalingState;
use crate::sdp::{Attributes, Session, Setup, Token};

impl Negotiator {
    /// Answers the peer's offer: its data section is accepted, every other is rejected in its place.
    pub(crate) fn create_answer(
        &mut self,
        transport: &LocalTransport<'_>,
    ) -> Result<SessionDescription, NegotiationError> {
        let offer = match (self.state, self.pending_remote.take()) {
            (SignalingState::Closed, _) => return Err(NegotiationError::Closed),
            (SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPranswer, Some(offer)) => offer,
            (state, pending) => {
                self.pending_remote = pending;
                return Err(NegotiationError::NoRemoteOffer(state));
            }
        };
        let answer = self.answer_to(offer.session(), transport);
        self.pending_remote = Some(offer);
        let answer = answer?;
        self.created_answer = Some(answer.clone());
        Ok(SessionDescription::new(SdpType::Answer, answer))
    }

    fn answer_to(
        &mut self,
        offer: &Session,
        transport: &LocalTransport<'_>,
    ) -> Result<Session, NegotiationError> {
        let accepted = self.data_section(offer);
        let remote = accepted.map(|index| RemoteTransport::read(offer, index, SdpType::Offer)).transpose()?;
        // RFC 9429 §5.3.1: only what was offered.
        let known = ["trickle", "ice2"].iter().filter_map(|option| Token::new(*option).ok());
        let offered = |option: &Token| {
            let of_section = accepted.and_then(|index| offer.media.get(index)).map(|media| &media.attributes);
            offer
                .attributes
                .ice_options()
                .chain(of_section.into_iter().flat_map(Attributes::ice_options))
                .any(|o| o == option)
        };
        let options = known.filter(offered).collect();
        let mut session = self.blank(transport, options);
        session.media = offer.media.iter().map(section::rejection).collect();
        if let (Some(remote), Some(model)) = (remote, accepted.and_then(|index| offer.media.get(index))) {
            let previous = self.provisional.as_ref().or(self.in_effect.as_ref());
            let restart = previous.is_some_and(|previous| previous.remote.restarts(&remote));
            let continues = previous.filter(|previous| !previous.remote.changes_association(&remote));
            let setup = match (remote.setup, continues.map(|previous| previous.role)) {
                (Setup::Active, _) | (Setup::ActPass, Some(DtlsRole::Server)) => Setup::Passive,
                (Setup::ActPass, None) if !self.settings.answer_active => Setup::Passive,
                (Setup::Passive | Setup::ActPass | Setup::HoldConn, _) => Setup::Active,
            };
            // RFC 8842 §5.3: only if the offer has one, and a new one for a new association.
            let current = continues.and(self.local_description()).and_then(|local| {
                local.session().media.iter().find_map(|media| media.attributes.tls_id().cloned())
            });
            let (credentials, present) = self.credentials(restart, transport);
            let tls_id =
                remote.tls_id.as_ref().and_then(|_| current.or_else(|| section::fresh_tls_id(&mut self.rng)));
            let data = DataSection {
                mid: model.attributes.mid().cloned(),
                model: Some(model),
                setup,
                tls_id,
                credentials: &credentials,
                fingerprints: transport.fingerprints,
            };
            let mut media = data.build(&self.settings);
            if present {
                section::refresh_candidates(&mut media, transport);
            }
            // RFC 9143 §7.3: a group is answered where one was offered.
            let mid = media.attributes.mid();
            if offer
                .attributes
                .groups()
                .any(|g| g.semantics == "BUNDLE" && mid.is_some_and(|mid| g.mids.contains(mid)))
            {
                bundle(&mut session, &media);
            }
            if let Some(place) = session.media.get_mut(remote.section) {
                *place = media;
            }
        }
        session.shrink();
        Ok(session)
    }
}
