//! A small virtual network for tests: hosts that are machines, links with faults, and one seed that decides all.
//!
//! Time is a number that jumps from event to event, so an hour of an idle pair costs a few polls. Nothing here reads
//! a clock or draws entropy: the same seed and the same calls give the same run, byte for byte
//! ([`Network::trace_hash`] says so in one number).
//!
//! ```
//! use antiphon::sim::{Chance, Link, Network};
//! use antiphon::{Datagram, Instant, Machine, Output, Path, Transmit};
//! use core::time::Duration;
//!
//! /// Sends back what it gets.
//! #[derive(Debug, Default)]
//! struct Echo(Option<(Path, Vec<u8>)>);
//!
//! impl Machine for Echo {
//!     type Input<'i> = Datagram<'i>;
//!     type Path = Path;
//!     type Event = ();
//!     fn handle_input(&mut self, _now: Instant, input: Datagram<'_>) {
//!         self.0 = Some((input.path, input.data.to_vec()));
//!     }
//!     fn poll_output(&mut self, _now: Instant, buf: &mut [u8]) -> Output<Path, ()> {
//!         let Some((path, data)) = self.0.take() else { return Output::Wait(None) };
//!         buf[..data.len()].copy_from_slice(&data);
//!         Output::Transmit(Transmit::new(path, data.len()))
//!     }
//! }
//!
//! let link = Link::new().delay(Duration::from_millis(25)).loss(Chance::percent(1));
//! let mut network = Network::new(7, link);
//! let a = network.add_host(Echo::default(), &["10.0.0.1:1".parse()?]);
//! let b = network.add_host(Echo::default(), &["10.0.0.2:1".parse()?]);
//! let path = Path::udp("10.0.0.1:1".parse()?, "10.0.0.2:1".parse()?);
//! network.machine_mut(a).handle_input(Instant::ZERO, Datagram { path, ecn: Default::default(), data: b"ball" });
//! network.run_for(Duration::from_secs(1), &mut antiphon::sim::ignore_events);
//! assert!(network.counters(b).delivered >= 1);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod apply;
mod chance;
mod clock;
mod codel;
mod fault;
mod foreign;
mod fork;
mod host;
mod link;
mod log;
mod nat;
mod network;
mod peers;
mod run;
mod seed;
mod server;
mod topology;
mod trace;
mod translate;
mod wire;
mod world;

pub use chance::Chance;
pub use clock::Clock;
pub use fault::Fault;
pub use foreign::{Foreign, Manners};
pub use fork::Fork;
pub use host::{App, FromDatagram, Notice, Polls, Route, Sent, Signal, ignore_events};
pub use link::Link;
pub use log::{Line, What};
pub use nat::{Filtering, Mapping, Nat, finds_direct_path};
pub use network::{Counters, HostId, NatId, Network, PipeId, ServerId};
pub use peers::{PeerError, Peers};
pub use seed::{Dice, deterministic, replay_seed, seed};
pub use server::StunServer;
pub use wire::DropReason;

/// The guide's program is compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide-simulator.md")]
#[derive(Debug)]
struct Guide;
