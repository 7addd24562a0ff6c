//! MethodSet: a set of request methods.

use std::fmt;

use http::Method;

const NAMED: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
    Method::OPTIONS,
    Method::CONNECT,
    Method::TRACE,
];

const GET: u16 = 1;

const HEAD: u16 = 2;

const OTHER: u16 = 1 << 9;

const ALL: u16 = (1 << 10) - 1;

/// A set of request methods: the nine of RFC 9110 and RFC 5789, and any extension methods.
///
/// `Display` prints the value of an `Allow` header.
///
/// ```
/// use http::Method;
/// use waylay_router::MethodSet;
/// let set: MethodSet = [Method::PUT, Method::GET].into_iter().collect();
/// assert!(set.contains(&Method::GET) && !set.contains(&Method::POST));
/// assert_eq!(set.to_string(), "GET, PUT");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct MethodSet {
    bits: u16,
    others: Vec<Method>,
}

impl MethodSet {
    /// Returns the set of all methods.
    pub fn all() -> Self {
        Self { bits: ALL, others: Vec::new() }
    }

    /// Adds a method.
    pub fn insert(&mut self, method: Method) {
        if self.is_all() {
            return;
        }
        let bit = bit(&method);
        self.bits |= bit;
        if bit == OTHER && !self.others.contains(&method) {
            self.others.push(method);
        }
    }

    /// Tests whether a method is in the set.
    pub fn contains(&self, method: &Method) -> bool {
        let bit = bit(method);
        self.bits & bit != 0 && (bit != OTHER || self.is_all() || self.others.contains(method))
    }

    /// Tests whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// Tests whether the set contains every method.
    pub fn is_all(&self) -> bool {
        self.bits == ALL && self.others.is_empty()
    }

    /// Returns the methods, those of the RFCs first; for all methods only those.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        let named = NAMED.iter().filter(|method| self.bits & bit(method) != 0);
        named.chain(&self.others)
    }

    /// Adds the methods of some bits, none of which are single extension methods.
    pub(crate) fn insert_bits(&mut self, bits: u16) {
        if bits == ALL {
            *self = Self::all();
        } else {
            self.bits |= bits;
        }
    }

    /// Adds all methods of another set.
    pub(crate) fn extend(&mut self, other: &MethodSet) {
        if other.is_all() {
            *self = Self::all();
        }
        for method in other.iter() {
            self.insert(method.clone());
        }
    }

    /// Returns the methods of both sets.
    pub(crate) fn and(&self, other: &MethodSet) -> MethodSet {
        match (self.is_all(), other.is_all()) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => self.iter().filter(|method| other.contains(method)).cloned().collect(),
        }
    }

    /// Returns the set with HEAD if it has GET (RFC 9110 §9.3.2).
    pub(crate) fn with_head(mut self) -> Self {
        if self.bits & GET != 0 {
            self.bits |= HEAD;
        }
        self
    }

    /// Tests whether HEAD is the only method.
    pub(crate) fn is_head(&self) -> bool {
        self.bits == HEAD
    }

    /// Returns the set of GET.
    pub(crate) fn get() -> Self {
        Self { bits: GET, others: Vec::new() }
    }

    /// Returns the set with CONNECT if it has GET: a WebSocket over HTTP/2 uses CONNECT (RFC 8441).
    pub(crate) fn with_connect(mut self) -> Self {
        if self.bits & GET != 0 {
            self.insert(Method::CONNECT);
        }
        self
    }

    /// Returns the bits that the bit of a request is compared with.
    pub(crate) fn bits(&self) -> u16 {
        self.bits
    }

    /// Tests whether the bits are not enough: single extension methods are in the set.
    pub(crate) fn names_others(&self) -> bool {
        !self.others.is_empty()
    }
}

/// Returns the bit of a method; all extension methods share one.
pub(crate) fn bit(method: &Method) -> u16 {
    match *method {
        Method::GET => GET,
        Method::HEAD => HEAD,
        Method::POST => 1 << 2,
        Method::PUT => 1 << 3,
        Method::DELETE => 1 << 4,
        Method::PATCH => 1 << 5,
        Method::OPTIONS => 1 << 6,
        Method::CONNECT => 1 << 7,
        Method::TRACE => 1 << 8,
        _ => OTHER,
    }
}

impl FromIterator<Method> for MethodSet {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        let mut set = Self::default();
        for method in methods {
            set.insert(method);
        }
        set
    }
}

impl fmt::Display for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, method) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{method}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("{any}");
        }
        f.debug_set().entries(self.iter()).finish()
    }
}
