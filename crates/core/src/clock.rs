//! Seconds that work takes.
//!
//! `std::time::Instant` panics on `wasm32-unknown-unknown`, which has no clock of its own: there whoever
//! embeds the core lends one by [`set_source`]. Without it all durations are 0. No result of the core
//! depends on the time.

/// Time since a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Moment);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(moment())
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        seconds_since(&self.0)
    }
}

/// Whether time passes at all.
pub(crate) fn is_running() -> bool {
    has_source()
}

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use of_the_system::{Moment, has_source, moment, seconds_since};

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod of_the_system {
    use std::time::Instant;

    pub type Moment = Instant;

    pub fn moment() -> Moment {
        Instant::now()
    }

    pub fn seconds_since(start: &Moment) -> f64 {
        start.elapsed().as_secs_f64()
    }

    pub fn has_source() -> bool {
        true
    }
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub use lent::set_source;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use lent::{Moment, has_source, moment, seconds_since};

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod lent {
    use std::sync::OnceLock;

    /// Milliseconds.
    pub type Moment = f64;

    static SOURCE: OnceLock<fn() -> f64> = OnceLock::new();

    /// Lends a clock: milliseconds since any moment, never falling, as `performance.now` gives them. The
    /// first one stays.
    pub fn set_source(milliseconds: fn() -> f64) {
        // A second one would measure from another moment than the first.
        let _ = SOURCE.set(milliseconds);
    }

    pub fn moment() -> Moment {
        SOURCE.get().map_or(0.0, |now| now())
    }

    pub fn seconds_since(start: &Moment) -> f64 {
        // A stopwatch that was started before there was a clock.
        if *start == 0.0 { 0.0 } else { (moment() - start).max(0.0) / 1e3 }
    }

    pub fn has_source() -> bool {
        SOURCE.get().is_some()
    }
}
