//! VP9's descriptor: every field of RFC 9628 §4.2, layers, rewriting.

use super::*;
use proptest::prelude::*;

fn parsed(payload: &[u8]) -> Descriptor {
    Descriptor::parse(payload).unwrap().0
}

const KEY: [u8; 9] = [0x82, 0x49, 0x83, 0x42, 0x00, 0x77, 0xf0, 0x32, 0x34]; // 1920 x 804
const INTER: [u8; 2] = [0x86, 0x00];

#[test]
fn picture_ids_of_both_widths() {
    assert_eq!(parsed(&[0x80, 0x81, 0xff, 0xaa]).picture_id, Some(PictureId::Fifteen(0x1ff)));
    assert_eq!(parsed(&[0x80, 0x7f, 0xaa]).picture_id, Some(PictureId::Seven(0x7f)));
    assert_eq!(parsed(&[0x00, 0xaa]), Descriptor::default());
}

#[test]
fn the_layer_octet_and_the_base_index() {
    let layer = parsed(&[0xa0, 0x02, 0x23, 0x01, 0xaa]).layer.unwrap();
    let expected = LayerIndices {
        temporal: 1,
        switching_up: false,
        spatial: 1,
        inter_layer: true,
        tl0_pic_idx: Some(1),
    };
    assert_eq!(layer, expected);
    // In flexible mode there is no base index: 0x01 is of the frame.
    let (descriptor, body) = Descriptor::parse(&[0xb0, 0x02, 0x23, 0x01, 0xaa]).unwrap();
    assert_eq!(descriptor.layer, Some(LayerIndices { tl0_pic_idx: None, ..expected }));
    assert_eq!(body, [0x01, 0xaa]);
}

#[test]
fn up_to_three_references() {
    assert_eq!(parsed(&[0xd0, 0x02, 0x04, 0xaa]).references, [2, 0, 0]);
    assert_eq!(parsed(&[0xd0, 0x02, 0x05, 0x07, 0x08, 0xaa]).references, [2, 3, 4]);
    assert_eq!(
        Descriptor::parse(&[0xd0, 0x02, 0x05, 0x07, 0x09, 0x10, 0xaa]),
        Err(PayloadError::Contradiction)
    );
    // Only in flexible mode, and only if it refers to anything.
    assert_eq!(parsed(&[0xc0, 0x02, 0x04, 0xaa]).references, [0; 3]);
    assert_eq!(parsed(&[0x90, 0x02, 0x04, 0xaa]).references, [0; 3]);
}

#[test]
fn scalability_structures() {
    let two = parsed(&[0x0a, 0x38, 0x00, 0x07, 0x00, 0x08, 0x00, 0x09, 0x00, 0x0a, 0x01, 0x14, 0x05, 0xbb]);
    let structure = two.structure.unwrap();
    assert_eq!((structure.layers, structure.group), (2, Some(1)));
    assert_eq!(structure.resolutions.unwrap()[..2], [(7, 8), (9, 10)]);
    // A picture of the group without references has no distance.
    let (descriptor, body) = Descriptor::parse(&[0x0a, 0x08, 0x02, 0x00, 0x24, 0x01, 0xbb]).unwrap();
    assert_eq!(descriptor.structure.unwrap().group, Some(2));
    assert_eq!(body, [0xbb]);
    // An empty group is a group.
    assert_eq!(parsed(&[0x0a, 0x08, 0x00, 0xbb]).structure.unwrap().group, Some(0));
}

#[test]
fn a_payload_that_ends_in_its_descriptor_is_refused() {
    let whole = [0xda, 0x80, 0x02, 0x05, 0x04, 0x18, 0x00, 0x07, 0x00, 0x08, 0x01, 0x14, 0x05, 0xbb];
    assert!(Descriptor::parse(&whole).is_ok());
    for len in 1..whole.len() {
        assert_eq!(Descriptor::parse(&whole[..len]), Err(PayloadError::Truncated { len }), "{len}");
    }
    assert_eq!(Descriptor::parse(&[]), Err(PayloadError::Empty));
}

fn packets(fragmenter: &mut Fragmenter, frame: &[u8], info: &FrameInfo<'_>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    fragmenter.packetize(frame, info, 200, &mut |slices, _| all.push(slices.concat())).unwrap();
    all
}

#[test]
fn a_stream_without_layers_is_numbered_and_says_its_size() {
    let mut fragmenter = Fragmenter::new(0x7fff, false, 1);
    let mut key = KEY.to_vec();
    key.resize(400, 0);
    let sent = packets(&mut fragmenter, &key, &FrameInfo::default());
    let first = inspect(&sent[0]).unwrap();
    assert!(first.keyframe && first.start_certain && !first.ends_frame);
    assert_eq!((first.resolution, first.picture_id), (Some((1920, 804)), Some(PictureId::Fifteen(0x7fff))));
    assert_eq!(parsed(&sent[0]).structure.unwrap().group, Some(1));
    let last = inspect(sent.last().unwrap()).unwrap();
    assert!(!last.starts_frame && last.ends_frame && !last.keyframe);
    assert!(sent.iter().skip(1).all(|payload| parsed(payload).structure.is_none()));
    let next = packets(&mut fragmenter, &INTER, &FrameInfo::default());
    assert_eq!(next, [[0xcc, 0x80, 0x00, 0x86, 0x00]], "I, P, B, E; the id wrapped");
}

#[test]
fn layers_of_one_picture_share_its_number_and_name_their_references() {
    let mut fragmenter = Fragmenter::new(5, true, 2);
    let base = Layer { ends_picture: false, ..Layer::default() };
    let upper = Layer { spatial: 1, inter_layer: true, not_inter_layer_reference: true, ..Layer::default() };
    let mut send = |frame: &[u8], layer, references: &[u8]| {
        let sent = packets(&mut fragmenter, frame, &FrameInfo { layer, references, ..FrameInfo::default() });
        parsed(&sent[0])
    };
    let key = send(&KEY, base, &[]);
    assert!(key.starts_keyframe() && key.flexible && key.structure.unwrap().layers == 2);
    let over = send(&INTER, upper, &[]);
    assert!(!over.inter_picture && !over.starts_picture() && over.not_upper_reference);
    assert_eq!((over.picture_id, over.structure), (key.picture_id, None));
    let next = send(&INTER, base, &[]);
    assert_eq!((next.picture_id, next.references), (Some(PictureId::Fifteen(6)), [1, 0, 0]));
    assert_eq!(send(&INTER, upper, &[1, 127]).references, [1, 127, 0]);
    let too_far = FrameInfo { references: &[128], ..FrameInfo::default() };
    let refused = fragmenter.packetize(&INTER, &too_far, 200, &mut |_, _| panic!("nothing is emitted"));
    assert_eq!(refused, Err(PacketizeError::References { count: 1 }));
}

#[test]
fn layers_of_one_picture_are_put_together() {
    let mut out = bytes::BytesMut::new();
    let mut written = 0;
    let mut sink = Sink::new(&mut out, &mut written);
    let mut assembler = Assembler::default();
    assert_eq!(assembler.append(&[0x04, 9], &mut sink), Err(PayloadError::MissingStart));
    for payload in [[0x08, 1], [0x04, 2], [0x0c, 3]] {
        assert_eq!(assembler.append(&payload, &mut sink), Ok(()));
    }
    assert!(!assembler.is_open());
    assert_eq!(assembler.append(&[0x08, 4], &mut sink), Ok(()));
    assert_eq!(assembler.append(&[0x08, 5], &mut sink), Err(PayloadError::Unfinished));
    assert_eq!(out.as_ref(), [1, 2, 3, 4]);
}

#[test]
fn a_rewritten_id_keeps_its_width() {
    let mut short = [0xa0, 0x05, 0x00, 0x07, 0xaa];
    rewrite(&mut short, Rewrite { picture_id: Some(0x1fe), tl0_pic_idx: Some(8) }).unwrap();
    assert_eq!(short, [0xa0, 0x7e, 0x00, 0x08, 0xaa]);
    let mut flexible = [0xb0, 0x80, 0x05, 0x00, 0xaa];
    rewrite(&mut flexible, Rewrite { picture_id: Some(0xffff), tl0_pic_idx: Some(8) }).unwrap();
    assert_eq!(flexible, [0xb0, 0xff, 0xff, 0x00, 0xaa]);
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        bits in any::<[bool; 8]>(),
        id in prop_oneof![
            (0_u8..128).prop_map(PictureId::Seven), (0_u16..0x8000).prop_map(PictureId::Fifteen)
        ],
        (temporal, spatial, tl0) in (0_u8..8, 0_u8..8, any::<u8>()),
        references in proptest::collection::vec(1_u8..128, 1..=3),
        layers in 1_u8..=8,
    ) {
        let [has_id, inter_picture, layered, flexible, begins, ends, not_upper_reference, structured] = bits;
        let mut named = [0; 3];
        if flexible && inter_picture {
            named[..references.len()].copy_from_slice(&references);
        }
        let descriptor = Descriptor {
            picture_id: has_id.then_some(id),
            inter_picture,
            layer: layered.then_some(LayerIndices {
                temporal, switching_up: begins, spatial, inter_layer: ends, tl0_pic_idx: (!flexible).then_some(tl0),
            }),
            flexible, begins, ends, not_upper_reference,
            references: named,
            structure: structured.then_some(Structure {
                layers, resolutions: begins.then(|| {
                    let mut all = [(0, 0); 8];
                    all[..usize::from(layers)].fill((640, 360));
                    all
                }), group: ends.then_some(1),
            }),
        };
        let mut head = [0; Descriptor::MAX_LEN];
        let mut payload = written(&descriptor, &mut head).to_vec();
        payload.push(0x55);
        prop_assert_eq!(Descriptor::parse(&payload), Ok((descriptor, &[0x55][..])));
    }
}
