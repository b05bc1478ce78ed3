//! What goes wrong when certificates, keys and lists are read or made.

use std::path::PathBuf;

/// A certificate, key or list that cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read: it does not exist, or its permissions forbid it.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than any certificate, key or list that makes sense.
    #[error("{path}: expected at most {limit} octets, came {came}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The ceiling.
        limit: u64,
        /// Octets that came.
        came: u64,
    },
    /// A file that holds something, but wrong; the cause says what.
    #[error("{path}")]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        #[source]
        source: Box<Error>,
    },
    /// No certificate in PEM text: a file with a private key only.
    #[error("expected a certificate in PEM or DER, came {came}")]
    NotACertificate {
        /// What it looks like.
        came: &'static str,
    },
    /// No private key: a file with a certificate only.
    #[error("expected a private key in PEM, DER or PKCS#12, came {came}")]
    NotAKey {
        /// What it looks like.
        came: &'static str,
    },
    /// No revocation list.
    #[error("expected a certificate revocation list in PEM or DER")]
    NotACrl,
    /// The structure is not what X.509 says (RFC 5280 §4.1): a certificate cut short.
    #[error("malformed {what} at octet {at}")]
    Malformed {
        /// The part.
        what: &'static str,
        /// Offset in the DER text.
        at: usize,
    },
    /// The key is encrypted and no password was given.
    #[error("the key is encrypted and no password was given")]
    PasswordMissing,
    /// The password does not open the key.
    #[error("the password does not open the key, or the file is damaged")]
    PasswordWrong,
    /// The key is not that of the certificate.
    #[error("the private key does not belong to the certificate {subject}")]
    KeyMismatch {
        /// Subject of the certificate.
        subject: String,
    },
    /// A request to the development authority that it cannot fulfil: an empty name.
    #[error("cannot issue: {reason}")]
    Issue {
        /// Why.
        reason: String,
    },
    /// OpenSSL refused.
    #[error("{doing}: OpenSSL refused")]
    OpenSsl {
        /// What was being done.
        doing: &'static str,
        /// Its errors.
        #[source]
        source: openssl::error::ErrorStack,
    },
}

impl Error {
    /// Adds the file to an error about its content.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::Read { .. } | Self::Write { .. } | Self::TooLarge { .. } | Self::In { .. } => self,
            other => Self::In { path: path.to_owned(), source: Box::new(other) },
        }
    }
}

/// Gives an OpenSSL result the name of what was being done.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, Error>;
}

impl<T> Doing<T> for Result<T, openssl::error::ErrorStack> {
    fn doing(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::OpenSsl { doing, source })
    }
}

/// Octets of the largest file that is read: a CRL of a large authority.
pub(crate) const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads a file whole, within [`FILE_BYTES_MAX`].
pub(crate) fn read_file(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    use std::io::Read as _;
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut octets = Vec::new();
    let came = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut octets).map_err(failed)? as u64;
    if came > FILE_BYTES_MAX {
        return Err(Error::TooLarge { path: path.to_owned(), limit: FILE_BYTES_MAX, came });
    }
    Ok(octets)
}
