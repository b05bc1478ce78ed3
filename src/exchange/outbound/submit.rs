//! A business document is taken for delivery: valid by the contract, routed, and in the outbox with one commit.

use std::sync::Arc;

use super::entry::{OutboxEntry, Standing};
use crate::base::id::{MessageId, PartnerId};
use crate::contract::{self, MetaData, Operation, Version, Versions, Violations};
use crate::exchange::codes;
use crate::exchange::facts::{Facts, about, identity, notices, profile_name, withheld_view};
use crate::exchange::held;
use crate::exchange::inbound::document_digest;
use crate::exchange::partner::Partner;
use crate::exchange::partner::secret::to_hex;
use crate::exchange::profile::{self, Circumstances, Direction, Judgement, Subject};
use crate::exchange::rules::{self, CoState, Decision, Known, OurEvent, Refusal as RuleRefusal, Role};
use crate::exchange::view::{CoIdentity, NoticeView, Submitted, WithheldView};
use crate::exchange::{Exchange, key};
use crate::store::{self, Commit, CommitError, Key, PartName, Record, RecordKind, Require};
use crate::xml::{self, Document, NodeId, c14n, ns};

/// What is handed in.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Which operation carries it; none: the one that carries such a document.
    pub operation: Option<Operation>,
    /// The business document: octets of `MetaData`, alone or inside the operation's wrapper.
    pub document: Vec<u8>,
    /// To whom; by the receiving country when none is named.
    pub partner: Option<PartnerId>,
    /// MessageID of the caller's choice: for tests of duplicates.
    pub message_id: Option<MessageId>,
}

/// What is wrong with the number of partners for a country.
fn no_route(count: usize, operation: &str) -> String {
    match count {
        0 => format!(
            "no partner takes {operation} for it: add one (partner add), or add the country to territories in its file"
        ),
        _ => format!("{count} partners take {operation} for it: name one"),
    }
}

/// Why a document was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Not XML.
    #[error("the document is not well-formed XML")]
    NotXml(#[from] xml::Error),
    /// Neither `MetaData` nor the wrapper of the operation.
    #[error("expected MetaData or {expected} around it, came element {came:?}")]
    NotADocument {
        /// Name of the wrapper, or which wrappers.
        expected: &'static str,
        /// Local name that came.
        came: String,
    },
    /// No canonical form, or the form reads as something else than the document.
    #[error("the document cannot be sent as it is: {what}")]
    NotSendable {
        /// Why.
        what: String,
    },
    /// The schema says no.
    #[error("the document breaks the schema")]
    Invalid(#[from] Violations),
    /// The agreement profile says no.
    #[error("the document breaks the agreement profile {profile}: {violations}")]
    Profile {
        /// Name and version.
        profile: String,
        /// Everything that is wrong, in the document as it was handed in.
        violations: Violations,
    },
    /// The profile withholds what a signature inside the document covers.
    #[error(
        "the agreement profile {profile} withholds {path}, which a signature inside the document covers: nothing was taken out"
    )]
    Signed {
        /// Name and version.
        profile: String,
        /// The first such element.
        path: String,
    },
    /// The sending country is not ours.
    #[error("the sending country is {came}, expected {expected}")]
    NotOurs {
        /// Ours.
        expected: String,
        /// What the document says.
        came: String,
    },
    /// No partner, or more than one, speaks for the receiving country.
    #[error("receiving country {country:?}: {}", no_route(*count, operation))]
    NoRoute {
        /// The country, "" when the document names none.
        country: String,
        /// Partners that fit.
        count: usize,
        /// The operation.
        operation: &'static str,
    },
    /// The partner is not known, not active, or the operation was not agreed.
    #[error("partner {partner}: {what}")]
    Partner {
        /// Which.
        partner: String,
        /// What is missing.
        what: &'static str,
    },
    /// What the document says of a CO cannot be said: the CO is not known with the partner, is on the other side, or in a
    /// state that does not permit it.
    #[error("CO {number}: {what}")]
    NotNow {
        /// Its number.
        number: String,
        /// Why.
        what: &'static str,
    },
    /// The CO was sent to the partner with another document.
    #[error("this CO was submitted before with another document, as {message_id}")]
    CoExists {
        /// Under which MessageID.
        message_id: String,
    },
    /// The MessageID was used before.
    #[error("MessageID {message_id} was used before")]
    MessageIdUsed {
        /// Which.
        message_id: String,
    },
    /// The store could not be read.
    #[error("the outbox cannot be read")]
    Store(#[from] store::Error),
    /// The store could not be written.
    #[error("the document cannot be recorded")]
    Commit(#[from] CommitError),
}

/// A document that may be sent.
struct Checked {
    operation: Operation,
    octets: Vec<u8>,
    digest: [u8; 32],
    facts: contract::Facts,
    partner: Arc<Partner>,
    notices: Vec<NoticeView>,
    withheld: Vec<WithheldView>,
}

/// Takes a document: everything is checked before anything is written.
pub(in crate::exchange) async fn submit(
    exchange: &Arc<Exchange>,
    submission: Submission,
) -> Result<Submitted, SubmitError> {
    let worker = Arc::clone(exchange);
    let message_id = submission.message_id.clone();
    let checked = exchange
        .budget
        .work(move || check(&worker, &submission))
        .await
        .unwrap_or_else(|| Err(SubmitError::NotSendable { what: "a worker panicked".to_owned() }))?;
    take(exchange, checked, message_id).await
}

fn check(exchange: &Exchange, submission: &Submission) -> Result<Checked, SubmitError> {
    let document = xml::parse(submission.document.clone(), &xml::Options::default())?;
    let named = submission.partner.as_ref().map(|id| named_partner(exchange, id)).transpose()?;
    let known = handed_in(exchange, named.as_deref(), &document);
    let version = known.of(&document, document.document_element())?;
    let (wrapper, node) = business_document(&document, submission.operation, &version.slots)?;
    let (operation, message) = decode(&document, node, submission.operation.or(wrapper), &version.slots)?;
    let facts = message.facts();
    if facts.sender != exchange.own.country {
        return Err(SubmitError::NotOurs { expected: exchange.own.country.clone(), came: facts.sender });
    }
    let partner = match named {
        Some(partner) => partner,
        None if held::brings_co(operation) => {
            route(exchange, operation, facts.receiving_territory.as_deref().unwrap_or(""))?
        }
        None => holder(exchange, operation, &facts)?,
    };
    if !partner.may_be_called(operation) || partner.file().endpoint.is_none() {
        let what = "the operation is not in operations_out";
        return Err(SubmitError::Partner { partner: partner.id().to_string(), what });
    }
    // What the partner would refuse is refused here, where it can be corrected.
    codes::check(&partner, &message, &facts.issued, &document, node)?;
    let written = if version == partner.sent_version() {
        None
    } else {
        Some(in_version_of(&partner, operation, message, version, &document)?)
    };
    let (document, node) = match &written {
        Some(written) => (written, written.document_element()),
        None => (&document, node),
    };
    let octets = canonical(document, node)?;
    let (octets, judgement, withheld) = by_profile(exchange, &partner, operation, (document, node), octets)?;
    let digest = crate::base::sha256(&octets);
    Ok(Checked { operation, octets, digest, facts, partner, notices: notices(&judgement), withheld })
}

/// The versions of the WCO Data Model in which a document may be handed in: that of the contract, and those that partners
/// are sent.
fn handed_in(exchange: &Exchange, named: Option<&Partner>, document: &Document) -> Versions {
    let ours = Version::default();
    let partners = exchange.partners.now();
    let sent: Vec<&Version> = match named {
        Some(partner) => vec![partner.sent_version()],
        None => partners.all().iter().map(|partner| partner.sent_version()).collect(),
    };
    Versions::fitting(std::iter::once(&ours).chain(sent), document)
}

/// The document as the partner is sent it: under the namespaces and the code of the agreed version.
fn in_version_of(
    partner: &Partner,
    operation: Operation,
    mut message: MetaData,
    from: &Version,
    document: &Document,
) -> Result<Document, SubmitError> {
    let to = partner.sent_version();
    let signed = |node: NodeId| document.is(node, from.slots.uri(contract::Slot::Ext), "DocumentSignature");
    if document.descendants(document.document_element()).any(signed) {
        let what = format!(
            "a signature inside covers it in version {} of the WCO Data Model, and partner {} is sent version {}",
            from.code,
            partner.id(),
            to.code
        );
        return Err(SubmitError::NotSendable { what });
    }
    // The header takes attributes of others, which the typed document has no room for.
    let ours = |uri: &str, local: &str| (uri == ns::WSU && local == "Id") || uri == ns::XSI;
    let header = contract::version::header(document, document.document_element());
    let attributes = header.into_iter().flat_map(|node| document.attributes(node));
    if let Some(lost) = attributes.into_iter().find(|attribute| !ours(attribute.ns, attribute.local)) {
        let what = format!(
            "its attribute {} of namespace {:?} would be lost: partner {} is sent version {} of the WCO Data Model, so it is \
             written anew; leave the attribute out",
            lost.local,
            lost.ns,
            partner.id(),
            to.code
        );
        return Err(SubmitError::NotSendable { what });
    }
    message.wco_data_model_version_code.value = to.code.as_str().into();
    let mut octets = Vec::with_capacity(16 * 1024);
    contract::encode(&message, &to.slots, &mut octets);
    let written = xml::parse(octets, &xml::Options::default())?;
    decode(&written, written.document_element(), Some(operation), &to.slots)?;
    Ok(written)
}

/// What may be sent by the partner's profile: the canonical octets, without what it withholds (REQ-084).
fn by_profile(
    exchange: &Exchange,
    partner: &Partner,
    operation: Operation,
    (document, node): (&Document, NodeId),
    octets: Vec<u8>,
) -> Result<(Vec<u8>, Judgement, Vec<WithheldView>), SubmitError> {
    let slots = partner.slots();
    let circumstances =
        Circumstances { now: exchange.clock.now(), direction: Direction::Out, calendars: partner.calendars() };
    let judge = |document: &Document, node| {
        let judgement = profile::evaluate(partner.profile(), &Subject { document, node, slots }, &circumstances);
        if judgement.rejections == 0 {
            return Ok(judgement);
        }
        let violations = Violations { list: judgement.rejected(), total: judgement.rejections };
        Err(SubmitError::Profile { profile: profile_name(partner.profile()), violations })
    };
    // First as it was handed in: its places are the caller's.
    let first = judge(document, node)?;
    if first.withheld.is_empty() {
        return Ok((octets, first, Vec::new()));
    }
    if let Some(path) = partner.profile().signed_and_withheld(document, node, &first.withheld) {
        return Err(SubmitError::Signed { profile: profile_name(partner.profile()), path });
    }
    let whole = xml::parse(octets, &xml::Options::default())?;
    let again = judge(&whole, whole.document_element())?;
    let stripped =
        xml::parse(profile::strip(&whole, whole.document_element(), &again.withheld), &xml::Options::default())?;
    let top = stripped.document_element();
    // What is left must be a document of the contract and of the profile, and have the form that is signed.
    decode(&stripped, top, Some(operation), slots)?;
    let octets = canonical(&stripped, top)?;
    let judgement = judge(&stripped, top)?;
    if let Some(left) = judgement.withheld.first() {
        return Err(SubmitError::NotSendable { what: format!("{} could not be taken out", left.path) });
    }
    let withheld: Vec<WithheldView> = first.withheld.iter().map(withheld_view).collect();
    tracing::info!(
        partner = partner.id().as_str(),
        profile = profile_name(partner.profile()),
        elements = withheld.len(),
        "elements withheld by the agreement profile"
    );
    Ok((octets, judgement, withheld))
}

fn decode(
    document: &Document,
    node: NodeId,
    operation: Option<Operation>,
    slots: &contract::Slots,
) -> Result<(Operation, MetaData), Violations> {
    match operation {
        Some(operation) => Ok((operation, contract::decode(operation, document, node, slots)?)),
        None => contract::decode_any(document, node, slots),
    }
}

/// `MetaData`: the document element, or the child of the operation's wrapper, which then is told.
fn business_document(
    document: &Document,
    operation: Option<Operation>,
    slots: &contract::Slots,
) -> Result<(Option<Operation>, NodeId), SubmitError> {
    let root = document.document_element();
    if document.is(root, slots.uri(contract::Slot::Md), "MetaData") {
        return Ok((None, root));
    }
    match contract::business_document(document, root, slots) {
        Ok((found, node)) if operation.is_none_or(|operation| found == operation) => Ok((Some(found), node)),
        _ => Err(SubmitError::NotADocument {
            expected: operation.map_or("the wrapper of an operation", Operation::name),
            came: document.local(root).chars().take(80).collect(),
        }),
    }
}

/// The form that is signed and sent: exclusive C14N without comments, without `wsu:Id`. Everything else stays as it was
/// handed in, so document signatures inside still hold.
fn canonical(document: &Document, node: NodeId) -> Result<Vec<u8>, SubmitError> {
    let mut octets = Vec::with_capacity(16 * 1024);
    c14n::exclusive_without(document, node, Some((ns::WSU, "Id")), &mut octets)
        .map_err(|error| SubmitError::NotSendable { what: error.to_string() })?;
    let again = xml::parse(octets.clone(), &xml::Options::default())?;
    let digest = document_digest(&again, again.document_element())
        .map_err(|error| SubmitError::NotSendable { what: error.to_string() })?;
    if digest == crate::base::sha256(&octets) {
        Ok(octets)
    } else {
        Err(SubmitError::NotSendable { what: "its canonical form reads as another document".to_owned() })
    }
}

fn named_partner(exchange: &Exchange, id: &PartnerId) -> Result<Arc<Partner>, SubmitError> {
    let error = |what| SubmitError::Partner { partner: id.to_string(), what };
    let partner = exchange.partners.now().by_id(id).cloned().ok_or_else(|| error("is not known"))?;
    if partner.file().active { Ok(partner) } else { Err(error("is not active")) }
}

fn route(exchange: &Exchange, operation: Operation, country: &str) -> Result<Arc<Partner>, SubmitError> {
    let partners = exchange.partners.now();
    let mut fitting = partners.all().iter().filter(|p| {
        p.file().active && p.speaks_for(country) && p.may_be_called(operation) && p.file().endpoint.is_some()
    });
    match (fitting.next(), fitting.count()) {
        (Some(partner), 0) => Ok(Arc::clone(partner)),
        (first, more) => Err(SubmitError::NoRoute {
            country: country.to_owned(),
            count: usize::from(first.is_some()) + more,
            operation: operation.name(),
        }),
    }
}

/// The one partner with which we hold the CO that a message is about, on the side from which the operation goes.
fn holder(exchange: &Exchange, operation: Operation, facts: &contract::Facts) -> Result<Arc<Partner>, SubmitError> {
    let (store, role, co) = (exchange.store.as_ref(), held::receiver(operation).other(), identity(facts));
    let mut found: Vec<Arc<Partner>> = Vec::new();
    let mut elsewhere = false;
    for partner in exchange.partners.now().all().iter().filter(|partner| partner.file().active) {
        if store.get(&key::co(store, role, partner.id(), &co))?.is_some() {
            found.push(Arc::clone(partner));
        }
        elsewhere |= store.get(&key::co(store, role.other(), partner.id(), &co))?.is_some();
    }
    match found.as_slice() {
        [one] => Ok(Arc::clone(one)),
        [] => Err(not_now(facts, if elsewhere { RuleRefusal::WrongRole } else { RuleRefusal::UnknownCo })),
        many => Err(SubmitError::NoRoute {
            country: facts.receiving_territory.clone().unwrap_or_default(),
            count: many.len(),
            operation: operation.name(),
        }),
    }
}

fn not_now(facts: &contract::Facts, refusal: RuleRefusal) -> SubmitError {
    let what = match refusal {
        RuleRefusal::UnknownCo => "it is not known with this partner",
        RuleRefusal::WrongRole => "such a message goes from the other side of it",
        RuleRefusal::IllegalState | RuleRefusal::AlreadyExists => "its state does not permit it; see co show",
    };
    SubmitError::NotNow { number: facts.number.clone(), what }
}

/// Message function 5 of code list 1225: it replaces what was sent before.
const FUNCTION_REPLACE: &str = "5";

/// What a submission does to the CO here: what it rests on, where its record is found, and the state that the CO enters.
struct Effect {
    co_key: Key,
    requires: Vec<Require>,
    point: Key,
    state: Option<CoState>,
    forget_state: bool,
}

/// What is done with a submission.
enum Taken {
    /// It is new.
    New(Effect),
    /// The same document was submitted before.
    Before(Box<Record>),
}

async fn take(
    exchange: &Arc<Exchange>,
    checked: Checked,
    message_id: Option<MessageId>,
) -> Result<Submitted, SubmitError> {
    let store = exchange.store.as_ref();
    let (operation, partner_id) = (checked.operation, checked.partner.id().clone());
    let co = identity(&checked.facts);
    let digest = to_hex(&checked.digest);
    let again = message_id.is_some();
    let taken = match held::brings_co(operation) {
        true => take_co(exchange, &checked, &co, again)?,
        false => take_about(exchange, &checked, &co, again)?,
    };
    let effect = match taken {
        Taken::New(effect) => effect,
        Taken::Before(before) => {
            let facts = Facts::of(&before).unwrap_or_default();
            return Ok(Submitted {
                message_id: facts.message_id.unwrap_or_default(),
                reference_id: before.reference,
                reference_code: facts.reference_code.unwrap_or_default(),
                partner: partner_id.to_string(),
                operation: operation.path().trim_start_matches('/').to_owned(),
                co,
                document_digest: digest,
                already: true,
                notices: checked.notices,
                withheld: checked.withheld,
            });
        }
    };
    let now = exchange.clock.now();
    let message_id = message_id.unwrap_or_else(key::new_message_id);
    let reference = key::new_reference();
    let reference_code = key::random_text(20);
    let path = operation.path().trim_start_matches('/').to_owned();
    let facts = Facts {
        operation: Some(path.clone()),
        message_id: Some(message_id.to_string()),
        digest: Some(digest.clone()),
        co: Some(co.clone()),
        about: about(&checked.facts.subject),
        items: checked.facts.items,
        octets: checked.octets.len(),
        reference_code: Some(reference_code.clone()),
        profile: Some(profile_name(checked.partner.profile())),
        notices: checked.notices.clone(),
        withheld: checked.withheld.clone(),
        ..Facts::default()
    };
    let entry = OutboxEntry {
        message_id: message_id.to_string(),
        partner: partner_id.to_string(),
        operation: path.clone(),
        sequence: exchange.queue.next_sequence(),
        taken_in: now,
        due: now,
        standing: Standing::Waiting,
        attempts: 0,
        tries_from: now,
        digest: digest.clone(),
        co_key: to_hex(&effect.co_key.bytes),
        co: co.clone(),
        seals: Vec::new(),
        reason: None,
    };
    let record = Record::new(RecordKind::Submitted, now, reference.clone())
        .partner(partner_id.clone())
        .part(PartName::Facts, facts.to_octets())
        .part(PartName::Document, checked.octets);
    let outbox_key = key::outbox(store, &message_id);
    let sent_key = key::message(store, &message_id);
    let mut commit = Commit::new(record)
        .require(Require::Absent(sent_key.clone()))
        .point(sent_key.clone())
        .point(key::reference(&reference))
        .point(effect.point)
        .put(outbox_key.clone(), entry.to_octets());
    for require in effect.requires {
        commit = commit.require(require);
    }
    let state_key = key::state(&effect.co_key);
    commit = match effect.state {
        Some(state) => commit.put(state_key, held::octets(state)),
        None if effect.forget_state => commit.remove(state_key),
        None => commit,
    };
    let committed = exchange.store.commit(commit).await.map_err(|error| match error {
        CommitError::Conflict { key } if key == sent_key => {
            SubmitError::MessageIdUsed { message_id: message_id.to_string() }
        }
        CommitError::Conflict { .. } => SubmitError::CoExists { message_id: "another message just now".to_owned() },
        error => SubmitError::Commit(error),
    })?;
    exchange.queue.added(outbox_key, entry, committed.position.version());
    tracing::info!(message_id = message_id.as_str(), partner = partner_id.as_str(), "document taken for delivery");
    Ok(Submitted {
        message_id: message_id.to_string(),
        reference_id: reference,
        reference_code,
        partner: partner_id.to_string(),
        operation: path,
        co,
        document_digest: digest,
        already: false,
        notices: checked.notices,
        withheld: checked.withheld,
    })
}

/// A CO: new, the same as before, or one that may take the place of the one before.
fn take_co(exchange: &Exchange, checked: &Checked, co: &CoIdentity, again: bool) -> Result<Taken, SubmitError> {
    let store = exchange.store.as_ref();
    let co_key = key::co(store, Role::Exporting, checked.partner.id(), co);
    let Some(held) = held::find(store, Role::Exporting, checked.partner.id(), co)? else {
        let requires = vec![Require::Absent(co_key.clone())];
        let effect = Effect { point: co_key.clone(), co_key, requires, state: None, forget_state: false };
        return Ok(Taken::New(effect));
    };
    let earlier_id = held.facts.message_id.clone().unwrap_or_default();
    let failed = ended_without_receipt(exchange, &earlier_id)?;
    let same = held.facts.digest.as_deref() == Some(&to_hex(&checked.digest));
    if !failed && same && !again {
        return Ok(Taken::Before(Box::new(held.record)));
    }
    let makes_room = failed || held.state == CoState::Cancelled || checked.facts.function_code == FUNCTION_REPLACE;
    if !makes_room && !same {
        return Err(SubmitError::CoExists { message_id: earlier_id });
    }
    let forget_state = held.state_is_kept && !same;
    Ok(Taken::New(Effect { point: co_key.clone(), co_key, requires: held.requires, state: None, forget_state }))
}

/// A message about a CO: the CO must be known with the partner, we on the right side of it, and its state permit it.
fn take_about(exchange: &Exchange, checked: &Checked, co: &CoIdentity, again: bool) -> Result<Taken, SubmitError> {
    let (store, operation) = (exchange.store.as_ref(), checked.operation);
    let role = held::receiver(operation).other();
    let partner = checked.partner.id();
    let Some(held) = held::find(store, role, partner, co)? else {
        let other = store.get(&key::co(store, role.other(), partner, co))?.is_some();
        let refusal = if other { RuleRefusal::WrongRole } else { RuleRefusal::UnknownCo };
        return Err(not_now(&checked.facts, refusal));
    };
    let point = key::about(&held.key, operation, &checked.digest);
    let mut requires = held.requires;
    let mut same = false;
    match store.get(&point)? {
        None => requires.push(Require::Absent(point.clone())),
        Some(entry) => {
            requires.push(Require::Version { key: point.clone(), version: entry.version });
            let before = entry.position().map(|position| store.read(position)).transpose()?;
            if let Some(before) = before.map(|journaled| journaled.record) {
                let earlier_id = Facts::of(&before).and_then(|facts| facts.message_id).unwrap_or_default();
                same = !ended_without_receipt(exchange, &earlier_id)?;
                if same && !again {
                    return Ok(Taken::Before(Box::new(before)));
                }
            }
        }
    }
    // One that went before may go again under another id; it changes nothing more.
    if same {
        let effect = Effect { co_key: held.key, requires, point, state: None, forget_state: false };
        return Ok(Taken::New(effect));
    }
    let event = match &checked.facts.subject {
        contract::Subject::CancellationStatus { status, .. } => OurEvent::CancellationStatus(*status),
        contract::Subject::Feedback { .. } => OurEvent::Feedback,
        contract::Subject::Notice { .. } | contract::Subject::Document => OurEvent::Notice,
    };
    match rules::decide_ours(Known::Held { role: held.role, state: held.state }, event) {
        Decision::Accept(state) => Ok(Taken::New(Effect {
            forget_state: state == CoState::Received && held.state_is_kept,
            state: (state != held.state && state != CoState::Received).then_some(state),
            co_key: held.key,
            requires,
            point,
        })),
        Decision::Refuse(refusal) => Err(not_now(&checked.facts, refusal)),
        Decision::AlreadyReceived => Err(not_now(&checked.facts, RuleRefusal::IllegalState)),
    }
}

/// Whether the delivery of that message was refused by the partner: then the CO may be submitted again.
fn ended_without_receipt(exchange: &Exchange, message_id: &str) -> Result<bool, store::Error> {
    let store = exchange.store.as_ref();
    let Ok(id) = MessageId::parse(message_id) else { return Ok(false) };
    let Some(position) = store.get(&key::receipt(store, &id))?.as_ref().and_then(store::Entry::position) else {
        return Ok(false);
    };
    Ok(store.read(position)?.record.kind == RecordKind::Declined)
}
