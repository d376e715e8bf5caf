// QMP over WebSocket: passes messages on to the Unix socket of a guest's process and back, a line a message.
import { createConnection } from 'node:net';
import type { WebSocket } from 'ws';

/** The guest is not read from while the client has so much unread, in bytes. */
const highWater = 1024 * 1024;
const newline = 0x0a;
/** Bytes of the longest line that a guest's process may send: its answers are far shorter. */
const longestLine = 16 * 1024 * 1024;
/** Milliseconds between pings; who has not answered by the next is gone. */
const pingInterval = 30_000;

export function proxyQmp(client: WebSocket, path: string, onClose: () => void): void {
  const guest = createConnection(path);
  let pieces: Buffer[] = [];
  let waiting = 0;
  let answersPing = true;
  const timer = setInterval(() => {
    // It is not read from while the guest does not read, its pongs neither.
    if (client.isPaused) return;
    if (!answersPing) {
      client.terminate();
      return;
    }
    answersPing = false;
    client.ping();
  }, pingInterval);
  client.on('pong', () => {
    answersPing = true;
  });
  guest.on('data', (data: Buffer) => {
    let rest = data;
    for (let cut = rest.indexOf(newline); cut >= 0; cut = rest.indexOf(newline)) {
      const line = Buffer.concat([...pieces, rest.subarray(0, cut + 1)]);
      pieces = [];
      waiting = 0;
      rest = rest.subarray(cut + 1);
      client.send(line.toString(), () => {
        if (client.bufferedAmount < highWater) guest.resume();
      });
    }
    if (rest.length > 0) pieces.push(rest);
    waiting += rest.length;
    if (waiting > longestLine) guest.destroy();
    if (client.bufferedAmount >= highWater) guest.pause();
  });
  guest.on('error', () => guest.destroy());
  guest.on('close', () => client.close(1000, 'the guest has ended'));
  client.on('message', (data) => {
    // Texts and bytes alike: the guest makes out objects by itself.
    if (!guest.write(data as Buffer)) client.pause();
  });
  guest.on('drain', () => client.resume());
  client.on('error', () => client.terminate());
  client.on('close', () => {
    clearInterval(timer);
    guest.destroy();
    onClose();
  });
}
