//! Tests of whole messages: the vectors of RFC 5769, what must be ignored, what must be refused, and round trips.

use proptest::prelude::*;

use crate::stun::attribute::{AlgorithmList, PasswordAlgorithm};
use crate::stun::{Builder, Family, Icmp, header};

use super::*;

const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const ID: TransactionId =
    TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);

/// RFC 5769 §2.1 to §2.4.
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff\
    80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004\
    e57a3bcf";
const RESPONSE_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643\
    000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
const RESPONSE_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa\
    a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
const LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c662f\
    2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014f67024656dd64a3e02b8\
    e0712e85c9a28ca89666";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap())
        .collect()
}

fn key() -> IntegrityKey {
    IntegrityKey::short_term(PASSWORD)
}

/// A Binding request of these attributes, its length in order.
fn message(attributes: &[u8]) -> Vec<u8> {
    let mut bytes = hex("000100002112a442b7e7a701bc34d686fa87dfae");
    bytes.extend_from_slice(attributes);
    let length = u16::try_from(attributes.len()).unwrap();
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn build(attributes: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    let mut buf = [0; 1500];
    let mut builder = Builder::new(&mut buf, Class::Request, Method::BINDING, ID).unwrap();
    attributes(&mut builder);
    let len = builder.finish();
    buf[..len].to_vec()
}

#[test]
fn the_request_of_rfc_5769_is_read_and_verified() {
    let bytes = hex(REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        (message.class(), message.method(), message.transaction_id()),
        (Class::Request, Method::BINDING, ID)
    );
    assert_eq!(message.username(), Some("evtj:h6vY"));
    assert_eq!(message.priority(), Some(0x6e00_01ff));
    assert_eq!(message.ice_controlled(), Some(0x932f_f9b1_5126_3b36));
    assert_eq!(message.verify_integrity(&key()), Ok(IntegrityKind::Sha1));
    assert_eq!(message.verify_integrity(&IntegrityKey::short_term("wrong")), Err(IntegrityError::Mismatch));
    assert_eq!(message.fingerprint(), Fingerprint::Valid);
    assert_eq!(message.unknown_required().count(), 0);
    assert_eq!(header::binding_username(&bytes), Some(&b"evtj:h6vY"[..]));
}

#[test]
fn the_responses_of_rfc_5769_are_read_and_verified() {
    for (text, address) in
        [(RESPONSE_V4, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let bytes = hex(text);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.class(), Class::Success);
        assert_eq!(message.xor_mapped_address(), Some(address.parse().unwrap()));
        assert_eq!(message.attributes().next(), Some(Ok(Attribute::Software("test vector"))));
        assert_eq!(message.verify_integrity(&key()), Ok(IntegrityKind::Sha1));
        assert_eq!(message.fingerprint(), Fingerprint::Valid);
        assert_eq!(header::binding_username(&bytes), None);
    }
}

#[test]
fn the_long_term_request_of_rfc_5769_is_verified() {
    let bytes = hex(LONG_TERM);
    let message = Message::parse(&bytes).unwrap();
    let username = message.username().unwrap();
    assert_eq!(username, "\u{30de}\u{30c8}\u{30ea}\u{30c3}\u{30af}\u{30b9}");
    assert_eq!(message.nonce(), Some("f//499k954d6OL34oL9FSTvy64sA"));
    let key = IntegrityKey::long_term(username, message.realm().unwrap(), "TheMatrIX").unwrap();
    assert_eq!(message.verify_integrity(&key), Ok(IntegrityKind::Sha1));
    assert_eq!(message.fingerprint(), Fingerprint::Absent);
}

#[test]
fn a_built_request_is_the_one_of_rfc_5769_but_for_its_padding() {
    // The RFC pads USERNAME with spaces, which the integrity covers; ours has zeros.
    let response = {
        let mut buf = [0; 200];
        let mut builder = Builder::new(&mut buf, Class::Success, Method::BINDING, ID).unwrap();
        builder.raw(AttributeType::SOFTWARE, &[b"test vector"]).unwrap();
        builder.add(&Attribute::XorMappedAddress("192.0.2.1:32853".parse().unwrap())).unwrap();
        let len = builder.finish();
        buf[..len].to_vec()
    };
    let mut wanted = hex(RESPONSE_V4);
    wanted.truncate(response.len());
    wanted[35] = 0;
    wanted[3] = 28;
    assert_eq!(response, wanted);
}

#[test]
fn nineteen_bytes_and_other_shapes_are_refused() {
    let bytes = hex(REQUEST);
    assert_eq!(Message::parse(&bytes[..19]).unwrap_err(), ParseError::TooShort(19));
    for len in 20..bytes.len() {
        assert!(matches!(Message::parse(&bytes[..len]), Err(ParseError::Length { .. })));
    }
    let mut trailing = bytes.clone();
    trailing.push(0);
    assert!(matches!(Message::parse(&trailing), Err(ParseError::Length { header: 88, bytes: 89 })));
    let mut odd = message(&[]);
    odd.extend_from_slice(&[0, 0]);
    odd[3] = 2;
    assert!(matches!(Message::parse(&odd), Err(ParseError::Length { header: 2, bytes: 2 })));
    let mut high = bytes.clone();
    high[0] = 0x80;
    assert_eq!(Message::parse(&high).unwrap_err(), ParseError::NotStun);
    let mut cookie = bytes;
    cookie[7] = 0;
    assert_eq!(Message::parse(&cookie).unwrap_err(), ParseError::Cookie(0x2112_a400));
}

#[test]
fn an_attribute_beyond_the_end_is_refused() {
    for bad in [&[0x00, 0x06, 0xff, 0xff][..], &[0x00, 0x06, 0x00, 0x05, 1, 2, 3, 4], &[0x80, 0x22, 0, 1]] {
        assert_eq!(Message::parse(&message(bad)).unwrap_err(), ParseError::Attribute { at: 20 });
        assert_eq!(header::binding_username(&message(bad)), None);
    }
    // What stands after FINGERPRINT is ignored, but must still be attributes.
    let bad = [0x80, 0x28, 0, 4, 0, 0, 0, 0, 0, 6, 0, 9];
    assert_eq!(Message::parse(&message(&bad)).unwrap_err(), ParseError::Attribute { at: 28 });
}

#[test]
fn attributes_after_integrity_are_ignored() {
    let bytes = build(|builder| {
        builder.add(&Attribute::Priority(1)).unwrap();
        builder.integrity(&key()).unwrap();
        builder.add(&Attribute::UseCandidate).unwrap();
        builder.raw(AttributeType(0x7777), &[b"?"]).unwrap();
    });
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.verify_integrity(&key()), Ok(IntegrityKind::Sha1));
    assert!(!message.use_candidate());
    assert_eq!(message.unknown_required().count(), 0);
    assert_eq!(message.raw_attributes().count(), 1);
}

#[test]
fn everything_after_fingerprint_is_ignored() {
    let bytes = build(|builder| {
        builder.add(&Attribute::Priority(1)).unwrap();
        builder.fingerprint().unwrap();
        builder.integrity(&key()).unwrap();
        builder.add(&Attribute::Username("a:b")).unwrap();
    });
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.verify_integrity(&key()), Err(IntegrityError::Missing));
    assert_eq!(message.username(), None);
    assert_eq!(message.fingerprint(), Fingerprint::Valid);
    assert_eq!(header::binding_username(&bytes), None);
}

#[test]
fn of_two_integrities_the_first_counts() {
    let bytes = build(|builder| {
        builder.integrity(&key()).unwrap();
        builder.integrity(&IntegrityKey::short_term("another")).unwrap();
    });
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.verify_integrity(&key()), Ok(IntegrityKind::Sha1));
    assert!(message.verify_integrity(&IntegrityKey::short_term("another")).is_err());
}

#[test]
fn sha256_is_preferred_and_covers_the_sha1_before_it() {
    let bytes = build(|builder| {
        builder.add(&Attribute::Priority(1)).unwrap();
        builder.integrity(&key()).unwrap();
        builder.integrity_sha256(&key()).unwrap();
        builder.fingerprint().unwrap();
    });
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.verify_integrity(&key()), Ok(IntegrityKind::Sha256));
    assert_eq!(message.fingerprint(), Fingerprint::Valid);
    let mut forged = bytes.clone();
    forged[32] ^= 1;
    assert_eq!(Message::parse(&forged).unwrap().verify_integrity(&key()), Err(IntegrityError::Mismatch));
}

#[test]
fn a_truncated_sha256_is_taken_where_the_usage_permits_it() {
    for len in (4..=36).step_by(4) {
        let bytes = {
            let mut bytes = message(&[]);
            let value = [key().sha256(&bytes, 20, len), [0; 32]].concat();
            bytes.extend_from_slice(&[0x00, 0x1c, 0, u8::try_from(len).unwrap()]);
            bytes.extend_from_slice(&value[..len]);
            bytes[3] = u8::try_from(4 + len).unwrap();
            bytes
        };
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.verify_integrity(&key()).is_ok(), len == 32);
        assert_eq!(message.verify_integrity_of(&key(), 16).is_ok(), (16..=32).contains(&len));
        assert_eq!(message.verify_integrity_of(&key(), 0).is_ok(), (16..=32).contains(&len));
    }
}

#[test]
fn integrity_of_another_length_is_not_believed() {
    let bytes = message(&[0x00, 0x08, 0, 0]);
    let parsed = Message::parse(&bytes).unwrap();
    assert_eq!(parsed.verify_integrity(&key()), Err(IntegrityError::Length(0)));
    let bytes = message(&[0x80, 0x28, 0, 0]);
    assert_eq!(Message::parse(&bytes).unwrap().fingerprint(), Fingerprint::Invalid);
}

#[test]
fn unknown_attributes_that_must_be_understood_are_listed() {
    let bytes = build(|builder| {
        builder.raw(AttributeType(0x7ff1), &[b"abc"]).unwrap();
        builder.raw(AttributeType(0xc057), &[b"abcd"]).unwrap();
        builder.raw(AttributeType(0x0003), &[&[0; 4]]).unwrap();
    });
    let request = Message::parse(&bytes).unwrap();
    let unknown: Vec<_> = request.unknown_required().collect();
    assert_eq!(unknown, [AttributeType(0x7ff1), AttributeType(0x0003)]);
    let answer = build(|builder| {
        builder.unknown_attributes(request.unknown_required()).unwrap();
    });
    let answer =
        Message::parse(&answer).unwrap().unknown_attributes().map(|list| list.iter().collect::<Vec<_>>());
    assert_eq!(answer, Some(unknown));
}

#[test]
fn an_error_code_is_of_class_3_to_6_and_number_0_to_99() {
    let parse = |value: &'static [u8]| Attribute::parse(AttributeType::ERROR_CODE, value, ID);
    for (class, number, code) in [(3, 0, 300), (4, 87, 487), (6, 99, 699)] {
        let value = [0, 0, class | 0xf8, number];
        let value: &'static [u8] = Box::leak(Box::new(value));
        assert_eq!(parse(value), Ok(Attribute::ErrorCode(ErrorCode { code, reason: "" })));
    }
    for bad in [&[0, 0, 2, 0][..], &[0, 0, 7, 0], &[0, 0, 4, 100], &[0, 0, 4], &[0, 0, 4, 0, 0xff]] {
        assert!(parse(bad).is_err());
    }
}

#[test]
fn an_attribute_that_does_not_fit_leaves_the_message_whole() {
    let mut buf = [0; 40];
    let mut builder = Builder::new(&mut buf, Class::Request, Method::BINDING, ID).unwrap();
    builder.add(&Attribute::Priority(1)).unwrap();
    assert!(builder.add(&Attribute::Username("too long to fit")).is_err());
    assert!(builder.integrity(&key()).is_err());
    assert!(builder.integrity_sha256(&key()).is_err());
    builder.fingerprint().unwrap();
    assert!(builder.fingerprint().is_err());
    let len = builder.finish();
    let message = Message::parse(&buf[..len]).unwrap();
    assert_eq!((message.priority(), message.fingerprint()), (Some(1), Fingerprint::Valid));
    assert!(Builder::new(&mut [0; 19], Class::Request, Method::BINDING, ID).is_err());
}

#[test]
fn a_message_longer_than_its_length_field_is_not_built() {
    let mut buf = vec![0; 70_000];
    let mut builder = Builder::new(&mut buf, Class::Request, Method::BINDING, ID).unwrap();
    assert!(builder.add(&Attribute::Data(&vec![0; 65_533])).is_err());
    builder.add(&Attribute::Data(&vec![0; 65_528])).unwrap();
    let len = builder.finish();
    assert!(Message::parse(&buf[..len]).is_ok());
}

fn attributes() -> Vec<Attribute<'static>> {
    let v4 = "192.0.2.7:1".parse().unwrap();
    let v6 = "[2001:db8::7]:65535".parse().unwrap();
    let list = AlgorithmList::new(&[0, 2, 0, 0, 0, 1, 0, 3, 1, 2, 3, 0, 0, 7, 0, 0]).unwrap();
    assert_eq!(
        list.iter().map(|(algorithm, parameters)| (algorithm.0, parameters.len())).collect::<Vec<_>>(),
        [(2, 0), (1, 3), (7, 0)]
    );
    vec![
        Attribute::MappedAddress(v4),
        Attribute::XorMappedAddress(v6),
        Attribute::Username("a:b"),
        Attribute::UserHash([7; 32]),
        Attribute::Realm("example.org"),
        Attribute::Nonce("n"),
        Attribute::Software(""),
        Attribute::ErrorCode(ErrorCode::new(ErrorCode::ROLE_CONFLICT)),
        Attribute::UnknownAttributes(TypeList::new(&[1, 2, 3, 4, 5, 6]).unwrap()),
        Attribute::PasswordAlgorithm(PasswordAlgorithm::SHA256, &[]),
        Attribute::PasswordAlgorithms(list),
        Attribute::AlternateServer(v6),
        Attribute::AlternateDomain("example.org"),
        Attribute::Priority(u32::MAX),
        Attribute::UseCandidate,
        Attribute::IceControlled(1),
        Attribute::IceControlling(u64::MAX),
        Attribute::Nomination(0x00ff_ffff),
        Attribute::MetaDtls(&[22, 254]),
        Attribute::MetaDtlsAck(&[]),
        Attribute::ChannelNumber(0x4000),
        Attribute::Lifetime(Duration::from_secs(600)),
        Attribute::XorPeerAddress(v4),
        Attribute::Data(&[1, 2, 3]),
        Attribute::XorRelayedAddress(v6),
        Attribute::RequestedAddressFamily(Family::V6),
        Attribute::AdditionalAddressFamily(Family::V4),
        Attribute::EvenPort(true),
        Attribute::RequestedTransport(17),
        Attribute::DontFragment,
        Attribute::ReservationToken([1, 2, 3, 4, 5, 6, 7, 8]),
        Attribute::AddressErrorCode(Family::V6, ErrorCode::new(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)),
        Attribute::Icmp(Icmp { kind: 3, code: 4, data: 1280 }),
        Attribute::ConnectionId(5),
        Attribute::Unknown(AttributeType(0xffff), &[9]),
    ]
}

#[test]
fn every_attribute_survives_a_round_trip() {
    let bytes = build(|builder| {
        for attribute in attributes() {
            builder.add(&attribute).unwrap();
        }
    });
    let message = Message::parse(&bytes).unwrap();
    let read: Vec<_> = message.attributes().map(Result::unwrap).collect();
    assert_eq!(read, attributes());
}

#[test]
fn truncated_values_of_every_attribute_do_not_panic() {
    let bytes = build(|builder| {
        for attribute in attributes() {
            builder.add(&attribute).unwrap();
        }
    });
    for (kind, value) in Message::parse(&bytes).unwrap().raw_attributes() {
        for len in 0..=value.len() {
            let _checked = Attribute::parse(kind, &value[..len], ID).map(|attribute| attribute.kind());
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        picks in prop::collection::vec(0..35_usize, 0..12),
        text in "[a-zA-Z0-9+/:]{0,40}",
        data in prop::collection::vec(any::<u8>(), 0..60),
        number in any::<u64>(),
        sha256: bool,
    ) {
        let all = attributes();
        let mut wanted: Vec<_> = picks.into_iter().map(|pick| all[pick]).collect();
        wanted.extend([Attribute::Username(&text), Attribute::Data(&data), Attribute::IceControlling(number)]);
        let bytes = build(|builder| {
            for attribute in &wanted {
                builder.add(attribute).unwrap();
            }
            if sha256 { builder.integrity_sha256(&key()).unwrap() } else { builder.integrity(&key()).unwrap() };
            builder.fingerprint().unwrap();
        });
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(message.attributes().collect::<Result<Vec<_>, _>>().unwrap(), wanted);
        prop_assert!(message.verify_integrity(&key()).is_ok());
        prop_assert_eq!(message.fingerprint(), Fingerprint::Valid);
    }

    #[test]
    fn a_changed_bit_is_noticed(at in 0..100_usize, bit in 0..8_u32) {
        let mut bytes = hex(REQUEST);
        bytes[at] ^= 1 << bit;
        let believed = Message::parse(&bytes)
            .is_ok_and(|message| message.verify_integrity(&key()).is_ok() && message.fingerprint() == Fingerprint::Valid);
        prop_assert!(!believed);
    }

    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120), framed: bool) {
        if framed && bytes.len() >= 20 {
            let whole = message(&bytes[20..]);
            bytes = whole;
        }
        header::binding_username(&bytes);
        if let Ok(message) = Message::parse(&bytes) {
            let _read = message.attributes().count();
            let _verified = (message.verify_integrity(&key()).is_ok(), message.fingerprint());
            let _shown = format!("{message:?}");
        }
    }
}
