//! Values by stream number: a lookup of two array accesses, however many streams there are, and memory only for those in use.

/// Streams whose positions stand on one page.
const PAGE: usize = 32;

/// Values by stream number. Their slots never change while the map lives.
#[derive(Clone, Debug)]
pub(super) struct StreamMap<T> {
    slots: Vec<T>,
    /// One more than the slot of each stream; 0 where there is none.
    pages: Vec<Option<Box<[u32; PAGE]>>>,
}

impl<T> Default for StreamMap<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), pages: Vec::new() }
    }
}

impl<T> StreamMap<T> {
    /// The slot of `stream`.
    pub(super) fn slot(&self, stream: u16) -> Option<u32> {
        let stream = usize::from(stream);
        let page = self.pages.get(stream / PAGE)?.as_ref()?;
        page.get(stream % PAGE)?.checked_sub(1)
    }

    /// The slot of `stream`, with a new value if there was none.
    pub(super) fn slot_or_insert(&mut self, stream: u16, value: impl FnOnce() -> T) -> u32 {
        if let Some(slot) = self.slot(stream) {
            return slot;
        }
        let (page, place) = (usize::from(stream) / PAGE, usize::from(stream) % PAGE);
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        self.slots.push(value());
        let count = u32::try_from(self.slots.len()).unwrap_or(0);
        if let Some(entry) = self.pages.get_mut(page) {
            let entries = entry.get_or_insert_with(|| Box::new([0; PAGE]));
            if let Some(entry) = entries.get_mut(place) {
                *entry = count;
            }
        }
        count.saturating_sub(1)
    }

    pub(super) fn at(&self, slot: u32) -> Option<&T> {
        self.slots.get(slot as usize)
    }

    pub(super) fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(slot as usize)
    }

    pub(super) fn get(&self, stream: u16) -> Option<&T> {
        self.at(self.slot(stream)?)
    }

    pub(super) fn get_mut(&mut self, stream: u16) -> Option<&mut T> {
        let slot = self.slot(stream)?;
        self.at_mut(slot)
    }

    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.slots.into_iter()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.slots.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut()
    }

    pub(super) fn trim(&mut self) {
        self.slots.shrink_to_fit();
        self.pages.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_number_has_a_place_of_its_own() {
        let mut map = StreamMap::default();
        for stream in [0, 1, 31, 32, 1000, 65535, 1000] {
            let slot = map.slot_or_insert(stream, || stream);
            assert_eq!(map.at(slot), Some(&stream));
        }
        assert_eq!(map.iter().count(), 6);
        assert_eq!(map.get(65535), Some(&65535));
        assert_eq!(map.get(2), None);
    }
}
