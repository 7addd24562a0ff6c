//! Fractions: a share as a numerator and a denominator, as Envoy has them.

use crate::plan::data::Data;
use crate::plan::error::ErrorList;
use crate::plan::node::{Node, Value};
use crate::plan::shape::{Shape, TableShape, field};

/// The denominators of Envoy's `FractionalPercent`.
pub(crate) const DENOMINATORS: [(&str, f64); 3] =
    [("hundred", 100.0), ("ten_thousand", 10_000.0), ("million", 1_000_000.0)];

/// The share that a table of a numerator and a denominator is.
pub(crate) fn check_fraction(node: &Node, errors: &mut ErrorList) -> Option<Data> {
    static NUMERATOR: Shape = Shape::Integer { min: 0, max: 1_000_000 };
    static DENOMINATOR: Shape = Shape::Choice(&[("hundred", ""), ("ten_thousand", ""), ("million", "")]);
    static FRACTION: TableShape = TableShape {
        title: "a fraction",
        short: None,
        tag: None,
        one_of: &[],
        fields: &[
            field("numerator", &NUMERATOR, "").required(),
            field("denominator", &DENOMINATOR, "").required(),
        ],
    };
    let Value::Table(entries) = &node.value else { return None };
    let table = FRACTION.check(node, entries, errors)?;
    let (numerator, name) = (table.integer("numerator")? as f64, table.text("denominator")?);
    let (_, denominator) = DENOMINATORS.iter().find(|(known, _)| *known == name)?;
    if numerator > *denominator {
        errors.add(
            node.span.clone(),
            format!("{numerator} of {denominator} is more than all; give at most {denominator}"),
        );
        return None;
    }
    Some(Data::Number(numerator / denominator))
}
