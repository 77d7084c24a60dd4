//! Several datagrams in one transmission, as UDP segmentation offload takes them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod pair;

use antiphon::{Config, Message};
use pair::{Pair, ms, secs};

fn sends(configs: [&Config; 2], room: usize, len: usize) -> Pair {
    let (mut pair, channels) = Pair::connected_with(configs);
    pair.room = room;
    pair.runs = [Vec::new(), Vec::new()];
    let message = Message::binary((0..=250).cycle().take(len).collect::<Vec<u8>>());
    pair.send(0, channels[0], &message);
    pair.run_for(secs(20));
    assert_eq!(pair.ends[1].pc.data_channel(channels[1]).unwrap().recv(), Some(message));
    pair.assert_talks(channels, ms(500));
    pair
}

#[test]
fn data_leaves_in_runs_of_one_length_that_only_the_last_falls_short_of() {
    let (many, usual) = (Config::new().max_segments(8), Config::new());
    let pair = sends([&many, &usual], 8 * 1200, 200_000);
    assert!(!pair.runs[0].is_empty(), "a window opens in bursts");
    assert!(pair.runs[0].iter().any(|(len, segment)| len.div_ceil(*segment) > 2));
    for (len, segment) in &pair.runs[0] {
        assert!(*segment <= 1200 && len.div_ceil(*segment) <= 8, "{len} bytes in datagrams of {segment}");
    }
    // Every datagram is counted, not every call.
    assert_eq!(pair.ends[0].pc.stats(pair.now).datagrams.sent, pair.ends[0].sent);
    assert!(pair.runs[1].is_empty(), "the other end has not asked for runs");
}

#[test]
fn a_run_is_no_longer_than_the_buffer() {
    let many = Config::new().max_segments(64);
    let pair = sends([&many, &many], 3 * 1200, 200_000);
    assert!(pair.runs[0].iter().all(|(len, _)| *len <= 3 * 1200));
    assert!(pair.runs[0].iter().any(|(len, segment)| len.div_ceil(*segment) == 3));
}

#[test]
fn one_datagram_is_drawn_at_a_time_unless_more_are_asked_for() {
    let usual = Config::new();
    let pair = sends([&usual, &usual], 64 * 1200, 200_000);
    assert!(pair.runs.iter().all(Vec::is_empty));
}

#[test]
fn a_run_whose_middle_is_lost_is_repaired() {
    let many = Config::new().max_segments(16).mtu(400);
    let (mut pair, channels) = Pair::connected_with([&many, &many]);
    pair.room = 16 * 400;
    let mut count = 0;
    pair.filter = Box::new(move |_, _| {
        count += 1;
        count % 7 != 0
    });
    let message = Message::binary(vec![7; 100_000]);
    pair.send(0, channels[0], &message);
    pair.run_for(secs(60));
    assert_eq!(pair.ends[1].pc.data_channel(channels[1]).unwrap().recv(), Some(message));
    assert!(!pair.runs[0].is_empty());
}
