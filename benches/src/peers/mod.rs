//! Peers: routers of paths with manual code for methods, and contenders made of them.

mod paths;
mod routers;

pub use paths::{Methods, Outcome, PathRouter, WithMethods, colon, waylay};
pub use routers::{
    NAMES, Request, Routers, best, check_allocations, contender, contender_if_equal, get, peer_names,
};
