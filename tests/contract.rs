//! The twelve laws of [`antiphon::machine`] as properties, held against every machine there is.
//!
//! A world is two machines of one kind and the datagrams between them. A script is any sequence of calls: polls with
//! full and empty buffers, deliveries in any order, losses, duplicates, junk, mutations, steps and leaps of time,
//! calls of the application. Some laws are checked after every call; others compare two runs of one script.
//!
//! Law 5 (what is not sent is repaired) is [`laws::heals`]; law 6 (any order of calls) is in what scripts are made of;
//! of law 8 (bounded) [`laws::flood`] sees that ten thousand inputs between two polls leave no more to say than few.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails where it stands, and picks the events it wants"
)]

#[path = "contract/laws.rs"]
mod laws;
#[path = "contract/subjects.rs"]
mod subjects;
#[path = "contract/toy.rs"]
mod toy;
#[path = "contract/world.rs"]
mod world;

/// All laws for one machine.
macro_rules! contract {
    ($name:ident, $subject:ty) => {
        mod $name {
            use crate::laws;
            use crate::subjects;
            use crate::world::{Op, script};
            use proptest::prelude::*;

            proptest! {
                #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

                #[test]
                fn any_calls_in_any_order_keep_the_laws(seed: u8, ops in script()) {
                    laws::any_order::<$subject>(seed, &ops);
                }

                #[test]
                fn an_earlier_now_counts_as_the_latest_seen(seed: u8, ops in script()) {
                    laws::earlier_now::<$subject>(seed, &ops);
                }

                #[test]
                fn the_same_seed_and_calls_give_the_same_bytes(seed: u8, ops in script()) {
                    laws::deterministic::<$subject>(seed, &ops);
                }

                #[test]
                fn a_fork_does_the_same(seed: u8, ops in script(), at: prop::sample::Index) {
                    laws::fork::<$subject>(seed, &ops, at.index(ops.len().max(1)));
                }

                #[test]
                fn junk_changes_nothing(seed: u8, junk in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..40)) {
                    laws::junk::<$subject>(seed, &junk);
                }

                #[test]
                fn what_is_lost_is_repaired(seed: u8, ops in prop::collection::vec(Op::network(), 0..60)) {
                    laws::heals::<$subject>(seed, &ops);
                }

                #[test]
                fn batches_are_equal_to_singles(seed: u8, sends in prop::collection::vec(any::<u8>(), 0..30)) {
                    laws::batch::<$subject>(seed, &sends);
                }

                #[test]
                fn closed_is_final(seed: u8, before in script(), after in script()) {
                    laws::closed::<$subject>(seed, &before, &after);
                }
            }

            #[test]
            fn a_leap_of_a_month_fires_each_timer_once() {
                laws::leap::<$subject>();
            }

            #[test]
            fn ten_thousand_inputs_between_two_polls_leave_a_bounded_rest() {
                laws::flood::<$subject>();
            }

            #[test]
            fn an_empty_buffer_draws_nothing_and_loses_nothing() {
                laws::empty_buffer::<$subject>();
            }

            #[test]
            #[should_panic(expected = "buf")]
            fn a_short_buffer_panics() {
                laws::short_buffer::<$subject>();
            }
        }
    };
}

contract!(dtls, subjects::Dtls);
contract!(ice, subjects::Ice);
contract!(sctp, subjects::Sctp);
contract!(data, subjects::Data);
contract!(rtp, subjects::Rtp);
contract!(peer, subjects::Peer);
