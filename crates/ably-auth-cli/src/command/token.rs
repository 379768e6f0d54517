//! `ably-auth token`

mod attempt;
pub(super) mod details;
mod exchange;

use ably_auth::Timestamp;
use ably_auth_blocking::{Client, ClientOptions};
use ably_auth_core::jwt::has_jwt_form;
use ably_auth_core::{ApiKeyRef, Token};

use super::jwt;
use crate::args::{self, NowArg, Token as Args};
use crate::describe::Description;
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
            let (title, description) =
                describe(&text, input::now("--now", now)).map_err(|problem| Failure::input(&name, problem))?;
            let text = description.text(title, Paint::stdout());
            Ok(Outcome::yes(text, &description.json()))
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

/// Returns the title and the description of a token. Errors do not quote the token.
fn describe(text: &str, now: Timestamp) -> Result<(&'static str, Description), String> {
    if text.starts_with('{') {
        return describe_details(text, now).map(|description| ("TokenDetails", description));
    }
    let token = Token::new(text).map_err(|error| error.to_string())?;
    // A JWT starts with its header: a JSON object, whose `{"` is `eyJ` in base64url.
    if has_jwt_form(text) || text.starts_with("eyJ") {
        return match jwt::describe(text, now) {
            Ok(description) => Ok((jwt::TITLE, description)),
            Err(error) => Err(error.to_string()),
        };
    }
    if ApiKeyRef::parse(text).is_ok() {
        return Err("it is an API key; use `key inspect`".into());
    }
    let mut description = Description::default();
    description.kind("native");
    native(&token, &mut description)?;
    Ok(("native token", description))
}

fn describe_details(text: &str, now: Timestamp) -> Result<Description, String> {
    let details = details::read(text)?;
    let mut description = Description::default();
    description.kind("tokenDetails");
    description.details(&details, now);
    let token = details.token();
    if has_jwt_form(token.expose()) {
        description.fact("token", "tokenKind", "jwt");
    } else {
        description.fact("token", "tokenKind", "native");
        if details.key_name().is_none() {
            native(token, &mut description)?;
        }
    }
    Ok(description)
}

/// Describes a native token. Only the service can read more than the app ID.
fn native(token: &Token, description: &mut Description) -> Result<(), String> {
    let parts = token.expose().split_once('.').filter(|(app_id, rest)| !app_id.is_empty() && !rest.is_empty());
    let problem = "it is not a token; give a native token `appId.…`, a JWT, or the JSON of a token's details";
    let (app_id, rest) = parts.ok_or(problem)?;
    description.fact("app id", "appId", app_id);
    description.note("the rest", format!("{} characters that only the service can read", rest.len()));
    Ok(())
}
