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
    match (method, path) {
        (_, "/read") => {
            let key = args.key()?;
            Ok(Reply::value(text(session.get(key), || session.get(key))?))
        }
        (_, "/keys") => Ok(Reply::ok(session.keys().map(|key| format!("{key}\n")).collect::<String>())),
        (_, "/set") => {
            args.wait().await;
            session.set(args.key()?, &args.value)?;
            Ok(Reply::ok("ok"))
        }
        (_, "/incr") => {
            let number = session.get::<u64>(args.key()?)?.unwrap_or(0) + 1;
            args.wait().await;
            session.set(args.key()?, &number)?;
            Ok(Reply::ok(number.to_string()))
        }
        (_, "/add") => {
            args.wait().await;
            let number = session.update_with(args.key()?, |number: Option<u64>| number.unwrap_or(0) + 1).await?;
            Ok(Reply::ok(number.to_string()))
        }
        (_, "/take") => {
            let taken = match session.take::<String>(args.key()?).await {
                Err(Error::Unreadable) => session.take::<u64>(&args.key).await?.map(|number| number.to_string()),
                taken => taken?,
            };
            Ok(Reply::value(taken))
        }
        (_, "/remove") => session.remove(args.key()?).map(|()| Reply::ok("ok")),
        (_, "/clear") => session.clear().map(|()| Reply::ok("ok")),
        (_, "/login") => {
            let attempt = session.begin_login(&args.user).await?;
            // here an application checks the password
            session.login(if args.remember == 1 { attempt.remembered() } else { attempt }).await?;
            Ok(Reply::ok("ok"))
        }
        (_, "/whoami") => Ok(Reply::value(session.subject().map(str::to_owned))),
        (_, "/logout") => session.logout().await.map(|()| Reply::ok("ok")),
        (_, "/rotate") => session.rotate().await.map(|()| Reply::ok("ok")),
        (_, "/fresh") => {
            let fresh = session.authenticated_within(Duration::from_secs(args.within));
            Ok(Reply::ok(if fresh { "yes" } else { "no" }))
        }
        ("GET", "/flash") => Ok(Reply::value(session.take_flash_message(str::to_owned).await?)),
        (_, "/flash") => session.flash_message(&args.message).map(|()| Reply::ok("ok")),
        (_, "/csrf") => Ok(Reply::ok(session.csrf_token()?.as_str())),
        (_, "/protected") => {
            Ok(if session.csrf_ok(csrf.unwrap_or_default()) { Reply::ok("ok") } else { Reply::forged() })
        }
        (_, "/set-then-fail") => {
            session.set(args.key()?, &args.value)?;
            Ok(Reply::failed_on_purpose())
        }
        (_, "/type-clash") => {
            session.set("n", &7_u32)?;
            Ok(Reply::type_clash(session.get::<String>("n")))
        }
        (_, "/big") => session.set(args.key()?, &big(args.bytes)?).map(|()| Reply::ok("ok")),
        (_, "/sessions") => {
            let mut lines = String::new();
            session.list(|info| lines.push_str(&json(info))).await?;
            Ok(Reply::ok(lines))
        }
        (_, "/revoke") => session.revoke(&args.handle).await.map(Reply::revoked),
        (_, "/revoke-others") => Ok(Reply::ok(session.revoke_others().await?.to_string())),
        (_, "/struct") => Ok(Reply::not_offered()),
        (_, "/health") => pool.sessions().check().await.map(|()| Reply::ok("ok")),
        _ => Ok(Reply::nowhere()),
    }
}
