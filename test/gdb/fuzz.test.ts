// What no gdb would send: nothing of it may crash the stub, keep it from answering, or touch anything but the machine.
import { strict as assert } from 'node:assert';
import { encodePacket } from '../../src/gdb/packets.js';
import { GdbSession } from '../../src/gdb/session.js';
import type { NativeMachine } from '../../src/native/addon.js';
import { MachineDebugger } from '../../src/vm/debugger.js';
import { fuzzCount, fuzzSeed, Random } from '../support/random.js';

const samples = [
  'qSupported:multiprocess+;xmlRegisters=i386',
  'vMustReplyEmpty',
  'Hgp1.1',
  'Hc-1',
  'qXfer:features:read:target.xml:0,fff',
  'qTStatus',
  '?',
  'qfThreadInfo',
  'qsThreadInfo',
  'qAttached:1',
  'qThreadExtraInfo,p1.1',
  'g',
  'G00112233',
  'p22',
  'P20=0010000000000000',
  'm1000,40',
  'M1000,4:00112233',
  'X1000,4:abcd',
  'Z0,1000,4',
  'z0,1000,4',
  'Z1,ffffffffffffffff,4',
  'Z2,1000,100000',
  'Z3,0,ffffffffffffffff',
  'Z4,1000,8',
  'vCont?',
  'vCont;c',
  'vCont;s:p1.1;c',
  'vCont;C05:p1.-1',
  'qRcmd,63707573',
  'qRcmd,7068797320',
  'QStartNoAckMode',
  'D;1',
  'k',
];

function mutate(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text);
  switch (random.below(6)) {
    case 0:
      for (let n = random.below(4); n >= 0; n--) bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
    case 1:
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 2:
      return Buffer.concat([bytes, Buffer.from(random.pick(samples))]);
    case 3:
      return Buffer.concat([bytes, Buffer.alloc(random.below(20_000), random.pick(['0', 'f', ';', ',', '*', '}']))]);
    case 4:
      return Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)));
    default:
      return bytes;
  }
}

/** Framed, mostly. */
function message(random: Random): Buffer {
  const packet = encodePacket(mutate(random, random.pick(samples)));
  switch (random.below(12)) {
    case 0:
      return packet.subarray(0, random.below(packet.length));
    case 1:
      return Buffer.from([0x03, ...packet]);
    case 2: {
      const damaged = Buffer.from(packet);
      damaged[random.below(damaged.length)] = random.below(256);
      return damaged;
    }
    case 3:
      return Buffer.from(random.pick(['+', '-', '$', '#', '$#00', '-----', '$#']));
    default:
      return packet;
  }
}

describe(`${fuzzCount} random and mutated packets of gdb`, function () {
  this.timeout(60_000 + fuzzCount * 4);

  it(`neither crash nor silence the stub (seed ${fuzzSeed})`, () => {
    const random = new Random(fuzzSeed);
    const memory = Buffer.alloc(4096);
    const machine = {
      cpuState: (cpu: number) =>
        cpu === 0
          ? {
              el: 1,
              pc: '0x1000',
              sp: '0x2000',
              pstate: '0x3c5',
              fpcr: '0x0',
              fpsr: '0x0',
              x: Array.from({ length: 31 }, () => '0x1'),
              v: Array.from({ length: 32 }, () => '0x2'),
              system: { ESR_EL1: '0x5600' },
            }
          : undefined,
      readMemory: (address: bigint, length: number) => {
        assert.ok(length <= 1 << 20, 'an answer has a size');
        return address >= 0x1000n && address < 0x2000n ? memory.subarray(0, Math.min(length, 64)) : Buffer.alloc(0);
      },
      writeMemory: (_address: bigint, data: Uint8Array) => Math.min(data.length, 64),
      writeRegister: () => true,
      setDebuggerPoints: () => undefined,
    } as Partial<NativeMachine> as NativeMachine;
    let isPaused = false;
    const start = () => {
      const debuggerOfMachine: MachineDebugger = new MachineDebugger(machine, 2, {
        get isPaused() {
          return isPaused;
        },
        pause: () => {
          isPaused = true;
          debuggerOfMachine.stopped({ cpu: 0, kind: 'pause', address: 0n });
        },
        resume: () => {
          isPaused = false;
        },
        kill: () => undefined,
      });
      const session = new GdbSession(debuggerOfMachine, {
        send: (data) => {
          sent += data.length;
          answered ||= data.includes('PacketSize');
        },
        close: () => {
          isClosed = true;
        },
      });
      return session;
    };
    let sent = 0;
    let answered = false;
    let isClosed = false;
    let session = start();
    const question = Buffer.concat([
      Buffer.from('#00\x03'),
      encodePacket('?'),
      encodePacket('qSupported:multiprocess+'),
    ]);
    for (let count = 0; count < fuzzCount; count++) {
      session.push(message(random));
      if (count % 100 !== 0 && !isClosed) continue;
      if (!isClosed) {
        answered = false;
        session.push(question);
        if (!isClosed) assert.ok(answered, `no answer after ${count} messages`);
      }
      session.end();
      isClosed = false;
      session = start();
    }
    assert.ok(sent > fuzzCount);
  });
});
