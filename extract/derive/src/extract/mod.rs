//! impl Extract: slots, layout, checks, head, body.

pub(crate) mod body;
pub(crate) mod bounds;
pub(crate) mod checks;
pub(crate) mod finish;
pub(crate) mod head;
pub(crate) mod layout;
pub(crate) mod library;
pub(crate) mod slots;
pub(crate) mod tokens;
