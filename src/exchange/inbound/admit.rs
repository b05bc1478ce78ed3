//! Who calls, and may they? Decided from the head of the request alone; the payload is unread (design 2.2).
//!
//! The partner comes from the client certificate; the Basic user and the calling address must be those of that same
//! partner. Until all three agree the answer is a status and nothing more.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::id::Environment;
use crate::contract::Operation;
use crate::exchange::Exchange;
use crate::exchange::budget::{Full, Room};
use crate::exchange::crypto::PartnerCrypto;
use crate::exchange::fault::{Code, Fault};
use crate::exchange::key;
use crate::exchange::message::{Body, Request};
use crate::exchange::partner::Partner;
use crate::net::Basic;
use crate::soap::Version;
use crate::soap::mime::{ContentType, soap_action};

/// A request of a known partner that may be read.
pub(super) struct Admitted {
    who: Established,
    operation: Operation,
    version: Version,
    action: Option<String>,
    crypto: Arc<PartnerCrypto>,
    _room: Room,
}

/// Transport identity: certificate, user and address agree.
#[derive(Clone)]
pub(super) struct Established {
    /// Who.
    pub partner: Arc<Partner>,
    /// Under which the journal will have it.
    pub reference: String,
    /// When it arrived.
    pub arrived: Timestamp,
}

/// A request that is not read.
pub(super) enum TurnedAway {
    /// Nobody we know, as far as shown.
    Stranger {
        /// Why; its status is all that is told.
        code: Code,
        /// From where.
        address: IpAddr,
        /// What happened, for the log.
        reason: String,
    },
    /// A partner, but not so.
    Partner {
        /// Which.
        who: Established,
        /// The SOAP version of the answer.
        version: Version,
        /// The operation, where the path names one.
        operation: Option<Operation>,
        /// Why.
        fault: Fault,
    },
}

impl Admitted {
    pub fn who(&self) -> &Established {
        &self.who
    }

    pub fn partner(&self) -> &Partner {
        &self.who.partner
    }

    pub fn operation(&self) -> Operation {
        self.operation
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// SOAPAction, or the action parameter of the media type.
    pub fn action(&self) -> Option<&str> {
        self.action.as_deref()
    }

    pub fn crypto(&self) -> &PartnerCrypto {
        &self.crypto
    }
}

/// A request that may be read, with its body.
pub(super) type WithBody = (Arc<Admitted>, Box<dyn Body>);

/// Decides from the head of a request.
pub(super) fn admit(exchange: &Exchange, request: Request) -> Result<WithBody, Box<TurnedAway>> {
    let who = identify(exchange, &request)?;
    let media_type = request.header("content-type").map(ContentType::parse);
    let version = match &media_type {
        Some(Ok(media_type)) => media_type.version,
        _ => Version::Soap11,
    };
    let operation = Operation::from_path(&request.path);
    let refuse = |fault| Box::new(TurnedAway::Partner { who: who.clone(), version, operation, fault });

    let operation = permit(&who.partner, &request, operation).map_err(refuse)?;
    let length = length(exchange, &request).map_err(refuse)?;
    let media_type = match media_type {
        Some(Ok(media_type)) if is_identity_coding(&request) => media_type,
        Some(Err(error)) => return Err(refuse(Fault::told(Code::MediaType, error.to_string()))),
        _ => return Err(refuse(Fault::new(Code::MediaType, "no Content-Type, or a Content-Encoding"))),
    };
    let room = exchange.budget.room(who.partner.id(), length).map_err(|full| match full {
        Full::Partner => refuse(Fault::new(Code::TooMany, "messages of the partner under way")),
        Full::Octets => refuse(Fault::new(Code::Busy, "octets under way")),
    })?;
    if let Some(refusing) = exchange.store.status().refusing {
        return Err(refuse(Fault::new(Code::StoreUnavailable, refusing.to_string())));
    }
    let keys = exchange.keys.load_full();
    let crypto = exchange
        .crypto
        .of(&who.partner, &keys)
        .map_err(|error| refuse(Fault::new(Code::Internal, format!("keys for the partner: {error}"))))?;
    let action = match version {
        // Two fields say two things, whichever of them would be read.
        Version::Soap11 if request.count("soapaction") > 1 => Some("more than one SOAPAction".to_owned()),
        Version::Soap11 => request.header("soapaction").and_then(soap_action).map(str::to_owned),
        Version::Soap12 => media_type.action.clone(),
    };
    Ok((Arc::new(Admitted { who, operation, version, action, crypto, _room: room }), request.body))
}

/// Certificate, Basic user and address: all of the same partner.
fn identify(exchange: &Exchange, request: &Request) -> Result<Established, Box<TurnedAway>> {
    let address = request.peer.address;
    let stranger = |code, reason: String| Box::new(TurnedAway::Stranger { code, address, reason });
    let partners = exchange.partners.now();
    let arrived = exchange.clock.now();
    let credentials = request.header("authorization").and_then(|value| Basic::parse(value.as_bytes()).ok());
    let user = credentials.as_ref().map_or("", Basic::user);
    let partner = match &request.peer.certificate {
        Some(der) => partners.by_tls_certificate(&crate::base::sha256(der), arrived),
        // Without TLS only on loopback in dev, where the user alone tells who calls.
        None if exchange.own.environment == Environment::Dev && address.is_loopback() => {
            Some(partners.by_basic_user(user).ok_or_else(|| {
                let code = if credentials.is_some() { Code::BasicWrong } else { Code::BasicMissing };
                stranger(code, "no partner's credentials".to_owned())
            })?)
        }
        None => None,
    };
    let Some(partner) = partner else {
        return Err(stranger(Code::CertificateUnknown, "the client certificate is no partner's".to_owned()));
    };
    let Some(credentials) = credentials else {
        return Err(stranger(Code::BasicMissing, format!("no Basic credentials, certificate of {}", partner.id())));
    };
    let user_is_right = openssl::memcmp::eq(
        &crate::base::sha256(credentials.user().as_bytes()),
        &crate::base::sha256(partner.file().basic_user.as_bytes()),
    );
    // Both are always computed: the time tells neither which of them was wrong.
    let password_is_right = partner.secret().matches(credentials.password());
    if !(user_is_right & password_is_right) {
        return Err(stranger(Code::BasicWrong, format!("credentials are not those of partner {}", partner.id())));
    }
    if !partner.file().addresses.iter().any(|network| network.contains(address)) {
        return Err(stranger(Code::AddressRefused, format!("not an address of partner {}", partner.id())));
    }
    Ok(Established { partner: Arc::clone(partner), reference: key::new_reference(), arrived })
}

fn permit(partner: &Partner, request: &Request, operation: Option<Operation>) -> Result<Operation, Fault> {
    if !partner.file().active {
        return Err(Fault::new(Code::PartnerInactive, "active = false"));
    }
    let operation = operation.ok_or_else(|| Fault::new(Code::OperationUnknown, "no operation at this path"))?;
    if request.method != "POST" {
        return Err(Fault::new(Code::MethodRefused, "not POST"));
    }
    if !partner.may_call(operation) {
        return Err(Fault::new(Code::OperationRefused, format!("{} is not in operations_in", operation.name())));
    }
    Ok(operation)
}

/// Octets that the message may have: what it announces, or the ceiling when it announces nothing.
fn length(exchange: &Exchange, request: &Request) -> Result<usize, Fault> {
    let most = exchange.limits.message_bytes_max;
    let Some(announced) = request.header("content-length") else { return Ok(most) };
    match announced.trim().parse::<usize>() {
        Ok(octets) if octets <= most => Ok(octets),
        _ => Err(Fault::told(Code::TooLarge, format!("at most {most} octets"))),
    }
}

fn is_identity_coding(request: &Request) -> bool {
    request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))
        .all(|(_, value)| value.trim().eq_ignore_ascii_case("identity"))
}
