//! Authorization: whether a credential's capability permits an operation.

use ably_auth_core::{Capability, ErrorCode, Operation};

use crate::policy::authenticate::Principal;
use crate::refusal::Refusal;

/// The resource of operations that concern the app as a whole.
pub(crate) const EVERY_CHANNEL: &str = "*";

/// Refuses an operation on a resource that the capability does not permit.
pub(crate) fn authorize(capability: &Capability, operation: Operation, resource: &str) -> Result<(), Refusal> {
    if capability.permits(resource, operation) {
        return Ok(());
    }
    Err(ably_auth_backend::Refusal::not_permitted(resource, operation).into())
}

/// Refuses to read a channel if the capability does not permit it. For a filtered read, permission on the resource
/// `[filter]{channel}` is enough.
pub(crate) fn authorize_reading(
    capability: &Capability,
    operation: Operation,
    channel: &str,
    is_filtered: bool,
) -> Result<(), Refusal> {
    if is_filtered && capability.permits(&format!("[filter]{channel}"), operation) {
        return Ok(());
    }
    authorize(capability, operation, channel)
}

/// Refuses an anonymous client on a channel in a namespace that only identified clients may use.
pub(crate) fn check_identified(principal: &Principal, channel: &str, is_identified: bool) -> Result<(), Refusal> {
    if is_identified || !principal.app.app.needs_identity(channel) {
        return Ok(());
    }
    let message = "only identified clients may use this channel's namespace; use a credential with a clientId, or send \
                   `X-Ably-ClientId`";
    Err(Refusal::new(ErrorCode::IDENTIFIED_CLIENT_NEEDED, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_names_operation_and_resource() {
        let capability: Capability = r#"{"chat":["publish"]}"#.parse().unwrap();
        assert!(authorize(&capability, Operation::Publish, "chat").is_ok());
        let refusal = authorize(&capability, Operation::Publish, "secret").unwrap_err();
        let expected = "capability does not permit `publish` on `secret`; ask for a token that has it";
        assert_eq!((refusal.info().code().as_u32(), refusal.info().message()), (40160, expected));
    }
}
