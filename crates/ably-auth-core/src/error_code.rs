//! The service's error codes that concern authentication.

use core::fmt;

/// A code of the service: five digits, of which the first three are usually the HTTP status.
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

            /// The HTTP status that goes with the code: the usual one where a code has several.
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

            /// What whoever meets the code should do, for the codes known here.
            #[must_use]
            pub const fn advice(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($advice),)+
                    _ => None,
                }
            }

            /// Every code that has a constant here, in ascending order.
            pub const KNOWN: &'static [Self] = &[$(Self($code)),+];
        }
    };
}

codes! {
    /// The request is malformed.
    BAD_REQUEST = 40000, 400, "correct the request; sending it again unchanged will not help";
    /// The body could not be read.
    INVALID_BODY = 40001, 400, "send a body of the announced content type";
    /// A parameter, such as the ttl, is out of range.
    INVALID_PARAMETER = 40003, 400, "bring the parameter into its range; a ttl is 1 ms to 24 h, or to 1 h for revocable tokens";
    /// A credential that is not in the form of one.
    INVALID_CREDENTIAL = 40005, 400, "check that the whole key or token was given, and nothing else";
    /// The body is larger than the service takes.
    BODY_TOO_LARGE = 40009, 413, "send less in one request";
    /// A clientId that is not acceptable, or not compatible with the credential.
    INVALID_CLIENT_ID = 40012, 400, "use a clientId that the credential permits; `*` cannot be assumed as an identity";
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
    /// The key was revoked.
    KEY_REVOKED = 40131, 401, "use another key";
    /// The key has expired.
    KEY_EXPIRED = 40132, 401, "use another key";
    /// Tokens can only be revoked with the key that issued them.
    REVOCATION_WITH_ANOTHER_KEY = 40133, 401, "revoke with the key that issued the tokens";
    /// A token error without a more particular code.
    TOKEN_ERROR = 40140, 401, "request a new token";
    /// The token was revoked.
    TOKEN_REVOKED = 40141, 401, "request a new token, if the user is still welcome";
    /// The token has expired.
    TOKEN_EXPIRED = 40142, 401, "request a new token";
    /// The token is not one of this service.
    TOKEN_UNRECOGNISED = 40143, 401, "request a new token from the service that you are calling";
    /// The JWT is malformed, or not signed as it should be.
    INVALID_JWT = 40144, 401, "mint the JWT with HS256, `kid` and the key's secret";
    /// The token is not in the form of one.
    INVALID_TOKEN = 40145, 401, "pass on the token exactly as it was issued";
    /// The capability does not permit the operation.
    CAPABILITY_REFUSED = 40160, 401, "ask for a token whose capability has the operation on the channel";
    /// The operation needs an identified client.
    IDENTIFIED_CLIENT_NEEDED = 40161, 401, "use a credential with a clientId";
    /// The operation needs Basic authentication.
    BASIC_AUTH_NEEDED = 40162, 401, "use the API key itself, from a server";
    /// The key's tokens are not revocable.
    TOKENS_NOT_REVOCABLE = 40163, 401, "enable revocable tokens for the key";
    /// The auth callback or auth URL of a client failed.
    AUTH_SOURCE_FAILED = 40170, 401, "see why the auth callback failed";
    /// The client has a token, but no means to renew it.
    NO_MEANS_TO_RENEW = 40171, 401, "give the client a key or an auth callback";
    /// What the request asks for is forbidden.
    FORBIDDEN = 40300, 403, "do not repeat the request with the same credentials";
    /// The app, the key or the path is unknown.
    NOT_FOUND = 40400, 404, "check the app id, the key id and the path";
    /// The path does not take this method.
    METHOD_NOT_ALLOWED = 40500, 405, "use a method that the answer's `Allow` header names";
    /// Too many requests.
    RATE_LIMITED = 42910, 429, "wait a little, and try again";
    /// An error within the service.
    INTERNAL = 50000, 500, "try again later";
    /// The service did not answer in time.
    TIMEOUT = 50003, 500, "try again later";
}

impl ErrorCode {
    /// A code by its number.
    #[must_use]
    pub const fn new(code: u32) -> Self {
        Self(code)
    }

    /// The number.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// Whether a new token may help: 40140 to 40149 (`RSA4b`).
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
