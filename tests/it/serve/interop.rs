//! xmlsec1 in the middle of a real exchange: it opens what a gateway sends, and `serve` accepts what it made.

use std::path::Path;
use std::process::Command;

use coconnect::contract::Operation;
use coconnect::tools::lab::{Draft, Lab};

use super::{World, document, text};

fn xmlsec1(arguments: &[&str]) -> Option<(bool, String)> {
    let output = match Command::new("xmlsec1").args(arguments).output() {
        Ok(output) => output,
        Err(e) => {
            println!("SKIPPED: xmlsec1 in a real exchange: {e}");
            assert!(std::env::var_os("COCONNECT_NO_SKIP").is_none(), "xmlsec1 is missing");
            return None;
        }
    };
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some((output.status.success(), told))
}

const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// Options that tell xmlsec1 of the wsu:Id on every signed element.
fn id_options(envelope: &str) -> Vec<String> {
    let tree = coconnect::xml::parse(envelope.as_bytes().to_vec(), &coconnect::xml::Options::default()).unwrap();
    let mut options = Vec::new();
    for node in tree.descendants(tree.root()) {
        if tree.attribute(node, WSU, "Id").is_some() {
            let option = format!("--id-attr:Id {}:{}", tree.ns(node), tree.local(node));
            if !options.contains(&option) {
                options.push(option);
            }
        }
    }
    options.iter().flat_map(|o| o.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn opens(world: &World, lab: &Lab, folder: &Path) -> Option<String> {
    let id = lab.fresh_id().unwrap();
    let text_of = document(1, 30);
    let message = lab.seal(&Draft::new(Operation::SendCo, &id, &text_of)).unwrap();
    let (sealed, clear) = (folder.join("sealed.xml"), folder.join("clear.xml"));
    std::fs::write(&sealed, &message.octets).unwrap();
    let key = text(&world.dir("id").join("keys/encrypt.key"));
    let (ok, told) = xmlsec1(&["--decrypt", "--privkey-pem", &key, "--output", &text(&clear), &text(&sealed)])?;
    assert!(ok, "xmlsec1 does not decrypt: {told}");
    let envelope = std::fs::read_to_string(&clear).unwrap();
    assert!(envelope.contains("LPCO"), "the document is not in clear");
    let certificate = text(&world.dir("kr").join("keys/sign.crt"));
    let mut arguments = vec!["--verify".to_owned(), "--pubkey-cert-pem".to_owned(), certificate];
    arguments.extend(id_options(&envelope));
    arguments.push(text(&clear));
    let (ok, told) = xmlsec1(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
    assert!(ok, "xmlsec1 does not verify: {told}");
    // Its refused twin: one character of the document changed.
    let changed = folder.join("changed.xml");
    std::fs::write(&changed, envelope.replacen("870322", "870323", 1).replacen("Jakarta", "Jakarte", 1)).unwrap();
    let last = arguments.len() - 1;
    arguments[last] = text(&changed);
    let (ok, _) = xmlsec1(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
    assert!(!ok, "xmlsec1 verifies a changed document");
    Some(envelope)
}

/// The message is decrypted and verified by Debian's xmlsec1 (RSA, key_reference = retrieval-method).
#[tokio::test(flavor = "multi_thread")]
async fn xmlsec1_opens_what_a_gateway_sends() {
    let world = World::new("rsa2048");
    let lab = world.lab("kr");
    let folder = tempfile::tempdir().unwrap();
    opens(&world, &lab, folder.path());
}
