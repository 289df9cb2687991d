//! What a user can ask of a fit, apart from what is learnt.

use super::choices::{Criterion, Method, Objective, ProjectionSource, Solver, invalid};
use super::neighbours::{BUILT_IN, EPOCHS, has_room};
use crate::error::{Error, Result};
use crate::losses::Loss;
use crate::model::check_dimensions;

/// The request; `None` leaves the choice to the defaults named at each field.
#[derive(Debug, Clone, Default)]
pub struct FitOptions {
    /// Code length, a multiple of 8 in `8..=d`. Default: the largest multiple of 8 that is `<= d`.
    pub bits: Option<usize>,
    /// Default `h2q`.
    pub method: Option<Method>,
    /// Fits every [`Method`] and keeps the best; `method` then has to be `None`. By
    /// [`Criterion::Neighbours`] also `h2q` with [`Objective::Neighbours`].
    pub criterion: Option<Criterion>,
    /// Default `bit-variance`; `itq` is always `l2`. `neighbours` is for `h2q` alone.
    pub loss: Option<Objective>,
    /// Default `learned` for the loss `neighbours`, else `pca`, the only one.
    pub projection: Option<ProjectionSource>,
    /// Default `auto`.
    pub solver: Option<Solver>,
    /// The most epochs (passes over the rows) to run. Default 150 for `sgd`, 50 for `itq`, 200 for `auto`; 20 for the
    /// loss `neighbours`, whose epochs are 20 steps each.
    pub epochs: Option<usize>,
    /// `sgd` alone. Default 1.0 for bit-variance and 0.1 for the other losses, as in the paper.
    pub learning_rate: Option<f64>,
    /// `sgd` alone. Default 128, as in the paper.
    pub batch_size: Option<usize>,
    /// `sgd` alone: the number m of reflections, `1..=bits`. Default bits, as in the paper.
    pub reflections: Option<usize>,
    /// Subtract the mean of the training rows. Default: only when bits < d; for the loss `neighbours` also when bits = d, unless
    /// random codes of rows as they are keep clearly more of the neighbours of held-out rows.
    pub center: Option<bool>,
    /// Decides the validation split, the batches and the random starts. Default 0.
    pub seed: Option<u64>,
    /// Threads; 0, the default, for all. The result does not depend on it.
    pub threads: Option<usize>,
}

/// The request with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resolved {
    pub bits: usize,
    pub method: Method,
    /// The quantization loss; of the objective `neighbours`, one to compare by.
    pub loss: Loss,
    /// [`Objective::Neighbours`] instead of `loss`.
    pub neighbours: bool,
    pub projection: ProjectionSource,
    pub solver: Solver,
    pub epochs: usize,
    pub learning_rate: f64,
    pub batch_size: usize,
    pub reflections: usize,
    pub center: bool,
    /// Whether the loss `neighbours` may leave the mean in where that keeps more of them.
    pub may_keep_mean: bool,
    pub seed: u64,
    pub threads: usize,
}

impl Resolved {
    /// What is minimised.
    pub fn objective(&self) -> Objective {
        if self.neighbours { Objective::Neighbours } else { Objective::Quantization(self.loss) }
    }
}

impl FitOptions {
    /// Whether vectors of `dimensions` values can be fitted with these options, before there are any.
    ///
    /// # Errors
    /// `Bits`, `InvalidOption` (also for more than [`crate::model::MAX_DIMENSIONS`]).
    pub fn check(&self, dimensions: usize) -> Result<()> {
        check_dimensions(dimensions)?;
        self.candidates(dimensions).map(|_| ())
    }

    /// One resolved request for each method to fit. All of them prepare their rows alike.
    pub(crate) fn candidates(&self, dimensions: usize) -> Result<Vec<Resolved>> {
        if self.criterion.is_none() {
            return Ok(vec![self.resolve(dimensions)?]);
        }
        if let Some(method) = self.method {
            return Err(invalid("method", method.name(), "to be chosen by a criterion as well"));
        }
        let h2q = self.resolve(dimensions)?;
        let candidate = |&method: &Method| match method {
            Method::H2q => h2q.clone(),
            _ => {
                let epochs = default_epochs(method, Solver::Auto);
                let epochs = self.epochs.map_or(epochs, |most| most.min(epochs));
                let loss = if method == Method::Itq { Loss::L2 } else { h2q.loss };
                Resolved {
                    method,
                    loss,
                    neighbours: false,
                    projection: ProjectionSource::Pca,
                    solver: Solver::Auto,
                    epochs,
                    center: self.center.unwrap_or(h2q.bits < dimensions),
                    ..h2q.clone()
                }
            }
        };
        let mut all: Vec<_> = Method::ALL.iter().map(candidate).collect();
        let by_neighbours = self.criterion == Some(Criterion::Neighbours);
        let wanted = BUILT_IN && by_neighbours && has_room(h2q.bits, dimensions);
        if wanted && !h2q.neighbours {
            let loss = Some(Objective::Neighbours);
            let plain = Self {
                loss,
                solver: None,
                learning_rate: None,
                batch_size: None,
                reflections: None,
                ..self.clone()
            };
            let plain = plain.resolve(dimensions)?;
            let epochs = plain.epochs.min(EPOCHS);
            all.push(Resolved { loss: h2q.loss, epochs, ..plain });
        }
        Ok(all)
    }

    /// Checks the request for vectors of `dimensions` values.
    pub(crate) fn resolve(&self, dimensions: usize) -> Result<Resolved> {
        let bits = self.bits.unwrap_or(dimensions / 8 * 8);
        if bits == 0 || !bits.is_multiple_of(8) || bits > dimensions {
            return Err(Error::Bits { bits, dimensions }.into());
        }
        let method = self.method.unwrap_or(Method::H2q);
        let solver = self.solver.unwrap_or(Solver::Auto);
        if method != Method::H2q && solver == Solver::Sgd {
            return Err(invalid("solver", "sgd", "auto, the only one for methods other than h2q"));
        }
        let objective = self.loss.unwrap_or_default();
        let neighbours = objective == Objective::Neighbours;
        let loss = match (method, self.loss) {
            (Method::Itq, Some(loss)) if loss != Objective::Quantization(Loss::L2) => {
                return Err(invalid("loss", loss.name(), "l2, the only one of method itq"));
            }
            (Method::Itq, _) => Loss::L2,
            (_, Some(Objective::Quantization(loss))) => loss,
            _ => Loss::default(),
        };
        if neighbours && !BUILT_IN {
            return Err(
                Error::Conflict { option: "loss", problem: "neighbours is not built in" }.into()
            );
        }
        if neighbours && !has_room(bits, dimensions) {
            let expected = "fewer: the loss neighbours learns at most 16,777,216 numbers";
            return Err(invalid("bits", bits, expected));
        }
        if neighbours && method != Method::H2q {
            return Err(invalid(
                "loss",
                objective.name(),
                "one that this method has; only h2q has it",
            ));
        }
        if neighbours && solver == Solver::Sgd {
            return Err(invalid("solver", "sgd", "auto, the only one for the loss neighbours"));
        }
        let projection = match self.projection {
            Some(ProjectionSource::Learned) if !neighbours => {
                return Err(invalid(
                    "projection",
                    "learned",
                    "pca: only the loss neighbours learns it",
                ));
            }
            None if neighbours => ProjectionSource::Learned,
            source => source.unwrap_or(ProjectionSource::Pca),
        };
        let epochs =
            self.epochs.unwrap_or(if neighbours { EPOCHS } else { default_epochs(method, solver) });
        if solver != Solver::Sgd {
            let given = [
                ("learningRate", self.learning_rate.is_some()),
                ("batchSize", self.batch_size.is_some()),
                ("reflections", self.reflections.is_some()),
            ];
            if let Some((option, _)) = given.into_iter().find(|(_, is_given)| *is_given) {
                return Err(Error::Conflict { option, problem: "only solver sgd uses it" }.into());
            }
        }
        let paper_rate = if loss == Loss::BitVariance { 1.0 } else { 0.1 };
        let learning_rate = self.learning_rate.unwrap_or(paper_rate);
        if !(learning_rate > 0.0 && learning_rate <= f64::from(f32::MAX)) {
            return Err(Error::Conflict {
                option: "learningRate",
                problem: "not a positive float32",
            }
            .into());
        }
        let batch_size = self.batch_size.unwrap_or(128);
        if batch_size == 0 {
            return Err(invalid("batchSize", 0, "at least 1"));
        }
        let reflections = self.reflections.unwrap_or(bits);
        if !(1..=bits).contains(&reflections) {
            return Err(invalid("reflections", reflections, "from 1 to the number of bits"));
        }
        Ok(Resolved {
            bits,
            method,
            loss,
            neighbours,
            projection,
            solver,
            epochs,
            learning_rate,
            batch_size,
            reflections,
            center: self.center.unwrap_or(neighbours || bits < dimensions),
            may_keep_mean: neighbours && bits == dimensions && self.center.is_none(),
            seed: self.seed.unwrap_or(0),
            threads: self.threads.unwrap_or(0),
        })
    }
}

fn default_epochs(method: Method, solver: Solver) -> usize {
    match (method, solver) {
        (Method::H2q, Solver::Sgd) => 150,
        (Method::H2q, Solver::Auto) => 200,
        (Method::Itq, _) => 50,
        (Method::Random | Method::Identity, _) => 0,
    }
}
