//! The dependency descriptor: what a frame depends on and who needs it (AV1 RTP specification, appendix A).

use crate::base::limits;

/// Most templates: an id has six bits.
const MAX_TEMPLATES: usize = 64;
/// Spatial layers: two bits in every codec that is sent like this.
const MAX_SPATIAL: u8 = 4;
/// Temporal layers, likewise three bits.
const MAX_TEMPORAL: u8 = 8;

/// Why a descriptor cannot be read.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DependencyError {
    /// The bytes end before the fields do.
    #[error("{len} bytes end within the descriptor")]
    Short {
        /// How many there are.
        len: usize,
    },
    /// No structure is known that the frame's template would be of.
    #[error("no structure to find the template in")]
    NoStructure,
    /// The template is not of the structure.
    #[error("template {id} is not one of {count}")]
    Template {
        /// Its id.
        id: u8,
        /// How many the structure has.
        count: usize,
    },
    /// More layers, templates or references than are kept.
    #[error("more layers or references than are kept")]
    TooMany,
}

/// What a frame means to one decode target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecodeTargetIndication {
    /// Not part of it.
    #[default]
    NotPresent,
    /// Part of it; nothing of the target depends on it.
    Discardable,
    /// A receiver may switch to the target here.
    Switch,
    /// Part of it.
    Required,
}

impl DecodeTargetIndication {
    const fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::NotPresent,
            1 => Self::Discardable,
            2 => Self::Switch,
            _ => Self::Required,
        }
    }
}

/// What a template says, or a frame that departs from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameDependencies {
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// What it means to each decode target.
    pub targets: Vec<DecodeTargetIndication>,
    /// Distances in frame numbers to the frames that are needed.
    pub references: Vec<u16>,
    /// Distance to the previous frame of each chain.
    pub chains: Vec<u8>,
}

/// The templates of a coded video sequence, which come with its key frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DependencyStructure {
    /// The id of the first template.
    pub template_id_offset: u8,
    /// How many decode targets there are.
    pub target_count: u8,
    /// How many chains there are.
    pub chain_count: u8,
    /// For each decode target the chain that protects it; empty without chains.
    pub protected_by: Vec<u8>,
    /// Width and height of each spatial layer, if told.
    pub resolutions: Vec<(u32, u32)>,
    /// The templates, in the order of their ids.
    pub templates: Vec<FrameDependencies>,
}

impl DependencyStructure {
    /// The template of that id.
    fn template(&self, id: u8) -> Result<&FrameDependencies, DependencyError> {
        let index = usize::from((id + 64 - self.template_id_offset) % 64);
        self.templates.get(index).ok_or(DependencyError::Template { id, count: self.templates.len() })
    }

    /// Spatial and temporal layer that a decode target needs at most.
    pub fn target_layers(&self, target: usize) -> (u8, u8) {
        let present = self.templates.iter().filter(|template| {
            template.targets.get(target).is_some_and(|dti| *dti != DecodeTargetIndication::NotPresent)
        });
        present.fold((0, 0), |(spatial, temporal), template| {
            (spatial.max(template.spatial), temporal.max(template.temporal))
        })
    }
}

/// A dependency descriptor.
///
/// ```
/// use antiphon::wire::rtp::DependencyDescriptor;
///
/// let descriptor = DependencyDescriptor::parse(&[0xc1, 0x00, 0x09])?;
/// assert!(descriptor.start_of_frame && descriptor.end_of_frame);
/// assert_eq!((descriptor.template_id, descriptor.frame_number), (1, 9));
/// # Ok::<(), antiphon::wire::rtp::DependencyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor<'a> {
    /// First packet of the frame.
    pub start_of_frame: bool,
    /// Last packet of the frame.
    pub end_of_frame: bool,
    /// The template, 0 to 63.
    pub template_id: u8,
    /// Counts frames, all layers of a source together.
    pub frame_number: u16,
    /// A new structure; it comes with a key frame.
    pub structure: Option<DependencyStructure>,
    /// Which decode targets are sent, bit by bit, if that is told here.
    pub active_targets: Option<u32>,
    custom: Custom,
    /// The mask of active targets comes next, and how long it is only an earlier structure tells.
    pending_targets: bool,
    rest: Bits<'a>,
}

/// Where a frame departs from its template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Custom {
    targets: bool,
    references: bool,
    chains: bool,
}

impl<'a> DependencyDescriptor<'a> {
    /// Reads a descriptor up to where it needs the structure of an earlier one. The count of decode targets being among what such a
    /// structure says, `active_targets` of a frame without its own is read by [`frame`](Self::frame) alone.
    ///
    /// # Errors
    /// [`DependencyError`] says what is wrong with it.
    pub fn parse(data: &'a [u8]) -> Result<Self, DependencyError> {
        let mut bits = Bits { data, position: 0 };
        let mut descriptor = Self {
            start_of_frame: bits.flag()?,
            end_of_frame: bits.flag()?,
            template_id: bits.byte(6)?,
            frame_number: bits.short(16)?,
            structure: None,
            active_targets: None,
            custom: Custom::default(),
            pending_targets: false,
            rest: bits,
        };
        if data.len() > 3 {
            let (structure, active) = (bits.flag()?, bits.flag()?);
            descriptor.custom =
                Custom { targets: bits.flag()?, references: bits.flag()?, chains: bits.flag()? };
            if structure {
                let structure = read_structure(&mut bits)?;
                descriptor.active_targets = Some(all_targets(structure.target_count));
                descriptor.structure = Some(structure);
            }
            if active {
                let known = descriptor.structure.as_ref().map(|structure| structure.target_count);
                descriptor.active_targets = known.map(|count| bits.bits(u32::from(count))).transpose()?;
                descriptor.pending_targets = known.is_none();
            }
            descriptor.rest = bits;
        }
        Ok(descriptor)
    }

    /// What this frame depends on, and which decode targets are sent if it says so. `known` is the last structure of the source; one
    /// that came with this frame takes its place.
    ///
    /// # Errors
    /// [`DependencyError`] if there is no structure, it has no such template, or the fields are cut short.
    pub fn frame(
        &self,
        known: Option<&DependencyStructure>,
    ) -> Result<(FrameDependencies, Option<u32>), DependencyError> {
        let structure = self.structure.as_ref().or(known).ok_or(DependencyError::NoStructure)?;
        let mut bits = self.rest;
        let mut active = self.active_targets;
        if self.pending_targets {
            active = Some(bits.bits(u32::from(structure.target_count))?);
        }
        let mut frame = structure.template(self.template_id)?.clone();
        if self.custom.targets {
            for place in &mut frame.targets {
                *place = DecodeTargetIndication::from_bits(bits.bits(2)?);
            }
        }
        if self.custom.references {
            frame.references.clear();
            loop {
                let size = bits.bits(2)?;
                if size == 0 {
                    break;
                }
                push_reference(&mut frame.references, bits.short(4 * size)?)?;
            }
        }
        if self.custom.chains {
            for place in &mut frame.chains {
                *place = bits.byte(8)?;
            }
        }
        Ok((frame, active))
    }
}

fn all_targets(count: u8) -> u32 {
    u32::MAX >> (32 - u32::from(count).clamp(1, 32))
}

fn push_reference(references: &mut Vec<u16>, minus_one: u16) -> Result<(), DependencyError> {
    if references.len() >= limits::DEPENDENCY_REFERENCES {
        return Err(DependencyError::TooMany);
    }
    references.push(minus_one + 1);
    Ok(())
}

fn read_structure(bits: &mut Bits<'_>) -> Result<DependencyStructure, DependencyError> {
    let mut structure = DependencyStructure {
        template_id_offset: bits.byte(6)?,
        target_count: bits.byte(5)? + 1,
        ..DependencyStructure::default()
    };
    read_layers(bits, &mut structure.templates)?;
    for template in &mut structure.templates {
        for _ in 0..structure.target_count {
            template.targets.push(DecodeTargetIndication::from_bits(bits.bits(2)?));
        }
    }
    for template in &mut structure.templates {
        while bits.flag()? {
            push_reference(&mut template.references, bits.short(4)?)?;
        }
    }
    structure.chain_count = bits.non_symmetric(structure.target_count + 1)?;
    if structure.chain_count > 0 {
        for _ in 0..structure.target_count {
            structure.protected_by.push(bits.non_symmetric(structure.chain_count)?);
        }
        for template in &mut structure.templates {
            for _ in 0..structure.chain_count {
                template.chains.push(bits.byte(4)?);
            }
        }
    }
    if bits.flag()? {
        let highest = structure.templates.iter().map(|template| template.spatial).max().unwrap_or(0);
        for _ in 0..=highest {
            let (width, height) = (bits.bits(16)? + 1, bits.bits(16)? + 1);
            structure.resolutions.push((width, height));
        }
    }
    Ok(structure)
}

/// The layers of the templates, each told by its step from the one before.
fn read_layers(bits: &mut Bits<'_>, templates: &mut Vec<FrameDependencies>) -> Result<(), DependencyError> {
    let (mut spatial, mut temporal) = (0, 0);
    loop {
        if templates.len() >= MAX_TEMPLATES {
            return Err(DependencyError::TooMany);
        }
        templates.push(FrameDependencies { spatial, temporal, ..FrameDependencies::default() });
        match bits.bits(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Ok(()),
        }
        if spatial >= MAX_SPATIAL || temporal >= MAX_TEMPORAL {
            return Err(DependencyError::TooMany);
        }
    }
}

/// Reads bit by bit, the most significant first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bits<'a> {
    data: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    /// The next `count` bits, at most 32.
    fn bits(&mut self, count: u32) -> Result<u32, DependencyError> {
        let mut value = 0;
        for _ in 0..count {
            let short = DependencyError::Short { len: self.data.len() };
            let byte = self.data.get(self.position / 8).ok_or(short)?;
            value = value << 1 | u32::from(byte >> (7 - self.position % 8) & 1);
            self.position += 1;
        }
        Ok(value)
    }

    fn flag(&mut self) -> Result<bool, DependencyError> {
        Ok(self.bits(1)? == 1)
    }

    fn byte(&mut self, count: u32) -> Result<u8, DependencyError> {
        Ok(u8::try_from(self.bits(count)?).unwrap_or(u8::MAX))
    }

    fn short(&mut self, count: u32) -> Result<u16, DependencyError> {
        Ok(u16::try_from(self.bits(count)?).unwrap_or(u16::MAX))
    }

    /// A value below `n` in as few bits as it needs, `ns(n)` of the specification.
    fn non_symmetric(&mut self, n: u8) -> Result<u8, DependencyError> {
        let n = u32::from(n);
        let width = n.checked_ilog2().map_or(0, |log| log + 1);
        let short_codes = (1 << width) - n;
        let value = self.bits(width.saturating_sub(1))?;
        let value = if value < short_codes { value } else { (value << 1 | self.bits(1)?) - short_codes };
        Ok(u8::try_from(value).unwrap_or(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs `(value, width)` pairs.
    fn pack(fields: &[(u32, u32)]) -> Vec<u8> {
        let bits: Vec<u8> = fields
            .iter()
            .flat_map(|(value, width)| {
                (0..*width).rev().map(move |at| u8::try_from(value >> at & 1).unwrap())
            })
            .collect();
        bits.chunks(8)
            .map(|chunk| chunk.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at)))
            .collect()
    }

    /// Two temporal layers, two decode targets, one chain, with resolutions.
    fn key_frame() -> Vec<u8> {
        pack(&[
            (1, 1),
            (1, 1),
            (0, 6),
            (7, 16),
            (1, 1),
            (0, 1),
            (0, 1),
            (0, 1),
            (0, 1),
            // Offset 0, two targets; three templates T0 T0 T1.
            (0, 6),
            (1, 5),
            (0, 2),
            (1, 2),
            (3, 2),
            // Targets: S S, R R, R(-)D.
            (2, 2),
            (2, 2),
            (3, 2),
            (3, 2),
            (0, 2),
            (1, 2),
            // References: none; 2; 1.
            (0, 1),
            (1, 1),
            (1, 4),
            (0, 1),
            (1, 1),
            (0, 4),
            (0, 1),
            // One chain of at most two: ns(3) of 1 is two bits "10"; it protects both (ns(1) has no bits).
            (2, 2),
            (0, 4),
            (2, 4),
            (1, 4),
            (1, 1),
            (639, 16),
            (359, 16),
        ])
    }

    #[test]
    fn a_structure_is_read_whole() {
        let bytes = key_frame();
        let descriptor = DependencyDescriptor::parse(&bytes).unwrap();
        let structure = descriptor.structure.clone().unwrap();
        assert_eq!((structure.target_count, structure.chain_count), (2, 1));
        assert_eq!(structure.resolutions, [(640, 360)]);
        let layers: Vec<_> = structure.templates.iter().map(|t| (t.spatial, t.temporal)).collect();
        assert_eq!(layers, [(0, 0), (0, 0), (0, 1)]);
        let references: Vec<_> = structure.templates.iter().map(|t| t.references.clone()).collect();
        assert_eq!(references, [vec![], vec![2], vec![1]]);
        assert_eq!(structure.protected_by, [0, 0]);
        assert_eq!((structure.target_layers(0), structure.target_layers(1)), ((0, 0), (0, 1)));
        assert_eq!(descriptor.frame(None).unwrap().1, Some(0b11));
    }

    #[test]
    fn later_frames_need_the_structure() {
        let key = key_frame();
        let structure = DependencyDescriptor::parse(&key).unwrap().structure;
        let delta = DependencyDescriptor::parse(&[0xc2, 0, 8]).unwrap();
        assert_eq!(delta.frame(None), Err(DependencyError::NoStructure));
        let (frame, active) = delta.frame(structure.as_ref()).unwrap();
        assert_eq!((frame.temporal, frame.references, frame.chains, active), (1, vec![1], vec![1], None));
        let strange = DependencyDescriptor::parse(&[0xc3, 0, 8]).unwrap();
        assert_eq!(strange.frame(structure.as_ref()), Err(DependencyError::Template { id: 3, count: 3 }));
    }

    #[test]
    fn a_frame_may_depart_from_its_template() {
        let key = key_frame();
        let structure = DependencyDescriptor::parse(&key).unwrap().structure;
        let bytes = pack(&[
            (1, 1),
            (1, 1),
            (2, 6),
            (9, 16),
            (0, 1),
            (1, 1),
            (1, 1),
            (1, 1),
            (1, 1),
            (1, 2),
            (0, 2),
            (3, 2),
            (2, 2),
            (0x12, 8),
            (1, 2),
            (4, 4),
            (0, 2),
            (77, 8),
        ]);
        let (frame, active) = DependencyDescriptor::parse(&bytes).unwrap().frame(structure.as_ref()).unwrap();
        assert_eq!(active, Some(1));
        let targets = [DecodeTargetIndication::NotPresent, DecodeTargetIndication::Required];
        assert_eq!(
            (&frame.targets[..], frame.references, frame.chains),
            (&targets[..], vec![0x13, 5], vec![77])
        );
    }

    #[test]
    fn every_truncation_is_refused_or_needs_no_more() {
        let key = key_frame();
        for len in 0..key.len() - 1 {
            let short = DependencyDescriptor::parse(&key[..len]);
            assert!(len == 3 || matches!(short, Err(DependencyError::Short { .. })), "{len}: {short:?}");
        }
    }

    #[test]
    fn a_structure_without_end_is_refused() {
        let endless = [0xff; 255];
        assert!(DependencyDescriptor::parse(&endless).is_err());
        let mut zeros = [0; 255];
        zeros[3] = 0x80;
        assert_eq!(DependencyDescriptor::parse(&zeros), Err(DependencyError::TooMany));
    }

    #[test]
    fn targets_fill_their_mask() {
        assert_eq!((all_targets(1), all_targets(32)), (1, u32::MAX));
    }
}
