/**
 * The facade's types as a page sees them, derived from the facade's own: objects that live in the worker are
 * known by their fields and methods, everything returns a promise, and arrays can be moved instead of copied.
 */

import type * as facade from '../index.js';
import type { CLASSES, ClassName, FUNCTIONS, FunctionName, InstanceOf } from './protocol.js';

export interface Transfer {
  /**
   * Moves the arrays among the arguments to the worker instead of copying them: they are empty afterwards.
   * An array that is a part of a larger buffer is copied nevertheless. Default false.
   */
  transfer?: boolean | undefined;
}

declare const inWorker: unique symbol;

/** What objects of the worker's have besides the fields and methods of the facade. */
export interface Owned {
  /** In the types alone: without it, vectors of the facade would pass for such of a worker. */
  readonly [inWorker]: true;
  /** Whether {@link Owned.release} was called. */
  readonly isReleased: boolean;
  /**
   * Lets go of the object in the worker at once, instead of when the garbage collector comes by on the page.
   * Every later use is rejected with INVALID_ARGUMENT; running work keeps its share until it ends.
   */
  release(): void;
}

/** {@link facade.Vectors} that live in the worker. */
export interface Vectors extends Members<'Vectors'>, Owned {}
/** A {@link facade.Model} that lives in the worker. */
export interface Model extends Members<'Model'>, Owned {}
/** A {@link facade.HammingIndex} that lives in the worker; its fields follow every change. */
export interface HammingIndex extends Members<'HammingIndex'>, Owned {}

/** The facade without what needs files, and without what blocks. Everything runs in the worker. */
export interface Client extends Functions {
  readonly Vectors: Statics<'Vectors'>;
  readonly Model: Statics<'Model'>;
  readonly HammingIndex: Statics<'HammingIndex'>;
  /**
   * Stops what is running and lets go of all objects: pending calls and later ones are rejected with
   * WORKER_UNAVAILABLE. A worker of Node then ends by itself; in a browser, `worker.terminate()` ends it.
   */
  close(): void;
}

type Functions = {
  readonly [F in keyof Pick<typeof facade, FunctionName>]: Remote<(typeof facade)[F], (typeof FUNCTIONS)[F]>;
};

type Statics<C extends ClassName, Table = (typeof CLASSES)[C]['statics']> = {
  readonly [M in keyof Pick<(typeof facade)[C], keyof Table & keyof (typeof facade)[C]>]: Remote<
    (typeof facade)[C][M],
    Table[M & keyof Table]
  >;
};

type Members<C extends ClassName, Table = (typeof CLASSES)[C]['methods']> = {
  readonly [F in keyof Pick<InstanceOf<C>, FieldOf<C> & keyof InstanceOf<C>>]: InstanceOf<C>[F];
} & {
  readonly [M in keyof Pick<InstanceOf<C>, keyof Table & keyof InstanceOf<C>>]: Remote<
    InstanceOf<C>[M],
    Table[M & keyof Table]
  >;
};

type FieldOf<C extends ClassName> =
  | (typeof CLASSES)[C]['fixed'][number]
  | (typeof CLASSES)[C]['changing'][number];

/** A function whose options are argument `At`, called from a page. Of overloads, two at most are kept. */
type Remote<F, At> = F extends {
  (...args: infer A): infer R;
  (...args: infer B): infer S;
}
  ? unknown[] extends A // what is inferred where there is one signature only
    ? RemoteCall<B, S, At>
    : RemoteCall<A, R, At> & RemoteCall<B, S, At>
  : F extends (...args: infer A) => infer R
    ? RemoteCall<A, R, At>
    : never;

type RemoteCall<A extends unknown[], R, At> = (
  ...args: Required<A>['length'] extends At
    ? [...args: OnPage<A>, options?: Transfer]
    : { [I in keyof A]: I extends `${At & number}` ? OnPage<A[I]> & Transfer : OnPage<A[I]> }
) => Promise<OnPage<Awaited<R>>>;

/** A type of the facade with the page's objects in place of the facade's. */
export type OnPage<T> = T extends facade.Vectors
  ? Vectors
  : T extends facade.Model
    ? Model
    : T extends facade.HammingIndex
      ? HammingIndex
      : T extends NeverCrosses
        ? never
        : T extends PassesUnchanged
          ? T
          : { [K in keyof T]: OnPage<T[K]> };

/** A file in a map, and a function that is asked for every id. */
type NeverCrosses = facade.MappedVectors | ((id: bigint) => boolean);

type PassesUnchanged =
  | ArrayBufferView
  | Blob
  | AbortSignal
  | ((progress: never) => void)
  // These would come out the same, without their names.
  | facade.Matrix
  | facade.Codes
  | facade.EpochReport
  | facade.ModelSummary;
