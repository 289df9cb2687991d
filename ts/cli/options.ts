/** Values of flags: text in, checked value out, errors that name the flag. */

import type { Command } from 'commander';
import { MAX_F32 } from '../arguments.js';
import { H2qError } from '../errors.js';
import type { CutOff } from '../evaluate.js';
import { VECTOR_FORMATS } from '../io/formats.js';
import type { FormatOptions } from '../io/vector-file.js';

/** What commands say of their files of vectors. */
export const VECTORS =
  'rows of vectors, in a file or at an address: npy, fvecs, parquet, … (docs/formats.md)';

/** Options of commands that read any format of vectors. */
export function addFormatOptions(command: Command): Command {
  return command
    .option(
      '--format <name>',
      `format of the vectors (default: by their ending): ${VECTOR_FORMATS.join(', ')}`,
      oneOf('--format', VECTOR_FORMATS),
    )
    .option('--column <name>', 'column of lists, where .parquet, .arrow or .jsonl have several')
    .option('--tensor <name>', 'tensor, where .safetensors has several')
    .option('--dataset <name>', 'dataset, where .hdf5 has several');
}

export function formatOptions({ format, column, tensor, dataset }: FormatOptions): FormatOptions {
  return { format, column, tensor, dataset };
}

/** The flags of a command without those of {@link addFormatOptions}. */
export function withoutFormat<T extends FormatOptions>(flags: T): Omit<T, keyof FormatOptions> {
  const options = { ...flags };
  for (const name of ['format', 'column', 'tensor', 'dataset'] as const) delete options[name];
  return options;
}

/** Examples at the end of a command's help. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

/** An option's name as a flag: `learningRate` is `--learning-rate`. */
export function toFlag(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function flagError(flag: string, problem: string): H2qError {
  return new H2qError('INVALID_OPTION', `${flag}: ${problem}`, { details: { flag } });
}

export function wholeNumber(flag: string, minimum = 0, maximum = 0xffff_ffff): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= minimum && value <= maximum) return value;
    throw flagError(flag, `'${text}' is not a whole number between ${minimum} and ${maximum}`);
  };
}

/** A float32 above 0. */
export function positiveNumber(flag: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (value > 0 && value <= MAX_F32) return value;
    throw flagError(flag, `'${text}' is not a number above 0 and at most ${MAX_F32}`);
  };
}

/** Numbers separated by commas. */
export function wholeNumbers(flag: string, minimum: number, maximum?: number): (text: string) => number[] {
  const parse = wholeNumber(flag, minimum, maximum);
  return (text) => text.split(',').map((part) => parse(part.trim()));
}

/** Sizes of hidden layers; `none` for a linear head. */
export function hiddenSizes(text: string): number[] {
  return text === 'none' ? [] : wholeNumbers('--hidden', 1)(text);
}

/** Numbers of rows separated by commas, or `all`. */
export function cutOffs(flag: string): (text: string) => CutOff[] {
  const parse = wholeNumber(flag, 1, Number.MAX_SAFE_INTEGER);
  const one = (part: string) => (part === 'all' ? part : parse(part));
  return (text) => text.split(',').map((part) => one(part.trim()));
}

/** One of `choices`. */
export function oneOf<T extends string>(flag: string, choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((known) => known === text);
    if (choice !== undefined) return choice;
    throw flagError(flag, `'${text}' is not one of ${choices.join(', ')}`);
  };
}

export function onOff(flag: string): (text: string) => boolean {
  return (text) => oneOf(flag, ['on', 'off'])(text) === 'on';
}
