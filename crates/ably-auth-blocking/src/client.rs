//! The blocking client.

use std::fmt;

use ably_auth::{Blocking, BlockingAuth, Error, Timestamp};
use bytes::Bytes;
use http::{Request, Response};

use crate::transport::UreqTransport;

/// The options of the [`Client`]: credentials, endpoint, HTTP settings.
///
/// ```
/// use ably_auth_blocking::ClientOptions;
///
/// let options = ClientOptions::new().key("app.key:secret").client_id("bob").use_token_auth(true);
/// ```
pub type ClientOptions = ably_auth::ClientOptions<Blocking>;

/// The authentication options of the [`Client`], which [`authorize_with`](ably_auth::BlockingAuth::authorize_with)
/// replaces.
pub type AuthOptions = ably_auth::AuthOptions<Blocking>;

/// A blocking client of Ably's REST API, limited to authentication (`RSC1`).
///
/// ureq logs credentials at `TRACE`: [disable its log targets](crate#logs).
///
/// Clones share the connections and the tokens. The [crate's documentation](crate) has an example.
///
/// ```
/// use ably_auth_blocking::{Client, ClientOptions};
///
/// let options = ClientOptions::new().key("app.key:secret").client_id("bob");
/// let client = Client::new(options.use_token_auth(true))?;
/// assert!(client.auth().token_details().is_none()); // nothing is sent until a token is needed
/// # Ok::<(), ably_auth_blocking::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    auth: BlockingAuth<UreqTransport>,
}

impl Client {
    /// Creates a client from `options`, with its own HTTP client. It follows no redirects. It uses the proxy of the
    /// [environment](ably_auth::ProxyEnv), except for requests to the local machine.
    ///
    /// # Errors
    /// As [`BlockingAuth::new`], and [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if TLS or the
    /// [root certificates](ClientOptions::add_root_certificates) of the options cannot be set up.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let transport = UreqTransport::for_settings(options.get_http_settings())?;
        Ok(Self { auth: BlockingAuth::new(options, transport)? })
    }

    /// Creates a client from `options`, with your own `ureq::Agent`.
    ///
    /// Each request has the timeouts of the options and follows no redirect. The agent's own settings for these are
    /// ignored.
    ///
    /// ```
    /// use ably_auth_blocking::{Client, ClientOptions};
    ///
    /// // Set your proxies and root certificates here.
    /// let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    /// let options = ClientOptions::new().key("app.key:secret");
    /// let client = Client::with_agent(options, agent)?;
    /// # Ok::<(), ably_auth_blocking::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`BlockingAuth::new`], and [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if the options
    /// set root certificates, which your own agent has to set.
    pub fn with_agent(options: ClientOptions, agent: ureq::Agent) -> Result<Self, Error> {
        if options.get_http_settings().has_own_roots() {
            let text = "root certificates cannot be set for your own agent; add them to its configuration instead";
            return Err(Error::configuration(text));
        }
        let transport = UreqTransport::new(agent, options.get_http_settings());
        Ok(Self { auth: BlockingAuth::new(options, transport)? })
    }

    /// Returns the client's authentication: token requests, tokens, revocation (`RSC5`).
    #[must_use]
    pub const fn auth(&self) -> &BlockingAuth<UreqTransport> {
        &self.auth
    }

    /// Sends a request with credentials, and renews a refused token once: see [`BlockingAuth::request`].
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
