//! Packs the style and the script, so that a board keeps and sends less than half of them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::{env, io};

use flate2::{Compression, GzBuilder};

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    println!("cargo::rerun-if-changed=src/page");
    for name in ["style.css", "app.js"] {
        let packed = File::create(out.join(format!("{name}.gz")))?;
        let mut packed = GzBuilder::new().write(packed, Compression::best());
        io::copy(&mut File::open(Path::new("src/page").join(name))?, &mut packed)?;
        packed.finish()?;
    }
    Ok(())
}
