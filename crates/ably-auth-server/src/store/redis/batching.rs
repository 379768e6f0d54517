//! What is asked at once shares a round trip: while one is under way, all that comes waits for the next.

use ably_auth_core::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::link::no_room;
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
pub(super) struct Batcher(mpsc::UnboundedSender<Asked>);

impl Batcher {
    /// Each trip gets the time, what to do, and the nonces to use.
    pub(super) fn start<Trip>(
        mut trip: impl FnMut(Timestamp, &'static str, Vec<Vec<u8>>) -> Trip + Send + 'static,
    ) -> Self
    where
        Trip: Future<Output = Result<String, Unavailable>> + Send,
    {
        let (sender, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut asked = Vec::new();
            while waiting.recv_many(&mut asked, MAX_AT_ONCE).await > 0 {
                if let Err(unavailable) = answer(&mut trip, &mut asked).await {
                    // Each of them has waited already, and would for as long again: some, if they are many, for ever.
                    while let Ok(Asked { done, .. }) = waiting.try_recv() {
                        let _ = done.send(Err(unavailable.clone()));
                    }
                }
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

/// In one trip; that one's failure is everybody's.
async fn answer<Trip>(
    trip: &mut impl FnMut(Timestamp, &'static str, Vec<Vec<u8>>) -> Trip,
    asked: &mut Vec<Asked>,
) -> Result<(), Unavailable>
where
    Trip: Future<Output = Result<String, Unavailable>>,
{
    // For who has gone meanwhile, nothing is used.
    asked.retain(|asked| !asked.done.is_closed());
    let Some(now) = asked.iter().map(|asked| asked.now).max() else {
        return Ok(());
    };
    let act = if asked.iter().all(|asked| asked.act == Act::Look) { "look" } else { "use" };
    let nonces = asked.iter().filter_map(|asked| match asked.act {
        Act::Use(nonce) => Some([nonce.timestamp().as_millis().to_string().into_bytes(), nonce.to_bytes().to_vec()]),
        Act::Look | Act::Touch => None,
    });
    let outcome = trip(now, act, nonces.flatten().collect()).await;
    let no_room = outcome.as_deref().ok().and_then(no_room);
    let mut letters = outcome.as_deref().unwrap_or_default();
    for Asked { act, done, .. } in asked.drain(..) {
        let answer = match (&outcome, act, no_room) {
            (Err(unavailable), ..) => Err(unavailable.clone()),
            (Ok(_), Act::Look, _) | (Ok(_), Act::Touch, None) => Ok(Use::First),
            (Ok(_), Act::Touch | Act::Use(_), Some(why)) => Err(Unavailable::new(why)),
            (Ok(_), Act::Use(_), None) => {
                next_use(&mut letters).ok_or_else(|| Unavailable::new(super::reply::MALFORMED))
            }
        };
        let _ = done.send(answer);
    }
    outcome.map(drop)
}

/// Reads one result from the start of `letters`: a letter and, after an `f`, the digits of a timestamp.
fn next_use(letters: &mut &str) -> Option<Use> {
    let mut chars = letters.chars();
    let letter = chars.next()?;
    *letters = chars.as_str();
    match letter {
        'd' => Some(Use::First),
        'a' => Some(Use::Again),
        'u' => Some(Use::Unknown),
        'f' => {
            let end = letters.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(letters.len());
            let (digits, rest) = letters.split_at_checked(end)?;
            *letters = rest;
            Some(Use::Forgotten { until: Timestamp::from_millis(digits.parse().ok()?) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use ably_auth_core::KeyName;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn nonce(nonce: &str) -> Act {
        Act::Use(Fingerprint::new(&KeyName::parse("app.key").unwrap(), nonce, at(1)))
    }

    #[tokio::test]
    async fn however_many_wait_nobody_waits_while_more_than_two_trips_fail() {
        let trips = Arc::new(AtomicUsize::new(0));
        let made = Arc::clone(&trips);
        let batcher = Batcher::start(move |_, _, _| {
            made.fetch_add(1, Ordering::SeqCst);
            async { Err(Unavailable::new("it stands still")) }
        });
        let all: Vec<_> = (0..20 * MAX_AT_ONCE).map(|nth| batcher.ask(nonce(&nth.to_string()), at(1))).collect();
        for asked in all {
            assert!(asked.await.is_err());
        }
        assert!(trips.load(Ordering::SeqCst) <= 2);
        assert!(batcher.ask(Act::Look, at(1)).await.is_err());
        assert!(trips.load(Ordering::SeqCst) >= 2, "who comes later has a trip of their own");
    }

    #[tokio::test]
    async fn each_gets_the_answer_to_what_it_asked_and_who_has_gone_uses_nothing() {
        let trips = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&trips);
        let batcher = Batcher::start(move |now, act, nonces| {
            seen.lock().unwrap().push((now, act, nonces.len() / 2));
            async { Ok("daf17u".to_owned()) }
        });
        let (look, first, gone) =
            (batcher.ask(Act::Look, at(3)), batcher.ask(nonce("a"), at(1)), batcher.ask(nonce("b"), at(9)));
        drop(gone);
        let (again, touch, forgotten, unknown, one_more) = (
            batcher.ask(nonce("a"), at(2)),
            batcher.ask(Act::Touch, at(7)),
            batcher.ask(nonce("c"), at(1)),
            batcher.ask(nonce("d"), at(1)),
            batcher.ask(nonce("e"), at(1)),
        );
        assert_eq!(
            (look.await.unwrap(), first.await.unwrap(), again.await.unwrap()),
            (Use::First, Use::First, Use::Again)
        );
        let until = at(17);
        assert_eq!((touch.await.unwrap(), forgotten.await.unwrap()), (Use::First, Use::Forgotten { until }));
        assert_eq!(unknown.await.unwrap(), Use::Unknown);
        assert!(one_more.await.is_err(), "there was no letter for it");
        assert!(batcher.ask(Act::Look, at(8)).await.is_ok());
        assert_eq!(*trips.lock().unwrap(), [(at(7), "use", 5), (at(8), "look", 0)]);
    }

    #[tokio::test]
    async fn more_than_fit_into_a_trip_take_another() {
        let trips = Arc::new(AtomicUsize::new(0));
        let made = Arc::clone(&trips);
        let batcher = Batcher::start(move |_, _, nonces| {
            made.fetch_add(1, Ordering::SeqCst);
            async move { Ok("d".repeat(nonces.len() / 2)) }
        });
        let all: Vec<_> = (0..3 * MAX_AT_ONCE).map(|nth| batcher.ask(nonce(&nth.to_string()), at(1))).collect();
        for asked in all {
            assert_eq!(asked.await.unwrap(), Use::First);
        }
        assert_eq!(trips.load(Ordering::SeqCst), 3);
    }
}
