//! Answers who asks the network for NAME.local, where NAME is what the owner calls the device (multicast DNS).

use core::net::{Ipv4Addr, Ipv6Addr};

use edge_mdns::domain::base::Ttl;
use edge_mdns::host::Host;
use edge_mdns::{HostAnswersMdnsHandler, MdnsHandler as _, MdnsRequest, MdnsResponse};
use embassy_net::Stack;
use embassy_net::udp::{PacketMetadata, UdpMetadata, UdpSocket};

use crate::app::Site;

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 5353;
/// Bytes of a message. A longer one asks for more than a device's name.
const MESSAGE: usize = 512;
/// Bytes of one part of a name.
const LABEL: usize = 63;
/// How long others remember the answer: the owner may give the device another name.
const SECONDS: u32 = 120;

/// Answers with whatever address the device has then. It claims no name before: two devices of one name both answer.
#[embassy_executor::task]
pub(crate) async fn answer(stack: Stack<'static>, site: &'static Site) -> ! {
    let (mut received, mut sent) = ([0; MESSAGE], [0; MESSAGE]);
    let (mut receiving, mut sending) = ([PacketMetadata::EMPTY; 4], [PacketMetadata::EMPTY; 2]);
    let mut socket = UdpSocket::new(stack, &mut receiving, &mut received, &mut sending, &mut sent);
    // the port is free, and there is room for a group
    let _ = socket.bind(PORT);
    let _ = stack.join_multicast_group(GROUP);
    // others refuse what comes from farther away
    socket.set_hop_limit(Some(255));
    let (mut message, mut reply) = ([0; MESSAGE], [0; MESSAGE]);
    loop {
        let Ok((length, from)) = socket.recv_from(&mut message).await else { continue };
        let (Some(data), Some(config)) = (message.get(..length), stack.config_v4()) else { continue };
        // who asks from another port knows nothing of groups
        let legacy = from.endpoint.port != PORT;
        let to = if legacy { from } else { UdpMetadata::from((GROUP, PORT)) };
        let answer = site.device.with_name(|name| {
            let hostname = name.strip_suffix(".local").filter(|name| (1..=LABEL).contains(&name.len()))?;
            let (ipv4, ttl) = (config.address.address(), Ttl::from_secs(SECONDS));
            let host = Host { hostname, ipv4, ipv6: Ipv6Addr::UNSPECIFIED, ttl };
            let request = MdnsRequest::Request { legacy, multicast: true, data };
            HostAnswersMdnsHandler::new(host).handle(request, &mut reply).ok()
        });
        if let Some(MdnsResponse::Reply { data, .. }) = answer {
            let _ = socket.send_to(data, to).await;
        }
    }
}
