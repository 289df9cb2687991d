/**
 * The page's side of a worker: the facade's functions and classes, run elsewhere. Nothing of the facade itself
 * is loaded, no backend and no WebAssembly.
 */

import { Session } from './objects.js';
import type { Port } from './port.js';
import { CLASSES, FUNCTIONS, type Target } from './protocol.js';
import type { Client } from './remote.js';

export { type ErrorCode, type ErrorDetails, H2qError } from '../errors.js';
export type {
  BackendInfo,
  Candidate,
  CodeStatistics,
  Codes,
  EpochReport,
  FitSummary,
  HammingMeasurement,
  LabelsInput,
  LossValue,
  Matrix,
  MetricsAt,
  MetricsWithin,
  ModelSummary,
  Neighbours,
  Progress,
  RadiusResult,
  RerankedResult,
  SearchResult,
  SearchWork,
} from '../index.js';
export type { Port } from './port.js';
export type { Client, HammingIndex, Model, OnPage, Owned, Transfer, Vectors } from './remote.js';

export interface ConnectOptions {
  /**
   * What `init` makes the worker's backend of: a compiled `WebAssembly.Module` (which costs the worker nothing
   * to load), its bytes, or a URL; a string is relative to the worker's script. Default: the file of the package.
   * Has no effect in Node.
   */
  source?: WebAssembly.Module | BufferSource | URL | string | undefined;
  /** The same for fits that rank neighbours, whose module the worker loads when the first of them is asked for. */
  neighbours?: WebAssembly.Module | BufferSource | URL | string | undefined;
  /** Ends the waiting for a worker that does not answer; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/**
 * Connects to a worker whose script is, or imports, `h2q/worker`. Resolves once its backend is there.
 *
 * @throws WORKER_UNAVAILABLE, and what the backend's initialisation throws
 */
export async function connect(
  port: Port,
  { source, neighbours, signal }: ConnectOptions = {},
): Promise<Client> {
  const session = new Session(port);
  const sent = (from: ConnectOptions['source']) => (from instanceof URL ? from.href : from);
  await session.open(sent(source), sent(neighbours), signal);

  const bind = (target: Target, count: number) => {
    return (...args: unknown[]) => session.call(target, args, count);
  };
  const functions = namesOf(FUNCTIONS).map((name) => [name, bind({ name }, FUNCTIONS[name])]);
  const classes = namesOf(CLASSES).map((className) => {
    const statics = Object.entries(CLASSES[className].statics);
    const bound = statics.map(([name, count]) => [name, bind({ className, name }, count)]);
    return [className, Object.fromEntries(bound)];
  });
  const close = () => session.close('the client was closed');
  // Of the same tables as the type.
  return Object.fromEntries([...functions, ...classes, ['close', close]]) as Client;
}

function namesOf<Table extends object>(table: Table): (keyof Table)[] {
  return Object.keys(table) as (keyof Table)[];
}
