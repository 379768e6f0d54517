//! What is asked at once shares a round trip: while one is under way, all that comes waits for the next.

use std::sync::Arc;

use ably_auth_core::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::Inner;
use crate::store::{Fingerprint, Unavailable, Use};

/// The most that shares one, so that Redis is never busy for long.
const MAX_AT_ONCE: usize = 256;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// What is new.
    Look,
    /// That, and to remember the time.
    Touch,
    /// That, and to use a nonce.
    Use(Fingerprint),
}

struct Asked {
    act: Act,
    now: Timestamp,
    done: oneshot::Sender<Result<Use, Unavailable>>,
}

/// The way to the one who asks. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Together(mpsc::UnboundedSender<Asked>);

impl Together {
    pub(super) fn start(inner: Arc<Inner>) -> Self {
        let (sender, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut asked = Vec::new();
            while waiting.recv_many(&mut asked, MAX_AT_ONCE).await > 0 {
                answer(&inner, &mut asked).await;
            }
        });
        Self(sender)
    }

    /// Hands it over at once.
    pub(super) fn ask(
        &self,
        act: Act,
        now: Timestamp,
    ) -> impl Future<Output = Result<Use, Unavailable>> + Send + use<> {
        let (done, answer) = oneshot::channel();
        let taken = self.0.send(Asked { act, now, done }).is_ok();
        async move {
            match answer.await {
                Ok(answer) if taken => answer,
                _ => Err(Unavailable::new("the runtime on which the store was connected has ended")),
            }
        }
    }
}

async fn answer(inner: &Arc<Inner>, asked: &mut Vec<Asked>) {
    // For who has gone meanwhile, nothing is used.
    asked.retain(|asked| !asked.done.is_closed());
    let Some(now) = asked.iter().map(|asked| asked.now).max() else {
        return;
    };
    let act = if asked.iter().all(|asked| asked.act == Act::Look) { "look" } else { "use" };
    let nonces = asked.iter().filter_map(|asked| match asked.act {
        Act::Use(nonce) => Some([nonce.timestamp().as_millis().to_string().into_bytes(), nonce.to_bytes().to_vec()]),
        Act::Look | Act::Touch => None,
    });
    let outcome = inner.trip(now, act, nonces.flatten().collect()).await;
    let mut letters = outcome.as_deref().unwrap_or_default().bytes();
    for Asked { act, done, .. } in asked.drain(..) {
        let answer = match (&outcome, act) {
            (Err(unavailable), _) => Err(unavailable.clone()),
            (Ok(_), Act::Look | Act::Touch) => Ok(Use::First),
            (Ok(_), Act::Use(_)) => match letters.next() {
                Some(b'd') => Ok(Use::First),
                Some(b'a') => Ok(Use::Again),
                Some(b'f') => Ok(Use::Forgotten),
                Some(b'u') => Ok(Use::Unknown),
                _ => Err(Unavailable::new("the script's answer is not in the form of one")),
            },
        };
        let _ = done.send(answer);
    }
}
