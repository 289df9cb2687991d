//! What labels accept, and what they call relevant.

use h2q_core::error::Error;
use h2q_core::evaluate::Labels;

#[test]
fn single_labels_are_relevant_when_equal() {
    let database = Labels::single("database labels", vec![1, i64::MIN, -1]).unwrap();
    let queries = Labels::single("query labels", vec![-1, i64::MIN]).unwrap();
    let relevant = |query| (0..3).map(|row| queries.is_relevant(query, &database, row)).collect();
    let (first, second): (Vec<_>, Vec<_>) = (relevant(0), relevant(1));
    assert_eq!(first, [false, false, true]);
    assert_eq!(second, [false, true, false]);
}

#[test]
fn multi_labels_are_relevant_when_any_class_is_shared() {
    for classes in [1, 63, 64, 65, 128, 129] {
        let one_hot: Vec<u8> =
            (0..classes * classes).map(|i| u8::from(i / classes == i % classes)).collect();
        let database = Labels::multi("database labels", &one_hot, classes).unwrap();
        assert_eq!(database.rows(), classes);
        for query in 0..classes {
            for row in 0..classes {
                assert_eq!(database.is_relevant(query, &database, row), query == row);
            }
        }
        // A row of all classes shares one with each, a row without classes with none.
        let bytes = [vec![1; classes], vec![0; classes]].concat();
        let queries = Labels::multi("query labels", &bytes, classes).unwrap();
        assert!((0..classes).all(|row| queries.is_relevant(0, &database, row)));
        assert!((0..classes).all(|row| !queries.is_relevant(1, &database, row)));
        assert!(!queries.is_relevant(1, &queries, 1));
    }
}

#[test]
fn bad_labels_name_the_culprit() {
    let empty = |axis| Box::new(Error::Empty { what: "query labels".into(), axis });
    assert_eq!(Labels::single("query labels", vec![]), Err(empty("rows")));
    assert_eq!(Labels::multi("query labels", &[], 3), Err(empty("rows")));
    assert_eq!(Labels::multi("query labels", &[1], 0), Err(empty("columns")));
    let message = |bytes: &[u8]| Labels::multi("query labels", bytes, 3).unwrap_err().to_string();
    assert_eq!(message(&[0; 7]), "length of the query labels: expected 6, got 7");
    assert_eq!(message(&[0, 1, 0, 0, 0, 2]), "query labels: 2 at row 1, class 2 is not 0 or 1");
}
