//! CountedQueue: a queue that counts the memory of its entries.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes that one direction of a stream or WebSocket queues, its entries included. While it holds as
/// many, nothing more is read or written.
pub(crate) const MAX_QUEUED: usize = 1 << 20;

/// Bytes taken at once by a queue that makes an entry of each message, however small.
pub(crate) const PART: usize = 8 * 1024;

/// What an allocator and [`Bytes`] need beside the bytes.
const ALLOCATION: usize = 64;

/// An entry whose bytes are not a part of a longer buffer, which it would keep.
pub(crate) trait Entry {
    /// Returns the number of its bytes.
    fn length(&self) -> usize;
}

/// A queue that knows how much memory it holds: one byte, or none, costs as much as its entry.
#[derive(Debug)]
pub(crate) struct CountedQueue<T> {
    entries: VecDeque<T>,
    /// Bytes of all entries.
    bytes: usize,
}

impl<T> Default for CountedQueue<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), bytes: 0 }
    }
}

impl<T: Entry> CountedQueue<T> {
    /// Returns the memory of all entries, in bytes. A queue that grows holds twice its entries.
    pub(crate) fn held(&self) -> usize {
        self.bytes + self.entries.len() * (2 * size_of::<T>() + ALLOCATION)
    }

    /// Tests whether less than [`MAX_QUEUED`] is held.
    pub(crate) fn has_room(&self) -> bool {
        self.held() < MAX_QUEUED
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn push(&mut self, entry: T) {
        self.bytes += entry.length();
        self.entries.push_back(entry);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.length();
        Some(entry)
    }

    /// Takes a part of the bytes of the next entry, which stays.
    pub(crate) fn pop_part<U>(&mut self, take: impl FnOnce(&mut T) -> U) -> Option<U> {
        let entry = self.entries.front_mut()?;
        let before = entry.length();
        let part = take(entry);
        self.bytes -= before - entry.length();
        Some(part)
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.entries.front()
    }

    pub(crate) fn back(&self) -> Option<&T> {
        self.entries.back()
    }

    /// Changes the next entry, except for its bytes.
    pub(crate) fn front_mut(&mut self) -> Option<&mut T> {
        self.entries.front_mut()
    }

    /// Changes all entries, except for their bytes.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut()
    }
}

impl<T: Entry> Extend<T> for CountedQueue<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, entries: I) {
        entries.into_iter().for_each(|entry| self.push(entry));
    }
}

impl Entry for Bytes {
    fn length(&self) -> usize {
        self.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_at_its_memory() {
        for size in [0, 1, 100, 5000] {
            let mut queue = CountedQueue::default();
            while queue.has_room() {
                queue.push(Bytes::from(vec![7; size]));
            }
            let count = queue.entries.len();
            let memory = queue.entries.capacity() * size_of::<Bytes>() + count * size;
            assert!(memory <= MAX_QUEUED + size, "{memory} bytes in {count} entries of {size}");
            assert_eq!(count, MAX_QUEUED.div_ceil(size + 2 * size_of::<Bytes>() + ALLOCATION), "{size}");
            while queue.pop().is_some() {}
            assert_eq!(queue.held(), 0, "{size}");
        }
    }
}
