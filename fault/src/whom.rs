//! Whom a fault may touch, as it was written.

use crate::error::Findings;
use crate::gate::{Gate, Lists};
use crate::scope::clients::ClientList;
use crate::scope::headers::HeaderList;
use crate::scope::hosts::HostList;
use crate::scope::methods::MethodList;
use crate::scope::paths::PathList;
#[cfg(any(feature = "axum", feature = "router"))]
use crate::scope::routes::RouteList;
#[cfg(feature = "router")]
use crate::scope::rules::RuleList;

/// The lists of a builder.
#[derive(Debug, Default)]
pub(crate) struct Whom {
    pub(crate) spare_no_probes: bool,
    pub(crate) methods: Lists<Vec<String>>,
    pub(crate) paths: Lists<Vec<String>>,
    pub(crate) headers: Lists<Vec<(String, String)>>,
    pub(crate) hosts: Lists<Vec<String>>,
    pub(crate) clients: Lists<Vec<String>>,
    #[cfg(any(feature = "axum", feature = "router"))]
    pub(crate) routes: Lists<Vec<String>>,
    #[cfg(feature = "router")]
    pub(crate) rules: Lists<Vec<String>>,
}

impl Whom {
    /// Reads every list.
    pub(crate) fn check(self, findings: &mut Findings) -> Gate {
        Gate {
            protect_probes: !self.spare_no_probes,
            methods: Lists {
                block: MethodList::check("block_methods", self.methods.block, findings),
                allow: MethodList::check("allow_methods", self.methods.allow, findings),
            },
            paths: Lists {
                block: PathList::check("block_paths", self.paths.block, findings),
                allow: PathList::check("allow_paths", self.paths.allow, findings),
            },
            headers: Lists {
                block: HeaderList::check("block_headers", self.headers.block, findings),
                allow: HeaderList::check("allow_headers", self.headers.allow, findings),
            },
            hosts: Lists {
                block: HostList::check("block_hosts", self.hosts.block, findings),
                allow: HostList::check("allow_hosts", self.hosts.allow, findings),
            },
            clients: Lists {
                block: ClientList::check("block_clients", self.clients.block, findings),
                allow: ClientList::check("allow_clients", self.clients.allow, findings),
            },
            #[cfg(any(feature = "axum", feature = "router"))]
            routes: Lists {
                block: RouteList::check("block_routes", self.routes.block, findings),
                allow: RouteList::check("allow_routes", self.routes.allow, findings),
            },
            #[cfg(feature = "router")]
            rules: Lists {
                block: RuleList::check("block_rules", self.rules.block, findings),
                allow: RuleList::check("allow_rules", self.rules.allow, findings),
            },
        }
    }
}
