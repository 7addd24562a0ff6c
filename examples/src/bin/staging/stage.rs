//! The whole: the shop on one port, its faults on another, and one end for both.

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use waylay_fault::Reporter;
use waylay_router::Router;

use crate::control::control;
use crate::door::Door;
use crate::faults::Faults;
use crate::shop::routes::shop;
use crate::shop::store::Store;

/// Both routers and both ports, open but not yet served.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) shop: Router,
    control: Router,
    shop_door: Door,
    control_door: Door,
}

impl Stage {
    /// Builds the routers and opens the ports.
    pub(crate) async fn open(
        shop_at: SocketAddr,
        control_at: SocketAddr,
        seed: u64,
        reporter: &Arc<dyn Reporter>,
    ) -> Result<Self, Box<dyn Error>> {
        let faults = Faults::new(seed, reporter)?;
        let shop = shop(Store::open(), &faults)?;
        let control = control(faults, &shop)?;
        let shop_door = Door::open("--addr", shop_at).await?;
        let control_door = Door::open("--control-addr", control_at).await?;
        Ok(Self { shop, control, shop_door, control_door })
    }

    pub(crate) fn shop_address(&self) -> SocketAddr {
        self.shop_door.address()
    }

    pub(crate) fn control_address(&self) -> SocketAddr {
        self.control_door.address()
    }

    /// Serves until `stop`, then ends every fault at work and lets what is being answered end.
    pub(crate) async fn play(self, stop: impl Future<Output = ()>) {
        // Each door is told that the last receiver is gone, which a sender hears any number of times.
        let (doors, curtain) = watch::channel(());
        tokio::join!(
            self.shop_door.serve(self.shop, doors.closed()),
            self.control_door.serve(self.control, doors.closed()),
            async {
                stop.await;
                // Nobody is to wait for a hang that would run for half a minute more.
                waylay_fault::halt();
                drop(curtain);
            },
        );
    }
}
