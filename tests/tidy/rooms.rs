//! The order within a crate: no module imports one of a room above its own, and no files import each other in a circle.

use std::collections::BTreeMap;
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
            &["jwt", "revocation", "token_details"],
        ],
    },
    House {
        name: "ably-auth-server",
        rooms: &[
            &["clock", "decode_error", "error", "random", "raw", "refusal", "sandbox_access", "sync"],
            &["apps", "limits", "token"],
            &["store"],
            &["channels", "ops"],
            &["state"],
            &["policy"],
            &["http"],
            &["service"],
            &["net"],
            &["sandbox"],
        ],
    },
];

/// The crates whose files must import each other in no circle.
const WITHOUT_CIRCLES: &[&str] = &[
    "ably-auth-core",
    "ably-auth",
    "ably-auth-reqwest",
    "ably-auth-blocking",
    "ably-auth-axum",
    "ably-auth-backend",
    "ably-auth-server",
];

fn check() -> Vec<String> {
    let mut complaints = Vec::new();
    for name in WITHOUT_CIRCLES {
        let files = Files::read(&Path::new("crates").join(name).join("src"));
        for circle in files.circles() {
            let is_inside = |module: &&Module| circle.iter().any(|file| file.module == **module);
            let arrows = circle.iter().flat_map(|file| {
                let imports = files.imports(file).into_iter().filter(is_inside);
                imports.map(|import| format!("`{}` -> `{}`", file.module.join("::"), import.join("::")))
            });
            complaints.push(format!(
                "files of {name} import each other in a circle: {}; move what both need into a file below them",
                arrows.collect::<Vec<_>>().join(", ")
            ));
        }
        if let Some(house) = HOUSES.iter().find(|house| house.name == *name) {
            complaints.extend(check_house(house, &files));
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
