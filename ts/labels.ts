/** Labels that say which rows are relevant to which query. */

import { invalidArgument, kindOf } from './arguments.js';
import type { Labels } from './backend.js';
import { H2qError } from './errors.js';

/**
 * One label per row (a row is relevant to queries of the same label), or `classes` bytes 0/1 per row
 * (relevant when at least one class is shared).
 */
export type LabelsInput = Uint8Array | Int32Array | BigInt64Array | { classes: number; values: Uint8Array };

/** A checked copy of the labels of `rows` rows; `name` is the argument that errors name. */
export function toLabels(input: LabelsInput, rows: number, name: string): Labels {
  const labels = convert(input, name);
  const count = labels.kind === 'single' ? labels.values.length : labels.values.length / labels.classes;
  if (count === rows) return labels;
  throw new H2qError('MISMATCH', `${name}: expected labels of ${rows} rows, got ${count}`, {
    details: { what: name, expected: rows, actual: count },
  });
}

/** Number of rows that have labels. */
export function countLabels(labels: LabelsInput): number {
  return 'classes' in labels ? labels.values.length / labels.classes : labels.length;
}

/** The labels of the named rows, in the order given. */
export function selectLabels(labels: LabelsInput, rows: Float64Array): LabelsInput {
  if (labels instanceof BigInt64Array) return BigInt64Array.from(rows, (row) => labels[row] ?? 0n);
  if (labels instanceof Int32Array) return Int32Array.from(rows, (row) => labels[row] ?? 0);
  if (labels instanceof Uint8Array) return Uint8Array.from(rows, (row) => labels[row] ?? 0);
  const { classes, values } = labels;
  const selected = new Uint8Array(rows.length * classes);
  rows.forEach((row, i) => {
    selected.set(values.subarray(row * classes, (row + 1) * classes), i * classes);
  });
  return { classes, values: selected };
}

/** Throws MISMATCH unless `labels` mean the same as `others`: one label per row, or as many classes. */
export function checkSameKind(labels: Labels, name: string, others: Labels, othersName: string): void {
  const [expected, actual] = [describeKind(others), describeKind(labels)];
  if (expected === actual) return;
  throw new H2qError('MISMATCH', `${name}: expected ${expected} as in ${othersName}, got ${actual}`, {
    details: { what: name, expected, actual },
  });
}

function describeKind(labels: Labels): string {
  if (labels.kind === 'single') return 'one label per row';
  return `rows of ${labels.classes} ${labels.classes === 1 ? 'class' : 'classes'}`;
}

function convert(input: LabelsInput, name: string): Labels {
  if (input instanceof BigInt64Array) return { kind: 'single', values: input.slice() };
  if (input instanceof Uint8Array || input instanceof Int32Array) {
    return { kind: 'single', values: BigInt64Array.from(input, BigInt) };
  }
  if (typeof input !== 'object' || input === null || !(input.values instanceof Uint8Array)) {
    const wanted = 'a Uint8Array, Int32Array, BigInt64Array or { classes, values: Uint8Array }';
    throw invalidArgument(name, `expected ${wanted}, got ${kindOf(input)}`);
  }
  const { classes, values } = input;
  if (!Number.isInteger(classes) || classes < 1) {
    throw invalidArgument(name, `classes is ${String(classes)}, not a positive whole number`);
  }
  const at = values.findIndex((value) => value > 1);
  if (at >= 0) {
    const place = `row ${Math.floor(at / classes)}, class ${at % classes}`;
    throw invalidArgument(name, `${place}: ${values[at]} is neither 0 nor 1`);
  }
  return { kind: 'multi', classes, values: values.slice() };
}
