//! A read over each store that is a server, against the bare command through the same client, in turn.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use session_axum::{Keys, SessionLayer, Sessions, SharedStore};
use session_core::testing::ManualClock;
use session_store_layered::{Cache, Look};
use session_store_memcached::{MemcachedCache, MemcachedStore};
use session_store_redis::RedisStore;
use session_store_sql::SqlStore;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use store_support::{key, now};
use store_tests::servers::{Server, mariadb, memcached, postgres, redis as redis_server};

use crate::ask::Ask;
use crate::ours::through_axum::{routes, send};
use crate::table::Table;
use crate::{Done, KEY, Size};

/// Of our pools, and so of the bare ones.
const CONNECTIONS: u32 = 16;
/// A record's size.
const RECORD: [u8; 73] = [0x5a; 73];

type Operation = Rc<dyn Fn(usize) -> Pin<Box<dyn Future<Output = Done>>>>;

fn operation<F: Future<Output = Done> + 'static>(ask: impl Fn(usize) -> F + 'static) -> Operation {
    Rc::new(move |task| Box::pin(ask(task)) as Pin<Box<dyn Future<Output = Done>>>)
}

pub(crate) fn section(size: Size) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let columns = ["store", "in flight", "p50 us", "p99 us", "bare p50 us", "bare p99 us", "p50 / bare"];
    let (mut latency, mut queries) = (Table::new(&columns), Table::new(&["store", "queries of 1000 reads"]));
    for (name, start) in SERVERS {
        let server = start();
        let file = tempfile::tempdir()?;
        let url = match &server {
            Some(server) => server.url(),
            None => format!("sqlite:{}", file.path().join("sessions").display()),
        };
        let tasks = tokio::task::LocalSet::new();
        tasks.block_on(&runtime, async {
            for flight in [1, 64] {
                let ours = ours(&url, flight).await?;
                let bare = bare(name, &url).await?;
                let each = size.of(4_000, 200).max(flight) / flight;
                let (mut with, mut without) = (Vec::new(), Vec::new());
                for round in 0..size.of(6, 3) {
                    let (ours, bare) = (measure(&ours, flight, each).await?, measure(&bare, flight, each).await?);
                    // the first round connects
                    if round > 0 {
                        with.extend(ours);
                        without.extend(bare);
                    }
                }
                let ([p50, p99], [bare_p50, bare_p99]) = (percentiles(with), percentiles(without));
                let numbers = [p50, p99, bare_p50, bare_p99].map(|each| format!("{each:.0}"));
                let texts = [name.to_owned(), flight.to_string()].into_iter().chain(numbers);
                latency.push(texts.chain([format!("{:.2}", p50 / bare_p50)]).collect());
            }
            Ok::<_, crate::Failed>(())
        })?;
        if let Some(server) = &server {
            let mut counts = Vec::new();
            for reads in [1_000, 2_000] {
                let before = asked(name, server, &runtime)?;
                // its connections end with it
                runtime.block_on(reading(&url, reads))?;
                counts.push(asked(name, server, &runtime)? - before);
            }
            queries.push(vec![name.into(), (counts[1] - counts[0]).to_string()]);
        }
    }
    latency.write("stores")?;
    queries.write("queries")
}

type Start = fn() -> Option<Server>;

const SERVERS: [(&str, Start); 5] = [
    ("Redis", || Some(redis_server::start())),
    ("memcached", || Some(memcached::start())),
    ("PostgreSQL", || Some(postgres::start())),
    ("MariaDB", || Some(mariadb::start())),
    ("SQLite", || None),
];

fn store(url: &str) -> Done<SharedStore> {
    Ok(match url.split(':').next() {
        Some("redis") => RedisStore::open(url)?.into(),
        Some("memcached") => MemcachedStore::open(url)?.into(),
        _ => SqlStore::open(url)?.into(),
    })
}

fn sessions(url: &str) -> Done<Sessions> {
    Ok(Sessions::new(store(url)?, Keys::new(&KEY)?))
}

fn app(sessions: Sessions) -> axum::Router {
    routes().layer(SessionLayer::new(sessions)).with_state(())
}

async fn read(app: &mut axum::Router, cookie: &HeaderValue) -> Done {
    let answer = send(app, Ask::Read, Some(cookie)).await;
    if answer.status() == 200 { Ok(()) } else { Err(format!("answer {}", answer.status()).into()) }
}

/// A request through axum, which reads; each task has a session of its own.
async fn ours(url: &str, flight: usize) -> Done<Operation> {
    let app = app(sessions(url)?);
    let mut cookies = Vec::new();
    for _ in 0..flight {
        cookies.push(cookie(&app).await?);
    }
    let cookies = Rc::new(cookies);
    Ok(operation(move |task| {
        let (mut app, cookies) = (app.clone(), cookies.clone());
        async move { read(&mut app, &cookies[task]).await }
    }))
}

async fn cookie(app: &axum::Router) -> Done<HeaderValue> {
    let answer = send(&mut app.clone(), Ask::New, None).await;
    let set = answer.headers().get(SET_COOKIE).ok_or("no cookie")?.to_str()?;
    Ok(HeaderValue::from_str(set.split(';').next().unwrap_or_default())?)
}

/// The same over each database: a macro, because generic code would name a dozen traits of the client.
macro_rules! bare_sql {
    ($options:ty, $url:expr, $create:literal, $insert:literal, $select:literal) => {{
        let options = <$options>::new().max_connections(CONNECTIONS).test_before_acquire(false);
        let pool = options.connect($url).await?;
        sqlx::query($create).execute(&pool).await?;
        sqlx::query($insert).bind(&RECORD[..8]).bind(&RECORD[..]).execute(&pool).await?;
        operation(move |_| {
            let pool = pool.clone();
            async move {
                sqlx::query_scalar::<_, Vec<u8>>($select).bind(&RECORD[..8]).fetch_one(&pool).await?;
                Ok(())
            }
        })
    }};
}

/// The command that reads a record of that size by its key, and nothing else.
async fn bare(name: &str, url: &str) -> Done<Operation> {
    Ok(match name {
        "Redis" => {
            let connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
            redis::cmd("SET").arg("bare").arg(&RECORD[..]).query_async::<()>(&mut connection.clone()).await?;
            operation(move |_| {
                let mut connection = connection.clone();
                async move {
                    let bytes: Vec<u8> = redis::cmd("GET").arg("bare").query_async(&mut connection).await?;
                    if bytes == RECORD { Ok(()) } else { Err("other bytes".into()) }
                }
            })
        }
        "memcached" => {
            let cache = Rc::new(MemcachedCache::open(url)?);
            let Look::Leased(lease) = cache.look(&key(0)).await? else { return bare_found(cache) };
            cache.fill(lease, &RECORD, Duration::from_secs(3_600)).await?;
            return bare_found(cache);
        }
        "PostgreSQL" => bare_sql!(
            PgPoolOptions,
            url,
            "CREATE TABLE IF NOT EXISTS bare (handle bytea PRIMARY KEY, record bytea)",
            "INSERT INTO bare VALUES ($1, $2) ON CONFLICT DO NOTHING",
            "SELECT record FROM bare WHERE handle = $1"
        ),
        "MariaDB" => bare_sql!(
            MySqlPoolOptions,
            url,
            "CREATE TABLE IF NOT EXISTS bare (handle binary(8) PRIMARY KEY, record blob)",
            "INSERT IGNORE INTO bare VALUES (?, ?)",
            "SELECT record FROM bare WHERE handle = ?"
        ),
        _ => bare_sql!(
            SqlitePoolOptions,
            url,
            "CREATE TABLE IF NOT EXISTS bare (handle blob PRIMARY KEY, record blob)",
            "INSERT OR IGNORE INTO bare VALUES ($1, $2)",
            "SELECT record FROM bare WHERE handle = $1"
        ),
    })
}

/// Memcached's client is our own; its smallest command with a value is the cache's.
fn bare_found(cache: Rc<MemcachedCache>) -> Done<Operation> {
    Ok(operation(move |_| {
        let cache = cache.clone();
        async move {
            match cache.look(&key(0)).await? {
                Look::Found(..) => Ok(()),
                _ => Err("it is gone".into()),
            }
        }
    }))
}

/// Microseconds of each operation, so many tasks at once.
async fn measure(operation: &Operation, flight: usize, each: usize) -> Done<Vec<f64>> {
    let spent = Rc::new(RefCell::new(Vec::with_capacity(flight * each)));
    let tasks: Vec<_> = (0..flight)
        .map(|task| {
            let (operation, spent) = (operation.clone(), spent.clone());
            tokio::task::spawn_local(async move {
                for _ in 0..each {
                    let began = Instant::now();
                    operation(task).await.map_err(|why| why.to_string())?;
                    spent.borrow_mut().push(began.elapsed().as_nanos() as f64 / 1e3);
                }
                Ok::<_, String>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(spent.take())
}

/// The middle one, and the one that a hundredth exceeds.
fn percentiles(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    [50, 99].map(|percent| values.get(values.len() * percent / 100).copied().unwrap_or_default())
}

/// A visitor who reads once a second, by a clock that is stepped.
async fn reading(url: &str, reads: usize) -> Done {
    let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::at(now())));
    let mut app = app(sessions(url)?.clock(clock));
    let cookie = cookie(&app).await?;
    for _ in 0..reads {
        clock.advance(Duration::from_secs(1));
        read(&mut app, &cookie).await?;
    }
    Ok(())
}

/// How much a server was asked since it started, as it says itself.
fn asked(name: &str, server: &Server, runtime: &tokio::runtime::Runtime) -> Done<i64> {
    match name {
        // what clients sent in one piece: at one in flight, commands. What scripts call counts as commands, too.
        "Redis" => number(&lines(server.addr(), "INFO stats\r\n", "total_reads_processed")?, ':'),
        "memcached" => {
            let each = |name| number(&lines(server.addr(), "stats\r\n", name)?, ' ');
            Ok(each("STAT cmd_get")? + each("STAT cmd_set")? + each("STAT cmd_touch")?)
        }
        "MariaDB" => {
            let answer = mariadb::ask(server.addr(), "SHOW GLOBAL STATUS LIKE 'Questions'")?;
            number(answer.trim(), '\t')
        }
        _ => runtime.block_on(async {
            // a connection tells its count when it ends
            tokio::time::sleep(Duration::from_secs(2)).await;
            let pool = PgPoolOptions::new().max_connections(1).connect(&server.url()).await?;
            let select = "SELECT sum(xact_commit)::bigint FROM pg_stat_database";
            Ok(sqlx::query_scalar::<_, i64>(select).fetch_one(&pool).await?)
        }),
    }
}

/// The line of an answer that begins so.
fn lines(addr: SocketAddr, question: &str, begin: &str) -> Done<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(question.as_bytes())?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.starts_with(begin) {
            return Ok(line);
        }
    }
    Err(format!("no {begin}").into())
}

fn number(line: &str, before: char) -> Done<i64> {
    let (_, number) = line.rsplit_once(before).ok_or_else(|| format!("no number in {line}"))?;
    Ok(number.trim().parse()?)
}
