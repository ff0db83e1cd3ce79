//! A browser as far as the application can tell.

use openidconnect::reqwest::header::{ACCEPT, COOKIE, HeaderValue, LOCATION, SET_COOKIE};
use openidconnect::reqwest::{Client, Method, Response, StatusCode, redirect};

#[derive(Clone)]
pub(crate) struct Browser {
    http: Client,
    app: String,
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new(app: &str) -> Self {
        let http = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { http, app: app.into(), cookie: None }
    }

    async fn send(&mut self, method: Method, url: &str, site: &'static str) -> Response {
        let url = if url.starts_with('/') { format!("{}{url}", self.app) } else { url.into() };
        let mut request = self.http.request(method, &url).header(ACCEPT, "text/html");
        request = request.header("sec-fetch-mode", "navigate").header("sec-fetch-site", site);
        let cookie = self.cookie.as_ref().filter(|_| url.starts_with(&self.app));
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let response = request.send().await.unwrap();
        if let Some(set) = response.headers().get(SET_COOKIE).map(text) {
            self.cookie = (!set.contains("Max-Age=0")).then(|| set.split(';').next().unwrap().to_owned());
        }
        response
    }

    /// Follows a link or types an address.
    pub(crate) async fn open(&mut self, url: &str) -> Response {
        self.send(Method::GET, url, "none").await
    }

    /// Comes from the provider.
    pub(crate) async fn come_back(&mut self, url: &str) -> Response {
        self.send(Method::GET, url, "cross-site").await
    }

    /// Presses a button on a page of the application.
    pub(crate) async fn press(&mut self, path: &str) -> Response {
        self.send(Method::POST, path, "same-origin").await
    }

    /// Begins to sign in, and does so at the provider. Returns where the provider sends the browser then.
    pub(crate) async fn to_the_provider(&mut self, page: &str) -> String {
        let there = location(&self.open(page).await);
        location(&self.open(&there).await)
    }

    /// Returns who the application says is signed in.
    pub(crate) async fn account(&mut self) -> Option<String> {
        let response = self.open("/account").await;
        match response.status() {
            StatusCode::OK => Some(response.text().await.unwrap()),
            StatusCode::SEE_OTHER => None,
            other => panic!("{other}"),
        }
    }
}

fn text(value: &HeaderValue) -> String {
    value.to_str().unwrap().to_owned()
}

/// Returns where an answer sends a browser.
pub(crate) fn location(response: &Response) -> String {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    text(&response.headers()[LOCATION])
}
