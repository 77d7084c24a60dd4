//! The dependency descriptor on each packet of a frame that is written.

use super::history::Inline;
use crate::base::limits;

/// The extension elements of one packet: those that are short, each with its id and its length, and one that is not, behind its id.
pub(super) type Elements = (Inline<{ limits::RTP_EXTRA }>, Option<Box<[u8]>>);

/// Bytes of the fields that every descriptor has.
const MANDATORY_LEN: usize = 3;

const START_OF_FRAME: u8 = 0x80;
const END_OF_FRAME: u8 = 0x40;
const STRUCTURE_PRESENT: u8 = 0x80;

/// The extension elements of a frame's packets, one packet after the other.
pub(super) struct FrameElements {
    /// The id of a descriptor that the packets have.
    descriptor: Option<u8>,
    next: Elements,
    /// Those of the packets after the first, where they are other ones.
    later: Option<Elements>,
    begun: bool,
}

impl FrameElements {
    /// All packets have the same.
    pub(super) const fn same(elements: Elements) -> Self {
        Self { descriptor: None, next: elements, later: None, begun: false }
    }

    /// The packets have a descriptor of that id, in which each is marked as what it is in the frame.
    pub(super) const fn marked(id: u8, first: Elements, later: Elements) -> Self {
        Self { descriptor: Some(id), next: first, later: Some(later), begun: false }
    }

    /// Bytes of the elements of the longest packet, the first.
    pub(super) fn len(&self) -> usize {
        let (short, long) = &self.next;
        short.get().len() + long.as_ref().map_or(0, |long| long.len() + 2)
    }

    /// Those of the next packet.
    pub(super) fn next(&mut self, last: bool) -> Elements {
        let mut elements = self.next.clone();
        if let Some(id) = self.descriptor {
            mark(id, &mut elements, !self.begun, last);
        }
        if let Some(later) = self.later.take() {
            self.next = later;
        }
        self.begun = true;
        elements
    }
}

/// The descriptor of a packet that is not its frame's first, but for the marks: the structure of the templates comes with the first
/// packet alone, and what goes on after it refers to the templates (RTP Payload Format For AV1, appendix A).
pub(super) fn continued(descriptor: &[u8]) -> &[u8] {
    match descriptor.split_at_checked(MANDATORY_LEN) {
        Some((mandatory, [flags, ..])) if flags & STRUCTURE_PRESENT != 0 => mandatory,
        _ => descriptor,
    }
}

/// Says in the descriptor whether the packet begins and whether it ends its frame.
fn mark(id: u8, (short, long): &mut Elements, first: bool, last: bool) {
    let byte = match long.as_deref_mut() {
        Some([its, byte, ..]) if *its == id => Some(byte),
        _ => in_short(id, short.get_mut()),
    };
    if let Some(byte) = byte {
        *byte &= !(START_OF_FRAME | END_OF_FRAME);
        *byte |= if first { START_OF_FRAME } else { 0 } | if last { END_OF_FRAME } else { 0 };
    }
}

/// The first byte of the value of a short element.
fn in_short(id: u8, mut rest: &mut [u8]) -> Option<&mut u8> {
    while let [its, len, values @ ..] = rest {
        let (value, behind) = values.split_at_mut_checked(usize::from(*len))?;
        if *its == id {
            return value.first_mut();
        }
        rest = behind;
    }
    None
}
