//! One publishes, many watch: a forwarder of simulcast on one thread and one UDP port.
//!
//! `cargo run --release --example forward`, then open the printed address: one page publishes its camera in three sizes, the others
//! watch and choose a size each. Packets go on as they came, decoded by nobody on the way. A viewer changes its size at a key
//! frame, which the publisher is asked for once, however many wait for it.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

#[path = "../common/address.rs"]
mod address;
mod house;
mod port;
mod server;
#[path = "../common/web.rs"]
mod web;

use std::sync::mpsc;

use address::own_address;
use house::House;
use port::Port;
use server::Door;
use web::Fallible;

fn main() -> Fallible<()> {
    let port = Port::open(own_address(), house::config())?;
    let (requests, received) = mpsc::channel();
    let door = Door { requests, waker: port.waker.clone() };
    let web = server::start("127.0.0.1:8084", door, |report| println!("report: {report}"))?;
    println!("open http://{}/ in several tabs; everything goes through {}", web.address, port.local);
    House::new(port, received, |line| println!("{line}")).run()
}
