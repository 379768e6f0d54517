//! The service's error codes that concern authentication.

use core::fmt;

/// An error code of the service. It has five digits, of which the first three are often the HTTP status.
///
/// Codes that have no constant here are kept as they are: a newer service may have more.
///
/// ```
/// use ably_auth_core::ErrorCode;
///
/// let code = ErrorCode::new(40142);
/// assert_eq!(code, ErrorCode::TOKEN_EXPIRED);
/// assert!(code.is_token_error());
/// assert_eq!(code.status(), 401);
/// assert_eq!(code.advice(), Some("request a new token"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(u32);

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:literal, $advice:literal;)+) => {
        impl ErrorCode {
            $($(#[doc = $doc])+ pub const $name: Self = Self($code);)+

            /// Returns the HTTP status for the code. If a code has several, it is the usual one.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self.0 {
                    $($code => $status,)+
                    other => match other / 100 {
                        #[allow(clippy::cast_possible_truncation, reason = "the arm is within u16")]
                        status @ 100..=599 => status as u16,
                        _ => 500,
                    },
                }
            }

            /// Returns advice on what to do about the error, for the codes known here.
            #[must_use]
            pub const fn advice(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($advice),)+
                    _ => None,
                }
            }

            /// All codes that have a constant here, in ascending order.
            pub const KNOWN: &'static [Self] = &[$(Self($code)),+];
        }
    };
}

codes! {
    /// The request is malformed.
    BAD_REQUEST = 40000, 400, "correct the request; sending it again unchanged will not help";
    /// The body could not be read.
    INVALID_BODY = 40001, 400, "send a body that matches its content type";
    /// A parameter, such as the ttl, is out of range.
    INVALID_PARAMETER = 40003, 400, "give a value in the range of the parameter: a ttl is 1 ms to 24 h, or to 1 h for revocable tokens";
    /// The credential is malformed.
    INVALID_CREDENTIAL = 40005, 400, "check that the whole key or token was given, and nothing else";
    /// The body is larger than the service takes.
    BODY_TOO_LARGE = 40009, 413, "send less in one request";
    /// The channel name is invalid.
    INVALID_CHANNEL_NAME = 40010, 400, "use a name that is not blank, has no line breaks and begins with neither `:` nor `[`";
    /// A clientId that is not acceptable, or not compatible with the credential.
    INVALID_CLIENT_ID = 40012, 400, "use a clientId that the credential permits; `*` cannot be assumed as an identity";
    /// The client speaks a version of the protocol that the service does not.
    UNSUPPORTED_PROTOCOL_VERSION = 40017, 400, "use a newer SDK";
    /// A part of a batch failed.
    BATCH_ERROR = 40020, 400, "check which parts of the batch failed, and correct those";
    /// The id that the publisher gave a message is invalid.
    INVALID_MESSAGE_ID = 40031, 400, "use a shorter id, or leave it out";
    /// The request is not authorized, and no more specific code applies.
    UNAUTHORIZED = 40100, 401, "check the credentials and what they permit";
    /// No credentials, or a wrong secret or mac.
    INVALID_CREDENTIALS = 40101, 401, "check the key's secret, and that the signed request was not changed";
    /// The clientId of the credentials is another than that of the request.
    INCOMPATIBLE_CREDENTIALS = 40102, 401, "act as the clientId that the credential was issued for";
    /// Basic authentication without TLS.
    BASIC_AUTH_WITHOUT_TLS = 40103, 401, "use https, or a token";
    /// The token request's timestamp is not within two minutes of the service's clock.
    TIMESTAMP_NOT_CURRENT = 40104, 401, "set the clock, or ask the service for its time before signing";
    /// The token request's nonce was used before.
    NONCE_REPLAYED = 40105, 401, "sign a new token request for each token";
    /// The client has no way to authenticate.
    UNABLE_TO_AUTHENTICATE = 40106, 401, "give the client a key, a token or an auth callback";
    /// The account is disabled.
    ACCOUNT_DISABLED = 40110, 401, "ask the owner of the account";
    /// The account has too many connections.
    ACCOUNT_CONNECTION_LIMIT = 40111, 403, "close connections, or raise the limit of the account";
    /// The account has sent too many messages.
    ACCOUNT_MESSAGE_LIMIT = 40112, 401, "send less, or raise the limit of the account";
    /// The account is blocked.
    ACCOUNT_BLOCKED = 40113, 401, "ask the owner of the account";
    /// The account has too many channels.
    ACCOUNT_CHANNEL_LIMIT = 40114, 403, "use fewer channels, or raise the limit of the account";
    /// The account has made too many requests.
    ACCOUNT_REQUEST_LIMIT = 40115, 403, "send fewer requests, or raise the limit of the account";
    /// The app is disabled.
    APP_DISABLED = 40120, 401, "enable the app, or use a key of another app";
    /// The app does not permit this kind of token revocation.
    REVOCATION_NOT_ENABLED = 40121, 401, "enable the kind of revocation for the app";
    /// The app has too many integrations.
    APP_INTEGRATION_LIMIT = 40125, 401, "remove integrations, or raise the limit";
    /// The app has too many channel rules.
    APP_CHANNEL_RULE_LIMIT = 40126, 401, "remove channel rules, or raise the limit";
    /// The app has too many API keys.
    APP_KEY_LIMIT = 40127, 401, "revoke keys that are not used, or raise the limit";
    /// The account has too many apps.
    ACCOUNT_APP_LIMIT = 40128, 401, "delete apps that are not used, or raise the limit";
    /// A key error for which no more specific code applies.
    KEY_ERROR = 40130, 401, "check the key, or use another key";
    /// The key was revoked.
    KEY_REVOKED = 40131, 401, "use another key";
    /// The key has expired.
    KEY_EXPIRED = 40132, 401, "use another key";
    /// Tokens can only be revoked with the key that issued them.
    REVOCATION_WITH_ANOTHER_KEY = 40133, 401, "revoke with the key that issued the tokens";
    /// A token error for which no more specific code applies.
    TOKEN_ERROR = 40140, 401, "request a new token";
    /// The token was revoked.
    TOKEN_REVOKED = 40141, 401, "request a new token, if the user is still welcome";
    /// The token has expired.
    TOKEN_EXPIRED = 40142, 401, "request a new token";
    /// The token was not issued by this service.
    TOKEN_UNRECOGNISED = 40143, 401, "request a new token from the service that you are calling";
    /// The JWT is malformed, or not signed as it should be.
    INVALID_JWT = 40144, 401, "mint the JWT with HS256, `kid` and the key's secret";
    /// The token is malformed.
    INVALID_TOKEN = 40145, 401, "pass on the token exactly as it was issued";
    /// The app has too many connections.
    APP_CONNECTION_LIMIT = 40150, 401, "close connections, or raise the limit of the app";
    /// The token has too many connections.
    TOKEN_CONNECTION_LIMIT = 40151, 401, "close connections, or request a token for each client";
    /// The capability does not permit the operation.
    CAPABILITY_REFUSED = 40160, 401, "ask for a token whose capability has the operation on the channel";
    /// The operation needs an identified client.
    IDENTIFIED_CLIENT_NEEDED = 40161, 401, "use a credential with a clientId";
    /// The operation needs Basic authentication.
    BASIC_AUTH_NEEDED = 40162, 401, "use the API key itself, from a server";
    /// The key's tokens are not revocable.
    TOKENS_NOT_REVOCABLE = 40163, 401, "enable revocable tokens for the key";
    /// The key's tokens are not revocable: a newer code for the same error as 40163.
    TOKENS_NOT_REVOCABLE_FOR_KEY = 40164, 401, "enable revocable tokens for the key";
    /// The channel was attached without the mode that the operation needs.
    CHANNEL_MODE_NOT_REQUESTED = 40165, 401, "attach to the channel with the mode";
    /// An anonymous client cannot change messages as its own.
    ANONYMOUS_MESSAGE_CHANGE = 40166, 401, "use a credential with a clientId";
    /// The client declares a type that its token does not have.
    UNTRUSTED_CLIENT_TYPE = 40167, 401, "put the client type into the token, as `x-ably-clientType`";
    /// The auth callback or auth URL of a client failed.
    AUTH_SOURCE_FAILED = 40170, 401, "check why the auth callback failed";
    /// The client has a token, but no means to renew it.
    NO_MEANS_TO_RENEW = 40171, 401, "give the client a key or an auth callback";
    /// The operation needs token authentication.
    TOKEN_AUTH_NEEDED = 40172, 401, "use a token in place of the API key";
    /// Push to locations needs token authentication of APNs.
    APNS_TOKEN_AUTH_FOR_LOCATION = 40180, 401, "configure APNs with a token";
    /// The device has no location token.
    NO_LOCATION_TOKEN = 40181, 401, "register the device's location token";
    /// Push to start needs token authentication of APNs.
    APNS_TOKEN_AUTH_FOR_PUSH_TO_START = 40182, 401, "configure APNs with a token";
    /// The requested action is forbidden.
    FORBIDDEN = 40300, 403, "do not repeat the request with the same credentials";
    /// The account does not permit connections over TLS.
    TLS_NOT_PERMITTED = 40310, 403, "connect without TLS, or change the plan of the account";
    /// The app accepts only connections over TLS.
    TLS_REQUIRED = 40311, 403, "connect with TLS";
    /// The request needs authentication.
    AUTHENTICATION_REQUIRED = 40320, 403, "authenticate with a key or a token";
    /// The account is not permitted in this cluster or region.
    NOT_PERMITTED_IN_CLUSTER_OR_REGION = 40330, 403, "use the endpoint of the account";
    /// The account is not permitted in this cluster.
    NOT_PERMITTED_IN_CLUSTER = 40331, 403, "use the endpoint of the account";
    /// The account is not permitted in this region.
    NOT_PERMITTED_IN_REGION = 40332, 403, "use the endpoint of the account";
    /// The app, the key or the path is unknown.
    NOT_FOUND = 40400, 404, "check the app id, the key id and the path";
    /// The path does not take this method.
    METHOD_NOT_ALLOWED = 40500, 405, "use a method that the response's `Allow` header names";
    /// Too many requests.
    RATE_LIMITED = 42910, 429, "wait, then try again";
    /// A connection or an attachment publishes too often.
    PUBLISH_RATE_EXCEEDED = 42911, 429, "publish more slowly; the limit may be in the token";
    /// A connection sends too many messages, and was ended.
    CONNECTION_RATE_EXCEEDED = 42921, 429, "send fewer messages a second; bundle several in one";
    /// An internal error of the service.
    INTERNAL = 50000, 500, "try again later";
    /// The service did not answer in time.
    TIMEOUT = 50003, 500, "try again later";
    /// The connection ended, and the client may connect again.
    CONNECTION_DISCONNECTED = 80003, 400, "connect again; SDKs do that themselves";
    /// The authentication parameters do not fit the connection.
    INCOMPATIBLE_AUTH_PARAMS = 80011, 401, "use the clientId and key of the connection, or open another connection";
    /// The connection is closed.
    CONNECTION_CLOSED = 80017, 400, "connect again";
    /// The connection key is invalid.
    INVALID_CONNECTION_KEY = 80018, 400, "open a new connection";
    /// The client could not obtain a token.
    TOKEN_REQUEST_FAILED = 80019, 401, "check why the auth callback or auth URL failed";
    /// The connection is not attached to the channel as the operation needs.
    CHANNEL_NOT_ATTACHED = 90001, 404, "attach to the channel first";
    /// The connection is attached to too many channels.
    TOO_MANY_CHANNELS = 90010, 400, "detach from channels that are not used";
    /// Presence needs a clientId.
    PRESENCE_WITHOUT_CLIENT_ID = 91000, 400, "use a credential with a clientId";
    /// Presence needs an attachment to the channel.
    PRESENCE_WITHOUT_ATTACHMENT = 91001, 400, "attach to the channel before you enter";
    /// The channel has too many presence members.
    TOO_MANY_PRESENCE_MEMBERS = 91003, 400, "let members leave, or use several channels";
}

impl ErrorCode {
    /// Creates a code from its number.
    #[must_use]
    pub const fn new(code: u32) -> Self {
        Self(code)
    }

    /// Returns the number.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// Returns true if a new token may help: 40140 to 40149 (`RSA4b`).
    #[must_use]
    pub const fn is_token_error(self) -> bool {
        matches!(self.0, 40140..=40149)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorCode({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes for which the public list gives a status, with that status.
    const LISTED: &[(u32, u16)] = &[
        (40010, 400),
        (40020, 400),
        (40031, 400),
        (40100, 401),
        (40017, 400),
        (40101, 401),
        (40102, 401),
        (40103, 401),
        (40104, 401),
        (40105, 401),
        (40106, 401),
        (40111, 403),
        (40112, 401),
        (40114, 403),
        (40115, 403),
        (40125, 401),
        (40127, 401),
        (40131, 401),
        (40133, 401),
        (40141, 401),
        (40142, 401),
        (40143, 401),
        (40144, 401),
        (40160, 401),
        (40161, 401),
        (40165, 401),
        (40166, 401),
        (40167, 401),
        (40170, 401),
        (40300, 403),
        (40311, 403),
        (40330, 403),
        (40331, 403),
        (40332, 403),
        (40400, 404),
        (42910, 429),
        (42911, 429),
        (42921, 429),
        (80017, 400),
        (80018, 400),
        (80019, 401),
        (90001, 404),
        (90010, 400),
        (91000, 400),
        (91001, 400),
    ];

    /// Codes for which the public list gives no status, with the status of their group.
    const UNLISTED: &[(u32, u16)] = &[
        (40110, 401),
        (40113, 401),
        (40120, 401),
        (40121, 401),
        (40126, 401),
        (40128, 401),
        (40130, 401),
        (40132, 401),
        (40140, 401),
        (40145, 401),
        (40150, 401),
        (40151, 401),
        (40162, 401),
        (40163, 401),
        (40164, 401),
        (40171, 401),
        (40172, 401),
        (40180, 401),
        (40181, 401),
        (40182, 401),
        (40310, 403),
        (40320, 403),
        (80003, 400),
        (80011, 401),
        (91003, 400),
    ];

    #[test]
    fn public_code_has_status_and_advice() {
        for (code, status) in LISTED.iter().chain(UNLISTED).copied() {
            let code = ErrorCode::new(code);
            assert!(ErrorCode::KNOWN.contains(&code), "{code} has no name");
            assert_eq!(code.status(), status, "{code}");
            assert!(code.advice().is_some_and(|advice| !advice.is_empty()), "{code}");
        }
    }

    #[test]
    fn code_of_the_auth_groups_is_in_the_table() {
        let is_listed = |code: u32| LISTED.iter().chain(UNLISTED).any(|(listed, _)| *listed == code);
        let of_groups = ErrorCode::KNOWN.iter().map(|code| code.as_u32());
        for code in of_groups.filter(|code| matches!(code, 40100..=40199 | 40300..=40399 | 80000..=80099)) {
            assert!(is_listed(code), "{code}");
        }
    }
}
