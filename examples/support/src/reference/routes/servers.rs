//! For the frameworks whose handlers hold a `session_std::Session`.

use std::time::Duration;

use session_std::{Error, Peek, Session};

use super::{Args, Reply, StructVersion, big, json, text, told, versions};

/// `GET /peek`.
pub fn peek(session: &Peek, args: &Args) -> Result<Reply, Error> {
    told(args.key().and_then(|key| text(session.get(key), || session.get(key))).map(Reply::value))
}

/// All of [`ROUTES`](super::ROUTES). `csrf` is the header `x-csrf-token`.
pub async fn answer(
    method: &str,
    path: &str,
    session: &Session,
    args: &Args,
    csrf: Option<&str>,
    version: StructVersion,
) -> Result<Reply, Error> {
    told(route(method, path, session, args, csrf, version).await)
}

async fn route(
    method: &str,
    path: &str,
    session: &Session,
    args: &Args,
    csrf: Option<&str>,
    version: StructVersion,
) -> Result<Reply, Error> {
    answered!((method, path), session, args, {
        (_, "/keys") => Ok(Reply::ok(session.keys()?.iter().map(|key| format!("{key}\n")).collect::<String>())),
        (_, "/whoami") => Ok(Reply::value(session.subject()?)),
        (_, "/fresh") => Ok(Reply::yes_or_no(session.authenticated_within(Duration::from_secs(args.within))?)),
        (_, "/flash") => Ok(Reply::value(session.take_flash_message().await?)),
        (_, "/protected") => Ok(Reply::protected(session.csrf_ok(csrf.unwrap_or_default())?)),
        (_, "/sessions") => Ok(Reply::ok(session.list().await?.iter().map(json).collect::<String>())),
        (_, "/struct") => versions::answer(method, session, args, version).await,
        (_, "/health") => session.check().await.map(|()| Reply::ok("ok")),
    })
}
