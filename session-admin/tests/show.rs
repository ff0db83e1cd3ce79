//! A session's values, shown by a program that does not know their types.

use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use session_std::{Policy, Request, Sessions, SystemClock, Typed, keys};
use session_store_sql::SqlStore;

#[derive(Default, Serialize, Deserialize)]
struct Cart {
    items: Vec<String>,
    total: u32,
}

/// What serde takes for bytes.
fn serde_bytes_of(bytes: &[u8]) -> impl Serialize {
    struct Bytes(Vec<u8>);
    impl Serialize for Bytes {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }
    Bytes(bytes.to_vec())
}

fn admin(url: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_session-admin"));
    let output = program.arg("--store").arg(url).arg("--json").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn values_are_shown_without_types_lc9() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("sessions.db").display());
    let sessions = Sessions::new(SqlStore::open(&url).unwrap(), keys::generated());
    let sessions = sessions.policy(Policy::PLAIN_HTTP).clock(SystemClock);
    for (user, total) in [("ann", 3), ("ann", 4), ("bob", 5)] {
        let request = Request::new(sessions.clone());
        let session = request.session(std::iter::empty(), true).await.unwrap();
        let attempt = session.begin_login(user).await.unwrap();
        session.login(attempt).await.unwrap();
        session.set("note", "hush").unwrap();
        session.set("note.2", &serde_bytes_of(b"hush")).unwrap();
        for key in ["hush@example.org", "data.hush@example.org", "data.hush@example.com", "data.10.0.0.1"] {
            session.set(key, &1_u8).unwrap();
        }
        session.flash_message("hush").unwrap();
        let mut cart = Typed::<Cart>::of(session).unwrap();
        (cart.items, cart.total) = (vec!["hush tea".into()], total);
        cart.save().unwrap();
        drop(cart);
        assert_eq!(request.finish().await.error, None);
    }
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let (status, told, why) = admin(&url, arguments);
        assert_eq!((status, why.as_str()), (Some(0), ""));
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let both = lines(&["show", "ann"]);
    assert_eq!(both.len(), 2);
    for (line, total) in both.iter().zip([3, 4]) {
        let masked = json!({
            "note": "<text of 4 characters>", "data.items": ["<text of 8 characters>"], "data.total": total,
            "note.2": "<4 bytes>", "<key of 16 characters>": 1, "data.<name of 16 characters>": 1,
            "data.<name of 16 characters> (2)": 1, "data.<name of 8 characters>": 1,
        });
        assert_eq!(line["values"], masked);
    }
    let id = both[1]["id"].as_str().unwrap();
    assert_eq!(id, lines(&["list", "ann"])[1]["id"]);
    let one = lines(&["show", "ann", "--id", id, "--values"]);
    assert_eq!(one.len(), 1);
    let plain = json!({
        "note": "hush", "data.items": ["hush tea"], "data.total": 4, "note.2": b"hush", "hush@example.org": 1,
        "data.hush@example.org": 1, "data.hush@example.com": 1, "data.10.0.0.1": 1,
    });
    assert_eq!(one[0]["values"], plain);

    assert_eq!(lines(&["show", "eve"]).len(), 0);
    let (status, told, why) = admin(&url, &["show", "bob", "--id", id]);
    assert_eq!((status, told.as_str(), why), (Some(1), "", format!("bob has no session {id}\n")));
}
