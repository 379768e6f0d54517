//! A connection of a service to the simulated Redis.

use tokio::io::{AsyncWriteExt as _, BufReader, DuplexStream, WriteHalf};
use tokio::select;
use tokio::sync::{mpsc, watch};

use super::SimulatedRedis;
use super::reply::{Reply, read_command};

/// Serves a connection until it is closed, or all of them are reset.
pub(super) async fn serve(redis: SimulatedRedis, host: String, stream: DuplexStream, mut resets: watch::Receiver<u64>) {
    let (reader, writer) = tokio::io::split(stream);
    let (events, pushed) = mpsc::unbounded_channel();
    select! {
        biased;
        _ = resets.changed() => {}
        () = answer(&redis, &host, BufReader::new(reader), writer, events, pushed) => {}
    }
}

async fn answer(
    redis: &SimulatedRedis,
    host: &str,
    mut reader: BufReader<tokio::io::ReadHalf<DuplexStream>>,
    mut writer: WriteHalf<DuplexStream>,
    events: mpsc::UnboundedSender<Vec<u8>>,
    mut pushed: mpsc::UnboundedReceiver<Vec<u8>>,
) {
    loop {
        // A subscriber sends nothing more, so that no command is read in part and dropped.
        let is_subscriber = redis.state.borrow().subscribers.iter().any(|(_, to)| to.same_channel(&events));
        let bytes = if is_subscriber {
            match pushed.recv().await {
                Some(event) => event,
                None => return,
            }
        } else {
            let Ok(command) = read_command(&mut reader).await else { return };
            redis.pass(host).await;
            let reply = redis.execute(&command, &events);
            let mut bytes = Vec::new();
            reply.encode(&mut bytes);
            bytes
        };
        redis.pass(host).await;
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

impl SimulatedRedis {
    fn execute(&self, command: &[Vec<u8>], events: &mpsc::UnboundedSender<Vec<u8>>) -> Reply {
        let text = |nth: usize| command.get(nth).map(|arg| String::from_utf8_lossy(arg).to_uppercase());
        match (text(0).as_deref(), &command[1..]) {
            (Some("SUBSCRIBE"), [channel]) => {
                self.state.borrow_mut().subscribers.push((channel.clone(), events.clone()));
                Reply::List(vec![Reply::Text(b"subscribe".to_vec()), Reply::Text(channel.clone()), Reply::Number(1)])
            }
            (Some("PUBLISH"), [channel, event]) => {
                let message = Reply::List(
                    [&b"message"[..], channel, event].into_iter().map(|part| Reply::Text(part.to_vec())).collect(),
                );
                let mut bytes = Vec::new();
                message.encode(&mut bytes);
                let mut state = self.state.borrow_mut();
                state.subscribers.retain(|(_, to)| !to.is_closed());
                let to: Vec<_> = state.subscribers.iter().filter(|(of, _)| of == channel).collect();
                let sent = to.iter().filter(|(_, to)| to.send(bytes.clone()).is_ok()).count();
                Reply::Number(sent as i64)
            }
            (Some("EVALSHA"), [sha, count, args @ ..]) => {
                let count = String::from_utf8_lossy(count).parse().unwrap_or(0).min(args.len());
                let scripts = self.state.borrow().scripts.clone();
                let reply = scripts.run(sha, &args[..count], &args[count..], &self.state);
                self.state.borrow_mut().remember(false);
                reply
            }
            (Some("SCRIPT"), [_, source]) => {
                let scripts = self.state.borrow().scripts.clone();
                Reply::Text(scripts.load(source).into_bytes())
            }
            _ => {
                let mut state = self.state.borrow_mut();
                let reply = state.command(command);
                state.remember(false);
                reply
            }
        }
    }
}
