//! Keys that no field reads, and the nearest one that a field does.

use crate::{
    error::{Code, Fault, FieldError},
    layout::Layout,
    source::Source,
};

/// The most unknown keys that are told of; one too many tells enough.
pub(crate) const MOST: usize = 20;

/// The most characters of a key that an error shows.
const SHOWN: usize = 64;

/// The error of a key that no field reads.
pub(crate) fn error<F: Layout>(source: Source, key: &str) -> FieldError {
    let mut best: Option<(usize, String)> = None;
    // A key much longer than any field's is not worth comparing.
    if key.len() <= SHOWN {
        F::keys(source, &mut |known| {
            let edits = distance(key, known);
            let near = edits <= 1 + known.len() / 4;
            if near && best.as_ref().is_none_or(|(least, _)| edits < *least) {
                best = Some((edits, known.to_owned()));
            }
        });
    }
    let detail = match best {
        Some((_, meant)) => format!("no such key: did you mean `{meant}`?"),
        None => "no such key".to_owned(),
    };
    let shown: String = key.chars().take(SHOWN).collect();
    let place = match source {
        Source::Body => format!("/{}", shown.replace('~', "~0").replace('/', "~1")),
        _ => shown,
    };
    FieldError::new(source, place, Fault::new(Code::Unknown, detail))
}

/// Edits from one word to the other, two letters swapped being one (Damerau, restricted).
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let change = rows[i][j] + usize::from(a != b);
            let mut least = change.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}
