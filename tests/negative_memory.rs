//! What floods cost in memory: the numbered attacks that could make a table or a queue grow, under a counting allocator.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "ice_scenarios/world.rs"]
#[expect(dead_code, reason = "each test uses its part")]
mod world;

mod data_support;
#[expect(dead_code, reason = "each test uses its part")]
mod dtls_support;
mod steady_support;

use std::alloc::System;

use antiphon::base::limits;
use antiphon::codec::{CodecKind, MediaKind};
use antiphon::dtls::Role;
use antiphon::rtp::{Config, Delivery, Input, Payload, ReceiverConfig, ReceiverId, Session};
use antiphon::stun::{Builder, Class, Method, TransactionId};
use antiphon::wire::dtls::handshake::HandshakeType;
use antiphon::wire::dtls::record::{ContentType, Records};
use antiphon::{Instant, Output, Rng, Seed, SessionDescription};
use bytes::Bytes;
use core::time::Duration;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::dtls_support::{CLIENT, Pair, SERVER, connection, record, tamper};
use crate::world::{Forged, World, addr, at, host, ms};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes of heap that `work` leaves behind.
fn left_by(work: impl FnOnce()) -> usize {
    let region = Region::new(GLOBAL);
    work();
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

fn n01_n13_strangers(world: &mut World) {
    let mut forged = Forged::check(&world.agents[0]);
    forged.pwd = Some("another password of some length".into());
    let mut buf = [0; 100];
    let indication =
        Builder::new(&mut buf, Class::Indication, Method::BINDING, TransactionId([1; 12])).unwrap();
    let len = indication.finish();
    let left = left_by(|| {
        for port in 1000..6000 {
            let source = addr(&format!("10.77.0.1:{port}"));
            forged.id[..2].copy_from_slice(&u16::to_be_bytes(port));
            world.inject(0, host(0, 0), source, &forged.bytes());
            world.inject(0, host(0, 0), source, &buf[..len]);
            while !matches!(world.agents[0].poll_output(world.now, &mut [0; 1200]), Output::Wait(_)) {}
        }
    });
    assert_eq!(world.agents[0].counters().request_bad_integrity, 5000);
    assert_eq!(world.agents[0].counters().indications, 5000);
    assert!(left < 1200, "n01, n13: {left} bytes left by ten thousand datagrams of strangers");
}

fn n05_forged_addresses(world: &mut World) {
    let mut forged = Forged::check(&world.agents[0]);
    let flood = |world: &mut World, forged: &mut Forged, from: u32| {
        for n in from..from + 5000 {
            forged.id[..4].copy_from_slice(&n.to_be_bytes());
            forged.priority = Some(n);
            let source = format!("10.{}.{}.7:{}", 100 + n / 2500, n % 250, 1000 + n / 10);
            world.inject(0, host(0, 0), addr(&source), &forged.bytes());
            if n % 32 == 0 {
                world.now += ms(20);
                while !matches!(world.agents[0].poll_output(world.now, &mut [0; 1200]), Output::Wait(_)) {}
            }
        }
    };
    // The first of them take the places there are.
    let taken = left_by(|| flood(world, &mut forged, 0));
    assert!(taken < 64 * 1024, "n05: {taken} bytes for the places there are");
    let more = left_by(|| flood(world, &mut forged, 5000));
    assert!(more < 4 * 1024, "n05: {more} bytes more for five thousand more");
}

fn n21_fragments() {
    let mut server = connection(1, Role::Server, |_| {});
    let mut give = |total: u32, sequence: u16, offset: u32, len: u32| {
        let mut content = vec![1];
        content.extend_from_slice(&u32::to_be_bytes(total)[1..]);
        content.extend_from_slice(&u16::to_be_bytes(sequence));
        content.extend_from_slice(&u32::to_be_bytes(offset)[1..]);
        content.extend_from_slice(&u32::to_be_bytes(len)[1..]);
        content.resize(content.len() + len as usize, 7);
        server.handle_input(at(0), &record(ContentType::Handshake, (0, 0), &content));
    };
    let left = left_by(|| {
        for n in 0..20_000_u32 {
            let sequence = u16::try_from(n % 20).unwrap();
            // Claims of everything up to 16 MiB; one byte of each is there.
            give((n * 811) & 0x00ff_ffff, sequence, n % 5000, 1);
        }
    });
    assert!(left <= 128 * 1024, "n21: {left} bytes for fragments");
}

fn n22_early_records() {
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    let left = left_by(|| {
        for n in 0..20_000_u64 {
            let early = record(ContentType::ApplicationData, (1, n), &[0; 1200]);
            pair.ends[SERVER].handle_input(at(0), &early);
        }
    });
    assert!(left <= 24 * 1024, "n22: {left} bytes for records whose keys are not there");
    assert!(pair.ends[SERVER].stats().overflow > 19_000);
}

/// A client with keys and without a proof of its certificate.
fn n22_data_before_the_proof() {
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    pair.draw(SERVER);
    pair.deliver(CLIENT);
    pair.draw(CLIENT);
    let flight = pair.wire[SERVER].pop_front().unwrap();
    let unproved = tamper(&flight, |kind, _| kind != HandshakeType::CERTIFICATE_VERIFY);
    let clear = Records::new(&unproved).filter(|record| record.epoch == 0);
    let clear: Vec<u8> = clear.flat_map(|record| record.whole.to_vec()).collect();
    pair.ends[SERVER].handle_input(at(0), &clear);
    let left = left_by(|| {
        for _ in 0..5000 {
            let mut buf = [0; 1200];
            let len = pair.ends[CLIENT].forge(ContentType::ApplicationData, &[1; 1100], &mut buf).unwrap();
            pair.ends[SERVER].handle_input(at(0), &buf[..len]);
        }
    });
    assert!(left <= 33 * 1200 + 2 * 64 * 1024, "n22: {left} bytes of data of a client that proved nothing");
    assert_eq!((pair.ends[SERVER].recv(), pair.ends[SERVER].stats().records_received), (None, 32));
    assert_eq!(pair.ends[SERVER].stats().overflow, 4968);
}

fn n24_data_before_the_fingerprint() {
    let (client, server) = (connection(0, Role::Client, |_| {}), connection(1, Role::Server, |_| {}));
    let mut pair = Pair::of(client, server);
    pair.ends[CLIENT].set_remote_fingerprints(vec![dtls_support::fingerprint(1)]);
    pair.run();
    let left = left_by(|| {
        for _ in 0..5000 {
            pair.send(CLIENT, &[1; 1100]);
        }
    });
    assert!(left <= 33 * 1200 + 2 * 64 * 1024, "n24: {left} bytes of data that may not be delivered yet");
    assert_eq!(pair.ends[SERVER].recv(), None);
    assert!(pair.ends[SERVER].stats().overflow > 4900);
}

fn n33_long_claims() {
    let left = left_by(|| {
        for kind in [HandshakeType::CLIENT_HELLO, HandshakeType::CERTIFICATE] {
            let mut server = connection(1, Role::Server, |_| {});
            let mut content = vec![kind.0, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 4, 0];
            content.resize(12 + 1024, 0xff);
            server.handle_input(at(0), &record(ContentType::Handshake, (0, 0), &content));
            assert_eq!(server.stats().refused_fragments, 1);
        }
    });
    assert_eq!(left, 0, "n33: a message that claims to be 16 MiB long leaves nothing");
}

/// Channels with the longest labels there can be, as many as there may be (RFC 8832 §7); what a channel that is refused leaves is little.
fn n54_labels() {
    use antiphon::sctp::{Message, SendOptions};
    use antiphon::wire::dcep::{Open, ppid};

    let long = "x".repeat(65_535);
    let open = |wire: &mut data_support::Wire<_, antiphon::sctp::Association>,
                streams: core::ops::Range<u16>,
                text: &str| {
        let open = Open { label: text, protocol: text, ..Open::default() }.to_vec();
        for stream in streams {
            let message = Message { stream: 2 * stream + 1, ppid: ppid::DCEP, data: open.clone().into() };
            wire.b.send(wire.now, &message, SendOptions::default()).unwrap();
            wire.run(ms(200));
        }
        wire.run(ms(5000));
        (wire.a_events, wire.b_events) = (Vec::new(), Vec::new());
    };
    let mut wire = data_support::against_association();
    let taken = left_by(|| open(&mut wire, 0..8, &long));
    assert_eq!(wire.a.ids().count(), 8);
    assert!(taken < (1 << 20) + 64 * 1024, "n54: {taken} bytes for the labels there may be");
    let more = left_by(|| open(&mut wire, 8..40, &long));
    assert_eq!((wire.a.ids().count(), wire.a.stats().drops.labels_too_long), (8, 32));
    assert!(more < 64 * 1024, "n54: {more} bytes more for thirty-two that are refused");
    // Short ones, of another peer: as many as there may be, and then none.
    let mut wire = data_support::against_association();
    let taken = left_by(|| open(&mut wire, 0..1024, "x"));
    assert_eq!(wire.a.ids().count(), 1024);
    assert!(taken < 1024 * 2048, "n54: {taken} bytes for a thousand channels");
    let more = left_by(|| open(&mut wire, 1024..3000, "x"));
    assert_eq!((wire.a.ids().count(), wire.a.stats().drops.too_many_channels), (1024, 1976));
    assert!(
        more < 1976 * 1024,
        "n54: {more} bytes more, at both ends, for two thousand streams that were never used"
    );
    let more = left_by(|| open(&mut wire, 1024..3000, "x"));
    assert!(more < 64 * 1024, "n54: {more} bytes more for the same again");
}

/// Descriptions far beyond every limit: refused before they cost what they promise.
fn n57_descriptions() {
    let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let section = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
    let candidate = "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n";
    for (what, text) in [
        ("ten megabytes", format!("{head}{}", "a=x:0123456789012345678901234567\r\n".repeat(300_000))),
        ("one line of ten megabytes", format!("{head}a={}\r\n", "x".repeat(10_000_000))),
        ("ten thousand sections", format!("{head}{}", section.repeat(10_000))),
        ("a hundred thousand candidates", format!("{head}{section}{}", candidate.repeat(100_000))),
        ("a hundred thousand lines", format!("{head}{}", "a=\r\n".repeat(100_000))),
    ] {
        let region = Region::new(GLOBAL);
        assert!(SessionDescription::offer(&text).is_err(), "{what}");
        let change = region.change();
        // All that was allocated on the way, had it been held at once.
        let spent = change.bytes_allocated;
        assert!(spent < 4 << 20, "n57: {what} cost {spent} bytes on the way");
        assert_eq!(change.bytes_allocated, change.bytes_deallocated, "n57: {what} leaves nothing");
    }
    // What is within the limits is in proportion to its text.
    let text = format!("{head}{section}{}", candidate.repeat(1000));
    let mut kept = None;
    let left = left_by(|| kept = SessionDescription::offer(&text).ok());
    assert!(kept.is_some());
    assert!((1..20 * text.len()).contains(&left), "n57: {} bytes of text hold {left}", text.len());
}

/// Descriptions of the greatest length whose lists have as many entries as fit: they hold little, taken or refused.
fn n57_lists() {
    let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    for (line, entry) in [
        ("a=group:LS", " m"),
        ("a=msid-semantic:WMS", " s"),
        ("a=ssrc-group:SIM", " 1"),
        ("a=ice-options:x", " x"),
        ("a=remote-candidates:1 a 1", " 1 a 1"),
        ("a=simulcast:send a", ";a"),
        ("a=simulcast:send a", ",a"),
        ("a=candidate:1 1 udp 1 192.0.2.1 5000 typ host", " a b"),
        ("a=candidate:1 1 udp 1 192.0.2.1 5000 typ host", " a"),
        ("m=audio 9 x 0", " 0"),
    ] {
        let most = (16 * 1024 - line.len()) / entry.len();
        for entries in [most, 1024, 250, 16, 1] {
            for bytes in [1 << 20, 512 << 10, 64 << 10] {
                let line = format!("{line}{}\r\n", entry.repeat(entries.min(most)));
                let lines = (bytes - head.len()) / line.len();
                let text = format!("{head}{}", line.repeat(lines.min(1000)));
                let region = Region::new(GLOBAL);
                let taken = SessionDescription::offer(&text);
                let change = region.change();
                let (on_the_way, left) =
                    (change.bytes_allocated, change.bytes_allocated.saturating_sub(change.bytes_deallocated));
                let what = format!("n57: {lines} of {} with {entries}", line.split_at(12).0);
                assert!(on_the_way < 12 << 20, "{what} cost {on_the_way} bytes on the way");
                assert!(left < 4 << 20, "{what} hold {left} bytes");
                assert!(taken.is_ok() || left == 0, "{what}: {left} bytes of what was refused");
            }
        }
    }
}

/// What peers with keys send: sources with gaps, frames that do not end, and more than anybody reads.
struct Media {
    session: Session,
    receivers: Vec<ReceiverId>,
    now: Instant,
}

impl Media {
    /// A session with that many receivers of VP8, told apart by payload types from 96 on.
    fn new(receivers: u8, delivery: Delivery) -> Self {
        let rng = Rng::new(&Seed::from_bytes([1; 32]));
        let unix_time = Duration::from_secs(1_790_000_000);
        let mut session = Session::new(at(0), unix_time, rng, Config::new("someone")).unwrap();
        let add = |n| {
            let payloads = vec![Payload::codec(96 + n, CodecKind::Vp8)];
            let config = ReceiverConfig { payloads, delivery, ..ReceiverConfig::new(MediaKind::Video) };
            session.add_receiver(config).unwrap()
        };
        let receivers = (0..receivers).map(add).collect();
        Self { session, receivers, now: at(0) }
    }

    /// Gives it a packet of VP8: `first` is the first byte of the descriptor, 0x10 where a frame begins; a zero behind it is a key frame.
    fn give(&mut self, (receiver, ssrc): (u8, u32), sequence: u16, marker: bool, payload: (u8, usize)) {
        let mut bytes = vec![0x80, (u8::from(marker) << 7) | (96 + receiver)];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(ssrc.to_be_bytes());
        bytes.extend(ssrc.to_be_bytes());
        bytes.push(payload.0);
        bytes.resize(bytes.len() + payload.1, 0);
        self.session.handle_input(self.now, Input::Rtp(Bytes::from(bytes)));
        while let Output::Event(_) = self.session.poll_output(self.now, &mut []) {}
    }
}

/// The most that was held while a flood of media came.
fn most_during(work: impl FnOnce(&mut dyn FnMut())) -> usize {
    let region = Region::new(GLOBAL);
    let mut most = 0;
    work(&mut || {
        let change = region.change();
        most = most.max(change.bytes_allocated.saturating_sub(change.bytes_deallocated));
    });
    most
}

/// Two packets of each of many sources, as far apart as what is between them is waited for.
fn n37_sources_with_gaps() {
    let mut media = Media::new(1, Delivery::Frames);
    let most = most_during(|look| {
        for ssrc in 0..4096 {
            for sequence in [1, 2049] {
                media.give((0, ssrc), sequence, false, (0, 20));
            }
            look();
        }
    });
    assert_eq!(media.session.stats().rtp_no_room, 0);
    assert!(most < 10 << 20, "n37: {most} bytes for 8192 packets of 33");
}

/// Frames of which the end never comes, of many sources: small ones, which have a block each, and long ones.
fn n37_frames_without_end() {
    for (sources, packets, len) in [(4000, 1, 20), (40, 800, 8000)] {
        let mut media = Media::new(1, Delivery::Frames);
        let most = most_during(|look| {
            for sequence in 0..packets {
                for ssrc in 0..sources {
                    media.give((0, ssrc), sequence, false, (if sequence == 0 { 0x10 } else { 0 }, len));
                }
                look();
            }
        });
        assert!(most < limits::RTP_SESSION_BYTES + (8 << 20), "n37: {most} bytes for {sources} frames");
        assert!(media.session.stats().memory_exceeded > 0);
        // A source that holds less than others goes on beside them.
        for sequence in 0..10 {
            media.give((0, 5000), sequence, true, (0x10, 500));
        }
        let read = core::iter::from_fn(|| media.session.recv(media.receivers[0])).count();
        assert_eq!(read, 10, "n37: frames that end are read beside {sources} others");
    }
}

/// More than is read, in many sections: the oldest goes of the section that has most.
fn n37_media_that_nobody_reads() {
    for delivery in [Delivery::Frames, Delivery::Packets] {
        let mut media = Media::new(24, delivery);
        media.give((23, 23), 1, true, (0x10, 500));
        let most = most_during(|look| {
            for sequence in 0..2000 {
                for receiver in 0..20 {
                    media.give((receiver, u32::from(receiver)), sequence, true, (0x10, 16_000));
                }
                look();
            }
        });
        let bound = limits::RTP_SESSION_BYTES + (4 << 20);
        assert!(most < bound, "n37: {most} bytes of media that nobody reads");
        let id = media.receivers[23];
        let read = media.session.recv(id).is_some() || media.session.recv_rtp(id).is_some();
        assert!(read, "what the others do not read takes nothing from who reads");
    }
}

// One test: the allocator counts what every thread does.
#[test]
fn floods_leave_bounded_memory() {
    steady_support::alone(GLOBAL);
    let mut world = World::full(1);
    world.describe();
    world.run_until(at(1000));
    n01_n13_strangers(&mut world);
    n05_forged_addresses(&mut world);
    n21_fragments();
    n22_early_records();
    n22_data_before_the_proof();
    n24_data_before_the_fingerprint();
    n33_long_claims();
    n54_labels();
    n57_descriptions();
    n57_lists();
    n37_sources_with_gaps();
    n37_frames_without_end();
    n37_media_that_nobody_reads();
}
