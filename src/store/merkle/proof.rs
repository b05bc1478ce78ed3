//! Verification of proofs (RFC 9162 §2.1.3.2 and §2.1.4.2). Pure: no store, no I/O.

use super::{Hash, empty_root, node_hash};

/// A proof that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is not among the leaves.
    #[error("leaf {index} is outside a tree of {size} leaves")]
    Outside {
        /// The leaf.
        index: u64,
        /// The tree.
        size: u64,
    },
    /// The later tree is smaller than the earlier one: something was taken away.
    #[error("the tree shrank from {from} to {to} leaves")]
    Shrunk {
        /// Leaves before.
        from: u64,
        /// Leaves now.
        to: u64,
    },
    /// Too few or too many hashes.
    #[error("expected a proof of another length, came {came} hashes")]
    Length {
        /// Hashes of the proof.
        came: usize,
    },
    /// The root that follows from the proof is not the head's.
    #[error("expected root {expected}, the proof gives {computed}")]
    Root {
        /// The head's.
        expected: Hash,
        /// What follows.
        computed: Hash,
    },
}

/// Whether `leaf` is leaf `index` of the tree with `size` leaves and this `root`.
///
/// # Errors
/// [`ProofError`] says why not.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside { index, size });
    }
    let wrong_length = ProofError::Length { came: proof.len() };
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    same(root, hash)
}

/// Whether the tree of `to` leaves with `to_root` begins with the tree of `from` leaves with `from_root`.
///
/// # Errors
/// [`ProofError`] says why not.
pub fn verify_consistency(
    from: u64,
    to: u64,
    from_root: &Hash,
    to_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if from > to {
        return Err(ProofError::Shrunk { from, to });
    }
    let wrong_length = ProofError::Length { came: proof.len() };
    if from == to || from == 0 {
        if !proof.is_empty() {
            return Err(wrong_length);
        }
        return if from == 0 { same(from_root, empty_root()) } else { same(to_root, *from_root) };
    }
    // A complete earlier tree is its own first hash.
    let mut hashes = proof.iter();
    let first = if from.is_power_of_two() { *from_root } else { *hashes.next().ok_or(wrong_length.clone())? };
    let (mut node, mut last) = (from - 1, to - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (first, first);
    for sibling in hashes {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    same(from_root, old)?;
    same(to_root, new)
}

fn same(expected: &Hash, computed: Hash) -> Result<(), ProofError> {
    if *expected == computed { Ok(()) } else { Err(ProofError::Root { expected: *expected, computed }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Tree, consistency, inclusion, leaf_hash, nodes_before, root};
    use super::*;

    /// Merkle tree hash as the standard defines it (§2.1.1), word for word.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let middle = leaves.len().next_power_of_two() / 2;
                node_hash(&naive_root(&leaves[..middle]), &naive_root(&leaves[middle..]))
            }
        }
    }

    fn naive_inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let middle = leaves.len().next_power_of_two() / 2;
        if index < middle {
            let mut path = naive_inclusion(index, &leaves[..middle]);
            path.push(naive_root(&leaves[middle..]));
            path
        } else {
            let mut path = naive_inclusion(index - middle, &leaves[middle..]);
            path.push(naive_root(&leaves[..middle]));
            path
        }
    }

    fn naive_consistency(from: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
        if from == leaves.len() {
            return if known { Vec::new() } else { vec![naive_root(leaves)] };
        }
        let middle = leaves.len().next_power_of_two() / 2;
        if from <= middle {
            let mut path = naive_consistency(from, &leaves[..middle], known);
            path.push(naive_root(&leaves[middle..]));
            path
        } else {
            let mut path = naive_consistency(from - middle, &leaves[middle..], false);
            path.push(naive_root(&leaves[..middle]));
            path
        }
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn grown(leaves: &[Hash]) -> (Tree, Vec<Hash>) {
        let (mut tree, mut nodes) = (Tree::new(), Vec::new());
        for leaf in leaves {
            tree.push(*leaf, |hash| nodes.push(hash));
        }
        (tree, nodes)
    }

    #[test]
    fn trees_and_proofs_are_those_of_the_standard_up_to_70_leaves() {
        let all = leaves(70);
        let (_, nodes) = grown(&all);
        for size in 0..=all.len() {
            let (tree, own) = grown(&all[..size]);
            assert_eq!(tree.root(), naive_root(&all[..size]), "{size}");
            assert_eq!(own.len() as u64, nodes_before(size as u64));
            assert_eq!(root(&nodes[..], size as u64), Ok(tree.root()));
            assert_eq!(Tree::from_edge(size as u64, tree.edge().to_vec()), Some(tree));
            for index in 0..size {
                let proof = inclusion(&nodes[..], index as u64, size as u64).unwrap();
                assert_eq!(proof, naive_inclusion(index, &all[..size]), "{index} of {size}");
            }
            for from in 1..size {
                let proof = consistency(&nodes[..], from as u64, size as u64).unwrap();
                assert_eq!(proof, naive_consistency(from, &all[..size], true), "{from} to {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_proof_holds_and_no_other(size in 1usize..300, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
            let all = leaves(size);
            let (tree, nodes) = grown(&all);
            let (index, from) = (a.index(size), 1 + b.index(size));
            let proof = inclusion(&nodes[..], index as u64, size as u64).unwrap();
            let (size64, root) = (size as u64, tree.root());
            prop_assert_eq!(verify_inclusion(&all[index], index as u64, size64, &proof, &root), Ok(()));
            prop_assert!(verify_inclusion(&leaf_hash(b"other"), index as u64, size64, &proof, &root).is_err());
            if size > 1 {
                prop_assert!(verify_inclusion(&all[index], (index as u64 + 1) % size64, size64, &proof, &root).is_err());
            }
            let from_root = naive_root(&all[..from]);
            let path = consistency(&nodes[..], from as u64, size64).unwrap();
            prop_assert_eq!(verify_consistency(from as u64, size64, &from_root, &root, &path), Ok(()));
            prop_assert!(verify_consistency(from as u64, size64, &leaf_hash(b"other"), &root, &path).is_err());
            if from < size {
                prop_assert!(verify_consistency(from as u64, size64, &from_root, &leaf_hash(b"other"), &path).is_err());
            }
            for proof in [&proof, &path] {
                let mut longer = proof.clone();
                longer.push(root);
                prop_assert!(verify_inclusion(&all[index], index as u64, size64, &longer, &root).is_err());
                prop_assert!(verify_consistency(from as u64, size64, &from_root, &root, &longer).is_err());
            }
        }

        #[test]
        fn verification_ends_on_any_numbers(from in any::<u64>(), to in any::<u64>(), length in 0usize..70) {
            let proof = vec![empty_root(); length];
            let _ = verify_inclusion(&empty_root(), from, to, &proof, &empty_root());
            let _ = verify_consistency(from, to, &empty_root(), &empty_root(), &proof);
        }
    }
}
