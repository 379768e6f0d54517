//! Debug output of a connection contains no credential, no connection key and no content.

use std::fmt::Debug;
use std::time::Duration;

use ably_auth::connection::{
    Action, AuthDetails, ConnectionAuth, ConnectionDetails, ConnectionSettings, ConnectionStateChange,
    CredentialsQuery, Format, Input, Output, ProtocolMessage, RecoveryKey, ServiceHosts, SocketUrl, StateMachine,
    Value,
};
use ably_auth::{Async, Auth, ClientOptions, Credentials, Moment, Timestamp, Token, TransportFault};
use bytes::Bytes;
use http::{Request, Response};

fn shows_nothing(value: &dyn Debug) {
    let shown = format!("{value:?} {value:#?}");
    assert!(!shown.contains("hush"), "{shown}");
}

async fn refuses(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
    panic!("no request is needed")
}

async fn machine_of(options: ClientOptions<Async>) -> (StateMachine, ConnectionAuth, Credentials) {
    let auth = ConnectionAuth::new(&Auth::new(options, refuses).unwrap()).unwrap();
    let settings = ConnectionSettings::new()
        .recover(RecoveryKey::new("hush!key", 0, [("chat", "hush")]).to_text())
        .transport_param("secret", "hush");
    shows_nothing(&settings);
    let credentials = auth.credentials(&CredentialsQuery::Current).await.unwrap();
    (StateMachine::new(settings, auth.hosts().clone(), None, 7), auth, credentials)
}

#[tokio::test]
async fn connection_shows_no_credential() {
    let now = Moment::new(Timestamp::from_millis(1), Duration::ZERO);
    for options in [
        ClientOptions::<Async>::new().key("app.key:hush-secret"),
        ClientOptions::new().token(Token::new("app.hush").unwrap()),
    ] {
        let (mut machine, auth, credentials) = machine_of(options).await;
        let hosts: &ServiceHosts = auth.hosts();
        shows_nothing(&(&auth, hosts, &credentials, CredentialsQuery::Refused(credentials.clone())));
        machine.handle(Input::Connect, now);
        let input = Input::Credentials(Ok(credentials));
        shows_nothing(&input);
        let outputs = machine.handle(input, now);
        shows_nothing(&(&machine, &outputs));
        let Some(Output::Open { socket, url }) = outputs.first() else { panic!("{outputs:?}") };
        let url: &SocketUrl = url;
        assert!(url.expose().contains("hush") && !url.to_string().contains("hush"), "{url}");

        let connected = r#"{"action":4,"connectionId":"c","connectionDetails":{"connectionKey":"hush!key"}}"#;
        let connected: ProtocolMessage = Format::Json.decode(connected.as_bytes()).unwrap();
        let details: &ConnectionDetails = connected.get_connection_details().unwrap();
        shows_nothing(&(&connected, details));
        let outputs = machine.handle(Input::Received(*socket, connected), now);
        assert_eq!(machine.key(), Some("hush!key"));
        shows_nothing(&(&machine, &outputs));
        let changes: Vec<&ConnectionStateChange> = outputs
            .iter()
            .filter_map(|output| if let Output::Change(change) = output { Some(change) } else { None })
            .collect();
        assert_eq!(changes.len(), 1);
    }
    let auth = AuthDetails::new(Token::new("app.hush").unwrap());
    let message = ProtocolMessage::new(Action::Auth).auth(auth.clone()).messages([Value::from("hush")]);
    shows_nothing(&(auth, RecoveryKey::new("hush!key", 0, [("chat", "hush")]), Output::Send(message)));
}
