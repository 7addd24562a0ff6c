//! Servers: the shop and its control API, each on its own port.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tower::Layer;
use waylay_examples::server::{Limits, Port};
use waylay_fault::{FaultSet, Reporter};
use waylay_router::{Body, Router};

use crate::faults::{Faults, control_router};
use crate::routes::shop_router;
use crate::store::Store;
use crate::warehouse::Warehouse;

/// Both routers with their bound ports.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) shop: Router,
    control: Router,
    shop_port: Port,
    control_port: Port,
    limits: Limits,
}

impl Servers {
    /// Builds the routers and binds the ports. The shop is under the faults of a plan, around its own faults.
    pub(crate) async fn bind(
        shop_addr: SocketAddr,
        control_addr: SocketAddr,
        seed: u64,
        limits: Limits,
        reporter: &Arc<dyn Reporter>,
        plan: Option<&FaultSet>,
    ) -> Result<Self, Box<dyn Error>> {
        let faults = Faults::new(seed, reporter)?;
        let store = Store::with_sample_order();
        let warehouse = Warehouse::new(store.clone(), plan);
        let mut shop = shop_router(store, warehouse, &faults)?;
        let control = control_router(faults, &shop)?;
        let mut shop_port = bind("--addr", shop_addr).await?;
        let control_port = bind("--control-addr", control_addr).await?;
        if let Some(plan) = plan {
            let faulty = plan.layer().map_body(Body::new).layer(shop);
            shop = Router::builder().fallback_service(faulty).build()?;
            shop_port = shop_port.with_faults(plan);
        }
        Ok(Self { shop, control, shop_port, control_port, limits })
    }

    pub(crate) fn shop_address(&self) -> SocketAddr {
        self.shop_port.address()
    }

    pub(crate) fn control_address(&self) -> SocketAddr {
        self.control_port.address()
    }

    /// Serves until `stop`, then cancels all active faults and finishes the requests in progress.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        let shutdown = CancellationToken::new();
        tokio::join!(
            self.shop_port.serve(self.shop, self.limits.clone(), shutdown.clone()),
            self.control_port.serve(self.control, self.limits, shutdown.clone()),
            async {
                stop.await;
                // Without this, shutdown would wait for a hang of half a minute.
                waylay_fault::halt();
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
