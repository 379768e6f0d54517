//! Host names that cannot be resolved.

use ably_auth::{Error, FaultKind};
use reqwest::dns::{Name, Resolve, Resolving};
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::scripted::{BOTH, TestOptions, block_on, reqwest_builder};

/// A resolver that fails for every name.
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
fn name_unknown_to_resolver_is_unresolvable() {
    let options = TestOptions::of("http://ably.example.com");
    let http = reqwest_builder().dns_resolver(std::sync::Arc::new(Ignorant)).build().unwrap();
    let client = ably_auth_reqwest::Client::with_http(options.options(), http).unwrap();
    is_unresolvable(&block_on(client.time()).unwrap_err());

    let config = ureq::Agent::config_builder().proxy(None).build();
    let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), Ignorant);
    let client = ably_auth_blocking::Client::with_agent(options.options(), agent).unwrap();
    is_unresolvable(&client.time().unwrap_err());
}

/// The system's resolver refuses the name at once, since a label has at most 63 characters.
#[test]
fn invalid_name_is_unresolvable() {
    let options = TestOptions::of(format!("http://{}.example.com", "x".repeat(64)));
    for (_, client) in BOTH {
        is_unresolvable(&client(&options).unwrap_err());
    }
}
