//! Fallback of the clients over real sockets. All hosts are names of one server, which fails once.

use super::scripted::{Act, BOTH, SHORT_TIMEOUT, Scripted, TestOptions, answer, head_of, time};

fn goes_on_after(act: &Act) {
    for (name, client) in BOTH {
        let server = Scripted::start([act.clone(), time()]);
        let options = TestOptions::of(server.url()).fallback_hosts(["localhost"]);
        // Only the first request needs a short timeout.
        let options = if matches!(act, Act::Hold(_)) { options.short_timeout() } else { options };
        let time = client(&options).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(time.as_millis(), 1_704_067_200_000);
    }
}

/// rest/proxy/RSC15l2/timeout-triggers-fallback-0
#[test]
fn timeout_leads_to_fallback() {
    goes_on_after(&Act::Hold(String::new()));
}

/// rest/proxy/RSC15l4/cloudfront-header-fallback-0
#[test]
fn error_of_cloudfront_leads_to_fallback() {
    let body = r#"{"error":{"message":"Forbidden","code":40300,"statusCode":403}}"#;
    let head = head_of(403, body.len()).replace("connection", "server: CloudFront\r\nconnection");
    goes_on_after(&Act::Answer(head + body));
}

/// rest/proxy/RSC15l/connection-drop-fallback-1
#[test]
fn reset_leads_to_fallback() {
    goes_on_after(&Act::Reset);
    goes_on_after(&Act::AnswerAndReset(head_of(200, 15) + "[17"));
}

/// rest/proxy/RSC15l/http-4xx-not-retried-0
#[test]
fn refusal_leads_to_no_fallback() {
    for (name, client) in BOTH {
        let body = r#"{"error":{"code":40300,"statusCode":403,"message":"Forbidden"}}"#;
        let server = Scripted::start([answer(403, body), time()]);
        let error = client(&TestOptions::of(server.url()).fallback_hosts(["localhost"])).unwrap_err();
        assert_eq!((error.ably_code().as_u32(), error.status_code()), (40300, 403), "{name}");
        assert!(server.heads.recv().unwrap().starts_with("GET /time "));
        assert!(server.heads.recv_timeout(SHORT_TIMEOUT / 4).is_err(), "{name} sent another request");
    }
}

/// rest/unit/RSC15j/host-header-matches-request-0
#[test]
fn host_header_is_that_of_each_host() {
    for (name, client) in BOTH {
        let server = Scripted::start([answer(500, "{}"), time()]);
        client(&TestOptions::of(server.url()).fallback_hosts(["127.0.0.1"])).unwrap();
        for host in ["localhost", "127.0.0.1"] {
            let head = server.heads.recv().unwrap().to_ascii_lowercase();
            assert!(head.contains(&format!("\r\nhost: {host}:{}\r\n", server.address.port())), "{name}: {head}");
        }
    }
}
