//! A table of figures in a file, with the machine that found them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Done;

pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// The machine and the day.
    pub(crate) found: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file(name: &str) -> PathBuf {
    root().join("bench/performance/data").join(name).with_extension("csv")
}

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|&column| column.into()).collect(), rows: Vec::new(), found: machine() }
    }

    /// Adds a row, and shows it.
    pub(crate) fn push(&mut self, row: Vec<String>) {
        println!("    {}", row.join(" · "));
        self.rows.push(row);
    }

    /// Writes it to its file.
    pub(crate) fn write(&self, name: &str) -> Done {
        let file = file(name);
        fs::create_dir_all(file.parent().unwrap_or(&file))?;
        let lines = std::iter::once(&self.columns).chain(&self.rows).map(|row| row.join(",") + "\n");
        let text = format!("# {}\n{}", self.found, lines.collect::<String>());
        fs::write(&file, text).map_err(|why| format!("{}: {why}", file.display()).into())
    }

    /// Reads it; `None` if it was never written.
    pub(crate) fn read(name: &str) -> Option<Self> {
        let text = fs::read_to_string(file(name)).ok()?;
        let mut lines = text.lines();
        let found = lines.next()?.trim_start_matches("# ").to_owned();
        let mut rows = lines.map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        Some(Self { columns: rows.next()?, rows: rows.collect(), found })
    }

    /// The numbers of a column in the rows that `of` picks.
    pub(crate) fn numbers(&self, column: &str, of: impl Fn(&[String]) -> bool) -> Vec<f64> {
        let Some(at) = self.columns.iter().position(|name| name == column) else { return Vec::new() };
        self.rows.iter().filter(|row| of(row)).filter_map(|row| row.get(at)?.parse().ok()).collect()
    }
}

/// What finds the figures, and when.
fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": ")).map_or("?", |(_, value)| value).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let sha = if cpu.contains(" sha_ni") { "with" } else { "without" };
    let day = Command::new("date").arg("+%Y-%m-%d").output().map(|day| day.stdout).unwrap_or_default();
    format!("{} · {cores} cores · {sha} SHA instructions · {}", of("model name"), String::from_utf8_lossy(&day).trim())
}
