//! Expected ties against enumeration of all orders and against a dynamic programme over positions.

mod evaluate_naive;

use evaluate_naive::*;
use h2q_core::evaluate::{
    AveragePrecision, CodesEvaluation, Labels, MetricsAt, Ties, evaluate_codes,
};
use h2q_core::parallel::Cancel;
use rand::RngExt;

fn expected(
    database: &[u8],
    queries: &[u8],
    labels: (&Labels, &Labels),
    neighbours: &[u32],
    at: &[usize],
    average_precision: AveragePrecision,
) -> Vec<MetricsAt> {
    let evaluation = CodesEvaluation {
        bits: 8,
        database_codes: database,
        query_codes: queries,
        database_labels: labels.0,
        query_labels: labels.1,
        neighbours,
        at,
        ties: Ties::Expected,
        average_precision,
        database_vectors: None,
        query_vectors: None,
    };
    evaluate_codes(&evaluation, 2, &Cancel::default()).unwrap().at
}

/// Every order of `rows`.
fn orders(rows: &[usize]) -> Vec<Vec<usize>> {
    if rows.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for (i, &first) in rows.iter().enumerate() {
        let rest: Vec<_> = rows[..i].iter().chain(&rows[i + 1..]).copied().collect();
        all.extend(orders(&rest).into_iter().map(|order| [vec![first], order].concat()));
    }
    all
}

#[test]
fn expected_ties_equal_the_mean_over_all_orders() {
    let mut rng = rng(1);
    for case in 0..120 {
        let rows = rng.random_range(1..8);
        // Few distances, so that groups of all sizes occur: 0 to 7 ties at once.
        let widest = rng.random_range(0..4);
        let database: Vec<u8> =
            (0..rows).map(|_| (1 << rng.random_range(0..=widest)) - 1).collect();
        let labels = random_labels(&mut rng, rows, 2);
        let count = rng.random_range(0..=rows.min(3));
        let neighbours = random_neighbours(&mut rng, 1, rows, count);
        let at: Vec<_> = (1..=rows + 1).rev().collect();
        let relevant: Vec<_> = labels.iter().map(|&label| label == 0).collect();
        let in_order =
            |order: &Vec<usize>| order.is_sorted_by_key(|&row| database[row].count_ones());
        let mut all = orders(&(0..rows).collect::<Vec<_>>());
        all.retain(in_order);
        let labels = (&single(&labels), &single(&[0]));
        for normalised in NORMALISED {
            let context = format!("case {case}, {database:?} {relevant:?} {normalised:?}");
            let actual = expected(&database, &[0], labels, &neighbours, &at, normalised);
            for (n, actual) in at.iter().zip(&actual) {
                let of = |order: &Vec<_>| metrics(order, &relevant, &neighbours, *n, normalised);
                let each: Vec<_> = all.iter().map(of).collect();
                assert_close(actual, mean(&each), &context);
            }
        }
    }
}

/// E[AP@n] by walking the positions one by one with the distribution of the relevant items so far.
fn expected_average_precision(
    groups: &[(usize, usize)],
    n: usize,
    normalised: AveragePrecision,
) -> f64 {
    // states[k] = (probability of k relevant so far, expectation of precisions on that event)
    let mut states = vec![(1.0, 0.0)];
    let (mut position, mut relevant_before) = (0, 0);
    for &(total, relevant) in groups {
        for drawn in 0..total {
            if position == n {
                break;
            }
            position += 1;
            let mut next = vec![(0.0, 0.0); states.len() + 1];
            for (k, &(probability, precisions)) in states.iter().enumerate() {
                if probability == 0.0 {
                    continue;
                }
                let left = (relevant_before + relevant - k) as f64;
                let hit = left / (total - drawn) as f64;
                let precision = (k + 1) as f64 / position as f64;
                next[k + 1].0 += hit * probability;
                next[k + 1].1 += hit * (precisions + probability * precision);
                next[k].0 += (1.0 - hit) * probability;
                next[k].1 += (1.0 - hit) * precisions;
            }
            states = next;
        }
        relevant_before += relevant;
    }
    let all: usize = groups.iter().map(|(_, relevant)| relevant).sum();
    let mean = |(k, (_, precisions)): (usize, &(f64, f64))| match normalised {
        AveragePrecision::Retrieved => precisions / k as f64,
        AveragePrecision::All => precisions / all as f64,
        AveragePrecision::Possible => precisions / all.min(n) as f64,
    };
    states.iter().enumerate().skip(1).map(mean).sum()
}

#[test]
fn expected_ties_equal_a_walk_over_positions_for_large_groups() {
    let mut rng = rng(2);
    // 2048 rows are one block of the scan.
    for (rows, classes) in [(2047, 2), (2049, 3), (5000, 10)] {
        let database = random_codes(&mut rng, rows, 8);
        let labels = random_labels(&mut rng, rows, classes);
        let query: u8 = rng.random();
        let mut groups = vec![(0, 0); 9];
        for (&code, &label) in database.iter().zip(&labels) {
            let group = &mut groups[(code ^ query).count_ones() as usize];
            group.0 += 1;
            group.1 += usize::from(label == 1);
        }
        let at = [1, 2, 10, 100, 500, 1000];
        let labels = (&single(&labels), &single(&[1]));
        for normalised in NORMALISED {
            let actual = expected(&database, &[query], labels, &[], &at, normalised);
            for (actual, n) in actual.iter().zip(at) {
                let oracle = expected_average_precision(&groups, n, normalised);
                let error = (actual.mean_average_precision - oracle).abs();
                assert!(
                    error < 1e-10,
                    "{rows} rows at {n}, {normalised:?}: {actual:?}, not {oracle}"
                );
            }
        }
    }
}

#[test]
fn one_huge_group_of_ties_keeps_its_precision() {
    let rows = 100_000;
    let labels: Vec<_> = (0..rows as i64).map(|row| row % 2).collect();
    let database = vec![7; rows];
    let at = [1, 300, rows];
    let retrieved = AveragePrecision::Retrieved;
    let labels = (&single(&labels), &single(&[0]));
    let actual = expected(&database, &[0], labels, &[5, 6], &at, retrieved);
    for (metrics, n) in actual.iter().zip(at).take(2) {
        let oracle = expected_average_precision(&[(rows, rows / 2)], n, retrieved);
        assert!((metrics.mean_average_precision - oracle).abs() < 1e-10, "{metrics:?}");
        assert!((metrics.precision - 0.5).abs() < 1e-12);
        assert!((metrics.recall - n as f64 / rows as f64).abs() < 1e-12);
        assert!((metrics.neighbour_recall.unwrap() - n as f64 / rows as f64).abs() < 1e-12);
    }
    assert_eq!((actual[2].recall, actual[2].neighbour_recall), (1.0, Some(1.0)));
    // With t items, half of them relevant: AP = Σ_p (1 + (p-1)(r-1)/(t-1)) / (p·t) over all p.
    let slope = (rows as f64 / 2.0 - 1.0) / (rows as f64 - 1.0);
    let term = |p: usize| (1.0 + (p as f64 - 1.0) * slope) / (p as f64 * rows as f64);
    let oracle: f64 = (1..=rows).map(term).sum();
    assert!((actual[2].mean_average_precision - oracle).abs() < 1e-10);
}

#[test]
fn three_ties_with_one_relevant_by_hand() {
    let labels = (&single(&[4, 9, 9]), &single(&[4]));
    let retrieved = AveragePrecision::Retrieved;
    let actual = expected(&[1, 2, 4], &[0], labels, &[0], &[1, 2, 3, 50], retrieved);
    let share = |n: f64| n / 3.0;
    // The relevant row is first, second or third with equal probability.
    assert_close(&actual[0], [share(1.0), share(1.0), share(1.0), share(1.0)], "at 1");
    assert_close(&actual[1], [share(1.5), share(1.0), share(2.0), share(2.0)], "at 2");
    let all = [share(1.0 + 0.5 + 1.0 / 3.0), share(1.0), 1.0, 1.0];
    assert_close(&actual[2], all, "at 3");
    assert_close(&actual[3], all, "beyond the rows");
}
