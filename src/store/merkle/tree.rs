//! A tree that grows, and the proofs read from its nodes.

use super::{Hash, empty_root, node_hash};

/// Where the hashes of complete subtrees are read from, in the order in which they became complete.
pub trait Nodes {
    /// What can go wrong.
    type Error;

    /// Hash `index`.
    ///
    /// # Errors
    /// When it cannot be read.
    fn node(&self, index: u64) -> Result<Hash, Self::Error>;
}

impl Nodes for [Hash] {
    type Error = u64;

    fn node(&self, index: u64) -> Result<Hash, u64> {
        usize::try_from(index).ok().and_then(|at| self.get(at)).copied().ok_or(index)
    }
}

/// How many hashes stand before those of leaf `leaf`: also the hashes of a tree of `leaf` leaves.
#[must_use]
pub fn nodes_before(leaf: u64) -> u64 {
    // A tree of n leaves has 2n - popcount(n) complete subtrees.
    2 * leaf - u64::from(leaf.count_ones())
}

/// The growing side of a tree: its size and edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    edge: Vec<Hash>,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self { size: 0, edge: Vec::new() }
    }

    /// A tree of `size` leaves with this edge; `None` when the two do not fit.
    #[must_use]
    pub fn from_edge(size: u64, edge: Vec<Hash>) -> Option<Self> {
        (edge.len() == size.count_ones() as usize && size < 1 << 60).then_some(Self { size, edge })
    }

    /// Leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, largest first.
    #[must_use]
    pub fn edge(&self) -> &[Hash] {
        &self.edge
    }

    /// Adds a leaf; calls `complete` with each hash that becomes complete, in order.
    pub fn push(&mut self, leaf: Hash, mut complete: impl FnMut(Hash)) {
        complete(leaf);
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.edge.pop().expect("the edge has a root for each one of the size");
            hash = node_hash(&left, &hash);
            complete(hash);
        }
        self.edge.push(hash);
        self.size += 1;
    }

    /// The Merkle tree hash.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut roots = self.edge.iter().rev();
        let Some(last) = roots.next() else { return empty_root() };
        roots.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// The Merkle tree hash of the first `size` leaves.
///
/// # Errors
/// When a node cannot be read.
pub fn root<N: Nodes + ?Sized>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    if size == 0 { Ok(empty_root()) } else { range(nodes, 0, size) }
}

/// The inclusion proof of leaf `index` in the first `size` leaves (§2.1.3.1); empty when `index >= size`.
///
/// # Errors
/// When a node cannot be read.
pub fn inclusion<N: Nodes + ?Sized>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    if index < size {
        let (mut low, mut high) = (0, size);
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                path.push(range(nodes, middle, high)?);
                high = middle;
            } else {
                path.push(range(nodes, low, middle)?);
                low = middle;
            }
        }
        path.reverse();
    }
    Ok(path)
}

/// The consistency proof between the first `from` and the first `to` leaves (§2.1.4.1); empty unless `0 < from < to`.
///
/// # Errors
/// When a node cannot be read.
pub fn consistency<N: Nodes + ?Sized>(nodes: &N, from: u64, to: u64) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    if from == 0 || from >= to {
        return Ok(path);
    }
    let (mut low, mut high, mut known) = (0, to, true);
    while from != high {
        let middle = low + split(high - low);
        if from <= middle {
            path.push(range(nodes, middle, high)?);
            high = middle;
        } else {
            path.push(range(nodes, low, middle)?);
            low = middle;
            known = false;
        }
    }
    if !known {
        path.push(range(nodes, low, high)?);
    }
    path.reverse();
    Ok(path)
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// The hash over leaves `low..high`, where `low` is a multiple of the next power of two from `high - low`.
fn range<N: Nodes + ?Sized>(nodes: &N, low: u64, high: u64) -> Result<Hash, N::Error> {
    let size = high - low;
    if size.is_power_of_two() {
        return nodes.node(nodes_before(high - 1) + u64::from(size.trailing_zeros()));
    }
    let middle = low + split(size);
    // Depth is the number of ones in `size`: at most 60.
    Ok(node_hash(&range(nodes, low, middle)?, &range(nodes, middle, high)?))
}
