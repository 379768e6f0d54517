//! Capabilities.

use std::cell::OnceCell;

use ably_auth_core::Capability;
use ably_auth_core::capability::{Entry, Explanation, Matcher, Work};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::Failure;
use crate::json::Object;

/// A capability, with an index that is built by the first check.
#[wasm_bindgen]
pub struct Rights {
    capability: Capability,
    matcher: OnceCell<Matcher>,
}

impl From<Capability> for Rights {
    fn from(capability: Capability) -> Self {
        Self { capability, matcher: OnceCell::new() }
    }
}

#[wasm_bindgen]
impl Rights {
    /// Parses the JSON of a capability. Lenient parsing accepts operations and kinds of resources that it does not know.
    ///
    /// # Errors
    /// The error of core, with its place.
    pub fn parse(text: &str, is_lenient: bool) -> Result<Self, Failure> {
        let parse = if is_lenient { Capability::parse_lenient } else { Capability::parse_strict };
        Ok(parse(text)?.into())
    }

    /// Returns the canonical JSON.
    pub fn text(&self) -> String {
        self.capability.to_string()
    }

    /// Returns true if the operation is permitted on the channel.
    pub fn permits(&self, operation: &str, channel: &str) -> bool {
        self.matcher.get_or_init(|| Matcher::new(&self.capability)).permits(channel, operation)
    }

    /// Returns true if this permits everything that the other permits.
    pub fn covers(&self, other: &Self) -> bool {
        self.capability.covers(&other.capability)
    }

    /// Returns true if both permit the same.
    pub fn equivalent(&self, other: &Self) -> bool {
        self.capability.is_equivalent(&other.capability)
    }

    /// Returns what both permit.
    ///
    /// # Errors
    /// The error of core, if that takes more steps than a service should allow for a request.
    pub fn intersect(&self, other: &Self) -> Result<Self, Failure> {
        let common = self.capability.intersect_within(&other.capability, &mut Work::steps(Work::PER_REQUEST))?;
        Ok(common.into())
    }

    /// Returns what either permits.
    pub fn union(&self, other: &Self) -> Self {
        self.capability.union(&other.capability).into()
    }

    /// Returns the shortest equivalent capability.
    pub fn minimal(&self) -> Self {
        self.capability.minimal().into()
    }

    /// Explains why the operation is permitted on the channel, or not, as JSON.
    pub fn explain(&self, operation: &str, channel: &str) -> String {
        let explanation = self.capability.explain(channel, operation);
        let (reason, entry) = match &explanation {
            Explanation::Permitted { by, .. } => ("permitted", Some(by)),
            Explanation::LacksOperation { closest, .. } => ("lacksOperation", Some(closest)),
            Explanation::LacksResource { closest, .. } => ("lacksResource", Some(closest)),
            Explanation::LacksBoth { .. } => ("lacksBoth", None),
            _ => ("noResource", None),
        };
        let permitted = if explanation.is_permitted() { "true" } else { "false" };
        let object = Object::new().json("permitted", permitted).text("reason", reason);
        let object =
            object.text("operation", operation).text("channel", channel).text("text", &explanation.to_string());
        let Some(Entry { resource, operations }) = entry else { return object.end() };
        let entry = Object::new().text("resource", resource.as_str()).json("operations", &operations.to_string());
        object.json("entry", &entry.end()).end()
    }
}
