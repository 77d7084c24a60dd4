//! An input as a list of what happens.

/// Steps of one input.
const STEPS: usize = 64;

/// One step of an input.
pub struct Step<'a> {
    /// Whose it is.
    pub end: usize,
    pub kind: u8,
    pub bytes: &'a [u8],
    /// Whether what the ends have to say is drawn after it.
    pub drains: bool,
}

/// An input as steps, each `kind length bytes`.
pub fn steps(input: &[u8]) -> impl Iterator<Item = Step<'_>> {
    let mut rest = input;
    let next = move || {
        let [kind, len, tail @ ..] = rest else { return None };
        let (bytes, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        Some(Step { end: usize::from(kind >> 7), kind: kind & 15, bytes, drains: kind & 0x40 == 0 })
    };
    core::iter::from_fn(next).take(STEPS)
}
