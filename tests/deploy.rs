//! What is said of a service that runs is so.

use std::collections::BTreeSet;

use ably_auth_server::{Network, Service};

const DASHBOARD: &str = include_str!("../deploy/grafana.json");
const MANUAL: &str = include_str!("../docs/running.md");
const COMPOSE: &str = include_str!("../deploy/compose.yaml");
const IMAGE: &str = include_str!("../deploy/Dockerfile");
const UNIT: &str = include_str!("../deploy/ably-auth.service");
const CONFIG: &str = include_str!("../deploy/ably-auth.toml");

/// Every word of the text that begins as a metric's name does.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("ably_auth_")).collect()
}

#[test]
fn every_metric_of_the_dashboard_and_of_the_manual_is_there_and_the_manual_has_all() {
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
fn the_dashboard_is_one() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(!panel["targets"].as_array().unwrap().is_empty() && panel["title"].is_string(), "{panel}");
    }
}

/// What stands after that word on its line, in each line that has it and is no comment.
fn after<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.split_once(word)?.1.trim())).collect()
}

#[test]
fn nobody_is_trusted_who_reaches_a_published_port() {
    let gateways = COMPOSE.split("gateway: ").skip(1);
    let gateways: Vec<_> = gateways.map(|rest| rest.split([' ', '\n']).next().unwrap().parse().unwrap()).collect();
    let subnets: Vec<_> = COMPOSE.split("subnet: ").skip(1).map(|rest| rest.split(',').next().unwrap()).collect();
    assert_eq!((gateways.len(), subnets.len()), (1, 1), "of each there is one that can be reached from outside");
    let trusted: Vec<Network> = after(COMPOSE, "ABLY_AUTH_TRUSTED_PROXY:")
        .iter()
        .flat_map(|list| list.split(','))
        .map(|one| one.parse().unwrap())
        .collect();
    assert!(!trusted.is_empty());
    for network in &trusted {
        assert!(!network.contains(gateways[0]), "all that comes over a published port comes from the gateway");
    }
    let balancer = COMPOSE.split("ipv4_address: ").nth(1).unwrap().split([' ', '\n']).next().unwrap().parse().unwrap();
    assert!(trusted.iter().all(|network| network.contains(balancer)));
    assert!(subnets[0].parse::<Network>().unwrap().contains(balancer));
    let published = after(COMPOSE, "    ports:");
    assert!(!published.is_empty());
    for ports in published {
        assert!(ports.split(',').all(|port| port.contains("\"127.0.0.1:")), "{ports}");
    }
    assert!(!IMAGE.contains("ABLY_AUTH_ADMIN=") && after(IMAGE, "EXPOSE ") == ["8484"]);
}

#[test]
fn apps_that_are_written_anew_are_seen_in_a_container() {
    let mounts: Vec<_> = [COMPOSE, IMAGE]
        .iter()
        .flat_map(|text| text.split_whitespace())
        .filter(|word| word.contains(":/etc/"))
        .collect();
    assert!(mounts.len() >= 2, "{mounts:?}");
    for mount in mounts {
        assert_eq!(mount, "./apps:/etc/ably-auth:ro", "a mount of the file pins the one that is there");
    }
}

#[test]
fn the_image_knows_whom_to_believe() {
    let roots = "/etc/ssl/certs/ca-certificates.crt";
    assert!(IMAGE.contains(&format!("COPY --from=build {roots} {roots}\n")), "or no `rediss://` can be connected to");
}

#[test]
fn the_unit_can_read_its_files_and_is_started_again() {
    let has = |line: &str| UNIT.lines().any(|has| has == line);
    for line in ["User=ably-auth", "Group=ably-auth", "Type=notify", "Restart=on-failure", "RestartSec=2"] {
        assert!(has(line), "{line}");
    }
    assert!(!UNIT.contains("DynamicUser"), "whom nobody could let read a file");
    let (unit, _) = UNIT.split_once("[Service]").unwrap();
    assert!(unit.lines().any(|line| line == "StartLimitIntervalSec=0"), "it is an option of the unit");
    let data = after(CONFIG, "data = ").remove(0).trim_matches('"');
    assert_eq!(data, format!("/var/lib/{}", after(UNIT, "StateDirectory=")[0]));
}
