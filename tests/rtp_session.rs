//! Two sessions: frames, reports, repair, key frames, estimates, ends.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod rtp_support;

use antiphon::Output;
use antiphon::base::bitrate::Bitrate;
use antiphon::base::serial::Seq16;
use antiphon::codec::{CodecKind, MediaKind};
use antiphon::rtp::{
    Config, Delivery, Event, Feedback, Frame, Input, Payload, ReceiverConfig, RtpPacket, SenderConfig,
    Session, StreamError, WriteError,
};
use antiphon::wire::rtcp::{
    Compound, CompoundWriter, FeedbackHeader, FirEntry, NackPair, Packet as Rtcp, PacketStatus,
};
use antiphon::wire::rtp::{AudioLevel, DependencyDescriptor, Packet};
use bytes::Bytes;
use core::time::Duration;
use proptest::prelude::*;
use rtp_support::*;

/// Thirty frames a second with a key frame first; returns what was read at the other end.
fn stream(
    pair: &mut Pair,
    sender: antiphon::rtp::SenderId,
    receiver: antiphon::rtp::ReceiverId,
    frames: u32,
) -> Vec<Frame> {
    let mut read = Vec::new();
    let mut wants_key = true;
    for number in 0..frames {
        wants_key |= pair.events[0].drain(..).any(|event| matches!(event, Event::KeyframeRequested(..)));
        let frame = vp8_frame(number, core::mem::take(&mut wants_key), 3000);
        pair.write(0, sender, &frame);
        pair.run_for(ms(33));
        read.extend(pair.read(1, receiver));
    }
    pair.run_for(ms(1000));
    read.extend(pair.read(1, receiver));
    read
}

#[test]
fn a_frame_written_is_the_frame_read() {
    let (mut pair, sender, receiver) = video_pair(ms(20));
    let read = stream(&mut pair, sender, receiver, 60);
    assert_eq!(read.iter().map(frame_number).collect::<Vec<_>>(), (0..60).collect::<Vec<_>>());
    for (number, frame) in (0..).zip(&read) {
        assert_eq!(frame.data, vp8_frame(number, number == 0, 3000).data);
        assert_eq!((frame.keyframe, frame.contiguous), (number == 0, true));
        assert_eq!(frame.timestamp.wrapping_sub(read[0].timestamp), number * 3000);
    }
    assert!(
        matches!(pair.events[1][..2], [Event::Source(id, _), Event::Readable(other)] if id == receiver && other == receiver)
    );
}

#[test]
fn sound_and_picture_are_told_on_one_clock() {
    let mut pair = Pair::new([session(1, config()), session(2, config())], ms(30));
    let senders = [audio_sender(), video_sender()].map(|config| pair.ends[0].add_sender(config).unwrap());
    let receivers =
        [audio_receiver(), video_receiver()].map(|config| pair.ends[1].add_receiver(config).unwrap());
    let (mut sound, mut pictures) = (Vec::new(), Vec::new());
    for number in 0..100 {
        pair.write(0, senders[0], &opus_frame(number));
        if number % 2 == 0 {
            let picture = Frame { timestamp: number / 2 * 3600, ..vp8_frame(number, number == 0, 500) };
            pair.write(0, senders[1], &picture);
        }
        pair.run_for(ms(20));
        sound.extend(pair.read(1, receivers[0]));
        pictures.extend(pair.read(1, receivers[1]));
    }
    let sent_at = |number: u32| UNIX + ms(u64::from(number) * 20);
    pair.run_for(ms(50));
    sound.extend(pair.read(1, receivers[0]));
    let last = (sound.last().unwrap(), pictures.last().unwrap());
    let heard = last.0.capture_time.expect("a report came").to_unix();
    let seen = last.1.capture_time.expect("a report came").to_unix();
    assert!(heard.abs_diff(sent_at(99)) < ms(1), "{heard:?}");
    assert!(seen.abs_diff(sent_at(98)) < ms(1), "{seen:?}");
}

#[test]
fn what_is_lost_is_asked_for_and_sent_again() {
    let (mut pair, sender, receiver) = video_pair(ms(20));
    pair.fate[0] = lossy(5, 10, ms(20), 0);
    let read = stream(&mut pair, sender, receiver, 150);
    assert_eq!(read.iter().map(frame_number).collect::<Vec<_>>(), (0..150).collect::<Vec<_>>());
    let stats = pair.ends[0].sender_stats(sender).unwrap();
    assert!(stats.retransmitted_packets_sent > 20 && stats.nack_count > 5, "{stats:?}");
    let source = pair.ends[1].sources(receiver).next().unwrap();
    let stats = pair.ends[1].source_stats(source).unwrap();
    assert!(stats.retransmitted_packets_received > 20 && stats.packets_lost > 20, "{stats:?}");
    assert_eq!(stats.frames_received, 150);
    assert_eq!(stats.rtx_ssrc, pair.ends[0].sender_ssrcs(sender).unwrap().1);
    // Nothing asks for what is a repetition itself.
    let rtx = stats.rtx_ssrc.unwrap();
    for datagram in pair.rtcp_sent(1) {
        let nacks = Compound::new(&datagram).filter_map(Result::ok);
        assert!(
            !nacks.into_iter().any(|packet| matches!(packet, Rtcp::Nack(nack) if nack.media_ssrc == rtx))
        );
    }
}

#[test]
fn a_repetition_carries_the_original_number_under_its_own_source() {
    let (mut pair, sender, _) = video_pair(ms(20));
    let mut packets = 0;
    pair.fate[0] = Box::new(move |now, bytes| {
        packets += u32::from(Packet::parse(bytes).is_ok());
        let lost = packets == 2;
        (!lost).then_some(now + ms(20))
    });
    pair.write(0, sender, &vp8_frame(0, true, 3000));
    pair.run_for(ms(500));
    let sent = pair.rtp_sent(0);
    let packets: Vec<_> = sent.iter().map(|bytes| Packet::parse(bytes).unwrap()).collect();
    let (ssrc, rtx_ssrc) = pair.ends[0].sender_ssrcs(sender).unwrap();
    let [_, lost, .., repeated] = packets[..] else { panic!("nothing sent") };
    assert_eq!((lost.ssrc, repeated.ssrc, repeated.payload_type), (ssrc, rtx_ssrc.unwrap(), 97));
    assert_eq!(repeated.payload()[..2], lost.sequence.0.to_be_bytes());
    assert_eq!((&repeated.payload()[2..], repeated.timestamp), (lost.payload(), lost.timestamp));
}

#[test]
fn what_cannot_be_repaired_is_given_up_and_a_key_frame_asked_for() {
    let (mut pair, sender, receiver) = video_pair(ms(20));
    // The second frame is lost whole, and whatever is asked for is not heard; the request for a key frame is.
    let mut numbers = 0;
    pair.fate[0] = Box::new(move |now, bytes| {
        let media = Packet::parse(bytes).is_ok_and(|packet| packet.payload_type == 96);
        let repeated = Packet::parse(bytes).is_ok_and(|packet| packet.payload_type == 97);
        numbers += u32::from(media);
        (!(repeated || media && (4..=6).contains(&numbers))).then_some(now + ms(20))
    });
    let read = stream(&mut pair, sender, receiver, 60);
    let numbers: Vec<_> = read.iter().map(frame_number).collect();
    assert_eq!(numbers[0], 0);
    let resumed = numbers[1];
    assert!((2..40).contains(&resumed), "{numbers:?}");
    assert!(read[1].keyframe && !read[1].contiguous);
    assert_eq!(numbers[1..], (resumed..60).collect::<Vec<_>>());
    let source = pair.ends[1].sources(receiver).next().unwrap();
    let stats = pair.ends[1].source_stats(source).unwrap();
    assert!(stats.gaps_given_up == 1 && (1..4).contains(&stats.pli_count), "{stats:?}");
}

#[test]
fn sound_goes_on_when_a_packet_is_lost() {
    let mut pair = Pair::new([session(1, config()), session(2, config())], ms(30));
    let sender = pair.ends[0].add_sender(audio_sender()).unwrap();
    let receiver = pair.ends[1].add_receiver(audio_receiver()).unwrap();
    pair.fate[0] = lossy(3, 20, ms(30), 60);
    let mut read = Vec::new();
    for number in 0..200 {
        let frame = Frame { audio_level: Some(AudioLevel { voice: true, level: 30 }), ..opus_frame(number) };
        pair.write(0, sender, &frame);
        pair.run_for(ms(20));
        read.extend(pair.read(1, receiver));
    }
    pair.run_for(ms(500));
    read.extend(pair.read(1, receiver));
    assert!((130..190).contains(&read.len()), "{}", read.len());
    let numbers: Vec<_> = read.iter().map(|f| u32::from_be_bytes(f.data[1..5].try_into().unwrap())).collect();
    assert!(numbers.is_sorted());
    for (pair, frames) in numbers.windows(2).zip(read.windows(2)) {
        assert_eq!(frames[1].contiguous, pair[1] == pair[0] + 1, "{pair:?}");
    }
    assert_eq!(read[0].audio_level, Some(AudioLevel { voice: true, level: 30 }));
}

#[test]
fn reports_tell_loss_and_round_trips() {
    let (mut pair, sender, receiver) = video_pair(ms(40));
    pair.fate[0] = lossy(9, 5, ms(40), 0);
    stream(&mut pair, sender, receiver, 300);
    let remote = pair.ends[0].sender_stats(sender).unwrap().remote.expect("reports came");
    let round_trip = remote.round_trip_time.unwrap();
    assert!(round_trip.abs_diff(ms(80)) < ms(2), "{round_trip:?}");
    assert!(remote.reports_received > 5 && remote.packets_lost > 10, "{remote:?}");
    let source = pair.ends[1].sources(receiver).next().unwrap();
    let stats = pair.ends[1].source_stats(source).unwrap();
    let told = stats.remote.unwrap();
    assert!(told.packets_sent > 800 && told.reports_sent > 5, "{told:?}");
    // Each report comes with the canonical name (RFC 3550 §6.1).
    for datagram in pair.rtcp_sent(0) {
        let packets: Vec<_> = Compound::new(&datagram).map(Result::unwrap).collect();
        if matches!(packets[0], Rtcp::SenderReport(_) | Rtcp::ReceiverReport(_)) {
            let Rtcp::SourceDescription(description) = packets[1] else { panic!("{packets:?}") };
            assert_eq!(description.chunks().next().unwrap().cname(), Some("someone"));
        }
    }
}

#[test]
fn reports_keep_their_interval_and_stop_with_the_stream() {
    let (mut pair, sender, receiver) = video_pair(ms(10));
    for number in 0..900 {
        pair.write(0, sender, &vp8_frame(number, number == 0, 100));
        pair.run_for(ms(33));
        pair.read(1, receiver);
    }
    let is_report = |bytes: &Bytes| matches!(Compound::new(bytes).next(), Some(Ok(Rtcp::SenderReport(_))));
    let reports = pair.rtcp_sent(0).iter().filter(|bytes| is_report(bytes)).count();
    // A second on average (RFC 3550 §6.2 with 360 kbit/s), over thirty seconds.
    assert!((20..=50).contains(&reports), "{reports}");
    pair.run_for(Duration::from_secs(10));
    let before = pair.sent.iter().map(Vec::len).sum::<usize>();
    pair.run_for(Duration::from_secs(600));
    assert_eq!(pair.sent.iter().map(Vec::len).sum::<usize>(), before);
    assert_eq!(pair.deadline, [None, None]);
}

#[test]
fn who_only_receives_learns_the_round_trip_by_asking() {
    let asking = Config { receiver_round_trips: true, ..config() };
    let mut pair = Pair::new([session(1, config()), session(2, asking)], ms(60));
    let sender = pair.ends[0].add_sender(video_sender()).unwrap();
    let receiver = pair.ends[1].add_receiver(video_receiver()).unwrap();
    stream(&mut pair, sender, receiver, 150);
    let round_trip = pair.ends[1].stats().round_trip_time.expect("an answer came");
    assert!(round_trip.abs_diff(ms(120)) < ms(2), "{round_trip:?}");
}

#[test]
fn feedback_tells_what_became_of_each_packet() {
    let (mut pair, sender, receiver) = video_pair(ms(25));
    pair.fate[0] = lossy(11, 10, ms(25), 0);
    stream(&mut pair, sender, receiver, 90);
    let (mut arrived, mut lost) = (Vec::new(), 0);
    while let Some(feedback) = pair.ends[0].take_feedback() {
        if let Feedback::Packet(result) = feedback {
            match result.arrived_after {
                Some(after) => arrived.push((result.sent_at, after)),
                None => lost += 1,
            }
        }
    }
    assert!(arrived.len() > 250 && lost > 15, "{} {lost}", arrived.len());
    let (first_sent, first_arrived) = arrived[0];
    for (sent_at, after) in arrived {
        let apart = sent_at.saturating_duration_since(first_sent);
        assert!(after.abs_diff(first_arrived + apart) <= Duration::from_micros(500));
    }
    assert_eq!(pair.ends[0].stats().transport_feedback.unknown, 0);
}

#[test]
fn the_peers_estimate_is_told_with_a_floor() {
    let (mut pair, sender, receiver) = video_pair(ms(5));
    pair.write(0, sender, &vp8_frame(0, true, 100));
    pair.run_for(ms(100));
    pair.read(1, receiver);
    pair.ends[1].set_estimate(Some(Bitrate::from_bps(1_000_000)));
    pair.run_for(ms(100));
    pair.ends[1].set_estimate(Some(Bitrate::from_bps(1)));
    pair.run_for(ms(100));
    let estimates: Vec<_> = core::iter::from_fn(|| pair.ends[0].take_feedback())
        .filter_map(|feedback| {
            if let Feedback::Estimate { bitrate, .. } = feedback { Some(bitrate.as_bps()) } else { None }
        })
        .collect();
    assert!((999_000..=1_000_000).contains(&estimates[0]), "{estimates:?}");
    assert_eq!(*estimates.last().unwrap(), 5_000);
}

#[test]
fn n43_a_storm_of_requests_for_key_frames_is_held() {
    let (mut pair, sender, _) = video_pair(ms(5));
    pair.write(0, sender, &vp8_frame(0, true, 100));
    pair.run_for(ms(50));
    let ssrc = pair.ends[0].sender_ssrcs(sender).unwrap().0;
    pair.events[0].clear();
    for n in 0..2000_u32 {
        let mut buf = [0; 100];
        let mut writer = CompoundWriter::new(&mut buf);
        writer.pli(9, ssrc).unwrap();
        // The first FIR under each number counts, its repetitions do not (RFC 5104 §4.3.1.2).
        writer.fir(9, [FirEntry { ssrc, sequence: u8::try_from(n / 500).unwrap() }]).unwrap();
        let len = writer.finish();
        pair.ends[0].handle_input(pair.now, Input::Rtcp(Bytes::copy_from_slice(&buf[..len])));
        pair.run_for(ms(1));
    }
    let requests =
        pair.events[0].iter().filter(|event| matches!(event, Event::KeyframeRequested(..))).count();
    assert!((6..=8).contains(&requests), "{requests}");
    let stats = pair.ends[0].sender_stats(sender).unwrap();
    assert_eq!((stats.pli_count, stats.fir_count), (2000, 4));
    assert!(pair.ends[0].stats().keyframe_requests_held > 1900);
}

#[test]
fn n44_repetitions_of_what_was_never_missing_change_nothing() {
    let (mut pair, sender, receiver) = video_pair(ms(5));
    pair.write(0, sender, &vp8_frame(0, true, 100));
    pair.run_for(ms(50));
    assert_eq!(pair.read(1, receiver).len(), 1);
    let (ssrc, rtx_ssrc) = pair.ends[0].sender_ssrcs(sender).unwrap();
    let mut asks = |numbers: &mut dyn Iterator<Item = u16>| {
        let mut buf = [0; 1200];
        let mut writer = CompoundWriter::new(&mut buf);
        let pairs = numbers.map(|first| NackPair { first: Seq16(first), following: 0xffff });
        writer.nack(9, ssrc, pairs).unwrap();
        let len = writer.finish();
        pair.ends[0].handle_input(pair.now, Input::Rtcp(Bytes::copy_from_slice(&buf[..len])));
    };
    asks(&mut (0..250_u16).map(|n| n.wrapping_mul(17)));
    pair.run_for(ms(50));
    assert!(pair.ends[0].stats().retransmissions_refused > 4000);
    // Repetitions of numbers far ahead and far behind, of nothing, and of two bytes only.
    let before = pair.ends[1].source_stats(pair.ends[1].sources(receiver).next().unwrap()).unwrap();
    for (number, original) in [Some(30_000_u16), Some(60_000), None, Some(1)].into_iter().enumerate() {
        let mut bytes = vec![0x80, 97, 0, u8::try_from(number).unwrap(), 0, 0, 0, 0];
        bytes.extend(rtx_ssrc.unwrap().to_be_bytes());
        bytes.extend(original.into_iter().flat_map(u16::to_be_bytes));
        pair.ends[1].handle_input(pair.now, Input::Rtp(Bytes::from(bytes)));
    }
    pair.write(0, sender, &vp8_frame(1, false, 100));
    pair.run_for(ms(50));
    assert_eq!(pair.read(1, receiver).iter().map(frame_number).collect::<Vec<_>>(), [1]);
    let after = pair.ends[1].source_stats(pair.ends[1].sources(receiver).next().unwrap()).unwrap();
    assert_eq!((after.frames_dropped, after.gaps_given_up), (before.frames_dropped, before.gaps_given_up));
}

#[test]
fn a_repetition_is_sent_once_a_round_trip_however_often_it_is_asked_for() {
    let (mut pair, sender, _) = video_pair(ms(50));
    pair.write(0, sender, &vp8_frame(0, true, 3000));
    pair.run_for(ms(10));
    let (ssrc, _) = pair.ends[0].sender_ssrcs(sender).unwrap();
    let sequence = Packet::parse(&pair.rtp_sent(0)[0]).unwrap().sequence;
    for _ in 0..1000 {
        let mut buf = [0; 100];
        let mut writer = CompoundWriter::new(&mut buf);
        writer.nack(9, ssrc, [NackPair { first: sequence, following: 0 }]).unwrap();
        let len = writer.finish();
        pair.ends[0].handle_input(pair.now, Input::Rtcp(Bytes::copy_from_slice(&buf[..len])));
        pair.run_for(ms(1));
    }
    let repeated = pair.ends[0].sender_stats(sender).unwrap().retransmitted_packets_sent;
    assert!((9..=11).contains(&repeated), "{repeated}");
}

#[test]
fn packets_are_told_apart_by_section_encoding_source_and_payload_type() {
    let mut b = session(2, config());
    let video = |mid: &str| ReceiverConfig { mid: Some(mid.into()), ..video_receiver() };
    let [first, second] = ["1", "2"].map(|mid| b.add_receiver(video(mid)).unwrap());
    let audio = b.add_receiver(ReceiverConfig { mid: Some("3".into()), ..audio_receiver() }).unwrap();
    let packet = |ssrc: u32, payload_type: u8, mid: Option<&str>, rid: Option<&str>| {
        use antiphon::wire::rtp::{ExtensionForm, Header, PacketWriter};
        let mut buf = [0; 100];
        let header = Header { payload_type, ssrc, ..Header::default() };
        let mut writer = PacketWriter::new(&mut buf, &header).unwrap();
        for (id, value) in [(1, mid), (2, rid)] {
            if let Some(value) = value {
                writer.extension(ExtensionForm::OneByte, id, value.as_bytes()).unwrap();
            }
        }
        writer.payload(&[0x10, 0, 0, 0]).unwrap();
        let len = writer.finish().unwrap();
        Input::Rtp(Bytes::copy_from_slice(&buf[..len]))
    };
    let sources = |b: &Session, id| {
        b.sources(id)
            .map(|source| (b.source_ssrc(source).unwrap(), b.source_rid(source).map(str::to_owned)))
            .collect::<Vec<_>>()
    };
    b.handle_input(at(0), packet(10, 96, Some("2"), Some("hi")));
    b.handle_input(at(0), packet(11, 96, Some("2"), Some("lo")));
    // The section is remembered, and a payload type that two sections have says nothing.
    b.handle_input(at(0), packet(10, 96, None, None));
    b.handle_input(at(0), packet(12, 96, None, None));
    // That of sound is one section's only; a section nobody knows is nobody's.
    b.handle_input(at(0), packet(13, 111, None, None));
    b.handle_input(at(0), packet(14, 96, Some("9"), None));
    b.handle_input(at(0), packet(15, 50, Some("1"), None));
    assert_eq!(sources(&b, second), [(10, Some("hi".into())), (11, Some("lo".into()))]);
    assert_eq!(sources(&b, audio), [(13, None)]);
    assert_eq!(sources(&b, first), []);
    assert_eq!(b.stats().rtp_unroutable, 3);
    // A source that names another section moves there.
    b.handle_input(at(0), packet(10, 96, Some("1"), Some("hi")));
    assert_eq!(sources(&b, first), [(10, Some("hi".into()))]);
    assert_eq!(sources(&b, second), [(11, Some("lo".into()))]);
}

/// A receiver was removed and added again, as where a track is muted and unmuted, while packets were under way: one from before came after
/// one that had been read, and began the stream anew.
#[test]
fn a_packet_from_before_a_pause_is_late_after_it() {
    let mut b = session(2, config());
    let packet = |sequence: u16| {
        let mut bytes = vec![0x80, 111];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend((u32::from(sequence) * 960).to_be_bytes());
        bytes.extend(7_u32.to_be_bytes());
        bytes.extend(sequence.to_be_bytes());
        Input::Rtp(Bytes::from(bytes))
    };
    let read = |b: &mut Session, id| {
        let frames = core::iter::from_fn(|| b.recv(id));
        frames
            .map(|frame| (u16::from_be_bytes(frame.data[..].try_into().unwrap()), frame.contiguous))
            .collect()
    };
    let config = ReceiverConfig { mid: Some("3".into()), ..audio_receiver() };
    let receiver = b.add_receiver(config.clone()).unwrap();
    for sequence in [65_534, 65_535, 2] {
        b.handle_input(at(0), packet(sequence));
    }
    b.handle_input(at(500), packet(3));
    while !matches!(b.poll_output(at(500), &mut []), Output::Wait(_)) {}
    let frames: Vec<(u16, bool)> = read(&mut b, receiver);
    assert_eq!(frames, [(65_534, true), (65_535, true), (2, false), (3, true)]);
    b.remove_receiver(receiver);
    let receiver = b.add_receiver(config).unwrap();
    for sequence in [0, 1, 3, 9, 8, 10] {
        b.handle_input(at(600), packet(sequence));
    }
    let frames: Vec<(u16, bool)> = read(&mut b, receiver);
    assert_eq!(frames, [(9, false), (10, true)]);
}

#[test]
fn a_flood_of_sources_is_bounded() {
    let mut b = session(2, config());
    b.add_receiver(audio_receiver()).unwrap();
    for ssrc in 0..20_000_u32 {
        let mut bytes = vec![0x80, 111, 0, 1, 0, 0, 0, 2];
        bytes.extend(ssrc.to_be_bytes());
        bytes.push(0xfc);
        b.handle_input(at(u64::from(ssrc) / 10), Input::Rtp(Bytes::from(bytes)));
        while matches!(b.poll_output(at(u64::from(ssrc) / 10), &mut []), Output::Event(_)) {}
    }
    assert!(b.stats().rtp_no_room > 10_000);
}

#[test]
fn a_goodbye_ends_its_source() {
    let (mut pair, sender, receiver) = video_pair(ms(5));
    pair.write(0, sender, &vp8_frame(0, true, 100));
    pair.run_for(ms(50));
    let source = pair.ends[1].sources(receiver).next().unwrap();
    pair.ends[0].remove_sender(sender);
    pair.run_for(ms(50));
    assert!(pair.events[1].contains(&Event::SourceEnded(receiver, source)));
    assert_eq!(pair.ends[1].sources(receiver).count(), 0);
    assert_eq!(
        pair.ends[0].write(pair.now, sender, &vp8_frame(1, true, 100)),
        Err(WriteError::UnknownSender)
    );
}

#[test]
fn closing_says_goodbye_and_is_final() {
    let (mut pair, sender, receiver) = video_pair(ms(5));
    pair.write(0, sender, &vp8_frame(0, true, 100));
    pair.run_for(ms(50));
    pair.ends[0].close();
    assert!(matches!(pair.ends[0].poll_output(pair.now, &mut []), Output::Wait(None)));
    pair.run_for(ms(50));
    assert_eq!(pair.events[0].last(), Some(&Event::Closed));
    assert!(matches!(pair.events[1].last(), Some(Event::SourceEnded(id, _)) if *id == receiver));
    assert_eq!(pair.ends[0].write(pair.now, sender, &vp8_frame(1, true, 100)), Err(WriteError::Closed));
    assert_eq!(pair.ends[0].add_sender(video_sender()), Err(StreamError::Closed));
    let mut idle = session(3, config());
    idle.close();
    assert_eq!(idle.poll_output(at(0), &mut []), Output::Event(Event::Closed));
    assert_eq!(idle.poll_output(at(0), &mut []), Output::Wait(None));
}

#[test]
fn a_source_in_use_elsewhere_is_given_up_once() {
    let (mut pair, sender, _) = video_pair(ms(5));
    pair.write(0, sender, &vp8_frame(0, true, 100));
    pair.run_for(ms(20));
    let (ssrc, _) = pair.ends[0].sender_ssrcs(sender).unwrap();
    let echo = pair.rtp_sent(0)[0].clone();
    pair.ends[0].handle_input(pair.now, Input::Rtp(echo));
    pair.run_for(ms(20));
    let (fresh, _) = pair.ends[0].sender_ssrcs(sender).unwrap();
    assert_ne!(fresh, ssrc);
    assert!(pair.events[0].contains(&Event::SsrcChanged(sender)));
    // Whoever sends back all he hears does not make us change for ever (RFC 3550 §8.2).
    pair.write(0, sender, &vp8_frame(1, true, 100));
    pair.run_for(ms(20));
    let echo = pair.rtp_sent(0).last().unwrap().clone();
    pair.ends[0].handle_input(pair.now, Input::Rtp(echo));
    assert_eq!(pair.ends[0].sender_ssrcs(sender).unwrap().0, fresh);
    assert_eq!(pair.ends[0].stats().rtp_looped, 2);
}

#[test]
fn section_and_encoding_are_told_until_the_peer_has_reported() {
    let (mut pair, _, receiver) = video_pair(ms(5));
    let config = SenderConfig { rid: Some("hi".into()), ..video_sender() };
    let sender = pair.ends[0].add_sender(config).unwrap();
    stream(&mut pair, sender, receiver, 120);
    let map = extensions();
    let sent = pair.rtp_sent(0);
    let told: Vec<_> =
        sent.iter().map(|bytes| map.read(&Packet::parse(bytes).unwrap()).mid.is_some()).collect();
    assert!(told[0] && !told[told.len() - 1]);
    let first = map.read(&Packet::parse(&sent[0]).unwrap()).rid.map(str::to_owned);
    assert_eq!(first.as_deref(), Some("hi"));
    // Numbers on the transport count on, and each packet says when it left.
    let numbers: Vec<_> =
        sent.iter().map(|b| map.read(&Packet::parse(b).unwrap()).transport_sequence.unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
    assert!(sent.iter().all(|bytes| map.read(&Packet::parse(bytes).unwrap()).abs_send_time.is_some()));
}

#[test]
fn misuse_is_refused_with_its_reason() {
    let mut a = session(1, config());
    let clash = vec![Payload::codec(96, CodecKind::Vp8), Payload::codec(96, CodecKind::H264)];
    let refused = |a: &mut Session, payloads| {
        a.add_sender(SenderConfig { payloads, ..SenderConfig::new(MediaKind::Video) }).unwrap_err()
    };
    assert_eq!(refused(&mut a, clash), StreamError::PayloadTypeTwice { payload_type: 96 });
    assert_eq!(
        refused(&mut a, vec![Payload::codec(72, CodecKind::Vp8)]),
        StreamError::PayloadType { payload_type: 72 }
    );
    let first = a.add_sender(SenderConfig { ssrc: Some(5), ..video_sender() }).unwrap();
    assert_eq!(
        a.add_sender(SenderConfig { ssrc: Some(5), ..video_sender() }),
        Err(StreamError::Ssrc { ssrc: 5 })
    );
    let strange = Frame { payload_type: Some(100), ..vp8_frame(0, true, 10) };
    assert_eq!(a.write(at(0), first, &strange), Err(WriteError::PayloadType { payload_type: Some(100) }));
    let long = RtpPacket::new(96, vec![0; 1200]);
    assert!(matches!(a.write_rtp(at(0), first, &long), Err(WriteError::TooLong { max: 1200, .. })));
    a.set_sender_active(first, false).unwrap();
    assert_eq!(a.write(at(0), first, &vp8_frame(0, true, 10)), Err(WriteError::Inactive));
}

#[test]
fn what_is_held_by_a_pacer_waits_and_sound_does_not() {
    let mut pair = Pair::new([session(1, config()), session(2, config())], ms(5));
    let video = pair.ends[0].add_sender(video_sender()).unwrap();
    let audio = pair.ends[0].add_sender(audio_sender()).unwrap();
    pair.ends[0].hold_media(true);
    pair.write(0, video, &vp8_frame(0, true, 3000));
    pair.write(0, audio, &opus_frame(0));
    pair.run_for(ms(10));
    let types: Vec<_> =
        pair.rtp_sent(0).iter().map(|bytes| Packet::parse(bytes).unwrap().payload_type).collect();
    assert_eq!((types, pair.ends[0].queued_packets()), (vec![111], 3));
    pair.ends[0].hold_media(false);
    pair.run_for(ms(1));
    assert_eq!((pair.rtp_sent(0).len(), pair.ends[0].queued_packets()), (4, 0));
}

#[test]
fn forwarded_packets_of_several_sources_look_like_one_stream() {
    // Two publishers' encodings, an SFU that receives packets, one viewer.
    let mut publisher = Pair::new([session(1, config()), session(2, config())], ms(5));
    let rid = |rid: &str| SenderConfig { rid: Some(rid.into()), ..video_sender() };
    let senders = ["lo", "hi"].map(|name| publisher.ends[0].add_sender(rid(name)).unwrap());
    let incoming = publisher.ends[1]
        .add_receiver(ReceiverConfig { delivery: Delivery::Packets, ..video_receiver() })
        .unwrap();
    let (mut viewer, outgoing, receiver) = video_pair(ms(5));
    let (mut chosen, mut read) = (None, Vec::new());
    for number in 0..90 {
        // The layer changes at a key frame in the middle.
        let key = number == 0 || number == 45;
        for sender in senders {
            publisher.write(0, sender, &vp8_frame(number, key, 2500));
        }
        publisher.run_for(ms(33));
        let wanted = if number < 45 { "lo" } else { "hi" };
        while let Some(packet) = publisher.ends[1].recv_rtp(incoming) {
            let source = packet.source.unwrap();
            let is_wanted = publisher.ends[1].source_rid(source) == Some(wanted);
            if is_wanted && (chosen == Some(source) || packet.keyframe) {
                chosen = Some(source);
                viewer.ends[0].write_rtp(viewer.now, outgoing, &packet).unwrap();
            }
        }
        viewer.run_for(ms(33));
        read.extend(viewer.read(1, receiver));
    }
    assert_eq!(read.iter().map(frame_number).collect::<Vec<_>>(), (0..90).collect::<Vec<_>>());
    assert!(read.iter().all(|frame| frame.contiguous));
    let sent = viewer.rtp_sent(0);
    let packets: Vec<_> = sent.iter().map(|bytes| Packet::parse(bytes).unwrap()).collect();
    assert!(packets.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.next()));
    let ids: Vec<_> = packets
        .iter()
        .map(|p| antiphon::codec::vp8::Descriptor::parse(p.payload()).unwrap().0.picture_id.unwrap().value())
        .collect();
    assert!(ids.windows(2).all(|pair| (pair[1].wrapping_sub(pair[0]) & 0x7fff) <= 1), "{ids:?}");
}

#[test]
fn each_packet_of_a_frame_with_a_dependency_descriptor_says_where_it_stands() {
    // One template that depends on nothing and a structure of it, short and long; one that refers to it; one that departs from it.
    let key = vec![0xc0, 0, 7, 0x80, 0, 0xe0];
    let long = [&key[..], &[0; 20]].concat();
    let departs = vec![0xc0, 0, 9, 0x12, 0];
    for descriptor in [key, long, vec![0xc0, 0, 8], departs] {
        let given = DependencyDescriptor::parse(&descriptor).unwrap();
        for len in [100, 3000] {
            let (mut pair, sender, _) = video_pair(ms(5));
            let frame =
                Frame { dependency_descriptor: Some(descriptor.clone().into()), ..vp8_frame(0, true, len) };
            pair.write(0, sender, &frame);
            pair.run_for(ms(50));
            let sent = pair.rtp_sent(0);
            let said: Vec<_> = sent.iter().map(|bytes| descriptor_of(bytes)).collect();
            let read: Vec<_> = said.iter().map(|its| DependencyDescriptor::parse(its).unwrap()).collect();
            assert_eq!(read.len(), if len == 100 { 1 } else { 3 });
            for (place, its) in read.iter().enumerate() {
                assert_eq!((its.start_of_frame, its.end_of_frame), (place == 0, place + 1 == read.len()));
                assert_eq!((its.template_id, its.frame_number), (given.template_id, given.frame_number));
                // The structure comes with the first packet and no other.
                assert_eq!(its.structure, given.structure.clone().filter(|_| place == 0));
            }
            let structure = DependencyDescriptor::parse(&[0xc0, 0, 7, 0x80, 0, 0xe0]).unwrap().structure;
            let depends = |its: &DependencyDescriptor<'_>| its.frame(structure.as_ref()).unwrap().0;
            assert!(read.iter().all(|its| depends(its) == depends(&given)), "all say the same of the frame");
        }
    }
}

/// The dependency descriptor of a packet.
fn descriptor_of(packet: &[u8]) -> Vec<u8> {
    let values = extensions().read(&Packet::parse(packet).unwrap());
    values.dependency_descriptor.expect("every packet of the frame has one").to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    // Whatever is lost, reordered or repeated on the way: frames come in order, whole, each at most once, and the stream goes on.
    #[test]
    fn frames_are_whole_and_in_order_over_any_network(
        seed: u64, loss in 0_u64..30, jitter in 0_u64..80, size in 10_usize..6000,
    ) {
        let (mut pair, sender, receiver) = video_pair(ms(20));
        pair.fate[0] = lossy(seed, loss, ms(20), jitter);
        pair.fate[1] = lossy(seed ^ 1, loss / 2, ms(20), jitter);
        let (mut read, mut wants_key) = (Vec::new(), true);
        for number in 0..120_u32 {
            wants_key |= pair.events[0].drain(..).any(|event| matches!(event, Event::KeyframeRequested(..)));
            pair.write(0, sender, &vp8_frame(number, core::mem::take(&mut wants_key), size));
            pair.run_for(ms(33));
            read.extend(pair.read(1, receiver));
        }
        // The network heals.
        for side in 0..2 {
            pair.fate[side] = lossy(0, 0, ms(20), 0);
        }
        for number in 120..200_u32 {
            wants_key |= pair.events[0].drain(..).any(|event| matches!(event, Event::KeyframeRequested(..)));
            pair.write(0, sender, &vp8_frame(number, core::mem::take(&mut wants_key), size));
            pair.run_for(ms(33));
            read.extend(pair.read(1, receiver));
        }
        let numbers: Vec<_> = read.iter().map(frame_number).collect();
        prop_assert!(numbers.is_sorted_by(|a, b| a < b));
        for (index, frame) in read.iter().enumerate() {
            let number = numbers[index];
            prop_assert_eq!(&frame.data, &vp8_frame(number, frame.keyframe, size).data);
            let follows = index > 0 && number == numbers[index - 1] + 1;
            prop_assert!(frame.keyframe || follows, "frame {} after {:?} cannot be decoded", number, &numbers[..index].last());
        }
        prop_assert!(numbers.ends_with(&(170..199).collect::<Vec<_>>()) || numbers.ends_with(&(170..200).collect::<Vec<_>>()), "{:?}", numbers);
    }

    #[test]
    fn arbitrary_packets_do_no_harm(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..40)) {
        let (mut pair, sender, receiver) = video_pair(ms(5));
        pair.write(0, sender, &vp8_frame(0, true, 100));
        pair.run_for(ms(20));
        for (index, mut packet) in packets.into_iter().enumerate() {
            if let Some(first) = packet.first_mut() {
                *first = 0x80 | *first & 0x3f;
            }
            let bytes = Bytes::from(packet);
            let input = if index % 2 == 0 { Input::Rtp(bytes) } else { Input::Rtcp(bytes) };
            pair.ends[index / 2 % 2].handle_input(pair.now, input);
            pair.run_for(ms(1));
        }
        pair.read(1, receiver);
    }
}

#[test]
fn feedback_is_reported_once_until_it_is_taken() {
    let (mut pair, sender, receiver) = video_pair(ms(5));
    for number in 0..20 {
        pair.write(0, sender, &vp8_frame(number, number == 0, 100));
        pair.run_for(ms(33));
        pair.read(1, receiver);
    }
    let told = |pair: &Pair| pair.events[0].iter().filter(|event| **event == Event::Feedback).count();
    assert_eq!(told(&pair), 1);
    while pair.ends[0].take_feedback().is_some() {}
    pair.write(0, sender, &vp8_frame(20, false, 100));
    pair.run_for(ms(500));
    assert_eq!(told(&pair), 2);
}

#[test]
fn many_streams_and_a_small_mtu_are_reported_on_in_several_datagrams() {
    let small = || Config { mtu: 256, cname: "n".repeat(128), ..config() };
    let mut pair = Pair::new([session(1, small()), session(2, small())], ms(5));
    let streams: Vec<_> = (0..40)
        .map(|n| {
            let mid = Some(format!("{n}"));
            let sender =
                pair.ends[0].add_sender(SenderConfig { mid: mid.clone(), ..audio_sender() }).unwrap();
            pair.ends[1].add_receiver(ReceiverConfig { mid, ..audio_receiver() }).unwrap();
            sender
        })
        .collect();
    for number in 0..300 {
        for sender in &streams {
            pair.write(0, *sender, &opus_frame(number));
        }
        pair.run_for(ms(20));
    }
    for sender in streams {
        let remote = pair.ends[0].sender_stats(sender).unwrap().remote.expect("it was reported on");
        assert!(remote.reports_received >= 2 && remote.round_trip_time.is_some(), "{remote:?}");
    }
    assert!(pair.sent.iter().flatten().all(|bytes| bytes.len() <= 256));
}

#[test]
fn n46_feedback_on_what_was_never_sent_or_told_before_tells_nothing() {
    let (mut pair, sender, _) = video_pair(ms(5));
    let tell = |pair: &mut Pair, base: u16, count: usize| {
        let mut buf = [0; 300];
        let mut writer = CompoundWriter::new(&mut buf);
        let header = FeedbackHeader { base: Seq16(base), ..FeedbackHeader::default() };
        writer.transport_feedback(&header, &vec![PacketStatus::Received { delta: 4 }; count]).unwrap();
        let len = writer.finish();
        pair.ends[0].handle_input(pair.now, Input::Rtcp(Bytes::copy_from_slice(&buf[..len])));
        core::iter::from_fn(|| pair.ends[0].take_feedback()).count()
    };
    pair.write(0, sender, &vp8_frame(0, true, 100));
    pair.drain();
    assert_eq!(tell(&mut pair, 1, 100), 0);
    assert_eq!(tell(&mut pair, 40_000, 100), 0);
    assert_eq!(tell(&mut pair, 0, 1), 2);
    assert_eq!(tell(&mut pair, 0, 1), 0);
    assert_eq!(pair.ends[0].stats().transport_feedback.unknown, 200);
    assert_eq!(pair.ends[0].stats().transport_feedback.repeated, 1);
}

#[test]
fn departures_are_told_of_packets_that_count_on_the_transport() {
    let (mut pair, sender, _) = video_pair(ms(5));
    let mut buf = [0; MTU];
    let (mut numbers, mut control) = (Vec::new(), 0);
    pair.write(0, sender, &vp8_frame(0, true, 3000));
    while let Output::Transmit(transmit) = pair.ends[0].poll_output(pair.now, &mut buf) {
        match pair.ends[0].take_departure() {
            Some(departure) => {
                assert_eq!(departure.len, transmit.len);
                numbers.push(departure.number);
            }
            None => control += 1,
        }
    }
    assert!(numbers.len() == 3 && numbers.is_sorted() && control == 1, "{numbers:?} {control}");
}

#[test]
fn h264_is_cut_as_its_payload_type_says() {
    use antiphon::codec::h264::PacketizationMode;
    let payload =
        |payload_type, h264_mode| Payload { h264_mode, ..Payload::codec(payload_type, CodecKind::H264) };
    let payloads =
        vec![payload(102, PacketizationMode::NonInterleaved), payload(103, PacketizationMode::SingleNal)];
    let mut a = session(1, config());
    let sender = a.add_sender(SenderConfig { payloads, ..SenderConfig::new(MediaKind::Video) }).unwrap();
    let mut access_unit = vec![0, 0, 0, 1, 0x65, 0x88];
    access_unit.resize(3000, 0x77);
    let frame =
        |payload_type| Frame { payload_type: Some(payload_type), ..Frame::new(access_unit.clone(), 0) };
    a.write(at(0), sender, &frame(102)).unwrap();
    assert!(matches!(a.write(at(0), sender, &frame(103)), Err(WriteError::TooLong { .. })));
    let mut buf = [0; MTU];
    let Output::Transmit(transmit) = a.poll_output(at(0), &mut buf) else { panic!("nothing sent") };
    let packet = Packet::parse(&buf[..transmit.len]).unwrap();
    assert_eq!((packet.payload_type, packet.payload()[0] & 0x1f), (102, 28));
}

/// What was not read is dropped at some time, and pictures cannot go on without a key frame then. It is asked for once; it waits then to be read,
/// and as long as it does no other is needed.
#[test]
fn pictures_that_nobody_reads_make_a_key_frame_wanted() {
    let (mut pair, sender, receiver) = video_pair(ms(5));
    let mut asked = Vec::new();
    let mut wants_key = true;
    for number in 0..700 {
        let key = core::mem::take(&mut wants_key);
        pair.write(0, sender, &vp8_frame(number, key, 300));
        pair.run_for(ms(33));
        if pair.events[0].drain(..).any(|event| matches!(event, Event::KeyframeRequested(..))) {
            asked.push(number);
            wants_key = true;
        }
    }
    assert!((1..=4).contains(&asked.len()), "one for each time the queue is full: {asked:?}");
    assert!((255..260).contains(&asked[0]), "when the first frame is dropped: {asked:?}");
    let read = pair.read(1, receiver);
    assert!(!read[0].contiguous && read.iter().any(|frame| frame.keyframe));
    let source = pair.ends[1].sources(receiver).next().unwrap();
    assert_eq!(pair.ends[1].source_stats(source).unwrap().frames_dropped, 700 - 256);
    // Sound needs none.
    let mut pair = Pair::new([session(1, config()), session(2, config())], ms(5));
    let sender = pair.ends[0].add_sender(audio_sender()).unwrap();
    pair.ends[1].add_receiver(audio_receiver()).unwrap();
    for number in 0..300 {
        pair.write(0, sender, &opus_frame(number));
        pair.run_for(ms(20));
    }
    assert!(!pair.events[0].iter().any(|event| matches!(event, Event::KeyframeRequested(..))));
}

/// Every source that has been sent from leaves, those of repetitions too, however many datagrams that takes (RFC 3550 §6.6).
#[test]
fn all_of_many_senders_say_goodbye() {
    for (mtu, cname) in [(1200, "someone".to_owned()), (256, "n".repeat(128))] {
        let mut a = session(1, Config { mtu, cname, ..config() });
        let mut sources = Vec::new();
        for n in 0..40 {
            let sender = a.add_sender(SenderConfig { mid: Some(n.to_string()), ..video_sender() }).unwrap();
            let (ssrc, rtx_ssrc) = a.sender_ssrcs(sender).unwrap();
            sources.extend([ssrc, rtx_ssrc.unwrap()]);
            a.write(START, sender, &vp8_frame(0, true, 50)).unwrap();
        }
        let mut buf = vec![0; mtu];
        while !matches!(a.poll_output(START, &mut buf), Output::Wait(_)) {}
        // Of one that has sent nothing there is nothing to say.
        a.add_sender(SenderConfig { mid: Some("silent".into()), ..video_sender() }).unwrap();
        a.close();
        let mut left = Vec::new();
        loop {
            match a.poll_output(START, &mut buf) {
                Output::Transmit(transmit) => {
                    let packets: Vec<_> = Compound::new(&buf[..transmit.len]).map(Result::unwrap).collect();
                    assert!(
                        matches!(packets[0], Rtcp::ReceiverReport(_)),
                        "a compound packet begins with one"
                    );
                    for packet in packets {
                        if let Rtcp::Goodbye(goodbye) = packet {
                            left.extend(goodbye.ssrcs());
                        }
                    }
                }
                Output::Event(event) => break assert_eq!(event, Event::Closed),
                Output::Wait(_) => panic!("it has not closed"),
            }
        }
        sources.sort_unstable();
        left.sort_unstable();
        assert_eq!(left, sources);
        assert_eq!(a.poll_output(at(1), &mut buf), Output::Wait(None));
    }
}

/// Whatever a caller says of times and rates, it is taken for the most there is.
#[test]
fn times_and_rates_at_their_ends_are_no_trouble() {
    let extreme = || Config {
        bandwidth: Bitrate::from_bps(u64::MAX),
        reorder_wait: Duration::MAX,
        repair_wait: Duration::MAX,
        history: Duration::MAX,
        ..config()
    };
    for unix_time in [Duration::ZERO, Duration::MAX] {
        let ends = [1, 2].map(|seed| Session::new(START, unix_time, rng(seed), extreme()).unwrap());
        let mut pair = Pair::new(ends, ms(20));
        pair.fate[0] = lossy(5, 10, ms(20), 0);
        let sender = pair.ends[0].add_sender(video_sender()).unwrap();
        let receiver = pair.ends[1].add_receiver(video_receiver()).unwrap();
        pair.ends.iter_mut().for_each(|end| end.set_round_trip(Duration::MAX));
        stream(&mut pair, sender, receiver, 100);
        pair.ends[0].set_unix_time(pair.now, Duration::MAX);
        stream(&mut pair, sender, receiver, 100);
        pair.ends[0].ntp(pair.now + Duration::MAX);
    }
}
