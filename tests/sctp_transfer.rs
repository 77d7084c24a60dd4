//! Messages between two associations: order, loss, windows, acknowledgements.

mod sctp_common;

use antiphon::sctp::{Config, Event, Message, SendOptions, State};
use bytes::Bytes;
use sctp_common::*;

#[test]
fn both_connect_at_once_and_a_message_arrives() {
    let mut world = World::new(ms(10));
    world.a.sctp.connect();
    world.z.sctp.connect();
    world.send(1, "hello");
    world.run(ms(100));
    assert_eq!((world.a.sctp.state(), world.z.sctp.state()), (State::Established, State::Established));
    assert_eq!(world.a.events, [Event::BufferedAmountLow(1), Event::Connected]);
    assert_eq!(world.z.events, [Event::Connected, Event::Readable(1)]);
    assert_eq!(world.received(1), ["hello"]);
}

#[test]
fn a_large_message_is_cut_and_joined() {
    let mut world = World::connected(ms(10));
    let data: Vec<u8> = (0..=255_u8).cycle().take(200_000).collect();
    world.send(1, data.clone());
    world.run(ms(2000));
    assert_eq!(world.received(1), [Bytes::from(data)]);
    assert_eq!(world.a.sctp.stats().t3_timeouts, 0);
}

#[test]
fn nothing_is_lost_twice_or_out_of_order_under_loss() {
    for seed in 0..20 {
        let mut world = World::connected(ms(25));
        world.seed(seed);
        world.to_z.loss_ppm = 100_000;
        world.to_a.loss_ppm = 100_000;
        for number in 0..300_u32 {
            let len = 4 + (world.draw() % 5000) as usize;
            let [.., last] = number.to_be_bytes();
            let mut data = vec![last; len];
            data[..4].copy_from_slice(&number.to_be_bytes());
            let stream = u16::from(last % 3);
            let message = Message { stream, ppid: 53, data: data.into() };
            world.a.sctp.send(world.now, &message, SendOptions::default()).unwrap();
        }
        world.run(ms(300_000));
        let mut total = 0;
        for stream in 0..3 {
            let numbers: Vec<u32> = world
                .received(stream)
                .iter()
                .map(|data| {
                    assert!(data[4..].iter().all(|byte| *byte == data[3]));
                    u32::from_be_bytes(data[..4].try_into().unwrap())
                })
                .collect();
            assert!(numbers.is_sorted(), "stream {stream} in order");
            total += numbers.len();
        }
        assert_eq!(total, 300, "seed {seed}");
        assert_eq!(world.z.sctp.stats().held_bytes, 0);
    }
}

#[test]
fn a_slow_reader_closes_the_window_and_opens_it_again() {
    let config = Config { receive_window: 100_000, max_receive_message_size: 50_000, ..Config::default() };
    let mut world = World::connected_with(ms(10), &Config::default(), &config);
    for _ in 0..100 {
        world.send(1, vec![7; 10_000]);
    }
    world.run(ms(5_000));
    assert!(world.z.sctp.stats().held_bytes <= 150_000);
    let mut got = 0;
    for _ in 0..200 {
        got += world.received(1).len();
        world.run(ms(100));
    }
    assert_eq!(got, 100);
}
