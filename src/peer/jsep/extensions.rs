//! Header extensions of media sections (RFC 8285): their numbers, which are the same in all sections, and their directions.

use std::collections::BTreeSet;

use crate::peer::jsep::direction::{intersection, reversed};
use crate::peer::jsep::survey::Inherited;
use crate::sdp::attribute::Extmap;
use crate::sdp::{Attribute, Direction, Media, Word};
use crate::wire::rtp::ExtensionKind;

/// An extension as one description has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OfferedExtension {
    pub(super) id: u8,
    pub(super) kind: ExtensionKind,
    /// As the describing side sees it.
    pub(super) direction: Direction,
}

impl OfferedExtension {
    pub(super) fn attribute(self) -> Option<Attribute> {
        let direction = (self.direction != Direction::SendRecv).then_some(self.direction);
        let uri = Word::new(self.kind.uri()).ok()?;
        Some(Attribute::Extmap(Box::new(Extmap { id: u16::from(self.id), direction, uri, parameters: None })))
    }
}

/// The largest id of a one-byte header; 15 ends a block of them (RFC 8285 §4.2).
const ONE_BYTE: u16 = 14;

/// The extensions of a section that we know, by the first id that can be used.
pub(super) fn read(media: &Media, mixed: bool) -> Vec<OfferedExtension> {
    let mut list: Vec<OfferedExtension> = Vec::new();
    for map in media.attributes.extmaps() {
        let Some(kind) = ExtensionKind::from_uri(&map.uri) else { continue };
        let usable = (1..=ONE_BYTE).contains(&map.id) || mixed && (ONE_BYTE + 2..=255).contains(&map.id);
        let Ok(id) = u8::try_from(map.id) else { continue };
        if usable && !list.iter().any(|its| its.kind == kind || its.id == id) {
            list.push(OfferedExtension { id, kind, direction: map.direction.unwrap_or(Direction::SendRecv) });
        }
    }
    list
}

/// Whether both forms of headers may be mixed in a section (RFC 8285 §6: said of the section or of the session).
pub(super) fn mixed(inherited: Inherited, media: &Media) -> bool {
    inherited.mixed || media.attributes.has(&Attribute::ExtmapAllowMixed)
}

/// What an answer has for the extensions of an offer: those we know and want, the other way round. `wanted` says which way.
pub(super) fn answer(
    ours: &[ExtensionKind],
    offered: &[OfferedExtension],
    wanted: impl Fn(ExtensionKind) -> Option<Direction>,
) -> Vec<OfferedExtension> {
    let known = offered.iter().filter(|its| ours.contains(&its.kind));
    let both = known.filter_map(|its| {
        let theirs = reversed(its.direction);
        let direction = intersection(wanted(its.kind)?, theirs);
        // What was offered for later is answered for later; what the two sides have no use for in common is left out.
        let idle = direction == Direction::Inactive && theirs != Direction::Inactive;
        (!idle).then_some(OfferedExtension { direction, ..*its })
    });
    both.collect()
}

/// The numbers of extensions in offers of ours: one for each kind, for all sections.
#[derive(Clone, Debug, Default)]
pub(super) struct ExtensionIds(Vec<(ExtensionKind, u8)>);

impl ExtensionIds {
    /// Takes the numbers over that a section has settled on.
    pub(super) fn learn(&mut self, section: &[OfferedExtension]) {
        for its in section {
            self.0.retain(|(kind, id)| *kind != its.kind && *id != its.id);
            self.0.push((its.kind, its.id));
        }
    }

    /// The extensions of an offer for a section that has `present` now. `taken`: what ids stand for at the peer; `None` for what we
    /// do not know.
    pub(super) fn offer(
        &mut self,
        wanted: &[ExtensionKind],
        present: &[OfferedExtension],
        taken: &BTreeSet<(u16, Option<ExtensionKind>)>,
    ) -> Vec<OfferedExtension> {
        let mut list: Vec<OfferedExtension> = Vec::new();
        for kind in wanted {
            let here = present.iter().find(|its| its.kind == *kind).map(|its| its.id);
            let before = self.0.iter().find(|(its, _)| its == kind).map(|(_, id)| *id);
            let free = |id: &u8| {
                let id = u16::from(*id);
                taken.range((id, None)..(id + 1, None)).all(|(_, of)| *of == Some(*kind))
            };
            let before = before.filter(free);
            let unused = |id: &u8| {
                free(id) && !self.0.iter().any(|(_, its)| its == id) && !list.iter().any(|its| its.id == *id)
            };
            // Sixteen and more need two-byte headers, which not everybody reads: better to do without.
            let Some(id) = here.or(before).or_else(|| (1..=14).find(unused)) else { continue };
            if list.iter().any(|its| its.id == id) {
                continue;
            }
            if before.is_none() {
                self.0.retain(|(its, other)| its != kind && *other != id);
                self.0.push((*kind, id));
            }
            list.push(OfferedExtension { id, kind: *kind, direction: Direction::SendRecv });
        }
        list
    }
}
