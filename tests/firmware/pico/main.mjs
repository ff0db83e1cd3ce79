// node main.mjs BOARD FIRMWARE.elf FLASH.image ADDRESS:PORT [FAULT]...
// A Pico, with a W5500 or not: what it says on its serial line goes to the standard output, and again behind "usb: " what it
// says on its USB cable. The image is the end of its
// flash. Lines of the standard input change what it does: "cut N" cuts the power in the Nth operation of the flash from now
// on, "hang" lets the processor hang, "repair" takes the faults back: no-entropy, no-link, no-address (no-network stays).
// "busy" asks how many percent of the next second the processor is awake, "stack" how much of the stack was used, "mac" for its MAC address,
// "resolve NAME" asks the network for an address. "type LINE" sends a line on the serial line, "reach ADDRESS" lets clients
// through to a device that has this address, "time SECONDS" is what the network's time server says from now on, and "frame
// BYTES" sends a frame of that length, whatever the network allows.

import crypto from 'node:crypto';
import fs from 'node:fs';
import readline from 'node:readline';
import { Gateway } from './gateway.mjs';
import { Pico } from './pico.mjs';
import { Computer } from './usb.mjs';
import { W5500 } from './w5500.mjs';

const FLASH_SIZE = 2 * 1024 * 1024, VECTORS = 0x100; // behind the second boot stage

const [board, program, image, listen, ...faults] = process.argv.slice(2);
const say = (line) => fs.writeSync(1, `${line}\n`);
const file = fs.openSync(image, 'r+');
const bytes = new Uint8Array(fs.readFileSync(image));
const gateway = new Gateway(...listen.split(':'));
const is = (fault) => faults.includes(fault);
gateway.silent = is('no-address');

/** What is wired to a fresh processor: the chip of the network, or nothing but the cable. */
function network(mcu) {
  const plugged = !is('no-link');
  if (board !== 'pico-usb') return new W5500(mcu, { spi: 0, select: 17, interrupt: 21, plugged });
  const down = () => gateway.reset(), up = (mac) => gateway.ask(mac);
  return new Computer(mcu, { plugged, down, up, line: (line) => say(`usb: ${line}`) });
}

let chip;
const pico = new Pico({
  elf: fs.readFileSync(program),
  image: { bytes, start: FLASH_SIZE - bytes.length, save: (at, length) => fs.writeSync(file, bytes, at, length, at) },
  id: crypto.createHash('sha256').update(image).digest().subarray(0, 8),
  entropy: !is('no-entropy'),
  line: say,
  chips(mcu) {
    gateway.reset();
    if (is('no-network')) return;
    chip = network(mcu);
    chip.send = (frame) => gateway.receive(frame);
    gateway.send = (frame) => chip.receive(frame);
  },
});
pico.off = () => process.exit();

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [what, argument] = line.split(' ');
  if (what === 'cut') pico.cut = Number(argument);
  if (what === 'hang') pico.hang();
  if (what === 'repair') {
    faults.length = 0;
    pico.entropy = true;
    gateway.silent = false;
    chip.plug();
    say('repair: done');
  }
  if (what === 'resolve') gateway.resolve(argument, (address) => say(`${line}: ${address}`));
  if (what === 'busy') pico.busy((percent) => say(`busy: ${percent}`));
  if (what === 'type') pico.type(`${line.slice(5)}\n`);
  if (what === 'reach') gateway.reach(argument);
  if (what === 'time') gateway.unix = Number(argument);
  if (what === 'frame') chip.receive(gateway.nonsense(Number(argument)));
  if (what === 'mac') say(`mac: ${gateway.device?.toString('hex')}`);
  if (what === 'stack') {
    const [top] = new Uint32Array(pico.mcu.flash.slice(VECTORS, VECTORS + 4).buffer);
    say(`stack: ${top - pico.deepest}`);
  }
});

await pico.live();
