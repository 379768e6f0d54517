//! Fast repeated checks of one capability.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::Capability;
use super::operation::{OperationName, Operations};
use super::resource::{Kind, Pattern, Segments};

/// An index of a capability for many checks. A check takes time in proportion to the number of segments of the name,
/// independent of the number of resources. In the worst case, with many resources that have `*` in different places, it
/// takes as long as a check of all of these.
///
/// **Law:** `Matcher::new(&a).permits(n, o) == a.permits(n, o)`.
///
/// For ten or more resources, creating one pays off from about the tenth check. For fewer checks or resources, use
/// [`Capability::permits`].
///
/// ```
/// use ably_auth_core::capability::Matcher;
/// use ably_auth_core::{Capability, Operation};
///
/// let capability: Capability = r#"{"chat:*":["publish"],"status":["subscribe"]}"#.parse()?;
/// let matcher = Matcher::new(&capability);
/// assert!(matcher.permits("chat:room1", Operation::Publish));
/// assert!(!matcher.permits("chat:room1", "subscribe"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Matcher {
    index: Index,
    operations: Vec<Operations>,
}

impl Matcher {
    /// Creates the index of a capability.
    #[must_use]
    pub fn new(capability: &Capability) -> Self {
        Self {
            index: Index::new(capability.iter().map(|entry| entry.resource.pattern())),
            operations: capability.iter().map(|entry| entry.operations.clone()).collect(),
        }
    }

    /// Returns true if the operation is permitted on the resource, the same as [`Capability::permits`].
    #[must_use]
    pub fn permits<'a>(&self, resource: &str, operation: impl Into<OperationName<'a>>) -> bool {
        let operation = operation.into();
        Pattern::of(resource).is_some_and(|asked| self.permits_pattern(asked, operation))
    }

    pub(super) fn permits_pattern(&self, asked: Pattern<'_>, operation: OperationName<'_>) -> bool {
        self.index.any_covering(asked, |entry| {
            self.operations.get(entry).is_some_and(|operations| operations.contains(operation))
        })
    }

    /// Returns true if a single entry, other than the entry at index `except`, has all operations in `needed` on the
    /// resource.
    pub(super) fn has_covering(&self, asked: Pattern<'_>, needed: &Operations, except: Option<usize>) -> bool {
        self.index.any_covering(asked, |entry| {
            Some(entry) != except && self.operations.get(entry).is_some_and(|operations| operations.covers(needed))
        })
    }
}

impl From<&Capability> for Matcher {
    fn from(capability: &Capability) -> Self {
        Self::new(capability)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({} resources)", self.operations.len())
    }
}

/// The value for no node, or no entry.
const NONE: u32 = u32::MAX;

/// The root node of channels.
const CHANNELS: u32 = 0;
/// The root node of names of any kind (`[*]`).
const ANYTHING: u32 = 1;
/// The root node of the kinds in brackets.
const BRACKETED: u32 = 2;

/// An index of resources by their segments: a tree. A resource covers the name in question if the name's segments lead
/// through the tree to it. Each step follows the edge of the same segment or of a `*`, and a `*` in the last place ends
/// the walk. A search takes as many steps as the name has segments, times the number of branches on the way.
///
/// The edges of literal segments are in one hash table, the edges of `*` are in the nodes.
#[derive(Clone, Debug)]
struct Index {
    nodes: Vec<Node>,
    edges: Edges,
    has_anything: bool,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The child node for a `*` that matches exactly one segment.
    any_one: u32,
    /// The entry whose resource ends here.
    end: u32,
    /// The entry whose resource continues with a last `*`, which matches one or more segments.
    tail: u32,
}

impl Node {
    const EMPTY: Self = Self { any_one: NONE, end: NONE, tail: NONE };
}

impl Index {
    /// Indexes resources. The number of an entry is the position of its resource.
    fn new<'a>(resources: impl Iterator<Item = Pattern<'a>>) -> Self {
        let mut index = Self { nodes: vec![Node::EMPTY; 3], edges: Edges::default(), has_anything: false };
        for (entry, resource) in (0..NONE).zip(resources) {
            index.add(entry, resource);
        }
        index
    }

    fn add(&mut self, entry: u32, resource: Pattern<'_>) {
        let mut node = match resource.kind {
            Kind::Channel => CHANNELS,
            Kind::Any => ANYTHING,
            Kind::Bracketed(kind) => self.literal_child(BRACKETED, kind),
        };
        self.has_anything |= resource.kind == Kind::Any;
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

    /// Returns true if `accept` accepts an entry whose resource covers `asked`. The order of the calls is unspecified.
    fn any_covering(&self, asked: Pattern<'_>, mut accept: impl FnMut(usize) -> bool) -> bool {
        let mut accept = |entry: u32| entry != NONE && accept(entry as usize);
        let of_its_kind = match asked.kind {
            Kind::Channel => CHANNELS,
            Kind::Bracketed(kind) => self.edges.get(BRACKETED, kind),
            Kind::Any => NONE,
        };
        self.walk(of_its_kind, asked.path, &mut accept)
            || (self.has_anything && self.walk(ANYTHING, asked.path, &mut accept))
    }

    fn walk(&self, root: u32, path: &str, accept: &mut impl FnMut(u32) -> bool) -> bool {
        let mut pending: Option<Pending<'_>> = None;
        let (mut at, mut path) = (root, path);
        loop {
            let node = self.node(at);
            if accept(node.tail) {
                return true;
            }
            let (segment, rest) = Segments::split(path);
            // The table has no edge for `*`, so only wildcards cover a `*` in `asked`.
            let literal = self.edges.get(at, segment);
            let next = match rest {
                // A last `*` in `asked` matches one or more segments, which only a tail covers.
                None if accept(self.node(literal).end) => return true,
                None => None,
                Some(rest) => match (literal, node.any_one) {
                    (NONE, NONE) => None,
                    (NONE, only) | (only, NONE) => Some((only, rest)),
                    (literal, any_one) => {
                        pending.get_or_insert_with(Pending::default).push((any_one, rest));
                        Some((literal, rest))
                    }
                },
            };
            match next.or_else(|| pending.as_mut()?.pop()) {
                Some(next) => (at, path) = next,
                None => return false,
            }
        }
    }
}

/// The branches that remain to be walked. The first ones need no heap.
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

/// A hash table of the edges of literal segments, with linear probing, at most half full. With a `BTreeMap` for each
/// node, a check takes 59 to 87 % more instructions (4483 instead of 2394 for eight names that are not permitted), and
/// making a matcher 96 % more.
#[derive(Clone, Debug, Default)]
struct Edges {
    slots: Vec<Slot>,
    used: usize,
    /// The texts of all segments, concatenated.
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    from: u32,
    /// `NONE` if the slot is free.
    to: u32,
    /// The offset of the segment in `text`.
    start: u32,
    bytes: u32,
    /// The first [`word`] of the segment, which is often all of it.
    head: u64,
}

impl Slot {
    const FREE: Self = Self { from: NONE, to: NONE, start: 0, bytes: 0, head: 0 };
}

/// The lookup key of an edge.
struct Key<'a> {
    from: u32,
    segment: &'a [u8],
    head: u64,
    hash: usize,
}

impl<'a> Key<'a> {
    /// Creates a key with a fast hash. A collision costs one comparison. An attacker who chooses the resources of a
    /// capability can make each look-up as slow as a check of all resources, but not slower.
    #[inline]
    fn new(from: u32, segment: &'a [u8]) -> Self {
        let head = word(segment);
        let after = segment.get(8..).unwrap_or_default();
        let start = mix(from.into(), segment.len() as u64 ^ head);
        let hash = after.chunks(8).fold(start, |hash, eight| mix(hash, word(eight)));
        Self { from, segment, head, hash: hash as usize }
    }
}

#[inline]
fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash.rotate_left(26) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Use both halves, so that the last bytes of the word affect the low bits, which select the slot.
    (product ^ (product >> 64)) as u64
}

/// Returns the first eight bytes of `text` as a number. If it is shorter, some bytes may be in the number twice. Two
/// texts of the same length have the same number only if their first eight bytes are equal.
#[inline]
fn word(text: &[u8]) -> u64 {
    if let Some(eight) = text.first_chunk() {
        u64::from_le_bytes(*eight)
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        u64::from(u32::from_le_bytes(*first)) | (u64::from(u32::from_le_bytes(*last)) << 32)
    } else if let [first, .., last] = text {
        let middle = text.get(1).copied().unwrap_or_default();
        u64::from_le_bytes([*first, middle, *last, 0, 0, 0, 0, 0])
    } else {
        text.first().copied().unwrap_or_default().into()
    }
}

impl Edges {
    fn get(&self, from: u32, segment: &str) -> u32 {
        let key = Key::new(from, segment.as_bytes());
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = key.hash & mask;
        while let Some(slot) = self.slots.get(at) {
            if slot.to == NONE || self.is_at(slot, &key) {
                return slot.to;
            }
            at = at.wrapping_add(1) & mask;
        }
        NONE
    }

    fn is_at(&self, slot: &Slot, key: &Key<'_>) -> bool {
        slot.head == key.head
            && slot.from == key.from
            && slot.bytes as usize == key.segment.len()
            && (key.segment.len() <= 8 || self.segment(slot) == key.segment)
    }

    fn segment(&self, slot: &Slot) -> &[u8] {
        let start = slot.start as usize;
        self.text.get(start..start.saturating_add(slot.bytes as usize)).unwrap_or_default()
    }

    fn insert(&mut self, from: u32, segment: &str, to: u32) {
        if self.used.saturating_mul(2) >= self.slots.len() {
            self.grow();
        }
        let key = Key::new(from, segment.as_bytes());
        let start = u32::try_from(self.text.len()).unwrap_or(NONE);
        let bytes = u32::try_from(segment.len()).unwrap_or(NONE);
        self.text.extend(key.segment);
        self.used = self.used.saturating_add(1);
        self.put(Slot { from, to, start, bytes, head: key.head }, key.hash);
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
            let hash = Key::new(slot.from, self.segment(&slot)).hash;
            self.put(slot, hash);
        }
    }
}
