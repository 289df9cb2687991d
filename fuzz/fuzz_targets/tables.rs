//! Multi-index hashing and the collector of the k best against comparing and sorting, budgets and bounds included.
#![no_main]

use arbitrary::{Result, Unstructured};
use h2q_core::hamming::{Blocks, key, unkey};
use h2q_core::parallel::Cancel;
use h2q_fuzz::codes::codes;
use h2q_fuzz::random::Random;
use h2q_kernels::hamming::blocks::to_words;
use h2q_kernels::index::bitmap::Bitmap;
use h2q_kernels::index::tables::{Probe, Scratch, Tables};
use h2q_kernels::index::top_k::{self, Collector, Wanted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured) -> Result<()> {
    // A search that must meet all codes looks into 2^24 buckets where codes are long and tables wide.
    let bits = 8 * if u.arbitrary()? { u.int_in_range(1..=5)? } else { u.int_in_range(1..=40)? };
    let most = if u.ratio(1, 4)? { 1500 } else { 60 };
    let rows = u.int_in_range(1..=most)?;
    let mut random = Random(u.arbitrary::<u32>()?.into());
    let bytes = codes(rows, bits, &mut random);
    let blocks = Blocks::from_codes(&bytes, bits).expect("memory");
    let never = Cancel::default();
    let tables = Tables::build(&blocks, u.int_in_range(1..=2)?, &never).expect("tables");
    let mut scratch = Scratch::default();
    for _ in 0..u.int_in_range(1..=4)? {
        search(u, &blocks, &bytes, &tables, &mut random, &mut scratch)?;
    }
    in_parts(u, bits, rows, &mut random)
}

fn search(
    u: &mut Unstructured,
    blocks: &Blocks,
    bytes: &[u8],
    tables: &Tables,
    random: &mut Random,
    scratch: &mut Scratch,
) -> Result<()> {
    let (bits, rows) = (blocks.bits(), blocks.rows());
    let code = codes(1, bits, random);
    let mut query = vec![0; blocks.words()];
    to_words(&code, &mut query);
    let allowed = u.arbitrary::<bool>()?.then(|| {
        let bytes: Vec<u8> = (0..rows.div_ceil(8)).map(|_| random.bits() as u8).collect();
        Bitmap::from_bytes(&bytes, rows).expect("memory")
    });
    let may = |i: usize| allowed.as_ref().is_none_or(|allowed| allowed.has(i));
    let mut all: Vec<u64> = (0..rows)
        .filter(|i| may(*i))
        .map(|i| {
            let row = &bytes[i * bits / 8..(i + 1) * bits / 8];
            key(row.iter().zip(&code).map(|(a, b)| (a ^ b).count_ones()).sum(), i as u32)
        })
        .collect();
    all.sort_unstable();
    // Without end only where the steps are few: the distance of the last hit decides.
    let wanted = match u.arbitrary()? {
        true => Wanted::Nearest(u.int_in_range(1..=all.len().max(1))?),
        false => Wanted::Within(u.int_in_range(0..=bits as u32 + 1)?),
    };
    let budget = if u.arbitrary()? { 4e6 } else { f64::from(u.arbitrary::<u16>()?) * 4.0 };
    let mut collector = Collector::new(wanted, bits);
    let mut farthest = u32::MAX;
    if let Wanted::Nearest(_) = wanted
        && u.arbitrary()?
    {
        farthest = u.int_in_range(0..=bits as u32)?;
        collector.bound(farthest);
    }
    let probe = Probe { blocks, query: &query, allowed: allowed.as_ref(), budget };
    let never = Cancel::default();
    let (is_done, _) = tables.search(probe, &mut collector, scratch, &never).expect("memory");
    let found = collector.finish(&never).expect("memory");
    let hits = hits(&all, wanted);
    if is_done {
        // What is farther than the bound may be left out, for it is known elsewhere.
        let near = |keys: &[u64]| -> Vec<u64> {
            keys.iter().copied().filter(|key| unkey(*key).0 <= farthest).collect()
        };
        assert_eq!(near(&found), near(&hits), "{wanted:?}, bound {farthest}");
    } else {
        assert!(found.is_sorted_by(|a, b| a < b), "no code twice");
        assert!(found.iter().all(|key| all.binary_search(key).is_ok()), "right as far as it goes");
    }
    Ok(())
}

fn hits(all: &[u64], wanted: Wanted) -> Vec<u64> {
    match wanted {
        Wanted::Nearest(k) => all[..k.min(all.len())].to_vec(),
        Wanted::Within(radius) => {
            all.iter().copied().filter(|key| unkey(*key).0 <= radius).collect()
        }
    }
}

/// Keys that come in rising positions and pieces to one or several collectors, as threads have them.
fn in_parts(u: &mut Unstructured, bits: usize, rows: usize, random: &mut Random) -> Result<()> {
    let few = 1 + u.int_in_range(0..=bits)?;
    let mut all: Vec<u64> = (0..rows).map(|i| key(random.below(few) as u32, i as u32)).collect();
    let wanted = match u.arbitrary()? {
        true => Wanted::Nearest(u.int_in_range(1..=rows)?),
        false => Wanted::Within(u.int_in_range(0..=bits as u32)?),
    };
    let count = u.int_in_range(1..=3)?;
    let mut collectors: Vec<_> = (0..count).map(|_| Collector::new(wanted, bits)).collect();
    let mut rest = &all[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(1 + random.below(rest.len()));
        let collector = &mut collectors[random.below(count)];
        let limit = collector.limit();
        collector.keys.extend(now.iter().filter(|key| unkey(**key).0 < limit));
        collector.settle();
        let kth = collector.kth();
        if let (Wanted::Nearest(_), Some(kth)) = (wanted, kth) {
            collectors.iter_mut().for_each(|other| other.bound(kth));
        }
        rest = later;
    }
    let keys = collectors.into_iter().flat_map(|collector| collector.keys).collect();
    let found = top_k::finish(keys, wanted, &Cancel::default()).expect("memory");
    all.sort_unstable();
    assert_eq!(found, hits(&all, wanted), "{wanted:?} in {count} parts");
    Ok(())
}
