//! Data: the checked values of a plan, without their places.

use std::time::{Duration, SystemTime};

use crate::config::duration::DelayTime;

/// A value that its shape has accepted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<Data>),
    Table(Table),
}

/// The keys that are set, in the order of the shape.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Table(pub(crate) Vec<(&'static str, Data)>);

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Data> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, data)| data)
    }

    pub(crate) fn set(&mut self, key: &'static str, data: Data) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = data,
            None => self.0.push((key, data)),
        }
    }

    pub(crate) fn bool(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Data::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn integer(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Data::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// A count, which its shape keeps from being negative.
    pub(crate) fn count(&self, key: &str) -> Option<u64> {
        u64::try_from(self.integer(key)?).ok()
    }

    /// A number of 16 bits, which its shape keeps within them.
    pub(crate) fn small(&self, key: &str) -> Option<u16> {
        u16::try_from(self.integer(key)?).ok()
    }

    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Data::Number(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Data::Text(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn time(&self, key: &str) -> Option<DelayTime> {
        self.text(key).map(DelayTime::from)
    }

    /// A length of time, which its shape has parsed before.
    pub(crate) fn duration(&self, key: &str) -> Option<Duration> {
        self.time(key)?.duration().ok()
    }

    /// A date, which its shape has parsed before.
    pub(crate) fn date(&self, key: &str) -> Option<SystemTime> {
        humantime::parse_rfc3339(self.text(key)?).ok()
    }

    pub(crate) fn table(&self, key: &str) -> Option<&Self> {
        match self.get(key)? {
            Data::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn list(&self, key: &str) -> &[Data] {
        match self.get(key) {
            Some(Data::List(items)) => items,
            _ => &[],
        }
    }

    pub(crate) fn tables(&self, key: &str) -> impl Iterator<Item = &Self> {
        self.list(key).iter().filter_map(|item| match item {
            Data::Table(table) => Some(table),
            _ => None,
        })
    }

    pub(crate) fn texts(&self, key: &str) -> impl Iterator<Item = &str> {
        self.list(key).iter().filter_map(|item| match item {
            Data::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }
}
