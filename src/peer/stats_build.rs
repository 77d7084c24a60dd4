//! Makes a report of what the layers know.

use core::time::Duration;

use super::connection::PeerConnection;
use super::jsep::NegotiatedCodec;
use super::media::Link;
use super::stats::{InboundRtp, OutboundRtp, Stats};
use super::stats_entries::{
    CandidateEntry, CandidatePairEntry, CertificateEntry, CodecEntry, DataChannelEntry, PeerConnectionEntry,
    TransportEntry,
};
use super::stats_report::{StatsEntry, StatsReport};
use super::stats_rtp::{InboundRtpEntry, OutboundRtpEntry, RemoteInboundRtpEntry, RemoteOutboundRtpEntry};
use crate::codec::MediaKind;
use crate::crypto::srtp_keys::SrtpProfile;
use crate::crypto::{Fingerprint, FingerprintHash};
use crate::data::ChannelId;
use crate::ice;
use crate::sdp::candidate::{Candidate, CandidateKind, TcpType, Transport};
use crate::time::Instant;

/// There is one transport: everything is bundled.
const TRANSPORT: &str = "T";

/// A report in the making.
struct Builder<'a> {
    pc: &'a PeerConnection,
    stats: &'a Stats,
    timestamp: f64,
    entries: Vec<StatsEntry>,
}

impl PeerConnection {
    /// The statistics under the names of the W3C, for pages and tools that know those: `getStats`. [`stats`](Self::stats) knows more.
    pub fn stats_report(&self, now: Instant) -> StatsReport {
        let stats = self.stats(now);
        let timestamp = millis(self.unix_time(stats.at()));
        let mut builder = Builder { pc: self, stats: &stats, timestamp, entries: Vec::new() };
        builder.connection();
        builder.candidates();
        builder.channels();
        builder.outbound();
        builder.inbound();
        StatsReport { entries: builder.entries }
    }
}

impl Builder<'_> {
    fn connection(&mut self) {
        let (pc, stats, timestamp) = (self.pc, self.stats, self.timestamp);
        self.entries.push(StatsEntry::PeerConnection(PeerConnectionEntry {
            id: "P".to_owned(),
            timestamp,
            data_channels_opened: stats.data.opened,
            data_channels_closed: stats.data.closed,
        }));
        let dtls = pc.transport.dtls.as_deref();
        let local = self.certificate(pc.certificate.der());
        let remote = dtls.and_then(|dtls| dtls.peer_certificate()).map(|der| self.certificate(der));
        let selected = stats.ice.selected.and_then(|at| stats.ice.pairs.get(at));
        self.entries.push(StatsEntry::Transport(TransportEntry {
            id: TRANSPORT.to_owned(),
            timestamp,
            packets_sent: stats.datagrams.sent,
            packets_received: stats.datagrams.received,
            bytes_sent: stats.datagrams.sent_bytes,
            bytes_received: stats.datagrams.received_bytes,
            ice_role: pc.transport.ice.role(),
            ice_local_username_fragment: pc.local_username_fragment().to_owned(),
            ice_state: pc.ice_connection_state(),
            dtls_state: pc.dtls_transport_state(),
            dtls_role: dtls.map(crate::dtls::Connection::role),
            selected_candidate_pair_id: selected.map(|pair| self.pair_id(pair)),
            selected_candidate_pair_changes: stats.ice.selected_changes,
            local_certificate_id: Some(local),
            remote_certificate_id: remote,
            srtp_cipher: stats.srtp_profile.map(|profile| profile_name(profile).to_owned()),
        }));
    }

    /// Tells of a certificate; its id.
    fn certificate(&mut self, der: &[u8]) -> String {
        let text = Fingerprint::of(FingerprintHash::Sha256, der).to_string();
        let (algorithm, digits) = text.split_once(' ').unwrap_or_default();
        let id = format!("CF{digits}");
        self.entries.push(StatsEntry::Certificate(CertificateEntry {
            id: id.clone(),
            timestamp: self.timestamp,
            fingerprint: digits.to_owned(),
            fingerprint_algorithm: algorithm.to_owned(),
            base64_certificate: crate::crypto::base64(der),
        }));
        id
    }

    fn candidates(&mut self) {
        let (ice, timestamp) = (&self.stats.ice, self.timestamp);
        let locals = ice.local_candidates.iter().map(|its| self.candidate("L", its));
        let remotes = ice.remote_candidates.iter().map(|its| self.candidate("R", its));
        let mut entries: Vec<_> = locals.map(StatsEntry::LocalCandidate).collect();
        entries.extend(remotes.map(StatsEntry::RemoteCandidate));
        for pair in &ice.pairs {
            let (Some(local), Some(remote)) = (self.local_id(pair), self.remote_id(pair)) else { continue };
            entries.push(StatsEntry::CandidatePair(CandidatePairEntry {
                id: self.pair_id(pair),
                timestamp,
                transport_id: TRANSPORT.to_owned(),
                local_candidate_id: local,
                remote_candidate_id: remote,
                state: pair.state,
                nominated: pair.nominated,
                total_round_trip_time: pair.total_round_trip.as_secs_f64(),
                current_round_trip_time: pair.current_round_trip.map(|time| time.as_secs_f64()),
                requests_received: pair.requests_received,
                requests_sent: pair.requests_sent.saturating_sub(pair.consent_requests_sent),
                responses_received: pair.responses_received,
                responses_sent: pair.responses_sent,
                consent_requests_sent: pair.consent_requests_sent,
            }));
        }
        // An address may be told twice, and is one entry.
        for entry in entries {
            if !self.entries.iter().any(|its| its.id() == entry.id()) {
                self.entries.push(entry);
            }
        }
    }

    fn candidate(&self, side: &str, its: &Candidate) -> CandidateEntry {
        let (protocol, tcp_type) = match its.transport {
            Transport::Udp => ("udp", None),
            Transport::Tcp(TcpType::Active) => ("tcp", Some("active")),
            Transport::Tcp(TcpType::Passive) => ("tcp", Some("passive")),
            Transport::Tcp(TcpType::SimultaneousOpen) => ("tcp", Some("so")),
        };
        CandidateEntry {
            id: candidate_id(side, its),
            timestamp: self.timestamp,
            transport_id: TRANSPORT.to_owned(),
            address: its.address.to_string(),
            port: its.port,
            protocol,
            candidate_type: kind_name(its.kind),
            priority: its.priority,
            foundation: its.foundation.clone(),
            related_address: its.related.map(|(address, _)| address.to_string()),
            related_port: its.related.map(|(_, port)| port),
            username_fragment: its.username_fragment.clone(),
            tcp_type,
        }
    }

    fn local_id(&self, pair: &ice::CandidatePairStats) -> Option<String> {
        Some(candidate_id("L", self.stats.ice.local_candidates.get(pair.local)?))
    }

    fn remote_id(&self, pair: &ice::CandidatePairStats) -> Option<String> {
        Some(candidate_id("R", self.stats.ice.remote_candidates.get(pair.remote)?))
    }

    fn pair_id(&self, pair: &ice::CandidatePairStats) -> String {
        let local = self.local_id(pair).unwrap_or_default();
        format!("CP-{local}-{}", self.remote_id(pair).unwrap_or_default())
    }

    fn channels(&mut self) {
        let entries: Vec<_> = self.pc.channels().ids().filter_map(|id| self.channel(id)).collect();
        self.entries.extend(entries);
    }

    fn channel(&self, id: ChannelId) -> Option<StatsEntry> {
        let channels = self.pc.channels();
        let counted = channels.channel_stats(id)?;
        Some(StatsEntry::DataChannel(DataChannelEntry {
            id: format!("D{}", id.name()),
            timestamp: self.timestamp,
            label: channels.label(id)?.to_owned(),
            protocol: channels.protocol(id)?.to_owned(),
            data_channel_identifier: channels.stream_id(id),
            state: channels.state(id)?,
            messages_sent: counter(counted.messages_sent),
            bytes_sent: counted.bytes_sent,
            messages_received: counter(counted.messages_received),
            bytes_received: counted.bytes_received,
        }))
    }

    /// The `codec` of a section and a payload type, told once; its id.
    fn codec(&mut self, mid: &str, payload_type: Option<u8>, sent: bool) -> Option<String> {
        let payload_type = payload_type?;
        let media = self.pc.transport.media.as_ref()?;
        let link: &Link = media.links.iter().find(|link| link.negotiated.mid.as_str() == mid)?;
        let its = &link.negotiated;
        let list: &[NegotiatedCodec] = if sent { &its.send_codecs } else { &its.receive_codecs };
        let found = list.iter().find(|its| its.payload_type == payload_type)?;
        let kind = its.kind;
        let id = format!("C{}-{mid}-{payload_type}", if sent { 'O' } else { 'I' });
        if self.entries.iter().any(|entry| entry.id() == id) {
            return Some(id);
        }
        let parameters = found.codec.parameters.as_str();
        let entry = CodecEntry {
            id: id.clone(),
            timestamp: self.timestamp,
            payload_type,
            transport_id: TRANSPORT.to_owned(),
            mime_type: format!("{}/{}", kind_word(kind), found.codec.name),
            clock_rate: found.codec.clock_rate,
            channels: (kind == MediaKind::Audio).then_some(found.codec.channels),
            sdp_fmtp_line: (!parameters.is_empty()).then(|| parameters.to_owned()),
        };
        self.entries.push(StatsEntry::Codec(entry));
        Some(id)
    }

    fn outbound(&mut self) {
        for its in &self.stats.outbound_rtp {
            let codec_id = self.codec(&its.mid, its.stats.payload_type, true);
            let remote = its.stats.remote.is_some();
            let entry = outbound(its, self.timestamp, codec_id.clone());
            self.entries.push(StatsEntry::OutboundRtp(entry));
            if remote {
                self.entries.extend(remote_inbound(its, self.timestamp, codec_id));
            }
        }
    }

    fn inbound(&mut self) {
        for its in &self.stats.inbound_rtp {
            let codec_id = self.codec(&its.mid, its.stats.payload_type, false);
            let last = its.stats.last_packet_received.map(|at| {
                let ago = self.stats.at().saturating_duration_since(at);
                self.timestamp - millis(ago)
            });
            let entry = inbound(its, (self.timestamp, last), codec_id.clone());
            self.entries.push(StatsEntry::InboundRtp(entry));
            self.entries.extend(remote_outbound(its, self.timestamp, codec_id));
        }
    }
}

fn outbound(its: &OutboundRtp, timestamp: f64, codec_id: Option<String>) -> OutboundRtpEntry {
    let stats = &its.stats;
    let is_video = its.kind == MediaKind::Video;
    OutboundRtpEntry {
        id: format!("O{}", stats.ssrc),
        timestamp,
        ssrc: stats.ssrc,
        kind: its.kind,
        transport_id: TRANSPORT.to_owned(),
        codec_id,
        mid: its.mid.clone(),
        rid: its.rid.clone(),
        remote_id: stats.remote.as_ref().map(|_| format!("RI{}", stats.ssrc)),
        packets_sent: stats.packets_sent,
        bytes_sent: stats.bytes_sent,
        header_bytes_sent: stats.header_bytes_sent,
        retransmitted_packets_sent: stats.retransmitted_packets_sent,
        retransmitted_bytes_sent: stats.retransmitted_bytes_sent,
        rtx_ssrc: stats.rtx_ssrc,
        total_packet_send_delay: stats.total_packet_send_delay.as_secs_f64(),
        nack_count: counter(stats.nack_count),
        active: stats.active,
        frames_sent: is_video.then_some(stats.frames_sent),
        fir_count: is_video.then(|| counter(stats.fir_count)),
        pli_count: is_video.then(|| counter(stats.pli_count)),
    }
}

fn remote_inbound(its: &OutboundRtp, timestamp: f64, codec_id: Option<String>) -> Option<StatsEntry> {
    let remote = its.stats.remote.as_ref()?;
    Some(StatsEntry::RemoteInboundRtp(RemoteInboundRtpEntry {
        id: format!("RI{}", its.stats.ssrc),
        timestamp,
        ssrc: its.stats.ssrc,
        kind: its.kind,
        transport_id: TRANSPORT.to_owned(),
        codec_id,
        local_id: format!("O{}", its.stats.ssrc),
        packets_lost: i64::from(remote.packets_lost),
        jitter: remote.jitter.as_secs_f64(),
        fraction_lost: f64::from(remote.fraction_lost) / 256.0,
        round_trip_time: remote.round_trip_time.map(|time| time.as_secs_f64()),
        total_round_trip_time: remote.total_round_trip_time.as_secs_f64(),
        round_trip_time_measurements: remote.round_trip_time_measurements,
    }))
}

fn inbound(
    its: &InboundRtp,
    (timestamp, last): (f64, Option<f64>),
    codec_id: Option<String>,
) -> InboundRtpEntry {
    let stats = &its.stats;
    let is_video = its.kind == MediaKind::Video;
    InboundRtpEntry {
        id: format!("I{}", stats.ssrc),
        timestamp,
        ssrc: stats.ssrc,
        kind: its.kind,
        transport_id: TRANSPORT.to_owned(),
        codec_id,
        mid: its.mid.clone(),
        remote_id: stats.remote.as_ref().map(|_| format!("RO{}", stats.ssrc)),
        packets_received: stats.packets_received,
        packets_lost: stats.packets_lost,
        jitter: stats.jitter.as_secs_f64(),
        bytes_received: stats.bytes_received,
        header_bytes_received: stats.header_bytes_received,
        packets_discarded: stats.packets_discarded,
        retransmitted_packets_received: stats.retransmitted_packets_received,
        retransmitted_bytes_received: stats.retransmitted_bytes_received,
        rtx_ssrc: stats.rtx_ssrc,
        last_packet_received_timestamp: last,
        nack_count: counter(stats.nack_count),
        fir_count: is_video.then(|| counter(stats.fir_count)),
        pli_count: is_video.then(|| counter(stats.pli_count)),
        frames_received: is_video.then_some(stats.frames_received),
        frames_dropped: is_video.then_some(stats.frames_dropped),
        frames_assembled_from_multiple_packets: is_video
            .then_some(stats.frames_assembled_from_multiple_packets),
    }
}

fn remote_outbound(its: &InboundRtp, timestamp: f64, codec_id: Option<String>) -> Option<StatsEntry> {
    let remote = its.stats.remote.as_ref()?;
    Some(StatsEntry::RemoteOutboundRtp(RemoteOutboundRtpEntry {
        id: format!("RO{}", its.stats.ssrc),
        timestamp,
        ssrc: its.stats.ssrc,
        kind: its.kind,
        transport_id: TRANSPORT.to_owned(),
        codec_id,
        local_id: format!("I{}", its.stats.ssrc),
        packets_sent: u64::from(remote.packets_sent),
        bytes_sent: u64::from(remote.bytes_sent),
        remote_timestamp: millis(remote.remote_timestamp),
        reports_sent: remote.reports_sent,
        round_trip_time: remote.round_trip_time.map(|time| time.as_secs_f64()),
    }))
}

/// Milliseconds with their fraction: a `DOMHighResTimeStamp`.
fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// An `unsigned long` of the W3C, which stays at its greatest value.
fn counter(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn candidate_id(side: &str, its: &Candidate) -> String {
    let protocol = if its.transport == Transport::Udp { "udp" } else { "tcp" };
    format!("{side}-{}-{protocol}-{}-{}-{}", kind_name(its.kind), its.address, its.port, its.foundation)
}

const fn kind_name(kind: CandidateKind) -> &'static str {
    match kind {
        CandidateKind::Host => "host",
        CandidateKind::ServerReflexive => "srflx",
        CandidateKind::PeerReflexive => "prflx",
        CandidateKind::Relayed => "relay",
    }
}

const fn kind_word(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

const fn profile_name(profile: SrtpProfile) -> &'static str {
    match profile {
        SrtpProfile::Aes128CmSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
        SrtpProfile::Aes128CmSha1_32 => "SRTP_AES128_CM_HMAC_SHA1_32",
        SrtpProfile::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
        SrtpProfile::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
    }
}
