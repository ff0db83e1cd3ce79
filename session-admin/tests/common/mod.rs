//! An application, and the program that looks at it.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::process::{Command, Output};

use session_core::environment::Clock;
use session_std::{Policy, Request, Session, Sessions, SharedStore, keys, policy};

/// The application: signs people in, now or before.
pub struct App(pub Sessions);

impl App {
    pub fn new(store: impl Into<SharedStore>, clock: impl Clock + Send + Sync + 'static) -> Self {
        let lifetimes = policy::Lifetimes::default();
        let policy = Policy::plain_http(policy::PlainCookie::new(), lifetimes).unwrap();
        Self(Sessions::new(store, keys::generated()).policy(policy).clock(clock))
    }

    pub async fn request<T>(&self, cookie: &str, handler: impl AsyncFnOnce(Session) -> T) -> (T, Option<String>) {
        let request = Request::new(self.0.clone());
        let session = request.session(std::iter::once(cookie.as_bytes()), true).await.unwrap();
        let result = handler(session).await;
        let finished = request.finish().await;
        assert_eq!(finished.error, None);
        (result, finished.cookie.map(|cookie| cookie.split(';').next().unwrap().to_owned()))
    }

    pub async fn sign_in(&self, subject: &str, label: &str) -> String {
        let (done, cookie) = self
            .request("", async |session| {
                let attempt = session.begin_login(subject).await?;
                session.set_label(label)?;
                session.login(attempt).await
            })
            .await;
        done.unwrap();
        cookie.unwrap()
    }

    /// A visitor who is not signed in.
    pub async fn visit(&self) -> String {
        self.request("", async |session| session.set("n", &1_u32).unwrap()).await.1.unwrap()
    }

    pub async fn whose(&self, cookie: &str) -> Option<String> {
        self.request(cookie, async |session| session.subject().unwrap()).await.0
    }
}

/// The program over this store.
#[derive(Clone)]
pub struct Admin(pub String);

impl Admin {
    /// The program with these arguments and variables, and without those of whoever runs the test.
    pub fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_session-admin"));
        program.env_clear().envs(variables.iter().copied()).arg("--store").arg(&self.0).args(arguments);
        program
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments, &[]).output().unwrap()
    }

    /// What it prints where it succeeds.
    #[track_caller]
    pub fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        text(&output.stdout)
    }

    /// What it says where it fails.
    #[track_caller]
    pub fn refused(&self, status: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(status), ""), "{arguments:?}");
        text(&output.stderr)
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
