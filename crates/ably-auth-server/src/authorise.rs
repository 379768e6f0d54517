//! Authorising: whether a credential's capability has an operation.

use ably_auth_core::{Capability, Operation};

use crate::refusal::Refusal;

/// The resource of operations that concern the app as a whole.
pub(crate) const EVERY_CHANNEL: &str = "*";

/// Refuses an operation on a resource that the capability does not permit.
pub(crate) fn authorise(capability: &Capability, operation: Operation, resource: &str) -> Result<(), Refusal> {
    if capability.permits(resource, operation) {
        return Ok(());
    }
    Err(ably_auth_axum::Refusal::not_permitted(resource, operation).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_says_what_is_lacking() {
        let capability: Capability = r#"{"chat":["publish"]}"#.parse().unwrap();
        assert!(authorise(&capability, Operation::Publish, "chat").is_ok());
        let refusal = authorise(&capability, Operation::Publish, "secret").unwrap_err();
        let expected = "capability does not permit `publish` on `secret`; ask for a token that has it";
        assert_eq!((refusal.info().code().as_u32(), refusal.info().message()), (40160, expected));
    }
}
