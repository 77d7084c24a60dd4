//! The `forward` example between pages of a real Chromium: one publishes three layers, three watch, each what it chose.
//!
//! Without Chromium the test says so and passes, unless `ANTIPHON_REQUIRE_BROWSER` is set.
#![expect(clippy::print_stdout, reason = "what the pages report")]

mod browser_support;
#[path = "../examples/forward/house.rs"]
mod house;
#[path = "../examples/forward/port.rs"]
mod port;
#[path = "../examples/forward/server.rs"]
mod server;
#[path = "../examples/common/web.rs"]
mod web;

use std::sync::mpsc;
use std::thread;

use serde_json::Value;

use browser_support::{Browser, LOOPBACK, MEDIA, PATIENCE, PLAIN};
use house::House;
use port::Port;
use server::Door;

#[test]
fn viewers_get_the_layers_they_choose_and_change_them_without_a_freeze() {
    let port = Port::open(LOOPBACK, house::config()).expect("a free port on loopback");
    let (requests, received) = mpsc::channel();
    let waker = port.waker.clone();
    let door = Door { requests, waker: waker.clone() };
    let (sender, reports) = mpsc::channel();
    let report = move |report: &Value| drop(sender.send(report.clone()));
    let web = server::start("127.0.0.1:0", door, report).expect("a free port on loopback");
    let log = |line| println!("{line}");
    let run = thread::Builder::new().spawn(move || House::new(port, received, log).run()).expect("a thread");
    let url = format!("http://{}/selftest", web.address);
    if let Some(browser) = Browser::open(&url, "forward", &[PLAIN, MEDIA].concat()) {
        let report = reports.recv_timeout(PATIENCE).expect("the page reports");
        println!("{report:#}");
        drop(browser);
        assert_served(&report);
    }
    drop(web);
    waker.wake().expect("the house is open");
    run.join().expect("the house does not fall").expect("nor does its socket");
}

fn assert_served(report: &Value) {
    assert_eq!(report["error"], Value::Null, "{report:#}");
    let number = |value: &Value| value.as_u64().expect("a number");
    let viewers = |when: &str| report[when].as_array().expect("what the viewers saw").clone();
    let width = |rid: &str| &report["width"][rid];

    // Different layers for different viewers, at the same time.
    let (apart, together) = (viewers("apart"), viewers("together"));
    let [small, large, _] = &apart[..] else { panic!("three viewers: {report:#}") };
    assert_eq!(small["frameWidth"], *width("q"), "{report:#}");
    assert_eq!(large["frameWidth"], *width("f"), "{report:#}");
    assert!(
        number(width("f")) == 4 * number(width("q")) && number(width("h")) == 2 * number(width("q")),
        "{report:#}"
    );

    for (before, after) in apart.iter().zip(&together) {
        // A switch is to the viewer a stream that goes on: no packet is missing, no key frame has to be asked for.
        assert_eq!(after["frameWidth"], *width("h"), "{report:#}");
        assert_eq!((number(&after["packetsLost"]), number(&after["nackCount"])), (0, 0), "{report:#}");
        assert_eq!(after["pliCount"], before["pliCount"], "{report:#}");
        assert!(number(&after["framesDecoded"]) >= number(&before["framesDecoded"]) + 10, "{report:#}");
        assert!(number(&after["sound"]) > number(&before["sound"]), "{report:#}");
    }
    // Three viewers wanted a key frame of one layer at once. One question; one more if a slow machine took a second to answer.
    assert!((1..=2).contains(&number(&report["asked"])), "{report:#}");
}
