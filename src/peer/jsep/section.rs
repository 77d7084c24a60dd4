//! Our sections: the transport, data channels, and rejections.

use std::collections::BTreeMap;

use crate::crypto::Fingerprint;
use crate::ice::Credentials;
use crate::peer::jsep::negotiator::{LocalTransport, Settings};
use crate::peer::jsep::remote::is_live;
use crate::rng::Rng;
use crate::sdp::{
    AddressKind, Attribute, Candidate, CandidateAddress, CandidateKind, Connection, Direction, Media,
    MediaKind, Password, Session, Setup, TlsId, Token, Transport, Ufrag, Word,
};

/// The port that stands where ICE finds it (RFC 8840 §4.1.1).
pub(super) const DISCARD: u16 = 9;

/// What every section of ours says about the transport. RFC 9143 §7.1.3 lets it stand in the tagged one alone; it stands in each, as
/// deployed endpoints expect.
pub(super) struct TransportLines<'a> {
    pub(super) setup: Setup,
    pub(super) tls_id: Option<TlsId>,
    pub(super) credentials: &'a Credentials,
    pub(super) fingerprints: &'a [Fingerprint],
}

impl TransportLines<'_> {
    pub(super) fn write(&self, list: &mut Vec<Attribute>) {
        list.extend(Ufrag::new(self.credentials.ufrag()).ok().map(Attribute::IceUfrag));
        list.extend(Password::new(self.credentials.pwd()).ok().map(Attribute::IcePwd));
        list.extend(
            self.fingerprints.iter().map(|fingerprint| Attribute::Fingerprint(Box::new(*fingerprint))),
        );
        list.push(Attribute::Setup(self.setup));
        list.extend(self.tls_id.clone().map(Attribute::TlsId));
    }
}

/// What a data section of ours says.
pub(super) struct DataSection<'a> {
    pub(super) mid: Option<Token>,
    /// The section whose protocol and format it repeats.
    pub(super) model: Option<&'a Media>,
}

impl DataSection<'_> {
    pub(super) fn build(self, settings: &Settings, transport: &TransportLines<'_>) -> Media {
        let legacy = self.model.is_some_and(|model| model.legacy_sctp_port().is_some());
        let (protocol, formats) = match self.model {
            Some(model) if legacy => (model.protocol.clone(), vec![word(&settings.sctp_port.to_string())]),
            Some(model) => (model.protocol.clone(), model.formats.clone()),
            None => (word("UDP/DTLS/SCTP"), vec![word("webrtc-datachannel")]),
        };
        let mut media = Media::new(MediaKind::Application, DISCARD, protocol, formats);
        media.connections.push(Connection::unspecified());
        let list = &mut media.attributes;
        list.0.extend(self.mid.map(Attribute::Mid));
        transport.write(&mut list.0);
        if legacy {
            let what = Token::new("webrtc-datachannel").expect("a token");
            list.push(Attribute::SctpMap(settings.sctp_port, what, Some(u32::from(u16::MAX))));
        } else {
            list.push(Attribute::SctpPort(settings.sctp_port));
        }
        list.push(Attribute::MaxMessageSize(settings.max_message_size));
        media
    }
}

pub(super) fn word(text: &str) -> Word {
    Word::new(text).expect("a word")
}

pub(super) fn token(text: &str) -> Token {
    Token::new(text).expect("a token")
}

/// The section that rejects `media` (RFC 3264 §6): the same line with port 0.
pub(super) fn rejection(media: &Media) -> Media {
    let mut rejection = Media::new(media.kind.clone(), 0, media.protocol.clone(), media.formats.clone());
    rejection.connections.push(Connection::unspecified());
    rejection.attributes.extend(media.attributes.mid().cloned().map(Attribute::Mid));
    if media.kind != MediaKind::Application {
        rejection.attributes.push(Attribute::Direction(Direction::Inactive));
    }
    rejection
}

/// A section that is rejected in an offer: in place of `model`, where there was one.
pub(super) fn dead(model: Option<&Media>) -> Media {
    model.map_or_else(
        || Media::new(MediaKind::Audio, 0, word("UDP/TLS/RTP/SAVPF"), vec![word("0")]),
        rejection,
    )
}

/// The section that stands for the transport: the first of its bundle that is alive (RFC 9143 §7.3.1), or the first that is.
pub(super) fn tagged(session: &Session) -> Option<usize> {
    let live = |index: &usize| session.media.get(*index).is_some_and(is_live);
    let bundle = session.attributes.groups().find(|group| group.semantics == "BUNDLE");
    let mids = bundle.map_or(&[][..], |group| &group.mids);
    // As a rule it is the first.
    let first = mids.first().and_then(|mid| session.media_by_mid(mid)).map(|(index, _)| index);
    first.filter(live).or_else(|| live_member(session, mids)).or_else(|| (0..session.media.len()).find(live))
}

/// The first of these mids whose section is alive.
fn live_member(session: &Session, mids: &[Token]) -> Option<usize> {
    let mut live = BTreeMap::new();
    for (index, media) in session.media.iter().enumerate() {
        if let Some(mid) = media.attributes.mid() {
            live.entry(mid).or_insert(is_live(media).then_some(index));
        }
    }
    mids.iter().find_map(|mid| live.get(mid).copied().flatten())
}

/// The user fragment of our transport.
pub(super) fn ufrag(session: &Session) -> Option<&Ufrag> {
    session.media.get(tagged(session)?)?.attributes.ice_ufrag()
}

/// 128 random bits as a `tls-id` (RFC 8842 §5.2 asks for 120).
pub(super) fn fresh_tls_id(rng: &mut Rng) -> Option<TlsId> {
    TlsId::new(format!("{:016x}{:016x}", rng.u64(), rng.u64())).ok()
}

/// Puts the transport's candidates into a section of its generation, in place of those that are there.
pub(super) fn refresh_candidates(media: &mut Media, transport: &LocalTransport<'_>) {
    if media.attributes.ice_ufrag().is_none_or(|ufrag| *ufrag != *transport.credentials.ufrag()) {
        return;
    }
    media.attributes.retain(|a| !matches!(a, Attribute::Candidate(_) | Attribute::EndOfCandidates));
    media.attributes.extend(transport.candidates.iter().cloned().map(Box::new).map(Attribute::Candidate));
    if transport.end_of_candidates {
        media.attributes.push(Attribute::EndOfCandidates);
    }
    set_default(media);
}

/// Writes the default candidate into `m=` and `c=` (RFC 8839 §4.2.1.2): the one most likely to be reached.
pub(super) fn set_default(media: &mut Media) {
    let usable = |candidate: &&Candidate| candidate.component == 1 && candidate.transport == Transport::Udp;
    let rank = |candidate: &Candidate| match candidate.kind {
        CandidateKind::Relayed => 2,
        CandidateKind::ServerReflexive => 1,
        CandidateKind::Host | CandidateKind::PeerReflexive => 0,
    };
    let best = media.attributes.candidates().filter(usable).filter_map(|candidate| match candidate.address {
        CandidateAddress::Ip(ip) => Some((rank(candidate), ip, candidate.port)),
        CandidateAddress::Name(_) => None,
    });
    // The first of the best: max_by_key would take the last.
    let best = best.reduce(|a, b| if b.0 > a.0 { b } else { a });
    let (port, connection) = match best {
        None => (DISCARD, Connection::unspecified()),
        Some((_, ip, port)) => {
            let kind = if ip.is_ipv4() { AddressKind::Ip4 } else { AddressKind::Ip6 };
            (port, Connection { kind, address: word(&ip.to_string()), ..Connection::unspecified() })
        }
    };
    // Port 0 would reject the section.
    media.port = if port == 0 { DISCARD } else { port };
    media.connections = vec![connection];
}
