//! Writes the vectors as seeds for libFuzzer into `cookie_header`, `record` and `device` under the directory that is named.

use core_tests::bad_input::{cookie_seeds, device_seeds, record_seeds};
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let Some(corpus) = env::args().nth(1) else { return Err(io::Error::other("usage: seeds DIRECTORY")) };
    for (target, seeds) in [("cookie_header", cookie_seeds()), ("record", record_seeds()), ("device", device_seeds())] {
        let directory = Path::new(&corpus).join(target);
        fs::create_dir_all(&directory)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(directory.join(format!("vector-{number:03}")), seed)?;
        }
        println!("{}: {} seeds", directory.display(), seeds.len());
    }
    Ok(())
}
