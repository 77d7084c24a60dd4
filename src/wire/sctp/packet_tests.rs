use proptest::prelude::*;

use super::super::{
    Cause, Data, DataFlags, GapBlock, IData, PacketWriter, Parameter, Parameters, ReConfigParameter,
    ReConfigResult, Skipped, U16List,
};
use super::*;
use crate::base::serial::{Mid32, Ssn};

/// The packet that `write` builds.
fn packet(write: impl FnOnce(&mut PacketWriter<'_>)) -> Vec<u8> {
    let mut buf = vec![0xaa; 4096];
    let mut writer = PacketWriter::new(&mut buf, 5000, 5001, 0x0102_0304);
    write(&mut writer);
    let len = writer.finish();
    buf.truncate(len);
    buf
}

fn chunks(bytes: &[u8]) -> Vec<Result<Chunk<'_>, ParseError>> {
    Packet::parse(bytes).expect("checksum").chunks().collect()
}

/// A packet with the given bytes behind the header, with its checksum.
fn raw(body: &[u8]) -> Vec<u8> {
    let mut bytes = [&[0x13, 0x88, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 0][..], body].concat();
    let sum = checksum(&bytes).to_le_bytes();
    bytes[8..12].copy_from_slice(&sum);
    bytes
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut bytes = packet(|out| out.cookie_ack().unwrap());
    bytes[13] ^= 1;
    assert!(matches!(Packet::parse(&bytes), Err(ParseError::Checksum { .. })));
    assert!(Packet::parse_unverified(&bytes).is_ok());
}

#[test]
fn n56_a_zero_checksum_is_refused_where_it_was_not_agreed() {
    let mut bytes = packet(|out| out.cookie_ack().unwrap());
    bytes[8..12].fill(0);
    assert!(matches!(Packet::parse(&bytes), Err(ParseError::Checksum { stated: 0, .. })));
    assert!(Packet::parse_unverified(&bytes).unwrap().has_zero_checksum());
}

#[test]
fn the_checksum_is_crc32c_in_its_own_byte_order() {
    // RFC 3720 appendix B.4: 32 bytes of zeroes give aa 36 91 8a.
    assert_eq!(crc32c::crc32c(&[0; 32]).to_le_bytes(), [0xaa, 0x36, 0x91, 0x8a]);
    let bytes = raw(&[0; 20]);
    assert_eq!(bytes[8..12], checksum(&bytes).to_le_bytes());
}

#[test]
fn n48_a_chunk_of_impossible_length_ends_the_walk() {
    for length in [0_u8, 1, 2, 3, 9] {
        let bytes = raw(&[11, 0, 0, 4, 8, 0, 0, length, 0, 0, 0, 0]);
        let found = chunks(&bytes);
        assert_eq!(found[0], Ok(Chunk::CookieAck));
        assert_eq!(found[1], Err(ParseError::ChunkLength { kind: 8, length: u16::from(length), left: 8 }));
        assert_eq!(found.len(), 2);
    }
    assert_eq!(chunks(&raw(&[8, 0])).len(), 1);
}

#[test]
fn n48_a_parameter_of_impossible_length_ends_the_walk() {
    for length in [0_u8, 1, 2, 3, 9] {
        let mut body = vec![1, 0, 0, 28];
        body.extend([0; 16]);
        body.extend([0xc0, 0, 0, length, 1, 2, 3, 4]);
        let bytes = raw(&body);
        let found = chunks(&bytes);
        let Ok(Chunk::Init(init)) = found[0] else { panic!("{found:?}") };
        let parameters: Vec<_> = init.parameters.iter().collect();
        assert_eq!(
            parameters,
            [Err(ParseError::ParameterLength { kind: 0xc000, length: u16::from(length), left: 8 })]
        );
    }
}

#[test]
fn the_last_chunk_may_lack_its_padding() {
    let bytes = raw(&[0x3f, 0, 0, 5, 1]);
    assert!(matches!(chunks(&bytes)[..], [Ok(Chunk::Unknown(UnknownChunk { kind: 0x3f, .. }))]));
}

#[test]
fn the_high_bits_of_a_type_say_what_to_do() {
    assert_eq!(Action::of_chunk(0x3f), Action::Stop);
    assert_eq!(Action::of_chunk(0x7f), Action::StopAndReport);
    assert_eq!(Action::of_chunk(0xbf), Action::Skip);
    assert_eq!(Action::of_chunk(0xff), Action::SkipAndReport);
    assert_eq!(Action::of_parameter(0x8009), Action::Skip);
    assert!(Action::of_parameter(0xc006).reports() && Action::of_parameter(0xc006).goes_on());
}

#[test]
fn a_sack_whose_counts_overrun_it_is_malformed() {
    let bytes = raw(&[3, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 9, 0, 2, 0, 0, 0, 1, 0, 1]);
    assert_eq!(chunks(&bytes), [Err(ParseError::Malformed { kind: 3 })]);
}

#[test]
fn a_sack_reports_as_much_as_fits() {
    let mut buf = [0; 12 + 16 + 9];
    let mut writer = PacketWriter::new(&mut buf, 1, 2, 3);
    let blocks = (1..=3).map(|n| GapBlock { start: n * 3, end: n * 3 });
    writer.sack(Tsn(1), 2, blocks, [Tsn(7)]).unwrap();
    let len = writer.finish();
    let found = chunks(&buf[..len]);
    let Ok(Chunk::Sack(sack)) = found[0] else { panic!("{found:?}") };
    assert_eq!((sack.gap_blocks().len(), sack.duplicates().len()), (2, 0));
}

#[test]
fn the_i_bit_can_be_set_afterwards() {
    let bytes = packet(|out| {
        assert!(!out.set_immediate());
        out.data(&Data { payload: b"a", ..Data::default() }).unwrap();
        out.data(&Data { payload: b"b", ..Data::default() }).unwrap();
        assert!(out.set_immediate());
    });
    let flags = |chunk: &Result<Chunk<'_>, _>| matches!(chunk, Ok(Chunk::Data(data)) if data.flags.immediate);
    assert_eq!(chunks(&bytes).iter().map(flags).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_chunk_that_does_not_fit_leaves_the_packet_alone() {
    let mut buf = [0; 12 + 24];
    let mut writer = PacketWriter::new(&mut buf, 1, 2, 3);
    assert_eq!(writer.data_room(), 8);
    assert!(writer.data(&Data { payload: &[0; 9], ..Data::default() }).is_err());
    writer.data(&Data { payload: &[0; 5], ..Data::default() }).unwrap();
    assert!(writer.cookie_ack().is_err());
    assert_eq!(writer.remaining(), 0);
    let len = writer.finish();
    assert_eq!(len, 36);
    assert_eq!(chunks(&buf[..len]).len(), 1);
    assert_eq!(PacketWriter::new(&mut [0; 11], 1, 2, 3).finish(), 0);
}

#[test]
fn every_parameter_survives_the_wire() {
    let all = [
        Parameter::StateCookie(&[1, 2, 3, 4, 5]),
        Parameter::Unrecognized(&[0xc0, 9, 0, 4]),
        Parameter::CookiePreservative(core::time::Duration::from_millis(77)),
        Parameter::HostName(b"host\0"),
        Parameter::Address(&[127, 0, 0, 1]),
        Parameter::Address(&[9; 16]),
        Parameter::SupportedAddressTypes(U16List::new(&[5, 6, 11])),
        Parameter::EcnCapable,
        Parameter::ZeroChecksum(1),
        Parameter::SupportedExtensions(&[0x82, 0xc0, 0x40]),
        Parameter::ForwardTsn,
        Parameter::Padding(3),
        Parameter::Unknown { kind: 0xc00a, raw: &[0xc0, 0x0a, 0, 5, 9] },
    ];
    let init =
        Init { initiate_tag: 1, a_rwnd: 2, outbound_streams: 3, inbound_streams: 4, ..Init::default() };
    let bytes = packet(|out| {
        out.init(&init, all).unwrap();
        out.init_ack(&init, all).unwrap();
    });
    let found = chunks(&bytes);
    let [Ok(Chunk::Init(one)), Ok(Chunk::InitAck(other))] = found[..] else { panic!("{found:?}") };
    assert_eq!(one.parameters.iter().collect::<Result<Vec<_>, _>>().unwrap(), all);
    assert_eq!(one, other);
    assert_eq!(Init { parameters: Parameters::default(), ..one }, init);
}

#[test]
fn every_cause_survives_the_wire() {
    let all = [
        Cause::InvalidStream(7),
        Cause::MissingParameters(U16List::new(&[7])),
        Cause::StaleCookie(9),
        Cause::OutOfResource,
        Cause::UnresolvableAddress(&[0, 11, 0, 5, 1]),
        Cause::UnrecognizedChunk(&[0x7f, 0, 0, 4]),
        Cause::InvalidMandatoryParameter,
        Cause::UnrecognizedParameters(&[0xc0, 9, 0, 4]),
        Cause::NoUserData(Tsn(8)),
        Cause::CookieWhileShuttingDown,
        Cause::RestartWithNewAddresses(&[0, 5, 0, 8, 1, 2, 3, 4]),
        Cause::UserInitiatedAbort(b"bye"),
        Cause::ProtocolViolation(b""),
        Cause::Unknown { code: 99, value: b"x" },
    ];
    let bytes = packet(|out| {
        out.abort(true, all).unwrap();
        out.error(all).unwrap();
    });
    let found = chunks(&bytes);
    let [Ok(Chunk::Abort { reflected: true, causes }), Ok(Chunk::Error(again))] = found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(causes.iter().collect::<Result<Vec<_>, _>>().unwrap(), all);
    assert_eq!(causes, again);
}

#[test]
fn every_reconfiguration_survives_the_wire() {
    let all = [
        ReConfigParameter::OutgoingReset {
            request: 1,
            response: 2,
            last_tsn: Tsn(3),
            streams: U16List::new(&[4, 5, 6]),
        },
        ReConfigParameter::IncomingReset { request: 1, streams: U16List::new(&[4]) },
        ReConfigParameter::SsnTsnReset { request: 1 },
        ReConfigParameter::Response { request: 1, result: ReConfigResult::InProgress, tsns: None },
        ReConfigParameter::Response {
            request: 1,
            result: ReConfigResult::Other(9),
            tsns: Some((Tsn(1), Tsn(2))),
        },
        ReConfigParameter::AddOutgoing { request: 1, count: 2 },
        ReConfigParameter::AddIncoming { request: 1, count: 2 },
        ReConfigParameter::Unknown { kind: 99, raw: &[0, 99, 0, 4] },
    ];
    let bytes = packet(|out| out.re_config(all).unwrap());
    let found = chunks(&bytes);
    let [Ok(Chunk::ReConfig(reset))] = found[..] else { panic!("{found:?}") };
    assert_eq!(reset.parameters().collect::<Result<Vec<_>, _>>().unwrap(), all);
}

#[test]
fn every_other_chunk_survives_the_wire() {
    let unknown = UnknownChunk { kind: 0xfe, flags: 3, raw: &[0xfe, 3, 0, 5, 1] };
    let bytes = packet(|out| {
        out.heartbeat(b"12345").unwrap();
        out.heartbeat_ack(b"").unwrap();
        out.shutdown(Tsn(4)).unwrap();
        out.shutdown_ack().unwrap();
        out.shutdown_complete(true).unwrap();
        out.shutdown_complete(false).unwrap();
        out.cookie_echo(b"cookie").unwrap();
        out.cookie_ack().unwrap();
        out.pad(9).unwrap();
        out.unknown(&unknown).unwrap();
    });
    let expected = [
        Chunk::Heartbeat(b"12345"),
        Chunk::HeartbeatAck(b""),
        Chunk::Shutdown { cumulative_tsn: Tsn(4) },
        Chunk::ShutdownAck,
        Chunk::ShutdownComplete { reflected: true },
        Chunk::ShutdownComplete { reflected: false },
        Chunk::CookieEcho(b"cookie"),
        Chunk::CookieAck,
        Chunk::Pad,
        Chunk::Unknown(unknown),
    ];
    assert_eq!(chunks(&bytes), expected.map(Ok));
}

#[test]
fn an_interleaved_forward_tsn_is_read() {
    let body = [0xc2, 0, 0, 24, 0, 0, 0, 9, 0, 1, 0, 1, 0, 0, 0, 5, 0, 2, 0, 0, 0, 0, 0, 6];
    let bytes = raw(&body);
    let found = chunks(&bytes);
    let [Ok(Chunk::IForwardTsn(forward))] = found[..] else { panic!("{found:?}") };
    let streams: Vec<_> = forward.streams().map(|s| (s.stream, s.unordered, s.mid)).collect();
    assert_eq!(streams, [(1, true, Mid32(5)), (2, false, Mid32(6))]);
}

fn flags() -> impl Strategy<Value = DataFlags> {
    any::<[bool; 4]>().prop_map(|[immediate, unordered, beginning, ending]| DataFlags {
        immediate,
        unordered,
        beginning,
        ending,
    })
}

proptest! {
    #[test]
    fn data_survives_the_wire(flags in flags(), tsn: u32, stream: u16, ssn: u16, ppid: u32, payload in prop::collection::vec(any::<u8>(), 0..600)) {
        let data = Data { flags, tsn: Tsn(tsn), stream, ssn: Ssn(ssn), ppid, payload: &payload, offset: 0 };
        let other = IData { flags, tsn: Tsn(tsn), stream, mid: Mid32(ppid), ppid_or_fsn: tsn, payload: &payload, offset: 0 };
        let bytes = packet(|out| { out.data(&data).unwrap(); out.i_data(&other).unwrap(); });
        let found = chunks(&bytes);
        let [Ok(Chunk::Data(one)), Ok(Chunk::IData(two))] = found[..] else { panic!("{found:?}") };
        prop_assert_eq!(one, data);
        prop_assert_eq!(two, other);
        prop_assert_eq!(&bytes[one.range()], &payload[..]);
        prop_assert_eq!(&bytes[two.range()], &payload[..]);
    }

    #[test]
    fn sacks_survive_the_wire(tsn: u32, a_rwnd: u32, gaps: Vec<(u16, u16)>, duplicates: Vec<u32>) {
        let gaps: Vec<_> = gaps.into_iter().map(|(start, end)| GapBlock { start, end }).collect();
        let duplicates: Vec<_> = duplicates.into_iter().map(Tsn).collect();
        let bytes = packet(|out| out.sack(Tsn(tsn), a_rwnd, gaps.iter().copied(), duplicates.iter().copied()).unwrap());
        let found = chunks(&bytes);
        let [Ok(Chunk::Sack(sack))] = found[..] else { panic!("{found:?}") };
        prop_assert_eq!((sack.cumulative_tsn, sack.a_rwnd), (Tsn(tsn), a_rwnd));
        prop_assert_eq!(sack.gap_blocks().collect::<Vec<_>>(), gaps);
        prop_assert_eq!(sack.duplicates().collect::<Vec<_>>(), duplicates);
    }

    #[test]
    fn forward_tsns_survive_the_wire(tsn: u32, streams: Vec<(u16, u16)>) {
        let streams: Vec<_> = streams.into_iter().map(|(stream, ssn)| Skipped { stream, ssn: Ssn(ssn) }).collect();
        let bytes = packet(|out| out.forward_tsn(Tsn(tsn), streams.iter().copied()).unwrap());
        let found = chunks(&bytes);
        let [Ok(Chunk::ForwardTsn(forward))] = found[..] else { panic!("{found:?}") };
        prop_assert_eq!(forward.new_cumulative_tsn, Tsn(tsn));
        prop_assert_eq!(forward.streams().collect::<Vec<_>>(), streams);
    }

    #[test]
    fn no_bytes_are_too_strange(body: Vec<u8>) {
        let bytes = raw(&body);
        let packet = Packet::parse(&bytes).unwrap();
        prop_assert!(packet.chunks().count() <= bytes.len());
        for chunk in packet.chunks() {
            match chunk {
                Ok(Chunk::Init(init) | Chunk::InitAck(init)) => drop(init.parameters.iter().count()),
                Ok(Chunk::Abort { causes, .. } | Chunk::Error(causes)) => drop(causes.iter().count()),
                Ok(Chunk::ReConfig(reset)) => drop(reset.parameters().count()),
                _ => {}
            }
        }
    }
}
