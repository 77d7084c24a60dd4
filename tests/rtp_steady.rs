//! What a session costs at a steady rate: no allocation for packets either way, and nothing is kept when the stream is over.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod rtp_support;
mod steady_support;

use std::alloc::System;

use antiphon::base::arena::Arena;
use antiphon::base::serial::Seq16;
use antiphon::rtp::{Delivery, Frame, Input, ReceiverConfig, ReceiverId, RtpPacket, SenderId, Session};
use antiphon::wire::rtp::is_rtcp;
use antiphon::{Instant, Output};
use bytes::Bytes;
use core::time::Duration;
use rtp_support::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Two sessions with arenas for what arrives, as a parent has them.
struct Steady {
    ends: [Session; 2],
    arenas: [Arena; 2],
    now: Instant,
    read: u64,
    /// Of packets of the first end every so many is lost.
    loses: Option<usize>,
    sent: usize,
}

impl Steady {
    fn new() -> Self {
        let ends = [session(1, config()), session(2, config())];
        let arenas = [(); 2].map(|()| Arena::new(8192, 64));
        Self { ends, arenas, now: START, read: 0, loses: None, sent: 0 }
    }

    /// Delivers all there is at once, and reads it.
    fn exchange(&mut self, receivers: &[ReceiverId]) {
        let mut buf = [0; MTU];
        for side in [0, 1, 0] {
            loop {
                match self.ends[side].poll_output(self.now, &mut buf) {
                    Output::Event(_) => {}
                    Output::Wait(_) => break,
                    Output::Transmit(transmit) => {
                        self.sent += 1 - side;
                        if side == 0 && self.loses.is_some_and(|every| self.sent.is_multiple_of(every)) {
                            continue;
                        }
                        let bytes = self.arenas[1 - side].copy(&buf[..transmit.len]);
                        let input = if is_rtcp(&bytes) { Input::Rtcp(bytes) } else { Input::Rtp(bytes) };
                        self.ends[1 - side].handle_input(self.now, input);
                    }
                }
            }
            for id in receivers {
                while self.ends[1].recv(*id).is_some() || self.ends[1].recv_rtp(*id).is_some() {
                    self.read += 1;
                }
            }
            while self.ends[0].take_feedback().is_some() {}
        }
    }

    /// Two thousand steps of `write` that are not measured, then as many that are: how often they allocated.
    fn allocations(
        &mut self,
        receivers: &[ReceiverId],
        mut write: impl FnMut(&mut Session, Instant, u32),
    ) -> usize {
        let mut region = Region::new(ALLOCATOR);
        for step in 0..4000 {
            if step == 2000 {
                region.reset();
            }
            self.now += Duration::from_millis(3);
            write(&mut self.ends[0], self.now, step);
            self.exchange(receivers);
        }
        let change = region.change();
        change.allocations + change.reallocations
    }
}

/// One test, since others beside it would allocate too.
#[test]
fn packets_cost_no_allocation_and_leave_nothing_behind() {
    steady_support::alone(ALLOCATOR);
    frames_of_sound_and_picture();
    frames_that_are_repaired();
    forwarded_packets();
    memory_is_given_back();
}

fn frames_of_sound_and_picture() {
    let mut steady = Steady::new();
    let senders = [video_sender(), audio_sender()].map(|config| steady.ends[0].add_sender(config).unwrap());
    let receivers =
        [video_receiver(), audio_receiver()].map(|config| steady.ends[1].add_receiver(config).unwrap());
    let frames = [vp8_frame(0, true, 3500), opus_frame(1)];
    let allocations = steady.allocations(&receivers, |session, now, step| {
        for (sender, frame) in senders.iter().zip(&frames) {
            session.write(now, *sender, &Frame { timestamp: step * 270, ..frame.clone() }).unwrap();
        }
    });
    assert_eq!((allocations, steady.read), (0, 8000));
}

/// One packet of a hundred is lost and comes again: what waits for it is kept, and none of that costs anything either.
fn frames_that_are_repaired() {
    let mut steady = Steady { loses: Some(100), ..Steady::new() };
    let sender = steady.ends[0].add_sender(video_sender()).unwrap();
    let receiver = steady.ends[1].add_receiver(video_receiver()).unwrap();
    let frame = vp8_frame(0, true, 3500);
    let allocations = steady.allocations(&[receiver], |session, now, step| {
        session.write(now, sender, &Frame { timestamp: step * 270, ..frame.clone() }).unwrap();
    });
    let repaired = steady.ends[0].sender_stats(sender).unwrap().retransmitted_packets_sent;
    assert!(repaired > 100, "{repaired} packets were sent again");
    assert_eq!(allocations, 0, "{} frames read", steady.read);
}

fn forwarded_packets() {
    let mut steady = Steady::new();
    let sender: SenderId = steady.ends[0].add_sender(video_sender()).unwrap();
    let config = ReceiverConfig { delivery: Delivery::Packets, ..video_receiver() };
    let receiver = steady.ends[1].add_receiver(config).unwrap();
    let payload = Bytes::from(vec![0x10; 1100]);
    let allocations = steady.allocations(&[receiver], |session, now, step| {
        let sequence = Seq16(u16::try_from(step).unwrap());
        let packet =
            RtpPacket { ssrc: 1, sequence, timestamp: step * 270, ..RtpPacket::new(96, payload.clone()) };
        session.write_rtp(now, sender, &packet).unwrap();
    });
    assert_eq!((allocations, steady.read), (0, 4000));
}

fn memory_is_given_back() {
    let mut steady = Steady::new();
    let sender = steady.ends[0].add_sender(video_sender()).unwrap();
    let receiver = steady.ends[1].add_receiver(video_receiver()).unwrap();
    let region = Region::new(ALLOCATOR);
    for step in 0..500 {
        steady.now += Duration::from_millis(5);
        let frame = Frame { timestamp: step * 450, ..vp8_frame(step, true, 20_000) };
        steady.ends[0].write(steady.now, sender, &frame).unwrap();
        steady.exchange(&[receiver]);
    }
    let held = |region: &Region<'_, System>| {
        let change = region.change();
        change.bytes_allocated.saturating_sub(change.bytes_deallocated)
    };
    let busy = held(&region);
    for _ in 0..100 {
        steady.now += Duration::from_millis(100);
        steady.exchange(&[receiver]);
    }
    steady.arenas.iter_mut().for_each(Arena::trim);
    let idle = held(&region);
    assert!(busy > 1_000_000, "{busy}");
    assert!(idle < 12_000, "{idle} bytes are kept of {busy}");
}
