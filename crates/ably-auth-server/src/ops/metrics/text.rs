//! The metrics in the text format of Prometheus.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{
    Answers, Endpoint, Histogram, LATENCY_MICROS, Metrics, RealtimeCounts, RelayCounts, STORE_OPERATIONS, StoreCounts,
    codes,
};

/// A counter: its name, its help text, and its values with their labels.
type Counter<'a> = (&'a str, &'a str, &'a [(&'a str, &'a AtomicU64)]);

/// Writes the header of a metric.
fn write_header(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Values that are not counted, but read when the metrics are rendered.
pub(crate) struct CurrentValues {
    pub(crate) apps: usize,
    pub(crate) keys: usize,
    /// The realtime connections that are open, and those that are lost and can be resumed.
    pub(crate) realtime_connections: (usize, usize),
    pub(crate) is_ready: bool,
    /// The time since the service was built.
    pub(crate) up: Duration,
}

/// Returns the metrics in the text format of Prometheus, version 0.0.4.
pub(crate) fn render(metrics: &Metrics, now: &CurrentValues) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, metrics, now);
    out
}

fn write(out: &mut String, metrics: &Metrics, now: &CurrentValues) -> fmt::Result {
    write_header(out, "ably_auth_build_info", "gauge", "The version of the service; the value is always 1.")?;
    writeln!(out, "ably_auth_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))?;
    answers(out, metrics)?;
    store(out, &metrics.store)?;
    realtime(out, &metrics.realtime)?;
    relay(out, &metrics.relay)?;
    let counters: [Counter<'_>; 7] = [
        ("ably_auth_tokens_issued_total", "Tokens issued.", &[("", &metrics.tokens_issued)]),
        (
            "ably_auth_rate_limited_total",
            "Requests refused by a rate limit, by the kind of limit.",
            &[("{by=\"key\"}", &metrics.limited_by_key), ("{by=\"address\"}", &metrics.limited_by_address)],
        ),
        ("ably_auth_connections_accepted_total", "Connections accepted.", &[("", &metrics.connections_accepted)]),
        (
            "ably_auth_connections_refused_total",
            "Connections over a limit, whose requests were refused.",
            &[("", &metrics.connections_refused)],
        ),
        (
            "ably_auth_connections_evicted_total",
            "Idle connections closed to make room for new ones.",
            &[("", &metrics.connections_evicted)],
        ),
        (
            "ably_auth_audit_events_lost_total",
            "Audit events that were not written, by reason.",
            &[("{reason=\"rate\"}", &metrics.audit_suppressed), ("{reason=\"write\"}", &metrics.audit_failed)],
        ),
        (
            "ably_auth_reloads_total",
            "Reloads of the apps, by result.",
            &[("{result=\"done\"}", &metrics.reloads), ("{result=\"failed\"}", &metrics.reloads_failed)],
        ),
    ];
    for (name, help, counts) in counters {
        write_counter(out, name, help, counts)?;
    }
    let as_u64 = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let gauges = [
        ("ably_auth_requests_in_flight", "Requests in flight.", metrics.in_flight.get()),
        ("ably_auth_connections", "Open connections.", metrics.connections.get()),
        (
            "ably_auth_relay_services",
            "Other services that share the store and exchange realtime events with this one.",
            get(&metrics.relay.services),
        ),
        ("ably_auth_apps", "Apps that the service knows.", as_u64(now.apps)),
        ("ably_auth_keys", "Keys that the service knows, including revoked ones.", as_u64(now.keys)),
        ("ably_auth_ready", "1 if the service is ready for requests, otherwise 0.", u64::from(now.is_ready)),
        (
            "ably_auth_last_reload_timestamp_seconds",
            "The time of the last reload of the apps.",
            get(&metrics.reloaded_at) / 1_000,
        ),
        ("ably_auth_uptime_seconds", "The time since the service started.", now.up.as_secs()),
    ];
    for (name, help, value) in gauges {
        write_header(out, name, "gauge", help)?;
        writeln!(out, "{name} {value}")?;
    }
    let name = "ably_auth_realtime_connections";
    write_header(out, name, "gauge", "Realtime connections that are open, or lost and resumable.")?;
    for (state, count) in [("open", now.realtime_connections.0), ("lost", now.realtime_connections.1)] {
        writeln!(out, "{name}{{state=\"{state}\"}} {count}")?;
    }
    Ok(())
}

fn answers(out: &mut String, metrics: &Metrics) -> fmt::Result {
    let each = || Endpoint::ALL.into_iter().map(Endpoint::name).zip(&metrics.answers);
    let name = "ably_auth_requests_total";
    write_header(out, name, "counter", "Requests answered, by endpoint and Ably error code; code 0 means success.")?;
    for (endpoint, Answers { granted, refused, .. }) in each() {
        let codes = codes().map(|code| code.as_u32().to_string()).chain(["other".to_owned()]);
        writeln!(out, "{name}{{endpoint=\"{endpoint}\",code=\"0\"}} {}", get(granted))?;
        for (code, count) in codes.zip(refused).filter(|(_, count)| get(count) > 0) {
            writeln!(out, "{name}{{endpoint=\"{endpoint}\",code=\"{code}\"}} {}", get(count))?;
        }
    }
    let name = "ably_auth_request_duration_seconds";
    write_header(out, name, "histogram", "The time from the headers of a request to its answer, by endpoint.")?;
    for (endpoint, Answers { latency, .. }) in each() {
        histogram(out, name, &format!("endpoint=\"{endpoint}\""), latency)?;
    }
    Ok(())
}

fn realtime(out: &mut String, counts: &RealtimeCounts) -> fmt::Result {
    let counters: [Counter<'_>; 3] = [
        (
            "ably_auth_realtime_opened_total",
            "Realtime connections opened, by whether they resume a lost one.",
            &[("{resumed=\"false\"}", &counts.opened), ("{resumed=\"true\"}", &counts.resumed)],
        ),
        (
            "ably_auth_realtime_prompts_total",
            "AUTH messages that asked a client to renew its token.",
            &[("", &counts.prompted)],
        ),
        (
            "ably_auth_realtime_reauthenticated_total",
            "Tokens that clients presented on open connections and that were accepted.",
            &[("", &counts.reauthenticated)],
        ),
    ];
    for (name, help, counts) in counters {
        write_counter(out, name, help, counts)?;
    }
    let name = "ably_auth_realtime_ended_total";
    write_header(
        out,
        name,
        "counter",
        "Realtime connections ended or refused, by Ably error code; code 0 means none.",
    )?;
    writeln!(out, "{name}{{code=\"0\"}} {}", get(&counts.ended))?;
    let codes = codes().map(|code| code.as_u32().to_string()).chain(["other".to_owned()]);
    for (code, count) in codes.zip(&counts.ended_by_code).filter(|(_, count)| get(count) > 0) {
        writeln!(out, "{name}{{code=\"{code}\"}} {}", get(count))?;
    }
    Ok(())
}

fn relay(out: &mut String, counts: &RelayCounts) -> fmt::Result {
    write_counter(
        out,
        "ably_auth_relay_events_total",
        "Realtime events exchanged with the other services that share the store, by direction.",
        &[("{direction=\"sent\"}", &counts.sent), ("{direction=\"received\"}", &counts.received)],
    )?;
    write_counter(
        out,
        "ably_auth_relay_lost_total",
        "Realtime events of this or of other services that were lost, by reason.",
        &[
            ("{reason=\"queue\"}", &counts.queue_full),
            ("{reason=\"size\"}", &counts.too_large),
            ("{reason=\"malformed\"}", &counts.malformed),
            ("{reason=\"missed\"}", &counts.missed),
            ("{reason=\"memory\"}", &counts.no_room),
        ],
    )
}

fn write_counter(out: &mut String, name: &str, help: &str, counts: &[(&str, &AtomicU64)]) -> fmt::Result {
    write_header(out, name, "counter", help)?;
    counts.iter().try_for_each(|(labels, count)| writeln!(out, "{name}{labels} {}", get(count)))
}

fn store(out: &mut String, counts: &StoreCounts) -> fmt::Result {
    let name = "ably_auth_store_errors_total";
    write_header(out, name, "counter", "Failed operations of the store, by operation.")?;
    for (operation, errors) in STORE_OPERATIONS.iter().zip(&counts.errors) {
        writeln!(out, "{name}{{operation=\"{operation}\"}} {}", get(errors))?;
    }
    let name = "ably_auth_store_duration_seconds";
    write_header(
        out,
        name,
        "histogram",
        "The time spent waiting for the store, by operation; the memory store takes none.",
    )?;
    for (operation, latency) in STORE_OPERATIONS.iter().zip(&counts.latency) {
        histogram(out, name, &format!("operation=\"{operation}\""), latency)?;
    }
    Ok(())
}

fn histogram(out: &mut String, name: &str, labels: &str, histogram: &Histogram) -> fmt::Result {
    let ends = LATENCY_MICROS.iter().map(|micros| seconds(Duration::from_micros(*micros)).to_string());
    let mut sum = 0_u64;
    for (end, bucket) in ends.chain(["+Inf".to_owned()]).zip(&histogram.buckets) {
        sum = sum.saturating_add(get(bucket));
        writeln!(out, "{name}_bucket{{{labels},le=\"{end}\"}} {sum}")?;
    }
    writeln!(out, "{name}_sum{{{labels}}} {}", seconds(Duration::from_nanos(get(&histogram.nanos))))?;
    writeln!(out, "{name}_count{{{labels}}} {sum}")
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use ably_auth_core::ErrorCode;

    use super::*;

    #[test]
    fn recorded_requests_are_rendered_by_endpoint_and_code() {
        let metrics = Metrics::default();
        metrics.record(Endpoint::Time, None, Duration::from_micros(50));
        metrics.record(Endpoint::RequestToken, Some(ErrorCode::NONCE_REPLAYED), Duration::from_micros(51));
        metrics.record(Endpoint::RequestToken, Some(ErrorCode::new(1)), Duration::from_secs(6));
        let text = render(
            &metrics,
            &CurrentValues {
                apps: 1,
                keys: 2,
                realtime_connections: (4, 3),
                is_ready: false,
                up: Duration::from_secs(3),
            },
        );
        for line in [
            r#"ably_auth_requests_total{endpoint="time",code="0"} 1"#,
            r#"ably_auth_requests_total{endpoint="requestToken",code="40105"} 1"#,
            r#"ably_auth_requests_total{endpoint="requestToken",code="other"} 1"#,
            r#"ably_auth_request_duration_seconds_bucket{endpoint="time",le="0.00005"} 1"#,
            r#"ably_auth_request_duration_seconds_bucket{endpoint="requestToken",le="0.00005"} 0"#,
            r#"ably_auth_request_duration_seconds_bucket{endpoint="requestToken",le="0.0001"} 1"#,
            r#"ably_auth_request_duration_seconds_bucket{endpoint="requestToken",le="5"} 1"#,
            r#"ably_auth_request_duration_seconds_bucket{endpoint="requestToken",le="+Inf"} 2"#,
            r#"ably_auth_request_duration_seconds_sum{endpoint="requestToken"} 6.000051"#,
            r#"ably_auth_request_duration_seconds_count{endpoint="requestToken"} 2"#,
            r#"ably_auth_realtime_connections{state="open"} 4"#,
            r#"ably_auth_realtime_connections{state="lost"} 3"#,
            "ably_auth_keys 2",
        ] {
            assert!(text.lines().any(|rendered| rendered == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn dropped_guard_decrements_gauge() {
        let metrics = Metrics::default();
        let (entered, now) = metrics.in_flight.enter();
        assert_eq!((now, metrics.in_flight.get()), (1, 1));
        drop(entered);
        assert_eq!(metrics.in_flight.get(), 0);
    }
}
