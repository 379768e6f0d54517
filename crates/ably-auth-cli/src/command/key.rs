//! `ably-auth key`

use serde_json::json;

use crate::args::Key;
use crate::input;
use crate::output::{Failure, Outcome};

pub(crate) fn run(Key::Inspect(key): Key) -> Result<Outcome, Failure> {
    let key = input::key(key)?;
    let name = key.key_name();
    let characters = key.secret().expose().chars().count();
    let text = format!(
        "key name  {name}\napp id    {}\nkey id    {}\nsecret    {characters} characters, not shown",
        name.app_id(),
        name.key_id(),
    );
    Ok(Outcome::yes(text, &json!({ "keyName": name, "appId": name.app_id(), "keyId": name.key_id() })))
}
