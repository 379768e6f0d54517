//! The dependency rule: an arrow in the drawing of the layers means "depends on", and there are no others.

use crate::workspace::Package;

struct Layer {
    name: &'static str,
    below: &'static [&'static str],
    because: &'static str,
    instead: &'static str,
}

const TESTS: &str = "ably-auth-tests";

const LAYERS: &[Layer] = &[
    Layer {
        name: "ably-auth-core",
        below: &[],
        because: "core is the ground that all others stand on",
        instead: "move the code up a layer, to the crate that it needs",
    },
    Layer {
        name: "ably-auth",
        below: &["ably-auth-core"],
        because: "`ably-auth` knows neither clients nor servers, its exchanges only yield requests and take responses",
        instead: "move the code up a layer, into the client or server that it is about",
    },
    Layer {
        name: "ably-auth-reqwest",
        below: &["ably-auth-core", "ably-auth"],
        because: "a client is a thin loop around the exchanges of `ably-auth` and knows no client or server beside it",
        instead: "move what both need down, to `ably-auth`",
    },
    Layer {
        name: "ably-auth-blocking",
        below: &["ably-auth-core", "ably-auth"],
        because: "a client is a thin loop around the exchanges of `ably-auth` and knows no client or server beside it",
        instead: "move what both need down, to `ably-auth`",
    },
    Layer {
        name: "ably-auth-axum",
        below: &["ably-auth-core"],
        because: "a backend's routes grant and verify by computation alone and call nobody",
        instead: "move what both sides of the wire need down, to `ably-auth-core`",
    },
    Layer {
        name: "ably-auth-server",
        below: &["ably-auth-core", "ably-auth-axum"],
        because: "the service answers requests and sends none, so it needs nothing of a client",
        instead: "move what both sides of the wire need down, to `ably-auth-core`",
    },
    Layer {
        name: "ably-auth-cli",
        below: &["ably-auth-core", "ably-auth", "ably-auth-reqwest", "ably-auth-blocking", "ably-auth-server"],
        because: "the program is made of the product's crates, not of its tests and tools",
        instead: "move what it needs into a crate of the product",
    },
    Layer {
        name: TESTS,
        below: &[
            "ably-auth-core",
            "ably-auth",
            "ably-auth-reqwest",
            "ably-auth-blocking",
            "ably-auth-axum",
            "ably-auth-server",
            "ably-auth-cli",
        ],
        because: "the tests see the product's public faces, not its tools",
        instead: "test a task in xtask itself",
    },
    Layer {
        name: "xtask",
        below: &[],
        because: "xtask judges the others and must build when they do not",
        instead: "run the crate as a program of its own",
    },
];

/// Crates of others that belong to one layer. The tests may name them too.
struct Owned {
    name: &'static str,
    owners: &'static [&'static str],
    because: &'static str,
}

const OWNED: &[Owned] = &[
    Owned {
        name: "reqwest",
        owners: &["ably-auth-reqwest"],
        because: "nobody shall pay for a client that they did not choose",
    },
    Owned {
        name: "ureq",
        owners: &["ably-auth-blocking"],
        because: "nobody shall pay for a client that they did not choose",
    },
    Owned {
        name: "axum",
        owners: &["ably-auth-axum"],
        because: "who only asks for tokens shall not pay for an HTTP server",
    },
    Owned { name: "redb", owners: &["ably-auth-server"], because: "what a service keeps is the service's affair" },
    Owned { name: "redis", owners: &["ably-auth-server"], because: "what a service keeps is the service's affair" },
];

/// What core itself may name: crates that do without std, a clock, randomness and I/O.
const CORE_MAY_NAME: &[&str] = &["base64", "hmac", "serde", "serde_json", "sha2", "subtle", "zeroize"];

/// Every arrow that may not be, each with the reason. Dev-dependencies count: tests that need more live in `tests/`.
pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in packages {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == package.name) else {
            complaints.push(format!(
                "`{}` is in no layer; add it to LAYERS in `xtask/src/tidy/arrows.rs` with the crates below it, and to the \
                 drawing in `ARCHITECTURE.md`",
                package.name
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let dev = dependency.kind.as_deref() == Some("dev");
            if let Some(why) = forbidden(layer, &dependency.name, dev) {
                complaints.push(format!("`{}` depends on `{}`: {why}", package.name, dependency.name));
            }
        }
    }
    complaints
}

fn forbidden(layer: &Layer, dependency: &str, dev: bool) -> Option<String> {
    if LAYERS.iter().any(|ours| ours.name == dependency) {
        let drawn = layer.below.contains(&dependency);
        return (!drawn).then(|| format!("{}; {}", layer.because, layer.instead));
    }
    if let Some(owned) = OWNED.iter().find(|owned| owned.name == dependency) {
        let owners = owned.owners.join("` and `");
        let may = layer.name == TESTS || owned.owners.contains(&layer.name);
        return (!may).then(|| format!("only `{owners}` may, because {}; move the code there", owned.because));
    }
    let unproven = layer.name == "ably-auth-core" && !dev && !CORE_MAY_NAME.contains(&dependency);
    unproven.then(|| {
        format!(
            "core is for bare metal too and names only crates known to do without std, a clock and I/O ({}); move the code up \
             a layer, to `ably-auth`",
            CORE_MAY_NAME.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|(name, kind)| Dependency { name: (*name).into(), kind: kind.map(Into::into) })
            .collect();
        Package { name: name.into(), dependencies, ..Package::default() }
    }

    fn complaint(name: &str, dependency: &str, kind: Option<&str>) -> String {
        let complaints = check(&[package(name, &[(dependency, kind)])]);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        complaints.concat()
    }

    #[test]
    fn the_drawn_arrows_pass() {
        let complaints = check(&[
            package("ably-auth-core", &[("hmac", None), ("serde", None), ("proptest", Some("dev"))]),
            package("ably-auth", &[("ably-auth-core", None), ("bytes", None)]),
            package("ably-auth-reqwest", &[("ably-auth", None), ("reqwest", None)]),
            package("ably-auth-blocking", &[("ably-auth", None), ("ably-auth-core", None), ("ureq", None)]),
            package("ably-auth-axum", &[("ably-auth-core", None), ("axum", None)]),
            package("ably-auth-server", &[("ably-auth-core", None), ("ably-auth-axum", None), ("redb", None)]),
            package("ably-auth-cli", &[("ably-auth-server", None), ("ably-auth-reqwest", None)]),
            package("ably-auth-tests", &[("ably-auth-cli", None), ("reqwest", Some("dev"))]),
            package("xtask", &[("serde_json", None)]),
        ]);
        assert_eq!(complaints, Vec::<String>::new());
    }

    #[test]
    fn an_arrow_upward_is_found_with_its_reason() {
        assert_eq!(
            complaint("ably-auth-core", "ably-auth", None),
            "`ably-auth-core` depends on `ably-auth`: core is the ground that all others stand on; move the code up a layer, to \
             the crate that it needs"
        );
    }

    #[test]
    fn core_names_only_crates_that_do_without_std() {
        for kind in [None, Some("build")] {
            let complaint = complaint("ably-auth-core", "bytes", kind);
            assert!(
                complaint.starts_with("`ably-auth-core` depends on `bytes`: core is for bare metal too"),
                "{complaint}"
            );
        }
    }

    #[test]
    fn a_crate_of_another_layer_is_found_with_its_owner() {
        assert_eq!(
            complaint("ably-auth", "reqwest", None),
            "`ably-auth` depends on `reqwest`: only `ably-auth-reqwest` may, because nobody shall pay for a client that they \
             did not choose; move the code there"
        );
    }

    #[test]
    fn arrows_between_siblings_and_for_tests_are_found() {
        assert!(complaint("ably-auth-blocking", "ably-auth-reqwest", None).contains("move what both need down"));
        assert!(complaint("ably-auth", "ably-auth-server", Some("dev")).contains("knows neither clients nor servers"));
        assert!(complaint("ably-auth-server", "ably-auth", None).contains("sends none"));
        assert!(complaint("ably-auth-axum", "ably-auth-server", None).contains("call nobody"));
        assert!(complaint("ably-auth-server", "ureq", Some("dev")).contains("only `ably-auth-blocking` may"));
        assert!(complaint("xtask", "ably-auth-core", None).contains("must build when they do not"));
    }

    #[test]
    fn a_crate_in_no_layer_is_found() {
        let complaints = check(&[package("ably-auth-extra", &[])]);
        assert!(complaints.concat().contains("`ably-auth-extra` is in no layer; add it to LAYERS"), "{complaints:?}");
    }
}
