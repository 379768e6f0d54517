//! The trace events of our crates, recorded.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A subscriber that passes each event of our crates to a function, as text: the level, and each field with its value.
pub struct EventSubscriber<F>(pub F);

impl<F: Fn(String) + Send + Sync + 'static> Subscriber for EventSubscriber<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ably_auth")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        (self.0)(line.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

/// The events that its [subscriber](Self::subscriber) has received.
#[derive(Clone, Default)]
pub struct RecordedEvents(Arc<Mutex<Vec<String>>>);

impl RecordedEvents {
    /// Returns a subscriber that records events here.
    pub fn subscriber(&self) -> impl Subscriber + Send + Sync + 'static {
        let Self(lines) = self.clone();
        EventSubscriber(move |line| lines.lock().unwrap_or_else(PoisonError::into_inner).push(line))
    }

    /// Returns the events until now, one line each.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
