//! A fitted model: what turns input vectors into codes.

use std::sync::Arc;

use faer::{Mat, MatRef};

use crate::codes::{Codes, Layout, pack_signs};
use crate::error::{Error, Result};
use crate::fingerprint::fingerprint;
use crate::head::{Head, HeadScratch};
use crate::linalg::{convert, product};
use crate::parallel::{Cancel, fill_chunks};
use crate::projection::{Projection, TASK_ROWS};
use crate::rotating::rotate_rows;
use crate::rotation::Rotation;
use crate::vectors::{Vectors, zeros};

pub use crate::summary::Summary;

/// The most dimensions of vectors and models: beyond, a rotation alone takes more than 2 GB.
pub const MAX_DIMENSIONS: usize = 16_384;

pub(crate) fn check_dimensions(dimensions: usize) -> Result<()> {
    if dimensions > MAX_DIMENSIONS {
        let (value, expected) = (dimensions.to_string(), "at most 16384");
        return Err(Error::InvalidOption { option: "dimensions", value, expected }.into());
    }
    Ok(())
}

/// `z = ((x − mean) P) U`, and bit j is 1 iff `z_j >= 0`; with a head, x is what that makes of the input.
#[derive(Debug, Clone)]
pub struct Model {
    head: Option<Arc<Head>>,
    mean: Option<Vec<f32>>,
    projection: Option<Mat<f32>>,
    rotation: Rotation,
    summary: Summary,
    kernel: Projection,
    fingerprint: [u8; 16],
}

/// Makes elements of rows before they are centred and after the transform.
type MapRows<'a, T> = dyn Fn(&[f32], &[f32], &mut [T]) + Sync + 'a;

impl Model {
    /// Puts a model together. `mean` has d values, `projection` is d x bits (absent when bits = d) and
    /// the rotation is over `bits` dimensions.
    ///
    /// # Errors
    /// `Mismatch` when the parts do not fit, `ZeroReflection`, `NotFinite`, `InvalidOption` for more
    /// than [`MAX_DIMENSIONS`].
    pub fn new(
        mean: Option<Vec<f32>>,
        projection: Option<Mat<f32>>,
        rotation: Rotation,
        summary: Summary,
    ) -> Result<Self> {
        let fingerprint = fingerprint(None, mean.as_deref(), projection.as_ref(), &rotation);
        Self::with_fingerprint(mean, projection, rotation, summary, fingerprint)
    }

    /// [`Model::new`] of parts whose fingerprint is known.
    pub(crate) fn with_fingerprint(
        mean: Option<Vec<f32>>,
        projection: Option<Mat<f32>>,
        rotation: Rotation,
        summary: Summary,
        fingerprint: [u8; 16],
    ) -> Result<Self> {
        let (dimensions, bits) = (summary.dimensions, summary.bits);
        check_dimensions(dimensions)?;
        if !(summary.train_loss.is_finite() && summary.validation_loss.is_finite()) {
            return Err(Error::Internal { reason: "a fit without a finite loss".into() }.into());
        }
        let expect = |what: &str, expected, actual| match expected == actual {
            true => Ok(()),
            false => Err(Error::mismatch(what, expected, actual)),
        };
        let shape =
            projection.as_ref().map_or((dimensions, dimensions), |p| (p.nrows(), p.ncols()));
        expect("dimensions of the projection", dimensions, shape.0)?;
        expect("bits of the projection", bits, shape.1)?;
        expect("dimensions of the rotation", bits, rotation.dimensions)?;
        expect("signs of the rotation", bits, rotation.signs.len())?;
        if let Some(mean) = &mean {
            expect("values of the mean", dimensions, mean.len())?;
        }
        let kernel = match &projection {
            None if rotation.reflections.is_empty() => {
                Projection::diagonal(mean.clone(), &rotation.signs)
            }
            projection => {
                let projection = projection.as_ref().map(|p| p.as_ref());
                Projection::new(mean.clone(), rotated(projection, &rotation)?.as_ref())
            }
        };
        Ok(Self { head: None, mean, projection, rotation, summary, kernel, fingerprint })
    }

    /// The model that applies `head` first: this one was fitted to its embeddings.
    ///
    /// # Errors
    /// `Mismatch` when this model takes vectors of other dimensions or has a head already.
    pub fn with_head(self, head: Arc<Head>) -> Result<Self> {
        let (mean, projection) = (self.mean.as_deref(), self.projection.as_ref());
        let fingerprint = fingerprint(Some(&head), mean, projection, &self.rotation);
        self.behind(head, fingerprint)
    }

    /// [`Model::with_head`] where the fingerprint of both is known.
    pub(crate) fn behind(mut self, head: Arc<Head>, fingerprint: [u8; 16]) -> Result<Self> {
        if let Some(head) = &self.head {
            return Err(Error::mismatch("layers before the head", 0, head.layers().len()));
        }
        if head.outputs() != self.dimensions() {
            let what = "dimensions of the head's embeddings";
            return Err(Error::mismatch(what, self.dimensions(), head.outputs()));
        }
        self.fingerprint = fingerprint;
        self.summary.dimensions = head.dimensions();
        self.head = Some(head);
        Ok(self)
    }

    /// The model that applies the head of `learnt` first: this one was fitted to what `learnt` transforms
    /// vectors to.
    ///
    /// # Errors
    /// As [`Model::with_head`]; `Conflict` when `learnt` has no head or does more than apply it.
    pub fn with_head_of(self, learnt: &Self) -> Result<Self> {
        let rotation = &learnt.rotation;
        let is_plain = learnt.mean.is_none()
            && learnt.projection.is_none()
            && rotation.reflections.is_empty()
            && rotation.signs.iter().all(|&sign| sign == 1);
        match &learnt.head {
            Some(head) if is_plain => self.with_head(head.clone()),
            _ => {
                let problem =
                    "not the model of `learn` alone: it has no head, or a rotation already";
                Err(Error::Conflict { option: "head", problem }.into())
            }
        }
    }

    /// Dimensions of the input.
    pub fn dimensions(&self) -> usize {
        self.head.as_ref().map_or(self.kernel.dimensions(), |head| head.dimensions())
    }

    /// The network that the input passes first.
    pub fn head(&self) -> Option<&Arc<Head>> {
        self.head.as_ref()
    }

    /// Dimensions of what is centred and projected: those of the head's embeddings, without one of the input.
    pub(crate) fn embedding_dimensions(&self) -> usize {
        self.kernel.dimensions()
    }

    /// Code length.
    pub fn bits(&self) -> usize {
        self.kernel.columns()
    }

    /// Multiplications that a row takes.
    pub fn products_per_row(&self) -> usize {
        let layers = self.head.iter().flat_map(|head| head.layers());
        let head: usize = layers.map(|layer| layer.weights.len()).sum();
        head + self.embedding_dimensions() * self.bits()
    }

    /// What is subtracted before the projection.
    pub fn mean(&self) -> Option<&[f32]> {
        self.mean.as_deref()
    }

    /// d x bits with orthonormal columns.
    pub fn projection(&self) -> Option<&Mat<f32>> {
        self.projection.as_ref()
    }

    /// The learnt rotation.
    pub fn rotation(&self) -> &Rotation {
        &self.rotation
    }

    /// How the model was fitted.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The same model of a fit that took `seconds`.
    pub(crate) fn taking(mut self, seconds: f64) -> Self {
        self.summary.seconds = Some(seconds);
        self
    }

    /// Identifies head, mean, projection and rotation: codes of models with equal fingerprints are comparable.
    pub fn fingerprint(&self) -> [u8; 16] {
        self.fingerprint
    }

    /// The rotated vectors before the sign, n x bits. Rows keep their norm (after the projection).
    ///
    /// # Errors
    /// `Mismatch` for vectors of other dimensions, `OutOfRange`, `OutOfMemory`, `Aborted`.
    pub fn transform(
        &self,
        vectors: &Vectors,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        let mut out = zeros(vectors.rows() * self.bits(), "transformed vectors")?;
        self.map_rows(vectors, &mut out, threads, cancel, &|_, z, out| out.copy_from_slice(z))?;
        Ok(out)
    }

    /// Transforms rows to `out`, and gives what is centred and projected: the rows or the head's embeddings.
    fn transform_block<'s>(
        &self,
        input: &'s [f32],
        first_row: usize,
        out: &mut [f32],
        scratch: &'s mut Scratch,
    ) -> Result<&'s [f32]> {
        let Scratch { head, tile } = scratch;
        let embeddings = match &self.head {
            Some(network) => network.apply(input, first_row, head)?,
            None => input,
        };
        self.kernel.project_block(embeddings, first_row, out, tile)?;
        Ok(embeddings)
    }

    /// The signs of [`Model::transform`], n x bits/8 bytes.
    ///
    /// # Errors
    /// As [`Model::transform`].
    pub fn encode(
        &self,
        vectors: &Vectors,
        layout: Layout,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Codes> {
        let mut bytes = zeros(vectors.rows() * self.bits() / 8, "codes")?;
        self.map_rows(vectors, &mut bytes, threads, cancel, &|_, z, bytes| {
            pack_signs(z, layout, bytes);
        })?;
        Ok(Codes::new(bytes, self.bits())?.of_model(self.fingerprint))
    }

    /// Fills `out`, so many elements for each row of `vectors`, from blocks of rows: before they are
    /// centred (a head's embeddings), and transformed. Only one block per thread is in memory.
    pub(crate) fn map_rows<T: Send>(
        &self,
        vectors: &Vectors,
        out: &mut [T],
        threads: usize,
        cancel: &Cancel,
        map: &MapRows<'_, T>,
    ) -> Result<()> {
        self.check(vectors)?;
        let (dimensions, bits) = (self.dimensions(), self.bits());
        let per_row = out.len() / vectors.rows();
        let state = || (Scratch::default(), vec![0.0; TASK_ROWS * bits]);
        fill_chunks(threads, out, TASK_ROWS * per_row, cancel, state, |(scratch, z), i, out| {
            let rows = out.len() / per_row;
            let input = &vectors.as_slice()[i * TASK_ROWS * dimensions..][..rows * dimensions];
            let z = &mut z[..rows * bits];
            let rows = self.transform_block(input, i * TASK_ROWS, z, scratch)?;
            map(rows, z, out);
            Ok(())
        })
    }

    fn check(&self, vectors: &Vectors) -> Result<()> {
        if vectors.columns() != self.dimensions() {
            let (expected, actual) = (self.dimensions(), vectors.columns());
            return Err(Error::mismatch("dimensions of the vectors", expected, actual));
        }
        Ok(())
    }
}

/// The projection times the rotation, d x bits, worked out in float64; the rotation alone without one.
///
/// # Errors
/// As [`Rotation::matrix`].
fn rotated(projection: Option<MatRef<'_, f32>>, rotation: &Rotation) -> Result<Mat<f32>> {
    let bits = rotation.dimensions;
    if cfg!(target_family = "wasm") {
        // As the module that only encodes does it, so that both give the same to the last bit.
        let rows = projection.map_or(bits, |p| p.nrows());
        let row = |i: usize, j: usize| match projection {
            Some(p) => p[(i, j)],
            None => f32::from(u8::from(i == j)),
        };
        let weights = rotate_rows(rows, &row, &rotation.reflections, &rotation.signs)?;
        return Ok(Mat::from_fn(rows, bits, |i, j| weights[i * bits + j]));
    }
    let u = rotation.matrix()?;
    Ok(match projection {
        None => convert(u.as_ref()),
        Some(p) => convert(product(convert::<f32, f64>(p).as_ref(), u.as_ref()).as_ref()),
    })
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    head: HeadScratch,
    tile: Vec<f32>,
}
