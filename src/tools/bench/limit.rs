//! The physical limit of a message: the cryptography alone, on octets of the same sizes, with contexts reused and
//! algorithms fetched ahead (design 4.2).

use openssl::bn::{BigNum, BigNumContext};
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::ec::{EcGroup, EcPoint, PointConversionForm};
use openssl::encrypt::Encrypter;
use openssl::md::Md;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sha::Sha256;

use super::world::World;
use super::{Error, Suite};

/// Octets that each message really hashes and decrypts.
#[derive(Debug, Clone, Default)]
pub(super) struct Sizes {
    /// Canonical form of each Reference target, of the document, of both SignedInfos.
    pub digests: Vec<usize>,
    /// The business document.
    pub payload: usize,
}

/// Everything made ready.
pub(super) struct Limit {
    key: KeyOp,
    gcm: CipherCtx,
    content_key: [u8; 32],
    nonce: [u8; 12],
    tag: [u8; 16],
    cipher_text: Vec<u8>,
    clear: Vec<u8>,
    verify: PkeyCtx<Public>,
    signature: Vec<u8>,
    sign: PkeyCtx<Private>,
    signed: Vec<u8>,
    digest: [u8; 32],
    sizes: Sizes,
    octets: Vec<u8>,
}

enum KeyOp {
    Rsa { context: PkeyCtx<Private>, wrapped: Vec<u8>, out: Vec<u8> },
    Ecdh { group: EcGroup, scalar: BigNum, peer: Vec<u8>, context: BigNumContext, wrapped: Vec<u8> },
}

impl Limit {
    pub fn new(suite: Suite, world: &World, sizes: Sizes) -> Result<Self, Error> {
        let e = Error::of("prepare the limit");
        let content_key = [7; 32];
        let key = match suite {
            Suite::Rsa2048 | Suite::Rsa3072 => rsa_key(&world.id_encrypt.key.to_pkey(), &content_key),
            Suite::P256 => ecdh_key(&world.id_encrypt.key.to_pkey(), &content_key),
        }
        .map_err(&e)?;
        let digest = [9; 32];
        let mut signature = Vec::new();
        let mut sign = signing(&world.kr_sign.key.to_pkey(), suite).map_err(&e)?;
        sign.sign_to_vec(&digest, &mut signature).map_err(&e)?;
        let nonce = [3; 12];
        let mut tag = [0; 16];
        let clear = vec![b'x'; sizes.payload];
        let gcm_cipher = openssl::symm::Cipher::aes_256_gcm();
        let cipher_text =
            openssl::symm::encrypt_aead(gcm_cipher, &content_key, Some(&nonce), &[], &clear, &mut tag).map_err(&e)?;
        let mut gcm = CipherCtx::new().map_err(&e)?;
        let fetched = Cipher::fetch(None, "AES-256-GCM", None).map_err(&e)?;
        gcm.decrypt_init(Some(&fetched), None, None).map_err(&e)?;
        let public = public_of(&world.kr_sign.certificate)?;
        Ok(Self {
            key,
            gcm,
            content_key,
            nonce,
            tag,
            cipher_text,
            clear: vec![0; sizes.payload + 32],
            verify: verifying(&public, suite).map_err(&e)?,
            signature,
            sign: signing(&world.id_sign.key.to_pkey(), suite).map_err(&e)?,
            signed: Vec::new(),
            digest,
            octets: vec![b'y'; sizes.digests.iter().copied().max().unwrap_or_default()],
            sizes,
        })
    }

    /// The cryptography of one message.
    pub fn run(&mut self) -> Result<(), Error> {
        let e = Error::of("the limit");
        self.key.open().map_err(&e)?;
        self.gcm.decrypt_init(None, Some(&self.content_key), Some(&self.nonce)).map_err(&e)?;
        self.gcm.set_tag(&self.tag).map_err(&e)?;
        let count = self.gcm.cipher_update(&self.cipher_text, Some(&mut self.clear)).map_err(&e)?;
        let rest = self.clear.get_mut(count..).unwrap_or_default();
        self.gcm.cipher_final(rest).map_err(&e)?;
        for size in &self.sizes.digests {
            let mut hash = Sha256::new();
            hash.update(self.octets.get(..*size).unwrap_or_default());
            std::hint::black_box(hash.finish());
        }
        let holds = self.verify.verify(&self.digest, &self.signature).map_err(&e)?;
        if !holds {
            return Err(Error("the limit's own signature does not hold".to_owned()));
        }
        self.signed.clear();
        self.sign.sign_to_vec(&self.digest, &mut self.signed).map_err(&e)?;
        std::hint::black_box(&self.signed);
        Ok(())
    }
}

impl KeyOp {
    fn open(&mut self) -> Result<(), openssl::error::ErrorStack> {
        match self {
            Self::Rsa { context, wrapped, out } => {
                let count = context.decrypt(wrapped, Some(out))?;
                std::hint::black_box(out.get(..count));
            }
            Self::Ecdh { group, scalar, peer, context, wrapped } => {
                // Import checks that the point is on the curve; P-256 has cofactor 1.
                let point = EcPoint::from_bytes(group, peer, context)?;
                let mut shared = EcPoint::new(group)?;
                shared.mul2(group, &point, scalar, context)?;
                let mut x = BigNum::new()?;
                let mut y = BigNum::new()?;
                shared.affine_coordinates(group, &mut x, &mut y, context)?;
                let z = x.to_vec_padded(32)?;
                let kek = concat_kdf(&z);
                let key = openssl::aes::AesKey::new_decrypt(&kek).map_err(|_| openssl::error::ErrorStack::get())?;
                let mut out = [0; 32];
                openssl::aes::unwrap_key(&key, None, &mut out, wrapped)
                    .map_err(|_| openssl::error::ErrorStack::get())?;
                std::hint::black_box(out);
            }
        }
        Ok(())
    }
}

/// One round of SHA-256: counter, Z, and an AlgorithmID of the length that the URI of kw-aes256 has.
fn concat_kdf(z: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&1_u32.to_be_bytes());
    hash.update(z);
    hash.update(b"http://www.w3.org/2001/04/xmlenc#kw-aes256");
    hash.finish()
}

fn rsa_key(private: &PKey<Private>, content_key: &[u8]) -> Result<KeyOp, openssl::error::ErrorStack> {
    let mut encrypter = Encrypter::new(private)?;
    encrypter.set_rsa_padding(Padding::PKCS1_OAEP)?;
    let mut wrapped = vec![0; encrypter.encrypt_len(content_key)?];
    let count = encrypter.encrypt(content_key, &mut wrapped)?;
    wrapped.truncate(count);
    let mut context = PkeyCtx::new(private)?;
    context.decrypt_init()?;
    context.set_rsa_padding(Padding::PKCS1_OAEP)?;
    Ok(KeyOp::Rsa { context, wrapped, out: vec![0; private.size()] })
}

fn ecdh_key(private: &PKey<Private>, content_key: &[u8; 32]) -> Result<KeyOp, openssl::error::ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let mut context = BigNumContext::new()?;
    let peer = openssl::ec::EcKey::generate(&group)?.public_key().to_bytes(
        &group,
        PointConversionForm::UNCOMPRESSED,
        &mut context,
    )?;
    let mut scalar = private.ec_key()?.private_key().to_owned()?;
    scalar.set_const_time();
    let point = EcPoint::from_bytes(&group, &peer, &mut context)?;
    let mut shared = EcPoint::new(&group)?;
    shared.mul2(&group, &point, &scalar, &mut context)?;
    let mut x = BigNum::new()?;
    let mut y = BigNum::new()?;
    shared.affine_coordinates(&group, &mut x, &mut y, &mut context)?;
    let kek = concat_kdf(&x.to_vec_padded(32)?);
    let key = openssl::aes::AesKey::new_encrypt(&kek).map_err(|_| openssl::error::ErrorStack::get())?;
    let mut wrapped = vec![0; 40];
    openssl::aes::wrap_key(&key, None, &mut wrapped, content_key).map_err(|_| openssl::error::ErrorStack::get())?;
    Ok(KeyOp::Ecdh { group, scalar, peer, context, wrapped })
}

fn signing(key: &PKey<Private>, suite: Suite) -> Result<PkeyCtx<Private>, openssl::error::ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.sign_init()?;
    if suite != Suite::P256 {
        context.set_rsa_padding(Padding::PKCS1)?;
    }
    context.set_signature_md(Md::sha256())?;
    Ok(context)
}

fn verifying(key: &PKey<Public>, suite: Suite) -> Result<PkeyCtx<Public>, openssl::error::ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.verify_init()?;
    if suite != Suite::P256 {
        context.set_rsa_padding(Padding::PKCS1)?;
    }
    context.set_signature_md(Md::sha256())?;
    Ok(context)
}

fn public_of(certificate: &crate::pki::Certificate) -> Result<PKey<Public>, Error> {
    certificate.x509().public_key().map_err(Error::of("public key"))
}
