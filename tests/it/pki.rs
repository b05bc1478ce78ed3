//! `certs/` is what its README says, `coconnect cert` does what its help says, and verdicts agree with OpenSSL's.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use coconnect::pki::{Certificate, Crl, Leniency, PathError, PrivateKey, TrustAnchors, Use};
use jiff::Timestamp;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn certs(name: &str) -> PathBuf {
    root().join("certs").join(name)
}

#[test]
fn the_development_certificates_are_what_their_readme_says() {
    let now: Timestamp = "2026-11-15T00:00:00Z".parse().unwrap();
    let mut anchors = TrustAnchors::load(&[certs("ca.pem")]).unwrap();
    Crl::load(&certs("ca.crl")).unwrap().into_iter().for_each(|crl| anchors.add_crl(crl));
    let tls: &[Use] = &[Use::TlsServer, Use::TlsClient];
    let mut expected: Vec<(String, &[Use], &str)> = Vec::new();
    for peer in ["kr", "id"] {
        expected.push((format!("{peer}-tls"), tls, "good"));
        for suite in ["", "-p256"] {
            expected.push((format!("{peer}-sign{suite}"), &[Use::Sign], "good"));
            expected.push((format!("{peer}-encrypt{suite}"), &[Use::Encrypt], "good"));
        }
    }
    for verdict in ["revoked", "expired"] {
        expected.push((format!("{verdict}-tls"), tls, verdict));
        expected.push((format!("{verdict}-sign"), &[Use::Sign], verdict));
    }
    for (name, uses, verdict) in expected {
        let certificate = Certificate::load(&certs(&format!("{name}.pem"))).unwrap().swap_remove(0);
        let key = PrivateKey::load(&certs(&format!("{name}.key")), None).unwrap().key;
        assert!(key.belongs_to(&certificate), "{name}");
        for purpose in uses {
            let came = match anchors.check(&certificate, &[], now, *purpose) {
                Ok(path) if path.unlisted().is_empty() => "good",
                Ok(_) => "not looked up",
                Err(PathError::Revoked { .. }) => "revoked",
                Err(PathError::Expired { .. }) => "expired",
                Err(_) => "refused",
            };
            assert_eq!(came, verdict, "{name} {purpose:?}");
        }
    }
}

fn cert(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coconnect")).arg("cert").args(arguments).current_dir(folder).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn the_command_line_makes_checks_and_revokes() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| cert(folder.path(), arguments);
    let done = |arguments: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    done(&["ca", "--name", "CA", "--key", "p256"]);
    let by_ca = ["--ca", "ca.pem", "--ca-key", "ca.key"];
    let issue =
        ["issue", "--name", "KR", "--use", "sign", "--use", "tls", "--san", "::1", "--key", "p256", "--out", "kr"];
    done(&[&issue[..], &by_ca].concat());
    let again = run(&[&issue[..], &by_ca].concat());
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("coconnect: hint: --force"), "{}", text(&again.stderr));

    let check = ["check", "--trusted", "ca.pem", "--use", "tls", "kr.pem"];
    assert!(done(&check).contains("CN=KR < CN=CA"));
    let wrong_use = run(&["check", "--trusted", "ca.pem", "--use", "encrypt", "kr.pem"]);
    assert_eq!(wrong_use.status.code(), Some(1));
    assert!(text(&wrong_use.stdout).contains("kr.pem: refused: certificate CN=KR is not for encrypt"));
    let later = run(&["check", "--trusted", "ca.pem", "--at", "2099-01-01T00:00:00Z", "kr.pem"]);
    assert!(later.status.code() == Some(1) && text(&later.stdout).contains("expired"));

    done(&[&["revoke", "--crl", "ca.crl"][..], &by_ca].concat());
    assert!(done(&[&check[..], &["--crl", "ca.crl", "--require-crl"]].concat()).contains("good until"));
    assert!(done(&[&["revoke", "--crl", "ca.crl", "kr.pem"][..], &by_ca].concat()).contains("1 revoked"));
    assert!(done(&[&["revoke", "--crl", "ca.crl"][..], &by_ca].concat()).contains("1 revoked"));
    let revoked = run(&[&check[..], &["--crl", "ca.crl", "--json"]].concat());
    assert_eq!(revoked.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_slice(&revoked.stdout).unwrap();
    assert_eq!(answer[0]["good"], false);
    assert!(answer[0]["reason"].as_str().unwrap().contains("was revoked"), "{answer}");

    let listed: serde_json::Value = serde_json::from_str(&done(&["list", "--json"])).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(done(&["show", "kr.pem"]).contains("tls-server, tls-client, sign"));
    assert!(done(&["calendar"]).lines().count() == 4);
    let ended = run(&["calendar", "--at", "2099-01-01T00:00:00Z", "--json"]);
    assert_eq!(ended.status.code(), Some(1));
    done(&["export", "--der", "kr.pem", "--out", "kr.der"]);
    assert!(done(&["check", "--trusted", "ca.pem", "kr.der"]).contains("good until"));
    for arguments in [&["show", "none.pem"][..], &["show", "ca.key"], &["check", "kr.pem"]] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_partners_next_certificate_is_imported_beside_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_coconnect");
        Command::new(binary).args(arguments).current_dir(folder.path()).output().unwrap()
    };
    let done = |arguments: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    };
    for (country, dir) in [("KR", "kr"), ("ID", "id")] {
        done(&["init", "--country", country, "--domain", "customs.example", "--dir", dir, "--suite", "p256"]);
    }
    done(&["partner", "add", "--dir", "kr", "--file", "id/partner.toml"]);
    let by_id = ["--ca", "id/keys/ca.crt", "--ca-key", "id/keys/ca.key", "--key", "p256"];
    done(&[&["cert", "issue", "--name", "ID next", "--use", "sign", "--out", "next"][..], &by_id].concat());
    done(&["cert", "ca", "--name", "Stranger", "--key", "p256", "--out", "stranger"]);
    let by_stranger = ["--ca", "stranger.pem", "--ca-key", "stranger.key", "--key", "p256"];
    done(&[&["cert", "issue", "--name", "x", "--use", "sign", "--out", "x"][..], &by_stranger].concat());
    let import = ["cert", "import", "--dir", "kr", "--partner", "ID", "--use"];
    done(&[&import[..], &["sign", "--use-from", "2027-01-01T00:00:00Z", "next.pem"]].concat());
    for (refused, why) in [
        (["sign", "next.pem"], "has this certificate for sign already"),
        (["encrypt", "next.pem"], "is not for encrypt"),
        (["sign", "x.pem"], "issuer CN=Stranger is not known here"),
    ] {
        let output = run(&[&import[..], &refused].concat());
        assert_eq!(output.status.code(), Some(1), "{refused:?}");
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
    let file = std::fs::read_to_string(folder.path().join("kr/partners/ID.toml")).unwrap();
    assert_eq!(file.matches("[[certificate]]").count(), 4);
    done(&["partner", "list", "--dir", "kr"]);
}

/// Every certificate of the vectors against every authority among them, beside `openssl verify`'s own judgement.
#[test]
fn verdicts_agree_with_openssl_on_foreign_certificates() {
    let folder = std::env::var_os("COCONNECT_VECTORS").map_or_else(|| root().join("../shared/vectors"), PathBuf::from);
    let mut certificates: Vec<Certificate> = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| ["pem", "der", "crt", "cer"].iter().any(|known| e == *known)) {
                for found in Certificate::load(&path).unwrap_or_default() {
                    if !certificates.contains(&found) {
                        certificates.push(found);
                    }
                }
            }
        }
    }
    if certificates.is_empty() {
        println!("SKIPPED: no certificates below {}", folder.display());
        assert!(std::env::var("COCONNECT_NO_SKIP").is_err(), "COCONNECT_NO_SKIP=1");
        return;
    }
    let (mut good, mut refused, mut differing) = (0, 0, Vec::new());
    let (intermediates, roots): (Vec<_>, Vec<_>) =
        certificates.iter().cloned().partition(|certificate| !certificate.is_self_issued());
    let intermediates: Vec<_> = intermediates.into_iter().filter(Certificate::is_authority).collect();
    for anchor in &roots {
        let mut anchors = TrustAnchors::new();
        anchors.add_anchor(anchor.clone());
        anchors.set_leniency(Leniency::AllowLegacy);
        intermediates.iter().for_each(|certificate| anchors.add_intermediate(certificate.clone()));
        for certificate in &certificates {
            let at = certificate.not_before().max(anchor.not_before());
            let ours = anchors.check(certificate, &[], at, Use::Any);
            if ours.is_ok() == openssl_accepts(anchor, &intermediates, certificate, at) {
                if ours.is_ok() { good += 1 } else { refused += 1 }
            } else {
                let ours = ours.map(|_| "good").map_err(|error| error.to_string());
                differing.push(format!("{} under {}: {ours:?}", certificate.subject(), anchor.subject()));
            }
        }
    }
    println!("{} certificates, {} roots: {good} good, {refused} refused alike", certificates.len(), roots.len());
    assert!(good > 20 && differing.is_empty(), "{good} good; differing:\n{}", differing.join("\n"));
}

fn openssl_accepts(anchor: &Certificate, others: &[Certificate], certificate: &Certificate, at: Timestamp) -> bool {
    use openssl::x509::verify::X509VerifyParam;
    let mut parameters = X509VerifyParam::new().unwrap();
    parameters.set_time(at.as_second());
    let mut store = openssl::x509::store::X509StoreBuilder::new().unwrap();
    store.add_cert(anchor.x509().clone()).unwrap();
    store.set_param(&parameters).unwrap();
    let mut chain = openssl::stack::Stack::new().unwrap();
    others.iter().for_each(|other| chain.push(other.x509().clone()).unwrap());
    let mut context = openssl::x509::X509StoreContext::new().unwrap();
    context.init(&store.build(), certificate.x509(), &chain, |context| context.verify_cert()).unwrap()
}
