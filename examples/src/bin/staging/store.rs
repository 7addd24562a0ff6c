//! Store: products, stock and orders, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// A product that is for sale.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Product {
    pub(crate) sku: u32,
    pub(crate) name: &'static str,
    pub(crate) cents: u32,
}

const PRODUCTS: [Product; 4] = [
    Product { sku: 1, name: "teapot", cents: 1850 },
    Product { sku: 2, name: "tea towel", cents: 700 },
    Product { sku: 3, name: "kettle", cents: 3900 },
    Product { sku: 4, name: "cup", cents: 450 },
];

/// Content of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OrderDetails {
    pub(crate) cart: u64,
    pub(crate) sku: u32,
    pub(crate) quantity: u32,
    pub(crate) gift: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// A stored order.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Order {
    pub(crate) id: usize,
    #[serde(flatten)]
    pub(crate) details: OrderDetails,
}

/// The data of the shop; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    data: Arc<Mutex<Data>>,
}

#[derive(Debug)]
struct Data {
    stock: BTreeMap<u32, u32>,
    orders: Vec<Order>,
    /// Index of the order by idempotency key.
    keys: HashMap<String, usize>,
}

impl Store {
    /// Creates a store with stock and one order.
    pub(crate) fn with_sample_order() -> Self {
        let details = OrderDetails { cart: 1, sku: 1, quantity: 1, gift: false, note: None };
        let data = Data {
            stock: PRODUCTS.iter().map(|product| (product.sku, 12)).collect(),
            orders: vec![Order { id: 1, details }],
            keys: HashMap::new(),
        };
        Self { data: Arc::new(Mutex::new(data)) }
    }

    pub(crate) fn products(&self) -> &'static [Product] {
        &PRODUCTS
    }

    pub(crate) fn product(&self, sku: u32) -> Option<&'static Product> {
        PRODUCTS.iter().find(|product| product.sku == sku)
    }

    pub(crate) fn stock(&self, sku: u32) -> Option<u32> {
        self.data().stock.get(&sku).copied()
    }

    /// Sets the stock of a product; returns false if there is no such product.
    pub(crate) fn set_stock(&self, sku: u32, count: u32) -> bool {
        self.data().stock.get_mut(&sku).map(|stock| *stock = count).is_some()
    }

    pub(crate) fn order(&self, id: usize) -> Option<Order> {
        self.data().orders.get(id.checked_sub(1)?).cloned()
    }

    /// Stores an order, once per key: a client that got no response and retries gets the same order.
    /// Returns `None` if the key belongs to another order.
    pub(crate) fn place(&self, key: String, details: OrderDetails) -> Option<Order> {
        let data = &mut *self.data();
        let index = *data.keys.entry(key).or_insert(data.orders.len());
        match data.orders.get(index) {
            Some(order) => (order.details == details).then(|| order.clone()),
            None => {
                let order = Order { id: index + 1, details };
                data.orders.push(order.clone());
                Some(order)
            }
        }
    }

    /// Ignores poisoning, since each change above is a single step.
    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
