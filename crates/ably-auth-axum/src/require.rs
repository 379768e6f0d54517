//! The layer that guards a route with a capability.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ably_auth_backend::{Authenticated, Error, ErrorCode, Operation, Refusal};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::response::{IntoResponse as _, Response};
use http::Request;
use http::request::Parts;
use tower_layer::Layer;
use tower_service::Service;

use crate::template::Template;

/// Guards a route: only senders with the right to `operation` on `resource` get through; others are refused with 401
/// and code 40160.
///
/// The resource may contain names of path parameters in braces. Each is replaced with the parameter's value after
/// percent decoding, the same that [`Path`](axum::extract::Path) gives the handler. Nothing else is changed, so a value
/// that contains `:` names a channel with more segments.
///
/// A request is refused with 500 if its path has two parameters of the same name, for example one of an outer and one
/// of an inner router. Put the guard on a route below an [`Authenticate`](crate::Authenticate) layer.
///
/// ```
/// use std::time::Duration;
/// use ably_auth_axum::{ApiKey, Authenticate, Operation, Verifier, require};
/// use axum::{Router, routing::{get, post}};
///
/// let verifier = Verifier::new(Duration::from_secs(2)).key(&ApiKey::parse("appId.keyId:secret")?);
/// let messages = get(|| async { "what was said" }).layer(require("chat:{room}", Operation::History)?);
/// let said = post(|| async { "said" }).layer(require("chat:{room}", Operation::Publish)?);
/// let app: Router = Router::new().route("/rooms/{room}/messages", messages.merge(said)).layer(Authenticate::new(verifier));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Template`](crate::ErrorKind::Template) if the resource is empty, or its braces do not enclose the name
/// of a parameter.
pub fn require(resource: &str, operation: Operation) -> Result<Require, Error> {
    Ok(Require { rule: Arc::new(Rule { resource: Template::parse(resource)?, operation }) })
}

/// The layer that [`require`] returns.
///
/// ```
/// use ably_auth_axum::{Operation, Require, require};
/// use axum::{Router, routing::get};
///
/// let may_read: Require = require("status", Operation::Subscribe)?;
/// let status = get(|| async { "up" }).layer(may_read);
/// let app: Router = Router::new().route("/status", status);
/// # Ok::<(), ably_auth_axum::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put around a route"]
pub struct Require {
    rule: Arc<Rule>,
}

#[derive(Debug)]
struct Rule {
    resource: Template,
    operation: Operation,
}

impl Rule {
    async fn check(&self, parts: &mut Parts) -> Result<(), Refusal> {
        let params = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| {
            let message = "the path is not UTF-8; encode it in UTF-8, and then with percent signs";
            Refusal::new(ErrorCode::BAD_REQUEST, message)
        })?;
        let sender = <Authenticated as FromRequestParts<()>>::from_request_parts(parts, &()).await?;
        sender.check(&self.resource.fill(&params)?, self.operation)
    }
}

impl<S> Layer<S> for Require {
    type Service = Requiring<S>;

    fn layer(&self, inner: S) -> Requiring<S> {
        Requiring { rule: Arc::clone(&self.rule), inner }
    }
}

/// The service that [`Require`] puts around another.
///
/// ```
/// use ably_auth_axum::{Operation, Requiring, require};
/// use axum::{Router, routing::get};
/// use tower_layer::Layer as _;
///
/// let status: Router = Router::new().route("/status", get(|| async { "up" }));
/// let guarded: Requiring<Router> = require("status", Operation::Subscribe)?.layer(status);
/// # Ok::<(), ably_auth_axum::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Requiring<S> {
    rule: Arc<Rule>,
    inner: S,
}

impl<S, B> Service<Request<B>> for Requiring<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // `poll_ready` has prepared `self.inner`, so call that one and keep the clone.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let rule = Arc::clone(&self.rule);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match rule.check(&mut parts).await {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await,
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}
