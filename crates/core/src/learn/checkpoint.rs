//! The state of learning as bytes, to go on later: docs/formats.md.

use std::hash::Hasher;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::adam::Adam;
use super::options::Resolved;
use super::session::{LearnSession, State};
use crate::error::{Error, Result};
use crate::evaluate::Labels;
use crate::parallel::Cancel;
use crate::vectors::Vectors;

const MAGIC: &[u8; 8] = b"H2QLEARN";
const VERSION: u32 = 1;
/// magic, version, epochs, steps of Adam, best epoch, best precision, seconds, request, parameters.
const HEADER: usize = 8 + 4 * 4 + 4 * 8;
/// Values that are hashed between two looks at the cancel flag.
const HASHED: usize = 1 << 20;

/// A checkpoint that was read, of a request that is not known yet.
pub(super) struct Checkpoint {
    state: State,
    request: u64,
    /// That learning took so far.
    pub seconds: f64,
}

impl Checkpoint {
    /// The state, if it belongs to `request` and a head of so many parameters that takes so many steps in an
    /// epoch.
    ///
    /// # Errors
    /// `ModelFormat`.
    pub fn state_for(self, request: u64, parameters: usize, epoch_steps: usize) -> Result<State> {
        let Self { state, request: own, .. } = self;
        if own != request || state.parameters.len() != parameters {
            return Err(bad("it is a state of learning from other vectors, labels or options"));
        }
        if state.adam.steps as u64 != state.epochs as u64 * epoch_steps as u64 {
            return Err(bad("it counts steps that its epochs do not have"));
        }
        Ok(state)
    }
}

pub(super) fn to_bytes(state: &State, request: u64, seconds: f64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + 16 * state.parameters.len() + 8);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    for count in [state.epochs, state.adam.steps as usize, state.best_epoch] {
        bytes.extend_from_slice(&(count as u32).to_le_bytes());
    }
    bytes.extend_from_slice(&state.best_precision.to_le_bytes());
    bytes.extend_from_slice(&seconds.to_le_bytes());
    bytes.extend_from_slice(&request.to_le_bytes());
    bytes.extend_from_slice(&(state.parameters.len() as u64).to_le_bytes());
    for values in [&state.parameters, &state.adam.first, &state.adam.second, &state.best] {
        values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    }
    let checksum = xxh3_64(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

impl LearnSession {
    /// Takes up the state of a checkpoint, before anything was prepared. Whether it belongs to these vectors,
    /// labels and options, of which only `threads` and `patience` may differ, the preparation tells.
    ///
    /// # Errors
    /// `ModelFormat` for damaged bytes.
    pub fn resume(&mut self, bytes: &[u8]) -> Result<()> {
        if !bytes.starts_with(MAGIC) {
            return Err(bad("it does not start with H2QLEARN"));
        }
        let Some((content, checksum)) =
            bytes.split_last_chunk::<8>().filter(|(content, _)| content.len() >= HEADER)
        else {
            return Err(bad("it is truncated within the header"));
        };
        if xxh3_64(content) != u64::from_le_bytes(*checksum) {
            return Err(bad("its contents are damaged"));
        }
        let word = |at: usize| content[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
        let long = |at: usize| content[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        if word(8) != VERSION {
            return Err(bad("it has another version than 1, which this reads"));
        }
        let count = long(48);
        if (content.len() - HEADER) as u64 != count.saturating_mul(16) || count == 0 {
            return Err(bad("its size contradicts its header"));
        }
        let floats = content[HEADER..].as_chunks::<4>().0;
        let mut parts = floats
            .chunks(count as usize)
            .map(|part| part.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<f32>>());
        let mut next = || parts.next().unwrap_or_default();
        let (parameters, first, second, best) = (next(), next(), next(), next());
        let (best_precision, seconds) = (f64::from_bits(long(24)), f64::from_bits(long(32)));
        let is_finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        if ![&parameters, &first, &second, &best].into_iter().all(|values| is_finite(values))
            || !(-1.0..=1.0).contains(&best_precision)
            || !(0.0..f64::INFINITY).contains(&seconds)
        {
            return Err(bad("it holds a value that no learning comes to"));
        }
        let state = State {
            parameters,
            adam: Adam { first, second, steps: word(16) },
            epochs: word(12) as usize,
            best,
            best_precision,
            best_epoch: word(20) as usize,
        };
        self.resumed = Some(Checkpoint { state, request: long(40), seconds });
        Ok(())
    }

    /// XXH3-64 over options, vectors and labels: what decides the result.
    pub(super) fn request_hash(&self, cancel: &Cancel) -> Result<u64> {
        let mut hasher = Xxh3Default::new();
        let options = Resolved { threads: 0, patience: 0, ..self.options.clone() };
        hasher.update(format!("{options:?}").as_bytes());
        let mut add = |vectors: &Vectors, labels: &Labels| -> Result<()> {
            hasher.write_u64(vectors.columns() as u64);
            for values in vectors.as_slice().chunks(HASHED) {
                cancel.check()?;
                hasher.update(bytemuck::cast_slice(values));
            }
            labels.add_to(&mut hasher);
            Ok(())
        };
        add(&self.vectors, &self.labels)?;
        if let Some((vectors, labels)) = &self.validation {
            add(vectors, labels)?;
        }
        Ok(hasher.digest())
    }
}

fn bad(reason: &str) -> Box<Error> {
    Error::ModelFormat { reason: reason.into() }.into()
}
