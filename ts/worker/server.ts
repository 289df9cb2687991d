/** The worker's side: runs the facade for one port and keeps its objects. Knows no backend. */

import { invalidArgument } from '../arguments.js';
import { H2qError } from '../errors.js';
import {
  codeStatistics,
  evaluate,
  evaluateCosine,
  fit,
  HammingIndex,
  hammingDistance,
  info,
  learn,
  Model,
  measureHamming,
  popcount,
  quantizationLoss,
  quantizationLosses,
  readCodes,
  readLabels,
  readVectors,
  reflectionProduct,
  sampleVectors,
  Vectors,
} from '../index.js';
import { isReference, mapLeaves, packArray, packError } from './pack.js';
import { type Port, receive, send } from './port.js';
import {
  type Change,
  CLASSES,
  type ClassName,
  type Fields,
  FUNCTIONS,
  type FunctionName,
  type InstanceOf,
  type Introduction,
  type Target,
  type ToPage,
  type ToWorker,
} from './protocol.js';

export type { Port } from './port.js';

const functions = {
  fit,
  learn,
  evaluate,
  evaluateCosine,
  codeStatistics,
  quantizationLosses,
  measureHamming,
  quantizationLoss,
  reflectionProduct,
  hammingDistance,
  popcount,
  readVectors,
  sampleVectors,
  readCodes,
  readLabels,
  info,
} satisfies Record<FunctionName, unknown>;

const classes = { Vectors, Model, HammingIndex } satisfies Record<ClassName, unknown>;
const classNames = Object.keys(classes) as ClassName[];

type Served = InstanceOf<ClassName>;
/** Any function of the facade, with arguments of which only the page's types know. */
type Callable = (...args: unknown[]) => unknown;

/** Makes the backend: of what `init` takes as `source`, and as its option `neighbours`. */
export type Ready = (source: unknown, neighbours: unknown) => Promise<void>;

/**
 * Serves the facade to the page at the other end of `port`. The page's first message brings what the backend is
 * made of, for `ready` to make it; what that throws rejects the page's `connect`.
 */
export function serve(port: Port, ready: Ready = async () => {}): void {
  const server = new Server(port, ready);
  server.start();
}

class Server {
  readonly #port: Port;
  readonly #ready: Ready;
  readonly #objects = new Map<number, Served>();
  readonly #running = new Map<number, AbortController>();
  #lastHandle = 0;
  #stopListening = () => {};

  constructor(port: Port, ready: Ready) {
    this.#port = port;
    this.#ready = ready;
  }

  start(): void {
    this.#stopListening = receive<ToWorker>(this.#port, (message) => this.#take(message));
  }

  #take(message: ToWorker): void {
    switch (message.kind) {
      case 'open':
        void this.#answer(message.call, () => this.#ready(message.source, message.neighbours));
        break;
      case 'call':
        void this.#answer(message.call, (involved) => this.#run(message, involved));
        break;
      case 'cancel':
        this.#running.get(message.call)?.abort();
        break;
      case 'release':
        this.#release(message.handle);
        break;
      case 'close':
        this.#close();
    }
  }

  /** Does what a message asks for, in this very turn as far as it goes, and sends how it ended. */
  async #answer(call: number, work: (involved: Set<number>) => Promise<unknown>): Promise<void> {
    const involved = new Set<number>();
    try {
      const value = await work(involved);
      const moving = new Set<ArrayBuffer>();
      const packed = mapLeaves(value, 'result', (leaf) => this.#pack(leaf, moving));
      this.#send({ kind: 'result', call, value: packed, changes: this.#changes(involved) }, [...moving]);
    } catch (error) {
      this.#send({ kind: 'error', call, error: packError(error), changes: this.#changes(involved) });
    }
  }

  async #run(message: Extract<ToWorker, { kind: 'call' }>, involved: Set<number>): Promise<unknown> {
    const { call, target, progress } = message;
    const unpack = (leaf: unknown) => {
      if (!isReference(leaf)) return leaf;
      involved.add(leaf['h2q:handle']);
      return this.#object(leaf['h2q:handle']);
    };
    const args = message.args.map((arg) => mapLeaves(arg, 'argument', unpack));
    const options = mapLeaves(message.options, 'options', unpack) as object;
    const [self, callable] = this.#find(target, involved);

    const controller = new AbortController();
    this.#running.set(call, controller);
    const onProgress = (value: unknown) => this.#send({ kind: 'progress', call, value });
    const journey = { signal: controller.signal, ...(progress && { onProgress }) };
    try {
      return await callable.call(self, ...args, { ...options, ...journey });
    } finally {
      this.#running.delete(call);
    }
  }

  /** What a message calls, and on what. Nothing but what the tables list. */
  #find(target: Target, involved: Set<number>): [self: unknown, callable: Callable] {
    const { name } = target;
    if ('handle' in target) {
      involved.add(target.handle);
      const object = this.#object(target.handle);
      return [object, listed(object, name, CLASSES[classOf(object)].methods)];
    }
    if ('className' in target) {
      const Class = classes[target.className];
      return [Class, listed(Class, name, CLASSES[target.className].statics)];
    }
    return [undefined, listed(functions, name, FUNCTIONS)];
  }

  #object(handle: number): Served {
    const object = this.#objects.get(handle);
    if (!object) throw invalidArgument('handle', 'this object was released');
    return object;
  }

  /** What stands for a part of a result in a message: its buffer moves where it is its own. */
  #pack(leaf: unknown, moving: Set<ArrayBuffer>): unknown {
    if (ArrayBuffer.isView(leaf)) {
      const array = packArray(leaf, 'result');
      moving.add(array.buffer as ArrayBuffer);
      return array;
    }
    return isServed(leaf) ? this.#introduce(leaf) : leaf;
  }

  #introduce(object: Served): Introduction {
    this.#lastHandle += 1;
    this.#objects.set(this.#lastHandle, object);
    const className = classOf(object);
    const { fixed, changing } = CLASSES[className];
    return { 'h2q:handle': this.#lastHandle, className, fields: fieldsOf(object, [...fixed, ...changing]) };
  }

  #changes(involved: ReadonlySet<number>): Change[] {
    return [...involved].flatMap((handle) => {
      const object = this.#objects.get(handle);
      const changing = object ? CLASSES[classOf(object)].changing : [];
      return object && changing.length > 0 ? [{ handle, fields: fieldsOf(object, changing) }] : [];
    });
  }

  #release(handle: number): void {
    const object = this.#objects.get(handle);
    this.#objects.delete(handle);
    if (object instanceof Vectors) object.release();
  }

  #close(): void {
    this.#stopListening();
    for (const controller of this.#running.values()) controller.abort();
    for (const handle of [...this.#objects.keys()]) this.#release(handle);
  }

  #send(message: ToPage, moving: ArrayBuffer[] = []): void {
    try {
      send(this.#port, message, moving);
    } catch (error) {
      // Memory that belongs to an addon may be copied only.
      if (moving.length === 0) throw error;
      send(this.#port, message);
    }
  }
}

function listed(owner: object, name: string, table: object): Callable {
  if (!Object.hasOwn(table, name)) throw new H2qError('INTERNAL', `a worker does not serve ${name}`);
  return (owner as Record<string, Callable>)[name] as Callable;
}

function isServed(value: unknown): value is Served {
  return classNames.some((name) => value instanceof classes[name]);
}

function classOf(object: Served): ClassName {
  return classNames.find((name) => object instanceof classes[name]) as ClassName;
}

function fieldsOf(object: Served, names: readonly string[]): Fields {
  return Object.fromEntries(names.map((name) => [name, (object as unknown as Fields)[name]]));
}
