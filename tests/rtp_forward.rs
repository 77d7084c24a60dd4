//! A server between publishers and viewers: sources, layers and losses do not show in the stream that a viewer gets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod rtp_support;

use antiphon::base::serial::Seq16;
use antiphon::codec::{Layer, PacketizerOptions, vp8};
use antiphon::rtp::{
    Delivery, Event, Forwarder, Frame, KeyframeRequest, ReceiverConfig, ReceiverId, RtpPacket, SenderConfig,
    SenderId, SourceId, Verdict, WriteError,
};
use antiphon::wire::rtp::Packet;
use proptest::prelude::*;
use rtp_support::*;

/// One publisher with encodings of those names, a server, one viewer.
struct House {
    publisher: Pair,
    senders: Vec<SenderId>,
    incoming: ReceiverId,
    viewer: Pair,
    outgoing: SenderId,
    receiver: ReceiverId,
    forwarder: Forwarder,
    read: Vec<Frame>,
    number: u32,
    wants_key: Vec<bool>,
}

impl House {
    fn new(rids: &[&str]) -> Self {
        let mut publisher = Pair::new([session(1, config()), session(2, config())], ms(5));
        let senders = rids
            .iter()
            .map(|rid| {
                let packetizer = PacketizerOptions { layers: true, ..PacketizerOptions::default() };
                let config = SenderConfig { rid: Some((*rid).into()), packetizer, ..video_sender() };
                publisher.ends[0].add_sender(config).unwrap()
            })
            .collect();
        let config = ReceiverConfig { delivery: Delivery::Packets, ..video_receiver() };
        let incoming = publisher.ends[1].add_receiver(config).unwrap();
        let (viewer, outgoing, receiver) = video_pair(ms(5));
        let wants_key = vec![true; rids.len()];
        let (forwarder, read) = (Forwarder::new(), Vec::new());
        Self {
            publisher,
            senders,
            incoming,
            viewer,
            outgoing,
            receiver,
            forwarder,
            read,
            number: 0,
            wants_key,
        }
    }

    fn source(&self, rid: &str) -> Option<SourceId> {
        let server = &self.publisher.ends[1];
        server.sources(self.incoming).find(|source| server.source_rid(*source) == Some(rid))
    }

    /// One frame of every encoding, the second of each two in temporal layer 1, and what the server makes of it.
    fn step(&mut self) {
        for event in self.publisher.events[0].drain(..) {
            if let Event::KeyframeRequested(sender, _) = event {
                let at = self.senders.iter().position(|id| *id == sender).unwrap();
                self.wants_key[at] = true;
            }
        }
        for (sender, wants_key) in self.senders.iter().zip(&mut self.wants_key) {
            let upper = self.number % 2 == 1;
            let key = !upper && core::mem::take(wants_key);
            let layer = Layer { temporal: u8::from(upper), switching_up: upper, ..Layer::default() };
            let frame = Frame { layer, ..vp8_frame(self.number, key, 2500) };
            self.publisher.ends[0].write(self.publisher.now, *sender, &frame).unwrap();
        }
        self.number += 1;
        self.publisher.run_for(ms(33));
        let now = self.viewer.now;
        while let Some(packet) = self.publisher.ends[1].recv_rtp(self.incoming) {
            let viewer = &mut self.viewer.ends[0];
            let written = match self.forwarder.decide(&packet) {
                Verdict::Forward => viewer.write_rtp(now, self.outgoing, &packet),
                Verdict::Skip => viewer.skip_rtp(now, self.outgoing, &packet),
                Verdict::Ignore => Ok(()),
            };
            // What was lost from before the switch comes too late.
            assert!(matches!(written, Ok(()) | Err(WriteError::Stale { .. })), "{written:?}");
        }
        if let Some(source) = self.forwarder.wants_keyframe() {
            self.publisher.ends[1]
                .request_keyframe(self.publisher.now, source, KeyframeRequest::Pli)
                .unwrap();
        }
        self.viewer.run_for(ms(33));
        self.read.extend(self.viewer.read(1, self.receiver));
    }

    fn numbers(&self) -> Vec<u32> {
        self.read.iter().map(frame_number).collect()
    }

    /// Sequence numbers and picture ids of what the viewer was sent count without gaps.
    fn assert_seamless(&self) {
        let sent = self.viewer.rtp_sent(0);
        let packets: Vec<_> =
            sent.iter().map(|bytes| Packet::parse(bytes).unwrap()).filter(|p| p.payload_type == 96).collect();
        assert!(packets.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.next()));
        let pictures: Vec<_> =
            packets.iter().map(|p| vp8::Descriptor::parse(p.payload()).unwrap().0).collect();
        for pair in pictures.windows(2) {
            assert_eq!(pair.len(), 2);
            let step = |a: u16, b: u16| b.wrapping_sub(a) & 0x7fff;
            let ids = [pair[0], pair[1]].map(|d| d.picture_id.unwrap().value());
            assert_eq!(step(ids[0], ids[1]), u16::from(pair[1].start), "{pair:?}");
            let base = [pair[0], pair[1]].map(|d| d.tl0_pic_idx.unwrap());
            let rises = pair[1].start && pair[1].temporal == Some(0);
            assert_eq!(base[1].wrapping_sub(base[0]), u8::from(rises), "{pair:?}");
        }
    }
}

#[test]
fn the_chosen_layer_changes_without_a_seam_and_key_frames_are_asked_for_once() {
    let mut house = House::new(&["lo", "hi"]);
    for _ in 0..4 {
        house.step();
    }
    house.forwarder.select(house.source("lo"));
    for _ in 0..30 {
        house.step();
    }
    house.forwarder.select(house.source("hi"));
    for _ in 0..30 {
        house.step();
    }
    // The picture of the switch is sent in both layers.
    let mut numbers = house.numbers();
    let len = numbers.len();
    numbers.dedup();
    assert_eq!(numbers, (numbers[0]..64).collect::<Vec<_>>());
    assert_eq!(numbers.len() + 1, len);
    assert!(numbers[0] < 10 && house.read.iter().all(|frame| frame.contiguous));
    house.assert_seamless();
    for sender in &house.senders {
        assert_eq!(house.publisher.ends[0].sender_stats(*sender).unwrap().pli_count, 1);
    }
    // No viewer asked for anything again.
    assert_eq!(house.viewer.ends[0].sender_stats(house.outgoing).unwrap().nack_count, 0);
}

#[test]
fn temporal_layers_come_and_go_without_a_seam() {
    let mut house = House::new(&["one"]);
    house.step();
    house.forwarder.select(house.source("one"));
    for number in 0..60 {
        match number {
            20 => house.forwarder.limit_temporal(Some(0)),
            40 => house.forwarder.limit_temporal(None),
            _ => {}
        }
        house.step();
    }
    house.assert_seamless();
    let numbers = house.numbers();
    assert!(house.read.iter().all(|frame| frame.contiguous));
    let (low, full): (Vec<_>, Vec<_>) = numbers.into_iter().partition(|number| (21..41).contains(number));
    assert!(low.iter().all(|number| number % 2 == 0) && low.len() == 10, "{low:?}");
    assert!(full.len() > 30, "{full:?}");
    assert_eq!(house.viewer.ends[0].sender_stats(house.outgoing).unwrap().nack_count, 0);
}

#[test]
fn the_clock_of_a_forwarded_stream_goes_on_over_a_switch() {
    let (mut viewer, outgoing, _) = video_pair(ms(5));
    let packet = |ssrc, sequence, timestamp| RtpPacket {
        ssrc,
        sequence: Seq16(sequence),
        timestamp,
        marker: true,
        ..RtpPacket::new(96, &[0x10, 0, 0, 0][..])
    };
    viewer.ends[0].write_rtp(viewer.now, outgoing, &packet(1, 5, 1000)).unwrap();
    viewer.run_for(ms(100));
    viewer.ends[0].write_rtp(viewer.now, outgoing, &packet(2, 900, 77)).unwrap();
    assert_eq!(
        viewer.ends[0].write_rtp(viewer.now, outgoing, &packet(2, 899, 77)),
        Err(WriteError::Stale { sequence: 899 })
    );
    assert_eq!(
        viewer.ends[0].write_rtp(viewer.now, outgoing, &packet(2, 900, 77)),
        Err(WriteError::Stale { sequence: 900 })
    );
    viewer.run_for(ms(10));
    let sent = viewer.rtp_sent(0);
    let packets: Vec<_> = sent.iter().map(|bytes| Packet::parse(bytes).unwrap()).collect();
    assert_eq!(packets.len(), 2);
    assert_eq!(packets[1].timestamp.wrapping_sub(packets[0].timestamp), 9000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Losses on both ways, layers that come and go: the viewer gets frames that can be decoded, and the stream goes on.
    #[test]
    fn whatever_is_lost_what_a_viewer_reads_can_be_decoded(
        seed: u64, loss in 0_u64..15, limits in prop::collection::vec(prop::option::of(0_u8..2), 6),
    ) {
        let mut house = House::new(&["one"]);
        house.publisher.fate[0] = lossy(seed, loss, ms(5), 20);
        house.viewer.fate[0] = lossy(seed ^ 1, loss, ms(5), 20);
        let mut steps = 0;
        while house.forwarder.current().is_none() && steps < 200 {
            house.step();
            house.forwarder.select(house.source("one"));
            steps += 1;
        }
        for limit in limits {
            house.forwarder.limit_temporal(limit);
            for _ in 0..20 {
                // The viewer's wishes for key frames go on to the publisher.
                if house.viewer.events[0].drain(..).any(|event| matches!(event, Event::KeyframeRequested(..))) {
                    house.wants_key[0] = true;
                }
                house.step();
            }
        }
        let numbers = house.numbers();
        prop_assert!(numbers.is_sorted_by(|one, next| one < next));
        for (index, frame) in house.read.iter().enumerate().skip(1) {
            // Each frame follows on the one before, but for one of the upper layer that was left out.
            let step = numbers[index] - numbers[index - 1];
            let follows = step == 1 || (step == 2 && numbers[index].is_multiple_of(2));
            prop_assert!(frame.keyframe || !frame.contiguous || follows, "{:?}", &numbers[..=index]);
        }
        prop_assert!(numbers.len() > 30, "{:?}", numbers);
    }
}
