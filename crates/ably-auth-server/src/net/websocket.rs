//! The socket of a realtime connection: frames in and out, heartbeats, and timeouts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use super::meter::{Meter, MeteredStream};
use crate::format::Format;
use crate::live::mailbox::Mailbox;
use crate::live::protocol::outbound::MAX_FRAME_SIZE;
use crate::live::protocol::{Action, Outbound};
use crate::realtime::{Connection, Ending, Flow, Opening};
use crate::state::State;

/// The size of the buffer for reading, in bytes. A longer frame gets a larger one while it is received.
const READ_BUFFER: usize = 1024;

/// The time for the last message of a connection to be read by the client.
const LAST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(2);

/// The maximum number of bytes of a client that are discarded when its connection ends.
const MAX_DISCARDED: usize = 1024 * 1024;

/// A client that needs HEARTBEAT messages gets a WebSocket ping with every fourth of them, to detect that it is gone.
const HEARTBEATS_PER_PING: u32 = 4;

/// The number of pings that a client may leave unanswered.
const UNANSWERED_PINGS: u32 = 3;

/// A socket that was upgraded, and what was read of it beyond the request.
pub(super) struct Upgraded<S> {
    pub(super) stream: S,
    pub(super) read: Bytes,
}

type Socket<S> = WebSocketStream<MeteredStream<S>>;

/// Serves a realtime connection until it ends.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    socket: Upgraded<S>,
    state: Arc<State>,
    opening: Opening,
    closing: watch::Receiver<bool>,
) {
    let (format, heartbeats) = (opening.format, opening.heartbeats);
    let meter = Arc::new(Meter::new(state.limits.body_deadline));
    let stream = MeteredStream::new(socket.stream, Arc::clone(&meter));
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_FRAME_SIZE.saturating_mul(4))
        .max_message_size(Some(MAX_FRAME_SIZE))
        .max_frame_size(Some(MAX_FRAME_SIZE));
    let socket = WebSocketStream::from_partially_read(stream, socket.read.to_vec(), Role::Server, Some(config)).await;
    let (mut sink, stream) = socket.split();
    let connection = match Connection::open(Arc::clone(&state), opening).await {
        Ok(connection) => connection,
        Err(last) => {
            let refuse = async {
                sink.send(message(format, last)).await?;
                sink.close().await
            };
            // The client may be gone; nothing else can be told.
            let _ = timeout(LAST_MESSAGE_TIMEOUT, refuse).await;
            return close(sink, stream).await;
        }
    };
    let mailbox = Arc::clone(connection.mailbox());
    meter.charge_to(Arc::clone(&mailbox));
    let mut writer = Writer { sink, mailbox: Arc::clone(&mailbox), format, heartbeats, state };
    let mut reader = Reader { stream, connection, meter, closing, has_close_frame: false };
    let is_lost = {
        let mut writing = std::pin::pin!(writer.run());
        let ending = tokio::select! {
            biased;
            ending = reader.run() => ending,
            // The client reads nothing, or is gone.
            () = &mut writing => Ending::Lost,
        };
        reader.connection.end(&ending);
        drop(mailbox);
        let is_lost = matches!(ending, Ending::Lost);
        if !is_lost {
            let _ = timeout(LAST_MESSAGE_TIMEOUT, writing).await;
        }
        is_lost
    };
    if !is_lost {
        close(writer.sink, reader.stream).await;
    } else if reader.has_close_frame {
        // The answer to the client's close frame (RFC 6455, section 5.5.1) is waiting to be sent.
        let _ = timeout(LAST_MESSAGE_TIMEOUT, writer.sink.close()).await;
    }
}

/// Closes the socket so that the client can read all that was sent: a socket with unread data would be reset.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(sink: SplitSink<Socket<S>, Message>, stream: SplitStream<Socket<S>>) {
    let Ok(mut socket) = stream.reunite(sink) else {
        return;
    };
    let stream = socket.get_mut();
    let discard = async {
        stream.shutdown().await?;
        let (mut space, mut discarded) = ([0; 1024], 0_usize);
        while discarded < MAX_DISCARDED {
            match stream.read(&mut space).await? {
                0 => break,
                bytes => discarded = discarded.saturating_add(bytes),
            }
        }
        Ok::<_, std::io::Error>(())
    };
    // The client may be gone.
    let _ = timeout(LAST_MESSAGE_TIMEOUT, discard).await;
}

/// Returns a frame with the content of a protocol message.
fn message(format: Format, content: Bytes) -> Message {
    match format {
        Format::MsgPack => Message::Binary(content),
        // The content is JSON, which is UTF-8.
        Format::Json => Utf8Bytes::try_from(content).map_or_else(|_| Message::Binary(Bytes::new()), Message::Text),
    }
}

struct Writer<S> {
    sink: SplitSink<Socket<S>, Message>,
    mailbox: Arc<Mailbox>,
    format: Format,
    heartbeats: bool,
    state: Arc<State>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Writer<S> {
    /// Sends what is in the mailbox until its last frame is sent, the client does not read, or it is gone.
    async fn run(&mut self) {
        let limits = &self.state.limits;
        let heartbeat = Outbound::new(Action::Heartbeat).encode(self.format);
        let mut silences = 0_u32;
        loop {
            let is_sent = match timeout(limits.heartbeat, self.mailbox.next()).await {
                Ok(None) => {
                    let _ = timeout(LAST_MESSAGE_TIMEOUT, self.sink.close()).await;
                    return;
                }
                Ok(Some(frame)) => timeout(limits.answer_deadline, self.sink.send(message(self.format, frame))).await,
                Err(_) => {
                    silences = silences.wrapping_add(1);
                    let fill = fill_silence(
                        &mut self.sink,
                        self.heartbeats,
                        silences,
                        message(self.format, heartbeat.clone()),
                    );
                    timeout(limits.answer_deadline, fill).await
                }
            };
            if !matches!(is_sent, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// Sends something on a silent connection: HEARTBEAT to clients that need it, else a ping.
async fn fill_silence<S: AsyncRead + AsyncWrite + Unpin>(
    sink: &mut SplitSink<Socket<S>, Message>,
    heartbeats: bool,
    silences: u32,
    heartbeat: Message,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    if heartbeats {
        sink.feed(heartbeat).await?;
    }
    if !heartbeats || silences % HEARTBEATS_PER_PING == 0 {
        sink.feed(Message::Ping(Bytes::new())).await?;
    }
    sink.flush().await
}

struct Reader<S> {
    stream: SplitStream<Socket<S>>,
    connection: Connection,
    meter: Arc<Meter>,
    closing: watch::Receiver<bool>,
    /// True if the client sent a close frame.
    has_close_frame: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reader<S> {
    /// Handles frames, signals and the passage of time until the connection ends.
    async fn run(&mut self) -> Ending {
        let mailbox = Arc::clone(self.connection.mailbox());
        let (max_waiting, max_silence) =
            self.connection.reading_limits(HEARTBEATS_PER_PING.saturating_mul(UNANSWERED_PINGS));
        let mut silence = std::pin::pin!(sleep(max_silence));
        loop {
            let until_tick = self.connection.until_tick().unwrap_or(max_silence).min(max_silence);
            // Not left to the timer: a client that sends without pause would outrun it.
            if until_tick.is_zero() {
                if let Flow::End(ending) = self.connection.tick() {
                    return ending;
                }
            }
            let (stream, closing) = (&mut self.stream, &mut self.closing);
            let closing = async { closing.wait_for(|closing| *closing).await.is_ok() };
            let next = async {
                // A client that does not read what it gets is not read from either.
                mailbox.below(max_waiting).await;
                stream.next().await
            };
            let flow = tokio::select! {
                biased;
                _ = closing => Flow::End(Connection::shutdown()),
                signals = mailbox.signals() => self.connection.wake(signals),
                () = &mut silence => Flow::End(Ending::Lost),
                () = sleep(until_tick) => self.connection.tick(),
                next = next => {
                    silence.set(sleep(max_silence));
                    match next {
                        Some(Ok(Message::Text(text))) => {
                            let flow = self.connection.receive(text.as_bytes()).await;
                            self.meter.settle();
                            flow
                        }
                        Some(Ok(Message::Binary(bytes))) => {
                            let flow = self.connection.receive(&bytes).await;
                            self.meter.settle();
                            flow
                        }
                        Some(Ok(Message::Ping(payload) | Message::Pong(payload))) => {
                            self.meter.settle_control(payload.len());
                            self.connection.receive_control()
                        }
                        Some(Ok(Message::Close(_))) => {
                            self.has_close_frame = true;
                            Flow::End(Ending::Lost)
                        }
                        Some(Ok(Message::Frame(_)) | Err(_)) | None => Flow::End(Ending::Lost),
                    }
                }
            };
            if let Flow::End(ending) = flow {
                return ending;
            }
        }
    }
}
