//! Writes seeds for libFuzzer into `flash_operations` and `flash_image` under the directory that is named.

use nor_flash::power_cuts::{image_seeds, operation_seeds};
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let Some(corpus) = env::args().nth(1) else { return Err(io::Error::other("usage: flash-seeds DIRECTORY")) };
    for (target, seeds) in [("flash_operations", operation_seeds()), ("flash_image", image_seeds())] {
        let directory = Path::new(&corpus).join(target);
        fs::create_dir_all(&directory)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(directory.join(format!("sequence-{number:03}")), seed)?;
        }
        println!("{}: {} seeds", directory.display(), seeds.len());
    }
    Ok(())
}
