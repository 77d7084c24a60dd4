//! CPU time, medians, and the calibration that makes two machines comparable.

use antiphon::crypto::aead::{AeadKey, Algorithm};
use core::time::Duration;
use cpu_time::ThreadTime;
use std::hint::black_box;

/// Rounds of a CPU scenario.
pub(crate) const ROUNDS: usize = 11;

/// Seals and opens of one calibration sample: about 3 ms.
const CALIB_REPEATS: u32 = 4000;

/// What `work` cost of CPU time.
pub(crate) fn cpu_of(work: impl FnOnce()) -> Duration {
    let start = ThreadTime::now();
    work();
    start.elapsed()
}

/// Nanoseconds of CPU one of `repeats` runs of `work` takes.
pub(crate) fn ns_each(repeats: u32, mut work: impl FnMut()) -> f64 {
    cpu_of(|| (0..repeats).for_each(|_| work())).as_nanos() as f64 / f64::from(repeats)
}

/// The middle one.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints one figure.
pub(crate) fn print(name: &str, value: f64, unit: &str) {
    let digits = if value.abs() < 10.0 { 3 } else { 1 };
    println!("{name} {value:.digits$} {unit}");
}

/// Seal and open of 1200 bytes on reused contexts.
struct Calib {
    seal: AeadKey,
    open: AeadKey,
    buf: Vec<u8>,
    nonce: u64,
}

impl Calib {
    fn new() -> Self {
        let key = || AeadKey::new(Algorithm::Aes128Gcm, &[7; 16]).unwrap();
        Self { seal: key(), open: key(), buf: vec![1; 1200], nonce: 0 }
    }

    fn sample(&mut self) -> f64 {
        ns_each(CALIB_REPEATS, || {
            self.nonce += 1;
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&self.nonce.to_be_bytes());
            let tag = self.seal.seal(&nonce, &[0; 13], &mut self.buf).unwrap();
            self.open.open(&nonce, &[0; 13], &mut self.buf, &tag).unwrap();
            black_box(&self.buf);
        })
    }
}

/// A line of a CPU scenario: its name, its unit, and one round's measurement.
pub(crate) struct Line<'a> {
    pub name: String,
    pub unit: &'static str,
    pub measure: Box<dyn FnMut() -> f64 + 'a>,
}

impl<'a> Line<'a> {
    pub(crate) fn new(
        name: impl Into<String>,
        unit: &'static str,
        measure: impl FnMut() -> f64 + 'a,
    ) -> Self {
        Self { name: name.into(), unit, measure: Box::new(measure) }
    }
}

/// Runs the lines [`ROUNDS`] times, interleaved with the calibration, and prints the medians of all. One round before
/// does not count.
pub(crate) fn interleaved(mut lines: Vec<Line<'_>>) -> Vec<f64> {
    let mut calib = Calib::new();
    let mut calibs = Vec::new();
    let mut values = vec![Vec::new(); lines.len()];
    for round in 0..=ROUNDS {
        for (line, values) in lines.iter_mut().zip(&mut values) {
            let sample = calib.sample();
            let value = (line.measure)();
            if round > 0 {
                calibs.push(sample);
                values.push(value);
            }
        }
    }
    print("calib.gcm1200_ns", median(&mut calibs), "ns");
    let medians: Vec<f64> = values.iter_mut().map(|values| median(values)).collect();
    for (line, median) in lines.iter().zip(&medians) {
        print(&line.name, *median, line.unit);
    }
    medians
}
