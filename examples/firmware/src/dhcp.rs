//! Gives the computer at the other end of a cable its address (DHCP), for a network that has nobody else to do it.

use core::net::Ipv4Addr;

use edge_dhcp::server::{Server, ServerOptions};
use edge_dhcp::{Options, Packet};
use embassy_net::Stack;
use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_time::Instant;

/// Bytes of a message: what every client has to take, and more than one sends.
const MESSAGE: usize = 576;
/// Addresses at most: a computer may have more than one program that asks for one.
const CLIENTS: u8 = 4;
const CLIENT: u16 = 68;
const SERVER: u16 = 67;

/// Serves the addresses that follow `ours`. The device is no way to anywhere else, so it names no router and no DNS.
#[embassy_executor::task]
pub(crate) async fn serve(stack: Stack<'static>, ours: Ipv4Addr) -> ! {
    let (mut received, mut sent) = ([0; MESSAGE], [0; MESSAGE]);
    let (mut receiving, mut sending) = ([PacketMetadata::EMPTY; 2], [PacketMetadata::EMPTY; 2]);
    let mut socket = UdpSocket::new(stack, &mut receiving, &mut received, &mut sending, &mut sent);
    // the port is free, and no other than 0
    let _ = socket.bind(SERVER);
    let mut server = Server::<_, { CLIENTS as usize }>::new(|| Instant::now().as_secs(), ours);
    let first = ours.to_bits() + 1;
    (server.range_start, server.range_end) = (first.into(), (first + u32::from(CLIENTS) - 1).into());
    let options = ServerOptions::new(ours, None);
    let mut message = [0; MESSAGE];
    loop {
        let Ok((length, _)) = socket.recv_from(&mut message).await else { continue };
        let Some(Ok(request)) = message.get(..length).map(Packet::decode) else { continue };
        // a client that has its address already listens at no other
        let to = if request.ciaddr.is_unspecified() { Ipv4Addr::BROADCAST } else { request.ciaddr };
        let (mut room, mut answer) = (Options::buf(), [0; MESSAGE]);
        let Some(reply) = server.handle_request(&mut room, &options, &request) else { continue };
        if let Ok(answer) = reply.encode(&mut answer) {
            // one that does not arrive is asked for again
            let _ = socket.send_to(answer, (to, CLIENT)).await;
        }
    }
}
