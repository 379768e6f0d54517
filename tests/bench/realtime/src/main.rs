//! Realtime connections, measured over loopback: handshakes, memory and CPU time of idle connections, the delivery of a
//! message to many, and the end of many by a revocation.
//!
//! Each server is a separate process, so that its memory and CPU time do not include those of the clients.

#![allow(clippy::disallowed_methods, reason = "benchmarks measure time")]

mod measure;
mod servers;
mod socket;

/// A measured value, and the target that it must reach.
pub struct Outcome {
    what: String,
    result: String,
    target: &'static str,
    holds: bool,
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    if let ["serve", which] = words.as_slice() {
        return servers::serve(which).await;
    }
    let named = |name: &str| words.iter().all(|word| *word == "--strict") || words.contains(&name);
    let mut outcomes = Vec::new();
    if named("handshakes") {
        outcomes.push(measure::handshakes().await);
    }
    if named("memory") {
        outcomes.push(measure::memory().await);
    }
    if named("fan-out") {
        outcomes.push(measure::fan_out().await);
    }
    if named("revocation") {
        outcomes.push(measure::revocation().await);
    }
    if named("idle") {
        outcomes.push(measure::idle().await);
    }
    println!("\n{:62} {:>18}   target", "", "result");
    for Outcome { what, result, target, holds } in &outcomes {
        println!("{what:62} {result:>18}   {target}{}", if *holds { "" } else { "  MISSED" });
    }
    if words.contains(&"--strict") && outcomes.iter().any(|outcome| !outcome.holds) {
        std::process::exit(1);
    }
}
