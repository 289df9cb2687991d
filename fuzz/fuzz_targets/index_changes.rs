//! An index in memory and one in a file go through the same changes as a plain list, and are searched in every way.
#![no_main]

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use h2q_core::codes::Codes;
use h2q_core::hamming::Kernel;
use h2q_core::index::{Beside, Filter, Index, IndexFile, Method, SearchOptions};
use h2q_core::parallel::Cancel;
use h2q_fuzz::codes::codes;
use h2q_fuzz::contents::{Contents, streamed, written};
use h2q_fuzz::folder;
use h2q_fuzz::naive::{Hit, Naive, hits_of};
use h2q_fuzz::random::Random;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

struct Trial {
    bits: usize,
    has_factors: bool,
    plain: Naive,
    memory: Index,
    file: Option<IndexFile>,
    random: Random,
}

fn run(u: &mut Unstructured) -> Result<()> {
    let bits = 8 * match u.arbitrary()? {
        true => u.int_in_range(1..=9)?,
        false => u.int_in_range(1..=70)?,
    };
    let [has_ids, has_factors, is_in_file] = u.arbitrary::<[bool; 3]>()?;
    let random = Random(u.arbitrary::<u16>()?.into());
    let mut memory = Index::empty(bits, has_ids, has_factors).expect("an index");
    let file = is_in_file.then(|| {
        let bytes = written(&memory, 1 << 20).expect("a file");
        IndexFile::open(folder::write(&bytes)).expect("opened")
    });
    let kernels = Kernel::available();
    memory = memory.with_kernel(kernels[u.choose_index(kernels.len())?]);
    let plain = Naive { has_ids, ..Naive::default() };
    let mut trial = Trial { bits, has_factors, plain, memory, file, random };
    while !u.is_empty() {
        trial.step(u)?;
    }
    trial.search(u)
}

impl Trial {
    fn step(&mut self, u: &mut Unstructured) -> Result<()> {
        match u.int_in_range(0..=9)? {
            0..=2 => self.add(u)?,
            3 | 4 => self.remove(u)?,
            5 => self.compact(),
            6 => self.reopen(u)?,
            7 => self.refuse(u)?,
            8 => {
                let threads = u.int_in_range(1..=2)?;
                self.memory.build_tables(threads, &Cancel::default()).expect("tables");
            }
            _ => self.search(u)?,
        }
        for index in self.indexes() {
            assert_eq!((index.rows(), index.alive()), (self.plain.rows.len(), self.plain.alive()));
        }
        Ok(())
    }

    fn indexes(&self) -> impl Iterator<Item = &Index> {
        [&self.memory].into_iter().chain(self.file.as_ref().map(|file| &**file.index()))
    }

    fn add(&mut self, u: &mut Unstructured) -> Result<()> {
        let most = if u.ratio(1, 4)? { 400 } else { 12 };
        let rows = u.int_in_range(1..=most)?;
        if self.plain.rows.len() + rows > 1500 {
            return Ok(());
        }
        let (spread, first) = (1 + u.int_in_range(0..=2 * rows)?, i64::from(u.arbitrary::<i8>()?));
        let order = u.int_in_range(0..=2)?;
        let ids: Vec<i64> = (0..rows)
            .map(|i| match order {
                0 => first + self.random.below(spread) as i64,
                1 => first + i as i64,
                _ => [i64::MIN, -1, 0, i64::MAX][self.random.below(4)],
            })
            .collect();
        let factors: Vec<f32> = (0..rows).map(|_| self.random.float().abs()).collect();
        let bytes = codes(rows, self.bits, &mut self.random);
        let first_row = self.plain.rows.len();
        for (row, code) in bytes.chunks(self.bits / 8).enumerate() {
            self.plain.add(code, ids[row], self.has_factors.then(|| factors[row]));
        }
        let added = Codes::new(bytes, self.bits).expect("codes");
        let beside = Beside {
            ids: self.plain.has_ids.then_some(ids),
            factors: self.has_factors.then_some(factors),
        };
        assert_eq!(self.memory.add(&added, beside.clone()).expect("added"), first_row);
        if let Some(file) = &self.file {
            let row = file.append(&added, beside, &Cancel::default()).expect("appended");
            assert_eq!(row, first_row);
        }
        Ok(())
    }

    fn remove(&mut self, u: &mut Unstructured) -> Result<()> {
        let ids: Vec<i64> = (0..u.int_in_range(0..=6)?)
            .map(|_| match self.plain.rows.is_empty() {
                true => 0,
                false => self.plain.rows[self.random.below(self.plain.rows.len())].id,
            })
            .chain([u.arbitrary::<i8>()?.into()])
            .collect();
        let gone = self.plain.remove(&ids);
        assert_eq!(self.memory.remove(&ids).expect("removed"), gone);
        if let Some(file) = &self.file {
            assert_eq!(file.remove(&ids).expect("removed"), gone);
        }
        Ok(())
    }

    /// Memory has nothing of the kind: it is made anew from the file.
    fn compact(&mut self) {
        let Some(file) = &self.file else { return };
        let rows = file.compact(&Cancel::default()).expect("compacted");
        assert_eq!(rows, self.plain.compact());
        self.memory = Index::map(folder::file()).expect("mapped");
        // What is mapped does not grow with the file.
        self.memory = streamed(&written(&self.memory, 4096).expect("a file"), 999).expect("read");
    }

    fn reopen(&mut self, u: &mut Unstructured) -> Result<()> {
        let piece = 1 + usize::from(u.arbitrary::<u8>()?) * 13;
        let again = streamed(&written(&self.memory, piece).expect("a file"), piece).expect("read");
        let before = Contents::of(&self.memory).expect("contents");
        assert_eq!(Contents::of(&again).expect("contents"), before);
        self.memory = again;
        if self.file.take().is_some() {
            let mapped = Index::map(folder::file()).expect("mapped");
            assert_eq!(Contents::of(&mapped).expect("contents"), before);
            self.file = Some(IndexFile::open(folder::file()).expect("opened"));
        }
        Ok(())
    }

    /// Changes that are refused change nothing.
    fn refuse(&mut self, u: &mut Unstructured) -> Result<()> {
        let Self { bits, has_factors, ref plain, .. } = *self;
        let bits = if u.arbitrary()? { bits } else { bits + 8 };
        let code = Codes::new(vec![1; bits / 8], bits).expect("a code");
        let ids = u.arbitrary::<bool>()?.then(|| vec![1]);
        let factors = u.arbitrary::<Option<f32>>()?.map(|factor| vec![factor]);
        let is_right = bits == self.bits
            && ids.is_some() == plain.has_ids
            && factors.is_some() == has_factors
            && factors.iter().flatten().all(|factor| factor.is_finite())
            && (factors.iter().flatten().all(|factor| *factor >= 0.0)
                || plain.rows.iter().all(|row| row.factor.is_none_or(|factor| factor == 0.0)));
        if is_right {
            return Ok(());
        }
        let beside = Beside { ids, factors };
        self.memory.add(&code, beside.clone()).expect_err("refused");
        if let Some(file) = &self.file {
            file.append(&code, beside, &Cancel::default()).expect_err("refused");
        }
        Ok(())
    }

    fn search(&mut self, u: &mut Unstructured) -> Result<()> {
        let most = if u.ratio(1, 8)? { 30 } else { 3 };
        let rows = u.int_in_range(1..=most)?;
        let queries = codes(rows, self.bits, &mut self.random);
        let (filter, passes) = self.filter(u)?;
        let method = [Method::Linear, Method::Mih, Method::Auto][u.int_in_range(0..=2)?];
        // Buckets double with every bit of a distance; a search that must meet all codes looks into all of them.
        let method = if self.bits > 72 && method == Method::Mih { Method::Auto } else { method };
        let threads = if u.ratio(1, 8)? { 3 } else { 1 };
        let options = SearchOptions { method, filter, threads };
        let most = if u.ratio(1, 4)? { 2000 } else { 12 };
        let k = 1 + u.int_in_range(0..=most)?;
        let radius = u.int_in_range(0..=self.bits as u32 + 1)?;
        let given = Codes::new(queries.clone(), self.bits).expect("codes");
        let never = Cancel::default();
        for index in self.indexes() {
            let nearest = index.search(&given, k, &options, &never).expect("hits");
            let within = index.search_radius(&given, radius, &options, &never).expect("hits");
            for (q, query) in queries.chunks(self.bits / 8).enumerate() {
                let ranking = self.plain.ranking(query, &passes);
                let wanted = |keep: usize| -> Vec<Hit> { ranking[..keep].to_vec() };
                assert_eq!(hits_of(&nearest, q), wanted(k.min(ranking.len())), "k {k} {method:?}");
                let reached = ranking.partition_point(|hit| hit.0 <= radius);
                assert_eq!(hits_of(&within, q), wanted(reached), "radius {radius} {method:?}");
            }
        }
        Ok(())
    }

    #[allow(clippy::type_complexity, reason = "what filters and the plain list are asked alike")]
    fn filter(
        &mut self,
        u: &mut Unstructured,
    ) -> Result<(Option<Arc<Filter>>, Box<dyn Fn(i64, u32) -> bool>)> {
        let is_denied: bool = u.arbitrary()?;
        let plain = &self.plain.rows;
        Ok(match u.int_in_range(0..=2)? {
            0 => (None, Box::new(|_, _| true)),
            1 => {
                let count = plain.len();
                let mask = self.random.bits() as u8 | u.arbitrary::<u8>()?;
                let bytes: Vec<u8> =
                    (0..count.div_ceil(8)).map(|_| self.random.bits() as u8 & mask).collect();
                let filter = Filter::rows(&bytes, count, is_denied).expect("a filter");
                let has = move |row: usize| bytes[row / 8] >> (row % 8) & 1 == 1;
                (Some(Arc::new(filter)), Box::new(move |_, row| has(row as usize) != is_denied))
            }
            _ => {
                let mut ids: Vec<i64> = u.arbitrary::<[i8; 3]>()?.map(i64::from).to_vec();
                let share = 1 + self.random.below(4);
                ids.extend(
                    plain.iter().filter(|_| self.random.below(share) == 0).map(|row| row.id),
                );
                let filter = Filter::ids(ids.clone(), is_denied);
                (Some(Arc::new(filter)), Box::new(move |id, _| ids.contains(&id) != is_denied))
            }
        })
    }
}
