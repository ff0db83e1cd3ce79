//! `performance`: compares this library with others and writes docs/performance.md. It is not a step of `test-all`,
//! because it takes ten minutes and times differ from run to run.

use std::process::Command;

use crate::run::{Log, cargo, root, target};
use crate::setup::{self, MARIADB, MEMCACHED, POSTGRES, REDIS, WRK};

/// Builds it and runs it with these options. The results go to the terminal and into its files.
pub(crate) fn performance(options: &[String]) -> Result<(), String> {
    setup::install(&[REDIS, MEMCACHED, POSTGRES, MARIADB, WRK])?;
    let (manifest, place) = (root().join("bench/performance/Cargo.toml"), target().join("performance"));
    let mut build = cargo(&["build", "--locked", "--release", "--bins", "--manifest-path"]);
    Log::new("performance")?.run(build.arg(manifest).arg("--target-dir").arg(&place))?;
    match Command::new(place.join("release/timed")).args(options).current_dir(root()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("it failed".into()),
        Err(why) => Err(format!("cannot run it: {why}")),
    }
}
