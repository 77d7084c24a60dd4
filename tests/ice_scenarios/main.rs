//! Two agents, or one and forged datagrams, in virtual time.

mod connect;
mod world;
