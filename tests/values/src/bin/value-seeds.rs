//! Writes values as seeds for libFuzzer into `values` under the directory that is named.

use std::path::Path;
use std::{env, fs, io};

use values_tests::any_bytes::seeds;

fn main() -> io::Result<()> {
    let Some(corpus) = env::args().nth(1) else { return Err(io::Error::other("usage: value-seeds DIRECTORY")) };
    let directory = Path::new(&corpus).join("values");
    fs::create_dir_all(&directory)?;
    let seeds = seeds();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(directory.join(format!("value-{number:03}")), seed)?;
    }
    println!("{}: {} seeds", directory.display(), seeds.len());
    Ok(())
}
