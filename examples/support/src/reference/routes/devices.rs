//! For the frameworks whose handlers hold a session of a pool.

use std::time::Duration;

use session_core::Error;
use session_embedded::{Peek, RequestSession, Requests};

use super::{Args, Reply, big, json, text, told};

/// `GET /peek`.
pub fn peek<P: Requests>(session: &mut Peek<'_, P>, args: &Args) -> Result<Reply, Error> {
    told(args.key().and_then(|key| text(session.get(key), || session.get(key))).map(Reply::value))
}

/// All of [`ROUTES`](super::ROUTES). `csrf` is the header `x-csrf-token`.
pub async fn answer<P: Requests>(
    pool: &P,
    method: &str,
    path: &str,
    session: &mut RequestSession<'_, P>,
    args: &Args,
    csrf: Option<&str>,
) -> Result<Reply, Error> {
    told(route(pool, method, path, session, args, csrf).await)
}

async fn route<P: Requests>(
    pool: &P,
    method: &str,
    path: &str,
    session: &mut RequestSession<'_, P>,
    args: &Args,
    csrf: Option<&str>,
) -> Result<Reply, Error> {
    answered!((method, path), session, args, {
        (_, "/keys") => Ok(Reply::ok(session.keys().map(|key| format!("{key}\n")).collect::<String>())),
        (_, "/whoami") => Ok(Reply::value(session.subject().map(str::to_owned))),
        (_, "/fresh") => Ok(Reply::yes_or_no(session.authenticated_within(Duration::from_secs(args.within)))),
        (_, "/flash") => Ok(Reply::value(session.take_flash_message(str::to_owned).await?)),
        (_, "/protected") => Ok(Reply::protected(session.csrf_ok(csrf.unwrap_or_default()))),
        (_, "/sessions") => {
            let mut lines = String::new();
            session.list(|info| lines.push_str(&json(info))).await?;
            Ok(Reply::ok(lines))
        }
        (_, "/struct") => Ok(Reply::not_offered()),
        (_, "/health") => pool.sessions().check().await.map(|()| Reply::ok("ok")),
    })
}
