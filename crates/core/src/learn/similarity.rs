//! The similarity losses by name. What each adds for a pair of rows is in [`super::pairs`], what those with
//! learnt class vectors add for a row and a class in [`super::proxies`].
//!
//! Below, `z` is an embedding of k dimensions, `s` is 1 for rows that share a label and else 0, `θ = ⟨z_i, z_j⟩`,
//! `c` the cosine of two embeddings and σ the logistic function. All are means over the pairs i ≠ j of a
//! batch. None has a quantization term: that is a [`super::Penalty`] of its own.

use crate::error::{Error, Result};

/// What embeddings are trained by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimilarityLoss {
    /// Deep pairwise supervised hashing (Li, Wang, Kang, IJCAI 2016, arXiv 1511.03855, eq. 3):
    /// `ln(1 + e^x) − s x` with `x = θ/2`. The paper takes pairs of the batch with all training rows, as
    /// last seen; the code of H²Q has pairs of the batch, as here, but `x = θ`.
    Dpsh,
    /// Deep hashing network (Zhu et al., AAAI 2016, eq. 5): the same with `x = θ`. Its quantization loss is
    /// `Σ ln cosh(|z| − 1)`; the code of H²Q computes `ln cosh |z| − 1`, which draws towards 0. Here neither.
    Dhn,
    /// Deep supervised hashing (Liu et al., CVPR 2016, eq. 4): `½ s d + ½ (1 − s) max(m − d, 0)` with
    /// `d = ‖z_i − z_j‖²` and the margin `m = 2k`.
    Dsh,
    /// Deep Cauchy hashing (Cao et al., CVPR 2018, eq. 7): `w (s ln(d/γ) + ln(1 + γ/d))` with
    /// `d = k (1 − c)/2`. γ is 10 as in the code of H²Q (DCH's own: 20), w makes similar and dissimilar
    /// pairs weigh alike over the training rows.
    Dch,
    /// Weighted Gaussian loss (Tu et al., ACM MM 2021) as in the code of H²Q: with `d = k (1 − c)/2`,
    /// `x = 0.1 d²`, `e = exp(−x)` it is `w a e` for dissimilar and `w a ((1 + e) ln σ(x) − x e + 2 ln 2)` for
    /// similar pairs, `a = exp |(c + 1)/2 − s|`, w as for DCH. The constant `2 ln 2` is ours: without it the
    /// second is negative, and a, which is differentiated too, would push equal rows apart.
    Wglhh,
    /// HashNet (Cao et al., ICCV 2017, eq. 3): `w (ln(1 + e^x) − s x)` with `x = 10 θ / k`, w as for DCH. By
    /// [`super::LearnOptions::continuation`] on `tanh(β z)` with rising β, section 3.2.
    HashNet,
    /// HyP² (Xu et al., ACM MM 2022, eq. 5 to 9): for rows and proxies of classes, `−c` of their own, averaged,
    /// plus `max(c − ζ, 0)` of others, averaged; plus 0.75 times `max(c − ζ, 0)` over pairs with s = 0. In the
    /// paper only rows of several classes enter the pairs; here, as in the code of H²Q, all do. ζ is
    /// `1 − 2 d/k` for the largest distance d that the Griesmer bound allows for as many codes as classes,
    /// where the papers have a table of the best codes known.
    Hyp2,
    /// Classification by learnt centres: cross-entropy of the softmax over classes of `t c`, c the cosine of
    /// embedding and centre, `t = max(√2 ln(classes − 1), 4)` (the fixed scale of AdaCos, Zhang et al., CVPR
    /// 2019); a row of several classes is to give each the same share (Hoe et al., NeurIPS 2021, section 3.3).
    Cel,
    /// The cosine embedding loss, which the paper of H²Q calls CEL: `s (1 − c) + (1 − s) max(c − ζ, 0)`,
    /// ζ as for HyP².
    Cosine,
}

impl SimilarityLoss {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Dpsh,
        Self::Dhn,
        Self::Dsh,
        Self::Dch,
        Self::Wglhh,
        Self::HashNet,
        Self::Hyp2,
        Self::Cel,
        Self::Cosine,
    ];

    /// The name that [`SimilarityLoss::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dpsh => "dpsh",
            Self::Dhn => "dhn",
            Self::Dsh => "dsh",
            Self::Dch => "dch",
            Self::Wglhh => "wglhh",
            Self::HashNet => "hashnet",
            Self::Hyp2 => "hyp2",
            Self::Cel => "cel",
            Self::Cosine => "cosine",
        }
    }

    /// Parses a name.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|loss| loss.name() == name).ok_or_else(|| {
            let expected = "one of dpsh, dhn, dsh, dch, wglhh, hashnet, hyp2, cel, cosine";
            Error::InvalidOption { option: "loss", value: name.into(), expected }.into()
        })
    }

    /// Whether it learns a vector for each class beside the embeddings.
    pub fn has_proxies(self) -> bool {
        matches!(self, Self::Hyp2 | Self::Cel)
    }
}

/// The cosine ζ below which dissimilar embeddings of `dimensions` values need not be pushed: that of two
/// codes at the largest distance d that the Griesmer bound `Σ_i ⌈d/2^i⌉ ≤ dimensions` allows a linear code with
/// `classes` words.
pub fn separation(dimensions: usize, classes: usize) -> f64 {
    let dimension = classes.max(2).next_power_of_two().trailing_zeros();
    let length = |distance: usize| (0..dimension).map(|i| distance.div_ceil(1 << i)).sum::<usize>();
    let distance = (1..=dimensions).take_while(|&d| length(d) <= dimensions).last().unwrap_or(0);
    1.0 - 2.0 * distance as f64 / dimensions as f64
}
