//! `coconnect`: the messaging gateway that a customs administration puts at its border to exchange electronic Certificates
//! of Origin (CO) with the gateways of its partners, directly, without a hub. One binary is both ends of every exchange.
//!
//! Its promise: every message that leaves or enters is encrypted, signed, checked, recorded once and answered with a signed
//! acknowledgement, and years later it can be proved what was exchanged.
//!
//! # Start here
//! - A message comes in: [`exchange`]'s `inbound/mod.rs` reads as the flow, one call a stage.
//! - A CO goes out: `exchange/outbound/mod.rs` likewise.
//! - What a verifier hands back, and in which order it checks: [`soap::wss`], `verify.rs`.
//! - What is durable, and when: the head of [`store`].
//! - A gateway put together: [`gateway::node`]; what it serves: [`gateway::server`]; the routes for operators: [`web::rest`].
//! - Reasons, threats, differences from specifications, daily work: [`manual`].
//!
//! # The two flows
//! ```text
//! INBOUND   net::listen -> gateway::server   handshake: a certificate of some partner
//!           admit         partner by certificate, Basic and address of that same partner, operation, size, media type
//!           receive       body, xml::parse, soap::Envelope
//!           authenticate  soap::wss: structure, algorithms, certificate, freshness, coverage, SignatureValue; decrypt; digests
//!           validate      contract::decode from the verified tree; document digest; countries
//!           decide        known MessageID or CO; rules
//!           record        ONE commit: keys, received octets, clear envelope, Acknowledgement element, leaf
//!           acknowledge   a fresh signed envelope around the stored element; faults likewise
//!
//! OUTBOUND  submit        contract::decode; one commit: journal and outbox
//!           driver        leases what is due
//!           encode        the wrapper around the document; our own output is decoded again
//!           secure        soap::wss: sign, then encrypt; fresh Timestamp and seal a try
//!           deliver       net::client: one attempt, one deadline
//!           receipt       the answer verified like a request, its leaf recomputed, its proofs checked
//!           schedule      a function: next try, or a person
//! ```
//!
//! # Floors
//! A room imports only from lower floors; rooms of one floor never import each other. `tests/layers.rs` holds this.
//!
//! | floor | rooms |
//! |---|---|
//! | 0 | [`base`]: clock, identifiers, limits |
//! | 1 | [`xml`]: parser, tree, canonical forms, XPath; [`net`]: sockets, TLS, HTTP; [`pki`]: certificates, paths, revocation |
//! | 2 | [`xmlsec`]: XML Signature and XML Encryption; [`store`]: journal, index, Merkle trees |
//! | 3 | [`soap`]: envelope, addressing, WS-Security; [`contract`]: WSDL, schemas, generated model and decoder |
//! | 4 | [`exchange`]: the business |
//! | 5 | [`gateway`]: wires the parts |
//! | 6 | [`web`]: the local API; [`tools`]: demonstration, measurements, conformance |
//! | 7 | [`cli`]: the command line |
//!
//! # Invariants
//! - Only [`base::clock`] reads the time; only [`net`] opens sockets; only [`store`] knows sled; only [`xml`]'s parser reads
//!   markup of messages; only [`exchange::fault`] decides what a peer sees; only [`cli`] prints.
//! - [`xmlsec`] knows no SOAP and no trust: keys come in from its caller, who judges them.
//! - Nothing is acknowledged before it is durable; nothing is read from a message but what its signature covers.
//! - Rules and schedules do no I/O. Signed text is never normalised, only compared through a canonical form.
//! - Every ceiling stands in [`base::limits`] or in the configuration, and is checked before its cost is paid.

pub mod base;
pub mod cli;
pub mod contract;
pub mod exchange;
pub mod gateway;
pub mod manual;
pub mod net;
pub mod pki;
pub mod soap;
pub mod store;
pub mod tools;
pub mod web;
pub mod xml;
pub mod xmlsec;
