//! Every way to move, copy, rename or shadow what is signed. A [`Kind`] is a space of variants, numbered; a number is
//! turned into text when it is wanted, so that a run takes all of them, or any part.

use std::ops::Range;

use coconnect::soap::Version;
use coconnect::xml::ns;
use coconnect::xmlsec::enc::DataType;

use super::bases::{self, Attacker, CONTENT, Foreign, Parties};
use super::view::{Element, Random, View};

/// What an attacker makes beforehand.
pub struct Forgery {
    /// Pairs of EncryptedKey and EncryptedData around content of his own.
    closed: Vec<(String, String)>,
    /// A whole message of his own: its Signature, and its Body.
    signature: String,
    body: String,
    token: String,
    envelope: String,
}

impl Forgery {
    /// `text` is the message under attack: content of the same shape is forged.
    pub fn new(attacker: &Attacker, text: &str) -> Self {
        let forged = forge(CONTENT, "");
        let document = part(&forged, "<md:MetaData", "</md:MetaData>");
        let inside = &document[document.find('>').unwrap() + 1..document.rfind('<').unwrap()];
        let data_id = value_after(text, "EncryptedData", "Id=\"").unwrap_or("ED-9").to_owned();
        let key_id = value_after(text, "EncryptedKey", "Id=\"").unwrap_or("EK-9").to_owned();
        let mut closed = Vec::new();
        if let Some(recipient) = &attacker.recipient {
            for (clear, data_type) in [
                (document, DataType::Element),
                (inside, DataType::Content),
                (forged.as_str(), DataType::Element),
                (forged.as_str(), DataType::Content),
                (text, DataType::Element),
            ] {
                for pointer in ["str", "inline", "list"] {
                    for (data, key) in [(data_id.as_str(), key_id.as_str()), ("ED-x", "EK-x")] {
                        closed.push(bases::closed(recipient, clear.as_bytes(), data_type, data, key, pointer));
                    }
                }
            }
        }
        let parties = Parties {
            client: attacker.identity.clone(),
            server: attacker.identity.clone(),
            mallory: attacker.identity.clone(),
        };
        let envelope = bases::foreign(&parties, &attacker.identity, &forged, Foreign::default());
        Self {
            closed,
            signature: part(&envelope, "<ds:Signature", "</ds:Signature>").to_owned(),
            body: part(&envelope, "<s:Body", "</s:Body>").to_owned(),
            token: part(&envelope, "<wsse:BinarySecurityToken", "</wsse:BinarySecurityToken>").to_owned(),
            envelope,
        }
    }
}

fn part<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
    let start = text.find(open).unwrap();
    let end = text[start..].find(close).unwrap() + start + close.len();
    &text[start..end]
}

fn value_after<'a>(text: &'a str, element: &str, attribute: &str) -> Option<&'a str> {
    let rest = &text[text.find(element)?..];
    let tag = &rest[..rest.find('>')?];
    let value = &tag[tag.find(attribute)? + attribute.len()..];
    value.split('"').next()
}

/// A piece of a message as an attacker would have it read: other content, same shape.
pub fn forge(text: &str, closed: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('>') {
        let (tag, after) = rest.split_at(open + 1);
        out.push_str(tag);
        let end = after.find('<').unwrap_or(after.len());
        out.push_str(&other_text(&after[..end]));
        rest = &after[end..];
    }
    out.push_str(rest);
    // What is encrypted is replaced by clear text, or by what the attacker encrypted.
    if let (Some(start), Some(end)) = (out.find("<xenc:EncryptedData"), out.rfind("</xenc:EncryptedData>")) {
        let clear = r#"<md:MetaData xmlns:md="urn:wco:md"><md:ID>K001-26-FALSE</md:ID></md:MetaData>"#;
        out.replace_range(start..end + "</xenc:EncryptedData>".len(), if closed.is_empty() { clear } else { closed });
    }
    out
}

/// Other text of the same kind: dates stay dates, words words.
fn other_text(text: &str) -> String {
    if text.trim().is_empty() {
        return text.to_owned();
    }
    if let Some(at) = text.find("T12:0").or_else(|| text.find("T00:")).filter(|at| text.len() > at + 6) {
        // Some minutes later, still inside of its life.
        let other = if &text[at + 5..at + 6] == "3" { "2" } else { "3" };
        return format!("{}{other}{}", &text[..at + 5], &text[at + 6..]);
    }
    let words = [
        ("TRUE", "FALSE"),
        ("goods", "gold"),
        ("accepted", "refused"),
        ("other", "more"),
        ("urn:uuid:a", "urn:uuid:f"),
    ];
    for (from, to) in words {
        if text.contains(from) {
            return text.replace(from, to);
        }
    }
    match text.rfind(|c: char| c.is_ascii_digit()) {
        Some(at) => {
            let digit = (text.as_bytes()[at] - b'0' + 1) % 10;
            format!("{}{digit}{}", &text[..at], &text[at + 1..])
        }
        None => format!("{text}x"),
    }
}

/// What becomes of an id.
const ID_FORMS: usize = 11;

/// Rewrites the id of an element's text.
fn with_id(piece: &str, form: usize) -> Option<String> {
    let tag_end = piece.find('>')?;
    let tag = &piece[..tag_end];
    let at = [" wsu:Id=\"", " Id=\"", " xml:id=\""].iter().find_map(|name| tag.find(name));
    let Some(at) = at else { return (form == 0).then(|| piece.to_owned()) };
    let start = at + tag[at..].find('"')? + 1;
    let end = start + tag[start..].find('"')?;
    let value = &tag[start..end];
    let wsu = ns::WSU;
    let attribute = match form {
        0 => return Some(piece.to_owned()),
        1 => String::new(),
        2 => format!(" wsu:Id=\"{value}-2\" xmlns:wsu=\"{wsu}\""),
        3 => format!(" xml:id=\"{value}\""),
        4 => format!(" Id=\"{value}\""),
        5 => format!(" xmlns:f=\"urn:f\" f:Id=\"{value}\""),
        6 => format!(" ID=\"{value}\" id=\"{value}\""),
        7 => format!(" AssertionID=\"{value}\""),
        8 => format!("{} xml:id=\"{value}-2\"", &tag[at..=end]),
        9 => format!("{} xml:id=\"{value}\" ID=\"{value}\"", &tag[at..=end]),
        // The same id through a prefix that is not wsu's any more.
        _ => format!(" xmlns:wsu=\"urn:f\" wsu:Id=\"{value}\""),
    };
    let mut tag = format!("{}{attribute}{}", &tag[..at], &tag[end + 1..]);
    if tag.matches("xmlns:wsu=").count() > 1 {
        let first = tag.find(" xmlns:wsu=\"")?;
        let length = 12 + tag[first + 12..].find('"')? + 1;
        tag.replace_range(first..first + length, "");
    }
    Some(tag + &piece[tag_end..])
}

const WRAPS: &[(&str, &str)] = &[
    ("", ""),
    ("<w:Wrapper xmlns:w=\"urn:w\">", "</w:Wrapper>"),
    ("<ds:Object xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">", "</ds:Object>"),
    ("<SOAP:Header>", "</SOAP:Header>"),
    ("<SOAP:Body>", "</SOAP:Body>"),
    ("<SOAP:Body wsu:Id=\"other\" xmlns:wsu=\"WSU\">", "</SOAP:Body>"),
    ("<SOAP:Envelope>", "</SOAP:Envelope>"),
    ("<SOAP:Envelope><SOAP:Body>", "</SOAP:Body></SOAP:Envelope>"),
    ("<e:Body xmlns:e=\"OTHERSOAP\">", "</e:Body>"),
    ("<Body>", "</Body>"),
    ("<wsse:Security xmlns:wsse=\"WSSE\">", "</wsse:Security>"),
    ("<wsse:Embedded xmlns:wsse=\"WSSE\">", "</wsse:Embedded>"),
    (
        "<wsse:SecurityTokenReference xmlns:wsse=\"WSSE\"><wsse:Embedded>",
        "</wsse:Embedded></wsse:SecurityTokenReference>",
    ),
    ("<w:Wrapper xmlns:w=\"urn:w\" SOAP:mustUnderstand=\"0\">", "</w:Wrapper>"),
    ("<w:Wrapper xmlns:w=\"urn:w\" SOAP:ROLE=\"urn:somebody\">", "</w:Wrapper>"),
    ("<xenc:EncryptedData xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\">", "</xenc:EncryptedData>"),
    ("<svc:SendCO xmlns:svc=\"urn:coconnect:service:1\">", "</svc:SendCO>"),
    ("<md:MetaData xmlns:md=\"urn:wco:md\">", "</md:MetaData>"),
    ("<wsu:Timestamp xmlns:wsu=\"WSU\">", "</wsu:Timestamp>"),
    ("<wsa:ReferenceParameters xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">", "</wsa:ReferenceParameters>"),
];

const WRAPPERS: usize = WRAPS.len();

/// What an attacker puts beside other attributes.
const ATTRIBUTES: &[&str] = &[
    " SOAP:ROLE=\"urn:somebody\"",
    " SOAP:ROLE=\"NEXT\"",
    " SOAP:ROLE=\"\"",
    " OTHERSOAP:ROLE=\"urn:somebody\"",
    " SOAP:mustUnderstand=\"1\"",
    " SOAP:mustUnderstand=\"0\"",
    " SOAP:relay=\"1\"",
    " SOAP:encodingStyle=\"urn:e\"",
    " xml:lang=\"ko\"",
    " xml:space=\"preserve\"",
    " xml:base=\"http://elsewhere.example/\"",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Other\"",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"",
    " Type=\"http://www.w3.org/2001/04/xmlenc#Content\"",
    " Type=\"http://www.w3.org/2000/09/xmldsig#Manifest\"",
    " MimeType=\"text/xml\"",
    " Encoding=\"http://www.w3.org/2000/09/xmldsig#base64\"",
    " Recipient=\"somebody\"",
    " ValueType=\"urn:v\"",
    " URI=\"#Body\"",
    " RelationshipType=\"urn:other\"",
    " IsReferenceParameter=\"true\"",
    " xmlns:wsse11=\"http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd\" wsse11:TokenType=\"urn:t\"",
    " xmlns=\"urn:evil\"",
    " xmlns=\"\"",
    " xmlns:md=\"urn:evil\"",
    " xmlns:unused=\"urn:evil\"",
];

/// What an attacker puts into content.
const NOISE: &[&str] = &[
    "<!---->",
    "<!-- c -->",
    "<?pi x?>",
    "<![CDATA[]]>",
    "<![CDATA[x]]>",
    " ",
    "\n",
    "\t",
    "&#x20;",
    "&#xD;",
    "&#0;",
    "x",
    "0",
    "&amp;",
    "\u{feff}",
    "\u{200b}",
    "<x/>",
    "<x xmlns=\"urn:x\">1</x>",
    "<!DOCTYPE a>",
    "=",
    "A",
];

/// Values that pointers are given besides the ids of the message.
const POINTERS: &[&str] = &[
    "",
    "#",
    "#nobody",
    "#xpointer(/)",
    "#xpointer(id('ID'))",
    "#xpointer(//*[local-name()='Body'])",
    "ID",
    "#ID ",
    " #ID",
    "#%42ody",
    "cid:ID",
    "http://elsewhere.example/#ID",
    "file:///etc/passwd",
    "#element(/1)",
];

const ALGORITHMS: &[&str] = &[
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
    "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
    "http://www.w3.org/2000/09/xmldsig#base64",
    "http://www.w3.org/TR/1999/REC-xpath-19991116",
    "http://www.w3.org/TR/1999/REC-xslt-19991116",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform",
    "http://www.w3.org/2000/09/xmldsig#sha1",
    "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
    "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "",
];

/// Names that elements are given.
const NAMES: &[(&str, &str)] = &[
    ("Body", ""),
    ("Header", ""),
    ("Timestamp", ""),
    ("Security", ""),
    ("Signature", ""),
    ("Object", ""),
    ("EncryptedData", ""),
    ("Wrapper", ""),
    ("MetaData", ""),
    ("", "urn:evil"),
    ("", "http://schemas.xmlsoap.org/soap/envelope/"),
    ("", "http://www.w3.org/2003/05/soap-envelope"),
    ("", "http://www.w3.org/2000/09/xmldsig#"),
    ("", "http://www.w3.org/2005/08/addressing"),
    ("", "http://schemas.xmlsoap.org/ws/2004/08/addressing"),
];

/// A way to change a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An element somewhere else.
    Move,
    /// An element a second time, its id kept or changed.
    Copy,
    /// Forged content a second time, its id kept or changed.
    Forge,
    /// Forged content in an element's place, the element itself somewhere else.
    Shadow,
    /// The same, the element inside of a wrapper.
    ShadowWrapped,
    /// An element inside of the forged one.
    Nest,
    /// A wrapper around an element in its place.
    Wrap,
    /// A wrapped copy, forged or not, somewhere.
    CopyWrapped,
    /// An element's content without its tags.
    Unwrap,
    /// An element gone.
    Remove,
    /// Two elements each in the other's place.
    Swap,
    /// An element under another name.
    Rename,
    /// An id said with another attribute.
    IdForm,
    /// An id on a second element.
    DuplicateId,
    /// A pointer to something else.
    Pointer,
    /// A second Security header, or one for somebody else.
    SecurityHeader,
    /// A second Body, Header or Envelope.
    Envelope,
    /// A prefix that means something else.
    Namespace,
    /// An attribute more.
    Attribute,
    /// An attribute's value changed, or the attribute gone.
    AttributeValue,
    /// Comments, instructions, CDATA, white space, text.
    Noise,
    /// An element's text changed.
    Text,
    /// Content that the attacker encrypted, in the place of an element.
    Encrypt,
    /// EncryptedData and EncryptedKey among themselves.
    EncryptedParts,
    /// A Signature of the attacker, or pieces of it.
    Sign,
    /// References more, twice, reordered; transforms more.
    References,
}

impl Kind {
    pub const ALL: [Self; 26] = [
        Self::Move,
        Self::Copy,
        Self::Forge,
        Self::Shadow,
        Self::ShadowWrapped,
        Self::Nest,
        Self::Wrap,
        Self::CopyWrapped,
        Self::Unwrap,
        Self::Remove,
        Self::Swap,
        Self::Rename,
        Self::IdForm,
        Self::DuplicateId,
        Self::Pointer,
        Self::SecurityHeader,
        Self::Envelope,
        Self::Namespace,
        Self::Attribute,
        Self::AttributeValue,
        Self::Noise,
        Self::Text,
        Self::Encrypt,
        Self::EncryptedParts,
        Self::Sign,
        Self::References,
    ];

    fn sizes(self, view: &View, forgery: &Forgery) -> [usize; 4] {
        let (targets, places) = (view.targets.len(), view.places.len());
        let elements = view.elements.len();
        let named = |names: &[&str]| view.elements.iter().filter(|e| names.contains(&e.local.as_str())).count();
        match self {
            Self::Move => [targets, places, 1, 1],
            Self::Copy | Self::Forge => [targets, places, ID_FORMS, 1],
            Self::Shadow => [targets, places, ID_FORMS, 3],
            Self::ShadowWrapped => [targets, places, ID_FORMS, WRAPPERS],
            Self::Nest => [targets, WRAPPERS, ID_FORMS, 3],
            Self::Wrap => [targets, WRAPPERS, 1, 1],
            Self::CopyWrapped => [targets, places, WRAPPERS, 2],
            Self::Unwrap | Self::Remove => [targets, 1, 1, 1],
            Self::Swap => [targets, targets, 1, 1],
            Self::Rename => [targets, NAMES.len(), 1, 1],
            Self::IdForm => [elements, ID_FORMS, 1, 1],
            Self::DuplicateId => [elements, view.ids.len(), BEARERS.len(), 1],
            Self::Pointer => [pointers(view).len(), 2 * view.ids.len() + POINTERS.len(), 1, 1],
            Self::SecurityHeader => [SECURITY_HEADERS, ROLES.len(), 4, 1],
            Self::Envelope => [ENVELOPES, 4, 2, 1],
            Self::Namespace => [elements, prefixes(view).len(), 4, 1],
            Self::Attribute => [elements, ATTRIBUTES.len(), 1, 1],
            Self::AttributeValue => [elements, 8, ALGORITHMS.len() + 5, 1],
            Self::Noise => [view.seams.len() + places, NOISE.len(), 1, 1],
            Self::Text => [elements, 8, 1, 1],
            Self::Encrypt => [targets, forgery.closed.len(), 4, 1],
            Self::EncryptedParts => [ENCRYPTED_PARTS, forgery.closed.len().max(1), 1, 1],
            Self::Sign => [SIGNATURES, places, 1, 1],
            Self::References => [named(&["Reference"]).max(1), named(&["Reference"]).max(1), REFERENCES, 1],
        }
    }

    /// How many variants of `view` this kind has, those that cannot be made counted.
    pub fn count(self, view: &View, forgery: &Forgery) -> usize {
        self.sizes(view, forgery).iter().product()
    }

    /// Variant `number`; nothing when there is none or it changes nothing.
    pub fn make(self, view: &View, forgery: &Forgery, number: usize) -> Option<String> {
        if self.count(view, forgery) == 0 {
            return None;
        }
        let mut rest = number;
        let coordinates = self.sizes(view, forgery).map(|size| {
            let at = rest % size;
            rest /= size;
            at
        });
        self.at(view, forgery, coordinates).filter(|text| *text != view.text)
    }

    fn at(self, view: &View, forgery: &Forgery, [a, b, c, d]: [usize; 4]) -> Option<String> {
        let target = |number: usize| &view.elements[view.targets[number]];
        let piece = |element: &Element| view.octets(&element.range).to_owned();
        let forged = |element: &Element| forge(view.octets(&element.range), "");
        let closed = || forgery.closed.first().map_or("", |(_, data)| data.as_str());
        match self {
            Self::Move => relocate(view, target(a), view.places[b], "", &piece(target(a))),
            Self::Copy => put(view, view.places[b], &with_id(&piece(target(a)), c)?),
            Self::Forge => put(view, view.places[b], &with_id(&forged(target(a)), c)?),
            Self::Shadow => {
                let other = match d {
                    0 => with_id(&forged(target(a)), c)?,
                    1 => with_id(&forge(view.octets(&target(a).range), closed()), c)?,
                    _ => with_id(&piece(target(a)), c)?,
                };
                let original = if d == 2 { forged(target(a)) } else { piece(target(a)) };
                relocate(view, target(a), view.places[b], &other, &original)
            }
            Self::ShadowWrapped => {
                let other = with_id(&forged(target(a)), c)?;
                let original = wrapped(view, &piece(target(a)), d);
                relocate(view, target(a), view.places[b], &other, &original)
            }
            Self::Nest => nest(view, target(a), &with_id(&forged(target(a)), c)?, b, d),
            Self::Wrap => replace(view, target(a), &wrapped(view, &piece(target(a)), b)),
            Self::CopyWrapped => {
                let inside = if d == 0 { piece(target(a)) } else { forged(target(a)) };
                put(view, view.places[b], &wrapped(view, &inside, c))
            }
            Self::Unwrap => replace(view, target(a), view.octets(&target(a).inside)),
            Self::Remove => replace(view, target(a), ""),
            Self::Swap => swap(view, target(a), target(b)),
            Self::Rename => rename(view, target(a), NAMES[b]),
            Self::IdForm => {
                let element = &view.elements[a];
                let tag = view.octets(&tag_of(element));
                view.edited(&[(tag_of(element), with_id(tag, b)?.as_str())])
            }
            Self::DuplicateId => {
                let attribute = BEARERS[c].replace("ID", &view.ids[b]);
                add_attribute(view, &view.elements[a], &attribute)
            }
            Self::Pointer => pointer(view, a, b),
            Self::SecurityHeader => security_header(view, forgery, a, b, c),
            Self::Envelope => envelope(view, a, b, c),
            Self::Namespace => namespace(view, &view.elements[a], &prefixes(view)[b], c),
            Self::Attribute => add_attribute(view, &view.elements[a], &spelled(view, ATTRIBUTES[b])),
            Self::AttributeValue => attribute_value(view, &view.elements[a], b, c),
            Self::Noise => {
                let at = view.seams.get(a).or_else(|| view.places.get(a - view.seams.len()))?;
                put(view, *at, NOISE[b])
            }
            Self::Text => change_text(view, &view.elements[a], b),
            Self::Encrypt => encrypt(view, target(a), forgery.closed.get(b)?, c),
            Self::EncryptedParts => encrypted_parts(view, a, forgery.closed.get(b)?),
            Self::Sign => sign(view, forgery, a, view.places[b]),
            Self::References => references(view, a, b, c),
        }
    }
}

/// A random variant of a random kind.
pub fn random(random: &mut Random, view: &View, forgery: &Forgery) -> Option<(Kind, String)> {
    let kind = *random.pick(&Kind::ALL);
    let text = kind.make(view, forgery, random.below(kind.count(view, forgery)))?;
    Some((kind, text))
}

fn put(view: &View, at: usize, piece: &str) -> Option<String> {
    view.edited(&[(at..at, piece)])
}

fn replace(view: &View, element: &Element, piece: &str) -> Option<String> {
    view.edited(&[(element.range.clone(), piece)])
}

/// `stays` takes the place of the element, `goes` stands at `at`.
fn relocate(view: &View, element: &Element, at: usize, stays: &str, goes: &str) -> Option<String> {
    if element.range.start < at && at < element.range.end {
        return None;
    }
    view.edited(&[(element.range.clone(), stays), (at..at, goes)])
}

/// The original inside of the forged one, which stands in its place: first, last, or in the place of its content.
fn nest(view: &View, element: &Element, forged: &str, wrap: usize, place: usize) -> Option<String> {
    let original = wrapped(view, view.octets(&element.range), wrap);
    let start = forged.find('>')? + 1;
    let end = forged.rfind("</")?;
    if start > end {
        return None;
    }
    let text = match place {
        0 => format!("{}{original}{}", &forged[..start], &forged[start..]),
        1 => format!("{}{original}{}", &forged[..end], &forged[end..]),
        _ => format!("{}{original}{}", &forged[..start], &forged[end..]),
    };
    replace(view, element, &text)
}

fn wrapped(view: &View, piece: &str, wrap: usize) -> String {
    let (open, close) = WRAPS[wrap];
    format!("{}{piece}{}", spelled(view, open), spelled(view, close))
}

/// The prefix of the envelope, and its namespace.
fn soap(view: &View) -> (&str, Version) {
    let envelope = &view.elements[0];
    let name = view.octets(&envelope.name);
    let version = if envelope.ns == Version::Soap12.namespace() { Version::Soap12 } else { Version::Soap11 };
    (name.split_once(':').map_or("", |(prefix, _)| prefix), version)
}

/// Puts the prefixes and names of this message in the place of ours.
fn spelled(view: &View, text: &str) -> String {
    let (prefix, version) = soap(view);
    let other = if version == Version::Soap11 { Version::Soap12 } else { Version::Soap11 };
    let next = match version {
        Version::Soap11 => "http://schemas.xmlsoap.org/soap/actor/next",
        Version::Soap12 => "http://www.w3.org/2003/05/soap-envelope/role/next",
    };
    let with_colon = if prefix.is_empty() { String::new() } else { format!("{prefix}:") };
    let text = match text.strip_prefix(" OTHERSOAP:") {
        Some(rest) => format!(" xmlns:os=\"{}\" os:{rest}", other.namespace())
            .replace("os:ROLE", &format!("os:{}", other.role_attribute())),
        None => text.to_owned(),
    };
    text.replace("OTHERSOAP", other.namespace())
        .replace("SOAP:", &with_colon)
        .replace("ROLE", version.role_attribute())
        .replace("NEXT", next)
        .replace("WSSE", ns::WSSE)
        .replace("WSU", ns::WSU)
}

fn swap(view: &View, one: &Element, other: &Element) -> Option<String> {
    if one.range.start >= other.range.start || one.range.end > other.range.start {
        return None;
    }
    view.edited(&[(one.range.clone(), view.octets(&other.range)), (other.range.clone(), view.octets(&one.range))])
}

fn rename(view: &View, element: &Element, (local, namespace): (&str, &str)) -> Option<String> {
    let name = view.octets(&element.name);
    let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
    let local = if local.is_empty() { element.local.as_str() } else { local };
    let new = match (namespace, prefix) {
        ("", "") => local.to_owned(),
        ("", prefix) => format!("{prefix}:{local}"),
        (_, _) => format!("re:{local}"),
    };
    let declaration = if namespace.is_empty() { String::new() } else { format!(" xmlns:re=\"{namespace}\"") };
    let tag = format!("{new}{declaration}");
    let close = element.inside.end..element.range.end;
    let closing = format!("</{new}>");
    let mut edits = vec![(element.name.clone(), tag.as_str())];
    if element.is_open() {
        edits.push((close, closing.as_str()));
    }
    view.edited(&edits)
}

fn tag_of(element: &Element) -> Range<usize> {
    let end = if element.is_open() { element.inside.start } else { element.range.end };
    element.range.start..end
}

fn add_attribute(view: &View, element: &Element, attribute: &str) -> Option<String> {
    view.edited(&[(element.name.end..element.name.end, attribute)])
}

/// Ways to bear an id.
const BEARERS: &[&str] = &[
    " xmlns:wsu=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\" wsu:Id=\"ID\"",
    " Id=\"ID\"",
    " ID=\"ID\"",
    " id=\"ID\"",
    " xml:id=\"ID\"",
    " xmlns:f=\"urn:f\" f:Id=\"ID\"",
    " AssertionID=\"ID\"",
    " xml:id=\" ID \"",
];

/// Attributes that point.
fn pointers(view: &View) -> Vec<Range<usize>> {
    let all = view.elements.iter().flat_map(|e| &e.attributes);
    all.filter(|attribute| attribute.name == "URI").map(|attribute| attribute.range.clone()).collect()
}

fn pointer(view: &View, number: usize, value: usize) -> Option<String> {
    let range = pointers(view).get(number)?.clone();
    let ids = view.ids.len();
    let value = match value {
        at if at < ids => format!("#{}", view.ids[at]),
        at if at < 2 * ids => format!("#xpointer(id('{}'))", view.ids[at - ids]),
        at => POINTERS[at - 2 * ids].replace("ID", view.ids.first()?),
    };
    view.edited(&[(range, &format!(" URI=\"{value}\""))])
}

const ROLES: &[&str] = &[
    "",
    " SOAP:ROLE=\"\"",
    " SOAP:ROLE=\"NEXT\"",
    " SOAP:ROLE=\"urn:somebody\"",
    " SOAP:ROLE=\"http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver\"",
    " SOAP:ROLE=\"http://www.w3.org/2003/05/soap-envelope/role/none\"",
    " ROLE=\"urn:somebody\"",
    " OTHERSOAP:ROLE=\"urn:somebody\"",
    " SOAP:mustUnderstand=\"0\"",
];

const SECURITY_HEADERS: usize = 9;

/// A second Security header of one or the other content, or the one there for another role.
fn security_header(view: &View, forgery: &Forgery, which: usize, role: usize, place: usize) -> Option<String> {
    let security = view.element("Security")?;
    let header = view.element("Header")?;
    let role = spelled(view, ROLES[role]);
    let inside = view.octets(&security.inside);
    let forged = forge(inside, "");
    let timestamp = view.element("Timestamp").map_or("", |element| view.octets(&element.range));
    let signature = view.element("Signature").map_or("", |element| view.octets(&element.range));
    let other = |content: &str| format!("<wsse:Security xmlns:wsse=\"{}\"{role}>{content}</wsse:Security>", ns::WSSE);
    let second = match which {
        0 => return if place == 0 { add_attribute(view, security, &role) } else { None },
        1 => other(""),
        2 => other(inside),
        3 => other(&forged),
        4 => other(timestamp),
        5 => other(&forge(timestamp, "")),
        6 => other(signature),
        7 => other(&format!("{}{}", forgery.token, forgery.signature)),
        // The old header for somebody else, a forged one for us.
        _ => {
            let theirs = format!("<wsse:Security xmlns:wsse=\"{}\">{forged}</wsse:Security>", ns::WSSE);
            let at = if place.is_multiple_of(2) { security.range.start } else { security.range.end };
            return view.edited(&[(at..at, &theirs), (security.name.end..security.name.end, &role)]);
        }
    };
    let at = match place {
        0 => security.range.start,
        1 => security.range.end,
        2 => header.inside.start,
        _ => header.inside.end,
    };
    put(view, at, &second)
}

const ENVELOPES: usize = 12;

fn envelope(view: &View, which: usize, place: usize, id: usize) -> Option<String> {
    let (envelope, body) = (&view.elements[0], view.element("Body")?);
    let header = view.element("Header")?;
    let forged = with_id(&forge(view.octets(&body.range), ""), id)?;
    let empty = spelled(view, "<SOAP:Body/>");
    let (_, version) = soap(view);
    let other = if version == Version::Soap11 { Version::Soap12 } else { Version::Soap11 };
    let at = match place {
        0 => body.range.start,
        1 => body.range.end,
        2 => header.range.start,
        _ => header.inside.end,
    };
    let content = forge(view.octets(&body.inside), "");
    let whole = view.octets(&envelope.range);
    let tag = view.octets(&tag_of(envelope));
    let close = view.octets(&(envelope.inside.end..envelope.range.end));
    let around =
        |before: &str, after: &str| view.edited(&[(envelope.range.clone(), &format!("{tag}{before}{after}{close}"))]);
    match which {
        // A second Body, signed or not, of this SOAP or the other.
        0 => put(view, at, &forged),
        1 => put(view, at, &empty),
        2 => put(view, at, &format!("<o:Body xmlns:o=\"{}\">{content}</o:Body>", other.namespace())),
        3 => put(view, at, &format!("<Body>{content}</Body>")),
        // A second Header: empty, or that of the message.
        4 => put(view, at, &spelled(view, "<SOAP:Header/>")),
        5 => put(view, at, view.octets(&header.range)),
        // The message inside of another one.
        6 => around(&spelled(view, "<SOAP:Header>"), &format!("{whole}{}{forged}", spelled(view, "</SOAP:Header>"))),
        7 => around(view.octets(&header.range), &format!("{forged}{whole}")),
        8 => {
            let hidden =
                format!("{}<w:Old xmlns:w=\"urn:w\">{}</w:Old>", view.octets(&header.inside), view.octets(&body.range));
            around(&spelled(view, &format!("<SOAP:Header>{hidden}</SOAP:Header>")), &forged)
        }
        9 => {
            let inner = format!("{}{}", view.octets(&header.range), forged);
            around(&inner, &format!("<w:Old xmlns:w=\"urn:w\">{}</w:Old>", view.octets(&body.range)))
        }
        // The envelope of the other version around the Body of this one, and the other way round.
        10 => {
            let text = whole.replacen(version.namespace(), other.namespace(), 1);
            view.edited(&[(envelope.range.clone(), &text)])
        }
        _ => {
            let text = view.octets(&body.range).replace(version.namespace(), other.namespace());
            replace(view, body, &text)
        }
    }
}

/// Prefixes that the message declares, the default among them.
fn prefixes(view: &View) -> Vec<String> {
    let all = view.elements.iter().flat_map(|e| &e.attributes);
    let mut names: Vec<String> = all.filter(|a| a.name.starts_with("xmlns")).map(|a| a.name.clone()).collect();
    names.push("xmlns".to_owned());
    names.sort();
    names.dedup();
    names
}

fn namespace(view: &View, element: &Element, prefix: &str, what: usize) -> Option<String> {
    let own = element.attributes.iter().find(|attribute| attribute.name == prefix);
    let declaration = |value: &str| format!(" {prefix}=\"{value}\"");
    match (what, own) {
        // Another meaning here and below.
        (0, Some(own)) => view.edited(&[(own.range.clone(), &declaration("urn:evil"))]),
        (0, None) => add_attribute(view, element, &declaration("urn:evil")),
        // The meaning of another prefix.
        (1, own) => {
            let value = if prefix == "xmlns" { ns::DS } else { ns::SVC };
            match own {
                Some(own) => view.edited(&[(own.range.clone(), &declaration(value))]),
                None => add_attribute(view, element, &declaration(value)),
            }
        }
        // No declaration here, but one further out.
        (2, Some(own)) => {
            let outer = &view.elements[0];
            (outer.range != element.range).then_some(())?;
            view.edited(&[(own.range.clone(), ""), (outer.name.end..outer.name.end, &declaration(&own.value))])
        }
        (3, Some(own)) => view.edited(&[(own.range.clone(), "")]),
        _ => None,
    }
}

fn attribute_value(view: &View, element: &Element, number: usize, value: usize) -> Option<String> {
    let attribute = element.attributes.get(number)?;
    let was = &attribute.value;
    let value = match value.checked_sub(ALGORITHMS.len()) {
        None if attribute.name == "Algorithm" || attribute.name == "Type" => ALGORITHMS[value].to_owned(),
        None => return None,
        Some(0) => return view.edited(&[(attribute.range.clone(), "")]),
        Some(1) => format!(" {was}"),
        Some(2) => other_text(was),
        Some(3) => was.to_uppercase(),
        _ => String::new(),
    };
    view.edited(&[(attribute.range.clone(), &format!(" {}=\"{value}\"", attribute.name))])
}

fn change_text(view: &View, element: &Element, how: usize) -> Option<String> {
    let text = view.octets(&element.inside);
    if !element.is_open() || text.contains('<') || text.is_empty() {
        return None;
    }
    let new = match how {
        0 => other_text(text),
        1 => String::new(),
        2 => format!("{text}{text}"),
        3 => format!("\n {text}\n"),
        4 => format!("<![CDATA[{text}]]>"),
        5 => text.replace('=', ""),
        6 => {
            let mut chars: Vec<char> = text.chars().collect();
            let middle = chars.len() / 2;
            chars[middle] = if chars[middle] == 'A' { 'B' } else { 'A' };
            chars.into_iter().collect()
        }
        // The same letter in another way.
        _ => format!("&#{};{}", text.chars().next()? as u32, &text[text.chars().next()?.len_utf8()..]),
    };
    view.edited(&[(element.inside.clone(), &new)])
}

/// Places for the attacker's EncryptedKey: beside the one there, in its place, before the Signature, nowhere.
fn encrypt(view: &View, element: &Element, (key, data): &(String, String), place: usize) -> Option<String> {
    let security = view.element("Security")?;
    let inside = |range: &Range<usize>| element.range.start <= range.start && range.end <= element.range.end;
    if inside(&security.range) {
        return None;
    }
    let existing = view.elements.iter().find(|e| e.local == "EncryptedKey" && !inside(&e.range));
    let at = match (place, existing) {
        (0, Some(existing)) => existing.range.end..existing.range.end,
        (1, Some(existing)) => existing.range.clone(),
        (2, _) => security.inside.start..security.inside.start,
        (3, _) => return replace(view, element, data),
        _ => return None,
    };
    if at.start < element.range.end && element.range.start < at.end {
        return None;
    }
    view.edited(&[(element.range.clone(), data), (at, key)])
}

const ENCRYPTED_PARTS: usize = 12;

fn encrypted_parts(view: &View, which: usize, (key, data): &(String, String)) -> Option<String> {
    let theirs = view.element("EncryptedData")?;
    let their_key = view.element("EncryptedKey")?;
    let value = |text: &str, element: &str| {
        let start = text.find(element)?;
        let start = start + text[start..].find("CipherValue>")? + "CipherValue>".len();
        let end = start + text[start..].find('<')?;
        Some(start..end)
    };
    let whole_data = value(&view.text, "EncryptedData ").or_else(|| value(&view.text, "EncryptedData>"))?;
    let whole_key = value(&view.text, "EncryptedKey ").or_else(|| value(&view.text, "EncryptedKey>"))?;
    let our_data = value(data, "EncryptedData")?;
    let our_key = value(key, "EncryptedKey");
    let list = view.element("ReferenceList");
    let data_id = &theirs.id()?.value;
    match which {
        // Cipher text of another content, under the key there or the attacker's own.
        0 => view.edited(&[(whole_data, &data[our_data])]),
        1 => view.edited(&[(whole_key, &key[our_key?])]),
        2 => view.edited(&[(whole_data, &data[our_data]), (whole_key, &key[our_key?])]),
        // A second one beside, before, inside.
        3 => put(view, theirs.range.start, data),
        4 => put(view, theirs.range.end, data),
        5 => put(view, theirs.inside.end, data),
        6 => put(view, their_key.range.end, key),
        7 => put(view, their_key.range.start, key),
        // Lists that name more, less or nothing.
        8 => put(
            view,
            list?.inside.end,
            &format!(r##"<xenc:DataReference xmlns:xenc="{}" URI="#{data_id}"/>"##, ns::XENC),
        ),
        9 => put(
            view,
            list?.inside.end,
            &format!(r##"<xenc:DataReference xmlns:xenc="{}" URI="#{}"/>"##, ns::XENC, view.ids.first()?),
        ),
        10 => replace(view, list?, ""),
        // Cipher text from elsewhere.
        _ => {
            let cipher =
                view.elements.iter().find(|e| e.local == "CipherValue" && theirs.range.contains(&e.range.start))?;
            let name = view.octets(&cipher.name).replace("CipherValue", "CipherReference");
            replace(view, cipher, &format!("<{name} URI=\"#{data_id}\"/>"))
        }
    }
}

const SIGNATURES: usize = 10;

/// Signatures that hold, of somebody who may not sign here; and pieces of the one that may.
fn sign(view: &View, forgery: &Forgery, which: usize, place: usize) -> Option<String> {
    let signature = view.element("Signature")?;
    let body = view.element("Body")?;
    let info = view.element("SignedInfo")?;
    let value = view.element("SignatureValue")?;
    let key_info = view.elements.iter().find(|e| e.local == "KeyInfo" && signature.range.contains(&e.range.start))?;
    let own_info = part(&forgery.signature, "<ds:SignedInfo", "</ds:SignedInfo>");
    match which {
        0 => put(view, place, &forgery.signature),
        1 => put(view, place, view.octets(&signature.range)),
        2 => put(view, place, &format!("{}{}", forgery.token, forgery.signature)),
        // His Signature in the place of ours, his Body in the place of ours.
        3 => view.edited(&[
            (signature.range.clone(), &format!("{}{}", forgery.token, forgery.signature)),
            (body.range.clone(), &forgery.body),
        ]),
        // A second SignedInfo, value or KeyInfo at every place.
        4 => put(view, place, view.octets(&info.range)),
        5 => put(view, place, own_info),
        6 => put(view, place, view.octets(&value.range)),
        7 => put(view, place, view.octets(&key_info.range)),
        8 => put(view, place, &format!(r#"<ds:Object xmlns:ds="{}">{}</ds:Object>"#, ns::DS, view.octets(&body.range))),
        _ => put(
            view,
            place,
            part(&forgery.envelope, "<s:Header", "</s:Header>")
                .replacen("<s:", "<w:", 1)
                .replacen("</s:Header>", "</w:Header>", 1)
                .replacen(
                    "<w:Header",
                    &format!(
                        "<w:Header xmlns:w=\"urn:w\" xmlns:s=\"urn:s\" xmlns:wsa=\"{}\" xmlns:wsu=\"{}\"",
                        ns::WSA,
                        ns::WSU
                    ),
                    1,
                )
                .as_str(),
        ),
    }
}

const REFERENCES: usize = 9;

fn references(view: &View, a: usize, b: usize, what: usize) -> Option<String> {
    let signature = view.element("Signature")?;
    let all: Vec<&Element> = view
        .elements
        .iter()
        .filter(|e| e.local == "Reference" && e.ns == ns::DS && signature.range.contains(&e.range.start))
        .collect();
    let (one, other) = (*all.get(a)?, *all.get(b)?);
    let ds = view.octets(&one.name).split_once(':').map_or(String::new(), |(prefix, _)| format!("{prefix}:"));
    match what {
        0 => put(view, other.range.end, view.octets(&one.range)),
        1 => replace(view, one, view.octets(&other.range)),
        2 => swap(view, one, other),
        // The digest or the pointer of another one.
        3 | 4 => {
            let of = |e: &Element, name: &str| {
                let found = view.elements.iter().find(|x| x.local == name && e.range.contains(&x.range.start));
                found.map(|found| found.range.clone())
            };
            let name = if what == 3 { "DigestValue" } else { "Transforms" };
            let (from, to) = (of(other, name)?, of(one, name)?);
            view.edited(&[(to, view.octets(&from))])
        }
        5 => {
            let uri = |e: &Element| e.attributes.iter().find(|attribute| attribute.name == "URI").cloned();
            view.edited(&[(uri(one)?.range, &format!(" URI=\"{}\"", uri(other)?.value))])
        }
        6 | 7 => {
            let first = view.elements.iter().find(|e| e.local == "Transforms" && one.range.contains(&e.range.start))?;
            let uri = if what == 6 { ALGORITHMS[3] } else { ALGORITHMS[4] };
            put(view, first.inside.start, &format!("<{ds}Transform Algorithm=\"{uri}\"/>"))
        }
        _ => {
            let first = view.elements.iter().find(|e| e.local == "Transforms" && one.range.contains(&e.range.start))?;
            let xpath = format!(
                "<{ds}Transform Algorithm=\"{}\"><{ds}XPath>false()</{ds}XPath></{ds}Transform>",
                ALGORITHMS[5]
            );
            put(view, first.inside.start, &xpath)
        }
    }
}
