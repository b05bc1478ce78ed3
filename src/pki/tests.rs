//! Each refusal of a path beside its accepted twin.

use jiff::{SignedDuration, Timestamp};

use super::cert::hex;
use super::{
    Certificate, Crl, DevCa, Error, Issue, KeyKind, Leniency, Password, PathError, PrivateKey, Revocation,
    TrustAnchors, Use,
};

const P256: KeyKind = KeyKind::Ec { curve: "prime256v1", bits: 256 };

fn now() -> Timestamp {
    "2026-11-15T12:00:00Z".parse().unwrap()
}

fn days(days: i64) -> Timestamp {
    now().checked_add(SignedDuration::from_hours(24 * days)).unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::generate(P256).unwrap()
}

fn issue(name: &str, uses: &[Use]) -> Issue {
    Issue::new(name, uses, now(), 365)
}

fn authority(name: &str) -> DevCa {
    DevCa::create(&issue(name, &[]), key()).unwrap()
}

fn trusting(ca: &DevCa) -> TrustAnchors {
    let mut anchors = TrustAnchors::new();
    anchors.add_anchor(ca.certificate().clone());
    anchors
}

#[test]
fn a_certificate_of_an_anchor_is_accepted_and_of_a_stranger_refused() {
    let (ca, stranger) = (authority("CA"), authority("Stranger"));
    let certificate = ca.issue(&issue("KR sign", &[Use::Sign]), &key()).unwrap();
    let path = trusting(&ca).check(&certificate, &[], now(), Use::Sign).unwrap();
    assert_eq!(path.certificates(), [certificate.clone(), ca.certificate().clone()]);
    assert_eq!(path.good_until(), certificate.not_after());
    let refused = trusting(&stranger).check(&certificate, &[ca.certificate().clone()], now(), Use::Sign);
    assert_eq!(refused.unwrap_err(), PathError::SelfSigned { subject: "CN=CA".into() });
    let refused = trusting(&stranger).check(&certificate, &[], now(), Use::Sign);
    assert_eq!(refused.unwrap_err(), PathError::UnknownIssuer { subject: "CN=KR sign".into(), issuer: "CN=CA".into() });
    assert!(TrustAnchors::new().check(ca.certificate(), &[], now(), Use::Any).is_err());
}

#[test]
fn an_authority_of_the_same_name_with_another_key_is_no_issuer() {
    let (ca, twin) = (authority("CA"), authority("CA"));
    let certificate = ca.issue(&issue("KR sign", &[Use::Sign]), &key()).unwrap();
    // The key identifiers differ, so the twin is not even tried.
    let refused = trusting(&twin).check(&certificate, &[], now(), Use::Sign).unwrap_err();
    assert!(matches!(refused, PathError::UnknownIssuer { .. }), "{refused}");
    let mut both = trusting(&twin);
    both.add_anchor(ca.certificate().clone());
    assert!(both.check(&certificate, &[], now(), Use::Sign).is_ok());
}

#[test]
fn validity_is_checked_at_the_given_moment_to_the_second() {
    let ca = authority("CA");
    let (from, to) = (days(-10), days(10));
    let certificate = ca.issue(&issue("KR sign", &[Use::Sign]).validity(from, to), &key()).unwrap();
    let anchors = {
        let long = DevCa::create(&issue("CA", &[]).validity(days(-20), days(20)), ca.key().clone()).unwrap();
        trusting(&long)
    };
    let check = |at| anchors.check(&certificate, &[], at, Use::Sign).map(|_| ());
    assert_eq!(check(from), Ok(()));
    assert_eq!(check(to), Ok(()));
    let second = SignedDuration::from_secs(1);
    let (before, after) = (from.checked_sub(second).unwrap(), to.checked_add(second).unwrap());
    let subject = || "CN=KR sign".to_owned();
    assert_eq!(check(before), Err(PathError::NotYetValid { subject: subject(), not_before: from, now: before }));
    assert_eq!(check(after), Err(PathError::Expired { subject: subject(), not_after: to, now: after }));
}

#[test]
fn an_expired_authority_ends_what_it_issued() {
    let ca = DevCa::create(&issue("CA", &[]).validity(days(-20), days(-1)), key()).unwrap();
    let certificate = ca.issue(&issue("KR sign", &[Use::Sign]).validity(days(-20), days(20)), &key()).unwrap();
    let check = |at| trusting(&ca).check(&certificate, &[], at, Use::Sign);
    assert!(check(days(-2)).is_ok());
    assert!(matches!(check(now()), Err(PathError::Expired { subject, .. }) if subject == "CN=CA"));
}

#[test]
fn each_use_asks_its_own_key_usage() {
    let ca = authority("CA");
    let anchors = trusting(&ca);
    let all = [Use::TlsServer, Use::TlsClient, Use::Sign, Use::Encrypt];
    for (granted, expected) in [
        (vec![Use::TlsServer], vec![Use::TlsServer, Use::Sign]),
        (vec![Use::TlsClient], vec![Use::TlsClient, Use::Sign]),
        (vec![Use::Sign], vec![Use::TlsServer, Use::TlsClient, Use::Sign]),
        (vec![Use::Encrypt], vec![Use::TlsServer, Use::TlsClient, Use::Encrypt]),
        (vec![Use::Any], all.to_vec()),
    ] {
        let certificate = ca.issue(&issue("KR", &granted), &key()).unwrap();
        let accepted: Vec<Use> =
            all.into_iter().filter(|purpose| anchors.check(&certificate, &[], now(), *purpose).is_ok()).collect();
        assert_eq!(accepted, expected, "{granted:?}");
    }
    let signer = ca.issue(&issue("KR sign", &[Use::Sign]), &key()).unwrap();
    let refused = anchors.check(&signer, &[], now(), Use::Encrypt).unwrap_err();
    let text = "certificate CN=KR sign is not for encrypt: its key usage allows digitalSignature, nonRepudiation";
    assert_eq!(refused.to_string(), text);
}

#[test]
fn chains_are_followed_whatever_their_order_within_the_path_length() {
    let root = authority("Root");
    let middle = root.issue_authority(&issue("Middle", &[]), key(), Some(0)).unwrap();
    let below = middle.issue_authority(&issue("Below", &[]), key(), None).unwrap();
    let near = middle.issue(&issue("near", &[Use::Sign]), &key()).unwrap();
    let far = below.issue(&issue("far", &[Use::Sign]), &key()).unwrap();
    let offered = [below.certificate().clone(), root.certificate().clone(), middle.certificate().clone()];
    let anchors = trusting(&root);
    assert_eq!(anchors.check(&near, &offered, now(), Use::Sign).unwrap().certificates().len(), 3);
    let refused = anchors.check(&far, &offered, now(), Use::Sign).unwrap_err();
    assert_eq!(refused, PathError::PathTooLong { subject: "CN=Middle".into(), limit: 0, came: 1 });
    // An intermediate from the configuration serves as well, and one that is an anchor ends the path.
    let mut configured = trusting(&root);
    configured.add_intermediate(middle.certificate().clone());
    assert!(configured.check(&near, &[], now(), Use::Sign).is_ok());
    assert_eq!(trusting(&below).check(&far, &offered, now(), Use::Sign).unwrap().certificates().len(), 2);
}

#[test]
fn the_length_of_a_path_is_bounded() {
    let mut authorities = vec![authority("A0")];
    for number in 1..8 {
        let next = authorities[number - 1].issue_authority(&issue(&format!("A{number}"), &[]), key(), None).unwrap();
        authorities.push(next);
    }
    let offered: Vec<Certificate> = authorities.iter().map(|ca| ca.certificate().clone()).collect();
    let anchors = trusting(&authorities[0]);
    let leaf_of = |number: usize| authorities[number].issue(&issue("leaf", &[Use::Sign]), &key()).unwrap();
    assert_eq!(anchors.check(&leaf_of(6), &offered, now(), Use::Sign).unwrap().certificates().len(), 8);
    let refused = anchors.check(&leaf_of(7), &offered, now(), Use::Sign).unwrap_err();
    assert!(matches!(refused, PathError::PathTooLong { .. }), "{refused}");
    let many = vec![offered[0].clone(); 33];
    let refused = anchors.check(&leaf_of(1), &many, now(), Use::Sign).unwrap_err();
    assert_eq!(refused, PathError::TooMany { came: 33, limit: 32 });
}

#[test]
fn an_end_entity_issues_nothing() {
    let ca = authority("CA");
    let owner = key();
    let end = ca.issue(&issue("KR", &[Use::Any]), &owner).unwrap();
    let forger = DevCa::from_parts(end.clone(), owner).unwrap();
    let forged = forger.issue(&issue("forged", &[Use::Sign]), &key()).unwrap();
    let refused = trusting(&ca).check(&forged, std::slice::from_ref(&end), now(), Use::Sign).unwrap_err();
    assert_eq!(refused, PathError::NotAnAuthority { subject: "CN=KR".into() });
    // Pinned, it is trusted itself, and still issues nothing.
    let mut pinned = TrustAnchors::new();
    pinned.add_anchor(end.clone());
    assert!(pinned.check(&end, &[], now(), Use::Sign).is_ok());
    assert!(pinned.check(&forged, &[], now(), Use::Sign).is_err());
}

#[test]
fn a_changed_certificate_is_refused() {
    let ca = authority("CA");
    let certificate = ca.issue(&issue("KR sign", &[Use::Sign]), &key()).unwrap();
    let mut der = certificate.der().to_vec();
    let name = memchr::memmem::find(&der, b"KR sign").unwrap();
    der[name] = b'X';
    let changed = Certificate::from_der(&der).unwrap();
    let refused = trusting(&ca).check(&changed, &[], now(), Use::Sign).unwrap_err();
    assert_eq!(refused, PathError::BadSignature { subject: "CN=XR sign".into(), issuer: "CN=CA".into() });
}

#[test]
fn revoked_is_refused_and_lists_age() {
    let ca = authority("CA");
    let good = ca.issue(&issue("good", &[Use::Sign]), &key()).unwrap();
    let bad = ca.issue(&issue("bad", &[Use::Sign]), &key()).unwrap();
    let mut anchors = trusting(&ca);
    anchors.set_revocation(Revocation { required: true, grace: std::time::Duration::from_secs(24 * 3600) });
    let check = |anchors: &TrustAnchors, which: &Certificate, at| anchors.check(which, &[], at, Use::Sign);
    assert!(matches!(check(&anchors, &good, now()), Err(PathError::RevocationUnknown { .. })));
    anchors.add_crl(ca.revoke(None, &[&bad], days(-1), days(-1), days(7)).unwrap());
    assert_eq!(check(&anchors, &good, now()).unwrap().good_until(), days(8));
    let refused = check(&anchors, &bad, now()).unwrap_err();
    assert!(matches!(&refused, PathError::Revoked { at, .. } if *at == days(-1)), "{refused}");
    // Within the grace it counts; beyond, not, but what it revokes stays revoked.
    assert!(check(&anchors, &good, days(8)).is_ok());
    assert!(matches!(check(&anchors, &good, days(9)), Err(PathError::RevocationStale { .. })));
    anchors.set_revocation(Revocation::default());
    assert_eq!(check(&anchors, &good, days(9)).unwrap().unlisted(), ["CN=good"]);
    assert!(matches!(check(&anchors, &bad, days(9)), Err(PathError::Revoked { .. })));
}

#[test]
fn a_list_by_somebody_else_revokes_nothing() {
    let (ca, twin) = (authority("CA"), authority("CA"));
    let certificate = ca.issue(&issue("KR", &[Use::Sign]), &key()).unwrap();
    let mut anchors = trusting(&ca);
    anchors.add_crl(twin.revoke(None, &[&certificate], days(-1), days(-1), days(7)).unwrap());
    assert_eq!(anchors.check(&certificate, &[], now(), Use::Sign).unwrap().unlisted(), ["CN=KR"]);
}

#[test]
fn a_list_reads_back_from_pem_and_der() {
    let ca = authority("CA");
    let certificate = ca.issue(&issue("KR", &[Use::Sign]), &key()).unwrap();
    let empty = ca.revoke(None, &[], days(-1), days(-1), days(7)).unwrap();
    assert_eq!((empty.revoked_count(), empty.issuer()), (0, "CN=CA"));
    let list = ca.revoke(None, &[&certificate], days(-1), days(-1), days(7)).unwrap();
    let pem = [list.to_pem().unwrap(), empty.to_pem().unwrap()].concat();
    let read = Crl::from_octets(pem.as_bytes()).unwrap();
    assert_eq!(read.iter().map(Crl::revoked_count).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(Crl::from_octets(&list.to_der().unwrap()).unwrap().len(), 1);
    let other = ca.issue(&issue("ID", &[Use::Sign]), &key()).unwrap();
    let next = ca.revoke(Some(&list), &[&certificate, &other], days(0), days(0), days(7)).unwrap();
    assert!(next.revoked_count() == 2 && next.lists(&certificate) && next.lists(&other) && !list.lists(&other));
    assert!(matches!(Crl::from_octets(certificate.der()), Err(Error::NotACrl)));
    assert!(matches!(Crl::from_octets(certificate.to_pem().as_bytes()), Err(Error::NotACrl)));
}

#[test]
fn weak_keys_and_signatures_are_for_old_files_only() {
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;
    let ca = authority("CA");
    let small = PrivateKey::from_pkey(PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap());
    let weak = ca.issue(&issue("small", &[Use::Sign]), &small).unwrap();
    let mut anchors = trusting(&ca);
    let refused = anchors.check(&weak, &[], now(), Use::Sign).unwrap_err();
    assert_eq!(refused.to_string(), "certificate CN=small: key RSA 1024 is too weak");
    let sha1 = {
        let good = ca.issue(&issue("sha1", &[Use::Sign]), &key()).unwrap();
        let mut builder = openssl::x509::X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(good.x509().serial_number()).unwrap();
        builder.set_subject_name(good.x509().subject_name()).unwrap();
        builder.set_issuer_name(good.x509().issuer_name()).unwrap();
        builder.set_not_before(good.x509().not_before()).unwrap();
        builder.set_not_after(good.x509().not_after()).unwrap();
        builder.set_pubkey(good.public_key()).unwrap();
        builder.sign(ca.key().pkey(), MessageDigest::sha1()).unwrap();
        Certificate::from_x509(builder.build()).unwrap()
    };
    let refused = anchors.check(&sha1, &[], now(), Use::Sign).unwrap_err();
    assert_eq!(refused, PathError::WeakSignature { subject: "CN=sha1".into() });
    anchors.set_leniency(Leniency::AllowLegacy);
    assert!(anchors.check(&weak, &[], now(), Use::Sign).is_ok());
    assert!(anchors.check(&sha1, &[], now(), Use::Sign).is_ok());
}

#[test]
fn a_certificate_says_who_it_is() {
    let ca = authority("CA");
    let issue = issue("KR, gateway", &[Use::TlsServer]).country("KR").organization("관세청").serial(0x00ff_00aa);
    let certificate = ca.issue(&issue.names(["kr.example", "127.0.0.1", "::1"]), &key()).unwrap();
    assert_eq!(certificate.subject(), "CN=KR\\, gateway,O=관세청,C=KR");
    assert_eq!(certificate.issuer(), "CN=CA");
    assert_eq!((certificate.serial_decimal(), certificate.serial_hex().as_str()), ("16711850", "ff00aa"));
    assert_eq!(certificate.dns_names(), ["kr.example"]);
    assert_eq!(certificate.ip_addresses().len(), 2);
    assert_eq!(certificate.key_kind().to_string(), "EC P-256");
    assert_eq!(certificate.authority_key_identifier(), ca.certificate().subject_key_identifier());
    assert!(!certificate.is_authority() && ca.certificate().is_authority() && ca.certificate().is_self_issued());
    let expected = crate::base::sha256(certificate.der());
    assert_eq!(certificate.fingerprint(), hex(&expected));
    let both = [certificate.to_pem(), "between\n".to_owned(), ca.certificate().to_pem()].concat();
    assert_eq!(Certificate::from_octets(both.as_bytes()).unwrap(), [certificate.clone(), ca.certificate().clone()]);
    assert_eq!(Certificate::from_octets(certificate.der()).unwrap(), [certificate]);
}

#[test]
fn no_octets_that_are_no_certificate_are_taken_for_one() {
    let ca = authority("CA");
    let der = ca.certificate().der();
    for length in 0..der.len() {
        assert!(Certificate::from_der(&der[..length]).is_err(), "{length}");
    }
    // Every single octet changed: refused or read, never a panic.
    for at in 0..der.len() {
        let mut changed = der.to_vec();
        changed[at] ^= 0xff;
        let _ = Certificate::from_der(&changed);
    }
    let came = |octets: &[u8]| Certificate::from_octets(octets).unwrap_err().to_string();
    let pem = key().to_pem().unwrap();
    assert_eq!(came(&pem), "expected a certificate in PEM or DER, came a private key");
    assert_eq!(came(b""), "expected a certificate in PEM or DER, came an empty file");
}

#[test]
fn keys_are_read_in_every_form() {
    let password = Password::new("geheim".into());
    let wrong = Password::new("falsch".into());
    for kind in [P256, KeyKind::Rsa { bits: 2048 }, KeyKind::Ed25519, KeyKind::X25519] {
        let key = PrivateKey::generate(kind).unwrap();
        let same = |octets: &[u8], password: Option<&Password>| {
            PrivateKey::from_octets(octets, password).is_ok_and(|file| file.key.pkey().public_eq(key.pkey()))
        };
        assert_eq!(key.kind(), kind);
        assert!(same(&key.to_pem().unwrap(), None), "{kind} PEM");
        assert!(same(&key.pkey().private_key_to_pkcs8().unwrap(), None), "{kind} PKCS#8");
        let cipher = openssl::symm::Cipher::aes_256_cbc();
        let pem = key.pkey().private_key_to_pem_pkcs8_passphrase(cipher, b"geheim").unwrap();
        let der = key.pkey().private_key_to_pkcs8_passphrase(cipher, b"geheim").unwrap();
        for octets in [&pem, &der] {
            assert!(same(octets, Some(&password)), "{kind} encrypted");
            assert!(matches!(PrivateKey::from_octets(octets, None), Err(Error::PasswordMissing)), "{kind}");
            assert!(matches!(PrivateKey::from_octets(octets, Some(&wrong)), Err(Error::PasswordWrong)), "{kind}");
        }
    }
    let rsa = PrivateKey::generate(KeyKind::Rsa { bits: 2048 }).unwrap();
    let pkcs1 = rsa.pkey().rsa().unwrap().private_key_to_der().unwrap();
    assert!(PrivateKey::from_octets(&pkcs1, None).is_ok());
}

#[test]
fn a_key_file_knows_its_certificate() {
    let ca = authority("CA");
    let key = key();
    let certificate = ca.issue(&issue("KR", &[Use::Sign]), &key).unwrap();
    let mut builder = openssl::pkcs12::Pkcs12::builder();
    let mut chain = openssl::stack::Stack::new().unwrap();
    chain.push(ca.certificate().x509().clone()).unwrap();
    builder.name("KR").pkey(key.pkey()).cert(certificate.x509()).ca(chain);
    let archive = builder.build2("geheim").unwrap().to_der().unwrap();
    let file = PrivateKey::from_octets(&archive, Some(&Password::new("geheim".into()))).unwrap();
    assert_eq!(
        (file.certificate.as_ref(), file.chain.as_slice()),
        (Some(&certificate), &[ca.certificate().clone()][..])
    );
    assert!(matches!(PrivateKey::from_octets(&archive, None), Err(Error::PasswordMissing)));

    let mut pem = ca.certificate().to_pem().into_bytes();
    pem.extend_from_slice(certificate.to_pem().as_bytes());
    pem.extend_from_slice(&key.to_pem().unwrap());
    let file = PrivateKey::from_octets(&pem, None).unwrap();
    assert_eq!(file.certificate, Some(certificate.clone()));
    let mut mixed = certificate.to_pem().into_bytes();
    mixed.extend_from_slice(&self::key().to_pem().unwrap());
    assert!(matches!(PrivateKey::from_octets(&mixed, None), Err(Error::KeyMismatch { .. })));
    for octets in [certificate.to_pem().into_bytes(), certificate.der().to_vec()] {
        let refused = PrivateKey::from_octets(&octets, None).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("expected a private key in PEM, DER or PKCS#12, came a certificate"));
    }
}

#[test]
fn a_key_is_written_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sign.key");
    std::fs::write(&path, "old").unwrap();
    key().write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!PrivateKey::load(&path, None).unwrap().readable_by_others);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(PrivateKey::load(&path, None).unwrap().readable_by_others);
    let missing = PrivateKey::load(&folder.path().join("none"), None).err().unwrap();
    assert!(missing.to_string().starts_with("cannot read "), "{missing}");
}
