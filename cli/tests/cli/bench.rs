//! `bench`: its measurements, and the costs derived from them.

use super::*;

#[test]
#[ignore = "takes more than a minute; .ci/run runs it"]
fn a_bench_measures_and_what_it_wrote_tells_the_costs_again() {
    let file = folder("bench").join("bench.json");
    let measured = run(&mut local(&["bench", "--quick", "--json", text(&file)]));
    assert_eq!(measured.status, Some(0), "{}", measured.err);
    let priced = run(&mut local(&["bench", "--cost", text(&file)]));
    assert!(measured.out.ends_with(&priced.out), "{}", priced.out);

    let report: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let rows = |name: &str| report[name].as_array().unwrap().clone();
    for row in rows("fan_out") {
        // The locations' batches, and that of the location from which all others are copied.
        assert_eq!(whole(&row, "/started"), whole(&row, "/stock/locations") + 1);
        assert_eq!(row["next_tick"]["requests"]["messages"], 0);
    }
    for row in rows("throughput") {
        assert_eq!((&row["throttled"], &row["pending"]), (&0.into(), &0.into()));
        // On a busy machine a connection may break, and its call is repeated.
        let again = row["calls"].as_u64().unwrap() - row["records"].as_u64().unwrap();
        assert!(again <= 5, "{row}");
    }
    assert_eq!(report["sweep"]["sweep"]["requests"]["gate_writes"], 0);
}

/// The figures in docs/COST.md match the measured ones within a tolerance.
#[test]
fn what_each_way_in_and_out_takes_is_what_the_page_of_costs_says() {
    let measured = run(&mut local(&["bench", "--ways", "--quick"]));
    assert_eq!(measured.status, Some(0), "{}", measured.err);
    let page = include_str!("../../../docs/COST.md");
    let rows = |text: &str| -> Vec<Vec<String>> {
        let lines = text.lines().skip_while(|line| !line.starts_with("| A record | Invocations")).skip(2);
        let lines = lines.take_while(|line| line.starts_with("| "));
        lines.map(|line| line.trim_matches(['|', ' ']).split(" | ").map(str::to_owned).collect()).collect()
    };
    let (measured, told) = (rows(&measured.out), rows(page));
    assert_eq!(measured.len(), 11, "{measured:?}");
    let names = |rows: &[Vec<String>]| rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>();
    assert_eq!(names(&measured), names(&told));
    for (measured, told) in measured.iter().zip(&told) {
        // With fewer records, the fixed effort per list, batch or page weighs more.
        for (place, slack) in [(4, 0.02), (5, 0.05)] {
            let [measured, told]: [f64; 2] = [measured, told].map(|row| row[place].parse().unwrap());
            assert!((measured - told).abs() <= told * 0.15 + slack, "{place}: {measured} and {told} of {}", measured);
        }
    }
}
