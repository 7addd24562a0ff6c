//! Two lists of conditions as one.

use crate::conditions::Conditions;

impl Conditions {
    /// Takes over all conditions of another list, where both can stand in one; else nothing happens.
    pub(crate) fn absorb(&mut self, other: &Self) -> bool {
        // Of two sets of methods the policy says what is common to them: whether GET means HEAD.
        let both =
            self.path.is_some() && other.path.is_some() || self.methods.is_some() && other.methods.is_some();
        if both || self.share_a_list(other) {
            return false;
        }
        self.methods = self.methods.take().or_else(|| other.methods.clone());
        self.path = self.path.take().or_else(|| other.path.clone());
        self.hosts.extend_from_slice(&other.hosts);
        self.headers.extend_from_slice(&other.headers);
        self.queries.extend_from_slice(&other.queries);
        self.cookies.extend_from_slice(&other.cookies);
        self.custom.extend_from_slice(&other.custom);
        self.path_regexes.extend_from_slice(&other.path_regexes);
        self.method_regexes.extend_from_slice(&other.method_regexes);
        self.exact_methods |= other.exact_methods;
        self.widen_lists(other);
        true
    }

    /// Takes over the alternatives of another condition of the same kind; else nothing happens. Both
    /// hold one condition.
    pub(crate) fn widen(&mut self, other: &Self) -> bool {
        if let (Some(own), Some(others)) = (&mut self.methods, &other.methods) {
            own.extend(others);
            return true;
        }
        let same = self.share_a_list(other);
        if same {
            self.widen_lists(other);
        }
        same
    }

    /// Whether both have something in the same list of alternatives.
    fn share_a_list(&self, other: &Self) -> bool {
        let lists = |of: &Self| {
            [&of.schemes, &of.clients, &of.content_types, &of.accepts, &of.upgrades]
                .map(|list| !list.is_empty())
        };
        lists(self).into_iter().zip(lists(other)).any(|(own, other)| own && other)
    }

    fn widen_lists(&mut self, other: &Self) {
        self.schemes.extend_from_slice(&other.schemes);
        self.clients.extend_from_slice(&other.clients);
        self.content_types.extend_from_slice(&other.content_types);
        self.accepts.extend_from_slice(&other.accepts);
        self.upgrades.extend_from_slice(&other.upgrades);
    }
}
