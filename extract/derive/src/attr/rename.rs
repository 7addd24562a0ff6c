//! Rename: the rules of rename_all, equal to serde's.

use syn::Expr;

use crate::attr::error::{Errors, suggest};
use crate::attr::options::text;

/// A rule of `rename_all`.
#[derive(Clone, Copy)]
pub(crate) enum Rename {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Rename {
    /// The names of the rules.
    pub(crate) const WORDS: [&'static str; 8] = [
        "lowercase",
        "UPPERCASE",
        "PascalCase",
        "camelCase",
        "snake_case",
        "SCREAMING_SNAKE_CASE",
        "kebab-case",
        "SCREAMING-KEBAB-CASE",
    ];

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            _ => return None,
        })
    }

    /// Parses the rule in `rename_all = "…"`.
    pub(crate) fn read(rule: &Expr, errors: &mut Errors) -> Option<Self> {
        let word = text(rule).unwrap_or_default();
        let found = Self::from_word(&word);
        if found.is_none() {
            let message = match suggest(&word, &Self::WORDS) {
                Some(meant) => format!("no such rule: did you mean `\"{meant}\"`?"),
                None => format!("no such rule: there are {}", Self::WORDS.join(", ")),
            };
            errors.at(rule, message);
        }
        found
    }

    /// Returns a field's name by this rule, from snake case.
    pub(crate) fn apply(self, field: &str) -> String {
        match self {
            Self::Lower | Self::Snake => field.to_owned(),
            Self::Upper | Self::ScreamingSnake => field.to_ascii_uppercase(),
            Self::Kebab => field.replace('_', "-"),
            Self::ScreamingKebab => field.to_ascii_uppercase().replace('_', "-"),
            Self::Pascal => field.split('_').map(capital).collect(),
            Self::Camel => {
                let pascal = Self::Pascal.apply(field);
                let mut letters = pascal.chars();
                let first = letters.next().map(|letter| letter.to_ascii_lowercase());
                first.into_iter().chain(letters).collect()
            }
        }
    }
}

impl Rename {
    /// Returns a variant's name by this rule, from Pascal case.
    pub(crate) fn apply_to_variant(self, variant: &str) -> String {
        let mut snake = String::new();
        for (at, letter) in variant.char_indices() {
            if at > 0 && letter.is_uppercase() {
                snake.push('_');
            }
            snake.extend(letter.to_lowercase());
        }
        match self {
            Self::Lower => variant.to_ascii_lowercase(),
            Self::Upper => variant.to_ascii_uppercase(),
            Self::Pascal => variant.to_owned(),
            rule => rule.apply(&snake),
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::Rename;

    #[test]
    fn every_rule_renames_fields_as_serde() {
        let renamed = Rename::WORDS.map(|word| Rename::from_word(word).unwrap().apply("page_size"));
        let serde = [
            "page_size",
            "PAGE_SIZE",
            "PageSize",
            "pageSize",
            "page_size",
            "PAGE_SIZE",
            "page-size",
            "PAGE-SIZE",
        ];
        assert_eq!(renamed, serde);
    }

    #[test]
    fn every_rule_renames_variants_as_serde() {
        let renamed = Rename::WORDS.map(|word| Rename::from_word(word).unwrap().apply_to_variant("PageSize"));
        let serde = [
            "pagesize",
            "PAGESIZE",
            "PageSize",
            "pageSize",
            "page_size",
            "PAGE_SIZE",
            "page-size",
            "PAGE-SIZE",
        ];
        assert_eq!(renamed, serde);
    }
}
