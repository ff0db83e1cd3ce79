//! `--store flash:PATH`: the flash store over a file, for adapters of one thread.

use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use file_flash::FileFlash;
use session_store_flash::{Contents, FlashStore};

/// As many sessions as `fixed:` has, and as large.
pub type FileStore = FlashStore<FileFlash<PAGE>, 256, 2048>;

const PAGE: usize = 16 * 1024;
const PAGES: usize = 80;

/// The store in this file, which is made if there is none. The error is one line for whoever started the program.
pub fn flash_store(path: &Path) -> Result<FileStore, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("--store flash:{}: {why}", path.display());
    let store = FileStore::new(FileFlash::open(path, PAGES).map_err(|why| wrong(&why))?);
    // a file does not wait
    let contents = match pin!(store.contents()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(contents) => contents.map_err(|why| wrong(&why))?,
        Poll::Pending => return Err(wrong(&"the file waits")),
    };
    match contents {
        Contents::Foreign => Err(wrong(&"holds something else than sessions of this version")),
        Contents::Blank | Contents::Ours => Ok(store),
    }
}
