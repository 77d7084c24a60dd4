//! Captures of other stacks: they parse as their authors say, and rebuilt they give the same bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use antiphon::base::writer::Full;
use antiphon::wire::sctp::{Chunk, Packet, PacketWriter, ParseError};

/// The directory of published vectors, if there is one.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "where the vectors are is told by the environment"
)]
fn vectors() -> Option<PathBuf> {
    let found = std::env::var("ANTIPHON_SHARED").ok().map(|shared| Path::new(&shared).join("vectors/sctp"));
    if found.is_none() {
        println!("skipped: ANTIPHON_SHARED is not set");
    }
    found
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The vector of that test and name in a collection.
fn vector(collection: &str, test: &str, name: &str) -> Option<Vec<u8>> {
    Some(read_vector(&vectors()?.join(collection), test, name))
}

fn read_vector(path: &Path, test: &str, name: &str) -> Vec<u8> {
    let collection: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let files = collection["files"].as_object().unwrap();
    let mut entries = files.values().flat_map(|entries| entries.as_array().unwrap());
    let entry = entries.find(|entry| entry["test"] == test && entry["name"] == name);
    bytes(entry.unwrap_or_else(|| panic!("{test} {name}"))["hex"].as_str().unwrap())
}

fn write(writer: &mut PacketWriter<'_>, chunk: &Chunk<'_>) -> Result<(), Full> {
    match chunk {
        Chunk::Data(data) => writer.data(data),
        Chunk::IData(data) => writer.i_data(data),
        Chunk::Init(init) => writer.init(init, init.parameters.iter().map_while(Result::ok)),
        Chunk::InitAck(init) => writer.init_ack(init, init.parameters.iter().map_while(Result::ok)),
        Chunk::Sack(sack) => {
            writer.sack(sack.cumulative_tsn, sack.a_rwnd, sack.gap_blocks(), sack.duplicates())
        }
        Chunk::Heartbeat(info) => writer.heartbeat(info),
        Chunk::HeartbeatAck(info) => writer.heartbeat_ack(info),
        Chunk::Abort { reflected, causes } => writer.abort(*reflected, causes.iter().map_while(Result::ok)),
        Chunk::Error(causes) => writer.error(causes.iter().map_while(Result::ok)),
        Chunk::Shutdown { cumulative_tsn } => writer.shutdown(*cumulative_tsn),
        Chunk::ShutdownAck => writer.shutdown_ack(),
        Chunk::ShutdownComplete { reflected } => writer.shutdown_complete(*reflected),
        Chunk::CookieEcho(cookie) => writer.cookie_echo(cookie),
        Chunk::CookieAck => writer.cookie_ack(),
        Chunk::ForwardTsn(forward) => writer.forward_tsn(forward.new_cumulative_tsn, forward.streams()),
        // Parsed only.
        Chunk::IForwardTsn(_) => Ok(()),
        Chunk::ReConfig(reset) => writer.re_config(reset.parameters().map_while(Result::ok)),
        Chunk::Pad => writer.pad(4),
        Chunk::Unknown(unknown) => writer.unknown(unknown),
    }
}

/// The packet built anew from its chunks.
fn rebuild(bytes: &[u8], packet: &Packet<'_>) -> Vec<u8> {
    let mut buf = vec![0; bytes.len() + 8];
    let mut writer =
        PacketWriter::new(&mut buf, packet.source_port, packet.destination_port, packet.verification_tag);
    for chunk in packet.chunks() {
        write(&mut writer, &chunk.unwrap()).unwrap();
    }
    let len = writer.finish();
    buf.truncate(len);
    buf
}

/// A header without a checksum before chunks that came without one.
fn headed(chunks: &[u8]) -> Vec<u8> {
    [&[0x13, 0x88, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 0][..], chunks].concat()
}

#[test]
fn whole_packets_of_other_stacks_are_rebuilt_byte_for_byte() {
    let packets = [
        ("libwebrtc_dcsctp_vectors.json", "SctpPacketTest.DeserializeSimplePacketFromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "SctpPacketTest.DeserializePacketWithTwoChunks", "data"),
        ("pion_sctp_vectors.json", "TestInitChunk", "rawPkt"),
        ("pion_sctp_vectors.json", "TestChromeChunk1Init", "rawPkt"),
        ("pion_sctp_vectors.json", "TestChromeChunk2InitAck", "rawPkt"),
        ("pion_sctp_vectors.json", "TestPayloadDataMarshalUnmarshal", "rawPkt"),
        ("pion_sctp_vectors.json", "TestSelectAckChunk", "rawPkt"),
        ("pion_sctp_vectors.json", "TestReconfigChunk", "rawPkt"),
        ("pion_sctp_vectors.json", "TestPacketUnmarshal", "headerOnly"),
    ];
    for (collection, test, name) in packets {
        let Some(bytes) = vector(collection, test, name) else { return };
        let packet = Packet::parse(&bytes).unwrap_or_else(|error| panic!("{test}: {error}"));
        assert_eq!(rebuild(&bytes, &packet), bytes, "{test}");
    }
}

#[test]
fn single_chunks_of_other_stacks_are_rebuilt() {
    let chunks = [
        ("libwebrtc_dcsctp_vectors.json", "AbortChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "CookieEchoChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "DataChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "ErrorChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "ForwardTsnChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "HeartbeatAckChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "HeartbeatRequestChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "IDataChunkTest.AtBeginningFromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "IDataChunkTest.InMiddleFromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "InitAckChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "InitChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "ReConfigChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "SackChunkTest.FromCapture", "data"),
        ("libwebrtc_dcsctp_vectors.json", "ShutdownChunkTest.FromCapture", "data"),
        ("pion_sctp_vectors.json", "TestChunkForwardTSN_Success", ""),
        ("pion_sctp_vectors.json", "TestChunkShutdown_Success", ""),
    ];
    for (collection, test, name) in chunks {
        let Some(chunk) = vector(collection, test, name) else { return };
        let bytes = headed(&chunk);
        let packet = Packet::parse_unverified(&bytes).unwrap();
        let again = rebuild(&bytes, &packet);
        // The last chunk of a capture may lack its padding.
        assert_eq!(again[12..12 + chunk.len()], chunk, "{test}");
        let again = Packet::parse(&again).unwrap();
        assert!(again.chunks().eq(packet.chunks()), "{test}");
    }
}

#[test]
fn what_others_refuse_is_refused() {
    let refused = [
        ("TestChunkForwardTSNUnmarshal_Failure", 0xc0),
        ("TestChunkIForwardTSNUnmarshal_Failure", 0xc2),
        ("TestChunkIForwardTSNUnmarshal_FailureDoesNotKeepPartialStreams", 0xc2),
    ];
    for (test, kind) in refused {
        let Some(chunk) = vector("pion_sctp_vectors.json", test, "") else { return };
        let bytes = headed(&chunk);
        let error = Packet::parse_unverified(&bytes).unwrap().chunks().next().unwrap().unwrap_err();
        let (ParseError::Malformed { kind: found } | ParseError::ChunkLength { kind: found, .. }) = error
        else {
            panic!("{test}: {error}")
        };
        assert_eq!(found, kind, "{test}");
    }
}

#[test]
fn checksums_are_judged_as_by_others() {
    let parse = |test| vector("libwebrtc_dcsctp_vectors.json", test, "data");
    let Some(wrong) = parse("SctpPacketTest.DeserializePacketWithWrongChecksum") else { return };
    assert!(matches!(Packet::parse(&wrong), Err(ParseError::Checksum { .. })));
    let zero = parse("SctpPacketTest.AcceptsZeroSetZeroChecksum").unwrap();
    assert!(Packet::parse(&zero).is_err());
    assert!(Packet::parse_unverified(&zero).unwrap().has_zero_checksum());
    let other = parse("SctpPacketTest.RejectsNonZeroIncorrectChecksumWhenZeroChecksumIsActive").unwrap();
    assert!(Packet::parse(&other).is_err());
    assert!(!Packet::parse_unverified(&other).unwrap().has_zero_checksum());
    let endless = parse("SctpPacketTest.DetectPacketWithZeroSizeChunk").unwrap();
    assert!(Packet::parse_unverified(&endless).unwrap().chunks().count() <= 2);
}

#[test]
fn corpora_of_fuzzers_neither_panic_nor_lose_a_chunk() {
    let Some(vectors) = vectors() else { return };
    let mut seen = 0;
    // Those of usrsctp have one byte of settings first and no common header.
    let corpora = [
        ("libwebrtc-corpus/sctp-packet-corpus", false),
        ("usrsctp-corpus/CORPUS_CONNECT", true),
        ("usrsctp-corpus/CORPUS_FRAGMENT", true),
    ];
    for (corpus, bare) in corpora {
        for entry in fs::read_dir(vectors.join(corpus)).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            let bytes = if bare { headed(bytes.get(1..).unwrap_or_default()) } else { bytes };
            let Ok(packet) = Packet::parse_unverified(&bytes) else { continue };
            for chunk in packet.chunks().map_while(Result::ok) {
                if holds_errors(&chunk) || matches!(chunk, Chunk::IForwardTsn(_) | Chunk::Pad) {
                    continue;
                }
                let mut buf = vec![0; bytes.len() + 64];
                let mut writer = PacketWriter::new(&mut buf, 1, 2, 3);
                write(&mut writer, &chunk).unwrap();
                let len = writer.finish();
                let again = Packet::parse(&buf[..len]).unwrap().chunks().next();
                let Some(Ok(again)) = again else { panic!("{chunk:?}: {again:?}") };
                assert_eq!(core::mem::discriminant(&again), core::mem::discriminant(&chunk));
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen} chunks");
}

/// Whether something within the chunk cannot be read, so that it cannot be written either.
fn holds_errors(chunk: &Chunk<'_>) -> bool {
    if let Chunk::Init(init) | Chunk::InitAck(init) = chunk {
        return init.parameters.iter().any(|each| each.is_err());
    }
    if let Chunk::Abort { causes, .. } | Chunk::Error(causes) = chunk {
        return causes.iter().any(|each| each.is_err());
    }
    if let Chunk::ReConfig(reset) = chunk {
        return reset.parameters().any(|each| each.is_err());
    }
    false
}
