//! A provider of OpenID Connect with one user, who has signed in there already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64ct::{Base64, Encoding};
use chrono::{TimeDelta, Utc};
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreIdToken, CoreIdTokenClaims, CoreIdTokenFields, CoreJsonWebKeySet,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse,
    CoreTokenType,
};
use openidconnect::{
    AccessToken, Audience, AuthUrl, EmptyAdditionalClaims, EmptyAdditionalProviderMetadata, EmptyExtraTokenFields,
    EndUserName, IssuerUrl, JsonWebKeyId, JsonWebKeySetUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    PrivateSigningKey, ResponseTypes, StandardClaims, SubjectIdentifier, TokenUrl,
};
use tokio::net::TcpListener;

/// The client's id at the provider.
pub(crate) const CLIENT: &str = "the-application";
/// Its secret.
pub(crate) const SECRET: &str = "a secret of both";
/// The user, as the provider names them.
pub(crate) const SUBJECT: &str = "248289761001";

/// What the provider, or who stands between, does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    /// The ID token answers another sign-in.
    Nonce,
    /// The ID token is another client's.
    Audience,
    /// The ID token is another provider's.
    Issuer,
    /// The ID token is an old one.
    Expired,
    /// The ID token is signed by a key that is not the provider's.
    Key,
    /// The user says no.
    Denied,
}

pub(crate) struct Provider {
    issuer: String,
    key: CoreEdDsaPrivateSigningKey,
    fault: Mutex<Fault>,
    /// What was asked for, by the code that was given for it.
    codes: Mutex<HashMap<String, Asked>>,
    /// How often a code came.
    exchanged: Mutex<usize>,
}

type Asked = HashMap<String, String>;

impl Provider {
    /// Starts a provider.
    pub(crate) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Arc::new(Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            key: generated_key(),
            fault: Mutex::new(Fault::None),
            codes: Mutex::default(),
            exchanged: Mutex::default(),
        });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(published_keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        provider
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn does(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    pub(crate) fn exchanged(&self) -> usize {
        *self.exchanged.lock().unwrap()
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }
}

fn random() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Generates a key, in the only form that the crate reads.
fn generated_key() -> CoreEdDsaPrivateSigningKey {
    let mut pkcs8 = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    pkcs8.extend(rand::random::<[u8; 32]>());
    let kind = "PRIVATE KEY";
    let pem = format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", Base64::encode_string(&pkcs8));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new("1".into()))).unwrap()
}

async fn configuration(State(provider): State<Arc<Provider>>) -> Json<CoreProviderMetadata> {
    let at = |path: &str| format!("{}{path}", provider.issuer);
    let metadata = CoreProviderMetadata::new(
        IssuerUrl::new(provider.issuer.clone()).unwrap(),
        AuthUrl::new(at("/authorize")).unwrap(),
        JsonWebKeySetUrl::new(at("/keys")).unwrap(),
        vec![ResponseTypes::new(vec![CoreResponseType::Code])],
        vec![CoreSubjectIdentifierType::Public],
        vec![CoreJwsSigningAlgorithm::EdDsa],
        EmptyAdditionalProviderMetadata {},
    );
    Json(metadata.set_token_endpoint(Some(TokenUrl::new(at("/token")).unwrap())))
}

async fn published_keys(State(provider): State<Arc<Provider>>) -> Json<CoreJsonWebKeySet> {
    Json(CoreJsonWebKeySet::new(vec![provider.key.as_verification_key()]))
}

/// Where the browser comes, and is sent back with a code.
async fn authorize(State(provider): State<Arc<Provider>>, Query(asked): Query<Asked>) -> Redirect {
    for (name, value) in [("client_id", CLIENT), ("response_type", "code"), ("code_challenge_method", "S256")] {
        assert_eq!(asked[name], value);
    }
    assert!(asked["scope"].split(' ').any(|scope| scope == "openid"), "{}", asked["scope"]);
    let back = format!("{}?state={}", asked["redirect_uri"], asked["state"]);
    if provider.fault() == Fault::Denied {
        return Redirect::to(&format!("{back}&error=access_denied"));
    }
    let code = random();
    let back = format!("{back}&code={code}");
    provider.codes.lock().unwrap().insert(code, asked);
    Redirect::to(&back)
}

/// Where the application comes with the code.
async fn token(
    State(provider): State<Arc<Provider>>,
    headers: axum::http::HeaderMap,
    Form(sent): Form<Asked>,
) -> Response {
    *provider.exchanged.lock().unwrap() += 1;
    let client =
        format!("Basic {}", Base64::encode_string(format!("{CLIENT}:{}", SECRET.replace(' ', "+")).as_bytes()));
    assert_eq!(headers["authorization"], client);
    let invalid = || (StatusCode::BAD_REQUEST, r#"{"error":"invalid_grant"}"#).into_response();
    let Some(asked) = provider.codes.lock().unwrap().remove(&sent["code"]) else { return invalid() };
    let verifier = PkceCodeVerifier::new(sent["code_verifier"].clone());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    if challenge.as_str() != asked["code_challenge"] || sent["redirect_uri"] != asked["redirect_uri"] {
        return invalid();
    }
    Json(provider.tokens(&asked["nonce"])).into_response()
}

impl Provider {
    fn tokens(&self, nonce: &str) -> CoreTokenResponse {
        let fault = self.fault();
        let or = |of: Fault, right: &str, wrong: &str| if fault == of { wrong } else { right }.to_owned();
        let age = TimeDelta::minutes(if fault == Fault::Expired { 60 } else { 0 });
        let user = StandardClaims::new(SubjectIdentifier::new(SUBJECT.into()));
        let claims = CoreIdTokenClaims::new(
            IssuerUrl::new(or(Fault::Issuer, &self.issuer, "https://other.example")).unwrap(),
            vec![Audience::new(or(Fault::Audience, CLIENT, "another-application"))],
            Utc::now() + TimeDelta::minutes(5) - age,
            Utc::now() - age,
            user.set_name(Some(EndUserName::new("Ann".into()).into())),
            EmptyAdditionalClaims {},
        );
        let claims = claims.set_nonce(Some(Nonce::new(or(Fault::Nonce, nonce, "of another sign-in"))));
        let other = generated_key();
        let key = if fault == Fault::Key { &other } else { &self.key };
        let access = AccessToken::new(random());
        let token = CoreIdToken::new(claims, key, CoreJwsSigningAlgorithm::EdDsa, Some(&access), None).unwrap();
        let fields = CoreIdTokenFields::new(Some(token), EmptyExtraTokenFields {});
        CoreTokenResponse::new(access, CoreTokenType::Bearer, fields)
    }
}
