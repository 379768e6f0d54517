//! `ably-auth revoke`

use ably_auth::{BatchResult, RevokeTokensRequest, TokenRevocationResult, TokenRevocationTargetSpecifier as Target};
use ably_auth_blocking::{Client, ClientOptions};

use crate::args;
use crate::draw::{Paint, moment, printable};
use crate::input;
use crate::output::{self, Failure, Outcome};
use crate::progress::waiting_for;

pub(crate) fn run(command: args::Revoke) -> Result<Outcome, Failure> {
    let endpoint = input::endpoint(&command.endpoint)?;
    let targets: Vec<_> = command
        .targets
        .iter()
        .map(|text| Target::parse(text))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::input("target", error))?;
    if targets.len() > RevokeTokensRequest::MAX_TARGETS {
        let problem = format!(
            "there are {}, more than {}; revoke them with several commands",
            targets.len(),
            RevokeTokensRequest::MAX_TARGETS
        );
        return Err(Failure::input("targets", problem));
    }
    let mut request = RevokeTokensRequest::new(targets);
    if let Some(given) = command.issued_before {
        request = request.issued_before(input::timestamp("--issued-before", given));
    }
    if command.allow_reauth_margin {
        request = request.allow_reauth_margin(true);
    }

    // The user named a service on this machine explicitly, so sending it the key without TLS is accepted.
    let options =
        ClientOptions::new().key(input::key(command.key)?).endpoint(endpoint.clone()).allow_basic_on_loopback(true);
    let client = Client::new(input::with_roots(options, &command.roots)?)?;
    let batch = waiting_for(&endpoint, || client.auth().revoke_tokens(&request))?;
    let json = output::wire(&batch)?;
    Ok(Outcome::wire(batch.failure_count == 0, text(&batch, Paint::stdout()), json))
}

fn text(batch: &BatchResult<TokenRevocationResult>, paint: Paint) -> String {
    let lines: Vec<_> = batch.results.iter().map(|result| line(result, paint)).collect();
    lines.join("\n")
}

fn line(result: &TokenRevocationResult, paint: Paint) -> String {
    match result {
        TokenRevocationResult::Success(done) => format!(
            "{}  {}: issued before {}, from {} on",
            paint.green("revoked"),
            printable(done.target.as_str()),
            moment(done.issued_before),
            moment(done.applies_at),
        ),
        TokenRevocationResult::Failure(failed) => {
            let error = printable(&failed.error.to_string());
            format!("{}   {}: {error}", paint.red("failed"), printable(&failed.target))
        }
    }
}
