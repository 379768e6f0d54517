//! The async client.

use std::fmt;

use ably_auth::{Async, Auth, Error, Timestamp};
use bytes::Bytes;
use http::{Request, Response};

use crate::transport::ReqwestTransport;

/// The options of the [`Client`]: credentials, endpoint, HTTP settings.
///
/// ```
/// use ably_auth_reqwest::ClientOptions;
///
/// let options = ClientOptions::new().key("app.key:secret").client_id("bob").use_token_auth(true);
/// ```
pub type ClientOptions = ably_auth::ClientOptions<Async>;

/// The authentication options of the [`Client`], which [`authorize_with`](ably_auth::Auth::authorize_with) replaces.
pub type AuthOptions = ably_auth::AuthOptions<Async>;

/// An async client of Ably's REST API, limited to authentication (`RSC1`).
///
/// Clones share the connections and the tokens. The [crate's documentation](crate) has an example.
///
/// ```
/// use ably_auth_reqwest::{Client, ClientOptions};
///
/// let options = ClientOptions::new().key("app.key:secret").client_id("bob");
/// let client = Client::new(options.use_token_auth(true))?;
/// assert!(client.auth().token_details().is_none()); // nothing is sent until a token is needed
/// # Ok::<(), ably_auth_reqwest::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    auth: Auth<ReqwestTransport>,
}

impl Client {
    /// Creates a client from `options`, with its own HTTP client. It follows no redirects. It uses the proxy of the
    /// [environment](ably_auth::ProxyEnv) or of the operating system, except for requests to the local machine.
    ///
    /// # Errors
    /// As [`Auth::new`], and [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if TLS or the [root
    /// certificates](ClientOptions::add_root_certificates) of the options cannot be set up.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let transport = ReqwestTransport::for_settings(options.get_http_settings())?;
        Ok(Self { auth: Auth::new(options, transport)? })
    }

    /// Creates a client from `options`, with your own HTTP client.
    ///
    /// Build it with [`redirect::Policy::none`](reqwest::redirect::Policy::none), because a followed redirect may carry
    /// credentials to another host. The options' request timeout applies; the connection timeout is that of your HTTP
    /// client.
    ///
    /// This crate enables no TLS feature of reqwest. Depend on reqwest yourself, with the TLS feature that you want.
    ///
    /// ```
    /// use ably_auth_reqwest::{Client, ClientOptions};
    ///
    /// # fn client(builder: reqwest::ClientBuilder) -> Result<Client, Box<dyn std::error::Error>> {
    /// // `builder` is your `reqwest::Client::builder()`, with your proxies and root certificates.
    /// let http = builder.redirect(reqwest::redirect::Policy::none()).build()?;
    /// let options = ClientOptions::new().key("app.key:secret");
    /// Ok(Client::with_http(options, http)?)
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Auth::new`], and [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if the options set root
    /// certificates, which your own HTTP client has to set.
    pub fn with_http(options: ClientOptions, http: reqwest::Client) -> Result<Self, Error> {
        if options.get_http_settings().has_own_roots() {
            let text = "root certificates cannot be set for your own HTTP client; add them to its builder instead";
            return Err(Error::configuration(text));
        }
        let transport = ReqwestTransport::new(http, options.get_http_settings());
        Ok(Self { auth: Auth::new(options, transport)? })
    }

    /// Returns the client's authentication: token requests, tokens, revocation (`RSC5`).
    #[must_use]
    pub const fn auth(&self) -> &Auth<ReqwestTransport> {
        &self.auth
    }

    /// Sends a request with credentials, and renews a refused token once: see [`Auth::request`].
    ///
    /// ```no_run
    /// # async fn publish(client: ably_auth_reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let message = http::Request::post("/channels/chat/messages").body(r#"{"name":"greeting","data":"hello"}"#.into())?;
    /// let answer = client.request(message).await?;
    /// assert!(answer.status().is_success(), "refused: {:?}", answer.headers().get("x-ably-errormessage"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Auth::request`].
    pub async fn request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        self.auth.request(request).await
    }

    /// Asks the service for its time (`RSC16`).
    ///
    /// # Errors
    /// As [`Auth::time`].
    pub async fn time(&self) -> Result<Timestamp, Error> {
        self.auth.time().await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("auth", &self.auth).finish()
    }
}
