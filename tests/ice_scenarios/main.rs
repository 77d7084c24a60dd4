//! Two agents, or one and forged datagrams, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bounds;
mod connect;
mod consent;
mod contract;
mod forged;
mod lite;
mod nat;
mod nominate;
mod restart;
mod roles;
mod swarm;
mod world;
