//! RFC 1982 serial numbers and their unwrapping to 64 bits.

/// Defines a serial number over an unsigned integer.
macro_rules! serial {
    ($(#[$doc:meta])* $name:ident, $int:ty, $signed:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub $int);

        impl $name {
            /// The number `n` steps on, wrapping.
            #[must_use]
            pub const fn plus(self, n: $int) -> Self {
                Self(self.0.wrapping_add(n))
            }

            /// The number `n` steps back, wrapping.
            #[must_use]
            pub const fn minus(self, n: $int) -> Self {
                Self(self.0.wrapping_sub(n))
            }

            /// The following number.
            #[must_use]
            pub const fn next(self) -> Self {
                self.plus(1)
            }

            /// Signed steps from `earlier` to this: positive if this is later (RFC 1982 §3.2).
            pub const fn since(self, earlier: Self) -> $signed {
                self.0.wrapping_sub(earlier.0).cast_signed()
            }

            /// Whether this comes after `other`.
            pub const fn is_after(self, other: Self) -> bool {
                self.since(other) > 0
            }

            /// Whether this comes before `other`.
            pub const fn is_before(self, other: Self) -> bool {
                self.since(other) < 0
            }
        }
    };
}

serial!(
    /// An RTP or transport-wide sequence number.
    Seq16, u16, i16
);
serial!(
    /// An SCTP transmission sequence number (RFC 9260 §1.6).
    Tsn, u32, i32
);
serial!(
    /// An SCTP stream sequence number.
    Ssn, u16, i16
);
serial!(
    /// An SCTP message identifier (RFC 8260 §2.1).
    Mid32, u32, i32
);

impl Tsn {
    /// The 64-bit number nearest to `reference` whose low half is this TSN. Below the first wrap it may be "negative" and is then
    /// counted from 2^63, so start `reference` at [`UNWRAPPED_BASE`] or above.
    pub const fn unwrap_near(self, reference: u64) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "the low half is what is compared")]
        let delta = self.since(Self(reference as u32));
        reference.wrapping_add_signed(delta as i64)
    }

    /// The TSN of an unwrapped number.
    pub const fn wrap(unwrapped: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the low half is the TSN")]
        Self(unwrapped as u32)
    }
}

impl Seq16 {
    /// The 64-bit number nearest to `reference` whose low quarter is this sequence number.
    pub const fn unwrap_near(self, reference: u64) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "the low quarter is what is compared")]
        let delta = self.since(Self(reference as u16));
        reference.wrapping_add_signed(delta as i64)
    }
}

/// Where unwrapped numbers start, so that early ones can lie before the first seen without going below zero.
pub const UNWRAPPED_BASE: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_wraps() {
        assert!(Tsn(0).is_after(Tsn(u32::MAX)));
        assert!(Ssn(65535).is_before(Ssn(0)));
        assert_eq!(Seq16(3).since(Seq16(65533)), 6);
    }

    proptest! {
        #[test]
        fn order_is_total_within_half_the_space(start: u32, steps in 1_u32..0x7fff_ffff) {
            let later = Tsn(start).plus(steps);
            prop_assert!(later.is_after(Tsn(start)));
            prop_assert!(Tsn(start).is_before(later));
            prop_assert!(!Tsn(start).is_after(later));
        }

        #[test]
        fn unwrapping_undoes_wrapping(reference in UNWRAPPED_BASE..u64::MAX / 2, delta in -0x7fff_ffff_i64..0x7fff_ffff) {
            let value = reference.wrapping_add_signed(delta);
            prop_assert_eq!(Tsn::wrap(value).unwrap_near(reference), value);
        }
    }
}
