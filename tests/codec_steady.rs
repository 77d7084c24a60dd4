//! A stream at speed: packetizing and putting together allocate nothing once they have seen a frame.

mod steady_support;

use std::alloc::System;

use antiphon::codec::{CodecKind, Depacketizer, Packetizer, PacketizerOptions, inspect};
use bytes::{BufMut, BytesMut};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A key frame of some twenty packets.
fn frame(kind: CodecKind) -> Vec<u8> {
    let body = vec![0xa5; 20_000];
    let head: &[u8] = match kind {
        CodecKind::Opus | CodecKind::Pcmu | CodecKind::Pcma => return vec![0xfc; 160],
        CodecKind::TelephoneEvent => return vec![1, 10, 0, 160],
        CodecKind::Vp8 => &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0],
        CodecKind::Vp9 => &[0x82, 0x49, 0x83, 0x42, 0, 0x77, 0xf0, 0x32, 0x34],
        CodecKind::H264 => {
            &[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65, 0x88]
        }
        CodecKind::H265 => &[0, 0, 0, 1, 0x42, 1, 1, 0, 0, 0, 1, 0x44, 1, 0xc1, 0, 0, 0, 1, 0x26, 1, 0xaf],
        CodecKind::Av1 => &[0x0a, 6, 0x18, 0x15, 0x23, 0x9f, 0x60, 0x10, 0x32, 0xa0, 0x9c, 0x01],
    };
    [head, &body].concat()
}

#[test]
fn a_stream_allocates_nothing() {
    steady_support::alone(GLOBAL);
    for kind in CodecKind::ALL {
        let frame = frame(kind);
        let mut packetizer = Packetizer::new(kind, &PacketizerOptions::default());
        let mut depacketizer = Depacketizer::new(kind);
        let mut out = BytesMut::with_capacity(64 * 1024);
        let mut payload = Vec::with_capacity(1500);
        let mut packets = 0;
        let mut round = |packetizer: &mut Packetizer| {
            out.clear();
            packetizer
                .packetize(&frame, 1150, &mut |slices, _| {
                    payload.clear();
                    for slice in slices {
                        payload.put_slice(slice);
                    }
                    inspect(kind, &payload).unwrap();
                    depacketizer.append(&payload, &mut out).unwrap();
                    packets += 1;
                })
                .unwrap();
            depacketizer.finish().unwrap();
            assert_eq!(out, frame, "{kind:?}");
        };
        round(&mut packetizer);
        let region = Region::new(GLOBAL);
        for _ in 0..100 {
            round(&mut packetizer);
        }
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{kind:?}");
        assert!(packets >= 101);
    }
}
