//! What the peer's description says about the transport, and about data.

use core::time::Duration;

use crate::base::limits;
use crate::crypto::Fingerprint;
use crate::ice::{Credentials, RemoteParameters};
use crate::peer::jsep::apply::NegotiatedData;
use crate::peer::jsep::description::SdpType;
use crate::peer::jsep::error::NegotiationError;
use crate::sdp::{Attribute, Attributes, Candidate, Media, Session, Setup, TlsId};

/// Whether a section is offered, or accepted. Port 0 rejects, but for a section that rides in a bundle.
pub(super) fn is_live(media: &Media) -> bool {
    media.port != 0 || media.attributes.has(&Attribute::BundleOnly)
}

/// What the peer's data section says about its end of the association.
pub(super) fn read_data(
    session: &Session,
    index: usize,
    local_sctp_port: u16,
) -> Result<NegotiatedData, NegotiationError> {
    let view = View::of(session, index);
    Ok(NegotiatedData {
        local_sctp_port,
        remote_sctp_port: view.sctp_port().ok_or(NegotiationError::MissingSctpPort(index))?,
        remote_max_message_size: view
            .own()
            .max_message_size()
            .copied()
            .unwrap_or(limits::DEFAULT_MAX_MESSAGE as u64),
    })
}

/// The transport of a section, as its description has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteTransport {
    pub(super) section: usize,
    pub(super) ice: RemoteParameters,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) tls_id: Option<TlsId>,
    pub(super) setup: Setup,
}

impl RemoteTransport {
    /// Reads and checks the transport of section `index`.
    pub(super) fn read(session: &Session, index: usize, kind: SdpType) -> Result<Self, NegotiationError> {
        let view = View::of(session, index);
        let credentials = view.credentials().ok_or(NegotiationError::MissingCredentials(index))?;
        let fingerprints = view.fingerprints();
        if fingerprints.is_empty() {
            return Err(NegotiationError::MissingFingerprint(index));
        }
        let setup = match (view.find(Attributes::setup).copied(), kind) {
            (Some(setup @ Setup::HoldConn), _)
            | (Some(setup @ Setup::ActPass), SdpType::Answer | SdpType::Pranswer) => {
                return Err(NegotiationError::BadSetup { section: index, setup, kind });
            }
            (Some(setup), _) => setup,
            // Before RFC 8842 it could be left out: the offerer takes what comes, the answerer connects.
            (None, SdpType::Offer) => Setup::ActPass,
            (None, _) => Setup::Active,
        };
        let pacing =
            view.find(Attributes::ice_pacing).map(|pacing| Duration::from_millis(u64::from(*pacing)));
        let ice = RemoteParameters {
            credentials,
            lite: view.levels().any(|attributes| attributes.has(&Attribute::IceLite)),
            ice2: view.has_option("ice2"),
            pacing,
            trickle: view.has_option("trickle"),
        };
        Ok(Self { section: index, ice, fingerprints, tls_id: view.find(Attributes::tls_id).cloned(), setup })
    }

    /// Whether `new` restarts ICE (RFC 8839 §4.4.1.1.1).
    pub(super) fn restarts(&self, new: &Self) -> bool {
        self.ice.credentials != new.ice.credentials
    }

    /// Whether `new` is a new DTLS association (RFC 8842 §4): another certificate, or another `tls-id`.
    pub(super) fn changes_association(&self, new: &Self) -> bool {
        let same_set = self.fingerprints.len() == new.fingerprints.len()
            && self.fingerprints.iter().all(|fingerprint| new.fingerprints.contains(fingerprint));
        let renamed = self.tls_id.as_ref().zip(new.tls_id.as_ref()).is_some_and(|(old, new)| old != new);
        !same_set || renamed
    }
}

/// A section with what it inherits: from its bundle's tagged section (RFC 9143 §7.1.3), and from the session.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    session: &'a Session,
    media: Option<&'a Media>,
    own: &'a Attributes,
    tagged: Option<(usize, &'a Media)>,
    /// The section whose candidates are its own.
    pub(super) candidate_section: usize,
}

impl<'a> View<'a> {
    pub(super) fn of(session: &'a Session, index: usize) -> Self {
        let media = session.media.get(index);
        let own = media.map_or(&session.attributes, |media| &media.attributes);
        let bundles = session.attributes.groups().filter(|group| group.semantics == "BUNDLE");
        let mine = own.mid().and_then(|mid| bundles.into_iter().find(|group| group.mids.contains(mid)));
        let tagged = mine.and_then(|group| group.mids.first()).and_then(|mid| session.media_by_mid(mid));
        // RFC 9143 §7.2.1: with port 0, or without credentials, it has no address of its own. Otherwise it has, and for
        // us, who reject every other section, it is that which counts.
        let rides = own.ice_ufrag().is_none() || media.is_some_and(|media| media.port == 0);
        let candidate_section = tagged.filter(|_| rides).map_or(index, |(tagged, _)| tagged);
        Self { session, media, own, tagged, candidate_section }
    }

    /// The same, of a section that is one of the session's.
    pub(super) fn of_section(session: &'a Session, media: &Media) -> Self {
        let index = session.media.iter().position(|its| core::ptr::eq(its, media));
        Self::of(session, index.unwrap_or(usize::MAX))
    }

    const fn own(&self) -> &'a Attributes {
        self.own
    }

    /// The section, its bundle's tagged one, the session: the first that says a thing decides.
    fn levels(&self) -> impl Iterator<Item = &'a Attributes> + use<'a> {
        let tagged = self.tagged.map(|(_, media)| &media.attributes);
        core::iter::once(self.own).chain(tagged).chain(core::iter::once(&self.session.attributes))
    }

    pub(super) fn find<T>(&self, pick: impl Fn(&'a Attributes) -> Option<T>) -> Option<T> {
        self.levels().find_map(pick)
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        let pair = self.find(|attributes| attributes.ice_ufrag().zip(attributes.ice_pwd()));
        let (ufrag, pwd) =
            pair.or_else(|| self.find(Attributes::ice_ufrag).zip(self.find(Attributes::ice_pwd)))?;
        Credentials::new(ufrag, pwd).ok()
    }

    fn fingerprints(&self) -> Vec<Fingerprint> {
        let found = self.find(|attributes| attributes.fingerprints().next().map(|_| attributes));
        found.map_or_else(Vec::new, |attributes| attributes.fingerprints().copied().collect())
    }

    pub(super) fn has_fingerprint(&self) -> bool {
        self.find(|attributes| attributes.fingerprints().next()).is_some()
    }

    /// Whether one of the levels has this attribute.
    pub(super) fn has(&self, attribute: &Attribute) -> bool {
        self.levels().any(|attributes| attributes.has(attribute))
    }

    fn has_option(&self, wanted: &str) -> bool {
        self.levels().any(|attributes| attributes.ice_options().any(|option| *option == *wanted))
    }

    /// `sctp-port`, or what stood for it: the format of `DTLS/SCTP 5000`, then `sctpmap`.
    fn sctp_port(&self) -> Option<u16> {
        let legacy = || self.media.and_then(Media::legacy_sctp_port);
        let mapped = || {
            self.own
                .iter()
                .find_map(|a| if let Attribute::SctpMap(port, ..) = a { Some(*port) } else { None })
        };
        self.own.sctp_port().copied().or_else(legacy).or_else(mapped)
    }

    pub(super) fn candidates(&self) -> impl Iterator<Item = &'a Candidate> + use<'a> {
        self.gathered().into_iter().flat_map(Attributes::candidates)
    }

    /// The section that holds the candidates: its own, or where it has none its bundle's tagged one. An offerer that
    /// insists on one transport (the W3C's `max-bundle`) gathers for that section only, though each has credentials.
    fn gathered(&self) -> Option<&'a Attributes> {
        let own = self.session.media.get(self.candidate_section).map(|media| &media.attributes);
        let some = |attributes: &&Attributes| attributes.candidates().next().is_some();
        own.filter(some).or_else(|| self.tagged.map(|(_, media)| &media.attributes).filter(some)).or(own)
    }

    /// Whether candidates of this section are for us.
    pub(super) fn takes_candidates_of(&self, section: usize) -> bool {
        let alone = self.own.candidates().next().is_none();
        let same = |media: &Media| media.attributes.ice_ufrag() == self.own.ice_ufrag();
        section == self.candidate_section
            || alone && self.tagged.is_some_and(|(tagged, media)| tagged == section && same(media))
    }

    /// Whether no candidates follow (RFC 8840 §8.2: at either level).
    pub(super) fn ended(&self) -> bool {
        let own = self.session.media.get(self.candidate_section).map(|media| &media.attributes);
        let mut levels = self.gathered().into_iter().chain(own).chain([&self.session.attributes]);
        levels.any(|attributes| attributes.has(&Attribute::EndOfCandidates))
    }
}
