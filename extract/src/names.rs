//! The path variables that a struct reads, held against a template by the compiler.

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
