//! The options that bring keys: `--key`, `--password`, `--secret`, `--keys-file` (design 4.1, KEYS).

use std::io::Read;
use std::path::Path;

use clap::Args;
use zeroize::Zeroizing;

use super::out::Failure;
use crate::xmlsec::{Key, KeyRing, key_file, keys_xml};

/// Octets of an input file at most.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// KEYS of `xmlsec` and `wss`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
pub struct KeyArgs {
    /// A private key, public key or certificate; PEM, DER or PKCS#12, told by its content. Repeatable
    #[arg(long = "key", value_name = "[NAME=]FILE")]
    pub keys: Vec<String>,
    /// A file whose first line opens PKCS#12 and encrypted keys; without it COCONNECT_PASSWORD of the environment
    #[arg(long, value_name = "FILE")]
    pub password: Option<String>,
    /// Raw octets of a symmetric key: HMAC, AES, 3DES, key wrap, input of a KDF. Repeatable
    #[arg(long = "secret", value_name = "[NAME=]FILE")]
    pub secrets: Vec<String>,
    /// keys.xml of the xmlsec program: ds:KeyInfo with KeyName, and AESKeyValue, HMACKeyValue, ... Repeatable
    #[arg(long = "keys-file", value_name = "FILE")]
    pub keys_files: Vec<String>,
}

impl KeyArgs {
    /// The password, if one was given.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn password(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        match &self.password {
            Some(file) => Ok(Some(key_file::password_of(&read_input(file)?))),
            None => Ok(password_of_environment()),
        }
    }

    /// All keys, in the order of the options.
    ///
    /// # Errors
    /// When a file cannot be read or holds no key.
    pub fn load(&self) -> Result<KeyRing, Failure> {
        let password = self.password()?;
        let mut ring = KeyRing::new();
        for option in &self.keys {
            let (name, file) = named(option);
            let octets = Zeroizing::new(read_input(file)?);
            let key = key_file::load(&octets, file, password.as_ref().map(|text| text.as_str())).map_err(unreadable)?;
            ring.add(Key { name, ..key });
        }
        for option in &self.secrets {
            let (name, file) = named(option);
            let octets = Zeroizing::new(read_input(file)?);
            // Everybody knows the empty secret: what it signs proves nothing.
            if octets.is_empty() {
                return Err(Failure::usage(format!("--secret {file}: it is empty")).hint("the raw octets of the key"));
            }
            ring.add(Key::secret(name, octets));
        }
        for file in &self.keys_files {
            for key in keys_xml::load(read_input(file)?, file).map_err(unreadable)? {
                ring.add(key);
            }
        }
        Ok(ring)
    }
}

/// The password in the environment. There is no option that holds one: everybody on the machine could read it.
pub(super) fn password_of_environment() -> Option<Zeroizing<String>> {
    std::env::var("COCONNECT_PASSWORD").ok().filter(|text| !text.is_empty()).map(Zeroizing::new)
}

fn unreadable(error: crate::xmlsec::key::Error) -> Failure {
    let failure = Failure::usage(super::out::chain(&error));
    match error {
        crate::xmlsec::key::Error::PasswordMissing { .. } => {
            failure.hint("give the password with --password FILE or in COCONNECT_PASSWORD")
        }
        _ => failure,
    }
}

/// `NAME=FILE`, or a file alone. A file whose own name has a `=` is taken as it is when it exists.
#[must_use]
pub fn named(option: &str) -> (Option<String>, &str) {
    match option.split_once('=') {
        Some((name, file)) if !name.is_empty() && !Path::new(option).exists() => (Some(name.to_owned()), file),
        _ => (None, option),
    }
}

/// The octets of a file, or of standard input for `-`.
///
/// # Errors
/// When it cannot be read, or is too long to be held.
pub fn read_input(file: &str) -> Result<Vec<u8>, Failure> {
    let fail = |error: std::io::Error| Failure::usage(format!("{file}: {error}"));
    let mut octets = Vec::new();
    let read = if file == "-" {
        std::io::stdin().take(FILE_BYTES_MAX + 1).read_to_end(&mut octets).map_err(fail)?
    } else {
        let opened = std::fs::File::open(file).map_err(fail)?;
        opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut octets).map_err(fail)?
    };
    if read as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{file}: longer than {FILE_BYTES_MAX} octets")));
    }
    Ok(octets)
}
