//! The client.

use std::fmt;

use ably_auth::{BlockingAuth, Error, Timestamp};
use bytes::Bytes;
use http::{Request, Response};

use crate::ClientOptions;
use crate::transport::UreqTransport;

/// A blocking client of Ably's REST interface, as far as authentication goes (`RSC1`).
///
/// ureq logs credentials at `TRACE`: [disable its log targets](crate#logs).
///
/// Cheap to share: put it in an [`Arc`](std::sync::Arc). The [crate's documentation](crate) shows it at work.
///
/// ```
/// use ably_auth_blocking::{ApiKey, Client, ClientOptions, Identity};
///
/// let options = ClientOptions::new().key(ApiKey::parse("app.key:secret")?).client_id(Identity::new("bob")?);
/// let client = Client::new(options.use_token_auth(true))?;
/// assert!(client.auth().token_details().is_none()); // nothing is sent until a token is needed
/// # Ok::<(), ably_auth_blocking::Error>(())
/// ```
pub struct Client {
    auth: BlockingAuth<UreqTransport>,
}

impl Client {
    /// Creates a client from `options`, with its own HTTP client. It follows no redirects, and uses the proxy that the
    /// [environment](ably_auth::ProxyEnv) names, except for requests to this machine.
    ///
    /// # Errors
    /// As [`BlockingAuth::new`], and [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if TLS cannot be set
    /// up, or not with the [root certificates](ClientOptions::add_root_certificates) of the options.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let transport = UreqTransport::for_settings(options.get_http_settings())?;
        Ok(Self { auth: BlockingAuth::new(options, transport)? })
    }

    /// A client as the options say, with your own HTTP client.
    ///
    /// Each request has the options' time-outs and follows no redirect, whatever the agent is set to.
    ///
    /// ```
    /// use ably_auth_blocking::{ApiKey, Client, ClientOptions};
    ///
    /// // The proxies and the roots that you want.
    /// let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    /// let options = ClientOptions::new().key(ApiKey::parse("app.key:secret")?);
    /// let client = Client::with_agent(options, agent)?;
    /// # Ok::<(), ably_auth_blocking::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`BlockingAuth::new`], and [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if the options set root
    /// certificates, which are up to your own agent.
    pub fn with_agent(options: ClientOptions, agent: ureq::Agent) -> Result<Self, Error> {
        if options.get_http_settings().has_own_roots() {
            let text =
                "root certificates cannot be set for an agent of your own; add them to its configuration instead";
            return Err(Error::configuration(text));
        }
        let transport = UreqTransport::new(agent, options.get_http_settings());
        Ok(Self { auth: BlockingAuth::new(options, transport)? })
    }

    /// The client's authentication: token requests, tokens, revocation (`RSC5`).
    #[must_use]
    pub const fn auth(&self) -> &BlockingAuth<UreqTransport> {
        &self.auth
    }

    /// Sends a request with credentials, and renews a stale token once: see [`BlockingAuth::request`].
    ///
    /// ```no_run
    /// # fn publish(client: &ably_auth_blocking::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let message = http::Request::post("/channels/chat/messages").body(r#"{"name":"greeting","data":"hello"}"#.into())?;
    /// let answer = client.request(message)?;
    /// assert!(answer.status().is_success(), "refused: {:?}", answer.headers().get("x-ably-errormessage"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`BlockingAuth::request`].
    pub fn request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        self.auth.request(request)
    }

    /// Asks the service for its time (`RSC16`).
    ///
    /// # Errors
    /// As [`BlockingAuth::time`].
    pub fn time(&self) -> Result<Timestamp, Error> {
        self.auth.time()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("auth", &self.auth).finish()
    }
}
