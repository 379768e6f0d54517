//! Debug output of the clients and of the service contains no secret and no token.

use ably_auth::{HttpSettings, Token};
use ably_auth_blocking::UreqTransport;
use ably_auth_reqwest::ReqwestTransport;
use ably_auth_server::store::{KeptClaims, Memory, Record, Redb, Store as _};
use ably_auth_server::{App, Apps, ControlToken, Key, Sandbox, SandboxBuilder, Server, Service, ServiceBuilder, Tls};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::support::{TestService, key};

const SECRET: &str = "a-secret-of-the-shop";

fn shows_nothing(what: &dyn std::fmt::Debug) {
    for shown in [format!("{what:?}"), format!("{what:#?}")] {
        assert!(!shown.contains(SECRET) && !shown.contains("hush"), "{shown}");
    }
}

#[tokio::test]
async fn debug_output_of_service_has_no_secret() {
    let of_shop: Key = Key::new(key());
    shows_nothing(&of_shop);
    let app: App = App::new("shop").unwrap().with_key(of_shop).unwrap();
    shows_nothing(&app);
    let sandbox: SandboxBuilder = Sandbox::builder().app(app.clone());
    shows_nothing(&sandbox);
    let sandbox: Sandbox = sandbox.start().unwrap();
    shows_nothing(&sandbox);
    let apps: Apps = Apps::new().with_app(app).unwrap();
    shows_nothing(&apps);
    let secret = *b"hush-hush-hush-hush-hush-hush-hu";
    let control: ControlToken = ControlToken::new("deploy", Token::new("hush-an-access-token").unwrap()).unwrap();
    shows_nothing(&control);
    shows_nothing(&Service::builder().control_tokens([control]));
    let builder: ServiceBuilder = Service::builder()
        .apps(apps)
        .sandbox(true)
        .service_secret(secret)
        .earlier_secrets([secret])
        .control_token(Token::new("hush-an-access-token").unwrap());
    shows_nothing(&builder);
    let service: Service = builder.build().unwrap();
    shows_nothing(&service);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = STANDARD.encode(made.signing_key.serialize_der());
    let pem = |label: &str, text: &str| format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
    let certificate = pem("CERTIFICATE", &STANDARD.encode(made.cert.der()));
    let tls = Tls::from_pem(certificate.as_bytes(), pem("PRIVATE KEY", &key).as_bytes()).unwrap();
    assert!(!format!("{tls:?}").contains(&key[60..70]));
    let server: Server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap().tls(tls);
    shows_nothing(&server);
    assert!(!format!("{server:?}").contains(&key[60..70]));
    assert!(!format!("{server:?}").contains(&format!("{:?}", &secret[..4])), "not as bytes either");
}

/// `Redis` needs a server, so its own tests check its debug output.
#[test]
fn debug_output_of_stores_has_no_secret() {
    let value = Some(b"hush".to_vec().into());
    let record = Record { name: "key/app.key".into(), value, expires: None };
    shows_nothing(&record);
    assert!(!format!("{record:?}").contains("104, 117"), "not as bytes either");
    let memory = Memory::new();
    memory.feed().publish(vec![record]);
    shows_nothing(&memory);
    let claims = [&b"\x95\xa7app.key\x00\x01\xa4hush\xb0"[..], br#"{"hush":["*"]}"#, b"  "].concat();
    let claims: KeptClaims = KeptClaims::from_bytes(&claims).unwrap();
    shows_nothing(&claims);
    let folder = std::env::temp_dir().join(format!("ably-auth-redaction-{}", std::process::id()));
    let store: Redb = Redb::open(&folder).unwrap();
    let secret = store.secret().unwrap();
    assert!(!format!("{store:?}").contains(&format!("{:?}", &secret[..4])));
    drop(store);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn debug_output_of_clients_has_no_secret() {
    let service = TestService::start();
    let token = || Token::new("shop.hush").unwrap();
    shows_nothing(&ReqwestTransport::for_settings(&HttpSettings::default()).unwrap());
    shows_nothing(&UreqTransport::for_settings(&HttpSettings::default()).unwrap());
    let options = ably_auth_reqwest::ClientOptions::new().endpoint(service.endpoint.clone()).key(key()).token(token());
    shows_nothing(&ably_auth_reqwest::Client::new(options).unwrap());
    let options = ably_auth_blocking::ClientOptions::new().endpoint(service.endpoint.clone()).key(key()).token(token());
    shows_nothing(&ably_auth_blocking::Client::new(options).unwrap());
}

/// An auth URL's query may hold credentials, and an error of ureq quotes the URI that it refuses.
#[test]
fn fault_does_not_show_uri() {
    let agent = ureq::Agent::config_builder().https_only(true).build().new_agent();
    let transport = UreqTransport::new(agent, &HttpSettings::default());
    let request = http::Request::get("http://127.0.0.1:1/auth?session=hush").body(bytes::Bytes::new()).unwrap();
    let fault = ably_auth::BlockingTransport::send(&transport, request).unwrap_err();
    let mut cause = Some(&fault as &dyn std::error::Error);
    while let Some(error) = cause {
        shows_nothing(&error);
        shows_nothing(&error.to_string());
        cause = error.source();
    }
}
