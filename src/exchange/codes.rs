//! Code lists of a document, by the versions and the policy agreed with its partner (REQ-072).

use crate::contract::codelist::{self, Day, Found};
use crate::contract::{MetaData, Violations};
use crate::exchange::partner::Partner;
use crate::xml::{Document, NodeId};

/// Checks the codes of `message`, which was bound from `node`: gives those that are only to be told.
///
/// The lists are those in force on the day of issue, and the newest for a document without one.
///
/// # Errors
/// The codes for which it is refused.
pub(super) fn check(
    partner: &Partner,
    message: &MetaData,
    issued: &str,
    document: &Document,
    node: NodeId,
) -> Result<Violations, Violations> {
    let day = Day::parse(issued).unwrap_or(Day::LAST);
    let Found { rejected, warned } = codelist::check(message, partner.code_lists(), day, document, node);
    if !rejected.is_empty() {
        return Err(rejected);
    }
    if let Some(first) = warned.list.first() {
        let (partner, count) = (partner.id().to_string(), warned.total);
        tracing::warn!(partner, count, path = first.path, expected = %first.expected, "codes that are not listed");
    }
    Ok(warned)
}
