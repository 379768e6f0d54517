//! The people of the demo: the phone, the desktop and the backend, and their requests.

use ably_auth::exchange::{self, RequestToken};
use ably_auth::sources::KeySigner;
use ably_auth::{
    ApiKey, Async, Auth, Blocking, BlockingAuth, ClientOptions, Endpoint, Error, HttpSettings, Mode,
    RevokeTokensRequest, TokenDetails, TokenParams, TokenRequest, TokenRevocationResult,
    TokenRevocationTargetSpecifier,
};
use ably_auth_blocking::UreqTransport;
use ably_auth_reqwest::ReqwestTransport;
use bytes::Bytes;
use http::Request;
use tokio::runtime::Runtime;

use super::recorder::{Log, Recorder};
use super::timeline::Timeline;

pub(super) const CLIENT: &str = "bob";

pub(super) type Phone = Auth<Recorder<ReqwestTransport>>;
pub(super) type Desktop = BlockingAuth<Recorder<UreqTransport>>;

pub(super) struct Scene<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) endpoint: &'a Endpoint,
    pub(super) key: &'a ApiKey,
    pub(super) log: Log,
    pub(super) params: TokenParams,
}

impl Scene<'_> {
    pub(super) fn options<M: Mode>(&self) -> ClientOptions<M> {
        ClientOptions::new().endpoint(self.endpoint.clone()).allow_basic_on_loopback(true)
    }

    pub(super) fn ureq(&self) -> Result<Recorder<UreqTransport>, Error> {
        Ok(Recorder { transport: UreqTransport::for_settings(&HttpSettings::default())?, log: self.log.clone() })
    }

    pub(super) fn reqwest(&self) -> Result<Recorder<ReqwestTransport>, Error> {
        Ok(Recorder { transport: ReqwestTransport::for_settings(&HttpSettings::default())?, log: self.log.clone() })
    }

    pub(super) fn exchange(&self, request: &TokenRequest) -> Result<Result<TokenDetails, Error>, Error> {
        let exchange = RequestToken::new(self.endpoint, request);
        Ok(self.runtime.block_on(exchange::run(exchange, &self.reqwest()?)))
    }

    /// Returns the endpoint of the backend for devices: it signs a token request, which the device exchanges.
    pub(super) fn backend_endpoint(&self) -> impl Fn() -> Result<TokenRequest, Error> + Send + Sync + 'static {
        let (backend, params) = (KeySigner::new(self.key.clone()), self.params.clone());
        move || backend.create_token_request(&params)
    }

    /// Returns a device that has a token or none, and requests the next one through the backend.
    pub(super) fn phone(&self, token: Option<TokenDetails>) -> Result<Phone, Error> {
        let answer = self.backend_endpoint();
        let options = self.options::<Async>().client_id(CLIENT);
        let options = token.into_iter().fold(options, ClientOptions::<Async>::token);
        let callback = move |_: TokenParams| std::future::ready(answer());
        Auth::new(options.auth_callback(callback), self.reqwest()?)
    }

    /// Returns a device that requests its first token through the backend, too.
    pub(super) fn desktop(&self) -> Result<Desktop, Error> {
        let answer = self.backend_endpoint();
        let options = self.options::<Blocking>().client_id(CLIENT);
        BlockingAuth::new(options.auth_callback(move |_: &TokenParams| answer()), self.ureq()?)
    }
}

pub(super) fn revoke(backend: &Desktop, timeline: &mut Timeline) {
    let target = TokenRevocationTargetSpecifier::client_id(CLIENT);
    let title = format!("The backend revokes all tokens of `{target}`");
    let outcome = match backend.revoke_tokens(&RevokeTokensRequest::new([target])) {
        Ok(batch) => match batch.results.first() {
            Some(TokenRevocationResult::Success(_)) => Ok("revoked immediately".into()),
            Some(TokenRevocationResult::Failure(failure)) => Err(failure.error.to_string()),
            None => Err("the response has no result for the target".into()),
        },
        Err(error) => Err(error.to_string()),
    };
    timeline.step(&title, &[], outcome);
}

pub(super) fn request_to(method: &str, channel: &str, body: Bytes) -> Result<Request<Bytes>, Error> {
    let request = Request::builder().method(method).uri(format!("/channels/{channel}/messages")).body(body);
    request.map_err(|error| Error::configuration(error.to_string()))
}

pub(super) fn message(channel: &str, data: &str) -> Result<Request<Bytes>, Error> {
    let body = serde_json::json!({ "name": "greeting", "data": data }).to_string();
    let mut request = request_to("POST", channel, body.into())?;
    request.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(request)
}
