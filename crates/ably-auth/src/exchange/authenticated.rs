//! A call that needs credentials. It renews the token once if the service refuses it.

use std::fmt;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use ably_auth_core::Identity;

use super::redacted_debug::RedactedDebug;
use super::sent_secrets::SentSecrets;
use super::{Authorization, answer, outgoing};
use crate::error::{Error, ErrorKind};
use crate::generation::Generation;
use crate::transport::TransportFault;

/// The next step of an authenticated call.
///
/// ```
/// use ably_auth::exchange::{AuthenticatedCall, CallStep};
/// use bytes::Bytes;
/// use http::Request;
///
/// let request = Request::get("https://main.realtime.ably.net/stats").body(Bytes::new()).unwrap();
/// match AuthenticatedCall::new(request, None).start() {
///     CallStep::Authorize { rejected } => assert!(rejected.is_none(), "any valid token will do"),
///     CallStep::Send(_) | CallStep::Done(_) => panic!("no request is sent without credentials"),
/// }
/// ```
#[allow(clippy::large_enum_variant, reason = "only one step exists at a time, and most steps are `Send`")]
pub enum CallStep {
    /// Get credentials, and pass them to [`AuthenticatedCall::authorized`].
    Authorize {
        /// The token that the service has just refused: get a newer one.
        rejected: Option<Generation>,
    },
    /// Send this request, and pass the response to [`AuthenticatedCall::answered`].
    Send(Request<Bytes>),
    /// The call has ended with a successful response, or with an error.
    Done(Result<Response<Bytes>, Error>),
}

/// A request that needs credentials. It is sent once, and once more with a newer token if the service refuses the first
/// token (`RSC10`, `RSA4b`).
///
/// Only a 401 with a code from 40140 to 40149 leads to a renewal, and only the first time. Any other refusal is final,
/// because a new token would be refused too.
///
/// ```
/// use ably_auth::exchange::{AuthenticatedCall, Authorization, CallStep};
/// use ably_auth::ApiKey;
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// let request = Request::get("https://main.realtime.ably.net/stats").body(Bytes::new()).unwrap();
/// let mut call = AuthenticatedCall::new(request, None);
/// let CallStep::Authorize { rejected: None } = call.start() else { panic!("expected a request for credentials") };
/// let authorization = Authorization::basic(&ApiKey::parse("app.key:secret")?);
/// let CallStep::Send(request) = call.authorized(&authorization, None) else { panic!("expected a request") };
/// assert_eq!(request.headers()["authorization"], "Basic YXBwLmtleTpzZWNyZXQ="); // the key in base64
/// let response = Response::new(Bytes::from_static(b"[]"));
/// let CallStep::Done(answer) = call.answered(Ok(response)) else { panic!("expected the end") };
/// assert_eq!(answer?.body(), "[]");
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct AuthenticatedCall {
    request: Request<Bytes>,
    credentials: Credentials,
    refusal: Option<Error>,
    sent: SentSecrets,
}

#[derive(Debug)]
enum Credentials {
    Missing,
    Key,
    FirstToken(Generation),
    RenewedToken,
}

impl AuthenticatedCall {
    /// Creates a call of `request`, whose URI is absolute. It sends `identity` with the request if one is given
    /// (`RSA7e2`).
    #[must_use]
    pub fn new(mut request: Request<Bytes>, identity: Option<&Identity>) -> Self {
        outgoing::add_common_headers(&mut request);
        if let Some(identity) = identity {
            outgoing::assume_identity(&mut request, identity);
        }
        Self { request, credentials: Credentials::Missing, refusal: None, sent: SentSecrets::default() }
    }

    /// Returns the first step.
    pub fn start(&mut self) -> CallStep {
        CallStep::Authorize { rejected: None }
    }

    /// Returns the step after credentials were obtained: those of a key, or of a token with its generation.
    pub fn authorized(&mut self, authorization: &Authorization, token: Option<Generation>) -> CallStep {
        self.credentials = match (token, &self.credentials) {
            (None, _) => Credentials::Key,
            (Some(generation), Credentials::Missing) => Credentials::FirstToken(generation),
            (Some(_), _) => Credentials::RenewedToken,
        };
        let mut request = self.request.clone();
        outgoing::authorize(&mut request, authorization);
        self.sent = SentSecrets::of_headers(request.headers());
        CallStep::Send(request)
    }

    /// Returns the step after no credentials could be obtained. If there is no means to renew the token, the error's
    /// source is the service's refusal.
    pub fn unauthorized(&mut self, error: Error) -> CallStep {
        let refusal = self.refusal.take().filter(|_| error.kind() == ErrorKind::NoMeansToRenew);
        CallStep::Done(Err(refusal.map_or(error, |refusal| Error::no_means_to_renew(Some(refusal)))))
    }

    /// Returns the step after a response, or after a fault without a response.
    pub fn answered(&mut self, answer: Result<Response<Bytes>, TransportFault>) -> CallStep {
        let answer = match answer {
            Ok(answer) if answer.status().is_success() => return CallStep::Done(Ok(answer)),
            Ok(answer) => answer,
            Err(fault) => return CallStep::Done(Err(fault.into())),
        };
        let error = answer::refusal(&answer, &self.sent);
        match self.credentials {
            Credentials::FirstToken(rejected)
                if answer.status() == StatusCode::UNAUTHORIZED && error.is_token_error() =>
            {
                self.refusal = Some(error);
                CallStep::Authorize { rejected: Some(rejected) }
            }
            _ => CallStep::Done(Err(error)),
        }
    }
}

impl fmt::Debug for CallStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorize { rejected } => f.debug_struct("Authorize").field("rejected", rejected).finish(),
            Self::Send(request) => f.debug_tuple("Send").field(&RedactedDebug(request)).finish(),
            Self::Done(outcome) => f.debug_tuple("Done").field(&outcome.as_ref().map(RedactedDebug)).finish(),
        }
    }
}

impl fmt::Debug for AuthenticatedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatedCall")
            .field("request", &RedactedDebug(&self.request))
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
