//! A service of your own that accepts the tokens that its clients have for Ably.
//!
//! ```console
//! $ export ABLY_API_KEY=appId.keyId:secret
//! $ cargo run --example protected_routes &
//! write to http://127.0.0.1:3000/rooms/lobby/notes
//! $ TOKEN=$(ably-auth jwt mint --client-id bob --capability '{"chat:lobby":["publish","history"]}')
//! $ curl -s -H "Authorization: Bearer $TOKEN" -d hello http://127.0.0.1:3000/rooms/lobby/notes
//! $ curl -s -H "Authorization: Bearer $TOKEN" http://127.0.0.1:3000/rooms/lobby/notes
//! ["bob: hello"]
//! $ curl -s -H "Authorization: Bearer $TOKEN" http://127.0.0.1:3000/rooms/attic/notes
//! {"error":{"code":40160,"statusCode":401,"message":"capability does not permit `history` on `chat:attic`;…}}
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ably_auth_axum::{ApiKey, Authenticate, Authenticated, Identified, Operation, Verifier, require};
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};

/// Notes by room.
type Notes = Arc<Mutex<HashMap<String, Vec<String>>>>;

async fn write(State(notes): State<Notes>, Path(room): Path<String>, writer: Identified, note: String) {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.entry(room).or_default().push(format!("{}: {note}", writer.identity()));
}

async fn read(State(notes): State<Notes>, Path(room): Path<String>) -> Json<Vec<String>> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    Json(notes.get(&room).cloned().unwrap_or_default())
}

/// Lists only the rooms that the reader may read.
async fn rooms(State(notes): State<Notes>, reader: Authenticated) -> Json<Vec<String>> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let rooms = notes.keys().filter(|room| reader.permits(&format!("chat:{room}"), Operation::History));
    Json(rooms.cloned().collect())
}

/// Returns the service's routes.
pub(crate) fn app(verifier: Verifier) -> Result<Router, Box<dyn Error>> {
    let read = get(read).layer(require("chat:{room}", Operation::History)?);
    let write = post(write).layer(require("chat:{room}", Operation::Publish)?);
    Ok(Router::new()
        .route("/rooms", get(rooms))
        .route("/rooms/{room}/notes", read.merge(write))
        .with_state(Notes::default())
        .layer(Authenticate::new(verifier)))
}

#[tokio::main(flavor = "current_thread")]
#[allow(dead_code, reason = "the example's test calls `app`")]
async fn main() -> Result<(), Box<dyn Error>> {
    let verifier = Verifier::new(Duration::from_secs(2)).key(&ApiKey::from_env()?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("write to http://{}/rooms/lobby/notes", listener.local_addr()?);
    Ok(axum::serve(listener, app(verifier)?).await?)
}
