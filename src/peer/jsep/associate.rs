//! Transceivers and sections: which belongs to which, what changes with a description, and how that is undone (RFC 9429 §5.9 to §5.11,
//! W3C, "set the `RTCSessionDescription`").

use crate::base::limits;
use crate::codec::MediaKind;
use crate::peer::jsep::assess::{is_savpf, media_kind};
use crate::peer::jsep::description::SdpType;
use crate::peer::jsep::direction::{self, receives, reversed, sends};
use crate::peer::jsep::error::Side;
use crate::peer::jsep::format;
use crate::peer::jsep::matching;
use crate::peer::jsep::mids::FreshMids;
use crate::peer::jsep::negotiated::TrackChange;
use crate::peer::jsep::negotiator::Negotiator;
use crate::peer::jsep::remote::is_live;
use crate::peer::jsep::section;
use crate::peer::jsep::simulcast;
use crate::peer::jsep::survey::Inherited;
use crate::peer::jsep::transceiver::{Encoding, Life, Origin, Transceiver, TransceiverId};
use crate::sdp::{Attribute, Direction, Media, Session, Token};

impl Negotiator {
    /// An offer gets under way: remembers what a rollback restores.
    pub(super) fn remember(&mut self) {
        for its in &mut self.transceivers {
            if its.before.is_none() && !its.made_by_offer {
                its.before = Some(Box::new(its.settled.clone()));
            }
        }
    }

    /// Our offer is set: its sections are those of the transceivers it was made for.
    pub(super) fn associate_local(&mut self, offer: &Session, places: &[Option<TransceiverId>]) {
        self.remember();
        for (index, (media, place)) in offer.media.iter().zip(places).enumerate() {
            let Some(its) = self.transceivers.iter_mut().find(|its| Some(its.id) == *place) else { continue };
            its.settled.mid = media.attributes.mid().cloned();
            its.settled.section = Some(index);
        }
    }

    /// An offer of the peer's is set: each of its media sections gets the transceiver it has, one that waits for it, or a new one.
    pub(super) fn associate_remote(&mut self, offer: &Session) {
        self.remember();
        self.disassociate(offer);
        let inherited = Inherited::of(offer);
        let mut fresh = None;
        for (index, media) in offer.media.iter().enumerate() {
            let Some(kind) = media_kind(media).filter(|_| is_savpf(media)) else { continue };
            let known = self.transceivers.iter_mut().find(|its| its.settled.section == Some(index));
            if let Some(known) = known {
                known.settled.stopped_by_peer |= !is_live(media);
                continue;
            }
            if !is_live(media) {
                continue;
            }
            let Some(id) = self.taker(kind, direction::of(inherited, media)) else { continue };
            let mid = media.attributes.mid().cloned();
            let mid = mid.unwrap_or_else(|| {
                let of_offer = offer.media.iter().filter_map(|media| media.attributes.mid());
                let mids = || FreshMids::besides(of_offer.chain(self.known_mids()));
                fresh.get_or_insert_with(mids).draw()
            });
            if let Some(its) = self.transceivers.iter_mut().find(|its| its.id == id) {
                its.settled.mid = Some(mid);
                its.settled.section = Some(index);
            }
        }
        self.follow_simulcast(offer, inherited);
    }

    /// The transceiver a new section of the peer's gets; none where there are as many as there may be.
    fn taker(&mut self, kind: MediaKind, theirs: Direction) -> Option<TransceiverId> {
        let waits = |its: &&Transceiver| {
            its.kind == kind
                && its.origin == Origin::Track
                && its.settled.section.is_none()
                && its.settled.mid.is_none()
                && !its.is_stopped()
        };
        let waiting = self.transceivers.iter().find(waits).filter(|_| receives(theirs));
        if let Some(waiting) = waiting {
            return Some(waiting.id);
        }
        let id = self.insert(kind, Origin::Remote, Direction::RecvOnly, vec![Encoding::default()]).ok()?;
        if let Some(new) = self.transceivers.last_mut() {
            new.made_by_offer = true;
        }
        Some(id)
    }

    /// Lets go of sections that another offer of the peer's, before this one and not answered, had, and this one has not.
    fn disassociate(&mut self, offer: &Session) {
        for its in &mut self.transceivers {
            let Some(index) = its.settled.section else { continue };
            let media = offer.media.get(index);
            let theirs = media.and_then(|media| media.attributes.mid());
            let same_mid = theirs.is_none_or(|theirs| Some(theirs) == its.settled.mid.as_ref());
            if media.is_some_and(|media| same_mid && media_kind(media) == Some(its.kind)) {
                continue;
            }
            its.settled.section = None;
            its.settled.mid = None;
        }
        self.transceivers.retain(|its| {
            !(its.made_by_offer && its.settled.section.is_none() && its.origin == Origin::Remote)
        });
    }

    /// Layers follow what the peer's offer wants to receive; those of who is muted are not the offer's to take away.
    fn follow_simulcast(&mut self, offer: &Session, inherited: Inherited) {
        let rng = &mut self.rng;
        for its in &mut self.transceivers {
            let media = its.settled.section.and_then(|index| offer.media.get(index));
            let Some(media) = media.filter(|media| is_live(media)) else { continue };
            let keeps = its.settled.layers.len() > 1 && !sends(its.direction());
            if receives(direction::of(inherited, media)) && !keeps {
                let wanted = simulcast::wanted(media);
                simulcast::follow(&mut its.settled.layers, &wanted, its.kind == MediaKind::Video, rng);
            }
        }
    }

    /// What a description changes in what is received, and in an answer in the directions. `side`: whose description.
    pub(super) fn apply_directions(
        &mut self,
        side: Side,
        kind: SdpType,
        session: &Session,
    ) -> Vec<TrackChange> {
        let is_answer = matches!(kind, SdpType::Answer | SdpType::Pranswer);
        if side == Side::Local && !is_answer {
            return Vec::new();
        }
        let mut changes = Vec::new();
        let inherited = Inherited::of(session);
        for (index, media) in session.media.iter().enumerate() {
            let Some(at) = self.transceivers.iter().position(|its| its.settled.section == Some(index)) else {
                continue;
            };
            let seen = if is_live(media) { direction::of(inherited, media) } else { Direction::Inactive };
            let seen = if side == Side::Remote { reversed(seen) } else { seen };
            let streams = match side {
                Side::Remote => self.streams_of(media),
                Side::Local => self
                    .transceivers
                    .get(at)
                    .map(|its| its.settled.remote_streams.clone())
                    .unwrap_or_default(),
            };
            let Some(its) = self.transceivers.get_mut(at) else { continue };
            changes.extend(change(its, seen, streams));
            if is_answer {
                its.settled.current = Some(seen);
                its.has_sent |= sends(seen);
                if side == Side::Local && receives(seen) {
                    its.settled.asked = simulcast::asked(media);
                }
            }
        }
        changes
    }

    /// The streams a section of the peer's names: by `msid`, or by its sources, or one for all that name none (RFC 9429 §5.8.2).
    fn streams_of(&mut self, media: &Media) -> Vec<Token> {
        let mut named: Vec<&str> = Vec::new();
        for attribute in media.attributes.iter() {
            if let Attribute::Msid(stream, _) = attribute {
                named.push(stream);
            }
        }
        if named.is_empty() {
            for attribute in media.attributes.iter() {
                if let Attribute::Ssrc(ssrc) = attribute
                    && ssrc.name == "msid"
                {
                    named.extend(
                        ssrc.value.as_deref().and_then(|value| value.split_ascii_whitespace().next()),
                    );
                }
            }
        }
        if named.is_empty() {
            let rng = &mut self.rng;
            let default =
                self.default_stream.get_or_insert_with(|| section::token(&format!("{:016x}", rng.u64())));
            return vec![default.clone()];
        }
        let mut streams: Vec<Token> = Vec::new();
        for name in named.into_iter().filter(|name| *name != "-") {
            if let Ok(name) = Token::new(name)
                && !streams.contains(&name)
                && streams.len() < limits::MAX_STREAMS
            {
                streams.push(name);
            }
        }
        streams
    }

    /// Undoes what an offer under way has changed.
    pub(super) fn undo(&mut self) -> Vec<TrackChange> {
        let mut changes = Vec::new();
        let transceivers = core::mem::take(&mut self.transceivers);
        for mut its in transceivers {
            let made_by_offer = core::mem::take(&mut its.made_by_offer);
            if let Some(mut before) = its.before.take() {
                let streams = before.remote_streams.clone();
                changes.extend(change(&mut its, before.fired, streams));
                let names = |layers: &[crate::peer::jsep::transceiver::SendLayer]| -> Vec<Option<Token>> {
                    layers.iter().map(|layer| layer.encoding.rid.clone()).collect()
                };
                // Where the layers are the same ones, what the application has set of them since stays.
                if names(&before.layers) == names(&its.settled.layers) {
                    before.layers.clone_from(&its.settled.layers);
                }
                its.settled = *before;
            } else if made_by_offer {
                changes.extend(change(&mut its, Direction::Inactive, Vec::new()));
                its.settled.mid = None;
                its.settled.section = None;
                its.settled.current = None;
                its.settled.stopped_by_peer = false;
            }
            let orphan = made_by_offer && its.origin == Origin::Remote;
            if orphan || its.life != Life::Running && its.settled.section.is_none() {
                changes.push(TrackChange::Gone { transceiver: its.id });
            } else {
                self.transceivers.push(its);
            }
        }
        changes
    }

    /// Offer and answer agree: what is rejected is stopped and gone, layers that are not wanted go, and nothing is left to undo.
    pub(super) fn conclude(&mut self, ours: &Session, theirs: &Session) -> Vec<TrackChange> {
        let mut changes = Vec::new();
        let live = |session: &Session, index: usize| session.media.get(index).is_some_and(is_live);
        let inherited = Inherited::of(ours);
        for its in &mut self.transceivers {
            its.before = None;
            its.made_by_offer = false;
            let rejected = match its.settled.section {
                Some(index) => !live(ours, index) || !live(theirs, index),
                None => its.is_stopped(),
            };
            if rejected {
                its.life = Life::Stopped;
                changes.extend(change(its, Direction::Inactive, Vec::new()));
                changes.push(TrackChange::Gone { transceiver: its.id });
                continue;
            }
            let both =
                its.settled.section.and_then(|index| ours.media.get(index).zip(theirs.media.get(index)));
            if let Some((_, their_media)) = both {
                let formats = format::read(their_media);
                for layer in &mut its.settled.layers {
                    // W3C, `RTCRtpEncodingParameters.codec`: one that was negotiated away is not wanted any more.
                    layer.encoding.codec =
                        layer.encoding.codec.take().filter(|codec| {
                            formats.iter().any(|format| matching::fits(&format.codec, codec))
                        });
                }
            }
            if let Some((our_media, their_media)) = both
                && its.settled.layers.len() > 1
                && sends(direction::of(inherited, our_media))
            {
                let wanted = simulcast::wanted(their_media);
                let told = simulcast::of(our_media).map_or(&[][..], |simulcast| &simulcast.send);
                simulcast::narrow(&mut its.settled.layers, |rid| {
                    wanted.iter().any(|(its, _)| its == rid) && told.iter().flatten().any(|id| id.rid == *rid)
                });
            }
        }
        self.transceivers.retain(|its| its.life != Life::Stopped);
        changes
    }

    /// The mids that transceivers have, whether or not a description has them yet.
    pub(super) fn known_mids(&self) -> impl Iterator<Item = &Token> {
        self.transceivers.iter().filter_map(|its| its.settled.mid.as_ref())
    }
}

/// Takes over which way media goes in the peer's eyes, and says what that changes for what is received.
fn change(its: &mut Transceiver, seen: Direction, streams: Vec<Token>) -> Option<TrackChange> {
    let (before, now) = (receives(its.settled.fired), receives(seen));
    let streams = if now { streams } else { Vec::new() };
    let moved = streams != its.settled.remote_streams;
    its.settled.fired = seen;
    its.settled.remote_streams.clone_from(&streams);
    let transceiver = its.id;
    match (before, now) {
        (false, true) => Some(TrackChange::Added { transceiver, streams }),
        (true, true) if moved => Some(TrackChange::Streams { transceiver, streams }),
        (true, false) => Some(TrackChange::Removed { transceiver }),
        _ => None,
    }
}
