//! Texts of a wanted length, each of a shape that is hard on some way of doing the work.

use std::fmt::Write as _;

use coconnect::xml::Document;
use coconnect::xmlsec::Policy;
use coconnect::xmlsec::dsig::verify::Steps;

use super::{ENVELOPED, EXCLUSIVE, WSU, XENC, closed, decrypt, judge, reference, sign, signature};

pub struct Shape {
    pub name: &'static str,
    /// About so many octets of a document whose element is `r`.
    pub make: fn(usize) -> String,
    pub octets_max: usize,
    /// Operations that it is not for.
    pub without: &'static [&'static str],
}

impl Shape {
    pub fn suits(&self, operation: &str) -> bool {
        !self.without.contains(&operation)
    }
}

const ANY_SIZE: usize = 50 << 20;
const INSIDE: &[&str] = &["verify", "decrypt"];
const FORMS: &[&str] = &[
    "c14n 1.0",
    "c14n 1.1",
    "exclusive",
    "exclusive, PrefixList",
    "node-set 1.0",
    "node-set exclusive",
    "node-set, PrefixList",
    "verify",
];

const fn shape(name: &'static str, make: fn(usize) -> String) -> Shape {
    Shape { name, make, octets_max: ANY_SIZE, without: &[] }
}

/// `head`, then what `piece` gives for 0, 1, 2 .. until `octets` are reached, then `tail`.
fn repeat(octets: usize, head: &str, tail: &str, piece: impl Fn(usize, &mut String)) -> String {
    let mut text = head.to_owned();
    for number in 0.. {
        if text.len() + tail.len() + 64 > octets {
            break;
        }
        piece(number, &mut text);
    }
    text.push_str(tail);
    text
}

/// Start tag of `r` with `count` declarations of `p0`, `p1` ...
fn declaring(count: usize) -> String {
    let mut tag = "<r".to_owned();
    for number in 0..count {
        let _ = write!(tag, " xmlns:p{number}=\"urn:u:{number}\"");
    }
    tag + ">"
}

pub const ALL: &[Shape] = &[
    shape("elements with text", |n| {
        repeat(n, "<r>", "</r>", |i, t| {
            let _ = write!(t, "<item n=\"{i}\"><code>870322</code><name>Passenger cars</name></item>");
        })
    }),
    shape("one text", |n| format!("<r>{}</r>", "x".repeat(n))),
    shape("empty elements", |n| repeat(n, "<r>", "</r>", |_, t| t.push_str("<a/>"))),
    shape("300 namespaces declared, all used", |n| {
        repeat(n, &declaring(300), "</r>", |i, t| {
            let _ = write!(t, "<p{0}:a p{1}:b=\"\"/>", i * 7 % 300, i * 11 % 300);
        })
    }),
    shape("a namespace declared on every element", |n| {
        repeat(n, "<r>", "</r>", |i, t| {
            let _ = write!(t, "<p{0}:a xmlns:p{0}=\"urn:u:{1}\" xmlns=\"urn:v:{0}\"><b/></p{0}:a>", i % 1000, i % 900);
        })
    }),
    shape("namespaces declared again at every depth", |n| {
        repeat(n, "<r>", "</r>", |i, t| {
            let depth = 200;
            for level in 0..depth {
                let _ = write!(t, "<p:a xmlns:p=\"urn:{}\">", (i + level) % 3);
            }
            t.push_str(&"</p:a>".repeat(depth));
        })
    }),
    shape("500 attributes an element, out of order", |n| {
        repeat(n, "<r>", "</r>", |_, t| {
            t.push_str("<a");
            for number in 0..500 {
                let _ = write!(t, " a{}=\"\"", number * 7919 % 500);
            }
            t.push_str("/>");
        })
    }),
    shape("400 attributes of two long namespaces", |n| {
        let long = "x".repeat(4_000);
        let head = format!("<r xmlns:p=\"urn:{long}a\" xmlns:q=\"urn:{long}b\">");
        repeat(n, &head, "</r>", |_, t| {
            t.push_str("<a");
            for number in 0..200 {
                let _ = write!(t, " q:a{0}=\"\" p:a{0}=\"\"", number * 7919 % 200);
            }
            t.push_str("/>");
        })
    }),
    shape("nested 250 deep", |n| {
        repeat(n, "<r>", "</r>", |_, t| {
            t.push_str(&"<a>".repeat(250));
            t.push_str(&"</a>".repeat(250));
        })
    }),
    shape("30 prefixes used below 200 levels", |n| {
        repeat(n, &declaring(30), "</r>", |_, t| {
            t.push_str(&"<a>".repeat(200));
            for prefix in 0..30 {
                let _ = write!(t, "<p{prefix}:b></p{prefix}:b>");
            }
            t.push_str(&"</a>".repeat(200));
        })
    }),
    shape("ids", |n| {
        repeat(n, &format!("<r xmlns:u=\"{WSU}\">"), "</r>", |i, t| {
            let _ = write!(t, "<a u:Id=\"i{i}\"/>");
        })
    }),
    shape("comments", |n| repeat(n, "<r>", "</r>", |_, t| t.push_str("<!--c-->"))),
    Shape {
        without: INSIDE,
        ..shape("comments and instructions beside the element", |n| {
            let half = "<!--c--><?p i?>".repeat(n / 30);
            format!("{half}<r></r>{half}")
        })
    },
    shape("texts between comments", |n| repeat(n, "<r>", "</r>", |_, t| t.push_str("x<!--c-->"))),
    shape("CDATA sections", |n| repeat(n, "<r>", "</r>", |_, t| t.push_str("<![CDATA[<]]>"))),
    shape("references in text", |n| repeat(n, "<r>", "</r>", |_, t| t.push_str("&#x41;&amp;"))),
    shape("references in a value", |n| repeat(n, "<r a=\"", "\"></r>", |_, t| t.push_str("&lt;&#10;"))),
    shape("carriage returns", |n| repeat(n, "<r>", "</r>", |_, t| t.push_str("a\r\n\r"))),
    Shape {
        without: INSIDE,
        octets_max: 6 << 20,
        ..shape("entities in text", |n| {
            repeat(n, "<!DOCTYPE r [<!ENTITY e 'x'><!ENTITY f '&e;&e;'>]><r>", "</r>", |_, t| t.push_str("&f;y"))
        })
    },
    Shape {
        without: INSIDE,
        ..shape("defaults and ids of a DTD", |n| {
            let head = "<!DOCTYPE r [<!ATTLIST a i ID #IMPLIED b CDATA 'default' c NMTOKEN 'x'>]><r>";
            repeat(n, head, "</r>", |i, t| {
                let _ = write!(t, "<a i='n{i}'/>");
            })
        })
    },
    Shape {
        without: FORMS,
        ..shape("relative namespaces", |n| {
            repeat(n, "<r>", "</r>", |i, t| {
                let _ = write!(t, "<a xmlns=\"rel{}\"/>", i % 500);
            })
        })
    },
];

/// A document that holds many of something, and what is done with it.
pub struct Many {
    pub name: &'static str,
    pub make: fn(usize) -> String,
    pub octets_max: usize,
    pub judge: fn(Document),
}

fn judged(document: Document) {
    for one in judge(&document, &Policy::legacy(), Steps::UntilInvalid) {
        let bounded = super::is_limit(&one, "exceed the limit");
        assert!(one.is_valid() || bounded, "{:?}", one.verdict);
    }
}

/// Every step of signatures that do not hold.
fn looked_at(document: Document) {
    drop(std::hint::black_box(judge(&document, &Policy::legacy(), Steps::All)));
}

fn opened(mut document: Document) {
    decrypt(&mut document, &Policy::legacy()).map(drop).unwrap_or_else(|error| {
        assert!(super::chain(&error).contains("exceed the limit"), "{error}");
    });
}

fn not_opened(mut document: Document) {
    assert!(decrypt(&mut document, &Policy::legacy()).is_err());
}

pub const MANY: &[Many] = &[
    Many {
        name: "256 References, each to a part of its own",
        octets_max: ANY_SIZE,
        judge: judged,
        make: |n| {
            let filler = "x".repeat((n / 256).saturating_sub(400).max(1));
            let (mut parts, mut references) = (String::new(), String::new());
            for number in 0..256 {
                let _ = write!(parts, "<a xml:id=\"i{number}\">{filler}</a>");
                references.push_str(&reference(&format!("#i{number}"), EXCLUSIVE));
            }
            sign(&format!("<r>{parts}{}</r>", signature(&references)))
        },
    },
    Many {
        name: "200 References, one inside the other",
        octets_max: ANY_SIZE,
        judge: looked_at,
        make: |n| nested_references(200, n),
    },
    Many {
        name: "as many nested References as the size allows",
        octets_max: ANY_SIZE,
        judge: looked_at,
        make: |n| nested_references((n / 800).clamp(1, 240), n),
    },
    Many {
        name: "16 transforms",
        octets_max: ANY_SIZE,
        judge: judged,
        make: |n| {
            let text = "<b>x</b>".repeat(n / 8);
            let transforms = format!("{ENVELOPED}{}", EXCLUSIVE.repeat(15));
            sign(&format!("<r>{text}{}</r>", signature(&reference("", &transforms))))
        },
    },
    Many {
        name: "signatures, each over the whole document",
        octets_max: 2 << 20,
        judge: looked_at,
        make: |n| {
            let one = signature(&reference("", &format!("{ENVELOPED}{EXCLUSIVE}")));
            // Not filled: what does not hold costs as much.
            let one = one
                .replace("<ds:DigestValue>", "<ds:DigestValue>AAAA")
                .replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA");
            format!("<r>{}</r>", one.repeat((n / one.len()).max(1)))
        },
    },
    Many {
        name: "EncryptedData under a named key",
        octets_max: 4 << 20,
        judge: opened,
        make: |n| {
            let mut one = Vec::new();
            closed(b"<a>clear</a>", &mut one);
            let one = String::from_utf8(one).unwrap();
            format!("<r>{}</r>", one.repeat((n / one.len()).clamp(1, 10_000)))
        },
    },
    Many {
        name: "EncryptedKeys for nobody here",
        octets_max: 4 << 20,
        judge: not_opened,
        make: |n| {
            let mut data = Vec::new();
            closed(b"<a>clear</a>", &mut data);
            let mut data = String::from_utf8(data).unwrap().replacen("KeyName>k<", "KeyName>another<", 1);
            // Under a key that nobody here has: a secret of another name is tried at the very end, and must not open it.
            let octet = data.rfind("CipherValue>").and_then(|end| data[..end].rfind("CipherValue>")).unwrap() + 20;
            let other = if &data[octet..=octet] == "A" { "B" } else { "A" };
            data.replace_range(octet..=octet, other);
            let keys = repeat(n.saturating_sub(data.len()), "", "", |i, t| {
                let _ = write!(
                    t,
                    "<e:EncryptedKey xmlns:e=\"{XENC}\"><e:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#kw-aes256\"/>\
                     <e:CipherData><e:CipherValue>AAAA</e:CipherValue></e:CipherData>\
                     <e:ReferenceList><e:DataReference URI=\"#x{i}\"/></e:ReferenceList>\
                     <e:CarriedKeyName>n{i}</e:CarriedKeyName></e:EncryptedKey>"
                );
            });
            format!("<r>{data}{keys}</r>")
        },
    },
    Many {
        name: "a long PrefixList",
        octets_max: ANY_SIZE,
        judge: judged,
        make: |n| {
            let list = repeat(n, "", "", |i, t| {
                let _ = write!(t, "p{i} ");
            });
            let transform = EXCLUSIVE.replace(
                "/>",
                &format!("><i:InclusiveNamespaces xmlns:i=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"{list}\"/></ds:Transform>"),
            );
            sign(&format!("<r>{}</r>", signature(&reference("", &format!("{ENVELOPED}{transform}")))))
        },
    },
];

fn nested_references(count: usize, octets: usize) -> String {
    let (mut open, mut references) = (String::new(), String::new());
    for number in 0..count {
        let _ = write!(open, "<a xml:id=\"i{number}\">");
        references.push_str(&reference(&format!("#i{number}"), EXCLUSIVE));
    }
    let filler = "x".repeat(octets.saturating_sub(count * 400).max(1));
    let close = "</a>".repeat(count);
    let text = format!("<r>{open}{filler}{close}{}</r>", signature(&references));
    // Beyond the budget nothing can be filled; what does not hold costs as much.
    if count * octets > 3 << 20 {
        return text
            .replace("<ds:DigestValue>", "<ds:DigestValue>AAAA")
            .replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA");
    }
    sign(&text)
}
