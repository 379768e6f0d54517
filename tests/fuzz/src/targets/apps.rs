//! Files of apps. One that is accepted is JSON of the right form, and starts a service in which each of its keys works;
//! an error names a place in the file, and shows no secret.

use ably_auth_server::{Apps, Service};
use serde_json::Value;

use crate::memory::Bound;

const MEMORY: Bound = Bound { fixed: 16 * 1024, factor: 128 };

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let apps = match MEMORY.check(text.len(), || Apps::from_json(text)) {
        Ok(apps) => apps,
        Err(error) => {
            let shown = format!("{error} {error:?}");
            for secret in secrets(text) {
                assert!(!shown.contains(&secret), "{shown}");
            }
            return;
        }
    };
    let file: Value = serde_json::from_str(text).unwrap();
    let shown = format!("{apps:?}");
    for secret in secrets(text) {
        assert!(!shown.contains(&secret), "{shown}");
    }
    let list = file.as_array().or_else(|| file.get("apps")?.as_array());
    let listed = list.cloned().unwrap_or_else(|| vec![file.clone()]);
    // An app may also be a list, with its values in the order of the fields.
    let keys_of = |app: &Value| app.get("keys").or_else(|| app.get(2))?.as_array().map(Vec::len);
    let keys: usize = listed.iter().map(|app| keys_of(app).unwrap()).sum();
    let metrics = Service::builder().apps(apps).service_secret([7; 32]).build().unwrap().metrics();
    for (name, count) in [("apps", listed.len()), ("keys", keys)] {
        assert!(metrics.contains(&format!("ably_auth_{name} {count}\n")), "{count} {name}: {text}");
    }
}

/// Returns the long values of `secret` in the text. Shorter ones may be a part of another word.
fn secrets(text: &str) -> Vec<String> {
    let values = text.split("\"secret\"").skip(1).filter_map(|rest| rest.split('"').nth(1));
    values.filter(|secret| secret.len() >= 12).map(str::to_owned).collect()
}
