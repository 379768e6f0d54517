//! Ably credentials explained as data.
#![warn(clippy::arithmetic_side_effects)]

mod answer;
mod cause;
mod date;
pub mod describe;
mod facts;
mod lenient;
mod life;
pub mod mac;
mod matrix;
mod redact;
mod report;

pub use answer::Answer;
pub use cause::Cause;
pub use date::format_utc;
pub use life::{Life, LifeState};
pub use mac::{MacExplanation, MacLine};
pub use matrix::{Legend, LegendEntry, Mark, Matrix, Row};
pub use report::{Fact, Kind, Report, Verdict};

use ably_auth_core::Timestamp;

/// Recognizes a credential and reports what can be known about it.
pub fn inspect(text: &str, now: Timestamp) -> Report {
    let _ = (text, now);
    Report::new(Kind::Unknown, "unknown")
}
