//! Remote offer to answer (RFC 9429 §5.3).

use crate::peer::jsep::apply::DtlsRole;
use crate::peer::jsep::assess::Verdict;
use crate::peer::jsep::description::{SdpType, SessionDescription};
use crate::peer::jsep::direction::{self, intersection, receives, reversed, sends};
use crate::peer::jsep::error::NegotiationError;
use crate::peer::jsep::extensions;
use crate::peer::jsep::format::Format;
use crate::peer::jsep::media_section::{self, MediaSection, RtcpFlags};
use crate::peer::jsep::negotiator::{Created, LocalTransport, Negotiator};
use crate::peer::jsep::remote::RemoteTransport;
use crate::peer::jsep::section::{self, DataSection, TransportLines};
use crate::peer::jsep::simulcast;
use crate::peer::jsep::state::SignalingState;
use crate::peer::jsep::survey::Survey;
use crate::peer::jsep::transceiver::Transceiver;
use crate::sdp::attribute::Group;
use crate::sdp::{Attribute, Attributes, Media, Session, Setup, Text, Token};
use crate::wire::rtp::ExtensionKind;

impl Negotiator {
    /// Answers the peer's offer: what can be served over one transport is accepted, all else is rejected in its place.
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
        let created = answer?;
        let session = created.session.clone();
        self.created_answer = Some(Box::new(created));
        Ok(SessionDescription::new(SdpType::Answer, session))
    }

    fn answer_to(
        &mut self,
        offer: &Session,
        transport: &LocalTransport<'_>,
    ) -> Result<Created, NegotiationError> {
        let survey = self.survey(offer);
        let verdicts = self.verdicts(&survey);
        let primary = self.choose_transport(&survey, &verdicts);
        let verdicts = Self::assess(&survey, verdicts, primary);
        let remote = primary.map(|index| RemoteTransport::read(offer, index, SdpType::Offer)).transpose()?;
        let mut session = self.blank(transport, answered_options(offer, primary));
        session.media = offer.media.iter().map(section::rejection).collect();
        if let Some(remote) = remote {
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
            let offered = remote.tls_id.as_ref();
            let tls_id = offered.and_then(|_| current.or_else(|| section::fresh_tls_id(&mut self.rng)));
            let fingerprints = transport.fingerprints;
            let lines = TransportLines { setup, tls_id, credentials: &credentials, fingerprints };
            for ((index, model), verdict) in offer.media.iter().enumerate().zip(&verdicts) {
                let media = match verdict {
                    Verdict::Dead | Verdict::Refused(_) => None,
                    Verdict::Data => {
                        let data = DataSection { mid: model.attributes.mid().cloned(), model: Some(model) };
                        Some(data.build(&self.settings, &lines))
                    }
                    Verdict::Media(formats) => self
                        .transceiver_at(index)
                        .and_then(|its| self.answer_media(its, &survey, index, formats, &lines)),
                };
                if let Some((place, media)) = session.media.get_mut(index).zip(media) {
                    *place = media;
                }
            }
            answer_groups(&mut session, &survey, remote.section);
            if present && let Some(media) = session.media.get_mut(remote.section) {
                section::refresh_candidates(media, transport);
            }
        }
        session.shrink();
        let refused = verdicts.iter().enumerate();
        let refused =
            refused.filter_map(
                |(index, its)| if let Verdict::Refused(why) = its { Some((index, *why)) } else { None },
            );
        Ok(Created { session, places: Vec::new(), refused: refused.collect() })
    }

    /// The section that accepts media.
    fn answer_media(
        &self,
        its: &Transceiver,
        offer: &Survey<'_>,
        index: usize,
        formats: &[Format],
        lines: &TransportLines<'_>,
    ) -> Option<Media> {
        let model = offer.media(index)?;
        let ours = self.settings.media.of(its.kind);
        let theirs = reversed(direction::of(offer.inherited(), model));
        let direction = intersection(its.direction(), theirs);
        let mixed = extensions::mixed(offer.inherited(), model);
        let offered = extensions::read(model, mixed);
        let extensions = extensions::answer(&ours.extensions, &offered, |kind| its.extension(kind));
        let by_rid = extensions.iter().any(|its| its.kind == ExtensionKind::Rid);
        let wanted = simulcast::wanted(model);
        let mut send_layers = media_section::layer_names(&its.settled.layers);
        send_layers.retain(|rid| by_rid && sends(direction) && wanted.iter().any(|(its, _)| its == rid));
        let takes_simulcast = by_rid && self.settings.media.receive_simulcast && receives(direction);
        let told = |local: &SessionDescription| {
            let media = its.settled.section.and_then(|index| local.session().media.get(index));
            media.is_some_and(|media| media.attributes.iter().any(|a| matches!(a, Attribute::Msid(..))))
        };
        let congestion = extensions.iter().any(|its| its.kind == ExtensionKind::TransportSequence);
        let mut formats = formats.to_vec();
        for format in &mut formats {
            // Without the number that it is about there is nothing to feed back.
            format
                .feedback
                .retain(|kind| congestion || *kind != crate::peer::jsep::codec::Feedback::TransportCc);
        }
        let cname = self.cname.clone().or_else(|| Text::new("-").ok())?;
        let mut receive_layers =
            if takes_simulcast { simulcast::accepted(model, &formats) } else { Vec::new() };
        if receive_layers.len() < 2 {
            // One stream is no simulcast.
            receive_layers.clear();
        }
        let section = MediaSection {
            transceiver: its,
            mid: model.attributes.mid().cloned(),
            protocol: Some(&model.protocol),
            direction,
            tells_streams: sends(its.direction()) || self.current_local.as_ref().is_some_and(told),
            receive_layers,
            formats,
            extensions,
            flags: RtcpFlags { mux_only: false, reduced_size: offer.view(index).reduced_size(), mixed },
            send_layers: if send_layers.len() > 1 { send_layers } else { Vec::new() },
            cname: &cname,
        };
        Some(section.build(lines))
    }
}

/// The options of ours that were offered (RFC 9429 §5.3.1), by the session or by the section of the transport.
fn answered_options(offer: &Session, primary: Option<usize>) -> Vec<Token> {
    let of_section = primary.and_then(|index| offer.media.get(index)).map(|media| &media.attributes);
    let offered = |option: &Token| {
        let its = of_section.into_iter().flat_map(Attributes::ice_options);
        offer.attributes.ice_options().chain(its).any(|o| o == option)
    };
    ["trickle", "ice2"].iter().filter_map(|option| Token::new(*option).ok()).filter(offered).collect()
}

/// The groups of an answer: the bundle of what was accepted, where one was offered (RFC 9143 §7.3), the section of the transport first;
/// and what is to be played in step.
fn answer_groups(session: &mut Session, offer: &Survey<'_>, primary: usize) {
    // The sections of an answer are those of its offer.
    let section = |mid: &Token| offer.index_of(mid);
    let is_live = |index: usize| session.media.get(index).is_some_and(|media| media.port != 0);
    let accepted = |mid: &&Token| section(mid).is_some_and(is_live);
    let mut groups = Vec::new();
    for group in offer.session().attributes.groups() {
        let mids: Vec<Token> = group.mids.iter().filter(accepted).cloned().collect();
        let holds = mids.iter().any(|mid| section(mid).is_some_and(|index| offer.shares(primary, index)));
        let keeps = match group.semantics.as_str() {
            "BUNDLE" => holds && !mids.is_empty(),
            // Ours are played in step with each other if theirs are.
            "LS" => mids.len() > 1,
            _ => false,
        };
        if keeps {
            groups.push(Attribute::Group(Group { semantics: group.semantics.clone(), mids }));
        }
    }
    session.attributes.0.splice(0..0, groups);
}
