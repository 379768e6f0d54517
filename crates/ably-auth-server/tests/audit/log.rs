//! A log of the events of one target on the current thread. The whole process has one subscriber, because `tracing` caches
//! for each callsite whether a subscriber wants its events.

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::{Once, OnceLock};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

thread_local! {
    static EVENTS: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

static TARGET: OnceLock<&str> = OnceLock::new();

struct Log;

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        TARGET.get().is_some_and(|target| metadata.target() == *target)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        EVENTS.with_borrow_mut(|events| events.push(fields.0.into()));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Starts to collect the events of this thread. The first call sets the target for the whole process.
pub(crate) fn start(target: &'static str) {
    static INSTALLED: Once = Once::new();
    // `tracing` calls `enabled`, which reads `TARGET`, as soon as the subscriber is installed.
    TARGET.get_or_init(|| target);
    INSTALLED.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
    EVENTS.with_borrow_mut(Vec::clear);
}

/// Returns the events since the last call and removes them.
pub(crate) fn take() -> Vec<Value> {
    EVENTS.take()
}

/// Returns the only event since the last call and removes it. Panics unless there is exactly one.
#[track_caller]
pub(crate) fn one() -> Value {
    let mut events = take();
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}
