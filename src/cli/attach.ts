// beeline attach: this terminal as a guest's console, for as long as one likes.
import { BeelineError, ExitStatus } from '../errors.js';
import type { ConsoleSize } from '../monitor/domains/console.js';
import { onEndingSignal, signalStatus } from '../signals.js';
import { type ClientOptions, withDaemon } from './client.js';
import { ConsoleOutput } from './console-output.js';
import { EscapeKeys } from './escape-keys.js';
import { followTerminalSize, Terminal } from './terminal.js';

const help = [
  'Ctrl-A x       leave the console; the guest goes on',
  'Ctrl-A ?       show this help',
  'Ctrl-A Ctrl-A  send Ctrl-A to the guest',
];

export interface AttachOptions extends ClientOptions {
  readonly history?: number;
}

export function attach(name: string, options: AttachOptions): Promise<number> {
  return withDaemon(options, async (client) => {
    let leave: (status: number) => void = () => undefined;
    const left = new Promise<number>((resolve) => {
      leave = resolve;
    });
    const output = new ConsoleOutput(options.json ?? false);
    client.on('console.missed', ({ from, to }) => output.miss(from, to, `\r\n[${to - from} bytes missed]\r\n`));
    client.on('console.detached', () => leave(ExitStatus.ok));
    const params = { vm: name, ...(options.history !== undefined && { history: options.history }) };
    const { stream, resizable } = await client.attach(params, output.take);
    const terminal = new Terminal();
    const keys = new EscapeKeys({
      onData: (data) => client.type(stream, data),
      onAction: (action) => {
        if (action === 'quit') leave(ExitStatus.ok);
        else process.stderr.write(`\r\n${help.join('\r\n')}\r\n`);
      },
    });
    const onData = (data: Buffer) => {
      if (terminal.isTerminal) keys.push(data);
      else client.type(stream, data);
    };
    if (terminal.isTerminal) process.stderr.write(`beeline: ${name}; Ctrl-A x leaves, Ctrl-A ? shows help\n`);
    process.stdin.on('data', onData);
    terminal.enterRaw();
    const tellSize = (size: ConsoleSize) => {
      client.call('console.resize', { vm: name, ...size }).catch(() => undefined);
    };
    const leaveSize = resizable ? followTerminalSize(tellSize) : () => undefined;
    const forget = onEndingSignal((signal) => leave(signalStatus(signal)));
    const lost = client.closed.then((detail) => {
      throw new BeelineError('BEELINE_E_CONNECTION_LOST', { detail });
    });
    try {
      return await Promise.race([left, lost]);
    } finally {
      forget();
      leaveSize();
      terminal.leaveRaw();
      process.stdin.off('data', onData);
      process.stdin.pause();
    }
  });
}
