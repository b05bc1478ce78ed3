//! bergshamra on the command line, as `scripts/interop` needs it.
//!
//! ```text
//! oracle sign|verify|encrypt|decrypt [--key NAME=FILE]... [--x25519 NAME=FILE]... [--secret NAME=FILE]... [--url-map URI=FILE]... FILE [DATA]
//! ```
//! `encrypt` takes a template and the octets to close; what comes out goes to standard output. Exit 0 done or valid,
//! 1 refused or invalid, 2 usage.

use std::path::Path;
use std::process::ExitCode;

use bergshamra::keys::loader;
use bergshamra::{DsigContext, EncContext, KeysManager, VerifyResult};

type Failed = Box<dyn std::error::Error>;

struct Arguments {
    verb: String,
    keys: KeysManager,
    urls: Vec<(String, String)>,
    files: Vec<String>,
}

fn read() -> Result<Arguments, Failed> {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next().ok_or("expected sign, verify, encrypt or decrypt")?;
    let (mut keys, mut urls, mut files) = (KeysManager::new(), Vec::new(), Vec::new());
    while let Some(argument) = arguments.next() {
        if !argument.starts_with("--") {
            files.push(argument);
            continue;
        }
        let value = arguments.next().ok_or("expected NAME=FILE")?;
        let (name, file) = value.rsplit_once('=').ok_or("expected NAME=FILE")?;
        match argument.as_str() {
            "--key" => {
                let mut key = loader::load_key_file(Path::new(file))?;
                key.name = Some(name.to_owned());
                keys.add_key(key);
            }
            // Its loader does not tell X25519 by itself: the last 32 octets of PKCS#8 are the key (RFC 8410 §7).
            "--x25519" => {
                let pem = std::fs::read_to_string(file)?;
                let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
                let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body)?;
                let octets = der.get(der.len().saturating_sub(32)..).unwrap_or_default();
                let mut key = loader::load_x25519_private_raw(octets)?;
                key.name = Some(name.to_owned());
                keys.add_key(key);
            }
            "--secret" => {
                let octets = std::fs::read(file)?;
                let load = if name == "hmac" { loader::load_hmac_key } else { loader::load_aes_key };
                let mut key = load(&octets)?;
                key.name = Some(name.to_owned());
                keys.add_key(key);
            }
            "--url-map" => urls.push((name.to_owned(), file.to_owned())),
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    Ok(Arguments { verb, keys, urls, files })
}

fn run() -> Result<bool, Failed> {
    let Arguments { verb, keys, urls, files } = read()?;
    let file = files.first().ok_or("expected a file")?;
    let text = std::fs::read_to_string(file)?;
    let signatures = |keys| {
        let mut context = DsigContext::new_permissive(keys);
        urls.iter().for_each(|(uri, file)| context.add_url_map(uri, file));
        context
    };
    match verb.as_str() {
        "sign" => print!("{}", bergshamra::sign(&signatures(keys), &text)?),
        "verify" => match bergshamra::verify(&signatures(keys), &text)? {
            VerifyResult::Valid { .. } => println!("valid"),
            VerifyResult::Invalid { reason } => {
                println!("invalid: {reason}");
                return Ok(false);
            }
        },
        "encrypt" => {
            let data = std::fs::read(files.get(1).ok_or("expected the octets to close")?)?;
            print!("{}", bergshamra::encrypt(&EncContext::new(keys), &text, &data)?);
        }
        "decrypt" => print!("{}", bergshamra::decrypt(&EncContext::new(keys), &text)?),
        other => return Err(format!("unknown verb {other}").into()),
    }
    Ok(true)
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("oracle: {error}");
            ExitCode::from(1)
        }
    }
}
