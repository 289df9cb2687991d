//! How a model was fitted: what its file tells beside the parts that encode.

use crate::fit::{Method, Objective, SolverName};
use crate::json::{Member, Value};

/// How a model was fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Rows given to the fit, the validation split included.
    pub rows: usize,
    /// Dimensions of the input.
    pub dimensions: usize,
    /// Code length.
    pub bits: usize,
    /// Where the rotation comes from.
    pub method: Method,
    /// The loss of `train_loss` and `validation_loss`. ITQ minimises l2 and reports it, but where it was
    /// compared with other methods, the loss that was asked for.
    pub loss: Objective,
    /// How it was minimised.
    pub solver: SolverName,
    /// The seed of the fit.
    pub seed: u64,
    /// Epochs run.
    pub epochs: usize,
    /// Time of the fit, without input and output; not kept in files, so that equal fits give equal bytes.
    pub seconds: Option<f64>,
    /// Of the rotation kept; by the loss `neighbours` the mean over the batches of the last epoch.
    pub train_loss: f64,
    /// Of the rotation kept.
    pub validation_loss: f64,
    /// max |UᵀU − I| of the rotation kept.
    pub orthogonality_error: f64,
}

impl Summary {
    /// The metadata of a model file.
    pub fn members(&self) -> Vec<Member> {
        vec![
            ("rows", self.rows.into()),
            ("dimensions", self.dimensions.into()),
            ("bits", self.bits.into()),
            ("method", self.method.name().into()),
            ("loss", self.loss.name().into()),
            ("solver", self.solver.name().into()),
            ("seed", Value::Count(self.seed)),
            ("epochs", self.epochs.into()),
            // `Model::new` refuses losses that are not finite.
            ("trainLoss", Value::Number(self.train_loss)),
            ("validationLoss", Value::Number(self.validation_loss)),
            ("orthogonalityError", Value::Number(self.orthogonality_error)),
        ]
    }

    /// Of [`Summary::members`], which `find` looks up; there may be others.
    ///
    /// # Errors
    /// What is missing or wrong, in words.
    pub fn from_members(find: impl Fn(&str) -> Option<Value>) -> std::result::Result<Self, String> {
        let wrong = |name: &str| ["no ", name, " of the kind expected"].concat();
        let text = |name: &str| match find(name) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(wrong(name)),
        };
        let count = |name: &str| match find(name) {
            Some(Value::Count(count)) => Ok(count),
            _ => Err(wrong(name)),
        };
        let number = |name: &str| match find(name) {
            Some(Value::Number(number)) => Ok(number),
            Some(Value::Count(count)) => Ok(count as f64),
            _ => Err(wrong(name)),
        };
        // Rows of a fit elsewhere may be more than can be addressed here: they are only told.
        let size = |name: &str| count(name).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        Ok(Self {
            rows: size("rows")?,
            dimensions: size("dimensions")?,
            bits: size("bits")?,
            method: Method::parse(&text("method")?).map_err(|_| wrong("method"))?,
            loss: Objective::parse(&text("loss")?).map_err(|_| wrong("loss"))?,
            solver: SolverName::parse(&text("solver")?).map_err(|_| wrong("solver"))?,
            seed: count("seed")?,
            epochs: size("epochs")?,
            seconds: None,
            train_loss: number("trainLoss")?,
            validation_loss: number("validationLoss")?,
            orthogonality_error: number("orthogonalityError")?,
        })
    }
}
