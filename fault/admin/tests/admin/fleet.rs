//! The fleet: what its replicas run, as the program tells it.

use serde_json::json;
use waylay_fault_admin::{Fleet, FleetFuture, FleetOverview, FleetUnreachable, Replica};

use crate::support::{Server, set};

/// Returns the same at each call.
struct Fixed(Result<FleetOverview, FleetUnreachable>);

impl Fleet for Fixed {
    fn overview(&self) -> FleetFuture<'_> {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

#[tokio::test]
async fn a_fleet_is_shown_where_there_is_one() {
    let alone = Server::start().await;
    let reply = alone.ask("GET", "/fleet", &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (404, "application/problem+json"));
    assert_eq!(alone.ask("GET", "/status", &[], "").await.json()["has_fleet"], false);

    let mut replica = Replica::new("shop-1");
    (replica.revision, replica.state, replica.is_this) = (Some(7), "running".to_owned(), true);
    (replica.seen, replica.injected, replica.age_seconds) = (90, 4, 1.5);
    replica.rejected = Some("revision 8: <b>1:1</b>".to_owned());
    let mut overview = FleetOverview::new([replica, Replica::new("shop-2")]);
    (overview.revision, overview.halt) = (Some(8), Some(String::new()));
    let server = Server::with(set(), |admin| admin.fleet(Fixed(Ok(overview)))).await;
    let fleet = server.ask("GET", "/fleet", &[], "").await.json();
    assert_eq!((&fleet["revision"], &fleet["halt"]), (&json!(8), &json!("")));
    let row = &fleet["replicas"][0];
    assert_eq!(
        (&row["instance"], &row["revision"], &row["is_this"]),
        (&json!("shop-1"), &json!(7), &json!(true))
    );
    assert_eq!((&row["injected"], &row["age_seconds"], &row["plan"]), (&json!(4), &json!(1.5), &json!(null)));
    assert_eq!(row["rejected"], "revision 8: <b>1:1</b>");
    assert_eq!(fleet["replicas"][1]["instance"], "shop-2");
    assert_eq!(server.ask("GET", "/status", &[], "").await.json()["has_fleet"], true);

    let lost = FleetUnreachable("no connection".to_owned());
    let server = Server::with(set(), |admin| admin.fleet(Fixed(Err(lost)))).await;
    let reply = server.ask("GET", "/fleet", &[], "").await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["detail"]),
        (503, &json!("the fleet cannot be reached: no connection"))
    );
}
