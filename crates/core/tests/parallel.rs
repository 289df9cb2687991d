//! The parallel loops and the job pool.

use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(target_family = "wasm"))]
use std::sync::mpsc;
#[cfg(not(target_family = "wasm"))]
use std::time::Duration;

use h2q_core::error::Error;
#[cfg(not(target_family = "wasm"))]
use h2q_core::jobs;
use h2q_core::parallel::{Cancel, fill_chunks, fold_tasks, map_tasks, sort};

#[test]
fn results_come_in_order_of_the_tasks() {
    for threads in [1, 2, 5] {
        for tasks in [0, 1, 2, 100] {
            let results = map_tasks(threads, tasks, &Cancel::default(), || (), |(), i| Ok(i * i));
            let expected: Vec<usize> = (0..tasks).map(|i| i * i).collect();
            assert_eq!(results.expect("no error"), expected);
        }
    }
}

fn failure(task: usize) -> Box<Error> {
    Box::new(Error::Internal { reason: format!("task {task}") })
}

#[test]
fn states_hold_every_task_once_in_rising_order() {
    for threads in [1, 2, 5] {
        for tasks in [0, 1, 2, 100] {
            let keep = |done: &mut Vec<usize>, task| {
                done.push(task);
                Ok(())
            };
            let states = fold_tasks(threads, tasks, &Cancel::default(), Vec::new, keep);
            let states = states.expect("no error");
            assert!(states.iter().all(|done| done.is_sorted()));
            let mut all: Vec<usize> = states.into_iter().flatten().collect();
            all.sort_unstable();
            assert_eq!(all, (0..tasks).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_task_that_fails_ends_a_fold_with_its_error() {
    for threads in [1, 3] {
        let done = AtomicUsize::new(0);
        let work = |(): &mut (), task| {
            done.fetch_add(1, Ordering::Relaxed);
            if task == 5 { Err(failure(task)) } else { Ok(()) }
        };
        let error = fold_tasks(threads, 100_000, &Cancel::default(), || (), work);
        assert_eq!(error.expect_err("task 5"), failure(5));
        assert!(done.load(Ordering::Relaxed) < 100_000, "the others are not begun");
    }
}

#[test]
fn every_chunk_is_filled_once() {
    for (length, chunk) in [(0, 3), (1, 3), (3, 3), (10, 3), (1000, 7)] {
        let mut out = vec![0; length];
        let fill = |(): &mut (), i: usize, part: &mut [usize]| {
            part.iter_mut().enumerate().for_each(|(j, x)| *x += i * chunk + j);
            Ok(())
        };
        fill_chunks(3, &mut out, chunk, &Cancel::default(), || (), fill).expect("no error");
        assert_eq!(out, (0..length).collect::<Vec<_>>());
    }
}

#[test]
fn an_error_stops_the_rest_and_wins() {
    let done = AtomicUsize::new(0);
    let broken = Box::new(Error::Internal { reason: "broken".into() });
    let result = map_tasks(
        2,
        10_000,
        &Cancel::default(),
        || (),
        |(), i| {
            done.fetch_add(1, Ordering::Relaxed);
            if i == 3 { Err(broken.clone()) } else { Ok(()) }
        },
    );
    assert_eq!(result.expect_err("the error"), broken);
    assert!(done.load(Ordering::Relaxed) < 10_000);
}

#[test]
fn cancelling_stops_running_tasks() {
    let cancel = Cancel::default();
    let result = map_tasks(
        2,
        1000,
        &cancel,
        || (),
        |(), i| {
            if i == 5 {
                cancel.cancel();
            }
            Ok(())
        },
    );
    assert_eq!(*result.expect_err("stopped"), Error::Aborted);
}

#[test]
#[cfg(not(target_family = "wasm"))]
fn long_jobs_leave_room_for_others() {
    let (release, released) = mpsc::channel::<()>();
    let (report, reported) = mpsc::channel();
    jobs::spawn(move || released.recv().expect("released"));
    for i in 0..50 {
        let report = report.clone();
        jobs::spawn(move || report.send(i).expect("a listener"));
    }
    let mut seen: Vec<i32> = (0..50)
        .map(|_| reported.recv_timeout(Duration::from_secs(60)).expect("the job ran"))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    release.send(()).expect("the long job waits");
}

#[test]
fn a_sort_in_steps_is_a_sort_and_stops() {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state >> 33
    };
    for length in [0, 1, 65_535, 65_536, 65_537, 300_001] {
        let mut items: Vec<u64> = (0..length).map(|_| next()).collect();
        let mut expected = items.clone();
        expected.sort_unstable();
        sort(&mut items, &Cancel::default()).expect("sorted");
        assert_eq!(items, expected);
    }
    let cancel = Cancel::default();
    cancel.cancel();
    assert_eq!(sort(&mut [2, 1], &cancel), Err(Error::Aborted.into()));
}
