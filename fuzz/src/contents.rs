//! All that an index tells.

use h2q_core::codes::{Codes, Fingerprint};
use h2q_core::error::Result;
use h2q_core::index::{Index, IndexReader, SearchOptions};
use h2q_core::parallel::Cancel;

use crate::naive::{Hit, hits_of};

/// What two readers of one file must agree in.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// Length of a code.
    pub bits: usize,
    /// Whether there are ids, and factors.
    pub has: [bool; 2],
    /// The model of the codes.
    pub model: Option<Fingerprint>,
    /// Words, id and bits of the factor of every row, removed ones included.
    pub rows: Vec<(Vec<u64>, i64, Option<u32>)>,
    /// What can be found, nearest to a code of zeros first.
    pub hits: Vec<Hit>,
}

impl Contents {
    /// Reads everything. Codes of many bits take memory where there is not one of them: there is nothing to search.
    ///
    /// # Errors
    /// Of whatever is damaged.
    pub fn of(index: &Index) -> Result<Self> {
        let (bits, has) = (index.bits(), [index.has_ids(), index.has_factors()]);
        let (reader, mut words) =
            (index.reader(), vec![0; if index.rows() > 0 { bits.div_ceil(64) } else { 0 }]);
        let ids = index.ids(0, index.rows())?;
        let mut rows = Vec::new();
        for (row, id) in ids.into_iter().enumerate() {
            let factor = reader.read(row as u32, &mut words)?;
            rows.push((words.clone(), id, factor.map(f32::to_bits)));
        }
        let hits = if index.rows() > 0 { all_hits(index)? } else { Vec::new() };
        assert_eq!(hits.len(), index.alive(), "every row that is alive is found");
        Ok(Self { bits, has, model: index.model(), rows, hits })
    }
}

fn all_hits(index: &Index) -> Result<Vec<Hit>> {
    let (zeros, all) = (Codes::new(vec![0; index.bits() / 8], index.bits())?, index.bits() as u32);
    let options = SearchOptions::on(1);
    let hits = index.search_radius(&zeros, all, &options, &Cancel::default())?;
    // Another way to the same.
    let nearest = index.search(&zeros, index.rows(), &options, &Cancel::default())?;
    assert_eq!(
        (&hits.rows, &hits.distances, &hits.ids),
        (&nearest.rows, &nearest.distances, &nearest.ids)
    );
    Ok(hits_of(&hits, 0))
}

/// The index of a file that comes in pieces of `piece` bytes.
///
/// # Errors
/// As the reader.
pub fn streamed(file: &[u8], piece: usize) -> Result<Index> {
    let mut reader = IndexReader::new(file.len());
    for bytes in file.chunks(piece.max(1)) {
        reader.push(bytes)?;
    }
    reader.finish()
}

/// The file that holds an index.
///
/// # Errors
/// Where it lies in a file that is damaged.
pub fn written(index: &Index, piece: usize) -> Result<Vec<u8>> {
    let mut writer = index.writer()?;
    let total = writer.total_bytes();
    let mut file = Vec::new();
    loop {
        let next = writer.next(piece);
        if next.is_empty() {
            break;
        }
        file.extend_from_slice(&next);
    }
    assert_eq!(file.len(), total, "as many bytes as were announced");
    Ok(file)
}
