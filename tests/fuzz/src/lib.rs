//! What the targets share: the fixed keys of `certs/`, and edits of a valid document that the octets of an input describe.

use std::sync::Arc;

use coconnect::soap::wss::Identity;
use coconnect::xmlsec::key::Key;
use coconnect::xmlsec::{KeyRing, key_file};
use coconnect::xml;
use jiff::Timestamp;
use openssl::pkey::PKey;
use openssl::x509::X509;
use zeroize::Zeroizing;

macro_rules! certs {
    ($name:literal) => {
        include_bytes!(concat!("../../../certs/", $name))
    };
}

/// The moment at which everything is judged: the certificates of `certs/` hold then.
pub fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a date")
}

/// A party of `certs/` whose key signs, or is encrypted for.
pub fn identity(pem: &[u8], key: &[u8]) -> Arc<Identity> {
    let der = X509::from_pem(pem).and_then(|certificate| certificate.to_der()).expect("certs/ holds certificates");
    let key = PKey::private_key_from_pem(key).expect("certs/ holds keys");
    Arc::new(Identity::new(&der, key).expect("certs/ holds pairs"))
}

/// The sender with its two keys: RSA, P-256.
pub fn senders() -> [Arc<Identity>; 2] {
    [
        identity(certs!("kr-sign.pem"), certs!("kr-sign.key")),
        identity(certs!("kr-sign-p256.pem"), certs!("kr-sign-p256.key")),
    ]
}

/// The receiver with its two keys: RSA, P-256.
pub fn receivers() -> [Arc<Identity>; 2] {
    [
        identity(certs!("id-encrypt.pem"), certs!("id-encrypt.key")),
        identity(certs!("id-encrypt-p256.pem"), certs!("id-encrypt-p256.key")),
    ]
}

/// The authority of `certs/`.
pub fn authority() -> X509 {
    X509::from_pem(certs!("ca.pem")).expect("certs/ holds an authority")
}

/// Names and octets of the symmetric keys. The first is that of many published vectors.
pub const SECRETS: [(&str, &[u8]); 5] = [
    ("secret", b"secret"),
    ("aes128", b"0123456789abcdef"),
    ("aes192", b"0123456789abcdef01234567"),
    ("aes256", b"0123456789abcdef0123456789abcdef"),
    ("des3", b"abcdefghijklmnopqrstuvwx"),
];

/// Private keys that sign or open, and the secrets.
pub fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    for (name, octets) in [
        ("rsa", &certs!("id-encrypt.key")[..]),
        ("ec", &certs!("id-encrypt-p256.key")[..]),
        ("signer-rsa", &certs!("kr-sign.key")[..]),
        ("signer-ec", &certs!("kr-sign-p256.key")[..]),
    ] {
        let mut key = key_file::load(octets, name, None).expect("certs/ holds keys");
        key.name = Some(name.to_owned());
        ring.add(key);
    }
    for (name, octets) in SECRETS {
        ring.add(Key::secret(Some(name.to_owned()), Zeroizing::new(octets.to_vec())));
    }
    ring
}

/// Reads the numbers and octets of an input; zeros once it has ended.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next octet.
    pub fn octet(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// A number below `limit`; two octets of the input.
    pub fn below(&mut self, limit: usize) -> usize {
        let number = usize::from(self.octet()) << 8 | usize::from(self.octet());
        if limit < 0x1_0000 { number % limit.max(1) } else { (number << 8 | usize::from(self.octet())) % limit }
    }

    /// Up to `length` octets.
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// What attacks put somewhere else.
const PIECES: [&str; 16] = [
    "<!--x-->", "<?x y?>", "<![CDATA[x]]>", "&#x20;", "&#xD;", " ", "\r\n", "<x/>", "x", " wsu:Id=\"b\"", " Id=\"b\"",
    " xml:id=\"b\"", " xmlns=\"urn:x\"", " xmlns:ds=\"urn:x\"", "/", "#",
];

/// Changes `octets` as `input` says: at most 32 edits of octets, pieces and whole elements.
pub fn edit(mut octets: Vec<u8>, input: &mut Input<'_>) -> Vec<u8> {
    const EDITS_MAX: usize = 32;
    const OCTETS_MAX: usize = 1 << 18;
    for _ in 0..EDITS_MAX {
        if input.0.is_empty() || octets.is_empty() || octets.len() > OCTETS_MAX {
            break;
        }
        match input.octet() % 8 {
            0 => {
                let at = input.below(octets.len());
                octets[at] = input.octet();
            }
            1 => {
                let at = input.below(octets.len());
                octets[at] ^= 1 << (input.octet() % 8);
            }
            2 => {
                let at = input.below(octets.len());
                let end = (at + usize::from(input.octet())).min(octets.len());
                octets.drain(at..end);
            }
            3 => {
                let at = input.below(octets.len());
                let length = usize::from(input.octet() % 64);
                let new = input.take(length).to_vec();
                octets.splice(at..at, new);
            }
            4 => {
                let (from, at) = (input.below(octets.len()), input.below(octets.len()));
                let end = (from + input.below(2048)).min(octets.len());
                let copy = octets[from..end].to_vec();
                octets.splice(at..at, copy);
            }
            5 => {
                // Behind a `>`, before one, or at a quote, where a piece can stand.
                let places: Vec<usize> =
                    octets.iter().enumerate().filter(|(_, b)| matches!(b, b'>' | b'"' | b'<')).map(|(at, _)| at).collect();
                if places.is_empty() {
                    continue;
                }
                let place = places[input.below(places.len())];
                let at = place + usize::from(input.octet() % 2);
                let piece = PIECES[usize::from(input.octet()) % PIECES.len()].as_bytes();
                octets.splice(at..at, piece.iter().copied());
            }
            6 => element(&mut octets, input),
            _ => rename(&mut octets, input),
        }
    }
    octets
}

/// Copies or moves a whole element before, behind or into another, or takes it out.
fn element(octets: &mut Vec<u8>, input: &mut Input<'_>) {
    let Ok(document) = xml::parse(octets.clone(), &xml::Options::default()) else { return };
    let ranges: Vec<std::ops::Range<usize>> = document
        .descendants(document.root())
        .filter(|node| document.kind(*node) == xml::Kind::Element)
        .map(|node| document.range(node))
        .collect();
    let from = ranges[input.below(ranges.len())].clone();
    let to = ranges[input.below(ranges.len())].clone();
    let copy = octets[from.clone()].to_vec();
    let (moves, place) = (input.octet(), input.octet());
    let at = match place % 4 {
        0 => to.start,
        1 => to.end,
        2 => octets[to.clone()].iter().position(|b| *b == b'>').map_or(to.end, |at| to.start + at + 1),
        _ => octets[to.clone()].iter().rposition(|b| *b == b'<').map_or(to.end, |at| to.start + at),
    };
    match moves % 4 {
        0 => drop(octets.drain(from)),
        1 if at <= from.start => {
            octets.drain(from);
            octets.splice(at..at, copy);
        }
        1 if at >= from.end => {
            octets.splice(at..at, copy);
            octets.drain(from);
        }
        2 => drop(octets.splice(to, copy)),
        _ => drop(octets.splice(at..at, copy)),
    }
}

/// Puts the value of one attribute into another: ids, URIs, algorithms.
fn rename(octets: &mut Vec<u8>, input: &mut Input<'_>) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let mut values = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("=\"").map(|found| at + found + 2) {
        let Some(length) = text[start..].find('"') else { break };
        values.push(start..start + length);
        at = start + length + 1;
    }
    if values.is_empty() {
        return;
    }
    let from = octets[values[input.below(values.len())].clone()].to_vec();
    let to = values[input.below(values.len())].clone();
    octets.splice(to, from);
}
