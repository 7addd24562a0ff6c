//! Shared state of a built fault.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderValue, Request};

use crate::body::stage::{Host, Pause, Sleeper};
use crate::connection::handle::Leash;
use crate::fault::capability::Means;
use crate::fault::filter::filter::Gate;
use crate::fault::selection::{Seat, Window};
use crate::fault::switch::{Switch, halted};
use crate::injector::key::Keyring;
use crate::injector::tree::Act;
use crate::random::draws::{Dice, Draws, Key};
use crate::report::counts::Tally;
use crate::report::event::{Deed, Event, Phase, Reporter, Skip};

pub(crate) struct Setup {
    pub(crate) name: Arc<str>,
    pub(crate) switch: Switch,
    pub(crate) gate: Gate,
    pub(crate) keyring: Keyring,
    pub(crate) dice: Dice,
    /// Takes the place of the dice's share, if the user gave one.
    pub(crate) draw: Option<Box<DrawFn>>,
    pub(crate) seat: Option<Seat>,
    pub(crate) window: Window,
    pub(crate) injector: Box<dyn Act>,
    pub(crate) means: Means,
    /// The value of the mark; none if the fault is not to show itself.
    pub(crate) mark: Option<HeaderValue>,
    pub(crate) reporter: Option<Box<dyn Reporter>>,
    pub(crate) sleeper: Sleeper,
    /// In bytes.
    pub(crate) read_ahead: usize,
    pub(crate) tally: Tally,
}

/// A draw function of the user's.
pub(crate) type DrawFn = dyn Fn(Key<'_>) -> f64 + Send + Sync;

impl Setup {
    /// Whether the draw chooses the request of this key.
    pub(crate) fn fires(&self, draws: &Draws, key: Key<'_>) -> bool {
        let participation = self.switch.participation();
        match &self.draw {
            Some(draw) => draw(key) < participation,
            None => draws.fires(participation),
        }
    }

    pub(crate) fn off(&self) -> bool {
        !self.switch.enabled() || halted()
    }

    pub(crate) fn report<B>(&self, phase: Phase, deeds: &[Deed], request: &Request<B>) {
        if let Some(reporter) = &self.reporter {
            reporter.report(&Event::new(&self.name, phase, deeds, request));
        }
    }
}

/// Sleeps, and hears a switch or a halt.
pub(crate) fn pause(setup: &Arc<Setup>, time: Duration) -> Pause {
    let setup = setup.clone();
    Pause::new(async move { setup.switch.unless_off(setup.sleeper.sleep(time)).await })
}

/// The fault behind what outlives its strike, about whose end nothing is told. It counts as active
/// for as long as any clone lives.
#[derive(Clone)]
pub(crate) struct Active(Arc<Entered>);

struct Entered(Arc<Setup>);

impl Active {
    pub(crate) fn new(setup: Arc<Setup>) -> Self {
        setup.tally.enter();
        Self(Arc::new(Entered(setup)))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.tally.leave();
    }
}

/// A strike of which it is yet to be seen whether it comes about: counted as injected once it is
/// kept, and as unreachable once nobody can keep it any longer.
#[derive(Clone)]
pub(crate) struct Promise(Arc<Given>);

struct Given {
    setup: Arc<Setup>,
    kept: AtomicBool,
}

impl Promise {
    pub(crate) fn new(setup: Arc<Setup>) -> Self {
        Self(Arc::new(Given { setup, kept: AtomicBool::new(false) }))
    }

    pub(crate) fn keep(&self) {
        if !self.0.kept.swap(true, Ordering::Relaxed) {
            self.0.setup.tally.inject();
        }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if !*self.kept.get_mut() {
            self.setup.tally.skip(Skip::Unreachable);
        }
    }
}

impl Host for Active {
    fn name(&self) -> Arc<str> {
        self.0.0.name.clone()
    }

    fn off(&self) -> bool {
        self.0.0.off()
    }

    fn pause(&self, time: Duration) -> Pause {
        pause(&self.0.0, time)
    }

    fn done(&mut self, _called_off: bool) {}
}

impl Leash for Active {
    fn name(&self) -> Arc<str> {
        self.0.0.name.clone()
    }

    fn off(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let setup = self.0.0.clone();
        Box::pin(async move {
            setup.switch.unless_off(std::future::pending::<()>()).await;
        })
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("name", &self.name)
            .field("injector", &self.injector)
            .field("enabled", &self.switch.enabled())
            .field("participation", &self.switch.participation())
            .field("gate", &self.gate)
            .field("seed", &self.dice.seed())
            .finish_non_exhaustive()
    }
}
