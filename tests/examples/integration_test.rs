//! An application's integration test with a `Sandbox`: it lets a token expire without waiting, makes the service fail,
//! and resets the service. It runs with both clients.
//!
//! ```console
//! $ cargo run --example integration_test
//! async: token 1 publishes
//! async: an hour later, token 2 publishes
//! async: refused with 50003; token 2 publishes again
//! async: after the reset, token 3 publishes, and 1 message is there
//! blocking: token 1 publishes
//! blocking: an hour later, token 2 publishes
//! blocking: refused with 50003; token 2 publishes again
//! blocking: after the reset, token 3 publishes, and 1 message is there
//! ```

use std::error::Error;
use std::time::Duration;

use ably_auth::{ClientOptions, Endpoint, ErrorCode, Mode};
use ably_auth_server::Sandbox;
use bytes::Bytes;
use http::{Request, Response};

type Fault = Box<dyn Error + Send + Sync>;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fault> {
    asynchronous().await?;
    // In a test without a runtime, use a plain `#[test]`. Here, `main` has a runtime, which must not be blocked.
    tokio::task::spawn_blocking(blocking).await?
}

fn options<M: Mode>(sandbox: &Sandbox) -> Result<ClientOptions<M>, Fault> {
    let endpoint = Endpoint::parse(sandbox.url())?;
    Ok(ClientOptions::new().key(sandbox.key().clone()).endpoint(endpoint).use_token_auth(true))
}

fn publish() -> Result<Request<Bytes>, http::Error> {
    Request::post("/channels/chat/messages").body(r#"{"name":"greeting","data":"hello"}"#.into())
}

fn history() -> Result<Request<Bytes>, http::Error> {
    Request::get("/channels/chat/messages").body(Bytes::new())
}

fn count(history: &Response<Bytes>) -> Result<usize, serde_json::Error> {
    serde_json::from_slice::<Vec<serde_json::Value>>(history.body()).map(|messages| messages.len())
}

async fn asynchronous() -> Result<(), Fault> {
    let sandbox = Sandbox::start()?;
    let client = ably_auth_reqwest::Client::new(options(&sandbox)?)?;

    client.request(publish()?).await?;
    let first = client.auth().token_details();
    println!("async: token 1 publishes");

    sandbox.advance_clock(HOUR);
    client.request(publish()?).await?;
    let second = client.auth().token_details();
    assert_ne!(first, second);
    println!("async: an hour later, token 2 publishes");

    sandbox.fail_next(1, 50003)?;
    let refused = client.request(publish()?).await.unwrap_err();
    assert_eq!(refused.ably_code(), ErrorCode::TIMEOUT);
    client.request(publish()?).await?;
    assert_eq!(client.auth().token_details(), second);
    println!("async: refused with 50003; token 2 publishes again");

    sandbox.reset()?;
    client.request(publish()?).await?;
    assert_ne!(client.auth().token_details(), second);
    let left = count(&client.request(history()?).await?)?;
    println!("async: after the reset, token 3 publishes, and {left} message is there");
    Ok(())
}

fn blocking() -> Result<(), Fault> {
    let sandbox = Sandbox::start()?;
    let client = ably_auth_blocking::Client::new(options(&sandbox)?)?;

    client.request(publish()?)?;
    let first = client.auth().token_details();
    println!("blocking: token 1 publishes");

    sandbox.advance_clock(HOUR);
    client.request(publish()?)?;
    let second = client.auth().token_details();
    assert_ne!(first, second);
    println!("blocking: an hour later, token 2 publishes");

    sandbox.fail_next(1, 50003)?;
    let refused = client.request(publish()?).unwrap_err();
    assert_eq!(refused.ably_code(), ErrorCode::TIMEOUT);
    client.request(publish()?)?;
    assert_eq!(client.auth().token_details(), second);
    println!("blocking: refused with 50003; token 2 publishes again");

    sandbox.reset()?;
    client.request(publish()?)?;
    assert_ne!(client.auth().token_details(), second);
    let left = count(&client.request(history()?)?)?;
    println!("blocking: after the reset, token 3 publishes, and {left} message is there");
    Ok(())
}
