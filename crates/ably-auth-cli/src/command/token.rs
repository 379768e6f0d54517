//! `ably-auth token`

mod attempt;
pub(super) mod details;
mod exchange;

use ably_auth::Timestamp;
use ably_auth_blocking::{Client, ClientOptions};
use ably_auth_core::jwt::has_jwt_form;
use ably_auth_core::{ApiKeyRef, Token};
use ably_auth_inspect::Report;

use crate::args::{self, NowArg, Token as Args};
use crate::describe;
use crate::draw::Paint;
use crate::input;
use crate::output::{Failure, Outcome};
use crate::progress::waiting_for;

pub(crate) fn run(command: Args) -> Result<Outcome, Failure> {
    match command {
        Args::Request { endpoint, key, params, token_only, roots } => {
            request(&endpoint, key, &params, &roots, token_only)
        }
        Args::Exchange(args) => exchange::run(&args),
        Args::Try(args) => attempt::run(&args),
        Args::Inspect { token, now: NowArg { now } } => {
            let (name, text) = input::token(&token)?;
            let (kind, report) =
                report(&text, input::now("--now", now)).map_err(|problem| Failure::input(&name, problem))?;
            Ok(Outcome::yes(describe::text(&report, Paint::stdout()), &describe::json_with_kind(&report, kind)))
        }
    }
}

fn request(
    endpoint: &str,
    key: args::KeyArg,
    params: &args::TokenParams,
    roots: &args::Roots,
    token_only: bool,
) -> Result<Outcome, Failure> {
    let endpoint = input::endpoint(endpoint)?;
    let options = ClientOptions::new().key(input::key(key)?).use_token_auth(true).endpoint(endpoint.clone());
    let options = input::with_roots(options, roots)?;
    let (client, params) = (Client::new(options)?, input::token_params(params)?);
    let details = waiting_for(&endpoint, || client.auth().request_token(&params))?;
    details::print(&details, token_only)
}

/// Returns the kind of a token and the report about it. Errors do not quote the token.
fn report(text: &str, now: Timestamp) -> Result<(&'static str, Report), String> {
    if text.starts_with('{') {
        let report = ably_auth_inspect::describe::token_details(&details::read(text)?, now);
        return without_problem(report).map(|report| ("tokenDetails", report));
    }
    Token::new(text).map_err(|error| error.to_string())?;
    // A JWT starts with its header: a JSON object, whose `{"` is `eyJ` in base64url.
    if has_jwt_form(text) || text.starts_with("eyJ") {
        return ably_auth_inspect::describe::jwt(text, now)
            .map(|report| ("jwt", report))
            .map_err(|error| error.to_string());
    }
    if ApiKeyRef::parse(text).is_ok() {
        return Err("it is an API key; use `key inspect`".into());
    }
    without_problem(ably_auth_inspect::describe::native_token(text)).map(|report| ("native", report))
}

/// Returns the first problem as an error: a text with a problem is not a token.
fn without_problem(mut report: Report) -> Result<Report, String> {
    if report.problems.is_empty() { Ok(report) } else { Err(report.problems.swap_remove(0)) }
}
