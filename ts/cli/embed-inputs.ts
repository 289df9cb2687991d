/** What `h2q embed` reads: pictures of a folder, or texts of JSON lines, a batch at a time. */

import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isPicture, listPictures, PICTURE_ENDINGS } from '../embed/listing.js';
import { H2qError } from '../errors.js';
import { show, toId } from '../io/block-rows.js';
import { openInput, withSource } from '../io/input.js';
import { fieldsOf, parseJson } from '../io/jsonl.js';
import { countLines, lineBatches } from '../io/lines.js';
import { emptyFile, formatError } from '../io/npy.js';
import { chooseOne } from '../io/rows.js';
import { endingOf, isUrl, pathOf } from '../io/url.js';
import type { Context } from './context.js';
import { inputOf } from './inputs.js';
import { flagError } from './options.js';

/** Pictures: where to read each, and its name. */
export interface Pictures {
  paths: readonly string[];
  names: readonly string[];
}

/** Texts of one batch, with their ids where a field of ids was named. */
export interface TextBatch {
  texts: string[];
  ids: BigInt64Array | undefined;
}

/** The pictures that `input` names: a folder, a picture or its address. Undefined for anything else. */
export async function picturesOf(input: string): Promise<Pictures | undefined> {
  if (input === '-') return undefined;
  const isFolder = !isUrl(input) && (await stat(input).catch(() => undefined))?.isDirectory();
  if (!isFolder) {
    if (!isPicture(input)) return undefined;
    return { paths: [input], names: [basename(pathOf(input))] };
  }
  const names = await listPictures(input);
  if (names.length === 0) {
    const problem = `no pictures in this folder (${PICTURE_ENDINGS.map((ending) => `.${ending}`).join(', ')})`;
    throw new H2qError('EMPTY_INPUT', `${input}: ${problem}`, { details: { file: input } });
  }
  return { paths: names.map((name) => join(input, name)), names };
}

/** The numbers of the folders right below the one that was given, in the order of their names. */
export function labelsOf({ paths, names }: Pictures): Int32Array {
  const folders = names.map((name, i) => {
    if (name.includes('/')) return name.slice(0, name.indexOf('/'));
    throw flagError('--labels-output', `${paths[i]} lies in no folder that could be its label`);
  });
  const numbers = new Map([...new Set(folders)].sort().map((folder, i) => [folder, i]));
  return Int32Array.from(folders, (folder) => numbers.get(folder) as number);
}

export interface TextOptions {
  /** Field of the text, where objects have several fields of text. */
  column?: string | undefined;
  /** Field of whole numbers. */
  ids?: string | undefined;
}

/** How many texts there are; Infinity for what is read only once. Throws FILE_FORMAT for other endings. */
export async function countTexts(input: string): Promise<number> {
  if (input === '-') return Number.POSITIVE_INFINITY;
  if (!['jsonl', 'ndjson'].includes(endingOf(input))) {
    const problem = 'neither a folder of pictures nor a picture nor texts (.jsonl, .ndjson)';
    throw new H2qError('FILE_FORMAT', `${input}: ${problem}`, { details: { file: input } });
  }
  return withSource(input, async (source) =>
    source.arrived ? Number.POSITIVE_INFINITY : countLines(source),
  );
}

/** The texts in batches of `size`, the last one of fewer. Throws FILE_FORMAT, EMPTY_INPUT. */
export async function* textBatches(
  input: string,
  { column, ids }: TextOptions,
  size: number,
  context: Context,
): AsyncGenerator<TextBatch, void> {
  const name = input === '-' ? 'standard input' : input;
  const source = await openInput(inputOf(input, { format: 'jsonl' }, context));
  try {
    let parse: ((line: string, row: number) => { text: string; id: unknown }) | undefined;
    let [row, waiting]: [number, { text: string; id: unknown }[]] = [0, []];
    const batchOf = (some: typeof waiting, end: number): TextBatch => {
      const idOf = ({ id }: { id: unknown }, i: number) =>
        toId(id, name, end - some.length + i, ids ?? 'ids');
      return {
        texts: some.map(({ text }) => text),
        ids: ids === undefined ? undefined : BigInt64Array.from(some, idOf),
      };
    };
    for await (const lines of lineBatches(source, name)) {
      parse ??= learn(lines[0] as string, name, { column, ids });
      for (const line of lines) {
        waiting.push(parse(line, row++));
        if (waiting.length < size) continue;
        yield batchOf(waiting, row);
        waiting = [];
      }
    }
    if (row === 0) throw emptyFile(name, 'rows');
    if (waiting.length > 0) yield batchOf(waiting, row);
  } finally {
    await source.close();
  }
}

/** How lines are understood, by the first one: a text, or an object with one. */
function learn(line: string, file: string, { column, ids }: TextOptions) {
  const wanted = 'a text or an object with one';
  const toText = (value: unknown, row: number, where = ''): string => {
    if (typeof value === 'string') return value;
    throw formatError(file, `row ${row}${where}: ${show(value)}, not a text`, { row });
  };
  const first = parseJson(line, file, 0);
  if (typeof first === 'string') {
    for (const [option, value] of Object.entries({ column, ids })) {
      if (value !== undefined) throw formatError(file, `no ${option} named ${value}: its lines are texts`);
    }
    return (text: string, row: number) => ({ text: toText(parseJson(text, file, row), row), id: undefined });
  }
  const fields = fieldsOf(first, file, 0, wanted);
  const candidates = Object.keys(fields).filter((name) => typeof fields[name] === 'string');
  const usual = column ?? (candidates.includes('text') ? 'text' : undefined);
  const name = chooseOne(file, 'column', usual, candidates, 'text');
  return (text: string, row: number) => {
    const object = fieldsOf(parseJson(text, file, row), file, row, wanted);
    return {
      text: toText(object[name], row, `, column ${name}`),
      id: ids === undefined ? undefined : object[ids],
    };
  };
}
