use super::*;
use proptest::prelude::*;

const WAIT: Duration = Duration::from_millis(100);

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// A VP8 packet: `parts` of a frame `frame`, of which this is part `part`.
fn vp8(number: u64, frame: u32, part: u8, parts: u8, key: bool, now: Instant) -> Incoming {
    let descriptor = if part == 0 { 0x10 } else { 0x00 };
    let first = u8::from(!key);
    let payload =
        vec![descriptor, if part == 0 { first } else { 0xee }, part, u8::try_from(frame % 256).unwrap()];
    incoming(number, frame * 3000, part + 1 == parts, CodecKind::Vp8, payload, now)
}

fn incoming(
    number: u64,
    timestamp: u32,
    marker: bool,
    codec: CodecKind,
    payload: Vec<u8>,
    now: Instant,
) -> Incoming {
    Incoming {
        number,
        timestamp,
        marker,
        payload_type: 96,
        codec: Some(codec),
        pinned: 12 + payload.len(),
        payload: Bytes::from(payload),
        received_at: now,
        values: Values::default(),
    }
}

fn feed(assembler: &mut Assembler, packets: impl IntoIterator<Item = Incoming>) -> Vec<Frame> {
    let mut out = VecDeque::new();
    packets.into_iter().for_each(|packet| assembler.on_packet(packet, &mut out));
    out.into()
}

fn timestamps(frames: &[Frame]) -> Vec<u32> {
    frames.iter().map(|frame| frame.timestamp / 3000).collect()
}

fn video() -> Assembler {
    Assembler::new(MediaKind::Video)
}

#[test]
fn frames_wait_for_what_is_missing_and_come_in_order() {
    let mut assembler = video();
    let mut frames = feed(&mut assembler, [vp8(1, 0, 0, 2, true, at(0)), vp8(3, 1, 0, 1, false, at(0))]);
    assert_eq!(timestamps(&frames), []);
    assert_eq!(assembler.gives_up_at(WAIT), Some(at(100)));
    frames.extend(feed(&mut assembler, [vp8(2, 0, 1, 2, true, at(5))]));
    assert_eq!(timestamps(&frames), [0, 1]);
    assert_eq!((frames[0].keyframe, frames[1].keyframe, frames[1].contiguous), (true, false, true));
    assert_eq!(&frames[0].data[..], [0x00, 0, 0, 0xee, 1, 0]);
    assert_eq!(assembler.gives_up_at(WAIT), None);
}

#[test]
fn a_key_frame_may_begin_with_a_delimiter_of_its_own() {
    let h264 = |number, frame: u32, marker, payload: &[u8]| {
        incoming(number, frame * 3000, marker, CodecKind::H264, payload.to_vec(), at(0))
    };
    let mut assembler = video();
    let frames = feed(
        &mut assembler,
        [
            h264(1, 0, false, &[0x09, 0x30]),
            h264(2, 0, true, &[0x41, 0x9a]),
            h264(3, 1, false, &[0x09, 0x10]),
            h264(4, 1, false, &[0x67, 0x42]),
            h264(5, 1, true, &[0x65, 0x88]),
            h264(6, 2, false, &[0x09, 0x30]),
            h264(7, 2, true, &[0x41, 0x9a]),
        ],
    );
    assert_eq!(timestamps(&frames), [1, 2], "the first one is no key frame");
    assert_eq!((frames[0].keyframe, frames[1].keyframe), (true, false));
    assert_eq!(frames[0].data[..], [0, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x67, 0x42, 0, 0, 0, 1, 0x65, 0x88]);
    assert_eq!((assembler.counts.dropped, assembler.counts.malformed), (1, 0));
}

#[test]
fn what_is_given_up_makes_video_wait_for_a_key_frame() {
    let mut assembler = video();
    feed(&mut assembler, [vp8(1, 0, 0, 1, true, at(0))]);
    feed(&mut assembler, [vp8(3, 2, 0, 1, false, at(10)), vp8(4, 3, 0, 1, true, at(20))]);
    let mut out = VecDeque::new();
    assert!(!assembler.give_up(at(109), WAIT, &mut out));
    assert!(assembler.give_up(at(110), WAIT, &mut out));
    let frames: Vec<_> = out.into();
    assert_eq!(timestamps(&frames), [3]);
    assert!(!frames[0].contiguous && !assembler.needs_keyframe());
    assert_eq!((assembler.counts.given_up, assembler.counts.dropped), (1, 1));
}

#[test]
fn audio_goes_on_behind_what_is_given_up() {
    let mut assembler = Assembler::new(MediaKind::Audio);
    let opus = |number: u64, now| {
        incoming(number, u32::try_from(number).unwrap() * 960, false, CodecKind::Opus, vec![0xfc, 1], now)
    };
    assert_eq!(feed(&mut assembler, [opus(1, at(0)), opus(3, at(40)), opus(5, at(80))]).len(), 1);
    let mut out = VecDeque::new();
    // The two gaps are waited for side by side, not one after the other.
    assert!(assembler.give_up(at(180), WAIT, &mut out));
    let contiguous: Vec<_> = out.iter().map(|frame| (frame.timestamp / 960, frame.contiguous)).collect();
    assert_eq!(contiguous, [(3, false), (5, false)]);
    assert_eq!(feed(&mut assembler, [opus(2, at(181))]).len(), 0);
    assert_eq!(assembler.counts.late, 1);
}

#[test]
fn a_malformed_payload_costs_its_frame_and_the_next_key_frame_heals() {
    let mut assembler = video();
    feed(&mut assembler, [vp8(1, 0, 0, 1, true, at(0))]);
    let mut bad = vp8(2, 1, 0, 2, false, at(0));
    bad.payload = Bytes::from_static(&[0x80]);
    let frames = feed(
        &mut assembler,
        [bad, vp8(3, 1, 1, 2, false, at(0)), vp8(4, 2, 0, 1, false, at(0)), vp8(5, 3, 0, 1, true, at(0))],
    );
    assert_eq!(timestamps(&frames), [3]);
    assert_eq!((assembler.counts.malformed, assembler.counts.dropped), (1, 2));
}

#[test]
fn a_frame_without_marker_ends_where_the_next_begins() {
    let mut assembler = video();
    let mut first = vp8(1, 0, 0, 1, true, at(0));
    first.marker = false;
    assert_eq!(timestamps(&feed(&mut assembler, [first, vp8(2, 1, 0, 1, false, at(0))])), [0, 1]);
}

/// A forwarder that goes over to another layer in the middle of a frame leaves no number out; RFC 7741 §4.1 has the last packet marked.
#[test]
fn a_frame_that_is_left_in_its_middle_is_dropped() {
    let mut assembler = video();
    let whole = vp8(1, 0, 0, 1, true, at(0));
    let frames = feed(&mut assembler, [whole, vp8(2, 1, 0, 2, false, at(0)), vp8(3, 2, 0, 1, true, at(0))]);
    assert_eq!(timestamps(&frames), [0, 2]);
    assert_eq!((frames[1].contiguous, assembler.counts.dropped), (false, 1));
}

#[test]
fn packets_of_padding_alone_fill_their_number() {
    let mut assembler = video();
    let mut padding = vp8(2, 0, 0, 1, true, at(0));
    padding.payload = Bytes::new();
    let frames = feed(&mut assembler, [vp8(1, 0, 0, 1, true, at(0)), padding, vp8(3, 1, 0, 1, false, at(0))]);
    assert_eq!(timestamps(&frames), [0, 1]);
}

#[test]
fn a_leap_ahead_ends_the_wait_for_what_is_far_behind() {
    let mut assembler = video();
    feed(&mut assembler, [vp8(1, 0, 0, 1, true, at(0))]);
    feed(&mut assembler, [vp8(3, 2, 0, 1, false, at(0))]);
    let far = 3 + 10 * limits::RTP_REORDER as u64;
    let frames = feed(&mut assembler, [vp8(far, 9, 0, 1, true, at(0))]);
    assert_eq!(timestamps(&frames), [9]);
    assert_eq!(assembler.ahead.len(), 0);
}

/// What a packet costs that waits is what it is long, however far it is ahead.
#[test]
fn what_waits_costs_what_it_is_and_not_how_far_ahead_it_is() {
    let mut assembler = video();
    let far = limits::RTP_REORDER as u64;
    feed(&mut assembler, [vp8(1, 0, 0, 1, true, at(0))]);
    let before = assembler.pinned();
    feed(&mut assembler, [vp8(far, 9, 0, 1, false, at(0))]);
    let one = assembler.pinned() - before;
    assert!(one < 2048, "{one} bytes for one packet of 16");
    for number in (3..far).rev() {
        feed(&mut assembler, [vp8(number, 9, 1, 3, false, at(0))]);
    }
    let all = assembler.pinned() - before;
    assert!(all < 2048 * 450, "{all} bytes for 2045 packets of 16");
    // Sent again, it is late; the memory is given back once nothing has waited for a while.
    feed(&mut assembler, [vp8(far, 9, 0, 1, false, at(0))]);
    assert_eq!(assembler.counts.late, 1);
    assert!(assembler.give_up(at(100), WAIT, &mut VecDeque::new()));
    assembler.rest();
    assert!(assembler.pinned() > before);
    assembler.rest();
    assert_eq!(assembler.pinned(), before);
}

proptest! {
    // Whatever the order, as long as nothing is given up the frames are the same.
    #[test]
    fn order_of_arrival_does_not_matter(
        sizes in prop::collection::vec(1_u8..5, 1..12), seed in any::<u64>(),
    ) {
        let mut packets = Vec::new();
        for (frame, parts) in (0_u32..).zip(&sizes) {
            for part in 0..*parts {
                packets.push(vp8(10 + packets.len() as u64, frame, part, *parts, frame == 0, at(0)));
            }
        }
        let in_order = feed(&mut video(), packets.clone());
        let mut order: Vec<_> = packets.iter().skip(1).cloned().collect();
        let mut state = seed;
        for index in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(index, usize::try_from(state >> 33).unwrap() % (index + 1));
        }
        order.insert(0, packets[0].clone());
        order.push(packets[0].clone());
        let mut assembler = video();
        prop_assert_eq!(feed(&mut assembler, order), in_order.clone());
        prop_assert_eq!(in_order.len(), sizes.len());
        prop_assert_eq!(assembler.ahead.len(), 0);
    }
}
