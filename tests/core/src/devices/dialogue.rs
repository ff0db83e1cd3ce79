//! What an adapter has to answer, whatever its framework.

use super::proof::Proof;

/// An answer.
pub struct Sent {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Sent {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| &**value).unwrap_or_default()
    }

    fn cookie(&self, name: &str) -> String {
        let cookies = self.headers.iter().filter(|(other, _)| other == "set-cookie");
        let pairs = cookies.filter_map(|(_, value)| value.split(';').next());
        pairs.filter(|pair| pair.starts_with(&format!("{name}="))).collect()
    }
}

/// Holds the dialogue with an application whose layer answers at `/device-session`, checks signatures with
/// [`Toy`](super::Toy), refuses cross-site requests and sends strangers to `/sign-in`: `POST /sign-in` signs ann in, `GET /who`
/// says who is signed in and wants somebody. There is no route for the endpoint.
///
/// # Panics
/// If an answer is another one than browsers expect.
pub fn dialogue(mut send: impl FnMut(&str, &str, &[(&str, &str)]) -> Sent) {
    let browser = [("sec-fetch-mode", "no-cors"), ("sec-fetch-site", "same-origin"), ("origin", "https://app.example")];
    let mut endpoint = |query: &str, more: &[(&str, &str)], own: bool| {
        let own = if own { &browser[..] } else { &[] };
        let headers: Vec<(&str, &str)> = own.iter().chain(more).copied().chain([("host", "app.example")]).collect();
        let sent = send("POST", &format!("/device-session{query}"), &headers);
        assert_eq!((sent.header("location"), sent.header("cache-control")), ("", "no-store"));
        sent
    };
    assert_eq!(endpoint("", &[], false).status, 401, "not of the browser itself");
    assert_eq!(endpoint("", &[], true).status, 401, "nobody is signed in");
    assert_eq!(endpoint("?s=x", &[("sec-secure-session-id", "x")], true).status, 401, "no session of ours");

    let signed_in = send("POST", "/sign-in", &[("host", "app.example"), ("sec-fetch-site", "same-origin")]);
    let named = signed_in.cookie("__Host-id");
    let registration = signed_in.header("secure-session-registration").to_owned();
    assert!(registration.starts_with("(ES256);path=\"/device-session\";challenge=\""), "{registration}");
    let challenge = registration.split('"').nth(3).unwrap_or_default();
    let proof = Proof::registration(1, challenge).text();

    let mut endpoint = |query: &str, more: &[(&str, &str)]| {
        let headers: Vec<(&str, &str)> = browser.iter().chain(more).copied().chain([("host", "app.example")]).collect();
        send("POST", &format!("/device-session{query}"), &headers)
    };
    let registered = endpoint("", &[("cookie", &named), ("secure-session-response", &proof)]);
    assert_eq!((registered.status, registered.header("content-type")), (200, "application/json"));
    let query = registered.body.split("/device-session").nth(1).and_then(|rest| rest.split('"').next());
    let query = query.unwrap_or_else(|| panic!("{}", registered.body)).to_owned();
    let proven = registered.cookie("__Host-id-b");
    assert!(!proven.is_empty());

    let id = ("sec-secure-session-id", "x");
    let asked = endpoint(&query, &[id]);
    assert_eq!((asked.status, &*asked.body), (403, ""));
    let challenge = asked.header("secure-session-challenge").split('"').nth(1).unwrap_or_default().to_owned();
    let proof = Proof::refresh(1, &challenge).text();
    let refreshed = endpoint(&query, &[id, ("secure-session-response", &proof)]);
    assert_eq!((refreshed.status, &*refreshed.body), (200, ""));
    assert!(!refreshed.header("secure-session-challenge").is_empty());
    assert!(!refreshed.cookie("__Host-id-b").is_empty());

    let both = format!("{named}; {proven}");
    let who = send("GET", "/who", &[("host", "app.example"), ("cookie", &both)]);
    assert_eq!((who.status, &*who.body), (200, "ann"));
    let page = [("host", "app.example"), ("accept", "text/html")];
    assert_eq!(send("GET", "/who", &page).status, 303, "everybody else");
}
