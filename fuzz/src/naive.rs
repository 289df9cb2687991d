//! An index as a plain list, searched by comparing and sorting.

use h2q_core::index::Hits;

/// A code that was added.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its bytes.
    pub code: Vec<u8>,
    /// Its id: the row where there are none.
    pub id: i64,
    /// Its factor, if there are any.
    pub factor: Option<f32>,
    /// Whether it can be found.
    pub is_alive: bool,
}

/// All rows ever added.
#[derive(Debug, Clone, Default)]
pub struct Naive {
    /// In the order of adding.
    pub rows: Vec<Row>,
    /// Whether ids are given.
    pub has_ids: bool,
}

/// Distance, id and row.
pub type Hit = (u32, i64, u32);

impl Naive {
    /// Adds one code; `id` counts only with ids.
    pub fn add(&mut self, code: &[u8], id: i64, factor: Option<f32>) {
        let id = if self.has_ids { id } else { self.rows.len() as i64 };
        self.rows.push(Row { code: code.to_vec(), id, factor, is_alive: true });
    }

    /// Removes what has one of these ids, and counts it.
    pub fn remove(&mut self, ids: &[i64]) -> usize {
        let gone = self.rows.iter_mut().filter(|row| row.is_alive && ids.contains(&row.id));
        gone.map(|row| row.is_alive = false).count()
    }

    /// Forgets what was removed; rows are numbered anew. Gives the old numbers.
    pub fn compact(&mut self) -> Vec<u32> {
        let kept: Vec<u32> =
            (0..self.rows.len() as u32).filter(|row| self.rows[*row as usize].is_alive).collect();
        self.rows.retain(|row| row.is_alive);
        if !self.has_ids {
            self.rows.iter_mut().zip(0..).for_each(|(row, id)| row.id = id);
        }
        kept
    }

    /// Rows that can be found.
    pub fn alive(&self) -> usize {
        self.rows.iter().filter(|row| row.is_alive).count()
    }

    /// All that can be found and `passes` (id, row) lets through, nearest first.
    pub fn ranking(&self, query: &[u8], passes: impl Fn(i64, u32) -> bool) -> Vec<Hit> {
        let distance =
            |code: &[u8]| code.iter().zip(query).map(|(a, b)| (a ^ b).count_ones()).sum();
        let rows = self.rows.iter().zip(0u32..);
        let found = rows.filter(|(row, number)| row.is_alive && passes(row.id, *number));
        let mut hits: Vec<Hit> =
            found.map(|(row, number)| (distance(&row.code), row.id, number)).collect();
        hits.sort_unstable();
        hits
    }
}

/// The hits of one query.
pub fn hits_of(hits: &Hits, query: usize) -> Vec<Hit> {
    (hits.offsets[query]..hits.offsets[query + 1])
        .map(|i| {
            let row = hits.rows[i];
            (hits.distances[i], hits.ids.as_ref().map_or(i64::from(row), |ids| ids[i]), row)
        })
        .collect()
}
