//! `ably-auth token`

use ably_auth::Endpoint;
use ably_auth_blocking::{Client, ClientOptions};

use crate::args::Token as Args;
use crate::input;
use crate::output::{self, Failure, Outcome};

pub(crate) fn run(Args::Request { endpoint, key, params }: Args) -> Result<Outcome, Failure> {
    let endpoint = Endpoint::parse(&endpoint).map_err(|error| Failure::input("--endpoint", error))?;
    let options = ClientOptions::new().key(input::key(key)?).use_token_auth(true).endpoint(endpoint);
    let details = Client::new(options)?.auth().request_token(&input::token_params(&params)?)?;
    Ok(Outcome::json(true, output::wire(&details)?))
}
