//! The sessions of a subject: who sees them, who ends them, and which logins are refused (LC9).

use base64ct::{Base64UrlUnpadded, Encoding};
use core_tests::life_cycle::{Browser, Site, World, sign_in};
use session_core::Error;
use session_core::environment::Time;
use session_core::policy::Policy;
use session_core::store::{Handle, Store};
use session_core::subject::{Added, Epoch, IndexEntry, SubjectId, SubjectIndex};
use session_core::testing::run;

type Jar = Option<String>;

fn names(site: &Site, jar: &mut Jar) -> Vec<(String, Option<String>, bool)> {
    let mut names = Vec::new();
    let listed = site.visit(jar, |session| {
        run(session.list(|listed| names.push((listed.id.to_string(), listed.label.map(str::to_owned), listed.current))))
    });
    listed.map(|()| names).unwrap_or_default()
}

#[test]
fn a_subject_sees_its_own_sessions_lc9() {
    let site = Site::new(Policy::SECURE);
    let [mut laptop, mut phone, mut other]: [Jar; 3] = Default::default();
    site.sign_in(&mut laptop, "ann").unwrap();
    site.visit(&mut laptop, |session| session.set_label("laptop <b>")).unwrap();
    site.wait(5);
    site.sign_in(&mut phone, "ann").unwrap();
    site.sign_in(&mut other, "bob").unwrap();
    let list = names(&site, &mut laptop);
    let shown: Vec<_> = list.iter().map(|(_, label, current)| (label.as_deref(), *current)).collect();
    assert_eq!(shown, [(Some("laptop <b>"), true), (None, false)], "labels as given, the oldest login first");
    assert!(laptop.as_ref().is_some_and(|cookie| list.iter().all(|(id, ..)| !cookie.contains(id))));
    let mut anonymous = None;
    assert_eq!(site.visit(&mut anonymous, |session| run(session.list(|_| ()))), Err(Error::NotSignedIn));
    let mut admin = 0;
    run(site.sessions().list("ann", [0; 512], |_| admin += 1)).unwrap();
    assert_eq!((admin, anonymous), (2, None));
}

#[test]
fn revoked_sessions_are_over_and_stay_so_lc9_lc3() {
    let site = Site::new(Policy::SECURE);
    let [mut laptop, mut phone, mut tablet]: [Jar; 3] = Default::default();
    for jar in [&mut laptop, &mut phone, &mut tablet] {
        site.sign_in(jar, "ann").unwrap();
    }
    let first = names(&site, &mut phone)[0].0.clone();
    let late = site.visit(&mut laptop.clone(), |session| {
        session.set("n", &1_u32)?;
        assert_eq!(site.visit(&mut phone, |session| run(session.revoke(&first))), Ok(true));
        Ok(())
    });
    assert_eq!(late, Err(Error::Ended), "a request that is under way brings nothing back");
    assert_eq!(site.who(&laptop), None);
    assert_eq!(site.visit(&mut phone, |session| run(session.revoke(&first))), Ok(false));
    assert_eq!(site.visit(&mut phone, |session| run(session.revoke_others())), Ok(1));
    assert_eq!((site.who(&tablet), site.who(&phone)), (None, Some("ann".into())));
    site.sign_in(&mut laptop, "ann").unwrap();
    assert_eq!(site.visit(&mut phone, |session| run(session.revoke_all())), Ok(2));
    assert_eq!((site.who(&laptop), phone), (None, None), "sign out everywhere, and here");
}

#[test]
fn a_session_that_ended_meanwhile_ends_nobody_lc9() {
    let site = Site::new(Policy::SECURE);
    let [mut thief, mut owner]: [Jar; 2] = Default::default();
    for rotated in [false, true] {
        site.sign_in(&mut thief, "ann").unwrap();
        site.sign_in(&mut owner, "ann").unwrap();
        let owners = names(&site, &mut owner).into_iter().find(|(_, _, current)| *current).unwrap().0;
        // the thief's requests are under way when its session ends, or its cookie is replaced
        let end = |thief: &mut Jar| match rotated {
            false => site.visit(&mut owner.clone(), |session| run(session.revoke_others())).map(drop),
            true => site.visit(thief, |session| run(session.rotate())),
        };
        let late = if rotated { Error::CookieReplaced } else { Error::Ended };
        let mut old = thief.clone();
        let one = site.visit(&mut old, |session| end(&mut thief).and_then(|()| run(session.revoke(&owners))));
        assert_eq!((one, site.who(&owner)), (Err(late), Some("ann".into())));
        site.sign_in(&mut thief, "ann").unwrap();
        let mut old = thief.clone();
        let all = site.visit(&mut old, |session| end(&mut thief).and_then(|()| run(session.revoke_others())));
        assert_eq!((all, site.who(&owner)), (Err(late), Some("ann".into())));
    }
}

#[test]
fn the_index_is_never_believed_lc9() {
    let site = Site::new(Policy::SECURE);
    let [mut laptop, mut phone, mut bob]: [Jar; 3] = Default::default();
    for (jar, subject) in [(&mut laptop, "ann"), (&mut phone, "ann"), (&mut bob, "bob")] {
        site.sign_in(jar, subject).unwrap();
    }
    assert_eq!(names(&site, &mut laptop).len(), 2);
    let (index, ann) = (site.sessions().store().index().unwrap(), SubjectId::of("ann"));
    // a session of somebody else, and another login of the phone than the one that there is
    for (jar, login) in [(&bob, 1), (&phone, 9)] {
        let entry = IndexEntry { handle: handle(jar), login, ..IndexEntry::NONE };
        let entry = IndexEntry { ends: Time::MAX, ..entry };
        assert_eq!(run(index.add(&ann, Epoch(0), &entry, Time::ZERO)).unwrap(), Added::Applied);
    }
    assert_eq!(names(&site, &mut laptop).len(), 1, "what the records do not say is not shown");
    assert_eq!(site.visit(&mut laptop, |session| run(session.revoke_others())), Ok(0));
    assert_eq!((site.who(&phone), site.who(&bob)), (Some("ann".into()), Some("bob".into())));
}

fn handle(jar: &Jar) -> Handle {
    let value = jar.as_ref().unwrap().split_once('=').unwrap().1;
    Handle::from_bytes(*Base64UrlUnpadded::decode_vec(value).unwrap().first_chunk().unwrap())
}

#[test]
fn a_login_that_overlaps_a_change_of_password_is_refused_lc9() {
    let site = Site::new(Policy::SECURE);
    let [mut owner, mut thief]: [Jar; 2] = Default::default();
    site.sign_in(&mut owner, "ann").unwrap();
    let refused = site.visit(&mut thief, |session| {
        let attempt = run(session.begin_login("ann"))?;
        // the old password was right; then it is changed
        site.visit(&mut owner, |session| run(session.revoke_others()))?;
        run(session.login(attempt))
    });
    assert_eq!((refused, thief.clone()), (Err(Error::SignInAgain), None));
    assert_eq!(run(site.sessions().revoke_all("ann")), Ok(1), "of the refused login nothing is left");
    assert_eq!(site.who(&owner), None);
    assert_eq!(site.sign_in(&mut thief, "ann"), Ok(()));
}

#[test]
fn an_old_ticket_is_refused_lc9() {
    let site = Site::new(Policy::SECURE);
    let after = |millis| {
        let mut jar = None;
        site.visit(&mut jar, |session| {
            let attempt = run(session.begin_login("ann"))?;
            site.wait(millis);
            run(session.login(attempt))
        })
    };
    assert_eq!((after(599_999), after(600_000)), (Ok(()), Err(Error::SignInAgain)));
}

#[test]
fn the_cap_ends_the_oldest_that_is_there_lc9() {
    let site = Site::new(Policy::SECURE.max_sessions(2));
    let mut jars: [Jar; 4] = Default::default();
    for jar in &mut jars {
        site.sign_in(jar, "ann").unwrap();
        site.wait(1);
    }
    let who = |site: &Site, jars: &[Jar; 4]| jars.each_ref().map(|jar| site.who(jar).is_some());
    assert_eq!(who(&site, &jars), [false, false, true, true]);
    site.visit(&mut jars[2], |session| run(session.logout())).unwrap();
    site.sign_in(&mut jars[0], "ann").unwrap();
    assert_eq!(who(&site, &jars), [true, false, false, true], "who has signed out takes no place");
}

#[test]
fn everybody_at_once_lc10() {
    let site = Site::new(Policy::SECURE);
    let [mut ann, mut visitor]: [Jar; 2] = Default::default();
    site.sign_in(&mut ann, "ann").unwrap();
    site.visit(&mut visitor, |session| session.set("n", &1_u32)).unwrap();
    site.wait(1);
    run(site.sessions().end_all()).unwrap();
    assert_eq!(site.who(&ann), None);
    assert_eq!(site.visit(&mut visitor, |session| session.get::<u32>("n")), Ok(None));
    site.wait(1);
    site.sign_in(&mut ann, "ann").unwrap();
    assert_eq!(site.who(&ann), Some("ann".into()));
}

/// The order decides: a login that began before is refused, and no clock is asked.
#[test]
fn the_end_of_all_refuses_a_login_that_began_before_it_lc10_st19() {
    let site = Site::new(Policy::SECURE);
    let [mut ann, mut bob]: [Jar; 2] = Default::default();
    site.sign_in(&mut bob, "bob").unwrap();
    let late = site.visit(&mut ann, |session| {
        let attempt = run(session.begin_login("ann"))?;
        run(site.sessions().end_all())?;
        run(session.login(attempt))
    });
    assert_eq!(late, Err(Error::SignInAgain));
    assert_eq!((site.who(&ann), site.who(&bob)), (None, None));
    // within the same millisecond
    site.sign_in(&mut ann, "ann").unwrap();
    assert_eq!(site.who(&ann), Some("ann".into()));
    run(site.sessions().end_all()).unwrap();
    assert_eq!(site.who(&ann), None);
}

#[test]
fn a_store_that_cannot_list_says_so_lc9() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    for _ in 0..2 {
        server.request(&mut browser, |session| {
            world.store.calls();
            assert_eq!(run(session.list(|_| ())), Err(Error::Unsupported));
            assert_eq!(run(session.revoke("00000000")), Err(Error::Unsupported));
            assert_eq!(run(session.revoke_others()), Err(Error::Unsupported));
            assert_eq!(run(session.revoke_all()), Err(Error::Unsupported));
            assert_eq!(world.store.calls().all(), 0);
        });
        server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
    }
    server.peek(&browser, |session| assert_eq!(session.subject(), Some("ann"))).ok();
    let capped = world.server(Policy::SECURE.max_sessions(2));
    capped.request(&mut browser, |session| assert_eq!(sign_in(session, "ann"), Err(Error::Unsupported))).ok();
}

/// The index has lost the own entry, as a server does that evicts keys: who knows what else it has lost. Nobody is told
/// that all others have ended.
#[test]
fn an_index_that_lost_the_own_entry_is_noticed_st14() {
    let site = Site::new(Policy::SECURE);
    let [mut thief, mut owner]: [Jar; 2] = Default::default();
    site.sign_in(&mut thief, "ann").unwrap();
    site.sign_in(&mut owner, "ann").unwrap();
    let index = site.sessions().store().index().unwrap();
    let (subject, mut entries) = (SubjectId::of("ann"), [IndexEntry::NONE; 4]);
    let listing = run(index.list(&subject, 0, Time::ZERO, &mut entries)).unwrap();
    for entry in &entries[..listing.entries] {
        run(index.remove(&subject, entry, Time::ZERO)).unwrap();
    }
    assert_eq!(site.visit(&mut owner, |session| run(session.revoke_others())), Err(Error::Indeterminate));
    assert_eq!(site.who(&thief), Some("ann".into()), "nobody was told otherwise");
    // with the next login it is whole again for what came since
    site.sign_in(&mut owner, "ann").unwrap();
    assert_eq!(site.visit(&mut owner, |session| run(session.revoke_others())), Ok(0));
}

/// A sign-in is refused, and no revocation is in sight: one moved the epoch first, as it must (rules 8 and 9), and was
/// refused after that, because its own cookie had been replaced meanwhile. It ended nobody. The login that is refused has
/// left nothing behind, and the next one succeeds.
#[test]
fn a_revocation_that_is_refused_refuses_a_login_and_harms_nobody_lc9() {
    let site = Site::new(Policy::SECURE);
    let [mut phone, mut owner, mut laptop]: [Jar; 3] = Default::default();
    site.sign_in(&mut laptop, "ann").unwrap();
    site.sign_in(&mut owner, "ann").unwrap();
    let refused = site.visit(&mut phone, |login| {
        let attempt = run(login.begin_login("ann"))?;
        let revocation = site.visit(&mut owner.clone(), |old| {
            site.sign_in(&mut owner, "ann")?;
            run(old.revoke_others())
        });
        assert_eq!(revocation, Err(Error::CookieReplaced));
        run(login.login(attempt))
    });
    assert_eq!((refused, &phone), (Err(Error::SignInAgain), &None));
    let all = [site.who(&laptop), site.who(&owner)];
    assert_eq!(all, [Some("ann".into()), Some("ann".into())], "nobody has ended");
    assert_eq!(site.sessions().store().len(), 2, "the login that was refused left nothing behind");
    assert!(Error::SignInAgain.to_string().contains("request to end"), "it says no more than that");
    site.sign_in(&mut phone, "ann").unwrap();
    assert_eq!(site.who(&phone), Some("ann".into()));
}

/// The same by a revocation whose answers were lost, and which is done later: the login that is under way then is refused.
#[test]
fn a_late_bump_refuses_the_login_that_is_under_way_and_harms_nobody_lc9() {
    let site = Site::new(Policy::SECURE);
    let [mut phone, mut laptop]: [Jar; 2] = Default::default();
    site.sign_in(&mut laptop, "ann").unwrap();
    let index = site.sessions().store().index().unwrap();
    let refused = site.visit(&mut phone, |login| {
        let attempt = run(login.begin_login("ann"))?;
        run(index.bump(&SubjectId::of("ann"), Time::from_millis(1))).unwrap();
        run(login.login(attempt))
    });
    assert_eq!((refused, &phone), (Err(Error::SignInAgain), &None));
    assert_eq!((site.who(&laptop), site.sessions().store().len()), (Some("ann".into()), 1));
    site.sign_in(&mut phone, "ann").unwrap();
    assert_eq!(
        site.visit(&mut phone, |session| run(session.revoke_others())),
        Ok(1),
        "nothing is lost to a revocation"
    );
}
