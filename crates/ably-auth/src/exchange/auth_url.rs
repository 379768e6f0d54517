//! stub
use super::{Exchange, Step};
use crate::error::Error;
use crate::sources::AuthCallbackAnswer;
use crate::transport::TransportFault;
use ably_auth_core::TokenParams;
use bytes::Bytes;
use http::{Request, Response};
#[derive(Clone, Debug)]
pub struct AuthUrl;
#[derive(Debug)]
pub struct RequestAuthUrl {
    request: Option<Result<Request<Bytes>, Error>>,
}
impl RequestAuthUrl {
    pub fn new(_: &AuthUrl, _: &TokenParams) -> Self {
        Self { request: None }
    }
}
impl Exchange for RequestAuthUrl {
    type Output = AuthCallbackAnswer;
    fn start(&mut self) -> Step<AuthCallbackAnswer> {
        super::first(&mut self.request)
    }
    fn answered(&mut self, _answer: Result<Response<Bytes>, TransportFault>) -> Step<AuthCallbackAnswer> {
        super::first(&mut self.request)
    }
}
