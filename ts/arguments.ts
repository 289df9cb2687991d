/** Checks of what callers pass in. Ranges that only mathematics knows are checked by the core. */

import { H2qError } from './errors.js';

/** Largest unsigned 32-bit number, the widest integer that crosses every binding. */
export const MAX_U32 = 0xffff_ffff;
/** Largest finite float32. */
export const MAX_F32 = 3.4028234663852886e38;

export function invalidOption(option: string, value: unknown, expected: string): H2qError {
  return new H2qError('INVALID_OPTION', `${option}: ${show(value)} is not ${expected}`, {
    details: { option, value, expected },
  });
}

export function invalidArgument(argument: string, problem: string): H2qError {
  return new H2qError('INVALID_ARGUMENT', `${argument}: ${problem}`, { details: { argument } });
}

export function checkInteger(option: string, value: unknown, minimum: number, maximum = MAX_U32): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum)
    return value;
  throw invalidOption(option, value, `a whole number between ${minimum} and ${maximum}`);
}

export function checkOneOf<T extends string>(option: string, value: unknown, choices: readonly T[]): T {
  const choice = choices.find((known) => known === value);
  if (choice === undefined) throw invalidOption(option, value, `one of ${choices.join(', ')}`);
  return choice;
}

/** `threads` as the core takes it: 0 stands for all of the machine's. */
export function checkThreads(threads: number | undefined): number {
  return threads === undefined ? 0 : checkInteger('threads', threads, 0);
}

/**
 * The options of a call, as every function of the facade takes them first of all.
 *
 * @throws INVALID_ARGUMENT for anything but an object, and for a `signal` that is no `AbortSignal`
 */
export function checkOptions<T extends object>(options: T): T {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('options', `expected an object, got ${kindOf(options)}`);
  }
  const { signal } = options as { signal?: unknown };
  // Not by class: signals of another window or a library are signals too.
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  const isSignal = typeof aborted === 'boolean' && typeof addEventListener === 'function';
  if (signal === undefined || isSignal) return options;
  throw invalidArgument('signal', `expected an AbortSignal, got ${kindOf(signal)}`);
}

/** Throws INVALID_ARGUMENT for an array whose memory was transferred: it would count as empty. */
export function checkAttached({ buffer }: ArrayBufferView, name: string): void {
  try {
    new Uint8Array(buffer, 0, 0);
  } catch {
    throw invalidArgument(name, 'the array is detached');
  }
}

/** Names what was given instead of what was wanted: `an Array`, `undefined`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  const kind = typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value;
  return `${/^[aeiou]/i.test(kind) ? 'an' : 'a'} ${kind}`;
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
