//! Stage one: embeddings that keep similarity, learnt from labels without a quantization term (Schwengber et
//! al. 2023, section 3.1). A small head over vectors of any kind is trained by one of the [`SimilarityLoss`]es
//! with mini-batches and Adam; [`crate::fit`] then turns what it gives.
//!
//! [`LearnSession`] is driven like a fit: `prepare`, `step` until `done`, `finish`. Its model takes the signs of
//! the embeddings as they are; [`crate::model::Model::with_head`] puts the head before a model that was fitted
//! to the embeddings.

pub(crate) mod adam;
mod checkpoint;
mod network;
mod objective;
mod options;
mod pairs;
mod penalty;
mod proxies;
mod ready;
mod session;
mod similarity;

pub use network::{Architecture, LayerRange, Pass};
pub use objective::Objective;
pub use options::LearnOptions;
pub use penalty::Penalty;
pub use session::{LearnReport, LearnSession};
pub use similarity::{SimilarityLoss, separation};
