//! What does not come from the peer, or comes too early, or too often. The numbered attacks are in `negative_ice.rs`.

use antiphon::ice::{CandidatePairState, IceConnectionState, LocalCandidate, Role};
use antiphon::stun::{
    Attribute, AttributeType, Builder, Class, ErrorCode, IntegrityKey, IntegrityKind, Message, Method,
    TransactionId,
};
use antiphon::{Output, Path};

use crate::world::{Forged, World, addr, at, host, is_request};

/// A world where only `a` speaks: nothing reaches `b`.
fn lonely() -> World {
    let mut world = World::full(1);
    world.describe();
    world.lost = Box::new(|_| true);
    world.run_until(at(10));
    world
}

/// How many datagrams `a` sends at once because of this one.
fn provoked(world: &mut World, source: &str, data: &[u8]) -> usize {
    let before = world.sent.len();
    world.inject(0, host(0, 0), addr(source), data);
    world.run_until(world.now);
    world.sent[before..].iter().filter(|p| p.from == 0).count()
}

#[test]
fn unknown_attributes_that_must_be_understood_are_answered_with_420() {
    let mut world = lonely();
    let forged = Forged { unknown: Some(0x7abc), ..Forged::check(&world.agents[0]) };
    assert_eq!(provoked(&mut world, "10.1.0.1:5000", &forged.bytes()), 1);
    let answer = Message::parse(&world.sent.last().unwrap().data).unwrap();
    assert_eq!(answer.error_code().unwrap().code, 420);
    assert_eq!(answer.unknown_attributes().unwrap().iter().map(|kind| kind.0).collect::<Vec<_>>(), [0x7abc]);
    let optional = Forged { unknown: Some(0xabcd), ..Forged::check(&world.agents[0]) };
    assert!(provoked(&mut world, "10.1.0.1:5000", &optional.bytes()) > 0);
    let answer = world.sent.iter().rev().find(|p| !is_request(p)).unwrap();
    assert_eq!(Message::parse(&answer.data).unwrap().class(), Class::Success);
}

#[test]
fn a_420_lists_all_that_was_not_understood() {
    let mut world = lonely();
    let credentials = world.agents[0].local_credentials().clone();
    let theirs = world.agents[1].local_credentials().ufrag().to_owned();
    let unknown: Vec<u16> = (0x7000..0x700c).collect();
    let mut buf = [0; 400];
    let mut message =
        Builder::new(&mut buf, Class::Request, Method::BINDING, TransactionId([3; 12])).unwrap();
    message.add(&Attribute::Username(&format!("{}:{theirs}", credentials.ufrag()))).unwrap();
    for kind in &unknown {
        message.raw(AttributeType(*kind), &[b"abc"]).unwrap();
    }
    message.integrity(&IntegrityKey::short_term(credentials.pwd())).unwrap().fingerprint().unwrap();
    let len = message.finish();
    assert_eq!(provoked(&mut world, "10.1.0.1:5000", &buf[..len]), 1);
    let answer = Message::parse(&world.sent.last().unwrap().data).unwrap();
    assert_eq!(answer.error_code().unwrap().code, 420);
    assert_eq!(answer.unknown_attributes().unwrap().iter().map(|kind| kind.0).collect::<Vec<_>>(), unknown);
}

/// An answer to the request `data` that somebody with the password writes as he likes.
fn odd_answer(data: &[u8], class: Class, pwd: &str, write: impl Fn(&mut Builder<'_>)) -> Vec<u8> {
    let id = Message::parse(data).unwrap().transaction_id();
    let mut buf = [0; 300];
    let mut message = Builder::new(&mut buf, class, Method::BINDING, id).unwrap();
    write(&mut message);
    message.integrity(&IntegrityKey::short_term(pwd)).unwrap().fingerprint().unwrap();
    let len = message.finish();
    buf[..len].to_vec()
}

// RFC 8489 §6.3.3 and §6.3.4: the transaction is considered to have failed.
#[test]
fn an_answer_with_attributes_that_must_be_understood_fails_the_check() {
    for class in [Class::Success, Class::Error] {
        let mut world = lonely();
        let pwd = world.agents[1].local_credentials().pwd().to_owned();
        let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
        let answer = odd_answer(&asked, class, &pwd, |message| {
            message.add(&Attribute::XorMappedAddress(host(0, 0))).unwrap();
            message.add(&Attribute::ErrorCode(ErrorCode::new(ErrorCode::ROLE_CONFLICT))).unwrap();
            message.raw(AttributeType(0x7abc), &[b"what"]).unwrap();
        });
        world.inject(0, host(0, 0), host(1, 0), &answer);
        let a = &world.agents[0];
        assert_eq!(a.counters().response_unknown_attributes, 1);
        assert_eq!((a.active_path(), a.role()), (None, Role::Controlling));
        assert_eq!(a.stats().pairs[0].state, CandidatePairState::Failed);
    }
    // What need not be understood is passed over.
    let mut world = lonely();
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
    let answer = odd_answer(&asked, Class::Success, &pwd, |message| {
        message.raw(AttributeType(0xc057), &[b"what"]).unwrap();
        message.add(&Attribute::XorMappedAddress(host(0, 0))).unwrap();
    });
    world.inject(0, host(0, 0), host(1, 0), &answer);
    assert!(world.agents[0].active_path().is_some());
}

// RFC 8489 §9.1.3: the answer to a request with MESSAGE-INTEGRITY-SHA256 has that attribute, and the other one not.
#[test]
fn an_answer_is_protected_by_what_protected_its_request() {
    for (sha1, sha256) in [(true, false), (false, true), (true, true)] {
        let mut world = lonely();
        let credentials = world.agents[0].local_credentials().clone();
        let key = IntegrityKey::short_term(credentials.pwd());
        let theirs = world.agents[1].local_credentials().ufrag().to_owned();
        for unknown in [false, true] {
            let mut buf = [0; 300];
            let id = TransactionId([if unknown { 1 } else { 2 }; 12]);
            let mut message = Builder::new(&mut buf, Class::Request, Method::BINDING, id).unwrap();
            message.add(&Attribute::Username(&format!("{}:{theirs}", credentials.ufrag()))).unwrap();
            message.add(&Attribute::Priority(1)).unwrap().add(&Attribute::IceControlled(1)).unwrap();
            if unknown {
                message.raw(AttributeType(0x7abc), &[]).unwrap();
            }
            if sha1 {
                message.integrity(&key).unwrap();
            }
            if sha256 {
                message.integrity_sha256(&key).unwrap();
            }
            message.fingerprint().unwrap();
            let len = message.finish();
            let before = world.sent.len();
            world.inject(0, host(0, 0), host(1, 0), &buf[..len]);
            world.run_until(world.now);
            let sent = world.sent[before..].iter().map(|p| Message::parse(&p.data).unwrap());
            let answers: Vec<_> = sent.filter(|m| m.transaction_id() == id).collect();
            assert_eq!(answers.len(), 1);
            let wanted = if sha256 { IntegrityKind::Sha256 } else { IntegrityKind::Sha1 };
            assert_eq!(answers[0].verify_integrity(&key), Ok(wanted));
            let other = if sha256 {
                AttributeType::MESSAGE_INTEGRITY
            } else {
                AttributeType::MESSAGE_INTEGRITY_SHA256
            };
            let kinds = attribute_types(answers[0].bytes());
            assert!(!kinds.contains(&other.0), "{kinds:x?}");
            assert_eq!(kinds.last(), Some(&AttributeType::FINGERPRINT.0));
        }
    }
}

/// The types of all attributes, those behind the integrity included.
fn attribute_types(bytes: &[u8]) -> Vec<u16> {
    let (mut at, mut kinds) = (20, Vec::new());
    while at < bytes.len() {
        kinds.push(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        at += 4 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])).next_multiple_of(4);
    }
    kinds
}

// RFC 8489 §9.1.4: the algorithm has to be that of the request; otherwise the response is discarded.
#[test]
fn an_answer_protected_by_another_algorithm_than_our_request_is_discarded() {
    let mut world = lonely();
    let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
    let key = IntegrityKey::short_term(world.agents[1].local_credentials().pwd());
    let id = Message::parse(&asked).unwrap().transaction_id();
    let mut buf = [0; 300];
    let mut message = Builder::new(&mut buf, Class::Success, Method::BINDING, id).unwrap();
    message.add(&Attribute::XorMappedAddress(host(0, 0))).unwrap();
    message.integrity_sha256(&key).unwrap().fingerprint().unwrap();
    let len = message.finish();
    world.inject(0, host(0, 0), host(1, 0), &buf[..len]);
    assert_eq!(world.agents[0].counters().response_bad_integrity, 1);
    assert_eq!(world.agents[0].active_path(), None);
    assert_eq!(world.agents[0].stats().pairs[0].state, CandidatePairState::InProgress);
}

#[test]
fn checks_come_before_the_description_and_count_when_it_is_there() {
    let mut world = World::full(1);
    world.describe_to(1);
    // B checks at once; A has no description yet. It answers, and B's pair works.
    world.run_until(at(500));
    assert!(world.agents[1].active_path().is_some());
    assert_eq!(world.agents[0].active_path(), None);
    assert_eq!(world.agents[0].state(), IceConnectionState::New);
    // The description comes without candidates: the check that came is enough.
    let parameters = world.parameters(1);
    world.agents[0].set_remote(parameters);
    world.run_until(at(550));
    assert_eq!(world.agents[0].active_path(), Some(Path::udp(host(0, 0), host(1, 0))));
}

#[test]
fn early_checks_are_bounded_and_bound_to_the_peers_user_fragment() {
    let mut world = World::full(1);
    let mut forged = Forged::check(&world.agents[0]);
    for n in 0..1000_u32 {
        forged.id[..4].copy_from_slice(&n.to_be_bytes());
        world.inject(0, host(0, 0), addr(&format!("10.66.0.1:{}", 1000 + n)), &forged.bytes());
    }
    assert_eq!(world.agents[0].counters().early_checks_refused, 1000 - 16);
    let parameters = world.parameters(1);
    world.agents[0].set_remote(parameters);
    assert!(world.agents[0].stats().pairs.is_empty());
}

#[test]
fn a_datagram_for_no_candidate_of_ours_is_dropped() {
    let mut world = lonely();
    let check = Forged::check(&world.agents[0]).bytes();
    world.inject(0, addr("10.0.0.99:5000"), host(1, 0), &check);
    assert_eq!(world.agents[0].counters().unknown_local, 1);
}

#[test]
fn loopback_is_refused_on_the_wire_unless_a_loopback_host_was_added() {
    let mut world = lonely();
    let check = Forged::check(&world.agents[0]).bytes();
    assert_eq!(provoked(&mut world, "127.0.0.1:5000", &check), 0);
    assert_eq!(world.agents[0].counters().refused_remote, 1);
    let local = addr("127.0.0.1:4000");
    world.agents[0].add_local_candidate(LocalCandidate::udp(local)).unwrap();
    let before = world.sent.len();
    world.inject(0, local, addr("127.0.0.1:5000"), &check);
    world.run_until(world.now);
    assert!(world.sent.len() > before);
}

#[test]
fn the_slowest_reader_costs_bounded_memory() {
    let mut world = World::full(1);
    world.describe();
    let mut forged = Forged::check(&world.agents[0]);
    for n in 0..1000_u32 {
        forged.id[..4].copy_from_slice(&n.to_be_bytes());
        world.inject(0, host(0, 0), host(1, 0), &forged.bytes());
    }
    let a = &mut world.agents[0];
    assert_eq!(a.counters().replies_refused, 1000 - 64);
    let (mut buf, mut drawn) = ([0; 1200], 0);
    loop {
        match a.poll_output(at(0), &mut buf) {
            Output::Transmit(_) => drawn += 1,
            Output::Event(_) => {}
            Output::Wait(_) => break,
        }
    }
    assert!(drawn <= 64 + 1);
}
