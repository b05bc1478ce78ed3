//! `coconnect xmlsec sign`.

use clap::Args;

use super::PolicyArgs;
use crate::cli::keys::{KeyArgs, read_input};
use crate::cli::out::{self, Exit, Failure};
use crate::xml::{self, Document, NodeId, ns};
use crate::xmlsec::algorithm::{self, C14N, Digest, SignatureMethod};
use crate::xmlsec::dsig::template::{self, Settings, Signer};
use crate::xmlsec::dsig::token::DocumentTokens;
use crate::xmlsec::dsig::{Context, IdAttributes, IdIndex, Signature, Target, key_value, sign, verify};
use crate::xmlsec::key::{self, Key, Material};
use crate::xmlsec::read::encode_base64;
use crate::xmlsec::{KeyRing, Policy, SigningKey, key_file};

/// `coconnect xmlsec sign`.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES:
  coconnect xmlsec sign --key signer.p12 --password pw.txt --reference \"\" document.xml > signed.xml
  coconnect xmlsec sign --key key.pem --cert cert.pem --reference \"#body\" --id-attr id message.xml
  coconnect xmlsec sign --key key.pem --template template.xml")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["template", "reference"]))]
pub struct SignArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// The certificate of the key, with its chain, for X509Data
    #[arg(long, value_name = "FILE")]
    cert: Option<String>,
    /// Fill every ds:Signature of FILE whose values are empty
    #[arg(long)]
    template: bool,
    /// Add a ds:Signature at the end of the document element over this URI: "", #id, or one of --url-map. Repeatable
    #[arg(long, value_name = "URI")]
    reference: Vec<String>,
    /// Digest method; default SHA-256
    #[arg(long, value_name = "URI")]
    digest: Option<String>,
    /// Signature method; default what suits the key
    #[arg(long, value_name = "URI")]
    signature: Option<String>,
    /// Canonicalization; default exclusive
    #[arg(long, value_name = "URI")]
    c14n: Option<String>,
    /// An attribute that is an id, on any element. Repeatable
    #[arg(long = "id-attr", value_name = "[NAMESPACE:]NAME")]
    id_attr: Vec<String>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// A key with what is said about it.
struct Chosen {
    key: SigningKey,
    name: Option<String>,
    certificates: Vec<openssl::x509::X509>,
}

pub(super) fn run(args: &SignArgs) -> Result<Exit, Failure> {
    let policy = args.policy.policy();
    let ids = args.id_attr.iter().fold(IdAttributes::usual(), |all, option| all.with_option(option));
    let urls = args.policy.urls()?;
    let ring = args.keys.load()?;
    let document = args.policy.parse(&args.file)?;
    let settings = Settings { policy: &policy, urls: &urls, ids: &ids };
    let document = if args.template {
        fill_templates(args, document, &ring, &settings)?
    } else {
        let chosen = choose(args, &ring, None)?;
        let text = new_template(args, &document, &chosen, &policy, &ids)?;
        let mut document = with_signature(&document, &text, args)?;
        let last = document.elements(document.document_element()).last();
        let node = last.ok_or_else(|| Failure::refused("the document element cannot hold a signature"))?;
        fill(args, &mut document, node, &chosen, &settings)?;
        document
    };
    out::octets(&document.to_octets());
    Ok(Exit::Done)
}

fn fill(
    args: &SignArgs,
    document: &mut Document,
    node: NodeId,
    chosen: &Chosen,
    settings: &Settings<'_>,
) -> Result<(), Failure> {
    let signer = Signer { key: &chosen.key, name: chosen.name.as_deref(), certificates: &chosen.certificates };
    template::fill(document, node, &signer, settings)
        .map_err(|error| Failure::refused(format!("{}: {}", args.file, out::chain(&error))))
}

/// Fills every template, each with the key that it names. One may cover another: then the other must be filled first,
/// which is tried in both orders.
fn fill_templates(
    args: &SignArgs,
    document: Document,
    ring: &KeyRing,
    settings: &Settings<'_>,
) -> Result<Document, Failure> {
    let nodes = templates_in(&document, &args.file)?;
    let fill_all = |mut document: Document, nodes: &mut dyn Iterator<Item = &NodeId>| {
        for node in nodes {
            let chosen = choose(args, ring, key_name(&document, *node).as_deref())?;
            fill(args, &mut document, *node, &chosen, settings)?;
        }
        Ok::<_, Failure>(document)
    };
    if let [only] = nodes.as_slice() {
        return fill_all(document, &mut [*only].iter());
    }
    let again = xml::parse(document.octets().to_vec(), &xml::Options { dtd: dtd(args), ..Default::default() })
        .map_err(|error| Failure::refused(format!("{}:{error}", args.file)))?;
    let filled = fill_all(document, &mut nodes.iter())?;
    if first_broken(&filled, &nodes, settings).is_none() {
        return Ok(filled);
    }
    // The same text gives the same nodes.
    let filled = fill_all(again, &mut nodes.iter().rev())?;
    match first_broken(&filled, &nodes, settings) {
        None => Ok(filled),
        Some(at) => Err(Failure::refused(format!(
            "{}:{at}: of {} templates this one covers another and is covered by it",
            args.file,
            nodes.len()
        ))
        .hint("fill them one after the other, each in a file that holds no other template")),
    }
}

/// The first signature that covers what a later one changed.
fn first_broken(document: &Document, nodes: &[NodeId], settings: &Settings<'_>) -> Option<xml::TextPos> {
    let ids = IdIndex::build(document, settings.ids);
    let tokens = DocumentTokens::default();
    let context = Context { document, ids: &ids, policy: settings.policy, urls: settings.urls, tokens: Some(&tokens) };
    let holds = |node: &NodeId| {
        let signature = Signature::parse(document, *node, settings.policy).ok()?;
        let mut scratch = Vec::new();
        let mut digested = signature.references().iter().map(|one| one.digest(&context, *node, &mut scratch));
        digested.all(|one| one.is_ok_and(|one| one.matches)).then_some(())
    };
    nodes.iter().find(|node| holds(node).is_none()).map(|node| document.position(*node))
}

fn dtd(args: &SignArgs) -> xml::Dtd {
    if args.policy.allow_dtd { xml::Dtd::Internal } else { xml::Dtd::Refuse }
}

/// The signatures that have no value yet; where all have one, the first, which is made anew.
fn templates_in(document: &Document, file: &str) -> Result<Vec<NodeId>, Failure> {
    let empty = |node: &NodeId| {
        document
            .elements(*node)
            .filter(|child| document.is(*child, ns::DS, "SignatureValue"))
            .all(|child| document.text_content(child).trim().is_empty())
    };
    let found = verify::outermost_signatures(document);
    let templates: Vec<NodeId> = found.iter().copied().filter(empty).collect();
    match (templates.is_empty(), found.first()) {
        (false, _) => Ok(templates),
        (true, Some(first)) => Ok(vec![*first]),
        (true, None) => {
            Err(Failure::refused(format!("{file}: no ds:Signature in it")).hint("--reference URI adds one"))
        }
    }
}

fn key_name(document: &Document, signature: NodeId) -> Option<String> {
    let key_info = document.elements(signature).find(|node| document.is(*node, ns::DS, "KeyInfo"))?;
    let name = document.elements(key_info).find(|node| document.is(*node, ns::DS, "KeyName"))?;
    Some(document.text_content(name).trim().to_owned()).filter(|name| !name.is_empty())
}

/// The key that the template names, else the first that can sign.
fn choose(args: &SignArgs, ring: &KeyRing, name: Option<&str>) -> Result<Chosen, Failure> {
    let can_sign = |key: &&Key| !matches!(key.material, Material::Public(_));
    let named = name.and_then(|name| ring.named(name).find(can_sign));
    let key = named.or_else(|| ring.keys().iter().find(can_sign)).ok_or_else(|| {
        Failure::usage("no private key and no secret to sign with").hint("give one with --key or --secret")
    })?;
    let mut certificates = key.certificates.clone();
    if let Some(file) = &args.cert {
        let octets = read_input(file)?;
        let loaded = key_file::load_certificates(&octets, file, None);
        certificates = loaded.map_err(|error| Failure::usage(out::chain(&error)))?;
        let fits = certificates.first().and_then(|first| first.public_key().ok());
        let private = key.private();
        if !private.zip(fits).is_some_and(|(private, public)| private.public_eq(&public)) {
            return Err(Failure::usage(format!("{file}: not the certificate of the key")));
        }
    }
    let signing = match &key.material {
        Material::Private(private) => SigningKey::from_private(private.clone()),
        Material::Secret(octets) => SigningKey::from_secret(octets.clone()),
        Material::Public(_) => return Err(Failure::usage("a public key cannot sign")),
    };
    Ok(Chosen { key: signing, name: key.name.clone(), certificates })
}

/// A template over the References asked for.
fn new_template(
    args: &SignArgs,
    document: &Document,
    chosen: &Chosen,
    policy: &Policy,
    ids: &IdAttributes,
) -> Result<String, Failure> {
    let refused = |error: crate::xmlsec::Refused| {
        Failure::refused(error.to_string()).hint("--allow-legacy allows every algorithm that is implemented")
    };
    let by_name = |given: &Option<String>| given.as_deref().map(uri_of_name);
    let method: SignatureMethod = match by_name(&args.signature) {
        Some(uri) => policy.signature(&uri).map_err(refused)?,
        None => sign::usual_method(&chosen.key),
    };
    policy.signature(method.uri()).map_err(refused)?;
    let digest: Digest =
        by_name(&args.digest).map_or(Ok(Digest::Sha256), |uri| policy.digest(&uri)).map_err(refused)?;
    let c14n: C14N = by_name(&args.c14n).map_or(Ok(C14N::EXCLUSIVE), |uri| policy.c14n(&uri)).map_err(refused)?;
    let index = IdIndex::build(document, ids);
    let mut text = format!(
        "<ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{}\"/><ds:SignatureMethod Algorithm=\"{}\"/>",
        ns::DS,
        c14n.uri(),
        method.uri()
    );
    for uri in &args.reference {
        let target = Target::parse(Some(uri));
        let enveloped = match &target {
            Target::WholeDocument { .. } => true,
            Target::Id { id, .. } => {
                let node = index.get(document, id).map_err(|error| {
                    Failure::refused(format!("--reference {uri}: {error}"))
                        .hint("name further id attributes with --id-attr")
                })?;
                node == document.document_element()
            }
            _ => false,
        };
        let transforms: String = match (&target, enveloped) {
            (Target::External(_), _) => String::new(),
            (_, enveloped) => {
                let first = if enveloped {
                    format!("<ds:Transform Algorithm=\"{}\"/>", algorithm::ENVELOPED)
                } else {
                    String::new()
                };
                format!("<ds:Transforms>{first}<ds:Transform Algorithm=\"{}\"/></ds:Transforms>", c14n.uri())
            }
        };
        text.push_str(&format!(
            "<ds:Reference URI=\"{}\">{transforms}<ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue></ds:DigestValue></ds:Reference>",
            attribute(uri),
            digest.uri()
        ));
    }
    text.push_str("</ds:SignedInfo><ds:SignatureValue></ds:SignatureValue>");
    text.push_str(&key_info(chosen)?);
    text.push_str("</ds:Signature>");
    Ok(text)
}

/// Short names are taken in the place of URIs: `sha384`, `rsa-sha512`, `exclusive`.
fn uri_of_name(name: &str) -> String {
    let short = match name {
        "inclusive" => "c14n",
        "inclusive11" => "c14n11",
        "exclusive" => "exc-c14n",
        name => name,
    };
    algorithm::all().find(|(_, known, ..)| *known == short).map_or(name, |(_, _, uri, _)| uri).to_owned()
}

fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn key_info(chosen: &Chosen) -> Result<String, Failure> {
    let fail = |error: key::Error| Failure::refused(out::chain(&error));
    let mut text = String::new();
    if let Some(name) = &chosen.name {
        text.push_str(&format!("<ds:KeyName>{}</ds:KeyName>", attribute(name).replace('>', "&gt;")));
    }
    if !chosen.certificates.is_empty() {
        text.push_str("<ds:X509Data>");
        for certificate in &chosen.certificates {
            let der = certificate.to_der().map_err(|error| fail(error.into()))?;
            text.push_str(&format!("<ds:X509Certificate>{}</ds:X509Certificate>", encode_base64(&der)));
        }
        text.push_str("</ds:X509Data>");
    } else if let Some(private) = chosen.key.private() {
        let public = key::public_of(private).map_err(fail)?;
        text.push_str(&key_value::write(&public).map_err(fail)?);
    }
    Ok(if text.is_empty() { text } else { format!("<ds:KeyInfo>{text}</ds:KeyInfo>") })
}

/// The document with `signature` as the last child of its document element.
fn with_signature(document: &Document, signature: &str, args: &SignArgs) -> Result<Document, Failure> {
    let octets = document.octets();
    let range = document.range(document.document_element());
    let element = octets.get(range.clone()).unwrap_or_default();
    let mut text = octets.get(..range.start).unwrap_or_default().to_vec();
    if let Some(start) = element.strip_suffix(b"/>") {
        text.extend_from_slice(start);
        text.extend_from_slice(
            format!(">{signature}</{}>", document.qualified_name(document.document_element())).as_bytes(),
        );
    } else {
        let end = element.windows(2).rposition(|pair| pair == b"</").unwrap_or(element.len());
        text.extend_from_slice(element.get(..end).unwrap_or_default());
        text.extend_from_slice(signature.as_bytes());
        text.extend_from_slice(element.get(end..).unwrap_or_default());
    }
    text.extend_from_slice(octets.get(range.end..document.octets_len_first()).unwrap_or_default());
    xml::parse(in_utf8(text), &xml::Options { dtd: dtd(args), ..Default::default() })
        .map_err(|error| Failure::refused(format!("{}: with a signature added: {error}", args.file)))
}

/// The parser turned every encoding into UTF-8; a declaration that says otherwise would now be wrong.
fn in_utf8(text: Vec<u8>) -> Vec<u8> {
    let Some(end) = text.strip_prefix(b"<?xml ").and_then(|rest| rest.windows(2).position(|pair| pair == b"?>")) else {
        return text;
    };
    let declaration = String::from_utf8_lossy(text.get(..end + 8).unwrap_or_default()).to_lowercase();
    if !declaration.contains("encoding") || declaration.contains("utf-8") {
        return text;
    }
    let mut new = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_vec();
    new.extend_from_slice(text.get(end + 8..).unwrap_or_default());
    new
}
