//! One connection of a small sign-in application, served from memory to memory: core, fixed store and an adapter,
//! no allocator. Linked on the host with an allocator that refuses (tests/refuses.rs), and for microcontrollers (EM5).
#![no_std]

pub mod edge_http;
pub mod picoserve;
mod wire;

const KEY: [u8; 32] =
    *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";
