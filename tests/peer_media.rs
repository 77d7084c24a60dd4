//! Audio and video between two whole connections in virtual time: negotiated, sent, repaired, forwarded, stopped.
#![expect(
    clippy::unwrap_used,
    clippy::similar_names,
    clippy::disallowed_types,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails where it stands, and picks what it wants"
)]

mod pair;

use antiphon::codec::MediaKind;
use antiphon::peer::{Encoding, TransceiverId, TransceiverInit};
use antiphon::rtp::{Delivery, Frame, KeyframeRequest};
use antiphon::sdp::Direction;
use antiphon::{Config, ConnectionState, DataChannelInit, Event, Output};
use bytes::Bytes;
use pair::{Pair, ms};

/// A VP8 frame: the first bit of the first byte is clear in a key frame, which then has a start code and a size (RFC 6386 §9.1).
fn picture(key: bool, len: usize, salt: u8) -> Bytes {
    let mut data = vec![salt; len];
    data[0] = if key { 0x10 } else { 0x11 };
    if key {
        data[3..10].copy_from_slice(&[0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]);
    }
    data.into()
}

/// The track that the peer of an end sends.
fn tracks(pair: &Pair, end: usize) -> Vec<TransceiverId> {
    let track = |event: &Event| match event {
        Event::Track(id) => Some(*id),
        _ => None,
    };
    pair.ends[end].events.iter().filter_map(|(_, event)| track(event)).collect()
}

fn both_connected(pair: &Pair) -> bool {
    pair.ends.iter().all(|end| end.pc.connection_state() == ConnectionState::Connected)
}

/// End 0 has a transceiver of that kind, and offer and answer are done; the ids at both ends.
fn call(pair: &mut Pair, kind: MediaKind, init: TransceiverInit) -> [TransceiverId; 2] {
    let ours = pair.ends[0].pc.add_transceiver(kind, init).unwrap();
    pair.negotiate();
    assert!(pair.run_until(ms(3000), |pair| both_connected(pair)));
    let theirs = *tracks(pair, 1).last().unwrap();
    [ours, theirs]
}

fn frames(pair: &mut Pair, end: usize, id: TransceiverId) -> Vec<Frame> {
    let mut receiver = pair.ends[end].pc.receiver(id).unwrap();
    core::iter::from_fn(|| receiver.recv()).collect()
}

#[test]
fn a_frame_written_at_one_end_is_the_frame_read_at_the_other() {
    let mut pair = Pair::default_pair();
    let [ours, theirs] = call(&mut pair, MediaKind::Video, TransceiverInit::default());
    let written: Vec<Bytes> = (0..30).map(|n| picture(n == 0, 500 + 1000 * usize::from(n % 7), n)).collect();
    for (n, data) in (0..).zip(&written) {
        let now = pair.now;
        pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(data.clone(), n * 3000)).unwrap();
        pair.drain(0);
        pair.run_for(ms(33));
    }
    pair.run_for(ms(200));
    assert!(pair.ends[1].saw(&Event::MediaReadable(theirs)));
    let read = frames(&mut pair, 1, theirs);
    assert_eq!(read.iter().map(|frame| frame.data.clone()).collect::<Vec<_>>(), written);
    assert!(read[0].keyframe && !read[1].keyframe && read.iter().all(|frame| frame.contiguous));
    let steps: Vec<u32> =
        read.windows(2).map(|two| two[1].timestamp.wrapping_sub(two[0].timestamp)).collect();
    assert!(steps.iter().all(|step| *step == 3000), "{steps:?}");
}

#[test]
fn frames_carry_the_time_of_their_capture_once_the_sender_has_reported() {
    let mut pair = Pair::default_pair();
    let [ours, theirs] = call(&mut pair, MediaKind::Audio, TransceiverInit::default());
    let mut read = Vec::new();
    let mut sent_at = Vec::new();
    for n in 0..600_u32 {
        let now = pair.now;
        sent_at.push(pair.ends[0].pc.unix_time(now));
        pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(&[0xfc, 1, 2][..], n * 960)).unwrap();
        pair.drain(0);
        pair.run_for(ms(20));
        read.extend(frames(&mut pair, 1, theirs));
    }
    let last = read.last().unwrap();
    let captured = last.capture_time.expect("a report has come in twelve seconds").to_unix();
    let sent = sent_at[read.len() - 1];
    let off = captured.abs_diff(sent);
    assert!(off < ms(1), "captured at {captured:?}, written at {sent:?}");
}

#[test]
fn sound_and_pictures_go_both_ways_beside_data() {
    let mut pair = Pair::default_pair();
    let chat = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    let audio = pair.ends[0].pc.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let video = pair.ends[0].pc.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    // The answerer's tracks take the transceivers that the offer makes.
    let offer = pair.ends[0].pc.create_offer(&antiphon::OfferOptions::default()).unwrap();
    pair.ends[0].pc.set_local_description(Some(offer)).unwrap();
    let offer = pair.ends[0].pc.local_description().unwrap().to_sdp();
    pair.ends[1].pc.set_remote_description(antiphon::SessionDescription::offer(&offer).unwrap()).unwrap();
    let theirs =
        [MediaKind::Audio, MediaKind::Video].map(|kind| pair.ends[1].pc.add_track(kind, Vec::new()).unwrap());
    assert_eq!(pair.ends[1].pc.transceivers(), theirs, "no third and fourth was made");
    pair.ends[1].pc.set_local_description(None).unwrap();
    let answer = pair.ends[1].pc.local_description().unwrap().to_sdp();
    pair.ends[0].pc.set_remote_description(antiphon::SessionDescription::answer(&answer).unwrap()).unwrap();
    pair.wake();
    assert!(pair.run_until(ms(3000), |pair| both_connected(pair)));
    let ids = [[audio, video], theirs];
    for (end, ids) in ids.iter().enumerate() {
        let now = pair.now;
        let pc = &mut pair.ends[end].pc;
        pc.sender(ids[0]).unwrap().write(now, &Frame::new(&[0xfc, 9][..], 0)).unwrap();
        pc.sender(ids[1]).unwrap().write(now, &Frame::new(picture(true, 3000, 7), 0)).unwrap();
        assert_eq!(pc.transceiver(ids[0]).unwrap().current_direction(), Some(Direction::SendRecv));
    }
    pair.wake();
    pair.run_for(ms(300));
    for (end, ids) in ids.iter().enumerate() {
        assert_eq!(frames(&mut pair, end, ids[0])[0].data, &[0xfc, 9][..]);
        assert_eq!(frames(&mut pair, end, ids[1])[0].data, picture(true, 3000, 7));
    }
    assert!(pair.ends[0].saw(&Event::DataChannelOpen(chat)));
}

#[test]
fn video_is_added_to_a_connection_of_data_and_taken_away_again() {
    let mut pair = Pair::default_pair();
    let chat = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    pair.negotiate();
    assert!(pair.run_until(ms(3000), |pair| pair.ends[0].saw(&Event::DataChannelOpen(chat))));
    let [ours, theirs] = call(&mut pair, MediaKind::Video, TransceiverInit::default());
    let now = pair.now;
    pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(picture(true, 900, 1), 0)).unwrap();
    pair.drain(0);
    pair.run_for(ms(200));
    assert_eq!(frames(&mut pair, 1, theirs).len(), 1);

    pair.ends[0].pc.transceiver(ours).unwrap().set_direction(Direction::Inactive).unwrap();
    pair.drain(0);
    assert!(pair.ends[0].saw(&Event::NegotiationNeeded));
    pair.negotiate();
    assert!(pair.ends[1].saw(&Event::TrackMuted(theirs)));
    let now = pair.now;
    let refused = pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(picture(true, 900, 2), 3000));
    assert_eq!(refused, Err(antiphon::peer::WriteError::NotNegotiated));

    // Again, and the numbering goes on: the peer's replay window would refuse a second beginning.
    pair.ends[0].pc.transceiver(ours).unwrap().set_direction(Direction::SendRecv).unwrap();
    pair.negotiate();
    let now = pair.now;
    pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(picture(true, 900, 3), 6000)).unwrap();
    pair.drain(0);
    pair.run_for(ms(200));
    assert_eq!(frames(&mut pair, 1, theirs)[0].data, picture(true, 900, 3));

    pair.ends[0].pc.transceiver(ours).unwrap().stop().unwrap();
    pair.negotiate();
    assert!(pair.ends[1].saw(&Event::TrackEnded(theirs)));
    assert!(pair.ends[1].pc.receiver(theirs).is_none() && pair.ends[0].pc.transceivers().is_empty());
    assert_eq!(pair.ends[0].pc.data_channel(chat).unwrap().ready_state(), antiphon::DataChannelState::Open);
}

#[test]
fn lost_packets_are_asked_for_and_repeated() {
    let mut pair = Pair::default_pair();
    let [ours, theirs] = call(&mut pair, MediaKind::Video, TransceiverInit::default());
    let mut seen = 0;
    // Every eleventh packet of media is lost; what is sent again has another source.
    pair.filter = Box::new(move |end, bytes| {
        let is_media = end == 0 && (128..=191).contains(&bytes[0]) && !(192..=223).contains(&bytes[1]);
        seen += u32::from(is_media);
        !(is_media && seen % 11 == 0)
    });
    let mut read = Vec::new();
    for n in 0..100_u32 {
        let now = pair.now;
        let data = picture(n == 0, 4000, u8::try_from(n).unwrap());
        pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(data, n * 3000)).unwrap();
        pair.drain(0);
        pair.run_for(ms(33));
        read.extend(frames(&mut pair, 1, theirs));
    }
    pair.run_for(ms(1000));
    read.extend(frames(&mut pair, 1, theirs));
    assert_eq!(read.len(), 100);
    assert!(read.iter().all(|frame| frame.contiguous && frame.data.len() == 4000));
    let now = pair.now;
    let sent = pair.ends[0].pc.stats(now).outbound_rtp[0].stats.clone();
    assert!(sent.retransmitted_packets_sent >= 30 && sent.nack_count > 0, "{sent:?}");
    assert!(sent.remote.unwrap().round_trip_time.is_some_and(|rtt| rtt.abs_diff(ms(100)) < ms(2)));
}

#[test]
fn a_key_frame_is_asked_for_when_frames_cannot_go_on() {
    let mut pair = Pair::default_pair();
    let [ours, theirs] = call(&mut pair, MediaKind::Video, TransceiverInit::default());
    let now = pair.now;
    pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(picture(true, 400, 0), 0)).unwrap();
    pair.drain(0);
    pair.run_for(ms(200));
    // The next frames vanish, and so does all that is said about them, for two seconds.
    pair.filter = Box::new(|_, bytes| !(128..=191).contains(&bytes[0]));
    for n in 1..60 {
        let now = pair.now;
        pair.ends[0]
            .pc
            .sender(ours)
            .unwrap()
            .write(now, &Frame::new(picture(false, 400, 1), n * 3000))
            .unwrap();
        pair.drain(0);
        pair.run_for(ms(33));
    }
    pair.filter = Box::new(|_, _| true);
    for n in 60..120 {
        let now = pair.now;
        pair.ends[0]
            .pc
            .sender(ours)
            .unwrap()
            .write(now, &Frame::new(picture(false, 400, 2), n * 3000))
            .unwrap();
        pair.drain(0);
        pair.run_for(ms(33));
    }
    assert!(pair.ends[0].saw(&Event::KeyframeRequested(ours, None, KeyframeRequest::Pli)));
    frames(&mut pair, 1, theirs);
    let now = pair.now;
    pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(picture(true, 400, 3), 120 * 3000)).unwrap();
    pair.drain(0);
    pair.run_for(ms(1500));
    assert!(
        frames(&mut pair, 1, theirs).iter().any(|frame| frame.keyframe),
        "the stream goes on at the key frame"
    );
    pair.ends[1].pc.receiver(theirs).unwrap().request_keyframe(now, None, KeyframeRequest::Fir).unwrap();
    pair.drain(1);
    pair.run_for(ms(2000));
    assert!(pair.ends[0].saw(&Event::KeyframeRequested(ours, None, KeyframeRequest::Fir)));
}

#[test]
fn layers_of_simulcast_arrive_under_their_names() {
    let mut pair = Pair::default_pair();
    let send_encodings = ["q", "h", "f"].map(|rid| Encoding::named(rid).unwrap()).to_vec();
    let init =
        TransceiverInit { direction: Direction::SendOnly, send_encodings, ..TransceiverInit::default() };
    let [ours, theirs] = call(&mut pair, MediaKind::Video, init);
    pair.ends[1].pc.receiver(theirs).unwrap().set_delivery(Delivery::Packets);
    for n in 0..10 {
        let now = pair.now;
        for (salt, rid) in ["q", "h", "f"].into_iter().enumerate() {
            let frame = Frame::new(picture(n == 0, 600, u8::try_from(salt).unwrap()), n * 3000);
            pair.ends[0].pc.sender(ours).unwrap().write_layer(now, Some(rid), &frame).unwrap();
        }
        pair.drain(0);
        pair.run_for(ms(33));
    }
    pair.run_for(ms(100));
    let mut receiver = pair.ends[1].pc.receiver(theirs).unwrap();
    let packets: Vec<_> = core::iter::from_fn(|| receiver.recv_rtp()).collect();
    assert_eq!(packets.len(), 30);
    for (salt, rid) in ["q", "h", "f"].into_iter().enumerate() {
        let of: Vec<_> =
            packets.iter().filter(|its| receiver.rid(its.source.unwrap()) == Some(rid)).collect();
        assert_eq!(of.len(), 10, "{rid}");
        assert!(of.iter().all(|its| usize::from(*its.payload.last().unwrap()) == salt));
        assert!(of[0].keyframe);
    }
    // One layer is paused by its name, the others go on.
    let mut encodings = pair.ends[0].pc.sender(ours).unwrap().encodings();
    encodings[2].active = false;
    pair.ends[0].pc.sender(ours).unwrap().set_encodings(&encodings).unwrap();
    let now = pair.now;
    let mut sender = pair.ends[0].pc.sender(ours).unwrap();
    assert!(sender.write_layer(now, Some("f"), &Frame::new(picture(true, 600, 2), 30_000)).is_err());
    assert!(sender.write_layer(now, Some("q"), &Frame::new(picture(true, 600, 0), 30_000)).is_ok());
    assert_eq!(
        sender.write_layer(now, Some("x"), &Frame::new(picture(true, 600, 0), 30_000)),
        Err(antiphon::peer::WriteError::UnknownRid)
    );
}

#[test]
fn packets_are_forwarded_and_a_switch_of_layer_is_seamless() {
    let mut pair = Pair::default_pair();
    let send_encodings = ["q", "f"].map(|rid| Encoding::named(rid).unwrap()).to_vec();
    let init =
        TransceiverInit { direction: Direction::SendOnly, send_encodings, ..TransceiverInit::default() };
    let [published, received] = call(&mut pair, MediaKind::Video, init);
    let mut viewer = Pair::default_pair();
    let [forwarded, shown] = call(&mut viewer, MediaKind::Video, TransceiverInit::default());
    pair.ends[1].pc.receiver(received).unwrap().set_delivery(Delivery::Packets);
    let mut read = Vec::new();
    for n in 0..90_u32 {
        let now = pair.now;
        let key = n == 0 || n == 45;
        for (salt, rid) in [(1, "q"), (2, "f")] {
            let frame = Frame::new(picture(key, 2500, salt), n * 3000);
            pair.ends[0].pc.sender(published).unwrap().write_layer(now, Some(rid), &frame).unwrap();
        }
        pair.drain(0);
        pair.run_for(ms(33));
        let wanted = if n < 47 { "q" } else { "f" };
        let mut receiver = pair.ends[1].pc.receiver(received).unwrap();
        let packets: Vec<_> = core::iter::from_fn(|| receiver.recv_rtp()).collect();
        let of = |receiver: &antiphon::peer::Receiver<'_>, its: &antiphon::rtp::RtpPacket| {
            receiver.rid(its.source.unwrap()).map(str::to_owned)
        };
        for packet in packets {
            if of(&receiver, &packet).as_deref() == Some(wanted) {
                let now = viewer.now;
                viewer.ends[0].pc.sender(forwarded).unwrap().write_rtp(now, &packet).unwrap();
            }
        }
        viewer.drain(0);
        viewer.run_for(ms(33));
        read.extend(frames(&mut viewer, 1, shown));
    }
    viewer.run_for(ms(500));
    read.extend(frames(&mut viewer, 1, shown));
    assert!(read.len() >= 85, "{}", read.len());
    assert!(read.iter().all(|frame| frame.contiguous && frame.data.len() == 2500));
    let salts: Vec<u8> = read.iter().map(|frame| *frame.data.last().unwrap()).collect();
    assert!(salts.contains(&1) && salts.contains(&2));
    assert!(salts.is_sorted(), "one switch, and nothing of the other layer after it");
    let steps: Vec<u32> =
        read.windows(2).map(|two| two[1].timestamp.wrapping_sub(two[0].timestamp)).collect();
    assert!(steps.iter().all(|step| (1..30_000).contains(step)), "{steps:?}");
}

#[test]
fn packets_that_are_left_out_do_not_look_lost() {
    let mut pair = Pair::default_pair();
    let init = TransceiverInit { direction: Direction::SendOnly, ..TransceiverInit::default() };
    let [published, received] = call(&mut pair, MediaKind::Video, init);
    let mut viewer = Pair::default_pair();
    let [forwarded, shown] = call(&mut viewer, MediaKind::Video, TransceiverInit::default());
    pair.ends[1].pc.receiver(received).unwrap().set_delivery(Delivery::Packets);
    let mut read = Vec::new();
    for n in 0..60_u8 {
        let now = pair.now;
        let frame = Frame::new(picture(n == 0, 600, n % 2), u32::from(n) * 3000);
        pair.ends[0].pc.sender(published).unwrap().write(now, &frame).unwrap();
        pair.drain(0);
        pair.run_for(ms(33));
        let now = viewer.now;
        while let Some(packet) = pair.ends[1].pc.receiver(received).unwrap().recv_rtp() {
            let mut sender = viewer.ends[0].pc.sender(forwarded).unwrap();
            let upper = packet.payload.last() == Some(&1);
            let written = if upper { sender.skip_rtp(now, &packet) } else { sender.write_rtp(now, &packet) };
            written.unwrap();
        }
        viewer.drain(0);
        viewer.run_for(ms(33));
        read.extend(frames(&mut viewer, 1, shown));
    }
    viewer.run_for(ms(500));
    read.extend(frames(&mut viewer, 1, shown));
    assert_eq!(read.len(), 30, "{:?}", read.iter().map(|its| its.timestamp).collect::<Vec<_>>());
    assert!(read.iter().all(|frame| frame.contiguous && frame.data.last() == Some(&0)));
    let now = viewer.now;
    let stats = &viewer.ends[1].pc.stats(now).inbound_rtp[0].stats;
    assert_eq!((stats.packets_lost, stats.nack_count), (0, 0));
}

#[test]
fn forged_media_moves_one_counter_and_nothing_else() {
    let mut pair = Pair::default_pair();
    let [ours, theirs] = call(&mut pair, MediaKind::Video, TransceiverInit::default());
    let from = pair.ends[0].addr;
    for n in 0..2000_u32 {
        let mut packet = vec![0x80, 96, 0, 1, 0, 0, 0, 0];
        packet.extend(n.wrapping_mul(0x9e37_79b9).to_be_bytes());
        packet.extend([0; 60]);
        pair.inject(1, from, &packet);
    }
    let now = pair.now;
    let stats = pair.ends[1].pc.stats(now);
    assert_eq!(stats.srtp.unwrap().unauthenticated, 2000);
    assert_eq!(stats.rtp.unwrap().rtp_received, 0);
    assert!(stats.inbound_rtp.is_empty() && pair.ends[1].pc.receiver(theirs).unwrap().sources().is_empty());
    // From elsewhere it is not even looked at.
    pair.inject(1, "203.0.113.9:9".parse().unwrap(), &[0x80; 80]);
    assert_eq!(pair.ends[1].pc.stats(now).srtp.unwrap().unauthenticated, 2000);
    let now = pair.now;
    pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(picture(true, 300, 0), 0)).unwrap();
    pair.drain(0);
    pair.run_for(ms(200));
    assert_eq!(frames(&mut pair, 1, theirs).len(), 1);
}

#[test]
fn closing_says_bye_first_and_then_nothing() {
    let mut pair = Pair::default_pair();
    let [ours, _] = call(&mut pair, MediaKind::Audio, TransceiverInit::default());
    let now = pair.now;
    pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(&[0xfc, 1][..], 0)).unwrap();
    pair.drain(0);
    pair.run_for(ms(200));
    let kinds = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = std::rc::Rc::clone(&kinds);
    pair.filter = Box::new(move |end, bytes| {
        if end == 0 {
            log.borrow_mut().push(bytes[0]);
        }
        true
    });
    pair.ends[0].pc.close();
    pair.drain(0);
    let kinds = kinds.borrow();
    assert!((128..=191).contains(&kinds[0]), "RTCP first: {kinds:?}");
    assert!(kinds[1..].iter().all(|kind| (20..=63).contains(kind)), "then DTLS: {kinds:?}");
    let last = pair.ends[0].events.last().unwrap().1.clone();
    assert_eq!(last, Event::ConnectionStateChange(ConnectionState::Closed));
}

#[test]
fn media_is_refused_by_who_wants_none() {
    let none = Config::new().media(antiphon::peer::MediaCapabilities::none());
    let mut pair = Pair::new([&Config::new(), &none]);
    let chat = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    let video = pair.ends[0].pc.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    pair.negotiate();
    assert!(pair.run_until(ms(3000), |pair| pair.ends[0].saw(&Event::DataChannelOpen(chat))));
    // The offer makes a track (W3C §4.4.1.5), the answer ends it.
    for track in tracks(&pair, 1) {
        assert!(pair.ends[1].saw(&Event::TrackEnded(track)));
    }
    assert!(pair.ends[1].pc.transceivers().is_empty());
    assert!(!pair.ends[0].pc.sender(video).is_some_and(|sender| sender.can_write()));
}

/// Packets of one instant that are drawn in a row are those that come where all layers are asked again before each.
#[test]
fn what_is_drawn_in_a_row_is_what_is_drawn_with_questions_between() {
    let mut pair = Pair::default_pair();
    let chat = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    let [ours, _] = call(&mut pair, MediaKind::Video, TransceiverInit::default());
    assert!(pair.run_until(ms(3000), |pair| pair.ends[0].saw(&Event::DataChannelOpen(chat))));
    for n in 0..20_u32 {
        let now = pair.now;
        let pc = &mut pair.ends[0].pc;
        let frame = Frame::new(picture(n == 0, 9000, 7), n * 3000);
        pc.sender(ours).unwrap().write(now, &frame).unwrap();
        pc.data_channel(chat).unwrap().send(now, &pair::text("beside it")).unwrap();
        let mut other = pc.fork();
        let (mut buf, mut row, mut questioned) = ([0; 1500], Vec::new(), Vec::new());
        loop {
            match pc.poll_output(now, &mut buf) {
                Output::Transmit(transmit) => row.push(buf[..transmit.len].to_vec()),
                Output::Event(_) => {}
                Output::Wait(wait) => break pair.ends[0].wait = wait,
            }
        }
        loop {
            while let Output::Event(_) = other.poll_output(now, &mut []) {}
            match other.poll_output(now, &mut buf) {
                Output::Transmit(transmit) => questioned.push(buf[..transmit.len].to_vec()),
                Output::Event(_) => {}
                Output::Wait(wait) => break assert_eq!(wait, pair.ends[0].wait),
            }
        }
        assert!(row.len() >= 8, "{}", row.len());
        assert_eq!(row, questioned);
        pair.run_for(ms(33));
    }
}

/// An idle connection packs its descriptions, and negotiates by them all the same.
#[test]
fn descriptions_are_the_same_after_a_long_silence() {
    let mut pair = Pair::default_pair();
    let [ours, _] = call(&mut pair, MediaKind::Video, TransceiverInit::default());
    let texts = |pair: &Pair| -> Vec<String> {
        let of = |end: &pair::End| {
            [end.pc.current_local_description(), end.pc.current_remote_description()]
                .map(|description| description.unwrap().to_sdp())
        };
        pair.ends.iter().flat_map(of).collect()
    };
    let before = texts(&pair);
    pair.run_for(ms(10_000));
    pair.ends[0].pc.transceiver(ours).unwrap().set_direction(Direction::SendOnly).unwrap();
    pair.negotiate();
    pair.run_for(ms(10_000));
    let after = texts(&pair);
    assert!(before.iter().zip(&after).all(|(before, after)| before != after));
    pair.run_for(ms(10_000));
    assert_eq!(texts(&pair), after);
    assert_eq!(pair.ends[0].pc.transceiver(ours).unwrap().current_direction(), Some(Direction::SendOnly));
}

/// What the application says before offer and answer are there holds when they are, at either end.
#[test]
fn delivery_may_be_chosen_before_anything_is_negotiated() {
    let mut pair = Pair::default_pair();
    let ours = pair.ends[0].pc.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    pair.ends[0].pc.receiver(ours).unwrap().set_delivery(Delivery::Packets);
    let offer = pair.ends[0].offer();
    pair.ends[1].take(antiphon::SdpType::Offer, &offer).unwrap();
    let theirs = pair.ends[1].pc.add_track(MediaKind::Video, Vec::new()).unwrap();
    pair.ends[1].pc.receiver(theirs).unwrap().set_delivery(Delivery::Packets);
    pair.ends[1].pc.set_local_description(None).unwrap();
    let answer = pair.ends[1].pc.local_description().unwrap().to_sdp();
    pair.ends[0].take(antiphon::SdpType::Answer, &answer).unwrap();
    // One that comes later has its own, and the last word counts.
    let second = pair.ends[0].pc.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    pair.ends[0].pc.receiver(second).unwrap().set_delivery(Delivery::Packets);
    pair.ends[0].pc.receiver(second).unwrap().set_delivery(Delivery::Frames);
    pair.wake();
    assert!(pair.run_until(ms(3000), |pair| both_connected(pair)));
    for (end, id) in [(0, ours), (1, theirs)] {
        let now = pair.now;
        pair.ends[end].pc.sender(id).unwrap().write(now, &Frame::new(picture(true, 900, 1), 0)).unwrap();
    }
    pair.wake();
    pair.run_for(ms(300));
    for (end, id) in [(0, ours), (1, theirs)] {
        let mut receiver = pair.ends[end].pc.receiver(id).unwrap();
        assert!(receiver.recv().is_none(), "end {end}");
        assert!(receiver.recv_rtp().is_some_and(|packet| packet.keyframe), "end {end}");
    }
}

/// Once the goodbye has left, there is nothing left to protect with.
#[test]
fn n63_keys_of_media_go_when_the_connection_is_closed() {
    let mut pair = Pair::default_pair();
    let [ours, theirs] = call(&mut pair, MediaKind::Video, TransceiverInit::default());
    let mut last = Vec::new();
    for n in 0..3 {
        let now = pair.now;
        let frame = Frame::new(picture(n == 0, 600, 1), n * 3000);
        pair.ends[0].pc.sender(ours).unwrap().write(now, &frame).unwrap();
        pair.drain(0);
        pair.run_for(ms(33));
    }
    let log = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = std::rc::Rc::clone(&log);
    pair.filter = Box::new(move |end, bytes| {
        if end == 0 && (128..=191).contains(&bytes[0]) {
            seen.borrow_mut().push(bytes.clone());
        }
        true
    });
    let now = pair.now;
    pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(picture(true, 600, 2), 9000)).unwrap();
    pair.drain(0);
    last.append(&mut log.borrow_mut());
    pair.run_for(ms(100));
    let before = pair.ends.each_ref().map(|end| end.pc.stats(now).srtp.unwrap());
    assert!(before[0].rtp_protected >= 4 && before[1].rtp_unprotected >= 4);

    for (end, id) in [(0, ours), (1, theirs)] {
        pair.ends[end].pc.close();
        pair.drain(end);
        let pc = &mut pair.ends[end].pc;
        assert_eq!(pc.connection_state(), ConnectionState::Closed);
        // The counters stay as they were when the goodbye had been said.
        let stats = pc.stats(now);
        let srtp = stats.srtp.expect("what was counted is still told");
        assert!(stats.srtp_profile.is_some());
        assert_eq!(srtp.rtp_protected, before[end].rtp_protected);
        // There is nothing to write with, and that is said by its name.
        let mut sender = pc.sender(id).unwrap();
        assert!(!sender.can_write());
        let refused = sender.write(now, &Frame::new(picture(true, 600, 3), 12_000));
        let closed = antiphon::peer::WriteError::Refused(antiphon::rtp::WriteError::Closed);
        assert_eq!(refused, Err(if end == 0 { closed } else { antiphon::peer::WriteError::NotNegotiated }));
        assert_eq!(pc.poll_output(now, &mut [0; 1500]), Output::Wait(None));
    }
    // What arrives late changes nothing.
    let from = pair.ends[0].addr;
    for packet in &last {
        pair.inject(1, from, packet);
    }
    let after = pair.ends[1].pc.stats(now);
    assert_eq!(after.srtp.unwrap().rtp_unprotected, before[1].rtp_unprotected);
}

#[test]
fn a_wall_clock_at_its_end_stays_there() {
    let mut pair = Pair::default_pair();
    let [ours, theirs] = call(&mut pair, MediaKind::Video, TransceiverInit::default());
    let now = pair.now;
    pair.ends[0].pc.set_unix_time(now, core::time::Duration::MAX);
    pair.run_for(ms(1000));
    let now = pair.now;
    assert_eq!(pair.ends[0].pc.unix_time(now), core::time::Duration::MAX);
    pair.ends[0].pc.sender(ours).unwrap().write(now, &Frame::new(picture(true, 600, 2), 9000)).unwrap();
    pair.drain(0);
    pair.run_for(ms(100));
    assert_eq!(frames(&mut pair, 1, theirs).len(), 1);
}
