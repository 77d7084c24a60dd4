//! An engine with what stands around it in a connection, for tests.

use std::collections::BTreeSet;

use crate::crypto::Fingerprint;
use crate::ice::Credentials;
use crate::peer::jsep::apply::{Applied, Negotiated, NegotiatedData, NegotiatedTransport};
use crate::peer::jsep::capabilities::MediaCapabilities;
use crate::peer::jsep::description::SessionDescription;
use crate::peer::jsep::direction::reversed;
use crate::peer::jsep::error::NegotiationError;
use crate::peer::jsep::negotiated::{NegotiatedCodec, NegotiatedExtension, NegotiatedMedia};
use crate::peer::jsep::negotiator::{LocalTransport, Negotiator, Settings};
use crate::peer::jsep::offer::OfferOptions;
use crate::peer::jsep::state::SignalingState;
use crate::rng::{Rng, Seed};
use crate::sdp::{Candidate, Token};

pub(super) struct Peer {
    pub(super) negotiator: Negotiator,
    pub(super) credentials: Credentials,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) ended: bool,
    pub(super) lite: bool,
}

/// One without media.
pub(super) fn peer(seed: u8) -> Peer {
    let mut rng = Rng::new(&Seed::from_bytes([seed; 32]));
    let media = MediaCapabilities::none();
    let settings =
        Settings { max_message_size: 262_144, sctp_port: 5000, answer_active: true, media: media.into() };
    Peer {
        credentials: Credentials::generate(&mut rng),
        negotiator: Negotiator::new(rng, settings),
        fingerprints: vec![format!("sha-256 {}", vec![format!("{seed:02X}"); 32].join(":")).parse().unwrap()],
        candidates: Vec::new(),
        ended: false,
        lite: false,
    }
}

/// One with media.
pub(super) fn media_peer(seed: u8) -> Peer {
    let mut peer = peer(seed);
    peer.negotiator.settings.media = MediaCapabilities::new().into();
    peer
}

impl Peer {
    pub(super) fn with<T>(&mut self, act: impl FnOnce(&mut Negotiator, &LocalTransport<'_>) -> T) -> T {
        let transport = LocalTransport {
            credentials: &self.credentials,
            next_credentials: None,
            candidates: &self.candidates,
            end_of_candidates: self.ended,
            lite: self.lite,
            pacing: None,
            fingerprints: &self.fingerprints,
        };
        act(&mut self.negotiator, &transport)
    }

    pub(super) fn offer(&mut self, ice_restart: bool) -> SessionDescription {
        self.with(|n, t| n.create_offer(OfferOptions { ice_restart }, t)).unwrap()
    }

    pub(super) fn answer(&mut self) -> SessionDescription {
        self.with(Negotiator::create_answer).unwrap()
    }

    pub(super) fn set_local(
        &mut self,
        description: Option<SessionDescription>,
    ) -> Result<Applied, NegotiationError> {
        let applied = self.with(|n, t| n.set_local(description, t))?;
        if let Some(credentials) = &applied.local_credentials {
            self.credentials = credentials.clone();
        }
        Ok(applied)
    }

    /// Sets the local description that is due, and returns it as it travels.
    pub(super) fn describe(&mut self) -> SessionDescription {
        self.set_local(None).unwrap();
        travel(self.negotiator.local_description().unwrap())
    }

    pub(super) fn set_remote(
        &mut self,
        description: &SessionDescription,
    ) -> Result<Applied, NegotiationError> {
        self.negotiator.set_remote(travel(description))
    }

    pub(super) fn state(&self) -> SignalingState {
        self.negotiator.signaling_state()
    }
}

/// To text and back.
pub(super) fn travel(description: &SessionDescription) -> SessionDescription {
    SessionDescription::parse(description.kind(), &description.to_sdp()).unwrap()
}

pub(super) fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

/// One whole exchange; what each side settled.
pub(super) fn exchange_media(offerer: &mut Peer, answerer: &mut Peer) -> (Negotiated, Negotiated) {
    let offer = offerer.describe();
    answerer.set_remote(&offer).unwrap();
    let at_answerer = answerer.set_local(None).unwrap().negotiated.unwrap();
    let answer = travel(answerer.negotiator.local_description().unwrap());
    let at_offerer = offerer.set_remote(&answer).unwrap().negotiated.unwrap();
    assert_eq!((offerer.state(), answerer.state()), (SignalingState::Stable, SignalingState::Stable));
    (at_offerer, at_answerer)
}

/// Checks that both ends have settled the same.
pub(super) fn settled(a: &Negotiated, b: &Negotiated) {
    assert_eq!(a.media.len(), b.media.len());
    for (a, b) in a.media.iter().zip(&b.media) {
        assert_eq!((a.section, &a.mid, a.kind), (b.section, &b.mid, b.kind));
        assert_eq!(a.direction, reversed(b.direction));
        one_way(a, b);
        one_way(b, a);
        assert_eq!((a.extensions_mixed, a.reduced_size_rtcp), (b.extensions_mixed, b.reduced_size_rtcp));
        let seen = |its: &NegotiatedExtension| (its.id, its.kind, its.receive, its.send);
        assert_eq!(
            a.extensions.iter().map(|its| (its.id, its.kind, its.send, its.receive)).collect::<BTreeSet<_>>(),
            b.extensions.iter().map(seen).collect::<BTreeSet<_>>()
        );
    }
}

/// What one sends is what the other receives.
fn one_way(sender: &NegotiatedMedia, receiver: &NegotiatedMedia) {
    let codecs = |list: &[NegotiatedCodec]| {
        let one = |codec: &NegotiatedCodec| {
            (
                codec.payload_type,
                codec.codec.name.to_string(),
                codec.rtx,
                codec.codec.parameters.to_string(),
                codec.feedback.clone(),
            )
        };
        list.iter().map(one).collect::<BTreeSet<_>>()
    };
    assert_eq!(codecs(&sender.send_codecs), codecs(&receiver.receive_codecs));
    assert!(sender.send_codecs.iter().any(|codec| codec.codec.is_primary()));
    if !sender.sends() {
        return;
    }
    let sent: Vec<_> = sender.local_sources.iter().filter_map(|source| source.encoding.rid.clone()).collect();
    let taken: Vec<_> =
        receiver.remote_layers.iter().filter_map(|layer| layer.rids.first().cloned()).collect();
    assert_eq!(sent, taken);
    // A stream that was offered as simulcast has not been announced by its source.
    if let ([local], [announced, ..], true) =
        (sender.local_sources.as_slice(), receiver.remote_sources.as_slice(), sent.is_empty())
    {
        assert_eq!((local.ssrc, Some(&sender.cname)), (announced.ssrc, announced.cname.as_ref()));
    }
}

pub(super) fn with_data(seed: u8) -> Peer {
    let mut peer = peer(seed);
    assert!(peer.negotiator.need_data_channel());
    peer
}

/// What was settled about a description of data.
pub(super) struct Settled {
    pub(super) transport: NegotiatedTransport,
    pub(super) data: NegotiatedData,
}

impl core::ops::Deref for Settled {
    type Target = NegotiatedTransport;

    fn deref(&self) -> &NegotiatedTransport {
        &self.transport
    }
}

impl Settled {
    pub(super) fn of(negotiated: Negotiated) -> Option<Self> {
        let (transport, data) = negotiated.transport.zip(negotiated.data)?;
        Some(Self { transport, data })
    }
}

/// One whole exchange; returns what each side settled.
pub(super) fn exchange(offerer: &mut Peer, answerer: &mut Peer) -> (Option<Settled>, Option<Settled>) {
    let (at_offerer, at_answerer) = exchange_media(offerer, answerer);
    (Settled::of(at_offerer), Settled::of(at_answerer))
}

/// A remote offer of one data section with these media-level lines.
pub(super) fn offer_of(lines: &str) -> SessionDescription {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{lines}"
    );
    SessionDescription::offer(&text).unwrap()
}

pub(super) const ICE: &str = "a=ice-ufrag:Vs3v\r\na=ice-pwd:J681eCENDm/XxbRJzXGMFU7q\r\n";
pub(super) const FINGERPRINT: &str = "a=fingerprint:sha-256 40:4A:1F:54:07:D2:15:1F:62:C9:19:BE:B2:51:5C:11:E0:E9:B7:E1:94:62:AE:B2:72:29:82:56:0E:8F:20:F6\r\n";
pub(super) const SCTP: &str = "a=sctp-port:5000\r\n";

pub(super) fn offer_with_setup(setup: &str) -> SessionDescription {
    offer_of(&format!("{ICE}{FINGERPRINT}{SCTP}a=setup:{setup}\r\n"))
}

pub(super) fn candidate(port: u16) -> Candidate {
    format!("candidate:1 1 udp 2130706431 192.0.2.1 {port} typ host").parse().unwrap()
}
