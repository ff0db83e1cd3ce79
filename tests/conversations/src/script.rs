//! Dialogue files, read. The format is in the README.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::expect::Expectation;
use crate::template::is_name;

/// What the variable of a browser's cookie that proves has after the browser's name.
pub(crate) const PROOF: &str = "_b";

/// One dialogue file.
#[derive(Debug)]
pub struct Dialogue {
    /// The file's name.
    pub file: String,
    /// Its first line, without the ids.
    pub title: String,
    /// The requirements that it shows.
    pub ids: Vec<String>,
    /// The stores it is about; empty: any.
    pub stores: Vec<String>,
    /// The stores that cannot do what it is about.
    pub without: Vec<String>,
    /// Flags for the reference app, besides `--store`.
    pub flags: Vec<String>,
    pub(crate) browsers: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    /// As it stands in the file.
    pub(crate) text: String,
    pub(crate) action: Action,
}

#[derive(Debug)]
pub(crate) enum Action {
    Ask(Ask, Expectation),
    Start(String, Ask),
    Finish(String, Expectation),
    AtOnce(Vec<(usize, Ask, Expectation)>),
    Clock(Duration),
    Let(String, usize, String),
    Restart(Vec<String>),
    Node(String, Vec<String>),
    /// What follows goes to this node; `None`: to the first.
    On(Option<String>),
    /// The proof of a device, under this name.
    Proof(String, Proves),
    /// The store does not answer from here on, or does again.
    Outage(bool),
}

/// What a device proves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proves {
    pub(crate) key: u8,
    /// That this is its key, or that it has it.
    pub(crate) registers: bool,
    pub(crate) challenge: String,
}

/// A request, its variables not yet filled in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) browser: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// All dialogues, in the order of their names.
///
/// # Panics
/// If a file cannot be read or understood; the message names file and line.
#[must_use]
pub fn dialogues() -> Vec<Dialogue> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialogues");
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<_> = files.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        parse(&name, &text)
    };
    files.iter().map(|path| read(path).unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// Reads one file; an error names file and line.
pub(crate) fn parse(file: &str, text: &str) -> Result<Dialogue, String> {
    let mut lines = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim_end())).peekable();
    let first = lines.next().and_then(|(_, line)| line.strip_prefix("# "));
    let words: Vec<_> = first.unwrap_or_default().split(' ').collect();
    let ids = words.iter().take_while(|word| is_id(word)).count();
    let (ids, title) = words.split_at(ids);
    if ids.is_empty() || title.is_empty() {
        return Err(format!("{file}:1: the first line is `# `, the ids of requirements, and a title"));
    }
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let mut dialogue = Dialogue {
        file: file.to_owned(),
        title: title.join(" "),
        ids: owned(ids),
        stores: Vec::new(),
        without: Vec::new(),
        flags: Vec::new(),
        browsers: Vec::new(),
        steps: Vec::new(),
    };
    while let Some((number, line)) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut block = vec![line];
        while let Some((_, more)) = lines.next_if(|(_, more)| more.starts_with(' ')) {
            block.push(more);
        }
        dialogue.read(number, &block).map_err(|error| format!("{file}:{number}: {error}"))?;
    }
    let under_way = dialogue.steps.iter().find_map(|step| match &step.action {
        Action::Start(name, _) if dialogue.finish_of(name).is_none() => Some((step.line, name)),
        _ => None,
    });
    match under_way {
        Some((line, name)) => Err(format!("{file}:{line}: `{name}` is started and never finished")),
        None => Ok(dialogue),
    }
}

impl Dialogue {
    /// A line that is not indented, with the indented ones below it.
    fn read(&mut self, line: usize, block: &[&str]) -> Result<(), String> {
        let (word, rest) = block[0].split_once(' ').unwrap_or((block[0], ""));
        let words = || rest.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let indented = &block[1..];
        let none_indented = || if indented.is_empty() { Ok(()) } else { Err("nothing is indented below this") };
        let action = match word {
            "store" | "without" | "flags" | "browsers" => {
                none_indented()?;
                let list = match word {
                    "store" => &mut self.stores,
                    "without" => &mut self.without,
                    "flags" => &mut self.flags,
                    _ => &mut self.browsers,
                };
                *list = words();
                return Ok(());
            }
            "proof" => {
                let form = || format!("`{rest}` is no `NAME = key NUMBER registers|answers CHALLENGE`");
                let (name, proves) = rest.split_once(" = key ").ok_or_else(form)?;
                let [key, registers @ ("registers" | "answers"), challenge] = proves.split(' ').collect::<Vec<_>>()[..]
                else {
                    return Err(form());
                };
                let (key, challenge) = (key.parse().map_err(|_| form())?, challenge.to_owned());
                Action::Proof(self.new_name(name)?, Proves { key, registers: registers == "registers", challenge })
            }
            "outage" if ["begins", "ends"].contains(&rest) => Action::Outage(rest == "begins"),
            "step" => Action::Clock(words().iter().map(|word| span(word)).sum::<Result<_, _>>()?),
            "restart" => Action::Restart(words()),
            "node" => {
                let (name, flags) = rest.split_once(' ').unwrap_or((rest, ""));
                Action::Node(self.new_name(name)?, flags.split_whitespace().map(str::to_owned).collect())
            }
            "on" if rest == "first" => Action::On(None),
            "on" => {
                let starts = |step: &Step| matches!(&step.action, Action::Node(name, _) if name == rest);
                if !self.steps.iter().any(starts) {
                    return Err(format!("there is no node `{rest}`"));
                }
                Action::On(Some(rest.to_owned()))
            }
            "let" => {
                let (name, text) = rest.split_once(" = ").ok_or("`let NAME = TEXT`")?;
                let times = text.split_once(" x ").and_then(|(n, text)| Some((n.parse().ok()?, text)));
                let (times, text) = times.unwrap_or((1, text));
                Action::Let(self.new_name(name)?, times, text.to_owned())
            }
            "start" => {
                let (name, ask) = rest.split_once(" = ").ok_or("`start NAME = BROWSER: METHOD TARGET`")?;
                Action::Start(self.new_name(name)?, self.ask(ask, indented)?)
            }
            "finish" => {
                let (name, expected) = rest.split_once(" -> ").ok_or("`finish NAME -> EXPECTED`")?;
                let started = |step: &Step| matches!(&step.action, Action::Start(started, _) if started == name);
                if !self.steps.iter().any(started) || self.finish_of(name).is_some() {
                    return Err(format!("`{name}` is not under way"));
                }
                Action::Finish(name.to_owned(), Expectation::parse(expected)?)
            }
            "at" if rest == "once" => {
                Action::AtOnce(indented.iter().map(|line| self.member(line.trim())).collect::<Result<_, String>>()?)
            }
            _ => match block[0].split_once(" -> ") {
                Some((ask, expected)) => Action::Ask(self.ask(ask, &[])?, Expectation::parse(expected)?),
                None => {
                    let (last, headers) = indented.split_last().ok_or("a request needs a `-> EXPECTED`")?;
                    let expected = last.trim().strip_prefix("-> ").ok_or("the last indented line is `-> EXPECTED`")?;
                    Action::Ask(self.ask(block[0], headers)?, Expectation::parse(expected)?)
                }
            },
        };
        let takes_lines = matches!(action, Action::Start(..) | Action::AtOnce(_)) || !block[0].contains(" -> ");
        if !takes_lines
            || matches!(
                action,
                Action::Clock(_)
                    | Action::Restart(_)
                    | Action::Let(..)
                    | Action::Node(..)
                    | Action::On(_)
                    | Action::Proof(..)
                    | Action::Outage(_)
            )
        {
            none_indented()?;
        }
        self.steps.push(Step { line, text: block.join("\n"), action });
        Ok(())
    }

    /// `[N times] BROWSER: METHOD TARGET -> EXPECTED`
    fn member(&self, line: &str) -> Result<(usize, Ask, Expectation), String> {
        let (times, line) = line.split_once(" times ").map_or((Ok(1), line), |(n, line)| (n.parse::<usize>(), line));
        let (ask, expected) = line.split_once(" -> ").ok_or("a request needs a `-> EXPECTED`")?;
        Ok((times.map_err(|_| "N times")?, self.ask(ask, &[])?, Expectation::parse(expected)?))
    }

    fn ask(&self, line: &str, headers: &[&str]) -> Result<Ask, String> {
        let form = || format!("`{line}` is no `BROWSER: METHOD TARGET`");
        let (browser, request) = line.split_once(": ").ok_or_else(form)?;
        if !self.browsers.iter().any(|known| known == browser) {
            return Err(format!("there is no browser `{browser}`"));
        }
        let (method, target) = request.split_once(' ').ok_or_else(form)?;
        if !["GET", "POST"].contains(&method) || !target.starts_with('/') || target.contains(' ') {
            return Err(form());
        }
        let header = |line: &&str| {
            let (name, value) = line.trim_start().split_once(':').ok_or_else(|| format!("`{line}` is no header"))?;
            Ok((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()))
        };
        let headers = headers.iter().map(header).collect::<Result<_, String>>()?;
        Ok(Ask { browser: browser.to_owned(), method: method.to_owned(), target: target.to_owned(), headers })
    }

    fn new_name(&self, name: &str) -> Result<String, String> {
        let of_browser = name.strip_suffix(PROOF).unwrap_or(name);
        if name.is_empty() || !name.chars().all(is_name) || self.browsers.iter().any(|browser| browser == of_browser) {
            return Err(format!("`{name}` is no free name: letters, digits and _, and no browser's"));
        }
        Ok(name.to_owned())
    }

    fn finish_of(&self, name: &str) -> Option<&Step> {
        let finishes = |step: &&Step| matches!(&step.action, Action::Finish(finished, _) if finished == name);
        self.steps.iter().find(finishes)
    }
}

/// Two capital letters and a number.
fn is_id(word: &str) -> bool {
    let (area, number) = word.split_at_checked(2).unwrap_or_default();
    area.chars().all(|c| c.is_ascii_uppercase()) && number.parse::<u8>().is_ok()
}

/// `500ms`, `61s`, `2h`, `29d`
fn span(word: &str) -> Result<Duration, String> {
    let unit_at = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let number: Option<u64> = word[..unit_at].parse().ok();
    let (number, unit) = (number.ok_or_else(|| format!("`{word}` is no time"))?, &word[unit_at..]);
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "h" => Ok(Duration::from_secs(number * 3600)),
        "d" => Ok(Duration::from_secs(number * 86_400)),
        _ => Err(format!("`{word}` is no time: ms, s, h or d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# LC3 ST2 a title: with words\nbrowsers ann eve\n";

    fn read(lines: &str) -> Result<Dialogue, String> {
        parse("x.txt", &format!("{HEAD}{lines}"))
    }

    #[test]
    fn reads_every_kind_of_line() {
        let all = "# comment\n\nstore memory: fixed:\nflags --idle 60\nann: GET /a -> 200 ok, cookie new\n\
                   eve: GET /b\n  Cookie: id=$ann; x\n  Cookie:\n  -> 204\nstart s = ann: POST /c?delay_ms=1\n\
                   step 1h 2s 3ms\nfinish s -> 409\nlet old = $ann\nlet long = 30 x ab\n\
                   at once\n  100 times ann: GET /d -> 200\n  eve: GET /e -> 204\nrestart --idle 5\n";
        let dialogue = read(all).unwrap();
        assert_eq!((dialogue.ids.join(" ").as_str(), dialogue.title.as_str()), ("LC3 ST2", "a title: with words"));
        assert_eq!((dialogue.stores.len(), dialogue.flags.join(" ").as_str()), (2, "--idle 60"));
        let actions: Vec<_> = dialogue.steps.iter().map(|step| &step.action).collect();
        assert!(matches!(actions[0], Action::Ask(ask, _) if ask.browser == "ann" && ask.target == "/a"));
        let headers = [("Cookie".to_owned(), "id=$ann; x".to_owned()), ("Cookie".to_owned(), String::new())];
        assert!(matches!(actions[1], Action::Ask(ask, _) if ask.headers == headers));
        assert!(matches!(actions[2], Action::Start(name, ask) if name == "s" && ask.method == "POST"));
        assert!(matches!(actions[3], Action::Clock(by) if by.as_millis() == 3_602_003));
        assert!(matches!(actions[4], Action::Finish(name, _) if name == "s"));
        assert!(matches!(actions[5], Action::Let(name, 1, text) if name == "old" && text == "$ann"));
        assert!(matches!(actions[6], Action::Let(_, 30, text) if text == "ab"));
        assert!(matches!(actions[7], Action::AtOnce(members) if members.len() == 2 && members[0].0 == 100));
        assert!(matches!(actions[8], Action::Restart(flags) if flags.len() == 2));
        assert_eq!(dialogue.steps[1].line, 8, "comments and blank lines count");
    }

    #[test]
    fn an_error_names_file_and_line() {
        for (wrong, says) in [
            ("bob: GET / -> 200", "no browser `bob`"),
            ("ann: GET /", "needs a `-> EXPECTED`"),
            ("ann: GET /\n  Cookie: a", "`-> EXPECTED`"),
            ("ann: GET /\n  Cookie\n  -> 200", "no header"),
            ("ann: FETCH / -> 200", "METHOD"),
            ("ann: GET / -> two hundred", "status"),
            ("ann: GET / -> 200\n  Cookie: a", "nothing is indented"),
            ("step 3 weeks", "no time"),
            ("step 3s\n  ann: GET / -> 200", "nothing is indented"),
            ("start s = ann: GET /", "never finished"),
            ("finish s -> 200", "not under way"),
            ("let ann = x", "no free name"),
            ("let ann_b = x", "no free name"),
            ("proof p = key one registers c", "NUMBER"),
            ("proof p = key 1 signs c", "registers|answers"),
            ("outage", "EXPECTED"),
            ("at once\n  many times ann: GET / -> 200", "N times"),
            ("hello", "EXPECTED"),
        ] {
            let error = read(wrong).expect_err(wrong);
            assert!(error.starts_with("x.txt:3: ") && error.contains(says), "{wrong:?} gave {error:?}");
        }
        assert!(parse("x.txt", "# no ids\n").unwrap_err().starts_with("x.txt:1: "));
    }

    #[test]
    fn every_dialogue_can_be_read() {
        assert!(dialogues().len() >= 60);
    }
}
