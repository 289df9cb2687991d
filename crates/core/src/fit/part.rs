//! Some rows of vectors, without a copy: large inputs are held once.

use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use crate::evaluate::Labels;
use crate::sorting;
use crate::vectors::Vectors;

/// All rows of `vectors`, or those named, in rising order.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    vectors: &'a Vectors,
    rows: Option<Vec<usize>>,
}

impl<'a> Part<'a> {
    pub fn all(vectors: &'a Vectors) -> Self {
        Self { vectors, rows: None }
    }

    pub fn named(vectors: &'a Vectors, mut rows: Vec<usize>) -> Self {
        sorting::sort(&mut rows);
        Self { vectors, rows: Some(rows) }
    }

    pub fn count(&self) -> usize {
        self.rows.as_ref().map_or(self.vectors.rows(), Vec::len)
    }

    pub fn columns(&self) -> usize {
        self.vectors.columns()
    }

    /// The number that row `i` of the part has among the vectors.
    pub fn number(&self, i: usize) -> usize {
        self.rows.as_ref().map_or(i, |rows| rows[i])
    }

    pub fn row(&self, i: usize) -> &'a [f32] {
        self.vectors.row(self.number(i))
    }

    /// `count` rows from `first` on, one after the other; `buffer` is used where they are apart.
    pub fn block<'b>(&'b self, first: usize, count: usize, buffer: &'b mut Vec<f32>) -> &'b [f32] {
        if self.rows.is_none() {
            let columns = self.columns();
            return &self.vectors.as_slice()[first * columns..][..count * columns];
        }
        buffer.clear();
        (first..first + count).for_each(|i| buffer.extend_from_slice(self.row(i)));
        buffer
    }

    /// At most `most` of the rows, each as likely as any other.
    pub fn sample(&self, most: usize, generator: &mut ChaCha8Rng) -> Self {
        let count = self.count();
        if count <= most {
            return Self { vectors: self.vectors, rows: self.rows.clone() };
        }
        let chosen = index::sample(generator, count, most);
        Self::named(self.vectors, chosen.iter().map(|i| self.number(i)).collect())
    }

    /// A copy of the rows.
    pub fn copied(&self) -> Vectors {
        match &self.rows {
            Some(rows) => self.vectors.select(rows),
            None => self.vectors.clone(),
        }
    }

    /// Those of the labels of all vectors that belong to the rows.
    pub fn labels(&self, labels: &Labels) -> Labels {
        match &self.rows {
            Some(rows) => labels.select(rows),
            None => labels.clone(),
        }
    }
}
