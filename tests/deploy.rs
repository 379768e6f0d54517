//! What is said of a service that runs is so.

use std::collections::BTreeSet;

use ably_auth_server::Service;

const DASHBOARD: &str = include_str!("../deploy/grafana.json");
const MANUAL: &str = include_str!("../docs/running.md");

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
