//! Keys, Names: external names of fields, compared at compile time.

/// The names of a struct's fields by location, with those of flattened structs.
///
/// Path variables and headers are not among them: they have no prefix, and several structs may
/// read the same one.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// The prefix of all names.
    pub prefix: &'static str,
    /// Query keys.
    pub query: &'static [&'static str],
    /// Cookies.
    pub cookie: &'static [&'static str],
    /// Form keys and parts of a multipart body.
    pub form: &'static [&'static str],
    /// Members of a JSON body.
    pub json: &'static [&'static str],
    /// The names of flattened structs.
    pub inner: &'static [Keys],
}

/// A prefix, and the one before it.
#[derive(Clone, Copy)]
struct Prefix<'b> {
    text: &'b str,
    outer: Option<&'b Prefix<'b>>,
}

type Outer<'b> = Option<&'b Prefix<'b>>;

impl Keys {
    /// No names.
    pub const NONE: Self = Self { prefix: "", query: &[], cookie: &[], form: &[], json: &[], inner: &[] };

    /// Returns the names of flattened structs with a prefix.
    pub const fn with_prefix(self, prefix: &'static str, inner: &'static [Keys]) -> Self {
        Self { prefix, inner, ..Self::NONE }
    }

    /// Tests whether both contain the same name in the same location.
    pub const fn overlaps(&self, other: &Keys) -> bool {
        any_overlap(self, None, other, None)
    }
}

const fn any_overlap(one: &Keys, outer: Outer<'_>, other: &Keys, other_outer: Outer<'_>) -> bool {
    let here = Prefix { text: one.prefix, outer };
    if own_overlap(one, Some(&here), other, other_outer) {
        return true;
    }
    let mut at = 0;
    while at < one.inner.len() {
        if any_overlap(&one.inner[at], Some(&here), other, other_outer) {
            return true;
        }
        at += 1;
    }
    false
}

/// Tests whether an own name of the first is a name of the other at any depth.
const fn own_overlap(one: &Keys, outer: Outer<'_>, other: &Keys, other_outer: Outer<'_>) -> bool {
    let here = Prefix { text: other.prefix, outer: other_outer };
    let there = Some(&here);
    if lists_overlap(one.query, outer, other.query, there)
        || lists_overlap(one.cookie, outer, other.cookie, there)
        || lists_overlap(one.form, outer, other.form, there)
        || lists_overlap(one.json, outer, other.json, there)
    {
        return true;
    }
    let mut at = 0;
    while at < other.inner.len() {
        if own_overlap(one, outer, &other.inner[at], there) {
            return true;
        }
        at += 1;
    }
    false
}

const fn lists_overlap(one: &[&str], outer: Outer<'_>, other: &[&str], other_outer: Outer<'_>) -> bool {
    let mut at = 0;
    while at < one.len() {
        let mut against = 0;
        while against < other.len() {
            if same(one[at], outer, other[against], other_outer) {
                return true;
            }
            against += 1;
        }
        at += 1;
    }
    false
}

/// Compares from the end, since the prefixes are linked from the end.
const fn same(one: &str, outer: Outer<'_>, other: &str, other_outer: Outer<'_>) -> bool {
    let mut back = 0;
    loop {
        match (byte(one, outer, back), byte(other, other_outer, back)) {
            (Some(a), Some(b)) if a == b => back += 1,
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// Returns the byte at an index from the end.
const fn byte(name: &str, outer: Outer<'_>, mut back: usize) -> Option<u8> {
    let mut text = name;
    let mut outer = outer;
    loop {
        if back < text.len() {
            return Some(text.as_bytes()[text.len() - 1 - back]);
        }
        back -= text.len();
        match outer {
            Some(prefix) => {
                text = prefix.text;
                outer = prefix.outer;
            }
            None => return None,
        }
    }
}

/// The path variables of a struct's fields, with those of flattened structs.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Variables of the struct's own fields.
    pub own: &'static [&'static str],
    /// Variables of the templates of scopes.
    pub scope: &'static [&'static str],
    /// Variables without which the struct is never read, each with its field, such as `Show::id`.
    pub required: &'static [(&'static str, &'static str)],
    /// The variables of flattened structs.
    pub inner: &'static [Names],
}

impl Names {
    /// Tests whether every variable is read by a field.
    pub const fn cover(&self, variables: &[&str]) -> bool {
        let mut at = 0;
        while at < variables.len() {
            if !self.has(variables[at]) {
                return false;
            }
            at += 1;
        }
        true
    }

    /// Tests whether every field reads one of the variables.
    pub const fn are_among(&self, variables: &[&str]) -> bool {
        let mut at = 0;
        while at < self.own.len() {
            if !holds(variables, self.own[at]) {
                return false;
            }
            at += 1;
        }
        at = 0;
        while at < self.inner.len() {
            if !self.inner[at].are_among(variables) {
                return false;
            }
            at += 1;
        }
        true
    }

    /// Returns the variables without which the struct is never read, with their fields.
    pub(crate) fn required(&self) -> Vec<(&'static str, &'static str)> {
        self.required.iter().copied().chain(self.inner.iter().flat_map(Self::required)).collect()
    }

    const fn has(&self, name: &str) -> bool {
        let mut at = 0;
        while at < self.inner.len() {
            if self.inner[at].has(name) {
                return true;
            }
            at += 1;
        }
        holds(self.own, name) || holds(self.scope, name)
    }
}

const fn holds(list: &[&str], name: &str) -> bool {
    let mut at = 0;
    while at < list.len() {
        if equal(list[at].as_bytes(), name.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

/// `==` is not available in const functions.
const fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn equal_names_with_their_prefixes_overlap() {
        const INNER: Keys = Keys { query: &["b", "c"], form: &["x"], ..Keys::NONE };
        const DEEP: Keys = Keys { query: &["z"], inner: &[INNER.with_prefix("d.", &[INNER])], ..Keys::NONE };
        let own = |query| Keys { query, ..Keys::NONE };
        for (one, other, meet) in [
            (own(&["a"]), own(&["a"]), true),
            (own(&["a"]), own(&["b", "a"]), true),
            (own(&["a"]), own(&["ba"]), false),
            (own(&["a"]), Keys { json: &["a"], ..Keys::NONE }, false),
            (own(&["a.b"]), INNER.with_prefix("a.", &[INNER]), true),
            (own(&["b"]), INNER.with_prefix("a.", &[INNER]), false),
            (own(&["e.d.c"]), DEEP.with_prefix("e.", &[DEEP]), true),
            (own(&["d.c"]), DEEP.with_prefix("e.", &[DEEP]), false),
            (own(&["e.z"]), DEEP.with_prefix("e.", &[DEEP]), true),
            (Keys { form: &["e.d.x"], ..Keys::NONE }, DEEP.with_prefix("e.", &[DEEP]), true),
            (DEEP.with_prefix("e.", &[DEEP]), INNER.with_prefix("e.d.", &[INNER]), true),
            (own(&[""]), own(&[""]), true),
        ] {
            assert_eq!(one.overlaps(&other), meet, "{one:?} {other:?}");
            assert_eq!(other.overlaps(&one), meet, "{other:?} {one:?}");
        }
    }
}
