#![doc = include_str!("../README.md")]
#![warn(clippy::arithmetic_side_effects)]

mod answer;
mod cause;
mod date;
pub mod describe;
mod facts;
mod json_forms;
pub mod jwt;
mod lenient;
mod life;
pub mod mac;
mod matrix;
mod recognize;
mod redact;
mod report;
mod secrets;
mod trial;

pub use answer::Answer;
pub use cause::Cause;
pub use date::format_utc;
pub use life::{Life, LifeState};
pub use mac::{MacExplanation, MacLine};
pub use matrix::{Legend, LegendEntry, Mark, Matrix, Row};
pub use recognize::{MAX_BYTES, bare_credential, inspect};
pub use redact::redact;
pub use report::{Fact, Kind, Report, Verdict};
