//! Sign-in at a provider by OpenID Connect: the authorization code flow with PKCE, state and nonce. The README says what to
//! change for a provider of yours.

use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl,
    Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse, reqwest, url,
};
use serde::{Deserialize, Serialize};
use session_axum::sign_in::local_path;
use session_axum::{Authenticated, Error, Session, SessionLayer, SessionRejection, Sessions};

/// Where the session keeps what a sign-in waits with.
const WAITING: &str = "sign_in";

/// A client that has discovered its provider.
type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The provider, and how it knows this application.
pub struct Provider {
    issuer: IssuerUrl,
    id: ClientId,
    secret: ClientSecret,
    callback: RedirectUrl,
    http: reqwest::Client,
}

impl Provider {
    /// Takes the provider's issuer URL, the client's id and secret there, and the URL of this application.
    ///
    /// # Errors
    /// If a URL is none.
    pub fn new(issuer: &str, id: &str, secret: &str, base: &str) -> Result<Self, url::ParseError> {
        // what a provider redirects to is not asked: it could be a server of this network
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        Ok(Self {
            issuer: IssuerUrl::new(issuer.into())?,
            id: ClientId::new(id.into()),
            secret: ClientSecret::new(secret.into()),
            callback: RedirectUrl::new(format!("{}/callback", base.trim_end_matches('/')))?,
            http: http.unwrap_or_default(),
        })
    }

    /// Asks the provider for its endpoints and keys. At every sign-in, because providers change their keys. A busy
    /// application keeps the answer for some minutes.
    async fn client(&self) -> Result<Client, Refusal> {
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http).await;
        let metadata = metadata.map_err(|why| unreachable(&why))?;
        let client = CoreClient::from_provider_metadata(metadata, self.id.clone(), Some(self.secret.clone()));
        Ok(client.set_redirect_uri(self.callback.clone()))
    }
}

/// What the provider's answer is compared with. It waits in the session, so the answer counts only in the browser that
/// began, and only once.
#[derive(Serialize, Deserialize)]
struct Waiting {
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    next: String,
}

/// Returns the application.
pub fn app(provider: Provider, sessions: Sessions) -> Router {
    let layer = SessionLayer::new(sessions).sign_in_at("/sign-in").refuse_cross_site(&[]);
    Router::new()
        .route("/", get(home))
        .route("/account", get(account))
        .route("/sign-in", get(sign_in))
        .route("/callback", get(callback))
        .route("/sign-out", post(sign_out))
        .with_state(Arc::new(provider))
        .layer(layer)
}

async fn home() -> Html<&'static str> {
    Html(r#"<a href="/account">Account</a> <form method="post" action="/sign-out"><button>Sign out</button></form>"#)
}

async fn account(user: Authenticated) -> Result<String, SessionRejection> {
    let name = user.session.get::<String>("name")?.unwrap_or_default();
    Ok(format!("Hello {name}, you are {} at the provider.\n", user.subject))
}

#[derive(Deserialize)]
struct Wanted {
    next: Option<String>,
}

/// Sends the browser to the provider.
async fn sign_in(
    session: Session,
    State(provider): State<Arc<Provider>>,
    Query(wanted): Query<Wanted>,
) -> Result<Redirect, Refusal> {
    let client = provider.client().await?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let request = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("profile".into()))
        .set_pkce_challenge(challenge);
    let (url, state, nonce) = request.url();
    let next = wanted.next.as_deref().and_then(local_path).unwrap_or("/").into();
    // of two tabs, the one that began last can go on
    session.overwrite(WAITING, &Waiting { state, nonce, verifier, next })?;
    Ok(Redirect::to(url.as_str()))
}

#[derive(Deserialize)]
struct Answer {
    state: String,
    code: Option<String>,
    error: Option<String>,
}

/// Takes the provider's answer, which the browser brings.
async fn callback(
    session: Session,
    State(provider): State<Arc<Provider>>,
    Query(answer): Query<Answer>,
) -> Result<Redirect, Refusal> {
    // an answer with another state was not asked for here, and does not end the sign-in that waits
    let waits = session.get::<Waiting>(WAITING)?.is_some_and(|waiting| *waiting.state.secret() == answer.state);
    let waiting = if waits { session.take::<Waiting>(WAITING).await? } else { None };
    let waiting = waiting.ok_or(Refusal::Answer("no sign-in waits for it"))?;
    let Some(code) = answer.code else {
        // quoted, because anybody can write what stands in a query
        session.login_failed(None, format_args!("the provider says {:?}", answer.error.unwrap_or_default()))?;
        return Err(Refusal::Answer("the provider refused the sign-in"));
    };
    let client = provider.client().await?;
    let exchange = client.exchange_code(AuthorizationCode::new(code));
    let exchange = exchange.map_err(|why| unreachable(&why))?.set_pkce_verifier(waiting.verifier);
    let tokens = match exchange.request_async(&provider.http).await {
        Ok(tokens) => tokens,
        Err(RequestTokenError::ServerResponse(why)) => {
            session.login_failed(None, why)?;
            return Err(Refusal::Answer("the provider does not know its code"));
        }
        Err(why) => return Err(unreachable(&why)),
    };
    let token = tokens.id_token().ok_or_else(|| Refusal::Provider("no ID token".into()))?;
    let claims = match token.claims(&client.id_token_verifier(), &waiting.nonce) {
        Ok(claims) => claims,
        Err(why) => {
            session.login_failed(None, why)?;
            return Err(Refusal::Answer("its ID token is not valid"));
        }
    };
    // a provider's subject names a user for ever, which a name or an address does not. With more than one provider, put the
    // issuer before it
    let attempt = session.begin_login(claims.subject()).await?;
    session.login(attempt).await?;
    let name = claims.name().and_then(|name| name.get(None)).map(|name| name.as_str());
    session.set("name", name.unwrap_or_default())?;
    Ok(Redirect::to(&waiting.next))
}

/// Ends the session here. The user stays signed in at the provider.
async fn sign_out(session: Session) -> Result<Redirect, SessionRejection> {
    session.logout().await?;
    Ok(Redirect::to("/"))
}

/// Why a sign-in does not go on.
enum Refusal {
    /// The provider's answer is not accepted.
    Answer(&'static str),
    /// The provider does not answer as it should. Its words are for the log.
    Provider(String),
    Session(Error),
}

/// Returns an error with its causes.
fn unreachable(mut why: &dyn std::error::Error) -> Refusal {
    let mut words = why.to_string();
    while let Some(cause) = why.source() {
        words = format!("{words}: {cause}");
        why = cause;
    }
    Refusal::Provider(words)
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Answer(why) => {
                let page =
                    format!("The answer of the sign-in page is refused: {why}. <a href=\"/sign-in\">Try again</a>");
                (StatusCode::BAD_REQUEST, Html(page)).into_response()
            }
            Self::Provider(why) => {
                let _lost = writeln!(std::io::stderr(), "sign-in: {why}"); // a log that is full is no reason to panic
                (StatusCode::BAD_GATEWAY, "The sign-in page cannot be reached. Try again later.\n").into_response()
            }
            Self::Session(error) => SessionRejection(error).into_response(),
        }
    }
}
