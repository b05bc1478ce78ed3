//! The cryptography of a message alone: every digest over the octets that are really hashed, one signature operation.

use std::cell::RefCell;

use coconnect::xml::{self, Options};
use coconnect::xmlsec::dsig::{Context, IdAttributes, IdIndex, Signature, UrlMap, verify};
use openssl::md::Md;
use openssl::pkey::{Private, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sha::Sha256;

use crate::material::{Case, Operation, Suite};

/// Everything made ready.
pub struct Limit {
    hashed: Vec<Vec<u8>>,
    key: RefCell<KeyOperation>,
}

enum KeyOperation {
    Verify { context: PkeyCtx<Public>, value: Vec<u8> },
    Sign { context: PkeyCtx<Private>, value: Vec<u8> },
}

impl Limit {
    /// What `case` hashes and computes.
    pub fn new(case: &Case, operation: Operation) -> Self {
        let document = xml::parse(case.signed.clone(), &Options::default()).unwrap();
        let ids = IdIndex::build(&document, &IdAttributes::usual());
        let urls = UrlMap::new();
        let context = Context { document: &document, ids: &ids, policy: &case.policy, urls: &urls, tokens: None };
        let node = *verify::outermost_signatures(&document).first().unwrap();
        let signature = Signature::parse(&document, node, &case.policy).unwrap();
        let mut hashed = vec![Vec::new()];
        signature.signed_octets(&document, &case.policy, &mut hashed[0]).unwrap();
        for reference in signature.references() {
            let mut octets = Vec::new();
            assert!(reference.digest(&context, node, &mut octets).unwrap().matches);
            hashed.push(octets);
        }
        let digest = sha256(&hashed[0]);
        let mut sign = PkeyCtx::new(&case.private).unwrap();
        sign.sign_init().unwrap();
        set_up(&mut sign, case.suite);
        let mut value = Vec::new();
        sign.sign_to_vec(&digest, &mut value).unwrap();
        let key = match operation {
            Operation::Sign => KeyOperation::Sign { context: sign, value },
            Operation::Verify => {
                let mut context = PkeyCtx::new(&case.public).unwrap();
                context.verify_init().unwrap();
                set_up(&mut context, case.suite);
                KeyOperation::Verify { context, value }
            }
        };
        Self { hashed, key: RefCell::new(key) }
    }

    /// How many References there are.
    pub fn references(&self) -> usize {
        self.hashed.len() - 1
    }

    /// One message.
    pub fn run(&self) {
        let mut digest = [0; 32];
        for (number, octets) in self.hashed.iter().enumerate() {
            let value = sha256(octets);
            if number == 0 {
                digest = value;
            }
            std::hint::black_box(value);
        }
        match &mut *self.key.borrow_mut() {
            KeyOperation::Verify { context, value } => assert!(context.verify(&digest, value).unwrap()),
            KeyOperation::Sign { context, value } => {
                value.clear();
                context.sign_to_vec(&digest, value).unwrap();
                std::hint::black_box(&value);
            }
        }
    }
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(octets);
    hash.finish()
}

fn set_up<T>(context: &mut PkeyCtx<T>, suite: Suite) {
    if suite == Suite::Rsa2048 {
        context.set_rsa_padding(Padding::PKCS1).unwrap();
    }
    context.set_signature_md(Md::sha256()).unwrap();
}
