//! The order within a crate: no module imports one of a room above its own, and no files import each other in a circle.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::imports::{Files, Module};

/// The rooms of a crate from the bottom to the top: the modules of its root. Modules of one row may import each other, as
/// long as their files do so in no circle.
struct House {
    name: &'static str,
    rooms: &'static [&'static [&'static str]],
}

const HOUSES: &[House] = &[
    House {
        name: "ably-auth-core",
        rooms: &[
            &["text"],
            &["error"],
            &["time"],
            &["capability", "credentials"],
            &["token_request"],
            &["jwt", "realtime", "revocation", "token_details"],
        ],
    },
    House {
        name: "ably-auth-inspect",
        rooms: &[
            &["answer", "cause", "date", "json_forms", "life", "matrix", "redact"],
            &["lenient", "report", "trial"],
            &["facts", "secrets"],
            &["describe"],
            &["jwt", "mac", "recognize"],
        ],
    },
    House {
        name: "ably-auth",
        rooms: &[
            &["callback_answer", "error", "generation", "request_id", "tls_roots", "token_text", "transport"],
            &[
                "auth_url",
                "clock",
                "hosts",
                "http_settings",
                "identity",
                "proxy_env",
                "random",
                "source",
                "time_offset",
            ],
            &["key_signer", "root_store", "text_conversions"],
            &["exchange"],
            &["cache", "fallback_transport", "sources"],
            &["auth_options", "mode", "options"],
            &["auth", "environment"],
            &["connection"],
        ],
    },
    House {
        name: "ably-auth-reqwest",
        rooms: &[&["body", "connector", "proxies"], &["own_http", "without_tls"], &["transport"], &["client"]],
    },
    House { name: "ably-auth-blocking", rooms: &[&["proxies", "roots"], &["transport"], &["client"]] },
    House {
        name: "ably-auth-websocket",
        rooms: &[
            &["connect", "events", "trace", "without_http"],
            &["delivery", "tcp", "tls"],
            &["opener", "pending", "pings"],
            &["command", "options", "socket"],
            &["driver"],
            &["handle"],
        ],
    },
    House {
        name: "ably-auth-backend",
        rooms: &[
            &["clock", "error", "refusal"],
            &["credentials", "limit", "random", "verified_token"],
            &["jwt"],
            &["endpoint", "verifier"],
            &["sender"],
            &["axum"],
        ],
    },
    House { name: "ably-auth-axum", rooms: &[&["grants", "template"], &["authenticate", "endpoint", "require"]] },
    House {
        name: "ably-auth-server",
        rooms: &[
            &["clock", "decode_error", "error", "format", "random", "raw", "refusal", "sandbox_access", "sync"],
            &["simulation"],
            &["apps", "limits", "token"],
            &["store"],
            &["channels", "ops"],
            &["journal", "live"],
            &["state"],
            &["policy"],
            &["story"],
            &["http", "realtime"],
            &["service"],
            &["net"],
            &["fuzzing", "sandbox"],
        ],
    },
    House {
        name: "ably-auth-cli",
        rooms: &[
            &["args", "clock", "terminal"],
            &["draw"],
            &["hide", "launcher", "progress"],
            &["describe", "output"],
            &["credential", "prompt", "verdict"],
            &["input"],
            &["config", "manual"],
            &["command"],
        ],
    },
];

fn check() -> Vec<String> {
    let mut complaints = crates_without_rooms();
    for house in HOUSES {
        let files = Files::read(&Path::new("crates").join(house.name).join("src"));
        for circle in files.circles() {
            let is_inside = |module: &&Module| circle.iter().any(|file| file.module == **module);
            let arrows = circle.iter().flat_map(|file| {
                let imports = files.imports(file).into_iter().filter(is_inside);
                imports.map(|import| format!("`{}` -> `{}`", file.module.join("::"), import.join("::")))
            });
            complaints.push(format!(
                "files of {} import each other in a circle: {}; move what both need into a file below them",
                house.name,
                arrows.collect::<Vec<_>>().join(", ")
            ));
        }
        complaints.extend(check_house(house, &files));
    }
    complaints
}

/// Returns a complaint about each crate that is not in the table.
fn crates_without_rooms() -> Vec<String> {
    let mut complaints = Vec::new();
    for entry in fs::read_dir("crates").unwrap() {
        let name = entry.unwrap().file_name();
        if !HOUSES.iter().any(|house| *house.name == *name) {
            let name = name.to_string_lossy();
            complaints.push(format!("`{name}` has no rooms; add its modules to `tests/tidy/rooms.rs`"));
        }
    }
    complaints
}

fn check_house(house: &House, files: &Files) -> Vec<String> {
    let floors: BTreeMap<&str, usize> =
        (0..).zip(house.rooms).flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor))).collect();
    let floor = |module: &Module| match module.first() {
        Some(room) => floors.get(room.as_str()).copied(),
        // The root of the crate sees all rooms.
        None => Some(house.rooms.len()),
    };
    let mut complaints = Vec::new();
    for file in files.0.values() {
        let Some(own) = floor(&file.module) else {
            let module = file.module.join("::");
            complaints.push(format!("`{module}` of {} is in no room; add it to `tests/tidy/rooms.rs`", house.name));
            continue;
        };
        for import in files.imports(file) {
            if floor(import).is_some_and(|floor| floor > own) {
                let (path, import) = (file.path.display(), import.join("::"));
                complaints.push(format!("`{path}` imports `{import}` of a room above it; move what it needs down"));
            }
        }
    }
    complaints
}

#[test]
fn rooms_import_only_downwards() {
    crate::assert_tidy(check);
}
