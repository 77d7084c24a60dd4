//! The end of the association under the channels: its transport's, and what is answered to a peer that has not heard of it.

mod data_support;

use antiphon::data::{Channels, DataChannelError, DataChannelFailure, DataChannelInit, Event, Message};
use antiphon::sctp::{Association, CloseReason};
use antiphon::wire::sctp::{Chunk, Init, Packet, PacketWriter};
use antiphon::{Instant, Output};
use bytes::Bytes;
use data_support::{End, Wire, against_association, connected, ms, opened, read};

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

/// An association that A has ended, without B having heard of it.
fn ended() -> Wire<Channels, Association> {
    let mut wire = against_association();
    wire.a.close();
    assert_eq!(drain(&mut wire.a, wire.now), [Event::Closed(CloseReason::Aborted)]);
    wire
}

/// What A answers to a packet after its end.
fn late(wire: &mut Wire<Channels, Association>, packet: &[u8]) -> Option<Vec<u8>> {
    let mut buf = [0; 1500];
    wire.a.input(wire.now, Bytes::copy_from_slice(packet));
    assert_eq!(wire.a.poll_output(wire.now, &mut buf), Output::Wait(None), "law 10");
    let len = wire.a.late_output(&mut buf)?;
    assert_eq!(wire.a.late_output(&mut [0; 1500]), None, "one answer");
    Some(buf[..len].to_vec())
}

fn packet(tag: u32, write: impl FnOnce(&mut PacketWriter<'_>)) -> Vec<u8> {
    let mut buf = [0; 1200];
    let mut writer = PacketWriter::new(&mut buf, 5000, 5000, tag);
    write(&mut writer);
    let len = writer.finish();
    buf[..len].to_vec()
}

/// RFC 9260 §8.4 rule 8: DATA, HEARTBEAT and whatever else is answered with an ABORT.
#[test]
fn a_lost_abort_is_made_good_when_the_peer_sends_again() {
    let mut wire = ended();
    let message = antiphon::sctp::Message { stream: 1, ppid: 51, data: "there?".into() };
    wire.b.send(wire.now, &message, antiphon::sctp::SendOptions::default()).unwrap();
    let mut buf = [0; 1500];
    let Output::Transmit(transmit) = wire.b.poll(wire.now, &mut buf) else { panic!("DATA") };
    let answer = late(&mut wire, &buf[..transmit.len]).unwrap();
    wire.b.input(wire.now, answer.into());
    let end = antiphon::sctp::Event::Closed(CloseReason::PeerAborted { cause: 0 });
    assert_eq!(drain(&mut wire.b, wire.now).last(), Some(&end));
}

#[test]
fn what_arrives_after_the_end_is_answered_as_what_belongs_to_no_association() {
    let mut wire = ended();
    let init = Init {
        initiate_tag: 77,
        a_rwnd: 100_000,
        outbound_streams: 1,
        inbound_streams: 1,
        ..Init::default()
    };
    let abort = |reflected| move |chunk: &Chunk<'_>| matches!(chunk, Chunk::Abort { reflected: is, .. } if *is == reflected);
    let complete = |chunk: &Chunk<'_>| *chunk == Chunk::ShutdownComplete { reflected: true };
    let mut answered = |packet: Vec<u8>, tag: u32, wanted: &dyn Fn(&Chunk<'_>) -> bool| {
        let answer = late(&mut wire, &packet).unwrap();
        let answer = Packet::parse(&answer).unwrap();
        assert_eq!(answer.verification_tag, tag);
        assert!(wanted(&answer.chunks().next().unwrap().unwrap()));
    };
    answered(packet(0, |it| it.init(&init, []).unwrap()), 77, &abort(false));
    answered(packet(9, |it| it.heartbeat(b"?").unwrap()), 9, &abort(true));
    answered(packet(9, |it| it.cookie_echo(b"an old one").unwrap()), 9, &abort(true));
    answered(packet(9, |it| it.shutdown_ack().unwrap()), 9, &complete);
    for silent in [
        packet(9, |it| it.abort(false, None).unwrap()),
        packet(9, |it| it.shutdown_complete(false).unwrap()),
        packet(9, |it| it.cookie_ack().unwrap()),
        packet(0, |it| it.heartbeat(b"?").unwrap()),
        packet(9, |it| it.init(&init, []).unwrap()),
        b"no packet".to_vec(),
    ] {
        assert_eq!(late(&mut wire, &silent), None);
    }
    // Answers that nobody draws do not pile up.
    for _ in 0..1000 {
        wire.a.input(wire.now, packet(9, |it| it.shutdown_ack().unwrap()).into());
    }
    let mut buf = [0; 1500];
    assert_eq!(core::iter::from_fn(|| wire.a.late_output(&mut buf)).count(), 16);
}
