//! Opus: one packet is one payload (RFC 7587), and what its table of contents says (RFC 6716 §3).

use crate::base::reader::Reader;

/// Longest sound one packet may hold, in ticks of 48 kHz: 120 ms (RFC 6716 §3.4 R5).
const LONGEST: u32 = 5760;
/// Longest single frame in bytes (RFC 6716 §3.4 R2).
const LONGEST_FRAME: usize = 1275;

/// What the header of an Opus packet says. Only packets that keep the rules of RFC 6716 §3.4 are read.
///
/// The payload format itself carries any bytes: applications that encrypt frames end to end send packets that violate
/// these rules, and the decoder refuses what it cannot read.
///
/// ```
/// use antiphon::codec::opus::Packet;
///
/// let packet = Packet::parse(&[0xfc, 1, 2, 3]).unwrap(); // full band, stereo, one frame of 20 ms
/// assert_eq!((packet.duration(), packet.stereo, packet.frames), (960, true, 1));
/// assert_eq!(Packet::parse(&[0xfd, 1]), None); // two frames of equal length in one byte
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The 32 combinations of mode, bandwidth and frame length (RFC 6716 table 2).
    pub config: u8,
    /// Two channels.
    pub stereo: bool,
    /// Frames in the packet, 1 to 48.
    pub frames: u8,
    /// Whether no frame holds any sound: the encoder is silent (DTX).
    pub silent: bool,
}

impl Packet {
    /// Reads a packet; `None` if it violates one of the rules.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(packet);
        let toc = reader.u8()?;
        let (frames, sound) = match toc & 3 {
            0 => (1, equal(reader.remaining(), 1)?),
            1 => (2, equal(reader.remaining(), 2)?),
            2 => {
                let first = frame_length(&mut reader)?;
                reader.skip(first)?;
                (2, first + last_frame(reader.remaining())?)
            }
            _ => counted(reader)?,
        };
        let packet = Self { config: toc >> 3, stereo: toc & 4 != 0, frames, silent: sound == 0 };
        (packet.duration() <= LONGEST).then_some(packet)
    }

    /// Length of one frame in ticks of 48 kHz.
    pub const fn frame_duration(&self) -> u32 {
        match self.config {
            // SILK: 10, 20, 40, 60 ms.
            0..=11 => [480, 960, 1920, 2880][self.config as usize & 3],
            // Hybrid: 10, 20 ms.
            12..=15 => [480, 960][self.config as usize & 1],
            // CELT: 2.5, 5, 10, 20 ms.
            _ => [120, 240, 480, 960][self.config as usize & 3],
        }
    }

    /// Length of the packet in ticks of 48 kHz.
    pub const fn duration(&self) -> u32 {
        self.frame_duration() * self.frames as u32
    }
}

/// Frames of a packet with a frame count, and their bytes.
fn counted(mut reader: Reader<'_>) -> Option<(u8, usize)> {
    let count = reader.u8()?;
    let frames = count & 0x3f;
    let padding = if count & 0x40 == 0 { 0 } else { padding(&mut reader)? };
    let mut room = reader.remaining().checked_sub(padding)?;
    if frames == 0 {
        return None;
    }
    if count & 0x80 == 0 {
        return Some((frames, equal(room, usize::from(frames))?));
    }
    let mut sound = 0;
    for _ in 1..frames {
        let before = reader.remaining();
        sound += frame_length(&mut reader)?;
        room = room.checked_sub(before - reader.remaining())?;
    }
    let last = last_frame(room.checked_sub(sound)?)?;
    Some((frames, sound + last))
}

/// Bytes of padding at the end of the packet (RFC 6716 §3.2.5).
fn padding(reader: &mut Reader<'_>) -> Option<usize> {
    let mut total = 0;
    loop {
        match reader.u8()? {
            255 => total += 254,
            last => return Some(total + usize::from(last)),
        }
    }
}

/// A frame length of one or two bytes (RFC 6716 §3.2.1).
fn frame_length(reader: &mut Reader<'_>) -> Option<usize> {
    let first = usize::from(reader.u8()?);
    if first < 252 { Some(first) } else { Some(usize::from(reader.u8()?) * 4 + first) }
}

/// The length of all frames, if they can be of equal length.
fn equal(len: usize, frames: usize) -> Option<usize> {
    (len.is_multiple_of(frames) && len / frames <= LONGEST_FRAME).then_some(len)
}

fn last_frame(len: usize) -> Option<usize> {
    (len <= LONGEST_FRAME).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(packet: &[u8]) -> Option<(u8, u32)> {
        Packet::parse(packet).map(|packet| (packet.frames, packet.duration()))
    }

    #[test]
    fn the_figures_of_rfc_6716() {
        // §3.3, figures 8 to 11.
        assert_eq!(frames(&[1 << 3, 7, 7]), Some((1, 960)));
        assert_eq!(frames(&[29 << 3 | 1, 7, 7, 7, 7]), Some((2, 480)));
        assert_eq!(frames(&[15 << 3 | 3, 0x82, 3, 1, 1, 1, 2, 2]), Some((2, 1920)));
        assert_eq!(frames(&[31 << 3 | 4 | 3, 4, 1, 2, 3, 4]), Some((4, 3840)));
    }

    #[test]
    fn the_rules_of_malformed_packets() {
        assert_eq!(frames(&[]), None, "R1");
        assert_eq!(frames(&[0; 1277]), None, "R2");
        assert_eq!(frames(&[0; 1276]), Some((1, 480)), "R2");
        assert_eq!(frames(&[1, 9]), None, "R3");
        assert_eq!(frames(&[2]), None, "R4");
        assert_eq!(frames(&[2, 252]), None, "R4");
        assert_eq!(frames(&[2, 1]), None, "R4");
        assert_eq!(frames(&[2, 0]), Some((2, 960)), "R4");
        assert_eq!(frames(&[3, 0]), None, "R5");
        assert_eq!(frames(&[3 << 3 | 3, 3]), None, "R5: 180 ms");
        assert_eq!(frames(&[3 << 3 | 3, 2]), Some((2, 5760)), "R5: 120 ms");
        assert_eq!(frames(&[3]), None, "R6");
        assert_eq!(frames(&[3, 0x42, 1, 5, 0]), None, "R6: one byte for two frames");
        assert_eq!(frames(&[3, 0x42, 1, 5, 5, 0]), Some((2, 960)), "R6");
        assert_eq!(frames(&[3, 0x41, 255, 0]), None, "R6: more padding than packet");
        assert_eq!(frames(&[3, 0x82]), None, "R7");
        assert_eq!(frames(&[3, 0x82, 2, 1]), None, "R7");
        assert_eq!(frames(&[3, 0x82, 2, 1, 1]), Some((2, 960)), "R7");
    }

    #[test]
    fn silence_is_known() {
        assert!(Packet::parse(&[0xf8]).unwrap().silent);
        assert!(!Packet::parse(&[0xf8, 1]).unwrap().silent);
    }
}
