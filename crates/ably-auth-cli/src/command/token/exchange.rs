//! `ably-auth token exchange`

use std::sync::Arc;

use ably_auth::exchange::{self, RequestToken};
use ably_auth::{FallbackTransport, SystemClock, SystemRandom};
use ably_auth_blocking::{ClientOptions, UreqTransport};

use super::details;
use crate::args::Exchange as Args;
use crate::command::token_request;
use crate::input;
use crate::output::{Failure, Outcome};
use crate::progress::waiting_for;

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let endpoint = input::endpoint(&args.endpoint)?;
    let (name, text) = input::token_request(args)?;
    let request = token_request::read(&name, &text)?;
    let options: ClientOptions = input::with_roots(ClientOptions::new(), &args.roots)?;
    let settings = options.get_http_settings();
    let transport = UreqTransport::for_settings(settings)?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let transport = FallbackTransport::new(transport, &endpoint, settings, clock, random)?;
    let exchange = RequestToken::new(&endpoint, &request);
    let details = waiting_for(&endpoint, || exchange::run_blocking(exchange, &transport))?;
    details::print(&details, args.token_only)
}
