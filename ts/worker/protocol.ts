/**
 * What page and worker say to each other, and of which parts of the facade. Every call has a number, every
 * object that lives in the worker a handle; the page never holds more of an object than its fields.
 */

import type * as facade from '../index.js';

/** Functions of the facade that a page can call, and how many arguments stand before the options. */
export const FUNCTIONS = {
  fit: 1,
  learn: 1,
  evaluate: 0,
  evaluateCosine: 0,
  codeStatistics: 1,
  quantizationLosses: 2,
  measureHamming: 0,
  quantizationLoss: 2,
  reflectionProduct: 2,
  hammingDistance: 2,
  popcount: 1,
  readVectors: 1,
  sampleVectors: 1,
  readCodes: 1,
  readLabels: 1,
  info: 0,
} as const satisfies { [F in keyof typeof facade]?: number };

/**
 * Classes of the facade whose objects live in the worker. Methods are listed as in {@link FUNCTIONS}; `fixed`
 * fields come over once, with the object, `changing` ones after every call that the object was part of.
 */
export const CLASSES = {
  Vectors: {
    statics: { from: 1 },
    methods: {},
    fixed: ['rows', 'columns'],
    changing: ['isReleased'],
  },
  Model: {
    statics: { fromBytes: 1, load: 1 },
    methods: { transform: 1, encode: 1, factors: 1, toBytes: 0 },
    fixed: ['dimensions', 'bits', 'fingerprint', 'summary'],
    changing: [],
  },
  HammingIndex: {
    statics: { build: 1, empty: 1, open: 1 },
    methods: { add: 1, remove: 1, buildTables: 0, search: 2, searchRadius: 2, toBytes: 0 },
    fixed: ['bits', 'hasIds', 'hasFactors'],
    changing: ['size', 'rows', 'model', 'memory'],
  },
} as const satisfies { [C in ClassName]: ClassTable<(typeof facade)[C]> };

export type FunctionName = keyof typeof FUNCTIONS;
export type ClassName = 'Vectors' | 'Model' | 'HammingIndex';

/** An instance of one of {@link CLASSES}. */
export type InstanceOf<C extends ClassName> = InstanceType<(typeof facade)[C]>;

interface ClassTable<C extends abstract new (...args: never) => unknown> {
  statics: { [M in keyof C]?: number };
  methods: { [M in keyof InstanceType<C>]?: number };
  fixed: readonly (keyof InstanceType<C>)[];
  changing: readonly (keyof InstanceType<C>)[];
}

/** What is called: a function, a static method of a class, or a method of an object. */
export type Target =
  | { name: FunctionName }
  | { className: ClassName; name: string }
  | { handle: number; name: string };

/** An object of the worker's in the arguments of a call. */
export interface Reference {
  'h2q:handle': number;
}

/** An object of the worker's in a result: the page learns of it here. */
export interface Introduction extends Reference {
  className: ClassName;
  fields: Fields;
}

/** Values of an object's fields, by name. */
export type Fields = Record<string, unknown>;

/** The `changing` fields of an object as they are now. */
export interface Change {
  handle: number;
  fields: Fields;
}

/** An error, or whatever else was thrown, as plain values. */
export type SentError =
  | {
      name: string;
      message: string;
      stack?: string | undefined;
      code?: unknown;
      details?: unknown;
      /** In brackets, as a cause may be undefined. */
      cause?: [SentError] | undefined;
    }
  | { value: unknown };

export type ToWorker =
  /** The first message. Of `source` and of `neighbours` the worker's backend is made; answered like a call. */
  | { kind: 'open'; call: number; source: unknown; neighbours: unknown }
  /** `progress` says whether someone listens to what the call reports on its way. */
  | {
      kind: 'call';
      call: number;
      target: Target;
      args: unknown[];
      options: Record<string, unknown>;
      progress: boolean;
    }
  /** Nobody waits for this call any more. It is answered all the same, once it has ended. */
  | { kind: 'cancel'; call: number }
  /** The page has no use for this object any more. */
  | { kind: 'release'; handle: number }
  /** The page has no use for the worker any more. */
  | { kind: 'close' };

export type ToPage =
  | { kind: 'progress'; call: number; value: unknown }
  /** The end of a call, well or otherwise. `changes` are those of the objects that were part of it. */
  | { kind: 'result'; call: number; value: unknown; changes: Change[] }
  | { kind: 'error'; call: number; error: SentError; changes: Change[] };
