//! What is sent, in which codec and which encodings, and what is told of its sources.

use std::collections::BTreeMap;

use antiphon::codec::MediaKind;
use antiphon::codec::telephone_event::{Packets, Progress, Tracker, event_of, reports};
use antiphon::peer::{
    Encoding, MediaCapabilities, StatsEntry, TransceiverError, TransceiverId, TransceiverInit, WriteError,
};
use antiphon::rtp::{Delivery, Frame};
use antiphon::sdp::Direction;
use antiphon::wire::rtp::AudioLevel;
use antiphon::{DataChannelInit, Event, PeerConnection};

use crate::pair::{Pair, ms, secs};
use crate::{add, codec, connection, exchange};

/// A frame that begins a stream, in the form its codec's module says.
fn sample(name: &str, salt: u8) -> Vec<u8> {
    let body = [salt | 0x80; 60];
    let head: &[u8] = match name {
        "VP8" => &[0x10, 0, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xf0, 0],
        "VP9" => &[0x82, 0x49, 0x83, 0x42, 0, 0x77, 0xf0, 0x32, 0x34],
        "H264" => &[0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0, 0, 0, 1, 0x65, 0x88],
        // A temporal unit: its delimiter, and a frame of 62 bytes.
        "AV1" => &[0x12, 0, 0x32, 62, 0x10, 0],
        _ => &[],
    };
    [head, &body].concat()
}

/// End 0 sends with these encodings; the ids at both ends.
fn call(pair: &mut Pair, kind: MediaKind, send_encodings: Vec<Encoding>) -> [TransceiverId; 2] {
    let init =
        TransceiverInit { direction: Direction::SendOnly, send_encodings, ..TransceiverInit::default() };
    let ours = pair.ends[0].pc.add_transceiver(kind, init).unwrap();
    pair.negotiate();
    assert!(pair.run_until(secs(5), Pair::is_connected));
    let theirs = pair.ends[1].events.iter().find_map(|(_, event)| match event {
        Event::Track(id) => Some(*id),
        _ => None,
    });
    [ours, theirs.unwrap()]
}

fn write(
    pair: &mut Pair,
    id: TransceiverId,
    rid: Option<&str>,
    data: Vec<u8>,
    timestamp: u32,
) -> Result<(), WriteError> {
    let now = pair.now;
    let written = pair.ends[0].pc.sender(id).unwrap().write_layer(now, rid, &Frame::new(data, timestamp));
    pair.drain(0);
    pair.run_for(ms(60));
    written
}

/// The codec that the report names for each encoding that is sent, by its rid.
fn codecs_sent(pair: &Pair) -> BTreeMap<String, String> {
    let report = pair.ends[0].pc.stats_report(pair.now);
    let sent = report.entries.iter().filter_map(|entry| match entry {
        StatsEntry::OutboundRtp(its) => Some((its.rid.clone().unwrap_or_default(), its.codec_id.clone()?)),
        _ => None,
    });
    let named = sent.map(|(rid, id)| match report.get(&id) {
        Some(StatsEntry::Codec(codec)) => (rid, codec.mime_type.clone()),
        other => panic!("{other:?}"),
    });
    named.collect()
}

fn only(mime_type: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(String::new(), mime_type.to_owned())])
}

#[test]
fn what_is_sent_is_of_the_codec_that_was_chosen() {
    let cases = [(MediaKind::Audio, ["PCMU", "opus"], "audio"), (MediaKind::Video, ["VP9", "VP8"], "video")];
    for (kind, [chosen, other], family) in cases {
        let mut pair = Pair::default_pair();
        let encoding = Encoding { codec: Some(codec(kind, chosen)), ..Encoding::default() };
        let [ours, _] = call(&mut pair, kind, vec![encoding]);
        write(&mut pair, ours, None, sample(chosen, 1), 0).unwrap();
        assert_eq!(codecs_sent(&pair), only(&format!("{family}/{chosen}")));
        // Another one from now on, without an offer.
        let mut encodings = pair.ends[0].pc.sender(ours).unwrap().encodings();
        encodings[0].codec = Some(codec(kind, other));
        pair.ends[0].pc.sender(ours).unwrap().set_encodings(&encodings).unwrap();
        write(&mut pair, ours, None, sample(other, 2), 9000).unwrap();
        assert_eq!(codecs_sent(&pair), only(&format!("{family}/{other}")));
        // None: the first that was agreed.
        encodings[0].codec = None;
        pair.ends[0].pc.sender(ours).unwrap().set_encodings(&encodings).unwrap();
        let first = pair.ends[0].pc.sender(ours).unwrap().codecs()[0].codec.name.to_string();
        write(&mut pair, ours, None, sample(&first, 3), 18_000).unwrap();
        assert_eq!(codecs_sent(&pair), only(&format!("{family}/{first}")));
        assert!(
            !pair.ends[0].saw(&Event::NegotiationNeeded)
                || pair.ends[0].count(|e| *e == Event::NegotiationNeeded) == 1
        );
    }
}

#[test]
fn layers_of_simulcast_may_be_of_different_codecs() {
    let mut pair = Pair::default_pair();
    let layer =
        |rid, name| Encoding { codec: Some(codec(MediaKind::Video, name)), ..Encoding::named(rid).unwrap() };
    let [ours, _] = call(&mut pair, MediaKind::Video, vec![layer("q", "VP8"), layer("f", "VP9")]);
    for (rid, name) in [("q", "VP8"), ("f", "VP9")] {
        write(&mut pair, ours, Some(rid), sample(name, 1), 0).unwrap();
    }
    let mixed =
        BTreeMap::from([("q".to_owned(), "video/VP8".to_owned()), ("f".to_owned(), "video/VP9".to_owned())]);
    assert_eq!(codecs_sent(&pair), mixed);
    let mut encodings = pair.ends[0].pc.sender(ours).unwrap().encodings();
    encodings[0].codec = Some(codec(MediaKind::Video, "VP9"));
    pair.ends[0].pc.sender(ours).unwrap().set_encodings(&encodings).unwrap();
    write(&mut pair, ours, Some("q"), sample("VP9", 2), 9000).unwrap();
    assert!(codecs_sent(&pair).values().all(|name| name == "video/VP9"));
}

#[test]
fn an_encoding_has_no_codec_unless_one_is_chosen_that_is_ours_and_agreed() {
    let strange = |kind| {
        let name = "x-none";
        let clock = if kind == MediaKind::Audio { 48_000 } else { 90_000 };
        antiphon::peer::Codec::new(name, clock, 1, "").unwrap()
    };
    for (kind, [preferred, other]) in
        [(MediaKind::Audio, ["opus", "PCMU"]), (MediaKind::Video, ["VP8", "VP9"])]
    {
        let (mut alice, mut bob) = (connection(1), connection(2));
        let id = add(&mut alice, kind);
        assert_eq!(alice.sender(id).unwrap().encodings()[0].codec, None);
        let with = |codec| vec![Encoding { codec: Some(codec), ..Encoding::default() }];
        let other_kind = if kind == MediaKind::Audio {
            codec(MediaKind::Video, "VP8")
        } else {
            codec(MediaKind::Audio, "opus")
        };
        for wrong in [strange(kind), other_kind] {
            let init = TransceiverInit { send_encodings: with(wrong.clone()), ..TransceiverInit::default() };
            assert_eq!(alice.add_transceiver(kind, init), Err(TransceiverError::UnknownCodec(0)));
            assert_eq!(
                alice.sender(id).unwrap().set_encodings(&with(wrong)),
                Err(TransceiverError::UnknownCodec(0))
            );
        }
        // Not preferred, then not agreed, then agreed no more.
        let set =
            |pc: &mut PeerConnection, name| pc.sender(id).unwrap().set_encodings(&with(codec(kind, name)));
        alice.transceiver(id).unwrap().set_codec_preferences(&[codec(kind, preferred)]).unwrap();
        assert_eq!(set(&mut alice, other), Err(TransceiverError::UnknownCodec(0)));
        exchange(&mut alice, &mut bob);
        assert_eq!(set(&mut alice, other), Err(TransceiverError::UnknownCodec(0)));
        alice.transceiver(id).unwrap().set_codec_preferences(&[]).unwrap();
        exchange(&mut alice, &mut bob);
        set(&mut alice, other).unwrap();
        assert!(alice.sender(id).unwrap().encodings()[0].codec.as_ref().is_some_and(|its| its.is(other)));
        let theirs = bob.transceivers()[0];
        bob.transceiver(theirs).unwrap().set_codec_preferences(&[codec(kind, preferred)]).unwrap();
        exchange(&mut alice, &mut bob);
        assert_eq!(alice.sender(id).unwrap().encodings()[0].codec, None);
    }
}

/// Packets that arrived of each layer since the last call.
fn arrived(pair: &mut Pair, id: TransceiverId) -> BTreeMap<String, usize> {
    let mut receiver = pair.ends[1].pc.receiver(id).unwrap();
    let mut counts = BTreeMap::new();
    while let Some(packet) = receiver.recv_rtp() {
        let rid = packet.source.and_then(|source| receiver.rid(source).map(str::to_owned));
        *counts.entry(rid.unwrap_or_default()).or_default() += 1;
    }
    counts
}

#[test]
fn simulcast_works_with_each_codec() {
    for name in ["VP8", "VP9", "H264", "AV1"] {
        let mut pair = Pair::default_pair();
        let layer =
            |rid| Encoding { codec: Some(codec(MediaKind::Video, name)), ..Encoding::named(rid).unwrap() };
        let [ours, theirs] = call(&mut pair, MediaKind::Video, vec![layer("foo"), layer("bar")]);
        pair.ends[1].pc.receiver(theirs).unwrap().set_delivery(Delivery::Packets);
        for n in 0..5 {
            for rid in ["foo", "bar"] {
                write(&mut pair, ours, Some(rid), sample(name, 1), n * 3000).unwrap();
            }
        }
        let counts = arrived(&mut pair, theirs);
        assert!(
            counts.len() == 2 && counts["foo"] >= 5 && counts["foo"] == counts["bar"],
            "{name}: {counts:?}"
        );
    }
}

#[test]
fn an_encoding_that_is_not_active_sends_nothing() {
    for off in [&[0][..], &[1], &[0, 1]] {
        let mut pair = Pair::default_pair();
        let layers = ["foo", "bar"].map(|rid| Encoding::named(rid).unwrap()).to_vec();
        let [ours, theirs] = call(&mut pair, MediaKind::Video, layers);
        pair.ends[1].pc.receiver(theirs).unwrap().set_delivery(Delivery::Packets);
        let mut encodings = pair.ends[0].pc.sender(ours).unwrap().encodings();
        for index in off {
            encodings[*index].active = false;
        }
        pair.ends[0].pc.sender(ours).unwrap().set_encodings(&encodings).unwrap();
        for (index, rid) in ["foo", "bar"].into_iter().enumerate() {
            let written = write(&mut pair, ours, Some(rid), sample("VP8", 1), 0);
            let inactive = matches!(written, Err(WriteError::Refused(antiphon::rtp::WriteError::Inactive)));
            assert_eq!((inactive, written.is_ok()), (off.contains(&index), !off.contains(&index)), "{rid}");
        }
        let counts = arrived(&mut pair, theirs);
        assert_eq!(counts.len(), 2 - off.len(), "{counts:?}");
        // On again, and it is there again.
        for encoding in &mut encodings {
            encoding.active = true;
        }
        pair.ends[0].pc.sender(ours).unwrap().set_encodings(&encodings).unwrap();
        for rid in ["foo", "bar"] {
            write(&mut pair, ours, Some(rid), sample("VP8", 2), 9000).unwrap();
        }
        assert_eq!(arrived(&mut pair, theirs).len(), 2);
    }
}

#[test]
fn sources_are_told_with_their_times_and_loudness() {
    for (kind, name) in [(MediaKind::Audio, "opus"), (MediaKind::Video, "VP8")] {
        let mut pair = Pair::default_pair();
        let [ours, theirs] = call(&mut pair, kind, Vec::new());
        assert!(pair.ends[1].pc.receiver(theirs).unwrap().sources().is_empty());
        let level = AudioLevel { voice: true, level: 33 };
        let now = pair.now;
        let frame = Frame { audio_level: Some(level), ..Frame::new(sample(name, 1), 4711) };
        pair.ends[0].pc.sender(ours).unwrap().write(now, &frame).unwrap();
        pair.drain(0);
        pair.run_for(ms(200));
        let mut receiver = pair.ends[1].pc.receiver(theirs).unwrap();
        let read = receiver.recv().unwrap();
        assert_eq!(receiver.sources(), [read.source.unwrap()]);
        assert_eq!(read.received_at, Some(now + pair.delay));
        assert_eq!(read.audio_level, (kind == MediaKind::Audio).then_some(level));
        let stats = pair.ends[1].pc.stats(pair.now);
        let sent = pair.ends[0].pc.stats(pair.now).outbound_rtp[0].stats.ssrc;
        assert_eq!(stats.inbound_rtp[0].stats.ssrc, sent);
    }
}

#[test]
fn parameters_of_a_receiver_are_what_was_agreed() {
    let mut pair = Pair::default_pair();
    let layers = ["a", "b"].map(|rid| Encoding::named(rid).unwrap()).to_vec();
    let sound = add(&mut pair.ends[0].pc, MediaKind::Audio);
    assert!(pair.ends[0].pc.receiver(sound).unwrap().codecs().is_empty());
    let [_, _] = call(&mut pair, MediaKind::Video, layers);
    let ids = pair.ends[1].pc.transceivers();
    for (id, first) in ids.into_iter().zip(["opus", "VP8"]) {
        let pc = &mut pair.ends[1].pc;
        assert!(pc.receiver(id).unwrap().codecs()[0].codec.is(first));
        let transceiver = pc.transceiver(id).unwrap();
        let negotiated = transceiver.negotiated().unwrap();
        assert!(!negotiated.extensions.is_empty() && negotiated.reduced_size_rtcp);
        let layers: Vec<&str> = negotiated.remote_layers.iter().map(|layer| layer.rids[0].as_str()).collect();
        assert_eq!(layers, if first == "VP8" { vec!["a", "b"] } else { Vec::new() });
    }
}

#[test]
fn media_shares_a_connection_with_channels_whoever_came_first() {
    // A connection of data first: the media that is added later finds keys.
    let (mut pair, _) = Pair::connected();
    let [ours, theirs] = call(&mut pair, MediaKind::Audio, Vec::new());
    write(&mut pair, ours, None, sample("opus", 1), 0).unwrap();
    pair.run_for(ms(200));
    assert!(pair.ends[1].pc.receiver(theirs).unwrap().recv().is_some());
    // And the other way round.
    let mut pair = Pair::default_pair();
    call(&mut pair, MediaKind::Audio, Vec::new());
    let id = pair.ends[0].pc.create_data_channel("late", DataChannelInit::default()).unwrap();
    pair.negotiate();
    assert!(pair.run_until(secs(5), |pair| pair.ends[0].saw(&Event::DataChannelOpen(id))));
}

#[test]
fn names_of_codecs_are_the_same_whatever_their_case() {
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let mut pc = connection(1);
        let id = add(&mut pc, kind);
        let ours = MediaCapabilities::new().of(kind).codecs.clone();
        for change in [str::to_ascii_lowercase, str::to_ascii_uppercase] {
            let changed: Vec<_> = ours
                .iter()
                .map(|codec| antiphon::peer::Codec {
                    name: antiphon::sdp::Token::new(change(&codec.name)).unwrap(),
                    ..codec.clone()
                })
                .collect();
            pc.transceiver(id).unwrap().set_codec_preferences(&changed).unwrap();
            assert_eq!(pc.transceiver(id).unwrap().codec_preferences(), ours);
        }
    }
}

#[test]
fn keys_of_a_telephone_arrive_beside_sound() {
    let mut pair = Pair::default_pair();
    let [ours, theirs] = call(&mut pair, MediaKind::Audio, Vec::new());
    let codecs = pair.ends[0].pc.sender(ours).unwrap().codecs().to_vec();
    let events = codecs.iter().find(|its| its.codec.is("telephone-event")).unwrap();
    write(&mut pair, ours, None, sample("opus", 1), 0).unwrap();
    // Key 5 for 100 ms, reported every 50 ms: RFC 4733 §2.5.1.2.
    let ticks = events.codec.clock_rate / 20;
    let began = 960;
    for packet in Packets::new(event_of('5').unwrap(), 10, ticks * 2, ticks) {
        let now = pair.now;
        let frame = Frame {
            payload_type: Some(events.payload_type),
            marker: packet.marker,
            ..Frame::new(packet.report.to_bytes().to_vec(), began + packet.offset)
        };
        pair.ends[0].pc.sender(ours).unwrap().write(now, &frame).unwrap();
        pair.drain(0);
        pair.run_for(ms(50));
    }
    pair.run_for(ms(300));
    let mut receiver = pair.ends[1].pc.receiver(theirs).unwrap();
    let (mut tracker, mut progress, mut sound) = (Tracker::new(), Vec::new(), 0);
    while let Some(frame) = receiver.recv() {
        if frame.payload_type == Some(events.payload_type) {
            let reports: Vec<_> = reports(&frame.data).unwrap().collect();
            progress.extend(reports.into_iter().filter_map(|report| tracker.report(frame.timestamp, report)));
        } else {
            sound += 1;
        }
    }
    assert_eq!(sound, 1);
    let expected =
        [Progress::Began { event: 5, duration: ticks }, Progress::Ended { event: 5, duration: ticks * 2 }];
    assert_eq!(progress, expected);
}
