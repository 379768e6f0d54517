//! The output of the demo: text, or JSON lines with `--json`.

use serde_json::json;

use super::recorder::{Call, Log};
use crate::clock::Stopwatch;
use crate::output;

pub(super) struct Timeline {
    json: bool,
    watch: Stopwatch,
    log: Log,
    steps: usize,
    failures: usize,
}

impl Timeline {
    pub(super) fn new(json: bool, log: Log) -> Self {
        Self { json, watch: Stopwatch::start(), log, steps: 0, failures: 0 }
    }

    pub(super) fn title(&self, text: &str) {
        if !self.json {
            output::line(text);
        }
    }

    /// Prints a step: its requests since the last step, its notes, and its result.
    pub(super) fn step(&mut self, title: &str, notes: &[String], outcome: Result<String, String>) {
        self.steps += 1;
        self.failures += usize::from(outcome.is_err());
        let calls = self.log.take();
        if self.json {
            self.json_line(title, notes, &calls, &outcome);
            return;
        }
        output::line(&format!("\n{:>7.1} ms  {}. {title}", self.watch.elapsed().as_secs_f64() * 1e3, self.steps));
        for call in &calls {
            let status = call.status.map_or_else(|| "no answer".into(), |status| status.to_string());
            let code = call.code.map(|code| format!(" {code}")).unwrap_or_default();
            let request = format!("{} {}", call.method, call.path);
            let took = call.took.as_secs_f64() * 1e3;
            output::line(&format!("            → {request:<48} {:<10} {took:>6.1} ms", format!("{status}{code}")));
        }
        for note in notes {
            output::line(&format!("              {note}"));
        }
        output::line(&match outcome {
            Ok(text) => format!("            ✓ {text}"),
            Err(text) => format!("            ✗ {text}"),
        });
    }

    fn json_line(&self, title: &str, notes: &[String], calls: &[Call], outcome: &Result<String, String>) {
        let millis = |took: std::time::Duration| (took.as_secs_f64() * 1e4).round() / 10.0;
        let requests: Vec<_> = calls
            .iter()
            .map(|call| {
                json!({
                    "method": call.method.as_str(), "path": call.path,
                    "status": call.status, "code": call.code, "ms": millis(call.took),
                })
            })
            .collect();
        let (Ok(text) | Err(text)) = outcome;
        let line = json!({
            "step": self.steps, "title": title, "ok": outcome.is_ok(), "outcome": text,
            "notes": notes, "requests": requests, "atMs": millis(self.watch.elapsed()),
        });
        output::line(&line.to_string());
    }

    /// Prints the number of successful steps. Returns true if each step had the expected result.
    pub(super) fn end(&self) -> bool {
        let succeeded = self.steps - self.failures;
        self.title(&format!("\n{succeeded} of {} steps had the expected result", self.steps));
        self.failures == 0
    }
}
