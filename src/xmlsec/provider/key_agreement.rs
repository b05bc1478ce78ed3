//! Key agreement: ECDH on P-256, P-384 and P-521 (XML Encryption 1.1 §5.6.4), X25519 and X448 (RFC 9231 §2.6.9),
//! finite-field Diffie-Hellman for old files (§5.6.1).
//!
//! On the curves of cofactor 1 the peer's point is imported with its own checks (length, first octet 04, on the curve, and
//! so not the point at infinity) and multiplied once; OpenSSL's own derivation would validate it a second time.

use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcPoint};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Private, Public};
use zeroize::Zeroizing;

use super::Error;

/// A kind of key agreement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// Curve25519 (RFC 7748).
    X25519,
    /// Curve448 (RFC 7748).
    X448,
    /// Another prime curve of cofactor 1 that OpenSSL knows: brainpool, secp256k1. For old files.
    Other(OtherCurve),
    /// Finite field.
    FiniteField,
}

/// A curve for old files.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "their names are all there is to say")]
pub enum OtherCurve {
    P224,
    Secp256k1,
    BrainpoolP256r1,
    BrainpoolP320r1,
    BrainpoolP384r1,
    BrainpoolP512r1,
}

impl OtherCurve {
    const ALL: [(Self, Nid, usize); 6] = [
        (Self::P224, Nid::SECP224R1, 28),
        (Self::Secp256k1, Nid::SECP256K1, 32),
        (Self::BrainpoolP256r1, Nid::BRAINPOOL_P256R1, 32),
        (Self::BrainpoolP320r1, Nid::BRAINPOOL_P320R1, 40),
        (Self::BrainpoolP384r1, Nid::BRAINPOOL_P384R1, 48),
        (Self::BrainpoolP512r1, Nid::BRAINPOOL_P512R1, 64),
    ];

    const fn row(self) -> (Self, Nid, usize) {
        Self::ALL[self as usize]
    }
}

impl Curve {
    /// The kind of `key`; none for keys that agree on nothing or on curves we do not know.
    #[must_use]
    pub fn of<T>(key: &PKeyRef<T>) -> Option<Self>
    where
        T: openssl::pkey::HasPublic,
    {
        match key.id() {
            Id::X25519 => Some(Self::X25519),
            Id::X448 => Some(Self::X448),
            Id::DH | Id::DHX => Some(Self::FiniteField),
            Id::EC => Self::of_nid(key.ec_key().ok()?.group().curve_name()?),
            _ => None,
        }
    }

    /// The curve OpenSSL knows by `nid`.
    #[must_use]
    pub fn of_nid(nid: Nid) -> Option<Self> {
        match nid {
            Nid::X9_62_PRIME256V1 => Some(Self::P256),
            Nid::SECP384R1 => Some(Self::P384),
            Nid::SECP521R1 => Some(Self::P521),
            _ => OtherCurve::ALL.iter().find(|(_, other, _)| *other == nid).map(|(curve, ..)| Self::Other(*curve)),
        }
    }

    /// Whether it is one of the curves of XML Encryption 1.1.
    #[must_use]
    pub const fn is_nist(self) -> bool {
        matches!(self, Self::P256 | Self::P384 | Self::P521)
    }

    /// `04 || x || y` of a compressed point; none when it is no point of the curve.
    #[must_use]
    pub fn decompressed(self, point: &[u8]) -> Option<Vec<u8>> {
        if point.len() != 1 + self.field_bytes()? {
            return None;
        }
        let group = EcGroup::from_curve_name(self.nid()?).ok()?;
        let mut context = BigNumContext::new().ok()?;
        let point = EcPoint::from_bytes(&group, point, &mut context).ok()?;
        point.to_bytes(&group, openssl::ec::PointConversionForm::UNCOMPRESSED, &mut context).ok()
    }

    /// OpenSSL's number of a prime curve.
    #[must_use]
    pub const fn nid(self) -> Option<Nid> {
        match self {
            Self::P256 => Some(Nid::X9_62_PRIME256V1),
            Self::P384 => Some(Nid::SECP384R1),
            Self::P521 => Some(Nid::SECP521R1),
            Self::Other(curve) => Some(curve.row().1),
            _ => None,
        }
    }

    /// Octets of a field element of a prime curve.
    #[must_use]
    pub const fn field_bytes(self) -> Option<usize> {
        match self {
            Self::P256 => Some(32),
            Self::P384 => Some(48),
            Self::P521 => Some(66),
            Self::Other(curve) => Some(curve.row().2),
            _ => None,
        }
    }
}

/// A private key for agreement, prepared once.
pub struct AgreementKey {
    key: PKey<Private>,
    curve: Curve,
    scalar: Option<Scalar>,
}

struct Scalar {
    group: EcGroup,
    value: BigNum,
}

impl Drop for Scalar {
    fn drop(&mut self) {
        self.value.clear();
    }
}

impl AgreementKey {
    /// Takes a key of one of the kinds of [`Curve`].
    ///
    /// # Errors
    /// [`Error::CurveUnknown`].
    pub fn new(key: PKey<Private>) -> Result<Self, Error> {
        let curve = Curve::of(&key).ok_or(Error::CurveUnknown)?;
        let scalar = match curve.nid() {
            None => None,
            Some(nid) => {
                let mut value = key.ec_key()?.private_key().to_owned()?;
                value.set_const_time();
                Some(Scalar { group: EcGroup::from_curve_name(nid)?, value })
            }
        };
        Ok(Self { key, curve, scalar })
    }

    /// Its kind.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    /// Agrees with the uncompressed point of a peer on our curve: the x coordinate, as long as a field element.
    ///
    /// # Errors
    /// [`Error::Point`] for anything that is not `04 || x || y` of a point on the curve.
    pub fn agree_with_point(&self, point: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (Some(scalar), Some(field_bytes)) = (&self.scalar, self.curve.field_bytes()) else {
            return Err(Error::CurveUnknown);
        };
        if point.len() != 1 + 2 * field_bytes || point.first() != Some(&4) {
            return Err(Error::Point);
        }
        let mut context = BigNumContext::new()?;
        // oct2point refuses coordinates outside the field and points off the curve.
        let peer = EcPoint::from_bytes(&scalar.group, point, &mut context).map_err(|_| Error::Point)?;
        let mut shared = EcPoint::new(&scalar.group)?;
        shared.mul2(&scalar.group, &peer, &scalar.value, &mut context)?;
        let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
        let read = shared.affine_coordinates(&scalar.group, &mut x, &mut y, &mut context);
        let len = i32::try_from(field_bytes).expect("a field element has at most 66 octets");
        let secret = read.map_err(|_| Error::Point).and_then(|()| Ok(Zeroizing::new(x.to_vec_padded(len)?)));
        x.clear();
        y.clear();
        secret
    }

    /// Agrees with a peer's public key.
    ///
    /// # Errors
    /// [`Error::Point`] when it is of another kind or curve, or not valid.
    pub fn agree(&self, peer: &PKeyRef<Public>) -> Result<Zeroizing<Vec<u8>>, Error> {
        if Curve::of(peer) != Some(self.curve) {
            return Err(Error::Point);
        }
        if self.scalar.is_some() {
            return self.agree_with_point(&uncompressed_point(peer)?);
        }
        if self.curve == Curve::FiniteField {
            let peer = peer.dh()?;
            return self.agree_with_public_value(Some(peer.prime_p().to_owned()?), peer.public_key());
        }
        let mut deriver = Deriver::new(&self.key)?;
        deriver.set_peer(peer).map_err(|_| Error::Point)?;
        Ok(Zeroizing::new(deriver.derive_to_vec().map_err(|_| Error::Point)?))
    }

    /// Agrees with a finite-field public value. The group is ours; a modulus that comes with the value must be the same.
    /// OpenSSL checks the value against the group, its subgroup included where it is known.
    ///
    /// # Errors
    /// [`Error::Point`]; [`Error::CurveUnknown`] when our key is of another kind.
    pub fn agree_with_public_value(
        &self,
        modulus: Option<BigNum>,
        value: &BigNumRef,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        if self.curve != Curve::FiniteField {
            return Err(Error::CurveUnknown);
        }
        let ours = self.key.dh()?;
        if modulus.is_some_and(|modulus| modulus != *ours.prime_p()) {
            return Err(Error::Point);
        }
        let secret = Zeroizing::new(ours.compute_key(value).map_err(|_| Error::Point)?);
        Ok(left_padded(&secret, self.key.size()))
    }
}

/// A finite-field secret is as long as the modulus (NIST SP 800-56A §5.7.1.1); OpenSSL drops leading zeros.
fn left_padded(secret: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let mut padded = Zeroizing::new(vec![0; len.saturating_sub(secret.len())]);
    padded.extend_from_slice(secret);
    padded
}

/// `04 || x || y` of a key on a NIST curve.
///
/// # Errors
/// [`Error::CurveUnknown`] for another kind of key.
pub fn uncompressed_point(key: &PKeyRef<Public>) -> Result<Vec<u8>, Error> {
    if key.id() != Id::EC {
        return Err(Error::CurveUnknown);
    }
    let key = key.ec_key()?;
    let mut context = BigNumContext::new()?;
    let form = openssl::ec::PointConversionForm::UNCOMPRESSED;
    Ok(key.public_key().to_bytes(key.group(), form, &mut context)?)
}

/// A fresh key pair that agrees with `peer` (the originator's side of ECDH-ES).
///
/// # Errors
/// [`Error::CurveUnknown`] for keys that agree on nothing, finite-field ones included: nobody should send those today.
pub fn ephemeral_for(peer: &PKeyRef<Public>) -> Result<AgreementKey, Error> {
    let key = match Curve::of(peer) {
        Some(Curve::X25519) => PKey::generate_x25519()?,
        Some(Curve::X448) => PKey::generate_x448()?,
        Some(curve) => {
            let group = EcGroup::from_curve_name(curve.nid().ok_or(Error::CurveUnknown)?)?;
            PKey::from_ec_key(openssl::ec::EcKey::generate(&group)?)?
        }
        None => return Err(Error::CurveUnknown),
    };
    AgreementKey::new(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(key: &AgreementKey) -> PKey<Public> {
        PKey::public_key_from_der(&key.key().public_key_to_der().unwrap()).unwrap()
    }

    fn keys() -> Vec<AgreementKey> {
        let mut keys: Vec<_> = [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1]
            .map(|nid| openssl::ec::EcKey::generate(&EcGroup::from_curve_name(nid).unwrap()).unwrap())
            .map(|key| AgreementKey::new(PKey::from_ec_key(key).unwrap()).unwrap())
            .into();
        keys.push(AgreementKey::new(PKey::generate_x25519().unwrap()).unwrap());
        keys.push(AgreementKey::new(PKey::generate_x448().unwrap()).unwrap());
        keys
    }

    #[test]
    fn both_sides_agree_and_openssl_with_them() {
        for ours in keys() {
            let theirs = ephemeral_for(&public(&ours)).unwrap();
            let secret = ours.agree(&public(&theirs)).unwrap();
            assert_eq!(*secret, *theirs.agree(&public(&ours)).unwrap());
            let (key, peer) = (ours.key().to_owned(), public(&theirs));
            let mut deriver = Deriver::new(&key).unwrap();
            deriver.set_peer(&peer).unwrap();
            assert_eq!(*secret, deriver.derive_to_vec().unwrap());
        }
    }

    #[test]
    fn points_that_are_none_are_refused() {
        // Each of these is a known way to learn about the private key when it is multiplied unchecked.
        for ours in keys().into_iter().take(3) {
            let good = uncompressed_point(&public(&ephemeral_for(&public(&ours)).unwrap())).unwrap();
            assert!(ours.agree_with_point(&good).is_ok());
            let mut off_curve = good.clone();
            *off_curve.last_mut().unwrap() ^= 1;
            let mut compressed = good[..good.len() / 2 + 1].to_vec();
            compressed[0] = 2;
            let mut hybrid = good.clone();
            hybrid[0] = 6;
            let zero = [&[4][..], &vec![0; good.len() - 1]].concat();
            let beyond = [&[4][..], &vec![0xFF; good.len() - 1]].concat();
            for bad in [off_curve, compressed, hybrid, zero, beyond, vec![0], vec![], [&good[..], &[0]].concat()] {
                assert!(matches!(ours.agree_with_point(&bad), Err(Error::Point)), "{:?}", ours.curve());
            }
        }
    }

    #[test]
    fn points_of_small_order_agree_on_nothing() {
        // Whoever sends one knows the secret before it is computed: zero (RFC 7748 §6.1, §6.2).
        let one = |len: usize| [&[1][..], &vec![0; len - 1]].concat();
        let below_one =
            |len: usize| if len == 32 { [&[0xEC][..], &[0xFF; 30], &[0x7F]].concat() } else { minus_one_448() };
        for ours in keys().into_iter().skip(3) {
            let (id, len) = if ours.curve() == Curve::X25519 { (Id::X25519, 32) } else { (Id::X448, 56) };
            for point in [vec![0; len], one(len), below_one(len)] {
                let peer = PKey::public_key_from_raw_bytes(&point, id).unwrap();
                assert!(matches!(ours.agree(&peer), Err(Error::Point)), "{:?} {point:02x?}", ours.curve());
            }
        }
    }

    /// The prime of Curve448 less one: 2^448 - 2^224 - 2.
    fn minus_one_448() -> Vec<u8> {
        let mut point = vec![0xFF; 56];
        point[0] = 0xFE;
        point[28] = 0xFE;
        point
    }

    #[test]
    fn keys_of_another_curve_are_refused() {
        let keys = keys();
        for ours in &keys {
            for theirs in keys.iter().filter(|k| k.curve() != ours.curve()) {
                assert!(matches!(ours.agree(&public(theirs)), Err(Error::Point)));
            }
        }
    }
}
