//! State to offer (RFC 9429 §5.2).

use crate::peer::jsep::description::{SdpType, SessionDescription};
use crate::peer::jsep::error::{NegotiationError, Side};
use crate::peer::jsep::negotiator::{LocalTransport, Negotiator};
use crate::peer::jsep::remote::is_live;
use crate::peer::jsep::section::{self, DataSection};
use crate::peer::jsep::state::SignalingState;
use crate::sdp::attribute::Group;
use crate::sdp::{Attribute, Media, MediaKind, Session, Setup, Token};

/// What an offer is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfferOptions {
    /// New ICE credentials.
    pub ice_restart: bool,
}

impl Negotiator {
    /// Makes an offer: the sections there are, in their order, and one for data where it is wanted and missing.
    pub(crate) fn create_offer(
        &mut self,
        options: OfferOptions,
        transport: &LocalTransport<'_>,
    ) -> Result<SessionDescription, NegotiationError> {
        match self.state {
            SignalingState::Closed => return Err(NegotiationError::Closed),
            SignalingState::Stable | SignalingState::HaveLocalOffer => {}
            state @ (SignalingState::HaveRemoteOffer
            | SignalingState::HaveLocalPranswer
            | SignalingState::HaveRemotePranswer) => {
                return Err(NegotiationError::InvalidState {
                    state,
                    side: Side::Local,
                    kind: SdpType::Offer,
                });
            }
        }
        let restart = (options.ice_restart || self.wants_restart) && self.in_effect.is_some();
        let (credentials, present) = self.credentials(restart, transport);
        let ours = ["trickle", "ice2"].iter().filter_map(|option| Token::new(*option).ok()).collect();
        let mut session = self.blank(transport, ours);
        let live = self.live_section();
        session.media = self
            .current_local
            .as_ref()
            .map_or_else(Vec::new, |local| local.session().media.iter().map(section::rejection).collect());
        if let Some(index) = live.or_else(|| self.wants_data.then(|| self.vacant_section())) {
            let model = self.current_local.as_ref().and_then(|local| local.session().media.get(index));
            let model = model.filter(|_| live.is_some());
            let fresh = || Some(fresh_mid(&session, self.current_remote.as_ref()));
            let mid = model.map_or_else(fresh, |model| model.attributes.mid().cloned());
            let tls_id = model.and_then(|model| model.attributes.tls_id().cloned());
            let tls_id = tls_id.or_else(|| section::fresh_tls_id(&mut self.rng));
            let fingerprints = transport.fingerprints;
            // RFC 8842 §5.2, §5.5: always the answerer's choice, in a later offer too.
            let data = DataSection {
                mid,
                model,
                setup: Setup::ActPass,
                tls_id,
                credentials: &credentials,
                fingerprints,
            };
            let mut media = data.build(&self.settings);
            if present {
                section::refresh_candidates(&mut media, transport);
            }
            bundle(&mut session, &media);
            match session.media.get_mut(index) {
                Some(place) => *place = media,
                None => session.media.push(media),
            }
        }
        session.shrink();
        self.created_offer = Some(session.clone());
        Ok(SessionDescription::new(SdpType::Offer, session))
    }

    /// The section that carries data now.
    pub(super) fn live_section(&self) -> Option<usize> {
        let (local, remote) =
            (self.current_local.as_ref()?.session(), self.current_remote.as_ref()?.session());
        let pairs = local.media.iter().zip(&remote.media);
        pairs
            .enumerate()
            .find(|(_, (local, remote))| is_live(local) && is_live(remote))
            .map(|(index, _)| index)
    }

    /// Where a new data section goes: in place of a dead one (RFC 9429 §5.2.2), or at the end.
    fn vacant_section(&self) -> usize {
        let Some(local) = &self.current_local else { return 0 };
        let media = &local.session().media;
        let remote = self.current_remote.as_ref().map_or(&[][..], |remote| &remote.session().media);
        let dead = |index: usize, media: &Media| {
            media.kind == MediaKind::Application
                && (media.port == 0 || remote.get(index).is_some_and(|m| m.port == 0))
        };
        media.iter().enumerate().position(|(index, media)| dead(index, media)).unwrap_or(media.len())
    }
}

/// The BUNDLE group of the one section that is alive.
pub(super) fn bundle(session: &mut Session, media: &Media) {
    if let (Some(mid), Ok(semantics)) = (media.attributes.mid(), Token::new("BUNDLE")) {
        session.attributes.insert(0, Attribute::Group(Group { semantics, mids: vec![mid.clone()] }));
    }
}

/// The least number that is no section's mid, here or in the peer's description: short, for it rides in RTP headers.
fn fresh_mid(session: &Session, remote: Option<&SessionDescription>) -> Token {
    let sections = session.media.iter().chain(remote.map_or(&[][..], |remote| &remote.session().media));
    let used: Vec<&str> = sections.filter_map(|media| media.attributes.mid()).map(Token::as_str).collect();
    // One more number than there are mids: one of them is free.
    let free = (0..=used.len()).map(|number| number.to_string()).find(|mid| !used.contains(&mid.as_str()));
    free.and_then(|mid| Token::new(mid).ok()).expect("a number is a token, and there is one more than mids")
}
