/** From errors to one line on standard error and an exit code. */

import { CommanderError } from 'commander';
import { type ErrorCode, H2qError } from '../errors.js';
import { toFlag } from './options.js';

export const EXIT = { done: 0, badInput: 1, internal: 2, interrupted: 130 } as const;

export interface Failure {
  exitCode: number;
  /** What to print, if anything. */
  message?: string;
}

/** What to tell about an error that ended a command. */
export function failureOf(error: unknown, signal: AbortSignal): Failure {
  if (signal.aborted && error === signal.reason)
    return { exitCode: EXIT.interrupted, message: 'h2q: interrupted' };
  if (error instanceof CommanderError) return usageFailure(error);
  if (error instanceof H2qError) return knownFailure(error);
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: EXIT.internal, message: `h2q: internal error: ${details}` };
}

/** Errors about options, not about what is in a file: their culprit is a flag. */
const ABOUT_OPTIONS: ReadonlySet<ErrorCode> = new Set(['INVALID_OPTION', 'DIVERGED']);

/**
 * Runs `work` with errors about an argument of the facade renamed to the file that the argument came
 * from: `queryLabels: expected … as in databaseLabels` becomes `z.npy: expected … as in y.npy`.
 */
export async function namingFiles<T>(
  files: Readonly<Record<string, string | undefined>>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof H2qError) || ABOUT_OPTIONS.has(error.code)) throw error;
    const { name, rest } = splitContext(error.message);
    const file = files[name];
    if (!file) throw error;
    const problem = rest.replace(/(?<=as in )\w+/, (other) => files[other] ?? other);
    throw new H2qError(error.code, `${file}: ${problem}`, {
      details: { ...error.details, file },
      cause: error,
    });
  }
}

function knownFailure(error: H2qError): Failure {
  const isOurs = error.code === 'INTERNAL' || error.code === 'NATIVE_UNAVAILABLE';
  const cause =
    error.code === 'NATIVE_UNAVAILABLE' && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  const message = oneLine(`h2q: ${withFlag(error)}${cause}`);
  return { exitCode: isOurs ? EXIT.internal : EXIT.badInput, message };
}

/** Options that the facade or the core found wrong are flags here: `learningRate` is `--learning-rate`. */
function withFlag({ code, message }: H2qError): string {
  const { name, rest } = splitContext(message);
  if (!(ABOUT_OPTIONS.has(code) || code === 'INVALID_BITS') || !/^[a-z][a-zA-Z]*$/.test(name)) return message;
  return `${toFlag(name)}: ${rest}`;
}

/** Help and version end a command without any failure; other errors of commander are rephrased. */
function usageFailure({ code, exitCode, message }: CommanderError): Failure {
  if (code.startsWith('commander.help') || code === 'commander.version') return { exitCode };
  const text = REPHRASED.reduce(
    (text, [theirs, ours]) => text.replace(theirs, ours),
    message.replace(/^error: /, ''),
  );
  return { exitCode: EXIT.badInput, message: oneLine(`h2q: ${text}`) };
}

/** What commander says, and the same with the culprit in front. */
const REPHRASED: readonly [RegExp, string][] = [
  [
    /^too many arguments for '(.*)'\. Expected (\d+) arguments? but got (\d+)\.$/,
    '$1: too many arguments: expected $2, got $3',
  ],
  [/^missing required argument '(.*)'$/, '$1: missing required argument'],
  [/^required option '(?:-\w, )?(--?[\w-]+).*' not specified$/, '$1: required option not specified'],
  [/^option '(?:-\w, )?(--?[\w-]+).*' argument missing$/, '$1: option argument missing'],
  [/^unknown (option|command) '(.*)'/s, '$2: unknown $1'],
];

function splitContext(message: string): { name: string; rest: string } {
  const at = message.indexOf(': ');
  return at < 0 ? { name: '', rest: message } : { name: message.slice(0, at), rest: message.slice(at + 2) };
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}
