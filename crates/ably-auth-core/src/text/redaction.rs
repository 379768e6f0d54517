//! Removing secrets from texts.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use serde_json::Value;

use super::printable::{self, PrintableText};

/// The text that replaces a secret.
const PLACEHOLDER: &str = "[redacted]";

/// The minimum length of a text that may have been cut: a cut removes up to 3 bytes of a character.
const MIN_CUT_BYTES: usize = PrintableText::MAX_BYTES - 3;

/// Secrets that are to be removed from texts.
pub(crate) struct Redaction<'a>(Vec<&'a str>);

impl<'a> Redaction<'a> {
    pub(crate) fn new(secrets: impl Iterator<Item = &'a str>) -> Self {
        // Every text contains the empty text.
        Self(secrets.filter(|secret| !secret.is_empty()).collect())
    }

    /// Replaces each secret in `text`, and the beginning of a secret where `text` may have been cut.
    pub(crate) fn apply(&self, text: &mut String) {
        let ranges = self.ranges_in(text);
        if ranges.is_empty() {
            return;
        }
        let max_bytes = text.len().max(PrintableText::MAX_BYTES);
        let mut redacted = String::new();
        let mut end = 0;
        for range in ranges {
            redacted.push_str(text.get(end..range.start).unwrap_or_default());
            redacted.push_str(PLACEHOLDER);
            end = range.end;
        }
        redacted.push_str(text.get(end..).unwrap_or_default());
        // A placeholder may be longer than its secret. No secret is left that this cut could split.
        redacted.truncate(printable::cut_at(&redacted, max_bytes).len());
        *text = redacted;
    }

    /// Returns true if a member of a JSON object contains a secret, at any depth.
    pub(crate) fn occur_in_member(&self, name: &str, value: &Value) -> bool {
        self.occur_in(name) || self.occur_in_value(value)
    }

    fn occur_in_value(&self, value: &Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => self.occur_in(&alloc::string::ToString::to_string(number)),
            // Not its JSON, in which a secret may be escaped.
            Value::String(text) => self.occur_in(text),
            Value::Array(values) => values.iter().any(|value| self.occur_in_value(value)),
            Value::Object(members) => members.iter().any(|(name, value)| self.occur_in_member(name, value)),
        }
    }

    fn occur_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret))
    }

    /// Returns the ranges of secrets in `text`, in order. Secrets that overlap share a range, so that no part is left.
    fn ranges_in(&self, text: &str) -> Vec<Range<usize>> {
        let matches = self.0.iter().flat_map(|secret| text.match_indices(secret));
        let mut found: Vec<_> = matches.map(|(start, secret)| start..start.saturating_add(secret.len())).collect();
        if text.len() >= MIN_CUT_BYTES {
            found.extend(self.0.iter().filter_map(|secret| {
                let begins_at = (1..secret.len()).rev().filter_map(|len| secret.get(..len));
                let beginning = begins_at.into_iter().find(|beginning| text.ends_with(beginning))?;
                Some(text.len().saturating_sub(beginning.len())..text.len())
            }));
        }
        found.sort_by_key(|range| (range.start, range.end));
        let mut merged: Vec<Range<usize>> = Vec::new();
        for range in found {
            match merged.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }
}
