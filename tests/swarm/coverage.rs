//! What has been visited: each machine's state against what happened in it.

use antiphon::peer::TransceiverId;
use antiphon::{Event, PeerConnection};
use core::fmt::Write as _;
use std::collections::BTreeMap;

use super::tape::way;

/// How often each event met each state, by machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    counts: BTreeMap<(&'static str, String, &'static str), u64>,
}

const fn name(event: &Event) -> &'static str {
    match event {
        Event::NegotiationNeeded => "negotiation needed",
        Event::SignalingStateChange(_) => "signalling state",
        Event::IceCandidate(_) => "candidate",
        Event::IceGatheringStateChange(_) => "gathering state",
        Event::IceConnectionStateChange(_) => "ICE state",
        Event::ConnectionStateChange(_) => "connection state",
        Event::DataChannel(_) => "channel",
        Event::DataChannelOpen(_) => "open",
        Event::DataChannelReadable(_) => "readable",
        Event::DataChannelBufferedAmountLow(_) => "buffered amount low",
        Event::DataChannelClosing(_) => "closing",
        Event::DataChannelClose(_) => "close",
        Event::DataChannelError(..) => "error",
        Event::SctpFailed(_) => "association failed",
        Event::PeerClosed => "peer closed",
        Event::Track(_) => "track",
        Event::TrackStreams(_) => "track streams",
        Event::TrackMuted(_) => "track muted",
        Event::TrackEnded(_) => "track ended",
        Event::MediaReadable(_) => "media readable",
        Event::KeyframeRequested(..) => "key frame requested",
        Event::TargetBitrate(_) => "target bitrate",
        _ => "another",
    }
}

/// The transceiver that an event is about.
const fn transceiver_of(event: &Event) -> Option<TransceiverId> {
    match event {
        Event::Track(id)
        | Event::TrackStreams(id)
        | Event::TrackMuted(id)
        | Event::TrackEnded(id)
        | Event::MediaReadable(id)
        | Event::KeyframeRequested(id, ..) => Some(*id),
        _ => None,
    }
}

/// The channel that an event is about.
const fn channel_of(event: &Event) -> Option<antiphon::DataChannelId> {
    match event {
        Event::DataChannel(id)
        | Event::DataChannelOpen(id)
        | Event::DataChannelReadable(id)
        | Event::DataChannelBufferedAmountLow(id)
        | Event::DataChannelClosing(id)
        | Event::DataChannelClose(id)
        | Event::DataChannelError(id, _) => Some(*id),
        _ => None,
    }
}

impl Coverage {
    fn count(&mut self, machine: &'static str, state: impl core::fmt::Debug, event: &'static str) {
        let state = format!("{state:?}").trim_matches('"').to_owned();
        *self.counts.entry((machine, state, event)).or_default() += 1;
    }

    /// An application is told something.
    pub(crate) fn event(&mut self, pc: &mut PeerConnection, event: &Event) {
        if let Some(id) = transceiver_of(event) {
            let direction = pc.transceiver(id).and_then(|transceiver| transceiver.current_direction());
            self.count("transceiver", way(direction), name(event));
        }
        if let Some(id) = channel_of(event) {
            let state = pc.data_channel(id).map(|channel| channel.ready_state());
            self.count("channel", state, name(event));
        }
        let event = name(event);
        self.count("peer", pc.connection_state(), event);
        self.count("signalling", pc.signaling_state(), event);
        self.count("sctp", pc.inside().data.association().state(), event);
    }

    /// A datagram arrives.
    pub(crate) fn datagram(&mut self, pc: &PeerConnection, class: &'static str) {
        self.count("ice", pc.ice_connection_state(), class);
        let dtls = pc.inside().dtls.map_or_else(
            || "none".to_owned(),
            |dtls| {
                format!("{:?}, {}", dtls.role(), if dtls.is_connected() { "connected" } else { "handshake" })
            },
        );
        if class == "application data" {
            self.count("sctp", pc.inside().data.association().state(), "packet");
        }
        self.count("dtls", dtls, class);
        if class.starts_with("RT") {
            // A key is as long as its association lives.
            let keys = pc.inside().dtls.and_then(antiphon::dtls::Connection::srtp_profile);
            let agreed = if pc.transceivers().is_empty() { "no section" } else { "sections" };
            self.count("rtp", format!("{agreed}, {}", keys.map_or("no keys", |_| "keys")), class);
        }
    }

    /// Adds another run's.
    pub(crate) fn add(&mut self, other: &Self) {
        for (key, count) in &other.counts {
            *self.counts.entry(key.clone()).or_default() += count;
        }
    }

    /// Distinct pairs of state and event.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The table of one machine after the other, in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let mut machines: Vec<&str> = self.counts.keys().map(|(machine, ..)| *machine).collect();
        machines.dedup();
        for machine in machines {
            let of = || self.counts.iter().filter(move |((m, ..), _)| *m == machine);
            let mut events: Vec<&str> = of().map(|((.., event), _)| *event).collect();
            events.sort_unstable();
            events.dedup();
            let mut states: Vec<&String> = of().map(|((_, state, _), _)| state).collect();
            states.dedup();
            write!(text, "\n| {machine} | {} |\n|---|{}\n", events.join(" | "), "---|".repeat(events.len()))
                .unwrap();
            for state in states {
                let cell = |event: &&str| {
                    let count = self.counts.get(&(machine, state.clone(), *event));
                    count.map_or_else(|| "-".to_owned(), ToString::to_string)
                };
                let cells: Vec<String> = events.iter().map(cell).collect();
                writeln!(text, "| {} | {} |", state, cells.join(" | ")).unwrap();
            }
        }
        text
    }
}
