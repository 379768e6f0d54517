//! The text format in which a sandbox logs refused requests: short, because developers read it while they experiment.

use std::borrow::Cow;
use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use unicode_width::UnicodeWidthChar as _;

/// The target of the events for refused requests.
pub(super) const TARGET: &str = "ably_auth_server::refusal";

/// The maximum width of a line, in columns.
const COLUMNS: usize = 100;

/// The indent of an event's lines after the first, in columns: the width of status and code.
const INDENT: usize = 11;

/// The maximum length of a reason in bytes. The rest is cut, because the reason may quote what a stranger sent.
const MAX_REASON_BYTES: usize = 1024;

const RED: &str = "\u{1b}[31m";
const RESET: &str = "\u{1b}[0m";

/// A format that writes an event as a line for the request, and the reason below it.
pub(super) struct RefusalFormat {
    pub(super) is_coloured: bool,
}

#[derive(Default)]
struct Refusal {
    status: u64,
    code: u64,
    method: String,
    path: String,
    channel: Option<String>,
    operation: Option<String>,
    client_id: Option<String>,
    reason: String,
}

impl Visit for Refusal {
    fn record_str(&mut self, field: &Field, value: &str) {
        let value = value.to_owned();
        match field.name() {
            "method" => self.method = value,
            "path" => self.path = value,
            "channel" => self.channel = Some(value),
            "operation" => self.operation = Some(value),
            "client_id" => self.client_id = Some(value),
            "reason" => self.reason = value,
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "status" => self.status = value,
            "code" => self.code = value,
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl<S, N> FormatEvent<S, N> for RefusalFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut refusal = Refusal::default();
        event.record(&mut refusal);
        refusal.write(&mut out, self.is_coloured)
    }
}

impl Refusal {
    fn write(&self, out: &mut impl fmt::Write, is_coloured: bool) -> fmt::Result {
        let (red, reset) = if is_coloured { (RED, RESET) } else { ("", "") };
        let mut asked = format!("{} {}", self.method, self.path);
        let facts = [("operation", &self.operation), ("channel", &self.channel), ("clientId", &self.client_id)];
        for (name, fact) in facts {
            if let Some(fact) = fact {
                asked.push_str(&format!("  {name}={fact}"));
            }
        }
        let mut lines = wrap(&asked).into_iter();
        let first = lines.next().unwrap_or_default();
        writeln!(out, "{red}{} {}{reset}  {first}", self.status, self.code)?;
        // The reason may quote text that the client sent, so replace control characters.
        let reason: String = cut(&self.reason).chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        for line in lines.chain(wrap(&reason)) {
            writeln!(out, "{:INDENT$}{line}", "")?;
        }
        Ok(())
    }
}

/// Returns at most [`MAX_REASON_BYTES`] bytes of `reason`, with `…` in place of what was cut.
fn cut(reason: &str) -> Cow<'_, str> {
    if reason.len() <= MAX_REASON_BYTES {
        return reason.into();
    }
    let mut end = MAX_REASON_BYTES;
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", reason.get(..end).unwrap_or_default()).into()
}

/// Breaks `text` into lines that fit after the indent, between words where possible. Takes linear time.
fn wrap(text: &str) -> Vec<String> {
    let room = COLUMNS.saturating_sub(INDENT);
    let mut lines = Vec::new();
    // The width of `line`, which is not measured again for each character.
    let (mut line, mut used) = (String::new(), 0_usize);
    for word in text.split_inclusive(' ') {
        let needed: usize = word.trim_end().chars().map(columns).sum();
        if used > 0 && used.saturating_add(needed) > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        for c in word.chars() {
            let more = columns(c);
            if c != ' ' && used.saturating_add(more) > room {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used = used.saturating_add(more);
        }
    }
    lines.push(line);
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(refusal: &Refusal, is_coloured: bool) -> String {
        let mut text = String::new();
        refusal.write(&mut text, is_coloured).unwrap();
        text
    }

    fn refusal() -> Refusal {
        Refusal {
            status: 401,
            code: 40160,
            method: "POST".into(),
            path: "/channels/chat/messages".into(),
            channel: Some("chat".into()),
            operation: Some("publish".into()),
            client_id: Some("bob".into()),
            reason: "capability does not permit `publish` on `chat`; ask for a token that has it".into(),
        }
    }

    #[test]
    fn refusal_is_two_short_lines() {
        let expected = "401 40160  POST /channels/chat/messages  operation=publish  channel=chat  clientId=bob\n           \
                        capability does not permit `publish` on `chat`; ask for a token that has it\n";
        assert_eq!(written(&refusal(), false), expected);
        assert!(written(&refusal(), true).starts_with("\u{1b}[31m401 40160\u{1b}[0m  POST"));
    }

    #[test]
    fn long_refusal_fits_the_columns() {
        let texts =
            ["x".repeat(300), "word ".repeat(80), "字".repeat(120), "👩‍🚀 👍🏽".repeat(40), "a \u{1b}[31m\n".repeat(30)];
        for text in texts {
            let refusal = Refusal { path: text.replace(['\n', '\u{1b}'], ""), reason: text.clone(), ..refusal() };
            let lines = written(&refusal, false);
            for line in lines.lines() {
                let width: usize = line.chars().map(|c| c.width().unwrap_or(0)).sum();
                assert!(width <= COLUMNS, "{width}: {line}");
            }
            assert!(!lines.contains('\u{1b}'));
        }
    }

    #[test]
    fn long_text_without_width_is_wrapped_in_linear_time() {
        // In quadratic time, this would take hours.
        let text = "e\u{301}".to_owned() + &"\u{301}".repeat(1_000_000);
        assert_eq!(wrap(&text), [text]);
    }

    #[test]
    fn long_reason_is_cut_between_characters() {
        for c in ["x", "\u{301}", "字", "👍"] {
            let shown = written(&Refusal { reason: c.repeat(7_500), ..refusal() }, false);
            let reason: String = shown.lines().skip(1).map(str::trim).collect();
            let count = MAX_REASON_BYTES / c.len();
            assert_eq!(reason, c.repeat(count) + "…");
        }
        let whole = "x".repeat(MAX_REASON_BYTES);
        assert!(!written(&Refusal { reason: whole, ..refusal() }, false).contains('…'));
    }
}
