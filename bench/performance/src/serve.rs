//! A server of one thread, for a load of real HTTP.

use crate::{Done, LIBRARIES, ours, peers};

/// `LIBRARY FRAMEWORK PORT`; the library `bare` is none.
pub(crate) fn serve(arguments: &[String]) -> Done {
    let [library, framework, port] = arguments else { return Err("serve LIBRARY FRAMEWORK PORT".into()) };
    let (library, port) = (library.as_str(), port.parse::<u16>()?);
    let known = LIBRARIES.iter().any(|(name, libraries)| name == framework && libraries.contains(&library));
    if !known && library != "bare" {
        return Err(format!("{framework} has no {library}").into());
    }
    if framework == "actix" {
        return actix(library, port);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match framework.as_str() {
        "axum" => runtime.block_on(axum(library, port)),
        "poem" => runtime.block_on(poem(library, port)),
        _ => runtime.block_on(rocket(library, port)),
    }
}

async fn axum(library: &str, port: u16) -> Done {
    let app = match library {
        "ours" => ours::through_axum::routes().layer(ours::through_axum::layer()),
        "bare" => ours::through_axum::routes(),
        _ => peers::through_axum::routes().layer(peers::through_axum::layer()),
    };
    Ok(axum::serve(tokio::net::TcpListener::bind(("127.0.0.1", port)).await?, app).await?)
}

async fn poem(library: &str, port: u16) -> Done {
    use ::poem::{EndpointExt, Server, listener::TcpListener};
    let server = Server::new(TcpListener::bind(("127.0.0.1", port)));
    match library {
        "ours" => server.run(ours::through_poem::routes().with(ours::through_poem::layer())).await?,
        "bare" => server.run(ours::through_poem::routes()).await?,
        _ => server.run(peers::through_poem::routes().with(peers::through_poem::layer())).await?,
    }
    Ok(())
}

async fn rocket(library: &str, port: u16) -> Done {
    let config = ::rocket::Config { port, ..crate::rocket_config() };
    let rocket = match library {
        "ours" => ours::through_rocket::layered(&config),
        "bare" => ours::through_rocket::bare(&config),
        "rocket_session" => peers::through_rocket_session::layered(&config),
        _ => peers::through_rocket::layered(&config),
    };
    rocket.launch().await.map(drop).map_err(|why| why.to_string().into())
}

fn actix(library: &str, port: u16) -> Done {
    use actix_web::{App, HttpServer, rt::System};
    let addr = ("127.0.0.1", port);
    let layer = ours::through_actix::layer();
    let served = System::new().block_on(async move {
        match library {
            "ours" => {
                let app = move || App::new().configure(ours::through_actix::routes).wrap(layer.clone());
                HttpServer::new(app).workers(1).bind(addr)?.run().await
            }
            "bare" => {
                let app = || App::new().configure(ours::through_actix::routes);
                HttpServer::new(app).workers(1).bind(addr)?.run().await
            }
            _ => {
                let app = || App::new().configure(peers::through_actix::routes).wrap(peers::through_actix::layer());
                HttpServer::new(app).workers(1).bind(addr)?.run().await
            }
        }
    });
    Ok(served?)
}
