//! Whole requests through the library over real Redis: what they cost, counted by the server (ST6).

use session_std::{Request, Session, Sessions, keys};
use store_tests::servers;

use crate::common::{Spy, store};

/// Commands that the server got from the store: it reads by MGET, and each script does so once, too.
async fn commands(spy: &Spy) -> u64 {
    spy.calls("mget").await
}

struct Browser(Sessions, String);

impl Browser {
    /// One request: what the handler does, and the commands that it all cost.
    async fn ask(&mut self, spy: &Spy, handler: impl AsyncFnOnce(&Session)) -> u64 {
        let _: () = spy.say("CONFIG RESETSTAT").await;
        let request = Request::new(self.0.clone());
        let lines = (!self.1.is_empty()).then_some(self.1.as_bytes());
        let session = request.session(lines.into_iter(), true).await.unwrap();
        handler(&session).await;
        let finished = request.finish().await;
        assert_eq!(finished.error, None);
        if let Some(cookie) = finished.cookie {
            self.1 = cookie.split(';').next().unwrap().to_owned();
        }
        commands(spy).await
    }
}

#[tokio::test]
async fn what_requests_cost_st6() {
    let server = servers::redis::start();
    let spy = Spy::at(&server).await;
    let mut browser = Browser(Sessions::new(store(&server), keys::generated()), String::new());
    // the scripts are known from now on
    browser.ask(&spy, async |session| session.set("n", &1_u64).unwrap()).await;
    browser.1.clear();

    let anonymous = browser.ask(&spy, async |session| assert_eq!(session.get::<u64>("n").unwrap(), None)).await;
    assert_eq!(anonymous, 0);
    let created = browser.ask(&spy, async |session| session.set("n", &1_u64).unwrap()).await;
    assert_eq!(created, 1);
    let read = browser.ask(&spy, async |session| assert_eq!(session.get::<u64>("n").unwrap(), Some(1))).await;
    assert_eq!(read, 1);
    let written = browser.ask(&spy, async |session| session.set("n", &2_u64).unwrap()).await;
    assert_eq!(written, 2);
    let added =
        browser.ask(&spy, async |session| _ = session.update_with("n", |_: Option<u64>| 3_u64).await.unwrap()).await;
    assert_eq!(added, 2);
    let ended = browser.ask(&spy, async |session| session.logout().await.unwrap()).await;
    assert_eq!(ended, 2);
}
