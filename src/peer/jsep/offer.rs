//! State to offer (RFC 9429 §5.2).

use std::collections::BTreeSet;

use crate::base::limits;
use crate::codec::MediaKind;
use crate::ice::Credentials;
use crate::peer::jsep::assess::media_kind;
use crate::peer::jsep::capabilities::KindCapabilities;
use crate::peer::jsep::codec::Feedback;
use crate::peer::jsep::description::{SdpType, SessionDescription};
use crate::peer::jsep::direction::{self, receives, sends};
use crate::peer::jsep::error::{NegotiationError, Side};
use crate::peer::jsep::extensions;
use crate::peer::jsep::format::{self, Taken};
use crate::peer::jsep::media_section::{self, MediaSection, ReceiveLayer, RtcpFlags};
use crate::peer::jsep::mids::FreshMids;
use crate::peer::jsep::negotiator::{Created, LocalTransport, Negotiator};
use crate::peer::jsep::remote::is_live;
use crate::peer::jsep::section::{self, DataSection, TransportLines};
use crate::peer::jsep::simulcast;
use crate::peer::jsep::state::SignalingState;
use crate::peer::jsep::survey::Inherited;
use crate::peer::jsep::transceiver::{Transceiver, TransceiverId};
use crate::sdp::attribute::Group;
use crate::sdp::{Attribute, Direction, Media, MediaKind as SectionKind, Session, Setup, Text, Token};
use crate::wire::rtp::ExtensionKind;

/// What an offer is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfferOptions {
    /// New ICE credentials.
    pub ice_restart: bool,
}

/// What stands at one place of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing: what stood there is rejected.
    Dead,
    Data,
    Media(TransceiverId),
}

/// What the descriptions there are say that is the same for all sections of an offer.
struct Known {
    /// What sections of ours inherit.
    local: Inherited,
    /// What those of the last answer do.
    answer: Inherited,
    /// What payload types stand for, in any section of either side.
    formats: Taken,
    /// What ids of extensions stand for at the peer; `None` for what we do not know.
    extensions: BTreeSet<(u16, Option<ExtensionKind>)>,
}

impl Negotiator {
    /// Makes an offer: the sections there are, in their order, one for each transceiver that has none, and one for data where it is
    /// wanted and missing.
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
        let places = self.places();
        self.write_offer(&mut session, &places, &credentials, transport);
        if present
            && let Some(media) = section::tagged(&session).and_then(|index| session.media.get_mut(index))
        {
            section::refresh_candidates(media, transport);
        }
        session.shrink();
        let media = |place: &Place| if let Place::Media(id) = place { Some(*id) } else { None };
        let places = places.iter().map(media).collect();
        let created = Created { session: session.clone(), places, refused: Vec::new() };
        self.created_offer = Some(Box::new(created));
        Ok(SessionDescription::new(SdpType::Offer, session))
    }

    /// What stands where: sections keep their places; new ones take those of dead ones, or come after (RFC 9429 §5.2.2).
    fn places(&self) -> Vec<Place> {
        let base = self.local_description().map_or(&[][..], |local| &local.session().media);
        let place = |(index, media): (usize, &Media)| match self.transceiver_at(index) {
            Some(its) if its.is_stopped() => Place::Dead,
            Some(its) => Place::Media(its.id),
            None if media.is_data() && self.is_alive(index, media) => Place::Data,
            None => Place::Dead,
        };
        let mut places: Vec<Place> = base.iter().enumerate().map(place).collect();
        let mut vacant =
            (0..places.len()).filter(|index| self.is_vacant(*index)).collect::<Vec<_>>().into_iter();
        let fresh = self.transceivers.iter().filter(|its| its.settled.section.is_none() && !its.is_stopped());
        for its in fresh {
            let new = Place::Media(its.id);
            match vacant.next().and_then(|index| places.get_mut(index)) {
                Some(place) => *place = new,
                None => places.push(new),
            }
        }
        if self.wants_data && !places.contains(&Place::Data) {
            let was_data =
                |index: &usize| base.get(*index).is_some_and(|media| media.kind == SectionKind::Application);
            match vacant.find(was_data).and_then(|index| places.get_mut(index)) {
                Some(place) => *place = Place::Data,
                None => places.push(Place::Data),
            }
        }
        places
    }

    /// Whether a section of our latest description stands in the peer's, too, as far as that has it.
    fn is_alive(&self, index: usize, media: &Media) -> bool {
        let remote = self.current_remote.as_ref().and_then(|remote| remote.session().media.get(index));
        is_live(media) && (self.pending_local.is_some() || remote.is_some_and(is_live))
    }

    /// Whether a section has been rejected, and its place may be taken by another.
    fn is_vacant(&self, index: usize) -> bool {
        let (Some(local), Some(remote)) = (&self.current_local, &self.current_remote) else { return false };
        let pair = local.session().media.get(index).zip(remote.session().media.get(index));
        let pending = self.pending_local.as_ref().and_then(|local| local.session().media.get(index));
        pair.is_some_and(|(local, remote)| !is_live(local) || !is_live(remote))
            && !pending.is_some_and(is_live)
            && self.transceiver_at(index).is_none()
    }

    fn write_offer(
        &mut self,
        session: &mut Session,
        places: &[Place],
        credentials: &Credentials,
        transport: &LocalTransport<'_>,
    ) {
        let base = self.local_description().map(|local| local.session().clone());
        let models = base.as_ref().map_or(&[][..], |base| &base.media);
        let tls_id =
            models.iter().filter(|media| is_live(media)).find_map(|media| media.attributes.tls_id().cloned());
        // RFC 8842 §5.2, §5.5: always the answerer's choice, in a later offer too.
        let lines = TransportLines {
            setup: Setup::ActPass,
            tls_id: tls_id.or_else(|| {
                places
                    .iter()
                    .any(|place| *place != Place::Dead)
                    .then(|| section::fresh_tls_id(&mut self.rng))
                    .flatten()
            }),
            credentials,
            fingerprints: transport.fingerprints,
        };
        let mut known = self.known();
        let mut mids = self.fresh_mids(models);
        for (index, place) in places.iter().enumerate() {
            let model = models.get(index);
            let media = match place {
                Place::Dead => None,
                Place::Data => {
                    let model = model.filter(|model| model.is_data() && self.is_alive(index, model));
                    let mid = model.and_then(|model| model.attributes.mid().cloned());
                    let mid = mid.unwrap_or_else(|| mids.draw());
                    Some(DataSection { mid: Some(mid), model }.build(&self.settings, &lines))
                }
                Place::Media(id) => {
                    let mid = self.transceiver(*id).and_then(|its| its.settled.mid.clone());
                    let mid = mid.unwrap_or_else(|| mids.draw());
                    self.offer_media(*id, mid, index, &lines, &mut known)
                }
            };
            session.media.push(media.unwrap_or_else(|| section::dead(model)));
        }
        self.offer_groups(session, places);
    }

    /// Mids that no section of either side has.
    fn fresh_mids(&self, models: &[Media]) -> FreshMids {
        let remote = self.current_remote.as_ref().into_iter().flat_map(|remote| &remote.session().media);
        let sections = models.iter().chain(remote);
        FreshMids::besides(sections.filter_map(|media| media.attributes.mid()).chain(self.known_mids()))
    }

    /// The section of a transceiver.
    fn offer_media(
        &mut self,
        id: TransceiverId,
        mid: Token,
        index: usize,
        lines: &TransportLines<'_>,
        known: &mut Known,
    ) -> Option<Media> {
        let its = self.transceiver(id)?.clone();
        let is_old = its.settled.section == Some(index);
        let present = self.local_description().filter(|_| is_old);
        let present = present.map(SessionDescription::session).and_then(|session| session.media.get(index));
        let mut ours = self.offered_capabilities(its.kind, index, is_old, known.answer);
        ours.extensions.retain(|kind| its.extension(*kind).is_some());
        let (formats, extensions) = present.map_or((Vec::new(), Vec::new()), |media| {
            (format::read(media), extensions::read(media, extensions::mixed(known.local, media)))
        });
        let tells_streams =
            present.is_some_and(|media| media.attributes.iter().any(|a| matches!(a, Attribute::Msid(..))));
        let send_layers =
            if sends(its.direction) { media_section::layer_names(&its.settled.layers) } else { Vec::new() };
        // Layers that an answer of ours has taken stay asked for: an offer without them would end them (RFC 8853 §5.3.4).
        let asked = match present {
            Some(media) if its.receive_layers.is_empty() => {
                let received = receives(direction::of(known.local, media));
                if received { simulcast::asked(media) } else { its.settled.asked.clone() }
            }
            _ => its.receive_layers.clone(),
        };
        let receive_layers = if receives(its.direction) { asked } else { Vec::new() };
        let mut extensions = self.extension_ids.offer(&ours.extensions, &extensions, &known.extensions);
        for extension in &mut extensions {
            extension.direction = its.extension(extension.kind).unwrap_or(Direction::SendRecv);
        }
        let has = |kind| extensions.iter().any(|its| its.kind == kind);
        let by_rid = has(ExtensionKind::Rid);
        if !has(ExtensionKind::TransportSequence) {
            // Without the number that it is about there is nothing to feed back.
            ours.feedback.retain(|kind| *kind != Feedback::TransportCc);
        }
        let formats =
            self.payload_types.offer(its.kind, &ours, &its.preferences, &formats, &mut known.formats);
        if formats.is_empty() {
            // Every number is taken: the section is there, and rejected.
            return None;
        }
        let layer = |rid: &Token| vec![ReceiveLayer { rid: rid.clone(), restrictions: None }];
        let cname = self.cname.clone().or_else(|| Text::new("-").ok())?;
        let section = MediaSection {
            mid: Some(mid),
            protocol: None,
            direction: its.direction,
            tells_streams: tells_streams || sends(its.direction),
            formats,
            extensions,
            flags: RtcpFlags { mux_only: !is_old, reduced_size: self.may_reduce(index, is_old), mixed: true },
            send_layers: send_layers.into_iter().filter(|_| by_rid).collect(),
            receive_layers: receive_layers.iter().filter(|_| by_rid).map(layer).collect(),
            cname: &cname,
            transceiver: &its,
        };
        Some(section.build(lines))
    }

    /// What we offer for a section: all we have, or of header extensions and feedback what the last answer left (RFC 9429 §5.2.2).
    fn offered_capabilities(
        &self,
        kind: MediaKind,
        index: usize,
        is_old: bool,
        inherited: Inherited,
    ) -> KindCapabilities {
        let mut ours = self.settings.media.of(kind).clone();
        let answer = self.last_answer().filter(|_| is_old);
        let answer = answer.and_then(|session| session.media.get(index).filter(|media| is_live(media)));
        if let Some(media) = answer {
            let known = extensions::read(media, extensions::mixed(inherited, media));
            ours.extensions.retain(|kind| known.iter().any(|its| its.kind == *kind));
            let formats = format::read(media);
            ours.feedback.retain(|kind| formats.iter().any(|format| format.feedback.contains(kind)));
        }
        ours
    }

    fn may_reduce(&self, index: usize, is_old: bool) -> bool {
        let answer = self.last_answer().filter(|_| is_old).and_then(|session| session.media.get(index));
        answer.is_none_or(|media| media.attributes.has(&Attribute::RtcpRsize))
    }

    /// The answer of the last exchange, whoever gave it.
    fn last_answer(&self) -> Option<&Session> {
        let both = [self.current_local.as_ref(), self.current_remote.as_ref()];
        both.into_iter().flatten().find(|its| its.kind() == SdpType::Answer).map(SessionDescription::session)
    }

    /// What the descriptions there are say that is the same for all sections of an offer.
    fn known(&self) -> Known {
        let inherited = |session: Option<&Session>| session.map_or_else(Inherited::default, Inherited::of);
        Known {
            local: inherited(self.local_description().map(SessionDescription::session)),
            answer: inherited(self.last_answer()),
            formats: self.taken_formats(),
            extensions: self.taken_extensions(),
        }
    }

    fn taken_formats(&self) -> Taken {
        let all = [self.local_description(), self.current_remote.as_ref()];
        let sections = all.into_iter().flatten().flat_map(|its| &its.session().media);
        let mut taken = Taken::default();
        for media in sections.filter(|media| is_live(media)) {
            let Some(kind) = media_kind(media) else { continue };
            for format in format::read(media) {
                taken.add(kind, &format);
            }
        }
        taken
    }

    fn taken_extensions(&self) -> BTreeSet<(u16, Option<ExtensionKind>)> {
        let remote = self.current_remote.as_ref().into_iter().flat_map(|remote| &remote.session().media);
        let maps = remote.filter(|media| is_live(media)).flat_map(|media| media.attributes.extmaps());
        maps.map(|map| (map.id, ExtensionKind::from_uri(&map.uri))).collect()
    }

    /// The bundle, of all that is alive, and streams that are to be played in step (RFC 9429 §5.2.1).
    fn offer_groups(&self, session: &mut Session, places: &[Place]) {
        let of = |(place, media): (&Place, &Media)| {
            let Place::Media(id) = place else { return None };
            Some((self.transceiver(*id)?, media.attributes.mid()?.clone()))
        };
        let media: Vec<(&Transceiver, Token)> = places.iter().zip(&session.media).filter_map(of).collect();
        let sending = media.iter().filter(|(its, _)| sends(its.direction));
        let mut streams: Vec<&Token> = sending.clone().flat_map(|(its, _)| &its.streams).collect();
        streams.sort_unstable_by_key(|stream| stream.as_str());
        streams.dedup();
        let mut groups: Vec<Vec<Token>> = Vec::new();
        for stream in streams {
            let members = sending.clone().filter(|(its, _)| its.streams.contains(stream));
            let members: Vec<Token> = members.map(|(_, mid)| mid.clone()).collect();
            if members.len() > 1 && !groups.contains(&members) {
                groups.push(members);
            }
        }
        // Beside the bundle, as many as are read.
        groups.truncate(limits::MAX_SDP_GROUPS - 1);
        for mids in groups {
            session.attributes.push(Attribute::Group(Group { semantics: section::token("LS"), mids }));
        }
        bundle(session);
    }
}

/// The BUNDLE group of all sections that are alive.
pub(super) fn bundle(session: &mut Session) {
    let live = session.media.iter().filter(|media| is_live(media));
    let mids: Vec<Token> = live.filter_map(|media| media.attributes.mid().cloned()).collect();
    if !mids.is_empty() {
        session.attributes.insert(0, Attribute::Group(Group { semantics: section::token("BUNDLE"), mids }));
    }
}
