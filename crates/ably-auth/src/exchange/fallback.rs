//! Host fallback: selects the host of a request, and the next host after a failure.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, SERVER};
use http::uri::Authority;
use http::{Request, Response, Uri};

use super::redacted_debug::RedactedDebug;
use crate::error::Error;
use crate::hosts::{Endpoint, fallback_host};
use crate::http_settings::HttpSettings;
use crate::random::Random;
use crate::transport::TransportFault;

/// The hosts of a service: its primary host, the fallback hosts, and the fallback that worked last (`RSC15`).
///
/// ```
/// use std::time::Duration;
///
/// use ably_auth::exchange::{FallbackStep, Hosts};
/// use ably_auth::{Endpoint, HttpSettings};
/// use bytes::Bytes;
/// use http::Request;
///
/// let hosts = Hosts::new(&Endpoint::default(), &HttpSettings::default())?; // for all requests to the service
/// let request = Request::get("https://main.realtime.ably.net/time").body(Bytes::new()).unwrap();
/// let FallbackStep::Send(request) = hosts.request(request, Duration::ZERO).start() else { panic!("expected a request") };
/// assert_eq!(request.uri().host(), Some("main.realtime.ably.net"));
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Debug)]
pub struct Hosts {
    primary: Authority,
    fallbacks: Vec<Authority>,
    max_retry_count: usize,
    max_retry_duration: Duration,
    retry_timeout: Duration,
    remembered: Mutex<Option<Remembered>>,
}

/// A fallback that has worked, and the time until which it is preferred.
#[derive(Clone, Debug, PartialEq)]
struct Remembered {
    host: Authority,
    until: Duration,
}

impl Hosts {
    /// Creates the hosts of `endpoint` by `settings`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if a fallback host in the settings is invalid.
    pub fn new(endpoint: &Endpoint, settings: &HttpSettings) -> Result<Self, Error> {
        let named = match settings.named_fallback_hosts()? {
            Some(hosts) => hosts.to_vec(),
            None => {
                endpoint.default_fallback_hosts().iter().map(|host| fallback_host(host)).collect::<Result<_, _>>()?
            }
        };
        let mut fallbacks: Vec<Authority> = Vec::new();
        for host in named {
            let host = match (host.port(), endpoint.authority().port()) {
                (None, Some(port)) => fallback_host(&format!("{host}:{port}"))?,
                _ => host,
            };
            if !fallbacks.contains(&host) {
                fallbacks.push(host);
            }
        }
        Ok(Self {
            primary: endpoint.authority().clone(),
            fallbacks,
            max_retry_count: settings.http_max_retry_count,
            max_retry_duration: settings.http_max_retry_duration,
            retry_timeout: settings.fallback_retry_timeout,
            remembered: Mutex::new(None),
        })
    }

    #[cfg(feature = "realtime")]
    pub(crate) const fn primary(&self) -> &Authority {
        &self.primary
    }

    #[cfg(feature = "realtime")]
    pub(crate) fn fallbacks(&self) -> &[Authority] {
        &self.fallbacks
    }

    /// Starts sending `request`, whose URI is absolute. `now` is the time of any monotonic clock. A request to another
    /// host than the endpoint is sent there once.
    pub fn request(&self, request: Request<Bytes>, now: Duration) -> HostFallback<'_> {
        let is_for_primary = request.uri().authority() == Some(&self.primary);
        let target = match self.remembered(now).filter(|_| is_for_primary) {
            Some(remembered) => Target::Remembered(remembered),
            None => Target::Primary,
        };
        let retries_left = if is_for_primary { self.max_retry_count } else { 0 };
        let mut fallback = HostFallback {
            hosts: self,
            request,
            started: now,
            target,
            primary_tried: false,
            untried: None,
            retries_left,
        };
        // The transport sets the `Host` header, for each host again (`RSC15j`).
        fallback.request.headers_mut().remove(HOST);
        fallback
    }

    fn lock(&self) -> MutexGuard<'_, Option<Remembered>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, now: Duration) -> Option<Remembered> {
        let mut remembered = self.lock();
        *remembered = remembered.take().filter(|remembered| now < remembered.until);
        remembered.clone()
    }

    fn remember(&self, host: Authority, now: Duration) {
        let until = now.saturating_add(self.retry_timeout);
        *self.lock() = Some(Remembered { host, until });
    }

    /// Removes the fallback that has failed, unless another one was stored meanwhile.
    fn forget(&self, failed: &Remembered) {
        let mut remembered = self.lock();
        if remembered.as_ref() == Some(failed) {
            *remembered = None;
        }
    }
}

/// The next step of a request with host fallback.
///
/// ```
/// use std::time::Duration;
///
/// use ably_auth::exchange::{FallbackStep, Hosts};
/// use ably_auth::{Endpoint, HttpSettings, SystemRandom};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// let hosts = Hosts::new(&Endpoint::default(), &HttpSettings::default())?;
/// let request = Request::get("https://main.realtime.ably.net/time").body(Bytes::new()).unwrap();
/// let mut request = hosts.request(request, Duration::ZERO);
/// let mut step = request.start();
/// let answer = loop {
///     step = match step {
///         FallbackStep::Send(request_to_host) => {
///             # let _ = request_to_host;
///             let answer = Ok(Response::new(Bytes::from_static(b"[1449746287318]"))); // from that host
///             request.answered(answer, Duration::from_secs(1), &SystemRandom)
///         }
///         FallbackStep::Done(answer) => break answer,
///     };
/// };
/// assert!(answer.is_ok());
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[allow(clippy::large_enum_variant, reason = "only one step exists at a time, and most steps are `Send`")]
pub enum FallbackStep {
    /// Send this request, and pass the response to [`HostFallback::answered`].
    Send(Request<Bytes>),
    /// No other host is tried: this is the outcome of the last one.
    Done(Result<Response<Bytes>, TransportFault>),
}

/// One request to a service with several hosts, until one of them serves it (`RSC15`, `RSC25`).
///
/// It first goes to the fallback that worked recently, or else to the primary host. After a failure it goes to the
/// primary host, if it has not been there, and then to the fallbacks in random order. Failures are: the host cannot be
/// reached, the connection fails or times out, the status is 500 to 504, or CloudFront responds with a status of 400 or
/// above (`RSC15l`).
///
/// ```
/// use std::time::Duration;
///
/// use ably_auth::exchange::{FallbackStep, Hosts};
/// use ably_auth::{Endpoint, FaultKind, HttpSettings, SystemRandom, TransportFault};
/// use bytes::Bytes;
/// use http::Request;
///
/// let hosts = Hosts::new(&Endpoint::default(), &HttpSettings::default())?;
/// let request = Request::get("https://main.realtime.ably.net/time").body(Bytes::new()).unwrap();
/// let mut request = hosts.request(request, Duration::ZERO);
/// let FallbackStep::Send(first) = request.start() else { panic!("expected a request") };
/// assert_eq!(first.uri().host(), Some("main.realtime.ably.net"));
///
/// let fault = TransportFault::new(FaultKind::Unreachable, "connection refused");
/// let FallbackStep::Send(second) = request.answered(Err(fault), Duration::from_secs(1), &SystemRandom) else {
///     panic!("expected a request to the next host")
/// };
/// assert!(second.uri().host().unwrap().ends_with(".fallback.ably-realtime.com"));
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct HostFallback<'a> {
    hosts: &'a Hosts,
    request: Request<Bytes>,
    started: Duration,
    target: Target,
    primary_tried: bool,
    /// Set by the first failure.
    untried: Option<Vec<Authority>>,
    retries_left: usize,
}

#[derive(Debug)]
enum Target {
    Primary,
    Remembered(Remembered),
    Fallback(Authority),
}

impl HostFallback<'_> {
    /// Returns the first step.
    pub fn start(&mut self) -> FallbackStep {
        self.send()
    }

    /// Returns the step after a response, or after a fault without a response, at the time `now`. The order of the
    /// fallbacks depends only on `random`.
    pub fn answered(
        &mut self,
        answer: Result<Response<Bytes>, TransportFault>,
        now: Duration,
        random: &dyn Random,
    ) -> FallbackStep {
        if !is_host_failure(&answer) {
            // A success of a remembered host does not extend its time, because the response may arrive after that time
            // (`RSC15f`).
            if let (Target::Fallback(host), Ok(_)) = (&self.target, &answer) {
                self.hosts.remember(host.clone(), now);
            }
            return FallbackStep::Done(answer);
        }
        let mut failed = None;
        if let Target::Remembered(remembered) = &self.target {
            self.hosts.forget(remembered);
            failed = Some(remembered.host.clone());
        }
        let in_time = now.saturating_sub(self.started) < self.hosts.max_retry_duration;
        let next = match self.retries_left.checked_sub(1) {
            Some(left) if in_time => {
                self.retries_left = left;
                self.next(failed.as_ref(), random)
            }
            _ => None,
        };
        match next {
            Some(target) => {
                self.target = target;
                self.send()
            }
            None => FallbackStep::Done(answer),
        }
    }

    fn next(&mut self, failed: Option<&Authority>, random: &dyn Random) -> Option<Target> {
        let hosts = &self.hosts.fallbacks;
        let untried =
            self.untried.get_or_insert_with(|| hosts.iter().filter(|host| Some(*host) != failed).cloned().collect());
        if !self.primary_tried {
            return Some(Target::Primary);
        }
        // Without randomness, use the order of the list: sending the request matters more than a random order.
        let drawn = random.bytes().map_or(0, u128::from_le_bytes);
        let pick = drawn.checked_rem(untried.len() as u128).and_then(|pick| usize::try_from(pick).ok())?;
        Some(Target::Fallback(untried.swap_remove(pick)))
    }

    fn send(&mut self) -> FallbackStep {
        let host = match &self.target {
            Target::Primary => {
                self.primary_tried = true;
                None
            }
            Target::Remembered(Remembered { host, .. }) | Target::Fallback(host) => Some(host),
        };
        let mut request = self.request.clone();
        if let Some(host) = host {
            let mut parts = request.uri().clone().into_parts();
            parts.authority = Some(host.clone());
            // Replacing the authority of an absolute URI does not fail.
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
        FallbackStep::Send(request)
    }
}

/// Returns true if the host failed, not the request (`RSC15l`).
fn is_host_failure(answer: &Result<Response<Bytes>, TransportFault>) -> bool {
    match answer {
        Err(fault) => fault.kind().is_of_host(),
        Ok(answer) => {
            let by_cloudfront = || answer.headers().get(SERVER).is_some_and(|server| server == "CloudFront");
            match answer.status().as_u16() {
                500..=504 => true,
                400.. => by_cloudfront(),
                _ => false,
            }
        }
    }
}

impl fmt::Debug for FallbackStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(request) => f.debug_tuple("Send").field(&RedactedDebug(request)).finish(),
            Self::Done(outcome) => f.debug_tuple("Done").field(&outcome.as_ref().map(RedactedDebug)).finish(),
        }
    }
}

impl fmt::Debug for HostFallback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostFallback")
            .field("request", &RedactedDebug(&self.request))
            .field("target", &self.target)
            .field("retries_left", &self.retries_left)
            .finish_non_exhaustive()
    }
}
