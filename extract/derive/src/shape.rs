//! How many values a field's type takes, read off its spelling.

use syn::{GenericArgument, PathArguments, Type};

/// The multiplicity of a type, with the type of one value.
pub(crate) enum Shape {
    One(Type),
    Option(Type),
    Many(Type),
    OptionMany(Type),
}

impl Shape {
    /// A derive sees no types, only their names: `Option<…>` and `Vec<…>` under any path.
    pub(crate) fn of(ty: &Type) -> Self {
        if let Some(item) = argument(ty, "Vec") {
            return Self::Many(item.clone());
        }
        match argument(ty, "Option") {
            Some(inner) => match argument(inner, "Vec") {
                Some(item) => Self::OptionMany(item.clone()),
                None => Self::Option(inner.clone()),
            },
            None => Self::One(ty.clone()),
        }
    }

    /// The type of one value.
    pub(crate) fn item(&self) -> &Type {
        match self {
            Self::One(ty) | Self::Option(ty) | Self::Many(ty) | Self::OptionMany(ty) => ty,
        }
    }

    pub(crate) fn is_many(&self) -> bool {
        matches!(self, Self::Many(_) | Self::OptionMany(_))
    }

    pub(crate) fn is_option(&self) -> bool {
        matches!(self, Self::Option(_) | Self::OptionMany(_))
    }
}

/// The type in an `Option`, whatever it is; the type itself if it is none.
pub(crate) fn without_option(ty: &Type) -> &Type {
    argument(ty, "Option").unwrap_or(ty)
}

fn argument<'t>(ty: &'t Type, wrapper: &str) -> Option<&'t Type> {
    let Type::Path(path) = ty else {
        // A type that came through a `macro_rules` fragment stands in an invisible group.
        return match ty {
            Type::Group(group) => argument(&group.elem, wrapper),
            _ => None,
        };
    };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match (last.ident == wrapper, arguments.args.first()?) {
        (true, GenericArgument::Type(inner)) if arguments.args.len() == 1 => Some(inner),
        _ => None,
    }
}
