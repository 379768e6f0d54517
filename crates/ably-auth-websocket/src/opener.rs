//! Opens WebSockets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ably_auth::connection::SocketUrl;
use ably_auth::{Error, ErrorCode, ErrorInfo, FaultKind, TransportFault};
use http::StatusCode;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::connect::{ByteStream, Connect};
use crate::tls;

pub(crate) type WebSocket = WebSocketStream<Box<dyn ByteStream>>;

/// The bytes that are read at once, and that are collected before they are written.
const BUFFER_SIZE: usize = 8 * 1024;

/// The room for pongs that wait for a service which sends pings and reads nothing. The library has no limit by default.
const MAX_PONG_BYTES: usize = 128 * 1024;

/// The code for messages that are too large.
const TOO_LARGE: ErrorCode = ErrorCode::new(40009);

/// Opens the sockets of a connection.
pub(crate) struct Opener {
    pub(crate) connect: Arc<dyn Connect>,
    /// `None` if the hook's streams use TLS already.
    pub(crate) tls: Option<TlsConnector>,
    /// The time for the byte stream, with TLS.
    pub(crate) timeout: Duration,
    pub(crate) max_frame_bytes: usize,
}

impl Opener {
    /// Opens a socket. The state machine limits the time of the WebSocket handshake.
    pub(crate) async fn open(&self, url: &SocketUrl) -> Result<WebSocket, Error> {
        let late = |_| TransportFault::new(FaultKind::TimedOut, "no connection was established in time");
        let stream = timeout(self.timeout, self.stream(url)).await.map_err(late).and_then(|stream| stream);
        let stream = stream.map_err(|fault| fault.at_host(&host(url)))?;
        // The library's default buffers take 256 KiB for each connection.
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_SIZE)
            .write_buffer_size(BUFFER_SIZE)
            .max_write_buffer_size(self.max_frame_bytes.saturating_add(MAX_PONG_BYTES))
            .max_message_size(Some(self.max_frame_bytes))
            .max_frame_size(Some(self.max_frame_bytes));
        match client_async_with_config(url.expose(), stream, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(WebSocketError::Http(response)) => Err(refused(url, response.status())),
            Err(error) => Err(fault(error, &host(url))),
        }
    }

    async fn stream(&self, url: &SocketUrl) -> Result<Box<dyn ByteStream>, TransportFault> {
        let stream = self.connect.connect(url.host(), url.port()).await?;
        match &self.tls {
            Some(connector) if url.is_tls() => tls::add(connector, url.host(), stream).await,
            _ => Ok(stream),
        }
    }
}

/// Returns the error for a response other than 101.
fn refused(url: &SocketUrl, status: StatusCode) -> Error {
    let text = format!("`{url}` refused a WebSocket with status {}; check the endpoint", status.as_u16());
    let status = if status.is_client_error() || status.is_server_error() { status.as_u16() } else { 400 };
    let code = ErrorCode::new(u32::from(status).saturating_mul(100));
    Error::connection(ErrorInfo::new(code, text).with_status(status))
}

/// Returns the host of a URL, with its port if it is not the usual one.
pub(crate) fn host(url: &SocketUrl) -> String {
    let usual = if url.is_tls() { 443 } else { 80 };
    let host = url.host();
    if url.port() == usual { host.to_owned() } else { format!("{host}:{}", url.port()) }
}

/// Returns the error of a socket that failed.
pub(crate) fn fault(error: WebSocketError, host: &str) -> Error {
    match error {
        WebSocketError::Capacity(CapacityError::MessageTooLong { size, max_size }) => too_large(size, max_size),
        WebSocketError::Io(error) => {
            let kind = match error.kind() {
                io::ErrorKind::TimedOut => FaultKind::TimedOut,
                _ if tls::is_tls(&error) => FaultKind::Tls,
                _ => FaultKind::Interrupted,
            };
            TransportFault::new(kind, error).at_host(host).into()
        }
        // `Debug` of this error shows the frame, which may be an AUTH.
        WebSocketError::WriteBufferFull(_) => {
            TransportFault::new(FaultKind::Interrupted, "the service reads nothing").at_host(host).into()
        }
        error => TransportFault::new(FaultKind::Interrupted, error).at_host(host).into(),
    }
}

fn too_large(size: usize, max_size: usize) -> Error {
    let text = format!(
        "the service sent a frame of {size} bytes or more, and the limit is {max_size}; set a larger `max_frame_bytes`"
    );
    Error::connection(ErrorInfo::new(TOO_LARGE, text))
}

/// Returns the error for a message of the application that is too large.
pub(crate) fn too_large_to_send(size: usize, max_size: usize) -> Error {
    let text = format!("the message takes {size} bytes, and the limit is {max_size}; split it");
    Error::connection(ErrorInfo::new(TOO_LARGE, text))
}
