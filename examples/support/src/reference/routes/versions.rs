//! `/struct`: the session's data as one struct, in the versions that programs of a rolling deployment have.

use std::fmt::Write;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use session_std::{Error, Session, Typed};

use super::{Args, Reply, StructVersion};

/// A version of the struct.
trait Version: Serialize + DeserializeOwned + Default {
    /// Takes what the query names.
    fn take(&mut self, args: &Args);

    /// Shows the struct as JSON.
    fn json(&self) -> String;
}

#[derive(Default, Serialize, Deserialize)]
struct First {
    name: String,
    count: u32,
}

/// One field more.
#[derive(Serialize, Deserialize)]
struct Second {
    name: String,
    count: u32,
    theme: String,
}

impl Default for Second {
    fn default() -> Self {
        Self { name: String::new(), count: 0, theme: "light".into() }
    }
}

/// One field less.
#[derive(Default, Serialize, Deserialize)]
struct Third {
    name: String,
}

fn set<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}

impl Version for First {
    fn take(&mut self, args: &Args) {
        set(&mut self.name, args.name.as_ref());
        set(&mut self.count, args.count.as_ref());
    }

    fn json(&self) -> String {
        let Self { name, count } = self;
        format!("{{\"name\":{},\"count\":{count}}}", text(name))
    }
}

impl Version for Second {
    fn take(&mut self, args: &Args) {
        set(&mut self.name, args.name.as_ref());
        set(&mut self.count, args.count.as_ref());
        set(&mut self.theme, args.theme.as_ref());
    }

    fn json(&self) -> String {
        let Self { name, count, theme } = self;
        format!("{{\"name\":{},\"count\":{count},\"theme\":{}}}", text(name), text(theme))
    }
}

impl Version for Third {
    fn take(&mut self, args: &Args) {
        set(&mut self.name, args.name.as_ref());
    }

    fn json(&self) -> String {
        format!("{{\"name\":{}}}", text(&self.name))
    }
}

/// A text in JSON.
fn text(text: &str) -> String {
    text.chars().fold("\"".to_owned(), |mut json, c| {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c.is_control() => _ = write!(json, "\\u{:04x}", u32::from(c)),
            c => json.push(c),
        }
        json
    }) + "\""
}

/// `GET /struct` and `POST /struct`.
pub(super) async fn answer(
    method: &str,
    session: &Session,
    args: &Args,
    version: StructVersion,
) -> Result<Reply, Error> {
    match version {
        StructVersion(2) => route::<Second>(method, session, args).await,
        StructVersion(3) => route::<Third>(method, session, args).await,
        StructVersion(_) => route::<First>(method, session, args).await,
    }
}

async fn route<T: Version>(method: &str, session: &Session, args: &Args) -> Result<Reply, Error> {
    let mut data = Typed::<T>::of(session.clone())?;
    if method == "GET" {
        return Ok(Reply::ok(data.json()));
    }
    args.wait().await;
    data.take(args);
    data.save()?;
    Ok(Reply::ok("ok"))
}
