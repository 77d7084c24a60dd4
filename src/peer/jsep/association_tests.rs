//! Parts in DTLS, certificates and restarts: which association goes on, and which is another (RFC 8842, RFC 8839 §4.4).

use crate::ice::Credentials;
use crate::peer::jsep::SessionDescription;
use crate::peer::jsep::SignalingState::{HaveLocalOffer, Stable};
use crate::peer::jsep::apply::DtlsRole;
use crate::peer::jsep::error::NegotiationError;
use crate::peer::jsep::test_peer::{exchange, offer_with_setup, peer, with_data};
use crate::sdp::Setup;

#[test]
fn the_setup_of_the_answer_fits_the_offer() {
    for (offered, answer_active, answered, role) in [
        ("actpass", true, Setup::Active, DtlsRole::Client),
        ("actpass", false, Setup::Passive, DtlsRole::Server),
        ("active", true, Setup::Passive, DtlsRole::Server),
        ("passive", false, Setup::Active, DtlsRole::Client),
    ] {
        let mut bob = peer(2);
        bob.negotiator.settings.answer_active = answer_active;
        bob.set_remote(&offer_with_setup(offered)).unwrap();
        let negotiated = bob.set_local(None).unwrap().negotiated.unwrap().transport.unwrap();
        let answer = bob.negotiator.local_description().unwrap();
        assert_eq!(answer.session().media[0].attributes.setup(), Some(&answered), "{offered}");
        assert_eq!(negotiated.dtls_role, role, "{offered}");
    }
    let refused = peer(2).set_remote(&offer_with_setup("holdconn")).unwrap_err();
    assert!(matches!(refused, NegotiationError::BadSetup { section: 0, setup: Setup::HoldConn, .. }));
}

#[test]
fn an_answer_must_choose_its_part() {
    for (answered, expected) in [
        ("active", Ok(DtlsRole::Server)),
        ("passive", Ok(DtlsRole::Client)),
        ("actpass", Err(Setup::ActPass)),
        ("holdconn", Err(Setup::HoldConn)),
    ] {
        let (mut alice, mut bob) = (with_data(1), peer(2));
        bob.set_remote(&alice.describe()).unwrap();
        let answer = bob.describe().to_sdp().replace("a=setup:active", &format!("a=setup:{answered}"));
        let applied = alice.set_remote(&SessionDescription::answer(&answer).unwrap());
        match (applied, expected) {
            (Ok(applied), Ok(role)) => {
                assert_eq!(applied.negotiated.unwrap().transport.unwrap().dtls_role, role);
            }
            (Err(NegotiationError::BadSetup { setup, .. }), Err(expected)) => assert_eq!(setup, expected),
            (other, _) => panic!("{answered}: {other:?}"),
        }
    }
}

#[test]
fn roles_stay_when_the_peers_change_sides() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let (b, a) = exchange(&mut bob, &mut alice);
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.dtls_role, b.dtls_role), (DtlsRole::Server, DtlsRole::Client));
    assert_eq!((a.controlling, b.controlling), (true, false));
    assert!(!a.new_association && !b.new_association);
}

#[test]
fn a_setup_that_would_change_roles_is_refused() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    // Bob is the client; Alice may say so, but not claim it for herself.
    let text = alice.offer(false).to_sdp();
    let active = SessionDescription::offer(&text.replace("setup:actpass", "setup:active")).unwrap();
    let error = bob.set_remote(&active).unwrap_err();
    assert_eq!(error, NegotiationError::RoleConflict { section: 0, setup: Setup::Active });
    assert_eq!(bob.state(), Stable);
    let passive = SessionDescription::offer(&text.replace("setup:actpass", "setup:passive")).unwrap();
    bob.set_remote(&passive).unwrap();
    assert_eq!(bob.answer().session().media[0].attributes.setup(), Some(&Setup::Active));
    // And an answer that takes the other part.
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    bob.set_remote(&alice.describe()).unwrap();
    let answer = bob.describe().to_sdp().replace("setup:active", "setup:passive");
    let error = alice.set_remote(&SessionDescription::answer(&answer).unwrap()).unwrap_err();
    assert_eq!(error, NegotiationError::RoleConflict { section: 0, setup: Setup::Passive });
    assert_eq!(alice.state(), HaveLocalOffer);
}

#[test]
fn a_new_certificate_needs_a_restart() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    alice.fingerprints = peer(9).fingerprints;
    let error = bob.set_remote(&alice.offer(false)).unwrap_err();
    assert_eq!(error, NegotiationError::AssociationWithoutRestart(0));
    let offer = alice.offer(true);
    bob.set_remote(&offer).unwrap();
    let settled = bob.set_local(None).unwrap().negotiated.unwrap().transport.unwrap();
    assert!(settled.new_association);
}

#[test]
fn a_new_tls_id_is_a_new_association() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let text = alice.offer(true).to_sdp();
    let old =
        bob.negotiator.current_local_description().unwrap().session().media[0].attributes.tls_id().cloned();
    let theirs =
        alice.negotiator.current_local_description().unwrap().session().media[0].attributes.tls_id().cloned();
    let text = text.replace(theirs.unwrap().as_str(), "0123456789abcdef0123456789abcdef");
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    let settled = bob.set_local(None).unwrap().negotiated.unwrap().transport.unwrap();
    assert!(settled.new_association);
    let new =
        bob.negotiator.current_local_description().unwrap().session().media[0].attributes.tls_id().cloned();
    assert!(new.is_some() && new != old);
}

#[test]
fn renegotiation_keeps_everything_but_the_version() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let before = alice.negotiator.current_local_description().unwrap().session().clone();
    let (a, b) = exchange(&mut alice, &mut bob);
    let after = alice.negotiator.current_local_description().unwrap().session();
    assert_eq!(after.origin.session_id, before.origin.session_id);
    assert!(after.origin.version > before.origin.version);
    assert_eq!(after.media, before.media);
    for data in [a.unwrap(), b.unwrap()] {
        assert!(!data.new_association);
    }
}

#[test]
fn a_restart_we_ask_for_is_answered_with_one() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let (old_alice, old_bob) = (alice.credentials.clone(), bob.credentials.clone());
    assert!(alice.negotiator.need_restart());
    assert!(alice.negotiator.negotiation_needed());
    let (a, b) = exchange(&mut alice, &mut bob);
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(alice.credentials != old_alice && bob.credentials != old_bob);
    assert!(!a.new_association && !b.new_association);
    assert_eq!(
        (&a.remote_ice.credentials, &b.remote_ice.credentials),
        (&bob.credentials, &alice.credentials)
    );
    assert!(!alice.negotiator.negotiation_needed());
}

#[test]
fn a_restart_whose_answer_forgets_its_part_keeps_the_association() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    // Bob is the client. He restarts; Alice answers as if nothing had been before, and once more in the negotiation after.
    for restart in [true, false] {
        let offer = bob.offer(restart);
        bob.set_local(Some(offer.clone())).unwrap();
        alice.set_remote(&offer).unwrap();
        let answer = alice.describe().to_sdp();
        assert!(answer.contains("setup:passive"), "RFC 9429 §5.3.2: the part she has");
        let answer = SessionDescription::answer(&answer.replace("setup:passive", "setup:active")).unwrap();
        let transport = bob.set_remote(&answer).unwrap().negotiated.unwrap().transport.unwrap();
        assert_eq!((transport.dtls_role, transport.new_association), (DtlsRole::Client, false));
    }
    let (b, a) = exchange(&mut bob, &mut alice);
    assert_eq!((a.unwrap().dtls_role, b.unwrap().dtls_role), (DtlsRole::Server, DtlsRole::Client));
}

#[test]
fn a_restart_by_half_is_refused() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let old = bob.negotiator.current_local_description().unwrap().clone();
    // Alice restarts, and the answer carries Bob's old credentials.
    let offer = alice.offer(true);
    alice.set_local(Some(offer)).unwrap();
    let error = alice.set_remote(&old).unwrap_err();
    assert_eq!(error, NegotiationError::RestartIgnored(0));
    alice.set_local(Some(SessionDescription::rollback())).unwrap();
    // Alice does not, and the answer has new ones.
    alice.credentials = Credentials::new(
        alice.negotiator.current_local_description().unwrap().session().media[0]
            .attributes
            .ice_ufrag()
            .unwrap(),
        alice.negotiator.current_local_description().unwrap().session().media[0]
            .attributes
            .ice_pwd()
            .unwrap(),
    )
    .unwrap();
    alice.set_local(None).unwrap();
    let answer = old.to_sdp().replace(bob.credentials.ufrag(), "other-ufrag");
    let error = alice.set_remote(&SessionDescription::answer(&answer).unwrap()).unwrap_err();
    assert_eq!(error, NegotiationError::UnaskedRestart(0));
}
