//! Logs on stderr, and audit events in a separate file.

use std::io;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};

use super::audit::AuditLog;
use super::refusals::{self, RefusalFormat};
use crate::args::{Log, LogFormat, LogLevel};
use crate::draw::Paint;

/// The target of audit events.
const AUDIT: &str = "ably_auth_server::audit";

/// Starts logging. With `audit`, audit events go only to that file, with any `--log-level`; without it, to stderr. If a
/// logger is already set, it stays in use.
pub(super) fn start(log: &Log, audit: Option<&Arc<AuditLog>>) {
    let level = match log.log_level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let mut on_stderr = Targets::new().with_default(level);
    if audit.is_some() {
        on_stderr = on_stderr.with_target(AUDIT, LevelFilter::OFF);
    }
    let stderr = fmt::layer().with_writer(io::stderr);
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = match log.log_format {
        LogFormat::Text => {
            let refusals = Targets::new().with_target(refusals::TARGET, level);
            // The format draws its own colour: `with_ansi(true)` would need a feature of tracing-subscriber.
            let format = RefusalFormat { is_coloured: Paint::has_colour(&io::stderr()) };
            let short = fmt::layer().event_format(format).with_writer(io::stderr).with_ansi(false);
            let others = on_stderr.with_target(refusals::TARGET, LevelFilter::OFF);
            vec![stderr.with_ansi(false).with_filter(others).boxed(), short.with_filter(refusals).boxed()]
        }
        LogFormat::Json => vec![stderr.json().flatten_event(true).with_filter(on_stderr).boxed()],
    };
    if let Some(audit) = audit {
        let lines = fmt::layer().json().flatten_event(true).with_level(false).with_target(false);
        let lines = lines.with_current_span(false).with_span_list(false).with_writer(Arc::clone(audit));
        layers.push(lines.with_filter(Targets::new().with_target(AUDIT, LevelFilter::INFO)).boxed());
    }
    let _ = tracing_subscriber::registry().with(layers).try_init();
}
