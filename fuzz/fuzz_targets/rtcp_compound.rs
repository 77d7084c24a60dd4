//! RTCP datagrams: every packet they may hold; lists are no longer than the bytes that carry them.
#![no_main]

use antiphon::wire::rtcp::{Compound, Packet, XrBlock};
use libfuzzer_sys::fuzz_target;

fn entries(packet: &Packet<'_>) -> usize {
    match packet {
        Packet::SenderReport(report) => report.blocks().count(),
        Packet::ReceiverReport(report) => report.blocks().count(),
        Packet::SourceDescription(description) => {
            description.chunks().map(|chunk| chunk.items().count()).sum()
        }
        Packet::Goodbye(bye) => bye.ssrcs().len(),
        Packet::Nack(nack) => nack.pairs().len(),
        Packet::Fir(fir) => fir.entries().len(),
        Packet::Remb(remb) => remb.ssrcs().len(),
        Packet::TransportFeedback(feedback) => feedback.arrivals().count() / 14,
        Packet::ExtendedReport(report) => report
            .blocks()
            .map(|block| if let XrBlock::Dlrr(block) = block { block.entries().count() } else { 1 })
            .sum(),
        _ => 0,
    }
}

fuzz_target!(|data: &[u8]| {
    let mut packets = 0;
    for packet in Compound::new(data) {
        packets += 1;
        if let Ok(packet) = packet {
            assert!(entries(&packet) <= data.len());
        }
    }
    assert!(packets <= data.len() / 4 + 1);
});
