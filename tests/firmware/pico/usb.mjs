// The computer at the other end of the Pico's USB cable: reads what the device says it is, chooses its network, carries
// ethernet frames (CDC-NCM), and opens a terminal (CDC-ACM).

// requests, and kinds of descriptors
const SET_ADDRESS = 5, GET_DESCRIPTOR = 6, SET_CONFIGURATION = 9, SET_INTERFACE = 11, GET_NTB_PARAMETERS = 0x80, SET_LINE_STATE = 0x22;
const CONFIGURATION = 2, STRING = 3, INTERFACE = 4, ENDPOINT = 5, CLASS_SPECIFIC = 0x24;
const NETWORK = 0x020d, TERMINAL = 0x0202, DATA = 0x0a00; // class and subclass of the interfaces
const ETHERNET = 0x0f; // the class-specific descriptor that names the MAC address
const BULK = 2, IN = 0x80, PACKET = 64;
const AVAILABLE = 1 << 10, OUT = 4; // of a buffer, and in the offset of one that the computer fills
const BUFFERS = 0x80;
const HEAD = 12, POINTER = 16; // bytes of a block's head and of what says where its datagram is

const setup = (type, request, value, index, length = 0) => {
  const packet = Buffer.from([type, request, 0, 0, 0, 0, 0, 0]);
  [value, index, length].forEach((number, at) => packet.writeUInt16LE(number, 2 + 2 * at));
  return packet;
};

export class Computer {
  /**
   * `down` is called when there is no network any more, `up` with the MAC address that the device gives the computer, `line`
   * with what comes on the terminal.
   */
  constructor(mcu, { plugged, down, up, line }) {
    Object.assign(this, { usb: mcu.usbCtrl, down, up, send() {}, heard: '', number: 0 });
    this.wait(mcu.usbDPRAMView);
    this.usb.onUSBEnabled = () => {
      this.enabled = true;
      if (plugged) this.plug();
    };
    this.usb.onResetReceived = () => {
      Object.assign(this, { out: [], block: [], takes: false });
      this.steps = this.enumerate();
      this.step();
    };
    this.usb.onEndpointWrite = (endpoint, packet) => {
      if (endpoint === 0) this.answer(packet);
      else if (endpoint === this.from) this.collect(packet);
      else if (endpoint === this.terminal) this.read(packet, line);
    };
    this.usb.onEndpointRead = (endpoint) => {
      if (endpoint === 0) this.acknowledge();
      else if (endpoint === this.to) {
        this.takes = true;
        this.feed();
      }
    };
  }

  /** The cable is plugged in. */
  plug() {
    this.down();
    if (this.enabled) this.usb.resetDevice();
  }

  /** rp2040js 1.4.1 takes a buffer as full as soon as the device offers it. It is when the computer has filled it. */
  wait(registers) {
    const { usb } = this, updated = usb.DPRAMUpdated.bind(usb), finish = usb.finishRead.bind(usb);
    const set = (at, bits) => registers.setUint32(at, bits, true), get = (at) => registers.getUint32(at, true);
    usb.DPRAMUpdated = (at, value) => {
      updated(at, value);
      if (at >= BUFFERS && at < BUFFERS + 128 && at & OUT && value & AVAILABLE) set(at, get(at) | AVAILABLE);
    };
    usb.finishRead = (endpoint, packet) => {
      const at = BUFFERS + 8 * endpoint + OUT;
      set(at, get(at) & ~AVAILABLE);
      finish(endpoint, packet);
    };
  }

  /** What a computer asks a device that was plugged in, and is answered. */
  *enumerate() {
    const describe = (kind, index, language, length) => setup(IN, GET_DESCRIPTOR, (kind << 8) | index, language, length);
    yield setup(0, SET_ADDRESS, 1, 0);
    const { 2: length } = yield describe(CONFIGURATION, 0, 0, 9);
    const all = yield describe(CONFIGURATION, 0, 0, length);
    let name, network, terminal, data, of, chosen;
    for (let at = 0; at < all.length; at += all[at]) {
      const [, kind, second, third] = all.subarray(at);
      if (kind === INTERFACE) {
        const is = all.readUInt16BE(at + 5);
        chosen = is === DATA && (of === TERMINAL || third === 1);
        if (is === NETWORK) network = second;
        if (is === TERMINAL) terminal = second;
        if (is === DATA && of === NETWORK) data = second;
        if (is !== DATA) of = is;
      }
      if (kind === CLASS_SPECIFIC && of === NETWORK && second === ETHERNET) name = third;
      if (kind === ENDPOINT && chosen && third === BULK) {
        if (of === TERMINAL && second & IN) this.terminal = second & 15;
        if (of === NETWORK) this[second & IN ? 'from' : 'to'] = second & 15;
      }
    }
    const mac = yield describe(STRING, name, 0x409, 255);
    yield setup(0, SET_CONFIGURATION, 1, 0);
    const limits = yield setup(0xa1, GET_NTB_PARAMETERS, 0, network, 28);
    this.most = limits.readUInt32LE(16);
    yield setup(1, SET_INTERFACE, 1, data);
    yield setup(0x21, SET_LINE_STATE, 1, terminal);
    this.up(Buffer.from(mac.toString('utf16le', 2), 'hex'));
  }

  step(answer) {
    const { value } = this.steps.next(answer);
    this.wants = value ? value.readUInt16LE(6) : 0;
    this.got = Buffer.alloc(0);
    this.acknowledged = false;
    if (value) this.usb.sendSetupPacket(value);
  }

  /** A packet of the answer to a request, or the end of one that has no answer. */
  answer(packet) {
    this.got = Buffer.concat([this.got, packet]);
    this.whole = packet.length < PACKET || this.got.length >= this.wants;
    if (this.wants === 0 || (this.whole && this.acknowledged)) this.step(this.got);
  }

  /** The device waits to hear that its answer has arrived. */
  acknowledge() {
    this.usb.endpointReadDone(0, new Uint8Array(0));
    this.acknowledged = true;
    if (this.wants && this.got.length && this.whole) this.step(this.got);
  }

  /** A piece of a block from the device: the last one is short. */
  collect(packet) {
    this.block.push(packet);
    if (packet.length === PACKET) return;
    const block = Buffer.concat(this.block.splice(0));
    if (block.length < HEAD + POINTER || block.toString('latin1', 0, 4) !== 'NCMH') return;
    const pointer = block.readUInt16LE(10), at = block.readUInt16LE(pointer + 8);
    this.send(block.subarray(at, at + block.readUInt16LE(pointer + 10)));
  }

  /** A piece of what is said on the terminal. */
  read(packet, line) {
    const lines = (this.heard + Buffer.from(packet)).split('\n');
    this.heard = lines.pop();
    lines.forEach(line);
  }

  /** A frame for the device, in a block of its own. */
  receive(frame) {
    const block = Buffer.alloc(HEAD + POINTER + frame.length);
    const words = (at, ...numbers) => numbers.forEach((number, word) => block.writeUInt16LE(number, at + 2 * word));
    block.write('NCMH', 0);
    words(4, HEAD, this.number++ & 0xffff, block.length, HEAD);
    block.write('NCM0', HEAD);
    words(HEAD + 4, POINTER, 0, HEAD + POINTER, frame.length, 0, 0);
    frame.copy(block, HEAD + POINTER);
    if (block.length > this.most) throw new Error(`a block of ${block.length} bytes, the device takes ${this.most}`);
    // a last packet that is not short is followed by an empty one
    for (let at = 0; at <= block.length; at += PACKET) this.out.push(block.subarray(at, at + PACKET));
    this.feed();
  }

  feed() {
    if (!this.takes || !this.out.length) return;
    this.takes = false;
    this.usb.endpointReadDone(this.to, this.out.shift());
  }
}
