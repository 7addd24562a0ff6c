//! PathRouter: routers of paths, with manual code for methods.

use std::hint::black_box;

use http::{Method, Request};
use waylay_router::{Peer, Table};

/// Result of a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The index of the route.
    Found(u32),
    /// The path has routes of other methods.
    MethodNotAllowed,
    /// The path has no route.
    NotFound,
}

/// The routes of one path, by method.
#[derive(Debug, Clone, Copy)]
pub struct Methods([u32; METHODS]);

const METHODS: usize = 6;
const NONE: u32 = u32::MAX;

impl Methods {
    fn place(method: &Method) -> usize {
        match *method {
            Method::GET => 0,
            Method::POST => 1,
            Method::PUT => 2,
            Method::PATCH => 3,
            Method::DELETE => 4,
            _ => METHODS - 1,
        }
    }

    /// Returns the route of a method.
    pub fn outcome(&self, method: &Method) -> Outcome {
        match self.0[Self::place(method)] {
            NONE => Outcome::MethodNotAllowed,
            index => Outcome::Found(index),
        }
    }
}

/// A router of paths.
pub trait PathRouter: Sized {
    /// Builds a router of templates with `{name}`.
    ///
    /// # Errors
    ///
    /// A template that the router does not have.
    fn build(paths: &[(String, Methods)]) -> Result<Self, String>;

    /// Looks a path up; reads the captures, if `READ`.
    fn find<const READ: bool>(&self, path: &str) -> Option<&Methods>;
}

/// A router of paths that has the routes of each path in a list by method.
#[derive(Debug)]
pub struct WithMethods<P>(P);

impl<P: PathRouter> WithMethods<P> {
    /// Groups routes by path and builds a router; the indices are the values.
    pub fn new<'a>(routes: impl IntoIterator<Item = (&'a Method, &'a str, u32)>) -> Self {
        Self::try_new(routes).expect("the router has these templates")
    }

    /// As [`new`](Self::new), for templates that the router may not have.
    ///
    /// # Errors
    ///
    /// The template.
    pub fn try_new<'a>(routes: impl IntoIterator<Item = (&'a Method, &'a str, u32)>) -> Result<Self, String> {
        let mut paths: Vec<(String, Methods)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (method, path, index) in routes {
            let place = *places.entry(path).or_insert_with(|| {
                paths.push((path.to_owned(), Methods([NONE; METHODS])));
                paths.len() - 1
            });
            paths[place].1.0[Methods::place(method)] = index;
        }
        P::build(&paths).map(Self)
    }

    /// Returns the router of paths.
    pub fn paths(&self) -> &P {
        &self.0
    }

    /// Looks a request up.
    pub fn find<const READ: bool>(&self, request: &Request<()>) -> Outcome {
        match self.0.find::<READ>(request.uri().path()) {
            Some(methods) => methods.outcome(request.method()),
            None => Outcome::NotFound,
        }
    }
}

/// Looks a request up in a table; reads the captures, if `READ`.
#[inline(never)]
pub fn waylay<const READ: bool>(table: &Table<u32>, request: &Request<()>) -> Outcome {
    match &table.find(request, &Peer::default()) {
        Ok(found) => {
            if READ {
                for capture in found.captures() {
                    black_box((capture.name(), capture.raw()));
                }
            }
            Outcome::Found(*black_box(found).value())
        }
        Err(miss) if miss.allow().is_some() => Outcome::MethodNotAllowed,
        Err(_) => Outcome::NotFound,
    }
}

/// Looks a request up in a router of paths; reads the captures, if `READ`.
#[inline(never)]
pub fn peer<P: PathRouter, const READ: bool>(router: &WithMethods<P>, request: &Request<()>) -> Outcome {
    router.find::<READ>(request)
}

/// Reads a capture.
fn read<T>(pair: T) {
    let _ = black_box(pair);
}

/// matchit and its descendants have one interface.
macro_rules! like_matchit {
    ($($router:ident),+) => {$(
        impl PathRouter for $router::Router<Methods> {
            fn build(paths: &[(String, Methods)]) -> Result<Self, String> {
                let mut router = Self::new();
                for (path, methods) in paths {
                    router.insert(path, *methods).map_err(|error| error.to_string())?;
                }
                Ok(router)
            }

            fn find<const READ: bool>(&self, path: &str) -> Option<&Methods> {
                let found = self.at(path).ok()?;
                if READ {
                    found.params.iter().for_each(read);
                }
                Some(black_box(&found).value)
            }
        }
    )+};
}

like_matchit!(matchit, matchit_08, xitca_router);

impl PathRouter for path_tree::PathTree<Methods> {
    fn build(paths: &[(String, Methods)]) -> Result<Self, String> {
        let mut router = Self::new();
        for (path, methods) in paths {
            let _ = router.insert(&colon(path), *methods);
        }
        Ok(router)
    }

    fn find<const READ: bool>(&self, path: &str) -> Option<&Methods> {
        let (methods, found) = Self::find(self, path)?;
        if READ {
            found.params_iter().for_each(read);
        }
        black_box(&found);
        Some(methods)
    }
}

impl PathRouter for wayfind::Router<Methods> {
    fn build(paths: &[(String, Methods)]) -> Result<Self, String> {
        let mut builder = wayfind::RouterBuilder::new();
        for (path, methods) in paths {
            builder.insert(&with_variables(path, "<", ">"), *methods).map_err(|error| error.to_string())?;
        }
        Ok(builder.build())
    }

    fn find<const READ: bool>(&self, path: &str) -> Option<&Methods> {
        let found = self.search(path)?;
        if READ {
            found.parameters().iter().for_each(read);
        }
        Some(black_box(&found).data())
    }
}

impl PathRouter for route_recognizer::Router<Methods> {
    fn build(paths: &[(String, Methods)]) -> Result<Self, String> {
        let mut router = Self::new();
        for (path, methods) in paths {
            router.add(&colon(path), *methods);
        }
        Ok(router)
    }

    fn find<const READ: bool>(&self, path: &str) -> Option<&Methods> {
        let found = self.recognize(path).ok()?;
        if READ {
            found.params().iter().for_each(read);
        }
        black_box(&found);
        Some(*found.handler())
    }
}

impl PathRouter for actix_router::Router<Methods> {
    fn build(paths: &[(String, Methods)]) -> Result<Self, String> {
        // The first match counts: literal segments before variables.
        let mut paths: Vec<_> = paths.iter().collect();
        paths.sort_by_key(|(path, _)| path.replace('{', "\u{10ffff}"));
        let mut builder = Self::build();
        for (path, methods) in paths {
            builder.path(path.as_str(), *methods);
        }
        Ok(builder.finish())
    }

    fn find<const READ: bool>(&self, path: &str) -> Option<&Methods> {
        let mut path = actix_router::Path::new(path);
        let (methods, _) = self.recognize(&mut path)?;
        if READ {
            path.iter().for_each(read);
        }
        black_box(&path);
        Some(methods)
    }
}

/// Returns the template in the syntax of path-tree, route-recognizer and poem.
pub fn colon(template: &str) -> String {
    with_variables(template, ":", "")
}

/// Returns a template with other signs around its variables.
fn with_variables(path: &str, before: &str, after: &str) -> String {
    path.replace('{', before).replace('}', after)
}
