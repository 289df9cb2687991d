/** Labels that say which rows are relevant to which query. */

import { invalidArgument, kindOf } from './arguments.js';
import type { Labels } from './backend.js';
import { H2qError } from './errors.js';
import { pause, type Work } from './work.js';

/**
 * One label per row (a row is relevant to queries of the same label), or `classes` bytes 0/1 per row
 * (relevant when at least one class is shared).
 */
export type LabelsInput = Uint8Array | Int32Array | BigInt64Array | { classes: number; values: Uint8Array };

/** Values converted per turn of the event loop, a few milliseconds. */
const SLICE_VALUES = 128 * 1024;

/**
 * A checked copy of the labels of `rows` rows, made in slices; `name` is the argument that errors name.
 *
 * @throws INVALID_ARGUMENT, MISMATCH
 */
export function* toLabels(input: LabelsInput, rows: number, name: string): Work<Labels> {
  const count = countLabels(input, name);
  if (count !== rows) {
    throw new H2qError('MISMATCH', `${name}: expected labels of ${rows} rows, got ${count}`, {
      details: { what: name, expected: rows, actual: count },
    });
  }
  if (!('classes' in input)) {
    const values = new BigInt64Array(rows);
    yield* inSlices(input, name, (start, end) => {
      for (let i = start; i < end; i++) values[i] = BigInt(input[i] as number | bigint);
    });
    return { kind: 'single', values };
  }
  const { classes } = input;
  const values = new Uint8Array(rows * classes);
  yield* inSlices(input.values, name, (start, end) => {
    const slice = input.values.subarray(start, end);
    checkClassBytes(slice, start, classes, name);
    values.set(slice, start);
  });
  return { kind: 'multi', classes, values };
}

/** Throws MISMATCH unless `labels` mean the same as `others`: one label per row, or as many classes. */
export function checkSameKind(labels: Kind, name: string, others: Kind, othersName: string): void {
  const [expected, actual] = [describeKind(others), describeKind(labels)];
  if (expected === actual) return;
  throw new H2qError('MISMATCH', `${name}: expected ${expected} as in ${othersName}, got ${actual}`, {
    details: { what: name, expected, actual },
  });
}

/** The part of labels that says what they mean: the number of classes, absent for one label per row. */
interface Kind {
  kind?: string;
  classes?: number;
}

function describeKind({ classes }: Kind): string {
  if (classes === undefined) return 'one label per row';
  return `rows of ${classes} ${classes === 1 ? 'class' : 'classes'}`;
}

/** Number of rows that have labels, after a check of kind and shape. */
function countLabels(input: LabelsInput, name: string): number {
  if (input instanceof BigInt64Array || input instanceof Uint8Array || input instanceof Int32Array) {
    return input.length;
  }
  if (typeof input !== 'object' || input === null || !(input.values instanceof Uint8Array)) {
    const wanted = 'a Uint8Array, Int32Array, BigInt64Array or { classes, values: Uint8Array }';
    throw invalidArgument(name, `expected ${wanted}, got ${kindOf(input)}`);
  }
  const { classes, values } = input;
  if (!Number.isInteger(classes) || classes < 1) {
    throw invalidArgument(name, `classes is ${String(classes)}, not a positive whole number`);
  }
  if (values.length % classes !== 0) {
    throw invalidArgument(name, `${values.length} values are not whole rows of ${classes} classes`);
  }
  return values.length / classes;
}

/** Throws INVALID_ARGUMENT for a value other than 0 and 1; `first` is the position of `values[0]` in all of them. */
function checkClassBytes(values: Uint8Array, first: number, classes: number, name: string): void {
  const at = values.findIndex((value) => value > 1);
  if (at < 0) return;
  const place = `row ${Math.floor((first + at) / classes)}, class ${(first + at) % classes}`;
  throw invalidArgument(name, `${place}: ${values[at]} is neither 0 nor 1`);
}

/** Calls `convert` for one range of positions after the other, with a turn of the event loop between them. */
function* inSlices(
  array: { readonly length: number },
  name: string,
  convert: (start: number, end: number) => void,
): Work<void> {
  const { length } = array;
  for (let start = 0; start < length; start += SLICE_VALUES) {
    if (start > 0) yield* pause();
    if (array.length !== length) {
      throw invalidArgument(name, 'the array was detached or resized while it was copied');
    }
    convert(start, Math.min(start + SLICE_VALUES, length));
  }
}
