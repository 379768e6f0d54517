//! Many connections that share one `Auth`.

use std::time::Duration;

use ably_auth_websocket::{Action, Auth, Connection, ConnectionOptions, Format};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};

use super::support::{Server, Tokens, connected, message};

async fn sends_nothing(_: Request<Bytes>) -> Result<Response<Bytes>, ably_auth_websocket::TransportFault> {
    panic!("no request was expected")
}

#[tokio::test(start_paused = true)]
async fn thousand_connections_make_one_fetch_at_a_common_expiry() {
    const COUNT: usize = 1_000;

    let (mut server, tokens) = (Server::new(), Tokens::default());
    // The fetch takes a second, so all connections ask for it meanwhile.
    let slow = {
        let tokens = tokens.clone();
        move |_: ably_auth_websocket::TokenParams| {
            let token = tokens.next();
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<_, ably_auth_websocket::Error>(token)
            }
        }
    };
    let auth = Auth::new(tokens.client_options().auth_callback(slow), sends_nothing).unwrap();
    let options = ConnectionOptions::new(&auth).format(Format::Json).connect_with(server.hook());
    let connections: Vec<_> = (0..COUNT).map(|_| Connection::open(options.clone()).unwrap()).collect();
    let mut peers = Vec::new();
    for _ in 0..COUNT {
        let peer = server.connect().await;
        assert_eq!(peer.query["accessToken"], "app.token-1");
        peers.push(peer);
    }
    assert_eq!(tokens.count(), 1);
    for round in 2..=4 {
        join_all(peers.iter_mut().map(|peer| async move {
            peer.send(message(r#"{"action":17}"#)).await;
            let auth = peer.next().await.unwrap();
            assert_eq!(auth.action(), Action::Auth);
            assert_eq!(auth.get_auth().unwrap().access_token().expose(), format!("app.token-{round}"));
            peer.send(connected("c1", "k1")).await;
        }))
        .await;
        assert_eq!(tokens.count(), round);
    }
    drop(connections);
}
