//! Two agents, or one and forged datagrams, in virtual time.

mod bounds;
mod connect;
mod consent;
mod contract;
mod forged;
mod lite;
mod nominate;
mod restart;
mod roles;
mod world;
