/** What the page holds of the worker's objects, and how they go into messages and come out of them. */

import { checkOptions, invalidArgument, kindOf } from '../arguments.js';
import { Channel, type Waiting } from './channel.js';
import { isReference, mapLeaves, packArray } from './pack.js';
import type { Port } from './port.js';
import {
  type Change,
  CLASSES,
  type ClassName,
  type Fields,
  type Introduction,
  type Target,
} from './protocol.js';
import type { Owned, Transfer } from './remote.js';

/** What is behind an object of the page. */
interface Behind {
  session: Session;
  className: ClassName;
  handle: number;
  fields: Fields;
}

const behind = new WeakMap<object, Behind>();

function behindOf(object: object): Behind {
  const found = behind.get(object);
  if (!found) throw new TypeError('not an object that a worker made');
  return found;
}

class RemoteObject implements Pick<Owned, 'isReleased' | 'release'> {
  get isReleased(): boolean {
    return behindOf(this).fields['isReleased'] === true;
  }

  release(): void {
    const { session, handle, fields } = behindOf(this);
    fields['isReleased'] = true;
    session.release(handle);
  }
}

/** A class of the page: its fields are what the worker has told, its methods run there. */
function classOnPage(name: ClassName): new () => RemoteObject {
  const { fixed, changing, methods } = CLASSES[name];
  const Class = class extends RemoteObject {};
  Object.defineProperty(Class, 'name', { value: name });
  for (const field of [...fixed, ...changing].filter((field) => !(field in RemoteObject.prototype))) {
    Object.defineProperty(Class.prototype, field, {
      get: function (this: object) {
        return behindOf(this).fields[field];
      },
    });
  }
  for (const [method, count] of Object.entries(methods)) {
    Object.defineProperty(Class.prototype, method, {
      value: async function (this: object, ...args: unknown[]) {
        const known = behindOf(this);
        const { session, handle } = known;
        checkUsable(known);
        return session.call({ handle, name: method }, args, count);
      },
    });
  }
  return Class;
}

const CLASSES_ON_PAGE = {
  Vectors: classOnPage('Vectors'),
  Model: classOnPage('Model'),
  HammingIndex: classOnPage('HammingIndex'),
};

/** How errors name an object, and what they begin with. */
const WORDS = {
  Vectors: ['vectors', 'these vectors were'],
  Model: ['model', 'this model was'],
  HammingIndex: ['index', 'this index was'],
} as const;

/** Throws INVALID_ARGUMENT for an object that was released; `property` held it, if it was in one. */
function checkUsable({ className, fields }: Behind, property?: string): void {
  if (fields['isReleased'] !== true) return;
  const [name, these] = WORDS[className];
  throw invalidArgument(property ?? name, `${these} released`);
}

/** Begins the names of arguments that stand for themselves. */
const ARGUMENT = 'argument ';

/** One worker and the objects that it keeps for the page. */
export class Session {
  readonly #channel: Channel;
  /** Of every object that the worker still keeps. The objects themselves may be collected. */
  readonly #fields = new Map<number, Fields>();
  readonly #collected = new FinalizationRegistry<number>((handle) => this.release(handle));

  constructor(port: Port) {
    this.#channel = new Channel(port, {
      onChanges: (changes) => this.#update(changes),
      onUnwanted: (value) => this.#discard(value),
    });
  }

  /** Has the worker make its backend. */
  async open(source: unknown, neighbours: unknown, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#channel.request({ kind: 'open', source, neighbours }, [], { signal });
    } catch (error) {
      this.close('the connection was not made', error);
      throw error;
    }
  }

  /** Calls a function of the facade; its options are argument number `count`, counted from 0. */
  async call(target: Target, args: readonly unknown[], count: number): Promise<unknown> {
    const { signal, onProgress, transfer, ...options } = checkOptions(
      args[count] === undefined ? {} : (args[count] as CallOptions),
    );
    signal?.throwIfAborted();
    const moving = transfer ? new Set<ArrayBuffer>() : undefined;
    const pack = (value: unknown, name: string) =>
      mapLeaves(value, name, (leaf, leafName) => this.#pack(leaf, leafName, moving));
    const request = {
      kind: 'call',
      target,
      args: Array.from({ length: count }, (_, i) => pack(args[i], `${ARGUMENT}${i + 1}`)),
      options: pack(options, 'options') as Record<string, unknown>,
      progress: onProgress !== undefined,
    } as const;
    const result = await this.#channel.request(request, [...(moving ?? [])], { signal, onProgress });
    return mapLeaves(result, 'result', (leaf) =>
      isReference(leaf) ? this.#introduce(leaf as Introduction) : leaf,
    );
  }

  /** The page has no use for an object any more. */
  release(handle: number): void {
    if (this.#fields.delete(handle)) this.#channel.send({ kind: 'release', handle });
  }

  close(message: string, cause?: unknown): void {
    this.#channel.close(message, cause);
    this.#fields.clear();
  }

  /** What stands for an argument in a message. */
  #pack(leaf: unknown, name: string, moving: Set<ArrayBuffer> | undefined): unknown {
    if (ArrayBuffer.isView(leaf)) return packArray(leaf, name, moving);
    if (typeof leaf === 'function') {
      throw invalidArgument(
        name,
        'a function cannot cross to the worker; give a bitmap, or the ids that it accepts',
      );
    }
    if (typeof leaf !== 'object' || leaf === null || leaf instanceof Blob) return leaf;
    const known = behind.get(leaf);
    if (!known) throw invalidArgument(name, `${kindOf(leaf)} cannot cross to the worker`);
    const property = name.startsWith(ARGUMENT) ? undefined : name;
    if (known.session !== this) {
      throw invalidArgument(property ?? WORDS[known.className][0], 'not of this worker');
    }
    checkUsable(known, property);
    return { 'h2q:handle': known.handle };
  }

  #introduce({ 'h2q:handle': handle, className, fields }: Introduction): object {
    const object = new CLASSES_ON_PAGE[className]();
    behind.set(object, { session: this, className, handle, fields });
    this.#fields.set(handle, fields);
    this.#collected.register(object, handle);
    return object;
  }

  #update(changes: readonly Change[]): void {
    for (const { handle, fields } of changes) Object.assign(this.#fields.get(handle) ?? {}, fields);
  }

  /** Lets go of the objects in a result that came too late. */
  #discard(result: unknown): void {
    mapLeaves(result, 'result', (leaf) => {
      if (isReference(leaf)) this.#channel.send({ kind: 'release', handle: leaf['h2q:handle'] });
    });
  }
}

/** Options of a call, some of which are about its journey. */
type CallOptions = Waiting & Transfer & Record<string, unknown>;
