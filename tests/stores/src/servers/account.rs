//! Database servers refuse to run as root, so root runs them as another account.

use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use rustix::process::geteuid;

#[derive(Clone, Copy)]
pub(crate) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The first of these accounts that there is, if we are root.
    pub(crate) fn other_than_root(names: &[&str]) -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let id = |flag: &str, name: &str| {
            let output = Command::new("id").args([flag, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        let mut accounts = names.iter().filter_map(|name| Some(Self { user: id("-u", name)?, group: id("-g", name)? }));
        Some(accounts.next().unwrap_or(Self { user: 65_534, group: 65_534 }))
    }
}

/// Gives a directory to an account.
///
/// # Panics
/// If that is not possible.
pub(crate) fn give(dir: &Path, account: Option<Account>) {
    if let Some(Account { user, group }) = account {
        let given = chown(dir, Some(user), Some(group));
        given.unwrap_or_else(|why| panic!("cannot give {} to user {user}: {why}", dir.display()));
    }
}

/// A program that runs as this account.
pub(crate) fn as_account(account: Option<Account>, path: String) -> Command {
    let Some(Account { user, group }) = account else { return Command::new(path) };
    // becomes that program: signals to our child reach it
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups", &path]);
    command
}
