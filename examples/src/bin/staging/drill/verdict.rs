//! Whether what a client saw of an attempt is what the server did to it.

use std::time::Duration;

use http::StatusCode;
use waylay_fault::Deed;

use super::ledger::Record;
use super::sighting::{Protocol, Seen, Sighting};

/// HTTP/2's INTERNAL_ERROR (RFC 9113, section 7), by which hyper resets a stream whose body fails.
const INTERNAL_ERROR: u32 = 2;

/// What a client was told to expect of a route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// The answer of the route itself.
    pub(crate) natural: StatusCode,
    /// Whether a fault lies on it, switched on.
    pub(crate) beset: bool,
    pub(crate) protocol: Protocol,
}

/// Compares the two sides of one attempt.
///
/// # Errors
/// In words, how they differ.
pub(crate) fn judge(terms: Terms, sighting: &Sighting, records: &[Record]) -> Result<(), String> {
    let spared = Record { fault: String::new(), deeds: Vec::new() };
    let record = match (terms.beset, records) {
        (false, []) => &spared,
        (true, [record]) => record,
        (beset, records) => {
            let (wanted, met) = (usize::from(beset), records.len());
            return Err(format!("it met {met} faults at the server and should have met {wanted}"));
        }
    };
    if agrees(terms, sighting, record) {
        return Ok(());
    }
    let Sighting { seen, took } = sighting;
    Err(match &*record.deeds {
        [] => format!("the client saw {seen} after {took:.1?}, the server injected nothing"),
        deeds => {
            let deeds: Vec<_> = deeds.iter().map(Deed::to_string).collect();
            let (deeds, fault) = (deeds.join(", "), &record.fault);
            format!("the client saw {seen} after {took:.1?}, the server injected {deeds} by {fault}")
        }
    })
}

fn agrees(terms: Terms, sighting: &Sighting, record: &Record) -> bool {
    let mut wait = Duration::ZERO;
    let mut end = None;
    for deed in &record.deeds {
        match deed {
            Deed::Slow(delay) => wait += *delay,
            Deed::Hang(max) => {
                wait += *max;
                end = Some(deed);
            }
            _ => end = Some(deed),
        }
    }
    if sighting.seen == Seen::TimedOut {
        // Only what makes a client wait can make it give up.
        return !wait.is_zero();
    }

    let mark = (!record.deeds.is_empty()).then_some(record.fault.as_str());
    let answered = |wanted: StatusCode| match &sighting.seen {
        Seen::Answer { status, mark: found } => *status == wanted && found.as_deref() == mark,
        _ => false,
    };
    let dropped = |code: u32| match terms.protocol {
        Protocol::Http1 => sighting.seen == Seen::Closed,
        Protocol::Http2 => sighting.seen == Seen::Reset(code),
    };
    let ended = match end {
        None => answered(terms.natural),
        Some(Deed::Error(status)) => StatusCode::from_u16(*status).is_ok_and(answered),
        Some(Deed::EmptyReply | Deed::Hang(_)) => dropped(INTERNAL_ERROR),
        Some(Deed::StreamReset(code)) => dropped(*code),
        // No fault of the shop does anything else.
        Some(_) => false,
    };
    ended && sighting.took >= wait
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(50);
    const TERMS: Terms = Terms { natural: StatusCode::OK, beset: true, protocol: Protocol::Http2 };

    fn answer(status: u16, mark: Option<&str>) -> Seen {
        Seen::Answer { status: StatusCode::from_u16(status).unwrap(), mark: mark.map(str::to_owned) }
    }

    fn met(deeds: &[Deed]) -> Record {
        Record { fault: "flaky".to_owned(), deeds: deeds.to_vec() }
    }

    /// A check that never fails is none: every story agrees with itself alone.
    #[test]
    fn each_deed_is_told_from_every_other() {
        let stories = [
            (vec![], answer(200, None)),
            (vec![Deed::Slow(MOMENT)], answer(200, Some("flaky"))),
            (vec![Deed::Error(503)], answer(503, Some("flaky"))),
            (vec![Deed::Slow(MOMENT), Deed::Error(500)], answer(500, Some("flaky"))),
            (vec![Deed::EmptyReply], Seen::Reset(INTERNAL_ERROR)),
            (vec![Deed::StreamReset(7)], Seen::Reset(7)),
            (vec![Deed::Hang(Duration::from_secs(30))], Seen::TimedOut),
        ];
        for (deeds, _) in &stories {
            for (other, seen) in &stories {
                let waits = deeds.iter().any(|deed| matches!(deed, Deed::Slow(_)));
                let agrees = deeds == other || (waits && *seen == Seen::TimedOut);
                let sighting = Sighting { seen: seen.clone(), took: MOMENT };
                let verdict = judge(TERMS, &sighting, &[met(deeds)]);
                assert_eq!(verdict.is_ok(), agrees, "{deeds:?} {seen}: {verdict:?}");
            }
        }
    }

    #[test]
    fn a_wrong_detail_is_a_disagreement() {
        let http1 = Terms { protocol: Protocol::Http1, ..TERMS };
        let untouched = Terms { beset: false, ..TERMS };
        let (error, late) = ([met(&[Deed::Error(503)])], [met(&[Deed::Slow(2 * MOMENT)])]);
        let twice = [met(&[]), met(&[])];
        let rows: [(&str, Terms, Seen, &[Record]); 8] = [
            ("another fault's mark", TERMS, answer(503, Some("other")), &error),
            ("no mark", TERMS, answer(503, None), &error),
            ("too early", TERMS, answer(200, Some("flaky")), &late),
            ("a reset is not HTTP/1.1", http1, Seen::Reset(2), &[met(&[Deed::EmptyReply])]),
            ("sent twice behind our back", TERMS, answer(200, None), &twice),
            ("never arrived", TERMS, answer(200, None), &[]),
            ("a fault where none lies", untouched, answer(200, None), &[met(&[])]),
            ("odd", TERMS, Seen::Odd("refused".to_owned()), &[met(&[])]),
        ];
        for (name, terms, seen, records) in rows {
            assert!(judge(terms, &Sighting { seen, took: MOMENT }, records).is_err(), "{name}");
        }
    }
}
