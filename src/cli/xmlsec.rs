//! `coconnect xmlsec`: XML Signature, XML Encryption and Canonical XML on plain files (design 4.1).

use std::collections::HashMap;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use openssl::x509::X509;

use super::keys::{KeyArgs, read_input};
use super::out::{self, Exit, Failure};
use crate::base::{Clock, RealClock};
use crate::xml::c14n::{self, NodeSet};
use crate::xml::xpath::{self, Environment, Expression, Item};
use crate::xml::{self, Document, Dtd, NodeId, ns};
use crate::xmlsec::algorithm;
use crate::xmlsec::dsig::token::DocumentTokens;
use crate::xmlsec::dsig::verify::{self, Judged, Steps, Verdict};
use crate::xmlsec::dsig::{Context, IdAttributes, IdIndex, KeySource, Trust, UrlMap};
use crate::xmlsec::{KeyInfoForms, Policy, key_file};

mod report;
mod sign;

pub use sign::SignArgs;

/// `coconnect xmlsec`.
#[derive(Debug, Args)]
pub struct XmlsecArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Verify every signature of a file that stands inside no other
    Verify(VerifyArgs),
    /// Sign a file: fill the template in it, or add a signature
    Sign(SignArgs),
    /// Write the canonical form of a file
    C14n(C14nArgs),
    /// Decrypt every EncryptedData of a file that one of the keys opens
    Decrypt(super::xmlsec_decrypt::DecryptArgs),
    /// Encrypt elements of a file for a recipient, or fill an EncryptedData template
    Encrypt(super::xmlsec_encrypt::EncryptArgs),
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`] with the exit code of design 4.1.
pub fn run(args: &XmlsecArgs) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Verify(args) => run_verify(args),
        Verb::Sign(args) => sign::run(args),
        Verb::C14n(args) => run_c14n(args),
        Verb::Decrypt(args) => super::xmlsec_decrypt::run(args),
        Verb::Encrypt(args) => super::xmlsec_encrypt::run(args),
    }
}

/// Options that say what a file may use.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// Forms of KeyInfo that may bring the key: any, or some of key-name, x509, key-value, der-encoded-key-value,
    /// retrieval-method, key-info-reference, security-token-reference, encrypted-key, agreement-method
    #[arg(long = "key-info", value_name = "any|LIST")]
    pub key_info: Option<KeyInfoForms>,
    /// Answer references to URI with the octets of FILE; nothing is ever fetched. Repeatable
    #[arg(long = "url-map", value_name = "URI=FILE")]
    pub url_map: Vec<String>,
    /// Allow every algorithm that is implemented: SHA-1, MD5, DSA, HMAC, CBC, RSA 1.5, small keys, ...
    #[arg(long)]
    pub allow_legacy: bool,
    /// Read an internal DTD subset (bounded, nothing external)
    #[arg(long)]
    pub allow_dtd: bool,
}

impl PolicyArgs {
    /// The policy that the options ask for.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let mut policy = if self.allow_legacy { Policy::legacy() } else { Policy::default() };
        if let Some(forms) = self.key_info {
            policy.key_info = forms;
            policy.danger_accept_message_keys = forms;
        }
        policy.dtd = self.dtd();
        policy
    }

    fn dtd(&self) -> Dtd {
        if self.allow_dtd { Dtd::Internal } else { Dtd::Refuse }
    }

    /// The files that stand for URIs.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn urls(&self) -> Result<UrlMap, Failure> {
        let mut urls = HashMap::new();
        for option in &self.url_map {
            // A URI may hold `=`, a file name rarely does: the last one divides, unless an earlier one leads to a file.
            let divided = option
                .match_indices('=')
                .map(|(at, _)| (&option[..at], &option[at + 1..]))
                .find(|(_, file)| std::path::Path::new(file).exists())
                .or_else(|| option.rsplit_once('='));
            let Some((uri, file)) = divided else {
                return Err(Failure::usage(format!("--url-map {option}: expected URI=FILE")));
            };
            urls.insert(uri.to_owned(), read_input(file)?);
        }
        Ok(urls)
    }

    /// Reads the file as XML.
    ///
    /// # Errors
    /// When it cannot be read, is no XML, or has a DTD that was not asked for.
    pub fn parse(&self, file: &str) -> Result<Document, Failure> {
        parse(file, self.dtd())
    }
}

/// Prefixes for XPath expressions.
#[derive(Debug, Args)]
pub struct NamespaceArgs {
    /// Bind a prefix of the XPath expressions. Repeatable
    #[arg(long = "ns", value_name = "p=uri")]
    namespaces: Vec<String>,
}

impl NamespaceArgs {
    /// The nodes that `expression` selects in `document`.
    ///
    /// # Errors
    /// When it is no XPath expression, or gives no nodes.
    pub fn select(&self, document: &Document, expression: &str) -> Result<Vec<Item>, Failure> {
        let mut namespaces = Vec::new();
        for option in &self.namespaces {
            let Some((prefix, uri)) = option.split_once('=') else {
                return Err(Failure::usage(format!("--ns {option}: expected p=uri")));
            };
            namespaces.push((prefix.to_owned(), uri.to_owned()));
        }
        let environment = Environment { namespaces: &namespaces, ..Environment::default() };
        let fail = |error: xpath::Error| Failure::usage(format!("{expression}: {error}"));
        Expression::parse(expression).map_err(fail)?.select(document, &environment).map_err(fail)
    }
}

/// Reads a file as XML: 2 for what is none, 1 for what is refused.
pub(super) fn parse(file: &str, dtd: Dtd) -> Result<Document, Failure> {
    let options = xml::Options { dtd, ..Default::default() };
    let octets = read_input(file)?;
    xml::parse(octets, &options).map_err(|error| match error {
        xml::Error::DtdRefused { .. } => Failure::refused(format!("{file}:{error}"))
            .hint("--allow-dtd reads an internal subset; never use it on what a stranger sent"),
        xml::Error::Limit { .. } => Failure::refused(format!("{file}:{error}")),
        xml::Error::NotWellFormed { .. } => Failure::usage(format!("{file}:{error}")),
    })
}

/// `coconnect xmlsec verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES:
  coconnect xmlsec verify --trusted ca.pem --at 2026-11-02T10:00:00Z message.xml
  coconnect xmlsec verify --key signer.pem --id-attr ID --json assertion.xml
  coconnect xmlsec verify --secret shared.bin --allow-legacy --min-hmac-bits 80 old.xml")]
pub struct VerifyArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// A certificate that is trusted as it stands; the key must then be certified. Repeatable
    #[arg(long, value_name = "FILE")]
    trusted: Vec<String>,
    /// A certificate that may help to reach a trusted one. Repeatable
    #[arg(long, value_name = "FILE")]
    untrusted: Vec<String>,
    /// A revocation list. Repeatable
    #[arg(long, value_name = "FILE")]
    crl: Vec<String>,
    /// The time at which certificates must hold; default now
    #[arg(long, value_name = "RFC3339")]
    at: Option<String>,
    /// An attribute that is an id, on any element. Repeatable
    #[arg(long = "id-attr", value_name = "[NAMESPACE:]NAME")]
    id_attr: Vec<String>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Verify these signatures only
    #[arg(long, value_name = "XPATH")]
    signature: Option<String>,
    /// Demand that these nodes are covered by a valid signature. Repeatable
    #[arg(long = "require-signed", value_name = "XPATH")]
    require_signed: Vec<String>,
    #[command(flatten)]
    namespaces: NamespaceArgs,
    /// Bits that a shortened HMAC must keep; default the greater of 80 and half the digest
    #[arg(long, value_name = "N")]
    min_hmac_bits: Option<u32>,
    /// Print every step of every Reference as JSON
    #[arg(long)]
    json: bool,
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    file: String,
}

impl VerifyArgs {
    /// What is trusted, if anything; and the certificates that only help.
    fn trust(&self) -> Result<(Option<Trust>, Vec<X509>), Failure> {
        let password = self.keys.password()?;
        let password = password.as_ref().map(|text| text.as_str());
        let certificates = |files: &[String]| -> Result<Vec<_>, Failure> {
            let mut all = Vec::new();
            for file in files {
                let octets = read_input(file)?;
                let found = key_file::load_certificates(&octets, file, password);
                all.extend(found.map_err(|error| Failure::usage(out::chain(&error)))?);
            }
            Ok(all)
        };
        let at = match &self.at {
            None => RealClock::new().now(),
            Some(text) => parse_time(text)?,
        };
        let anchors = certificates(&self.trusted)?;
        let untrusted = certificates(&self.untrusted)?;
        let mut crls = Vec::new();
        for file in &self.crl {
            let octets = read_input(file)?;
            crls.extend(key_file::load_crls(&octets, file).map_err(|error| Failure::usage(out::chain(&error)))?);
        }
        Ok(match anchors.is_empty() {
            true => (None, untrusted),
            false => (Some(Trust { anchors, untrusted, crls, at }), Vec::new()),
        })
    }
}

/// RFC 3339; a blank in the place of the `T` is taken too.
fn parse_time(text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("--at {text}: {error}")).hint("write 2026-11-02T10:00:00Z"))
}

fn run_verify(args: &VerifyArgs) -> Result<Exit, Failure> {
    let mut policy = args.policy.policy();
    policy.hmac_bits_min = args.min_hmac_bits;
    let ring = args.keys.load()?;
    let (trust, untrusted) = args.trust()?;
    let urls = args.policy.urls()?;
    let document = args.policy.parse(&args.file)?;
    let attributes = args.id_attr.iter().fold(IdAttributes::usual(), |all, option| all.with_option(option));
    let ids = IdIndex::build(&document, &attributes);
    let known = trust.iter().flat_map(|trust| trust.untrusted.iter().chain(&trust.anchors).cloned());
    let tokens = DocumentTokens {
        known: ring
            .keys()
            .iter()
            .flat_map(|key| key.certificates.clone())
            .chain(known)
            .chain(untrusted.iter().cloned())
            .collect(),
    };
    let context = Context { document: &document, ids: &ids, policy: &policy, urls: &urls, tokens: Some(&tokens) };
    let source = KeySource { ring: &ring, trust: trust.as_ref(), known: &untrusted };

    let nodes = match &args.signature {
        None => verify::outermost_signatures(&document),
        Some(expression) => chosen(&document, &args.namespaces.select(&document, expression)?, expression)?,
    };
    let required = required(&document, args)?;
    let steps = if args.json { Steps::All } else { Steps::UntilInvalid };
    let judged: Vec<Judged> = nodes.iter().map(|node| verify::verify(&context, *node, &source, steps)).collect();
    let bare: Vec<NodeId> =
        required.iter().copied().filter(|node| !judged.iter().any(|one| one.covers(&document, *node))).collect();
    let valid = !judged.is_empty() && judged.iter().all(Judged::is_valid) && bare.is_empty();
    if args.json {
        out::json(&report::json(&document, &judged, &bare, valid));
        return Ok(if valid { Exit::Done } else { Exit::Refused });
    }
    for one in &judged {
        out::line(&report::line(&document, one));
    }
    match judged.iter().find(|one| !one.is_valid()) {
        None if valid => Ok(Exit::Done),
        None if judged.is_empty() => Err(Failure::refused(format!("{}: no ds:Signature in it", args.file))),
        None => {
            let paths: Vec<String> = bare.iter().take(8).map(|node| report::path(&document, *node)).collect();
            Err(Failure::refused(format!("{}: not covered by a signature: {}", args.file, paths.join(", "))))
        }
        Some(first) => Err(failure(&args.file, &document, first)),
    }
}

fn chosen(document: &Document, items: &[Item], expression: &str) -> Result<Vec<NodeId>, Failure> {
    let not_signatures = || Failure::refused(format!("--signature {expression}: expected ds:Signature elements"));
    let nodes: Vec<NodeId> = items
        .iter()
        .map(|item| match item {
            Item::Node(node) if document.is(*node, ns::DS, "Signature") => Ok(*node),
            _ => Err(not_signatures()),
        })
        .collect::<Result<_, _>>()?;
    if nodes.is_empty() { Err(not_signatures()) } else { Ok(nodes) }
}

/// The nodes that must be covered; an attribute stands for its element.
fn required(document: &Document, args: &VerifyArgs) -> Result<Vec<NodeId>, Failure> {
    let mut nodes = Vec::new();
    for expression in &args.require_signed {
        let items = args.namespaces.select(document, expression)?;
        if items.is_empty() {
            return Err(Failure::refused(format!("--require-signed {expression}: it selects nothing")));
        }
        nodes.extend(items.into_iter().filter_map(|item| match item {
            Item::Node(node) => Some(node),
            Item::Attribute(attribute) => Some(document.owner(attribute)),
            Item::Namespace(_) => None,
        }));
    }
    Ok(nodes)
}

fn failure(file: &str, document: &Document, judged: &Judged) -> Failure {
    let at = document.position(judged.node);
    let why = match &judged.verdict {
        Verdict::Valid => String::new(),
        Verdict::Invalid(invalid) => invalid.to_string(),
        Verdict::Failed(error) => out::chain(error),
    };
    let failure = Failure::refused(format!("{file}:{at}: signature: {why}"));
    match report::hint(&judged.verdict) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// `coconnect xmlsec c14n`.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES:
  coconnect xmlsec c14n --method exclusive --prefixes \"soap #default\" message.xml
  coconnect xmlsec c14n --method http://www.w3.org/2006/12/xml-c14n11 --with-comments - < document.xml")]
pub struct C14nArgs {
    /// A URI, or inclusive, inclusive11, exclusive
    #[arg(long, value_name = "METHOD", default_value = "inclusive")]
    method: String,
    /// Keep comments
    #[arg(long)]
    with_comments: bool,
    /// InclusiveNamespaces PrefixList of the exclusive method
    #[arg(long, value_name = "\"a #default\"", default_value = "")]
    prefixes: String,
    /// Read an internal DTD subset (bounded, nothing external)
    #[arg(long)]
    allow_dtd: bool,
    /// Only the nodes, attributes and namespace nodes that this selects
    #[arg(long, value_name = "EXPR")]
    xpath: Option<String>,
    #[command(flatten)]
    namespaces: NamespaceArgs,
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    file: String,
}

fn run_c14n(args: &C14nArgs) -> Result<Exit, Failure> {
    let (method, with_comments) = match args.method.as_str() {
        "inclusive" => (c14n::Method::Inclusive10, args.with_comments),
        "inclusive11" => (c14n::Method::Inclusive11, args.with_comments),
        "exclusive" => (c14n::Method::Exclusive, args.with_comments),
        uri => {
            let Some(row) = algorithm::find(algorithm::C14N_METHODS, uri) else {
                return Err(Failure::usage(format!("--method {uri}: no canonicalization of that name"))
                    .hint("use inclusive, inclusive11, exclusive, or a URI of XML Signature"));
            };
            (row.value.method, row.value.with_comments || args.with_comments)
        }
    };
    let prefixes: Vec<&str> =
        args.prefixes.split_ascii_whitespace().map(|prefix| if prefix == "#default" { "" } else { prefix }).collect();
    let document = parse(&args.file, if args.allow_dtd { Dtd::Internal } else { Dtd::Refuse })?;
    let nodes = match &args.xpath {
        None => NodeSet::document(&document),
        Some(expression) => NodeSet::Explicit(args.namespaces.select(&document, expression)?.into_iter().collect()),
    };
    let mut octets = Vec::new();
    let settings = c14n::Settings { method, with_comments, prefixes: &prefixes };
    c14n::canonicalize(&document, &nodes, &settings, &mut octets)
        .map_err(|error| Failure::refused(format!("{}: {error}", args.file)))?;
    out::octets(&octets);
    Ok(Exit::Done)
}
