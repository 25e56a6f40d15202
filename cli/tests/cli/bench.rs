//! `bench`: what it measures, and the costs that it tells of that.

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
        // Theirs, and that of the location that all others are copies of.
        assert_eq!(whole(&row, "/started"), whole(&row, "/stock/locations") + 1);
        assert_eq!(row["next_tick"]["requests"]["messages"], 0);
    }
    for row in rows("throughput") {
        assert_eq!((&row["throttled"], &row["pending"]), (&0.into(), &0.into()));
        // On a busy machine a connection may break, and its call is made again.
        let again = row["calls"].as_u64().unwrap() - row["records"].as_u64().unwrap();
        assert!(again <= 5, "{row}");
    }
    assert_eq!(report["sweep"]["sweep"]["requests"]["gate_writes"], 0);
}
