//! A shop: visitors fill a cart, users order, administrators see the orders as they come. The README says what the session
//! does for it.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use axum::Router;
use axum::extract::{Form, FromRequestParts, Query, State};
use axum::http::{StatusCode, request::Parts};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures_util::stream::{self, Stream, StreamExt};
use notes_common::{Checked, Fields, Next, Users, next_page, sign_in_again};
use serde::Deserialize;
use session_axum::{Authenticated, Error, Session, SessionData, SessionLayer, SessionRejection, Sessions};
use tokio::sync::broadcast::{self, error::RecvError};

/// What is sold, and for how many cents.
const GOODS: [(&str, u32); 3] = [("coffee", 650), ("sugar", 120), ("tea", 450)];
/// As many pieces of one good are in a cart at most.
const MOST: u32 = 99;

/// Pieces of each good. Each good is a field of the session's data, so that two tabs that add different goods at the same
/// time are merged.
type Cart = BTreeMap<String, u32>;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Orders.
    Customer,
    /// Sees the orders as well.
    Admin,
}

/// The users, their roles and their orders. A real shop has them in its database.
pub struct Shop {
    users: Users,
    roles: RwLock<HashMap<String, Role>>,
    orders: Mutex<Vec<String>>,
    news: broadcast::Sender<String>,
}

impl Shop {
    /// Opens a shop with these users. Those without a role are customers.
    #[must_use]
    pub fn new(users: Users) -> Self {
        Self { users, roles: RwLock::default(), orders: Mutex::default(), news: broadcast::channel(64).0 }
    }

    /// Gives a user a role, from the next request on. It is not stored in sessions: a role that is withdrawn would live on in
    /// those that have it.
    pub fn set_role(&self, subject: &str, role: Role) {
        self.roles.write().unwrap_or_else(PoisonError::into_inner).insert(subject.into(), role);
    }

    fn role(&self, subject: &str) -> Role {
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        roles.get(subject).copied().unwrap_or(Role::Customer)
    }

    fn order(&self, order: String) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order.clone());
        let _nobody_looks = self.news.send(order);
    }
}

/// Returns the application.
pub fn app(shop: Arc<Shop>, sessions: Sessions) -> Router {
    Router::new()
        .route("/", get(goods))
        .route("/cart", get(cart).post(add))
        .route("/order", post(order))
        .route("/sign-in", get(sign_in_page).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/admin", get(admin))
        .route("/admin/orders", get(orders))
        .with_state(shop)
        .layer(SessionLayer::new(sessions).sign_in_at("/sign-in").refuse_cross_site(&[]))
}

// ---- for everyone ------------------------------------------------------------------------------------------------

/// Asks for no session, so a visitor who only looks costs no store call and gets no cookie.
async fn goods() -> Html<String> {
    let good = |(name, cents): &(&str, u32)| {
        format!(
            "<form method=post action=/cart>{name}, {}.{:02} <button name=good value={name}>Add</button></form>\n",
            cents / 100,
            cents % 100
        )
    };
    Html(GOODS.iter().map(good).collect::<String>() + "<a href=/cart>Cart</a>\n")
}

#[derive(Deserialize)]
struct Added {
    good: String,
}

async fn add(mut cart: SessionData<Cart>, Form(added): Form<Added>) -> Result<Response, SessionRejection> {
    // what a visitor sends is no key of the session before it is known
    if !GOODS.iter().any(|(name, _)| *name == added.good) {
        return Ok((StatusCode::NOT_FOUND, "There is no such good.\n").into_response());
    }
    let pieces = cart.entry(added.good).or_insert(0);
    *pieces = (*pieces + 1).min(MOST);
    cart.save()?; // stored before the answer; a second tab with the same good at the same time is a 409
    Ok(Redirect::to("/cart").into_response())
}

async fn cart(cart: SessionData<Cart>) -> Html<String> {
    Html(format!("{}<form method=post action=/order><button>Order</button></form>\n", lines(&cart)))
}

/// Goods only, which need no escaping.
fn lines(cart: &Cart) -> String {
    cart.iter().map(|(good, pieces)| format!("{pieces} {good}\n")).collect()
}

// ---- for users ---------------------------------------------------------------------------------------------------

async fn order(user: Authenticated, State(shop): State<Arc<Shop>>) -> Result<Response, SessionRejection> {
    let mut ordered = Cart::new();
    for (good, _) in GOODS {
        // `take` gives what is there to one request only: a form that is sent twice orders once
        if let Some(pieces) = user.session.take::<u32>(&format!("data.{good}")).await? {
            ordered.insert(good.into(), pieces);
        }
    }
    if ordered.is_empty() {
        return Ok((StatusCode::CONFLICT, "The cart is empty.\n").into_response());
    }
    shop.order(format!("{}: {}", user.subject, lines(&ordered).trim().replace('\n', ", ")));
    Ok("Thank you.\n".into_response())
}

async fn sign_in_page(Query(wanted): Query<Next>) -> Html<String> {
    // a path of this application; `local_path` leaves no character that ends the attribute
    let next = next_page(&wanted.next).replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    Html(format!(
        "<form method=post><input type=hidden name=next value=\"{next}\"><input name=name>\
         <input name=password type=password><button>Sign in</button></form>\n"
    ))
}

async fn sign_in(
    session: Session,
    State(shop): State<Arc<Shop>>,
    Form(sent): Form<Fields>,
) -> Result<Response, SessionRejection> {
    let again = Redirect::to(&sign_in_again(&sent.next)).into_response();
    let attempt = match session.begin_login(&sent.name).await {
        Err(Error::BadText) => return Ok(again), // no name of a user
        attempt => attempt?,
    };
    let (users, name, password) = (shop.clone(), sent.name.clone(), sent.password);
    // argon2 takes its time: not where other requests wait for it
    let checked = tokio::task::spawn_blocking(move || users.users.check(&name, &password, Instant::now())).await;
    if !matches!(checked, Ok(Checked::Right)) {
        session.login_failed(shop.users.account(&sent.name), "wrong password, or too many of them")?;
        return Ok(again);
    }
    // a visitor's cart goes on; another user's does not
    let others = session.subject()?.is_some_and(|subject| subject != sent.name);
    session.login(if others { attempt.without_data() } else { attempt }).await?;
    Ok(Redirect::to(next_page(&sent.next)).into_response())
}

async fn sign_out(user: Authenticated) -> Result<Redirect, SessionRejection> {
    user.session.logout().await?;
    Ok(Redirect::to("/"))
}

// ---- for administrators ------------------------------------------------------------------------------------------

/// A user who is an administrator now. Others are answered 403, and visitors are sent to the sign-in page.
struct Admin(Authenticated);

impl FromRequestParts<Arc<Shop>> for Admin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Response> {
        let user = Authenticated::from_request_parts(parts, shop).await.map_err(IntoResponse::into_response)?;
        match shop.role(&user.subject) {
            Role::Admin => Ok(Self(user)),
            Role::Customer => Err((StatusCode::FORBIDDEN, "This page is for administrators.\n").into_response()),
        }
    }
}

async fn admin(_: Admin, State(shop): State<Arc<Shop>>) -> String {
    shop.orders.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|order| format!("{order}\n")).collect()
}

/// Sends each order as it comes, until the session ends or the user is no administrator any more.
async fn orders(
    Admin(user): Admin,
    State(shop): State<Arc<Shop>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, SessionRejection> {
    let mut watch = user.session.watch()?;
    let news = shop.news.subscribe();
    let orders = stream::unfold((news, shop, user.subject), |(mut news, shop, subject)| async move {
        let event = match news.recv().await {
            Ok(order) => Event::default().data(order),
            Err(RecvError::Lagged(_)) => Event::default().event("reload"), // the page reads /admin again
            Err(RecvError::Closed) => return None,
        };
        // a role is no part of the session, so the watch does not know of it
        (shop.role(&subject) == Role::Admin).then_some((Ok(event), (news, shop, subject)))
    });
    let ended = async move { watch.ended(tokio::time::sleep).await };
    Ok(Sse::new(orders.take_until(ended)).keep_alive(KeepAlive::default()))
}
