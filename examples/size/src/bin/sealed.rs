//! As `all-verbs`, of sessions that travel in their cookies.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[unsafe(no_mangle)]
extern "C" fn _start() -> bool {
    use core::hint::black_box;
    use session_core::Error;
    use session_core::mode::Sealed;
    use size::{Request, sealed_request, wait};

    let handle = async |session: &mut Request<Sealed>| -> Result<usize, Error> {
        let line: &[u8] = black_box(b"id=x");
        session.load(core::iter::once(line)).await?;
        session.activity();
        let visits = session.get::<u32>("visits")?.unwrap_or(0);
        match black_box(0) {
            0 => session.set("visits", &visits.wrapping_add(1))?,
            1 => drop(session.update_with("visits", |visits: Option<u32>| visits.unwrap_or(0).wrapping_add(1)).await?),
            2 => {
                let ticket = session.begin_login(black_box("ada")).await?;
                session.login(ticket).await?;
            }
            3 => session.rotate().await?,
            _ => session.logout().await?,
        }
        session.commit().await?;
        Ok(black_box(session.set_cookie(&mut [0; 1024])?).map_or(0, str::len))
    };
    let Some(mut request) = sealed_request() else { return false };
    wait(handle(&mut request)).is_ok()
}

#[cfg(not(target_os = "none"))]
fn main() {}
