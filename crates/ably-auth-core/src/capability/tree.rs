//! A view of sorted entries as a tree of segments.
//!
//! Entries are in byte order, so entries that begin with the same segments are adjacent. A [`Node`] is a slice of such
//! entries: it allocates nothing, and a child is found by binary search. Nothing is hashed, so an attacker cannot
//! choose names that make a search slow.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::operation::Operations;
use super::resource::{Kind, Pattern, Resource, path_covers};
use super::work::Work;
use crate::error::Error;

pub(super) type OwnedEntry = (Resource, Operations);

const SEPARATOR: u8 = b':';
const WILDCARD: &str = "*";

/// The maximum number of entries, or of pairs of entries, that are compared one by one instead of searched.
const FEW: usize = 4;

/// The number of bytes of a segment that one step compares.
const STEP_BYTES: usize = 32;

/// Entries whose resources begin with the same segments.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    entries: &'a [OwnedEntry],
    /// The byte at which the next segment of each resource begins.
    offset: usize,
}

/// The root nodes: one for each bracketed kind of resource, and two for channels, which sort before and after `[`.
pub(super) struct Roots<'a> {
    channels: [Node<'a>; 2],
    bracketed: Vec<(Kind<'a>, Node<'a>)>,
}

impl<'a> Roots<'a> {
    pub(super) fn new(entries: &'a [OwnedEntry]) -> Self {
        let (before, rest) = split(entries, |entry| entry.0.as_str().as_bytes() < b"[".as_slice());
        let (mut brackets, after) = split(rest, |entry| entry.0.as_str().starts_with('['));
        let mut bracketed = Vec::new();
        while let Some((first, _)) = brackets.first() {
            let Pattern { kind, path } = first.pattern();
            let offset = first.as_str().len().saturating_sub(path.len());
            let prefix = first.as_str().get(..offset).unwrap_or_default();
            let (of_kind, rest) = split(brackets, |entry| entry.0.as_str().starts_with(prefix));
            if of_kind.is_empty() {
                break;
            }
            bracketed.push((kind, Node { entries: of_kind, offset }));
            brackets = rest;
        }
        Self { channels: [before, after].map(|entries| Node { entries, offset: 0 }), bracketed }
    }

    fn all(&self) -> impl Iterator<Item = (Kind<'a>, Node<'a>)> + '_ {
        let channels = self.channels.iter().map(|node| (Kind::Channel, *node));
        channels.chain(self.bracketed.iter().copied()).filter(|(_, node)| !node.entries.is_empty())
    }

    /// Returns true if `accept` accepts an entry whose resource covers `asked`.
    pub(super) fn any_covering(
        &self,
        asked: Pattern<'_>,
        work: &mut Work,
        accept: impl Fn(&OwnedEntry) -> bool,
    ) -> Result<bool, Error> {
        for (kind, node) in self.all() {
            work.spend(1)?;
            if kind.covers(asked.kind) && node.any_covering(asked.path, work, &accept)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Calls `meet` once for each pair of entries whose resources match a common name, with our entry first. It may
    /// also call `meet` for pairs that match no common name.
    pub(super) fn pairs(
        &self,
        other: &Self,
        work: &mut Work,
        mut meet: impl FnMut(&'a OwnedEntry, &'a OwnedEntry, &mut Work) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut pending = Vec::new();
        for (our_kind, ours) in self.all() {
            for (their_kind, theirs) in other.all() {
                work.spend(1)?;
                if our_kind.covers(their_kind) || their_kind.covers(our_kind) {
                    pending.push((ours, theirs));
                }
            }
        }
        while let Some((ours, theirs)) = pending.pop() {
            if ours.entries.len() <= theirs.entries.len() {
                ours.pairs(theirs, work, &mut meet, |one, other| pending.push((one, other)))?;
            } else {
                let mut meet = |one, other, work: &mut Work| meet(other, one, work);
                theirs.pairs(ours, work, &mut meet, |one, other| pending.push((other, one)))?;
            }
        }
        Ok(())
    }
}

impl<'a> Node<'a> {
    fn rest(&self, entry: &'a OwnedEntry) -> &'a str {
        entry.0.as_str().get(self.offset..).unwrap_or_default()
    }

    /// Spends the steps of one binary search for `segment`.
    fn spend_search(&self, segment: &str, work: &mut Work) -> Result<(), Error> {
        let comparisons = (usize::BITS.saturating_sub(self.entries.len().leading_zeros())) as usize;
        work.spend(comparisons.saturating_mul((segment.len() / STEP_BYTES).saturating_add(1)))
    }

    /// Returns the entry whose last segment is `segment`.
    fn end(&self, segment: &str, work: &mut Work) -> Result<Option<&'a OwnedEntry>, Error> {
        self.spend_search(segment, work)?;
        let (_, from) = split(self.entries, |entry| self.rest(entry) < segment);
        Ok(from.first().filter(|entry| self.rest(entry) == segment))
    }

    /// Returns the entries that have more segments after `segment`.
    fn child(&self, segment: &str, work: &mut Work) -> Result<Option<Self>, Error> {
        self.spend_search(segment, work)?;
        let (_, from) = split(self.entries, |entry| compare(self.rest(entry), segment) == Ordering::Less);
        Ok(self.first_child(from, segment))
    }

    /// Returns the leading `entries` that have more segments after `segment`.
    fn first_child(&self, entries: &'a [OwnedEntry], segment: &str) -> Option<Self> {
        let is_below =
            |entry: &OwnedEntry| compare(entry.0.as_str().get(self.offset..).unwrap_or_default(), segment).is_eq();
        if !entries.first().is_some_and(is_below) {
            return None;
        }
        // In most cases only the first entry matches, or all do. Check these before the binary search.
        let (below, _) = match (entries.get(1), entries.last()) {
            (Some(second), _) if !is_below(second) => entries.split_at_checked(1)?,
            (_, Some(last)) if is_below(last) => (entries, [].as_slice()),
            _ => split(entries, is_below),
        };
        let offset = self.offset.saturating_add(segment.len()).saturating_add(1);
        Some(Self { entries: below, offset })
    }

    fn any_covering(self, asked: &str, work: &mut Work, accept: &impl Fn(&OwnedEntry) -> bool) -> Result<bool, Error> {
        let mut pending = Vec::new();
        let mut next = Some((self, asked));
        while let Some((node, asked)) = next.take().or_else(|| pending.pop()) {
            if node.entries.len() <= FEW {
                for entry in node.entries {
                    work.spend(cost_of_pair(node.rest(entry), asked))?;
                    if accept(entry) && path_covers(node.rest(entry), asked) {
                        return Ok(true);
                    }
                }
                continue;
            }
            if node.end(WILDCARD, work)?.is_some_and(accept) {
                return Ok(true);
            }
            let (segment, rest) = split_segment(asked);
            let is_literal = segment != WILDCARD;
            let Some(rest) = rest else {
                // A last segment `*` in `asked` stands for one or more segments, which only a last segment `*` covers.
                if is_literal && node.end(segment, work)?.is_some_and(accept) {
                    return Ok(true);
                }
                continue;
            };
            next = node.child(WILDCARD, work)?.map(|child| (child, rest));
            if is_literal {
                if let Some(child) = node.child(segment, work)? {
                    pending.extend(next.replace((child, rest)));
                }
            }
        }
        Ok(false)
    }

    /// Calls `meet` for the pairs of entries that are decided at these nodes, and `pending` for the pairs of child
    /// nodes that remain. It iterates over the segments of `self`, so `self` should be the smaller node.
    fn pairs(
        self,
        other: Self,
        work: &mut Work,
        meet: &mut impl FnMut(&'a OwnedEntry, &'a OwnedEntry, &mut Work) -> Result<(), Error>,
        mut pending: impl FnMut(Self, Self),
    ) -> Result<(), Error> {
        if self.entries.len().saturating_mul(other.entries.len()) <= FEW {
            for ours in self.entries {
                for theirs in other.entries {
                    meet(ours, theirs, work)?;
                }
            }
            return Ok(());
        }
        let (our_tail, their_tail) = (self.end(WILDCARD, work)?, other.end(WILDCARD, work)?);
        if let Some(tail) = our_tail {
            for theirs in other.entries {
                meet(tail, theirs, work)?;
            }
        }
        if let Some(tail) = their_tail {
            for ours in self.entries.iter().filter(|ours| !our_tail.is_some_and(|tail| core::ptr::eq(tail, *ours))) {
                meet(ours, tail, work)?;
            }
        }
        let their_any_one = other.child(WILDCARD, work)?;
        let mut groups = Groups { node: self, entries: self.entries };
        while let Some((segment, group)) = groups.next(work)? {
            match group {
                Group::End(ours) if segment != WILDCARD => {
                    if let Some(theirs) = other.end(segment, work)? {
                        meet(ours, theirs, work)?;
                    }
                }
                Group::End(_) => {}
                Group::Child(child) if segment != WILDCARD => {
                    let theirs = other.child(segment, work)?;
                    theirs.into_iter().chain(their_any_one).for_each(|theirs| pending(child, theirs));
                }
                Group::Child(child) => {
                    let mut theirs = Groups { node: other, entries: other.entries };
                    while let Some((_, group)) = theirs.next(work)? {
                        if let Group::Child(theirs) = group {
                            pending(child, theirs);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The entries of a node, grouped by their next segment, in byte order.
struct Groups<'a> {
    node: Node<'a>,
    entries: &'a [OwnedEntry],
}

enum Group<'a> {
    /// An entry whose last segment is the group's.
    End(&'a OwnedEntry),
    /// The entries that have more segments after the group's.
    Child(Node<'a>),
}

impl<'a> Groups<'a> {
    fn next(&mut self, work: &mut Work) -> Result<Option<(&'a str, Group<'a>)>, Error> {
        let Some((first, after)) = self.entries.split_first() else {
            return Ok(None);
        };
        let (segment, rest) = split_segment(self.node.rest(first));
        work.spend((segment.len() / STEP_BYTES).saturating_add(1))?;
        let child = rest.and_then(|_| self.node.first_child(self.entries, segment));
        Ok(Some(match child {
            None => {
                self.entries = after;
                (segment, Group::End(first))
            }
            Some(child) => {
                if child.entries.len() > 1 {
                    self.node.spend_search(segment, work)?;
                }
                self.entries = self.entries.get(child.entries.len()..).unwrap_or_default();
                (segment, Group::Child(child))
            }
        }))
    }
}

/// Returns the steps for comparing two whole resources.
pub(super) fn cost_of_pair(one: &str, other: &str) -> usize {
    (one.len().min(other.len()) / 8).saturating_add(1)
}

fn split_segment(path: &str) -> (&str, Option<&str>) {
    super::resource::Segments::split(path)
}

/// Compares `rest` with `segment` followed by `:`. They are equal if `rest` begins with both.
fn compare(rest: &str, segment: &str) -> Ordering {
    let (rest, segment) = (rest.as_bytes(), segment.as_bytes());
    match rest.split_at_checked(segment.len()) {
        Some((head, after)) => head.cmp(segment).then_with(|| after.first().cmp(&Some(&SEPARATOR))),
        None => rest.cmp(segment),
    }
}

/// Splits `entries` at the first entry for which `is_before` returns false.
fn split(entries: &[OwnedEntry], is_before: impl Fn(&OwnedEntry) -> bool) -> (&[OwnedEntry], &[OwnedEntry]) {
    // A `*` sorts before letters and digits, so most searches for it end at the first entry.
    if !entries.first().is_some_and(&is_before) {
        return (&[], entries);
    }
    entries.split_at_checked(entries.partition_point(is_before)).unwrap_or((entries, &[]))
}
