//! Attributes as values; the ones we do not know are kept word for word.

use core::ops::{Deref, DerefMut};

use crate::crypto::fingerprint::Fingerprint;
use crate::sdp::candidate::Candidate;
use crate::sdp::session::Connection;
use crate::sdp::text::{Password, Text, TlsId, Token, Ufrag, Word};

/// One `a=` line, at either level. `str::parse` reads one without its `a=`, `Display` writes it so.
///
/// ```
/// use antiphon::sdp::Attribute;
///
/// assert_eq!("rtcp-mux".parse(), Ok(Attribute::RtcpMux));
/// assert_eq!("sctp-port:5000".parse::<Attribute>()?.to_string(), "sctp-port:5000");
/// assert!("mid:0\r\na=ice-lite".parse::<Attribute>().is_err());
/// # Ok::<(), antiphon::sdp::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribute {
    /// `group` (RFC 5888, RFC 9143): sections that belong together.
    Group(Group),
    /// `mid` (RFC 5888).
    Mid(Token),
    /// `msid` (RFC 8830): stream, and track where it is named.
    Msid(Word, Option<Word>),
    /// `msid-semantic`: a semantic and the streams that have it.
    MsidSemantic(Token, Vec<Word>),
    /// `rtpmap` (RFC 8866 §6.6).
    RtpMap(RtpMap),
    /// `fmtp` (RFC 8866 §6.15): a format and its parameters.
    Fmtp(Word, Text),
    /// `rtcp-fb` (RFC 4585 §4.2): a payload type (`None`: all) and a kind of feedback.
    RtcpFb(Option<u8>, Text),
    /// `rtcp` (RFC 3605).
    Rtcp(u16, Option<Box<Connection>>),
    /// `rtcp-mux` (RFC 5761).
    RtcpMux,
    /// `rtcp-mux-only` (RFC 8858).
    RtcpMuxOnly,
    /// `rtcp-rsize` (RFC 5506).
    RtcpRsize,
    /// `extmap` (RFC 8285 §5).
    Extmap(Box<Extmap>),
    /// `extmap-allow-mixed` (RFC 8285 §6).
    ExtmapAllowMixed,
    /// `ssrc` (RFC 5576 §4.1).
    Ssrc(Ssrc),
    /// `ssrc-group` (RFC 5576 §4.2).
    SsrcGroup(Token, Vec<u32>),
    /// `rid` (RFC 8851).
    Rid(Box<Rid>),
    /// `simulcast` (RFC 8853).
    Simulcast(Box<Simulcast>),
    /// `bundle-only` (RFC 9143 §6).
    BundleOnly,
    /// `ice-ufrag` (RFC 8839 §5.4).
    IceUfrag(Ufrag),
    /// `ice-pwd` (RFC 8839 §5.4).
    IcePwd(Password),
    /// `ice-options` (RFC 8839 §5.6).
    IceOptions(Vec<Token>),
    /// `ice-lite` (RFC 8839 §5.3).
    IceLite,
    /// `ice-mismatch` (RFC 8839 §5.3).
    IceMismatch,
    /// `ice-pacing` (RFC 8839 §5.5): milliseconds.
    IcePacing(u32),
    /// `candidate` (RFC 8839 §5.1).
    Candidate(Box<Candidate>),
    /// `end-of-candidates` (RFC 8840 §8.2).
    EndOfCandidates,
    /// `remote-candidates` (RFC 8839 §5.2): component, address, port.
    RemoteCandidates(Vec<(u16, Word, u16)>),
    /// `fingerprint` (RFC 8122 §5).
    Fingerprint(Box<Fingerprint>),
    /// `setup` (RFC 4145, RFC 8842).
    Setup(Setup),
    /// `tls-id` (RFC 8842 §4).
    TlsId(TlsId),
    /// `identity` (RFC 8827 §5).
    Identity(Text),
    /// `sctp-port` (RFC 8841 §5).
    SctpPort(u16),
    /// `max-message-size` (RFC 8841 §6): bytes; 0: without bound.
    MaxMessageSize(u64),
    /// `sctpmap`, as drafts before RFC 8841 had it: port, application, streams.
    SctpMap(u16, Token, Option<u32>),
    /// `sctp-init` (SNAP): an INIT chunk in base64.
    SctpInit(Word),
    /// `sendrecv`, `sendonly`, `recvonly` or `inactive` (RFC 8866 §6.7).
    Direction(Direction),
    /// `ptime` (RFC 8866 §6.4): milliseconds, a decimal number.
    Ptime(Token),
    /// `maxptime` (RFC 8866 §6.5): milliseconds, a decimal number.
    MaxPtime(Token),
    /// `imageattr` (RFC 6236): a payload type (`None`: all) and its sizes.
    ImageAttr(Option<u8>, Text),
    /// `cryptex` (RFC 9335).
    Cryptex,
    /// `crypto` (RFC 4568): tag, suite and keys. Never negotiated.
    Crypto(u32, Token, Text),
    /// An attribute we have no type for, or whose form we do not know.
    Other(Raw),
    /// A line whose letter is not known.
    Line(RawLine),
}

impl Attribute {
    /// How many entries the list has that it holds, if it holds one.
    pub(in crate::sdp) fn listed(&self) -> usize {
        if let Self::Group(group) = self {
            group.mids.len()
        } else if let Self::MsidSemantic(_, streams) = self {
            streams.len()
        } else if let Self::SsrcGroup(_, sources) = self {
            sources.len()
        } else if let Self::Simulcast(simulcast) = self {
            simulcast.send.iter().chain(&simulcast.receive).map(Vec::len).sum()
        } else if let Self::IceOptions(options) = self {
            options.len()
        } else if let Self::RemoteCandidates(candidates) = self {
            candidates.len()
        } else {
            0
        }
    }
}

/// An attribute word for word. Made by parsing only, so that it is none of the typed ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw(pub(in crate::sdp) Text);

impl Raw {
    /// What stands before the colon.
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(name, _)| name)
    }

    /// What stands after the colon, if there is one.
    pub fn value(&self) -> Option<&str> {
        self.0.split_once(':').map(|(_, value)| value)
    }
}

/// A line word for word. Made by parsing only, so that it is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLine(pub(in crate::sdp) char, pub(in crate::sdp) Text);

impl RawLine {
    /// The letter before `=`.
    pub fn letter(&self) -> char {
        self.0
    }

    /// What follows it.
    pub fn value(&self) -> &str {
        &self.1
    }
}

/// `group`: what it means, and the mids of its sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `BUNDLE`, `LS`, ...
    pub semantics: Token,
    /// In the order of the line: the first is the tagged one.
    pub mids: Vec<Token>,
}

/// `rtpmap`.
///
/// ```
/// use antiphon::sdp::attribute::{Attribute, RtpMap};
///
/// let Ok(Attribute::RtpMap(RtpMap { clock_rate, channels, .. })) = "rtpmap:96 opus/48000/2".parse() else { panic!() };
/// assert_eq!((clock_rate, channels), (48_000, Some(2)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpMap {
    /// 0 to 127.
    pub payload_type: u8,
    /// The codec.
    pub encoding: Token,
    /// In hertz.
    pub clock_rate: u32,
    /// Audio channels, where the line says.
    pub channels: Option<u16>,
}

/// `extmap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extmap {
    /// 1 to 255, or 4096 to 4351 for one that is only offered.
    pub id: u16,
    /// Which way it goes, where the line says.
    pub direction: Option<Direction>,
    /// Which extension it is.
    pub uri: Word,
    /// Its parameters.
    pub parameters: Option<Text>,
}

/// `ssrc`: one attribute of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssrc {
    /// The source.
    pub id: u32,
    /// Such as `cname` or `msid`.
    pub name: Token,
    /// What follows the name's colon.
    pub value: Option<Text>,
}

/// `rid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rid {
    /// Its name.
    pub id: Token,
    /// Whether the describing side sends it.
    pub sends: bool,
    /// `pt=96;max-width=1280`, where there are any.
    pub restrictions: Option<Text>,
}

/// `simulcast`: streams, each with its alternatives. At least one list is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulcast {
    /// What the describing side sends.
    pub send: Vec<Vec<SimulcastId>>,
    /// What it receives.
    pub receive: Vec<Vec<SimulcastId>>,
}

/// One alternative of a simulcast stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulcastId {
    /// Of which `rid`.
    pub rid: Token,
    /// Whether it starts paused.
    pub paused: bool,
}

/// Which way media goes, seen from the describing side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Away only.
    SendOnly,
    /// In only.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// Who opens the DTLS association (RFC 8842 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setup {
    /// The describing side: it is the client.
    Active,
    /// The other side: this one is the server.
    Passive,
    /// The answerer chooses.
    ActPass,
    /// Nobody for now.
    HoldConn,
}

/// Attributes in their order, with readers of the ones that matter.
///
/// ```
/// use antiphon::sdp::{Attribute, Attributes};
///
/// let mut attributes = Attributes::default();
/// attributes.push("mid:0".parse::<Attribute>()?);
/// assert_eq!(attributes.mid().map(|mid| mid.as_str()), Some("0"));
/// # Ok::<(), antiphon::sdp::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub Vec<Attribute>);

impl Deref for Attributes {
    type Target = Vec<Attribute>;

    fn deref(&self) -> &Vec<Attribute> {
        &self.0
    }
}

impl DerefMut for Attributes {
    fn deref_mut(&mut self) -> &mut Vec<Attribute> {
        &mut self.0
    }
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident: $variant:ident -> $type:ty;)*) => {
        $($(#[$doc])*
        pub fn $name(&self) -> Option<&$type> {
            self.0.iter().find_map(|attribute| if let Attribute::$variant(value) = attribute { Some(value) } else { None })
        })*
    };
}

impl Attributes {
    readers! {
        /// The first `mid`.
        mid: Mid -> Token;
        /// The first `ice-ufrag`.
        ice_ufrag: IceUfrag -> Ufrag;
        /// The first `ice-pwd`.
        ice_pwd: IcePwd -> Password;
        /// The first `setup`.
        setup: Setup -> Setup;
        /// The first `tls-id`.
        tls_id: TlsId -> TlsId;
        /// The first `sctp-port`.
        sctp_port: SctpPort -> u16;
        /// The first `sctp-init`.
        sctp_init: SctpInit -> Word;
        /// The first `max-message-size`, in bytes.
        max_message_size: MaxMessageSize -> u64;
        /// The first `ice-pacing`, in milliseconds.
        ice_pacing: IcePacing -> u32;
        /// The first direction.
        direction: Direction -> Direction;
        /// The first `simulcast`.
        simulcast: Simulcast -> Box<Simulcast>;
    }

    /// Every `group`.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.0.iter().filter_map(|a| if let Attribute::Group(group) = a { Some(group) } else { None })
    }

    /// Every `candidate` that was understood.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.0
            .iter()
            .filter_map(|a| if let Attribute::Candidate(candidate) = a { Some(&**candidate) } else { None })
    }

    /// Every `fingerprint` whose hash is known.
    pub fn fingerprints(&self) -> impl Iterator<Item = &Fingerprint> {
        self.0.iter().filter_map(|a| {
            if let Attribute::Fingerprint(fingerprint) = a { Some(&**fingerprint) } else { None }
        })
    }

    /// Every option of every `ice-options`.
    pub fn ice_options(&self) -> impl Iterator<Item = &Token> {
        self.0
            .iter()
            .filter_map(|a| if let Attribute::IceOptions(options) = a { Some(options) } else { None })
            .flatten()
    }

    /// Every `rtpmap`.
    pub fn rtp_maps(&self) -> impl Iterator<Item = &RtpMap> {
        self.0.iter().filter_map(|a| if let Attribute::RtpMap(map) = a { Some(map) } else { None })
    }

    /// Every `extmap`.
    pub fn extmaps(&self) -> impl Iterator<Item = &Extmap> {
        self.0.iter().filter_map(|a| if let Attribute::Extmap(map) = a { Some(&**map) } else { None })
    }

    /// Every `rid`.
    pub fn rids(&self) -> impl Iterator<Item = &Rid> {
        self.0.iter().filter_map(|a| if let Attribute::Rid(rid) = a { Some(&**rid) } else { None })
    }

    /// Whether this very attribute, one without a value as a rule, is there.
    pub fn has(&self, attribute: &Attribute) -> bool {
        self.0.contains(attribute)
    }
}
