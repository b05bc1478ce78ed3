//! Random documents for tests: well-formed, with hostile use of namespaces, quotes, blanks and references. Seeded.

/// Random numbers (xorshift64*), the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const PREFIXES: [&str; 5] = ["", "a", "b", "ab", "long-prefix"];
const URIS: [&str; 5] = ["urn:1", "urn:2", "urn:10", "http://x/?a&amp;b=c", "URN:1"];
const LOCALS: [&str; 6] = ["a", "b", "c", "B", "long-name.x", "\u{e9}"];
const TEXTS: [&str; 14] =
    ["x", " ", "\n", "\r\n", "\r", "&amp;", "&lt;", "&gt;", ">", "&#xD;", "&#10;", "\u{e9}\u{1F600}", "]]", "'\"\t"];
const VALUES: [&str; 12] =
    ["", "1", " ", "\t", "\r\n", "&#9;", "&#xA;", "&#13;", "&amp;&lt;", ">", "&quot;&apos;", "\u{e9}"];

/// A document.
pub(crate) fn document(random: &mut Random) -> String {
    let mut out = String::new();
    if random.chance(20) {
        out.push_str("<?xml version='1.0'?>");
    }
    beside(random, &mut out);
    let mut budget = 1 + random.below(25);
    element(random, &mut out, &[("", "")], 0, &mut budget);
    beside(random, &mut out);
    out
}

fn beside(random: &mut Random, out: &mut String) {
    while random.chance(20) {
        out.push_str(random.pick(&["<!-- c -->", "<?p  d ?>", "\n", "<?q?>", "<!--\r\n-->"]));
    }
}

fn element<'s>(random: &mut Random, out: &mut String, scope: &[(&'s str, &'s str)], depth: usize, budget: &mut usize) {
    *budget = budget.saturating_sub(1);
    let mut scope: Vec<(&'s str, &'s str)> = scope.to_vec();
    let mut declared: Vec<(&str, &str)> = Vec::new();
    while random.chance(if depth == 0 { 70 } else { 25 }) {
        let prefix = random.pick(&PREFIXES);
        let uri = if prefix.is_empty() && random.chance(40) { "" } else { random.pick(&URIS) };
        if declared.iter().all(|(known, _)| *known != prefix) {
            declared.push((prefix, uri));
            scope.retain(|(known, _)| *known != prefix);
            scope.push((prefix, uri));
        }
    }
    let (prefix, _) = scope[random.below(scope.len())];
    let name = qualified(prefix, random.pick(&LOCALS));
    let mut attributes: Vec<(String, &str)> = Vec::new();
    let mut known: Vec<(&str, &str)> = Vec::new();
    while random.chance(35) {
        let bound: Vec<_> = scope.iter().filter(|(p, _)| !p.is_empty()).collect();
        let (prefix, uri, local) = match random.below(10) {
            0 => ("xml", "xml", random.pick(&["lang", "space", "base", "id"])),
            1..4 if !bound.is_empty() => {
                let (prefix, uri) = bound[random.below(bound.len())];
                (*prefix, *uri, random.pick(&LOCALS))
            }
            _ => ("", "", random.pick(&LOCALS)),
        };
        if !known.contains(&(uri, local)) {
            known.push((uri, local));
            let value = if prefix == "xml" { random.pick(&["preserve", "default"]) } else { random.pick(&VALUES) };
            attributes.push((qualified(prefix, local), value));
        }
    }
    attributes.extend(declared.iter().map(|(prefix, uri)| match *prefix {
        "" => ("xmlns".to_owned(), *uri),
        prefix => (format!("xmlns:{prefix}"), *uri),
    }));
    // Often as a canonical form has it, so that copied runs are met too.
    let plain = random.chance(60);
    if plain && random.chance(80) {
        attributes.sort();
    }
    out.push('<');
    out.push_str(&name);
    for (name, value) in attributes {
        out.push_str(if plain { " " } else { random.pick(&[" ", "  ", "\n", "\t"]) });
        out.push_str(&name);
        out.push_str(if plain { "=" } else { random.pick(&["=", " = "]) });
        let quote = if plain { '"' } else { '\'' };
        out.push(quote);
        out.push_str(value);
        out.push(quote);
    }
    if *budget == 0 && !plain {
        out.push_str(random.pick(&["/>", " />"]));
        return;
    }
    out.push_str(if plain { ">" } else { random.pick(&[">", "\n>"]) });
    while *budget > 0 && random.chance(75) {
        content(random, out, &scope, depth, budget);
    }
    out.push_str("</");
    out.push_str(&name);
    out.push_str(if plain { ">" } else { random.pick(&[">", " >"]) });
}

fn content(random: &mut Random, out: &mut String, scope: &[(&str, &str)], depth: usize, budget: &mut usize) {
    match random.below(20) {
        0 => out.push_str("<!--c-->"),
        1 => out.push_str("<?p d?>"),
        2 => out.push_str("<![CDATA[<&>\r\n]]>"),
        3..11 => out.push_str(random.pick(&TEXTS)),
        _ if depth < 8 => element(random, out, scope, depth + 1, budget),
        _ => *budget -= 1,
    }
    // "]]" and then ">" would be no text.
    if out.ends_with("]]") && !out.ends_with(">") {
        out.push(' ');
    }
}

fn qualified(prefix: &str, local: &str) -> String {
    if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
}

/// How many random documents a test takes: `default`, or what `COCONNECT_RANDOM_DOCUMENTS` says.
pub(crate) fn count(default: usize) -> usize {
    std::env::var("COCONNECT_RANDOM_DOCUMENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// The seed of a random test: `COCONNECT_SEED` or 1; printed, so that a failure can be had again.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("COCONNECT_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    println!("COCONNECT_SEED={seed}");
    seed
}
