//! The dependency rule: a crate depends only on crates that the drawing of the layers permits.

use crate::workspace::Package;

struct Layer {
    name: &'static str,
    below: &'static [&'static str],
    because: &'static str,
    instead: &'static str,
}

const TESTS: &str = "ably-auth-tests";
const SUPPORT: &str = "test-support";

const LAYERS: &[Layer] = &[
    Layer {
        name: "ably-auth-core",
        below: &[],
        because: "core is the lowest layer",
        instead: "move the code up a layer, to the crate that it needs",
    },
    Layer {
        name: "ably-auth-inspect",
        below: &["ably-auth-core"],
        because: "it explains credentials from their text alone, without I/O, so that it also runs in a browser",
        instead: "pass in what it needs as an argument",
    },
    Layer {
        name: "ably-auth",
        below: &["ably-auth-core"],
        because: "`ably-auth` has no client or server; its exchanges only yield requests and take responses",
        instead: "move the code up, into the client or server that needs it",
    },
    Layer {
        name: "ably-auth-reqwest",
        below: &["ably-auth-core", "ably-auth"],
        because: "a client is a thin loop around the exchanges of `ably-auth`, and uses no other client or server",
        instead: "move shared code down, to `ably-auth`",
    },
    Layer {
        name: "ably-auth-blocking",
        below: &["ably-auth-core", "ably-auth"],
        because: "a client is a thin loop around the exchanges of `ably-auth`, and uses no other client or server",
        instead: "move shared code down, to `ably-auth`",
    },
    Layer {
        name: "ably-auth-websocket",
        below: &["ably-auth-core", "ably-auth"],
        because: "a connection is a thin loop around the state machine of `ably-auth`, and needs no HTTP client",
        instead: "move shared code down, to `ably-auth`, or pass in an `Auth`",
    },
    Layer {
        name: "ably-auth-backend",
        below: &["ably-auth-core"],
        because: "a backend's routes issue and verify tokens locally, and send no requests",
        instead: "move code that clients and backends share down, to `ably-auth-core`",
    },
    Layer {
        name: "ably-auth-axum",
        below: &["ably-auth-core", "ably-auth-backend"],
        because: "a backend's routes issue and verify tokens locally, and send no requests",
        instead: "move code that clients and backends share down, to `ably-auth-core`",
    },
    Layer {
        name: "ably-auth-server",
        below: &["ably-auth-core", "ably-auth-inspect", "ably-auth-backend"],
        because: "the service answers requests and sends none, so it needs no client",
        instead: "move code that clients and the service share down, to `ably-auth-core`",
    },
    Layer {
        name: "ably-auth-cli",
        below: &[
            "ably-auth-core",
            "ably-auth-inspect",
            "ably-auth",
            "ably-auth-reqwest",
            "ably-auth-blocking",
            "ably-auth-websocket",
            "ably-auth-server",
        ],
        because: "the program uses the published crates, not the project's tests and tools",
        instead: "move the code that it needs into a published crate",
    },
    Layer {
        name: TESTS,
        below: &[
            "ably-auth-core",
            "ably-auth-inspect",
            "ably-auth",
            "ably-auth-reqwest",
            "ably-auth-blocking",
            "ably-auth-axum",
            "ably-auth-backend",
            "ably-auth-server",
            "ably-auth-cli",
            "ably-auth-websocket",
            SUPPORT,
        ],
        because: "the tests use the public APIs of the published crates, not the project's tools",
        instead: "test a tool in its own package",
    },
    tool("budgets"),
    Layer { below: &[SUPPORT], ..tool("endurance") },
    tool("interop"),
    Layer { below: &["ably-auth"], ..tool("loom-model") },
    tool("test-support"),
    tool("tidy"),
    tool("xtask"),
];

/// Returns the layer of a tool.
const fn tool(name: &'static str) -> Layer {
    Layer {
        name,
        below: &[],
        because: "a tool checks the crates, and must build when they do not",
        instead: "run the crate as a separate program",
    }
}

/// An external crate that only certain layers may depend on. The tests may depend on it too.
struct Owned {
    name: &'static str,
    owners: &'static [&'static str],
    because: &'static str,
}

const OWNED: &[Owned] = &[
    Owned {
        name: "reqwest",
        owners: &["ably-auth-reqwest"],
        because: "users must not build an HTTP client that they did not choose",
    },
    Owned {
        name: "ureq",
        owners: &["ably-auth-blocking"],
        because: "users must not build an HTTP client that they did not choose",
    },
    Owned {
        name: "axum",
        owners: &["ably-auth-axum"],
        because: "users who only request tokens must not build an HTTP server",
    },
    Owned { name: "redb", owners: &["ably-auth-server"], because: "only the service stores data" },
    Owned { name: "redis", owners: &["ably-auth-server"], because: "only the service stores data" },
    Owned {
        name: "tungstenite",
        owners: &["ably-auth-server"],
        because: "users who need no realtime connection must not build a WebSocket library",
    },
    Owned {
        name: "tokio-tungstenite",
        owners: &["ably-auth-server", "ably-auth-websocket"],
        because: "users who need no realtime connection must not build a WebSocket library",
    },
];

/// External crates that core may depend on: they need no std, clock, randomness or I/O.
const CORE_MAY_NAME: &[&str] = &["base64", "hmac", "serde", "serde_json", "sha2", "subtle", "zeroize"];

/// Returns a complaint for every forbidden dependency. Dev-dependencies count: tests that need more are in `tests/`.
fn check(packages: &[Package]) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in packages {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == package.name) else {
            complaints.push(format!(
                "`{}` has no layer; add it to LAYERS in `tests/tidy/arrows.rs` with the crates below it, and to the \
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
    if dev && dependency == SUPPORT {
        return None;
    }
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
            "core runs on bare metal, and depends only on crates that need no std, clock or I/O ({}); move the code up, \
             to `ably-auth`",
            CORE_MAY_NAME.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{Dependency, packages};

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
    fn dependencies_follow_the_arrows() {
        crate::assert_tidy(|| check(&packages()));
    }

    #[test]
    fn permitted_dependencies_pass() {
        let complaints = check(&[
            package("ably-auth-core", &[("hmac", None), ("serde", None), ("proptest", Some("dev"))]),
            package("ably-auth-inspect", &[("ably-auth-core", None), ("serde_json", None)]),
            package("ably-auth", &[("ably-auth-core", None), ("bytes", None)]),
            package("ably-auth-reqwest", &[("ably-auth", None), ("reqwest", None)]),
            package("ably-auth-blocking", &[("ably-auth", None), ("ably-auth-core", None), ("ureq", None)]),
            package("ably-auth-websocket", &[("ably-auth", None), ("tokio-tungstenite", None)]),
            package("ably-auth-axum", &[("ably-auth-core", None), ("axum", None)]),
            package("ably-auth-server", &[("ably-auth-inspect", None), ("ably-auth-backend", None), ("redb", None)]),
            package("ably-auth-cli", &[("ably-auth-server", None), ("ably-auth-inspect", None)]),
            package("ably-auth-tests", &[("ably-auth-cli", None), ("reqwest", Some("dev"))]),
            package("xtask", &[("serde_json", None)]),
        ]);
        assert_eq!(complaints, Vec::<String>::new());
    }

    #[test]
    fn upward_dependency_is_reported_with_reason() {
        assert_eq!(
            complaint("ably-auth-core", "ably-auth", None),
            "`ably-auth-core` depends on `ably-auth`: core is the lowest layer; move the code up a layer, to \
             the crate that it needs"
        );
    }

    #[test]
    fn core_depends_only_on_no_std_crates() {
        for kind in [None, Some("build")] {
            let complaint = complaint("ably-auth-core", "bytes", kind);
            assert!(
                complaint.starts_with("`ably-auth-core` depends on `bytes`: core runs on bare metal"),
                "{complaint}"
            );
        }
    }

    #[test]
    fn crate_of_other_layer_is_reported_with_owner() {
        assert_eq!(
            complaint("ably-auth", "reqwest", None),
            "`ably-auth` depends on `reqwest`: only `ably-auth-reqwest` may, because users must not build an HTTP client \
             that they did not choose; move the code there"
        );
    }

    #[test]
    fn sibling_and_test_dependencies_are_reported() {
        assert!(complaint("ably-auth-blocking", "ably-auth-reqwest", None).contains("move shared code down"));
        assert!(complaint("ably-auth-websocket", "ably-auth-reqwest", None).contains("needs no HTTP client"));
        assert!(complaint("ably-auth", "ably-auth-server", Some("dev")).contains("has no client or server"));
        assert!(complaint("ably-auth-server", "ably-auth", None).contains("sends none"));
        assert!(complaint("ably-auth-inspect", "ably-auth-backend", None).contains("also runs in a browser"));
        assert!(complaint("ably-auth-axum", "ably-auth-server", None).contains("send no requests"));
        assert!(complaint("ably-auth-server", "ureq", Some("dev")).contains("only `ably-auth-blocking` may"));
        assert!(complaint("xtask", "ably-auth-core", None).contains("must build when they do not"));
    }

    #[test]
    fn crate_without_layer_is_reported() {
        let complaints = check(&[package("ably-auth-extra", &[])]);
        assert!(complaints.concat().contains("`ably-auth-extra` has no layer; add it to LAYERS"), "{complaints:?}");
    }
}
