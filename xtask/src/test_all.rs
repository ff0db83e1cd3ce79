//! `test-all`: runs steps one after the other, and sums up.

use std::time::{Duration, Instant};

use crate::run::Log;
use crate::setup;
use crate::steps::{self, Step};

/// One line of the summary.
struct Row {
    name: &'static str,
    time: Duration,
    result: Result<String, String>,
}

/// Every step is run, whatever came of the ones before it.
pub(crate) fn test_all(chosen: &[&'static Step]) -> Result<(), String> {
    let begin = Instant::now();
    if let Err(why) = setup::install(&steps::needs(chosen)) {
        // the steps that need what is missing fail below
        println!("setup: {why}");
    }
    println!("setup took {}", minutes(begin.elapsed()));
    let rows: Vec<Row> = chosen.iter().enumerate().map(|(at, step)| row(step, at + 1, chosen.len())).collect();

    println!("\n{:<14} {:<7} {:>9}  what it showed", "step", "result", "time");
    for row in &rows {
        let (verdict, shown) = match &row.result {
            Ok(shown) => ("passed", shown),
            Err(why) => ("FAILED", why),
        };
        println!("{:<14} {verdict:<7} {:>9}  {shown}", row.name, minutes(row.time));
    }
    println!("{:<14} {:<7} {:>9}\n", "all", "", minutes(begin.elapsed()));
    let failed = rows.iter().filter(|row| row.result.is_err()).count();
    println!("{} passed, {failed} failed", rows.len() - failed);
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} steps failed", rows.len())) }
}

fn row(step: &Step, at: usize, of: usize) -> Row {
    println!("\n[{at}/{of}] {}: {}", step.name, step.does);
    let begin = Instant::now();
    let missing = setup::missing(step.needs);
    let result = Log::new(step.name).and_then(|mut log| {
        if !missing.is_empty() {
            return Err(format!("not on this machine: {}", missing.join(", ")));
        }
        (step.run)(&mut log).inspect_err(|_| println!("{}      all of it: {}", log.tail(80), log.path().display()))
    });
    let time = begin.elapsed();
    match &result {
        Ok(shown) => println!("      passed in {}: {shown}", minutes(time)),
        Err(why) => println!("      FAILED after {}: {why}", minutes(time)),
    }
    Row { name: step.name, time, result }
}

fn minutes(time: Duration) -> String {
    format!("{}:{:02} min", time.as_secs() / 60, time.as_secs() % 60)
}
