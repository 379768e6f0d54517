//! The fetches in flight, which callers join.

use std::sync::Arc;

use ably_auth_core::TokenParams;

use crate::error::Error;

/// A handle to a fetch that callers can wait for.
pub(super) trait Handle {
    /// The fetch, as a caller waits for it.
    type Fetch;

    /// Returns true if some caller still drives the fetch.
    fn is_alive(&self) -> bool;

    /// Returns true if the calling code is the fetch's own source, which would wait for itself.
    fn is_of_caller(&self) -> bool;

    /// Returns the fetch, or `None` if it has ended.
    fn join(&self) -> Option<Self::Fetch>;
}

/// A source, and the params of the token to request from it.
pub(super) struct TokenQuery<S: ?Sized> {
    pub(super) source: Arc<S>,
    pub(super) params: Arc<TokenParams>,
}

impl<S: ?Sized> Clone for TokenQuery<S> {
    fn clone(&self) -> Self {
        Self { source: Arc::clone(&self.source), params: Arc::clone(&self.params) }
    }
}

impl<S: ?Sized> PartialEq for TokenQuery<S> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.params == other.params
    }
}

/// The number of a fetch, in the order in which fetches begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

impl Ticket {
    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The fetches in flight, with at most one for each query that callers can join.
pub(super) struct InFlight<S: ?Sized, H>(Vec<Entry<S, H>>);

struct Entry<S: ?Sized, H> {
    ticket: Ticket,
    query: TokenQuery<S>,
    handle: H,
}

impl<S: ?Sized, H: Handle> InFlight<S, H> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns the handle of the fetch for `query`, and its number.
    pub(super) fn find(&self, query: &TokenQuery<S>) -> Option<(Ticket, &H)> {
        let mut alive = self.0.iter().filter(|fetch| fetch.handle.is_alive());
        alive.find(|fetch| fetch.query == *query).map(|fetch| (fetch.ticket, &fetch.handle))
    }

    /// Returns the fetch for `query`, for a caller to wait for, and its number.
    ///
    /// # Errors
    /// If the caller is the source of that fetch, which would wait for itself.
    pub(super) fn join(&self, query: &TokenQuery<S>) -> Result<Option<(Ticket, H::Fetch)>, Error> {
        match self.find(query) {
            Some((_, handle)) if handle.is_of_caller() => Err(Error::source_waits_for_itself()),
            Some((ticket, handle)) => Ok(handle.join().map(|fetch| (ticket, fetch))),
            None => Ok(None),
        }
    }

    /// Adds a fetch that has begun.
    pub(super) fn add(&mut self, ticket: Ticket, query: TokenQuery<S>, handle: H) {
        self.0.retain(|fetch| fetch.handle.is_alive());
        self.0.push(Entry { ticket, query, handle });
    }

    /// Removes a fetch that has ended.
    pub(super) fn remove(&mut self, ticket: Ticket) {
        self.0.retain(|fetch| fetch.ticket != ticket);
    }

    /// Removes a fetch for which a caller has waited too long.
    pub(super) fn give_up(&mut self, is_fetch: impl Fn(&H) -> bool) {
        self.0.retain(|fetch| !is_fetch(&fetch.handle));
    }
}
