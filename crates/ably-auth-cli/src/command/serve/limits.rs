//! The limits of the service and of its store, from the options.

use ably_auth_server::store::StoreLimits;
use ably_auth_server::{Limits, ProxyHeader, Rate};

use crate::args::{CountOrOff, RateOrOff, Serve, TrustedHeader};
use crate::input;

/// The default rate limit of an address, except in a sandbox.
const RATE_PER_ADDRESS: Rate = Rate { per_second: 1_000, burst: 2_000 };

/// Returns the limits of the service.
pub(super) fn limits(args: &Serve) -> Limits {
    let asked = &args.limits;
    let mut limits = Limits::default();
    limits.body_bytes = asked.max_body;
    limits.header_bytes = asked.max_header;
    limits.header_deadline = input::span("--header-deadline", asked.header_deadline);
    limits.body_deadline = input::span("--body-deadline", asked.body_deadline);
    limits.answer_deadline = input::span("--answer-deadline", asked.answer_deadline);
    limits.answer_bytes_per_second = asked.min_answer_rate;
    limits.answers_bytes = asked.max_answers;
    limits.history_bytes = asked.max_history;
    limits.realtime_bytes = asked.max_realtime;
    limits.connection_bytes = asked.max_connection_memory;
    limits.connections_per_app = asked.max_connections_per_app;
    limits.connections_per_key = asked.max_connections_per_key;
    limits.connection_frames = asked.rate_per_connection;
    limits.attachments = asked.max_attachments;
    limits.presence_members = asked.max_presence_members;
    limits.run_time_bytes = asked.max_run_time_apps;
    limits.console_bytes = asked.max_console_log;
    limits.console_streams = asked.max_console_streams;
    limits.idle = input::span("--idle", asked.idle);
    limits.connections = asked.max_connections;
    limits.connections_per_address = asked.max_connections_per_address.map(|most| match most {
        CountOrOff::Count(count) => count,
        CountOrOff::Off => usize::MAX,
    });
    limits.requests = asked.max_requests;
    limits.revocation_bytes = asked.max_revocations;
    limits.per_key = asked.rate_per_key;
    limits.per_address = match asked.rate_per_address {
        Some(RateOrOff::Rate(rate)) => Some(rate),
        // All requests of a test suite come from one address.
        None if !args.sandbox => Some(RATE_PER_ADDRESS),
        None | Some(RateOrOff::Off) => None,
    };
    limits.audit_refusals = match asked.audit_refusals {
        RateOrOff::Rate(rate) => Some(rate),
        RateOrOff::Off => None,
    };
    limits.trusted_proxies.clone_from(&asked.trusted_proxy);
    limits.proxy_header = match asked.trusted_proxy_header {
        TrustedHeader::XForwarded => ProxyHeader::XForwarded,
        TrustedHeader::Forwarded => ProxyHeader::Forwarded,
    };
    limits.shutdown_delay = input::span("--shutdown-delay", asked.shutdown_delay);
    limits.shutdown_grace = input::span("--shutdown-grace", asked.shutdown_grace);
    limits
}

/// The divisor of `--max-large-tokens` that gives the limit of one app.
const LARGE_TOKEN_SHARE: usize = 8;

/// Returns the limits of the store.
pub(super) fn store_limits(args: &Serve) -> StoreLimits {
    let mut limits = StoreLimits::default();
    limits.large_token_bytes = args.limits.max_large_tokens;
    limits.large_token_bytes_per_app = args.limits.max_large_tokens / LARGE_TOKEN_SHARE;
    limits.nonces = args.limits.max_nonces;
    limits
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    #[test]
    fn defaults_are_those_of_the_library() {
        let Command::Serve(args) = Args::parse_from(["ably-auth", "serve", "--sandbox"]).command else {
            panic!("`serve` is another command");
        };
        assert_eq!(limits(&args), Limits::default());
        assert_eq!(store_limits(&args), StoreLimits::default());
    }
}
