//! Load over real HTTP with wrk: throughput, latency, and the processor's time for a request.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use store_tests::servers::free_port;

use crate::table::Table;
use crate::{Done, LIBRARIES, Size};

/// A running server, which ends with this value.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn section(size: Size) -> Done {
    let columns = ["framework", "library", "connections", "requests a second", "p50 us", "p99 us", "CPU us a request"];
    let mut table = Table::new(&columns);
    for (framework, libraries) in LIBRARIES {
        for library in ["bare"].iter().chain(libraries) {
            let addr = free_port();
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["serve", library, framework, &addr.port().to_string()]);
            let served = Served(command.stdout(Stdio::null()).spawn()?);
            let began = Instant::now();
            let first = loop {
                match first(addr) {
                    Ok(answer) => break answer,
                    Err(why) if began.elapsed() > Duration::from_secs(20) => return Err(why),
                    Err(_) => std::thread::sleep(Duration::from_millis(20)),
                }
            };
            let cookie = first.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default().to_owned())
            });
            let (path, header) = match (*library, cookie) {
                ("bare", _) => ("plain", "Cookie: theme=dark".to_owned()),
                (_, Some(cookie)) => ("read", format!("Cookie: {cookie}")),
                _ => return Err(format!("{framework} {library}: no cookie in {first}").into()),
            };
            let url = format!("http://{addr}/{path}");
            for connections in ["1", "64"] {
                let wrk = |duration: &str| {
                    let mut wrk = Command::new("wrk");
                    wrk.args(["-t", "1", "-c", connections, "-d", duration, "--latency", "-H", &header, &url]);
                    wrk.output().map_err(|why| format!("cannot run wrk: {why}; apt-get install wrk"))
                };
                wrk("1")?;
                let before = cpu(&served.0)?;
                let output = wrk(size.of("3", "1"))?;
                let used = cpu(&served.0)?.saturating_sub(before);
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let measured = read(&text).ok_or_else(|| format!("{framework} {library}: wrk says {text}"))?;
                let [requests, rate, p50, p99] = measured;
                let texts = [framework, library, connections].map(String::from).into_iter();
                let each = used.as_secs_f64() * 1e6 / requests;
                let numbers = [format!("{rate:.0}"), format!("{p50:.0}"), format!("{p99:.0}"), format!("{each:.2}")];
                table.push(texts.chain(numbers).collect());
            }
        }
    }
    table.write("http")
}

/// What a visitor's first write is answered.
fn first(addr: std::net::SocketAddr) -> Done<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(format!("GET /increment HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The processor's time of a process.
fn cpu(child: &Child) -> Done<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    // pid (name) state …: user and system time in hundredths of a second
    let words: Vec<&str> = stat.rsplit_once(") ").ok_or("no stat")?.1.split(' ').collect();
    let ticks = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    Ok(Duration::from_millis(10 * (ticks(11) + ticks(12))))
}

/// Requests, requests a second, and the two latencies in microseconds. An answer that is no success is an error.
fn read(text: &str) -> Option<[f64; 4]> {
    if text.contains("Non-2xx") {
        return None;
    }
    let after = |word: &str| text.lines().find_map(|line| Some(line.trim().strip_prefix(word)?.trim().to_owned()));
    let latency = |word| {
        let value: String = after(word)?;
        let (number, unit) = value.split_at(value.find(|c: char| c.is_alphabetic())?);
        let times = match unit {
            "us" => 1.0,
            "ms" => 1e3,
            "s" => 1e6,
            _ => return None,
        };
        Some(number.parse::<f64>().ok()? * times)
    };
    let requests = text.lines().find(|line| line.contains(" requests in "))?.split_whitespace().next()?.parse().ok()?;
    Some([requests, after("Requests/sec:")?.parse().ok()?, latency("50%")?, latency("99%")?])
}
