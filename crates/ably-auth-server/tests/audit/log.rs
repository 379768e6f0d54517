//! The events of one target, on the current thread. One subscriber for the whole process hears them, since `tracing` may
//! remember for a place in the code that nobody listens.

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

/// Starts to collect the events of this thread. A process has one target.
pub(crate) fn start(target: &'static str) {
    static INSTALLED: Once = Once::new();
    // First the target, by which the subscriber is asked when it is installed.
    TARGET.get_or_init(|| target);
    INSTALLED.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
    EVENTS.with_borrow_mut(Vec::clear);
}

/// Takes the events since the last call.
pub(crate) fn take() -> Vec<Value> {
    EVENTS.take()
}

/// Takes the one event since the last call.
#[track_caller]
pub(crate) fn one() -> Value {
    let mut events = take();
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}
