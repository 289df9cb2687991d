/** The page's end of a port: numbers calls, matches answers, and lets none of them wait for a dead worker. */

import { H2qError } from '../errors.js';
import { unpackError } from './pack.js';
import { listen, type Port, type PortEvent, receive, send } from './port.js';
import type { Change, ToPage, ToWorker } from './protocol.js';

/** How a call is waited for. */
export interface Waiting {
  signal?: AbortSignal | undefined;
  onProgress?: ((value: unknown) => void) | undefined;
}

export interface ChannelEvents {
  /** Fields of objects have changed. */
  onChanges(changes: Change[]): void;
  /** A call had a result that nobody waits for any more. */
  onUnwanted(value: unknown): void;
}

type MessageOf<Kind extends ToWorker['kind']> = Extract<ToWorker, { kind: Kind }>;

/** A message that wants an answer, before it has its number. */
type Request = Omit<MessageOf<'open'>, 'call'> | Omit<MessageOf<'call'>, 'call'>;

interface Pending {
  resolve(value: unknown): void;
  reject(reason: unknown): void;
  /** Rejects, and has the worker stop. */
  giveUp(reason: unknown): void;
  onProgress: Waiting['onProgress'];
  /** Takes it off the list of those who wait, and its listener off the signal. */
  end(): void;
}

/** What tells that no answers will come: all have these events but `exit` (Node's workers) and `close` (ports). */
const FAILURES = ['error', 'messageerror', 'exit', 'close'];

export class Channel {
  readonly #port: Port;
  readonly #events: ChannelEvents;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners: (() => void)[];
  #lastCall = 0;
  /** Why there are no more answers. */
  #end: { message: string; cause?: unknown } | undefined;

  constructor(port: Port, events: ChannelEvents) {
    this.#port = port;
    this.#events = events;
    this.#listeners = FAILURES.map((type) => listen(port, type, (event) => this.#fail(type, event)));
    this.#listeners.push(receive<ToPage>(port, (message) => this.#answer(message)));
  }

  /**
   * Sends a request and waits for its answer. `moving` are buffers to move instead of copying.
   *
   * Rejects with `signal.reason` at once, whatever the worker is doing.
   */
  request(request: Request, moving: ArrayBuffer[], { signal, onProgress }: Waiting): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#end) throw this.#unavailable();
      signal?.throwIfAborted();
      this.#lastCall += 1;
      const call = this.#lastCall;
      this.#post({ ...request, call } as ToWorker, moving);

      const giveUp = (reason: unknown) => {
        this.#pending.get(call)?.end();
        this.send({ kind: 'cancel', call });
        reject(reason);
      };
      const abort = () => giveUp(signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      const end = () => {
        this.#pending.delete(call);
        signal?.removeEventListener('abort', abort);
      };
      this.#pending.set(call, { resolve, reject, giveUp, onProgress, end });
    });
  }

  /** Sends a message that has no answer. */
  send(message: MessageOf<'cancel' | 'release' | 'close'>): void {
    if (!this.#end) send(this.#port, message);
  }

  /** Ends it all: every call is rejected, now and later. A worker is left to its owner, a port is closed. */
  close(message: string, cause?: unknown): void {
    this.send({ kind: 'close' });
    if (this.#stop(message, cause)) this.#port.close?.();
  }

  #post(message: ToWorker, moving: ArrayBuffer[]): void {
    try {
      send(this.#port, message, moving);
    } catch (cause) {
      throw new H2qError('INVALID_ARGUMENT', 'the arguments cannot be sent to the worker', { cause });
    }
  }

  #answer(message: ToPage): void {
    const pending = this.#pending.get(message.call);
    if (message.kind === 'progress') {
      report(pending, message.value);
      return;
    }
    this.#events.onChanges(message.changes);
    pending?.end();
    if (message.kind === 'error') pending?.reject(unpackError(message.error));
    else if (pending) pending.resolve(message.value);
    else this.#events.onUnwanted(message.value);
  }

  #fail(type: string, { error, message }: PortEvent): void {
    const cause = error instanceof Error ? error : message;
    const why = cause instanceof Error ? cause.message : cause;
    this.#stop(problemOf(type, why), cause);
  }

  /** Whether it had not stopped before. */
  #stop(message: string, cause: unknown): boolean {
    if (this.#end) return false;
    this.#end = { message, ...(cause !== undefined && { cause }) };
    for (const stopListening of this.#listeners) stopListening();
    for (const { end, reject } of [...this.#pending.values()]) {
      end();
      reject(this.#unavailable());
    }
    return true;
  }

  #unavailable(): H2qError {
    const { message, ...more } = this.#end ?? { message: 'the worker ended' };
    return new H2qError('WORKER_UNAVAILABLE', message, more);
  }
}

/** What the listener throws ends the call, as it does without a worker. */
function report(pending: Pending | undefined, value: unknown): void {
  try {
    pending?.onProgress?.(value);
  } catch (error) {
    pending?.giveUp(error);
  }
}

function problemOf(type: string, why: string | undefined): string {
  // Browsers say nothing about a script that they could not load.
  if (type === 'error') return why ? `the worker failed: ${why}` : "the worker's script could not be loaded";
  if (type === 'messageerror') return 'a message of the worker could not be read';
  return 'the worker ended';
}
