//! Fitting a model: prepare the rows, run a solver epoch by epoch, keep the rotation with the lowest
//! validation loss; with a criterion, do so for every method and keep the best of them.
//!
//! ```text
//! Vectors → Split (part.rs) → Prepared (prepare.rs) → Run, one per method (run.rs) → Model
//!                 └─ rows of the input, for the judge (judge.rs) ─────────────────────┘
//! ```

mod choices;
mod judge;
mod majorise;
#[cfg_attr(not(feature = "neighbours"), path = "without_neighbours.rs")]
mod neighbours;
#[cfg(any(target_family = "wasm", test))]
mod normal;
mod options;
pub(crate) mod part;
mod pass;
mod prepare;
pub(crate) mod random;
mod run;
mod session;
mod sgd;

pub(crate) use prepare::Split;

pub use choices::{Criterion, Method, Objective, ProjectionSource, Solver as SolverName};
pub use judge::Candidate;
#[cfg(feature = "neighbours")]
pub use neighbours::objective::{Batch, NeighbourObjective, Surrogate};
pub use options::FitOptions;
pub(crate) use prepare::scale_to_root;
pub use run::EpochReport;
pub use session::{FitLabels, FitSession};
pub use sgd::HouseholderSgd;
