//! Where the owner is signed in: the list, its buttons, and the change of the password, which ends all others.

use heapless::String;
use picoserve::request::RequestParts;
use picoserve::response::StatusCode;
use session_core::events::LogId;
use session_picoserve::Requests;

use crate::answer::{Answer, Answered};
use crate::data::Keeper;
use crate::device::seconds;
use crate::form::Form;
use crate::page::{Line, Next, View, line};
use crate::routes::Visit;

/// Browsers that can be signed in at once; one more signs out the oldest.
pub(crate) const MOST: usize = 8;

/// What a browser is called.
pub(crate) type Name = String<24, u8>;

/// A browser that is signed in.
pub(crate) struct Browser {
    pub(crate) id: LogId,
    /// As the client likes it: to be escaped.
    pub(crate) name: Name,
    /// So many seconds ago.
    pub(crate) signed_in: u32,
    /// The same.
    pub(crate) last_seen: u32,
    /// It is the one that looks.
    pub(crate) current: bool,
}

/// What the browser of this request is called: "Firefox on Linux", or how it begins to call itself.
pub(crate) fn name(parts: &RequestParts<'_>) -> Name {
    name_of(parts.headers().get("user-agent").map(|agent| agent.as_raw()).unwrap_or_default())
}

fn name_of(agent: &[u8]) -> Name {
    // each of them calls itself also by the names that come later
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let first = |known: &[(&str, &'static str)]| {
        let has = |part: &str| agent.windows(part.len()).any(|bytes| bytes == part.as_bytes());
        known.iter().find(|(part, _)| has(part)).map(|(_, name)| *name)
    };
    let mut name = Name::new();
    match (first(&BROWSERS), first(&SYSTEMS)) {
        (Some(browser), Some(system)) => [browser, " on ", system].iter().all(|part| add(&mut name, part)),
        (Some(browser), None) => add(&mut name, browser),
        (None, _) => agent
            .utf8_chunks()
            .all(|chunk| add(&mut name, chunk.valid()) && (chunk.invalid().is_empty() || add(&mut name, "\u{fffd}"))),
    };
    name
}

/// As much as there is room for; whether that is all of it.
fn add(name: &mut Name, text: &str) -> bool {
    text.chars().all(|letter| name.push(letter).is_ok())
}

/// The page.
pub(crate) async fn list<P: Requests, K: Keeper>(visit: &mut Visit<'_, P, K>) -> Answered {
    if !visit.signed_in() {
        return Ok(Answer::See("/"));
    }
    let (now, browsers) = (visit.site.now(), &mut visit.page.browsers);
    let each = |listed: &session_picoserve::SessionInfo<&str>| {
        let mut name = Name::new();
        add(&mut name, listed.label.unwrap_or_default());
        let (signed_in, last_seen) = (seconds(now.since(listed.started_at)), seconds(now.since(listed.last_seen)));
        // there are no more than fit unless the policy of the program lets in more
        let _more = browsers.push(Browser { id: listed.id, name, signed_in, last_seen, current: listed.current });
    };
    visit.session.list(each).await?;
    visit.open(View::Browsers).await
}

const NOT_YET: &str = "Nobody was signed out yet: enter your password, then do it again.";

/// A button of the list.
pub(crate) async fn end<P: Requests, K: Keeper>(visit: &mut Visit<'_, P, K>, form: &Form<'_>) -> Answered {
    visit.ask_again(Next::Browsers, NOT_YET)?;
    let ended = visit.session.revoke(&form.field("id", 16)?).await?;
    if !visit.signed_in() {
        return Ok(Answer::See("/?signed-out"));
    }
    visit.session.flash_message(if ended {
        "That browser is signed out."
    } else {
        "That browser was signed out already."
    })?;
    Ok(Answer::See("/browsers"))
}

/// The button below it.
pub(crate) async fn end_others<P: Requests, K: Keeper>(visit: &mut Visit<'_, P, K>) -> Answered {
    visit.ask_again(Next::Browsers, NOT_YET)?;
    let ended = visit.session.revoke_others().await?;
    visit.session.flash_message(&others("", ended))?;
    Ok(Answer::See("/browsers"))
}

fn others(before: &str, ended: usize) -> Line {
    line(format_args!("{before}Signed out elsewhere: {ended}."))
}

/// The change of the password: kept first, then all others end, also those whose sign-in has begun with the old one.
pub(crate) async fn change_password<P: Requests, K: Keeper>(visit: &mut Visit<'_, P, K>, form: &Form<'_>) -> Answered {
    visit.ask_again(Next::Settings, "Nothing was changed yet: enter your password as it is, then change it again.")?;
    let password = visit.chosen(View::Settings, form)?;
    if visit.site.device.set_password(&password).await.is_err() {
        return Ok(visit.not_kept(View::Settings));
    }
    visit.page.mark = Some(visit.site.device.mark());
    let Ok(ended) = visit.session.revoke_others().await else {
        let problem = "The password is changed, but others may still be signed in: look at the signed-in browsers.";
        return Ok(visit.page.wrong(View::Settings, StatusCode::SERVICE_UNAVAILABLE, problem));
    };
    visit.session.flash_message(&others("The password is changed. ", ended))?;
    Ok(Answer::See("/settings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_browsers() {
        for (agent, name) in [
            (&b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"[..], "Firefox on Linux"),
            (b"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome on Android"),
            (b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari on iPhone"),
            (b"curl/8.5", "curl"),
            (b"", ""),
            (b"<b>of one's own</b> and more of it", "<b>of one's own</b> and "),
            (b"\x07\xff\xfe\xc3\xa4", "\x07\u{fffd}\u{fffd}\u{e4}"),
            ("\u{1f331}".repeat(9).as_bytes(), "\u{1f331}\u{1f331}\u{1f331}\u{1f331}\u{1f331}\u{1f331}"),
        ] {
            assert_eq!(name_of(agent), name);
        }
    }
}
