//! The device on this machine; `cargo xtask demo` runs it.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use clap::Parser;
use device_ui::host::{SystemClock, serve};
use device_ui::{Limits, SetupCode};

/// The local web UI of a device.
#[derive(Parser)]
struct Flags {
    /// Address; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Directory for the device's data; it must exist.
    #[arg(long, default_value = ".")]
    data: PathBuf,
}

fn main() {
    let flags = Flags::parse();
    let refuse = |why: String| -> ! {
        eprintln!("{why}");
        std::process::exit(2)
    };
    let listener =
        TcpListener::bind(flags.listen).unwrap_or_else(|why| refuse(format!("--listen {}: {why}", flags.listen)));
    println!("listening on http://{}", listener.local_addr().unwrap_or(flags.listen));
    let forever = Box::pin(std::future::pending());
    let show = |code: &SetupCode| println!("setup code: {code}");
    serve(listener, &flags.data, &SystemClock, Limits::default(), &show, forever).unwrap_or_else(|why| refuse(why));
}
