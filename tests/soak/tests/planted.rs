//! The checker finds what was planted: one history for each rule, and beside it the nearest one in which nothing is wrong.

use soak::checker::{check, secrets_in};
use soak::history::{Cookie, Fault, History, Millis, Outcome, Request, Sample, Verb};

/// Cookie `number` of a session.
fn cookie(session: u64, number: u32) -> Option<Cookie> {
    Some(Cookie { session, number })
}

type Asked = (Millis, Millis, Verb, Option<Cookie>, u16, &'static str, Option<Cookie>);

/// Status 0: no answer.
fn history(requests: &[Asked]) -> History {
    let request = |&(start, end, verb, sent, status, text, got): &Asked| {
        let outcome = if status == 0 { Outcome::Closed } else { Outcome::Told(status, text.into()) };
        Request { client: 0, node: 0, start, end, verb, sent, outcome, got }
    };
    History { requests: requests.iter().map(request).collect(), idle: 60_000, ..History::default() }
}

fn fault(from: Millis, to: Millis) -> Fault {
    Fault { from, to, what: "server stopped".into(), stopped: None, emptied: false, stepped: false }
}

#[track_caller]
fn finds(rule: &str, history: &History) {
    let found = check(history).violations;
    assert!(!found.is_empty() && found.iter().all(|found| found.rule == rule), "{found:#?}");
}

#[track_caller]
fn finds_nothing(history: &History) {
    let found = check(history).violations;
    assert!(found.is_empty(), "{found:#?}");
}

/// A session of ann's, cookies 1 (visitor) and 2 (signed in), and then this.
fn ann(more: &[Asked]) -> History {
    let login = [
        (0, 10, Verb::Set("a", 1), None, 200, "ok", cookie(7, 1)),
        (20, 30, Verb::Login("ann"), cookie(7, 1), 200, "ok", cookie(7, 2)),
    ];
    history(&[&login, more].concat())
}

#[test]
fn a_cookie_from_before_the_login_lc2() {
    finds("ended", &ann(&[(40, 50, Verb::Read("a"), cookie(7, 1), 200, "v1", None)]));
    finds("ended", &ann(&[(40, 50, Verb::Set("b", 2), cookie(7, 1), 200, "ok", None)]));
    // it began before the login was answered
    finds_nothing(&ann(&[(25, 50, Verb::Read("a"), cookie(7, 1), 200, "v1", None)]));
    // as that of nobody: a session of its own
    finds_nothing(&ann(&[(40, 50, Verb::Set("b", 2), cookie(7, 1), 200, "ok", cookie(8, 3))]));
}

#[test]
fn a_cookie_after_the_logout_lc3() {
    let logout = |status, text| (40, 50, Verb::Logout, cookie(7, 2), status, text, None);
    let read = (60, 70, Verb::Read("a"), cookie(7, 2), 200, "v1", None);
    finds("ended", &ann(&[logout(200, "ok"), read]));
    finds_nothing(&ann(&[logout(409, ""), read]));
    let mut unknown = ann(&[logout(503, ""), read]);
    unknown.faults.push(fault(35, 45));
    finds_nothing(&unknown);
}

#[test]
fn a_cookie_after_a_rotation_lc3() {
    let rotation = (40, 50, Verb::Rotate, cookie(7, 2), 200, "ok", cookie(7, 3));
    finds("ended", &ann(&[rotation, (60, 70, Verb::WhoAmI, cookie(7, 2), 200, "ann", None)]));
    finds_nothing(&ann(&[rotation, (60, 70, Verb::WhoAmI, cookie(7, 3), 200, "ann", None)]));
}

#[test]
fn a_cookie_after_a_revocation_lc9() {
    let elsewhere = |user| (31, 32, Verb::Login(user), None, 200, "ok", cookie(8, 3));
    let revocation = (40, 50, Verb::RevokeOthers, cookie(8, 3), 200, "1", None);
    let read = (60, 70, Verb::Read("a"), cookie(7, 2), 200, "v1", None);
    finds("ended", &ann(&[elsewhere("ann"), revocation, read]));
    finds_nothing(&ann(&[elsewhere("bob"), revocation, read]));
    // the revoker may have become ann, and has not: a session has one subject for life
    let mut unknown =
        ann(&[elsewhere("bob"), (33, 34, Verb::Login("ann"), cookie(8, 3), 0, "", None), revocation, read]);
    unknown.faults.push(fault(33, 34));
    finds_nothing(&unknown);
}

#[test]
fn a_write_that_is_refused_without_another_request_st13() {
    let add = |start, sent, status, text| (start, start + 10, Verb::Add("n"), sent, status, text, None);
    finds("alone", &ann(&[add(40, cookie(7, 2), 409, "")]));
    finds_nothing(&ann(&[add(40, cookie(7, 2), 409, ""), add(45, cookie(7, 2), 200, "1")]));
    finds_nothing(&ann(&[add(40, cookie(7, 1), 409, "")]));
}

/// Adds to `n`, with these statuses and numbers, and then a read.
fn adds(adds: &[(u16, &'static str)], read: &'static str) -> History {
    let mut requests: Vec<Asked> = vec![(0, 10, Verb::Set("a", 1), None, 200, "ok", cookie(7, 1))];
    for (at, &(status, text)) in adds.iter().enumerate() {
        let at = 20 + 10 * at as u64;
        requests.push((at, at + 5, Verb::Add("n"), cookie(7, 1), status, text, None));
    }
    // what others are refused for
    requests.push((20, 90, Verb::Set("b", 2), cookie(7, 1), 200, "ok", None));
    requests.push((100, 110, Verb::Read("n"), cookie(7, 1), if read.is_empty() { 204 } else { 200 }, read, None));
    let mut history = history(&requests);
    history.faults.push(fault(0, 60));
    history
}

#[test]
fn an_add_that_is_counted_wrongly_st13() {
    finds_nothing(&adds(&[(200, "1"), (200, "2")], "2"));
    finds("add", &adds(&[(200, "1"), (200, "2")], "1"));
    finds("add", &adds(&[(200, "1"), (200, "2")], "3"));
    // unknown: once or not at all
    finds_nothing(&adds(&[(200, "1"), (503, "")], "1"));
    finds_nothing(&adds(&[(200, "1"), (503, "")], "2"));
    finds("add", &adds(&[(200, "1"), (503, "")], "3"));
    // refused: never
    finds_nothing(&adds(&[(200, "1"), (409, "")], "1"));
    finds("add", &adds(&[(200, "1"), (409, "")], "2"));
    // gone with an answer that nobody was told
    finds("set", &adds(&[(200, "1")], ""));
}

#[test]
fn two_adds_that_are_told_one_number_st3() {
    let add = |start, text| (start, 60, Verb::Add("n"), cookie(7, 2), 200, text, None);
    finds("add", &ann(&[add(40, "1"), add(41, "1")]));
    finds_nothing(&ann(&[add(40, "1"), add(41, "2")]));
}

#[test]
fn an_acknowledged_set_that_is_not_seen_st3() {
    let set = |start, status| (start, start + 5, Verb::Set("a", 2), cookie(7, 2), status, "ok", None);
    let read = |status, text| (60, 70, Verb::Read("a"), cookie(7, 2), status, text, None);
    finds("set", &ann(&[set(40, 200), read(200, "v1")]));
    finds("set", &ann(&[set(40, 200), read(204, "")]));
    let other = (40, 50, Verb::Set("b", 3), cookie(7, 2), 200, "ok", None);
    finds("refused", &ann(&[set(40, 409), other, read(200, "v2")]));
    finds_nothing(&ann(&[set(40, 200), read(200, "v2")]));
    // at the same time
    finds_nothing(&ann(&[set(58, 200), read(200, "v1")]));
    // somebody may have ended the session meanwhile
    finds_nothing(&ann(&[(50, 90, Verb::Logout, cookie(7, 2), 200, "ok", None), read(204, "")]));
    // a renewal before the logout, whose answer was slow
    let renewed = (4040, 4090, Verb::Set("b", 2), cookie(7, 2), 200, "ok", cookie(7, 3));
    let logout = (4055, 4060, Verb::Logout, cookie(7, 2), 200, "ok", None);
    let late = (4100, 4110, Verb::Read("a"), cookie(7, 3), 204, "", None);
    finds_nothing(&ann(&[logout, renewed, late]));
    finds("set", &ann(&[renewed, late]));
    let mut emptied = ann(&[read(204, "")]);
    emptied.faults.push(Fault { emptied: true, ..fault(45, 50) });
    finds_nothing(&emptied);
}

#[test]
fn a_value_that_two_have_taken_lc17() {
    let set = (40, 50, Verb::Set("once", 2), cookie(7, 2), 200, "ok", None);
    let take = |status, text| (60, 70, Verb::Take("once"), cookie(7, 2), status, text, None);
    let read = (80, 90, Verb::Read("once"), cookie(7, 2), 200, "v2", None);
    finds("take", &ann(&[set, take(200, "v2"), take(200, "v2")]));
    finds("take", &ann(&[set, take(200, "v2"), read]));
    finds_nothing(&ann(&[set, take(200, "v2"), take(204, "")]));
}

#[test]
fn something_of_another_session() {
    let other = (40, 50, Verb::Set("a", 2), None, 200, "ok", cookie(8, 3));
    let read = |text| (60, 70, Verb::Read("a"), cookie(7, 2), 200, text, None);
    finds("apart", &ann(&[other, read("v2")]));
    finds("apart", &ann(&[read("v9")]));
    finds("apart", &ann(&[(60, 70, Verb::WhoAmI, cookie(7, 2), 200, "bob", None)]));
    finds("apart", &ann(&[(60, 70, Verb::Login("bob"), cookie(7, 2), 200, "ok", cookie(7, 4))]));
    finds_nothing(&ann(&[other, read("v1"), (60, 70, Verb::WhoAmI, cookie(7, 2), 200, "ann", None)]));
}

#[test]
fn two_clicks_that_end_in_two_sessions_lc18() {
    let click = |start, got| (start, start + 20, Verb::Login("ann"), cookie(7, 2), 200, "ok", got);
    finds("twice", &ann(&[click(40, cookie(7, 3)), click(45, cookie(8, 4))]));
    finds_nothing(&ann(&[click(40, cookie(7, 3)), click(45, cookie(7, 3))]));
    finds_nothing(&ann(&[click(40, cookie(7, 3)), click(70, cookie(8, 4))]));
    // the cookie that replaced theirs is renewed by the first click
    let before = click(40, cookie(7, 3));
    finds_nothing(&ann(&[before, click(5_040, cookie(7, 5)), click(5_045, cookie(8, 6))]));
}

#[test]
fn a_request_that_hangs_st10() {
    let read = [(40, 9_000, Verb::Read("a"), cookie(7, 2), 200, "v1", None)];
    finds("hang", &ann(&read));
    let mut stopped = ann(&read);
    stopped.faults.push(Fault { stopped: Some(0), ..fault(100, 2_000) });
    finds_nothing(&stopped);
}

#[test]
fn a_wrong_clock_excuses_an_early_end_but_no_late_one_st10() {
    let stepped = |mut history: History| {
        history.faults.push(Fault { stepped: true, ..fault(35, 45) });
        history
    };
    let gone = ann(&[(50, 60, Verb::Read("a"), cookie(7, 2), 204, "", None)]);
    finds("set", &gone);
    finds_nothing(&stepped(gone));
    finds("ended", &stepped(ann(&[(50, 60, Verb::Read("a"), cookie(7, 1), 200, "v1", None)])));
}

#[test]
fn no_answer_and_no_fault_st10() {
    for status in [0, 503] {
        let mut told = ann(&[(10_000, 10_010, Verb::Read("a"), cookie(7, 2), status, "", None)]);
        finds("unavailable", &told);
        told.faults.push(fault(100, 6_900));
        finds("unavailable", &told);
        told.faults.push(fault(100, 7_100));
        finds_nothing(&told);
    }
}

#[test]
fn a_status_that_has_no_place() {
    finds("status", &ann(&[(40, 50, Verb::Read("a"), cookie(7, 2), 500, "", None)]));
}

#[test]
fn nodes_that_grow() {
    let mut history = ann(&[]);
    history.samples.push(Sample { node: 0, at: 5, kilobytes: 20_000, descriptors: 30 });
    finds_nothing(&history);
    history.samples.push(Sample { node: 0, at: 9, kilobytes: 2_000_000, descriptors: 30 });
    finds("bounded", &history);
    history.samples.pop();
    history.samples.push(Sample { node: 0, at: 9, kilobytes: 20_000, descriptors: 3_000 });
    finds("bounded", &history);
}

#[test]
fn a_secret_in_what_nodes_print_id6() {
    let secrets = ["AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA".to_owned()];
    assert_eq!(secrets_in("session AQIDBAUGBwg ended, cookie renewed", &secrets), 0, "a handle is no secret");
    assert_eq!(secrets_in("Cookie: id=AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA", &secrets), 1);
    assert_eq!(secrets_in("JCGSMDQ4PEBESExQVFhcY", &secrets), 1, "a part, in whatever case");
}
