//! The project's commands. `cargo xtask help` lists them.

mod demo;
mod files;
mod flash;
mod keygen;
mod run;
mod setup;
mod steps;
mod test_all;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  demo [--listen ADDR] [--data DIR]   build and run the device UI on this machine; prints its address
                                      (default 127.0.0.1:8080, data in target/demo-data); Ctrl-C ends it
       --board BOARD                  the same on an emulated board: lm3s6965evb, riscv-virt or pico
  flash --board pico                  the firmware as a UF2 file, and how it gets onto a Pico that is plugged in
  demo --dbsc                         the notes application over https, with device-bound sessions; prints the command
                                      line for Chromium
  test-all [--only STEP]...           every check of the project, or only the steps named; installs what they need
  setup [--only STEP]...              install what the checks need (rustup targets, Debian packages), and check nothing
  soak [--seconds N] [--store URL]... many clients while nodes and servers fail, and a check of what they were told
       [--seed N] [--history FILE]    (default 60 s over each of six stores, side by side)
  keygen                              a fresh signing key of 64 hexadecimal digits, for SESSION_KEY
  size                                what the core weighs per microcontroller target, beside the goals
  bench                               instructions and allocations of a request: the core beside the same work by hand, and
                                      what sessions add through axum, actix-web, Poem and Rocket
  performance [--only SECTION]...     ours beside the session libraries of today: counts, times, HTTP, memory, growth,
              [--quick]               stores, flash; writes docs/performance.md. Ten minutes of a quiet machine
  help                                this text, and the steps

Logs of the steps are in target/xtask-logs/.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, options) = match arguments.split_first() {
        Some((command, options)) => (command.as_str(), options),
        None => ("help", &[][..]),
    };
    let result = match command {
        "demo" if options == ["--dbsc"] => demo::device_bound(),
        "demo" => parse(options, &["--board", "--listen", "--data"]).and_then(|options| demo::demo(&options)),
        "flash" => parse(options, &["--board"]).and_then(|options| flash::flash(&options)),
        "test-all" => chosen_steps(options).and_then(|steps| test_all::test_all(&steps)),
        "setup" => chosen_steps(options).and_then(|steps| setup::install(&steps::needs(&steps))),
        "soak" => soak(options),
        "keygen" => parse(options, &[]).and_then(|_| keygen::key()).map(|key| println!("{key}")),
        "size" => by_itself("size", steps::size::size, options),
        "bench" => by_itself("bench", steps::bench::bench, options),
        "performance" => steps::performance::performance(options),
        "help" | "-h" | "--help" => {
            print!("{HELP}\nSteps of test-all:\n");
            steps::STEPS.iter().for_each(|step| println!("  {:<14} {}", step.name, step.does));
            Ok(())
        }
        other => Err(format!("there is no command `{other}`: see cargo xtask help")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask {command}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The step of that name, by itself.
fn by_itself(name: &str, step: fn(&mut run::Log) -> Result<String, String>, options: &[String]) -> Result<(), String> {
    parse(options, &[])?;
    let steps: Vec<_> = steps::STEPS.iter().filter(|step| step.name == name).collect();
    setup::install(&steps::needs(&steps))?;
    let mut log = run::Log::new(name)?;
    step(&mut log).map(drop).inspect_err(|_| eprintln!("{}", log.tail(80)))
}

/// The soak with these options; what it found goes to the terminal.
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
        [other, ..] => Err(format!("unknown option `{other}`: see cargo xtask help")),
        [] => unreachable!("chunks are never empty"),
    };
    options.chunks(2).map(pair).collect()
}

/// The steps that `--only` names, in the order of the table; all without it.
fn chosen_steps(options: &[String]) -> Result<Vec<&'static steps::Step>, String> {
    let only = parse(options, &["--only"])?;
    if let Some((_, name)) = only.iter().find(|(_, name)| !steps::STEPS.iter().any(|step| step.name == *name)) {
        return Err(format!("there is no step `{name}`: see cargo xtask help"));
    }
    Ok(steps::STEPS.iter().filter(|step| only.is_empty() || only.iter().any(|(_, name)| *name == step.name)).collect())
}
