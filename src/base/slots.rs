//! A generational slot map behind every typed id: a stale key finds nothing, never another value.

/// A key into [`Slots`]; typed ids wrap it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// The slot's position, unique among the values that live at one time.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// How many values had the slot before.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

#[derive(Clone, Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Values by key, iterated in the order of their slots.
///
/// ```
/// use antiphon::base::slots::Slots;
///
/// let mut slots = Slots::new();
/// let key = slots.insert("a");
/// assert_eq!(slots.remove(key), Some("a"));
/// let other = slots.insert("b");
/// assert_eq!(slots.get(key), None);
/// assert_eq!(slots.get(other), Some(&"b"));
/// ```
#[derive(Clone, Debug)]
pub struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slots<T> {
    /// No values.
    pub const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// Adds `value`.
    ///
    /// # Panics
    /// At 2^32 values, which no limit of this crate allows.
    pub fn insert(&mut self, value: T) -> Key {
        while let Some(index) = self.free.pop() {
            if let Some(slot) = self.slots.get_mut(index as usize) {
                slot.value = Some(value);
                return Key { index, generation: slot.generation };
            }
        }
        let index = u32::try_from(self.slots.len()).expect("limits keep every table far below 2^32");
        self.slots.push(Slot { generation: 0, value: Some(value) });
        Key { index, generation: 0 }
    }

    /// The value of `key`, if it still lives.
    pub fn get(&self, key: Key) -> Option<&T> {
        let slot = self.slots.get(key.index as usize)?;
        slot.value.as_ref().filter(|_| slot.generation == key.generation)
    }

    /// The value of `key`, if it still lives.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        slot.value.as_mut().filter(|_| slot.generation == key.generation)
    }

    /// Takes the value of `key` out.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index);
        Some(value)
    }

    /// The key of the value in the slot at `index`, to go through all of them while they change: `Some(None)` is an empty slot, `None` the
    /// end.
    pub fn key_at(&self, index: u32) -> Option<Option<Key>> {
        let slot = self.slots.get(index as usize)?;
        Some(slot.value.as_ref().map(|_| Key { index, generation: slot.generation }))
    }

    /// Gives memory back that no value needs.
    pub fn trim(&mut self) {
        self.slots.shrink_to_fit();
        self.free.shrink_to_fit();
    }

    /// How many values live.
    pub const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether none lives.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The living values with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots.iter().zip(0..).filter_map(|(slot, index)| {
            let key = Key { index, generation: slot.generation };
            slot.value.as_ref().map(|value| (key, value))
        })
    }

    /// The living values with their keys.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        self.slots.iter_mut().zip(0..).filter_map(|(slot, index)| {
            let key = Key { index, generation: slot.generation };
            slot.value.as_mut().map(|value| (key, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut slots = Slots::new();
        let first = slots.insert(1);
        slots.insert(2);
        assert_eq!(slots.remove(first), Some(1));
        let third = slots.insert(3);
        assert_eq!(third.index(), first.index());
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(slots.len(), 2);
    }
}
