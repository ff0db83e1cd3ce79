#![doc = include_str!("../README.md")]

mod show;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;
use session_core::environment::Clock;
use session_core::events::{Event, Observer};
use session_core::mode::Sealed;
use session_std::policy::{Lifetimes, PlainCookie};
use session_std::{Policy, SessionInfo, Sessions, SystemClock, keys};
use support::reference::{StoreUrl, refuse};

/// Looks at the sessions of an application, and ends them.
#[derive(Parser)]
#[command(disable_version_flag = true)]
struct Flags {
    /// The application's store
    #[arg(long, value_name = "URL")]
    store: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The sessions of a subject, the oldest login first
    List { subject: String },
    /// The values of a subject's sessions, or of one
    Show {
        subject: String,
        /// As a list names it
        #[arg(long)]
        id: Option<String>,
        /// Texts and bytes as they are, and not only their lengths
        #[arg(long)]
        values: bool,
    },
    /// Ends all sessions of a subject, or one
    Revoke {
        subject: String,
        /// As a list names it
        #[arg(long)]
        id: Option<String>,
    },
    /// The number of sessions kept
    Count,
    /// Removes the sessions that are over
    RemoveExpired {
        /// So many at a time
        #[arg(long, default_value_t = 500)]
        batch: usize,
    },
    /// Ends everybody's sessions
    EndAll {
        /// Means it
        #[arg(long)]
        yes: bool,
    },
    /// Whether the store answers
    Check,
}

/// A line of a list.
#[derive(Serialize)]
struct Line<'a> {
    id: String,
    created: u64,
    last_seen: u64,
    label: Option<&'a str>,
}

/// Tells why a store failed; the errors themselves are made for visitors.
struct Stderr;

impl Observer for Stderr {
    fn observe(&self, event: &Event<'_>) {
        if let Event::StoreFailed(why) = event {
            eprintln!("{why}");
        }
    }
}

fn main() -> ExitCode {
    let Flags { store, command } = Flags::parse();
    // not by clap, whose complaint would repeat the URL and the password in it
    let store = store.parse().unwrap_or_else(|why: String| refuse(format!("--store: {why}")));
    if let StoreUrl::Memory { .. } | StoreUrl::Fixed | StoreUrl::Cookie = store {
        refuse("--store: sessions in the memory of another program cannot be looked at from outside");
    }
    if let Command::EndAll { yes: false } = command {
        refuse("end-all ends everybody's sessions: say --yes if you mean it");
    }
    let done = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string());
    match done.and_then(|runtime| runtime.block_on(run(&store, &command))) {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The application's sessions, with no limits but their own; the key signs nothing. Where there is no application, or one
/// of another mode, that is an error, and nothing is made or changed.
async fn sessions(store: &StoreUrl, command: &Command) -> Result<Sessions, String> {
    let ends = matches!(command, Command::Revoke { .. } | Command::EndAll { .. });
    let store = store.open_existing(ends).await?;
    let looks = !matches!(command, Command::Check);
    if looks && Sealed::is_used_in(&store, SystemClock.now()).await.map_err(|why| why.to_string())? {
        return Err(
            "the sessions of this application travel in their cookies, and its store has only the marks that end \
                    them: they cannot be listed, counted or removed, and are ended by the application itself"
                .into(),
        );
    }
    let lifetimes = Lifetimes { idle: None, absolute: None, ..Lifetimes::default() };
    let policy = Policy::plain_http(PlainCookie::new(), lifetimes).map_err(|why| why.to_string())?;
    Ok(Sessions::new(store, keys::generated()).policy(policy).observed(Stderr))
}

async fn run(store: &StoreUrl, command: &Command) -> Result<String, String> {
    let sessions = &sessions(store, command).await?;
    let told = match command {
        Command::List { subject } => sessions.list(subject).await.map(|list| list.iter().map(line).collect()),
        Command::Show { subject, id, values } => return show::show(sessions, subject, id.as_deref(), *values).await,
        Command::Revoke { subject, id: None } => {
            sessions.revoke_all(subject).await.map(|ended| format!("{ended} ended\n"))
        }
        Command::Revoke { subject, id: Some(id) } => match sessions.revoke(subject, id).await {
            Ok(false) => return Err(format!("{subject} has no session {id}")),
            ended => ended.map(|_| "1 ended\n".into()),
        },
        Command::Count => sessions.count().await.map(|count| format!("{count}\n")),
        Command::RemoveExpired { batch } => remove_expired(sessions, (*batch).max(1)).await,
        Command::EndAll { .. } => sessions.end_all().await.map(|()| "all ended\n".into()),
        Command::Check => sessions.check().await.map(|()| "ok\n".into()),
    };
    told.map_err(|why| why.to_string())
}

/// Batch after batch, until one is not full.
async fn remove_expired(sessions: &Sessions, batch: usize) -> Result<String, session_std::Error> {
    let mut removed = 0_usize;
    loop {
        let Some(now) = sessions.remove_expired(batch).await? else {
            return Ok("this store removes them by itself\n".into());
        };
        removed += now;
        if now < batch {
            return Ok(format!("{removed} removed\n"));
        }
    }
}

fn line(info: &SessionInfo) -> String {
    let SessionInfo { id, started_at, last_seen, label, .. } = info;
    let (created, last_seen) = (started_at.millis(), last_seen.millis());
    let line = Line { id: id.to_string(), created, last_seen, label: label.as_deref() };
    // numbers and texts can always be written
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}
