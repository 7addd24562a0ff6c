//! Landing: the half of a strike that waits for the response.

use http::Response;

use crate::body::FaultBody;
use crate::pause::Pause;
use crate::stage::Host;
use crate::strike::Strike;

/// A strike that waits for the response.
pub(crate) struct Landing(pub(crate) Strike);

impl Landing {
    /// The wait before the head goes out, if there is one.
    pub(crate) fn pause(&self) -> Option<Pause> {
        let time = self.0.changes.wait();
        (!time.is_zero()).then(|| self.0.pause(time))
    }

    /// The service failed, and there is no response to do anything to.
    pub(crate) fn fail(mut self) {
        self.0.done(false);
    }

    /// The fault was called off while the head waited.
    pub(crate) fn call_off(mut self) {
        self.0.done(true);
    }

    /// Does to the response what is to be done to it.
    pub(crate) fn land<B>(self, response: Response<FaultBody<B>>) -> Response<FaultBody<B>> {
        let Self(mut strike) = self;
        let changes = std::mem::take(&mut strike.changes);
        changes.response(response, strike.is_head, strike)
    }
}
