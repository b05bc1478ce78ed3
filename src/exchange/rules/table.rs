//! The tables themselves: one arm a rule, every cell of them in the tests below.

use super::{CoState, Content, Decision, Event, Known, OurEvent, Refusal, Role};
use crate::contract::Cancellation;

/// What `event` from a partner does to a CO of which `known` is known.
#[must_use]
pub fn decide(known: Known, event: Event) -> Decision {
    match (known, event) {
        // What a replacement replaces may predate the exchange, so it need not be known here.
        (Known::Nothing, Event::Issued(_) | Event::Replacing(_)) => Decision::Accept(CoState::Received),
        (Known::Nothing, _) => Decision::Refuse(Refusal::UnknownCo),
        (Known::Held { role: Role::Importing, state }, event) => importing(state, event),
        (Known::Held { role: Role::Exporting, state }, event) => exporting(state, event),
    }
}

/// The partner exported it to us.
fn importing(state: CoState, event: Event) -> Decision {
    use CoState::{CancelPending, Cancelled, Received};
    match (state, event) {
        // The same document again is answered, whatever became of it since: the sender only missed our answer.
        (_, Event::Issued(Content::Same) | Event::Replacing(Content::Same) | Event::Notice(Content::Same)) => {
            Decision::AlreadyReceived
        }
        (Cancelled, Event::Issued(Content::Other)) => Decision::Accept(Received),
        (_, Event::Issued(Content::Other)) => Decision::Refuse(Refusal::AlreadyExists),
        (Received | CancelPending | Cancelled, Event::Replacing(Content::Other)) => Decision::Accept(Received),
        (_, Event::Replacing(Content::Other)) => Decision::Refuse(Refusal::IllegalState),
        // Until claims are kept, customs may still take a notice in every state; it stays undecided.
        (Received, Event::Notice(Content::Other)) => Decision::Accept(CancelPending),
        (_, Event::Notice(Content::Other)) => Decision::Refuse(Refusal::IllegalState),
        // Status and feedback travel from the importing side to the exporting side only.
        (_, Event::CancellationStatus(..) | Event::Feedback(_)) => Decision::Refuse(Refusal::WrongRole),
    }
}

/// We exported it to the partner.
fn exporting(state: CoState, event: Event) -> Decision {
    use CoState::{Acknowledged, CancelRequested, Cancelled, Failed, Queued, Replaced};
    match (state, event) {
        (_, Event::Issued(_) | Event::Replacing(_) | Event::Notice(_)) => Decision::Refuse(Refusal::WrongRole),
        (CoState::Received | CoState::CancelPending, _) => Decision::Refuse(Refusal::IllegalState),
        (_, Event::CancellationStatus(_, Content::Same) | Event::Feedback(Content::Same)) => Decision::AlreadyReceived,
        // The answer to our notice.
        (CancelRequested, Event::CancellationStatus(Cancellation::Accepted, _)) => Decision::Accept(Cancelled),
        (CancelRequested, Event::CancellationStatus(Cancellation::Declined, _)) => Decision::Accept(Acknowledged),
        // An answer about a CO whose acknowledgement was lost is proof that it was received (design 2.5).
        (Queued | Failed, Event::Feedback(_) | Event::CancellationStatus(..)) => Decision::Accept(Acknowledged),
        (
            state @ (Acknowledged | CancelRequested | Cancelled | Replaced),
            Event::Feedback(_) | Event::CancellationStatus(..),
        ) => Decision::Accept(state),
    }
}

/// Whether a message of ours about a CO of which `known` is known may go, and what it does to it here.
#[must_use]
pub fn decide_ours(known: Known, event: OurEvent) -> Decision {
    use CoState::{Acknowledged, CancelPending, CancelRequested, Cancelled, Failed, Queued, Received};
    let Known::Held { role, state } = known else { return Decision::Refuse(Refusal::UnknownCo) };
    match (role, state, event) {
        (Role::Exporting, Queued | Acknowledged | Failed, OurEvent::Notice) => Decision::Accept(CancelRequested),
        (Role::Exporting, _, OurEvent::Notice) => Decision::Refuse(Refusal::IllegalState),
        (Role::Importing, CancelPending, OurEvent::CancellationStatus(Cancellation::Accepted)) => {
            Decision::Accept(Cancelled)
        }
        (Role::Importing, CancelPending, OurEvent::CancellationStatus(Cancellation::Declined)) => {
            Decision::Accept(Received)
        }
        (Role::Importing, state @ (Received | CancelPending), OurEvent::Feedback) => Decision::Accept(state),
        (Role::Importing, _, OurEvent::CancellationStatus(_) | OurEvent::Feedback) => {
            Decision::Refuse(Refusal::IllegalState)
        }
        // Notices travel from the exporting side, answers from the importing side only.
        _ => Decision::Refuse(Refusal::WrongRole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter a cell, columns in the order of [`Event::ALL`]: the state entered (R received, P pending, K
    /// acknowledged, Q cancel requested, C cancelled, X replaced), `=` already received, `e` exists, `u` unknown, `w` wrong
    /// role, `i` illegal.
    const TABLE: &str = "
        nothing                   R R R R u u u u u u u u
        importing queued          = e = i = i w w w w w w
        importing acknowledged    = e = i = i w w w w w w
        importing failed          = e = i = i w w w w w w
        importing cancelrequested = e = i = i w w w w w w
        importing received        = e = R = P w w w w w w
        importing cancelpending   = e = R = i w w w w w w
        importing cancelled       = R = R = i w w w w w w
        importing replaced        = e = i = i w w w w w w
        exporting queued          w w w w w w = K = K = K
        exporting acknowledged    w w w w w w = K = K = K
        exporting failed          w w w w w w = K = K = K
        exporting cancelrequested w w w w w w = C = K = Q
        exporting received        w w w w w w i i i i i i
        exporting cancelpending   w w w w w w i i i i i i
        exporting cancelled       w w w w w w = C = C = C
        exporting replaced        w w w w w w = X = X = X
    ";

    /// Columns in the order of [`OurEvent::ALL`].
    const OURS: &str = "
        nothing                   u u u u
        importing queued          w i i i
        importing acknowledged    w i i i
        importing failed          w i i i
        importing cancelrequested w i i i
        importing received        w i i R
        importing cancelpending   w C R P
        importing cancelled       w i i i
        importing replaced        w i i i
        exporting queued          Q w w w
        exporting acknowledged    Q w w w
        exporting failed          Q w w w
        exporting cancelrequested i w w w
        exporting received        i w w w
        exporting cancelpending   i w w w
        exporting cancelled       i w w w
        exporting replaced        i w w w
    ";

    fn letter(decision: Decision) -> char {
        match decision {
            Decision::Accept(CoState::Received) => 'R',
            Decision::Accept(CoState::CancelPending) => 'P',
            Decision::Accept(CoState::Acknowledged) => 'K',
            Decision::Accept(CoState::CancelRequested) => 'Q',
            Decision::Accept(CoState::Cancelled) => 'C',
            Decision::Accept(CoState::Replaced) => 'X',
            Decision::Accept(_) => '?',
            Decision::AlreadyReceived => '=',
            Decision::Refuse(Refusal::AlreadyExists) => 'e',
            Decision::Refuse(Refusal::UnknownCo) => 'u',
            Decision::Refuse(Refusal::WrongRole) => 'w',
            Decision::Refuse(Refusal::IllegalState) => 'i',
        }
    }

    /// Every row, with the letter of each cell.
    fn rows(cells: impl Fn(Known) -> Vec<Decision>) -> Vec<String> {
        let row = |name: String, known| {
            let letters: Vec<String> = cells(known).into_iter().map(|decision| letter(decision).to_string()).collect();
            format!("{name} {}", letters.join(" "))
        };
        let mut rows = vec![row("nothing".to_owned(), Known::Nothing)];
        for (role, name) in [(Role::Importing, "importing"), (Role::Exporting, "exporting")] {
            for state in CoState::ALL {
                rows.push(row(format!("{name} {}", format!("{state:?}").to_lowercase()), Known::Held { role, state }));
            }
        }
        rows
    }

    fn written(table: &str) -> Vec<String> {
        let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.filter(|line| !line.is_empty()).collect()
    }

    #[test]
    fn every_cell_of_the_table_is_as_written() {
        let cells = |known| Event::ALL.iter().map(|event| decide(known, *event)).collect();
        assert_eq!(rows(cells), written(TABLE));
    }

    #[test]
    fn every_cell_of_the_table_of_our_own_acts_is_as_written() {
        let cells = |known| OurEvent::ALL.iter().map(|event| decide_ours(known, *event)).collect();
        assert_eq!(rows(cells), written(OURS));
    }
}
