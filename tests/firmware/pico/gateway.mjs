// The other end of the device's cable, in this process: it gives the device its address or asks the device for its own
// (DHCP), answers ARP, and lets clients of this machine through to the device's port 80. Frames do not get lost here, so
// nothing is sent twice but the first segment of a connection, and what the device may not be ready for yet.

import net from 'node:net';

const ALL = Buffer.alloc(6, 255), NONE = Buffer.alloc(4), EVERYWHERE = Buffer.alloc(4, 255);
const CLIENT = 68, SERVER = 67, TIME = 123, TO_1970 = 2208988800, DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK_OF_DHCP = 5;
const COOKIE = 0x63825363;
const NAMES = 5353, GROUP = Buffer.from([224, 0, 0, 251]), GROUPS_MAC = Buffer.from([1, 0, 0x5e, 0, 0, 251]);
const FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16;

const words = (...numbers) => Buffer.from(numbers.flatMap((number) => [number >> 8, number & 255]));
const long = (number) => words(number >>> 16, number & 0xffff);

function checksum(...parts) {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The options of a message of DHCP: a number, a length, and so many bytes each. */
function options(message) {
  const all = {};
  for (let at = 240; at < message.length && message[at] !== 255; at += message[at] === 0 ? 1 : 2 + message[at + 1]) {
    if (message[at]) all[message[at]] = message.subarray(at + 2, at + 2 + message[at + 1]);
  }
  return all;
}

export class Gateway {
  constructor(host, port) {
    this.send = () => {};
    this.ours = Buffer.from([10, 0, 0, 1]);
    this.devices = Buffer.from([10, 0, 0, 2]);
    this.mac = Buffer.from([2, 0, 0, 0, 0, 254]);
    this.flows = new Map();
    this.early = [];
    this.port = 20000;
    this.server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.open(client)).listen(port, host);
  }

  /** The device begins anew: it knows of no connection any more. */
  reset() {
    this.device = undefined;
    clearInterval(this.asking);
    for (const flow of this.flows.values()) this.end(flow, true);
  }

  ethernet(to, type, payload) {
    this.send(Buffer.concat([to, this.mac, words(type), payload]));
  }

  ip(protocol, payload, to = this.devices, mac = this.device) {
    const head = Buffer.concat([words(0x4500, 20 + payload.length, 0, 0x4000, (64 << 8) | protocol, 0), this.ours, to]);
    head.writeUInt16BE(checksum(head), 10);
    if (mac) this.ethernet(mac, 0x800, Buffer.concat([head, payload]));
  }

  /** A frame from the device. */
  receive(frame) {
    const type = frame.readUInt16BE(12), packet = frame.subarray(14);
    if (type === 0x806 && packet.subarray(24, 28).equals(this.ours)) {
      if (packet[7] === 1) this.arp(2, packet.subarray(8, 18));
      else this.found(Buffer.from(packet.subarray(8, 14)));
    }
    if (type !== 0x800) return;
    const payload = packet.subarray((packet[0] & 15) * 4, packet.readUInt16BE(2));
    if (packet[9] === 17 && payload.readUInt16BE(2) === SERVER) this.lease(payload.subarray(8), Buffer.from(frame.subarray(6, 12)));
    if (packet[9] === 17 && payload.readUInt16BE(2) === CLIENT) this.leased(payload.subarray(8));
    if (packet[9] === 17 && payload.readUInt16BE(2) === NAMES && packet[8] === 255) this.resolved(payload.subarray(8));
    if (packet[9] === 17 && payload.readUInt16BE(2) === TIME && this.unix) this.time(payload);
    if (packet[9] === 6) this.segment(payload);
  }

  /** The time of day, to a device that asks for it (SNTP); before that, what somebody else might send who wants to be quicker. */
  time(request) {
    const answer = (stratum, origin, unix) => {
      const head = Buffer.concat([Buffer.from([0x24, stratum, 6, 0xec]), Buffer.alloc(8), Buffer.from('LOCL'), Buffer.alloc(8)]);
      const at = Buffer.concat([long(unix + TO_1970), NONE]);
      const message = Buffer.concat([head, origin, at, at]);
      this.ip(17, Buffer.concat([words(TIME, request.readUInt16BE(0), 8 + message.length, 0), message]));
    };
    answer(2, Buffer.alloc(8), this.unix + 1e9);
    answer(0, Buffer.from('not ours'), 0);
    answer(2, request.subarray(48, 56), this.unix);
  }

  /** Looks for a device that knows its address already. */
  reach(address) {
    this.devices = Buffer.from(address.split('.').map(Number));
    clearInterval(this.asking);
    const ask = () => this.arp(1, Buffer.concat([Buffer.alloc(6), this.devices]));
    ask();
    this.asking = setInterval(ask, 200);
  }

  /** A frame of that length, of a protocol that nobody knows. */
  nonsense(length) {
    return Buffer.concat([this.device, this.mac, words(0x88b5), Buffer.alloc(length - 14, 7)]);
  }

  /** Asks for the owner of an address, or answers; `whose` is a MAC and an IP address. */
  arp(operation, whose) {
    const to = operation === 1 ? ALL : whose.subarray(0, 6);
    this.ethernet(to, 0x806, Buffer.concat([words(1, 0x800, 0x604, operation), this.mac, this.ours, whose]));
  }

  /** The device is there, at its address. */
  found(device) {
    clearInterval(this.asking);
    this.device = device;
    this.early.splice(0).forEach((client) => this.open(client));
  }

  /** A message of DHCP: `head` has 44 bytes. */
  message(from, to, head, options) {
    const rest = [Buffer.alloc(192), long(COOKIE), Buffer.from([...options, 255])];
    const length = 8 + head.length + 196 + options.length + 1;
    this.ip(17, Buffer.concat([words(from, to, length, 0), head, ...rest]), EVERYWHERE, ALL);
  }

  /** Gives the device its address. */
  lease(request, mac) {
    if (this.silent) return;
    const wants = options(request)[53][0];
    const head = Buffer.concat([Buffer.from([2, 1, 6, 0]), request.subarray(4, 8), NONE, NONE, this.devices, this.ours, NONE, request.subarray(28, 44)]);
    const kind = wants === DISCOVER ? OFFER : ACK_OF_DHCP;
    this.message(SERVER, CLIENT, head, [53, 1, kind, 54, 4, ...this.ours, 51, 4, 0, 1, 0x51, 0x80, 1, 4, 255, 255, 255, 0, 3, 4, ...this.ours]);
    if (wants === REQUEST) this.found(mac);
  }

  /** Asks the device for an address, until there is one. */
  ask(mac) {
    this.mac = mac;
    this.ours = NONE;
    clearInterval(this.asking);
    const discover = () => this.ours === NONE && this.client([53, 1, DISCOVER]);
    discover();
    this.asking = setInterval(discover, 200);
  }

  client(options) {
    const head = Buffer.concat([Buffer.from([1, 1, 6, 0, 1, 2, 3, 4]), Buffer.alloc(20), this.mac, Buffer.alloc(10)]);
    // and what computers want to know: the mask, the way to everywhere, who knows names
    this.message(CLIENT, SERVER, head, [...options, 55, 3, 1, 3, 6]);
  }

  /** What the device says to that. */
  leased(answer) {
    const { 53: [kind], 54: server, 1: mask, 3: router, 6: names } = options(answer), address = answer.subarray(16, 20);
    if (kind === OFFER) this.client([53, 1, REQUEST, 54, 4, ...server, 50, 4, ...address]);
    if (kind !== ACK_OF_DHCP) return;
    if (router || names || mask[3] !== 0) throw new Error('the way to everywhere leads through the device');
    this.ours = Buffer.from(address);
    this.devices = Buffer.from(server);
    this.arp(1, Buffer.concat([Buffer.alloc(6), this.devices]));
  }

  /** Asks the network for a name (multicast DNS), until `answer` was called with an address. */
  resolve(name, answer) {
    const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
    const query = Buffer.concat([words(0, 0, 1, 0, 0, 0), Buffer.from([...labels, 0]), words(1, 1)]);
    this.names = { name: Buffer.from(labels).toString('latin1').toLowerCase(), answer };
    this.ip(17, Buffer.concat([words(NAMES, NAMES, 8 + query.length, 0), query]), GROUP, GROUPS_MAC);
  }

  /** What the device says to that: its answer ends with an address. */
  resolved(message) {
    if (!this.names || message.readUInt16BE(6) !== 1) return;
    const owner = message.toString('latin1', 12, 12 + this.names.name.length).toLowerCase();
    if (owner === this.names.name) this.names.answer([...message.subarray(-4)].join('.'));
  }

  /** A client of this machine. */
  open(client) {
    client.on('error', () => {});
    if (!this.device) return this.early.push(client);
    const flow = { client, port: this.port++, next: 1, acked: 0, expected: 0, window: 0, waiting: [], open: false, over: false };
    if (this.port > 60000) this.port = 20000;
    this.flows.set(flow.port, flow);
    client.on('data', (data) => { flow.waiting.push(data); this.push(flow); });
    const over = () => { flow.over = true; this.push(flow); };
    client.on('end', over).on('close', over);
    const begin = () => this.write(flow, SYN, Buffer.alloc(0), 0);
    begin();
    flow.again = setInterval(begin, 1000);
  }

  write(flow, flags, data = Buffer.alloc(0), sequence = flow.next) {
    const option = flags & SYN ? words(0x204, 1460) : Buffer.alloc(0), length = 20 + option.length;
    const head = Buffer.concat([words(flow.port, 80), long(sequence), long(flow.expected), words((length << 10) | flags, 0xffff, 0, 0), option]);
    head.writeUInt16BE(checksum(this.ours, this.devices, words(6, length + data.length), head, data), 16);
    this.ip(6, Buffer.concat([head, data]));
  }

  /** Sends what waits, as far as the device has room. */
  push(flow) {
    if (!flow.open) return;
    let data = Buffer.concat(flow.waiting);
    for (let room; (room = Math.min(data.length, 536, flow.acked + flow.window - flow.next)) > 0; data = data.subarray(room)) {
      this.write(flow, ACK | PSH, data.subarray(0, room));
      flow.next += room;
    }
    flow.waiting = data.length ? [data] : [];
    if (flow.over && !data.length && !flow.closed) {
      flow.closed = true;
      this.write(flow, ACK | FIN);
      flow.next++;
    }
  }

  /** What the device says on a connection. */
  segment(segment) {
    const flow = this.flows.get(segment.readUInt16BE(2));
    if (!flow) return;
    const [sequence, acked, flags] = [segment.readUInt32BE(4), segment.readUInt32BE(8), segment[13]];
    const data = segment.subarray((segment[12] >> 4) * 4);
    if (flags & RST) return this.end(flow, true);
    if (flags & SYN) {
      clearInterval(flow.again);
      flow.open = true;
      flow.expected = (sequence + 1) >>> 0;
    }
    flow.window = segment.readUInt16BE(14);
    if (flags & ACK) flow.acked = Math.max(flow.acked, acked);
    if (!(flags & SYN) && sequence === flow.expected && (data.length || flags & FIN)) {
      if (data.length) flow.client.write(Buffer.from(data));
      if (flags & FIN) flow.client.end();
      flow.gone ||= Boolean(flags & FIN);
      flow.expected = (flow.expected + data.length + (flags & FIN)) >>> 0;
    }
    if (data.length || flags & (SYN | FIN)) this.write(flow, ACK);
    this.push(flow);
    if (flow.gone && flow.closed && flow.acked === flow.next) this.end(flow, false);
  }

  end(flow, reset) {
    clearInterval(flow.again);
    flow.open = false;
    this.flows.delete(flow.port);
    if (reset) flow.client.resetAndDestroy();
  }
}
