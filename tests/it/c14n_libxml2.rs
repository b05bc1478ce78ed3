//! Canonical XML against libxml2 on random documents with hostile use of namespaces.
//!
//! Half of the world signs with the octets that libxml2 makes. Every document is canonicalized by all methods, as a whole,
//! as subtrees, without a subtree, and as node-sets that XPath picks out; identical octets, or a difference that is named
//! here with its reason (`manual/divergences` has the same). libxml2 runs as one process behind a pipe
//! (`c14n_libxml2.c`, compiled when the test runs).
//!
//! 10,000 documents; `COCONNECT_LONG=1`: 100,000; `COCONNECT_RANDOM_DOCUMENTS` says another number, `COCONNECT_SEED`
//! another seed, `COCONNECT_FIRST` the number of the first document (to see one again).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use coconnect::xml::c14n::{self, Method, NodeSet};
use coconnect::xml::xpath::{Environment, Expression};
use coconnect::xml::{Document, Dtd, Kind, NamespaceNode, NodeId, Options, ns, parse};

/// Random numbers (splitmix64), the same for the same seed and document.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const PREFIXES: [&str; 6] = ["", "", "a", "b", "ab", "n-1.x"];
/// The first four have prefixes in expressions.
const URIS: [&str; 6] = ["urn:1", "urn:2", "urn:10", "URN:1", "http://x/?a=b#c", "http://x/%20"];
/// No URIs by RFC 3986, but nothing in Canonical XML forbids them.
const STRANGE_URIS: [&str; 4] = ["urn: 1", "urn:\u{e9}", "urn:'&quot;&lt;>", "urn:&#9;1"];
const LOCALS: [&str; 9] = ["a", "b", "c", "B", "ab", "a-b", "a.b", "long-name", "\u{e9}"];
const TEXTS: [&str; 21] = [
    "x",
    " ",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "&amp;",
    "&lt;",
    "&gt;",
    ">",
    "&#xD;",
    "&#10;",
    "&#9;",
    "\u{e9}\u{1F600}",
    "]] >",
    "'\"",
    "&amp;lt;",
    "&amp;#13;",
    "&#38;#38;",
    "&#60;a/&#62;",
    "\u{85}\u{2028}",
];
const VALUES: [&str; 17] = [
    "",
    "1",
    " ",
    "\t",
    "\r\n",
    "\r",
    "&#9;",
    "&#xA;",
    "&#13;",
    "&amp;&lt;",
    ">",
    "&quot;&apos;",
    "\u{e9}",
    " 1  2 ",
    "&#32;",
    "&amp;amp;",
    "a:b",
];
const BASES: [&str; 14] = [
    "http://x/1/2",
    "../3/",
    "4",
    "",
    "..",
    ".",
    "../../5",
    "6/7/8",
    "/9",
    "//y/z",
    "urn:u",
    "?q",
    "#f",
    "a/../b/./c//d",
];
const CDATA: [&str; 4] = ["<![CDATA[<&>\r\n]]>", "x<![CDATA[]]>", "<![CDATA[]]]]>", "<![CDATA[&amp;]]>"];
const BESIDE: [&str; 8] =
    ["<!-- c -->", "<?p  d ?>", "\n", "<?q?>", "<!--\r\n<&>-->", "<?p \r\n&amp;<?>", "<!---->", "\t "];

/// What a document is made of besides elements.
#[derive(Clone, Copy)]
struct Flavour {
    /// An internal DTD subset with defaulted attributes and entities.
    dtd: bool,
    /// Namespace URIs that are relative.
    relative: bool,
    /// Namespace URIs that are none.
    strange: bool,
    /// Namespace URIs with `&`.
    ampersand: bool,
    /// `xml:base`.
    base: bool,
}

struct Writer<'r> {
    random: &'r mut Random,
    out: String,
    budget: usize,
    flavour: Flavour,
}

type Scope<'s> = Vec<(&'s str, &'s str)>;

impl Writer<'_> {
    fn document(mut self) -> String {
        if self.random.chance(20) {
            self.out.push_str("<?xml version='1.0'?>");
        }
        self.beside();
        if self.flavour.dtd {
            self.dtd();
            self.beside();
        }
        self.element(&vec![("", "")], 0);
        self.beside();
        self.out
    }

    fn beside(&mut self) {
        while self.random.chance(20) {
            let piece = self.random.pick(&BESIDE);
            self.out.push_str(piece);
        }
    }

    /// Attributes by default, one of them a declaration; entities within entities; a type whose values lose blanks.
    fn dtd(&mut self) {
        self.out.push_str("<!DOCTYPE a [<!ENTITY e \"v&#38;amp;w\"><!ENTITY f \"&e;<!-- f -->'&e;\">");
        for rule in [
            "<!ATTLIST a d CDATA \"1&e;\n2\">",
            "<!ATTLIST b xmlns:ab CDATA \"urn:2\" xml:lang NMTOKEN 'en'>",
            "<!ATTLIST c xmlns CDATA 'urn:10' t NMTOKENS ' x  y '>",
            "<!ATTLIST ab xml:space (default|preserve) 'preserve' d CDATA #IMPLIED>",
            "<!-- <!ATTLIST a q CDATA '1'> -->",
        ] {
            if self.random.chance(50) {
                self.out.push_str(rule);
            }
        }
        self.out.push_str("]>");
    }

    fn uri<'s>(&mut self) -> &'s str {
        match self.random.below(12) {
            0 if self.flavour.relative => "x/y",
            1 if self.flavour.strange => self.random.pick(&STRANGE_URIS),
            2 if self.flavour.ampersand => "http://x/?a&amp;b",
            _ => self.random.pick(&URIS),
        }
    }

    fn element<'s>(&mut self, scope: &Scope<'s>, depth: usize) {
        self.budget = self.budget.saturating_sub(1);
        let mut scope: Scope<'s> = scope.clone();
        let mut declared: Scope<'s> = Vec::new();
        while self.random.chance(if depth == 0 { 75 } else { 35 }) {
            let prefix = self.random.pick(&PREFIXES);
            let uri = if prefix.is_empty() && self.random.chance(45) { "" } else { self.uri() };
            if declared.iter().all(|(known, _)| *known != prefix) {
                declared.push((prefix, uri));
                scope.retain(|(known, _)| *known != prefix);
                scope.push((prefix, uri));
            }
        }
        let (prefix, _) = scope[self.random.below(scope.len())];
        let name = qualified(prefix, self.random.pick(&LOCALS));
        let mut attributes = self.attributes(&scope);
        attributes.extend(declared.iter().map(|(prefix, uri)| match *prefix {
            "" => ("xmlns".to_owned(), (*uri).to_owned()),
            prefix => (format!("xmlns:{prefix}"), (*uri).to_owned()),
        }));
        if self.random.chance(10) {
            attributes.push(("xmlns:xml".to_owned(), "http://www.w3.org/XML/1998/namespace".to_owned()));
        }
        // In any order, and sometimes in the one that a canonical form has.
        if self.random.chance(30) {
            attributes.sort();
        } else {
            for at in (1..attributes.len()).rev() {
                attributes.swap(at, self.random.below(at + 1));
            }
        }
        let plain = self.random.chance(50);
        self.out.push('<');
        self.out.push_str(&name);
        for (name, value) in attributes {
            let (blank, equals) = if plain {
                (" ", "=")
            } else {
                (self.random.pick(&[" ", "  ", "\n", "\t"]), self.random.pick(&["=", " = "]))
            };
            let quote = if plain || value.contains('\'') { '"' } else { '\'' };
            self.out.push_str(&format!("{blank}{name}{equals}{quote}{value}{quote}"));
        }
        if self.budget == 0 && !plain {
            self.out.push_str("/>");
            return;
        }
        self.out.push_str(if plain { ">" } else { "\n>" });
        while self.budget > 0 && self.random.chance(78) {
            self.content(&scope, depth);
        }
        self.out.push_str(&format!("</{name}{}>", if plain { "" } else { " " }));
    }

    fn attributes(&mut self, scope: &Scope<'_>) -> Vec<(String, String)> {
        let mut attributes: Vec<(String, String)> = Vec::new();
        let mut known: Vec<(String, String)> = Vec::new();
        while self.random.chance(45) {
            let bound: Scope<'_> = scope.iter().copied().filter(|(prefix, _)| !prefix.is_empty()).collect();
            let (prefix, uri, local) = match self.random.below(10) {
                0..2 => ("xml", "xml", self.random.pick(&["lang", "space", "id", "other", "base"])),
                2..6 if !bound.is_empty() => {
                    let (prefix, uri) = bound[self.random.below(bound.len())];
                    (prefix, uri, self.random.pick(&LOCALS))
                }
                _ => ("", "", self.random.pick(&LOCALS)),
            };
            if (prefix == "xml" && local == "base" && !self.flavour.base)
                || known.iter().any(|(u, l)| (u.as_str(), l.as_str()) == (uri, local))
            {
                continue;
            }
            known.push((uri.to_owned(), local.to_owned()));
            let value = match (prefix, local) {
                ("xml", "base") => self.random.pick(&BASES),
                ("xml", "space") => self.random.pick(&["preserve", "default"]),
                ("xml", _) => self.random.pick(&["en", "i", "\u{e9}"]),
                _ if self.flavour.dtd && self.random.chance(20) => "&e;",
                _ => self.random.pick(&VALUES),
            };
            attributes.push((qualified(prefix, local), value.to_owned()));
        }
        attributes
    }

    fn content(&mut self, scope: &Scope<'_>, depth: usize) {
        let piece = match self.random.below(24) {
            0 | 1 => self.random.pick(&BESIDE),
            2 => self.random.pick(&CDATA),
            3 if self.flavour.dtd => self.random.pick(&["&e;", "&f;"]),
            3..11 => self.random.pick(&TEXTS),
            _ if depth < 12 => return self.element(scope, depth + 1),
            _ => {
                self.budget -= 1;
                ""
            }
        };
        self.out.push_str(piece);
    }
}

fn qualified(prefix: &str, local: &str) -> String {
    if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
}

fn document(random: &mut Random) -> (String, Flavour) {
    let flavour = Flavour {
        dtd: random.chance(15),
        relative: random.chance(2),
        strange: random.chance(1),
        ampersand: random.chance(2),
        base: random.chance(25),
    };
    let budget = 1 + random.below(30);
    (Writer { random, out: String::new(), budget, flavour }.document(), flavour)
}

const BOUND: [(&str, &str); 4] = [("n1", "urn:1"), ("n2", "urn:2"), ("n3", "urn:10"), ("n4", "URN:1")];
const EVERYTHING: &str = "(//. | //@* | //namespace::*)";

/// A condition on nodes, attributes and namespace nodes.
fn condition(random: &mut Random, depth: usize) -> String {
    if depth > 0 && random.chance(60) {
        let (one, other) = (condition(random, depth - 1), condition(random, depth - 1));
        return match random.below(4) {
            0 => format!("not({one})"),
            1 => format!("({one} and {other})"),
            _ => format!("({one} or {other})"),
        };
    }
    let local = random.pick(&["a", "b", "c", "ab", "\u{e9}"]);
    let prefix = random.pick(&["n1", "n2", "n3", "n4"]);
    let axis = random.pick(&["self", "ancestor", "ancestor-or-self", "parent", "child"]);
    match random.below(18) {
        0 => format!("{axis}::{local}"),
        1 => format!("{axis}::{prefix}:*"),
        2 => format!("{axis}::{prefix}:{local}"),
        3 => "self::text()".to_owned(),
        4 => "self::comment()".to_owned(),
        5 => "self::processing-instruction()".to_owned(),
        6 => format!("local-name() = '{local}'"),
        7 => format!("namespace-uri() = '{}'", random.pick(&["urn:1", "urn:2", ""])),
        8 => format!("count(ancestor::node()) mod 3 = {}", random.below(3)),
        9 => format!("string-length(.) mod 3 = {}", random.below(3)),
        10 => format!("count(preceding-sibling::node()) mod 2 = {}", random.below(2)),
        11 => format!("string-length(name()) mod 2 = {}", random.below(2)),
        // The attributes; the namespace nodes; the elements.
        12 => "(count(. | ../@*) = count(../@*))".to_owned(),
        13 => "(count(. | ../namespace::*) = count(../namespace::*))".to_owned(),
        14 => "self::*".to_owned(),
        15 => "starts-with(name(), 'a')".to_owned(),
        16 => format!("@{local}"),
        _ => "contains(., '1')".to_owned(),
    }
}

/// One canonical form that is asked for.
struct Asked {
    kind: &'static str,
    method: Method,
    comments: bool,
    prefixes: Vec<&'static str>,
    /// The same as `nodes`; empty for the whole document.
    xpath: String,
    nodes: NodeSet,
}

fn asked(random: &mut Random, document: &Document) -> Vec<Asked> {
    let elements: Vec<NodeId> =
        document.descendants(document.root()).filter(|node| document.kind(*node) == Kind::Element).collect();
    let mut all = Vec::new();
    let mut add = |kind, comments, xpath: &str, nodes: &NodeSet, random: &mut Random| {
        for method in [Method::Inclusive10, Method::Inclusive11, Method::Exclusive] {
            let prefixes = prefix_list(random, method);
            all.push(Asked { kind, method, comments, prefixes, xpath: xpath.to_owned(), nodes: nodes.clone() });
        }
    };
    for comments in [true, false] {
        add("document", comments, "", &NodeSet::document(document), random);
    }
    let at = random.below(elements.len());
    let apex = format!("(//*)[{}]", at + 1);
    let below = format!(
        "{apex}/descendant-or-self::node() | {apex}/descendant-or-self::*/@* | {apex}/descendant-or-self::*/namespace::*"
    );
    let comments = random.chance(50);
    add("subtree", comments, &below, &NodeSet::subtree(elements[at]), random);
    add("subtree as a node-set", !comments, &below, &selected(document, &below), random);
    let left_out = random.below(elements.len());
    let without = format!(
        "{EVERYTHING}[count(ancestor-or-self::node() | (//*)[{}]) != count(ancestor-or-self::node())]",
        left_out + 1
    );
    let set = NodeSet::Subtree { root: document.root(), except: vec![elements[left_out]], comments: true };
    add("without a subtree", comments, &without, &set, random);
    for _ in 0..2 {
        let xpath = format!("{EVERYTHING}[{}]", condition(random, 2));
        add("node-set", random.chance(50), &xpath, &selected(document, &xpath), random);
    }
    // Whole elements with all their namespaces and attributes, or with some of them: what filters in signatures give.
    let elements = condition(random, 1);
    let attributes = if random.chance(50) { "true()".to_owned() } else { condition(random, 1) };
    let xpath =
        format!("//node()[{elements}] | //node()[{elements}]/@*[{attributes}] | //node()[{elements}]/namespace::*");
    add("whole elements", random.chance(50), &xpath, &selected(document, &xpath), random);
    all
}

fn prefix_list(random: &mut Random, method: Method) -> Vec<&'static str> {
    let mut list = Vec::new();
    if method == Method::Exclusive && random.chance(60) {
        for prefix in ["a", "b", "ab", "n-1.x", "#default", "unknown", "xml"] {
            if random.chance(30) {
                list.push(prefix);
            }
        }
    }
    list
}

/// libxml2 behind its pipe.
struct Oracle {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Oracle {
    /// None, said aloud, where it cannot be compiled.
    fn start(folder: &Path) -> Option<Self> {
        let skip = |why: &str| {
            println!("SKIPPED: {why} (Debian: gcc, pkg-config, libxml2-dev)");
            assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "{why}");
        };
        let flags = Command::new("pkg-config").args(["--cflags", "--libs", "libxml-2.0"]).output();
        let Some(flags) = flags.ok().filter(|output| output.status.success()) else {
            skip("libxml2 has no headers here");
            return None;
        };
        let flags = String::from_utf8(flags.stdout).unwrap();
        let program = folder.join("c14n");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/c14n_libxml2.c");
        let compiled =
            Command::new("cc").arg("-O2").arg(source).arg("-o").arg(&program).args(flags.split_whitespace()).output();
        match compiled {
            Err(_) => {
                skip("no C compiler");
                return None;
            }
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        }
        let mut process = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Some(Self { process, to, from })
    }

    fn read(&mut self, document: &str) {
        self.to.write_all(format!("D {}\n{document}", document.len()).as_bytes()).unwrap();
    }

    fn form(&mut self, asked: &Asked) -> Result<String, String> {
        let method = match asked.method {
            Method::Inclusive10 => 0,
            Method::Exclusive => 1,
            Method::Inclusive11 => 2,
        };
        let prefixes = asked.prefixes.join(" ");
        let (comments, xpath) = (u8::from(asked.comments), &asked.xpath);
        let request = format!("C {method} {comments} {} {}\n{prefixes}{xpath}", prefixes.len(), xpath.len());
        self.to.write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        let (status, length) = line.trim().split_once(' ').unwrap_or_else(|| panic!("libxml2 answered {line:?}"));
        let mut octets = vec![0; length.parse().unwrap()];
        self.from.read_exact(&mut octets).unwrap();
        let text = String::from_utf8(octets).unwrap();
        if status == "0" { Ok(text) } else { Err(text) }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn selected(document: &Document, xpath: &str) -> NodeSet {
    let bound: Vec<(String, String)> = BOUND.iter().map(|(p, u)| ((*p).to_owned(), (*u).to_owned())).collect();
    let environment = Environment { namespaces: &bound, ..Environment::default() };
    let expression = Expression::parse(xpath).unwrap_or_else(|error| panic!("{xpath}: {error}"));
    NodeSet::Explicit(expression.select(document, &environment).unwrap().into_iter().collect())
}

fn ours(document: &Document, asked: &Asked) -> Result<String, String> {
    let prefixes: Vec<&str> =
        asked.prefixes.iter().map(|prefix| if *prefix == "#default" { "" } else { *prefix }).collect();
    let settings = c14n::Settings { method: asked.method, with_comments: asked.comments, prefixes: &prefixes };
    let mut out = Vec::new();
    c14n::canonicalize(document, &asked.nodes, &settings, &mut out).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

/// What both forms become when a difference that is allowed is taken out of them.
type Taken = (String, String);
/// A reason, and what takes the difference out.
type Allowed = (&'static str, fn(&str, &str) -> Taken);

/// Why libxml2 may say something else; none when it may not.
fn judged(
    asked: &Asked,
    document: &Document,
    flavour: Flavour,
    ours: &str,
    theirs: Option<&str>,
) -> Option<&'static str> {
    let Some(theirs) = theirs else {
        let relative = flavour.relative && !ours.contains("=\"x/y\"");
        return if relative { Some(RELATIVE) } else { flavour.strange.then_some(STRANGE) };
    };
    let mut allowed: Vec<Allowed> = Vec::new();
    if flavour.ampersand {
        allowed.push((AMPERSAND, |ours, theirs| (ours.replace("?a&amp;b\"", "?a&b\""), theirs.to_owned())));
    }
    let nodes: Vec<NodeId> = document
        .descendants(document.document_element())
        .filter(|node| document.kind(*node) == Kind::Element)
        .collect();
    let in_set = |node: NodeId| match &asked.nodes {
        NodeSet::Subtree { root, except, .. } => {
            document.contains(*root, node) && !except.iter().any(|out| document.contains(*out, node))
        }
        NodeSet::Explicit(set) => set.contains(node),
    };
    if !in_set(document.document_element()) {
        allowed.push((BESIDE_NOTHING, |ours, theirs| (ours.replace('\n', ""), theirs.replace('\n', ""))));
    }
    if asked.method == Method::Inclusive11 && flavour.base {
        allowed.push((BASE_EMPTY, |ours, theirs| {
            (ours.replace(" xml:base=\"\"", ""), theirs.replace(" xml:base=\"\"", ""))
        }));
        allowed.push((BASE_JOINED, joined_otherwise));
    }
    if let NodeSet::Explicit(set) = &asked.nodes {
        let orphan = |node: &NodeId| in_set(*node) && document.parent(*node).is_some_and(|parent| !in_set(parent));
        if asked.method == Method::Inclusive11 && nodes.iter().any(orphan) {
            allowed.push((INHERITED, |ours, theirs| {
                let without = |text| without(&without(text, " xml:lang"), " xml:space");
                (without(ours), without(theirs))
            }));
        }
        let left_out =
            |node: &NodeId| document.attributes(*node).any(|a| a.ns == ns::XML && !set.contains_attribute(a.id));
        if asked.method == Method::Inclusive10 && nodes.iter().any(|node| in_set(*node) && left_out(node)) {
            allowed.push((XML_LEFT_OUT, |ours, theirs| (without(ours, " xml:"), without(theirs, " xml:"))));
        }
        // Where namespace nodes and attributes do not go with their elements.
        let ragged = nodes.iter().any(|node| {
            let whole = in_set(*node);
            let differs =
                |n: &NamespaceNode| set.contains_namespace(*n) != whole && document.namespace_node(*n).0 != "xml";
            document.namespace_nodes(*node).iter().any(differs)
                || !whole && document.attributes(*node).any(|a| set.contains_attribute(a.id))
        });
        let undeclares = |node: &NodeId| document.namespace_declarations(*node).any(|declared| declared == ("", ""));
        if ragged || nodes.iter().any(undeclares) {
            allowed.push((UNDECLARED, |ours, theirs| {
                let bare = |text: &str| text.replace(" xmlns=\"\"", "");
                (bare(ours), bare(theirs))
            }));
        }
        if ragged && asked.method == Method::Exclusive {
            allowed.push((NAMESPACE_LEFT_OUT, |ours, theirs| (without(ours, " xmlns"), without(theirs, " xmlns"))));
        }
    }
    for (why, take) in &allowed {
        let (ours, theirs) = take(ours, theirs);
        if ours == theirs {
            return Some(why);
        }
    }
    let start = (ours.to_owned(), theirs.to_owned());
    let (ours, theirs) = allowed.iter().fold(start, |(ours, theirs), (_, take)| take(&ours, &theirs));
    (ours == theirs).then_some(SEVERAL)
}

/// The text without the attributes whose names begin so.
fn without(text: &str, start: &str) -> String {
    let mut out = String::new();
    let mut pieces = text.split(start);
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let mut parts = piece.splitn(3, '"');
        out.push_str(parts.nth(2).unwrap_or_else(|| panic!("no attribute: {piece}")));
    }
    out
}

/// Our values of `xml:base` in the place of theirs where they follow from the same base by older rules.
fn joined_otherwise(ours: &str, theirs: &str) -> Taken {
    // Above the top it finds nothing where "/" is left.
    let (ours, theirs) = (&ours.replace(" xml:base=\"/\"", ""), &theirs.replace(" xml:base=\"/\"", ""));
    let values = |text: &str| -> Vec<String> {
        text.split(" xml:base=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
    };
    let mut pieces = theirs.split(" xml:base=\"");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    let mut ours_values = values(ours).into_iter();
    for (piece, value) in pieces.zip(values(theirs)) {
        let mine = ours_values.next().unwrap_or_default();
        let same = mine == format!("{value}/")
            || (mine == "b/c/d" && value == "a/../b/./c//d")
            || (mine == "5" && value == "6/../5");
        let kept = if same { &mine } else { &value };
        out.push_str(&format!(" xml:base=\"{kept}{}", &piece[value.len()..]));
    }
    (ours.clone(), out)
}

const AMPERSAND: &str = "libxml2 writes & in a namespace URI bare";
const RELATIVE: &str = "libxml2 has no form where a namespace URI anywhere in the document is relative";
const STRANGE: &str = "libxml2 has no form where a namespace URI is none by RFC 3986";
const BESIDE_NOTHING: &str = "line ends of comments and instructions where the document element is left out";
const BASE_EMPTY: &str = "libxml2 leaves out every empty xml:base in 1.1, also where nothing is joined";
const BASE_JOINED: &str = "libxml2 joins xml:base by other rules: no / behind \"..\", dots that stay";
const INHERITED: &str = "libxml2 takes xml:lang and xml:space in 1.1 from omitted ancestors up to the first other only";
const XML_LEFT_OUT: &str = "an xml: attribute in 1.0 that the node-set leaves out: libxml2 takes an outer one";
const UNDECLARED: &str = "libxml2 writes xmlns=\"\" where no output ancestor has a default namespace in the set";
const NAMESPACE_LEFT_OUT: &str =
    "libxml2 writes namespaces of attributes, left out of the set, and on elements left out none";
const SEVERAL: &str = "several of these";

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: expected a number")))
}

#[test]
fn random_documents_have_the_forms_that_libxml2_gives_them() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut oracle) = Oracle::start(folder.path()) else { return };
    let long = std::env::var("COCONNECT_LONG").as_deref() == Ok("1");
    let seed = number("COCONNECT_SEED").unwrap_or(1);
    let first = number("COCONNECT_FIRST").unwrap_or(0);
    let documents = number("COCONNECT_RANDOM_DOCUMENTS").unwrap_or(if long { 100_000 } else { 10_000 });
    println!("COCONNECT_SEED={seed} COCONNECT_FIRST={first} COCONNECT_RANDOM_DOCUMENTS={documents}");
    let mut table: BTreeMap<(&str, &str), [u64; 3]> = BTreeMap::new();
    let mut differences: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut wrong, mut octets, mut doubled) = (Vec::new(), 0, 0);
    for at in first..first + documents {
        let mut random = Random(seed.wrapping_mul(0xD129_0F3C_5A2B_7E11).wrapping_add(at << 1));
        let (text, flavour) = document(&mut random);
        let options = Options { dtd: Dtd::Internal, ..Options::default() };
        let document = match parse(text.clone().into_bytes(), &options) {
            Ok(document) => document,
            // A declaration by default can make two attributes the same.
            Err(error) if flavour.dtd && error.to_string().contains("stands twice") => {
                doubled += 1;
                continue;
            }
            Err(error) => panic!("{at}: {error}\n{text}"),
        };
        oracle.read(&text);
        for asked in asked(&mut random, &document) {
            let (ours, theirs) = (ours(&document, &asked), oracle.form(&asked));
            let method = match asked.method {
                Method::Inclusive10 => "1.0",
                Method::Inclusive11 => "1.1",
                Method::Exclusive => "exclusive",
            };
            let row = table.entry((asked.kind, method)).or_default();
            octets += ours.as_ref().map_or(0, String::len);
            let why = match (&ours, &theirs) {
                (Ok(ours), Ok(theirs)) if ours == theirs => {
                    row[0] += 1;
                    continue;
                }
                (Err(_), Err(_)) => {
                    row[1] += 1;
                    continue;
                }
                (Err(_), Ok(_)) => None,
                (Ok(ours), theirs) => {
                    judged(&asked, &document, flavour, ours, theirs.as_ref().ok().map(String::as_str))
                }
            };
            row[2] += 1;
            match why {
                Some(why) => *differences.entry(why).or_default() += 1,
                None if wrong.len() >= WRONG_SHOWN => wrong.push(String::new()),
                None => wrong.push(format!(
                    "document {at}: {} {method} comments={} prefixes={:?} {}\n{text}\nours   {ours:?}\ntheirs {theirs:?}",
                    asked.kind, asked.comments, asked.prefixes, asked.xpath
                )),
            }
        }
    }
    println!("{:24}{:12}{:>12}{:>12}{:>12}", "nodes", "method", "identical", "both fail", "differ");
    for ((kind, method), [same, fail, differ]) in &table {
        println!("{kind:24}{method:12}{same:>12}{fail:>12}{differ:>12}");
    }
    println!(
        "{documents} documents, {doubled} not well-formed, {} forms, {octets} octets",
        table.values().flatten().sum::<u64>()
    );
    for (why, count) in &differences {
        println!("{count:>12} differ: {why}");
    }
    assert!(doubled <= 1 + documents / 1000, "{doubled} of {documents} documents are not well-formed");
    assert!(wrong.is_empty(), "{} forms differ:\n{}", wrong.len(), wrong[..wrong.len().min(WRONG_SHOWN)].join("\n\n"));
}

/// How many forms that differ are shown in full.
const WRONG_SHOWN: usize = 10;

/// Each reason on the smallest document that shows it: what the specification demands, and what libxml2 says.
#[test]
fn what_is_excused_is_what_the_specifications_demand() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut oracle) = Oracle::start(folder.path()) else { return };
    let mut shown = |text: &str, method, xpath: &str, wanted: &str, theirs: Result<&str, &str>| {
        let options = Options { dtd: Dtd::Internal, ..Options::default() };
        let document = parse(text.as_bytes().to_vec(), &options).unwrap();
        let nodes = if xpath.is_empty() { NodeSet::document(&document) } else { selected(&document, xpath) };
        let asked = Asked { kind: "", method, comments: true, prefixes: Vec::new(), xpath: xpath.to_owned(), nodes };
        oracle.read(text);
        assert_eq!(ours(&document, &asked).as_deref(), Ok(wanted), "{text} {xpath}");
        assert_eq!(oracle.form(&asked).as_deref(), theirs.map_err(str::to_owned).as_deref(), "{text} {xpath}");
    };
    let set = |condition: &str| format!("{EVERYTHING}[{condition}]");
    use Method::{Exclusive, Inclusive10, Inclusive11};
    // C14N10 §2.3, Namespace Nodes: as attribute nodes, and those write & as &amp;.
    shown("<a xmlns='u:?&amp;'/>", Inclusive10, "", r#"<a xmlns="u:?&amp;"></a>"#, Ok(r#"<a xmlns="u:?&"></a>"#));
    // C14N10 §1.3 forbids relative URIs, not odd ones.
    shown("<a xmlns='u: '/>", Inclusive10, "", r#"<a xmlns="u: "></a>"#, Err("c14n"));
    // C14N10 §1.3 speaks of documents; ours fails where one would be written, or is declared by what is written.
    let below = set("ancestor-or-self::b");
    shown("<a xmlns:p='x'><b/></a>", Exclusive, &below, "<b></b>", Err("c14n"));
    shown("<a><b/><c xmlns='x'/></a>", Inclusive10, &below, "<b></b>", Err("c14n"));
    // C14N10 §2.3, Processing Instruction Nodes: before or after the document element, whether that is in the set or not.
    let beside = set("not(self::a)");
    shown("<?p?><a/><?q?>", Inclusive10, &beside, "<?p?>\n\n<?q?>", Ok("<?p?>\n<?q?>\n"));
    // C14N11 §2.4: values are joined where an element is omitted, nowhere else, and "" goes only then.
    shown("<a xml:base=''/>", Inclusive11, "", r#"<a xml:base=""></a>"#, Ok("<a></a>"));
    // C14N11 §2.4, join-URI-References: "/" behind a segment ".." at the end.
    let (b, base) = (set("ancestor-or-self::b"), "<a xml:base='4'><b xml:base='..'/></a>");
    shown(base, Inclusive11, &b, r#"<b xml:base="../"></b>"#, Ok(r#"<b xml:base=".."></b>"#));
    // C14N11 §2.4: all elements of the ancestor axis, in the set or not.
    let lang = "<a xml:lang='en'><b><c/></b></a>";
    let wanted = r#"<a xml:lang="en"><c xml:lang="en"></c></a>"#;
    shown(lang, Inclusive11, &set("not(self::b)"), wanted, Ok(r#"<a xml:lang="en"><c></c></a>"#));
    shown(lang, Inclusive10, &set("not(self::b)"), wanted, Ok(wanted));
    // C14N10 §2.4: nothing takes the place of an own attribute, "whether or not" that is in the set.
    let own = set("self::c or self::a");
    shown(
        "<a xml:lang='en'><b><c xml:lang='de'/></b></a>",
        Inclusive10,
        &own,
        "<a><c></c></a>",
        Ok(r#"<a><c xml:lang="en"></c></a>"#),
    );
    // C14N10 §2.3, Namespace Axis: xmlns="" only below an output element that has a default namespace in the set.
    let outer = set("self::* or count(ancestor::node()) = 2");
    let text = "<a xmlns='u:u'><b><c/></b></a>";
    let wanted = r#"<a xmlns="u:u"><b xmlns=""><c></c></b></a>"#;
    shown(text, Inclusive10, &outer, wanted, Ok(r#"<a xmlns="u:u"><b xmlns=""><c xmlns=""></c></b></a>"#));
    // EXC-C14N10 §3: a namespace node that is not in the set is not rendered.
    let text = "<a xmlns:p='u:u' p:k='1'/>";
    let wanted = r#"<a p:k="1"></a>"#;
    let bare = set("not(contains(., 'u:u'))");
    shown(text, Exclusive, &bare, wanted, Ok(r#"<a xmlns:p="u:u" p:k="1"></a>"#));
    shown(text, Inclusive10, &bare, wanted, Ok(wanted));
}
