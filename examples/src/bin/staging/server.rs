//! Servers: the shop and the admin API of its faults, each on its own port.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;
use waylay_examples::server::{Limits, Port};
use waylay_fault::FaultSet;
use waylay_fault_admin::{Admin, AdminBuilder, Token, Traffic};
use waylay_router::Router;

use crate::routes::shop_router;
use crate::store::Store;
use crate::warehouse::Warehouse;

/// The shop and the admin API of its faults, with their bound ports.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) shop: Router,
    admin: Admin,
    shop_port: Port,
    control_port: Port,
    limits: Limits,
}

impl Servers {
    /// Builds the services and binds the ports. Requests to the shop, those that it sends, and its connections are under
    /// the faults of the set.
    pub(crate) async fn bind(
        shop_addr: SocketAddr,
        control_addr: SocketAddr,
        limits: Limits,
        faults: &FaultSet,
        token: Token,
        options: impl FnOnce(AdminBuilder) -> AdminBuilder,
    ) -> Result<Self, Box<dyn Error>> {
        let store = Store::with_sample_order();
        let traffic = Traffic::new();
        let warehouse = Warehouse::new(store.clone(), faults);
        let shop = shop_router(store, warehouse, faults, &traffic)?;
        let admin = Admin::builder(faults).traffic(&traffic).routes(&shop).token(token);
        let admin = options(admin).build()?;
        let shop_port = bind("--addr", shop_addr).await?.with_faults(faults);
        let control_port = bind("--control-addr", control_addr).await?;
        Ok(Self { shop, admin, shop_port, control_port, limits })
    }

    pub(crate) fn shop_address(&self) -> SocketAddr {
        self.shop_port.address()
    }

    pub(crate) fn control_address(&self) -> SocketAddr {
        self.control_port.address()
    }

    pub(crate) fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Serves until `stop`, then cancels all active faults and finishes the requests in progress.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        let shutdown = CancellationToken::new();
        tokio::join!(
            self.shop_port.serve(self.shop, self.limits.clone(), shutdown.clone()),
            self.control_port.serve(self.admin.service(), self.limits, shutdown.clone()),
            async {
                stop.await;
                // Without these, shutdown would wait for a hang of half a minute, and for an open console.
                waylay_fault::halt();
                self.admin.close_streams();
                shutdown.cancel();
            },
        );
    }
}

/// Binds the address that `flag` sets.
async fn bind(flag: &'static str, address: SocketAddr) -> Result<Port, BindError> {
    Port::bind(address).await.map_err(|source| BindError { flag, address, source })
}

/// An address that cannot be bound.
#[derive(Debug)]
struct BindError {
    flag: &'static str,
    address: SocketAddr,
    source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flag, address, .. } = self;
        write!(
            f,
            "cannot listen on {address}; choose another address with `{flag}`, port 0 takes any free one"
        )
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
