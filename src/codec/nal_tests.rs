//! Finding units in frames.

use super::*;
use proptest::prelude::*;

fn units(frame: &[u8], framing: NalFraming) -> Result<Vec<Vec<u8>>, PacketizeError> {
    NalUnits::new(frame, framing).map(|unit| unit.map(<[u8]>::to_vec)).collect()
}

#[test]
fn start_codes_of_three_and_four_bytes_and_zeros_between() {
    let frame = [0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 7, 0, 0, 0, 0, 0, 1, 0x65, 0, 0, 2, 0];
    let found = units(&frame, NalFraming::AnnexB).unwrap();
    assert_eq!(found, [vec![9, 0xf0], vec![0x67, 7], vec![0x65, 0, 0, 2]]);
}

#[test]
fn start_codes_behind_one_another_make_no_unit() {
    assert_eq!(units(&[0, 0, 1, 0, 0, 1, 5, 0, 0, 1], NalFraming::AnnexB).unwrap(), [vec![5]]);
    assert_eq!(units(&[0, 0, 1], NalFraming::AnnexB).unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(units(&[], NalFraming::AnnexB).unwrap(), Vec::<Vec<u8>>::new());
}

#[test]
fn a_frame_without_start_code_is_refused() {
    for frame in [&[0x65, 1, 2][..], &[0, 1, 2], &[0, 0, 2, 0, 0, 1, 5], &[0, 0], &[0]] {
        assert_eq!(units(frame, NalFraming::AnnexB), Err(PacketizeError::NoStartCode));
    }
}

#[test]
fn lengths_must_stay_within_the_frame() {
    let framing = NalFraming::LengthPrefixed;
    assert_eq!(units(&[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 9], framing).unwrap(), [vec![0x65, 1], vec![9]]);
    assert_eq!(units(&[0, 0, 0, 2, 0x65], framing), Err(PacketizeError::ShortUnit { at: 0 }));
    assert_eq!(units(&[0, 0, 0, 1, 9, 0, 0], framing), Err(PacketizeError::ShortUnit { at: 5 }));
    assert_eq!(units(&[0xff; 8], framing), Err(PacketizeError::ShortUnit { at: 0 }));
}

proptest! {
    #[test]
    fn the_first_start_code_is_found(data in proptest::collection::vec(0_u8..4, 0..64)) {
        let plain = data.windows(3).position(|window| window == [0, 0, 1]);
        prop_assert_eq!(start_code(&data), plain);
    }
}
