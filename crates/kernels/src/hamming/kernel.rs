//! The choice of an instruction set, made once, and the way into it.

#[cfg(not(target_family = "wasm"))]
use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use super::isa::arm::neon::Neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::isa::wasm::simd128::Simd128;
#[cfg(target_arch = "x86_64")]
use super::isa::x86::{avx2::Avx2, avx512::Avx512};
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use super::lanes::Plain;
use super::scan::{self, Scan};
use super::{Blocks, Line};
#[cfg(not(target_family = "wasm"))]
use crate::error::Error;
use crate::error::Result;
// A page does not download what others are compared with: nothing chooses it there.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use Simd128 as Plain;

/// One variant of the Hamming scan. A value proves that the CPU has its instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Variant);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Popcnt,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
}

impl Kernel {
    /// The kernel without any requirement: the oracle of the others.
    pub const SCALAR: Self = Self(Variant::Scalar);

    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    const FASTEST_IN_WASM: Self = Self(Variant::Simd128);
    #[cfg(all(target_family = "wasm", not(target_feature = "simd128")))]
    const FASTEST_IN_WASM: Self = Self::SCALAR;

    /// The kernels that this CPU can run, slowest first.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "some targets have no other kernel")]
        let mut kernels = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let wide = has!("avx512f") && has!("avx512vpopcntdq");
            let found = [
                (has!("popcnt"), Variant::Popcnt),
                (has!("avx2") && has!("popcnt"), Variant::Avx2),
                (wide && has!("popcnt"), Variant::Avx512),
            ];
            kernels
                .extend(found.into_iter().filter(|(has, _)| *has).map(|(_, kernel)| Self(kernel)));
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kernels.push(Self(Variant::Neon));
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        kernels.push(Self(Variant::Simd128));
        kernels
    }

    /// The kernel of that name, if this CPU can run it.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|kernel| kernel.name() == name)
    }

    /// The kernel of this process: what the environment variable `H2Q_KERNEL` names, else the fastest.
    ///
    /// # Errors
    /// `InvalidOption` when `H2Q_KERNEL` names a kernel that this CPU cannot run or that does not exist.
    pub fn chosen() -> Result<Self> {
        #[cfg(not(target_family = "wasm"))]
        {
            static CHOSEN: OnceLock<Result<Kernel>> = OnceLock::new();
            CHOSEN.get_or_init(|| Self::choose(std::env::var("H2Q_KERNEL").ok())).clone()
        }
        // There is no environment.
        #[cfg(target_family = "wasm")]
        Ok(Self::FASTEST_IN_WASM)
    }

    #[cfg(not(target_family = "wasm"))]
    fn choose(wanted: Option<String>) -> Result<Self> {
        let fastest = Self::available().pop().unwrap_or(Self::SCALAR);
        let Some(value) = wanted.filter(|name| !name.is_empty()) else { return Ok(fastest) };
        let expected = "a kernel that runs here (scalar; popcnt, avx2, avx512 on x86-64; neon on arm64; \
                        simd128 in wasm)";
        Self::named(&value)
            .ok_or_else(|| Error::InvalidOption { option: "H2Q_KERNEL", value, expected }.into())
    }

    /// `scalar`, `popcnt`, `avx2`, `avx512`, `neon` or `simd128`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Variant::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Variant::Popcnt => "popcnt",
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Variant::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Variant::Neon => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Variant::Simd128 => "simd128",
        }
    }

    /// Nanoseconds per word of a code that is in the cache, of a rough model: it decides between ways to
    /// search, never what is found.
    pub fn word_nanoseconds(self) -> f64 {
        match self.0 {
            Variant::Scalar => 1.0,
            #[cfg(target_arch = "x86_64")]
            Variant::Popcnt => 0.3,
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 => 0.2,
            #[cfg(target_arch = "x86_64")]
            Variant::Avx512 => 0.07,
            #[cfg(target_arch = "aarch64")]
            Variant::Neon => 0.3,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Variant::Simd128 => 0.5,
        }
    }

    /// Appends the keys of the codes below the limit of `scan`, in order of positions.
    #[cfg_attr(not(target_family = "wasm"), inline)]
    pub fn collect(self, scan: Scan, keys: &mut Vec<u64>) {
        assert!(!scan.query.is_empty() && scan.limit < 1 << 31, "a query and a limit in range");
        match self.0 {
            Variant::Scalar => scan::collect(Plain, scan, keys),
            // SAFETY: `available` found the instructions before it made the value.
            #[cfg(target_arch = "x86_64")]
            Variant::Popcnt => unsafe { collect_popcnt(scan, keys) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 => unsafe { collect_avx2(scan, keys) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Variant::Avx512 => unsafe { collect_avx512(scan, keys) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Variant::Neon => unsafe { scan::collect(Neon::new_unchecked(), scan, keys) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Variant::Simd128 => scan::collect(Simd128, scan, keys),
        }
    }

    /// The distance of `query` to each code of `blocks` in `first .. first + out.len()`; `first` is a
    /// multiple of eight.
    pub fn distances(self, query: &[u64], blocks: &Blocks, first: usize, out: &mut [u32]) {
        assert_eq!(query.len(), blocks.words(), "a query of as many words");
        let whole = out.len() / 8 * 8;
        let (whole, rest) = out.split_at_mut(whole);
        self.distances_of_groups(query, blocks.range(first, whole.len()), whole);
        if !rest.is_empty() {
            let mut padded = [0; 8];
            let group = blocks.range(first + whole.len(), rest.len());
            self.distances_of_groups(query, group, &mut padded);
            rest.copy_from_slice(&padded[..rest.len()]);
        }
    }

    fn distances_of_groups(self, query: &[u64], lines: &[Line], out: &mut [u32]) {
        match self.0 {
            Variant::Scalar => scan::distances(Plain, query, lines, out),
            // SAFETY: `available` found the instructions before it made the value.
            #[cfg(target_arch = "x86_64")]
            Variant::Popcnt => unsafe { distances_popcnt(query, lines, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 => unsafe { distances_avx2(query, lines, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Variant::Avx512 => unsafe { distances_avx512(query, lines, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Variant::Neon => unsafe { scan::distances(Neon::new_unchecked(), query, lines, out) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Variant::Simd128 => scan::distances(Simd128, query, lines, out),
        }
    }
}

/// The loops, compiled for an instruction set. NEON is part of every aarch64 target.
#[cfg(target_arch = "x86_64")]
macro_rules! compiled_for {
    ($features:literal, $lanes:expr, $collect:ident, $distances:ident) => {
        #[target_feature(enable = $features)]
        fn $collect(scan: Scan, keys: &mut Vec<u64>) {
            scan::collect($lanes, scan, keys);
        }

        #[target_feature(enable = $features)]
        fn $distances(query: &[u64], lines: &[Line], out: &mut [u32]) {
            scan::distances($lanes, query, lines, out);
        }
    };
}
#[cfg(target_arch = "x86_64")]
compiled_for!("popcnt", Plain, collect_popcnt, distances_popcnt);
#[cfg(target_arch = "x86_64")]
compiled_for!(
    "avx2,popcnt",
    // SAFETY: the functions are compiled for these instructions, so their callers have proved them.
    unsafe { Avx2::new_unchecked() },
    collect_avx2,
    distances_avx2
);
#[cfg(target_arch = "x86_64")]
compiled_for!(
    "avx512f,avx512vpopcntdq,popcnt",
    // SAFETY: as above.
    unsafe { Avx512::new_unchecked() },
    collect_avx512,
    distances_avx512
);

#[cfg(test)]
mod tests {
    //! Every kernel, on this CPU or in software, against a loop over words.

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::hamming::{GROUP, key, twins};

    /// Words on both sides of every specialised width and of the 31 words that sums of bytes hold.
    const WORDS: [usize; 18] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 24, 31, 32, 62, 63, 70];
    const ROWS: [usize; 9] = [1, 7, 8, 9, 63, 64, 65, 200, 513];

    /// Near codes and far ones: flipped bits are few, half or nearly all.
    fn blocks(rows: usize, words: usize, query: &[u64], random: &mut ChaCha8Rng) -> Blocks {
        let mut blocks = Blocks::zeros(rows, words * 64).expect("memory");
        for position in 0..rows {
            let kind = random.random_range(0..4);
            let code: Vec<u64> = query
                .iter()
                .map(|word| match kind {
                    0 => *word ^ 1 << random.random_range(0..64),
                    1 => !word ^ 1 << random.random_range(0..64),
                    _ => random.random(),
                })
                .collect();
            blocks.set(position, &code);
        }
        blocks
    }

    fn naive(blocks: &Blocks, query: &[u64], position: usize) -> u32 {
        (0..query.len()).map(|w| (blocks.word(position, w) ^ query[w]).count_ones()).sum()
    }

    fn check(
        name: &str,
        collect: impl Fn(Scan, &mut Vec<u64>),
        distances: impl Fn(&[u64], &[Line], &mut [u32]),
    ) {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for words in WORDS {
            for rows in ROWS {
                let query: Vec<u64> = (0..words).map(|_| random.random()).collect();
                let blocks = blocks(rows, words, &query, &mut random);
                let case = format!("{name}, {words} words, {rows} rows");

                let mut all = vec![0; rows.next_multiple_of(GROUP)];
                distances(&query, blocks.lines(), &mut all);
                let wanted: Vec<u32> = (0..rows).map(|i| naive(&blocks, &query, i)).collect();
                assert_eq!(all[..rows], wanted, "{case}");

                let bitmap: Vec<u64> = (0..rows.div_ceil(64))
                    .map(|_| {
                        random.random::<u64>() & random.random::<u64>() & random.random::<u64>()
                    })
                    .collect();
                let middle = wanted[rows / 2];
                for limit in [0, 1, middle, middle + 1, 64 * words as u32 + 1] {
                    for allowed in [None, Some(&bitmap[..])] {
                        let scan = Scan {
                            query: &query,
                            lines: blocks.lines(),
                            first: u32::MAX - rows as u32,
                            end: u32::MAX,
                            allowed,
                            limit,
                        };
                        let mut keys = Vec::new();
                        collect(scan, &mut keys);
                        let is_allowed = |i: usize| {
                            allowed.is_none_or(|words| words[i / 64] >> (i % 64) & 1 == 1)
                        };
                        let expected: Vec<u64> = (0..rows)
                            .filter(|i| wanted[*i] < limit && is_allowed(*i))
                            .map(|i| key(wanted[i], scan.first + i as u32))
                            .collect();
                        assert_eq!(keys, expected, "{case}, limit {limit}, {}", allowed.is_some());
                    }
                }
            }
        }
    }

    #[test]
    fn every_kernel_of_this_cpu_equals_a_loop_over_words() {
        for kernel in Kernel::available() {
            check(
                kernel.name(),
                |scan, keys| kernel.collect(scan, keys),
                |query, lines, out| kernel.distances_of_groups(query, lines, out),
            );
        }
    }

    #[test]
    fn kernels_over_the_software_twin_equal_a_loop_over_words() {
        for twin in twins::all() {
            check(twin.name, twin.collect, twin.distances);
        }
    }

    /// A kernel that the system promises and that is missing would go unnoticed: every other test runs on
    /// those that there are.
    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn every_kernel_that_the_system_promises_is_there() {
        // Valgrind is a CPU of its own, which the system does not describe.
        if std::env::var_os("LD_PRELOAD")
            .is_some_and(|path| path.to_string_lossy().contains("vgpreload"))
        {
            return;
        }
        let info = std::fs::read_to_string("/proc/cpuinfo").expect("a description of the CPU");
        let flags: Vec<_> = info
            .lines()
            .find_map(|line| line.strip_prefix("flags"))
            .expect("flags")
            .split_whitespace()
            .collect();
        for (kernel, needs) in [
            ("scalar", &[][..]),
            ("popcnt", &["popcnt"]),
            ("avx2", &["avx2", "popcnt"]),
            ("avx512", &["avx512f", "avx512_vpopcntdq", "popcnt"]),
        ] {
            let is_promised = needs.iter().all(|flag| flags.contains(flag));
            assert_eq!(Kernel::named(kernel).is_some(), is_promised, "{kernel}");
        }
    }

    #[test]
    fn distances_may_end_within_a_group() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let query = [random.random(), random.random()];
        let blocks = blocks(100, 2, &query, &mut random);
        for kernel in Kernel::available() {
            for (first, count) in [(0, 100), (8, 3), (16, 8), (96, 4), (40, 17)] {
                let mut out = vec![0; count];
                kernel.distances(&query, &blocks, first, &mut out);
                let wanted: Vec<u32> =
                    (first..first + count).map(|i| naive(&blocks, &query, i)).collect();
                assert_eq!(out, wanted, "{}, {first}, {count}", kernel.name());
            }
        }
    }

    #[test]
    fn a_kernel_can_be_forced_and_a_wrong_name_is_refused() {
        assert_eq!(Kernel::choose(Some("scalar".into())), Ok(Kernel::SCALAR));
        assert_eq!(Kernel::choose(None), Kernel::choose(Some(String::new())));
        for kernel in Kernel::available() {
            assert_eq!(Kernel::choose(Some(kernel.name().into())), Ok(kernel));
        }
        let error = Kernel::choose(Some("sse9".into())).expect_err("no such kernel");
        assert!(error.to_string().starts_with("H2Q_KERNEL: sse9 is not a kernel"), "{error}");
    }
}
