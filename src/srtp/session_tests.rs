use super::*;

const PROFILES: [SrtpProfile; 4] = [
    SrtpProfile::Aes128CmSha1_80,
    SrtpProfile::Aes128CmSha1_32,
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
];

fn pair(profile: SrtpProfile) -> (Session, Session) {
    let exported: Vec<u8> = (0..u8::try_from(profile.keying_material_len()).unwrap()).collect();
    let keys = KeyingMaterial::split(profile, &exported).unwrap();
    (Session::new(&keys, Side::Client).unwrap(), Session::new(&keys, Side::Server).unwrap())
}

fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    [&[0x80, 96, high, low, 0, 0, 0, 7][..], &ssrc.to_be_bytes(), b"payload"].concat()
}

fn protected(session: &mut Session, packet: &[u8]) -> Result<Vec<u8>, ProtectError> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + 32, 0xee);
    let len = session.protect_rtp(&mut buf, packet.len())?;
    buf.truncate(len);
    Ok(buf)
}

#[test]
fn the_last_index_of_rtp_is_used_and_none_after_it() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = pair(profile);
        let last = RTP_LIFETIME - 1;
        ours.senders.get_or_insert_with(9, || Outbound::at(last - 1)).unwrap();
        theirs.receivers.get_or_insert_with(9, Inbound::default).unwrap().commit(last - 1);
        let packet = rtp(9, 0xffff);
        let sealed = protected(&mut ours, &packet).unwrap();
        let mut out = [0; 64];
        let len = theirs.unprotect_rtp_into(&sealed, &mut out).unwrap();
        assert_eq!(out[..len], packet);
        for sequence in [0, 1] {
            let error = ProtectError::KeysExhausted { ssrc: 9, index: RTP_LIFETIME };
            assert_eq!(protected(&mut ours, &rtp(9, sequence)), Err(error));
        }
        // Another source has indices of its own.
        assert!(protected(&mut ours, &rtp(10, 0)).is_ok());
        // Nothing is beyond the last for a receiver either.
        assert!(theirs.unprotect_rtp_into(&sealed, &mut out).is_err());
    }
}

#[test]
fn the_last_index_of_rtcp_is_used_and_none_after_it() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = pair(profile);
        ours.control_senders.get_or_insert_with(9, || RTCP_LIFETIME - 1).unwrap();
        let report = [0x80, 201, 0, 1, 0, 0, 0, 9];
        let mut buf = [0; 64];
        buf[..8].copy_from_slice(&report);
        let len = ours.protect_rtcp(&mut buf, 8).unwrap();
        let mut out = [0; 64];
        assert_eq!(theirs.unprotect_rtcp_into(&buf[..len], &mut out), Ok(8));
        assert_eq!(out[..8], report);
        buf[..8].copy_from_slice(&report);
        let error = ProtectError::KeysExhausted { ssrc: 9, index: RTCP_LIFETIME };
        assert_eq!(ours.protect_rtcp(&mut buf, 8), Err(error));
        assert_eq!(buf[..8], report);
    }
}

#[test]
fn debug_shows_no_key() {
    let keys = KeyingMaterial::split(SrtpProfile::AeadAes128Gcm, &[0xab; 56]).unwrap();
    let session = Session::new(&keys, Side::Client).unwrap();
    let shown = format!("{session:?} {:?} {:?}", session.local.rtp, session.local.rtcp);
    assert!(!shown.contains("171") && !shown.contains("ab, "), "{shown}");
}
