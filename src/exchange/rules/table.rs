//! The table itself: one arm a rule, every cell of it in the test below.

use super::{CoState, Content, Decision, Event, Known, Refusal, Role};

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
        (_, Event::Issued(Content::Same) | Event::Replacing(Content::Same)) => Decision::AlreadyReceived,
        (Cancelled, Event::Issued(Content::Other)) => Decision::Accept(Received),
        (_, Event::Issued(Content::Other)) => Decision::Refuse(Refusal::AlreadyExists),
        (Received | CancelPending | Cancelled, Event::Replacing(Content::Other)) => Decision::Accept(Received),
        (_, Event::Replacing(Content::Other)) => Decision::Refuse(Refusal::IllegalState),
        // Until claims are kept, customs may still take a notice in every state; it stays undecided.
        (Received, Event::Notice) => Decision::Accept(CancelPending),
        (_, Event::Notice) => Decision::Refuse(Refusal::IllegalState),
        // Status and feedback travel from the importing side to the exporting side only.
        (_, Event::CancellationStatus | Event::Feedback) => Decision::Refuse(Refusal::WrongRole),
    }
}

/// We exported it to the partner.
fn exporting(state: CoState, event: Event) -> Decision {
    use CoState::{Acknowledged, Cancelled, Failed, Queued, Replaced};
    match (state, event) {
        (_, Event::Issued(_) | Event::Replacing(_) | Event::Notice) => Decision::Refuse(Refusal::WrongRole),
        // An answer about a CO whose acknowledgement was lost is proof that it was received (design 2.5).
        (Queued | Failed, Event::Feedback | Event::CancellationStatus) => Decision::Accept(Acknowledged),
        (state @ (Acknowledged | Cancelled | Replaced), Event::Feedback | Event::CancellationStatus) => {
            Decision::Accept(state)
        }
        (_, Event::Feedback | Event::CancellationStatus) => Decision::Refuse(Refusal::IllegalState),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter a cell, columns in the order of [`Event::ALL`]: the state entered (R received, P pending, K
    /// acknowledged, C cancelled, X replaced), `=` already received, `e` exists, `u` unknown, `w` wrong role, `i` illegal.
    const TABLE: &str = "
        nothing                 R R R R u u u
        importing queued        = e = i i w w
        importing acknowledged  = e = i i w w
        importing failed        = e = i i w w
        importing received      = e = R P w w
        importing cancelpending = e = R i w w
        importing cancelled     = R = R i w w
        importing replaced      = e = i i w w
        exporting queued        w w w w w K K
        exporting acknowledged  w w w w w K K
        exporting failed        w w w w w K K
        exporting received      w w w w w i i
        exporting cancelpending w w w w w i i
        exporting cancelled     w w w w w C C
        exporting replaced      w w w w w X X
    ";

    fn letter(decision: Decision) -> char {
        match decision {
            Decision::Accept(CoState::Received) => 'R',
            Decision::Accept(CoState::CancelPending) => 'P',
            Decision::Accept(CoState::Acknowledged) => 'K',
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

    #[test]
    fn every_cell_of_the_table_is_as_written() {
        let mut rows = Vec::new();
        let row = |name: String, known| {
            let cells: Vec<String> = Event::ALL.iter().map(|e| letter(decide(known, *e)).to_string()).collect();
            format!("{name} {}", cells.join(" "))
        };
        rows.push(row("nothing".to_owned(), Known::Nothing));
        for (role, name) in [(Role::Importing, "importing"), (Role::Exporting, "exporting")] {
            for state in CoState::ALL {
                rows.push(row(format!("{name} {}", format!("{state:?}").to_lowercase()), Known::Held { role, state }));
            }
        }
        let expected: Vec<String> = TABLE
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|line| !line.is_empty())
            .collect();
        assert_eq!(rows, expected);
    }
}
