//! Nanoseconds that sessions add to a request, ours and the peers' in turn, and so with the same noise.

use std::process::Command;

use crate::table::Table;
use crate::{Done, LIBRARIES, REQUESTS, Size, median};

pub(crate) fn section(size: Size) -> Done {
    let (rounds, times) = size.of((11, 10_000), (3, 1_000));
    let mut table = Table::new(&["framework", "library", "request", "ns added", "ours / library"]);
    for (framework, libraries) in LIBRARIES {
        for request in REQUESTS {
            let mut added = vec![Vec::new(); libraries.len()];
            for _ in 0..rounds {
                for (library, added) in libraries.iter().zip(&mut added) {
                    let bare = nanoseconds(library, framework, "bare", times)?;
                    added.push(nanoseconds(library, framework, request, times)? - bare);
                }
            }
            let added: Vec<f64> = added.into_iter().map(median).collect();
            for (library, each) in libraries.iter().zip(&added) {
                let ratio = if *each > 0.0 { format!("{:.2}", added[0] / each) } else { "-".into() };
                let texts = [framework, library, request].map(String::from).into_iter();
                table.push(texts.chain([format!("{each:.0}"), ratio]).collect());
            }
        }
    }
    table.write("times")
}

fn nanoseconds(library: &str, framework: &str, request: &str, times: u64) -> Done<f64> {
    let output =
        Command::new(std::env::current_exe()?).args([library, framework, request, &times.to_string()]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let all: f64 = text
        .split_whitespace()
        .nth(2)
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| format!("{library} {framework} {request}: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(all / times as f64)
}
