//! A host's name that cannot be resolved.

use ably_auth::{Error, FaultKind};
use reqwest::dns::{Name, Resolve, Resolving};
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::scripted::{BOTH, Told, block_on, reqwest_builder};

/// Knows no name at all.
#[derive(Debug)]
struct Ignorant;

impl Resolve for Ignorant {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Err("no such name".into()) })
    }
}

impl Resolver for Ignorant {
    fn resolve(&self, _: &Uri, _: &ureq::config::Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Err(ureq::Error::HostNotFound)
    }
}

fn is_unresolvable(error: &Error) {
    assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::Unresolvable, "{error:?}");
    assert!(error.to_string().contains("name cannot be resolved") && error.is_transient());
}

#[test]
fn a_name_that_the_resolver_does_not_know_is_unresolvable() {
    let told = Told::of("http://ably.example.com");
    let http = reqwest_builder().dns_resolver(std::sync::Arc::new(Ignorant)).build().unwrap();
    let client = ably_auth_reqwest::Client::with_http(told.options(), http).unwrap();
    is_unresolvable(&block_on(client.time()).unwrap_err());

    let config = ureq::Agent::config_builder().proxy(None).build();
    let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), Ignorant);
    let client = ably_auth_blocking::Client::with_agent(told.options(), agent).unwrap();
    is_unresolvable(&client.time().unwrap_err());
}

/// The system's resolver refuses it at once, since no name has a label of 64 characters.
#[test]
fn a_name_that_cannot_be_one_is_unresolvable() {
    let told = Told::of(format!("http://{}.example.com", "x".repeat(64)));
    for (_, client) in BOTH {
        is_unresolvable(&client(&told).unwrap_err());
    }
}
