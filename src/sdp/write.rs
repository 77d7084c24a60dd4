//! Values to text: the lines in the order of RFC 8866 §5, each ended by CRLF.

use core::fmt::{self, Display, Formatter, Write as _};

use crate::sdp::attribute::{
    Attribute, Attributes, Direction, Extmap, Group, Rid, RtpMap, Setup, Simulcast, SimulcastId, Ssrc,
};
use crate::sdp::media::Media;
use crate::sdp::session::{AddressKind, Bandwidth, Connection, Origin, Session, Timing};

impl Display for Session {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "v=0\r\no={}\r\ns={}\r\n", self.origin, self.name)?;
        optional(f, 'i', self.information.as_ref())?;
        optional(f, 'u', self.uri.as_ref())?;
        each(f, 'e', &self.emails)?;
        each(f, 'p', &self.phones)?;
        optional(f, 'c', self.connection.as_ref())?;
        each(f, 'b', &self.bandwidths)?;
        for time in &self.times {
            write!(f, "t={time}\r\n")?;
            each(f, 'r', &time.repeats)?;
        }
        // RFC 8866 §5.9: the line may not be left out; RFC 9429 §5.2.1: both are zero.
        if self.times.is_empty() {
            f.write_str("t=0 0\r\n")?;
        }
        optional(f, 'z', self.zones.as_ref())?;
        optional(f, 'k', self.key.as_ref())?;
        attributes(f, &self.attributes)?;
        for media in &self.media {
            media.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Media {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {}", self.kind, self.port)?;
        if let Some(count) = self.port_count {
            write!(f, "/{count}")?;
        }
        write!(f, " {}", self.protocol)?;
        spaced(f, &self.formats)?;
        f.write_str("\r\n")?;
        optional(f, 'i', self.information.as_ref())?;
        each(f, 'c', &self.connections)?;
        each(f, 'b', &self.bandwidths)?;
        optional(f, 'k', self.key.as_ref())?;
        attributes(f, &self.attributes)
    }
}

fn attributes(f: &mut Formatter<'_>, attributes: &Attributes) -> fmt::Result {
    attributes.iter().try_for_each(|attribute| {
        let prefix = if matches!(attribute, Attribute::Line(_)) { "" } else { "a=" };
        write!(f, "{prefix}{attribute}\r\n")
    })
}

fn optional(f: &mut Formatter<'_>, letter: char, value: Option<&impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, "{letter}={value}\r\n"))
}

fn each(f: &mut Formatter<'_>, letter: char, values: &[impl Display]) -> fmt::Result {
    values.iter().try_for_each(|value| write!(f, "{letter}={value}\r\n"))
}

fn spaced(f: &mut Formatter<'_>, values: &[impl Display]) -> fmt::Result {
    values.iter().try_for_each(|value| write!(f, " {value}"))
}

/// A payload type, or `*` for all.
fn payload(f: &mut Formatter<'_>, payload: Option<u8>) -> fmt::Result {
    match payload {
        Some(payload) => payload.fmt(f),
        None => f.write_char('*'),
    }
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.username, self.session_id, self.version, self.connection)
    }
}

impl Display for Connection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            AddressKind::Ip4 => "IP4",
            AddressKind::Ip6 => "IP6",
        };
        write!(f, "{} {kind} {}", self.network, self.address)
    }
}

impl Display for Bandwidth {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

impl Display for Timing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.start, self.stop)
    }
}

impl Display for Attribute {
    #[expect(clippy::too_many_lines, reason = "one line for each attribute, and nothing else")]
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => group.fmt(f),
            Self::Mid(mid) => write!(f, "mid:{mid}"),
            Self::Msid(stream, None) => write!(f, "msid:{stream}"),
            Self::Msid(stream, Some(track)) => write!(f, "msid:{stream} {track}"),
            Self::MsidSemantic(semantic, streams) => {
                write!(f, "msid-semantic:{semantic}")?;
                spaced(f, streams)
            }
            Self::RtpMap(map) => map.fmt(f),
            Self::Fmtp(format, parameters) => write!(f, "fmtp:{format} {parameters}"),
            Self::RtcpFb(of, kind) => {
                f.write_str("rtcp-fb:")?;
                payload(f, *of)?;
                write!(f, " {kind}")
            }
            Self::Rtcp(port, None) => write!(f, "rtcp:{port}"),
            Self::Rtcp(port, Some(connection)) => write!(f, "rtcp:{port} {connection}"),
            Self::RtcpMux => f.write_str("rtcp-mux"),
            Self::RtcpMuxOnly => f.write_str("rtcp-mux-only"),
            Self::RtcpRsize => f.write_str("rtcp-rsize"),
            Self::Extmap(map) => map.fmt(f),
            Self::ExtmapAllowMixed => f.write_str("extmap-allow-mixed"),
            Self::Ssrc(ssrc) => ssrc.fmt(f),
            Self::SsrcGroup(semantics, ids) => {
                write!(f, "ssrc-group:{semantics}")?;
                spaced(f, ids)
            }
            Self::Rid(rid) => rid.fmt(f),
            Self::Simulcast(simulcast) => simulcast.fmt(f),
            Self::BundleOnly => f.write_str("bundle-only"),
            Self::IceUfrag(ufrag) => write!(f, "ice-ufrag:{ufrag}"),
            Self::IcePwd(password) => write!(f, "ice-pwd:{password}"),
            Self::IceOptions(options) => {
                f.write_str("ice-options:")?;
                joined(f, options, ' ')
            }
            Self::IceLite => f.write_str("ice-lite"),
            Self::IceMismatch => f.write_str("ice-mismatch"),
            Self::IcePacing(milliseconds) => write!(f, "ice-pacing:{milliseconds}"),
            Self::Candidate(candidate) => candidate.fmt(f),
            Self::EndOfCandidates => f.write_str("end-of-candidates"),
            Self::RemoteCandidates(candidates) => {
                f.write_str("remote-candidates:")?;
                candidates.iter().enumerate().try_for_each(|(index, (component, address, port))| {
                    let separator = if index == 0 { "" } else { " " };
                    write!(f, "{separator}{component} {address} {port}")
                })
            }
            Self::Fingerprint(fingerprint) => write!(f, "fingerprint:{fingerprint}"),
            Self::Setup(setup) => write!(f, "setup:{setup}"),
            Self::TlsId(id) => write!(f, "tls-id:{id}"),
            Self::Identity(identity) => write!(f, "identity:{identity}"),
            Self::SctpPort(port) => write!(f, "sctp-port:{port}"),
            Self::MaxMessageSize(bytes) => write!(f, "max-message-size:{bytes}"),
            Self::SctpMap(port, what, None) => write!(f, "sctpmap:{port} {what}"),
            Self::SctpMap(port, what, Some(streams)) => write!(f, "sctpmap:{port} {what} {streams}"),
            Self::SctpInit(init) => write!(f, "sctp-init:{init}"),
            Self::Direction(direction) => direction.fmt(f),
            Self::Ptime(milliseconds) => write!(f, "ptime:{milliseconds}"),
            Self::MaxPtime(milliseconds) => write!(f, "maxptime:{milliseconds}"),
            Self::ImageAttr(of, sizes) => {
                f.write_str("imageattr:")?;
                payload(f, *of)?;
                write!(f, " {sizes}")
            }
            Self::Cryptex => f.write_str("cryptex"),
            Self::Crypto(number, suite, keys) => write!(f, "crypto:{number} {suite} {keys}"),
            Self::Other(raw) => raw.0.fmt(f),
            Self::Line(line) => write!(f, "{}={}", line.0, line.1),
        }
    }
}

fn joined(f: &mut Formatter<'_>, values: &[impl Display], separator: char) -> fmt::Result {
    values.iter().enumerate().try_for_each(|(index, value)| {
        if index > 0 {
            f.write_char(separator)?;
        }
        value.fmt(f)
    })
}

impl Display for Group {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "group:{}", self.semantics)?;
        spaced(f, &self.mids)
    }
}

impl Display for RtpMap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "rtpmap:{} {}/{}", self.payload_type, self.encoding, self.clock_rate)?;
        self.channels.map_or(Ok(()), |channels| write!(f, "/{channels}"))
    }
}

impl Display for Extmap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "extmap:{}", self.id)?;
        if let Some(direction) = self.direction {
            write!(f, "/{direction}")?;
        }
        write!(f, " {}", self.uri)?;
        self.parameters.as_ref().map_or(Ok(()), |parameters| write!(f, " {parameters}"))
    }
}

impl Display for Ssrc {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ssrc:{} {}", self.id, self.name)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, ":{value}"))
    }
}

impl Display for Rid {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "rid:{} {}", self.id, if self.sends { "send" } else { "recv" })?;
        self.restrictions.as_ref().map_or(Ok(()), |restrictions| write!(f, " {restrictions}"))
    }
}

impl Display for Simulcast {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("simulcast:")?;
        simulcast_list(f, "send ", &self.send)?;
        if !self.send.is_empty() && !self.receive.is_empty() {
            f.write_char(' ')?;
        }
        simulcast_list(f, "recv ", &self.receive)
    }
}

fn simulcast_list(f: &mut Formatter<'_>, way: &str, streams: &[Vec<SimulcastId>]) -> fmt::Result {
    for (index, alternatives) in streams.iter().enumerate() {
        f.write_str(if index == 0 { way } else { ";" })?;
        joined(f, alternatives, ',')?;
    }
    Ok(())
}

impl Display for SimulcastId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.paused { "~" } else { "" }, self.rid)
    }
}

impl Display for Direction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        })
    }
}

impl Display for Setup {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        })
    }
}
