//! What happened, line by line, for people; and every datagram as `text2pcap` reads it.

use core::fmt::{self, Write as _};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::network::HostId;
use super::wire::DropReason;
use crate::base::limits;
use crate::net::Path;
use crate::stun::{Class, Message};
use crate::time::Instant;

/// Something that happened on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A datagram left a socket.
    Sent {
        /// As its sender sees it.
        path: Path,
        /// Its payload.
        data: Vec<u8>,
    },
    /// A datagram was given to a machine.
    Arrived {
        /// As its receiver sees it.
        path: Path,
        /// Its payload.
        data: Vec<u8>,
    },
    /// A datagram went no further.
    Dropped {
        /// As its sender sees it, if it has one.
        path: Option<Path>,
        /// Why.
        why: DropReason,
    },
    /// A message left over the signalling channel.
    Signalled {
        /// Who sent it.
        from: HostId,
        /// To whom.
        to: HostId,
        /// How long it is.
        bytes: usize,
    },
    /// A [`Fault`](super::Fault) took effect.
    Fault(String),
    /// What [`Network::note`](super::Network::note) was given.
    Note(String),
}

impl What {
    /// What a datagram that was sent or arrived is called, as far as it can be told from outside: `STUN request`, `RTP`, ..
    pub fn datagram(&self) -> Option<&'static str> {
        match self {
            Self::Sent { data, .. } | Self::Arrived { data, .. } => Some(name_of(data)),
            Self::Dropped { .. } | Self::Signalled { .. } | Self::Fault(_) | Self::Note(_) => None,
        }
    }
}

/// A [`What`] and when it was, on the network's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.at.as_nanos();
        write!(f, "{:>6}.{:06} ", nanos / 1_000_000_000, nanos / 1000 % 1_000_000)?;
        match &self.what {
            What::Sent { path, data } => {
                write!(f, "{} > {}  {} ({})", path.local, path.remote, name_of(data), data.len())
            }
            What::Arrived { path, data } => {
                write!(f, "{} < {}  {} ({})", path.local, path.remote, name_of(data), data.len())
            }
            What::Dropped { path: Some(path), why } => {
                write!(f, "{} x {}  {why:?}", path.local, path.remote)
            }
            What::Dropped { path: None, why } => write!(f, "x {why:?}"),
            What::Signalled { from, to, bytes } => write!(f, "{from} ~ {to}  signalling ({bytes})"),
            What::Fault(text) => write!(f, "! {text}"),
            What::Note(text) => write!(f, "- {text}"),
        }
    }
}

/// What a datagram is called, as far as it can be told from outside.
fn name_of(data: &[u8]) -> &'static str {
    match data {
        [0..=3, ..] => stun_name(data),
        [20, ..] => "DTLS ChangeCipherSpec",
        [21, ..] => "DTLS alert",
        [22, _, _, 0, 0, _, _, _, _, _, _, _, _, kind, ..] => match kind {
            1 => "DTLS ClientHello",
            2 => "DTLS ServerHello",
            3 => "DTLS HelloVerifyRequest",
            11 => "DTLS Certificate",
            12 => "DTLS ServerKeyExchange",
            13 => "DTLS CertificateRequest",
            14 => "DTLS ServerHelloDone",
            15 => "DTLS CertificateVerify",
            16 => "DTLS ClientKeyExchange",
            _ => "DTLS handshake",
        },
        [22, ..] => "DTLS handshake, sealed",
        [23, ..] => "DTLS application data",
        [25..=63, ..] => "DTLS record",
        [128..=191, kind, ..] if (192..=223).contains(kind) => "RTCP",
        [128..=191, ..] => "RTP",
        _ => "unknown",
    }
}

fn stun_name(data: &[u8]) -> &'static str {
    let Ok(message) = Message::parse(data) else { return "STUN, broken" };
    match message.class() {
        Class::Request if message.use_candidate() => "STUN request, nominating",
        Class::Request => "STUN request",
        Class::Success => "STUN success",
        Class::Error => "STUN error",
        Class::Indication => "STUN indication",
    }
}

/// The lines of a network.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    lines: VecDeque<Line>,
}

impl Log {
    pub(super) fn push(&mut self, at: Instant, what: What) {
        if self.lines.len() >= limits::SIM_LOG_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { at, what });
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// What was sent, as a hex dump of IP packets: `text2pcap -l 101 -t '%s.%f' dump out.pcap`.
    pub(super) fn pcap_text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let What::Sent { path, data } = &line.what else { continue };
            let nanos = line.at.as_nanos();
            let packet = ip_packet(path.local, path.remote, data);
            // Writing to a string cannot fail.
            writeln!(text, "{}.{:06}", nanos / 1_000_000_000, nanos / 1000 % 1_000_000).unwrap_or_default();
            for (index, row) in packet.chunks(16).enumerate() {
                write!(text, "{:06x}", index * 16).unwrap_or_default();
                for byte in row {
                    write!(text, " {byte:02x}").unwrap_or_default();
                }
                text.push('\n');
            }
        }
        text
    }
}

/// A datagram with its headers.
fn ip_packet(from: SocketAddr, to: SocketAddr, data: &[u8]) -> Vec<u8> {
    let udp_len = u16::try_from(data.len() + 8).unwrap_or(u16::MAX);
    let mut packet = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = udp_len.saturating_add(20).to_be_bytes();
            let mut header = vec![0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 17, 0, 0];
            header.extend(from.octets());
            header.extend(to.octets());
            let sum = checksum(&header).to_be_bytes();
            header[10] = sum[0];
            header[11] = sum[1];
            header
        }
        (from, to) => {
            let six = |ip: IpAddr| match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(udp_len.to_be_bytes());
            header.extend([17, 64]);
            header.extend(six(from));
            header.extend(six(to));
            header
        }
    };
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(udp_len.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(data);
    packet
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes.as_chunks::<2>().0.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_checks_to_zero() {
        let packet = ip_packet("10.0.0.1:5000".parse().unwrap(), "192.0.2.7:3478".parse().unwrap(), b"hello");
        assert_eq!(packet.len(), 20 + 8 + 5);
        assert_eq!(checksum(&packet[..20]), 0);
        assert_eq!(&packet[20..26], [0x13, 0x88, 0x0d, 0x96, 0, 13]);
    }

    #[test]
    fn datagrams_are_named_by_their_first_bytes() {
        let hello = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1];
        assert_eq!(name_of(&hello), "DTLS ClientHello");
        assert_eq!(name_of(&[23, 254, 253, 0, 1]), "DTLS application data");
        assert_eq!(name_of(&[128, 200, 0, 0]), "RTCP");
        assert_eq!(name_of(&[]), "unknown");
        assert_eq!(name_of(&[0, 1]), "STUN, broken");
    }
}
