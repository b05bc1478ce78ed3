//! Every ceiling, with its reason. A bound is checked before its cost is paid.
//!
//! These are the hard ceilings of the code; configuration may set lower ones.

/// Octets of one message on the wire. A CO of 10,000 items with linked documents fits; so do 64 of them in 24 GiB.
pub const MESSAGE_BYTES_MAX: usize = 50 * 1024 * 1024;
/// Element nesting. WCO documents stay below 20; each level costs a stack entry, never a call.
pub const DEPTH_MAX: usize = 256;
/// Nodes of one document (elements, texts, comments, processing instructions).
pub const NODES_MAX: usize = 8_000_000;
/// Nodes of one message: a CO of 99,999 short items has some 1.4 million, and a node takes 52 octets of memory. Without a bound
/// of its own a message of elements of four octets would take many times the room that is reserved for it.
pub const MESSAGE_NODES_MAX: usize = 2_000_000;
/// Attributes of one element, namespace declarations included.
pub const ATTRIBUTES_PER_ELEMENT_MAX: usize = 512;
/// Attributes of one document. A DTD can give many to each element that writes none.
pub const ATTRIBUTES_MAX: usize = 8_000_000;
/// Octets that the entities of a DTD may add to one document, and those of parameter entities likewise.
pub const ENTITY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Octets of that budget which a reference within an entity costs beside its text: empty entities that double from level to
/// level would else be work without end.
pub const ENTITY_REFERENCE_BYTES: usize = 4;
/// Entities within entities, and levels of a content model.
pub const ENTITY_DEPTH_MAX: usize = 32;
/// Octets of one name; libxml2 draws the same line.
pub const NAME_BYTES_MAX: usize = 50_000;
/// Distinct namespace URIs of one document.
pub const NAMESPACES_MAX: usize = 4_096;
/// Namespace declarations in scope at one element.
pub const NAMESPACES_IN_SCOPE_MAX: usize = 512;
/// `ds:Reference` elements of one signature (design 2.2).
pub const REFERENCES_MAX: usize = 32;
/// Transforms of one reference.
pub const TRANSFORMS_MAX: usize = 8;
/// Octets of an XPath expression.
pub const XPATH_BYTES_MAX: usize = 16 * 1024;
/// Nesting of parentheses and predicates in an XPath expression; each level costs stack.
pub const XPATH_DEPTH_MAX: usize = 48;
/// Nodes that the evaluation of an XPath expression may visit, and octets that it may compare: about a second of work.
pub const XPATH_STEPS_MAX: u64 = 5_000_000;
/// Octets of one canonical form.
pub const CANONICAL_BYTES_MAX: usize = 4 * MESSAGE_BYTES_MAX;
/// Times the octets of a document that the transforms of its References may go through together, in and out: References
/// may overlap, nest and repeat. Signatures of two dozen parties over one document fit.
pub const DEREFERENCED_TIMES_MAX: usize = 64;
/// Octets that they may go through in any document, however small: two hundred signatures over one of 20 KB. More would let
/// the work of a document of 100 KB grow with its square.
pub const DEREFERENCED_BYTES_FREE: usize = 8 * 1024 * 1024;
/// Steps that all XPath expressions of one document may take together.
pub const XPATH_DOCUMENT_STEPS_MAX: u64 = 4 * XPATH_STEPS_MAX;
/// Octets of one namespace URI. It is compared wherever its prefix is used, so its length must not count.
pub const NAMESPACE_BYTES_MAX: usize = 4_096;
/// Octets of a default value of a DTD that are free wherever it is applied; what is longer counts as
/// [`ENTITY_BYTES_MAX`] does.
pub const DEFAULT_VALUE_BYTES_FREE: usize = 64;
/// KeyInfo elements, and children of them, that are looked at for one signature or document: a few that name each other
/// lead to any number of ways.
pub const KEY_INFO_VISITS_MAX: usize = 1_024;
/// `xenc:EncryptedKey` elements of one file.
pub const ENCRYPTED_KEYS_MAX: usize = 10_000;
/// Looks at an EncryptedKey, a hint or a key of ours that the search for the keys of one document may take.
pub const KEY_SEARCH_MAX: usize = 1_000_000;
/// Octets of the label of RSA-OAEP (`OAEPparams`).
pub const OAEP_LABEL_BYTES_MAX: usize = 4_096;
/// Octets of a key that a document has derived: an HMAC key hashed by SHA-512 uses 128.
pub const DERIVED_KEY_BYTES_MAX: usize = 1_024;
/// Times the iterations of PBKDF2 that one derivation may take, for all of a document together.
pub const DERIVATIONS_MAX: usize = 4;
