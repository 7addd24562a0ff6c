//! The models: what must hold whatever the order in which threads meet.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use loom::future::block_on;
use loom::thread;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::config::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::connection::waker::TaskWakers;
use crate::fault::builder::FaultBuilder;
use crate::fault::fault::Fault;
use crate::fault::guards::{GuardState, Guards};
use crate::fault::limits::FaultLimits;
use crate::fault::schedule::{AttemptTable, Schedule, ScheduleConfig};
use crate::fault::selection::{CountWindow, Group};
use crate::fault::set::FaultSet;
use crate::fault::stop::AutoStop;
use crate::fault::switch::{Participation, Switch, halt, halted, resume};
use crate::injector::abort::error;
use crate::injector::quota::WindowTable;
use crate::io::stream::FaultStream;

/// Each model, by its name.
pub(crate) const MODELS: [(&str, fn()); 20] = [
    ("switch: off ends what runs", switch_off_ends_what_runs),
    ("switch: a retired fault ends what outlives requests", retiring_ends_what_outlives),
    ("switch: counters of sets agree", counters_of_sets_agree),
    ("switch: a detached counter is left at nothing", detached_counters_are_left_at_nothing),
    ("halt: it ends what runs", halt_ends_what_runs),
    ("halt: the environment does not undo it", the_environment_undoes_no_halt),
    ("set: an enabled fault that is seen is not idle", enabled_faults_are_not_idle),
    ("set: of two swaps one is the last", one_swap_is_the_last),
    ("set: a fault that leaves is not counted", faults_that_leave_are_not_counted),
    ("set: a time ends once", a_time_ends_once),
    ("decisions: a count window", count_windows),
    ("decisions: attempts of a key", attempts_of_a_key),
    ("decisions: injections at once", injections_at_once),
    ("decisions: a quota", quotas),
    ("decisions: counters that are carried over", carried_counters),
    ("decisions: members of a group", members_of_a_group),
    ("guards: a stop ends what runs", stops_end_what_runs),
    ("connection: a command wakes the reader", commands_wake_the_reader),
    ("connection: a drain is not lost", drains_are_not_lost),
    ("connection: both tasks are woken", both_tasks_are_woken),
];

fn switch(enabled: bool) -> Arc<Switch> {
    let participation = Participation::new(1.0).unwrap_or_else(|error| panic!("{error}"));
    Arc::new(Switch::new(enabled, false, participation, false, false))
}

fn on(name: &str) -> FaultBuilder {
    Fault::new(name, error(503)).enabled(true).participation(1.0).seed(7)
}

fn join<T>(thread: thread::JoinHandle<T>) -> T {
    match thread.join() {
        Ok(result) => result,
        Err(_) => panic!("a thread panicked"),
    }
}

fn switch_off_ends_what_runs() {
    let switch = switch(true);
    let other = switch.clone();
    let off = thread::spawn(move || other.set_enabled(false));
    assert_eq!(block_on(switch.run_until_off(pending::<()>())), None);
    join(off);
}

fn retiring_ends_what_outlives() {
    let switch = switch(true);
    let other = switch.clone();
    let retire = thread::spawn(move || other.retire());
    block_on(switch.retired());
    join(retire);
}

fn counters_of_sets_agree() {
    let switch = switch(false);
    let (one, other) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    switch.attach(one.clone());
    let threads = [
        thread::spawn({
            let switch = switch.clone();
            move || switch.set_enabled(true)
        }),
        thread::spawn({
            let (switch, other) = (switch.clone(), other.clone());
            move || switch.attach(other)
        }),
    ];
    switch.set_enabled(false);
    threads.into_iter().for_each(join);
    let active = usize::from(!switch.is_idle());
    assert_eq!((one.load(Ordering::SeqCst), other.load(Ordering::SeqCst)), (active, active));
}

fn detached_counters_are_left_at_nothing() {
    let switch = switch(false);
    let counter = Arc::new(AtomicUsize::new(0));
    switch.attach(counter.clone());
    let other = switch.clone();
    let toggle = thread::spawn(move || {
        other.set_enabled(true);
        other.set_enabled(false);
        other.set_enabled(true);
    });
    switch.detach(&counter);
    join(toggle);
    assert_eq!(counter.load(Ordering::SeqCst), 0);
}

fn halt_ends_what_runs() {
    let switch = switch(true);
    let stop = thread::spawn(halt);
    assert_eq!(block_on(switch.run_until_off(pending::<()>())), None);
    join(stop);
}

fn the_environment_undoes_no_halt() {
    let threads = [
        thread::spawn(halt),
        thread::spawn(|| {
            halted();
        }),
    ];
    // Reads the environment, unless another thread has done so.
    halted();
    threads.into_iter().for_each(join);
    assert!(halted());
    resume();
    assert!(!halted());
}

fn enabled_faults_are_not_idle() {
    let set = FaultSet::new();
    let other = set.clone();
    let swap = thread::spawn(move || assert!(other.replace([on("one")]).is_ok()));
    let is_seen = !set.begin().members.is_empty();
    assert!(!is_seen || !set.is_idle());
    join(swap);
    assert!(!set.is_idle());
    set.clear();
    assert!(set.is_idle());
}

fn one_swap_is_the_last() {
    let set = FaultSet::new();
    let other = set.clone();
    let swap = thread::spawn(move || assert!(other.replace([on("one")]).is_ok()));
    assert!(set.replace([on("two"), on("three").enabled(false)]).is_ok());
    join(swap);
    let members = &set.snapshot().members;
    let active = members.iter().filter(|member| !member.fault.is_idle()).count();
    assert_eq!((set.revision(), active), (2, 1));
    set.clear();
    assert!(set.is_idle());
}

fn faults_that_leave_are_not_counted() {
    let set = FaultSet::new();
    assert!(set.replace([on("one").enabled(false)]).is_ok());
    let leaving = set.snapshot().members[0].fault.clone();
    let control = leaving.control();
    let enable = thread::spawn(move || control.set_enabled(true));
    set.clear();
    join(enable);
    assert!(set.is_idle());
}

fn a_time_ends_once() {
    let guards = Arc::new(GuardState::default());
    let past = Guards::new().until(SystemTime::UNIX_EPOCH).compile();
    guards.set(past.unwrap_or_else(|error| panic!("{error}")));
    let now = Instant::now();
    let other = guards.clone();
    let first = thread::spawn(move || other.expire(now).1);
    let second = guards.expire(now).1;
    assert!(join(first) ^ second);
}

fn count_windows() {
    let window = Arc::new(CountWindow::new(1, 1, 2, Arc::new(AtomicU64::new(0))));
    let other = window.clone();
    let admit = |window: &CountWindow| (0..2).filter(|_| window.admit(false)).count();
    let first = thread::spawn(move || admit(&other));
    let second = admit(&window);
    // Of four the first is skipped, and two of the others are within the limit.
    assert_eq!(join(first) + second, 2);
}

fn attempts_of_a_key() {
    let table = Arc::new(AttemptTable::new(1));
    let other = table.clone();
    let first = thread::spawn(move || other.take(7));
    let second = table.take(7);
    assert!(join(first) ^ second);
    table.give_back(7);
    assert!(table.has_left(7));
}

fn injections_at_once() {
    let guards = Arc::new(GuardState::default());
    let one = Guards::new().max_active(1).compile();
    guards.set(one.unwrap_or_else(|error| panic!("{error}")));
    let running = Arc::new(AtomicUsize::new(0));
    let inject = |guards: &Arc<GuardState>, running: &AtomicUsize| {
        let Ok(permit) = guards.acquire(Instant::now(), false) else { return false };
        assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two at once");
        running.fetch_sub(1, Ordering::SeqCst);
        drop(permit);
        true
    };
    let (guards_too, running_too) = (guards.clone(), running.clone());
    let first = thread::spawn(move || inject(&guards_too, &running_too));
    let second = inject(&guards, &running);
    assert!(join(first) || second);
    assert_eq!(guards.active(), 0);
}

fn quotas() {
    let windows = Arc::new(WindowTable::new(1, Duration::from_secs(3600), 10));
    let other = windows.clone();
    let first = thread::spawn(move || other.take(7, false).is_ok());
    let second = windows.take(7, false).is_ok();
    assert!(join(first) ^ second);
}

fn carried_counters() {
    let set = FaultSet::new();
    assert!(set.replace([on("one").skip(1)]).is_ok());
    let before = set.snapshot().members[0].fault.clone();
    // A request of before the swap and one of after it count together.
    let admit = thread::spawn(move || usize::from(before.state.window.admit(false)));
    assert!(set.replace([on("one").skip(1)]).is_ok());
    let after = usize::from(set.snapshot().members[0].fault.state.window.admit(false));
    assert_eq!(join(admit) + after, 1);
}

fn members_of_a_group() {
    let group = Group::new("group").seed(7);
    let leaving = group.join(1.0);
    let leave = thread::spawn(move || drop(leaving));
    let member = group.join(3.0);
    join(leave);
    assert!(group.total() == 3.0);
    let next = group.join(5.0);
    assert!(next.number() != member.number() && next.number() < 2, "a position is taken over");
}

fn stops_end_what_runs() {
    let guards = Arc::new(GuardState::default());
    let limits = FaultLimits {
        schedule: Schedule::new(ScheduleConfig::default()),
        attempts: None,
        guards: Some(guards.clone()),
    };
    // The first error stops the set.
    let stop = Guards::new().stop(AutoStop::new("1m").min_requests(1).error_ratio(0.0)).compile();
    guards.set(stop.unwrap_or_else(|error| panic!("{error}")));
    let error = thread::spawn(move || assert!(guards.observe(false, true, Duration::ZERO).is_some()));
    block_on(limits.over());
    join(error);
}

/// An io from which nothing arrives.
struct Silence;

impl AsyncRead for Silence {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Silence {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn commands_wake_the_reader() {
    let mut stream = FaultStream::accepted(Silence, None);
    let threads = [stream.connection().clone(), stream.connection().clone()]
        .map(|connection| thread::spawn(move || connection.close()));
    let mut space = [0; 8];
    let mut buf = ReadBuf::new(&mut space);
    let read = block_on(poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buf)));
    assert!(read.is_ok() && buf.filled().is_empty());
    threads.into_iter().for_each(join);
}

fn drains_are_not_lost() {
    let stream = FaultStream::accepted(Silence, None);
    let connection = stream.connection().clone();
    let drain = thread::spawn(move || connection.drain());
    block_on(stream.connection().drained());
    join(drain);
}

fn both_tasks_are_woken() {
    let wakers = Arc::new(TaskWakers::default());
    let is_due = Arc::new(AtomicBool::new(false));
    let wait =
        |wakers: Arc<TaskWakers>, is_due: Arc<AtomicBool>, register: fn(&TaskWakers, &std::task::Waker)| {
            block_on(poll_fn(|cx| {
                register(&wakers, cx.waker());
                if is_due.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
            }));
        };
    let (wakers_too, due_too) = (wakers.clone(), is_due.clone());
    let reader = thread::spawn(move || wait(wakers_too, due_too, TaskWakers::register_reader));
    let (wakers_too, due_too) = (wakers.clone(), is_due.clone());
    let wake = thread::spawn(move || {
        due_too.store(true, Ordering::Release);
        wakers_too.wake_all();
    });
    wait(wakers, is_due, TaskWakers::register_writer);
    join(wake);
    join(reader);
}
