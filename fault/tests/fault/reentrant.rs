//! Foreign code that comes back: observers, wakers and destructors that call the library while it calls them.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf, duplex};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Connection, Control, Delay, Event, Fault, FaultSet, FaultStream, Reject, Reporter, SetEvent, error,
    reject, slow,
};

use crate::support::{always, get};

/// Runs this on another thread, so that a deadlock fails the test instead of stopping all.
fn finishes(name: &str, run: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        run();
        let _ = sender.send(());
    });
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name}: a deadlock"),
        _ => thread.join().unwrap(),
    }
}

/// A waker that does this when it is woken and when it is dropped.
struct Does<F: Fn() + Send + Sync>(F, Arc<AtomicUsize>);

impl<F: Fn() + Send + Sync> Wake for Does<F> {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync> Drop for Does<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn does(run: impl Fn() + Send + Sync + 'static) -> (Waker, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    (Arc::new(Does(run, count.clone())).into(), count)
}

/// A reporter that clears the set when it is dropped.
struct ClearsOnDrop(Arc<OnceLock<FaultSet>>);

impl Reporter for ClearsOnDrop {
    fn report(&self, _: &Event<'_>) {}
}

impl Drop for ClearsOnDrop {
    fn drop(&mut self) {
        if let Some(set) = self.0.get() {
            set.clear();
        }
    }
}

#[test]
fn observers_of_a_set() {
    finishes("an observer that swaps the set", || {
        let slot: Arc<OnceLock<FaultSet>> = Arc::default();
        let seen = Arc::new(AtomicUsize::new(0));
        let (known, count) = (slot.clone(), seen.clone());
        let observer = move |event: &SetEvent| {
            count.fetch_add(1, Ordering::Relaxed);
            if let SetEvent::Applied { revision: 1, .. } = event {
                known.get().unwrap().replace([Fault::new("second", error(500))]).unwrap();
            }
        };
        let set = slot.get_or_init(|| FaultSet::builder().on_event(observer).build());
        set.replace([Fault::new("first", error(500))]).unwrap();
        assert_eq!((set.revision(), seen.load(Ordering::Relaxed)), (2, 2));
        assert!(set.control("second").is_some());
    });
}

#[test]
fn destructors_of_a_fault_that_leaves() {
    finishes("a reporter that clears the set when it is dropped", || {
        let slot: Arc<OnceLock<FaultSet>> = Arc::default();
        let set = slot.get_or_init(FaultSet::new);
        set.replace([Fault::new("first", error(500)).reporter(ClearsOnDrop(slot.clone()))]).unwrap();
        set.replace([Fault::new("second", error(500))]).unwrap();
        assert_eq!((set.revision(), set.status().faults), (3, 0), "dropped after the swap, and cleared then");
    });
}

/// Switching a fault off wakes a request that it delays, and the waker switches it on.
#[test]
fn wakers_of_delayed_requests() {
    finishes("a waker that switches the fault", || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let fault = always(slow(Delay::fixed("1h"))).build().unwrap();
        let control: Control = fault.control();
        let inner =
            service_fn(async |_| Ok::<_, std::convert::Infallible>(http::Response::new(String::new())));
        let mut response = pin!(fault.layer().layer(inner).oneshot(get("/")));
        let other = control.clone();
        let (waker, woken) = does(move || other.set_enabled(true));
        let cx = &mut Context::from_waker(&waker);
        assert!(response.as_mut().poll(cx).is_pending());
        control.set_enabled(false);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert!(control.enabled());
        assert!(response.as_mut().poll(cx).is_ready(), "the delay ended, whatever the switch is now");
    });
}

/// The waker of a stream closes its connection, when it is woken and when another takes its place.
#[test]
fn wakers_of_streams() {
    finishes("a waker that closes the connection", || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        for by_drop in [false, true] {
            let (server, _client) = duplex(64);
            let mut server = FaultStream::accepted(server, None);
            let connection: Connection = server.connection().clone();
            let is_first = AtomicBool::new(true);
            let other = connection.clone();
            let (waker, _) = does(move || {
                if is_first.swap(false, Ordering::Relaxed) {
                    other.close();
                }
            });
            let mut read = |waker: &Waker| {
                let mut space = [0; 8];
                Pin::new(&mut server)
                    .poll_read(&mut Context::from_waker(waker), &mut ReadBuf::new(&mut space))
            };
            assert!(read(&waker).is_pending());
            if by_drop {
                drop(waker);
                // Takes its place, so that it is dropped, and closes the connection.
                let _ = read(Waker::noop());
            } else {
                connection.reset();
            }
            assert!(matches!(read(Waker::noop()), Poll::Ready(_)), "{by_drop}");
        }
    });
}

/// A reporter that decides about another request of the same set.
#[test]
fn reporters() {
    finishes("a reporter that uses its set", || {
        let slot: Arc<OnceLock<FaultSet>> = Arc::default();
        let known = slot.clone();
        let set = slot.get_or_init(|| {
            FaultSet::builder()
                .reporter(move |_: &Event<'_>| {
                    let set = known.get().unwrap();
                    set.rearm();
                    set.clear();
                })
                .build()
        });
        let fault = Fault::new("test", reject(Reject::EmptyReply)).enabled(true).participation(1.0);
        set.replace([fault]).unwrap();
        let inner =
            service_fn(async |_| Ok::<_, std::convert::Infallible>(http::Response::new(String::new())));
        let response = crate::support::block_on(set.layer().layer(inner).oneshot(get("/"))).unwrap();
        assert_eq!((response.status().as_u16(), set.status().faults), (500, 0));
    });
}
