//! What identifies a model, whoever fitted it and however: codes of models with equal fingerprints are comparable.

use faer::Mat;

use crate::head::Head;
use crate::linalg::to_row_major;
use crate::rotation::Rotation;

/// XXH3-128 over the parts that decide the codes, each preceded by its length.
pub(crate) fn fingerprint(
    head: Option<&Head>,
    mean: Option<&[f32]>,
    projection: Option<&Mat<f32>>,
    rotation: &Rotation,
) -> [u8; 16] {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    let mut floats = |values: &[f32]| {
        hasher.update(&(values.len() as u64).to_le_bytes());
        // As little-endian bytes.
        const { assert!(cfg!(target_endian = "little")) };
        hasher.update(bytemuck::cast_slice(values));
    };
    if let Some(head) = head {
        floats(head.mean());
        for layer in head.layers() {
            floats(&layer.weights);
            floats(&layer.bias);
        }
    }
    floats(mean.unwrap_or_default());
    floats(&projection.map(|p| to_row_major(p.as_ref())).unwrap_or_default());
    floats(&rotation.reflections);
    hasher.update(bytemuck::cast_slice(&rotation.signs));
    hasher.digest128().to_be_bytes()
}
