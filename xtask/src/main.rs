//! The project's commands. `cargo xtask help` lists them.

mod demo;
mod files;
mod flash;
mod floors;
mod keygen;
mod run;
mod setup;
mod steps;
mod test_all;

use std::process::ExitCode;

/// Each command: its name, what it does in a line, and its options.
const COMMANDS: &[(&str, &str, &str)] = &[
    (
        "demo",
        "build and run the device UI on this machine or an emulated board; Ctrl-C ends it",
        "  --listen ADDR   where it listens (default: 127.0.0.1:8080)
  --data DIR      where its data is kept (default: target/demo-data)
  --board BOARD   on an emulated board: lm3s6965evb, riscv-virt, pico or pico-usb
  --dbsc          instead of it, and without the options above: the notes application over https, with
                  device-bound sessions; prints the command line for Chromium
",
    ),
    (
        "flash",
        "build the firmware for a board that is plugged in, and say how it gets there",
        "  --board BOARD   pico (with a W5500), pico-usb, pico2, esp32c3 or esp32c6 (with the access point in the\n                  environment: WIFI_SSID, WIFI_PASSWORD)\n",
    ),
    (
        "test-all",
        "run every check of the project, or some of them; installs what they need",
        "  --only STEP     only this step; may be given several times\n",
    ),
    (
        "setup",
        "install what the checks need (rustup targets, Debian packages), and check nothing",
        "  --only STEP     only what this step needs; may be given several times\n",
    ),
    (
        "soak",
        "many clients while nodes and servers fail, and a check of what they were told",
        "  --seconds N     how long (default: 60)
  --store URL     over this store; may be given several times (default: six stores, side by side)
  --seed N        the seed of its random choices
  --history FILE  where it writes what happened
",
    ),
    ("keygen", "print a fresh signing key of 64 hexadecimal digits, for SESSION_KEY", ""),
    (
        "boards",
        "weigh the device UI on each board, beside its budget: the first part of the step `firmware`",
        "  --board BOARD   only this one; may be given several times\n",
    ),
    ("size", "weigh the core on each microcontroller target, beside the goals", ""),
    ("bench", "count instructions and allocations of a request: the core, and what adapters add", ""),
    (
        "performance",
        "measure ours beside other session libraries, and write docs/performance.md; ten quiet minutes",
        "  --only SECTION  counts, times, http, memory, growth, stores or flash; may be given several times
  --quick         small sizes, to see that it works
",
    ),
    ("api", "record the public API of every published crate, in its public-api.txt", ""),
    ("floors", "compile the published crates with the oldest dependencies that their manifests allow", ""),
    ("help", "print this list, and the steps of test-all", ""),
];

/// Returns the list of commands.
fn commands() -> String {
    let lines = COMMANDS.iter().map(|(name, does, _)| format!("  {name:<10} {does}\n"));
    format!(
        "The commands of this project:  cargo xtask COMMAND [OPTION]...\n\n{}\n\
         `cargo xtask COMMAND --help` shows the options of a command. Logs are in target/xtask-logs/.\n",
        lines.collect::<String>()
    )
}

/// Returns the list of steps.
fn list_of_steps() -> String {
    let lines = steps::STEPS.iter().map(|step| format!("  {:<14} {}\n", step.name, step.does));
    format!("Steps:\n{}", lines.collect::<String>())
}

/// Returns the help for one command, or the list of commands if there is no such command.
fn help(command: &str) -> String {
    let Some((name, does, options)) = COMMANDS.iter().find(|(name, ..)| *name == command) else { return commands() };
    let (option, options) = if options.is_empty() { ("", "") } else { (" [OPTION]...", *options) };
    let steps = if ["test-all", "setup"].contains(name) { format!("\n{}", list_of_steps()) } else { String::new() };
    let gap = if options.is_empty() { "" } else { "\n" };
    format!("cargo xtask {name}{option}: {does}\n{gap}{options}{steps}")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, options)) = arguments.split_first() else {
        print!("{}", commands());
        return ExitCode::SUCCESS;
    };
    let command = command.as_str();
    if options.iter().any(|option| option == "--help" || option == "-h") {
        print!("{}", help(command));
        return ExitCode::SUCCESS;
    }
    let result = match command {
        "demo" if options == ["--dbsc"] => demo::device_bound(),
        "demo" => parse(options, &["--board", "--listen", "--data"]).and_then(|options| demo::demo(&options)),
        "flash" => parse(options, &["--board"]).and_then(|options| flash::flash(&options)),
        "test-all" => chosen_steps(options).and_then(|steps| test_all::test_all(&steps)),
        "setup" => chosen_steps(options).and_then(|steps| setup::install(&steps::needs(&steps))),
        "soak" => soak(options),
        "keygen" => parse(options, &[]).and_then(|_| keygen::key()).map(|key| println!("{key}")),
        "api" => parse(options, &[]).and_then(|_| steps::api::record()),
        "floors" => parse(options, &[]).and_then(|_| floors::floors()),
        "boards" => parse(options, &["--board"]).and_then(|options| steps::firmware::boards(&options)),
        "size" => by_itself("size", steps::size::size, options),
        "bench" => by_itself("bench", steps::bench::bench, options),
        "performance" => steps::performance::performance(options),
        "help" | "-h" | "--help" => {
            match options {
                [] => print!("{}\n{}", commands(), list_of_steps()),
                [command, ..] => print!("{}", help(command)),
            }
            Ok(())
        }
        other => Err(format!("there is no command `{other}`: `cargo xtask` lists them")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask {command}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the step of that name alone.
fn by_itself(name: &str, step: fn(&mut run::Log) -> Result<String, String>, options: &[String]) -> Result<(), String> {
    parse(options, &[])?;
    let steps: Vec<_> = steps::STEPS.iter().filter(|step| step.name == name).collect();
    setup::install(&steps::needs(&steps))?;
    let mut log = run::Log::new(name)?;
    step(&mut log).map(drop).inspect_err(|_| eprintln!("{}", log.tail(80)))
}

/// Runs the soak with these options, with its results on the terminal.
fn soak(options: &[String]) -> Result<(), String> {
    parse(options, &["--seconds", "--store", "--seed", "--history"])?;
    let steps: Vec<_> = steps::STEPS.iter().filter(|step| step.name == "soak").collect();
    setup::install(&steps::needs(&steps))?;
    let program = steps::soak::build(&mut run::Log::new("soak")?)?;
    match std::process::Command::new(&program).args(options).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("violations, or it could not run".into()),
        Err(why) => Err(format!("cannot run {}: {why}", program.display())),
    }
}

/// `--name value` pairs, each name being one of `known`.
fn parse<'a>(options: &'a [String], known: &[&str]) -> Result<Vec<(&'a str, &'a str)>, String> {
    let pair = |pair: &'a [String]| match pair {
        [name, value] if known.contains(&name.as_str()) => Ok((name.as_str(), value.as_str())),
        [name] if known.contains(&name.as_str()) => Err(format!("`{name}` needs a value")),
        [other, ..] => Err(format!("unknown option `{other}`; --help lists them")),
        [] => unreachable!("chunks are never empty"),
    };
    options.chunks(2).map(pair).collect()
}

/// The steps that `--only` names, in the order of the table; all without it.
fn chosen_steps(options: &[String]) -> Result<Vec<&'static steps::Step>, String> {
    let only = parse(options, &["--only"])?;
    if let Some((_, name)) = only.iter().find(|(_, name)| !steps::STEPS.iter().any(|step| step.name == *name)) {
        return Err(format!("there is no step `{name}`; --help lists them"));
    }
    Ok(steps::STEPS.iter().filter(|step| only.is_empty() || only.iter().any(|(_, name)| *name == step.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS, commands, help, list_of_steps, steps};

    #[test]
    fn every_command_and_step_has_its_help() {
        for (name, does, options) in COMMANDS {
            assert!(commands().contains(&format!("  {name:<10} {does}\n")));
            let help = help(name);
            assert!(help.starts_with(&format!("cargo xtask {name}")) && help.contains(options), "{help}");
            assert!(commands().lines().chain(options.lines()).all(|line| line.len() <= 110), "{help}");
        }
        assert_eq!(help("test-al"), commands());
        assert!(steps::STEPS.iter().all(|step| help("test-all").contains(step.name)));
        assert_eq!(list_of_steps().lines().count(), steps::STEPS.len() + 1);
    }
}
