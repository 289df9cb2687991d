//! Learning as a whole: what it gives, what decides it, what it refuses.

mod support;

use std::sync::Arc;

use h2q_core::codes::Layout;
use h2q_core::error::Error;
use h2q_core::evaluate::Labels;
use h2q_core::fit::{FitOptions, FitSession};
use h2q_core::learn::{LearnOptions, LearnSession, Penalty, SimilarityLoss};
use h2q_core::model::Model;
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;

const ROWS: usize = 600;
const COLUMNS: usize = 20;
const CLASSES: usize = 5;

/// Noise around one centre per class; the noise is larger than what tells the classes apart.
fn noisy() -> (Arc<Vectors>, Labels) {
    let centres = support::uniform(CLASSES * COLUMNS, 1);
    let noise = support::uniform(ROWS * COLUMNS, 2);
    let value =
        |i: usize| 5.0 + 0.6 * centres[i / COLUMNS % CLASSES * COLUMNS + i % COLUMNS] + noise[i];
    let data = (0..ROWS * COLUMNS).map(value).collect();
    let labels = (0..ROWS).map(|row| 10 * (row % CLASSES) as i64 - 7).collect();
    (
        Arc::new(Vectors::new(data, COLUMNS).expect("finite values")),
        Labels::single("labels", labels).expect("labels"),
    )
}

fn options() -> LearnOptions {
    LearnOptions {
        bits: Some(16),
        hidden: Some(vec![24]),
        epochs: Some(6),
        learning_rate: Some(0.01),
        seed: Some(3),
        ..LearnOptions::default()
    }
}

fn session(options: &LearnOptions) -> LearnSession {
    let (vectors, labels) = noisy();
    LearnSession::new(vectors, labels, None, options).expect("a request that is fine")
}

fn learnt(mut session: LearnSession) -> (Model, f64) {
    let cancel = Cancel::default();
    let mut best = 0.0f64;
    while !session.done() {
        for report in session.step(1, &cancel).expect("nobody aborts") {
            best = best.max(report.mean_average_precision);
        }
    }
    (session.finish(&cancel).expect("a model"), best)
}

#[test]
fn every_loss_tells_the_classes_apart_better_than_the_input_does() {
    let (vectors, labels) = noisy();
    let none = Cancel::default();
    let at = &[100];
    let evaluation = h2q_core::evaluate::CosineEvaluation {
        database: &vectors,
        queries: &vectors,
        database_labels: &labels,
        query_labels: &labels,
        at,
        average_precision: h2q_core::evaluate::AveragePrecision::Retrieved,
        neighbours: 0,
    };
    let (before, _) =
        h2q_core::evaluate::evaluate_cosine(&evaluation, 1, &none).expect("a ranking");
    for loss in SimilarityLoss::ALL {
        let epochs = Some(20);
        let (_, best) = learnt(session(&LearnOptions { loss: Some(loss), epochs, ..options() }));
        let before = before[0].mean_average_precision;
        assert!(best > before + 0.05, "{}: {best}, the input has {before}", loss.name());
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    for loss in [SimilarityLoss::Hyp2, SimilarityLoss::Dsh] {
        let hidden = Some(vec![300, 40]);
        let batch_size = Some(400);
        let with = |threads| {
            let threads = Some(threads);
            let loss = Some(loss);
            let hidden = hidden.clone();
            let options = LearnOptions { threads, loss, hidden, batch_size, ..options() };
            learnt(session(&options)).0.to_bytes()
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_eq!(one, with(5));
    }
}

#[test]
fn an_abort_leaves_the_state_of_the_last_whole_epoch() {
    // Hundreds of steps to an epoch, which take far longer than the abort waits.
    let slow = LearnOptions { batch_size: Some(2), hidden: Some(vec![512]), ..options() };
    let mut session = session(&slow);
    let never = Cancel::default();
    session.step(2, &never).expect("nobody aborts");
    let before = session.checkpoint().expect("it was prepared");
    for milliseconds in [0, 3] {
        let aborted = Cancel::default();
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(milliseconds));
                aborted.cancel();
            });
            session.step(1, &aborted)
        });
        assert!(matches!(result.as_ref().map_err(|e| &**e), Err(Error::Aborted)), "{result:?}");
        let seconds = 32..40;
        let now = session.checkpoint().expect("it was prepared");
        assert_eq!(now[..seconds.start], before[..seconds.start]);
        assert_eq!(now[seconds.end..now.len() - 8], before[seconds.end..before.len() - 8]);
    }
    let (model, _) = learnt(session);
    assert_eq!(model.to_bytes(), learnt(self::session(&slow)).0.to_bytes());
}

#[test]
fn a_checkpoint_goes_on_to_the_same_bytes() {
    let whole = learnt(session(&options())).0.to_bytes();
    for epochs in [0, 1, 4, 6] {
        let mut first = session(&options());
        first.prepare(&Cancel::default()).expect("nobody aborts");
        first.step(epochs, &Cancel::default()).expect("nobody aborts");
        let bytes = first.checkpoint().expect("it was prepared");
        let threads = Some(1);
        let mut second = session(&LearnOptions { threads, ..options() });
        second.resume(&bytes).expect("its own checkpoint");
        assert_eq!(learnt(second).0.to_bytes(), whole, "after {epochs} epochs");
    }
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    let mut first = session(&options());
    assert_eq!(first.checkpoint(), None);
    let never = Cancel::default();
    first.step(1, &Cancel::default()).expect("nobody aborts");
    let bytes = first.checkpoint().expect("it was prepared");
    let refused = |session: &mut LearnSession, bytes: &[u8]| {
        let result = session.resume(bytes).and_then(|()| session.prepare(&never));
        matches!(result.map_err(|error| *error), Err(Error::ModelFormat { .. }))
    };
    assert!(refused(&mut session(&LearnOptions { seed: Some(4), ..options() }), &bytes));
    assert!(refused(&mut session(&LearnOptions { bits: Some(8), ..options() }), &bytes));
    for length in [0, 7, 8, 40, 56, 57, bytes.len() - 8, bytes.len() - 1] {
        assert!(refused(&mut session(&options()), &bytes[..length]), "{length} bytes");
    }
    for at in [9, 12, 20, 30, 44, 100, bytes.len() - 3] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        assert!(refused(&mut session(&options()), &damaged), "byte {at}");
    }
}

/// A count of steps at the end of its range would overflow with the next.
#[test]
fn a_checkpoint_whose_steps_are_not_those_of_its_epochs_is_refused() {
    let mut first = session(&options());
    first.step(2, &Cancel::default()).expect("nobody aborts");
    let bytes = first.checkpoint().expect("it was prepared");
    for steps in [0, 1, u32::MAX] {
        let mut other = bytes.clone();
        other[16..20].copy_from_slice(&steps.to_le_bytes());
        let content = other.len() - 8;
        let checksum = xxhash_rust::xxh3::xxh3_64(&other[..content]);
        other[content..].copy_from_slice(&checksum.to_le_bytes());
        let mut session = session(&options());
        session.resume(&other).expect("it is whole");
        let error =
            session.prepare(&Cancel::default()).expect_err("they are not those of two epochs");
        assert!(error.to_string().contains("steps"), "{error}");
    }
}

#[test]
fn a_model_with_a_head_survives_its_file_and_encodes_row_by_row() {
    let (vectors, _) = noisy();
    let never = Cancel::default();
    let (signs, _) = learnt(session(&LearnOptions { hidden: Some(vec![24, 17]), ..options() }));
    let z = signs.transform(&vectors, 2, &never).expect("in range");
    let embeddings = Arc::new(Vectors::new(z, 16).expect("finite"));
    let mut fit = FitSession::new(embeddings.clone(), None, &FitOptions::default()).expect("fine");
    while !fit.done() {
        fit.step(1, &never).expect("nobody aborts");
    }
    let rotation = fit.finish().expect("a model");
    let whole = rotation.clone().with_head_of(&signs).expect("they belong together");
    assert_eq!((whole.dimensions(), whole.bits()), (COLUMNS, 16));
    assert_eq!(whole.summary().dimensions, COLUMNS);
    assert_ne!(whole.fingerprint(), rotation.fingerprint());

    let codes = whole.encode(&vectors, Layout::Lsb, 3, &never).expect("in range");
    let in_two = rotation.encode(&embeddings, Layout::Lsb, 1, &never).expect("in range");
    assert_eq!(codes.as_bytes(), in_two.as_bytes());
    let transformed = whole.transform(&vectors, 2, &never).expect("in range");
    for row in [0, 3, 255, 256, ROWS - 1] {
        let alone = whole.transform(&vectors.select(&[row]), 1, &never).expect("in range");
        assert_eq!(alone, transformed[row * 16..][..16]);
    }

    let bytes = whole.to_bytes();
    let read = Model::from_bytes(&bytes).expect("its own file");
    assert_eq!(read.to_bytes(), bytes);
    assert_eq!(read.fingerprint(), whole.fingerprint());
    assert_eq!(read.transform(&vectors, 1, &never).expect("in range"), transformed);
    assert_eq!(read.head().map(|h| h.summary().clone()), whole.head().map(|h| h.summary().clone()));

    // Neither what has a rotation nor what has no head goes before another.
    assert!(rotation.clone().with_head_of(&whole).is_err());
    assert!(rotation.clone().with_head_of(&rotation).is_err());
    assert!(whole.clone().with_head_of(&signs).is_err());
}

#[test]
fn damaged_files_with_a_head_are_refused() {
    let (model, _) = learnt(session(&LearnOptions { epochs: Some(1), ..options() }));
    let bytes = model.to_bytes();
    let refused =
        |bytes: &[u8]| Model::from_bytes(bytes).is_err_and(|error| error.code() == "MODEL_FORMAT");
    for length in (0..bytes.len()).step_by(61) {
        assert!(refused(&bytes[..length]), "{length} bytes");
    }
    for at in (0..bytes.len()).step_by(37) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 16;
        // Padding at the end of the header is covered by its checksum as well.
        assert!(refused(&damaged), "byte {at}");
    }
}

#[test]
fn requests_that_make_no_sense_are_refused_by_name() {
    let (vectors, labels) = noisy();
    let request = |change: &dyn Fn(&mut LearnOptions)| {
        let mut options = options();
        change(&mut options);
        LearnSession::new(vectors.clone(), labels.clone(), None, &options).err()
    };
    let named = |error: Option<Box<Error>>| match error.map(|error| *error) {
        Some(Error::InvalidOption { option, .. } | Error::Conflict { option, .. }) => option,
        other => panic!("{other:?}"),
    };
    assert_eq!(named(request(&|o| o.bits = Some(12))), "bits");
    assert_eq!(named(request(&|o| o.bits = Some(0))), "bits");
    assert_eq!(named(request(&|o| o.hidden = Some(vec![8; 8]))), "hidden");
    assert_eq!(named(request(&|o| o.hidden = Some(vec![8, 0]))), "hidden");
    assert_eq!(named(request(&|o| o.batch_size = Some(1))), "batchSize");
    assert_eq!(named(request(&|o| o.batch_size = Some(4097))), "batchSize");
    assert_eq!(named(request(&|o| o.bits = Some(20_000))), "bits");
    assert_eq!(named(request(&|o| o.hidden = Some(vec![16_384, 16_384]))), "hidden");
    assert_eq!(named(request(&|o| o.hidden = Some(vec![20_000]))), "hidden");
    assert_eq!(named(request(&|o| o.epochs = Some(0))), "epochs");
    assert_eq!(named(request(&|o| o.patience = Some(0))), "patience");
    assert_eq!(named(request(&|o| o.learning_rate = Some(0.0))), "learningRate");
    assert_eq!(named(request(&|o| o.weight_decay = Some(-1.0))), "weightDecay");
    assert_eq!(named(request(&|o| o.dropout = Some(1.0))), "dropout");
    assert_eq!(named(request(&|o| o.penalty_weight = Some(1.0))), "penaltyWeight");
    assert_eq!(named(request(&|o| o.continuation = Some(true))), "continuation");
    assert!(
        request(&|o| {
            o.continuation = Some(true);
            o.loss = Some(SimilarityLoss::HashNet);
            o.penalty = Some(Penalty::L2);
        })
        .is_none()
    );

    let short = Labels::single("labels", vec![1; 5]).expect("labels");
    let error = LearnSession::new(vectors.clone(), short, None, &options()).err();
    assert_eq!(error.map(|error| error.code()), Some("MISMATCH"));
    for values in [vec![1; ROWS], (0..ROWS as i64).collect()] {
        let labels = Labels::single("labels", values).expect("labels");
        let mut session =
            LearnSession::new(vectors.clone(), labels, None, &options()).expect("not yet known");
        assert_eq!(named(session.prepare(&Cancel::default()).err()), "labels");
    }
    // Nobody asks for a label that is taught.
    let others = Labels::single("labels", vec![99; ROWS]).expect("labels");
    let judges = Some((vectors.clone(), others));
    let mut session = LearnSession::new(vectors.clone(), labels.clone(), judges, &options())
        .expect("not yet known");
    assert_eq!(named(session.prepare(&Cancel::default()).err()), "validationLabels");
    // A rare label is one all the same.
    let rare = (0..ROWS).map(|row| i64::from(row % 100 == 7)).collect();
    let rare = Labels::single("labels", rare).expect("labels");
    let mut session =
        LearnSession::new(vectors.clone(), rare, None, &options()).expect("a request that is fine");
    session.prepare(&Cancel::default()).expect("six rows of another label");
    let flat = Arc::new(Vectors::new(vec![0.5; ROWS * COLUMNS], COLUMNS).expect("finite"));
    let mut session = LearnSession::new(flat, labels.clone(), None, &options()).expect("not yet");
    assert_eq!(named(session.prepare(&Cancel::default()).err()), "vectors");
}

#[test]
fn a_rate_that_is_too_high_says_so() {
    let loss = Some(SimilarityLoss::Dsh);
    let parameters = LearnOptions { learning_rate: Some(1e30), loss, ..options() };
    let (penalty, penalty_weight) = (Some(Penalty::L2), Some(1e24));
    let moments = LearnOptions { penalty, penalty_weight, ..options() };
    let hidden = Some(vec![8, 8]);
    let embeddings = LearnOptions { learning_rate: Some(1e15), hidden, ..options() };
    for options in [parameters, moments, embeddings] {
        let result = session(&options).step(6, &Cancel::default());
        let error = result.expect_err("far too high");
        assert!(matches!(*error, Error::Diverged { .. }), "{options:?}: {error:?}");
    }
}

#[test]
fn labels_of_several_classes_are_learnt_as_well() {
    let (vectors, _) = noisy();
    let classes = CLASSES + 1;
    let row = |row: usize| {
        // Every third row belongs to the sixth class, too; every tenth to none.
        let belongs = move |class: usize| {
            row % 10 != 9 && (class == row % CLASSES || (class == CLASSES && row.is_multiple_of(3)))
        };
        (0..classes).map(move |class| u8::from(belongs(class)))
    };
    let bytes: Vec<u8> = (0..ROWS).flat_map(row).collect();
    let labels = Labels::multi("labels", &bytes, classes).expect("labels");
    for loss in [SimilarityLoss::Hyp2, SimilarityLoss::Cel, SimilarityLoss::Dch] {
        let options = LearnOptions { loss: Some(loss), epochs: Some(15), ..options() };
        let session = LearnSession::new(vectors.clone(), labels.clone(), None, &options);
        let (_, best) = learnt(session.expect("a request that is fine"));
        assert!(best > 0.6, "{}: {best}", loss.name());
    }
}
