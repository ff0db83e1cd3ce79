// A Raspberry Pi Pico without its boot ROM's code, which is not ours to ship: a few functions of it are done here.

import crypto from 'node:crypto';
import { RP2040 } from 'rp2040js';

const FLASH = 0x10000000;
const RAM = 0x20000000;
const BOOT = 0x20041f00; // where the second boot stage runs, and the stack of then
const CYCLE = 8; // nanoseconds, at 125 MHz
const SECTOR = 4096;
const ERASE = 45e6; // nanoseconds that a sector takes, by the chip's data sheet
const PROGRAM = 0.4e6; // and a page

// The ROM's functions that embassy-rp calls, by the two letters under which the ROM lists them.
const FUNCTIONS = { IF: 'connect', EX: 'leave', RE: 'erase', RP: 'program', FC: 'flush', CX: 'enter', C4: 'copy' };
const NAMES = Object.keys(FUNCTIONS);
const LOOKUP = 0x80; // the code of the breakpoint in the function that looks a name up
const RETURNED = 0xff;
const READ_ID = 0x4b; // a command of the flash, with which four bytes pass before the answer

/** What is in the ROM: a table and, for each function, a breakpoint and a return. */
function rom() {
  const view = new DataView(new ArrayBuffer(16 * 1024));
  const breakpoint = (at, code) => {
    view.setUint16(at, 0xbe00 | code, true);
    view.setUint16(at + 2, 0x4770, true); // bx lr
  };
  view.setUint32(0, BOOT, true);
  view.setUint32(4, 0x41, true);
  breakpoint(0x40, RETURNED);
  view.setUint32(0x10, 0x0201754d, true); // 'M', 'u', 1: a ROM, of the second version
  view.setUint16(0x14, 0x200, true); // the table; only the function below reads it
  view.setUint16(0x18, 0x101, true); // the function that looks up, with the bit that says Thumb
  breakpoint(0x100, LOOKUP);
  NAMES.forEach((_, number) => breakpoint(0x104 + 4 * number, number));
  return new Uint32Array(view.buffer);
}

/** Puts what an ELF file says is in flash there. */
function load(elf, flash) {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.length);
  const [table, size, count] = [view.getUint32(28, true), view.getUint16(42, true), view.getUint16(44, true)];
  for (let header = table; header < table + size * count; header += size) {
    const [type, from, , at, length] = [0, 4, 8, 12, 16].map((offset) => view.getUint32(header + offset, true));
    if (type === 1 && at >= FLASH && at < RAM) flash.set(elf.subarray(from, from + length), at - FLASH);
  }
}

export class Pico {
  /**
   * `image` keeps the end of the flash: bytes, `start` in the flash, and `save(offset, length)`. `chips` connects what is
   * wired to a fresh processor. `id` are eight bytes that the flash's maker gave it alone. `line` gets what it says on its
   * serial line.
   */
  constructor({ elf, image, id, chips, line, entropy = true }) {
    Object.assign(this, { elf, image, id, chips, line, entropy, cut: Infinity, deepest: 0xffffffff, resets: 0 });
    this.on();
  }

  /** Power on, or a reset. */
  on() {
    const mcu = (this.mcu = new RP2040());
    this.said = '';
    const ignore = () => {};
    // rp2040js 1.4.1 logs SEV and does nothing; an executor would sleep although its tasks have something to do
    const info = (_, text) => { if (text === 'SEV') mcu.core.eventRegistered = true; };
    mcu.logger = { debug: ignore, info, warn: ignore, error: (...what) => console.error(...what) };
    mcu.loadBootrom(rom());
    load(this.elf, mcu.flash);
    mcu.flash.set(this.image.bytes, this.image.start);
    this.peripherals(mcu);
    mcu.onBreak = (code) => this.call(code);
    mcu.uart[0].onByte = (byte) => {
      if (byte !== 10) this.said += String.fromCharCode(byte);
      else { this.line(this.said); this.said = ''; }
    };
    this.chips(mcu);
    mcu.sram.set(mcu.flash.subarray(0, 256), BOOT - RAM);
    mcu.core.registers[14] = 0;
    mcu.core.SP = BOOT;
    mcu.core.PC = BOOT;
  }

  /** What rp2040js does not have, or has otherwise. */
  peripherals(mcu) {
    const stub = (number, read) => Object.assign(mcu.peripherals[number], { readUint32: read, writeUint32() {} });
    // the ring oscillator: stable, and a random bit
    stub(0x40060, (offset) => (offset === 0x18 ? 0x80001000 : offset === 0x1c && this.entropy ? crypto.randomInt(2) : 0));
    stub(0x40064, () => 0x10b1 | (1 << 12)); // the voltage is regulated
    stub(0x40018, () => 0);
    mcu.peripherals[0x14000] = { readUint32: (offset) => (offset === 8 ? 3 : 0), writeUint32() {}, writeUint32Atomic() {} };
    // an aborted transfer is aborted at once
    const { dma } = mcu, read = dma.readUint32.bind(dma);
    dma.readUint32 = (offset) => (offset === 0x444 ? 0 : read(offset));
    this.flashed(mcu.peripherals[0x18000]);
    // rp2040js 1.4.1 wants to send as soon as that was acknowledged, for ever; who waits here waits for what comes only
    const [line] = mcu.uart, register = line.readUint32.bind(line);
    line.readUint32 = (offset) => (offset === 0x48 ? 0 : register(offset)); // no DMA
    line.checkInterrupts = () => mcu.setInterrupt(line.irq, Boolean(line.interruptStatus & line.interruptMask));
    // a reset that the program asks for: rp2040js 1.4.1 knows none
    const { ppb } = mcu, system = ppb.writeUint32.bind(ppb);
    ppb.writeUint32 = (offset, value) => {
      if (offset === 0xd0c && value >>> 16 === 0x5fa && value & 4) this.ended = 'reset';
      else system(offset, value);
    };
    const watchdog = mcu.peripherals[0x40058];
    watchdog.onWatchdogTrigger = () => {
      // its alarm repeats otherwise
      watchdog.alarm.enable = watchdog.timer.enable = false;
      this.ended = 'watchdog';
    };
  }

  /** The bus to the flash: rp2040js answers what its second boot stage asks. */
  flashed(bus) {
    const [read, write] = [bus.readUint32.bind(bus), bus.writeUint32.bind(bus)], data = 0x60;
    let answer = [];
    bus.writeUint32 = (offset, value) => {
      if (offset === data) answer = (value & 255) === READ_ID ? [0, 0, 0, 0, ...this.id] : [];
      write(offset, value);
    };
    bus.readUint32 = (offset) => (offset === data && answer.length ? answer.shift() : read(offset));
  }

  /** A function of the ROM. */
  call(code) {
    const { registers } = this.mcu.core;
    if (code === LOOKUP) {
      const name = String.fromCharCode(registers[1] & 255, (registers[1] >> 8) & 255);
      if (!NAMES.includes(name)) throw new Error(`the ROM has no function ${name} here`);
      registers[0] = (0x104 + 4 * NAMES.indexOf(name)) | 1;
      return;
    }
    const [first, second, third] = registers;
    switch (FUNCTIONS[NAMES[code]]) {
      case 'erase':
        for (let at = first; at < first + second; at += SECTOR) this.change(at, new Uint8Array(SECTOR).fill(0xff), ERASE, () => 0xff);
        return;
      case 'program':
        this.change(first, this.mcu.sram.slice(second - RAM, second - RAM + third), PROGRAM, (old, byte) => old & byte);
        return;
      case 'copy':
        for (let at = 0; at < third; at += 4) this.mcu.writeUint32(first + at, this.mcu.readUint32(second + at));
        return;
      case undefined:
        throw new Error(`a breakpoint ${code} at ${this.mcu.core.PC.toString(16)}`);
    }
  }

  /** An operation of the flash. A cut comes when half of it is done. */
  change(at, bytes, nanos, becomes) {
    const { flash, clock } = this.mcu, { image } = this;
    const last = --this.cut === 0, length = last ? bytes.length >> 1 : bytes.length;
    for (let byte = 0; byte < length; byte++) flash[at + byte] = becomes(flash[at + byte], bytes[byte]);
    if (at >= image.start) {
      image.bytes.set(flash.subarray(at, at + length), at - image.start);
      image.save(at - image.start, length);
    }
    if (last) this.off();
    clock.tick(nanos);
  }

  /** Tells, a second of the device's time later, how many percent of it the processor was awake. */
  busy(tell) {
    const { clock } = this.mcu;
    this.asleep = 0;
    clock.createAlarm(() => tell(Math.round(100 - this.asleep / 1e7))).schedule(1e9);
  }

  /** What a terminal sends, at 115,200 baud. */
  type(text) {
    const { mcu } = this, bytes = [...Buffer.from(text)];
    const next = () => {
      mcu.uart[0].feedByte(bytes.shift());
      if (bytes.length) line.schedule(86_800);
    };
    const line = mcu.clock.createAlarm(next);
    line.schedule(86_800);
  }

  /** As if the processor waited for an interrupt, with all of them off, again and again. */
  hang() {
    const { core, sram } = this.mcu;
    const at = sram.length - 4;
    sram.set([0x30, 0xbf, 0xfd, 0xe7], at); // wfi; b .-2
    Object.assign(core, { enabledInterrupts: 0, PM: true, waiting: false, PC: RAM + at });
  }

  /** Runs for so many nanoseconds of the device's time. */
  run(nanos) {
    const { core, clock } = this.mcu, { registers } = core, end = clock.nanos + nanos;
    let { deepest } = this;
    while (clock.nanos < end && !this.ended) {
      if (core.waiting) {
        const sleeps = Math.min(clock.nextAlarm ? clock.nanosToNextAlarm : Infinity, end - clock.nanos);
        this.asleep += sleeps;
        clock.tick(sleeps);
      } else {
        clock.tick(core.executeInstruction() * CYCLE);
        if (registers[13] < deepest) deepest = registers[13];
      }
    }
    this.deepest = deepest;
    if (this.ended) {
      this.resets++;
      this.line(this.ended);
      this.ended = undefined;
      this.on();
    }
  }

  /** Runs for ever, no faster than time passes. Where this machine is slower, the device's time falls behind. */
  async live() {
    for (let { mcu } = this, began = performance.now() * 1e6; ; ) {
      if (mcu !== this.mcu) [mcu, began] = [this.mcu, performance.now() * 1e6];
      const due = performance.now() * 1e6 - began - mcu.clock.nanos;
      if (due > 50e6) began += due - 50e6;
      if (due > 0) this.run(Math.min(due, 5e6));
      // what comes from the network has its turn
      await new Promise((go) => (due < 2e6 && this.mcu.core.waiting ? setTimeout(go, 1) : setImmediate(go)));
    }
  }
}
