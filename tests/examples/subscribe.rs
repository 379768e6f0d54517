//! A subscriber. Its tokens live for 11 s, and are renewed on the open connection, when the service asks for it.
//!
//! ```console
//! $ cargo run --example subscribe
//! connected
//! attached to chat
//! message 1
//! message 2
//! message 3
//! message 4
//! message 5
//! message 6
//! message 7
//! message 8
//! no message was lost through 2 renewals
//! ```
//!
//! By default, it starts its own token service. If `ABLY_API_KEY` is set, it uses Ably, or the service in
//! `ABLY_ENDPOINT`.

mod sandbox;

use std::error::Error;
use std::time::Duration;

use ably_auth_reqwest::{Client, ClientOptions, TokenParams, Ttl};
use ably_auth_websocket::{
    Action, Connection, ConnectionEvent, ConnectionOptions, ConnectionState, Event, ProtocolMessage,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let (key, endpoint) = sandbox::key_and_endpoint()?;
    // A lifetime of an hour is usual.
    let short = TokenParams::new().ttl(Ttl::from_millis(11_200)?);
    let options = ClientOptions::new().key(key).endpoint(endpoint).use_token_auth(true).default_token_params(short);
    let client = Client::new(options)?;

    // The connection and the REST requests of the client share one token.
    let (connection, mut events) = Connection::open(ConnectionOptions::new(client.auth()))?;
    let (mut received, mut renewals, mut publisher) = (0, 0, None);
    while received < 8 {
        match events.next().await.ok_or("the connection has ended")? {
            // Also after a loss of the connection.
            Event::Change(change) if change.event() == ConnectionEvent::State(ConnectionState::Connected) => {
                println!("connected");
                connection.send(ProtocolMessage::new(Action::Attach).channel("chat")).await?;
            }
            Event::Change(change) if change.event() == ConnectionEvent::Update => renewals += 1,
            Event::Message(message) if message.action() == Action::Attached => {
                println!("attached to {}", message.get_channel().unwrap_or_default());
                publisher.get_or_insert_with(|| tokio::spawn(publish(client.clone())));
            }
            Event::Message(message) => {
                for data in message.get_messages().iter().filter_map(|message| message.get("data")?.as_str()) {
                    received += 1;
                    println!("message {data}");
                }
            }
            _ => {}
        }
    }
    connection.close().await;
    println!("no message was lost through {renewals} renewals");
    Ok(())
}

/// Publishes a message a second.
async fn publish(client: Client) -> Result<(), Box<dyn Error + Send + Sync>> {
    for number in 1.. {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let body = format!(r#"{{"name":"reading","data":"{number}"}}"#);
        client.request(http::Request::post("/channels/chat/messages").body(body.into())?).await?;
    }
    Ok(())
}
