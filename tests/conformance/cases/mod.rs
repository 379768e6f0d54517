//! The cases, in one file for each file of the suite.

mod auth_callback;
mod auth_scheme;
mod authorize;
mod client_id;
mod error_types;
mod fallback;
mod integration_auth;
mod integration_revoke_tokens;
mod proxy_rest_fallback;
mod request_endpoint;
mod rest_client;
mod revoke_tokens;
mod time;
mod token_details;
mod token_renewal;
mod token_request_params;
mod token_types;

use libtest_mimic::{Failed, Trial};

use crate::harness::Kind;

/// A case of the suite.
enum Case {
    /// A case that needs a client.
    OfClient(&'static str, fn(Kind)),
    /// A case about types alone.
    OfTypes(&'static str, fn()),
}

use Case::{OfClient, OfTypes};

pub(crate) fn all() -> Vec<Trial> {
    let cases = [
        auth_callback::CASES,
        auth_scheme::CASES,
        authorize::CASES,
        client_id::CASES,
        revoke_tokens::CASES,
        token_details::CASES,
        token_renewal::CASES,
        token_request_params::CASES,
        time::CASES,
        token_types::CASES,
        error_types::CASES,
        fallback::CASES,
        request_endpoint::CASES,
        rest_client::CASES,
        integration_auth::CASES,
        integration_revoke_tokens::CASES,
        proxy_rest_fallback::CASES,
    ];
    let everywhere = cases.into_iter().flatten().flat_map(|case| case.trials(&[Kind::Reqwest, Kind::Blocking]));
    // Cases in which a client waits for a token also run on several threads, and in a task of a runtime.
    let surroundings = [auth_callback::CASES, token_renewal::CASES].into_iter().flatten();
    let surrounded = surroundings.flat_map(|case| case.trials(&[Kind::ReqwestMultiThread, Kind::BlockingInTask]));
    everywhere.chain(surrounded).collect()
}

impl Case {
    fn trials(&self, kinds: &[Kind]) -> Vec<Trial> {
        match *self {
            OfClient(id, run) => {
                let of = |&kind: &Kind| {
                    Trial::test(format!("{id} [{}]", kind.name()), move || {
                        run(kind);
                        Ok::<(), Failed>(())
                    })
                };
                kinds.iter().map(of).collect()
            }
            OfTypes(id, run) => vec![Trial::test(id, move || {
                run();
                Ok(())
            })],
        }
    }
}
