//! The measurements behind `h2q bench hamming`: made-up codes, searches beside a plain read of the same
//! memory, in turns.

use std::hint::black_box;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::clock::{self, Stopwatch};
use crate::codes::{Codes, check_bits};
use crate::error::{Error, Result};
use crate::hamming::Line;
use crate::index::{Index, Method, SearchOptions};
use crate::parallel::{Cancel, fill_chunks};
use crate::vectors::zeros;

/// Centres of clustered codes, and the probability that a bit of a code differs from its centre's.
const CENTRES: usize = 20_000;
const FLIPPED: f64 = 0.06;
/// Codes that share a random stream: the codes depend on the seed alone.
const CHUNK_ROWS: usize = 1 << 16;
/// A single measurement is repeated until it has lasted so long, in seconds.
const SHORTEST: f64 = 0.002;

/// How made-up codes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodesAre {
    /// Every bit is a coin.
    Uniform,
    /// Around 20,000 random centres, each bit flipped with probability 0.06; queries alike.
    Clustered,
}

impl CodesAre {
    /// Parses `uniform` or `clustered`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "uniform" => Ok(Self::Uniform),
            "clustered" => Ok(Self::Clustered),
            _ => Err(Error::InvalidOption {
                option: "data",
                value: name.into(),
                expected: "uniform or clustered",
            }
            .into()),
        }
    }
}

/// What to make and to search.
#[derive(Debug, Clone, Copy)]
pub struct HammingMeasureOptions {
    /// Length of a code, a multiple of 8.
    pub bits: usize,
    /// Codes in the index, at least 1.
    pub rows: usize,
    /// Codes of a batch, at least 1.
    pub queries: usize,
    /// Hits per query, at least 1.
    pub k: usize,
    /// How codes and queries lie.
    pub data: CodesAre,
    /// Decides codes and queries.
    pub seed: u64,
    /// Threads of the searches; 0 for all.
    pub threads: usize,
    /// How to search. The tables of `Mih` are built beforehand.
    pub method: Method,
}

/// An index and queries to measure with.
#[derive(Debug)]
pub struct HammingMeasure {
    index: Index,
    queries: Codes,
    k: usize,
    options: SearchOptions,
    /// The query that was asked alone last.
    asked: usize,
    /// Seconds that building the search tables took, where the method needs them.
    build: Option<f64>,
}

/// Seconds of one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HammingRound {
    /// One query, another one each time.
    pub single_query: f64,
    /// All queries in one call.
    pub batch: f64,
    /// One thread that adds up all words of the index with the widest loads.
    pub read: f64,
    /// Bytes that were read.
    pub read_bytes: usize,
}

impl HammingMeasure {
    /// Makes the codes and indexes them.
    ///
    /// # Errors
    /// `InvalidOption` for bits, k or more than 2^32 − 1 rows; `Empty`, `OutOfMemory`, `Aborted`.
    pub fn new(options: &HammingMeasureOptions, cancel: &Cancel) -> Result<Self> {
        let HammingMeasureOptions { bits, rows, queries, k, data, seed, threads, method } =
            *options;
        check_bits(bits)?;
        if k == 0 {
            let expected = "at least 1";
            return Err(Error::InvalidOption { option: "k", value: "0".into(), expected }.into());
        }
        if u32::try_from(rows).is_err() {
            let (value, expected) = (rows.to_string(), "at most 4294967295");
            return Err(Error::InvalidOption { option: "rows", value, expected }.into());
        }
        let generator = Generator::new(bits, data, seed)?;
        let queries = generator.codes(queries, QUERIES, threads, cancel)?;
        let index = Index::new(&generator.codes(rows, ROWS, threads, cancel)?, None)?;
        let mut build = None;
        if method == Method::Mih {
            let started = Stopwatch::start();
            index.build_tables(threads, cancel)?;
            build = Some(started.seconds());
        }
        let options = SearchOptions { method, filter: None, threads };
        Ok(Self { index, queries, k, options, asked: 0, build })
    }

    /// Seconds that building the search tables took, where the method needs them.
    pub fn build_seconds(&self) -> Option<f64> {
        self.build
    }

    /// Bytes that the index holds, tables included.
    pub fn memory(&self) -> usize {
        self.index.memory()
    }

    /// Reads and searches, once each.
    ///
    /// # Errors
    /// `TooManyHits`, `OutOfMemory`, `Aborted`.
    pub fn round(&mut self, cancel: &Cancel) -> Result<HammingRound> {
        let Self { index, queries, k, options, asked, .. } = self;
        let mut read_bytes = 0;
        let read = timed(|| {
            read_bytes = 0;
            index.for_each_memory(|lines| {
                black_box(sum(lines));
                read_bytes += size_of_val(lines);
            });
            Ok(())
        })?;
        let search = |queries: &Codes| {
            black_box(index.search(queries, *k, options, cancel)?);
            Ok(())
        };
        // Another query each time: the caches would hold what the last one met.
        let single = || {
            *asked = (*asked + 1) % queries.rows();
            search(&Codes::new(queries.row(*asked).to_vec(), queries.bits())?)
        };
        Ok(HammingRound {
            single_query: timed(single)?,
            batch: timed(|| search(queries))?,
            read,
            read_bytes,
        })
    }
}

/// Mean seconds of `work`, repeated for long enough to be told from the clock's own grain.
fn timed(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let (started, mut times) = (Stopwatch::start(), 0);
    loop {
        work()?;
        times += 1;
        let seconds = started.seconds();
        if seconds >= SHORTEST || !clock::is_running() {
            return Ok(seconds / f64::from(times));
        }
    }
}

/// The words added up with the widest loads of this CPU.
fn sum(lines: &[Line]) -> u64 {
    crate::level::Level::new().dispatch(Sum(lines))
}

/// The argument of [`sum`]: a type of its own, so that all of it is compiled for the CPU's level.
struct Sum<'a>(&'a [Line]);

impl pulp::WithSimd for Sum<'_> {
    type Output = u64;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> u64 {
        // Independent sums, so that loads are all there is to wait for.
        let mut sums = [Line::default(); 8];
        let (blocks, tail) = self.0.as_chunks::<8>();
        for block in blocks {
            for (sum, line) in sums.iter_mut().zip(block) {
                for (sum, word) in sum.0.iter_mut().zip(line.0) {
                    *sum = sum.wrapping_add(word);
                }
            }
        }
        let lines = sums.iter().chain(tail);
        lines.flat_map(|line| line.0).fold(0, u64::wrapping_add)
    }
}

/// The codes that [`HammingMeasure`] searches in.
///
/// # Errors
/// As [`HammingMeasure::new`].
pub fn made_up_codes(
    bits: usize,
    rows: usize,
    data: CodesAre,
    seed: u64,
    threads: usize,
    cancel: &Cancel,
) -> Result<Codes> {
    check_bits(bits)?;
    Generator::new(bits, data, seed)?.codes(rows, ROWS, threads, cancel)
}

/// Random streams of the codes that ask and of those that are searched.
const QUERIES: u64 = 1;
const ROWS: u64 = 2;

struct Generator {
    bits: usize,
    seed: u64,
    /// Codes one after the other; none for uniform codes.
    centres: Vec<u8>,
}

impl Generator {
    fn new(bits: usize, codes_are: CodesAre, seed: u64) -> Result<Self> {
        let centres = match codes_are {
            CodesAre::Uniform => Vec::new(),
            CodesAre::Clustered => {
                let mut centres =
                    zeros(CENTRES.saturating_mul(bits / 8), "20,000 centres of so many bits")?;
                stream(seed, 0).fill(&mut centres[..]);
                centres
            }
        };
        Ok(Self { bits, seed, centres })
    }

    fn codes(&self, rows: usize, part: u64, threads: usize, cancel: &Cancel) -> Result<Codes> {
        let bytes = self.bits / 8;
        let too_large = || Error::out_of_memory("codes", usize::MAX);
        let mut codes: Vec<u8> = zeros(rows.checked_mul(bytes).ok_or_else(too_large)?, "codes")?;
        let chunk = CHUNK_ROWS.saturating_mul(bytes);
        fill_chunks(
            threads,
            &mut codes,
            chunk,
            cancel,
            || (),
            |(), i, codes| {
                let mut generator = stream(self.seed, (part << 32) + i as u64);
                if self.centres.is_empty() {
                    generator.fill(codes);
                    return Ok(());
                }
                for code in codes.chunks_mut(bytes) {
                    let centre = generator.random_range(0..CENTRES);
                    code.copy_from_slice(&self.centres[centre * bytes..][..bytes]);
                }
                flip(codes, &mut generator);
                Ok(())
            },
        )?;
        Codes::new(codes, self.bits)
    }
}

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(number);
    generator
}

/// Flips each bit with probability [`FLIPPED`], by drawing the gaps between flipped bits.
fn flip(codes: &mut [u8], generator: &mut ChaCha8Rng) {
    let bits = codes.len() as u64 * 8;
    let mut gap = || {
        let u: f64 = 1.0 - generator.random::<f64>();
        (u.ln() / (1.0 - FLIPPED).ln()) as u64
    };
    let mut bit = gap();
    while bit < bits {
        codes[(bit / 8) as usize] ^= 1 << (bit % 8);
        bit += 1 + gap();
    }
}
