#![doc = include_str!("../README.md")]

mod application;
mod failure;
mod flags;
mod listing;
mod output;
mod show;
mod stats;
mod time;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use session_std::Sessions;

use crate::application::Application;
use crate::failure::Failure;
use crate::flags::{Command, Flags};
use crate::output::{bytes, json, tell, text};

fn main() -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(why) if why.use_stderr() && why.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // the names of missing arguments and the possible values are on lines of their own
            let why = why.to_string();
            let lines: Vec<&str> = why.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            return status(Err(Failure::Usage(lines.join(" ").replacen("error: ", "", 1))));
        }
        // help and version
        Err(asked) => asked.exit(),
    };
    let done = match &flags.command {
        Command::Completions { shell } => bytes(&flags::completions(*shell)),
        Command::Man { command } => flags::man(command.as_deref()).and_then(|page| bytes(&page)),
        Command::EndAll { yes: false } => {
            Err(Failure::Usage("end-all ends all sessions of all users: confirm with --yes".into()))
        }
        _ => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(Failure::failed).and_then(|runtime| runtime.block_on(run(&flags)))
        }
    };
    status(done)
}

fn status(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Failed(why)) => {
            tell(&why);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(why)) => {
            tell(&why);
            ExitCode::from(2)
        }
    }
}

async fn run(flags: &Flags) -> Result<(), Failure> {
    if flags.command.subject().is_some_and(|subject| subject.is_empty() || subject.len() > usize::from(u8::MAX)) {
        return Err(Failure::Usage("a subject has 1 to 255 bytes".into()));
    }
    let application = &Application::open(flags).await?;
    let sessions = &application.sessions;
    let failed = |why| application.failed(why);
    match &flags.command {
        Command::List { subject } => {
            let rows = listing::list(application, subject.as_deref()).await?;
            if flags.json { rows.iter().try_for_each(json)? } else { text(&listing::shown(&rows))? }
        }
        Command::Show { subject, id, values } => {
            let all = show::show(application, subject, id.as_deref(), *values).await?;
            match all.is_empty() && !flags.json {
                true => text("no session\n")?,
                false => all.iter().try_for_each(|one| if flags.json { json(one) } else { text(&one.text()) })?,
            }
        }
        Command::Revoke { subject, id: None } => match sessions.revoke_all(subject).await.map_err(failed)? {
            _ if application.sealed => text("all ended\n")?,
            ended => text(&format!("{ended} ended\n"))?,
        },
        Command::Revoke { subject, id: Some(id) } => match sessions.revoke(subject, id).await.map_err(failed)? {
            true => text("1 ended\n")?,
            false => return Err(Failure::Failed(format!("{subject} has no session {id}"))),
        },
        Command::EndAll { .. } => {
            sessions.end_all().await.map_err(failed)?;
            text("all ended\n")?;
        }
        Command::Stats => {
            let stats = stats::stats(application).await?;
            if flags.json { json(&stats)? } else { text(&stats.shown())? }
        }
        Command::Watch { subject, interval } => {
            watch::watch(application, subject.as_deref(), flags::seconds(*interval), flags.json).await?;
        }
        Command::Count => text(&format!("{}\n", sessions.count().await.map_err(failed)?))?,
        Command::RemoveExpired { batch } => {
            text(&remove_expired(sessions, (*batch).max(1)).await.map_err(failed)?)?;
        }
        Command::Check => {
            sessions.check().await.map_err(failed)?;
            text("ok\n")?;
        }
        Command::Completions { .. } | Command::Man { .. } => {}
    }
    application.warn();
    Ok(())
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
