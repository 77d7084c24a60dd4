//! What the peer's description says about the transport, and about data.

use core::time::Duration;

use crate::base::limits;
use crate::crypto::Fingerprint;
use crate::ice::{Credentials, RemoteParameters};
use crate::peer::jsep::apply::NegotiatedData;
use crate::peer::jsep::description::SdpType;
use crate::peer::jsep::error::NegotiationError;
use crate::peer::jsep::survey::Level;
use crate::sdp::{Attribute, Candidate, Media, Session, Setup, TlsId};

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
        remote_max_message_size: view.max_message_size().unwrap_or(limits::DEFAULT_MAX_MESSAGE as u64),
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
        let fingerprinted = view.fingerprinted().ok_or(NegotiationError::MissingFingerprint(index))?;
        if fingerprinted.fingerprints > limits::MAX_FINGERPRINTS {
            let limit = limits::MAX_FINGERPRINTS;
            return Err(NegotiationError::TooManyFingerprints { section: index, limit });
        }
        let fingerprints = fingerprinted.attributes.fingerprints().copied().collect();
        let setup = match (view.find(|level| level.setup), kind) {
            (Some(setup @ Setup::HoldConn), _)
            | (Some(setup @ Setup::ActPass), SdpType::Answer | SdpType::Pranswer) => {
                return Err(NegotiationError::BadSetup { section: index, setup, kind });
            }
            (Some(setup), _) => setup,
            // Before RFC 8842 it could be left out: the offerer takes what comes, the answerer connects.
            (None, SdpType::Offer) => Setup::ActPass,
            (None, _) => Setup::Active,
        };
        let pacing = view.find(|level| level.pacing).map(|pacing| Duration::from_millis(u64::from(pacing)));
        let ice = RemoteParameters {
            credentials,
            lite: view.levels().any(|level| level.lite),
            ice2: view.levels().any(|level| level.ice2),
            pacing,
            trickle: view.levels().any(|level| level.trickle),
        };
        Ok(Self {
            section: index,
            ice,
            fingerprints,
            tls_id: view.find(|level| level.tls_id).cloned(),
            setup,
        })
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
    media: Option<&'a Media>,
    /// Of a section that is there.
    own: Option<Level<'a>>,
    tagged: Option<(usize, Level<'a>)>,
    session: Level<'a>,
    /// The section whose candidates are its own.
    pub(super) candidate_section: usize,
}

impl<'a> View<'a> {
    /// One section of a description. For each of them there is [`Survey::view`](crate::peer::jsep::survey::Survey::view).
    pub(super) fn of(session: &'a Session, index: usize) -> Self {
        let media = session.media.get(index);
        let own = media.map(|media| Level::of(&media.attributes));
        let mut bundles = session.attributes.groups().filter(|group| group.semantics == "BUNDLE");
        let mid = own.and_then(|own| own.mid);
        let mine = mid.and_then(|mid| bundles.find(|group| group.mids.contains(mid)));
        let tagged = mine.and_then(|group| group.mids.first()).and_then(|mid| session.media_by_mid(mid));
        let tagged = tagged.map(|(index, media)| (index, Level::of(&media.attributes)));
        Self::new(media, index, own, tagged, Level::of(&session.attributes))
    }

    pub(super) fn new(
        media: Option<&'a Media>,
        index: usize,
        own: Option<Level<'a>>,
        tagged: Option<(usize, Level<'a>)>,
        session: Level<'a>,
    ) -> Self {
        // RFC 9143 §7.2.1: with port 0, or without credentials, it has no address of its own. Otherwise it has, and for
        // us, who reject every other section, it is that which counts.
        let rides = own.is_none_or(|own| own.ufrag.is_none()) || media.is_some_and(|media| media.port == 0);
        let candidate_section = tagged.filter(|_| rides).map_or(index, |(tagged, _)| tagged);
        Self { media, own, tagged, session, candidate_section }
    }

    /// The section, its bundle's tagged one, the session: the first that says a thing decides.
    fn levels(&self) -> impl Iterator<Item = Level<'a>> + use<'a> {
        let tagged = self.tagged.map(|(_, level)| level);
        self.own.into_iter().chain(tagged).chain(core::iter::once(self.session))
    }

    fn find<T>(&self, pick: impl Fn(Level<'a>) -> Option<T>) -> Option<T> {
        self.levels().find_map(pick)
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        let pair = self.find(|level| level.ufrag.zip(level.pwd));
        let (ufrag, pwd) =
            pair.or_else(|| self.find(|level| level.ufrag).zip(self.find(|level| level.pwd)))?;
        Credentials::new(ufrag, pwd).ok()
    }

    /// The level that has fingerprints.
    fn fingerprinted(&self) -> Option<Level<'a>> {
        self.levels().find(|level| level.fingerprints > 0)
    }

    pub(super) fn has_fingerprint(&self) -> bool {
        self.fingerprinted().is_some()
    }

    /// `rtcp-mux`, at one of the levels.
    pub(super) fn rtcp_mux(&self) -> bool {
        self.levels().any(|level| level.rtcp_mux)
    }

    /// `rtcp-rsize`, at one of the levels.
    pub(super) fn reduced_size(&self) -> bool {
        self.levels().any(|level| level.reduced_size)
    }

    /// The longest message that its section takes, in bytes, where it says so.
    fn max_message_size(&self) -> Option<u64> {
        self.own.and_then(|own| own.attributes.max_message_size().copied())
    }

    /// `sctp-port`, or what stood for it: the format of `DTLS/SCTP 5000`, then `sctpmap`.
    fn sctp_port(&self) -> Option<u16> {
        let own = self.own.map(|own| own.attributes);
        let legacy = || self.media.and_then(Media::legacy_sctp_port);
        let mapped = || {
            own.into_iter()
                .flat_map(|own| own.iter())
                .find_map(|a| if let Attribute::SctpMap(port, ..) = a { Some(*port) } else { None })
        };
        own.and_then(|own| own.sctp_port().copied()).or_else(legacy).or_else(mapped)
    }

    pub(super) fn candidates(&self) -> impl Iterator<Item = &'a Candidate> + use<'a> {
        self.gathered().into_iter().flat_map(|level| level.attributes.candidates())
    }

    /// The section whose candidates are its own.
    fn home(&self) -> Option<Level<'a>> {
        let rides = self.tagged.filter(|(tagged, _)| *tagged == self.candidate_section);
        rides.map(|(_, level)| level).or(self.own)
    }

    /// The section that holds the candidates: its own, or where it has none its bundle's tagged one. An offerer that
    /// insists on one transport (the W3C's `max-bundle`) gathers for that section only, though each has credentials.
    fn gathered(&self) -> Option<Level<'a>> {
        let home = self.home();
        let tagged = self.tagged.map(|(_, level)| level);
        home.into_iter().chain(tagged).find(|level| level.has_candidates).or(home)
    }

    /// Whether candidates of this section are for us.
    pub(super) fn takes_candidates_of(&self, section: usize) -> bool {
        let own = self.own.unwrap_or(self.session);
        section == self.candidate_section
            || !own.has_candidates
                && self.tagged.is_some_and(|(tagged, its)| tagged == section && its.ufrag == own.ufrag)
    }

    /// Whether no candidates follow (RFC 8840 §8.2: at either level).
    pub(super) fn ended(&self) -> bool {
        let levels = self.gathered().into_iter().chain(self.home()).chain([self.session]);
        levels.into_iter().any(|level| level.ended)
    }
}
