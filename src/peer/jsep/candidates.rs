//! Candidates that come after their description (RFC 8838): ours into ours, the peer's into the peer's.

use crate::base::limits;
use crate::peer::jsep::apply::InEffect;
use crate::peer::jsep::description::SessionDescription;
use crate::peer::jsep::error::RemoteCandidateError;
use crate::peer::jsep::negotiator::Negotiator;
use crate::peer::jsep::remote::View;
use crate::peer::jsep::section;
use crate::peer::jsep::state::SignalingState;
use crate::sdp::{Attribute, Attributes, Candidate, Media, Session};

/// What to do with a candidate of the peer's that has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CandidateTarget {
    /// Its generation is in effect: the agent takes it now.
    Now,
    /// It comes with [`crate::peer::jsep::Negotiated`] once the description is answered.
    Later,
    /// It is of a section that carries nothing.
    Ignored,
}

/// Where the application says a candidate belongs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CandidatePlace<'a> {
    /// The mid of its section.
    pub(crate) mid: Option<&'a str>,
    /// The index of its section, where it has no mid.
    pub(crate) index: Option<u16>,
    /// The generation it belongs to.
    pub(crate) ufrag: Option<&'a str>,
}

impl Negotiator {
    /// Adds a candidate to the peer's description; `None`: it has no more.
    pub(crate) fn add_remote_candidate(
        &mut self,
        place: CandidatePlace<'_>,
        candidate: Option<&Candidate>,
    ) -> Result<CandidateTarget, RemoteCandidateError> {
        if self.state == SignalingState::Closed {
            return Err(RemoteCandidateError::Closed);
        }
        let latest = self.remote_description().ok_or(RemoteCandidateError::NoRemoteDescription)?.session();
        // The end of candidates of the whole description needs no section (W3C, addIceCandidate).
        let whole = candidate.is_none() && place.mid.is_none() && place.index.is_none();
        let named = if whole { None } else { Some(section_of(latest, place)?) };
        let ufrag = place.ufrag.or_else(|| candidate.and_then(|c| c.username_fragment.as_deref()));
        self.check_section(named, ufrag)?;
        let Some((pending, data)) = self.generation(ufrag)? else { return Ok(CandidateTarget::Ignored) };
        let effect =
            self.provisional.as_ref().or(self.in_effect.as_ref()).map(|e| e.remote.ice.credentials.clone());
        let description = if pending { self.pending_remote.as_mut() } else { self.current_remote.as_mut() };
        let session = description.ok_or(RemoteCandidateError::NoRemoteDescription)?.session_mut();
        let view = View::of(session, data);
        let section = named.unwrap_or(view.candidate_section);
        if !view.takes_candidates_of(section) {
            return Ok(CandidateTarget::Ignored);
        }
        let now = view.credentials().is_some_and(|its| effect.is_some_and(|effect| effect == its));
        let attributes = session.media.get_mut(section).map(|media| &mut media.attributes);
        append(attributes, candidate)
            .map(|()| if now { CandidateTarget::Now } else { CandidateTarget::Later })
    }

    /// Checks the place of a candidate of a kind that is not known, and therefore ignored.
    pub(crate) fn check_place(&self, place: CandidatePlace<'_>) -> Result<(), RemoteCandidateError> {
        if self.state == SignalingState::Closed {
            return Err(RemoteCandidateError::Closed);
        }
        let latest = self.remote_description().ok_or(RemoteCandidateError::NoRemoteDescription)?.session();
        let named = section_of(latest, place)?;
        self.check_section(Some(named), place.ufrag)?;
        self.generation(place.ufrag).map(drop)
    }

    /// Checks that a user fragment is one of the section's that is named with it (W3C, `addIceCandidate`).
    fn check_section(&self, named: Option<usize>, ufrag: Option<&str>) -> Result<(), RemoteCandidateError> {
        let Some((section, ufrag)) = named.zip(ufrag) else { return Ok(()) };
        let both = [self.pending_remote.as_ref(), self.current_remote.as_ref()];
        let views = both.into_iter().flatten().map(|its| View::of(its.session(), section));
        let mut known = views.filter_map(|view| view.credentials()).peekable();
        if known.peek().is_none() || known.any(|its| its.ufrag() == ufrag) {
            return Ok(());
        }
        Err(RemoteCandidateError::UnknownUfrag)
    }

    /// The description a user fragment belongs to, as whether it is the pending one, and the section of its transport. `Ok(None)`
    /// where nothing is served.
    fn generation(&self, ufrag: Option<&str>) -> Result<Option<(bool, usize)>, RemoteCandidateError> {
        let find = |description: &SessionDescription, section: Option<usize>| {
            let section = section?;
            Some((section, View::of(description.session(), section).credentials()?))
        };
        let answered = |effect: Option<&InEffect>| effect.map(|effect| effect.remote.section);
        let under_way = self.pending_section.or_else(|| answered(self.provisional.as_ref()));
        let in_force = answered(self.in_effect.as_ref());
        let pending = self.pending_remote.as_ref().map(|d| (true, find(d, under_way)));
        let current = self.current_remote.as_ref().map(|d| (false, find(d, in_force)));
        let mut known = [pending, current].into_iter().flatten();
        let Some(ufrag) = ufrag else {
            return Ok(known
                .next()
                .and_then(|(pending, found)| found.map(|(section, _)| (pending, section))));
        };
        let mut with_data =
            known.filter_map(|(pending, found)| found.map(|found| (pending, found))).peekable();
        if with_data.peek().is_none() {
            return Ok(None);
        }
        let found = with_data.find(|(_, (_, credentials))| credentials.ufrag() == ufrag);
        if let Some((pending, (section, _))) = found {
            return Ok(Some((pending, section)));
        }
        // Sections that are rejected may have credentials of their own, and candidates trickle for them.
        let sections = self.remote_description().into_iter().flat_map(|d| &d.session().media);
        let elsewhere = sections.filter_map(|media| media.attributes.ice_ufrag()).any(|its| *its == *ufrag);
        if elsewhere { Ok(None) } else { Err(RemoteCandidateError::UnknownUfrag) }
    }

    /// The candidates of the peer's description in force, of the transport that all sections share.
    pub(crate) fn candidates_in_force(&self) -> impl Iterator<Item = &Candidate> {
        let both = self.in_effect.as_ref().zip(self.current_remote.as_ref());
        let view = both.map(|(effect, remote)| View::of(remote.session(), effect.remote.section));
        view.into_iter().flat_map(|view| view.candidates())
    }

    /// Where candidates of a generation of ours belong: the index and the mid of its section, once a description has it.
    pub(crate) fn local_section(&self, of: &str) -> Option<(usize, Option<String>)> {
        let session = self.local_description()?.session();
        section::ufrag(session).filter(|its| **its == *of)?;
        let index = section::tagged(session)?;
        Some((index, session.media.get(index)?.attributes.mid().map(ToString::to_string)))
    }

    /// Adds a candidate of ours to the descriptions of its generation.
    pub(crate) fn add_local_candidate(&mut self, ufrag: &str, candidate: &Candidate) {
        for session in self.local_of(ufrag) {
            let Some(media) = tagged_mut(session) else { continue };
            if media.attributes.candidates().any(|known| known == candidate) {
                continue;
            }
            if append(Some(&mut media.attributes), Some(candidate)).is_ok() {
                section::set_default(media);
            }
        }
    }

    /// Says in the descriptions of a generation that no candidate follows.
    pub(crate) fn end_local_candidates(&mut self, ufrag: &str) {
        for session in self.local_of(ufrag) {
            if let Some(media) = tagged_mut(session) {
                append(Some(&mut media.attributes), None).unwrap_or_default();
            }
        }
    }

    fn local_of(&mut self, ufrag: &str) -> impl Iterator<Item = &mut Session> {
        let both = self.pending_local.iter_mut().chain(self.current_local.iter_mut());
        let sessions = both.map(SessionDescription::session_mut);
        sessions.filter(move |session| section::ufrag(session).is_some_and(|its| *its == *ufrag))
    }
}

/// The section of ours that has the candidates.
fn tagged_mut(session: &mut Session) -> Option<&mut Media> {
    let index = section::tagged(session)?;
    session.media.get_mut(index)
}

/// The section the application means.
fn section_of(session: &Session, place: CandidatePlace<'_>) -> Result<usize, RemoteCandidateError> {
    if let Some(mid) = place.mid {
        return session.media_by_mid(mid).map(|(index, _)| index).ok_or(RemoteCandidateError::UnknownMid);
    }
    let index = place.index.ok_or(RemoteCandidateError::NoSection)?;
    let count = session.media.len();
    if usize::from(index) < count {
        return Ok(usize::from(index));
    }
    Err(RemoteCandidateError::UnknownIndex { index, count })
}

/// Adds a candidate to a section, or their end; each once.
fn append(
    attributes: Option<&mut Attributes>,
    candidate: Option<&Candidate>,
) -> Result<(), RemoteCandidateError> {
    let Some(attributes) = attributes else { return Ok(()) };
    let attribute = match candidate {
        Some(candidate) => Attribute::Candidate(Box::new(candidate.clone())),
        None => Attribute::EndOfCandidates,
    };
    if attributes.has(&attribute) {
        return Ok(());
    }
    let limit = limits::MAX_SECTION_CANDIDATES;
    if candidate.is_some() && attributes.candidates().count() >= limit {
        return Err(RemoteCandidateError::TooMany { limit });
    }
    attributes.push(attribute);
    Ok(())
}
