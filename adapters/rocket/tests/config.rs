//! Sessions as Rocket.toml and the environment say. Every test has a directory and an environment of its own, one after the other.

use figment::Jail;
use rocket::error::ErrorKind;
use rocket::http::Header;
use rocket::local::blocking::Client;
use rocket::{Config, get, post, routes};
use session_rocket::config::{ConfigError, sessions};
use session_rocket::{Authenticated, MemoryStore, Session, SessionLayer, SessionRejection};

const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";

#[allow(clippy::result_large_err)] // the error is figment's
fn with(toml: &str, test: impl FnOnce(&mut Jail)) {
    Jail::expect_with(|jail| {
        jail.clear_env();
        jail.set_env("ROCKET_LOG_LEVEL", "off");
        jail.create_file("Rocket.toml", toml)?;
        test(jail);
        Ok(())
    });
}

#[post("/login")]
async fn login(session: Session) -> Result<(), SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    Ok(session.login(attempt).await?)
}

#[get("/who")]
fn who(user: Authenticated) -> String {
    user.subject
}

/// The `Set-Cookie` of a rocket that is configured so.
fn set_cookie() -> String {
    #[get("/")]
    fn sets(session: Session) -> Result<(), SessionRejection> {
        Ok(session.set("a", &1)?)
    }
    let rocket = rocket::build().attach(SessionLayer::configured(MemoryStore::new())).mount("/", routes![sets]);
    let client = Client::untracked(rocket).unwrap();
    client.get("/").dispatch().headers().get_one("Set-Cookie").unwrap().to_owned()
}

fn refused() -> String {
    let why = sessions(&Config::figment(), MemoryStore::new()).map(drop).unwrap_err();
    let text = why.to_string();
    assert!(!text.contains('\n') && !text.contains(&KEY[8..40]), "{text}");
    let launch = Client::untracked(rocket::build().attach(SessionLayer::configured(MemoryStore::new())));
    assert!(launch.is_err_and(|why| matches!(why.kind(), ErrorKind::FailedFairings(failed) if failed.len() == 1)));
    text
}

#[test]
fn without_a_table_a_debug_build_has_the_defaults_ck5() {
    with("", |_| {
        let cookie = set_cookie();
        assert!(
            cookie.starts_with("__Host-id=") && cookie.contains("Max-Age=43200") && cookie.contains("Secure"),
            "{cookie}"
        );
    });
}

#[test]
fn a_release_does_not_start_without_a_key() {
    with("[debug.session]\nplain_http = true", |jail| {
        jail.set_env("ROCKET_PROFILE", "release");
        let why = refused();
        assert!(why.contains("key_file") && why.contains("ROCKET_SESSION") && why.contains("openssl"), "{why}");
        jail.set_env("ROCKET_SESSION", format!("{{key=\"{KEY}\"}}"));
        assert!(set_cookie().starts_with("__Host-id="));
    });
}

#[test]
fn every_field() {
    let toml = format!(
        "[default.session]\nkey = \"{KEY}\"\ncookie = \"__Secure-a\"\ndomain = \"example.org\"\npath = \"/app\"\n\
         same_site = \"none\"\npartitioned = true\nend_on_reuse = true\non_mismatch = \"end\"\n\
         idle = 0\nabsolute = 500\nrenew_after = 120\ngrace = 30\ntouch_every = 5\nremember = 1000\n\
         [debug.session]\nabsolute = 600"
    );
    with(&toml, |jail| {
        let cookie = set_cookie();
        assert!(cookie.starts_with("__Secure-a="), "{cookie}");
        for part in ["Domain=example.org", "Path=/app", "SameSite=None", "Partitioned", "Max-Age=600"] {
            assert!(cookie.contains(part), "{part}: {cookie}");
        }
        // the environment goes before the file, field by field
        jail.set_env("ROCKET_SESSION", "{absolute=700}");
        assert!(set_cookie().contains("Max-Age=700"));
    });
    with("[default.session]\nabsolute = 0", |_| {
        assert!(set_cookie().contains("Max-Age=34560000"), "no limit: the longest that browsers keep");
    });
    with("[default.session]\nplain_http = true\ncookie = \"a\"\npath = \"/b\"\nsame_site = \"strict\"", |_| {
        let cookie = set_cookie();
        assert!(
            cookie.starts_with("a=")
                && cookie.contains("Path=/b")
                && cookie.contains("SameSite=Strict")
                && !cookie.contains("Secure"),
            "{cookie}"
        );
    });
}

#[test]
fn a_key_file_beside_the_configuration() {
    with("[default.session]\nkey_file = \"secret/key\"", |jail| {
        jail.set_env("ROCKET_PROFILE", "release");
        assert!(refused().contains("secret/key"));
        jail.create_dir("secret").unwrap();
        jail.create_file("secret/key", &format!("{KEY}\n")).unwrap();
        set_cookie();
    });
}

#[test]
fn a_key_file_is_relative_to_the_file_that_names_it() {
    with("", |jail| {
        jail.set_env("ROCKET_PROFILE", "release");
        jail.set_env("ROCKET_CONFIG", "conf/Rocket.toml");
        jail.create_dir("conf").unwrap();
        jail.create_file("conf/Rocket.toml", "[default.session]\nkey_file = \"key\"").unwrap();
        jail.create_file("conf/key", KEY).unwrap();
        set_cookie();
    });
}

#[test]
fn the_newest_login_ends_the_oldest_session_lc9() {
    with("[default.session]\nmax_sessions = 1", |_| {
        let rocket = || rocket::build().attach(SessionLayer::configured(MemoryStore::new()));
        let client = Client::untracked(rocket().mount("/", routes![login, who])).unwrap();
        let sign_in = || {
            let answer = client.post("/login").dispatch();
            let cookie = answer.headers().get_one("Set-Cookie").unwrap().split(';').next().unwrap().to_owned();
            Header::new("Cookie", cookie)
        };
        let (oldest, newest) = (sign_in(), sign_in());
        let who = |cookie| client.get("/who").header(cookie).dispatch().status().code;
        assert_eq!((who(oldest), who(newest)), (401, 200));
    });
}

/// Each error names the field and where it is set.
#[test]
fn what_cannot_work_is_named_in_one_line() {
    let zero = "00".repeat(32);
    let cut = &KEY[1..];
    for (fields, words) in [
        ("idel = 5", &["idel", "in Rocket.toml"][..]),
        ("idle = \"soon\"", &["session.idle", "in Rocket.toml"]),
        ("same_site = \"both\"", &["session.same_site", "in Rocket.toml"]),
        (&format!("key = \"{cut}\""), &["session.key in Rocket.toml: ", "64 hexadecimal digits"]),
        ("key = 5", &["session.key in Rocket.toml: ", "64 hexadecimal digits"]),
        (&format!("key = \"{zero}\""), &["session.key in Rocket.toml: ", "not random"]),
        (&format!("key = \"{KEY}"), &["line 2", "Rocket.toml"]),
        (&format!("key_file = \"{KEY}\""), &["session.key_file in Rocket.toml: ", "looks like a key"]),
        (
            &format!("key = \"{KEY}\"\nkey_file = \"x\""),
            &["session.key in Rocket.toml and session.key_file in Rocket.toml are both set"],
        ),
        (
            "plain_http = true\ndomain = \"example.org\"",
            &["session.domain in Rocket.toml needs", "session.plain_http in Rocket.toml"],
        ),
        ("plain_http = true\nsame_site = \"none\"", &["session.same_site in Rocket.toml", "session.plain_http"]),
        ("plain_http = true\npartitioned = true", &["session.partitioned in Rocket.toml", "session.plain_http"]),
        ("path = \"/app\"", &["session.path in Rocket.toml without session.domain: ", "Path=/"]),
        ("domain = \"example.org\"\npath = \"app\"", &["session.path in Rocket.toml: ", "cookie path"]),
        ("on_mismatch = \"ask\"", &["session.on_mismatch", "in Rocket.toml"]),
        ("plain_http = true\ncookie = \"__Host-a\"", &["session.cookie in Rocket.toml: ", "__Host-"]),
        ("cookie = \"a b\"", &["session.cookie in Rocket.toml: "]),
        ("cookie = \"a\"", &["session.cookie in Rocket.toml: ", "__Host-"]),
        ("domain = \"a;b\"", &["session.domain in Rocket.toml: "]),
        ("renew_after = 60\ngrace = 60", &["session.renew_after in Rocket.toml, session.grace in Rocket.toml: "]),
        ("touch_every = 3600", &["session.touch_every in Rocket.toml: ", "shorter than idle"]),
    ] {
        with(&format!("[default.session]\n{fields}"), |_| {
            let why = refused();
            assert!(words.iter().all(|word| why.contains(word)), "{fields}: {why}");
        });
    }
    with("[default]\nsession = 5", |_| {
        assert!(matches!(sessions(&Config::figment(), MemoryStore::new()), Err(ConfigError::Table(_))))
    });
    for (variable, words) in [
        (&*format!("{{key=\"{cut}\"}}"), &["key in ROCKET_SESSION: ", "64 hexadecimal digits"][..]),
        ("{cookie=\"a\"}", &["cookie in ROCKET_SESSION: ", "__Host-"]),
        ("{idle=\"soon\"}", &["SESSION.IDLE", "`ROCKET_` environment variable"]),
        // no table, because the last bracket is missing
        (&format!("{{key=\"{KEY}\""), &["the table `session`", "`ROCKET_` environment variable"]),
    ] {
        with("", |jail| {
            jail.set_env("ROCKET_SESSION", variable);
            let why = refused();
            assert!(words.iter().all(|word| why.contains(word)), "{variable}: {why}");
        });
    }
}

/// A key that was put into the wrong field, or where a field's name belongs, is not shown.
#[test]
fn no_error_shows_a_key_in_any_place() {
    let fields = [
        "key_file",
        "application",
        "token_header",
        "cookie",
        "domain",
        "path",
        "same_site",
        "on_mismatch",
        "idle",
        "absolute",
        "sealed",
        "plain_http",
        "max_sessions",
        "device_bound",
    ];
    let settings = fields.iter().map(|field| format!("{field}=\"{KEY}\""));
    let settings = settings.chain([format!("key=[\"{KEY}\"]"), format!("{KEY}=1"), format!("key={{a=\"{KEY}\"}}")]);
    for setting in settings {
        let check = || {
            let why = sessions(&Config::figment(), MemoryStore::new()).map(drop).map_err(|why| why.to_string());
            let why = why.err().unwrap_or_default();
            assert!(!why.contains(&KEY[8..40]), "{setting}: {why}");
        };
        with(&format!("[default.session]\n{setting}"), |_| check());
        with("", |jail| {
            jail.set_env("ROCKET_SESSION", format!("{{{setting}}}"));
            check();
        });
    }
    with(&format!("[default]\nsession = \"{KEY}\""), |_| drop(refused()));
}

/// The token in a header instead of a cookie.
#[test]
fn a_token_in_a_header_tr5() {
    with(&format!("[default.session]\nkey = \"{KEY}\"\ntoken_header = \"authorization\""), |_| {
        let layer = SessionLayer::configured(MemoryStore::new()).refuse_cross_site(&[]);
        let client = Client::tracked(rocket::build().attach(layer).mount("/", routes![login, who])).unwrap();
        let answer = client.post("/login").header(Header::new("Sec-Fetch-Site", "cross-site")).dispatch();
        let token = answer.headers().get_one("Authorization").unwrap().to_owned();
        assert!(token.starts_with("Bearer ") && answer.headers().get_one("Set-Cookie").is_none());
        let asked = client.get("/who").header(Header::new("Authorization", token)).dispatch();
        assert_eq!(asked.into_string().unwrap(), "ann");
        assert_eq!(client.get("/who").dispatch().status().code, 401);
    });
    with("[default.session]\ntoken_header = \"cookie\"", |_| assert!(refused().contains("token header")));
}
