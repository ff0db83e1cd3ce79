//! The dialogues can be held as they are written, and each bug of today's libraries fails at least one of them.

mod model;

use std::thread;

use clap::ValueEnum as _;
use conversations::run_all;
use model::{Bug, Model};

#[test]
fn a_model_of_the_contract_passes_every_dialogue() {
    let report = run_all(&Model(None), "model");
    report.assert_passed();
    assert!(report.ran >= 60 && report.skipped.is_empty());
}

#[test]
fn each_bug_is_caught() {
    let mut missed: Vec<Bug> = Vec::new();
    for some in Bug::value_variants().chunks(4) {
        let reports = thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|&bug| scope.spawn(move || run_all(&Model(Some(bug)), ""))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a report")).collect::<Vec<_>>()
        });
        for (bug, report) in some.iter().zip(reports) {
            let files = report.failures.iter().filter_map(|account| account.split([' ', ':']).nth(1));
            let files: Vec<_> = files.map(|file| file.trim_end_matches(".txt")).collect();
            println!("{:26} {:3}  {}", format!("{bug:?}"), files.len(), files.join(" "));
            missed.extend(files.is_empty().then_some(*bug));
        }
    }
    assert!(missed.is_empty(), "no dialogue catches {missed:?}");
}
