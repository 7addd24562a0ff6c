//! What is read of a struct but not yet carried out by `Extract`: a fault, never silence.

use crate::{
    faults::Faults,
    model::Model,
    origin::{Origin, View},
    scalar::{Empty, How, Scalar},
};

/// Tells what `Extract` does not do yet.
pub(crate) fn check(model: &Model) -> syn::Result<()> {
    let mut faults = Faults::default();
    let container = &model.container;
    let deny = container.deny;
    let odd = container.echo
        || container.path_is_404
        || container.validate.is_some()
        || container.error.is_some()
        || container.twice as u8 != 0
        || deny.query
        || deny.form
        || deny.json
        || deny.part;
    if odd {
        faults.at(&model.ident, "this option is not carried out yet");
    }
    if let Some(lifetime) = &model.borrow {
        faults.at(lifetime, "a struct that borrows is not carried out yet");
    }
    for field in &model.fields {
        let source = match &field.origin {
            Origin::Param { raw, .. } => !raw,
            Origin::Query { .. } | Origin::Header { typed: false, .. } | Origin::Json { .. } => true,
            Origin::Cookie { keys, raw } => keys.len() == 1 && !raw,
            Origin::Body(views) => matches!(views[..], [View::Json | View::Text | View::Bytes]),
            Origin::Flatten { prefix, body } => prefix.is_none() && !body,
            Origin::Extension | Origin::State | Origin::Skip => true,
            _ => false,
        };
        if !source || field.scalar.as_ref().is_some_and(is_odd) {
            faults.at(&field.ident, "this source or option is not carried out yet");
        }
    }
    faults.finish(())
}

fn is_odd(scalar: &Scalar) -> bool {
    !matches!(scalar.how, How::Pick)
        || scalar.flag
        || scalar.empty != Empty::Auto
        || scalar.twice.is_some()
        || scalar.limit.is_some()
        || scalar.min_items > 0
        || scalar.max_items.is_some()
        || scalar.redact
}
