//! `test-all`: runs steps one after the other and prints a summary.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::run::{Log, cpu, root};
use crate::setup;
use crate::steps::{self, Step};

/// One line of the summary.
struct Row {
    name: &'static str,
    time: Duration,
    cpu: Duration,
    result: Result<String, String>,
}

/// Runs every step, even if earlier ones failed.
pub(crate) fn test_all(chosen: &[&'static Step]) -> Result<(), String> {
    let begin = Instant::now();
    if let Err(why) = setup::install(&steps::needs(chosen)) {
        // steps with missing tools fail below
        println!("setup: {why}");
    }
    println!("setup took {}", minutes(begin.elapsed()));
    let last = root().join("target/xtask-logs/times.txt");
    let rows: Vec<Row> = chosen.iter().enumerate().map(|(at, step)| row(step, at + 1, chosen.len(), &last)).collect();

    println!("\n{:<14} {:<7} {:>9} {:>10}  what it showed", "step", "result", "time", "CPU time");
    for row in &rows {
        let (verdict, shown) = match &row.result {
            Ok(shown) => ("passed", shown),
            Err(why) => ("FAILED", why),
        };
        println!("{:<14} {verdict:<7} {:>9} {:>10}  {shown}", row.name, minutes(row.time), minutes(row.cpu));
    }
    println!("{:<14} {:<7} {:>9} {:>10}\n", "all", "", minutes(begin.elapsed()), minutes(cpu()));
    let failed = rows.iter().filter(|row| row.result.is_err()).count();
    println!("{} passed, {failed} failed", rows.len() - failed);
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} steps failed", rows.len())) }
}

/// Runs one step. `last` is the file that has how long each step took when it passed last.
fn row(step: &Step, at: usize, of: usize, last: &Path) -> Row {
    println!("\n[{at}/{of}] {}: {}", step.name, step.does);
    if let Some((time, cpu)) = times(last).get(step.name) {
        println!("      running; the last time it took {}, CPU {}", minutes(*time), minutes(*cpu));
    }
    let (begin, used) = (Instant::now(), cpu());
    let missing = setup::missing(step.needs);
    let result = Log::new(step.name).and_then(|mut log| {
        if !missing.is_empty() {
            return Err(format!("not on this machine: {}", missing.join(", ")));
        }
        (step.run)(&mut log).inspect_err(|_| println!("{}      all of it: {}", log.tail(80), log.path().display()))
    });
    let (time, cpu) = (begin.elapsed(), cpu().saturating_sub(used));
    let took = format!("{}, CPU {}", minutes(time), minutes(cpu));
    match &result {
        Ok(shown) => {
            println!("      passed in {took}: {shown}");
            remember(last, step.name, time, cpu);
        }
        Err(why) => {
            println!(
                "      FAILED after {took}: {why}\n      this step alone: cargo xtask test-all --only {}",
                step.name
            );
        }
    }
    Row { name: step.name, time, cpu, result }
}

/// Returns what the steps took when they passed last: real and processor time.
fn times(file: &Path) -> BTreeMap<String, (Duration, Duration)> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next()?.to_owned();
        let mut seconds = || words.next()?.parse().ok().map(Duration::from_secs);
        Some((name, (seconds()?, seconds()?)))
    };
    text.lines().filter_map(line).collect()
}

/// Stores what a step took. If that fails, only the next run's display is affected.
fn remember(file: &Path, name: &str, time: Duration, cpu: Duration) {
    let mut times = times(file);
    times.insert(name.into(), (time, cpu));
    let line = |(name, (time, cpu)): (&String, &(Duration, Duration))| {
        format!("{name} {} {}\n", time.as_secs(), cpu.as_secs())
    };
    let _unimportant = fs::write(file, times.iter().map(line).collect::<String>());
}

fn minutes(time: Duration) -> String {
    format!("{}:{:02} min", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_s_times_are_remembered() {
        let file = std::env::temp_dir().join(format!("xtask-times-{}", std::process::id()));
        assert!(times(&file).is_empty());
        remember(&file, "rules", Duration::from_secs(70), Duration::from_secs(90));
        remember(&file, "fmt", Duration::from_secs(1), Duration::ZERO);
        remember(&file, "rules", Duration::from_secs(80), Duration::from_secs(91));
        let kept = times(&file);
        fs::remove_file(&file).unwrap();
        assert_eq!(kept.len(), 2);
        assert_eq!(kept["rules"], (Duration::from_secs(80), Duration::from_secs(91)));
        assert_eq!(minutes(kept["rules"].0), "1:20 min");
    }
}
