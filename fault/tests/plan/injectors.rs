//! What the injectors of a plan do, by their reports.

use http::{Method, Request};
use waylay_fault::{FaultPlacement, FaultStream};

use crate::apply::{plan, staging};

/// The request of the side, with the handle of a connection that can be reset.
fn request(placement: FaultPlacement) -> Request<()> {
    let method = if placement == FaultPlacement::Server { Method::GET } else { Method::CONNECT };
    let mut request = Request::builder().method(method).uri("a.test:80").body(()).unwrap();
    let stream = FaultStream::accepted(tokio::io::empty(), None).reset_by(|_| Ok(()));
    request.extensions_mut().insert(stream.connection().clone());
    request
}

/// Each key is that of its injector, and each setting is in its place.
#[test]
fn toxics_and_injectors_mean_what_they_say() {
    let toxics = [
        ("kind = \"latency\", latency = \"90ms\", jitter = \"5ms\"", "latency 90ms +/- 5ms"),
        ("kind = \"bandwidth\", rate = 64", "bandwidth 64kB/s"),
        ("kind = \"slow_close\", delay = \"1s\"", "slow_close 1s"),
        ("kind = \"timeout\", timeout = \"2s\"", "timeout 2s"),
        ("kind = \"reset_peer\", timeout = \"3s\"", "reset_peer 3s"),
        (
            "kind = \"slicer\", average_size = 64, size_variation = 8, delay = \"1ms\"",
            "slicer 64 +/- 8 bytes 1ms",
        ),
        ("kind = \"limit_data\", bytes = 7", "limit_data 7 bytes"),
        ("kind = \"reset_after\", bytes = 8", "reset_after 8 bytes"),
        ("kind = \"packet_loss\", loss_rate = 0.1, correlation = 0.5", "packet_loss 0.1 + 0.5"),
        (
            "kind = \"packet_loss\", loss_rate = { numerator = 1, denominator = \"hundred\" }",
            "packet_loss 0.01 + 0",
        ),
        ("kind = \"retransmission\", loss_rate = 0.2, rto = \"200ms\"", "retransmission 0.2 + 0 200ms"),
        ("kind = \"shared_bandwidth\", rate = 1000", "shared_bandwidth 1000kB/s"),
        ("kind = \"close_after\", after = \"30s\"", "close_after 30s"),
        ("kind = \"garbage\", bytes = 64", "garbage 64 bytes"),
    ];
    let mut rows = Vec::new();
    for (settings, wanted) in toxics {
        for placement in [FaultPlacement::Server, FaultPlacement::Listener, FaultPlacement::Connector] {
            for direction in ["upstream", "downstream"] {
                let injector = format!("toxic = {{ {settings}, direction = \"{direction}\" }}");
                rows.push((placement, injector, format!("toxic {wanted} {direction}")));
            }
        }
    }
    let injectors = [
        ("dribble = { parts = 5, over = \"1s\" }", "dribble response 5 in 1s"),
        ("dribble = { parts = 2, over = \"3s\", side = \"request\" }", "dribble request 2 in 3s"),
        ("panic = \"injected\"", "panic"),
        ("stress = { time = \"10s\", cpu = 2, memory = 1024 }", "stress 2 threads, 1024 bytes 10s"),
    ];
    rows.extend(injectors.map(|(injector, wanted)| (FaultPlacement::Server, injector.into(), wanted.into())));
    for (placement, injector, wanted) in rows {
        let (set, _) = staging();
        let text =
            format!("[[fault]]\nname = \"a\"\nparticipation = 1\nplacement = \"{placement}\"\n{injector}\n");
        set.apply(&plan(&text)).unwrap();
        let explanation = set.explain(&request(placement));
        assert_eq!(explanation.to_string(), format!("a ({placement}): {wanted}"), "{injector}");
    }
}

/// Keys belong to their kind, and values have bounds.
#[test]
fn wrong_settings_are_rejected() {
    let rows = [
        "toxic = { kind = \"packet_loss\" }",
        "toxic = { kind = \"packet_loss\", loss_rate = 1.5 }",
        "toxic = { kind = \"packet_loss\", loss_rate = 0.1, rto = \"1s\" }",
        "toxic = { kind = \"retransmission\", loss_rate = 0.1 }",
        "toxic = { kind = \"shared_bandwidth\", rate = 0 }",
        "toxic = { kind = \"close_after\", timeout = \"1s\" }",
        "toxic = { kind = \"garbage\", bytes = 0 }",
        "toxic = { kind = \"garbage\", bytes = 65537 }",
        "dribble = { parts = 0, over = \"1s\" }",
        "dribble = { parts = 1 }",
        "panic = 1",
        "stress = { cpu = 1 }",
        "stress = { time = \"1s\" }",
        "stress = { time = \"1h\", cpu = 1 }",
        "stress = { time = \"1s\", cpu = 65 }",
        "stress = { time = \"1s\", cpu = 1, at_once = 0 }",
    ];
    for row in rows {
        let text = format!(
            "version = 1\nenvironments = [\"staging\"]\n[[fault]]\nname = \"a\"\nparticipation = 1\n{row}\n"
        );
        let errors = waylay_fault::FaultPlan::from_toml(&text).expect_err(row);
        assert!(errors.iter().all(|error| error.line() >= 3), "{row}: {errors}");
    }
}
