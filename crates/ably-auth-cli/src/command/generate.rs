//! `ably-auth key generate`

use ably_auth::{KeyName, Random, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::output::{Failure, Outcome};

/// The characters of a generated key ID. A double click selects a word of these characters.
const ID_ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH: usize = 6;

/// Generates a key, without contacting a service.
pub(super) fn run(app_id: &str, key_id: Option<&str>) -> Result<Outcome, Failure> {
    let key_id = key_id.map_or_else(|| id(&SystemRandom), |given| Ok(given.to_owned()))?;
    let name =
        KeyName::parse(&format!("{app_id}.{key_id}")).map_err(|error| Failure::input("the key's name", error))?;
    // A dot in the app ID would end the app ID there, and the rest would be part of the key ID.
    if name.app_id() != app_id {
        return Err(Failure::input("the app id", "it has a `.`; leave it out"));
    }
    let secret = URL_SAFE_NO_PAD.encode([SystemRandom.bytes()?, SystemRandom.bytes()?].concat());
    let key = format!("{name}:{secret}");
    let json = json!({ "key": key, "keyName": name, "appId": name.app_id(), "keyId": name.key_id() });
    Ok(Outcome::yes(key, &json))
}

fn id(random: &impl Random) -> Result<String, Failure> {
    let mut id = String::new();
    while id.len() < ID_LENGTH {
        // Skip bytes from 62 * 4 on, so that each character has the same probability.
        let drawn = random.bytes()?.into_iter().filter(|byte| *byte < 248);
        let characters = drawn.filter_map(|byte| ID_ALPHABET.get(usize::from(byte % 62)));
        id.extend(characters.take(ID_LENGTH - id.len()).map(|byte| char::from(*byte)));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    #[test]
    fn id_takes_as_many_draws_as_it_needs() {
        let draws = AtomicU8::new(0);
        // All bytes of the first draw are skipped, and none of the second.
        let random = || if draws.fetch_add(1, Ordering::Relaxed) == 0 { [255; 16] } else { [63; 16] };
        assert_eq!(id(&random).ok().as_deref(), Some("BBBBBB"));
        assert_eq!(draws.into_inner(), 2);
    }
}
