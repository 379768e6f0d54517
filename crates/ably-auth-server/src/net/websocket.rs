//! The socket of a realtime connection: frames in and out, heartbeats, and timeouts.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::frames::{Frames, Received, discard};
use crate::format::Format;
use crate::limits::Limits;
use crate::live::mailbox::Mailbox;
use crate::live::protocol::{Action, Outbound};
use crate::realtime::{Connection, Ending, Flow, Opening};
use crate::state::State;
use crate::sync::lock;

/// The time for the last message of a connection to be read by the client.
const LAST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(2);

/// The maximum number of bytes that are discarded after the last message. Closing a socket with unread data resets the
/// connection, and the client could lose that message.
const MAX_DISCARDED: usize = 1024 * 1024;

/// A client that needs HEARTBEAT messages gets a WebSocket ping with every eighth of them, to detect that it has stopped.
/// The kernel detects that its machine is gone: see `ACKNOWLEDGEMENT_TIMEOUT`.
const HEARTBEATS_PER_PING: u32 = 8;

/// The maximum time between two moments at which heartbeats are due.
const MAX_HEARTBEAT_STEP: Duration = Duration::from_millis(500);

/// The number of pings that a client may leave unanswered.
const UNANSWERED_PINGS: u32 = 2;

/// The length up to which the content of a frame is copied behind its header, because that costs less than a vectored
/// write.
const COPIED: usize = 1024;

/// The maximum length of the header of a frame without a mask.
const MAX_HEADER: usize = 10;

/// A socket that was upgraded, and the bytes that were read after the request.
pub(super) struct Upgraded<S> {
    pub(super) stream: S,
    pub(super) read: Bytes,
}

/// Serves a realtime connection until it ends.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    socket: Upgraded<S>,
    state: Arc<State>,
    opening: Opening,
    closing: watch::Receiver<bool>,
) {
    let Upgraded { stream, read } = socket;
    let (format, heartbeats) = (opening.format, opening.heartbeats);
    let (mut input, mut output) = tokio::io::split(stream);
    // On the heap, because it is large, and only needed now.
    let connection = match Box::pin(Connection::open(Arc::clone(&state), opening)).await {
        Ok(connection) => connection,
        Err(last) => {
            let refuse = async {
                write_last(&mut output, message_of(format), &last).await?;
                discard(&mut input, MAX_DISCARDED).await
            };
            // Ignore errors: the client may have disconnected.
            let _ = timeout(LAST_MESSAGE_TIMEOUT, refuse).await;
            return;
        }
    };
    let mailbox = Arc::clone(connection.mailbox());
    let frames = Frames::new(input, &read, Arc::clone(&mailbox), state.limits.body_deadline);
    drop(read);
    let (pongs, time_for_last) = (Pongs::default(), state.limits.answer_deadline);
    let writer = Writer { output, mailbox: Arc::clone(&mailbox), format, heartbeats, state, pongs: &pongs };
    let mut writing = std::pin::pin!(writer.run());
    let mut reader = Reader { frames, connection, closing, pongs: &pongs, is_closed: false };
    let ending = tokio::select! {
        biased;
        ending = reader.run() => ending,
        // The client reads nothing, or is gone.
        () = &mut writing => Ending::Lost,
    };
    let is_lost = matches!(ending, Ending::Lost) && !reader.is_closed;
    reader.connection.end(&ending);
    if !is_lost {
        // A slow client first has to read the frame that is being sent.
        let _ = timeout(time_for_last, writing).await;
        let _ = timeout(LAST_MESSAGE_TIMEOUT, discard(reader.frames.stream(), MAX_DISCARDED)).await;
    }
}

/// Returns the kind of the frames that hold protocol messages.
const fn message_of(format: Format) -> OpCode {
    match format {
        Format::MsgPack => OpCode::Data(Data::Binary),
        Format::Json => OpCode::Data(Data::Text),
    }
}

/// Appends the header of a frame.
fn add_header(frames: &mut Vec<u8>, opcode: OpCode, length: usize) -> io::Result<()> {
    let header = FrameHeader { is_final: true, rsv1: false, rsv2: false, rsv3: false, opcode, mask: None };
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    header.format(length, frames).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Sends a frame.
async fn write<S: AsyncWrite>(output: &mut WriteHalf<S>, opcode: OpCode, content: Bytes) -> io::Result<()> {
    let is_copied = content.len() <= COPIED;
    let mut first = Vec::with_capacity(MAX_HEADER.saturating_add(if is_copied { content.len() } else { 0 }));
    add_header(&mut first, opcode, content.len())?;
    if is_copied {
        first.extend_from_slice(&content);
        output.write_all(&first).await?;
    } else {
        output.write_all_buf(&mut Bytes::from(first).chain(content)).await?;
    }
    output.flush().await
}

/// Sends the last frame, the frame that closes a connection, and the end of the stream. The frames are one write: many
/// connections may end at once.
async fn write_last<S: AsyncWrite>(output: &mut WriteHalf<S>, opcode: OpCode, content: &[u8]) -> io::Result<()> {
    let mut frames = Vec::with_capacity(MAX_HEADER.saturating_mul(2).saturating_add(content.len()));
    add_header(&mut frames, opcode, content.len())?;
    frames.extend_from_slice(content);
    add_header(&mut frames, OpCode::Control(Control::Close), 0)?;
    output.write_all(&frames).await?;
    output.shutdown().await
}

/// Sends the frame that closes a connection, and the end of the stream.
async fn close<S: AsyncWrite>(output: &mut WriteHalf<S>) -> io::Result<()> {
    write(output, OpCode::Control(Control::Close), Bytes::new()).await?;
    output.shutdown().await
}

/// The answer to the client's latest ping. RFC 6455 allows to leave earlier ones without an answer.
#[derive(Default)]
struct Pongs {
    latest: Mutex<Option<Bytes>>,
    arrived: Notify,
}

impl Pongs {
    fn send(&self, content: Bytes) {
        *lock(&self.latest) = Some(content);
        self.arrived.notify_one();
    }

    async fn next(&self) -> Bytes {
        loop {
            let latest = lock(&self.latest).take();
            if let Some(latest) = latest {
                return latest;
            }
            self.arrived.notified().await;
        }
    }
}

/// The next thing that the writer does.
enum Next {
    Message(Bytes),
    Pong(Bytes),
    FillSilence,
    Close,
}

struct Writer<'a, S> {
    output: WriteHalf<S>,
    mailbox: Arc<Mailbox>,
    format: Format,
    heartbeats: bool,
    state: Arc<State>,
    pongs: &'a Pongs,
}

impl<S: AsyncWrite> Writer<'_, S> {
    /// Sends the frames of the mailbox until the last one, or until the client reads too slowly or is gone.
    async fn run(mut self) {
        let mut silences = 0_u32;
        let mut heartbeat = std::pin::pin!(sleep(self.until_heartbeat()));
        loop {
            let next = tokio::select! {
                biased;
                content = self.pongs.next() => Next::Pong(content),
                frame = self.mailbox.next() => frame.map_or(Next::Close, Next::Message),
                () = &mut heartbeat => Next::FillSilence,
            };
            let sent = match next {
                Next::Message(content) => {
                    let time = time_to_read(&self.state.limits, content.len());
                    if content.len() <= COPIED && self.mailbox.is_finished() {
                        let _ = timeout(time, write_last(&mut self.output, message_of(self.format), &content)).await;
                        return;
                    }
                    timeout(time, write(&mut self.output, message_of(self.format), content)).await
                }
                Next::Pong(content) => {
                    let pong = write(&mut self.output, OpCode::Control(Control::Pong), content);
                    timeout(self.state.limits.answer_deadline, pong).await
                }
                Next::FillSilence => {
                    silences = silences.wrapping_add(1);
                    timeout(self.state.limits.answer_deadline, self.fill_silence(silences)).await
                }
                Next::Close => {
                    let _ = timeout(LAST_MESSAGE_TIMEOUT, close(&mut self.output)).await;
                    return;
                }
            };
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
            heartbeat.as_mut().reset(after(self.until_heartbeat()));
        }
    }

    fn until_heartbeat(&self) -> Duration {
        until_heartbeat(self.state.limits.heartbeat, self.state.stopwatch.elapsed())
    }

    /// Sends something on a silent connection: HEARTBEAT to clients that need it, else a ping.
    async fn fill_silence(&mut self, silences: u32) -> io::Result<()> {
        let has_ping = !self.heartbeats || silences % HEARTBEATS_PER_PING == 0;
        self.output.write_all(silence_frames(self.format, self.heartbeats, has_ping)).await?;
        self.output.flush().await
    }
}

/// Returns the frames that fill a silence: a HEARTBEAT, a ping, or both in one. They are made once, since most of what a
/// service with idle connections does is to send them.
fn silence_frames(format: Format, has_heartbeat: bool, has_ping: bool) -> &'static [u8] {
    static FRAMES: [OnceLock<Vec<u8>>; 8] = [const { OnceLock::new() }; 8];
    let variant = usize::from(format == Format::MsgPack) | usize::from(has_heartbeat) << 1 | usize::from(has_ping) << 2;
    let make = || {
        let mut frames = Vec::new();
        if has_heartbeat {
            let heartbeat = Outbound::new(Action::Heartbeat).encode(format);
            add_header(&mut frames, message_of(format), heartbeat.len())?;
            frames.extend_from_slice(&heartbeat);
        }
        if has_ping {
            add_header(&mut frames, OpCode::Control(Control::Ping), 0)?;
        }
        Ok::<_, io::Error>(frames)
    };
    // The headers of such short frames are always valid.
    FRAMES.get(variant).map(|frames| &**frames.get_or_init(|| make().unwrap_or_default())).unwrap_or_default()
}

impl<S> Drop for Writer<'_, S> {
    fn drop(&mut self) {
        self.mailbox.sent();
    }
}

/// Returns the moment after `duration`. To reset a timer costs less than to create one.
fn after(duration: Duration) -> Instant {
    sleep(duration).deadline()
}

/// Returns the time until the next heartbeat: at most `interval`. Many connections share the moment at which theirs is due,
/// so that the process wakes up a few times a second, not for each of them.
fn until_heartbeat(interval: Duration, elapsed: Duration) -> Duration {
    let step = interval.checked_div(16).unwrap_or_default().min(MAX_HEARTBEAT_STEP).as_nanos().max(1);
    let early = elapsed.saturating_add(interval).as_nanos().checked_rem(step).unwrap_or_default();
    interval.saturating_sub(Duration::from_nanos(u64::try_from(early).unwrap_or_default()))
}

/// Returns the time limit for a client to read a frame.
fn time_to_read(limits: &Limits, bytes: usize) -> Duration {
    let millis = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000);
    let millis = millis.checked_div(limits.answer_bytes_per_second.into()).unwrap_or_default();
    limits.answer_deadline.saturating_add(Duration::from_millis(millis))
}

struct Reader<'a, S> {
    frames: Frames<ReadHalf<S>>,
    connection: Connection,
    closing: watch::Receiver<bool>,
    pongs: &'a Pongs,
    /// True if the client has closed the connection, and waits for the answer.
    is_closed: bool,
}

impl<S: AsyncRead> Reader<'_, S> {
    /// Handles frames, signals and the passage of time until the connection ends.
    async fn run(&mut self) -> Ending {
        let mailbox = Arc::clone(self.connection.mailbox());
        let (max_waiting, max_silence) =
            self.connection.reading_limits(HEARTBEATS_PER_PING.saturating_mul(UNANSWERED_PINGS));
        let mut silence = std::pin::pin!(sleep(max_silence));
        loop {
            let until_tick = self.connection.until_tick().unwrap_or(max_silence).min(max_silence);
            // A timer of zero may fire only after the next frame, so check here.
            if until_tick.is_zero() {
                if let Flow::End(ending) = self.connection.tick() {
                    return ending;
                }
            }
            let (frames, closing) = (&mut self.frames, &mut self.closing);
            let closing = async { closing.wait_for(|closing| *closing).await.is_ok() };
            let next = async {
                // Read nothing from a client that reads nothing.
                mailbox.below(max_waiting).await;
                frames.next().await
            };
            let flow = tokio::select! {
                biased;
                _ = closing => Flow::End(Connection::shutdown()),
                signals = mailbox.signals() => self.connection.wake(signals),
                () = &mut silence => Flow::End(Ending::Lost),
                () = sleep(until_tick) => self.connection.tick(),
                next = next => {
                    silence.as_mut().reset(after(max_silence));
                    self.handle(next).await
                }
            };
            if let Flow::End(ending) = flow {
                return ending;
            }
        }
    }

    async fn handle(&mut self, next: io::Result<Received>) -> Flow {
        match next {
            Ok(Received::Message(content)) => {
                let flow = self.connection.receive(&content).await;
                drop(content);
                self.frames.settle();
                flow
            }
            Ok(Received::Ping(content)) => {
                self.pongs.send(content);
                self.connection.receive_control()
            }
            Ok(Received::Pong | Received::Part) => self.connection.receive_control(),
            Ok(Received::Close) => {
                self.is_closed = true;
                Flow::End(Ending::Lost)
            }
            Err(_) => Flow::End(Ending::Lost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_are_due_together_and_never_late() {
        let interval = Duration::from_secs(15);
        let mut moments = std::collections::BTreeSet::new();
        for millis in (0..10_000).step_by(7) {
            let elapsed = Duration::from_millis(millis);
            let until = until_heartbeat(interval, elapsed);
            assert!(until <= interval && interval.saturating_sub(until) < MAX_HEARTBEAT_STEP, "{until:?}");
            moments.insert(elapsed.saturating_add(until));
        }
        assert_eq!(moments.len(), 20, "two moments a second");
        assert!(until_heartbeat(Duration::from_millis(20), Duration::from_millis(7)) > Duration::from_millis(18));
        assert_eq!(until_heartbeat(Duration::ZERO, Duration::ZERO), Duration::ZERO);
    }
}
