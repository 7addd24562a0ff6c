//! TableFile: the router of a file, and its changes.

use std::convert::Infallible;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use waylay_examples::table_file::table_spec;
use waylay_router::{FileWatcher, Policy, ReloadEvent, Route, RouteSpec, Router, SwapRouter};

use crate::admin::TableView;
use crate::proxy::{Upstreams, proxy};

/// Time between two readings of the file.
const INTERVAL: Duration = Duration::from_millis(250);

/// The file with the routes.
#[derive(Debug)]
pub(crate) struct TableFile {
    path: PathBuf,
    upstreams: Upstreams,
}

impl TableFile {
    pub(crate) fn new(path: PathBuf, upstreams: Upstreams) -> Self {
        Self { path, upstreams }
    }

    /// Reads the file and builds its router.
    pub(crate) fn read(&self) -> Result<Router, Box<dyn Error>> {
        let text = std::fs::read_to_string(&self.path)
            .map_err(|error| format!("{}: {error}", self.path.display()))?;
        Ok(self.build(&text)?)
    }

    /// Builds the routes; `proxy` is the only handler.
    fn build(&self, text: &str) -> Result<Router, String> {
        let bind = |spec: &RouteSpec, route: Route| match spec.handler.as_str() {
            "proxy" if spec.metadata.contains_key("upstream") => Ok(route.to(proxy)),
            "proxy" => Err("`metadata.upstream` is missing".to_owned()),
            other => Err(format!("unknown handler `{other}`, expected `proxy`")),
        };
        let spec = table_spec(&self.path, text)?;
        let builder = Router::builder().policy(Policy::strict()).state(self.upstreams.clone());
        builder.spec(&spec, bind).build().map_err(|errors| errors.to_string())
    }

    /// Replaces the router whenever the file has a valid table; reports what is invalid.
    pub(crate) async fn follow(self, swap: SwapRouter, view: TableView) -> Infallible {
        let watcher = FileWatcher::new(&self.path).every(INTERVAL);
        let current = swap.clone();
        let path = self.path.clone();
        let report = |event| match event {
            ReloadEvent::Replaced(diff) => {
                view.replace(current.current());
                if !diff.is_empty() {
                    print!("the table has changed:\n{diff}");
                }
            }
            ReloadEvent::Rejected(errors) => {
                eprintln!("the new table is rejected, the old one stays in use:\n{errors}");
            }
            ReloadEvent::ReadFailed(error) => {
                let path = path.display();
                eprintln!("{path}: the table cannot be read, the old one stays in use: {error}");
            }
            _ => {}
        };
        swap.reload(watcher, move |text| self.build(text), report).await
    }
}
