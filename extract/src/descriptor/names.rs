//! Names and keys of a struct, checked in const fn.

/// The names of a struct's own fields by source, and those of the structs that are flattened into it.
///
/// A variable of the path and a header may be read by several structs: they have no prefix that could
/// tell them apart, and each struct sees all that is there.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// What stands before the names of queries, cookies, forms and members.
    pub prefix: &'static str,
    /// Keys of the query.
    pub query: &'static [&'static str],
    /// Cookies.
    pub cookie: &'static [&'static str],
    /// Keys of a form, and parts of a multipart body.
    pub form: &'static [&'static str],
    /// Members of a JSON body.
    pub json: &'static [&'static str],
    /// Those of flattened structs.
    pub inner: &'static [Keys],
}

/// A text in front of a name, and what stands before it.
#[derive(Clone, Copy)]
struct Before<'b> {
    text: &'b str,
    up: Option<&'b Before<'b>>,
}

type Up<'b> = Option<&'b Before<'b>>;

impl Keys {
    /// No names.
    pub const NONE: Self = Self { prefix: "", query: &[], cookie: &[], form: &[], json: &[], inner: &[] };

    /// The names of a flattened struct.
    pub const fn within(self, prefix: &'static str, inner: &'static [Keys]) -> Self {
        Self { prefix, inner, ..Self::NONE }
    }

    /// Whether both have a name of the same source.
    pub const fn meet(&self, other: &Keys) -> bool {
        all_meet(self, None, other, None)
    }
}

const fn all_meet(one: &Keys, up: Up<'_>, other: &Keys, other_up: Up<'_>) -> bool {
    let here = Before { text: one.prefix, up };
    if own_meet(one, Some(&here), other, other_up) {
        return true;
    }
    let mut at = 0;
    while at < one.inner.len() {
        if all_meet(&one.inner[at], Some(&here), other, other_up) {
            return true;
        }
        at += 1;
    }
    false
}

/// Whether a name of the first one's own is a name of the other, at whatever depth.
const fn own_meet(one: &Keys, up: Up<'_>, other: &Keys, other_up: Up<'_>) -> bool {
    let here = Before { text: other.prefix, up: other_up };
    let there = Some(&here);
    if lists_meet(one.query, up, other.query, there)
        || lists_meet(one.cookie, up, other.cookie, there)
        || lists_meet(one.form, up, other.form, there)
        || lists_meet(one.json, up, other.json, there)
    {
        return true;
    }
    let mut at = 0;
    while at < other.inner.len() {
        if own_meet(one, up, &other.inner[at], there) {
            return true;
        }
        at += 1;
    }
    false
}

const fn lists_meet(one: &[&str], up: Up<'_>, other: &[&str], other_up: Up<'_>) -> bool {
    let mut at = 0;
    while at < one.len() {
        let mut against = 0;
        while against < other.len() {
            if same(one[at], up, other[against], other_up) {
                return true;
            }
            against += 1;
        }
        at += 1;
    }
    false
}

/// From the end, since what stands in front is a list from the end as well.
const fn same(one: &str, up: Up<'_>, other: &str, other_up: Up<'_>) -> bool {
    let mut back = 0;
    loop {
        match (byte(one, up, back), byte(other, other_up, back)) {
            (Some(a), Some(b)) if a == b => back += 1,
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// The byte that many places before the end.
const fn byte(name: &str, up: Up<'_>, mut back: usize) -> Option<u8> {
    let mut text = name;
    let mut up = up;
    loop {
        if back < text.len() {
            return Some(text.as_bytes()[text.len() - 1 - back]);
        }
        back -= text.len();
        match up {
            Some(before) => {
                text = before.text;
                up = before.up;
            }
            None => return None,
        }
    }
}

/// The names of a struct's own fields, and those of the structs that are flattened into it.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Of the struct's own fields.
    pub own: &'static [&'static str],
    /// Of variables in templates around the route's own.
    pub scope: &'static [&'static str],
    /// Of flattened structs.
    pub inner: &'static [Names],
}

impl Names {
    /// Whether some field reads each of the variables.
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

    /// Whether each field reads one of the variables.
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

/// `==` of texts is no const function.
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
    fn names_meet_where_they_are_the_same_behind_their_prefixes() {
        const INNER: Keys = Keys { query: &["b", "c"], form: &["x"], ..Keys::NONE };
        const DEEP: Keys = Keys { query: &["z"], inner: &[INNER.within("d.", &[INNER])], ..Keys::NONE };
        let own = |query| Keys { query, ..Keys::NONE };
        for (one, other, meet) in [
            (own(&["a"]), own(&["a"]), true),
            (own(&["a"]), own(&["b", "a"]), true),
            (own(&["a"]), own(&["ba"]), false),
            (own(&["a"]), Keys { json: &["a"], ..Keys::NONE }, false),
            (own(&["a.b"]), INNER.within("a.", &[INNER]), true),
            (own(&["b"]), INNER.within("a.", &[INNER]), false),
            (own(&["e.d.c"]), DEEP.within("e.", &[DEEP]), true),
            (own(&["d.c"]), DEEP.within("e.", &[DEEP]), false),
            (own(&["e.z"]), DEEP.within("e.", &[DEEP]), true),
            (Keys { form: &["e.d.x"], ..Keys::NONE }, DEEP.within("e.", &[DEEP]), true),
            (DEEP.within("e.", &[DEEP]), INNER.within("e.d.", &[INNER]), true),
            (own(&[""]), own(&[""]), true),
        ] {
            assert_eq!(one.meet(&other), meet, "{one:?} {other:?}");
            assert_eq!(other.meet(&one), meet, "{other:?} {one:?}");
        }
    }
}
