//! The faults that lie in wait: all off until somebody switches them on.

use std::sync::Arc;

use waylay_fault::{
    DecideBy, Delay, Fault, FaultErrors, Injector, Reject, Reporter, ResetCode, chain, error, random, reject,
    slow,
};

/// The request that a client keeps trying; with the seed it settles who is struck.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// Each try of its own, so that a retry draws anew.
pub(crate) const ATTEMPT_ID: &str = "x-attempt-id";

/// One fault for each route that has one.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    pub(crate) mixed_products: Fault,
    pub(crate) slow_search: Fault,
    pub(crate) drop_product: Fault,
    pub(crate) fail_order: Fault,
    pub(crate) refuse_receipt: Fault,
    pub(crate) hang_stock: Fault,
}

impl Faults {
    /// The faults of one seed, telling `reporter` what they do.
    pub(crate) fn new(seed: u64, reporter: &Arc<dyn Reporter>) -> Result<Self, FaultErrors> {
        let fault = |name: &str, injector: Injector| {
            Fault::new(name, injector)
                .participation(0.2)
                .seed(seed)
                .decide_by(DecideBy::Header(REQUEST_ID.into()))
                .attempt_header(ATTEMPT_ID)
                .reporter(Arc::clone(reporter))
                .build()
        };
        let stutter = chain([slow(Delay::uniform("5ms", "25ms")), reject(Reject::EmptyReply)]);
        let mixed = random([(3.0, error(500).into()), (2.0, stutter), (1.0, slow(Delay::fixed("5s")))]);
        let till_closed = error(503).text("the till is closed").header("retry-after", "1");
        Ok(Self {
            mixed_products: fault("mixed-products", mixed)?,
            slow_search: fault("slow-search", slow(Delay::lognormal("40ms", 0.8).max("1s")))?,
            drop_product: fault("drop-product", reject(Reject::EmptyReply))?,
            fail_order: fault("fail-order", till_closed.into())?,
            refuse_receipt: fault("refuse-receipt", reject(Reject::StreamReset(ResetCode::REFUSED_STREAM)))?,
            hang_stock: fault("hang-stock", reject(Reject::hang("30s")))?,
        })
    }

    pub(crate) fn all(&self) -> [&Fault; 6] {
        let Self { mixed_products, slow_search, drop_product, fail_order, refuse_receipt, hang_stock } = self;
        [mixed_products, slow_search, drop_product, fail_order, refuse_receipt, hang_stock]
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Fault> {
        self.all().into_iter().find(|fault| fault.name() == name)
    }
}
