//! What a client, a log and an operator read when a session or its configuration fails.

use core_tests::texts::{EVERY_ERROR, check_rejections, check_text};
use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use rocket::local::blocking::Client;
use rocket::{get, routes};
use session_rocket::{MemoryStore, SessionRejection, config};

#[get("/<number>")]
fn failed(number: usize) -> SessionRejection {
    SessionRejection(EVERY_ERROR[number])
}

/// Rocket logs the `Debug` of a guard's error, so that is the sentence as well.
#[test]
fn every_rejection_says_what_to_do() {
    let layer = "`.attach(SessionLayer::new(sessions))`";
    check_rejections(|error| SessionRejection(error).to_string(), layer);
    check_rejections(|error| format!("{:?}", SessionRejection(error)), layer);
    let client = Client::tracked(rocket::build().mount("/", routes![failed])).unwrap();
    for (number, error) in EVERY_ERROR.into_iter().enumerate() {
        let response = client.get(format!("/{number}")).dispatch();
        assert_eq!(response.status().code, error.status());
        assert_eq!(response.into_string().unwrap(), format!("{}\n", SessionRejection(error)));
    }
}

#[test]
fn every_mistake_in_the_configuration_says_what_to_do() {
    let error = |profile: &str, name: &str, value: &str| {
        let figment = Figment::new().select(profile).merge(Serialized::global(
            "session",
            [(name, value)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .collect::<std::collections::BTreeMap<_, _>>(),
        ));
        config::sessions(&figment, MemoryStore::new()).map(drop).unwrap_err().to_string()
    };
    let no_key = error("release", "cookie", "__Host-id");
    check_text("NoKey", &no_key);
    assert!(no_key.contains("openssl rand -hex 32") && no_key.contains("ROCKET_SESSION"), "{no_key}");
    let settings = error("debug", "cookie", "a");
    check_text("Settings", &settings);
    assert!(settings.starts_with("session.cookie"), "{settings}");
    let table = error("debug", "idle", "soon");
    assert!(table.starts_with("the table `session`: ") && table.contains("idle"), "{table}");
}
