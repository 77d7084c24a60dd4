//! RTP packets: header, extensions of every kind, payload and padding; what is read rebuilds.
#![no_main]

use antiphon::wire::rtp::{DependencyDescriptor, ExtensionKind, ExtensionMap, Packet, PacketWriter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(descriptor) = DependencyDescriptor::parse(data) {
        let _ = descriptor.frame(None);
    }
    let Ok(packet) = Packet::parse(data) else { return };
    let mut map = ExtensionMap::new();
    for (id, kind) in (1..).filter(|id| *id != 15).zip(ExtensionKind::ALL) {
        map.insert(id, *kind).unwrap();
    }
    let _ = map.read(&packet);
    let mut buf = vec![0; data.len()];
    let mut writer = PacketWriter::new(&mut buf, &packet.header()).unwrap();
    packet.csrcs().for_each(|csrc| writer.csrc(csrc).unwrap());
    packet.extension().into_iter().for_each(|block| writer.extension_block(block).unwrap());
    writer.payload(packet.payload()).unwrap();
    writer.padding(u8::try_from(packet.padding_len()).unwrap()).unwrap();
    let len = writer.finish().unwrap();
    assert_eq!(len, data.len());
    let again = Packet::parse(&buf[..len]).unwrap();
    assert_eq!(
        (again.header(), again.payload(), again.extension()),
        (packet.header(), packet.payload(), packet.extension())
    );
});
