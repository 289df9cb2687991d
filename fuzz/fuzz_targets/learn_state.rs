//! The state of learning. What is taken up is handed out again as it was but for the
//! seconds, and learning goes on from it: to a model
//! whose file can be read, or to an error.
//!
//! The first byte tells whether the hash of the request and the checksum are put right; the rest is the state.
#![no_main]

use h2q_core::model::Model;
use h2q_core::parallel::Cancel;
use h2q_fuzz::learning;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((plan, state)) = data.split_first() else { return };
    let mut state = state.to_vec();
    if plan & 1 == 0 {
        learning::seal(&mut state);
    }
    let never = Cancel::default();
    let mut session = learning::session();
    // Whether it belongs to the request, the preparation tells.
    if let Err(error) = session.resume(&state).and_then(|()| session.prepare(&never)) {
        return assert_eq!(error.code(), "MODEL_FORMAT", "{error}");
    }
    let handed_out = session.checkpoint().expect("it is prepared");
    // The seconds go on, and so the checksum is another one.
    let end = state.len() - 8;
    for part in [0..learning::SECONDS.start, learning::SECONDS.end..end] {
        assert!(handed_out[part.clone()] == state[part], "handed out as it was taken up");
    }
    while !session.done() {
        if session.step(1, &never).is_err() {
            return;
        }
    }
    if let Ok(model) = session.finish(&never) {
        Model::from_bytes(&model.to_bytes()).expect("what was written is read");
    }
});
