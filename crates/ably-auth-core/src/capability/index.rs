//! Resources by their segments. A resource covers what is asked if it can be walked along it: each segment leads on by itself
//! or by a `*`, and a `*` in last place ends the walk. So the index is a tree of segments, and to find what covers a name is
//! to follow it there: that takes as many steps as the name has segments, times the branches that it meets on the way.

use alloc::vec;
use alloc::vec::Vec;

use super::pattern::{Namespace, Pattern, Segments};

/// No node, or no entry.
const NONE: u32 = u32::MAX;

/// Where names of channels begin.
const CHANNELS: u32 = 0;
/// Where names of any kind of thing (`[*]`) begin.
const ANYTHING: u32 = 1;
/// Where the kinds in brackets branch off.
const BRACKETED: u32 = 2;

/// A tree of segments. Its edges by literal segments are in one hash table, those by `*` in the nodes.
#[derive(Clone, Debug)]
pub(super) struct Index {
    nodes: Vec<Node>,
    edges: Edges,
    has_anything: bool,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The node behind a `*` that takes exactly one segment.
    any_one: u32,
    /// The entry whose resource ends here.
    end: u32,
    /// The entry whose resource goes on with a `*` that takes all the rest.
    tail: u32,
}

impl Node {
    const EMPTY: Self = Self { any_one: NONE, end: NONE, tail: NONE };
}

impl Index {
    /// Indexes resources, each as the entry of its place.
    pub(super) fn new<'a>(resources: impl Iterator<Item = Pattern<'a>>) -> Self {
        let mut index = Self { nodes: vec![Node::EMPTY; 3], edges: Edges::default(), has_anything: false };
        for (entry, resource) in (0..NONE).zip(resources) {
            index.add(entry, resource);
        }
        index
    }

    fn add(&mut self, entry: u32, resource: Pattern<'_>) {
        let mut node = match resource.namespace {
            Namespace::Channel => CHANNELS,
            Namespace::Any => ANYTHING,
            Namespace::Bracketed(kind) => self.literal_child(BRACKETED, kind),
        };
        self.has_anything |= resource.namespace == Namespace::Any;
        for segment in Segments::of(resource.path) {
            if segment.is_tail() {
                return self.update(node, |node| node.tail = entry);
            }
            node =
                if segment.is_wildcard() { self.wildcard_child(node) } else { self.literal_child(node, segment.text) };
        }
        self.update(node, |node| node.end = entry);
    }

    fn node(&self, node: u32) -> Node {
        self.nodes.get(node as usize).copied().unwrap_or(Node::EMPTY)
    }

    fn update(&mut self, node: u32, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(node as usize) {
            change(node);
        }
    }

    fn add_node(&mut self) -> u32 {
        let added = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        self.nodes.push(Node::EMPTY);
        added
    }

    fn wildcard_child(&mut self, node: u32) -> u32 {
        let known = self.node(node).any_one;
        if known != NONE {
            return known;
        }
        let added = self.add_node();
        self.update(node, |node| node.any_one = added);
        added
    }

    fn literal_child(&mut self, node: u32, text: &str) -> u32 {
        let known = self.edges.get(node, text);
        if known != NONE {
            return known;
        }
        let added = self.add_node();
        self.edges.insert(node, text, added);
        added
    }

    /// Whether one of the entries whose resource covers the asked one is accepted. Which of them is asked first is not said.
    pub(super) fn any_covering(&self, asked: Pattern<'_>, mut accept: impl FnMut(usize) -> bool) -> bool {
        let mut accept = |entry: u32| entry != NONE && accept(entry as usize);
        let of_its_kind = match asked.namespace {
            Namespace::Channel => CHANNELS,
            Namespace::Bracketed(kind) => self.edges.get(BRACKETED, kind),
            Namespace::Any => NONE,
        };
        self.walk(of_its_kind, asked.path, &mut accept)
            || (self.has_anything && self.walk(ANYTHING, asked.path, &mut accept))
    }

    fn walk(&self, root: u32, path: &str, accept: &mut impl FnMut(u32) -> bool) -> bool {
        let mut pending = Pending::default();
        let (mut at, mut path) = (root, path);
        loop {
            let node = self.node(at);
            if accept(node.tail) {
                return true;
            }
            let (segment, rest) = Segments::split(path);
            // No edge is a `*`, so that one that is asked is covered by wildcards only.
            let literal = self.edges.get(at, segment);
            let next = match rest {
                // A `*` that ends what is asked stands for more than one segment, which only a tail covers.
                None if accept(self.node(literal).end) => return true,
                None => None,
                Some(rest) => match (literal, node.any_one) {
                    (NONE, NONE) => None,
                    (NONE, only) | (only, NONE) => Some((only, rest)),
                    (literal, any_one) => {
                        pending.push((any_one, rest));
                        Some((literal, rest))
                    }
                },
            };
            match next.or_else(|| pending.pop()) {
                Some(next) => (at, path) = next,
                None => return false,
            }
        }
    }
}

/// Branches that are still to be walked: a few without a heap, any number with one.
#[derive(Default)]
struct Pending<'a> {
    few: [(u32, &'a str); 8],
    count: usize,
    more: Vec<(u32, &'a str)>,
}

impl<'a> Pending<'a> {
    fn push(&mut self, branch: (u32, &'a str)) {
        match self.few.get_mut(self.count) {
            Some(free) => {
                *free = branch;
                self.count = self.count.saturating_add(1);
            }
            None => self.more.push(branch),
        }
    }

    fn pop(&mut self) -> Option<(u32, &'a str)> {
        if let Some(branch) = self.more.pop() {
            return Some(branch);
        }
        self.count = self.count.checked_sub(1)?;
        self.few.get(self.count).copied()
    }
}

/// From a node by a literal segment to a node: a hash table with linear probing, at most half full.
#[derive(Clone, Debug, Default)]
struct Edges {
    slots: Vec<Slot>,
    used: usize,
    /// All segments, one after the other.
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    from: u32,
    /// Where the segment stands in the text.
    start: u32,
    bytes: u32,
    /// None in a free slot.
    to: u32,
}

impl Slot {
    const FREE: Self = Self { from: NONE, start: 0, bytes: 0, to: NONE };
}

impl Edges {
    fn get(&self, from: u32, segment: &str) -> u32 {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash(from, segment) & mask;
        while let Some(slot) = self.slots.get(at) {
            if slot.to == NONE || (slot.from == from && self.segment(slot) == Some(segment.as_bytes())) {
                return slot.to;
            }
            at = at.wrapping_add(1) & mask;
        }
        NONE
    }

    fn segment(&self, slot: &Slot) -> Option<&[u8]> {
        let start = slot.start as usize;
        self.text.get(start..start.saturating_add(slot.bytes as usize))
    }

    fn insert(&mut self, from: u32, segment: &str, to: u32) {
        if self.used.saturating_mul(2) >= self.slots.len() {
            self.grow();
        }
        let start = u32::try_from(self.text.len()).unwrap_or(NONE);
        self.text.extend(segment.as_bytes());
        self.used = self.used.saturating_add(1);
        let bytes = u32::try_from(segment.len()).unwrap_or(NONE);
        self.put(Slot { from, start, bytes, to }, hash(from, segment));
    }

    fn put(&mut self, slot: Slot, hash: usize) {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash & mask;
        while let Some(there) = self.slots.get_mut(at) {
            if there.to == NONE {
                *there = slot;
                return;
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    fn grow(&mut self) {
        let size = self.slots.len().saturating_mul(2).max(8);
        let slots = core::mem::replace(&mut self.slots, vec![Slot::FREE; size]);
        for slot in slots.into_iter().filter(|slot| slot.to != NONE) {
            let hash = self.segment(&slot).map_or(0, |segment| hash_bytes(slot.from, segment));
            self.put(slot, hash);
        }
    }
}

fn hash(from: u32, segment: &str) -> usize {
    hash_bytes(from, segment.as_bytes())
}

/// Fast, and good enough for names: a wrong guess costs a comparison. Who may choose a capability's resources can make its
/// look-ups as slow as going through all of them, and no slower.
fn hash_bytes(from: u32, segment: &[u8]) -> usize {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(26) ^ word).wrapping_mul(SPREAD);
    let mut words = segment.chunks_exact(8);
    let hash =
        words.by_ref().fold(u64::from(from), |hash, word| mix(hash, word.try_into().map_or(0, u64::from_le_bytes)));
    let last = words.remainder().iter().rev().fold(segment.len() as u64, |word, &byte| (word << 8) | u64::from(byte));
    let hash = mix(hash, last);
    #[allow(clippy::cast_possible_truncation, reason = "any of the bits will do")]
    let folded = (hash ^ (hash >> 32)) as usize;
    folded
}
