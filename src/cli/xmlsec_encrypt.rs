//! `coconnect xmlsec encrypt`: closes elements of a file, or fills a template (design 4.1).

use std::path::PathBuf;

use clap::Args;

use super::keys::read_input;
use super::out::{self, Exit, Failure};
use super::xmlsec::parse;
use super::xmlsec_decrypt::write;
use crate::xml::xpath::{Environment, Expression, Item};
use crate::xml::{Document, Dtd, NodeId};
use crate::xmlsec::algorithm::{self, Cipher, Digest, KeyDerivation, KeyTransport, Row};
use crate::xmlsec::enc::{Derivation, KeyManagement, Recipient, Transport, fill_templates, seal_elements};
use crate::xmlsec::{Policy, key_file};

/// Encrypt elements of a file for a recipient, or fill an EncryptedData template.
///
/// Each element becomes an EncryptedData with a key of its own, closed for the recipient inside it. A template is an
/// EncryptedData whose CipherValues are empty; what it closes stands in its CipherValue, or comes with --data.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES:
  coconnect xmlsec encrypt --recipient partner.crt --element '//md:MetaData' --ns md=urn:wco:... message.xml
  coconnect xmlsec encrypt --recipient partner.crt --element '/order/card' \\
      --key-transport http://www.w3.org/2009/xmlenc11#rsa-oaep order.xml > closed.xml
  coconnect xmlsec encrypt --recipient partner.crt --template --data picture.png template.xml")]
pub struct EncryptArgs {
    /// Certificate or public key of who may open it. Repeatable
    #[arg(long, value_name = "FILE", required = true)]
    recipient: Vec<String>,
    /// The elements to encrypt
    #[arg(long, value_name = "XPATH", required_unless_present = "template", conflicts_with = "template")]
    element: Option<String>,
    /// A prefix of the XPath. Repeatable
    #[arg(long, value_name = "p=uri")]
    ns: Vec<String>,
    /// Fill the EncryptedData templates of the file
    #[arg(long)]
    template: bool,
    /// What the template closes, in the place of what stands in its CipherValue
    #[arg(long, value_name = "FILE", requires = "template")]
    data: Option<String>,
    /// Cipher; without it AES-256-GCM
    #[arg(long, value_name = "URI", conflicts_with = "template")]
    cipher: Option<String>,
    /// Key transport for RSA keys; without it rsa-oaep-mgf1p. rsa-oaep is SHA-256 throughout
    #[arg(long, value_name = "URI", conflicts_with = "template")]
    key_transport: Option<String>,
    /// Key agreement for EC and X25519 keys, or the derivation in it; without it ECDH-ES with ConcatKDF
    #[arg(long, value_name = "URI", conflicts_with = "template")]
    key_agreement: Option<String>,
    /// Old algorithms too: CBC, 3DES, RSA 1.5, P-521, X448
    #[arg(long)]
    allow_legacy: bool,
    /// Where to write; standard output without it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// Runs it.
///
/// # Errors
/// [`Failure`] with the exit code of design 4.1.
pub fn run(args: &EncryptArgs) -> Result<Exit, Failure> {
    let policy = if args.allow_legacy { Policy::legacy() } else { Policy::default() };
    let recipients: Vec<Recipient> =
        args.recipient.iter().map(|file| recipient(file, &policy)).collect::<Result<_, _>>()?;
    let mut document = parse(&args.file, Dtd::Refuse)?;
    let refused = |error: &crate::xmlsec::enc::Error| Failure::refused(format!("{}: {}", args.file, out::chain(error)));
    match &args.element {
        Some(xpath) => {
            let elements = select(&document, xpath, &args.ns)?;
            let (cipher, management) = (cipher(args, &policy)?, management(args, &recipients, &policy)?);
            seal_elements(&mut document, &elements, &recipients, &management, cipher)
                .map_err(|error| refused(&error))?
        }
        None => {
            let data = args.data.as_deref().map(read_input).transpose()?;
            fill_templates(&mut document, data.as_deref(), &recipients, &policy).map_err(|error| refused(&error))?
        }
    };
    write(args.out.as_deref(), &document.to_octets())?;
    Ok(Exit::Done)
}

fn recipient(file: &str, policy: &Policy) -> Result<Recipient, Failure> {
    let unusable = |why: String| Failure::usage(format!("{file}: {why}"));
    let key = key_file::load(&read_input(file)?, file, None).map_err(|error| Failure::usage(out::chain(&error)))?;
    let public = key.public().map_err(|error| unusable(out::chain(&error)))?;
    let public = public.ok_or_else(|| unusable("expected a certificate or public key".to_owned()))?;
    if public.id() == openssl::pkey::Id::RSA {
        policy.public_key(&public).map_err(|refused| Failure::refused(format!("{file}: {refused}")))?;
    }
    let recipient = match key.certificates.first() {
        Some(certificate) => Recipient::from_certificate(certificate),
        None => Recipient::from_public(public),
    };
    recipient.map_err(|error| unusable(out::chain(&error)))
}

fn select(document: &Document, xpath: &str, prefixes: &[String]) -> Result<Vec<NodeId>, Failure> {
    let mut namespaces = Vec::new();
    for option in prefixes {
        let (prefix, uri) =
            option.split_once('=').ok_or_else(|| Failure::usage(format!("--ns {option}: expected p=uri")))?;
        namespaces.push((prefix.to_owned(), uri.to_owned()));
    }
    let usage = |error: crate::xml::xpath::Error| Failure::usage(format!("--element {xpath}: {error}"));
    let environment = Environment { namespaces: &namespaces, ..Environment::default() };
    let items = Expression::parse(xpath).map_err(usage)?.select(document, &environment).map_err(usage)?;
    let nodes = items.into_iter().map(|item| match item {
        Item::Node(node) => Ok(node),
        _ => Err(Failure::refused(format!("--element {xpath}: selects attributes or namespaces, expected elements"))),
    });
    let nodes: Vec<NodeId> = nodes.collect::<Result<_, _>>()?;
    if nodes.is_empty() {
        return Err(
            Failure::refused(format!("--element {xpath}: selects nothing")).hint("--ns p=uri declares a prefix")
        );
    }
    Ok(nodes)
}

/// A URI, or its short name.
fn uri_of<'a, T>(table: &'static [Row<T>], text: &'a str) -> &'a str
where
    T: Copy,
{
    table.iter().find(|row| row.name == text).map_or(text, |row| row.uri)
}

fn refuse(error: &crate::xmlsec::Refused) -> Failure {
    Failure::refused(error.to_string()).hint("old algorithms need --allow-legacy")
}

fn cipher(args: &EncryptArgs, policy: &Policy) -> Result<Cipher, Failure> {
    let Some(text) = &args.cipher else { return Ok(Cipher::Aes256Gcm) };
    policy.cipher(uri_of(algorithm::CIPHERS, text)).map_err(|refused| refuse(&refused))
}

fn management(args: &EncryptArgs, recipients: &[Recipient], policy: &Policy) -> Result<KeyManagement, Failure> {
    let mut management = KeyManagement::default();
    if let Some(text) = &args.key_transport {
        let algorithm =
            policy.key_transport(uri_of(algorithm::KEY_TRANSPORTS, text)).map_err(|refused| refuse(&refused))?;
        let digest = if algorithm == KeyTransport::RsaOaep { Digest::Sha256 } else { Digest::Sha1 };
        management.transport = Transport { algorithm, digest, mgf1: digest, label: Vec::new() };
    }
    if let Some(text) = &args.key_agreement {
        management.derivation = derivation(text, recipients, policy)?.unwrap_or(management.derivation);
    }
    Ok(management)
}

/// An agreement must be the one of every recipient's key; a derivation is taken in the place of ConcatKDF.
fn derivation(text: &str, recipients: &[Recipient], policy: &Policy) -> Result<Option<Derivation>, Failure> {
    if let Ok(derivation) = policy.key_derivation(uri_of(algorithm::KEY_DERIVATIONS, text)) {
        let mut salt = vec![0; 32];
        openssl::rand::rand_bytes(&mut salt).map_err(|error| Failure::refused(error.to_string()))?;
        let (digest, info) = (Digest::Sha256, Vec::new());
        return Ok(match derivation {
            KeyDerivation::ConcatKdf => None,
            KeyDerivation::Hkdf => Some(Derivation::Hkdf { digest, salt, info, key_bytes: None }),
            KeyDerivation::Pbkdf2 => Some(Derivation::Pbkdf2 { digest, salt, iterations: 100_000, key_bytes: None }),
        });
    }
    let agreement =
        policy.key_agreement(uri_of(algorithm::KEY_AGREEMENTS, text)).map_err(|refused| refuse(&refused))?;
    for recipient in recipients.iter().filter(|recipient| recipient.key().id() != openssl::pkey::Id::RSA) {
        if recipient.agreement().ok() != Some(agreement) {
            return Err(Failure::usage(format!("--key-agreement {text}: a recipient's key is of another kind")));
        }
    }
    Ok(None)
}
