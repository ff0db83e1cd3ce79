//! docs/performance.md and its plots, out of the tables' files.

use std::fmt::Write;
use std::fs;

use plotters::prelude::*;

use crate::counts::BY_HAND;
use crate::table::{Table, root};
use crate::{Done, LIBRARIES, REQUESTS};

const COLOURS: [RGBColor; 5] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0x7f, 0x7f, 0x7f),
];

/// A part of the page: its title, the section that makes it, its tables, what has to be known of them, and its plot.
struct Part {
    title: &'static str,
    section: &'static str,
    tables: &'static [&'static str],
    text: &'static str,
    plot: Option<(&'static str, fn(&str) -> Done)>,
}

const PARTS: [Part; 7] = [
    Part {
        title: "What sessions add to a request, in counts",
        section: "counts",
        tables: &["goals", "counts"],
        text: "A request goes through the framework in process, over the store in memory. The figures are the difference to the\n\
               same request without sessions. Ours checks signatures, both lifetimes and versions; of the peers only\n\
               rocket_flex_session and actix-session protect their cookies. The instructions are those that this processor executes,\n\
               counted by single-stepping (`ptrace`) through the last 10 of 300 requests, with the same seeds and addresses at each\n\
               run, and with mimalloc, whose cost does not vary with the state of its heap. The goals are multiples of the fastest peer's instructions.\n\
               The floor is the same work by hand for one case, without a framework and its headers (bench/src/core/floor.rs).\n",
        plot: Some(("instructions", instructions)),
    },
    Part {
        title: "Nanoseconds",
        section: "times",
        tables: &["times"],
        text: "The same requests. The programs take turns, and the median of their rounds counts, so that both have the same\n\
               noise: compare the ratio, not the nanoseconds. A ratio below 1 means that ours is faster.\n",
        plot: None,
    },
    Part {
        title: "Over HTTP",
        section: "http",
        tables: &["http"],
        text: "A server of one thread, a load of `wrk` on the same machine, with 1 and with 64 connections. `bare` is the framework\n\
               without sessions. The processor time is the server's alone.\n",
        plot: Some(("http", http)),
    },
    Part {
        title: "Memory per session",
        section: "memory",
        tables: &["memory"],
        text: "Bytes per anonymous session with one small integer and an expiry, in a store in memory: of the heap as the allocator\n\
               counts it, and of the process (RSS); then after each session was deleted and another one created.\n",
        plot: Some(("memory", memory)),
    },
    Part {
        title: "As sessions become many, and with two threads",
        section: "growth",
        tables: &["growth", "threads"],
        text: "A read of any of this many sessions through axum, in process. The growth is the time that the processor waits for memory.\n\
               Two threads share one store, and each has its own runtime.\n",
        plot: Some(("growth", growth)),
    },
    Part {
        title: "Stores that are servers",
        section: "stores",
        tables: &["stores", "queries"],
        text: "A read through axum, against the bare command for a record of that size through the same client, in turn; server and\n\
               client share the machine. For memcached the bare command is its cache's read. The server counts the queries of a\n\
               visitor who reads once a second: a read is one query, and the idle time is written once a minute. SQLite has no server\n\
               that counts, and gets PostgreSQL's statements.\n",
        plot: Some(("stores", stores)),
    },
    Part {
        title: "Flash",
        section: "flash",
        tables: &["flash", "wear"],
        text: "8 pages of 4 KB, which hold 40 sessions of 256 bytes: calls of the flash and bytes in both directions for a request as it fills. The\n\
               wear is computed from a simulated month of a page that polls once a second, ten logins a day, and a clock that is\n\
               persisted. Flash of this kind endures 100,000 erases.\n",
        plot: Some(("wear", wear)),
    },
];

pub(crate) fn write() -> Done {
    let mut page = String::from(
        "# Performance\n\nWritten by `cargo xtask performance`, which takes about ten minutes and needs a quiet machine; `--only SECTION` makes one \
         part of it.\nThe figures are in [bench/performance/data](../bench/performance/data). Budgets for what is counted are checked by\n\
         `cargo xtask test-all --only bench`; times are never asserted.\n",
    );
    for Part { title, section, tables, text, plot } in PARTS {
        let read: Vec<Table> = tables.iter().filter_map(|name| Table::read(name)).collect();
        let Some(first) = read.first() else { continue };
        writeln!(page, "\n## {title}\n\n{text}")?;
        writeln!(page, "`cargo xtask performance --only {section}` · {}", first.found)?;
        if let Some((name, draw)) = plot {
            let file = root().join("docs/performance").join(name).with_extension("svg");
            fs::create_dir_all(file.parent().unwrap_or(&file))?;
            draw(&file.to_string_lossy())?;
            writeln!(page, "\n![{title}](performance/{name}.svg)")?;
        }
        for table in read {
            let line = |row: &[String]| format!("| {} |", row.join(" | "));
            let dashes = vec!["---".to_owned(); table.columns.len()];
            writeln!(page, "\n{}\n{}", line(&table.columns), line(&dashes))?;
            for row in &table.rows {
                writeln!(page, "{}", line(row))?;
            }
        }
    }
    let file = root().join("docs/performance.md");
    fs::write(&file, page).map_err(|why| format!("{}: {why}", file.display()))?;
    println!("written to docs/performance.md");
    Ok(())
}

fn table(name: &str) -> Done<Table> {
    Table::read(name).ok_or_else(|| format!("no figures of {name}").into())
}

fn is(row: &[String], values: &[&str]) -> bool {
    values.iter().all(|value| row.iter().any(|cell| cell == value))
}

/// Bars in groups. A value that is missing is no bar.
fn bars(file: &str, title: &str, unit: &str, groups: &[String], series: &[(String, Vec<Option<f64>>)]) -> Done {
    let highest = series.iter().flat_map(|(_, values)| values).flatten().copied().fold(0.0, f64::max) * 1.1;
    let width = (90 * groups.len() as u32 + 120).max(900);
    let area = SVGBackend::new(file, (width, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(80)
        .build_cartesian_2d((0..groups.len().max(1) - 1).into_segmented(), 0.0..highest.max(1.0))?;
    let name = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(at) => groups.get(*at).cloned().unwrap_or_default(),
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(groups.len().max(1))
        .x_label_formatter(&name)
        .y_desc(unit)
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    // bars by the pixel: the axis counts groups only
    let (wide, height) = chart.plotting_area().dim_in_pixel();
    let (left, top) = chart.plotting_area().get_base_pixel();
    let group = f64::from(wide) / groups.len().max(1) as f64;
    let bar = group * 0.8 / series.len().max(1) as f64;
    for (number, (name, values)) in series.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        for (at, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            let from = f64::from(left) + group * at as f64 + group * 0.1 + bar * number as f64;
            let above = f64::from(top) + f64::from(height) * (1.0 - value.max(0.0) / highest.max(1.0));
            let corners = [(from as i32, above as i32), ((from + bar) as i32 - 1, top + height as i32)];
            area.draw(&Rectangle::new(corners, colour.filled()))?;
        }
        let (legend, y) = (width as i32 - 190, 40 + 16 * number as i32);
        area.draw(&Rectangle::new([(legend, y), (legend + 10, y + 10)], colour.filled()))?;
        area.draw(&Text::new(name.clone(), (legend + 16, y), ("sans-serif", 13)))?;
    }
    area.present()?;
    Ok(())
}

fn instructions(file: &str) -> Done {
    let (counts, mut groups) = (table("counts")?, Vec::new());
    let (mut ours, mut peer, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    for (framework, libraries) in LIBRARIES {
        for request in REQUESTS {
            groups.push(format!("{framework} {request}"));
            let found = |framework: &str, library: &str| {
                counts.numbers("instructions", |row| is(row, &[framework, library, request])).first().copied()
            };
            let of = |library: &str| found(framework, library);
            floor.push(found(BY_HAND, "floor"));
            ours.push(of("ours"));
            peer.push(libraries[1..].iter().filter_map(|library| of(library)).min_by(f64::total_cmp));
        }
    }
    let series = [("ours".to_owned(), ours), ("fastest peer".to_owned(), peer), ("floor".to_owned(), floor)];
    bars(file, "Instructions that sessions add to a request", "instructions", &groups, &series)
}

fn http(file: &str) -> Done {
    let http = table("http")?;
    let groups: Vec<String> = LIBRARIES.iter().map(|(framework, _)| (*framework).to_owned()).collect();
    let of = |library: fn(&[&'static str]) -> &'static str| {
        let each = |(framework, libraries): (&str, &[&'static str])| {
            let row = [framework, library(libraries), "64"];
            http.numbers("CPU us a request", |cells| is(cells, &row)).first().copied()
        };
        LIBRARIES.into_iter().map(each).collect()
    };
    let series = [
        ("bare framework".to_owned(), of(|_| "bare")),
        ("ours".to_owned(), of(|libraries| libraries[0])),
        ("usual library".to_owned(), of(|libraries| libraries[1])),
    ];
    bars(file, "The processor's time of a read over HTTP, 64 connections", "microseconds", &groups, &series)
}

/// A column by two others: groups, and series of them.
fn by(table: &Table, group: usize, series: usize, column: &str) -> (Vec<String>, Vec<(String, Vec<Option<f64>>)>) {
    let names = |at: usize| {
        let mut names: Vec<String> = Vec::new();
        for row in &table.rows {
            if !names.contains(&row[at]) {
                names.push(row[at].clone());
            }
        }
        names
    };
    let groups = names(group);
    let of = |name: &String, within: &String| {
        table.numbers(column, |row| row[series] == *name && row[group] == *within).first().copied()
    };
    let all = names(series).into_iter().map(|name| {
        let values = groups.iter().map(|within| of(&name, within)).collect();
        (name, values)
    });
    let all = all.collect();
    (groups, all)
}

fn memory(file: &str) -> Done {
    let (groups, series) = by(&table("memory")?, 1, 0, "RSS bytes");
    let groups: Vec<String> = groups.iter().map(|sessions| format!("{sessions} sessions")).collect();
    bars(file, "Memory of the process per session (RSS)", "bytes", &groups, &series)
}

fn growth(file: &str) -> Done {
    let (groups, series) = by(&table("growth")?, 1, 0, "ns a read");
    let groups: Vec<String> = groups.iter().map(|sessions| format!("{sessions} sessions")).collect();
    bars(file, "A read through axum as sessions become many", "nanoseconds", &groups, &series)
}

fn stores(file: &str) -> Done {
    let stores = table("stores")?;
    let one = |column| {
        by(
            &Table {
                rows: stores.rows.iter().filter(|row| row[1] == "1").cloned().collect(),
                columns: stores.columns.clone(),
                found: String::new(),
            },
            0,
            1,
            column,
        )
    };
    let (groups, mut ours) = one("p50 us");
    let (_, mut bare) = one("bare p50 us");
    ours.iter_mut().for_each(|(name, _)| *name = "a read".into());
    bare.iter_mut().for_each(|(name, _)| *name = "the bare command".into());
    ours.append(&mut bare);
    bars(file, "Median latency by store, one request at a time", "microseconds", &groups, &ours)
}

fn wear(file: &str) -> Done {
    let wear = table("wear")?;
    let groups: Vec<String> = wear.rows.iter().map(|row| format!("{} of 40 sessions", row[0])).collect();
    let values = wear.numbers(&wear.columns[1], |_| true).into_iter().map(Some).collect();
    bars(file, "Wear of each of 8 pages in ten years", "erases (of 100000)", &groups, &[("erases".into(), values)])
}
