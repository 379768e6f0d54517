//! Logs on stderr.

use std::io;

use tracing::level_filters::LevelFilter;

use crate::args::{Log, LogFormat, LogLevel};

/// From now on what happens is told. A logger that is there already stays.
pub(super) fn start(log: &Log) {
    let level = match log.log_level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let told = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    let _ = match log.log_format {
        LogFormat::Text => told.with_ansi(false).try_init(),
        LogFormat::Json => told.json().flatten_event(true).try_init(),
    };
}
