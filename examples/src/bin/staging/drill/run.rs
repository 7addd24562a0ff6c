//! The drill from opening the doors to the report.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{mpsc, oneshot};
use waylay_fault::Reporter;

use super::client::Client;
use super::ledger::Ledger;
use super::progress::Progress;
use super::pursuit::Pursuit;
use super::remote::Remote;
use super::report::Report;
use crate::stage::Stage;

/// How many requests are under way at once.
const CLIENTS: u32 = 64;

/// Opens a shop on free ports, switches every fault on, sends the requests, closes the shop and
/// compares.
pub(crate) async fn drill(requests: NonZeroU32, seed: u64) -> Result<Report, Box<dyn Error>> {
    if waylay_fault::halted() {
        return Err("WAYLAY_HALT=1 stops every fault, so a drill would prove nothing".into());
    }
    let ledger = Arc::new(Ledger::default());
    let reporter: Arc<dyn Reporter> = ledger.clone();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let stage = Stage::open(free, free, seed, &reporter).await?;
    let remote = Remote::new(stage.control_address());
    let client = Client::new(stage.shop_address());
    let (close, closed) = oneshot::channel::<()>();
    let stage = tokio::spawn(stage.play(async { _ = closed.await }));

    for fault in remote.faults().await? {
        remote.switch_on(&fault.name).await?;
    }
    let pursuits = send_all(client, requests.get()).await?;
    let faults = remote.faults().await?;

    // The books are read once nobody writes in them any more.
    drop((remote, close));
    stage.await?;
    Ok(Report::of(&pursuits, &ledger, &faults))
}

async fn send_all(client: Client, requests: u32) -> Result<Vec<Pursuit>, http::Error> {
    let next = Arc::new(AtomicU32::new(0));
    let (tell, mut told) = mpsc::unbounded_channel();
    for _ in 0..CLIENTS.min(requests) {
        let (client, next, tell) = (client.clone(), Arc::clone(&next), tell.clone());
        tokio::spawn(async move {
            loop {
                let request = next.fetch_add(1, Ordering::Relaxed);
                if request >= requests || tell.send(Pursuit::run(&client, request).await).is_err() {
                    break;
                }
            }
        });
    }
    drop((client, tell));

    let mut progress = Progress::of(requests);
    let mut pursuits = Vec::new();
    while let Some(pursuit) = told.recv().await {
        pursuits.push(pursuit?);
        progress.advance();
    }
    progress.end();
    pursuits.sort_unstable_by_key(|pursuit| pursuit.request);
    Ok(pursuits)
}
