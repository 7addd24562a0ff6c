//! The operator of a fleet, on the command line, and a replica without a service:
//! `cargo run -p waylay-fault-nats --example fleet -- nats://127.0.0.1:4222 put plan.toml`.

use std::error::Error;

use waylay_fault::{EventLog, FaultSet};
use waylay_fault_nats::{NatsFleet, NatsFleetBuilder};

const USAGE: &str = "\
usage: fleet SERVERS [--bucket NAME] [--key KEY] COMMAND
  show                 print the plan of the fleet; its revision goes to standard error
  put FILE             write a plan where there is none
  put FILE REVISION    write a plan in place of the one of this revision
  delete REVISION      delete the plan of this revision
  halt [REASON]        halt every fault of every replica
  resume               end the halt
  replicas             what each replica runs
  join [NAME]          be a replica, until Ctrl-C";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.len() < 2 {
        return Err(USAGE.into());
    }
    let mut fleet = NatsFleet::builder(arguments.remove(0)).on_event(|event| eprintln!("{event}"));
    while arguments.len() > 1 && ["--bucket", "--key"].contains(&&*arguments[0]) {
        let set = if arguments[0] == "--key" { NatsFleetBuilder::key } else { NatsFleetBuilder::bucket };
        fleet = set(fleet, arguments[1].clone());
        arguments.drain(..2);
    }
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["join", rest @ ..] = &words[..] {
        let fleet = rest.iter().fold(fleet, |fleet, name| fleet.instance(*name));
        return join(fleet).await;
    }
    let fleet = fleet.connect().await?;
    match words[..] {
        ["show"] => match fleet.plan().await? {
            Some(plan) => {
                eprintln!("revision {}", plan.revision);
                print!("{}", plan.text);
            }
            None => eprintln!("there is no plan"),
        },
        ["put", file] => println!("revision {}", fleet.put_plan(&read(file)?, None).await?),
        ["put", file, revision] => {
            println!("revision {}", fleet.put_plan(&read(file)?, Some(revision.parse()?)).await?);
        }
        ["delete", revision] => fleet.delete_plan(revision.parse()?).await?,
        ["halt", ref reason @ ..] => fleet.halt(&reason.join(" ")).await?,
        ["resume"] => fleet.resume().await?,
        ["replicas"] => table(&fleet).await?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn read(file: &str) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))
}

async fn table(fleet: &NatsFleet) -> Result<(), Box<dyn Error>> {
    println!(
        "{:<32} {:>8}  {:<8} {:>9} {:>9}  {:>6}",
        "replica", "revision", "state", "seen", "injected", "age"
    );
    for replica in fleet.replicas().await? {
        let revision = replica.revision.map_or("-".to_owned(), |revision| revision.to_string());
        let (counts, age) = (replica.counts, replica.age.as_secs_f64());
        let (name, state) = (&replica.instance, replica.state.name());
        println!(
            "{name:<32} {revision:>8}  {state:<8} {:>9} {:>9}  {age:>4.1} s",
            counts.seen, counts.injected
        );
        if let Some(rejected) = &replica.rejected {
            println!(
                "    revision {} rejected: {}",
                rejected.revision,
                rejected.error.replace('\n', "\n    ")
            );
        }
    }
    Ok(())
}

async fn join(fleet: NatsFleetBuilder) -> Result<(), Box<dyn Error>> {
    let set = FaultSet::builder().event_log(EventLog::new(1000)).on_event(|event| eprintln!("{event}"));
    // This program is a staging environment unless the variable says otherwise.
    let set = if std::env::var_os("WAYLAY_ENVIRONMENT").is_none() { set.environment("staging") } else { set };
    let set = set.build();
    let fleet = fleet.connect().await?;
    println!("replica {}", fleet.instance());
    tokio::select! {
        () = fleet.run(&set) => {}
        _ = tokio::signal::ctrl_c() => fleet.leave().await?,
    }
    Ok(())
}
