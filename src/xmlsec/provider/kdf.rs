//! Key derivation: ConcatKDF (XML Encryption 1.1 §5.4.1, NIST SP 800-56A), HKDF (RFC 5869, RFC 9231 §2.6.10), PBKDF2
//! (§5.4.2) and the legacy derivation of Diffie-Hellman (§5.6.1.1).

use openssl::md::MdRef;
use openssl::md_ctx::MdCtx;
use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::pkey_ctx::PkeyCtx;
use zeroize::Zeroizing;

use super::Error;

/// Octets at most that we derive: nobody needs more than an HMAC-SHA512 key of one block.
pub const DERIVED_BYTES_MAX: usize = 256;

/// A string of bits, the last octet filled with zeros on the right.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct BitString {
    octets: Vec<u8>,
    unused: u8,
}

impl BitString {
    /// Reads the encoding of ConcatKDFParams: an octet that counts the filling bits, then the octets (§5.4.1). Empty is the
    /// empty string.
    ///
    /// # Errors
    /// [`Error::BitString`] when the count is above 7, counts bits of nothing, or bits it calls filling are set.
    pub fn from_prefixed(octets: &[u8]) -> Result<Self, Error> {
        let Some((unused, octets)) = octets.split_first() else { return Ok(Self::default()) };
        let filling = 1u8.checked_shl(u32::from(*unused)).filter(|_| *unused < 8).ok_or(Error::BitString)? - 1;
        if octets.last().map_or(*unused, |last| last & filling) != 0 {
            return Err(Error::BitString);
        }
        Ok(Self { octets: octets.to_vec(), unused: *unused })
    }

    /// Bits joined without gaps, as the ConcatKDF hashes them.
    ///
    /// # Errors
    /// [`Error::BitString`] when the whole is not a number of octets: hashes of part of an octet are beyond OpenSSL.
    pub fn join(parts: &[Self]) -> Result<Vec<u8>, Error> {
        let (mut out, mut free) = (Vec::<u8>::new(), 0u32);
        for part in parts {
            for octet in &part.octets {
                if free == 0 {
                    out.push(*octet);
                } else {
                    *out.last_mut().expect("there are free bits only in an octet") |= octet >> (8 - free);
                    out.push(octet << free);
                }
            }
            free += u32::from(part.unused);
            if free >= 8 {
                out.pop();
                free -= 8;
            }
        }
        if free == 0 { Ok(out) } else { Err(Error::BitString) }
    }
}

/// A digest over pieces; SHA-256 through the low-level interface, which costs no look-up.
fn digest(md: &MdRef, pieces: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, Error> {
    if md.type_() == Nid::SHA256 {
        let mut sha = openssl::sha::Sha256::new();
        pieces.iter().for_each(|piece| sha.update(piece));
        return Ok(Zeroizing::new(sha.finish().to_vec()));
    }
    let mut context = MdCtx::new()?;
    context.digest_init(md)?;
    for piece in pieces {
        context.digest_update(piece)?;
    }
    let mut out = Zeroizing::new(vec![0; md.size()]);
    context.digest_final(&mut out)?;
    Ok(out)
}

/// ConcatKDF: H(counter || secret || other_info) until there are `len` octets.
///
/// # Errors
/// [`Error::DerivedSize`] for nothing or too much.
pub fn concat_kdf(md: &MdRef, secret: &[u8], other_info: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    repeat(len, |counter| digest(md, &[&counter.to_be_bytes(), secret, other_info]))
}

/// The derivation of XML Encryption 1.0 for Diffie-Hellman:
/// H(secret || counter || algorithm || nonce || key size), counter two hexadecimal digits, key size decimal bits.
///
/// # Errors
/// [`Error::DerivedSize`] for nothing or too much.
pub fn legacy_dh(
    md: &MdRef,
    secret: &[u8],
    algorithm: &str,
    nonce: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key_size = (len * 8).to_string();
    repeat(len, |counter| {
        let counter = format!("{counter:02X}");
        digest(md, &[secret, counter.as_bytes(), algorithm.as_bytes(), nonce, key_size.as_bytes()])
    })
}

fn repeat(
    len: usize,
    mut block: impl FnMut(u32) -> Result<Zeroizing<Vec<u8>>, Error>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    expect_len(len)?;
    let mut out = Zeroizing::new(Vec::with_capacity(len + 64));
    let mut counter = 1;
    while out.len() < len {
        out.extend_from_slice(&block(counter)?);
        counter += 1;
    }
    out.truncate(len);
    Ok(out)
}

fn expect_len(len: usize) -> Result<(), Error> {
    if len == 0 || len > DERIVED_BYTES_MAX {
        return Err(Error::DerivedSize { came: len, most: DERIVED_BYTES_MAX });
    }
    Ok(())
}

/// HKDF, extract and expand; an empty salt is one of zeros.
///
/// # Errors
/// [`Error::DerivedSize`]; [`Error::Library`] for an empty secret.
pub fn hkdf(md: &MdRef, secret: &[u8], salt: &[u8], info: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    expect_len(len)?;
    let mut context = PkeyCtx::new_id(Id::HKDF)?;
    context.derive_init()?;
    context.set_hkdf_md(md)?;
    context.set_hkdf_key(secret)?;
    if !salt.is_empty() {
        context.set_hkdf_salt(salt)?;
    }
    if !info.is_empty() {
        context.add_hkdf_info(info)?;
    }
    let mut out = Zeroizing::new(vec![0; len]);
    context.derive(Some(&mut out))?;
    Ok(out)
}

/// PBKDF2 with HMAC over `md`. The caller has bounded `iterations`.
///
/// # Errors
/// [`Error::DerivedSize`]; [`Error::Library`].
pub fn pbkdf2(
    md: &MdRef,
    secret: &[u8],
    salt: &[u8],
    iterations: usize,
    len: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    expect_len(len)?;
    let hash = openssl::hash::MessageDigest::from_nid(md.type_()).ok_or(Error::NotInLibrary { algorithm: "PBKDF2" })?;
    let mut out = Zeroizing::new(vec![0; len]);
    openssl::pkcs5::pbkdf2_hmac(secret, salt, iterations, hash, &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::md::Md;

    #[test]
    fn hkdf_agrees_with_rfc_5869() {
        // RFC 5869 A.1 and A.3 (no salt, no info).
        let salt: Vec<u8> = (0..13).collect();
        let info: Vec<u8> = (0xf0..0xfa).collect();
        let out = hkdf(Md::sha256(), &[0x0b; 22], &salt, &info, 42).unwrap();
        assert_eq!(out[..4], [0x3c, 0xb2, 0x5f, 0x25]);
        assert_eq!(out[38..], [0x87, 0x18, 0x58, 0x65]);
        let out = hkdf(Md::sha256(), &[0x0b; 22], &[], &[], 42).unwrap();
        assert_eq!(out[..4], [0x8d, 0xa4, 0xe7, 0x75]);
    }

    #[test]
    fn pbkdf2_agrees_with_rfc_6070() {
        let out = pbkdf2(Md::sha1(), b"password", b"salt", 2, 20).unwrap();
        assert_eq!(out[..4], [0xea, 0x6c, 0x01, 0x4d]);
    }

    #[test]
    fn concat_kdf_counts_and_cuts() {
        let long = concat_kdf(Md::sha1(), b"z", b"info", 50).unwrap();
        for len in [1, 16, 20, 21, 40, 49] {
            assert_eq!(*concat_kdf(Md::sha1(), b"z", b"info", len).unwrap(), long[..len]);
        }
        let first = openssl::sha::sha1(b"\0\0\0\x01zinfo");
        let second = openssl::sha::sha1(b"\0\0\0\x02zinfo");
        assert_eq!(long[..40], [first, second].concat());
        assert!(concat_kdf(Md::sha1(), b"z", b"", 0).is_err());
        assert!(concat_kdf(Md::sha1(), b"z", b"", DERIVED_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn bit_strings_join_without_gaps() {
        let read = |octets: &[u8]| BitString::from_prefixed(octets).unwrap();
        // 11011 and 000 make one octet; the specification's example is 03D8.
        let parts = [read(&[3, 0xD8]), read(&[5, 0xA0]), read(&[0, 0x12, 0x34]), read(&[])];
        assert_eq!(BitString::join(&parts).unwrap(), [0xDD, 0x12, 0x34]);
        let shifted = [read(&[4, 0x10]), read(&[0, 0x23, 0x45]), read(&[4, 0x60])];
        assert_eq!(BitString::join(&shifted).unwrap(), [0x12, 0x34, 0x56]);
        assert!(BitString::join(&[read(&[3, 0xD8])]).is_err());
        for bad in [&[8, 0x00][..], &[3, 0xDF], &[1], &[200, 0]] {
            assert!(BitString::from_prefixed(bad).is_err(), "{bad:?}");
        }
        assert_eq!(BitString::join(&[read(&[0])]).unwrap(), [0u8; 0]);
    }
}
