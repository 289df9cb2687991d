/** From errors to one line on standard error and an exit code. */

import { CommanderError } from 'commander';
import { H2qError } from '../errors.js';

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

/**
 * Runs `work` with errors about an argument of the facade renamed to the file that the argument came
 * from: `databaseLabels: expected …` becomes `y.npy: expected …`.
 */
export async function namingFiles<T>(
  files: Readonly<Record<string, string | undefined>>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof H2qError)) throw error;
    const { name, rest } = splitContext(error.message);
    const file = files[name];
    if (!file) throw error;
    throw new H2qError(error.code, `${file}: ${rest}`, { details: { ...error.details, file }, cause: error });
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
  const isOption = (code === 'INVALID_OPTION' || code === 'INVALID_BITS') && /^[a-z][a-zA-Z]*$/.test(name);
  if (!isOption) return message;
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: ${rest}`;
}

/** Help and version end a command without any failure; other errors of commander are rephrased. */
function usageFailure({ code, exitCode, message }: CommanderError): Failure {
  if (code.startsWith('commander.help') || code === 'commander.version') return { exitCode };
  const text = message.replace(/^error: /, '');
  const culprit = text.match(/'([^']*)'/)?.[1] ?? '';
  const name = culprit.match(/--[a-z-]+/)?.[0] ?? culprit.split(/[ ,]/)[0] ?? '';
  const problem = text.replace(` '${culprit}'`, '');
  return { exitCode: EXIT.badInput, message: oneLine(name ? `h2q: ${name}: ${problem}` : `h2q: ${text}`) };
}

function splitContext(message: string): { name: string; rest: string } {
  const at = message.indexOf(': ');
  return at < 0 ? { name: '', rest: message } : { name: message.slice(0, at), rest: message.slice(at + 2) };
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}
