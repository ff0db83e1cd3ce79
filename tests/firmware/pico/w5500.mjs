// WIZnet's W5500 on an SPI of the processor, in the mode in which it hands on whole frames (MACRAW, on its socket 0).

const KB16 = 16 * 1024;
const BYTE = 160; // nanoseconds that one takes at 50 MHz

// blocks of its address space
const COMMON = 0, SOCKET = 1, SEND = 2, RECEIVED = 3;
// the socket's registers, two bytes where they are numbers
const MODE = 0x00, COMMAND = 0x01, INTERRUPT = 0x02, STATUS = 0x03, FREE = 0x20, SENT_TO = 0x22, WRITTEN_TO = 0x24, WAITING = 0x26, READ_TO = 0x28, MASK = 0x2c;
// commands, and bits of the interrupt register
const OPEN = 0x01, GO = 0x20, TAKEN = 0x40;
const CAME = 0x04, WENT = 0x10;
const FILTER = 0x80; // of the mode

export class W5500 {
  constructor(mcu, { spi, select, interrupt, plugged }) {
    this.spi = mcu.spi[spi];
    this.pin = mcu.gpio[interrupt];
    this.plugged = plugged;
    this.send = () => {};
    this.reset();
    mcu.gpio[select].addListener((level) => { this.head = level === 0 ? [] : undefined; });
    // if a byte took no time, the receiver's FIFO would be overrun
    let answer = 0;
    const wire = mcu.clock.createAlarm(() => this.spi.completeTransmit(answer));
    this.spi.onTransmit = (byte) => {
      answer = this.head ? this.exchange(byte) : 0xff;
      wire.schedule(BYTE);
    };
  }

  reset() {
    this.common = new Uint8Array(64);
    this.common[0x39] = 4; // its version
    this.common[0x2e] = this.plugged ? 0xbf : 0xbe; // whether the link is up
    this.socket = new Uint8Array(64);
    this.out = new Uint8Array(KB16);
    this.in = new Uint8Array(KB16);
    this.inTo = 0;
    this.queue = [];
    this.tell();
  }

  /** A cable is plugged in. */
  plug() {
    this.plugged = true;
    this.common[0x2e] |= 1;
  }

  get(register) {
    return (this.socket[register] << 8) | this.socket[register + 1];
  }

  set(register, value) {
    this.socket[register] = value >> 8;
    this.socket[register + 1] = value;
  }

  unread() {
    return (this.inTo - this.get(READ_TO)) & 0xffff;
  }

  /** A byte in each direction: two of an address, one that says which block and direction, then data. */
  exchange(byte) {
    if (this.head.length < 3) {
      this.head.push(byte);
      this.at = (this.head[0] << 8) | this.head[1];
      return 0;
    }
    const at = this.at, block = this.head[2] >> 3;
    this.at = (at + 1) & 0xffff;
    if (this.head[2] & 4) this.write(block, at, byte);
    else return this.read(block, at);
    return 0;
  }

  read(block, at) {
    if (block === COMMON) return this.common[at];
    if (block === RECEIVED) return this.in[at % KB16];
    if (block !== SOCKET) return 0;
    // what is written goes out at once, so all of it is free
    if (at >> 1 === FREE >> 1) this.set(FREE, KB16);
    if (at >> 1 === WAITING >> 1) this.set(WAITING, this.unread());
    return this.socket[at];
  }

  write(block, at, byte) {
    if (block === SEND) this.out[at % KB16] = byte;
    else if (block === COMMON && at === 0 && byte & 0x80) this.reset();
    else if (block === COMMON) this.common[at] = byte;
    else if (block === SOCKET && at === COMMAND) this.command(byte);
    else if (block === SOCKET && at === INTERRUPT) this.socket[INTERRUPT] &= ~byte;
    else if (block === SOCKET) this.socket[at] = byte;
    this.tell();
  }

  command(which) {
    if (which === OPEN) this.socket[STATUS] = 0x42;
    if (which === TAKEN) this.fill();
    if (which === GO) {
      const from = this.get(SENT_TO), length = (this.get(WRITTEN_TO) - from) & 0xffff;
      const frame = Buffer.from(Array.from({ length }, (_, byte) => this.out[(from + byte) % KB16]));
      this.set(SENT_TO, from + length);
      this.socket[INTERRUPT] |= WENT;
      this.send(frame);
    }
  }

  /**
   * A frame from the wire. With the filter of the socket's mode only those for us and for all come through, and none for a
   * group (data sheet, Sn_MR, MFEN).
   */
  receive(frame) {
    const ours = !frame.compare(this.common, 9, 15, 0, 6), everybody = frame.subarray(0, 6).every((byte) => byte === 0xff);
    if (this.socket[STATUS] !== 0x42 || (this.socket[MODE] & FILTER && !ours && !everybody)) return;
    this.queue.push(frame);
    this.fill();
    this.tell();
  }

  /** Puts frames in its memory, each behind its length, as far as there is room. */
  fill() {
    while (this.queue.length && this.unread() + this.queue[0].length + 2 <= KB16) {
      const frame = this.queue.shift(), length = frame.length + 2;
      for (const byte of [length >> 8, length & 255, ...frame]) this.in[this.inTo++ % KB16] = byte;
      this.inTo &= 0xffff;
    }
    if (this.unread() > 0) this.socket[INTERRUPT] |= CAME;
  }

  /** The interrupt's line, which is low while there is one. */
  tell() {
    const raised = this.socket[INTERRUPT] & this.socket[MASK] & CAME && this.common[0x18] & 1;
    this.pin.setInputValue(!raised);
  }
}
