//! The walk over the parts of a request, and its end.

use http::request::Parts;

use crate::{
    error::{Code, Fault, FieldError},
    errors::Errors,
    layout::{Layout, Slots},
    reader,
    rejection::{Manner, Rejection},
    source::Source,
    unknown,
    value::Value,
};

/// Fills the slots of everything but the path and the body.
pub(crate) fn read_parts<'r, F: Slots<'r>>(slots: &mut F, parts: &'r Parts, errors: &mut Errors) {
    let wants = F::WANTS;
    if wants.query | wants.deny_query {
        let text = parts.uri.query().unwrap_or_default();
        let (max, deny) = (wants.max_params, wants.deny_query);
        read_pairs::<F>(Source::Query, text, max, deny, errors, |key, value| slots.query(key, value));
    }
    if wants.cookie {
        reader::cookies(&parts.headers, &mut |name, value| slots.cookie(name, value));
    }
    slots.lookup(parts);
}

/// Hands every pair of a query or a form on; tells of those that nobody takes, and of too many.
pub(crate) fn read_pairs<'r, F: Layout>(
    source: Source,
    text: &'r str,
    max: usize,
    deny: bool,
    errors: &mut Errors,
    mut feed: impl FnMut(&str, Value<'r>) -> bool,
) {
    let mut strangers = 0;
    let mut pairs = reader::Pairs::new(text, max);
    for (key, value) in pairs.by_ref() {
        if !feed(&key, value) && deny && strangers < unknown::MOST {
            strangers += 1;
            errors.stray(unknown::error::<F>(source, &key));
        }
    }
    if pairs.is_cut {
        let fault = Fault::new(Code::TooMany, format!("expected at most {max} values"));
        errors.stray(FieldError::new(source, "", fault));
    }
}

/// Makes the struct of its slots and what became of the body.
pub(crate) fn finish<F: Layout>(
    slots: F,
    errors: &mut Errors,
    parts: &Parts,
) -> Result<F::Output, Rejection> {
    match slots.finish(errors) {
        Some(value) if errors.is_clean() => Ok(value),
        _ => {
            let plan = const { &F::BODY };
            let path_is_404 = F::WANTS.path_is_404;
            let manner = Manner { path_is_404, plan: Some(plan), ..Manner::of(parts) };
            Err(errors.take().with_manner(manner))
        }
    }
}
