//! Data that was read from a session which is another one, or has other data, by the time of `save`.

use serde::{Deserialize, Serialize};
use session_core::testing::run;
use session_std::{Error, Session, Typed};

use super::Site;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Shop {
    cart: Vec<String>,
    theme: String,
    /// Has a default of its own, so that it is stored with any change.
    #[serde(default = "ten")]
    limit: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coupon: Option<String>,
}

fn ten() -> u32 {
    10
}

fn login(session: &Session, subject: &str, keeps_data: bool) {
    let attempt = run(session.begin_login(subject)).unwrap();
    run(session.login(if keeps_data { attempt } else { attempt.without_data() })).unwrap();
}

/// A visitor, or a subject that has signed in, with data.
fn with_data(subject: Option<&str>) -> Site {
    let site = Site::new();
    if let Some(subject) = subject {
        site.visit(|session| login(session, subject, true));
    }
    site.change(|shop: &mut Shop| {
        shop.cart.push("ann's medicine".into());
        shop.coupon = Some("SPRING".into());
    });
    site
}

/// What a request changes of the data, reads before `then` and saves after it; and what is in the session afterwards.
fn saved_after(site: &Site, then: impl FnOnce(&Session), change: impl FnOnce(&mut Shop)) -> (Result<(), Error>, Shop) {
    let (request, session) = site.begin();
    let mut shop = Typed::<Shop>::of(session.clone()).unwrap();
    then(&session);
    change(&mut shop);
    let saved = shop.save();
    site.end(&request).unwrap();
    (saved, site.read().unwrap())
}

fn darken(shop: &mut Shop) {
    shop.theme = "dark".into();
}

/// A session that mixes two subjects would be a vulnerability.
#[test]
fn no_data_gets_into_another_subjects_session_va2() {
    let changes: [fn(&mut Shop); 3] = [darken, |shop| shop.cart.push("more".into()), |shop| shop.coupon = None];
    for change in changes {
        let site = with_data(Some("ann"));
        let (saved, shop) = saved_after(&site, |session| login(session, "bob", true), change);
        assert_eq!((saved, shop), (Err(Error::Conflict), Shop::default()));
        assert_eq!(site.visit(|session| session.subject()), Ok(Some("bob".into())), "the login counts");
    }
    let unchanged = saved_after(&with_data(Some("ann")), |session| login(session, "bob", true), |_| ());
    assert_eq!(unchanged, (Ok(()), Shop::default()), "nothing is to be saved");
}

/// Also if it is the same subject's, or that of nobody.
#[test]
fn no_data_outlives_a_login_without_data_or_a_logout_va2() {
    for subject in [None, Some("ann")] {
        let ends: [fn(&Session); 5] = [
            |session| login(session, "ann", false),
            |session| run(session.logout()).unwrap(),
            |session| {
                run(session.logout()).unwrap();
                session.flash_message("signed out").unwrap();
            },
            |session| {
                run(session.logout()).unwrap();
                login(session, "ann", true);
            },
            |session| {
                _ = run(session.revoke_all());
                run(session.logout()).unwrap();
            },
        ];
        for (number, end) in ends.into_iter().enumerate() {
            let site = with_data(subject);
            let (saved, shop) = saved_after(&site, end, |shop| shop.cart.push("more".into()));
            assert_eq!((saved, shop), (Err(Error::Conflict), Shop::default()), "{subject:?}, {number}");
            let (_, shop) = saved_after(&with_data(subject), end, darken);
            assert_eq!((shop.cart, shop.coupon), (Vec::new(), None), "{subject:?}, {number}");
        }
    }
}

/// Another request ended the session, which this one learns before it saves.
#[test]
fn no_data_gets_into_a_session_after_one_that_was_ended_va2() {
    let site = with_data(Some("ann"));
    let (request, session) = site.begin();
    let mut shop = Typed::<Shop>::of(session.clone()).unwrap();
    run(site.sessions.revoke_all("ann")).unwrap();
    _ = run(session.update_with("hits", |hits: Option<u32>| hits.unwrap_or(0) + 1));
    darken(&mut shop);
    assert!(shop.save().is_err());
    _ = site.end(&request);
    assert_eq!(site.read(), Ok(Shop::default()));
}

/// The cart of a visitor who signs in, the same subject's new sign-in, and a new cookie value.
#[test]
fn data_that_a_login_keeps_can_be_saved_va2() {
    let keeps: [fn(&Session); 3] = [
        |session| login(session, "ann", true),
        |session| run(session.rotate()).unwrap(),
        |session| _ = run(session.update_with("n", |_: Option<u8>| 1)).unwrap(),
    ];
    for subject in [None, Some("ann")] {
        for keep in keeps {
            let (saved, shop) = saved_after(&with_data(subject), keep, |shop| {
                darken(shop);
                shop.cart.push("more".into());
            });
            assert_eq!(saved, Ok(()));
            assert_eq!(shop.cart, ["ann's medicine", "more"]);
            assert_eq!((shop.theme.as_str(), shop.coupon.as_deref()), ("dark", Some("SPRING")));
        }
    }
    // nothing was there before
    let (saved, shop) = saved_after(&Site::new(), |session| login(session, "ann", true), darken);
    assert_eq!((saved, shop), (Ok(()), Shop { theme: "dark".into(), ..Shop::default() }));
}

/// Another request removed a field, or all of them, and was told that it did: `save` puts back only what this one changed,
/// as if the two were merged at the end of the request.
#[test]
fn what_another_request_removed_stays_removed_st3() {
    let verbs: [fn(&Session); 3] = [
        |_| (),
        |session| run(session.rotate()).unwrap(),
        |session| _ = run(session.update_with("n", |_: Option<u8>| 1)).unwrap(),
    ];
    for (number, verb) in verbs.into_iter().enumerate() {
        let site = with_data(Some("ann"));
        let (saved, shop) = saved_after(
            &site,
            |session| {
                site.change(|shop: &mut Shop| shop.coupon = None);
                verb(session);
            },
            darken,
        );
        assert_eq!((saved, shop.theme.as_str(), shop.coupon), (Ok(()), "dark", None), "{number}");
        assert_eq!(*site.told.0.lock().unwrap(), [""; 0], "{number}: nothing is unreadable");

        // a field that was never stored is changed, so that there is no conflict with the one who cleared
        let site = Site::new();
        site.visit(|session| {
            login(session, "ann", true);
            session.set("data.cart", &["ann's medicine"]).unwrap();
        });
        let clear = |session: &Session| {
            site.visit(|session| session.clear().unwrap());
            verb(session);
        };
        let (saved, shop) = saved_after(&site, clear, darken);
        assert_eq!((saved, shop.theme.as_str(), shop.cart), (Ok(()), "dark", Vec::new()), "{number}");

        // both changed the same field
        let site = with_data(Some("ann"));
        let (request, session) = site.begin();
        let mut shop = Typed::<Shop>::of(session.clone()).unwrap();
        site.visit(|session| session.clear().unwrap());
        verb(&session);
        shop.cart.push("more".into());
        assert_eq!(shop.save().and_then(|()| site.end(&request)), Err(Error::Conflict), "{number}");
        _ = site.end(&request);
        assert_eq!(site.read(), Ok(Shop::default()), "{number}");
    }
}

/// The same request cleared the session, which counts as well.
#[test]
fn what_this_request_cleared_stays_cleared_va2() {
    let (saved, shop) = saved_after(&with_data(None), |session| session.clear().unwrap(), darken);
    assert_eq!(saved, Err(Error::Conflict), "the theme was stored and is not there any more");
    assert_eq!(shop, Shop::default());
    let (saved, shop) = saved_after(&with_data(None), |session| session.remove("data.cart").unwrap(), darken);
    assert_eq!((saved, shop.theme.as_str(), shop.cart), (Ok(()), "dark", Vec::new()));
}
