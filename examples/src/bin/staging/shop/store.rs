//! Goods, stock and orders, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Something on the shelf.
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

/// What somebody wants to buy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Wish {
    pub(crate) cart: u64,
    pub(crate) sku: u32,
    pub(crate) quantity: u32,
    pub(crate) gift: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// A wish that was taken down.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Order {
    pub(crate) id: usize,
    #[serde(flatten)]
    pub(crate) wish: Wish,
}

/// All that the shop knows; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    ledgers: Arc<Mutex<Ledgers>>,
}

#[derive(Debug)]
struct Ledgers {
    stock: BTreeMap<u32, u32>,
    orders: Vec<Order>,
    /// By idempotency key, the index of the order that it stands for.
    keys: HashMap<String, usize>,
}

impl Store {
    /// A shop on its first day: stocked, and with one order taken.
    pub(crate) fn open() -> Self {
        let wish = Wish { cart: 1, sku: 1, quantity: 1, gift: false, note: None };
        let ledgers = Ledgers {
            stock: PRODUCTS.iter().map(|product| (product.sku, 12)).collect(),
            orders: vec![Order { id: 1, wish }],
            keys: HashMap::new(),
        };
        Self { ledgers: Arc::new(Mutex::new(ledgers)) }
    }

    pub(crate) fn products(&self) -> &'static [Product] {
        &PRODUCTS
    }

    pub(crate) fn product(&self, sku: u32) -> Option<&'static Product> {
        PRODUCTS.iter().find(|product| product.sku == sku)
    }

    pub(crate) fn stock(&self, sku: u32) -> Option<u32> {
        self.ledgers().stock.get(&sku).copied()
    }

    /// Puts so many on the shelf; false if there is no such product.
    pub(crate) fn set_stock(&self, sku: u32, count: u32) -> bool {
        self.ledgers().stock.get_mut(&sku).map(|stock| *stock = count).is_some()
    }

    pub(crate) fn order(&self, id: usize) -> Option<Order> {
        self.ledgers().orders.get(id.checked_sub(1)?).cloned()
    }

    /// Takes an order down, once for each key: a client that never heard the answer asks again and
    /// is told of the same order. `None` if the key stands for another wish.
    pub(crate) fn place(&self, key: String, wish: Wish) -> Option<Order> {
        let ledgers = &mut *self.ledgers();
        let index = *ledgers.keys.entry(key).or_insert(ledgers.orders.len());
        match ledgers.orders.get(index) {
            Some(order) => (order.wish == wish).then(|| order.clone()),
            None => {
                let order = Order { id: index + 1, wish };
                ledgers.orders.push(order.clone());
                Some(order)
            }
        }
    }

    /// Every change above is whole before it is seen, so a poisoned lock hides nothing broken.
    fn ledgers(&self) -> MutexGuard<'_, Ledgers> {
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
