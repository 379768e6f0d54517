//! WebSocket frames from a client (RFC 6455, section 5). A message uses memory only for the bytes that have
//! arrived, and these are counted. An announced length reserves nothing, and a silent connection has no buffer.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::live::mailbox::Mailbox;
use crate::live::protocol::outbound::MAX_FRAME_SIZE;

/// The maximum number of bytes that are read at once.
const READ_SIZE: usize = 4 * 1024;

/// The bytes of a message that are not counted, since every connection has room for them.
const UNCOUNTED: usize = 4 * 1024;

/// The maximum length of the content of a control frame.
const MAX_CONTROL: usize = 125;

/// A frame or message from a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// A whole message.
    Message(Vec<u8>),
    /// A part of a message that goes on.
    Part,
    /// A ping, with the content of its answer.
    Ping(Bytes),
    Pong,
    Close,
}

/// The part of a frame that has not been handled yet.
struct Rest {
    header: FrameHeader,
    length: usize,
    /// The number of bytes that were handled, which selects the byte of the mask.
    handled: usize,
}

/// The frames of a connection.
pub(super) struct Frames<S> {
    stream: S,
    /// The bytes that were read and not handled yet.
    input: Vec<u8>,
    rest: Option<Rest>,
    /// The content of the message that is being received, or of a control frame.
    message: Vec<u8>,
    control: Vec<u8>,
    /// True if a part of a message was received that goes on.
    is_in_parts: bool,
    /// The bytes that are counted.
    counted: usize,
    payer: Arc<Mailbox>,
    /// The time for a message to arrive.
    deadline: Duration,
    /// The timer for the rest of a message of which a part has been received.
    until: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + Unpin> Frames<S> {
    /// Reads frames from a stream. `read` are the bytes that were read with the request. `payer` pays for their memory.
    pub(super) fn new(stream: S, read: &[u8], payer: Arc<Mailbox>, deadline: Duration) -> Self {
        Self {
            stream,
            input: read.to_vec(),
            rest: None,
            message: Vec::new(),
            control: Vec::new(),
            is_in_parts: false,
            counted: 0,
            payer,
            deadline,
            until: None,
        }
    }

    /// Waits for the next frame. If this is cancelled, nothing is lost.
    pub(super) async fn next(&mut self) -> io::Result<Received> {
        loop {
            if let Some(received) = self.handle_input()? {
                return Ok(received);
            }
            let is_complete = self.input.is_empty() && self.rest.is_none() && !self.is_in_parts;
            let Self { stream, input, until, deadline, .. } = self;
            let bytes = if is_complete {
                *until = None;
                read(stream, input).await?
            } else {
                let until = until.get_or_insert_with(|| Box::pin(sleep(*deadline)));
                tokio::select! {
                    biased;
                    bytes = read(stream, input) => bytes?,
                    () = until => return Err(io::ErrorKind::TimedOut.into()),
                }
            };
            if bytes == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Handles what was read. Returns `None` if more is needed.
    fn handle_input(&mut self) -> io::Result<Option<Received>> {
        let mut rest = match self.rest.take() {
            Some(rest) => rest,
            None => match self.parse_header()? {
                Some(rest) => rest,
                None => return Ok(None),
            },
        };
        let wanted = rest.length.saturating_sub(rest.handled).min(self.input.len());
        if let OpCode::Data(_) = rest.header.opcode {
            // The length of a message in parts is not known.
            let is_whole = rest.header.is_final && !self.is_in_parts;
            let most = if is_whole { rest.length } else { MAX_FRAME_SIZE };
            self.make_room(wanted, most)?;
        }
        let target = match rest.header.opcode {
            OpCode::Data(_) => &mut self.message,
            OpCode::Control(_) => &mut self.control,
        };
        let mut mask = rest.header.mask.unwrap_or_default();
        mask.rotate_left(rest.handled % 4);
        let before = target.len();
        target.extend(self.input.drain(..wanted));
        unmask(target.get_mut(before..).unwrap_or_default(), mask);
        rest.handled = rest.handled.saturating_add(wanted);
        if self.input.is_empty() {
            self.input = Vec::new();
        }
        if rest.handled < rest.length {
            self.rest = Some(rest);
            return Ok(None);
        }
        Ok(Some(self.end_frame(&rest.header)))
    }

    /// Reads the header of a frame, once it is received as a whole, and checks it.
    fn parse_header(&mut self) -> io::Result<Option<Rest>> {
        let mut cursor = io::Cursor::new(&*self.input);
        let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| invalid())? else {
            return Ok(None);
        };
        let parsed = usize::try_from(cursor.position()).unwrap_or(usize::MAX).min(self.input.len());
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let is_valid = match header.opcode {
            OpCode::Control(Control::Reserved(_)) | OpCode::Data(Data::Reserved(_)) => false,
            OpCode::Control(_) => header.is_final && length <= MAX_CONTROL,
            OpCode::Data(data) => {
                let whole = length.saturating_add(self.message.len());
                (data == Data::Continue) == self.is_in_parts && whole <= MAX_FRAME_SIZE
            }
        };
        let has_extension = header.rsv1 || header.rsv2 || header.rsv3;
        if !is_valid || has_extension || header.mask.is_none() {
            return Err(invalid());
        }
        self.input.drain(..parsed);
        Ok(Some(Rest { header, length, handled: 0 }))
    }

    fn end_frame(&mut self, header: &FrameHeader) -> Received {
        match header.opcode {
            OpCode::Data(_) => {
                self.is_in_parts = !header.is_final;
                if self.is_in_parts {
                    return Received::Part;
                }
                self.until = None;
                Received::Message(std::mem::take(&mut self.message))
            }
            OpCode::Control(control) => {
                if !self.is_in_parts {
                    self.until = None;
                }
                let content = std::mem::take(&mut self.control);
                match control {
                    Control::Ping => Received::Ping(content.into()),
                    Control::Pong => Received::Pong,
                    Control::Close | Control::Reserved(_) => Received::Close,
                }
            }
        }
    }

    /// Makes room for more of a message, which is `most` bytes long at most, and counts it.
    fn make_room(&mut self, bytes: usize, most: usize) -> io::Result<()> {
        let needed = self.message.len().saturating_add(bytes);
        if needed <= self.message.capacity() {
            return Ok(());
        }
        // Doubled, so that a message in small parts is not copied for each.
        let capacity = needed.max(self.message.capacity().saturating_mul(2)).min(most);
        let more = capacity.saturating_sub(UNCOUNTED).saturating_sub(self.counted);
        if more > 0 && !self.payer.account.take(more) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.counted = self.counted.saturating_add(more);
        self.message.reserve_exact(capacity.saturating_sub(self.message.len()));
        Ok(())
    }

    pub(super) const fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Gives back the memory of a message that was handled.
    pub(super) fn settle(&mut self) {
        // A message in parts may go on.
        if self.message.capacity() == 0 {
            self.payer.account.give_back(std::mem::take(&mut self.counted));
        }
    }
}

impl<S> Drop for Frames<S> {
    fn drop(&mut self) {
        self.payer.account.give_back(self.counted);
    }
}

/// Applies a mask, to 16 bytes at once.
fn unmask(bytes: &mut [u8], [a, b, c, d]: [u8; 4]) {
    let mask = [a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d];
    let mut chunks = bytes.chunks_exact_mut(mask.len());
    for chunk in &mut chunks {
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    chunks.into_remainder().iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

/// Reads bytes; 0 at the end of the stream. The space for them is on the stack, so that waiting needs none.
async fn read<S: AsyncRead + Unpin>(stream: &mut S, input: &mut Vec<u8>) -> io::Result<usize> {
    std::future::poll_fn(|context| {
        let mut space = [MaybeUninit::uninit(); READ_SIZE];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
        input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
    .await
}

/// Discards what a client sends until it closes the connection, or has sent `most` bytes.
pub(super) async fn discard<S: AsyncRead + Unpin>(stream: &mut S, most: usize) -> io::Result<()> {
    let mut discarded = 0_usize;
    while discarded < most {
        match read(stream, &mut Vec::new()).await? {
            0 => break,
            bytes => discarded = discarded.saturating_add(bytes),
        }
    }
    Ok(())
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::format::Format;
    use crate::limits::budget::{Account, Budget};

    const MASK: [u8; 4] = [1, 2, 3, 4];

    /// Returns a frame with a mask.
    fn frame(first: u8, content: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match u16::try_from(content.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | u8::try_from(length).unwrap()),
            Ok(length) => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => {
                frame.push(0x80 | 127);
                frame.extend(u64::try_from(content.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(content.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    fn payer(most: usize, budget: &Arc<Budget>) -> Arc<Mailbox> {
        Mailbox::new(1, "c".into(), Format::Json, true, Account::new(most, [Arc::clone(budget)]))
    }

    /// Returns what is received from a stream of bytes, which arrive in pieces of `size`.
    async fn received(bytes: &[u8], size: usize) -> Vec<Received> {
        let budget = Budget::new(usize::MAX);
        let (mut client, stream) = tokio::io::duplex(size);
        let mut frames = Frames::new(stream, &[], payer(usize::MAX, &budget), Duration::from_secs(10));
        let send = async {
            client.write_all(bytes).await.unwrap();
            drop(client);
        };
        let read = async {
            let mut all = Vec::new();
            loop {
                match frames.next().await {
                    Err(_) => return all,
                    Ok(received) => all.push(received),
                }
                frames.settle();
            }
        };
        let (_, all) = tokio::join!(send, read);
        drop(frames);
        assert_eq!(budget.used(), 0);
        all
    }

    #[tokio::test]
    async fn frames_are_read_in_pieces_of_any_size() {
        let long = vec![b'x'; 70_000];
        let pieces = [
            frame(0x81, b"hello"),
            frame(0x01, b"one "),
            frame(0x89, b"ping"),
            frame(0x00, b""),
            frame(0x80, b"message"),
            frame(0x8a, b""),
            frame(0x82, &long),
            frame(0x82, &[b'y'; 300]),
        ];
        let expected = [
            Received::Message(b"hello".to_vec()),
            Received::Part,
            Received::Ping(Bytes::from_static(b"ping")),
            Received::Part,
            Received::Message(b"one message".to_vec()),
            Received::Pong,
            Received::Message(long),
            Received::Message(vec![b'y'; 300]),
        ];
        for size in [1, 7, 4_096, 100_000] {
            assert_eq!(received(&pieces.concat(), size).await, expected, "{size}");
        }
    }

    #[tokio::test]
    async fn invalid_frames_are_refused() {
        let mut without_mask = frame(0x81, b"");
        without_mask.truncate(2);
        without_mask[1] = 0;
        let announced = [0x82, 0xff, 0, 0, 0, 0, 0, 8, 0, 1, 1, 2, 3, 4];
        let invalid = [
            without_mask,
            frame(0x80, b"continues nothing"),
            [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
            frame(0x09, b"a ping in parts"),
            frame(0x89, &[0; 126]),
            frame(0xc1, b"an extension"),
            frame(0x83, b"reserved"),
            announced.to_vec(),
            [frame(0x02, &[0; MAX_FRAME_SIZE]), frame(0x80, b"too long")].concat(),
        ];
        for bytes in invalid {
            let all = received(&[bytes, frame(0x81, b"later")].concat(), 4_096).await;
            assert!(all.iter().all(|received| *received == Received::Part), "{all:?}");
        }
    }

    #[tokio::test]
    async fn memory_is_counted_as_a_message_arrives() {
        let budget = Budget::new(usize::MAX);
        let (mut client, stream) = tokio::io::duplex(1 << 20);
        let mut frames = Frames::new(stream, &[], payer(80_000, &budget), Duration::from_secs(10));
        let whole = frame(0x82, &[0; 90_000]);
        client.write_all(&whole[..20]).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(1), frames.next()).await.is_err());
        assert_eq!(budget.used(), 0, "an announced length reserves nothing");
        client.write_all(&whole[20..50_000]).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(1), frames.next()).await.is_err());
        assert!((40_000..80_000).contains(&budget.used()), "{}", budget.used());
        client.write_all(&whole[50_000..]).await.unwrap();
        assert!(matches!(frames.next().await, Err(error) if error.kind() == io::ErrorKind::OutOfMemory));
        drop(frames);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn message_that_does_not_end_is_given_up() {
        let (mut client, stream) = tokio::io::duplex(64);
        let budget = Budget::new(0);
        let mut frames = Frames::new(stream, &[], payer(0, &budget), Duration::from_secs(10));
        client.write_all(&frame(0x01, b"a")).await.unwrap();
        assert_eq!(frames.next().await.unwrap(), Received::Part);
        let more = async {
            loop {
                sleep(Duration::from_secs(3)).await;
                client.write_all(&frame(0x00, b"b")).await.unwrap();
            }
        };
        let read = async {
            for parts in 0.. {
                if let Err(error) = frames.next().await {
                    return (error.kind(), parts);
                }
            }
            unreachable!()
        };
        let ended = tokio::select! { ended = read => ended, () = more => unreachable!() };
        assert_eq!(ended, (io::ErrorKind::TimedOut, 3), "after 10 s");
    }
}
