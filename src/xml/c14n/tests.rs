//! Forms against the specifications' own words, against each other, and against libxml2.

use std::process::Command;

use super::*;
use crate::xml::random::{self, Random};
use crate::xml::tree::AttributeId;
use crate::xml::{Dtd, Options, parse};

fn read(text: &str) -> Document {
    parse(text.as_bytes().to_vec(), &Options { dtd: Dtd::Internal, ..Options::default() }).unwrap()
}

fn settings<'a>(method: Method, with_comments: bool, prefixes: &'a [&'a str]) -> Settings<'a> {
    Settings { method, with_comments, prefixes }
}

fn form(document: &Document, nodes: &NodeSet, settings: &Settings<'_>) -> String {
    let mut out = Vec::new();
    canonicalize(document, nodes, settings, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn find(document: &Document, local: &str) -> NodeId {
    document.descendants(document.root()).find(|n| document.local(*n) == local).unwrap()
}

#[test]
fn exclusive_renders_what_is_used_and_what_is_listed() {
    let document = read("<a:x xmlns:a='urn:a' xmlns:b='urn:b' xmlns='urn:d'><a:y b:z='1'><t/></a:y></a:x>");
    let y = NodeSet::subtree(find(&document, "y"));
    let exclusive = |prefixes: &[&str]| form(&document, &y, &settings(Method::Exclusive, false, prefixes));
    assert_eq!(exclusive(&[]), r#"<a:y xmlns:a="urn:a" xmlns:b="urn:b" b:z="1"><t xmlns="urn:d"></t></a:y>"#);
    assert_eq!(exclusive(&[""]), r#"<a:y xmlns="urn:d" xmlns:a="urn:a" xmlns:b="urn:b" b:z="1"><t></t></a:y>"#);
    assert_eq!(exclusive(&["unknown"]), exclusive(&[]));
    let inclusive = form(&document, &y, &settings(Method::Inclusive10, false, &[]));
    assert_eq!(inclusive, r#"<a:y xmlns="urn:d" xmlns:a="urn:a" xmlns:b="urn:b" b:z="1"><t></t></a:y>"#);
}

/// EXC-C14N10 §1.3: a listed prefix that an inner element binds anew, and one that is undeclared.
#[test]
fn listed_prefixes_follow_their_declarations() {
    let document = read("<x xmlns:p='urn:1' xmlns='urn:d'><y xmlns:p='urn:2' xmlns=''><z/></y></x>");
    let all = NodeSet::document(&document);
    let form = form(&document, &all, &settings(Method::Exclusive, false, &["p", ""]));
    assert_eq!(form, r#"<x xmlns="urn:d" xmlns:p="urn:1"><y xmlns="" xmlns:p="urn:2"><z></z></y></x>"#);
}

#[test]
fn leaves_out_subtrees_attributes_and_comments() {
    let document = read("<r xmlns:u='urn:u' u:Id='1' k='2'><s>x</s><!--c--><t>y</t></r>");
    let r = document.document_element();
    let mut out = Vec::new();
    exclusive_without(&document, r, Some(("urn:u", "Id")), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), r#"<r k="2"><s>x</s><t>y</t></r>"#);
    let except = NodeSet::Subtree { root: document.root(), except: vec![find(&document, "s")], comments: true };
    let with = form(&document, &except, &settings(Method::Exclusive, true, &[]));
    assert_eq!(with, r#"<r xmlns:u="urn:u" k="2" u:Id="1"><!--c--><t>y</t></r>"#);
    let except = NodeSet::Subtree { root: document.root(), except: vec![find(&document, "s")], comments: false };
    assert!(!form(&document, &except, &settings(Method::Exclusive, true, &[])).contains("<!--"));
}

/// C14N10 §2.4 and C14N11 §2.4: what an orphan inherits.
#[test]
fn orphans_inherit_xml_attributes_each_method_in_its_way() {
    let document = read(
        "<a xml:lang='en' xml:space='preserve' xml:base='http://x/1/2' xml:id='i' xml:other='o'><b xml:base='../3/'><c xml:lang='de' xml:base='4'/></b></a>",
    );
    let c = NodeSet::subtree(find(&document, "c"));
    let by = |method| form(&document, &c, &settings(method, false, &[]));
    assert_eq!(
        by(Method::Inclusive10),
        r#"<c xml:base="4" xml:id="i" xml:lang="de" xml:other="o" xml:space="preserve"></c>"#
    );
    assert_eq!(by(Method::Inclusive11), r#"<c xml:base="http://x/3/4" xml:lang="de" xml:space="preserve"></c>"#);
    assert_eq!(by(Method::Exclusive), r#"<c xml:base="4" xml:lang="de"></c>"#);
}

/// C14N11, test case xmlbase-c14n11spec3-103 of the working group, and its like for the other two.
#[test]
fn elements_keep_their_xml_attributes_that_a_node_set_leaves_out_in_1_1_only() {
    let document =
        read("<a xml:base='foo/bar'><b xml:base='..'><c xml:base='..'><d xml:base='x' xml:id='i'/></c></b></a>");
    let mut set = ExplicitSet::new();
    set.insert(find(&document, "a"));
    set.insert_whole(&document, find(&document, "d"));
    let set = NodeSet::Explicit(set);
    let by = |method| form(&document, &set, &settings(method, false, &[]));
    assert_eq!(by(Method::Inclusive11), r#"<a xml:base="foo/bar"><d xml:base="../../x" xml:id="i"></d></a>"#);
    assert_eq!(by(Method::Inclusive10), r#"<a><d xml:base="x" xml:id="i"></d></a>"#);
    assert_eq!(by(Method::Exclusive), r#"<a><d xml:base="x" xml:id="i"></d></a>"#);
    let document = read("<a xml:lang='en' xml:space='default' xml:id='i' k='1'/>");
    let mut set = ExplicitSet::new();
    set.insert(find(&document, "a"));
    let set = NodeSet::Explicit(set);
    let by = |method| form(&document, &set, &settings(method, false, &[]));
    assert_eq!(by(Method::Inclusive11), r#"<a xml:lang="en" xml:space="default"></a>"#);
    assert_eq!(by(Method::Inclusive10), "<a></a>");
}

#[test]
fn fails_on_relative_namespace_uris_in_what_is_written() {
    let document = read("<a><b xmlns='relative'/><c/></a>");
    for method in [Method::Inclusive10, Method::Inclusive11, Method::Exclusive] {
        let run = |nodes: &NodeSet| canonicalize(&document, nodes, &settings(method, false, &[]), &mut Vec::new());
        let uri = "relative".to_owned();
        assert_eq!(run(&NodeSet::document(&document)), Err(Error::RelativeNamespace { uri }));
        assert!(run(&NodeSet::subtree(find(&document, "c"))).is_ok());
    }
}

/// C14N10 §1.3: what an apex takes over from above is written too.
#[test]
fn fails_on_relative_namespace_uris_that_are_inherited() {
    let document = read("<a xmlns:p='relative'><b><p:c/></b></a>");
    let b = find(&document, "b");
    let run = |method, nodes: &NodeSet, prefixes: &[&str]| {
        canonicalize(&document, nodes, &settings(method, false, prefixes), &mut Vec::new())
    };
    let explicit = NodeSet::Explicit(ExplicitSet::subtree(&document, b, &[], true));
    for nodes in [NodeSet::subtree(b), explicit] {
        let failure = Err(Error::RelativeNamespace { uri: "relative".to_owned() });
        for method in [Method::Inclusive10, Method::Inclusive11, Method::Exclusive] {
            assert_eq!(run(method, &nodes, &[]), failure, "{method:?}");
        }
        assert_eq!(run(Method::Exclusive, &nodes, &["p"]), failure);
    }
    let unused = read("<a xmlns:p='relative'><b/></a>");
    let nodes = NodeSet::subtree(find(&unused, "b"));
    assert!(canonicalize(&unused, &nodes, &settings(Method::Exclusive, false, &[]), &mut Vec::new()).is_ok());
}

#[test]
fn what_replaced_a_node_is_canonicalized_in_its_place() {
    let mut document = read("<a xmlns:p=\"urn:p\"><b>1</b><e></e><b>2</b></a>");
    let e = find(&document, "e");
    document.replace(e, b"<p:x y='1'/>").unwrap();
    let form = form(&document, &NodeSet::document(&document), &settings(Method::Exclusive, false, &[]));
    assert_eq!(form, r#"<a><b>1</b><p:x xmlns:p="urn:p" y="1"></p:x><b>2</b></a>"#);
}

/// Copied runs must never differ from what the general way writes.
#[test]
fn copied_runs_equal_the_general_way() {
    let mut random = Random::new(random::seed());
    let mut copied = 0;
    for _ in 0..random::count(3_000) {
        let text = random::document(&mut random);
        let document = read(&text);
        let nodes: Vec<NodeId> = document.descendants(document.document_element()).collect();
        let except: Vec<NodeId> = if random.chance(50) { vec![nodes[random.below(nodes.len())]] } else { Vec::new() };
        for root in nodes.iter().filter(|n| document.kind(**n) == crate::xml::Kind::Element) {
            let settings =
                settings(Method::Exclusive, random.chance(50), if random.chance(30) { &["a", ""] } else { &[] });
            let (mut fast, mut general) = (Vec::new(), Vec::new());
            let pass = |out| subtree::Pass::new(&document, &settings, settings.with_comments, &except, out);
            pass(&mut fast).run(*root, None).unwrap();
            pass(&mut general).without_raw_runs().run(*root, None).unwrap();
            assert_eq!(String::from_utf8_lossy(&fast), String::from_utf8_lossy(&general), "{text}");
            copied += usize::from(document.node(*root).flags & CONTENT_CANONICAL != 0);
        }
    }
    assert!(copied > 100, "the fast path was hardly met: {copied}");
}

use crate::xml::tree::arena::CONTENT_CANONICAL;

/// `subtree` and `subset` were written apart from each other: where both can, they must agree.
#[test]
fn subtrees_and_the_same_sets_given_explicitly_agree() {
    let mut random = Random::new(random::seed());
    for _ in 0..random::count(2_000) {
        let text = random::document(&mut random);
        let document = read(&text);
        let nodes: Vec<NodeId> = document
            .descendants(document.root())
            .filter(|n| matches!(document.kind(*n), crate::xml::Kind::Element | crate::xml::Kind::Document))
            .collect();
        let root = nodes[random.below(nodes.len())];
        let except: Vec<NodeId> = if random.chance(30) { vec![nodes[random.below(nodes.len())]] } else { Vec::new() };
        let comments = random.chance(50);
        let explicit = NodeSet::Explicit(ExplicitSet::subtree(&document, root, &except, comments));
        let whole = NodeSet::Subtree { root, except, comments };
        for method in [Method::Inclusive10, Method::Inclusive11, Method::Exclusive] {
            for prefixes in [&[][..], &["a", ""][..]] {
                let settings = settings(method, true, prefixes);
                assert_eq!(
                    form(&document, &whole, &settings),
                    form(&document, &explicit, &settings),
                    "{method:?} {text}"
                );
            }
        }
    }
}

#[test]
fn a_canonical_form_is_its_own_canonical_form() {
    let mut random = Random::new(random::seed());
    for _ in 0..random::count(2_000) {
        let document = read(&random::document(&mut random));
        for method in [Method::Inclusive10, Method::Exclusive] {
            let settings = settings(method, true, &[]);
            let once = form(&document, &NodeSet::document(&document), &settings);
            let again = read(&once);
            assert_eq!(form(&again, &NodeSet::document(&again), &settings), once);
        }
    }
}

/// libxml2 signs for half of the world; whole documents leave no room for two opinions.
#[test]
fn whole_documents_have_the_form_that_libxml2_gives_them() {
    if Command::new("xmllint").arg("--version").output().is_err() {
        println!("SKIPPED: xmllint is not installed (Debian: libxml2-utils)");
        assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "xmllint is missing");
        return;
    }
    let mut random = Random::new(random::seed());
    let folder = tempfile::tempdir().unwrap();
    let total = random::count(2_000);
    for batch in 0..total.div_ceil(500) {
        // libxml2 writes & in namespace URIs as it is, which is not even well-formed; C14N10 §2.3 says "in the same way
        // as an attribute node".
        let text = |_| random::document(&mut random).replace("?a&amp;b=c", "?c");
        let texts: Vec<String> = (0..500.min(total - batch * 500)).map(text).collect();
        let names: Vec<String> = (0..texts.len()).map(|n| format!("{n}.xml")).collect();
        for (name, text) in names.iter().zip(&texts) {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        for (option, method) in
            [("--c14n", Method::Inclusive10), ("--c14n11", Method::Inclusive11), ("--exc-c14n", Method::Exclusive)]
        {
            let theirs = |names: &[String]| {
                let run = Command::new("xmllint").arg(option).args(names).current_dir(folder.path()).output().unwrap();
                String::from_utf8(run.stdout).unwrap()
            };
            let ours = |text: &String| {
                let document = read(text);
                form(&document, &NodeSet::document(&document), &settings(method, true, &[]))
            };
            if theirs(&names) == texts.iter().map(ours).collect::<String>() {
                continue;
            }
            for (name, text) in names.iter().zip(&texts) {
                assert_eq!(ours(text), theirs(std::slice::from_ref(name)), "{option}: {text}");
            }
        }
    }
}

/// C14N10 §2.3: a namespace node is written like an attribute.
#[test]
fn namespace_uris_are_escaped_like_values() {
    let document = read("<r xmlns='urn:a?b&amp;c&quot;&lt;'/>");
    for method in [Method::Inclusive10, Method::Inclusive11, Method::Exclusive] {
        let form = form(&document, &NodeSet::document(&document), &settings(method, false, &[]));
        assert_eq!(form, r#"<r xmlns="urn:a?b&amp;c&quot;&lt;"></r>"#);
    }
}

#[test]
fn attribute_numbers_of_a_left_out_attribute_belong_to_the_root_only() {
    let document = read("<r Id='1'><r Id='1'/></r>");
    let mut out = Vec::new();
    exclusive_without(&document, document.document_element(), Some(("", "Id")), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), r#"<r><r Id="1"></r></r>"#);
    assert_eq!(document.owner(AttributeId(0)), document.document_element());
}
