//! `soak [--seconds N] [--store URL]... [--seed N] [--history FILE]`. The program `node` has to lie beside it.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use soak::checker::{Findings, Violation, check, secrets_in};
use soak::client::Clients;
use soak::history::{History, Millis, Outcome};
use soak::world::{IDLE, STORES, World, sample};
use store_support::Numbers;

const CLIENTS: usize = 30;
/// Two clients have one browser; three browsers are one person's.
const JARS: usize = 15;
/// Longer than anything has to recover in.
const PEACE: Millis = 3_500;
/// So many violations of a store are printed.
const SHOWN: usize = 10;

fn main() -> ExitCode {
    match soak() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(violations) => {
            eprintln!("{violations} violations");
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("soak: {why}");
            ExitCode::from(2)
        }
    }
}

fn soak() -> Result<usize, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut stores = Vec::new();
    let (mut seconds, mut seed, mut file) = (60, None, None);
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return Err(format!("{} needs a value", pair.concat())) };
        let number = || value.parse::<u64>().map_err(|_| format!("{name} {value}: expected a number"));
        match name.as_str() {
            "--seconds" => seconds = number()?,
            "--seed" => seed = Some(number()?),
            "--store" => stores.push(value.as_str()),
            "--history" => file = Some(value),
            _ => return Err(format!("there is no option {name}")),
        }
    }
    if stores.is_empty() {
        stores.extend(STORES);
    }
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let seed = seed.unwrap_or(u64::from(now.subsec_nanos()));
    println!("soak: seed {seed}, {seconds} s over each of {}", stores.join(" "));
    // side by side, for clients wait most of the time
    let runs: Vec<_> = thread::scope(|scope| {
        let start = |store| scope.spawn(move || run(store, seed, seconds * 1000));
        let runs: Vec<_> = stores.iter().map(|store| start(store)).collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|_| Err("panicked".into()))).collect()
    });
    let mut violations = 0;
    for (store, run) in stores.iter().zip(runs) {
        let (history, found) = run.map_err(|why| format!("{store}: {why}"))?;
        if let Some(file) = file {
            write(file, store, &history).map_err(|why| format!("{file}: {why}"))?;
        }
        println!("{store} {}", summary(&history, &found));
        violations += found.violations.len();
        let shown = found.violations.iter().take(SHOWN);
        shown.for_each(|Violation { rule, text }| println!("  VIOLATION of `{rule}`: {text}"));
    }
    println!("soak: seed {seed}, {violations} violations");
    Ok(violations)
}

fn run(store: &str, seed: u64, length: Millis) -> Result<(History, Findings), String> {
    let program = std::env::current_exe().map_err(|why| why.to_string())?.with_file_name("node");
    if !program.exists() {
        return Err(format!("{} is not there: cargo build -p store-tests --bin node", program.display()));
    }
    let mut faults = Numbers(seed);
    let mut world = World::start(store, program, &mut faults);
    let clients = Clients::new(world.addrs(), JARS);
    clients.note(|history| history.idle = IDLE);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (clients, over) = (&clients, &over);
        let lives: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut numbers = Numbers(seed ^ (client as u64 + 1) << 32);
                scope.spawn(move || clients.live(client, &mut numbers, length))
            })
            .collect();
        let (sender, receiver) = std::sync::mpsc::channel::<Vec<u32>>();
        scope.spawn(move || {
            let mut processes = Vec::new();
            while !over.load(Ordering::SeqCst) {
                processes = receiver.try_iter().last().unwrap_or(processes);
                for (node, process) in processes.iter().enumerate() {
                    // one that is being started again has nothing
                    let sample = sample(*process, node, clients.now());
                    clients.note(|history| history.samples.extend(sample));
                }
                thread::sleep(Duration::from_millis(500));
            }
        });
        world.fail(clients, &mut faults, length.saturating_sub(PEACE), |processes| drop(sender.send(processes)));
        lives.into_iter().for_each(|life| drop(life.join()));
        for jar in 0..JARS {
            clients.look(jar);
        }
        over.store(true, Ordering::SeqCst);
    });
    let (printed, key) = world.end();
    let (history, mut secrets) = clients.written();
    // the second half of a key, as the first of a cookie is no secret
    secrets.push(key);
    let mut found = check(&history);
    let leaks = secrets_in(&printed, &secrets);
    if leaks > 0 || printed.is_empty() {
        let text = format!("{leaks} parts of cookies or keys in {} bytes that the nodes printed", printed.len());
        found.violations.push(Violation { rule: "secret", text });
    }
    Ok((history, found))
}

fn summary(history: &History, found: &Findings) -> String {
    let mut outcomes = BTreeMap::new();
    for request in &history.requests {
        let outcome = match &request.outcome {
            Outcome::Told(status, _) => status.to_string(),
            Outcome::Closed => "closed".into(),
            Outcome::GaveUp => "given up".into(),
        };
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    let outcomes: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let slowest = history.requests.iter().map(|it| it.end - it.start).max().unwrap_or_default();
    let memory = history.samples.iter().map(|it| it.kilobytes).max().unwrap_or_default() / 1000;
    let descriptors = history.samples.iter().map(|it| it.descriptors).max().unwrap_or_default();
    format!(
        "{} requests ({}), slowest {slowest} ms; {} faults; nodes at most {memory} MB, {descriptors} descriptors; \
         {} uses of ended cookies, {} reads that had to find their session; {} violations",
        history.requests.len(),
        outcomes.join(", "),
        history.faults.len(),
        found.ended,
        found.obliged,
        found.violations.len(),
    )
}

/// Adds one line for each fault and request.
fn write(path: &str, store: &str, history: &History) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::options().create(true).append(true).open(path)?);
    history.faults.iter().try_for_each(|fault| writeln!(file, "{store} {fault:?}"))?;
    history.requests.iter().try_for_each(|request| writeln!(file, "{store} {request:?}"))?;
    file.flush()
}
