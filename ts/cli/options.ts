/** Values of flags: text in, checked value out, errors that name the flag. */

import { MAX_F32 } from '../arguments.js';
import { H2qError } from '../errors.js';

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
