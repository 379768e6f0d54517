//! `ably-auth key generate`

use ably_auth::{KeyName, Random, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::output::{Failure, Outcome};

/// What a key's id is made of: all of these can be selected by a double click.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const ID_CHARACTERS: usize = 6;

/// Makes a key, which nothing knows of yet.
pub(super) fn run(app_id: &str, key_id: Option<&str>) -> Result<Outcome, Failure> {
    let key_id = key_id.map_or_else(|| id(&SystemRandom), |given| Ok(given.to_owned()))?;
    let name =
        KeyName::parse(&format!("{app_id}.{key_id}")).map_err(|error| Failure::input("the key's name", error))?;
    // Else a dot in the app's id would move to the key's.
    if name.app_id() != app_id {
        return Err(Failure::input("the app id", "it has a `.`; leave that out"));
    }
    let secret = URL_SAFE_NO_PAD.encode([SystemRandom.bytes()?, SystemRandom.bytes()?].concat());
    let key = format!("{name}:{secret}");
    let json = json!({ "key": key, "keyName": name, "appId": name.app_id(), "keyId": name.key_id() });
    Ok(Outcome::yes(key, &json))
}

fn id(random: &impl Random) -> Result<String, Failure> {
    let mut id = String::new();
    while id.len() < ID_CHARACTERS {
        // Of 256 values, the first 62 * 4 give each character the same chance; the others give none.
        let drawn = random.bytes()?.into_iter().filter(|byte| *byte < 248);
        let characters = drawn.filter_map(|byte| ALPHABET.get(usize::from(byte % 62)));
        id.extend(characters.take(ID_CHARACTERS - id.len()).map(|byte| char::from(*byte)));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    #[test]
    fn an_id_takes_as_many_draws_as_it_needs() {
        let draws = AtomicU8::new(0);
        // The first draw gives nothing, the second all it can.
        let random = || if draws.fetch_add(1, Ordering::Relaxed) == 0 { [255; 16] } else { [63; 16] };
        assert_eq!(id(&random).ok().as_deref(), Some("BBBBBB"));
        assert_eq!(draws.into_inner(), 2);
    }
}
