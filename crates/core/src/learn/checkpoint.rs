//! The state of learning as bytes, to go on later: docs/formats.md.

use xxhash_rust::xxh3::xxh3_64;

use super::adam::Adam;
use super::session::{LearnSession, State};
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"H2QLEARN";
const VERSION: u32 = 1;
/// magic, version, epochs, steps of Adam, best epoch, best precision, request, parameters.
const HEADER: usize = 8 + 4 * 4 + 3 * 8;

impl LearnSession {
    /// All that [`LearnSession::resume`] needs to go on after the last whole epoch; `None` before the first
    /// preparation.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        let state = self.state.as_ref()?;
        let mut bytes = Vec::with_capacity(HEADER + 16 * state.parameters.len() + 8);
        bytes.extend_from_slice(MAGIC);
        let counts = [state.epochs, state.adam.steps as usize, state.best_epoch];
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        counts.iter().for_each(|&n| bytes.extend_from_slice(&(n as u32).to_le_bytes()));
        bytes.extend_from_slice(&state.best_precision.to_le_bytes());
        bytes.extend_from_slice(&self.request_hash().to_le_bytes());
        bytes.extend_from_slice(&(state.parameters.len() as u64).to_le_bytes());
        for values in [&state.parameters, &state.adam.first, &state.adam.second, &state.best] {
            values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        }
        let checksum = xxh3_64(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        Some(bytes)
    }

    /// Takes up the state of a checkpoint, before anything was prepared.
    ///
    /// # Errors
    /// `ModelFormat` for damaged bytes, or those of other vectors, labels or options: only `threads` and
    /// `patience` may differ.
    pub fn resume(&mut self, bytes: &[u8]) -> Result<()> {
        let bad = |reason: &str| Error::ModelFormat { reason: reason.into() };
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
        if long(32) != self.request_hash() {
            return Err(bad("it is a state of learning from other vectors, labels or options"));
        }
        let count = long(40);
        let floats = content[HEADER..].as_chunks::<4>().0;
        if (content.len() - HEADER) as u64 != count.saturating_mul(16) || count == 0 {
            return Err(bad("its size contradicts its header"));
        }
        let mut parts = floats
            .chunks(count as usize)
            .map(|part| part.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<f32>>());
        let mut next = || parts.next().unwrap_or_default();
        let (parameters, first, second, best) = (next(), next(), next(), next());
        let best_precision = f64::from_bits(long(24));
        let is_finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        if ![&parameters, &first, &second, &best].into_iter().all(|values| is_finite(values))
            || !(-1.0..=1.0).contains(&best_precision)
        {
            return Err(bad("it holds a value that no learning comes to"));
        }
        self.state = Some(State {
            parameters,
            adam: Adam { first, second, steps: word(16) },
            epochs: word(12) as usize,
            best,
            best_precision,
            best_epoch: word(20) as usize,
        });
        Ok(())
    }
}
