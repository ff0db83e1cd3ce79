//! Which sessions begin and end.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use crate::application::{Application, now};
use crate::failure::Failure;
use crate::listing::{Row, list};
use crate::output::{json, readable, tell, text};
use crate::time::utc;

/// A line. Field names are an interface of the program: see the README.
#[derive(Serialize)]
struct Change<'a> {
    time: u64,
    change: &'static str,
    #[serde(flatten)]
    row: &'a Row,
}

/// A login: ids are short, and a session may be signed in to again.
type Login = (String, String, u64);

fn by_login(rows: Vec<Row>) -> BTreeMap<Login, Row> {
    rows.into_iter().map(|row| ((row.subject.clone(), row.id.clone(), row.created), row)).collect()
}

/// Prints the changes from one look to the next, until Ctrl-C.
pub(crate) async fn watch(
    application: &Application,
    subject: Option<&str>,
    interval: Duration,
    as_json: bool,
) -> Result<(), Failure> {
    let mut stop = pin!(tokio::signal::ctrl_c());
    let mut there: Option<BTreeMap<Login, Row>> = None;
    loop {
        let rows = tokio::select! {
            rows = list(application, subject) => by_login(rows?),
            _ = &mut stop => return Ok(()),
        };
        match &there {
            None => tell(&format!("{} sessions, watched every {} s", rows.len(), interval.as_secs())),
            Some(before) => {
                for (login, row) in before.iter().filter(|(login, _)| !rows.contains_key(login)) {
                    print("ended", login, row, as_json)?;
                }
                for (login, row) in rows.iter().filter(|(login, _)| !before.contains_key(login)) {
                    print("new", login, row, as_json)?;
                }
            }
        }
        there = Some(rows);
        tokio::select! {
            () = sleep(interval) => {}
            _ = &mut stop => return Ok(()),
        }
    }
}

fn print(change: &'static str, (subject, id, _): &Login, row: &Row, as_json: bool) -> Result<(), Failure> {
    let now = now();
    if as_json {
        return json(&Change { time: now.millis(), change, row });
    }
    let label = row.label.as_deref().unwrap_or_default();
    let line = format!("{}  {change:5}  {id}  {}  {}", utc(now), readable(subject), readable(label));
    text(&(line.trim_end().to_owned() + "\n"))
}
