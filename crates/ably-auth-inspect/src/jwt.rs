//! stub
/// stub
pub fn explain_signature<'a>(
    _: &str,
    _: &ably_auth_core::ApiKey,
    _: impl Iterator<Item = &'a ably_auth_core::ApiKey>,
) -> crate::Cause {
    crate::Cause::new("a", "b", "c")
}
