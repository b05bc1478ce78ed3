//! What is refused: a status while nobody is known, an unsigned fault before the envelope is read, a signed fault after.
//! Every refusal of an established partner is in the journal under the reference id that it returns, with one alert.

use std::sync::Arc;
use std::time::Duration;

use super::acknowledge::answer_addressing;
use super::admit::{Admitted, Established, TurnedAway};
use super::{RETRY_AFTER, wheel};
use crate::base::id::MessageId;
use crate::contract::{FAULT_ACTION, Operation};
use crate::exchange::alert::{Alert, Kind};
use crate::exchange::facts::Facts;
use crate::exchange::fault::{Code, Fault, Verdict};
use crate::exchange::message::Response;
use crate::exchange::{Exchange, key};
use crate::soap::mime::ContentType;
use crate::soap::wss::{Content, Outgoing};
use crate::soap::{self, Version};
use crate::store::{Commit, PartName, Record, RecordKind};

/// Why a message is refused, with what its answer needs.
pub(super) struct Refusal {
    fault: Fault,
    relates_to: Option<String>,
    confirms: Option<Vec<String>>,
    facts: Facts,
}

impl Refusal {
    pub fn of(fault: Fault) -> Box<Self> {
        Box::new(Self { fault, relates_to: None, confirms: None, facts: Facts::default() })
    }

    /// The MessageID that came, believed or not.
    pub fn relates_to(mut self: Box<Self>, message_id: Option<String>) -> Box<Self> {
        // Only what looks like an id is repeated to its sender.
        self.relates_to = message_id.filter(|text| text.len() <= 256 && !text.chars().any(char::is_control));
        self
    }

    /// SignatureValues of the request, when they held.
    pub fn confirms(mut self: Box<Self>, values: Option<Vec<String>>) -> Box<Self> {
        self.confirms = values;
        self
    }

    pub fn facts(mut self: Box<Self>, facts: Facts) -> Box<Self> {
        self.facts = facts;
        self
    }
}

/// A request that is not read.
pub(super) async fn turn_away(exchange: &Exchange, turned_away: Box<TurnedAway>) -> Response {
    match *turned_away {
        TurnedAway::Stranger { code, address, reason } => {
            tracing::warn!(%address, code = code.as_str(), reason, "request denied before transport identity");
            let challenge = match code {
                Code::BasicMissing | Code::BasicWrong => vec![challenge()],
                _ => Vec::new(),
            };
            Response { status: code.row().status, headers: challenge, body: Vec::new() }
        }
        TurnedAway::Partner { who, version, operation, fault } => {
            answer_unsigned(exchange, &who, version, operation, fault).await
        }
    }
}

/// A request whose body could not be read.
pub(super) async fn unsigned(exchange: &Exchange, admitted: &Admitted, fault: Fault) -> Response {
    answer_unsigned(exchange, admitted.who(), admitted.version(), Some(admitted.operation()), fault).await
}

async fn answer_unsigned(
    exchange: &Exchange,
    who: &Established,
    version: Version,
    operation: Option<Operation>,
    fault: Fault,
) -> Response {
    let facts = Facts {
        operation: operation.map(|operation| operation.path().trim_start_matches('/').to_owned()),
        ..Facts::default()
    };
    let fault = match journal(exchange, who, &fault, facts, None).await {
        Ok(()) => fault,
        Err(unavailable) => unavailable,
    };
    plain(exchange, who, version, &fault)
}

/// A message whose envelope was being read: a signed fault.
pub(super) async fn signed(
    exchange: &Arc<Exchange>,
    admitted: &Arc<Admitted>,
    octets: &Arc<Vec<u8>>,
    complete: Duration,
    refusal: Box<Refusal>,
) -> Response {
    let who = admitted.who();
    let Refusal { mut fault, relates_to, confirms, mut facts } = *refusal;
    // A worker that panicked may have done so over clear text.
    let is_sealed = matches!(fault.code, Code::SecurityCheckFailed | Code::Internal);
    facts.operation.get_or_insert_with(|| admitted.operation().path().trim_start_matches('/').to_owned());
    facts.octets = octets.len();
    if facts.message_id.is_none() {
        facts.message_id = relates_to.as_deref().and_then(|text| MessageId::parse(text).ok()).map(|id| id.to_string());
    }
    if let Err(unavailable) = journal(exchange, who, &fault, facts, Some(octets)).await {
        fault = unavailable;
    }
    let response = match exchange.budget.signing() {
        None => plain(exchange, who, admitted.version(), &Fault::new(Code::Busy, "signing budget")),
        Some(permit) => {
            let (worker, signer, fault) = (Arc::clone(exchange), Arc::clone(admitted), fault.clone());
            let seal = move || seal(&worker, &signer, &fault, relates_to.as_deref(), confirms.as_deref());
            let sealed = exchange.budget.work(seal).await.flatten();
            drop(permit);
            sealed
                .unwrap_or_else(|| plain(exchange, who, admitted.version(), &Fault::new(Code::Internal, "not sealed")))
        }
    };
    // From decryption to the last digest every answer leaves on a tick, busy or not, so its time tells nothing.
    if is_sealed {
        wheel::tick(exchange.clock.as_ref(), complete, octets.len()).await;
    }
    response
}

fn seal(
    exchange: &Exchange,
    admitted: &Admitted,
    fault: &Fault,
    relates_to: Option<&str>,
    confirms: Option<&[String]>,
) -> Option<Response> {
    let version = admitted.version();
    let soap_fault = soap_fault(exchange, &admitted.who().reference, &admitted.who().partner, fault);
    let mut content = Vec::with_capacity(1024);
    soap_fault.write(version, &mut content);
    let addressing = answer_addressing(FAULT_ACTION, relates_to);
    let sealed = admitted.crypto().answer_sealer().seal(&Outgoing {
        version,
        addressing: &addressing,
        content: Content { octets: &content, encrypt: None },
        confirms,
        now: exchange.clock.now(),
    });
    match sealed {
        Ok(sealed) => Some(Response {
            status: soap_status(fault, version),
            headers: headers(fault, version),
            body: sealed.octets,
        }),
        Err(error) => {
            tracing::error!(%error, reference = admitted.who().reference, "a fault cannot be sealed");
            None
        }
    }
}

/// An unsigned fault with code and reference id.
fn plain(exchange: &Exchange, who: &Established, version: Version, fault: &Fault) -> Response {
    let soap_fault = soap_fault(exchange, &who.reference, &who.partner, fault);
    let row = fault.code.row();
    let status = if row.status == 0 { soap_status(fault, version) } else { row.status };
    Response { status, headers: headers(fault, version), body: soap::fault::unsigned(version, &soap_fault) }
}

fn soap_fault(_exchange: &Exchange, reference: &str, partner: &crate::exchange::Partner, fault: &Fault) -> soap::Fault {
    let row = fault.code.row();
    let mut detail = Vec::with_capacity(512);
    fault.detail(reference).encode(partner.slots(), &mut detail);
    soap::Fault { code: row.soap, subcode: row.subcode, reason: fault.text(), detail }
}

fn soap_status(fault: &Fault, version: Version) -> u16 {
    let row = fault.code.row();
    match (row.status, row.soap) {
        (503, _) => 503,
        (_, code) => code.http_status(version),
    }
}

fn headers(fault: &Fault, version: Version) -> Vec<(String, String)> {
    let mut headers = vec![("Content-Type".to_owned(), ContentType::written(version, FAULT_ACTION))];
    if matches!(fault.code.row().status, 429 | 503) {
        headers.push(("Retry-After".to_owned(), RETRY_AFTER.as_secs().to_string()));
    }
    if fault.code == Code::MethodRefused {
        headers.push(("Allow".to_owned(), "POST".to_owned()));
    }
    headers
}

fn challenge() -> (String, String) {
    ("WWW-Authenticate".to_owned(), "Basic realm=\"coconnect\", charset=\"UTF-8\"".to_owned())
}

/// Writes the refusal to the journal with its alert. On failure the fault that must be answered instead.
async fn journal(
    exchange: &Exchange,
    who: &Established,
    fault: &Fault,
    facts: Facts,
    octets: Option<&[u8]>,
) -> Result<(), Fault> {
    let store = exchange.store.as_ref();
    let partner = who.partner.id();
    let mut facts = facts.with_fault(fault);
    let mut record = Record::new(RecordKind::Refused, who.arrived, who.reference.clone()).partner(partner.clone());
    let mut quarantine = None;
    if let Some(octets) = octets {
        let kept = exchange.quarantine.keep(store, &who.partner, who.arrived, octets.len());
        if kept.octets < octets.len() {
            facts.octets_digest = Some(super::super::partner::secret::to_hex(&crate::base::sha256(octets)));
        }
        record = record.part(PartName::Request, &octets[..kept.octets]);
        quarantine = Some(kept.put);
    }
    record = record.part(PartName::Reason, fault.reason.as_bytes()).part(PartName::Facts, facts.to_octets());
    let mut commit = Commit::new(record).point(key::reference(&who.reference));
    if let Some(id) = facts.message_id.as_deref().and_then(|text| MessageId::parse(text).ok()) {
        commit = commit.point(key::message_record(store, &id, &who.reference));
    }
    if let Some((quarantine_key, value)) = quarantine {
        commit = commit.put(quarantine_key, value);
    }
    if fault.code.row().verdict != Verdict::Retry {
        commit = alert(fault, who).raise(commit);
    }
    tracing::info!(
        partner = partner.as_str(),
        reference = who.reference,
        code = fault.code.as_str(),
        "message refused"
    );
    match exchange.store.commit(commit).await {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::error!(%error, reference = who.reference, "a refusal cannot be recorded");
            Err(Fault::new(Code::StoreUnavailable, error.to_string()))
        }
    }
}

fn alert(fault: &Fault, who: &Established) -> Alert {
    let kind = if fault.code == Code::MessageIdReused { Kind::MessageIdReused } else { Kind::Refused };
    let row = fault.code.row();
    let text = format!("a message of {} was refused: {}: {}", who.partner.id(), row.name, fault.reason);
    Alert::new(kind, who.partner.id(), &who.reference, who.arrived, text).remedy(row.remedy)
}
