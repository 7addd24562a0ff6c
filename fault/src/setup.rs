//! All that a built fault consists of.

use std::fmt;
use std::sync::Arc;

use http::{HeaderValue, Request};

use crate::chance::Dice;
use crate::gate::Gate;
use crate::injector::node::Act;
use crate::key::Keyring;
use crate::reach::Means;
use crate::report::{Deed, Event, Phase, Reporter};
use crate::switch::Switch;
use crate::tally::Tally;

pub(crate) struct Setup {
    pub(crate) name: Arc<str>,
    pub(crate) switch: Switch,
    pub(crate) gate: Gate,
    pub(crate) keyring: Keyring,
    pub(crate) dice: Dice,
    pub(crate) injector: Box<dyn Act>,
    pub(crate) means: Means,
    /// The value of the mark; none if the fault is not to show itself.
    pub(crate) mark: Option<HeaderValue>,
    pub(crate) reporter: Option<Box<dyn Reporter>>,
    pub(crate) tally: Tally,
}

impl Setup {
    pub(crate) fn report<B>(&self, phase: Phase, deeds: &[Deed], request: &Request<B>) {
        if let Some(reporter) = &self.reporter {
            reporter.report(&Event::new(&self.name, phase, deeds, request));
        }
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
