//! Codes with many ties: near a few centres, far from them, or anywhere.

use crate::random::Random;

const CENTRES: [u8; 6] = [0x00, 0xff, 0x5a, 0x33, 0x0f, 0xc4];

/// `rows` codes of `bits` bits, one after the other.
pub fn codes(rows: usize, bits: usize, random: &mut Random) -> Vec<u8> {
    let bytes = bits / 8;
    let mut all = Vec::with_capacity(rows * bytes);
    for _ in 0..rows {
        let (kind, centre) = (random.below(4), CENTRES[random.below(CENTRES.len())]);
        let from = all.len();
        match kind {
            0 => all.extend((0..bytes).map(|_| random.bits() as u8)),
            _ => all.resize(from + bytes, centre),
        }
        for _ in 0..[0, 0, 1, 3][kind] {
            let bit = random.below(bits);
            all[from + bit / 8] ^= 1 << (bit % 8);
        }
    }
    all
}
