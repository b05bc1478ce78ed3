//! Each thing that is accepted, with its refused twin.

use super::*;
use crate::base::limits;
use crate::xml::{Kind, NodeId};

fn read(text: &str) -> Result<Document, Error> {
    parse(text.as_bytes().to_vec(), &Options::default())
}

fn read_dtd(text: &str) -> Result<Document, Error> {
    parse(text.as_bytes().to_vec(), &Options { dtd: Dtd::Internal, ..Options::default() })
}

fn text_of(document: &Document) -> String {
    document.text_content(document.root()).into_owned()
}

/// XML 1.0 §2 and §3: a reader that is lenient here sees another document than the signer did.
#[test]
fn accepts_what_is_well_formed_and_refuses_its_twin() {
    let twins = [
        ("<a/>", "<a>"),
        ("<a></a>", "<a></b>"),
        ("<a></a >", "<a></a b>"),
        ("<a ></a>", "< a></a>"),
        ("<a/>\n", "<a/>b"),
        ("<!--c--><a/>", "b<a/>"),
        ("<a/><!--c-->", "<a/><b/>"),
        ("<a><b/></a>", "<a><b></a></b>"),
        ("<a/>", "</a>"),
        ("<a/>", "<a/></a>"),
        ("<a x='1'/>", "<a x=1/>"),
        ("<a x='1' y='2'/>", "<a x='1'y='2'/>"),
        ("<a x = '1'/>", "<a x/>"),
        ("<a x='1'/>", "<a x='1/>"),
        ("<a x='>'/>", "<a x='<'/>"),
        ("<a x='\"'/>", "<a x='''/>"),
        ("<a x='1' y='1'/>", "<a x='1' x='1'/>"),
        ("<a x='&amp;'/>", "<a x='&'/>"),
        ("<a>&lt;</a>", "<a>&lt</a>"),
        ("<a>&#x10FFFF;</a>", "<a>&#x110000;</a>"),
        ("<a>&#9;</a>", "<a>&#8;</a>"),
        ("<a>&#xD;</a>", "<a>&#xD800;</a>"),
        ("<a>&#65;</a>", "<a>&#;</a>"),
        ("<a>&#x41;</a>", "<a>&#X41;</a>"),
        ("<a>&apos;&quot;&gt;</a>", "<a>&nbsp;</a>"),
        ("<a>]]</a>", "<a>]]></a>"),
        ("<a>]]]&gt;</a>", "<a>]]]></a>"),
        ("<a><![CDATA[]]]]></a>", "<a><![CDATA[]]</a>"),
        ("<a><![CDATA[<&]]></a>", "<![CDATA[x]]><a/>"),
        ("<a><!-- - --></a>", "<a><!-- -- --></a>"),
        ("<a><!----></a>", "<a><!---></a>"),
        ("<a><!-- x --></a>", "<a><!-- x ---></a>"),
        ("<a><?p?></a>", "<a><?p></a>"),
        ("<a><?p  x??></a>", "<a><? p?></a>"),
        ("<a><?xml-x y?></a>", "<a><?XML y?></a>"),
        ("<?xml version='1.0'?><a/>", " <?xml version='1.0'?><a/>"),
        (
            "<?xml version='1.0' encoding='utf-8' standalone='no' ?><a/>",
            "<?xml version='1.0' standalone='no' encoding='utf-8'?><a/>",
        ),
        ("<?xml version=\"1.9\"?><a/>", "<?xml version='2.0'?><a/>"),
        ("<?xml version='1.0'?><a/>", "<?xml encoding='UTF-8'?><a/>"),
        ("<?xml version='1.0' standalone='yes'?><a/>", "<?xml version='1.0' standalone='maybe'?><a/>"),
        ("<?xml version='1.0' encoding='UTF-8'?><a/>", "<?xml version='1.0'encoding='UTF-8'?><a/>"),
        ("<\u{e9}\u{b7}/>", "<\u{b7}/>"),
        ("<a.-1/>", "<-a/>"),
        ("<a\u{300}/>", "<\u{300}a/>"),
        ("<a>\u{FFFD}</a>", "<a>\u{FFFE}</a>"),
        ("<a>\t\n</a>", "<a>\u{1}</a>"),
        ("<a x='\t'/>", "<a x='\u{0}'/>"),
        ("<a/>", ""),
        ("<a/>", "   "),
        ("<a/>", "<"),
        ("<a/>", "<a"),
        ("<a/>", "<a/"),
        ("<a>x</a>", "<a>x</a"),
        ("<a>x</a>", "<a>x<"),
        ("<a>x</a>", "<a>x<!"),
        ("<a>x</a>", "<a>x<!DOCTYPE a></a>"),
    ];
    for (right, wrong) in twins {
        assert!(read(right).is_ok(), "{right}: {:?}", read(right));
        let error = read(wrong).expect_err(wrong);
        assert!(matches!(error, Error::NotWellFormed { .. }), "{wrong}: {error}");
    }
}

/// Namespaces in XML 1.0: names bound otherwise than the signer bound them are other names.
#[test]
fn resolves_namespaces_and_refuses_what_breaks_them() {
    let twins = [
        ("<p:a xmlns:p='u:p'/>", "<p:a/>"),
        ("<a xmlns:p='u:p' p:x=''/>", "<a p:x=''/>"),
        ("<a><b xmlns:p='u:p'/><c/></a>", "<a><b xmlns:p='u:p'/><p:c/></a>"),
        ("<a xmlns='u:d'><b xmlns=''/></a>", "<a xmlns:p='u:p'><b xmlns:p=''/></a>"),
        ("<a xml:lang='en'/>", "<a xmlns:xml='u:other'/>"),
        (
            "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
            "<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
        ),
        ("<a xmlns='u:x'/>", "<a xmlns='http://www.w3.org/2000/xmlns/'/>"),
        ("<a xmlns:x='u:x'/>", "<a xmlns:xmlns='u:x'/>"),
        ("<a xmlns:p='u:1' xmlns:q='u:2' p:x='' q:x=''/>", "<a xmlns:p='u:1' xmlns:q='u:1' p:x='' q:x=''/>"),
        ("<a xmlns:p='u:1' p:x='' x=''/>", "<a xmlns:p='u:1' p:x='' p:x=''/>"),
        ("<a xmlns:p='u:1' xmlns:q='u:1'/>", "<a xmlns:p='u:1' xmlns:p='u:2'/>"),
        ("<a xmlns='u:1'/>", "<a xmlns='u:1' xmlns='u:1'/>"),
        ("<p:a xmlns:p='u:p'/>", "<p:a:b xmlns:p='u:p'/>"),
        ("<a/>", "<:a/>"),
        ("<a/>", "<a:/>"),
        ("<a xmlns:p='u:p' p:b=''/>", "<a xmlns:p='u:p' p:=''/>"),
        ("<a xmlns:p='u:p' p:b=''/>", "<xmlns:a/>"),
    ];
    for (right, wrong) in twins {
        assert!(read(right).is_ok(), "{right}: {:?}", read(right));
        assert!(matches!(read(wrong), Err(Error::NotWellFormed { .. })), "{wrong}");
    }
    let many: String = (0..20).map(|n| format!(" p:a{n}=''")).collect();
    assert!(read(&format!("<a xmlns:p='u:1' xmlns:q='u:1'{many} q:b=''/>")).is_ok());
    assert!(read(&format!("<a xmlns:p='u:1' xmlns:q='u:1'{many} q:a7=''/>")).is_err());
    let scoped = read("<p:a xmlns:p='u:1'><p:b xmlns:p='u:2'/><p:b/></p:a>").unwrap();
    let uris: Vec<&str> = scoped.elements(scoped.document_element()).map(|n| scoped.ns(n)).collect();
    assert_eq!(uris, ["u:2", "u:1"]);
}

#[test]
fn normalizes_line_ends_and_values_and_joins_text() {
    let document = read("<a x=' \t\r\n&#9;&#13;\u{e9}&lt;'>1\r\n2\r3&#13;<![CDATA[\r\n&amp;]]>&amp;<b/>]</a>").unwrap();
    let a = document.document_element();
    assert_eq!(document.attribute(a, "", "x"), Some("   \t\r\u{e9}<"));
    let texts: Vec<&str> = document.children(a).map(|n| document.text(n)).collect();
    assert_eq!(texts, ["1\n2\n3\r\n&amp;&", "", "]"]);
    let document = read("<a><!--\r\nx--><?p \r\n y\r?><![CDATA[]]></a>").unwrap();
    let texts: Vec<&str> = document.children(document.document_element()).map(|n| document.text(n)).collect();
    assert_eq!(texts, ["\nx", "y\n"], "an empty CDATA section is no text");
}

#[test]
fn reads_the_encodings_it_knows_and_names_the_others() {
    let utf16 = |text: &str, mark: bool, big: bool| {
        let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
        units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect::<Vec<u8>>()
    };
    let declared = "<?xml version='1.0' encoding='UTF-16'?><a>\u{e9}\u{1F600}</a>";
    for big in [true, false] {
        for octets in
            [utf16("<a>\u{e9}\u{1F600}</a>", true, big), utf16(declared, true, big), utf16(declared, false, big)]
        {
            let document = parse(octets, &Options::default()).unwrap();
            assert_eq!(text_of(&document), "\u{e9}\u{1F600}");
            let written = String::from_utf8(document.to_octets()).unwrap();
            assert!(!written.contains("UTF-16"), "{written}");
            assert!(read(&written).is_ok(), "{written}");
        }
    }
    let latin1 = b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xE9</a>".to_vec();
    assert_eq!(text_of(&parse(latin1, &Options::default()).unwrap()), "\u{e9}");
    let ascii = |octet: u8| [b"<?xml version='1.0' encoding='us-ascii'?><a>", &[octet][..], b"</a>"].concat();
    assert!(parse(ascii(b'x'), &Options::default()).is_ok());
    assert!(parse(ascii(0xE9), &Options::default()).is_err());
    let with_mark = [&[0xEF, 0xBB, 0xBF][..], b"<a/>"].concat();
    assert_eq!(parse(with_mark.clone(), &Options::default()).unwrap().to_octets(), with_mark);
    for wrong in [
        b"<a>\xFF</a>".to_vec(),
        b"<a>\xC0\x80</a>".to_vec(),
        b"<a>\xED\xA0\x80</a>".to_vec(),
        utf16("<?xml version='1.0' encoding='UTF-8'?><a/>", true, true),
        utf16("<a/>", false, true),
        [utf16("<a/>", true, true), vec![0]].concat(),
        [&[0xEF, 0xBB, 0xBF][..], b"<?xml version='1.0' encoding='iso-8859-1'?><a/>"].concat(),
        b"<?xml version='1.0' encoding='UTF-16'?><a/>".to_vec(),
    ] {
        assert!(parse(wrong.clone(), &Options::default()).is_err(), "{}", String::from_utf8_lossy(&wrong));
    }
    let other = read("<?xml version='1.0' encoding='EUC-JP'?><a/>").unwrap_err().to_string();
    assert!(other.contains("EUC-JP"), "{other}");
    let at = parse(b"<a>\nxy\xFF</a>".to_vec(), &Options::default()).unwrap_err().to_string();
    assert_eq!(at, "2:3: octet 0xFF is not UTF-8");
}

/// Without asking for it, a DTD is refused before anything in it is read.
#[test]
fn refuses_a_dtd_unless_asked() {
    for text in ["<!DOCTYPE a><a/>", "<!DOCTYPE", "<?p?>\n<!DOCTYPE a [<!ENTITY x 'y'>]><a/>"] {
        assert!(matches!(read(text), Err(Error::DtdRefused { .. })), "{text}");
    }
    assert!(read_dtd("<!DOCTYPE a><a/>").is_ok());
    assert!(read_dtd("<!DOCTYPE").is_err());
    assert!(read_dtd("<!DOCTYPE a><!DOCTYPE a><a/>").is_err());
}

#[test]
fn reads_entities_defaults_types_and_ids() {
    let document = read_dtd(
        "<!DOCTYPE a PUBLIC 'p' 'nowhere' [
        <!ENTITY t 'x&#38;amp;&#60;b>&u;&#60;/b>y'><!ENTITY u \"'\r\nu\"><!ENTITY t 'ignored'>
        <!ENTITY % pe '<!ATTLIST b n NMTOKENS \" 1  2 \">'> %pe;
        <!ATTLIST a i ID #IMPLIED d CDATA 'v&u;' xmlns:q CDATA #FIXED 'u:q' q:z CDATA 'z'>
        <!ATTLIST a d CDATA 'ignored'>
        <!ELEMENT a (#PCDATA|b)*><!ELEMENT c ((x|y)+,(z?,w*)?)><!NOTATION n PUBLIC 'x'>
        <!-- c --><?p q?>
        ]><a i='  id1 '>1&t;2<b n=' 3 4'/></a>",
    )
    .unwrap();
    let a = document.document_element();
    let id = document.attributes(a).find(|at| at.is_dtd_id).unwrap();
    assert_eq!((id.local, id.value), ("i", "id1"));
    assert_eq!(document.attribute(a, "", "d"), Some("v' u"));
    assert_eq!(document.attribute(a, "u:q", "z"), Some("z"));
    assert_eq!(document.text_content(a), "1x&'\nuy2");
    let b: Vec<NodeId> = document.elements(a).collect();
    assert_eq!(document.local(b[0]), "b");
    assert_eq!(document.kind(document.first_child(b[0]).unwrap()), Kind::Text);
    assert_eq!(document.attribute(b[0], "", "n"), Some("1 2"));
    assert_eq!(document.attribute(b[1], "", "n"), Some("3 4"));
    let reference = &document.octets()[document.range(b[0])];
    assert_eq!(reference, b"&t;", "what comes out of an entity stands where it was referenced");
}

#[test]
fn refuses_what_is_wrong_in_a_dtd() {
    for (right, wrong) in [
        ("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&f;</a>"),
        ("<!DOCTYPE a [<!ENTITY e '<b/>'>]><a>&e;</a>", "<!DOCTYPE a [<!ENTITY e '<b>'>]><a>&e;</a>"),
        ("<!DOCTYPE a [<!ENTITY e '<b/>'>]><a>&e;</a>", "<!DOCTYPE a [<!ENTITY e '</a><a>'>]><a>&e;</a>"),
        ("<!DOCTYPE a [<!ENTITY e 'x'>]><a b='&e;'/>", "<!DOCTYPE a [<!ENTITY e '<b/>'>]><a b='&e;'/>"),
        ("<!DOCTYPE a [<!ENTITY e '&#38;lt;'>]><a b='&e;'/>", "<!DOCTYPE a [<!ENTITY e '&#60;'>]><a b='&e;'/>"),
        (
            "<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f 'x'>]><a>&e;</a>",
            "<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f '&e;'>]><a>&e;</a>",
        ),
        (
            "<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f 'x'>]><a b='&e;'/>",
            "<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f '&e;'>]><a b='&e;'/>",
        ),
        ("<!DOCTYPE a [<!ENTITY e SYSTEM 'x'>]><a/>", "<!DOCTYPE a [<!ENTITY e SYSTEM 'x'>]><a>&e;</a>"),
        (
            "<!DOCTYPE a [<!ENTITY e SYSTEM 'x' NDATA n>]><a/>",
            "<!DOCTYPE a [<!ENTITY e SYSTEM 'x' NDATA n>]><a b='&e;'/>",
        ),
        ("<!DOCTYPE a [<!ENTITY % p ''>%p;]><a/>", "<!DOCTYPE a [%p;]><a/>"),
        (
            "<!DOCTYPE a [<!ENTITY % p '<!ENTITY e \"\">'>%p;]><a/>",
            "<!DOCTYPE a [<!ENTITY % p 'x'><!ENTITY e '%p;'>]><a/>",
        ),
        ("<!DOCTYPE a [<!ENTITY % p SYSTEM 'x'>%p;]><a/>", "<!DOCTYPE a [<!ENTITY % p 'x'>%p;]><a/>"),
        ("<!DOCTYPE a []><a/>", "<!DOCTYPE a [<a/>"),
        ("<!DOCTYPE a SYSTEM \"x\"><a/>", "<!DOCTYPE a SYSTEM x><a/>"),
        ("<!DOCTYPE a PUBLIC 'x' 'y'><a/>", "<!DOCTYPE a PUBLIC 'x{' 'y'><a/>"),
        ("<!DOCTYPE a [<!ELEMENT a (b|c)>]><a/>", "<!DOCTYPE a [<!ELEMENT a (b|c,d)>]><a/>"),
        ("<!DOCTYPE a [<!ELEMENT a (#PCDATA)>]><a/>", "<!DOCTYPE a [<!ELEMENT a (#PCDATA|b)>]><a/>"),
        ("<!DOCTYPE a [<!ELEMENT a EMPTY>]><a/>", "<!DOCTYPE a [<!ELEMENT a NOTHING>]><a/>"),
        ("<!DOCTYPE a [<!ATTLIST a b (x|y) 'x'>]><a/>", "<!DOCTYPE a [<!ATTLIST a b (x,y) 'x'>]><a/>"),
        ("<!DOCTYPE a [<!ATTLIST a b CDATA #IMPLIED>]><a/>", "<!DOCTYPE a [<!ATTLIST a b TEXT #IMPLIED>]><a/>"),
        ("<!DOCTYPE a [<!ATTLIST a b CDATA '&lt;'>]><a/>", "<!DOCTYPE a [<!ATTLIST a b CDATA '<'>]><a/>"),
        ("<!DOCTYPE a [<!NOTATION n SYSTEM 'x'>]><a/>", "<!DOCTYPE a [<!NOTATION n 'x'>]><a/>"),
        ("<!DOCTYPE a [<?p?><!---->]><a/>", "<!DOCTYPE a [<?xml version='1.0'?>]><a/>"),
    ] {
        assert!(read_dtd(right).is_ok(), "{right}: {:?}", read_dtd(right));
        assert!(read_dtd(wrong).is_err(), "{wrong}");
    }
}

/// Bombs: work stays in proportion to the input however entities multiply it.
#[test]
fn bounds_what_entities_multiply() {
    let mut bomb = String::from("<!DOCTYPE a [<!ENTITY e0 'lol'>");
    for n in 1..20 {
        bomb.push_str(&format!("<!ENTITY e{n} '{}'>", format!("&e{};", n - 1).repeat(10)));
    }
    for tail in ["]><a>&e19;</a>", "]><a b='&e19;'/>"] {
        let error = read_dtd(&(bomb.clone() + tail)).unwrap_err().to_string();
        assert!(error.contains("octets of expanded entities exceed"), "{error}");
    }
    let blowup = format!("<!DOCTYPE a [<!ENTITY e '{}'>]><a>{}</a>", "x".repeat(100_000), "&e;".repeat(10_000));
    assert!(matches!(read_dtd(&blowup), Err(Error::Limit { .. })));
    let mut deep = String::from("<!DOCTYPE a [<!ENTITY e0 'x'>");
    (1..100).for_each(|n| deep.push_str(&format!("<!ENTITY e{n} '&e{};'>", n - 1)));
    assert!(read_dtd(&format!("{deep}]><a>&e20;</a>")).is_ok());
    assert!(matches!(read_dtd(&format!("{deep}]><a>&e99;</a>")), Err(Error::Limit { .. })));
    let mut parameter = String::from("<!DOCTYPE a [<!ENTITY % e0 '<!-- -->'>");
    (1..9).for_each(|n| parameter.push_str(&format!("<!ENTITY % e{n} '{}'>", format!("&#37;e{};", n - 1).repeat(10))));
    assert!(read_dtd(&format!("{parameter}%e8;]><a/>")).is_err());
    let defaults: String = (0..600).map(|n| format!(" a{n} CDATA 'x'")).collect();
    assert!(matches!(read_dtd(&format!("<!DOCTYPE a [<!ATTLIST a{defaults}>]><a/>")), Err(Error::Limit { .. })));
    let content = format!("<!DOCTYPE a [<!ELEMENT a {}b{}>]><a/>", "(".repeat(10_000), ")".repeat(10_000));
    assert!(read_dtd(&content).is_err());
}

/// Empty entities that double bring no octet; what they cost is the references.
#[test]
fn bounds_references_that_bring_nothing() {
    let doubled = |levels: usize, percent: &str, sign: &str| {
        let mut text = format!("<!DOCTYPE a [<!ENTITY {percent}e0 ''>");
        (1..=levels).for_each(|n| {
            text.push_str(&format!("<!ENTITY {percent}e{n} '{}'>", format!("{sign}e{};", n - 1).repeat(2)))
        });
        text
    };
    // 2^12 references fit wherever they stand, 2^20 nowhere.
    for (levels, fits) in [(12, true), (20, false)] {
        let general = doubled(levels, "", "&");
        for text in [
            format!("{general}]><a>&e{levels};</a>"),
            format!("{general}]><a b='&e{levels};'/>"),
            format!("{general}<!ATTLIST a b CDATA '&e{levels};'>]><a/>"),
            format!("{}%e{levels};]><a/>", doubled(levels, "% ", "&#37;")),
        ] {
            match read_dtd(&text) {
                Ok(_) => assert!(fits, "{levels}"),
                Err(error) => assert!(!fits && matches!(error, Error::Limit { .. }), "{levels}: {error}"),
            }
        }
    }
    // What the document itself writes is paid for by its own octets.
    assert!(read_dtd(&format!("<!DOCTYPE a [<!ENTITY e ''>]><a>{}</a>", "&e;".repeat(300_000))).is_ok());
}

/// A ceiling is a ceiling wherever it is met: a caller tells "too much" from "not XML" by the kind of the error.
#[test]
fn an_exceeded_limit_is_one_wherever_the_entity_stands() {
    let mut bomb = String::from("<!DOCTYPE a [<!ENTITY e0 'lol'>");
    (1..20).for_each(|n| bomb.push_str(&format!("<!ENTITY e{n} '{}'>", format!("&e{};", n - 1).repeat(10))));
    let mut deep = String::from("<!DOCTYPE a [<!ENTITY d0 'x'>");
    (1..100).for_each(|n| deep.push_str(&format!("<!ENTITY d{n} '&d{};'>", n - 1)));
    let mut parameter = String::from("<!DOCTYPE a [<!ENTITY % e0 '<!-- -->'>");
    (1..9).for_each(|n| parameter.push_str(&format!("<!ENTITY % e{n} '{}'>", format!("&#37;e{};", n - 1).repeat(10))));
    let nested = format!("<!ELEMENT a {}b{}>", "(".repeat(10_000), ")".repeat(10_000));
    for text in [
        format!("{bomb}]><a>&e19;</a>"),
        format!("{bomb}]><a b='&e19;'/>"),
        format!("{bomb}<!ATTLIST a b CDATA '&e19;'>]><a/>"),
        format!("{deep}]><a>&d99;</a>"),
        format!("{deep}]><a b='&d99;'/>"),
        format!("{deep}<!ATTLIST a b CDATA '&d99;'>]><a/>"),
        format!("{parameter}%e8;]><a/>"),
        format!("<!DOCTYPE a [{nested}]><a/>"),
    ] {
        let error = read_dtd(&text).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error}");
    }
}

#[test]
fn bounds_depth_attributes_names_namespaces_nodes_and_octets() {
    let deep = |levels: usize| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    assert!(read(&deep(limits::DEPTH_MAX)).is_ok());
    let limit = |text: &str, what: &str| match read(text) {
        Err(Error::Limit { what: came, .. }) => assert_eq!(came, what),
        other => panic!("{what}: {:?}", other.map(|d| d.node_count())),
    };
    limit(&deep(limits::DEPTH_MAX + 1), "levels of elements");
    limit(&deep(10_000), "levels of elements");
    let attributes = |count: usize| format!("<a{}/>", (0..count).map(|n| format!(" a{n}=''")).collect::<String>());
    assert!(read(&attributes(limits::ATTRIBUTES_PER_ELEMENT_MAX)).is_ok());
    limit(&attributes(1_000_000), "attributes of one element");
    limit(&format!("<{}/>", "n".repeat(limits::NAME_BYTES_MAX + 1)), "octets of one name");
    let nested: String =
        (0..200).map(|n| format!("<a xmlns:p{n}='u:{n}' xmlns:q{n}='u:{n}' xmlns:r{n}='u:{n}'>")).collect();
    limit(&nested, "namespace declarations in scope");
    let siblings: String = (0..5_000).map(|n| format!("<a xmlns='u:{n}'/>")).collect();
    limit(&format!("<r>{siblings}</r>"), "distinct namespaces of the document");
    let siblings: String = (0..5_000).map(|n| format!("<a xmlns:p{n}='u:'/>")).collect();
    limit(&format!("<r>{siblings}</r>"), "distinct prefixes of the document");
    let small = Options { nodes_max: 10, bytes_max: 100, ..Options::default() };
    assert!(parse(b"<a><b>1</b><b>2</b><b>3</b></a>".to_vec(), &small).is_ok());
    for text in ["<a><b>1</b><b>2</b><b>3</b><b>4</b><b>5</b></a>", "<a><b/><b/><b/><b/><b/><b/><b/><b/><b/></a>"] {
        assert!(
            matches!(parse(text.into(), &small), Err(Error::Limit { what: "nodes of the document", .. })),
            "{text}"
        );
    }
    assert!(matches!(
        parse(vec![b' '; 101], &small),
        Err(Error::Limit { what: "octets of the document", limit: 100, .. })
    ));
}

/// Seconds that this thread has run.
fn cpu_time_s() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Ten times the input, ten times the work and not three times more, for shapes that make others quadratic.
#[test]
fn stays_linear_in_hostile_shapes() {
    type Shape = (&'static str, fn(usize) -> String);
    let shapes: [Shape; 7] = [
        ("siblings", |n| format!("<r>{}</r>", "<a>x</a>".repeat(n))),
        ("text with references", |n| format!("<r>{}</r>", "x&amp;".repeat(n))),
        ("brackets", |n| format!("<r>{}</r>", "]]".repeat(n))),
        ("cdata", |n| format!("<r>{}</r>", "<![CDATA[x]]>".repeat(n))),
        ("declarations", |n| format!("<r>{}</r>", "<a xmlns:p='u:p'><p:b/></a>".repeat(n))),
        ("one of many namespaces", |n| {
            let many: String = (0..400).map(|n| format!(" xmlns:p{n}='u:{n}'")).collect();
            format!("<r{many}>{}</r>", "<p0:a p399:b=''/>".repeat(n))
        }),
        ("values with quotes", |n| format!("<r a=\"{}\"/>", "''&lt;".repeat(n))),
    ];
    for (name, shape) in shapes {
        let time = |n: usize| {
            let text = shape(n);
            let start = cpu_time_s();
            assert!(read(&text).is_ok(), "{name}");
            cpu_time_s() - start
        };
        time(1_000);
        let (small, large) =
            (0..5).fold((f64::MAX, f64::MAX), |(small, large), _| (small.min(time(2_000)), large.min(time(20_000))));
        assert!(large < small * 10.0 * 3.0, "{name}: {small} s, then {large} s for ten times as much");
    }
}

#[test]
fn names_the_place_of_what_is_wrong() {
    for (text, at) in [
        ("<a>\n <b></c>\n</a>", "2:7"),
        ("<a>\u{e9}\u{e9}&x;</a>", "1:6"),
        ("<a\n\tx='1'\n\tx='2'/>", "1:1"),
        ("<a>\r\n\r\n<p:b/></a>", "3:1"),
        ("\u{FEFF}<a></b>", "1:6"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{at}: ")), "{error}");
    }
}

#[test]
fn an_instruction_whose_name_begins_like_the_declaration_declares_no_encoding() {
    // Read as ISO-8859-1 the text would be another one than every other reader sees.
    let text = "<?xmlx encoding=\"ISO-8859-1\"?><a>\u{e9}</a>";
    let document = parse(text.as_bytes().to_vec(), &Options::default()).unwrap();
    assert_eq!(document.text_content(document.document_element()), "\u{e9}");
    let latin1 = b"<?xml version='1.0' encoding=\"ISO-8859-1\"?><a>\xe9</a>";
    let document = parse(latin1.to_vec(), &Options::default()).unwrap();
    assert_eq!(document.text_content(document.document_element()), "\u{e9}");
}
