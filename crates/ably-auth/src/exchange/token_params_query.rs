//! Token params as URL params or as a form.

use ably_auth_core::TokenParams;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the token params as pairs, with the names of the specification (`TK2`). They are sent to an auth URL
/// (`RSA8c1`). Params that are not set are left out. [Check](TokenParams::check) the params first.
///
/// ```
/// use ably_auth::exchange::token_params_query;
/// use ably_auth::TokenParams;
///
/// let params = TokenParams::new().ttl("1h");
/// assert_eq!(token_params_query(&params), [("ttl", "3600000".to_owned())]);
/// ```
#[must_use]
pub fn token_params_query(params: &TokenParams) -> Vec<(&'static str, String)> {
    let pairs = [
        ("ttl", params.get_ttl().map(|ttl| ttl.as_millis().to_string())),
        ("capability", params.get_capability().map(ToString::to_string)),
        ("clientId", params.get_client_id().as_str().map(str::to_owned)),
        ("timestamp", params.get_timestamp().map(|timestamp| timestamp.as_millis().to_string())),
        ("nonce", params.get_nonce().map(|nonce| nonce.as_str().to_owned())),
    ];
    pairs.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}

/// Params by name. A later param replaces an earlier one of the same name.
#[derive(Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(earlier, _)| earlier != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Returns the form, percent-encoded.
    pub(super) fn encoded(&self) -> String {
        let encode = |text| utf8_percent_encode(text, UNRESERVED);
        let pairs = self.0.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Returns the form, combined with `query`. Params of `query` with other names stay as written.
    pub(super) fn over(&self, query: &str) -> String {
        let others = query.split('&').filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
            let name = percent_decode_str(&name).decode_utf8_lossy();
            !pair.is_empty() && !self.0.iter().any(|(ours, _)| *ours == name)
        });
        let form = self.encoded();
        let form = (!form.is_empty()).then_some(form.as_str());
        others.chain(form).collect::<Vec<_>>().join("&")
    }
}
