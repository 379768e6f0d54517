//! The files in `deploy`, the CI workflows and the manual agree with the service.

use std::collections::BTreeSet;

use ably_auth_server::{Network, Service};

const DASHBOARD: &str = include_str!("../deploy/grafana.json");
const MANUAL: &str = include_str!("../docs/running.md");
const COMPOSE: &str = include_str!("../deploy/compose.yaml");
const IMAGE: &str = include_str!("../deploy/Dockerfile");
const UNIT: &str = include_str!("../deploy/ably-auth.service");
const CONFIG: &str = include_str!("../deploy/ably-auth.toml");
const ROTATION: &str = include_str!("../deploy/ably-auth.logrotate");
const IGNORED: &str = include_str!("../deploy/Dockerfile.dockerignore");
const CI: &str = include_str!("../.github/workflows/ci.yml");
const ADVISORIES: &str = include_str!("../.github/workflows/advisories.yml");
const RELEASE: &str = include_str!("../.github/workflows/release.yml");
const PUBLISH: &str = include_str!("../packaging/publish.sh");
const RELEASING: &str = include_str!("../RELEASING.md");
const DENY: &str = include_str!("../deny.toml");

/// Returns every word of the text that has the prefix of the metrics' names.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    // `ably_auth_server` is a log target, not a metric.
    words.filter(|word| word.starts_with("ably_auth_") && *word != "ably_auth_server").collect()
}

#[test]
fn metrics_in_dashboard_and_manual_exist_and_manual_is_complete() {
    let metrics = Service::builder().build().unwrap().metrics();
    let samples: BTreeSet<_> = metrics.lines().filter(|line| !line.starts_with('#')).flat_map(names).collect();
    let families: BTreeSet<_> = metrics.lines().filter(|line| line.starts_with("# TYPE")).flat_map(names).collect();
    assert!(families.len() > 10, "{metrics}");
    let of_dashboard = names(DASHBOARD);
    assert!(of_dashboard.len() > 10, "{of_dashboard:?}");
    assert_eq!(of_dashboard.difference(&samples).collect::<Vec<_>>(), [&""; 0]);
    assert_eq!(names(MANUAL), families);
}

#[test]
fn dashboard_panels_have_title_and_targets() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(!panel["targets"].as_array().unwrap().is_empty() && panel["title"].is_string(), "{panel}");
    }
}

/// Returns the rest of each line after the word, for lines that contain it and are not comments.
fn after<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.split_once(word)?.1.trim())).collect()
}

#[test]
fn published_port_is_not_trusted_as_proxy() {
    let gateways = COMPOSE.split("gateway: ").skip(1);
    let gateways: Vec<_> = gateways.map(|rest| rest.split([' ', '\n']).next().unwrap().parse().unwrap()).collect();
    let subnets: Vec<_> = COMPOSE.split("subnet: ").skip(1).map(|rest| rest.split(',').next().unwrap()).collect();
    assert_eq!((gateways.len(), subnets.len()), (1, 1), "exactly one network can be reached from outside");
    let trusted: Vec<Network> = after(COMPOSE, "ABLY_AUTH_TRUSTED_PROXY:")
        .iter()
        .flat_map(|list| list.split(','))
        .map(|one| one.parse().unwrap())
        .collect();
    assert!(!trusted.is_empty());
    for network in &trusted {
        assert!(!network.contains(gateways[0]), "connections through a published port come from the gateway");
    }
    let balancer = COMPOSE.split("ipv4_address: ").nth(1).unwrap().split([' ', '\n']).next().unwrap().parse().unwrap();
    assert!(trusted.iter().all(|network| network.contains(balancer)));
    assert!(subnets[0].parse::<Network>().unwrap().contains(balancer));
    let published = after(COMPOSE, "    ports:");
    assert!(!published.is_empty());
    for ports in published {
        assert!(ports.split(',').all(|port| port.contains("\"127.0.0.1:")), "{ports}");
    }
    let admin = after(IMAGE, "ABLY_AUTH_ADMIN=").remove(0);
    assert!(admin.starts_with("127.0.0.1:"), "only the health check in the container may reach {admin}");
    assert_eq!(after(IMAGE, "EXPOSE "), ["8484"]);
}

#[test]
fn apps_are_mounted_as_folder() {
    let mounts: Vec<_> = [COMPOSE, IMAGE]
        .iter()
        .flat_map(|text| text.split_whitespace())
        .filter(|word| word.contains(":/etc/"))
        .collect();
    assert!(mounts.len() >= 2, "{mounts:?}");
    for mount in mounts {
        assert_eq!(mount, "./apps:/etc/ably-auth:ro", "a mount of the file would keep showing the old file");
    }
}

#[test]
fn image_has_ca_certificates() {
    let roots = "/etc/ssl/certs/ca-certificates.crt";
    assert!(IMAGE.contains(&format!("COPY --from=build {roots} {roots}\n")), "`rediss://` needs CA certificates");
}

#[test]
fn unit_can_read_its_files_and_is_restarted() {
    let has = |line: &str| UNIT.lines().any(|has| has == line);
    for line in ["User=ably-auth", "Group=ably-auth", "Type=notify", "Restart=on-failure", "RestartSec=2"] {
        assert!(has(line), "{line}");
    }
    assert!(!UNIT.contains("DynamicUser"), "a file cannot be made readable by a dynamic user");
    let (unit, _) = UNIT.split_once("[Service]").unwrap();
    assert!(unit.lines().any(|line| line == "StartLimitIntervalSec=0"), "the option belongs to [Unit]");
    let data = after(CONFIG, "data = ").remove(0).trim_matches('"');
    assert_eq!(data, format!("/var/lib/{}", after(UNIT, "StateDirectory=")[0]));
}

/// Returns the lines of a service in the compose file, or of the settings that services share.
fn block<'a>(start: &str) -> Vec<&'a str> {
    let lines = COMPOSE.lines().skip_while(|line| *line != start).skip(1);
    let depth = start.len() - start.trim_start().len();
    lines.take_while(|line| line.is_empty() || line.len() - line.trim_start().len() > depth).collect()
}

/// Returns the bytes of a size such as `1536M` or `384mb`.
fn bytes(text: &str) -> u64 {
    let digits = text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "m" | "mb" => 1024 * 1024,
        "g" | "gb" => 1024 * 1024 * 1024,
        unit => panic!("unknown unit `{unit}`"),
    };
    digits.parse::<u64>().unwrap() * unit
}

#[test]
fn memory_is_limited_and_no_core_is_dumped() {
    let limit = bytes("1536M");
    let (high, max) = (bytes(after(UNIT, "MemoryHigh=")[0]), bytes(after(UNIT, "MemoryMax=")[0]));
    assert!(high < max && max == limit, "{high} {max}");
    assert_eq!(after(UNIT, "LimitCORE="), ["0"]);
    let (service, redis) = (block("x-service: &service").join("\n"), block("  redis:").join("\n"));
    assert_eq!(bytes(after(&service, "mem_limit: ")[0]), limit);
    let most = bytes(after(COMPOSE, "maxmemory ")[0]);
    assert!(bytes(after(&redis, "mem_limit: ")[0]) >= 2 * most, "Redis copies its memory while it rewrites its file");
    for block in [service, redis] {
        assert!(after(&block, "ulimits: ")[0].contains("core: 0"), "{block}");
    }
}

#[test]
fn redis_password_is_not_an_argument() {
    assert_eq!(after(COMPOSE, "requirepass "), ["${REDIS_PASSWORD:?set it in .env}"]);
    let url = after(COMPOSE, "ABLY_AUTH_REDIS: ")[0];
    assert_eq!(url, "redis://:${REDIS_PASSWORD:?set it in .env}@redis:6379");
    for word in ["command: ", "test: ", "entrypoint: "] {
        assert!(after(COMPOSE, word).iter().all(|line| !line.contains("PASSWORD")), "{word}");
    }
    for line in ["appendonly yes", "appendfsync always", "maxmemory-policy noeviction"] {
        assert!(COMPOSE.lines().any(|has| has.trim() == line), "{line}");
    }
    for ignored in ["deploy/.env", "deploy/apps", "**/target", ".git"] {
        assert!(IGNORED.lines().any(|line| line == ignored), "{ignored} would be part of the image's build context");
    }
}

/// Returns the images that a file names, with variables at their defaults.
fn images(text: &str) -> Vec<&str> {
    let words = text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace);
    let words = words.map(|word| word.rsplit_once(":-").map_or(word, |(_, default)| default.trim_end_matches('}')));
    let words = words.map(|word| word.split_once('=').map_or(word, |(_, value)| value));
    words
        .filter(|word| word.starts_with("rust:") || word.starts_with("redis:"))
        .filter(|word| !word.ends_with(':') && !word.contains(":/"))
        .collect()
}

#[test]
fn images_and_actions_have_exact_versions() {
    let mut found = 0;
    for text in [IMAGE, COMPOSE, CI, ADVISORIES, RELEASE] {
        for image in images(text) {
            let tag = image.split_once(':').unwrap().1;
            let version = tag.split('-').next().unwrap();
            let numbers = version.split('.').filter(|number| number.parse::<u32>().is_ok()).count();
            assert_eq!(numbers, 3, "`{image}` has no exact version, so its content may change");
            found += 1;
        }
    }
    assert!(found >= 5, "only {found} images");
    // `images` only finds images of Rust and Redis, so check that there are no others.
    assert_eq!(after(IMAGE, "FROM "), ["${RUST_IMAGE} AS build", "scratch"]);
    assert!(
        after(COMPOSE, "image: ")
            .iter()
            .all(|image| *image == "ably-auth" || image.starts_with("${REDIS_IMAGE:-redis:"))
    );
    for action in [CI, ADVISORIES, RELEASE].iter().flat_map(|text| after(text, "uses: ")) {
        let version = action.split_once("@v").unwrap_or_else(|| panic!("{action}")).1;
        assert_eq!(version.split('.').filter(|number| number.parse::<u32>().is_ok()).count(), 3, "{action}");
    }
}

#[test]
fn advisories_are_checked_daily_and_ci_runs_everything_else() {
    assert!(ADVISORIES.contains("cargo deny check advisories") && after(ADVISORIES, "run: ").len() == 3);
    assert!(
        ADVISORIES.contains("for binding in bindings/*; do cargo deny"),
        "the bindings have lock files of their own"
    );
    assert!(ADVISORIES.contains("\n  schedule:\n    - cron: '") && ADVISORIES.contains("\n  workflow_dispatch:"));
    assert_eq!(after(CI, "run: "), [".ci/run", "cargo xtask mutants --in-diff \"origin/$BASE\""]);
    for workflow in [CI, ADVISORIES, RELEASE] {
        assert!(workflow.contains("\npermissions:\n  contents: read\n") && !workflow.contains('\t'), "{workflow}");
        assert!(workflow.contains("timeout-minutes: "), "{workflow}");
    }
    let pinned = |text: &str| {
        text.split("cargo-deny")
            .skip(1)
            .find_map(|rest| rest.trim_start_matches(['@', ' ']).split_whitespace().next().map(str::to_owned))
    };
    assert_eq!(pinned(ADVISORIES), pinned(include_str!("../.ci/run")), "must be the same version as in CI");
    assert!(DENY.contains("[advisories]\nyanked = \"deny\"\n"));
}

#[test]
fn only_tag_publishes_and_tokens_are_documented() {
    assert_eq!(after(RELEASE, "tags: "), ["['v*']"]);
    let publish = after(RELEASE, "run: packaging/publish.sh ");
    assert_eq!(publish, ["${{ !startsWith(github.ref, 'refs/tags/') && '--dry-run' || '' }}"]);
    let secrets: BTreeSet<_> = RELEASE.split("secrets.").skip(1).filter_map(|rest| rest.split(' ').next()).collect();
    assert_eq!(secrets.len(), 4, "{secrets:?}");
    for secret in secrets.iter().filter(|secret| **secret != "GITHUB_TOKEN") {
        assert!(RELEASING.contains(&format!("`{secret}`")), "RELEASING.md does not say what `{secret}` is");
    }
    let needed = after(PUBLISH, "for variable in ").remove(0).trim_end_matches("; do").to_owned();
    for variable in needed.split(' ') {
        assert!(RELEASE.contains(&format!("          {variable}: ")), "the workflow does not set {variable}");
    }
}

#[test]
fn packages_and_pages_name_the_version_of_the_crates() {
    let version = env!("CARGO_PKG_VERSION");
    let action = include_str!("../action.yml");
    assert_eq!(after(action, "    default: ")[0], version);
    let install = include_str!("../docs/install.md");
    for name in ["ably-auth_", "ably-auth-", "ably-auth:"] {
        let named = install.split(name).skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        named.for_each(|rest| assert!(rest.starts_with(version), "{name}{}", rest.lines().next().unwrap()));
    }
    assert!(install.contains(&format!("- uses: ably-auth/ably-auth@v{version}\n")));
    assert!(install.contains(&format!("`ably-auth-{version}-amd64.image.tar`")));
    for manifest in [
        include_str!("../bindings/c/Cargo.toml"),
        include_str!("../bindings/javascript/Cargo.toml"),
        include_str!("../bindings/python/Cargo.toml"),
    ] {
        assert_eq!(after(manifest, "version = ")[0].trim_matches('"'), version);
    }
    let package: serde_json::Value = serde_json::from_str(include_str!("../bindings/javascript/package.json")).unwrap();
    assert_eq!(package["version"], version);
}

#[test]
fn platforms_are_published_before_package_that_needs_them() {
    let at = |text: &str| PUBLISH.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("/ably-auth-linux-*.tgz") < at("/ably-auth-$version.tgz"));
}

#[test]
fn files_are_checked_before_first_upload() {
    let (checks, uploads) = PUBLISH.split_once("step \"crates.io\"").unwrap();
    for check in ["sha256sum --check", "twine check --strict", "docker-archive:", "oci-archive:"] {
        assert!(checks.contains(check), "{check}");
    }
    for upload in ["cargo publish", "npm publish", "twine upload", "docker://"] {
        assert!(!checks.contains(upload) && uploads.contains(upload), "{upload}");
    }
}

#[test]
fn audit_log_is_kept_and_rotated() {
    let log = after(CONFIG, "audit-log = ").remove(0).trim_matches('"');
    assert!(log.starts_with(&format!("/var/log/{}/", after(UNIT, "LogsDirectory=")[0])), "{log}");
    assert!(ROTATION.lines().any(|line| line == format!("{log} {{")), "{ROTATION}");
    assert!(ROTATION.contains("systemctl reload ably-auth.service"), "without it, the old file stays in use");
    assert_eq!(after(UNIT, "ExecReload="), ["/bin/kill -HUP $MAINPID"]);
}
