/** Real workers of Node, on the native backend, for tests of the client. */

import { MessageChannel, Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import { type Client, type ConnectOptions, connect, type Port } from '../../ts/worker/client.js';
import { type Ready, serve } from '../../ts/worker/server.js';

/** What `h2q/worker` is in Node, compiled. */
export const SCRIPT = new URL('../../dist/node/worker.js', import.meta.url);

/** Starts `h2q/worker`. It ends with the test, at the latest. */
export function startWorker(backend = process.env['H2Q_BACKEND'] ?? 'native'): Worker {
  const worker = new Worker(SCRIPT, { env: { ...process.env, H2Q_BACKEND: backend } });
  onTestFinished(async () => void (await worker.terminate()));
  return worker;
}

/** Starts a worker that runs `code`, a CommonJS module. */
export function runWorker(code: string): Worker {
  const worker = new Worker(code, { eval: true });
  onTestFinished(async () => void (await worker.terminate()));
  return worker;
}

export async function startClient(): Promise<Client> {
  return connect(startWorker());
}

/** What a message brought along, and what was moved with it. */
export interface Sent {
  message: Record<string, unknown>;
  moved: ArrayBuffer[];
}

interface Recording {
  port: Port;
  sent: Sent[];
  /** Called before a message goes out. */
  onSend(message: Record<string, unknown>): void;
}

/** A port that also writes down what is sent through it. */
function recording(port: Port): Recording {
  const postMessage = (message: unknown, transfer: ArrayBuffer[] = []) => {
    const fields = message as Record<string, unknown>;
    recorded.onSend(fields);
    recorded.sent.push({ message: fields, moved: [...transfer] });
    port.postMessage(message, transfer);
  };
  // Methods of a port want the port itself.
  const bound = new Proxy(port, {
    get(target, name) {
      if (name === 'postMessage') return postMessage;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const recorded: Recording = { port: bound, sent: [], onSend: () => {} };
  return recorded;
}

/** Both ends in this thread, with what each has sent. */
export async function pair(ready?: Ready, options?: ConnectOptions) {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  const [page, worker] = [recording(port1), recording(port2)];
  serve(worker.port, ready);
  const client = await connect(page.port, options);
  return { client, page, worker };
}

export function kinds(sent: readonly Sent[], kind: string): Sent[] {
  return sent.filter(({ message }) => message['kind'] === kind);
}
