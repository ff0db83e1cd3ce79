//! Memory per session with one small integer: of the heap as the allocator counts it, and of the process, at first and after all
//! sessions were replaced by others.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::process::Command;
use std::time::Duration;

use poem::session::SessionStorage;
use rocket_flex_session::storage::SessionStorage as _;
use session_core::store::{DeleteCondition, Store};
use stats_alloc::INSTRUMENTED_SYSTEM;
use store_support::{Draft, at, key};
use tower_sessions::SessionStore as _;
use tower_sessions_core_14::SessionStore as _;

use crate::table::Table;
use crate::{Done, Size, counts};

const LIBRARIES: [&str; 5] = ["ours", "tower-sessions", "tower-sessions, moka", "poem", "rocket_flex_session"];
/// As in stores/memory/tests/size.rs: the value of a small integer under the key "visits".
const INTEGER: usize = 13;
const DAY: u64 = 86_400;

pub(crate) fn section(size: Size) -> Done {
    let columns = ["library", "sessions", "heap bytes", "RSS bytes", "heap after churn", "RSS after churn"];
    let mut table = Table::new(&columns);
    for sessions in size.of(&["1000", "100000", "1000000"][..], &["1000", "100000"]) {
        for library in LIBRARIES {
            let output = Command::new(counts::program("counted")?).args(["memory", library, sessions]).output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if !output.status.success() {
                return Err(format!("{library}: {}", String::from_utf8_lossy(&output.stderr)).into());
            }
            let numbers = text.split_whitespace().map(str::to_owned);
            table.push([library, sessions].map(|text| text.replace(',', " with")).into_iter().chain(numbers).collect());
        }
    }
    table.write("memory")
}

/// `LIBRARY SESSIONS`: prints a row.
pub(crate) fn count(mut arguments: impl Iterator<Item = String>) -> Done {
    let library = arguments.next().unwrap_or_default();
    let sessions: u64 = arguments.next().unwrap_or_default().parse()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        match library.as_str() {
            "ours" => {
                let store = session_store_memory::MemoryStore::new().with_max_bytes(usize::MAX);
                let record = Draft { version: 1, data: INTEGER, ..Draft::default() }.record();
                fill(
                    sessions,
                    async |number| store.create(&key(number), &record, at(0)).await.map(drop),
                    async |number| store.delete(&key(number), DeleteCondition::Any, at(0)).await.map(drop),
                )
                .await
            }
            "tower-sessions" => {
                use time::OffsetDateTime;
                use tower_sessions::session::{Id, Record};
                let store = tower_sessions::MemoryStore::default();
                let expiry_date = OffsetDateTime::now_utc() + Duration::from_secs(DAY);
                let data = || HashMap::from([("visits".to_owned(), 1.into())]);
                let create =
                    async |number| store.create(&mut Record { id: Id(id(number)), data: data(), expiry_date }).await;
                fill(sessions, create, async |number| store.delete(&Id(id(number))).await).await
            }
            "tower-sessions, moka" => {
                use time::OffsetDateTime;
                use tower_sessions_core_14::session::{Id, Record};
                let store = tower_sessions_moka_store::MokaStore::new(None);
                let expiry_date = OffsetDateTime::now_utc() + Duration::from_secs(DAY);
                let data = || HashMap::from([("visits".to_owned(), 1.into())]);
                let create =
                    async |number| store.create(&mut Record { id: Id(id(number)), data: data(), expiry_date }).await;
                fill(sessions, create, async |number| store.delete(&Id(id(number))).await).await
            }
            "poem" => {
                let store = poem::session::MemoryStorage::new();
                let entries = BTreeMap::from([("visits".to_owned(), 1.into())]);
                let create =
                    async |number| store.update_session(&name(number), &entries, Some(Duration::from_secs(DAY))).await;
                fill(sessions, create, async |number| store.remove_session(&name(number)).await).await
            }
            "rocket_flex_session" => {
                let store = rocket_flex_session::storage::memory::MemoryStorage::<u32>::default();
                let create = async |number| store.save(&name(number), 1, DAY as u32).await;
                fill(sessions, create, async |number| store.delete(&name(number), 1).await).await
            }
            other => Err(format!("there is no library {other}").into()),
        }
    })
}

/// An id of 128 bits.
fn id(number: u64) -> i128 {
    i128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | i128::from(number)
}

/// An id as text, as long as they are in cookies.
fn name(number: u64) -> String {
    format!("{:022}", id(number) as u128 % 10_u128.pow(22))
}

async fn fill<E: std::fmt::Debug>(
    sessions: u64,
    create: impl AsyncFn(u64) -> Result<(), E>,
    delete: impl AsyncFn(u64) -> Result<(), E>,
) -> Done {
    let each = |bytes: i64| format!("{:.0}", bytes as f64 / sessions as f64);
    let (heap, rss) = (heap(), rss());
    let told = |why: E| format!("{why:?}");
    for number in 0..sessions {
        create(number).await.map_err(told)?;
    }
    let full = [self::heap() - heap, self::rss() - rss];
    for number in 0..sessions {
        delete(number).await.map_err(told)?;
        create(sessions + number).await.map_err(told)?;
    }
    let churned = [self::heap() - heap, self::rss() - rss];
    println!("{}", [full, churned].as_flattened().iter().map(|bytes| each(*bytes)).collect::<Vec<_>>().join(" "));
    Ok(())
}

fn heap() -> i64 {
    let stats = INSTRUMENTED_SYSTEM.stats();
    stats.bytes_allocated as i64 - stats.bytes_deallocated as i64
}

fn rss() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<i64>().ok()).unwrap_or(0) * 1024
}
