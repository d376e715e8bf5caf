import { strict as assert } from 'node:assert';
import { encodePacket } from '../../src/gdb/packets.js';
import { coreRegisters, gdbRegisters, targetDescription } from '../../src/gdb/registers.js';
import { GdbSession } from '../../src/gdb/session.js';
import type {
  NativeCpuState,
  NativeDebuggerAction,
  NativeDebuggerPoints,
  NativeMachine,
} from '../../src/native/addon.js';
import { MachineDebugger } from '../../src/vm/debugger.js';

/** 4 KiB of memory at 0x1000, two CPUs of which the second is off, and a list of what was asked for. */
class FakeMachine {
  readonly memory = Buffer.alloc(4096);
  readonly written: string[] = [];
  points = undefined as NativeDebuggerPoints | undefined;
  resumed: NativeDebuggerAction[][] = [];
  isPaused = false;
  killed = false;
  closed = false;
  sent = '';
  readonly debugger: MachineDebugger;
  readonly session: GdbSession;

  constructor() {
    const state: NativeCpuState = {
      el: 1,
      pc: '0x1000',
      sp: '0x2000',
      pstate: '0x600003c5',
      fpcr: '0x0',
      fpsr: '0x10',
      x: Array.from({ length: 31 }, (_unused, index) => `0x${index.toString(16)}`),
      v: Array.from({ length: 32 }, () => '0x000102030405060708090a0b0c0d0e0f'),
      system: { ESR_EL1: '0x5600' },
    };
    const inside = (address: bigint, length: number) =>
      address < 0x1000n || address >= 0x2000n ? 0 : Math.min(length, Number(0x2000n - address));
    const machine = {
      cpuState: (cpu: number) => (cpu === 0 ? state : undefined),
      readMemory: (address: bigint, length: number) => {
        const at = Number(address - 0x1000n);
        return this.memory.subarray(at, at + inside(address, length));
      },
      writeMemory: (address: bigint, data: Uint8Array) => {
        const count = inside(address, data.length);
        this.memory.set(data.subarray(0, count), Number(address - 0x1000n));
        return count;
      },
      writeRegister: (cpu: number, name: string, value: bigint) => {
        if (cpu !== 0 || name === 'ESR_EL1') return false;
        this.written.push(`${name}=${value.toString(16)}`);
        return true;
      },
      setDebuggerPoints: (points: NativeDebuggerPoints | undefined) => {
        this.points = points;
      },
    } as Partial<NativeMachine> as NativeMachine;
    const fake = this;
    this.debugger = new MachineDebugger(machine, 2, {
      get isPaused() {
        return fake.isPaused;
      },
      pause: () => {
        this.isPaused = true;
        this.debugger.stopped({ cpu: 0, kind: 'pause', address: 0n });
      },
      resume: (actions) => {
        this.isPaused = false;
        this.resumed.push([...actions]);
      },
      kill: () => {
        this.killed = true;
      },
    });
    this.session = new GdbSession(this.debugger, {
      send: (data) => {
        this.sent += data.toString('latin1');
      },
      close: () => {
        this.closed = true;
      },
    });
  }

  /** What it answers, without frame and acknowledgement. */
  ask(text: string | Buffer): string {
    this.sent = '';
    this.session.push(encodePacket(text));
    return /^\+?\$(.*)#..$/s.exec(this.sent)?.[1] ?? '';
  }

  stop(kind: 'breakpoint' | 'write' | 'step', address = 0n): string {
    this.sent = '';
    this.isPaused = true;
    this.debugger.stopped({ cpu: 0, kind, address });
    return /\$(.*)#../s.exec(this.sent)?.[1] ?? '';
  }
}

describe('a session of gdb', () => {
  let fake: FakeMachine;
  beforeEach(() => {
    fake = new FakeMachine();
  });

  it('halts the guest at once, and says so', () => {
    assert.ok(fake.isPaused);
    assert.match(fake.ask('qSupported:multiprocess+;xmlRegisters=i386'), /PacketSize=4000;.*multiprocess\+/);
    assert.equal(fake.ask('?'), 'T02thread:p01.01;');
    assert.equal(fake.ask('vMustReplyEmpty'), '');
    assert.equal(fake.ask('qfThreadInfo'), 'mp01.01,p01.02');
    assert.equal(fake.ask('qsThreadInfo'), 'l');
    assert.equal(Buffer.from(fake.ask('qThreadExtraInfo,p1.2'), 'hex').toString(), 'CPU#1 [off]');
  });

  it('describes its registers in pieces', () => {
    let text = '';
    for (;;) {
      const part = fake.ask(`qXfer:features:read:target.xml:${text.length.toString(16)},ff`);
      text += part.slice(1).replace(/\}(.)/gs, (_all, byte: string) => String.fromCharCode(byte.charCodeAt(0) ^ 0x20));
      if (part[0] === 'l') break;
    }
    assert.equal(text, targetDescription);
    assert.equal(fake.ask('qXfer:features:read:other.xml:0,ff'), 'E00');
    assert.equal(gdbRegisters[34]?.name, 'v0');
    assert.equal(coreRegisters.length, 34);
  });

  it('reads and writes registers', () => {
    const core = fake.ask('g');
    assert.equal(core.length, (33 * 8 + 4) * 2);
    assert.equal(core.slice(16, 32), '0100000000000000');
    assert.equal(core.slice(-8), 'c5030060');
    assert.equal(fake.ask('p22'), '0f0e0d0c0b0a09080706050403020100');
    assert.equal(fake.ask('P20=0010000000000000'), 'OK');
    assert.equal(fake.ask('P22=000102030405060708090a0b0c0d0e0f'), 'OK');
    assert.deepEqual(fake.written, ['pc=1000', 'v0=f0e0d0c0b0a09080706050403020100']);
    assert.equal(fake.ask(`G${core}`), 'OK');
    const system = gdbRegisters.findIndex(({ name }) => name === 'ESR_EL1').toString(16);
    assert.equal(fake.ask(`p${system}`), '0056000000000000');
    assert.equal(fake.ask(`P${system}=0000000000000000`), 'E22');
    assert.equal(fake.ask('pffff'), 'E22');
    assert.equal(fake.ask('G00'), 'E22');
    assert.equal(fake.ask('Hg2'), 'OK');
    assert.match(fake.ask('g'), /^x+$/);
    assert.equal(fake.ask('Hg3'), 'E02');
  });

  it('reads and writes memory', () => {
    assert.equal(fake.ask('M1000,4:01020304'), 'OK');
    assert.equal(fake.ask('m1000,6'), '010203040000');
    assert.equal(fake.ask('m1ffe,8'), '0000');
    assert.equal(fake.ask('m0,4'), 'E14');
    assert.equal(fake.ask(Buffer.from('X1000,3:#$}', 'latin1')), 'OK');
    assert.equal(fake.memory.toString('latin1', 0, 3), '#$}');
    assert.equal(fake.ask('X1000,0:'), 'OK');
    assert.equal(fake.ask('X1000,4:abc'), 'E22');
    assert.equal(fake.ask('M1ffe,4:00000000'), 'E14');
    assert.equal(fake.ask('m1000'), 'E22');
  });

  it('goes on as vCont says, and tells of stops', () => {
    assert.equal(fake.ask('Z0,1000,4'), 'OK');
    assert.equal(fake.ask('Z4,1800,8'), 'OK');
    assert.equal(fake.ask('Z0,1001,4'), 'E22');
    assert.equal(fake.points === undefined, true);
    assert.equal(fake.ask('vCont?'), 'vCont;c;C;s;S');
    assert.equal(fake.ask('vCont;s:1;c'), '');
    assert.deepEqual(fake.resumed.pop(), ['step', 'run']);
    assert.deepEqual(fake.points?.breakpoints, [0x1000n]);
    assert.equal(fake.stop('step'), 'T05thread:01;');
    fake.ask('vCont;s:1');
    assert.deepEqual(fake.resumed.pop(), ['step', 'hold']);
    assert.equal(fake.stop('write', 0x1804n), 'T05awatch:1804;thread:01;');
    fake.ask('z4,1800,8');
    fake.ask('c');
    assert.deepEqual(fake.resumed.pop(), ['run', 'run']);
    assert.deepEqual(fake.points?.watchpoints, []);
    fake.sent = '';
    fake.session.push(Buffer.from('\x03', 'latin1'));
    assert.match(fake.sent, /^\$T02thread:01;#/);
    assert.equal(fake.ask('vCont;x'), 'E22');
    assert.equal(fake.ask('vCont;c:7'), 'E22');
  });

  it('detaches: its stops go, the guest goes on', () => {
    fake.ask('Z0,1000,4');
    fake.ask('vCont;c');
    fake.stop('breakpoint');
    assert.equal(fake.ask('D;1'), 'OK');
    assert.equal(fake.points === undefined, true);
    assert.deepEqual(fake.resumed.pop(), []);
    assert.ok(fake.closed && !fake.isPaused);
  });

  it('lets the guest go on when the connection is lost', () => {
    fake.session.end();
    assert.ok(!fake.isPaused);
  });

  it('kills', () => {
    fake.ask('k');
    assert.ok(fake.killed && fake.closed);
  });

  it('does without acknowledgements', () => {
    assert.equal(fake.ask('QStartNoAckMode'), 'OK');
    fake.sent = '';
    fake.session.push(Buffer.from('$?#00'));
    assert.equal(fake.sent, '$T02thread:01;#b5'.replace(/#..$/, encodePacket('T02thread:01;').toString().slice(-3)));
  });

  it('sends again what was damaged on its way', () => {
    fake.ask('qC');
    const sent = fake.sent.slice(1);
    fake.sent = '';
    fake.session.push(Buffer.from('-'));
    assert.equal(fake.sent, sent);
  });

  it('tells a waiting gdb that the guest has ended', () => {
    fake.ask('vCont;c');
    fake.sent = '';
    fake.session.exited(0);
    assert.match(fake.sent, /^\$W00#/);
  });
});
