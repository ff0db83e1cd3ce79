//! The command line.

use std::env;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::Failure;

/// Lists, shows and ends the sessions of an application.
#[derive(Parser)]
#[command(name = "session-admin", version, after_help = AFTER)]
pub(crate) struct Flags {
    /// The application's store. On a command line other users of the machine can read it: prefer the variable
    #[arg(long, global = true, value_name = "URL", env = "SESSION_STORE", hide_env_values = true)]
    pub(crate) store: Option<String>,
    /// The application's sessions travel in their cookies, or SESSION_SEALED is true
    #[arg(long, global = true)]
    pub(crate) sealed: bool,
    /// The application encrypts the data of its sessions in the store, or SESSION_SEALED_AT_REST is true
    #[arg(long, global = true)]
    pub(crate) sealed_at_rest: bool,
    /// Prints JSON for programs, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER: &str = "\
Environment:
  SESSION_STORE           the store's URL
  SESSION_KEY_FILE        a file with the application's signing keys, or SESSION_KEY: the keys.
                          Only data that is sealed at rest needs them
  SESSION_SEALED          true: the sessions travel in their cookies
  SESSION_SEALED_AT_REST  true: the data of sessions is encrypted in the store
  SESSION_...             as the application has them

Exit status: 0 done, 1 not done, 2 a flag or a variable is wrong.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists all sessions, or those of a subject
    List {
        /// The subject; all subjects if omitted
        subject: Option<String>,
    },
    /// Shows the values of a subject's sessions, or of one
    Show {
        /// The subject
        subject: String,
        /// The id of one session, as `list` prints it
        #[arg(long)]
        id: Option<String>,
        /// Prints texts and bytes, not only their lengths
        #[arg(long)]
        values: bool,
    },
    /// Ends all sessions of a subject, or one
    Revoke {
        /// The subject
        subject: String,
        /// The id of one session, as `list` prints it
        #[arg(long)]
        id: Option<String>,
    },
    /// Ends all sessions of all users
    EndAll {
        /// Confirms it
        #[arg(long)]
        yes: bool,
    },
    /// Counts sessions by kind
    Stats,
    /// Prints which sessions begin and end, until Ctrl-C
    Watch {
        /// The subject; all subjects if omitted
        subject: Option<String>,
        /// Seconds between two reads of the store
        #[arg(long, value_name = "SECS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        interval: u32,
    },
    /// Counts the sessions in the store, without reading each
    Count,
    /// Removes expired sessions
    RemoveExpired {
        /// The size of a batch
        #[arg(long, default_value_t = 500)]
        batch: usize,
    },
    /// Checks that the store answers
    Check,
    /// Prints the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Prints the man page of this program, or of one of its commands
    Man {
        /// The command
        command: Option<String>,
    },
}

impl Command {
    /// Whether it ends sessions, of which the cache of a layered store must be notified.
    pub(crate) const fn ends(&self) -> bool {
        matches!(self, Self::Revoke { .. } | Self::EndAll { .. })
    }

    /// The subject whose sessions it concerns, if it names one.
    pub(crate) fn subject(&self) -> Option<&str> {
        match self {
            Self::List { subject } | Self::Watch { subject, .. } => subject.as_deref(),
            Self::Show { subject, .. } | Self::Revoke { subject, .. } => Some(subject),
            _ => None,
        }
    }

    /// Whether it can be done where sessions travel in their cookies.
    pub(crate) const fn without_records(&self) -> bool {
        matches!(self, Self::Revoke { id: None, .. } | Self::EndAll { .. } | Self::Check)
    }
}

impl Flags {
    /// Whether data is sealed at rest, by the flag or the variable.
    pub(crate) fn at_rest(&self) -> Result<bool, Failure> {
        const NAME: &str = "SESSION_SEALED_AT_REST";
        match env::var_os(NAME).unwrap_or_default().to_str().map(str::trim) {
            Some("true" | "1") => Ok(true),
            Some("" | "false" | "0") => Ok(self.sealed_at_rest),
            _ => Err(Failure::Usage(format!("{NAME}: must be true or false"))),
        }
    }
}

/// Seconds as a span.
pub(crate) fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

/// The completions of a shell.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Flags::command(), "session-admin", &mut script);
    script
}

/// The man page of the program, or of a command.
pub(crate) fn man(command: Option<&str>) -> Result<Vec<u8>, Failure> {
    let mut program = Flags::command();
    program.build();
    let page = match command {
        None => program,
        Some(name) => {
            let Some(found) = program.find_subcommand(name) else {
                return Err(Failure::Usage(format!("there is no command {name}")));
            };
            let name = format!("session-admin-{}", found.get_name());
            found.clone().display_name(name)
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text).map_err(|why| Failure::Failed(why.to_string()))?;
    Ok(text)
}
