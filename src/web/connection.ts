// The monitor's client in a browser: its transport, and the token of this tab.
import { MonitorClient, type Transport } from '../monitor/client.js';
import { byId } from './dom.js';

const tokenKey = 'beeline.token';

function transportOver(socket: WebSocket): Transport {
  const transport: Transport = {
    send: (data) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(typeof data === 'string' ? data : new Uint8Array(data));
    },
    close: () => socket.close(),
    onText: () => undefined,
    onBinary: () => undefined,
    onClose: () => undefined,
  };
  socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === 'string') transport.onText(data);
    else transport.onBinary(new Uint8Array(data));
  });
  socket.addEventListener('close', ({ reason }) => transport.onClose(reason === '' ? 'the connection ended' : reason));
  return transport;
}

function open(): Promise<MonitorClient> {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new WebSocket(`${scheme}://${location.host}/monitor`);
  socket.binaryType = 'arraybuffer';
  const client = new MonitorClient(transportOver(socket));
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(client));
    socket.addEventListener('error', () => void whyNot().then((words) => reject(new Error(words))));
  });
}

/** What a browser does not tell of a connection that fails: whether the daemon is there, and refuses. */
async function whyNot(): Promise<string> {
  let status: number;
  try {
    ({ status } = await fetch('/', { cache: 'no-store' }));
  } catch {
    return 'the daemon does not answer';
  }
  if (status === 429) return 'too many wrong tokens were shown from this address; wait a minute';
  if (status !== 200) return `the daemon does not answer (HTTP status ${status})`;
  return `the daemon refuses this page: its origins do not name ${location.origin}, or it has too many clients`;
}

/** From behind # in the address, where it is not left. */
function takeFromAddress(): void {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (token === undefined) return;
  sessionStorage.setItem(tokenKey, decodeURIComponent(token));
  history.replaceState(null, '', location.pathname);
}

function ask(words: string): Promise<string> {
  const dialog = byId<HTMLDialogElement>('sign-in');
  const input = byId<HTMLInputElement>('token');
  byId('sign-in-error').textContent = words;
  input.value = '';
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    const take = () => {
      if (input.value === '') {
        dialog.showModal();
        return;
      }
      dialog.removeEventListener('close', take);
      resolve(input.value);
    };
    dialog.addEventListener('close', take);
  });
}

/** An open connection with a role; asks for a token where there is none. */
export async function connect(): Promise<MonitorClient> {
  takeFromAddress();
  let words = '';
  for (;;) {
    const kept = sessionStorage.getItem(tokenKey);
    const token = kept ?? (await ask(words));
    const client = await open();
    try {
      await client.call('monitor.authenticate', { token });
      sessionStorage.setItem(tokenKey, token);
      return client;
    } catch (error) {
      client.close();
      if (!isRefusal(error)) throw error;
      sessionStorage.removeItem(tokenKey);
      words = 'That token is not known.';
    }
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'BEELINE_E_UNAUTHORIZED';
}
