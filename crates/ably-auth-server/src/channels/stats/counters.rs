//! Counters by name, each a path such as `inbound.rest.messages.count`.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The known parts of counter names.
const SEGMENTS: [&str; 26] = [
    "all",
    "inbound",
    "outbound",
    "persisted",
    "connections",
    "channels",
    "apiRequests",
    "tokenRequests",
    "realtime",
    "rest",
    "webhook",
    "push",
    "messages",
    "presence",
    "tls",
    "plain",
    "count",
    "data",
    "peak",
    "min",
    "mean",
    "opened",
    "refused",
    "succeeded",
    "failed",
    "httpEvent",
];

/// The maximum number of parts in a name.
const MAX_SEGMENTS: usize = 4;

/// The maximum number of counters in an interval.
const MAX_COUNTERS: usize = 64;

/// A counter's name. Each part is stored as its index in [`SEGMENTS`] plus one; unused parts at the end are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name([u8; MAX_SEGMENTS]);

impl Name {
    /// Returns the name with `segment` appended; `None` if the segment is unknown or the name is full.
    fn with(self, segment: &str) -> Option<Self> {
        let place = SEGMENTS.iter().position(|known| *known == segment)?;
        let mut name = self;
        *name.0.iter_mut().find(|part| **part == 0)? = u8::try_from(place.checked_add(1)?).ok()?;
        Some(name)
    }

    fn parse(text: &str) -> Option<Self> {
        text.split('.').try_fold(Self::default(), Self::with)
    }

    fn segments(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().filter_map(|part| SEGMENTS.get(usize::from(*part).checked_sub(1)?).copied())
    }

    /// Returns the name of the counter in `entries`.
    fn entry(&self) -> String {
        let text = self.segments().collect::<Vec<_>>().join(".");
        match self.segments().next() {
            Some("all" | "inbound" | "outbound" | "persisted") => format!("messages.{text}"),
            Some("tokenRequests") => format!("apiRequests.{text}"),
            Some("apiRequests") => text.replacen("apiRequests.", "apiRequests.all.", 1),
            _ => text,
        }
    }
}

/// The counters of an interval, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters(Vec<(Name, u64)>);

impl Counters {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds `count` to a counter. An unknown name is ignored.
    pub(super) fn add(&mut self, name: &str, count: u64) {
        if let Some(name) = Name::parse(name).filter(|_| count > 0) {
            self.merge(name, count);
        }
    }

    /// Adds the counters of another interval. A peak or mean becomes the larger of the two values, and a minimum the
    /// smaller.
    pub(super) fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|&(name, count)| self.merge(name, count));
    }

    fn merge(&mut self, name: Name, count: u64) {
        match self.0.binary_search_by_key(&name, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, before)) = self.0.get_mut(at) {
                    *before = match name.segments().last() {
                        Some("peak" | "mean") => (*before).max(count),
                        Some("min") => (*before).min(count),
                        _ => before.saturating_add(count),
                    };
                }
            }
            Err(at) if self.0.len() < MAX_COUNTERS => self.0.insert(at, (name, count)),
            Err(_) => {}
        }
    }

    /// Returns the counters by dotted name, for clients of version 3 of the protocol and later.
    pub(super) fn entries(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, count)| (name.entry(), (*count).into())).collect()
    }

    /// Writes the counters into `object` as nested objects, for older clients.
    pub(super) fn nest(&self, object: &mut Map<String, Value>) {
        for (name, count) in &self.0 {
            let mut segments: Vec<_> = name.segments().collect();
            let Some(last) = segments.pop() else { continue };
            let inner = segments.into_iter().try_fold(&mut *object, |object, segment| {
                object.entry(segment).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
            });
            if let Some(inner) = inner {
                inner.insert(last.into(), (*count).into());
            }
        }
    }
}

/// A seed that reads counters from nested objects. It ignores unknown counters.
pub(super) struct Nested<'a> {
    pub(super) counters: &'a mut Counters,
    name: Name,
}

impl<'a> Nested<'a> {
    /// Creates a seed for the value of the top-level field `segment`; `None` if no counter name can begin with it.
    pub(super) fn of(counters: &'a mut Counters, segment: &str) -> Option<Self> {
        Name::default().with(segment).map(|name| Nested { counters, name })
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count or an object of counts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(segment) = map.next_key::<String>()? {
            match self.name.with(&segment) {
                Some(name) => map.next_value_seed(Nested { counters: &mut *self.counters, name })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<(), E> {
        if count > 0 {
            self.counters.merge(self.name, count);
        }
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<(), E> {
        self.visit_u64(u64::try_from(count).unwrap_or(0))
    }

    fn visit_f64<E: de::Error>(self, count: f64) -> Result<(), E> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
        self.visit_u64(count as u64)
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}
