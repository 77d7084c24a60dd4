//! A session that gets arbitrary packets and calls: it neither panics nor says more than it was told.
#![no_main]

use antiphon::codec::{CodecKind, MediaKind};
use antiphon::rtp::{
    Config, Delivery, Event, Frame, Input, KeyframeRequest, Payload, ReceiverConfig, RtpPacket, SenderConfig,
    Session,
};
use antiphon::wire::rtp::{ExtensionKind, ExtensionMap};
use antiphon::{Instant, Output, Rng, Seed};
use bytes::Bytes;
use core::time::Duration;
use libfuzzer_sys::fuzz_target;

fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for (id, kind) in (1..).filter(|id| *id != 15).zip(ExtensionKind::ALL) {
        map.insert(id, *kind).unwrap();
    }
    map
}

fuzz_target!(|data: &[u8]| {
    let mut now = Instant::from_nanos(1_000_000_000);
    let config = Config {
        extensions: extensions(),
        transport_feedback: true,
        reduced_size: data.len() % 2 == 0,
        receiver_round_trips: true,
        ..Config::new("name")
    };
    let rng = Rng::new(&Seed::from_bytes([3; 32]));
    let mut session = Session::new(now, Duration::from_secs(1_790_000_000), rng, config).unwrap();
    let video = vec![
        Payload::codec(96, CodecKind::Vp8),
        Payload::rtx(97, 96, 90_000),
        Payload::codec(98, CodecKind::H264),
        Payload::codec(99, CodecKind::Av1),
        Payload::codec(100, CodecKind::Vp9),
    ];
    let sender = session
        .add_sender(SenderConfig {
            mid: Some("v".into()),
            ssrc: Some(1),
            rtx_ssrc: Some(2),
            payloads: video.clone(),
            extensions: extensions(),
            ..SenderConfig::new(MediaKind::Video)
        })
        .unwrap();
    let receivers = [
        ("v", video, Delivery::Frames),
        ("a", vec![Payload::codec(111, CodecKind::Opus)], Delivery::Packets),
    ]
    .map(|(mid, payloads, delivery)| {
        let config = ReceiverConfig {
            mid: Some(mid.into()),
            payloads,
            delivery,
            ..ReceiverConfig::new(MediaKind::Video)
        };
        session.add_receiver(config).unwrap()
    });
    let (mut rest, mut source, mut buf) = (data, None, [0; 1200]);
    while let Some((&[what, len], after)) = rest.split_first_chunk() {
        let (bytes, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        let bytes = Bytes::copy_from_slice(bytes);
        match what % 8 {
            0..=2 => session.handle_input(now, Input::Rtp(bytes)),
            3 | 4 => session.handle_input(now, Input::Rtcp(bytes)),
            5 => drop(session.write(now, sender, &Frame::new(bytes, u32::from(what) * 3000))),
            6 => {
                let packet = RtpPacket { ssrc: u32::from(len), ..RtpPacket::new(96 + what % 5, bytes) };
                let _ = session.write_rtp(now, sender, &packet);
            }
            _ => {
                now = now + Duration::from_millis(u64::from(len) * 8);
                let _ = source.map(|source| session.request_keyframe(now, source, KeyframeRequest::Fir));
            }
        }
        for round in 0.. {
            assert!(round < 10_000, "draining does not end");
            match session.poll_output(now, &mut buf) {
                Output::Event(Event::Source(_, id)) => source = Some(id),
                Output::Event(_) => {}
                Output::Transmit(transmit) => assert!(transmit.len > 0 && transmit.len <= 1200),
                Output::Wait(deadline) => {
                    assert!(deadline.is_none_or(|at| at > now));
                    break;
                }
            }
        }
        for receiver in receivers {
            while session.recv(receiver).is_some() {}
            while session.recv_rtp(receiver).is_some() {}
        }
        while session.take_feedback().is_some() {}
    }
});
