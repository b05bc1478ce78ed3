//! From a pattern to the smallest automaton that takes what it takes (Glushkov, subsets, Moore).

use std::collections::{BTreeMap, BTreeSet};

use super::syntax::{Node, Set};
use super::{ACCEPT, Compiled, DEAD, Error, POSITIONS_MAX, REST, STATES_MAX};

/// The smallest automaton of the pattern that `node` was read from.
///
/// # Errors
/// [`Error::TooLarge`].
pub(super) fn build(pattern: &str, node: &Node) -> Result<Compiled, Error> {
    let mut positions = Positions { pattern, sets: Vec::new(), follow: Vec::new() };
    let fragment = positions.add(node)?;
    positions.determinize(&fragment)
}

/// A part of the automaton: where it begins and ends, and whether it may be empty.
#[derive(Clone)]
struct Fragment {
    first: Vec<usize>,
    last: Vec<usize>,
    empty: bool,
}

/// Glushkov's construction: a position for each character class of the pattern.
struct Positions<'a> {
    pattern: &'a str,
    sets: Vec<Set>,
    follow: Vec<BTreeSet<usize>>,
}

impl Positions<'_> {
    fn too_large<T>(&self, limit: usize, what: &'static str) -> Result<T, Error> {
        Err(Error::TooLarge { pattern: self.pattern.to_owned(), limit, what })
    }

    fn add(&mut self, node: &Node) -> Result<Fragment, Error> {
        match node {
            Node::Empty => Ok(Fragment { first: vec![], last: vec![], empty: true }),
            Node::Chars(set) => {
                if self.sets.len() >= POSITIONS_MAX {
                    return self.too_large(POSITIONS_MAX, "positions");
                }
                self.sets.push(set.clone());
                self.follow.push(BTreeSet::new());
                let at = self.sets.len() - 1;
                Ok(Fragment { first: vec![at], last: vec![at], empty: false })
            }
            Node::Sequence(parts) => {
                let mut whole = Fragment { first: vec![], last: vec![], empty: true };
                for part in parts {
                    let part = self.add(part)?;
                    whole = self.join(whole, part);
                }
                Ok(whole)
            }
            Node::Choice(branches) => {
                let mut whole = Fragment { first: vec![], last: vec![], empty: false };
                for branch in branches {
                    let branch = self.add(branch)?;
                    whole.first.extend(branch.first);
                    whole.last.extend(branch.last);
                    whole.empty |= branch.empty;
                }
                Ok(whole)
            }
            Node::Repeat(part, min, max) => self.repeat(part, *min, *max),
        }
    }

    fn join(&mut self, left: Fragment, right: Fragment) -> Fragment {
        self.link(&left.last, &right.first);
        let mut first = left.first;
        if left.empty {
            first.extend_from_slice(&right.first);
        }
        let mut last = right.last;
        if right.empty {
            last.extend_from_slice(&left.last);
        }
        Fragment { first, last, empty: left.empty && right.empty }
    }

    fn link(&mut self, from: &[usize], to: &[usize]) {
        for position in from {
            if let Some(follow) = self.follow.get_mut(*position) {
                follow.extend(to.iter().copied());
            }
        }
    }

    /// Written out: `min` copies, then optional ones, or a loop.
    fn repeat(&mut self, part: &Node, min: u32, max: Option<u32>) -> Result<Fragment, Error> {
        let mut whole = Fragment { first: vec![], last: vec![], empty: true };
        let fixed = if max.is_none() { min.max(1) } else { min };
        for copy in 0..fixed {
            let mut fragment = self.add(part)?;
            if max.is_none() && copy + 1 == fixed {
                let (last, first) = (fragment.last.clone(), fragment.first.clone());
                self.link(&last, &first);
                fragment.empty |= min == 0;
            }
            whole = self.join(whole, fragment);
        }
        let optional = max.map_or(0, |max| max - min);
        // a{0,3} is (a(a(a)?)?)?: each optional copy can be reached only through the one before it.
        let mut tail: Vec<Fragment> = Vec::new();
        for _ in 0..optional {
            tail.push(self.add(part)?);
        }
        let mut nested = Fragment { first: vec![], last: vec![], empty: true };
        for fragment in tail.into_iter().rev() {
            nested = self.join(fragment, nested);
            nested.empty = true;
        }
        Ok(self.join(whole, nested))
    }

    #[allow(clippy::needless_range_loop, reason = "a class is the column of every table here")]
    fn determinize(&self, whole: &Fragment) -> Result<Compiled, Error> {
        let (ascii, ranges, classes, class_of_position) = self.classes()?;
        let start: BTreeSet<usize> = whole.first.iter().copied().collect();
        let last: BTreeSet<usize> = whole.last.iter().copied().collect();
        // A state: the positions that may come next, and whether the text may end here.
        let mut states: BTreeMap<(BTreeSet<usize>, bool), u32> = BTreeMap::new();
        let mut queue = vec![(start, whole.empty)];
        states.insert(queue[0].clone(), 0);
        let mut table: Vec<u32> = Vec::new();
        let mut at = 0;
        while let Some((next_positions, _)) = queue.get(at).cloned() {
            for class in 0..classes {
                let mut target = BTreeSet::new();
                let mut accepting = false;
                let mut any = false;
                for position in &next_positions {
                    if class_of_position[*position][class] {
                        any = true;
                        accepting |= last.contains(position);
                        target.extend(self.follow[*position].iter().copied());
                    }
                }
                let number = if any {
                    let key = (target, accepting);
                    match states.get(&key) {
                        Some(number) => *number,
                        None => {
                            if states.len() >= STATES_MAX {
                                return self.too_large(STATES_MAX, "states");
                            }
                            let number = states.len() as u32;
                            states.insert(key.clone(), number);
                            queue.push(key);
                            number
                        }
                    }
                } else {
                    DEAD
                };
                table.push(number);
            }
            at += 1;
        }
        let accepting: Vec<bool> = queue.iter().map(|(_, accepting)| *accepting).collect();
        Ok(minimal(self.pattern, ascii, ranges, classes, &table, &accepting))
    }

    /// Splits all characters into classes that no set of the pattern tells apart.
    #[allow(clippy::type_complexity, reason = "four results of one split, used at once")]
    fn classes(&self) -> Result<(Vec<u8>, Vec<(u32, u32, u8)>, usize, Vec<Vec<bool>>), Error> {
        let mut borders: BTreeSet<u32> = BTreeSet::from([0, 0x11_0000]);
        for set in &self.sets {
            for (first, last) in &set.0 {
                borders.insert(*first);
                borders.insert(last + 1);
            }
        }
        let borders: Vec<u32> = borders.into_iter().collect();
        let distinct: Vec<&Set> = {
            let mut seen: Vec<&Set> = Vec::new();
            for set in &self.sets {
                if !seen.contains(&set) {
                    seen.push(set);
                }
            }
            seen
        };
        let mut signatures: BTreeMap<Vec<bool>, u8> = BTreeMap::new();
        signatures.insert(vec![false; distinct.len()], 0);
        let mut ascii = vec![0_u8; 128];
        let mut ranges: Vec<(u32, u32, u8)> = Vec::new();
        for pair in borders.windows(2) {
            let (first, end) = (pair[0], pair[1]);
            let signature: Vec<bool> =
                distinct.iter().map(|set| set.0.iter().any(|(a, b)| *a <= first && first <= *b)).collect();
            let fresh = signatures.len();
            if fresh >= 255 {
                return self.too_large(255, "classes of characters");
            }
            let class = *signatures.entry(signature).or_insert(fresh as u8);
            for code in first..end.min(128) {
                ascii[code as usize] = class;
            }
            if end > 128 && class != 0 {
                ranges.push((first.max(128), end - 1, class));
            }
        }
        let classes = signatures.len();
        let mut members = vec![vec![false; classes]; self.sets.len()];
        for (signature, class) in &signatures {
            for (position, set) in self.sets.iter().enumerate() {
                let index = distinct.iter().position(|known| *known == set).unwrap_or_default();
                members[position][usize::from(*class)] = signature.get(index).copied().unwrap_or(false);
            }
        }
        Ok((ascii, ranges, classes, members))
    }
}

/// Merges states that nothing tells apart (Moore), and marks those from which everything is accepted.
fn minimal(
    source: &str,
    ascii: Vec<u8>,
    ranges: Vec<(u32, u32, u8)>,
    classes: usize,
    table: &[u32],
    accepting: &[bool],
) -> Compiled {
    let states = accepting.len();
    let next = |state: usize, class: usize| table[state * classes + class];
    let mut group: Vec<usize> = accepting.iter().map(|a| usize::from(*a)).collect();
    loop {
        let mut known: BTreeMap<(usize, Vec<Option<usize>>), usize> = BTreeMap::new();
        let refined: Vec<usize> = (0..states)
            .map(|state| {
                let row = (0..classes)
                    .map(|class| match next(state, class) {
                        DEAD => None,
                        to => Some(group[to as usize]),
                    })
                    .collect();
                let fresh = known.len();
                *known.entry((group[state], row)).or_insert(fresh)
            })
            .collect();
        let before = group.iter().collect::<BTreeSet<_>>().len();
        let after = known.len();
        group = refined;
        if after == before {
            break;
        }
    }
    // State 0 comes first, so its group has number 0.
    let groups = group.iter().max().map_or(0, |max| max + 1);
    let mut out = vec![DEAD; groups * classes];
    let mut flags = vec![0_u8; groups];
    for state in 0..states {
        let row = group[state];
        flags[row] |= if accepting[state] { ACCEPT } else { 0 };
        for class in 0..classes {
            let to = next(state, class);
            out[row * classes + class] = if to == DEAD { DEAD } else { (group[to as usize] * classes) as u32 };
        }
    }
    // A state that accepts whatever follows is not worth following. Class 0 may be that of no character at all.
    let covered: u32 = ranges.iter().map(|(first, last, _)| last - first + 1).sum();
    let used: Vec<usize> =
        (0..classes).filter(|class| *class != 0 || covered < 0x11_0000 - 128 || ascii.contains(&0)).collect();
    for state in 0..groups {
        let row = (state * classes) as u32;
        if flags[state] & ACCEPT != 0 && used.iter().all(|class| out[state * classes + class] == row) {
            out.iter_mut().filter(|to| **to == row).for_each(|to| *to = REST);
        }
    }
    let spaceless = b" \t\n\r".iter().all(|space| {
        let class = usize::from(ascii[usize::from(*space)]);
        (0..groups).all(|state| out[state * classes + class] == DEAD)
    }) && !out.contains(&REST);
    Compiled { source: source.to_owned(), ascii, ranges, classes, table: out, flags, spaceless }
}
