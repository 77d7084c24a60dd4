//! Random histories of two ends: whatever happened before, they agree.

use crate::peer::jsep::SignalingState::Stable;
use crate::peer::jsep::test_peer::{Peer, exchange, peer, with_data};
use crate::peer::jsep::{SdpType, SessionDescription};

/// What happens in a random history.
#[derive(Clone, Copy, Debug)]
enum Step {
    Exchange { by_bob: bool, restart: bool, provisional: bool },
    RolledBack { by_bob: bool, restart: bool },
    Glare { bob_is_polite: bool },
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    use proptest::prelude::*;
    let step = prop_oneof![
        (any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(by_bob, restart, provisional)| Step::Exchange { by_bob, restart, provisional }),
        (any::<bool>(), any::<bool>()).prop_map(|(by_bob, restart)| Step::RolledBack { by_bob, restart }),
        any::<bool>().prop_map(|bob_is_polite| Step::Glare { bob_is_polite }),
    ];
    prop::collection::vec(step, 1..8)
}

fn take(step: Step, alice: &mut Peer, bob: &mut Peer) {
    let by_bob = match step {
        Step::Exchange { by_bob, .. } | Step::RolledBack { by_bob, .. } => by_bob,
        Step::Glare { bob_is_polite } => !bob_is_polite,
    };
    let (offerer, answerer) = if by_bob { (bob, alice) } else { (alice, bob) };
    let restart =
        matches!(step, Step::Exchange { restart: true, .. } | Step::RolledBack { restart: true, .. });
    if matches!(step, Step::Glare { .. }) {
        answerer.set_local(None).unwrap();
    }
    let offer = offerer.offer(restart);
    offerer.set_local(Some(offer)).unwrap();
    let offer = offerer.negotiator.local_description().unwrap().clone();
    answerer.set_remote(&offer).unwrap();
    if matches!(step, Step::RolledBack { .. }) {
        offerer.set_local(Some(SessionDescription::rollback())).unwrap();
        answerer.set_remote(&SessionDescription::rollback()).unwrap();
        return;
    }
    let mut answer = answerer.answer();
    if matches!(step, Step::Exchange { provisional: true, .. }) {
        let provisional = SessionDescription::new(SdpType::Pranswer, answer.session().clone());
        answerer.set_local(Some(provisional.clone())).unwrap();
        offerer.set_remote(&provisional).unwrap();
        answer = answerer.answer();
    }
    let at_answerer = answerer.set_local(Some(answer)).unwrap().negotiated.unwrap().transport.unwrap();
    let answer = answerer.negotiator.local_description().unwrap().clone();
    let at_offerer = offerer.set_remote(&answer).unwrap().negotiated.unwrap().transport.unwrap();
    assert_ne!(at_answerer.dtls_role, at_offerer.dtls_role);
    assert_ne!(at_answerer.controlling, at_offerer.controlling);
    assert_eq!(at_answerer.remote_ice.credentials, offerer.credentials);
    assert_eq!(at_offerer.remote_ice.credentials, answerer.credentials);
    assert_eq!(at_answerer.remote_fingerprints, offerer.fingerprints);
    assert!(!at_answerer.new_association && !at_offerer.new_association);
}

proptest::proptest! {
    #[test]
    fn any_two_capability_sets_negotiate_symmetrically(
        active in proptest::array::uniform2(proptest::bool::ANY),
        lite in 0_u8..3,
        sizes in proptest::array::uniform2(proptest::num::u64::ANY),
        hashes in proptest::array::uniform2(1_usize..4),
        steps in steps(),
    ) {
        let (mut alice, mut bob) = (with_data(1), peer(2));
        for (index, peer) in [&mut alice, &mut bob].into_iter().enumerate() {
            peer.negotiator.settings.answer_active = active[index];
            peer.negotiator.settings.max_message_size = sizes[index];
            peer.lite = usize::from(lite) == index;
            for extra in 1..hashes[index] {
                let text = format!("sha-512 {}", vec![format!("{extra:02X}"); 64].join(":"));
                peer.fingerprints.push(text.parse().unwrap());
            }
        }
        let (a, b) = exchange(&mut alice, &mut bob);
        proptest::prop_assert_eq!(a.unwrap().data.remote_max_message_size, sizes[1]);
        proptest::prop_assert_eq!(b.unwrap().data.remote_max_message_size, sizes[0]);
        for step in steps {
            take(step, &mut alice, &mut bob);
            proptest::prop_assert_eq!((alice.state(), bob.state()), (Stable, Stable));
            let sessions = [&alice, &bob].map(|p| p.negotiator.current_local_description().unwrap().session());
            proptest::prop_assert_eq!(sessions[0].media.len(), 1);
            proptest::prop_assert_eq!(sessions[0].media[0].attributes.mid(), sessions[1].media[0].attributes.mid());
        }
    }
}
