//! The end of the association under the channels: its transport's.

mod data_support;

use antiphon::data::{DataChannelError, DataChannelFailure, DataChannelInit, Event, Message};
use antiphon::sctp::CloseReason;
use antiphon::{Instant, Output};
use bytes::Bytes;
use data_support::{End, connected, ms, opened, read};

/// Everything an end has to say; packets are lost.
fn drain<E: End>(end: &mut E, now: Instant) -> Vec<E::Event> {
    let (mut events, mut buf) = (Vec::new(), [0; 1500]);
    loop {
        match end.poll(now, &mut buf) {
            Output::Event(event) => events.push(event),
            Output::Transmit(_) => {}
            Output::Wait(_) => return events,
        }
    }
}

#[test]
fn channels_close_with_what_carries_them() {
    for failed in [false, true] {
        let mut wire = connected();
        let there = wire.b.create("", DataChannelInit::default()).unwrap();
        wire.b.send(wire.now, there, &Message::text("last words")).unwrap();
        wire.run(ms(10));
        // What arrives with the news of the end comes before it.
        let (now, mut buf) = (wire.now, [0; 1500]);
        while wire.step(now + ms(40)) {}
        let id = opened(&wire.a_took());
        wire.b.send(wire.now, there, &Message::text("very last")).unwrap();
        let Output::Transmit(transmit) = wire.b.poll(wire.now, &mut buf) else { panic!("DATA") };
        wire.a.input(wire.now, Bytes::copy_from_slice(&buf[..transmit.len]));
        wire.a.send(wire.now, id, &Message::text("never sent")).unwrap();
        wire.a.transport_closed(failed);
        let reason = if failed { CloseReason::TransportFailed } else { CloseReason::TransportClosed };
        let error = failed.then_some(Event::Error(id, DataChannelFailure::Association(reason)));
        let mut events = drain(&mut wire.a, wire.now);
        events.retain(|event| *event != Event::Readable(id));
        let expected: Vec<_> = error.into_iter().chain([Event::Close(id), Event::Closed(reason)]).collect();
        assert_eq!(events, expected);
        assert!(wire.a.is_over());
        assert_eq!(wire.a.buffered_amount(id), 0);
        assert_eq!(wire.a.create("", DataChannelInit::default()), Err(DataChannelError::Closed));
        assert_eq!(read(&mut wire.a, id), ["last words", "very last"].map(Message::text));
        assert_eq!(wire.a.poll_output(wire.now + ms(100_000), &mut buf), Output::Wait(None));
        wire.a.transport_closed(!failed);
        assert_eq!(drain(&mut wire.a, wire.now), []);
    }
}

#[test]
fn an_end_that_nobody_has_looked_at_is_not_that_of_the_next_association() {
    let mut wire = connected();
    wire.a.transport_closed(true);
    wire.a.start_over(data_support::rng(9), &antiphon::sctp::Config::default()).unwrap();
    wire.b = data_support::channels(4, &antiphon::data::Config::default());
    data_support::connect(&mut wire);
    wire.run(ms(500));
    assert_eq!(wire.a_took(), [Event::Connected]);
    let there = wire.b.create("", DataChannelInit::default()).unwrap();
    wire.run(ms(200));
    opened(&wire.a_took());
    assert_eq!(wire.b.state(there), Some(antiphon::data::ChannelState::Open));
}

#[test]
fn a_transport_that_fails_before_it_has_been_used_leaves_channels_waiting_for_another() {
    let mut channels = data_support::channels(1, &antiphon::data::Config::default());
    let id = channels.create("", DataChannelInit::default()).unwrap();
    channels.transport_closed(true);
    assert_eq!(drain(&mut channels, data_support::START), []);
    assert_eq!(channels.state(id), Some(antiphon::data::ChannelState::Connecting));
}
