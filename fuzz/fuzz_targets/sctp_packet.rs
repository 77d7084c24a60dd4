//! SCTP packets: every chunk, parameter and cause they may hold; lists are no longer than the bytes that carry them.
#![no_main]

use antiphon::wire::sctp::{Cause, Causes, Chunk, Packet, Parameter, Parameters, ReConfigParameter};
use libfuzzer_sys::fuzz_target;

fn parameters(list: &Parameters<'_>) {
    for parameter in list.iter().flatten() {
        let _ = parameter.action();
        if let Parameter::SupportedAddressTypes(types) = parameter {
            let _ = types.iter().count();
        }
    }
}

fn causes(list: &Causes<'_>) {
    for cause in list.iter().flatten() {
        let _ = cause.code();
        if let Cause::MissingParameters(kinds) = cause {
            let _ = kinds.iter().count();
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(packet) = Packet::parse_unverified(data) else { return };
    let mut count = 0;
    for chunk in packet.chunks().flatten() {
        count += 1;
        match chunk {
            Chunk::Init(init) | Chunk::InitAck(init) => parameters(&init.parameters),
            Chunk::Sack(sack) => {
                let entries = sack.gap_blocks().len() + sack.duplicates().len();
                assert!(entries * 4 <= data.len());
            }
            Chunk::Abort { causes: list, .. } | Chunk::Error(list) => causes(&list),
            Chunk::ForwardTsn(forward) => assert!(forward.streams().count() * 4 <= data.len()),
            Chunk::IForwardTsn(forward) => assert!(forward.streams().count() * 8 <= data.len()),
            Chunk::ReConfig(reset) => {
                for parameter in reset.parameters().flatten() {
                    if let ReConfigParameter::OutgoingReset { streams, .. } = parameter {
                        assert!(streams.iter().count() * 2 <= data.len());
                    }
                }
            }
            Chunk::Unknown(chunk) => drop(chunk.action()),
            _ => {}
        }
    }
    assert!(count * 4 <= data.len());
});
