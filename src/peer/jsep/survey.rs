//! A description looked over once: what each of its levels says, and which of its sections are bundled. What is asked of every section
//! is asked here, for the peer decides how many sections, groups and lines there are.

use std::collections::BTreeMap;

use crate::peer::jsep::remote::View;
use crate::sdp::attribute::Group;
use crate::sdp::{Attribute, Attributes, Direction, Media, Password, Session, Setup, TlsId, Token, Ufrag};

/// What the session, or one section, says of its transport, after one look at its attributes. Of what is said twice, the first counts.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an attribute that is there or not")]
pub(super) struct Level<'a> {
    pub(super) attributes: &'a Attributes,
    pub(super) mid: Option<&'a Token>,
    pub(super) ufrag: Option<&'a Ufrag>,
    pub(super) pwd: Option<&'a Password>,
    pub(super) setup: Option<Setup>,
    pub(super) tls_id: Option<&'a TlsId>,
    /// In milliseconds.
    pub(super) pacing: Option<u32>,
    pub(super) direction: Option<Direction>,
    pub(super) fingerprints: usize,
    pub(super) lite: bool,
    pub(super) trickle: bool,
    pub(super) ice2: bool,
    pub(super) rtcp_mux: bool,
    pub(super) reduced_size: bool,
    /// `extmap-allow-mixed`.
    pub(super) mixed: bool,
    pub(super) has_candidates: bool,
    pub(super) ended: bool,
}

impl<'a> Level<'a> {
    pub(super) fn of(attributes: &'a Attributes) -> Self {
        let mut level = Self {
            attributes,
            mid: None,
            ufrag: None,
            pwd: None,
            setup: None,
            tls_id: None,
            pacing: None,
            direction: None,
            fingerprints: 0,
            lite: false,
            trickle: false,
            ice2: false,
            rtcp_mux: false,
            reduced_size: false,
            mixed: false,
            has_candidates: false,
            ended: false,
        };
        for attribute in attributes.iter() {
            level.read(attribute);
        }
        level
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other attributes say nothing of the transport")]
    fn read(&mut self, attribute: &'a Attribute) {
        match attribute {
            Attribute::Mid(mid) => self.mid = self.mid.or(Some(mid)),
            Attribute::IceUfrag(ufrag) => self.ufrag = self.ufrag.or(Some(ufrag)),
            Attribute::IcePwd(pwd) => self.pwd = self.pwd.or(Some(pwd)),
            Attribute::Setup(setup) => self.setup = self.setup.or(Some(*setup)),
            Attribute::TlsId(tls_id) => self.tls_id = self.tls_id.or(Some(tls_id)),
            Attribute::IcePacing(pacing) => self.pacing = self.pacing.or(Some(*pacing)),
            Attribute::Direction(direction) => self.direction = self.direction.or(Some(*direction)),
            Attribute::Fingerprint(_) => self.fingerprints += 1,
            Attribute::IceLite => self.lite = true,
            Attribute::IceOptions(options) => {
                self.trickle |= options.iter().any(|option| *option == "trickle");
                self.ice2 |= options.iter().any(|option| *option == "ice2");
            }
            Attribute::RtcpMux => self.rtcp_mux = true,
            Attribute::RtcpRsize => self.reduced_size = true,
            Attribute::ExtmapAllowMixed => self.mixed = true,
            Attribute::Candidate(_) => self.has_candidates = true,
            Attribute::EndOfCandidates => self.ended = true,
            _ => {}
        }
    }
}

/// What sections inherit from the session, beside the transport.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Inherited {
    pub(super) direction: Option<Direction>,
    /// `extmap-allow-mixed`.
    pub(super) mixed: bool,
}

impl Inherited {
    pub(super) fn of(session: &Session) -> Self {
        Level::of(&session.attributes).into()
    }
}

impl From<Level<'_>> for Inherited {
    fn from(level: Level<'_>) -> Self {
        Self { direction: level.direction, mixed: level.mixed }
    }
}

/// A whole description, looked over.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    session: &'a Session,
    whole: Level<'a>,
    sections: Vec<Level<'a>>,
    /// The first section of each mid.
    by_mid: BTreeMap<&'a str, usize>,
    bundles: Vec<&'a Group>,
    /// The first bundle of each mid.
    bundle_of: BTreeMap<&'a str, usize>,
    /// How many attributes and mids were looked at; none is looked at again.
    pub(super) steps: usize,
}

impl<'a> Survey<'a> {
    pub(super) fn of(session: &'a Session) -> Self {
        let mut steps = session.attributes.len();
        let mut sections = Vec::with_capacity(session.media.len());
        let mut by_mid = BTreeMap::new();
        for (index, media) in session.media.iter().enumerate() {
            steps += media.attributes.len();
            let level = Level::of(&media.attributes);
            if let Some(mid) = level.mid {
                by_mid.entry(mid.as_str()).or_insert(index);
            }
            sections.push(level);
        }
        let bundles: Vec<&Group> =
            session.attributes.groups().filter(|group| group.semantics == "BUNDLE").collect();
        let mut bundle_of = BTreeMap::new();
        for (number, group) in bundles.iter().enumerate() {
            steps += group.mids.len();
            for mid in &group.mids {
                bundle_of.entry(mid.as_str()).or_insert(number);
            }
        }
        let whole = Level::of(&session.attributes);
        Self { session, whole, sections, by_mid, bundles, bundle_of, steps }
    }

    pub(super) const fn session(&self) -> &'a Session {
        self.session
    }

    pub(super) fn media(&self, index: usize) -> Option<&'a Media> {
        self.session.media.get(index)
    }

    /// What sections inherit.
    pub(super) fn inherited(&self) -> Inherited {
        self.whole.into()
    }

    /// The section of a mid.
    pub(super) fn index_of(&self, mid: &str) -> Option<usize> {
        self.by_mid.get(mid).copied()
    }

    /// Whether two sections are the same, or in one bundle.
    pub(super) fn shares(&self, a: usize, b: usize) -> bool {
        a == b || self.bundle(a).is_some_and(|bundle| self.bundle(b) == Some(bundle))
    }

    /// The sections of the bundle of a section, in the order of the group.
    pub(super) fn bundled_with(&self, index: usize) -> impl Iterator<Item = usize> {
        let group = self.bundle(index).and_then(|bundle| self.bundles.get(bundle));
        group.into_iter().flat_map(|group| &group.mids).filter_map(|mid| self.index_of(mid))
    }

    /// A section with what it inherits.
    pub(super) fn view(&self, index: usize) -> View<'a> {
        let own = self.sections.get(index).copied();
        let tagged = self.bundled_with(index).next();
        let tagged = tagged.and_then(|tagged| Some((tagged, *self.sections.get(tagged)?)));
        View::new(self.media(index), index, own, tagged, self.whole)
    }

    fn bundle(&self, index: usize) -> Option<usize> {
        self.bundle_of.get(self.sections.get(index)?.mid?.as_str()).copied()
    }
}
